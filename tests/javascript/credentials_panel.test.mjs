import assert from "node:assert/strict";
import { test } from "node:test";

import { CREDENTIALS } from "../../boxnb/widgets/credentials_panel_messages.js";
import * as panel from "../../boxnb/widgets/credentials_panel_state.js";

const VIEW = {
  step: "enter", busy: false, profile: "jamf", title: "Jamf Pro",
  alert: "", note: "", advice: "", unchecked: "", help: "",
  fields: [
    { name: "client_id", label: "Client ID", secret: false, optional: false, value: "abc" },
    { name: "client_secret", label: "Client secret", secret: true, optional: false, value: "" },
    { name: "scope", label: "Scope", secret: false, optional: true, value: "" },
  ],
};

test("only secret fields hide what is typed", () => {
  assert.deepEqual(VIEW.fields.map(panel.inputType), ["text", "password", "text"]);
});

test("a field that may be empty says so", () => {
  assert.equal(panel.labelOf(VIEW.fields[0]), "Client ID");
  assert.equal(panel.labelOf(VIEW.fields[2]), `Scope (${CREDENTIALS.optional})`);
});

test("the form is drawn again only if its fields change", () => {
  assert.equal(panel.fieldKey(VIEW), panel.fieldKey({ ...VIEW, note: "x" }));
  assert.notEqual(panel.fieldKey(VIEW), panel.fieldKey({ ...VIEW, fields: VIEW.fields.slice(1) }));
});

test("the first field without a value gets the focus", () => {
  assert.equal(panel.firstEmpty(VIEW, { client_id: " ", client_secret: "x" }).name, "client_id");
  assert.equal(panel.firstEmpty(VIEW, { client_id: "a" }).name, "client_secret");
  assert.equal(panel.firstEmpty(VIEW, { client_id: "a", client_secret: "x" }), null);
});

test("the form, the buttons and the alert follow the step", () => {
  assert.deepEqual(panel.visible(VIEW), {
    form: true, again: false, cancel: true, alert: false, help: false, unchecked: false,
  });
  assert.equal(panel.visible({ ...VIEW, busy: true }).cancel, false);
  const done = panel.visible({ ...VIEW, step: "done", alert: "x" });
  assert.deepEqual([done.form, done.again, done.alert], [false, true, true]);
  assert.equal(panel.againText({ ...VIEW, step: "done" }), CREDENTIALS.enterOthers);
  assert.equal(panel.againText({ ...VIEW, step: "stopped" }), CREDENTIALS.startAgain);
});
