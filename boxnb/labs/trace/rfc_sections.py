"""Find the rule that governs an exchange, and the exchange's sender and receiver."""

from __future__ import annotations

from typing import Final, NamedTuple

from boxnb.labs.trace.lanes import API, AUTHORIZATION_SERVER, BROWSER, NOTEBOOK

OPEN_LINK: Final = "open the link"


class Leg(NamedTuple):
    """The part of the flow that a request belongs to: sender, receiver, a short label, and the rule's section."""

    sender: str
    receiver: str
    label: str
    section: str


GRANTS = {
    "authorization_code": ("exchange code", "RFC 6749 4.1.3, Access Token Request"),
    "refresh_token": ("refresh", "RFC 6749 6, Refreshing an Access Token"),
    "client_credentials": ("client credentials", "RFC 6749 4.4.2, Access Token Request"),
}
SCHEMES = {
    "": "RFC 6750 2.1, Authorization Request Header Field",
    "bearer": "RFC 6750 2.1, Authorization Request Header Field",
    "basic": "RFC 7617 2, Basic Authentication",
}
OWN = "the server's own documentation"
"""Stands for the section of a rule that no RFC defines, such as a key in a header."""

DECISIONS = {"grant": "press Grant", "deny": "press Deny"}


def leg_of(method: str, path: str, form: dict[str, str], scheme: str = "") -> Leg:
    """Return the leg that a request belongs to, judging by its method, path, form and ``Authorization`` scheme."""
    endpoint = path.rstrip("/").rpartition("/")[2]
    is_signed = scheme.lower() in ("basic", "bearer")
    if endpoint in ("authorize", "auth") and not is_signed:
        if method == "GET":
            label, section = OPEN_LINK, "RFC 6749 4.1.1, Authorization Request"
        elif "password" in form:
            label, section = "sign in at the server", "RFC 6749 3.1, Authorization Endpoint"
        else:
            label = DECISIONS.get(form.get("decision", ""), "submit the page")
            section = "RFC 6749 4.1.2, Authorization Response"
        return Leg(BROWSER, AUTHORIZATION_SERVER, label, section)
    if endpoint == "revoke":
        label = _with_client_secret(f"revoke {form.get('token', '')}".strip(), form)
        return Leg(NOTEBOOK, AUTHORIZATION_SERVER, label, "RFC 7009 2.1, Revocation Request")
    if endpoint == "keep-alive":
        return Leg(NOTEBOOK, AUTHORIZATION_SERVER, "keep the token alive", OWN)
    if endpoint == "token" and scheme.lower() == "basic" and not form:
        return Leg(NOTEBOOK, AUTHORIZATION_SERVER, "password for a token", SCHEMES["basic"])
    if endpoint in ("token", "access_token"):
        label, section = GRANTS.get(form.get("grant_type", ""), ("token request", "RFC 6749 3.2"))
        secret = form.get("code") or form.get("refresh_token") or ""
        return Leg(
            NOTEBOOK, AUTHORIZATION_SERVER, _with_client_secret(f"{label} {secret}".strip(), form), section
        )
    return Leg(NOTEBOOK, API, f"{method} {path}", SCHEMES.get(scheme.lower(), OWN))


def _with_client_secret(label: str, form: dict[str, str]) -> str:
    """Return the label, and the client secret's fingerprint if the request contains it."""
    secret = form.get("client_secret", "")
    return f"{label}, client secret {secret}" if secret else label


def section_for_response(section: str, form: dict[str, str], status: int, carried: dict[str, str]) -> str:
    """Return the section that applies once the response is known: errors have their own sections."""
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
