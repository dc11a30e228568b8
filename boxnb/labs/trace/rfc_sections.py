"""Which rule an exchange belongs to, and who speaks to whom."""

from __future__ import annotations

from typing import NamedTuple

BROWSER, NOTEBOOK, AUTHORITY, API = "browser", "notebook", "authorization server", "API"
LANES = (BROWSER, NOTEBOOK, AUTHORITY, API)


class Place(NamedTuple):
    """Sender, receiver, a few words, and the section of the rule."""

    sender: str
    receiver: str
    label: str
    section: str


GRANTS = {
    "authorization_code": ("code for a token", "RFC 6749 4.1.3, Access Token Request"),
    "refresh_token": ("refresh", "RFC 6749 6, Refreshing an Access Token"),
}
DECISIONS = {"grant": "the person presses Grant", "deny": "the person presses Deny"}


def place(method: str, path: str, form: dict[str, str], scheme: str = "") -> Place:
    """Where a request belongs, from what is visible of it."""
    last = path.rstrip("/").rpartition("/")[2]
    if last in ("authorize", "auth"):
        if method == "GET":
            words, section = "open the link", "RFC 6749 4.1.1, Authorization Request"
        elif "password" in form:
            words, section = "sign in, at the server", "RFC 6749 3.1, Authorization Endpoint"
        else:
            words = DECISIONS.get(form.get("decision", ""), "answer the page")
            section = "RFC 6749 4.1.2, Authorization Response"
        return Place(BROWSER, AUTHORITY, words, section)
    if last == "revoke":
        return Place(NOTEBOOK, AUTHORITY, "revoke", "RFC 7009 2.1, Revocation Request")
    if last in ("token", "access_token"):
        words, section = GRANTS.get(form.get("grant_type", ""), ("token request", "RFC 6749 3.2"))
        secret = form.get("code") or form.get("refresh_token") or ""
        return Place(NOTEBOOK, AUTHORITY, f"{words} {secret}".strip(), section)
    basic = scheme.lower() == "basic"
    section = (
        "RFC 7617 2, Basic Authentication" if basic else "RFC 6750 2.1, Authorization Request Header Field"
    )
    return Place(NOTEBOOK, API, f"{method} {path}", section)


def of_answer(section: str, form: dict[str, str], status: int, carried: dict[str, str]) -> str:
    """The section once the answer is known: errors have rules of their own."""
    if "error" in carried:
        return "RFC 6749 4.1.2.1, Error Response"
    if status == 429:
        return "Box guide: Rate limits"
    if "6750" in section and status in (401, 403):
        return "RFC 6750 3.1, Error Codes"
    if form.get("grant_type") and status >= 400:
        return "RFC 6749 5.2, Error Response"
    if "4.1.1" in section and status >= 400:
        return "RFC 6749 4.1.2.1, Error Response (shown, not redirected)"
    return section
