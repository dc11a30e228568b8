"""The HTML of the sandbox's own pages. Every value is escaped unless it is already `Html`."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template

from starlette.responses import HTMLResponse

FOLDER = Path(__file__).resolve().parent / "pages"
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
}


class Html(str):
    """A string that is already HTML."""


def fill(name: str, /, **values: str) -> Html:
    """Return the template `name` from the folder `pages`, filled with escaped `values`."""
    template = Template((FOLDER / f"{name}.html").read_text(encoding="utf-8"))
    return Html(template.substitute({k: v if isinstance(v, Html) else escape(v) for k, v in values.items()}))


def page(title: str, body: Html, *, status: int = 200, wide: bool = False) -> HTMLResponse:
    """Return a page of the sandbox. Its headers forbid browsers to cache it or to show it in a frame."""
    html = fill("page", title=title, body=body, width="wide" if wide else "")
    return HTMLResponse(html, status_code=status, headers=HEADERS)


def details(pairs: dict[str, str]) -> Html:
    """Return `<dt>`/`<dd>` lines, with one `<code>` for each line of a value."""

    def code_lines(value: str) -> str:
        return "<br>".join(f"<code>{escape(line)}</code>" for line in (value or "(empty)").split("\n"))

    return Html(
        "\n".join(f"<dt>{escape(name)}</dt><dd>{code_lines(value)}</dd>" for name, value in pairs.items())
    )


def problem(code: str, heading: str, text: str, fields: dict[str, str]) -> HTMLResponse:
    """Return the page that a user sees if the authorization request is invalid (box-facts 1.2: never a redirect)."""
    lines = details({"error": code, **fields})
    body = fill("error", heading=heading, text=text, details=lines)
    return page(heading, body, status=400)
