"""The pages that the receiver shows in the browser after a redirect. They never show anything from the request."""

from __future__ import annotations

import html
from typing import Final

from boxnb.oauth.failures import capitalized, display_name

_PAGES: Final = {
    "granted": (
        "Permission received",
        (
            "The code has reached boxnb, which is now exchanging it for a token. "
            "You can close this tab and go back to where you started the sign-in."
        ),
    ),
    "denied": (
        "Permission was not given",
        (
            "{Box} was told not to grant access, so nothing was saved. "
            "Close this tab, and try again where you started the sign-in."
        ),
    ),
    "failed": (
        "{Box} did not grant access",
        (
            "It sent an error instead of a code, so nothing was saved. "
            "Close this tab, and see what the error means where you started the sign-in."
        ),
    ),
    "unproved": (
        "It seems that {box} did not grant access",
        (
            "The address contains an error but no state, so anyone could have sent it. boxnb keeps waiting. "
            "If you were just signing in, see what the error means where you started the sign-in."
        ),
    ),
    "wrong-state": (
        "This response belongs to another request",
        (
            "It does not contain the state that boxnb sent, so it was ignored and nothing was saved. "
            "Close this tab and open the newest link to {box}."
        ),
    ),
    "used": (
        "This response was already used",
        "boxnb accepts one response per request. Close this tab and go back to where you started the sign-in.",
    ),
    "not-found": ("Nothing here", "This address only waits for the response to a sign-in to {box}."),
    "refused": (
        "Not accepted",
        "This address accepts only a GET request from the browser that {box} sent here.",
    ),
}
_STYLE: Final = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.2rem}"
    "h1{font-size:1.35rem;margin:0 0 .5rem}p{margin:.4rem 0}small{opacity:.72}"
)


def landing_page(name: str, server: str = "Box") -> bytes:
    """Return one of boxnb's own pages as HTML. It never shows anything from the request's URL."""
    box = display_name(server)
    title, text = (part.replace("{Box}", capitalized(box)).replace("{box}", box) for part in _PAGES[name])
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>boxnb: {html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>"
        f"<p><small>This page comes from boxnb on the computer where you started the sign-in, not from {html.escape(box)}.</small></p></html>"
    )
    return page.encode("utf-8")
