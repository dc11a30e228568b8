// Shows `html`, which the kernel rendered and escaped, and sends the user's clicks back as custom messages.
import { axisPosition } from "./live_state.js";

const MOVE_NOW = 500; // milliseconds

function byKey(root, tag, key) {
  return root.querySelector(`${tag}[data-key="${CSS.escape(key)}"]`);
}

function openExchange(root, number) {
  const details = root.querySelector(`details[data-exchange="${CSS.escape(number)}"]`);
  if (!details) return;
  details.open = true;
  details.querySelector("summary").focus({ preventScroll: true });
  details.scrollIntoView({ block: "nearest" });
}

// Replaces the HTML, and restores the focus, the open details and the scroll position.
function replaceHtml(root, html) {
  const focusedKey = root.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const openKeys = [...root.querySelectorAll("details[open]")].map((details) => details.dataset.key);
  const scrollTop = root.querySelector(".bl-scroll")?.scrollTop ?? 0;
  root.innerHTML = html;
  for (const key of openKeys) if (key) byKey(root, "details", key)?.setAttribute("open", "");
  const pane = root.querySelector(".bl-scroll");
  if (pane) pane.scrollTop = scrollTop;
  if (!focusedKey) return;
  const target = byKey(root, "", focusedKey) ?? root.querySelector("[data-next]");
  target?.focus({ preventScroll: true });
}

// Moves the "now" lines of a timeline, `seconds` after the kernel drew them.
function moveNow(root, seconds) {
  for (const line of root.querySelectorAll("[data-now]")) {
    const x = axisPosition(Number(line.dataset.now) + seconds, line.dataset);
    line.setAttribute("transform", `translate(${x} 0)`);
  }
}

// Returns the card of the next lab in the same notebook, or null while its cell has not run.
function nextCard(button, root) {
  const notebook = root.closest(".jp-Notebook") ?? document;
  return notebook.querySelector(`[data-lab="${CSS.escape(button.dataset.goto)}"]`);
}

// Shows each button that leads to the next lab only while there is a card to go to.
function showNextButtons(root) {
  for (const button of root.querySelectorAll("button[data-goto]")) button.hidden = !nextCard(button, root);
}

function goToNext(button, root) {
  const card = nextCard(button, root);
  card?.scrollIntoView({ block: "nearest" });
  card?.querySelector("button")?.focus({ preventScroll: true });
}

function clicked(event, root, model) {
  const arrow = event.target.closest("g[data-exchange]");
  if (arrow) {
    openExchange(root, arrow.dataset.exchange);
    return;
  }
  const next = event.target.closest("button[data-goto]");
  if (next) {
    goToNext(next, root);
    return;
  }
  const button = event.target.closest("button[data-send]");
  if (button) model.send({ type: button.dataset.send, value: Number(button.dataset.value ?? 0) });
}

function render({ model, el }) {
  const root = document.createElement("div");
  let paintedAt = 0;
  root.className = "bl-live";
  root.dataset.lmSuppressShortcuts = "true"; // keys pressed here go to the lesson, not to the notebook
  root.dataset.jpSuppressContextMenu = "true";
  el.append(root);
  const tick = () => {
    moveNow(root, (performance.now() - paintedAt) / 1000);
    showNextButtons(root);
  };
  const paint = () => {
    replaceHtml(root, model.get("html"));
    paintedAt = performance.now();
    tick();
  };
  const timer = setInterval(tick, MOVE_NOW);
  root.addEventListener("click", (event) => clicked(event, root, model));
  model.on("change:html", paint);
  paint();
  return () => {
    clearInterval(timer);
    model.off("change:html", paint);
  };
}

export default { render };
