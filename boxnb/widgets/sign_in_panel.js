// The sign-in panel. Shows `view` (no secret in it); sends what a person does as custom messages.
const PAGE = `
<div class="bx-head"><strong class="bx-title"></strong><span class="bx-status" role="status"></span>
  <button type="button" class="bx-cancel bx-quiet">Cancel</button></div>
<p class="bx-advice" role="status"></p>
<p class="bx-unchecked" role="status"></p>
<div class="bx-alert-top"><p class="bx-alert" role="alert"></p></div>
<ol class="bx-steps">
<li class="bx-step" data-step="register"><h3>Register the app</h3>
  <p class="bx-registered"><span class="bx-registered-text"></span> <button type="button" class="bx-change bx-quiet">Use another app</button></p>
  <details class="bx-how"><summary>What to click in Box's Developer Console</summary>
    <ol>
      <li>Open the <a href="https://app.box.com/developers/console" target="_blank" rel="noopener noreferrer">Developer Console</a>, press <b>New App</b> and choose <b>User</b>: that is <b>User Authentication (OAuth 2.0)</b>. This choice cannot be changed later.</li>
      <li>In the <b>Configuration</b> tab, set the <b>OAuth 2.0 Redirect URI</b> to exactly this; every character counts:
        <span class="bx-copy-row"><code class="bx-redirect"></code><button type="button" class="bx-copy">Copy</button><span class="bx-copied" role="status"></span></span>
        <small class="bx-hub">This is the address of your JupyterHub, which passes the answer on to this notebook. <i>Not run</i> on a real hub: where it fails, paste as step 3 says.</small></li>
      <li>Tick these <b>Application Scopes</b>:
        <table><tbody>
        <tr><th scope="row">Read all files and folders</th><td>what is stored and how it is shared; to upload as well, also tick <b>Write all files and folders</b></td></tr>
        <tr><th scope="row">Manage users</th><td>the list of people; Box has no scope that only reads it</td></tr>
        <tr><th scope="row">Manage groups</th><td>groups and who is in them</td></tr>
        <tr><th scope="row">Manage enterprise properties</th><td>the admin event log</td></tr>
        </tbody></table></li>
      <li>Under <b>Advanced Features</b>, switch on <b>Make API calls using the as-user header</b>: reports on other people's content need it.</li>
      <li><b>Save Changes</b>, then copy <b>Client ID</b> and <b>Client Secret</b> from the same tab. Box may ask for your second factor before it shows the secret.</li>
    </ol>
    <p><b>Who should sign in?</b> An admin, or a co-admin who may manage users and run reports. The notebook sees what that person may see, no more. Where your company blocks unpublished apps, an admin first enables this one in the Admin Console under Integrations, Platform Apps Manager. If you change scopes later, sign in again: a token keeps the scopes it was born with.</p>
  </details>
  <form class="bx-form" autocomplete="off">
    <label>Client ID <input class="bx-client-id" type="text" autocomplete="off" spellcheck="false" autocapitalize="off"></label>
    <label>Client Secret <input class="bx-client-secret" type="password" autocomplete="new-password" spellcheck="false"><small class="bx-secret-kept" role="status"></small></label>
    <details class="bx-other"><summary>My app has another redirect URI</summary>
      <label>Redirect URI <input class="bx-redirect-uri" type="text" spellcheck="false" autocapitalize="off"></label></details>
    <div class="bx-alert-register"></div>
    <button type="submit" class="bx-register bx-main">Save and go on</button>
  </form></li>
<li class="bx-step" data-step="open"><h3>Open Box</h3>
  <p><a class="bx-open bx-main" target="_blank" rel="noopener noreferrer">Open Box</a>
  <span class="bx-open-words"></span></p>
  <p class="bx-port"></p><div class="bx-alert-open"></div></li>
<li class="bx-step" data-step="catch"><h3>Catch the code</h3>
  <p class="bx-catch-words"></p>
  <div class="bx-count"></div>
  <p class="bx-expired">A code granted more than 30 seconds ago is dead by now. <button type="button" class="bx-fresh">Get a new code</button></p>
  <label class="bx-paste-label"><span class="bx-paste-or">Or paste</span> the whole address here; it is used at once
    <input class="bx-paste" type="password" autocomplete="off" spellcheck="false" placeholder="http://127.0.0.1…/callback?code=…&amp;state=…"></label>
  <div class="bx-alert-catch"></div>
  <div class="bx-confirm" role="group" aria-label="Is this you?"><p class="bx-confirm-who"></p><div class="bx-alert-confirm"></div>
    <button type="button" class="bx-yes bx-main">Yes, save it</button> <button type="button" class="bx-no">No, throw it away</button></div>
  <details class="bx-broken"><summary>The page after Grant looks broken?</summary><div class="bx-drawing-place"></div>
    <p>That page is only a carrier: its address holds the code. Copy the whole address within 30 seconds and paste it above. Too late? Press Back in that tab and grant again, or use Open Box. If you land on your Box files instead, the app has its default redirect URI: the code is in that address too.</p></details></li>
<li class="bx-step" data-step="done"><h3>Done</h3>
  <p class="bx-done-not">Here you will see who signed in, and where the token was put.</p>
  <div class="bx-done" tabindex="-1"><dl></dl>
  <p class="bx-weak">A managed user cannot list people. Sign in again as an admin or co-admin.</p>
  <p>No token is in this notebook: other notebooks and scripts use the file. <button type="button" class="bx-switch bx-quiet">Sign in again</button></p></div></li>
</ol>`;

