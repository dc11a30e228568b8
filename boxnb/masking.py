"""No secret in what is written for people: logs, mails, reports, executed notebooks.

Two nets: every secret this process knows, whatever text it stands in, and the shapes secrets travel in (headers, form
fields, JSON, addresses) for those it does not know.
"""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from . import tokens

MASKED = "<masked>"
NAMES = (
    r"(?:access_?token|refresh_?token|id_?token|client_?secret|api_?key|private_?key|secret_?key|passwd|password|passphrase|pwd"
    r"|credentials?|assertion|code_verifier|subject_token|actor_token|authorization|proxy[-_]authorization"
    r"|set[-_]cookie|cookie|x-api-key|secret|token)"
)
_MORE_NAMES = r"(?:access_?key|signature|sig|csrf|xsrf|jwt|bearer|otp|passcode|session|session_?id|sid|auth)"
"""Names that hold secrets in fields and headers, and are too common as words to be looked for in text."""

_ABOUT = re.compile(
    r"_(?:type|hint|ur[li]s?|endpoint|supported|ids?|name|expires(?:_in|_at)?|length|count|policy|methods?|required"
    r"|enabled|status|state|kind|scopes?|lifetime|age|version)$"
)
"""What is said *about* a secret: ``token_type``, ``authorization_endpoint``, ``private_key_id``."""

_QUOTE = r"(?:[\"']|&(?:quot|apos|#0*3[49]|#[xX]0*2[27]);)"
"""A quotation mark as it is, or as a page of HTML writes it."""

_SHAPES = (
    # A header, in whatever spelling a library logs it: Authorization: Basic x, 'Authorization': 'Bearer x', b"..."
    (
        re.compile(
            rf"(?i)(authorization(?:\\?{_QUOTE})?\s*[:=,]\s*b?(?:\\?{_QUOTE})?)(?!<|&lt;)(?:(?!{_QUOTE})[^\r\n\\}}\])])+"
        ),
        rf"\1{MASKED}",
    ),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{16,}"), rf"\1{MASKED}"),
    # A field of a form, of JSON, of a dict, of an address.
    (
        re.compile(
            rf"(?i)({NAMES}(?:\\?{_QUOTE}\s*[:=,]|\s*[:=])\s*b?\\?({_QUOTE}))(?!<|&lt;)(?:(?!\\?\2)[^\r\n])+"
        ),
        rf"\1{MASKED}",
    ),
    (
        re.compile(rf"(?i)(\b{NAMES}\s*=\s*|(?:[?&]|&amp;)code=|%26code%3D)(?![<\"'\s])[^\s&\"',;<>)\]}}]+"),
        rf"\1{MASKED}",
    ),
    (re.compile(rf"(?i)(\b{NAMES}:\s*)(?![<\"'\s])[^\s&\"',;<>)\]}}]+"), rf"\1{MASKED}"),
    # An address with a password, or one that carries its own right (Box guide *Download*).
    (re.compile(r"(://[^\s/:@]+:)(?!<)[^\s/@]+@"), rf"\1{MASKED}@"),
    (re.compile(r"(/dl/|boxcloud\.com(?::\d+)?/d/|(?<![^\s\"'])/d/(?=\d))[^\s\"'?<>]+"), rf"\1{MASKED}"),
)
_PROGRAM = re.compile(r"<script\b(?![^>]*json)", re.IGNORECASE)
_SCRIPT = re.compile(r"<script\b", re.IGNORECASE)
_LABEL = re.compile(r"<(secret [0-9a-f]{4}|masked)>")
"""What stands for a secret, as a browser would take it for an element and show nothing."""

_SHORTEST = 4
_ENCODED = 6
"""Bytes of a secret that is looked for inside of base64 and as hex digits; shorter ones stand there by chance."""

_RECENT = 100
"""Newest secrets, which are searched for in every form; older ones only in the common forms. A pattern of every form of a
thousand secrets takes seconds to compile."""

_nets: dict[int, re.Pattern[str] | None] = {}


def is_secret_name(name: str) -> bool:
    """Whether a parameter of that name would hold a secret."""
    words = _words(name)
    return re.search(rf"(?:^|_){NAMES}s?\d*(?:_|$)", words) is not None or words.endswith(
        ("password", "secret")
    )


def holds_secret(name: str) -> bool:
    """Whether a header or a field of that name holds a secret itself: ``accessToken`` does, ``token_type`` does not."""
    words = _words(name)
    if is_secret_name(name):
        return _ABOUT.search(words) is None
    return re.search(rf"(?:^|_){_MORE_NAMES}s?\d*$", words) is not None or words.endswith(
        ("apikey", "sessionid")
    )


def _words(name: str) -> str:
    """The words of a name, joined by ``_``, whether it was written ``X-Auth-Token``, ``accessToken`` or ``api.key``."""
    apart = re.sub(r"([a-z0-9])([A-Z])|([A-Z])(?=[A-Z][a-z])", r"\1\3_\2", name)
    return re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")


def known_only(text: str) -> str:
    """Mask the secrets this process knows, and leave the rest: for tables, whose text may look like anything."""
    net = _net()
    return text if net is None else net.sub(_fingerprinted, text)


def mask(text: str) -> str:
    """Mask the secrets this process knows, and whatever is shaped like one."""
    net = _net()
    if net is not None and (known := [found.span() for found in net.finditer(text)]):
        text = known_only(_fields_masked(text, known))
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text


