import assert from "node:assert/strict";
import { test } from "node:test";

import { PANEL } from "../../boxnb/widgets/sign_in_panel_messages.js";
import * as panel from "../../boxnb/widgets/sign_in_panel_state.js";

const ADMIN = {
  name: "Ada", login: "ada@example.com", role: "admin", enterprise: "Acme", enterprise_id: "7",
};
const VIEW = {
  step: "open", profile: "acme", practice: false, server: "Box", busy: false, listening: true, hub: false,
  note: "", advice: "", alert: "", unchecked: "", port: "", authorize_url: "https://example.com/authorize",
  client_id: "id", secret: "f00d", redirect_uri: "http://127.0.0.1:1/callback",
  default_redirect: "http://127.0.0.1:1/callback", who: {}, saved: {},
  bare: false, before: {},
};

test("the code step is current while the user is at Box", () => {
  assert.equal(panel.currentStep("open", false), 1);
  assert.equal(panel.currentStep("open", true), 2);
  assert.equal(panel.currentStep("stopped", true), -1);
});

test("every step is past when the sign-in is done", () => {
  assert.deepEqual(panel.stepMarks("done", false).map(({ past }) => past), [true, true, true, true]);
  assert.deepEqual(panel.stepMarks("open", false).map(({ past }) => past), [true, false, false, false]);
});

test("the alert is next to what the user pressed last", () => {
  assert.equal(panel.alertPlace("open", true), ".bx-alert-catch");
  assert.equal(panel.alertPlace("open", false), ".bx-alert-open");
  assert.equal(panel.alertPlace("register", true), ".bx-alert-register");
  assert.equal(panel.alertPlace("confirm", false), ".bx-alert-confirm");
  assert.equal(panel.alertPlace("stopped", false), ".bx-alert-top");
});

test("the focus moves only when the step changes, except on the first paint", () => {
  assert.equal(panel.focusAfter("open", "confirm"), ".bx-yes");
  assert.equal(panel.focusAfter(null, "open"), null);
  assert.equal(panel.focusAfter("open", "open"), null);
  assert.equal(panel.focusAfter("open", "stopped"), null);
});

test("an alert or a later step ends the wait for a code", () => {
  const waiting = { ...panel.newState(), atBox: true, codeExpired: true };
  assert.equal(panel.received(waiting, VIEW).atBox, true);
  for (const view of [{ ...VIEW, alert: "Refused." }, { ...VIEW, step: "confirm" }]) {
    const state = panel.received(waiting, view);
    assert.deepEqual([state.atBox, state.codeExpired, panel.waitEnds(view)], [false, false, true]);
  }
  assert.equal(waiting.atBox, true, "the old state is not changed");
});

test("practising is the main next step only for a user who did not sign in here", () => {
  const done = { ...VIEW, step: "done", practice: true };
  assert.equal(panel.isPracticeNext(done, panel.received(panel.newState(), done)), true);
  const signedIn = panel.received(panel.received(panel.newState(), VIEW), done);
  assert.equal(panel.isPracticeNext(done, signedIn), false);
});

test("text typed since the kernel's last value is not overwritten", () => {
  assert.equal(panel.merged("", undefined, "from kernel"), "from kernel");
  assert.equal(panel.merged("typed", undefined, "from kernel"), "typed");
  assert.equal(panel.merged("old", "old", "new"), "new");
  assert.equal(panel.merged("typed", "old", "new"), "typed");
  assert.equal(panel.merged("", "same", "same"), "");
});

test("a pasted URL is complete with a code and a state, in either order", () => {
  assert.equal(panel.isFullUrl("http://127.0.0.1/callback?code=a&state=b"), true);
  assert.equal(panel.isFullUrl("http://127.0.0.1/callback?state=b&code=a"), true);
  assert.equal(panel.isFullUrl("http://127.0.0.1/callback?code=a"), false);
});

test("the first empty field gets the focus, and a saved secret is not asked for again", () => {
  assert.equal(panel.emptyField("", "", ""), ".bx-client-id");
  assert.equal(panel.emptyField("id", "", ""), ".bx-client-secret");
  assert.equal(panel.emptyField("id", "", "f00d"), null);
});

test("a kernel that stops replying is lost, unless it is busy or has never replied", () => {
  const lost = { ...panel.newState(), unanswered: true };
  const advice = (state) => panel.texts(VIEW, state)[".bx-advice"];
  assert.equal(panel.isKernelLost(lost), true);
  assert.equal(advice(lost), PANEL.kernelRestarted);
  assert.equal(advice({ ...lost, kernelBusy: true }), PANEL.kernelSilent);
  assert.equal(advice({ ...lost, silent: true }), PANEL.kernelSilent);
  assert.equal(advice(panel.newState()), "");
});

