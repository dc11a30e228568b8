// Arrow keys, Page Up, Page Down, Home and End change the slide; N shows the presenter's notes.
const slides = [...document.querySelectorAll("section")];
const last = slides.length - 1;
let current = Math.max(0, Math.min(last, Number(location.hash.slice(1)) - 1 || 0));
let notes = false;

function show(number) {
  current = Math.max(0, Math.min(last, number));
  slides.forEach((slide, index) => { slide.hidden = index !== current; });
  document.querySelectorAll("aside").forEach((aside) => { aside.hidden = !notes; });
  history.replaceState(null, "", `#${current + 1}`);
  scrollTo(0, 0);
}

addEventListener("keydown", (event) => {
  const handledByFocus = event.target.closest("summary, button, a, [tabindex]");
  if (handledByFocus && [" ", "Enter", "ArrowDown", "ArrowUp"].includes(event.key)) return;
  const next = current + 1;
  const previous = current - 1;
  const target = {
    ArrowRight: next, PageDown: next, " ": next, ArrowLeft: previous, PageUp: previous, Home: 0, End: last,
  }[event.key];
  if (event.key === "n" || event.key === "N") {
    notes = !notes;
    show(current);
  } else if (target !== undefined) {
    event.preventDefault();
    show(target);
  }
});

document.querySelectorAll("g[data-exchange]").forEach((arrow) => arrow.addEventListener("click", () => {
  const details = arrow.closest(".bl-page").querySelector(`details[data-exchange="${arrow.dataset.exchange}"]`);
  if (!details) return;
  details.open = true;
  details.scrollIntoView({ block: "nearest" });
}));
show(current);
