"""Replace secrets with fingerprints in everything a lesson shows about a request.

The same secret has the same fingerprint and the same colour in the trace, the timeline and the labs, so that a
learner can *see* that one token has replaced another.
"""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from boxnb.known_secrets import redact_known
from boxnb.labs.display import Still
from boxnb.redaction import holds_secret
from boxnb.secret import fingerprint

SECRET_IN_REQUESTS = frozenset(("code", "state"))
"""Fields that are secret in the URLs and forms of a sign-in. In a JSON response they are words such as ``not_found``."""
SIGNED_URL_FIELDS = frozenset(("download_url", "upload_url"))
"""Fields whose URL grants access by itself."""
WORD = re.compile(r"[A-Za-z]{1,16}(?:[ _-][A-Za-z]{1,16}){0,3}\d{0,3}")
"""Matches ``page2``, ``open``, ``not_found``: harmless values of a response field called ``token`` or ``session``."""
SECRET_OR_WORD = frozenset(("token", "session"))
CHIP = re.compile(r"<secret ([0-9a-f]{4})>")
SIGNED_PATH = re.compile(r"^(/dl?/)(.+)$")
"""A path that grants access by itself, on Box's download hosts and in the sandbox (Box guide *Download*)."""
MAX_BODY = 1500
"""The maximum number of characters recorded from a body."""


def redact(value: str) -> str:
    """Return ``<secret 3fa9>``, as :class:`boxnb.Secret` prints itself; empty and redacted values are unchanged.

    The value is not registered as a known secret: otherwise a harmless word in such a field would be redacted
    in every later log.
    """
    return value if not value or CHIP.fullmatch(value) else f"<secret {fingerprint(value)}>"


def redact_fields(text: str) -> dict[str, str]:
    """Return the fields of a query or form, with secrets as fingerprints."""
    fields = parse_qsl(text, keep_blank_values=True)
    return {redact_known(name): _redact_field(name, value) for name, value in fields}


def _redact_field(name: str, value: str) -> str:
    if name.lower() in SECRET_IN_REQUESTS | SIGNED_URL_FIELDS or holds_secret(name):
        return redact(value)
    return redact_known(redact_url(value))


def redact_url(url: str) -> str:
    """Return a URL without user name and password, with secret parameters and signed paths as fingerprints."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return redact(url)
    path = SIGNED_PATH.sub(lambda match: match[1] + redact(match[2]), parts.path)
    if not parts.netloc and not parts.query:
        return redact_known(url if path == parts.path else path)
    netloc = parts.netloc.rpartition("@")[2]
    query = "&".join(f"{name}={_quoted(value)}" for name, value in redact_fields(parts.query).items())
    fragment = "&".join(f"{name}={_quoted(value)}" for name, value in redact_fields(parts.fragment).items())
    return redact_known(urlunsplit(parts._replace(netloc=netloc, path=path, query=query, fragment=fragment)))


def _quoted(value: str) -> str:
    return value if CHIP.fullmatch(value) else quote(value, safe="/:")


def redact_headers(headers: Any) -> dict[str, str]:
    """Return headers with secrets as fingerprints; the scheme of ``Authorization`` stays."""
    redacted: dict[str, str] = {}
    for name, value in headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        if holds_secret(name):
            scheme, space, rest = text.partition(" ")
            has_scheme = name.lower().endswith("authorization") and space
            redacted[name] = f"{scheme} {redact(rest)}" if has_scheme else redact(text)
        elif name.lower() == "boxapi":  # a shared link and its password
            redacted[name] = "&".join(f"{key}={value}" for key, value in redact_fields(text).items())
        else:
            looks_like_url = any(mark in text for mark in "?@#") or "/d" in text
            redacted[name] = redact_known(redact_url(text) if looks_like_url else text)
    return redacted


def further_secrets(headers: dict[str, str]) -> list[str]:
    """Return the fingerprints in redacted headers other than ``Authorization``, such as that of a company's key."""
    return [
        value for name, value in headers.items() if name.lower() != "authorization" and CHIP.fullmatch(value)
    ]


def redact_json(value: Any, name: str = "") -> Any:
    """Return a JSON value with secret fields as fingerprints; ``name`` is the field that holds the value."""
    if isinstance(value, dict):
        return {redact_known(str(key)): redact_json(item, str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [redact_json(item, name) for item in value]
    if isinstance(value, str):
        if name.lower() in SIGNED_URL_FIELDS or (
            holds_secret(name) and not (name.lower() in SECRET_OR_WORD and WORD.fullmatch(value))
        ):
            return redact(value)
        return redact_known(redact_url(value) if "://" in value else value)
    return value


_order: dict[str, int] = {}
"""The position at which each fingerprint was first shown."""


def hue(fingerprint: str) -> int:
    """Return the colour of a fingerprint, in degrees on the colour circle.

    The hue depends on the order in which fingerprints are first shown, so a token and its replacement look
    clearly different. Hues computed from the digits would sometimes be too similar.
    """
    return _order.setdefault(fingerprint, len(_order)) * 137 % 360


def chips(text: str) -> str:
    """Return escaped HTML in which each fingerprint is a coloured chip with readable digits."""
    return re.sub(
        r"&lt;secret ([0-9a-f]{4})&gt;",
        lambda match: (
            f'<span class="bl-chip" style="--bl-hue:{hue(match[1])}" title="a secret, shown as its fingerprint">'
            f"{match[1]}</span>"
        ),
        html.escape(text),
    )


def addresses(*urls: str) -> Still:
    """Return the URLs one below the other, with each secret as a chip."""
    redacted = [redact_url(url) for url in urls]
    items = "".join(f"<li><code>{chips(url)}</code></li>" for url in redacted)
    return Still(f'<div class="bl-page"><ul class="bl-outcomes">{items}</ul></div>', "\n".join(redacted))
