// Shows the slides, or, in the window that N opens, the presenter's notes. Both windows load the same file.
// The slides hold the state; the notes ask for it and send their keys. They exchange messages, because a
// page that was opened as a file may not look into another window.
import { SLIDES } from "./slides_messages.js";
import { connectNotes } from "./slides_notes.js";
import { fitAll, fitContent, fitStage } from "./slides_stage.js";
import { CLOCK_AT_ZERO, afterKey, isForElement, isState, slideInFragment } from "./slides_state.js";

const sections = [...document.querySelectorAll("section")];
const parts = sections.map((section) => [...section.querySelectorAll(".fragment")]);
const fragmentCounts = parts.map((fragments) => fragments.length);
const help = document.querySelector(".stage .keys");
const status = document.querySelector(".status");
let notesWindow = null;

// Returns the state before the page was loaded again, or the slide that the address names.
function firstState() {
  const named = slideInFragment(location.hash, sections.length);
  const saved = history.state;
  if (!isState(saved, fragmentCounts)) return { slide: named, shown: 0, clock: CLOCK_AT_ZERO };
  return saved.slide === named ? saved : { ...saved, slide: named, shown: 0 };
}

function sendState(state, target) {
  const content = sections[state.slide].querySelector(".content");
  const percent = Math.round(100 * Math.min(1, Number(content.style.getPropertyValue("--size") || 1)));
  target.postMessage({ boxnb: "slides", state, percent }, "*");
}

function openNotes() {
  notesWindow = open(`${location.href.split("#")[0]}#notes`, "boxnb-notes", "popup,width=960,height=720");
  status.textContent = notesWindow ? "" : SLIDES.blocked;
  notesWindow?.focus();
}

function openExchange(arrow) {
  const page = arrow.closest(".bl-page");
  const details = page.querySelector(`details[data-exchange="${arrow.dataset.exchange}"]`);
  if (details) details.open = true;
}

function startSlides() {
  let state = firstState();
  const show = () => {
    sections.forEach((section, index) => { section.hidden = index !== state.slide; });
    parts.forEach((fragments, slide) => fragments.forEach((fragment, index) => {
      const shown = slide < state.slide || (slide === state.slide && index < state.shown);
      fragment.classList.toggle("shown", shown);
    }));
    history.replaceState(state, "", `#${state.slide + 1}`);
    if (notesWindow && !notesWindow.closed) sendState(state, notesWindow);
  };
  const press = (key) => {
    const next = afterKey(key, state, fragmentCounts, Date.now());
    if (!next) return false;
    state = next;
    status.textContent = "";
    show();
    return true;
  };
  help.textContent = SLIDES.keys;
  document.querySelectorAll("g[data-exchange]").forEach((arrow) => {
    arrow.addEventListener("click", () => openExchange(arrow));
  });
  // Nothing scrolls on a slide, so a frame needs no keys.
  document.querySelectorAll(".bl-scroll").forEach((frame) => frame.removeAttribute("tabindex"));
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("summary, button, a, [tabindex]") && isForElement(event.key)) return;
    if (event.key === "?") help.hidden = !help.hidden;
    else if (event.key.toLowerCase() === "n") openNotes();
    else if (press(event.key)) event.preventDefault();
  });
  addEventListener("message", ({ source, data }) => {
    if (data?.boxnb !== "notes" || source?.opener !== window) return;
    notesWindow = source; // also after the slides were loaded again
    if (data.key) press(String(data.key));
    else sendState(state, source);
  });
  addEventListener("resize", fitStage);
  addEventListener("load", () => { fitAll(sections, show); });
  addEventListener("toggle", () => fitContent(sections[state.slide]), true);
  fitStage();
  show();
}

if (location.hash === "#notes") connectNotes(sections, fragmentCounts);
else startSlides();