const PAGE_LOAD = String(performance.timeOrigin); // tells two tabs apart, and a page from itself loaded again

let views = 0; // of this panel on this page

// The panel is gone, and so may be the cell that had waited for it: one line over the page.
function notice(text) {
  document.querySelectorAll(".bx-notice").forEach((each) => each.remove());
  if (!text) return;
  const line = document.createElement("button");
  line.className = "bx-notice";
  line.setAttribute("role", "alert");
  line.title = "Close";
  line.textContent = text;
  line.style.cssText = "position:fixed; z-index:10000; right:24px; bottom:40px; max-width:26rem; padding:12px 16px; text-align:left; cursor:pointer;"
    + "font:13px/1.5 var(--jp-ui-font-family, system-ui, sans-serif); color:var(--jp-ui-font-color1, CanvasText); background:var(--jp-layout-color1, Canvas);"
    + "border:1px solid var(--jp-brand-color1, #1667b7); border-left-width:5px; border-radius:4px; box-shadow:0 2px 12px rgb(0 0 0 / 30%);";
  line.addEventListener("click", () => line.remove());
  document.body.appendChild(line);
}

function initialize({ model }) {
  model.on("msg:custom", (message) => { if (message.type === "vanished") notice(message.text); });
}

const ROLES = { admin: "admin", coadmin: "co-admin", user: "managed user" };

function until(seconds) {
  const date = new Date(Date.now() + seconds * 1000);
  if (seconds <= 0) return "over";
  if (seconds < 5400) {
    return `until ${date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })} (${Math.max(1, Math.round(seconds / 60))} minutes)`;
  }
  const days = Math.round(seconds / 86400);
  const day = date.toLocaleDateString([], { day: "numeric", month: "long", year: "numeric" });
  return days >= 2 ? `until ${day} (${days} days)` : `until ${date.toLocaleString()} (${Math.round(seconds / 3600)} hours)`;
}

function person(who) {
  const role = ROLES[who.role] || who.role;
  const firm = who.enterprise ? `${role ? role + " of " : ""}${who.enterprise}` : role;
  return [who.name, who.login && `(${who.login})`, firm && `– ${firm}`].filter(Boolean).join(" ");
}

