"""Remove secrets from text that people read: logs, emails, reports and executed notebooks.

There are two rules. A secret that this process knows is redacted wherever it appears. A secret that it does not know is
redacted if it appears in a format that usually contains secrets: a header, a form field, JSON or a URL. `runs.recorder`
applies both rules to each line of a log.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from .known_secrets import MARKUP, REDACTED, SHORTEST, known_pattern, redact_across, redact_known

NAMES = (
    r"(?:access_?token|refresh_?token|id_?token|client_?secret|api_?key|private_?key|secret_?key|passwd|password|passphrase|pwd"
    r"|credentials?|assertion|code_verifier|subject_token|actor_token|authorization|proxy[-_]authorization"
    r"|set[-_]cookie|cookie|x-api-key|secret|token)"
)
_MORE_NAMES = r"(?:access_?key|signature|sig|csrf|xsrf|jwt|bearer|otp|passcode|session|session_?id|sid|auth)"
"""More names of fields and headers that contain secrets. These words are too common to search for in text."""

_ABOUT = re.compile(
    r"_(?:type|hint|ur[li]s?|endpoint|supported|ids?|name|expires(?:_in|_at)?|length|count|policy|methods?|required"
    r"|enabled|status|state|kind|scopes?|lifetime|age|version)$"
)
"""How a name ends if its value describes a secret but does not contain one: ``token_type``, ``authorization_endpoint``,
``private_key_id``."""

_QUOTE = r"(?:[\"']|&(?:quot|apos|#0*3[49]|#[xX]0*2[27]);)"
"""A quotation mark, plain or as an HTML entity."""

_SHAPES = (
    # A header as libraries log it: Authorization: Basic x, 'Authorization': 'Bearer x', b"..."
    (
        re.compile(
            rf"(?i)(authorization(?:\\?{_QUOTE})?\s*[:=,]\s*b?(?:\\?{_QUOTE})?)(?!<|&lt;)(?:(?!{_QUOTE})[^\r\n\\}}\])])+"
        ),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{16,}"), rf"\1{REDACTED}"),
    # A field in a form, JSON, a dict or a URL.
    (
        re.compile(
            rf"(?i)({NAMES}(?:\\?{_QUOTE}\s*[:=,]|\s*[:=])\s*b?\\?({_QUOTE}))(?!<|&lt;)(?:(?!\\?\2)[^\r\n])+"
        ),
        rf"\1{REDACTED}",
    ),
    (
        re.compile(rf"(?i)(\b{NAMES}\s*=\s*|(?:[?&]|&amp;)code=|%26code%3D)(?![<\"'\s])[^\s&\"',;<>)\]}}]+"),
        rf"\1{REDACTED}",
    ),
    (re.compile(rf"(?i)(\b{NAMES}:\s*)(?![<\"'\s])[^\s&\"',;<>)\]}}]+"), rf"\1{REDACTED}"),
    # A URL with a password, or a URL that works without a token (Box guide *Download*).
    (re.compile(r"(://[^\s/:@]+:)(?!<)[^\s/@]+@"), rf"\1{REDACTED}@"),
    (re.compile(r"(/dl/|boxcloud\.com(?::\d+)?/d/|(?<![^\s\"'])/d/(?=\d))[^\s\"'?<>]+"), rf"\1{REDACTED}"),
)
_SHAPE_KINDS = (
    "an Authorization header",
    "a bearer token",
    "a value of {name}",
    "a value of {name}",
    "a value of {name}",
    "a password in a URL",
    "a download link that works without a sign-in",
)
"""What each of the formats above contains, for :func:`kinds_of_secrets`."""

_PROGRAM = re.compile(r"<script\b(?![^>]*json)", re.IGNORECASE)
_SCRIPT = re.compile(r"<script\b", re.IGNORECASE)
_LABEL = re.compile(r"<(secret [0-9a-f]{4}|redacted)>")
"""The label that replaces a secret."""


def is_secret_name(name: str) -> bool:
    """Return whether a parameter with this name contains a secret."""
    words = _words(name)
    return re.search(rf"(?:^|_){NAMES}s?\d*(?:_|$)", words) is not None or words.endswith(
        ("password", "secret")
    )


def holds_secret(name: str) -> bool:
    """Return whether a header or field with this name contains a secret: ``accessToken`` does, ``token_type`` does not."""
    words = _words(name)
    if is_secret_name(name):
        return _ABOUT.search(words) is None
    return re.search(rf"(?:^|_){_MORE_NAMES}s?\d*$", words) is not None or words.endswith(
        ("apikey", "sessionid")
    )


def _words(name: str) -> str:
    """Return the words of a name such as ``X-Auth-Token``, ``accessToken`` or ``api.key``, joined with ``_``."""
    separated = re.sub(r"([a-z0-9])([A-Z])|([A-Z])(?=[A-Z][a-z])", r"\1\3_\2", name)
    return re.sub(r"[^a-z0-9]+", "_", separated.lower()).strip("_")


def redact(text: str) -> str:
    """Redact the secrets that this process knows, and everything in a format that contains secrets."""
    pattern = known_pattern()
    if pattern is not None:
        known_spans = [match.span() for match in pattern.finditer(text)]
        text = redact_known(_redact_fields(text, known_spans) if known_spans else text)
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text


def _redact_fields(text: str, known_spans: list[tuple[int, int]]) -> str:
    """
    Redact the values of fields whose name contains a known secret. ``known_spans`` contains the positions of the known
    secrets, in ascending order.

    This happens before the known secrets are redacted. If a user's password is ``token``, redacting it first would change
    ``access_token=x`` so that it no longer looks like a field.
    """
    known_starts, known_ends = [start for start, _ in known_spans], [end for _, end in known_spans]

    def known_between(start: int, end: int) -> list[tuple[int, int]]:
        return known_spans[bisect_right(known_ends, start) : bisect_left(known_starts, end)]

    matches = sorted(
        (
            match.start(),
            match.end(1),
            match.end() - replacement.endswith("@"),
            bool(known_between(*match.span(1))),
        )
        for shape, replacement in _SHAPES
        for match in shape.finditer(text)
    )
    values: list[tuple[int, int]] = []
    for match_start, value_start, value_end, name_contains_secret in matches:
        # Two formats can match at the same place, and one match can end too early or mistake a name for a value.
        if values and match_start < values[-1][1]:
            values[-1] = values[-1][0], max(value_end, values[-1][1])
        elif name_contains_secret:
            values.append((value_start, value_end))
    parts: list[str] = []
    position = 0
    for start, end in values:
        secrets = known_between(start, end)
        contained = all(start <= first and last <= end for first, last in secrets)
        # A value that is exactly one known secret gets its fingerprint later.
        if contained and secrets != [(start, end)]:
            parts += [text[position:start], REDACTED]
            position = end
    return "".join(parts) + text[position:]


def kinds_of_secrets(text: str) -> list[str]:
    """
    Describe each value that looks like a secret because of its format, such as ``a value of client_secret``; never show it.

    Unlike :func:`redact`, which may redact too much, it ignores values that cannot be secrets: fingerprints, short words,
    figures and placeholders. In an HTML page, it does not search scripts.
    """
    searched = "".join(part for part in _split_scripts(text) if not _PROGRAM.match(part))
    kinds = []
    for (shape, _), kind in zip(_SHAPES, _SHAPE_KINDS, strict=True):
        for match in shape.finditer(searched):
            prefix = match[1]
            value = searched[match.end(1) : match.end()].strip("\\\"'/@ ")
            # After a comma, a quoted word is more often the next in a list than the value of the name before it.
            quoted = kind.startswith("a value") and re.search(r"[:=][^:=,]*['\";]$", prefix) is not None
            if looks_secret(value, quoted=quoted):
                name = re.search(r"[A-Za-z][\w-]*", prefix.replace("%26", "").replace("&amp;", ""))
                kinds.append(kind.format(name=name[0].lower() if name else "a field"))
    return kinds


_PLACEHOLDER = re.compile(
    r"(?i)[\W_]*|x{3,}|<.*>|&lt;.*|\{.*|\$.*|%.*%|(?:your|my|the|an?|example|dummy|placeholder|todo|redacted|none|null|true|false)"
    r"\b.*"
)
"""A value that stands for a secret but is not one: ``...``, ``xxx``, ``<token>``, ``{token}``, ``$TOKEN``, ``your-token``."""


def looks_secret(value: str, *, quoted: bool = False) -> bool:
    """
    Return whether the value of a field with a secret name can be a secret.

    A quoted value can be any password, except a placeholder. Other text after such a name is often prose or code, so it must
    have at least eight characters, among them a digit and a letter, and be neither a call nor the name of an attribute.
    """
    if not value or _PLACEHOLDER.fullmatch(value):
        return False
    scheme, space, rest = value.partition(" ")
    if space and scheme.lower() in ("basic", "bearer", "token"):
        return looks_secret(rest)
    if quoted:
        return len(value) >= SHORTEST
    return (
        len(value) >= 8
        and re.search(r"\d", value) is not None
        and re.search(r"[A-Za-z]", value) is not None
        and re.search(r"[(\[{]|^\w+(?:\.[A-Za-z_]\w*)+$", value) is None
    )


def redact_page(page: str) -> str:
    """
    Redact an HTML page, and escape ``<redacted>``, which a browser would otherwise treat as an element and not show.

    In scripts, only known secrets are redacted, because program code can look like a field with a secret.
    """
    parts = (
        redact_known(part) if _PROGRAM.match(part) else redact(redact_across(MARKUP, part))
        for part in _split_scripts(page)
    )
    return "".join(part if _SCRIPT.match(part) else _LABEL.sub(r"&lt;\1&gt;", part) for part in parts)


def _split_scripts(page: str) -> Iterator[str]:
    """Yield the page in parts, each script separately. A script without an end tag is not separated."""
    position = 0
    # lower() changes the length of a few characters, which would shift the positions.
    lower = page.lower() if len(page.lower()) == len(page) else page
    while (start := lower.find("<script", position)) >= 0:
        end = lower.find("</script>", start)
        if end < 0:
            break
        yield page[position:start]
        position = end + len("</script>")
        yield page[start:position]
    yield page[position:]


def one_line(text: object, max_length: int = 200) -> str:
    """
    Return a server's text for use in a message: on one line, shortened, redacted and without invisible characters.

    The result is ``""`` for anything that is neither text nor a number.
    """
    return _shorten(redact(printable(text)), max_length) if text else ""


def printable(text: object, max_length: int = 5000) -> str:
    """Return text on one line as :func:`one_line` does, but without redaction."""
    if not isinstance(text, str | int | float) or isinstance(text, bool):
        return ""
    start = str(text)[:5000]
    categories = {letter: unicodedata.category(letter) for letter in set(start)}
    spaces = {letter for letter, category in categories.items() if category[0] == "Z" or category == "Cc"}
    invisible = {letter for letter, category in categories.items() if category[0] == "C"} - spaces
    line = "".join(" " if letter in spaces else letter for letter in start if letter not in invisible)
    return _shorten(line, max_length)


def _shorten(text: str, max_length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= max_length else line[: max_length - 1].rstrip() + "…"
