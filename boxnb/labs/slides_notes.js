// The presenter's window: the notes of the slide that the audience sees, a clock, and what comes next.
import { NOTES } from "./slides_messages.js";
import { CLOCK_AT_ZERO, afterKey, asTime, delay, elapsed, isState } from "./slides_state.js";

const ASK = 500; // milliseconds between two questions to the slides, which also move the clock
const SILENCE = 3000; // milliseconds without an answer after which the slides count as closed

function titleOf(section) {
  return section?.querySelector("h1, h2, h3")?.textContent.trim() || NOTES.untitled;
}

function setText(name, text) {
  const element = document.querySelector(`.notes .${name}`);
  if (element.textContent !== text) element.textContent = text;
}

// Returns whether the clock stands still, the minutes that the notes name, and how early or late the talk is.
function paceText(article, clock, now) {
  const { from, to } = article.dataset;
  const time = elapsed(clock, now);
  const texts = [];
  if (clock.since === null) texts.push(time === 0 ? NOTES.notStarted : NOTES.paused);
  if (from !== undefined) texts.push(NOTES.planned(from, to));
  if (from !== undefined && time > 0) {
    const late = delay(time, Number(from), Number(to));
    const pace = late > 0 ? NOTES.late(asTime(late)) : NOTES.early(asTime(-late));
    texts.push(late === 0 ? NOTES.onTime : pace);
  }
  return texts.join(" · ");
}

function nextText(state, sections, fragmentCounts) {
  if (state.slide === sections.length - 1) return NOTES.last;
  const next = NOTES.next(titleOf(sections[state.slide + 1]));
  return state.shown < fragmentCounts[state.slide] ? `${NOTES.reveals}. ${next}` : next;
}

function connected(heardAt, now) {
  return now - heardAt <= SILENCE;
}

function connectionText(heardAt, percent, now) {
  if (!connected(heardAt, now)) return NOTES.alone;
  return percent < 100 ? NOTES.tooFull(percent) : "";
}

function showHeadings(articles, sections) {
  articles.forEach((article, index) => {
    const heading = document.createElement("h2");
    heading.textContent = NOTES.heading(index + 1, titleOf(sections[index]));
    article.prepend(heading);
  });
}

// Shows the notes and keeps them in step with the slides. Without slides, the keys turn the notes alone.
export function connectNotes(sections, fragmentCounts) {
  const articles = [...document.querySelectorAll("article")];
  let state = { slide: 0, shown: 0, clock: CLOCK_AT_ZERO };
  let heardAt = opener ? Date.now() : 0;
  let percent = 100;
  const show = () => {
    const now = Date.now(), article = articles[state.slide];
    if (article.hidden) {
      articles.forEach((other) => { other.hidden = other !== article; });
      scrollTo(0, 0);
    }
    setText("clock", asTime(elapsed(state.clock, now)));
    setText("pace", paceText(article, state.clock, now));
    setText("now", NOTES.now(state.slide + 1, sections.length, titleOf(sections[state.slide])));
    setText("next", nextText(state, sections, fragmentCounts));
    setText("connection", connectionText(heardAt, percent, now));
  };
  const press = (key) => {
    const next = afterKey(key, state, fragmentCounts, Date.now());
    if (!next) return false;
    if (connected(heardAt, Date.now())) opener.postMessage({ boxnb: "notes", key }, "*");
    else {
      state = next;
      show();
    }
    return true;
  };
  const ask = () => {
    opener?.postMessage({ boxnb: "notes" }, "*");
    show();
  };
  document.title = NOTES.title(document.title);
  document.querySelector(".stage").hidden = true;
  document.querySelector(".notes").hidden = false;
  setText("keys", NOTES.keys);
  showHeadings(articles, sections);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (press(event.key)) event.preventDefault();
  });
  addEventListener("message", ({ source, data }) => {
    if (source !== opener || data?.boxnb !== "slides" || !isState(data.state, fragmentCounts)) return;
    ({ state, percent } = data);
    heardAt = Date.now();
    show();
  });
  setInterval(ask, ASK);
  ask();
}
