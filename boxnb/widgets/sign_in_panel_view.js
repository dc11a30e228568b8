// The sign-in panel. It shows `view`, which does not contain secrets.
// It sends what the user does as custom messages.
import { countdown } from "./countdown.js";
import { element } from "./elements.js";
import { KernelLink } from "./sign_in_panel_kernel.js";
import { PANEL } from "./sign_in_panel_messages.js";
import { showNotice } from "./sign_in_panel_notice.js";
import { panelPage } from "./sign_in_panel_page.js";
import {
  CODE_SECONDS, alertPlace, emptyField, focusAfter, isFullUrl, isKernelLost, isPracticeNext,
  merged, newState, openUrl, received, savedRows, stepMarks, texts, visibility, waitEnds,
} from "./sign_in_panel_state.js";

const DRAFT_PAUSE = 300; // milliseconds after the last keystroke
const SETTLE = 150; // milliseconds until JupyterLab has scrolled to the next cell
const PAGE_LOAD = String(performance.timeOrigin); // differs between two tabs, and after a reload

let panelCount = 0; // panels shown on this page so far

// Empties a field that holds a secret, and returns what was in it.
function takeValue(input) {
  const { value } = input;
  input.value = "";
  return value;
}

class SignInPanel {
  constructor(model, el) {
    this.model = model;
    this.page = `${PAGE_LOAD}/${++panelCount}`;
    this.state = newState();
    this.fields = {}; // each field's last value from the kernel
    this.pendingTab = null; // the tab that waits for the URL of a new request
    this.lastAlert = "";
    this.painted = false; // the first paint does not scroll
    this.draftTimer = null;
    this.root = this.createRoot(el);
    this.kernel = new KernelLink(model, {
      onNoReply: () => this.change({ unanswered: true }),
      onSilent: () => this.change({ silent: true }),
    });
    this.count = countdown(this.find(".bx-count"), {
      secondsLeft: PANEL.catch.secondsLeft,
      onZero: () => this.change({ codeExpired: true }),
    });
  }

