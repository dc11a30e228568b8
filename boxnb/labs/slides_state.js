// Pure functions that decide which slide to show.

// Keys that a focused element may need itself.
const ELEMENT_KEYS = [" ", "Enter", "ArrowDown", "ArrowUp"];

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

// Returns the index of the slide that a key moves to, or null if the key does not change the slide.
export function slideAfterKey(key, current, slideCount) {
  const targets = {
    ArrowRight: current + 1, PageDown: current + 1, " ": current + 1,
    ArrowLeft: current - 1, PageUp: current - 1, Home: 0, End: slideCount - 1,
  };
  return key in targets ? withinSlides(targets[key], slideCount) : null;
}
