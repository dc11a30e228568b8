import { PANEL } from "./sign_in_panel_messages.js";

// Returns a drawing of a page that cannot be reached.
// An arrow points to its address, which contains the code.
export function unreachablePage(messages = PANEL.drawing) {
  const address = messages.address.replaceAll("&", "&amp;");
  return `<svg class="bx-drawing" viewBox="0 0 420 132" role="img" aria-labelledby="bx-draw-t">
  <title id="bx-draw-t">${messages.title}</title>
  <rect x="1" y="1" width="418" height="130" rx="8" class="bx-d-window"/>
  <path d="M1 38h418" class="bx-d-line"/>
  <circle cx="16" cy="19" r="4" class="bx-d-dot"/><circle cx="30" cy="19" r="4" class="bx-d-dot"/>
  <circle cx="44" cy="19" r="4" class="bx-d-dot"/>
  <rect x="60" y="8" width="348" height="22" rx="11" class="bx-d-address"/>
  <text x="72" y="23" class="bx-d-mono">${address}</text>
  <text x="210" y="70" text-anchor="middle" class="bx-d-big">${messages.unreachable}</text>
  <text x="210" y="90" text-anchor="middle" class="bx-d-small">${messages.expected}</text>
  <path d="M352 118c22-8 32-34 30-80" class="bx-d-arrow"/><path d="M377 47l5-10 5 9" class="bx-d-arrow"/>
  <text x="345" y="121" text-anchor="end" class="bx-d-note">${messages.copy}</text>
</svg>`;
}
