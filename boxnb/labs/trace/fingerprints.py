"""Secrets out, fingerprints in: for whatever a lesson shows of a request.

The same secret has the same fingerprint and the same colour everywhere, in the trace, the timeline and the labs,
so that a token that was replaced is *seen* to be another one.
"""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from boxnb.redaction import holds_secret, known_only
from boxnb.secret import fingerprint

OF_REQUESTS = frozenset(("code", "state"))
"""Secret in the addresses and forms of a sign-in; a JSON answer's ``code`` and ``state`` are words such as ``not_found``."""
OF_ANSWERS = frozenset(("download_url", "upload_url"))
"""Addresses that carry their own right."""
WORD = re.compile(r"[A-Za-z]{1,16}(?:[ _-][A-Za-z]{1,16}){0,3}\d{0,3}")
"""Such as ``page2``, ``open``, ``not_found``: what an answer's field called ``token`` or ``session`` may hold as well."""
WORDY = frozenset(("token", "session"))
CHIP = re.compile(r"<secret ([0-9a-f]{4})>")
BEARING = re.compile(r"^(/dl?/)(.+)$")
"""A path that carries its own right, of Box's download hosts and of the sandbox's (Box guide *Download*)."""
BODY = 1500
"""Characters kept of a body."""


def masked(value: str) -> str:
    """``<secret 3fa9>``, as :class:`boxnb.Secret` prints itself; empty, and what is masked already, stays.

    The value is not kept: a word that merely stands in a field of that name must not be masked in logs from now on.
    """
    return value if not value or CHIP.fullmatch(value) else f"<secret {fingerprint(value)}>"


def pairs(text: str) -> dict[str, str]:
    """The fields of a query or form, the secret ones as fingerprints."""
    found = parse_qsl(text, keep_blank_values=True)
    return {known_only(name): _field(name, value) for name, value in found}


def _field(name: str, value: str) -> str:
    if name.lower() in OF_REQUESTS | OF_ANSWERS or holds_secret(name):
        return masked(value)
    return known_only(url(value))


def url(address: str) -> str:
    """An address whose user name, password, secret parameters and own right are fingerprints."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return masked(address)
    path = BEARING.sub(lambda found: found[1] + masked(found[2]), parts.path)
    if not parts.netloc and not parts.query:
        return known_only(address if path == parts.path else path)
    netloc = parts.netloc.rpartition("@")[2]
    query = "&".join(f"{name}={_in_query(value)}" for name, value in pairs(parts.query).items())
    fragment = "&".join(f"{name}={_in_query(value)}" for name, value in pairs(parts.fragment).items())
    return known_only(urlunsplit(parts._replace(netloc=netloc, path=path, query=query, fragment=fragment)))


def _in_query(value: str) -> str:
    return value if CHIP.fullmatch(value) else quote(value, safe="/:")


def headers(given: Any) -> dict[str, str]:
    """Headers with the secret ones as fingerprints; the scheme of ``Authorization`` stays."""
    shown: dict[str, str] = {}
    for name, value in given.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        if holds_secret(name):
            scheme, space, rest = text.partition(" ")
            split = name.lower().endswith("authorization") and space
            shown[name] = f"{scheme} {masked(rest)}" if split else masked(text)
        elif name.lower() == "boxapi":  # a shared link and its password
            shown[name] = "&".join(f"{key}={value}" for key, value in pairs(text).items())
        else:
            shown[name] = known_only(
                url(text) if any(mark in text for mark in "?@#") or "/d" in text else text
            )
    return shown


def plain(value: Any, name: str = "") -> Any:
    """A JSON value with the secret fields as fingerprints."""
    if isinstance(value, dict):
        return {known_only(str(key)): plain(each, str(key)) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each, name) for each in value]
    if isinstance(value, str):
        if name.lower() in OF_ANSWERS or (
            holds_secret(name) and not (name.lower() in WORDY and WORD.fullmatch(value))
        ):
            return masked(value)
        return known_only(url(value) if "://" in value else value)
    return value


_MET: dict[str, int] = {}


def hue(fingerprint: str) -> int:
    """The colour of a fingerprint, degrees on the colour circle: by the order in which fingerprints were met.

    So a token and the one that replaces it are far apart; by their digits they would look alike now and then.
    """
    return _MET.setdefault(fingerprint, len(_MET)) * 137 % 360


def chips(text: str) -> str:
    """Escaped HTML in which each fingerprint is a coloured chip; the digits stay readable."""
    return re.sub(
        r"&lt;secret ([0-9a-f]{4})&gt;",
        lambda found: (
            f'<span class="bl-chip" style="--bl-hue:{hue(found[1])}" title="a secret, shown as its fingerprint">'
            f"{found[1]}</span>"
        ),
        html.escape(text),
    )