def _fields_masked(text: str, known: list[tuple[int, int]]) -> str:
    """
    The text with the values of those fields masked whose name holds a known secret; ``known`` are their places, in order.

    This comes before the known secrets are masked: somebody's password may be ``token``, and ``access_token=x`` would no
    longer look like a field without that word.
    """
    begins, ends = [begin for begin, _ in known], [end for _, end in known]

    def within(start: int, end: int) -> list[tuple[int, int]]:
        return known[bisect_right(ends, start) : bisect_left(begins, end)]

    matches = sorted(
        (found.start(), found.end(1), found.end() - instead.endswith("@"), bool(within(*found.span(1))))
        for shape, instead in _SHAPES
        for found in shape.finditer(text)
    )
    fields: list[tuple[int, int]] = []
    for begin, start, end, hidden in matches:
        # A shape may see less of a value than another one, or take a name for a value.
        if fields and begin < fields[-1][1]:
            fields[-1] = fields[-1][0], max(end, fields[-1][1])
        elif hidden:
            fields.append((start, end))
    parts: list[str] = []
    done = 0
    for start, end in fields:
        inside = within(start, end)
        whole = all(start <= place[0] and place[1] <= end for place in inside)
        # A value that is a known secret and nothing else gets its fingerprint later.
        if whole and inside != [(start, end)]:
            parts += [text[done:start], MASKED]
            done = end
    return "".join(parts) + text[done:]


def mask_page(page: str) -> str:
    """
    As :func:`mask`, for a page of HTML, which shows ``<masked>`` as text and not as an element.

    In a program only known secrets are masked: what is shaped like one there is the program's own words.
    """
    parts = (known_only(part) if _PROGRAM.match(part) else mask(part) for part in _scripts_apart(page))
    return "".join(part if _SCRIPT.match(part) else _LABEL.sub(r"&lt;\1&gt;", part) for part in parts)


def _scripts_apart(page: str) -> Iterator[str]:
    """The page in pieces, each script by itself; one that has no end is not taken for one."""
    place = 0
    lower = page.lower() if len(page.lower()) == len(page) else page  # a few letters change their length
    while (start := lower.find("<script", place)) >= 0:
        end = lower.find("</script>", start)
        if end < 0:
            break
        yield page[place:start]
        place = end + len("</script>")
        yield page[start:place]
    yield page[place:]


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
        usable = [secret for secret in known if len(secret) >= _SHORTEST]
        spellings = {form for secret in usable[-_RECENT:] for form in _spellings(secret)}
        spellings |= {form for secret in usable[:-_RECENT] for form in _common(secret)}
        longest_first = sorted(spellings, key=len, reverse=True)
        _nets[key] = re.compile(_either(longest_first, 3)) if longest_first else None
    return _nets[key]


def _either(words: Iterable[str], shared: int) -> str:
    """One of these words, grouped by their first letters: thousands tried one by one would take seconds a page."""
    if shared == 0:
        return "|".join(map(re.escape, words))
    groups: dict[str, list[str]] = {}
    for word in words:
        groups.setdefault(word[0], []).append(word[1:])
    return "|".join(f"{re.escape(first)}(?:{_either(rest, shared - 1)})" for first, rest in groups.items())


def _common(secret: str) -> set[str]:
    """A secret in the forms it is most often printed in: quoted, escaped or encoded once."""
    text = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    }
    percent = {quote(secret, safe=""), quote_plus(secret)}
    return text | percent | _in_html(secret) | _in_base64(secret.encode("utf-8", "surrogatepass"))


def _spellings(secret: str) -> set[str]:
    """A secret in the forms that programs print: quoted, escaped, encoded, and one form within another."""
    content = secret.encode("utf-8", "surrogatepass")
    percent = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    text = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    text |= {repr(secret)[1:-1], repr(content)[2:-1]}
    text |= {repr("'" + secret)[2:-1], repr("'\"" + secret)[4:-1]}  # as part of a text that holds quotes
    text |= {each.replace("/", "\\/") for each in text}  # PHP's JSON
    for signs in ("[<>&]", "[<>&']"):  # Go's JSON, and Jinja's
        text |= {re.sub(signs, lambda found: f"\\u{ord(found.group()):04x}", each) for each in text}
    text |= {form for each in text for form in (json.dumps(each)[1:-1], repr(each)[1:-1])}
    text |= {
        shlex.quote(secret)[1:-1] if shlex.quote(secret) != secret else secret,
        secret.replace("'", "''"),
    }
    text |= {re.sub("%..", lambda found: found.group().lower(), each) for each in percent} | percent
    text |= {quote(each, safe="") for each in percent}
    text |= {form for each in text for form in _in_html(each)}
    return (
        text
        | _in_base64(content)
        | ({content.hex(), content.hex().upper()} if len(content) >= _ENCODED else set())
    )


def _in_html(text: str) -> set[str]:
    """A text as pages of HTML hold it: of Python, and of markupsafe, which Jinja and nbconvert use."""
    escaped = html.escape(text, quote=False)
    return {escaped, html.escape(text), escaped.replace('"', "&#34;").replace("'", "&#39;")}


def _in_base64(content: bytes) -> set[str]:
    """The letters of base64 that stand for a secret wherever it begins: ``user:password`` is encoded as one text."""
    found = {base64.b64encode(content).decode()}
    if len(content) >= _ENCODED:
        for before in range(3):
            whole = base64.b64encode(bytes(before) + content).decode().rstrip("=")
            # The letters at both ends hold bits of what stands around.
            found.add(whole[(0, 2, 3)[before] : len(whole) - ((before + len(content)) % 3 > 0)])
    return (
        found
        | {each.replace("+", "-").replace("/", "_") for each in found}
        | {each.rstrip("=") for each in found}
    )
