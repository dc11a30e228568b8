import { PANEL } from "./sign_in_panel_messages.js";

const NOTICE_STYLE = "position:fixed; z-index:10000; right:24px; bottom:40px; max-width:26rem;"
  + "padding:12px 16px; text-align:left; cursor:pointer;"
  + "font:13px/1.5 var(--jp-ui-font-family, system-ui, sans-serif);"
  + "color:var(--jp-ui-font-color1, CanvasText); background:var(--jp-layout-color1, Canvas);"
  + "border:1px solid var(--jp-brand-color1, #1667b7); border-left-width:5px; border-radius:4px;"
  + "box-shadow:0 2px 12px rgb(0 0 0 / 30%);";

// Shows a notice on top of a page that shows neither the panel nor the cell that waited for it.
// An empty string removes the notice.
export function showNotice(text) {
  document.querySelectorAll(".bx-notice").forEach((notice) => notice.remove());
  if (!text) return;
  const notice = document.createElement("button");
  notice.className = "bx-notice";
  notice.setAttribute("role", "alert");
  notice.title = PANEL.close;
  notice.textContent = text;
  notice.style.cssText = NOTICE_STYLE;
  notice.addEventListener("click", () => notice.remove());
  document.body.appendChild(notice);
}