  createRoot(el) {
    const root = element("section", "bx-panel");
    root.setAttribute("aria-label", PANEL.label);
    root.dataset.lmSuppressShortcuts = "true"; // Enter belongs to the panel here, not to the notebook
    root.dataset.jpSuppressContextMenu = "true";
    root.innerHTML = panelPage(this.model.get("flow_picture"));
    el.appendChild(root);
    return root;
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  on(selector, event, handle) {
    this.find(selector).addEventListener(event, handle);
  }

  get view() {
    return this.model.get("view");
  }

  change(changes) {
    this.state = { ...this.state, ...changes };
    this.paint();
  }

  // Messages to and from the kernel

  send(type, content) {
    this.kernel.send(type, content);
  }

  heard(message) {
    if (message.type !== "here") return;
    this.kernel.noteReply();
    this.change({ unanswered: false, silent: false });
  }

  // A view with `left` arrives right after the redirect, so it starts the most precise countdown.
  viewChanged() {
    this.kernel.stopWaiting();
    this.state = { ...this.state, unanswered: false };
    const view = this.view;
    if (this.pendingTab && view.authorize_url && view.authorize_url !== this.pendingTab.before) {
      this.openPendingTab(view.authorize_url);
    }
    if (view.busy && view.left !== null) this.count.start(view.left, PANEL.catch.leftSinceArrival);
    this.paint();
  }

  // If a pop-up blocker kept the tab from opening, the focus moves to "Open Box".
  openPendingTab(url) {
    const { tab } = this.pendingTab;
    this.pendingTab = null;
    if (tab && !tab.closed) {
      tab.location.replace(url);
      this.followed();
    } else {
      this.state = { ...this.state, codeExpired: false };
      this.find(".bx-open").focus();
    }
  }

  // Paint

  paint() {
    const view = this.view;
    this.state = received({ ...this.state, kernelBusy: this.kernel.isBusy() }, view);
    this.root.dataset.state = view.step;
    this.root.setAttribute("aria-busy", String(view.busy));
    this.paintTexts(view);
    this.paintKernelLost();
    this.paintForm(view);
    this.paintControls(view);
    if (view.step === "done") this.paintSaved(view);
    if (waitEnds(view)) this.count.stop();
    this.paintSteps(view.step);
    this.moveFocus(view.step);
    this.paintAlert(view);
  }

  paintTexts(view) {
    for (const [selector, text] of Object.entries(texts(view, this.state))) {
      this.find(selector).textContent = text;
    }
    for (const [selector, visible] of Object.entries(visibility(view, this.state))) {
      this.find(selector).hidden = !visible;
    }
  }

  paintKernelLost() {
    const lost = isKernelLost(this.state);
    this.root.classList.toggle("bx-dead", lost);
    this.find(".bx-head").inert = this.find(".bx-steps").inert = lost;
  }

  paintForm(view) {
    if (this.state.shownStep !== view.step) {
      const registering = view.step === "register";
      this.find(".bx-how").open = registering;
      if (registering) this.find(".bx-other").open = view.redirect_uri !== view.default_redirect;
    }
    this.fill(".bx-client-id", view.client_id);
    this.fill(".bx-redirect-uri", view.redirect_uri);
  }

  fill(selector, value) {
    const input = this.find(selector);
    const text = merged(input.value, this.fields[selector], value);
    if (input.value !== text) input.value = text;
    this.fields[selector] = value;
  }

  paintControls(view) {
    const link = this.find(".bx-open"), url = openUrl(view);
    if (url) {
      link.href = url;
      link.removeAttribute("aria-disabled");
    } else {
      link.removeAttribute("href");
      link.setAttribute("aria-disabled", "true");
    }
    this.find(".bx-paste").disabled = view.step !== "open" || view.busy;
    this.find(".bx-yes").disabled = this.find(".bx-no").disabled = view.busy;
    const emphasis = isPracticeNext(view, this.state) ? "bx-main" : "bx-quiet";
    this.find(".bx-switch").className = `bx-switch ${emphasis}`;
  }

  paintSaved(view) {
    this.find(".bx-done dl").replaceChildren(...savedRows(view).flatMap(
      ([name, value]) => [element("dt", "", name), element("dd", "", value)]));
  }

  paintSteps(step) {
    const marks = stepMarks(step, this.state.atBox);
    this.root.querySelectorAll(".bx-step").forEach((item, index) => {
      const { now, past } = marks[index];
      item.classList.toggle("bx-now", now);
      item.classList.toggle("bx-past", past);
      if (now) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    });
  }

  moveFocus(step) {
    const active = document.activeElement;
    const target = focusAfter(this.state.shownStep, step);
    if (target && (this.root.contains(active) || active === document.body)) this.find(target).focus();
    this.state = { ...this.state, shownStep: step };
  }

  paintAlert(view) {
    const alert = this.find(".bx-alert"), place = this.find(alertPlace(view.step, this.state.pasted));
    if (alert.parentElement !== place) place.appendChild(alert);
    if (alert.textContent !== view.alert) alert.textContent = view.alert;
    alert.hidden = view.alert === "";
    if (view.alert && view.alert !== this.lastAlert && this.painted) {
      const empty = view.step === "register"
        && emptyField(this.find(".bx-client-id").value, this.find(".bx-client-secret").value, view.secret);
      if (empty) this.find(empty).focus({ preventScroll: true });
      alert.scrollIntoView({ block: "nearest" });
    }
    if (!view.busy) this.lastAlert = view.alert;
    this.painted = true;
  }

  // What the user does

  connect() {
    this.connectOpen();
    this.connectPaste();
    this.connectForm();
    this.on(".bx-copy", "click", () => this.copyRedirect());
    this.on(".bx-change", "click", () => this.send("change_app"));
    this.on(".bx-switch", "click", () => this.send("again"));
    this.on(".bx-cancel", "click", () => this.send(this.view.step === "stopped" ? "again" : "cancel"));
    this.on(".bx-yes", "click", () => this.send("confirm", { yes: true }));
    this.on(".bx-no", "click", () => this.send("confirm", { yes: false }));
  }

  connectOpen() {
    this.on(".bx-open", "click", (event) => {
      if (this.find(".bx-open").hasAttribute("href")) this.followed();
      else event.preventDefault();
    });
    this.on(".bx-fresh", "click", () => this.requestNewCode());
  }

  followed() {
    this.count.stop();
    this.state = { ...this.state, atBox: true, pasted: false, codeExpired: false };
    this.send("opened");
    this.paint();
  }

  // A browser opens a tab only during a click. The tab's URL arrives later, with the kernel's next request.
  requestNewCode() {
    const tab = window.open("", "_blank");
    this.pendingTab = { tab, before: this.view.authorize_url };
    if (tab) {
      tab.opener = null;
      tab.document.body.textContent = PANEL.open.waitingTab;
    }
    this.send("again");
  }

  connectPaste() {
    const submit = () => this.paste(takeValue(this.find(".bx-paste")));
    this.on(".bx-paste", "paste", (event) => { // read from the clipboard, never shown in the field
      event.preventDefault();
      this.paste(event.clipboardData.getData("text"));
    });
    this.on(".bx-paste", "drop", () => setTimeout(submit));
    this.on(".bx-paste", "input", (event) => {
      if (isFullUrl(event.target.value)) submit();
    });
    this.on(".bx-paste", "keydown", (event) => {
      if (event.key === "Enter") submit();
    });
  }

  paste(value) {
    if (!value.trim()) return;
    this.state = { ...this.state, pasted: true };
    this.lastAlert = "";
    this.send("paste", { value });
  }

  connectForm() {
    this.on(".bx-client-secret", "change", (event) => {
      const value = takeValue(event.target);
      if (value.trim()) this.send("client_secret", { value });
    });
    this.on(".bx-client-id", "input", () => this.draftSoon());
    this.on(".bx-redirect-uri", "input", (event) => {
      this.draftSoon();
      this.find(".bx-redirect").textContent = event.target.value;
    });
    this.on(".bx-form", "submit", (event) => {
      event.preventDefault();
      this.submitForm();
    });
  }

  formValues() {
    return { client_id: this.find(".bx-client-id").value, redirect_uri: this.find(".bx-redirect-uri").value };
  }

  draftSoon() {
    clearTimeout(this.draftTimer);
    this.draftTimer = setTimeout(() => this.sendDraft(), DRAFT_PAUSE);
  }

  sendDraft() {
    this.draftTimer = null;
    this.send("draft", this.formValues());
  }

  submitForm() {
    clearTimeout(this.draftTimer);
    this.draftTimer = null;
    this.lastAlert = "";
    this.send("register", { ...this.formValues(), client_secret: takeValue(this.find(".bx-client-secret")) });
  }

  async copyRedirect() {
    const code = this.find(".bx-redirect"), status = this.find(".bx-copied");
    try {
      await navigator.clipboard.writeText(code.textContent);
      status.textContent = PANEL.register.copied;
    } catch {
      getSelection().selectAllChildren(code);
      status.textContent = PANEL.register.selected;
    }
  }

  // The page around the panel

  // The page does not know when the user pressed Grant. When the user returns, at most CODE_SECONDS are left.
  returned() {
    const view = this.view;
    if (document.visibilityState !== "visible" || !this.state.atBox) return;
    if (view.step !== "open" || view.busy) return;
    this.count.start(CODE_SECONDS, PANEL.catch.leftAtMost);
    this.change({ codeExpired: false });
  }

  visibilityChanged() {
    if (document.visibilityState === "hidden") this.count.stop();
    else this.returned();
  }

  // A reloaded page receives nothing while a cell is running. Tell the kernel, so that the waiting cell ends.
  leaving() {
    if (this.draftTimer !== null) {
      clearTimeout(this.draftTimer);
      this.sendDraft();
    }
    this.send("leaving", { page: this.page });
  }

  // Shift+Enter moves on to the next cell and can leave the top half of the panel off screen.
  scrollIntoSight() {
    const box = this.root.getBoundingClientRect();
    const screen = this.root.closest(".jp-WindowedPanel-outer")?.getBoundingClientRect();
    const cut = screen && box.top < screen.top && box.bottom > screen.top;
    if (cut && this.view.step !== "done") this.root.scrollIntoView({ block: "start" });
  }

  // Connects the panel, reports that it is ready, and returns a function that disconnects it.
  start() {
    const events = new AbortController(), { signal } = events;
    const heard = (message) => this.heard(message), changed = () => this.viewChanged();
    this.connect();
    this.model.on("msg:custom", heard);
    this.model.on("change:view", changed);
    document.addEventListener("visibilitychange", () => this.visibilityChanged(), { signal });
    window.addEventListener("focus", () => this.returned(), { signal });
    window.addEventListener("pagehide", () => this.leaving(), { signal });
    this.paint();
    setTimeout(() => this.scrollIntoSight(), SETTLE);
    this.model.send({ type: "ready", page: this.page, origin: location.origin });
    return () => {
      events.abort();
      this.model.off("msg:custom", heard);
      this.model.off("change:view", changed);
      this.end();
    };
  }

  // Called when the panel's cell runs again. A cell that waits for this panel must not wait forever.
  end() {
    this.count.stop();
    clearTimeout(this.draftTimer);
    this.kernel.close();
    this.model.send({ type: "leaving", page: this.page, removed: true });
  }
}

function initialize({ model }) {
  model.on("msg:custom", (message) => {
    if (message.type === "vanished") showNotice(message.text);
  });
}

function render({ model, el }) {
  showNotice("");
  return new SignInPanel(model, el).start();
}

export default { initialize, render };
