// Shows `html`, which the kernel made and escaped; sends what a person clicks as custom messages.
function openExchange(root, number) {
  const details = root.querySelector(`details[data-exchange="${CSS.escape(number)}"]`);
  if (!details) return;
  details.open = true;
  details.querySelector("summary").focus({ preventScroll: true });
  details.scrollIntoView({ block: "nearest" });
}

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "bl-live";
  root.dataset.lmSuppressShortcuts = "true"; // keys belong to the lesson here, not to the notebook
  root.dataset.jpSuppressContextMenu = "true";
  el.append(root);

  const paint = () => {
    const at = root.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const open = [...root.querySelectorAll("details[open]")].map((each) => each.dataset.key);
    const scrolled = root.querySelector(".bl-scroll")?.scrollTop ?? 0;
    root.innerHTML = model.get("html");
    for (const key of open) if (key) root.querySelector(`details[data-key="${CSS.escape(key)}"]`)?.setAttribute("open", "");
    const pane = root.querySelector(".bl-scroll");
    if (pane) pane.scrollTop = scrolled;
    if (at) (root.querySelector(`[data-key="${CSS.escape(at)}"]`) ?? root.querySelector("[data-next]"))?.focus({ preventScroll: true });
    arrived = performance.now();
    tick();
  };

  // The line called "now" moves by itself: position of a time on the axis, logarithmic from one second.
  let arrived = 0;
  const tick = () => {
    for (const line of root.querySelectorAll("[data-now]")) {
      const { now, left, width, decades } = line.dataset;
      const age = Math.max(1, Number(now) + (performance.now() - arrived) / 1000);
      line.setAttribute("transform", `translate(${Number(left) + Number(width) * Math.min(1, Math.log10(age) / Number(decades))} 0)`);
    }
  };
  const timer = setInterval(tick, 500);

  root.addEventListener("click", (event) => {
    const arrow = event.target.closest("g[data-exchange]");
    if (arrow) return openExchange(root, arrow.dataset.exchange);
    const button = event.target.closest("button[data-send]");
    if (!button) return;
    model.send({ type: button.dataset.send, value: Number(button.dataset.value ?? 0) });
  });
  model.on("change:html", paint);
  paint();
  return () => { clearInterval(timer); model.off("change:html", paint); };
}

export default { render };
