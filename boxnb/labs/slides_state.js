// Pure functions that decide what slides and notes show. A state holds the number of the slide, how many of
// its fragments are shown, and the clock of the talk; `fragments` holds the number of fragments of each
// slide.

// A clock holds the milliseconds before its last pause, and when it was started again, or null while it is
// paused.
export const CLOCK_AT_ZERO = { before: 0, since: null };

export const STAGE = { width: 1280, height: 720 }; // CSS pixels, as in slides.css

// Keys that a focused element may need itself.
const ELEMENT_KEYS = [" ", "Enter", "ArrowDown", "ArrowUp"];
const FORWARD = ["ArrowRight", "PageDown", " "];
const BACK = ["ArrowLeft", "PageUp"];
const MINUTE = 60_000; // milliseconds

export function isForElement(key) {
  return ELEMENT_KEYS.includes(key);
}

export function withinSlides(index, slideCount) {
  return Math.max(0, Math.min(slideCount - 1, index));
}

// Returns the index of the slide that a URL fragment such as "#3" names, or 0 if it does not name one.
export function slideInFragment(hash, slideCount) {
  return withinSlides(Number(hash.slice(1)) - 1 || 0, slideCount);
}

// Returns the state after a key, or null if the key changes nothing. Forward shows the next fragment before
// it turns the slide; back hides the last one.
export function afterKey(key, state, fragments, now) {
  const last = fragments.length - 1;
  if (FORWARD.includes(key)) {
    if (state.shown < fragments[state.slide]) return { ...state, shown: state.shown + 1 };
    return state.slide < last ? { ...state, slide: state.slide + 1, shown: 0 } : state;
  }
  if (BACK.includes(key)) {
    if (state.shown > 0) return { ...state, shown: state.shown - 1 };
    return state.slide > 0 ? { ...state, slide: state.slide - 1, shown: fragments[state.slide - 1] } : state;
  }
  const others = {
    Home: { slide: 0, shown: 0 }, End: { slide: last, shown: 0 },
    s: { clock: startOrPause(state.clock, now) }, r: { clock: CLOCK_AT_ZERO },
  };
  const change = others[key.length === 1 ? key.toLowerCase() : key];
  return change ? { ...state, ...change } : null;
}

export function startOrPause(clock, now) {
  return clock.since === null
    ? { ...clock, since: now }
    : { before: elapsed(clock, now), since: null };
}

// Returns the milliseconds of the talk so far.
export function elapsed(clock, now) {
  return clock.before + (clock.since === null ? 0 : now - clock.since);
}

// Returns a duration as "4:07" or "1:02:03".
export function asTime(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const padded = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${padded(minutes)}:${padded(rest)}` : `${minutes}:${padded(rest)}`;
}

// Returns how many milliseconds the talk is late, negative if it is early, and 0 within the planned minutes.
export function delay(milliseconds, from, to) {
  if (milliseconds < from * MINUTE) return milliseconds - from * MINUTE;
  return Math.max(0, milliseconds - to * MINUTE);
}

// Returns the factor by which the stage fills a window without being cut.
export function scaleOf(width, height) {
  return Math.min(width / STAGE.width, height / STAGE.height);
}

// Returns whether a message contains a state that these slides can show.
export function isState(value, fragments) {
  return Number.isInteger(value?.slide) && value.slide in fragments
    && Number.isInteger(value.shown) && value.shown >= 0 && value.shown <= fragments[value.slide]
    && isClock(value.clock);
}

function isClock(value) {
  return Number.isFinite(value?.before) && (value.since === null || Number.isFinite(value.since));
}
