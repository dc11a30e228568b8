// The state of the panel for secrets in the browser; the state in the kernel is boxnb/signin/credentials.py.
// `view` is the kernel's snapshot, without secrets. The functions are pure: they do not use the DOM.
import { CREDENTIALS } from "./credentials_panel_messages.js";

// Returns the names of the fields, so that the form is drawn again only if they change.
export function fieldKey(view) {
  return view.fields.map((field) => field.name).join(" ");
}

// Returns the type of an input: what is typed into a secret field is never shown.
export function inputType(field) {
  return field.secret ? "password" : "text";
}

// Returns the label of a field.
export function labelOf(field) {
  return field.optional ? `${field.label} (${CREDENTIALS.optional})` : field.label;
}

// Returns which parts of the panel are visible.
export function visible(view) {
  return {
    form: view.step === "enter",
    again: view.step !== "enter",
    cancel: view.step === "enter" && !view.busy,
    alert: view.alert !== "",
    help: view.step === "enter" && view.help !== "",
    unchecked: view.unchecked !== "",
  };
}

// Returns the text of the button that leads back to the form.
export function againText(view) {
  return view.step === "done" ? CREDENTIALS.enterOthers : CREDENTIALS.startAgain;
}

// Returns the first field that the user still has to fill in, or null.
export function firstEmpty(view, values) {
  return view.fields.find((field) => !field.optional && !(values[field.name] ?? "").trim()) ?? null;
}
