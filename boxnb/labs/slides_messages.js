// Every message of the slides and of the presenter's notes.
export const SLIDES = {
  keys: "→ or Space: forward\u2003← back\u2003Home, End: first, last\u2003N: notes\u2003S: clock"
    + "\u2003R: reset\u2003?: hide this line",
  blocked: "The browser blocked the notes window: allow pop-ups for this page, then press N again.",
};

export const NOTES = {
  title: (slides) => `Notes: ${slides}`,
  keys: "→ or Space: forward\u2003← back\u2003Home, End: first, last\u2003S: start or pause the clock"
    + "\u2003R: reset it\u2003↑ ↓ scroll",
  notStarted: "press S to start",
  paused: "paused",
  planned: (from, to) => `planned: minute ${from} to ${to}`,
  early: (time) => `${time} early`,
  late: (time) => `${time} late`,
  onTime: "on time",
  now: (number, count, title) => `Slide ${number} of ${count}: ${title}`,
  heading: (number, title) => `${number}. ${title}`,
  reveals: "Next key: shows the answer",
  next: (title) => `Next slide: ${title}`,
  last: "This is the last slide.",
  untitled: "(no title)",
  tooFull: (percent) => (
    `This slide has more content than fits, so its letters have ${percent} % of their size. `
    + "Split it in the notebook."),
  alone: "No slides are connected to this window. Open the slides, and press N there.",
};
