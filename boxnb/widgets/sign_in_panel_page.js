import { unreachablePage } from "./sign_in_panel_drawing.js";
import { PANEL } from "./sign_in_panel_messages.js";

const CONSOLE = "https://app.box.com/developers/console";
const NEW_TAB = 'target="_blank" rel="noopener noreferrer"';

function scopeRow([scope, purpose]) {
  return `<tr><th scope="row">${scope}</th><td>${purpose}</td></tr>`;
}

function consoleSteps(words) {
  const link = `<a href="${CONSOLE}" ${NEW_TAB}>${words.console}</a>`;
  return `<ol>
      <li>${words.steps.newApp.replace("{console}", link)}</li>
      <li>${words.steps.redirect}
        <span class="bx-copy-row"><code class="bx-redirect"></code>
        <button type="button" class="bx-copy">${words.copy}</button>
        <span class="bx-copied" role="status"></span></span>
        <small class="bx-hub">${words.hub}</small></li>
      <li>${words.steps.scopes}
        <table><tbody>${words.scopes.map(scopeRow).join("")}</tbody></table></li>
      <li>${words.steps.asUser}</li>
      <li>${words.steps.save}</li>
    </ol>
    <p>${words.whoSignsIn}</p>`;
}

function registerForm(words) {
  return `<form class="bx-form" autocomplete="off">
    <label>${words.clientId} <input class="bx-client-id" type="text" autocomplete="off" spellcheck="false"
      autocapitalize="off"></label>
    <label>${words.clientSecret} <input class="bx-client-secret" type="password" autocomplete="new-password"
      spellcheck="false"><small class="bx-secret-kept" role="status"></small></label>
    <details class="bx-other"><summary>${words.otherRedirect}</summary>
      <label>${words.redirectUri} <input class="bx-redirect-uri" type="text" spellcheck="false"
        autocapitalize="off"></label></details>
    <div class="bx-alert-register"></div>
    <button type="submit" class="bx-register bx-main">${words.submit}</button>
  </form>`;
}

function registerStep(words) {
  return `<li class="bx-step" data-step="register"><h3>${words.heading}</h3>
  <p class="bx-registered"><span class="bx-registered-text"></span>
    <button type="button" class="bx-change bx-quiet">${words.useAnotherApp}</button></p>
  <details class="bx-how"><summary>${words.summary}</summary>
    ${consoleSteps(words)}
  </details>
  ${registerForm(words)}</li>`;
}

function openStep(words) {
  return `<li class="bx-step" data-step="open"><h3>${words.heading}</h3>
  <p><a class="bx-open bx-main" ${NEW_TAB}>${words.heading}</a>
  <span class="bx-open-words"></span></p>
  <p class="bx-port"></p><div class="bx-alert-open"></div></li>`;
}

function catchStep(words, confirm) {
  const example = words.pasteExample.replaceAll("&", "&amp;");
  return `<li class="bx-step" data-step="catch"><h3>${words.heading}</h3>
  <p class="bx-catch-words"></p>
  <div class="bx-count"></div>
  <p class="bx-expired">${words.expired}
    <button type="button" class="bx-fresh">${words.newCode}</button></p>
  <label class="bx-paste-label"><span class="bx-paste-or">${words.orPaste}</span> ${words.pasteRest}
    <input class="bx-paste" type="password" autocomplete="off" spellcheck="false"
      placeholder="${example}"></label>
  <div class="bx-alert-catch"></div>
  <div class="bx-confirm" role="group" aria-label="${confirm.label}"><p class="bx-confirm-who"></p>
    <div class="bx-alert-confirm"></div>
    <button type="button" class="bx-yes bx-main">${confirm.yes}</button>
    <button type="button" class="bx-no">${confirm.no}</button></div>
  <details class="bx-broken"><summary>${words.pageBroken}</summary>
    <div class="bx-drawing-place">${unreachablePage()}</div>
    <p>${words.pageBrokenHelp}</p></details></li>`;
}

function doneStep(words) {
  return `<li class="bx-step" data-step="done"><h3>${words.heading}</h3>
  <p class="bx-done-not">${words.notYet}</p>
  <div class="bx-done" tabindex="-1"><dl></dl>
  <p class="bx-weak">${words.managedUser}</p>
  <p>${words.noTokenHere}
    <button type="button" class="bx-switch bx-quiet">${words.again}</button></p></div></li>`;
}

// Returns the panel's HTML, which contains only our own messages.
// Values from the kernel are added later, as text.
export function panelPage() {
  return `
<div class="bx-head"><strong class="bx-title"></strong><span class="bx-status" role="status"></span>
  <button type="button" class="bx-cancel bx-quiet">${PANEL.cancel}</button></div>
<p class="bx-advice" role="status"></p>
<p class="bx-unchecked" role="status"></p>
<div class="bx-alert-top"><p class="bx-alert" role="alert"></p></div>
<ol class="bx-steps">
${registerStep(PANEL.register)}
${openStep(PANEL.open)}
${catchStep(PANEL.catch, PANEL.confirm)}
${doneStep(PANEL.done)}
</ol>`;
}
