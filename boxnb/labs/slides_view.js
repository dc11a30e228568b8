// Arrow keys, Page Up, Page Down, Home and End change the slide; N shows the presenter's notes.
import { isForElement, slideAfterKey, slideInFragment } from "./slides_state.js";

const slides = [...document.querySelectorAll("section")];
let current = slideInFragment(location.hash, slides.length);
let notes = false;

function showSlide(number) {
  current = number;
  slides.forEach((slide, index) => { slide.hidden = index !== current; });
  document.querySelectorAll("aside").forEach((aside) => { aside.hidden = !notes; });
  history.replaceState(null, "", `#${current + 1}`);
  scrollTo(0, 0);
}

function keyPressed(event) {
  if (event.target.closest("summary, button, a, [tabindex]") && isForElement(event.key)) return;
  if (event.key === "n" || event.key === "N") {
    notes = !notes;
    showSlide(current);
    return;
  }
  const target = slideAfterKey(event.key, current, slides.length);
  if (target === null) return;
  event.preventDefault();
  showSlide(target);
}

function openExchange(arrow) {
  const page = arrow.closest(".bl-page");
  const details = page.querySelector(`details[data-exchange="${arrow.dataset.exchange}"]`);
  if (!details) return;
  details.open = true;
  details.scrollIntoView({ block: "nearest" });
}

addEventListener("keydown", keyPressed);
document.querySelectorAll("g[data-exchange]").forEach((arrow) => {
  arrow.addEventListener("click", () => openExchange(arrow));
});
showSlide(current);
