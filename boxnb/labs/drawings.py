"""Two drawings for the lessons: where the password goes, and the whole flow on its two channels."""

from __future__ import annotations

from boxnb.labs.display import Still, escaped
from boxnb.widgets import flow_picture as picture

_DESCRIPTION = (
    "The notebook sends the browser to the authorization server. The authorization server may redirect the browser to "
    "the company's single sign-on. You type the user name and password in the browser, on a page from one of these two. "
    "The notebook gets back a code, never a password."
)
_WIDTH, _HEIGHT = 246, 76
_BOXES = (
    (4, 92, "the notebook", "knows client ID, client secret,", "later the tokens"),
    (307, 92, "your browser", "you type here, on a page", "from Box or your company"),
    (610, 4, "authorization server", "user name, password,", "then: do you allow the app?"),
    (610, 180, "your company's sign-in", "user name, password,", "second factor"),
)


def where_the_password_goes() -> Still:
    """Return a drawing that shows who asks for the password and who never sees it, also with single sign-on."""
    boxes = "".join(
        f'<rect class="bl-note" x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>'
        f'<text class="bl-head" x="{x + _WIDTH / 2:g}" y="{y + 22}" text-anchor="middle">{escaped(name)}</text>'
        f'<text class="bl-small" x="{x + _WIDTH / 2:g}" y="{y + 44}" text-anchor="middle">{escaped(line_1)}</text>'
        f'<text class="bl-small" x="{x + _WIDTH / 2:g}" y="{y + 62}" text-anchor="middle">{escaped(line_2)}</text>'
        for x, y, name, line_1, line_2 in _BOXES
    )
    arrows = (
        '<path class="bl-arrow" d="M250 118h49"/><path class="bl-tip" d="M297 114l8 4l-8 4z"/>'
        '<text class="bl-small" x="278" y="109" text-anchor="middle">link</text>'
        '<path class="bl-carry" d="M307 144h-49"/><path class="bl-tip" d="M260 140l-8 4l8 4z"/>'
        '<text class="bl-small" x="278" y="163" text-anchor="middle">code</text>'
        '<path class="bl-arrow" d="M553 114L604 62"/><path class="bl-tip" d="M600 60l8 -2l-2 8z"/>'
        '<path class="bl-arrow" d="M553 148L604 200"/><path class="bl-tip" d="M606 194l2 8l-8 -2z"/>'
        '<path class="bl-back-arrow" d="M733 80v24M733 128v44"/><path class="bl-tip" d="M729 170l4 8l4 -8z"/>'
        '<text class="bl-small" x="733" y="121" text-anchor="middle">with single sign-on: sends you there</text>'
    )
    inner = (
        '<div class="bl-page"><svg class="bl-drawing" viewBox="0 0 860 260" role="img" xmlns="http://www.w3.org/2000/svg">'
        f"<title>Where the password goes</title><desc>{escaped(_DESCRIPTION)}</desc>{boxes}{arrows}</svg></div>"
    )
    return Still(inner, _DESCRIPTION)


def flow_picture() -> Still:
    """Return one picture of the whole flow: what passes through the browser, and what the notebook sends itself."""
    return Still(f'<div class="bl-page">{picture.svg()}</div>', picture.in_words())
