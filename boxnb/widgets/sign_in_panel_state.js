// The state of the sign-in panel in the browser; the state in the kernel is boxnb/signin/flow.py.
// `view` is the kernel's snapshot of the sign-in, without secrets. `view.left` is the number of seconds
// until the code expires. `state` is what happened on this page. The functions are pure: they do not use
// the DOM.
import { PANEL } from "./sign_in_panel_messages.js";

export const STEPS = ["register", "open", "catch", "done"];
export const CODE_SECONDS = 30; // Box: an authorization code is valid for 30 seconds

const ADMIN_ROLES = ["admin", "coadmin"];
const FOCUS_AT = { open: ".bx-open", confirm: ".bx-yes", done: ".bx-done" };
const FULL_URL = /[?&#]code=[^&]+.*state=|state=[^&]+.*code=/;

export function newState() {
  return {
    unanswered: false, // the kernel did not reply to a message in time
    silent: false, // the kernel has never replied to this panel
    kernelBusy: false,
    signedInHere: false, // the panel has shown a step before "done"
    atBox: false, // the user followed the link to Box
    codeExpired: false,
    pasted: false, // the user pasted the last redirect URL or code
    shownStep: null,
  };
}

// Returns the state after a new view. A closed step or an alert ends the wait for a code.
export function received(state, view) {
  const waiting = !waitEnds(view);
  return {
    ...state,
    signedInHere: state.signedInHere || view.step !== "done",
    atBox: state.atBox && waiting,
    codeExpired: state.codeExpired && waiting,
  };
}

export function waitEnds(view) {
  return view.step !== "open" || Boolean(view.alert);
}

// Returns the index of the current step in STEPS, or -1 when the sign-in has stopped.
export function currentStep(step, atBox) {
  return { register: 0, open: atBox ? 2 : 1, confirm: 2, done: 3, stopped: -1 }[step];
}

export function stepMarks(step, atBox) {
  const now = currentStep(step, atBox);
  return STEPS.map((_, index) => ({ now: index === now, past: index < now || step === "done" }));
}

// Returns where the alert belongs: next to the control that the user pressed last.
export function alertPlace(step, pasted) {
  const places = {
    register: ".bx-alert-register",
    open: pasted ? ".bx-alert-catch" : ".bx-alert-open",
    confirm: ".bx-alert-confirm",
  };
  return places[step] ?? ".bx-alert-top";
}

// Returns the control to focus when the step changes, because the old focus is lost when its step closes.
export function focusAfter(previousStep, step) {
  return previousStep === null || previousStep === step ? null : FOCUS_AT[step] ?? null;
}

// Returns the first field of the form that must be filled in. A saved client secret need not be typed again.
export function emptyField(clientId, clientSecret, savedFingerprint) {
  if (!clientId) return ".bx-client-id";
  return clientSecret || savedFingerprint ? null : ".bx-client-secret";
}

// Returns the field's new value. What the user has typed since the kernel's last value is never overwritten.
export function merged(typed, previousValue, value) {
  return previousValue !== value && typed === (previousValue ?? "") ? value : typed;
}

export function isFullUrl(text) {
  return FULL_URL.test(text);
}

export function isKernelLost(state) {
  return state.unanswered && !state.silent && !state.kernelBusy;
}

export function accountText(who) {
  const role = PANEL.roles[who.role] ?? who.role;
  const position = who.enterprise && role ? PANEL.roleOf(role, who.enterprise) : who.enterprise || role;
  return [who.name, who.login && `(${who.login})`, position && `– ${position}`].filter(Boolean).join(" ");
}

// Returns when a token expires: minutes for up to 90 minutes, hours for less than two days, then days.
export function expiryText(seconds, now = Date.now()) {
  if (seconds <= 0) return PANEL.expiry.over;
  const date = new Date(now + seconds * 1000);
  if (seconds < 5400) {
    const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    return PANEL.expiry.minutes(time, Math.max(1, Math.round(seconds / 60)));
  }
  const days = Math.round(seconds / 86400);
  if (days < 2) return PANEL.expiry.hours(date.toLocaleString(), Math.round(seconds / 3600));
  const day = date.toLocaleDateString([], { day: "numeric", month: "long", year: "numeric" });
  return PANEL.expiry.days(day, days);
}

// Returns the name and value of each line under "Done"; lines without a value are left out.
export function savedRows(view, now = Date.now()) {
  const messages = PANEL.done, { who, saved } = view;
  const enterprise = [who.enterprise, who.enterprise_id && messages.enterpriseId(who.enterprise_id)];
  return [
    [messages.signedIn, accountText(who) || messages.unknown],
    [messages.enterprise, enterprise.filter(Boolean).join(" ")],
    [messages.token, messages.fingerprint(saved.fingerprint)],
    [messages.accessToken, messages.refreshedByItself(expiryText(saved.access_seconds, now))],
    [messages.refreshToken, messages.newWithEveryUse(expiryText(saved.refresh_seconds, now))],
    [messages.file, saved.path],
  ].filter(([, value]) => value);
}

function adviceText(view, state) {
  if (isKernelLost(state)) return PANEL.kernelRestarted;
  return state.silent || state.unanswered ? PANEL.kernelSilent : view.advice;
}

function catchText(view) {
  if (!view.listening) return PANEL.catch.byHand;
  return view.hub ? PANEL.catch.throughHub : PANEL.catch.listening;
}

function confirmText({ who, bare, before }) {
  return PANEL.confirm.question(accountText(who), { bare, before: accountText(before) });
}

function registerTexts(view) {
  const messages = PANEL.register;
  return {
    ".bx-registered-text": view.practice
      ? messages.registeredInSandbox : messages.registered(view.client_id, view.secret),
    ".bx-redirect": view.practice ? view.default_redirect : view.redirect_uri,
    ".bx-secret-kept": view.step === "register" && view.secret ? messages.secretReceived(view.secret) : "",
  };
}

// Returns the text of each element that depends on the view, by selector.
export function texts(view, state) {
  const server = view.practice ? PANEL.sandbox : view.server;
  return {
    ".bx-title": PANEL.title(view.profile),
    ".bx-status": view.note,
    ".bx-advice": adviceText(view, state),
    ".bx-unchecked": view.unchecked,
    ".bx-cancel": view.step === "stopped" ? PANEL.startAgain : PANEL.cancel,
    ...registerTexts(view),
    ".bx-open": PANEL.open.link(server),
    ".bx-open-words": view.step === "open" ? PANEL.open.now(server) : PANEL.open.later,
    ".bx-port": view.port,
    ".bx-paste-or": view.listening ? PANEL.catch.orPaste : PANEL.catch.paste,
    ".bx-catch-words": catchText(view),
    ".bx-confirm-who": view.step === "confirm" ? confirmText(view) : "",
    ".bx-switch": view.practice ? PANEL.done.practise : PANEL.done.again,
  };
}

// Returns whether each element that can be hidden is visible, by selector.
export function visibility(view, state) {
  const { step } = view;
  const open = step === "open", registering = step === "register", done = step === "done";
  return {
    ".bx-advice": adviceText(view, state) !== "",
    ".bx-unchecked": view.unchecked !== "",
    ".bx-cancel": !done,
    ".bx-form": registering,
    ".bx-registered": !registering,
    ".bx-change": !view.practice && !done && step !== "confirm" && !view.busy,
    ".bx-hub": view.hub && !view.practice,
    ".bx-port": open && view.port !== "",
    ".bx-paste-label": step !== "confirm",
    ".bx-confirm": step === "confirm",
    ".bx-expired": open && state.codeExpired && !view.busy,
    ".bx-done": done,
    ".bx-done-not": !done,
    ".bx-weak": done && Boolean(view.who.role) && !ADMIN_ROLES.includes(view.who.role),
  };
}

// Returns the URL of the "Open Box" link, or null while the user must not follow the link.
export function openUrl(view) {
  return view.step === "open" && !view.busy && view.authorize_url ? view.authorize_url : null;
}

// Returns whether practising is the main next step: only for a user who did not have to sign in here.
export function isPracticeNext(view, state) {
  return Boolean(view.practice) && !state.signedInHere;
}
