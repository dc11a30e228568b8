// Arrow keys, Page Up and Page Down, Home and End turn the slides; N shows the presenter's notes.
const slides = [...document.querySelectorAll("section")];
let here = Math.max(0, Math.min(slides.length - 1, Number(location.hash.slice(1)) - 1 || 0));
let notes = false;
function show(place) {
  here = Math.max(0, Math.min(slides.length - 1, place));
  slides.forEach((slide, index) => { slide.hidden = index !== here; });
  document.querySelectorAll("aside").forEach((aside) => { aside.hidden = !notes; });
  history.replaceState(null, "", `#${here + 1}`);
  scrollTo(0, 0);
}
addEventListener("keydown", (event) => {
  if (event.target.closest("summary, button, a, [tabindex]") && [" ", "Enter", "ArrowDown", "ArrowUp"].includes(event.key)) return;
  const to = { ArrowRight: here + 1, PageDown: here + 1, " ": here + 1, ArrowLeft: here - 1, PageUp: here - 1, Home: 0, End: slides.length - 1 }[event.key];
  if (event.key === "n" || event.key === "N") { notes = !notes; show(here); } else if (to !== undefined) { event.preventDefault(); show(to); }
});
document.querySelectorAll("g[data-exchange]").forEach((arrow) => arrow.addEventListener("click", () => {
  const details = arrow.closest(".bl-page").querySelector(`details[data-exchange="${arrow.dataset.exchange}"]`);
  if (details) { details.open = true; details.scrollIntoView({ block: "nearest" }); }
}));
show(here);
