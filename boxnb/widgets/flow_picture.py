"""One picture of the whole authorization-code flow: what passes through the browser, and what does not.

The lessons and the help of the sign-in panel show the same picture. Its colours follow JupyterLab's theme, or the system's.
"""

from __future__ import annotations

import html
from typing import Final, NamedTuple

NOTEBOOK: Final = "notebook"
BROWSER: Final = "your browser"
SERVER: Final = "authorization server"
API: Final = "API"
LANES: Final = {NOTEBOOK: 70, BROWSER: 268, SERVER: 486, API: 690}
"""Each party, and the x position of its line."""

WIDTH, HEAD, BAND, ROW, GAP = 760, 28, 26, 28, 6


class Arrow(NamedTuple):
    """One message: its leg, its ends, what it is or carries, and whether it answers the message before it."""

    leg: int
    sender: str
    receiver: str
    text: str
    is_answer: bool = False


FRONT: Final = (
    Arrow(1, NOTEBOOK, BROWSER, "link with state"),
    Arrow(2, BROWSER, SERVER, "you sign in, press Grant"),
    Arrow(2, SERVER, BROWSER, "code, state", is_answer=True),
    Arrow(2, BROWSER, NOTEBOOK, "code, state"),
)
"""The messages that pass through the browser, in order (RFC 6749 4.1.1 and 4.1.2)."""

BACK: Final = (
    Arrow(3, NOTEBOOK, SERVER, "code, client secret"),
    Arrow(3, SERVER, NOTEBOOK, "access token, refresh token", is_answer=True),
    Arrow(4, NOTEBOOK, API, "access token"),
    Arrow(4, API, NOTEBOOK, "your data", is_answer=True),
    Arrow(5, NOTEBOOK, SERVER, "refresh token, client secret"),
    Arrow(5, SERVER, NOTEBOOK, "new access token, new refresh token", is_answer=True),
    Arrow(6, NOTEBOOK, SERVER, "revoke: refresh token, client secret"),
)
"""The messages that the notebook sends itself, and their answers (RFC 6749 4.1.3 and 6, RFC 6750, RFC 7009)."""

FRONT_TITLE: Final = "Front channel: passes through the browser, can be seen"
BACK_TITLE: Final = "Back channel: straight to the server, cannot be seen"
TITLE: Final = "The whole flow: front channel and back channel"

_STYLE: Final = (
    ".bf-picture{display:block;width:100%;max-width:960px;min-width:480px;height:auto}"
    ".bf-picture text{font:14px var(--jp-ui-font-family,system-ui,sans-serif);fill:var(--jp-ui-font-color1,CanvasText)}"
    ".bf-picture .bf-head{font-weight:600}.bf-picture .bf-leg{font-weight:600;fill:#fff}"
    ".bf-front{fill:var(--jp-warn-color1,#b26a00);fill-opacity:.14}"
    ".bf-back{fill:var(--jp-brand-color1,#1667b7);fill-opacity:.12}"
    ".bf-line{stroke:var(--jp-border-color1,#888);stroke-opacity:.7}"
    ".bf-arrow{stroke:var(--jp-ui-font-color1,CanvasText);stroke-width:1.5;fill:none}.bf-answer{stroke-dasharray:5 4}"
    ".bf-tip{fill:var(--jp-ui-font-color1,CanvasText)}.bf-badge{fill:#0d47a1}"
)


def in_words() -> str:
    """Return every message of the picture as a sentence, one per line."""
    lines = [f"{FRONT_TITLE}.", *map(_sentence, FRONT), f"{BACK_TITLE}.", *map(_sentence, BACK)]
    return "\n".join(lines)


def _sentence(arrow: Arrow) -> str:
    verb = "answers" if arrow.is_answer else "to"
    return f"Leg {arrow.leg}: {arrow.sender} {verb} {arrow.receiver}: {arrow.text}."


def svg() -> str:
    """Return the picture as SVG, which needs no other style and nothing from the network."""
    front_height, back_height = (BAND + ROW * len(arrows) + 8 for arrows in (FRONT, BACK))
    back_top = HEAD + front_height + GAP
    height = back_top + back_height
    heads = "".join(
        f'<text class="bf-head" x="{x}" y="18" text-anchor="middle">{name}</text>'
        for name, x in LANES.items()
    )
    return (
        f'<svg class="bf-picture" viewBox="0 0 {WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{TITLE}</title><desc>{html.escape(in_words())}</desc><style>{_STYLE}</style>"
        f'<rect class="bf-front" x="0" y="{HEAD}" width="{WIDTH}" height="{front_height}" rx="8"/>'
        f'<rect class="bf-back" x="0" y="{back_top}" width="{WIDTH}" height="{back_height}" rx="8"/>'
        f"{heads}{_band(FRONT_TITLE, FRONT, HEAD, list(LANES))}{_band(BACK_TITLE, BACK, back_top, [NOTEBOOK, SERVER, API])}</svg>"
    )


def _band(title: str, arrows: tuple[Arrow, ...], top: int, lanes: list[str]) -> str:
    rows = top + BAND
    lines = "".join(
        f'<path class="bf-line" d="M{LANES[name]} {rows}v{ROW * len(arrows)}"/>' for name in lanes
    )
    drawn = "".join(_arrow(arrow, rows + ROW * row + 20) for row, arrow in enumerate(arrows))
    return f'<text class="bf-head" x="14" y="{top + 20}">{title}</text>{lines}{drawn}'


def _arrow(arrow: Arrow, y: int) -> str:
    start, end = LANES[arrow.sender], LANES[arrow.receiver]
    ahead = 1 if end > start else -1
    badge = (
        ""
        if arrow.is_answer
        else f'<circle class="bf-badge" cx="{start}" cy="{y}" r="10"/>'
        f'<text class="bf-leg" x="{start}" y="{y + 5}" text-anchor="middle">{arrow.leg}</text>'
    )
    begin = start if arrow.is_answer else start + 10 * ahead
    answer = " bf-answer" if arrow.is_answer else ""
    return (
        f'<path class="bf-arrow{answer}" d="M{begin} {y}H{end - 9 * ahead}"/>'
        f'<path class="bf-tip" d="M{end} {y}l{-10 * ahead} -5v10z"/>{badge}'
        f'<text x="{(start + end) / 2:.0f}" y="{y - 6}" text-anchor="middle">{html.escape(arrow.text)}</text>'
    )
