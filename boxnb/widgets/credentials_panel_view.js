// The panel for secrets. It shows `view`, which does not contain secrets.
// It sends what is typed as custom messages.
import { CREDENTIALS } from "./credentials_panel_messages.js";
import { againText, fieldKey, firstEmpty, inputType, labelOf, visible } from "./credentials_panel_state.js";
import { element } from "./elements.js";
import { KernelLink } from "./sign_in_panel_kernel.js";

const PAGE_LOAD = String(performance.timeOrigin); // differs between two tabs, and after a reload

let panelCount = 0; // panels shown on this page so far

class CredentialsPanel {
  constructor(model, el) {
    this.model = model;
    this.page = `${PAGE_LOAD}/${++panelCount}`;
    this.drawnFields = null;
    this.inputs = {};
    this.root = element("section", "bx-panel");
    this.root.setAttribute("aria-label", CREDENTIALS.label);
    this.root.dataset.lmSuppressShortcuts = "true"; // Enter belongs to the panel here, not to the notebook
    this.root.dataset.jpSuppressContextMenu = "true";
    this.draw();
    el.appendChild(this.root);
    const lost = () => { this.advice.textContent = CREDENTIALS.kernelLost; this.advice.hidden = false; };
    this.kernel = new KernelLink(model, { onNoReply: lost, onSilent: lost });
  }

  draw() {
    this.title = element("strong", "bx-title");
    this.status = element("span", "bx-status");
    this.status.setAttribute("role", "status");
    const head = element("div", "bx-head");
    this.cancel = this.button(CREDENTIALS.cancel, "bx-cancel bx-quiet", () => this.send("cancel"));
    this.again = this.button("", "bx-again bx-quiet", () => this.send("again"));
    head.append(this.title, this.status, this.cancel, this.again);
    this.advice = element("p", "bx-advice");
    this.help = element("p", "bx-help");
    this.unchecked = element("p", "bx-unchecked");
    this.alert = element("p", "bx-alert");
    this.alert.setAttribute("role", "alert");
    this.form = element("form", "bx-form");
    this.form.autocomplete = "off";
    this.hint = element("small", "", CREDENTIALS.hint);
    this.submit = element("button", "bx-submit bx-main", CREDENTIALS.submit);
    this.submit.type = "submit";
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submitForm();
    });
    this.form.addEventListener("keydown", (event) => { // JupyterLab keeps Enter from submitting a form
      if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
      event.preventDefault();
      this.submitForm();
    });
    this.root.append(head, this.advice, this.help, this.unchecked, this.form, this.alert);
  }

  button(text, className, act) {
    const node = element("button", className, text);
    node.type = "button";
    node.addEventListener("click", act);
    return node;
  }

  send(type, content) {
    this.kernel.send(type, content);
  }

  heard(message) {
    if (message.type !== "here") return;
    this.kernel.noteReply();
    this.advice.hidden = this.model.get("view").advice === "";
  }

  // Sends the values of all fields, and empties those that are secret.
  submitForm() {
    const view = this.model.get("view"), values = {};
    for (const [name, input] of Object.entries(this.inputs)) values[name] = input.value;
    const empty = firstEmpty(view, values);
    for (const [name, input] of Object.entries(this.inputs)) {
      input.setAttribute("aria-invalid", String(name === empty?.name));
    }
    if (empty) {
      this.alert.textContent = CREDENTIALS.missing(empty.label);
      this.alert.hidden = false;
      this.inputs[empty.name].focus();
      return;
    }
    for (const field of view.fields) if (field.secret) this.inputs[field.name].value = "";
    this.send("submit", { values });
  }

  drawFields(view) {
    this.inputs = {};
    const labels = view.fields.map((field) => {
      const label = element("label", "", `${labelOf(field)} `), input = element("input");
      input.type = inputType(field);
      input.name = field.name;
      input.value = field.value;
      input.autocomplete = field.secret ? "new-password" : "off";
      input.spellcheck = false;
      label.append(input);
      this.inputs[field.name] = input;
      return label;
    });
    this.form.replaceChildren(...labels, this.hint, this.submit);
    this.drawnFields = fieldKey(view);
  }

  paint() {
    this.kernel.stopWaiting();
    const view = this.model.get("view"), shown = visible(view);
    if (this.drawnFields !== fieldKey(view)) this.drawFields(view);
    this.root.dataset.state = view.step;
    this.root.setAttribute("aria-busy", String(view.busy));
    this.title.textContent = CREDENTIALS.title(view.profile, view.title);
    this.status.textContent = view.note;
    this.advice.textContent = view.advice;
    this.advice.hidden = view.advice === "";
    this.help.textContent = view.help;
    this.help.hidden = !shown.help;
    this.unchecked.textContent = view.unchecked;
    this.unchecked.hidden = !shown.unchecked;
    if (this.alert.textContent !== view.alert) this.alert.textContent = view.alert;
    this.alert.hidden = !shown.alert;
    this.form.hidden = !shown.form;
    this.again.textContent = againText(view);
    this.again.hidden = !shown.again;
    this.cancel.hidden = !shown.cancel;
    this.submit.disabled = view.busy;
    for (const input of Object.values(this.inputs)) input.disabled = view.busy;
  }

  close() {
    this.kernel.close();
  }
}

function render({ model, el }) {
  const panel = new CredentialsPanel(model, el);
  const paint = () => panel.paint();
  const heard = (message) => panel.heard(message);
  const leaving = () => model.send({ type: "leaving", page: panel.page, removed: false });
  model.on("change:view", paint);
  model.on("msg:custom", heard);
  window.addEventListener("pagehide", leaving);
  panel.paint();
  panel.send("ready", { page: panel.page, origin: location.origin });
  return () => {
    window.removeEventListener("pagehide", leaving);
    model.off("change:view", paint);
    model.off("msg:custom", heard);
    model.send({ type: "leaving", page: panel.page, removed: true });
    panel.close();
  };
}

export default { render };
