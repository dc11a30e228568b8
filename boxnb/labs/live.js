// Shows `html`, which the kernel rendered and escaped, and sends the user's clicks back as custom messages.
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
  root.dataset.lmSuppressShortcuts = "true"; // keys pressed here go to the lesson, not to the notebook
  root.dataset.jpSuppressContextMenu = "true";
  el.append(root);

  // Replaces the HTML, and restores the focus, the open details and the scroll position.
  const paint = () => {
    const focusedKey = root.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const openKeys = [...root.querySelectorAll("details[open]")].map((details) => details.dataset.key);
    const scrollTop = root.querySelector(".bl-scroll")?.scrollTop ?? 0;
    root.innerHTML = model.get("html");
    for (const key of openKeys) {
      if (key) root.querySelector(`details[data-key="${CSS.escape(key)}"]`)?.setAttribute("open", "");
    }
    const pane = root.querySelector(".bl-scroll");
    if (pane) pane.scrollTop = scrollTop;
    if (focusedKey) {
      const target = root.querySelector(`[data-key="${CSS.escape(focusedKey)}"]`) ?? root.querySelector("[data-next]");
      target?.focus({ preventScroll: true });
    }
    paintedAt = performance.now();
    moveNow();
  };

  // Moves the "now" line between two paints. The axis is logarithmic and begins at one second.
  let paintedAt = 0;
  const moveNow = () => {
    for (const line of root.querySelectorAll("[data-now]")) {
      const { now, left, width, decades } = line.dataset;
      const age = Math.max(1, Number(now) + (performance.now() - paintedAt) / 1000);
      const x = Number(left) + Number(width) * Math.min(1, Math.log10(age) / Number(decades));
      line.setAttribute("transform", `translate(${x} 0)`);
    }
  };
  const timer = setInterval(moveNow, 500);

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
