// The stage has one size in CSS pixels and is scaled to the window, so that a slide looks the same on every
// screen.
import { scaleOf } from "./slides_state.js";

const LARGEST = 1.3; // times the usual size of letters
const SMALLEST = 0.4;
const STEP = 0.05;

export function fitStage() {
  document.querySelector(".stage").style.setProperty("--scale", scaleOf(innerWidth, innerHeight));
}

// Gives a slide the largest letters with which nothing is cut. Returns their size, of which 1 is the usual
// one.
export function fitContent(section) {
  const content = section.querySelector(".content");
  let size = LARGEST;
  for (; size > SMALLEST; size -= STEP) {
    content.style.setProperty("--size", size.toFixed(2));
    content.classList.toggle("large", size > 1.01); // code is wrapped only in letters of the usual size
    if (!isCut(content)) break;
  }
  return size;
}

function isCut(content) {
  return content.scrollHeight > content.clientHeight || content.scrollWidth > content.clientWidth
    || [...content.querySelectorAll("pre")].some((pre) => pre.scrollWidth > pre.clientWidth);
}

// Returns the label that begins at a plate: texts, and chips, each of which is a rectangle and a text.
function partsOfLabel(plate) {
  const parts = [];
  let part = plate.nextElementSibling;
  while (part?.matches("text, rect:not(.bl-plate)")) {
    parts.push(part);
    part = part.nextElementSibling;
  }
  return parts;
}

// Gives the labels of a drawing the width of their letters. A drawing is made without knowing the font, so
// each text of a label is stretched to a length that was estimated.
function relaxLabel(plate) {
  const parts = partsOfLabel(plate);
  const texts = parts.filter((part) => part.hasAttribute("textLength"));
  const lengths = texts.map((text) => Number(text.getAttribute("textLength")));
  texts.forEach((text) => text.removeAttribute("textLength"));
  const spare = lengths.map((length, index) => length - texts[index].getComputedTextLength());
  if (spare.some((length) => length < 0)) { // a wide font: the estimate keeps the label within the drawing
    texts.forEach((text, index) => text.setAttribute("textLength", lengths[index]));
    return;
  }
  let shift = spare.reduce((sum, length) => sum + length, 0) / 2;
  for (const part of parts) {
    part.setAttribute("x", Number(part.getAttribute("x")) + shift);
    if (texts.includes(part)) shift -= spare[texts.indexOf(part)];
  }
}

// Fits every slide, each of which has to be shown for that, and then calls `show`.
export function fitAll(sections, show) {
  for (const section of sections) {
    section.hidden = false;
    section.querySelectorAll(".bl-plate").forEach(relaxLabel);
    fitContent(section);
    section.hidden = true;
  }
  show();
}
