// A countdown of a code's lifetime. It runs in the browser, so that it ticks while the kernel is busy.
// It uses performance.now(), which does not depend on the computer's clock.
// The caller passes the number of seconds. Before the redirect, it comes from returned() in
// sign_in_panel_view.js; after the redirect, from _code_seconds_left in boxnb/signin/flow.py.
import { CODE_SECONDS } from "./sign_in_panel_state.js";

const TICK = 200; // milliseconds
const SPOKEN = [30, 10]; // how many seconds are left when a screen reader announces them

// Returns start(seconds, label) and stop(); `el` must be an empty element.
export function countdown(el, { secondsLeft, onZero }) {
  let end = null, label = "", timer = null, previous = null;
  el.className = "bx-countdown";
  el.hidden = true;
  el.innerHTML = `<span class="bx-count-number" aria-hidden="true"></span><span class="bx-count-words"></span>
    <span class="bx-count-spoken bx-hidden" role="status"></span>`;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    el.hidden = true;
  };
  const paint = () => {
    const remaining = Math.max(0, (end - performance.now()) / 1000);
    const seconds = Math.ceil(remaining);
    el.style.setProperty("--bx-left", remaining / CODE_SECONDS);
    el.querySelector(".bx-count-number").textContent = String(seconds);
    el.querySelector(".bx-count-words").textContent = label;
    if (seconds !== previous && SPOKEN.includes(seconds)) {
      el.querySelector(".bx-count-spoken").textContent = secondsLeft(seconds);
    }
    previous = seconds;
    if (remaining <= 0) {
      stop();
      onZero();
    }
  };
  const start = (seconds, newLabel) => {
    end = performance.now() + seconds * 1000;
    label = newLabel;
    previous = null;
    el.hidden = false;
    clearInterval(timer);
    timer = setInterval(paint, TICK);
    paint();
  };
  return { start, stop };
}
