"""Find, in any text, the secrets that this process knows: in every spelling, coloured, wrapped or in part."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from . import secret

REDACTED = "<redacted>"
SHORTEST = 4
_ENCODED = 6
"""A secret is searched for in base64 and hex if it has at least this many bytes. Shorter ones would match by chance."""

_RECENT = 100
"""How many of the newest secrets are searched for in every form. Older ones are searched for only in the common forms,
because a pattern with every form of a thousand secrets takes seconds to compile."""

_patterns: dict[int, re.Pattern[str] | None] = {}

_LONG_TOKEN = re.compile(r"(?=[^0-9]*[0-9])[\w.~+/=-]{24,}", re.ASCII)
"""Matches a secret whose parts are redacted too: it is long and random, unlike a password made of words."""

_FRAGMENT = 12
"""The length from which a part of a long token is redacted on its own: a token can be wrapped, coloured or cut off."""

_GRAM = _FRAGMENT // 2
_grams: dict[int, dict[str, list[tuple[str, int]]]] = {}

_INVISIBLE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]"
)
"""What a reader does not see inside a secret: terminal codes for colours and titles, and zero-width characters."""

MARKUP = re.compile(rf"<[^<>]*>|{_INVISIBLE.pattern}")


def redact_known(text: str) -> str:
    """Redact only the secrets that this process knows. This is for tables, whose text can have any format."""
    pattern = known_pattern()
    if pattern is None:
        return text
    text = pattern.sub(_fingerprint_of, text)
    return _redact_fragments(redact_across(_INVISIBLE, text))


def redact_across(invisible: re.Pattern[str], text: str) -> str:
    """Redact the known secrets that have something invisible inside them, and keep what is invisible."""
    pattern, visible = known_pattern(), invisible.sub("", text)
    if pattern is None or len(visible) == len(text):
        return text
    gaps: list[int] = []  # positions in the visible text where something invisible was
    removed = 0
    for gap in invisible.finditer(text):
        gaps.append(gap.start() - removed)
        removed += len(gap.group())
    spans = [match.span() for match in pattern.finditer(visible)]
    spans = [(start, end) for start, end in spans if bisect_right(gaps, start) < bisect_left(gaps, end)]
    if not spans:
        return text
    parts: list[str] = []
    position = shown = 0  # in the text, and in what is visible of it
    for match in (*invisible.finditer(text), None):
        end = len(text) if match is None else match.start()
        while position < end:
            while spans and spans[0][1] <= shown:
                spans.pop(0)
            start, stop = spans[0] if spans else (len(visible), len(visible))
            step = min(end - position, (stop if shown >= start else start) - shown)
            if shown < start:
                parts.append(text[position : position + step])
            elif shown == start:
                parts.append(f"<secret {secret.fingerprint(visible[start:stop])}>")
            position, shown = position + step, shown + step
        if match is not None:
            parts.append(match.group())
            position = match.end()
    return "".join(parts)


def _redact_fragments(text: str) -> str:
    """Redact long parts of known tokens."""
    grams = _known_grams()
    if not grams:
        return text
    # A fragment contains a whole gram at one of these positions, wherever it starts.
    starts = [
        start for start in range(0, len(text) - _GRAM + 1, _GRAM) if text[start : start + _GRAM] in grams
    ]
    parts: list[str] = []
    position = 0
    for gram_start in starts:
        if gram_start < position:
            continue
        start, end = max(
            (
                _fragment(text, gram_start, token, offset)
                for token, offset in grams[text[gram_start : gram_start + _GRAM]]
            ),
            key=lambda span: span[1] - span[0],
        )
        if end - start >= _FRAGMENT:
            parts += [text[position : max(start, position)], REDACTED]
            position = end
    return "".join(parts) + text[position:]


def _fragment(text: str, start: int, token: str, offset: int) -> tuple[int, int]:
    """Return the longest span around ``start`` in which the text matches part of the token, whose gram is at ``offset``."""
    end, token_end = start + _GRAM, offset + _GRAM
    while start > 0 and offset > 0 and text[start - 1] == token[offset - 1]:
        start, offset = start - 1, offset - 1
    while end < len(text) and token_end < len(token) and text[end] == token[token_end]:
        end, token_end = end + 1, token_end + 1
    return start, end


def _known_grams() -> dict[str, list[tuple[str, int]]]:
    """Return each run of six characters in the known long tokens and their base64, with the tokens and positions where it occurs."""
    known_secrets = secret.known()
    key = hash(known_secrets)
    if key not in _grams:
        _grams.clear()
        grams: dict[str, list[tuple[str, int]]] = {}
        tokens = list(filter(_LONG_TOKEN.fullmatch, known_secrets))
        for token in (*tokens, *(base64.b64encode(token.encode()).decode() for token in tokens)):
            for offset in range(len(token) - _GRAM + 1):
                grams.setdefault(token[offset : offset + _GRAM], []).append((token, offset))
        _grams[key] = grams
    return _grams[key]


def _fingerprint_of(match: re.Match[str]) -> str:
    return f"<secret {secret.fingerprint(match.group())}>"


def known_pattern() -> re.Pattern[str] | None:
    """Return one pattern for all known secrets in all their spellings; ``None`` if there are none."""
    known_secrets = secret.known()
    key = hash(known_secrets)
    if key not in _patterns:
        _patterns.clear()
        searched = [value for value in known_secrets if len(value) >= SHORTEST]
        spellings = {form for value in searched[-_RECENT:] for form in _all_forms(value)}
        spellings |= {form for value in searched[:-_RECENT] for form in _common_forms(value)}
        longest_first = sorted(spellings, key=len, reverse=True)
        _patterns[key] = re.compile(_alternatives(longest_first, 3)) if longest_first else None
    return _patterns[key]


def _alternatives(words: Iterable[str], shared: int) -> str:
    """Return a pattern for any of the words, grouped by their first letters. Without groups, searching a page takes seconds."""
    if shared == 0:
        return "|".join(map(re.escape, words))
    groups: dict[str, list[str]] = {}
    for word in words:
        groups.setdefault(word[0], []).append(word[1:])
    return "|".join(
        f"{re.escape(first)}(?:{_alternatives(rest, shared - 1)})" for first, rest in groups.items()
    )


def _common_forms(secret: str) -> set[str]:
    """Return a secret in its most common forms: quoted, escaped or encoded once."""
    text = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    }
    percent = {quote(secret, safe=""), quote_plus(secret)}
    return text | percent | _in_html(secret) | _in_base64(secret.encode("utf-8", "surrogatepass"))


def _all_forms(secret: str) -> set[str]:
    """Return a secret in every form that programs print: quoted, escaped, encoded, and one form inside another."""
    content = secret.encode("utf-8", "surrogatepass")
    percent = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    text = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    text |= {repr(secret)[1:-1], repr(content)[2:-1]}
    # The secret as repr shows it in a string that also contains quotation marks.
    text |= {repr("'" + secret)[2:-1], repr("'\"" + secret)[4:-1]}
    text |= {form.replace("/", "\\/") for form in text}  # PHP's JSON
    for characters in ("[<>&]", "[<>&']"):  # Go's JSON, and Jinja's
        text |= {re.sub(characters, lambda match: f"\\u{ord(match.group()):04x}", form) for form in text}
    text |= {escaped for form in text for escaped in (json.dumps(form)[1:-1], repr(form)[1:-1])}
    text |= {
        shlex.quote(secret)[1:-1] if shlex.quote(secret) != secret else secret,
        secret.replace("'", "''"),
    }
    text |= {re.sub("%..", lambda match: match.group().lower(), form) for form in percent} | percent
    text |= {quote(form, safe="") for form in percent}
    text |= {escaped for form in text for escaped in _in_html(form)}
    return (
        text
        | _in_base64(content)
        | ({content.hex(), content.hex().upper()} if len(content) >= _ENCODED else set())
    )


def _in_html(text: str) -> set[str]:
    """Return a string escaped for HTML by Python and by markupsafe, which Jinja and nbconvert use."""
    escaped = html.escape(text, quote=False)
    return {escaped, html.escape(text), escaped.replace('"', "&#34;").replace("'", "&#39;")}


def _in_base64(content: bytes) -> set[str]:
    """Return how a secret appears in base64 at any offset, because ``user:password`` is encoded as one string."""
    forms = {base64.b64encode(content).decode()}
    if len(content) >= _ENCODED:
        for before in range(3):
            encoded = base64.b64encode(bytes(before) + content).decode().rstrip("=")
            # Leave out the characters at both ends that also encode bits of the surrounding text.
            forms.add(encoded[(0, 2, 3)[before] : len(encoded) - ((before + len(content)) % 3 > 0)])
    return (
        forms
        | {form.replace("+", "-").replace("/", "_") for form in forms}
        | {form.rstrip("=") for form in forms}
    )
