// A countdown that runs in the browser, so that it ticks while the kernel is busy.
// It uses performance.now(), which does not depend on the computer's clock.
const TICK = 200; // milliseconds
const SPOKEN = [30, 10]; // the seconds that a screen reader announces

// Returns start(seconds, text) and stop(); `el` must be an empty element.
export function countdown(el, { secondsLeft, onZero }) {
  let end = null, text = "", timer = null, previous = null;
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
    const left = Math.max(0, (end - performance.now()) / 1000);
    const seconds = Math.ceil(left);
    el.style.setProperty("--bx-left", left / 30);
    el.querySelector(".bx-count-number").textContent = String(seconds);
    el.querySelector(".bx-count-words").textContent = text;
    if (seconds !== previous && SPOKEN.includes(seconds)) {
      el.querySelector(".bx-count-spoken").textContent = secondsLeft(seconds);
    }
    previous = seconds;
    if (left <= 0) {
      stop();
      onZero();
    }
  };
  const start = (seconds, words) => {
    end = performance.now() + seconds * 1000;
    text = words;
    previous = null;
    el.hidden = false;
    clearInterval(timer);
    timer = setInterval(paint, TICK);
    paint();
  };
  return { start, stop };
}