test("an account is named with its login, role and enterprise, as far as they are known", () => {
  assert.equal(panel.accountText(ADMIN), "Ada (ada@example.com) – admin of Acme");
  assert.equal(panel.accountText({ name: "Ada", role: "coadmin" }), "Ada – co-admin");
  assert.equal(panel.accountText({ enterprise: "Acme" }), "– Acme");
  assert.equal(panel.accountText({}), "");
});

test("a managed user is warned, and an admin is not", () => {
  const visible = (role) => panel.visibility(
    { ...VIEW, step: "done", who: { ...ADMIN, role } }, panel.newState())[".bx-weak"];
  assert.deepEqual(["user", "admin", "coadmin", ""].map(visible), [true, false, false, false]);
});

test("an expiry is in minutes, hours or days", () => {
  const now = new Date(2026, 10, 28, 12, 0, 0).getTime();
  assert.equal(panel.expiryText(0, now), "expired");
  assert.match(panel.expiryText(20, now), /\(1 minute\)$/);
  assert.match(panel.expiryText(3600, now), /\(60 minutes\)$/);
  assert.match(panel.expiryText(36 * 3600, now), /\(2 days\)$/);
  assert.match(panel.expiryText(7 * 3600, now), /\(7 hours\)$/);
  assert.match(panel.expiryText(60 * 86400, now), /^until .*2027.* \(60 days\)$/);
});

test("unknown values of a saved sign-in have no line", () => {
  const saved = { fingerprint: "f00d", access_seconds: 3600, refresh_seconds: 86400, path: "acme.json" };
  const names = (who) => panel.savedRows({ ...VIEW, who, saved }).map(([name]) => name);
  const all = ["Signed in", "Enterprise", "Token", "Access token", "Refresh token", "File"];
  assert.deepEqual(names(ADMIN), all);
  assert.deepEqual(names({}), all.filter((name) => name !== "Enterprise"));
});

test("Open Box has a URL only in its step and while the panel is not busy", () => {
  assert.equal(panel.openUrl(VIEW), VIEW.authorize_url);
  assert.equal(panel.openUrl({ ...VIEW, busy: true }), null);
  assert.equal(panel.openUrl({ ...VIEW, step: "catch" }), null);
  assert.equal(panel.openUrl({ ...VIEW, authorize_url: "" }), null);
});

test("the panel says how the code comes back", () => {
  const words = (changes) => panel.texts({ ...VIEW, ...changes }, panel.newState());
  assert.equal(words({})[".bx-catch-words"], PANEL.catch.listening);
  assert.equal(words({ hub: true })[".bx-catch-words"], PANEL.catch.throughHub);
  assert.equal(words({ listening: false })[".bx-catch-words"], PANEL.catch.byHand);
  assert.equal(words({ listening: false })[".bx-paste-or"], PANEL.catch.paste);
});

test("the question says why the user has to confirm", () => {
  const confirming = { ...VIEW, step: "confirm", who: ADMIN };
  const question = (changes) => (
    panel.texts({ ...confirming, ...changes }, panel.newState())[".bx-confirm-who"]);
  assert.equal(question({ bare: true }),
    "The state was not checked, because a code alone does not include it. "
    + "The code signs in Ada (ada@example.com) – admin of Acme. Is this you, in the right enterprise?");
  const bob = { ...ADMIN, name: "Bob", login: "bob@example.com", role: "user" };
  assert.equal(question({ before: bob }),
    "Until now, this profile was signed in as Bob (bob@example.com) – managed user of Acme. "
    + "The code signs in Ada (ada@example.com) – admin of Acme. Is this you, in the right enterprise?");
});

test("in every step each text is a string and each visibility a boolean", () => {
  for (const step of ["register", "open", "confirm", "done", "stopped"]) {
    for (const practice of [true, false]) {
      const view = { ...VIEW, step, practice, who: ADMIN };
      const texts = Object.values(panel.texts(view, panel.newState()));
      assert.deepEqual(texts.filter((text) => typeof text !== "string"), []);
      const visible = panel.visibility(view, panel.newState());
      assert.equal(visible[".bx-done"], step === "done");
      assert.equal(visible[".bx-form"], step === "register");
      for (const value of Object.values(visible)) assert.equal(typeof value, "boolean");
    }
  }
});
