import { unreachablePage } from "./sign_in_panel_drawing.js";
import { PANEL } from "./sign_in_panel_messages.js";

const CONSOLE = "https://app.box.com/developers/console";
const NEW_TAB = 'target="_blank" rel="noopener noreferrer"';

function scopeRow([scope, purpose]) {
  return `<tr><th scope="row">${scope}</th><td>${purpose}</td></tr>`;
}

function consoleSteps(messages) {
  const link = `<a href="${CONSOLE}" ${NEW_TAB}>${messages.console}</a>`;
  return `<ol>
      <li>${messages.steps.newApp.replace("{console}", link)}</li>
      <li>${messages.steps.redirect}
        <span class="bx-copy-row"><code class="bx-redirect"></code>
        <button type="button" class="bx-copy">${messages.copy}</button>
        <span class="bx-copied" role="status"></span></span>
        <small class="bx-hub">${messages.hub}</small></li>
      <li>${messages.steps.scopes}
        <table><tbody>${messages.scopes.map(scopeRow).join("")}</tbody></table></li>
      <li>${messages.steps.asUser}</li>
      <li>${messages.steps.save}</li>
    </ol>
    <p>${messages.whoSignsIn}</p>`;
}

function registerForm(messages) {
  return `<form class="bx-form" autocomplete="off">
    <label>${messages.clientId} <input class="bx-client-id" type="text" autocomplete="off" spellcheck="false"
      autocapitalize="off"></label>
    <label>${messages.clientSecret} <input class="bx-client-secret" type="password"
      autocomplete="new-password" spellcheck="false"><small
        class="bx-secret-kept" role="status"></small></label>
    <details class="bx-other"><summary>${messages.otherRedirect}</summary>
      <label>${messages.redirectUri} <input class="bx-redirect-uri" type="text" spellcheck="false"
        autocapitalize="off"></label></details>
    <div class="bx-alert-register"></div>
    <button type="submit" class="bx-register bx-main">${messages.submit}</button>
  </form>`;
}

function registerStep(messages) {
  return `<li class="bx-step" data-step="register"><h3>${messages.heading}</h3>
  <p class="bx-registered"><span class="bx-registered-text"></span>
    <button type="button" class="bx-change bx-quiet">${messages.useAnotherApp}</button></p>
  <details class="bx-how"><summary>${messages.summary}</summary>
    ${consoleSteps(messages)}
  </details>
  ${registerForm(messages)}</li>`;
}

function openStep(messages) {
  return `<li class="bx-step" data-step="open"><h3>${messages.heading}</h3>
  <p><a class="bx-open bx-main" ${NEW_TAB}>${messages.heading}</a>
  <span class="bx-open-words"></span></p>
  <p class="bx-port"></p><div class="bx-alert-open"></div></li>`;
}

function catchStep(messages, confirm) {
  const example = messages.pasteExample.replaceAll("&", "&amp;");
  return `<li class="bx-step" data-step="catch"><h3>${messages.heading}</h3>
  <p class="bx-catch-words"></p>
  <div class="bx-count"></div>
  <p class="bx-expired">${messages.expired}
    <button type="button" class="bx-fresh">${messages.newCode}</button></p>
  <label class="bx-paste-label"><span class="bx-paste-or">${messages.orPaste}</span> ${messages.pasteRest}
    <input class="bx-paste" type="password" autocomplete="off" spellcheck="false"
      placeholder="${example}"></label>
  <div class="bx-alert-catch"></div>
  <div class="bx-confirm" role="group" aria-label="${confirm.label}"><p class="bx-confirm-who"></p>
    <div class="bx-alert-confirm"></div>
    <button type="button" class="bx-yes bx-main">${confirm.yes}</button>
    <button type="button" class="bx-no">${confirm.no}</button></div>
  <details class="bx-broken"><summary>${messages.pageBroken}</summary>
    <div class="bx-drawing-place">${unreachablePage()}</div>
    <p>${messages.pageBrokenHelp}</p></details></li>`;
}

function doneStep(messages) {
  return `<li class="bx-step" data-step="done"><h3>${messages.heading}</h3>
  <p class="bx-done-not">${messages.notYet}</p>
  <div class="bx-done" tabindex="-1"><dl></dl>
  <p class="bx-weak">${messages.managedUser}</p>
  <p>${messages.noTokenHere}
    <button type="button" class="bx-switch bx-quiet">${messages.again}</button></p></div></li>`;
}

// Returns the panel's HTML, which contains only our own messages and our own picture of the flow.
// Values from the kernel are added later, as text.
export function panelPage(flowPicture) {
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
</ol>
<details class="bx-flow"><summary>${PANEL.flowSummary}</summary>
  <div class="bx-flow-picture">${flowPicture}</div></details>`;
}
