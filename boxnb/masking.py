"""No secret in what is written for people: logs, mails, reports, executed notebooks.

Two nets: every secret this process knows, whatever text it stands in, and the shapes secrets travel in (headers, form
fields, JSON, addresses) for those it does not know.
"""

from __future__ import annotations

import base64
import html
import json
import re
import unicodedata
from urllib.parse import quote, quote_plus

from . import tokens

MASKED = "<masked>"
NAMES = (
    r"(?:access_?token|refresh_?token|id_?token|client_?secret|api_?key|private_?key|secret_?key|passwd|password|passphrase|pwd"
    r"|credentials?|assertion|code_verifier|subject_token|actor_token|authorization|proxy-authorization|set-cookie|cookie"
    r"|x-api-key|secret|token)"
)
_SHAPES = (
    # A header, in whatever spelling a library logs it: Authorization: Basic x, 'Authorization': 'Bearer x', b"..."
    (
        re.compile(r"(?i)(authorization(?:\\?['\"])?\s*[:=,]\s*b?(?:\\?['\"])?)(?!<)[^'\"\r\n\\}\])]+"),
        rf"\1{MASKED}",
    ),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{16,}"), rf"\1{MASKED}"),
    # A field of a form, of JSON, of a dict, of an address.
    (
        re.compile(rf"(?i)({NAMES}(?:\\?[\"']\s*[:=,]|\s*[:=])\s*b?\\?([\"']))(?!<)(?:(?!\\?\2)[^\r\n])+"),
        rf"\1{MASKED}",
    ),
    (
        re.compile(rf"(?i)(\b{NAMES}\s*=\s*|[?&]code=|%26code%3D)(?![<\"'\s])[^\s&\"',;<>)\]}}]+"),
        rf"\1{MASKED}",
    ),
    (re.compile(rf"(?i)(\b{NAMES}:\s*)(?![<\"'\s])[^\s&\"',;<>)\]}}]+"), rf"\1{MASKED}"),
    # An address with a password, or one that carries its own right (Box guide *Download*).
    (re.compile(r"(://[^\s/:@]+:)(?!<)[^\s/@]+@"), rf"\1{MASKED}@"),
    (re.compile(r"(/dl/|boxcloud\.com(?::\d+)?/d/|(?<![^\s\"'])/d/(?=\d))[^\s\"'?<>]+"), rf"\1{MASKED}"),
)
_SCRIPT = re.compile(r"(<script\b.*?</script>)", re.IGNORECASE | re.DOTALL)
_PROGRAM = re.compile(r"<script\b(?![^>]*json)", re.IGNORECASE)
_SHORTEST = 4
_nets: dict[int, re.Pattern[str] | None] = {}


def is_secret_name(name: str) -> bool:
    """Whether a parameter of that name would hold a secret."""
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower().replace("-", "_")
    return re.search(rf"(?:^|_){NAMES}s?(?:_|$)", words) is not None or words.endswith(("password", "secret"))


def known_only(text: str) -> str:
    """Mask the secrets this process knows, and leave the rest: for tables, whose text may look like anything."""
    net = _net()
    return text if net is None else net.sub(_fingerprinted, text)


def mask(text: str) -> str:
    """Mask the secrets this process knows, and whatever is shaped like one."""
    text = known_only(text)
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text


def mask_page(page: str) -> str:
    """As :func:`mask`, for a page of HTML; in a program only known secrets, for what is shaped like one is its own words."""
    return "".join(known_only(part) if _PROGRAM.match(part) else mask(part) for part in _SCRIPT.split(page))


def one_line(text: object, longest: int = 200) -> str:
    """
    A server's own words, fit for a sentence: one line, bounded, masked, without control or invisible characters.

    Empty for anything that is neither text nor a number.
    """
    return _bounded(mask(printable(text)), longest) if text else ""


def printable(text: object, longest: int = 5000) -> str:
    """As :func:`one_line`, for what is no secret: nothing is masked."""
    if not isinstance(text, str | int | float) or isinstance(text, bool):
        return ""
    whole = str(text)[:5000]
    kinds = {letter: unicodedata.category(letter) for letter in set(whole)}
    blank = {letter for letter, kind in kinds.items() if kind[0] == "Z" or kind == "Cc"}
    gone = {letter for letter, kind in kinds.items() if kind[0] == "C"} - blank
    line = "".join(" " if letter in blank else letter for letter in whole if letter not in gone)
    return _bounded(line, longest)


def _bounded(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _fingerprinted(found: re.Match[str]) -> str:
    return f"<secret {tokens.fingerprint(found.group())}>"


def _net() -> re.Pattern[str] | None:
    """One pattern for all known secrets, in the spellings they travel in."""
    known = tokens.known()
    key = hash(known)
    if key not in _nets:
        _nets.clear()
        spellings = {form for secret in known if len(secret) >= _SHORTEST for form in _spellings(secret)}
        longest_first = sorted(spellings, key=len, reverse=True)
        _nets[key] = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
    return _nets[key]


def _spellings(secret: str) -> set[str]:
    return {
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
        html.escape(secret, quote=False),
        repr(secret)[1:-1],
        base64.b64encode(secret.encode()).decode(),
    }