function render({ model, el }) {
  const root = document.createElement("section");
  const page = `${PAGE_LOAD}/${++views}`;
  notice("");
  root.className = "bx-panel";
  root.setAttribute("aria-label", "Sign in to Box");
  root.dataset.lmSuppressShortcuts = "true"; // Enter belongs to the panel here, not to the notebook
  root.dataset.jpSuppressContextMenu = "true";
  root.innerHTML = PAGE;
  el.appendChild(root);
  const $ = (selector) => root.querySelector(selector);
  const ANSWER = 3000; // milliseconds: the kernel answers every message
  let dead = false, unanswered = null;
  const doubtful = () => { unanswered = null; dead = true; paint(); };
  const send = (type, more = {}) => {
    unanswered ??= setTimeout(doubtful, ANSWER);
    try { model.send({ type, ...more }); } catch { clearTimeout(unanswered); doubtful(); } // its line to the kernel is closed
  };
  const answered = () => { clearTimeout(unanswered); unanswered = null; dead = false; };
  const take = (input) => { const value = input.value; input.value = ""; return value; };
  const show = (selector, yes) => { $(selector).hidden = !yes; };
  $(".bx-drawing-place").innerHTML = UNREACHABLE;

  let pasted = false, painted = false; // where the last answer came from; a first look scrolls nothing
  let went = false, left = false, shownStep = null, ended = false, fresh = null;
  const count = countdown($(".bx-count"), () => { ended = true; paint(); });

  const mark = (step) => {
    const order = ["register", "open", "catch", "done"];
    const now = { register: 0, open: left ? 2 : 1, confirm: 2, done: 3, stopped: -1 }[step];
    root.querySelectorAll(".bx-step").forEach((item, i) => {
      item.classList.toggle("bx-now", i === now);
      item.classList.toggle("bx-past", i < now || step === "done");
      if (i === now) item.setAttribute("aria-current", "step"); else item.removeAttribute("aria-current");
    });
    return order[now];
  };

  const filled = {}; // what the kernel said last: what was typed since is never overwritten by an older answer
  const fill = (selector, value) => {
    const input = $(selector);
    if (filled[selector] !== value && input.value === (filled[selector] ?? "")) input.value = value;
    filled[selector] = value;
  };

  const paint = () => {
    const v = model.get("view");
    const open = v.step === "open", registering = v.step === "register", done = v.step === "done";
    const box = v.practice ? "the practice Box" : v.server;
    root.dataset.state = v.step;
    went ||= !done;
    root.setAttribute("aria-busy", String(v.busy));
    $(".bx-title").textContent = `Sign in: ${v.profile}`;
    $(".bx-status").textContent = v.note;
    const gone = dead && !silent && model.widget_manager?.kernel?.status !== "busy";
    root.classList.toggle("bx-dead", gone);
    $(".bx-head").inert = $(".bx-steps").inert = gone;
    const advice = gone ? "The kernel was restarted: run the cells from the top." : silent || dead ? "Nothing has answered this panel yet. Unless the kernel is busy, run this cell and the next one again." : v.advice;
    $(".bx-advice").textContent = advice;
    show(".bx-advice", advice !== "");
    $(".bx-unchecked").textContent = v.unchecked;
    show(".bx-unchecked", v.unchecked !== "");
    show(".bx-cancel", !done);
    $(".bx-cancel").textContent = v.step === "stopped" ? "Start again" : "Cancel";

    show(".bx-form", registering);
    show(".bx-registered", !registering);
    show(".bx-change", !v.practice && !done && v.step !== "confirm" && !v.busy);
    $(".bx-registered-text").textContent = v.practice
      ? "Already registered for you: this is the practice Box on your own computer, no account needed. Open the lines below to see what one does at the real Box."
      : `Client ID ${v.client_id}, secret ${v.secret} (its fingerprint).`;
    if (shownStep !== v.step) {
      $(".bx-how").open = registering;
      if (registering) $(".bx-other").open = v.redirect_uri !== v.default_redirect;
    }
    $(".bx-redirect").textContent = v.practice ? v.default_redirect : v.redirect_uri;
    fill(".bx-client-id", v.client_id);
    fill(".bx-redirect-uri", v.redirect_uri);
    $(".bx-secret-kept").textContent = registering && v.secret ? `received, fingerprint ${v.secret}; the field is empty again on purpose` : "";

    const link = $(".bx-open");
    if (open && !v.busy && v.authorize_url) { link.href = v.authorize_url; link.removeAttribute("aria-disabled"); }
    else { link.removeAttribute("href"); link.setAttribute("aria-disabled", "true"); }
    $(".bx-open").textContent = v.practice ? "Open the practice Box" : `Open ${v.server}`;
    $(".bx-open-words").textContent = open
      ? `opens a new tab, where you sign in at ${box} and press Grant. Your password stays there.` : "in a new tab, to sign in and press Grant.";
    show(".bx-hub", v.hub && !v.practice);
    $(".bx-port").textContent = v.port;
    show(".bx-port", open && v.port !== "");
    $(".bx-paste-or").textContent = v.listening ? "Or paste" : "Paste"; // where nothing listens it is the only way
    $(".bx-catch-words").textContent = v.listening && v.hub
      ? "After Grant the code comes back by itself through your JupyterHub (not run on a real one). A code lives 30 seconds from the moment you press Grant."
      : v.listening
      ? "After Grant the code comes back by itself when your browser and this notebook are on the same computer. A code lives 30 seconds from the moment you press Grant."
      : "After Grant your browser lands on a page whose address holds the code. It lives 30 seconds from the moment you press Grant.";
    $(".bx-paste").disabled = !open || v.busy;
    show(".bx-paste-label", v.step !== "confirm");
    show(".bx-confirm", v.step === "confirm");
    $(".bx-yes").disabled = $(".bx-no").disabled = v.busy;
    $(".bx-confirm-who").textContent = v.step === "confirm"
      ? `Its state was not checked, because a code alone carries none. It signs in ${person(v.who)}. Is this you, and the right enterprise?` : "";

    show(".bx-done", done);
    show(".bx-done-not", !done);
    show(".bx-weak", done && Boolean(v.who.role) && !["admin", "coadmin"].includes(v.who.role));
    $(".bx-switch").textContent = v.practice ? "Practise the sign-in" : "Sign in again";
    $(".bx-switch").className = `bx-switch ${v.practice && !went ? "bx-main" : "bx-quiet"}`; // to practise comes next where nobody had to sign in
    if (done) {
      const rows = [["Signed in", person(v.who) || "unknown"], ["Enterprise", [v.who.enterprise, v.who.enterprise_id && `(id ${v.who.enterprise_id})`].filter(Boolean).join(" ")],
        ["Token", `fingerprint ${v.saved.fingerprint}`], ["Access token", until(v.saved.access_seconds) + "; renewed by itself"],
        ["Refresh token", until(v.saved.refresh_seconds) + "; every use brings a new one"], ["File", v.saved.path]];
      $(".bx-done dl").replaceChildren(...rows.filter((row) => row[1]).flatMap(([name, value]) => {
        const dt = document.createElement("dt"), dd = document.createElement("dd");
        dt.textContent = name; dd.textContent = value;
        return [dt, dd];
      }));
    }
    if (!open) { left = false; ended = false; count.stop(); }
    if (v.alert && open) { ended = false; count.stop(); left = false; }
    show(".bx-expired", open && ended && !v.busy);
    mark(v.step);
    if (shownStep !== null && shownStep !== v.step && (root.contains(document.activeElement) || document.activeElement === document.body)) {
      const target = { open: ".bx-open", confirm: ".bx-yes", done: ".bx-done" }[v.step];
      if (target) $(target).focus(); // and scroll there: a step that closes takes the page with it
    }
    shownStep = v.step;
    warn(v);
  };

  let warned = "";
  const warn = (v) => { // beside what was pressed, and in sight
    const place = v.step === "register" ? ".bx-alert-register" : v.step === "open" && pasted ? ".bx-alert-catch"
      : v.step === "open" ? ".bx-alert-open" : v.step === "confirm" ? ".bx-alert-confirm" : ".bx-alert-top";
    const alert = $(".bx-alert");
    if (alert.parentElement !== $(place)) $(place).appendChild(alert);
    if (alert.textContent !== v.alert) alert.textContent = v.alert;
    alert.hidden = v.alert === "";
    if (v.alert && v.alert !== warned && painted) {
      const empty = v.step === "register" && [".bx-client-id", ".bx-client-secret"].find((each) => !$(each).value && !(each === ".bx-client-secret" && v.secret));
      if (empty) $(empty).focus({ preventScroll: true });
      alert.scrollIntoView({ block: "nearest" });
    }
    if (!v.busy) warned = v.alert;
    painted = true;
  };

  const arrived = () => { // an answer is in the kernel: now the code's age is known best
    answered();
    const v = model.get("view");
    if (fresh && v.authorize_url && v.authorize_url !== fresh.before) {
      const tab = fresh.tab;
      fresh = null;
      if (tab && !tab.closed) { tab.location.replace(v.authorize_url); follow(); } // where a blocker kept the tab away, Open Box is ready
      else { ended = false; $(".bx-open").focus(); }
    }
    if (v.busy && v.left !== null) count.start(v.left, "s left for this code, counted from its arrival");
    paint();
  };
  const back = () => { // when Grant was pressed is not known here: 30 s from coming back is the most it can be
    const v = model.get("view");
    if (document.visibilityState !== "visible" || !left || v.step !== "open" || v.busy) return;
    ended = false;
    count.start(30, "s at most: a code lives 30 s from the moment you press Grant");
    paint();
  };
  const follow = () => { left = true; pasted = false; ended = false; count.stop(); send("opened"); paint(); };
  const hidden = () => { if (document.visibilityState === "hidden") count.stop(); else back(); };
  const paste = (value) => { if (value.trim()) { pasted = true; warned = ""; send("paste", { value }); } };
  const submitPaste = () => paste(take($(".bx-paste")));

  $(".bx-open").addEventListener("click", (event) => { if ($(".bx-open").hasAttribute("href")) follow(); else event.preventDefault(); });
  $(".bx-fresh").addEventListener("click", () => { // a tab may be opened only now; its address comes with the kernel's next request
    fresh = { tab: window.open("", "_blank"), before: model.get("view").authorize_url };
    if (fresh.tab) { fresh.tab.opener = null; fresh.tab.document.body.textContent = "Waiting for the notebook…"; }
    send("again");
  });
  $(".bx-paste").addEventListener("paste", (event) => { // taken from the clipboard, never shown in the field
    event.preventDefault();
    paste(event.clipboardData.getData("text"));
  });
  $(".bx-paste").addEventListener("drop", () => setTimeout(submitPaste));
  $(".bx-paste").addEventListener("input", () => { if (/[?&#]code=[^&]+.*state=|state=[^&]+.*code=/.test($(".bx-paste").value)) submitPaste(); });
  $(".bx-paste").addEventListener("keydown", (event) => { if (event.key === "Enter") submitPaste(); });
  $(".bx-client-secret").addEventListener("change", () => { const value = take($(".bx-client-secret")); if (value.trim()) send("client_secret", { value }); });
  let typing = null;
  const draft = () => { typing = null; send("draft", { client_id: $(".bx-client-id").value, redirect_uri: $(".bx-redirect-uri").value }); };
  for (const name of [".bx-client-id", ".bx-redirect-uri"]) {
    $(name).addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(draft, 300);
      if (name === ".bx-redirect-uri") $(".bx-redirect").textContent = $(name).value;
    });
  }
  $(".bx-form").addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typing);
    typing = null;
    warned = "";
    send("register", { client_id: $(".bx-client-id").value, client_secret: take($(".bx-client-secret")), redirect_uri: $(".bx-redirect-uri").value });
  });
  $(".bx-copy").addEventListener("click", async () => {
    const code = $(".bx-redirect");
    try { await navigator.clipboard.writeText(code.textContent); $(".bx-copied").textContent = "copied"; }
    catch { getSelection().selectAllChildren(code); $(".bx-copied").textContent = "marked: press Ctrl+C"; }
  });
  $(".bx-change").addEventListener("click", () => send("change_app"));
  $(".bx-switch").addEventListener("click", () => send("again"));
  $(".bx-cancel").addEventListener("click", () => send(model.get("view").step === "stopped" ? "again" : "cancel"));
  $(".bx-yes").addEventListener("click", () => send("confirm", { yes: true }));
  $(".bx-no").addEventListener("click", () => send("confirm", { yes: false }));

  // A page that is loaded again gets nothing from a cell that runs: the gate is told, so that it lets go of the kernel.
  const leave = () => { if (typing !== null) { clearTimeout(typing); draft(); } send("leaving", { page }); };

  let silent = false; // the saved state of a panel can be on screen without a kernel behind it
  const doubt = setTimeout(() => { silent = true; paint(); }, 4000);
  const heard = (message) => { if (message.type === "here") { clearTimeout(doubt); answered(); silent = false; paint(); } };

  model.on("msg:custom", heard);
  model.on("change:view", arrived);
  document.addEventListener("visibilitychange", hidden);
  window.addEventListener("focus", back);
  window.addEventListener("pagehide", leave);
  paint();
  setTimeout(() => { // Shift+Enter moves on to the next cell and can leave half a panel behind
    const box = root.getBoundingClientRect();
    const seen = root.closest(".jp-WindowedPanel-outer")?.getBoundingClientRect();
    if (seen && box.top < seen.top && box.bottom > seen.top && model.get("view").step !== "done") root.scrollIntoView({ block: "start" });
  }, 150);
  model.send({ type: "ready", page, origin: location.origin });
  return () => {
    count.stop();
    clearTimeout(typing);
    clearTimeout(doubt);
    model.off("msg:custom", heard);
    model.off("change:view", arrived);
    document.removeEventListener("visibilitychange", hidden);
    window.removeEventListener("focus", back);
    window.removeEventListener("pagehide", leave);
    clearTimeout(unanswered);
    model.send({ type: "leaving", page, removed: true }); // its cell is run again: a gate that waits must not wait for ever
  };
}

export default { initialize, render };
