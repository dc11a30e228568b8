// Counts seconds in the browser, so it ticks while the kernel works; performance.now() knows no clock skew.
function countdown(el, onZero) {
  let end = null, words = "", timer = null, spoken = null;
  const paint = () => {
    const left = Math.max(0, (end - performance.now()) / 1000);
    const whole = Math.ceil(left);
    el.style.setProperty("--bx-left", left / 30);
    el.querySelector(".bx-count-number").textContent = String(whole);
    el.querySelector(".bx-count-words").textContent = words;
    if (whole !== spoken && (whole === 30 || whole === 10)) {
      el.querySelector(".bx-count-spoken").textContent = `${whole} seconds left`;
    }
    spoken = whole;
    if (left <= 0) { stop(); onZero(); }
  };
  const stop = () => { clearInterval(timer); timer = null; el.hidden = true; };
  el.className = "bx-countdown";
  el.hidden = true;
  el.innerHTML = `<span class="bx-count-number" aria-hidden="true"></span><span class="bx-count-words"></span>
    <span class="bx-count-spoken bx-hidden" role="status"></span>`;
  return {
    start(seconds, text) {
      end = performance.now() + seconds * 1000; words = text; spoken = null; el.hidden = false;
      clearInterval(timer); timer = setInterval(paint, 200); paint();
    },
    stop,
    get running() { return timer !== null; },
  };
}
