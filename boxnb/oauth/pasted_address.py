"""What people paste for an answer, and what chat and mail programs have made of it on the way."""

from __future__ import annotations

import hmac
import itertools
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

LONGEST = 20_000
"""Characters that are looked at: an address has a few hundred."""

MOST = 20
"""Addresses in one text that are looked at."""

_AMPERSAND = re.compile(r"&(?:amp;|#38;|#x26;)+", re.IGNORECASE)
_EQUALS = re.compile(r"&(?:equals|#61|#x3d);", re.IGNORECASE)
_DASHES = str.maketrans({"\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2212": "-"})
# A bracket belongs to an address only around a host of IPv6; all the other signs here end one.
_ADDRESS = re.compile(
    r"(?:https?://(?:\[[0-9a-f:.]+\])?|[?#]|(?<![\w%])(?=(?:code|state|error)=))[^\s<>\"'`{}|\\^\[\]()“”‘’„«»]*",
    re.IGNORECASE,
)
_EDGES = "\"'`<>()[]{}“”‘’„«».,;"


class Reading(NamedTuple):
    """One way to read what was pasted: the address or query, and its parameters (the last value of each)."""

    text: str
    parameters: dict[str, str]


def visible(pasted: str) -> str:
    """Without letters that nobody sees (zero-width, soft hyphens, marks of direction, byte order marks), and as plain blanks
    and signs whatever only looks like them.
    """
    text = unicodedata.normalize("NFKC", pasted[:LONGEST].translate(_DASHES)).translate(_DASHES)
    # Half a surrogate stays: it is no letter of an address, and taking it away could join what does not belong together.
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cf")


def tidy(pasted: str) -> str:
    """Undo what mail programs and terminals do to a URL: wrap it, quote it, escape its ampersands."""
    return _plain(re.sub(r"\s+", "", visible(pasted))).strip(_EDGES)


def _plain(text: str) -> str:
    """Undo the escapes of HTML, however many programs have escaped it."""
    for _ in range(4):
        text = _AMPERSAND.sub("&", text)
    return _EQUALS.sub("=", text)


def readings(pasted: str) -> Iterator[Reading]:
    """
    The ways to read what was pasted, the plainest first; none twice.

    The caller takes the one whose state is its own, so a reading too many does no harm.
    """
    seen: set[str] = set()
    for text in _texts(visible(pasted)):
        for address in _addresses(_plain(text)):
            if address not in seen:
                seen.add(address)
                yield Reading(address, parameters(address))


def _texts(text: str) -> Iterator[str]:
    """The text as it is read with more and more of what happened to it undone."""
    unmarked = re.sub(r"(?m)^[>|\s]+", "", text)  # as a mail quotes what it answers
    joined = re.sub(r"[ \t]*[\r\n]+[ \t]*", "", unmarked)
    mailed = re.sub(r"=\r?\n", "", text)  # quoted-printable
    ways = [re.sub(r"\s+", "", text)]
    if " " in text.strip():
        ways = [joined, unmarked, *ways]  # words around an address come apart from it first
    elif "\n" in text.strip() or "\r" in text.strip():
        ways = [*ways, unmarked, re.sub(r"\s+", "", unmarked)]
    yield from ways
    if "=3D" in text:
        yield from (re.sub(r"\s+", "", mailed.replace("=3D", "=")), mailed.replace("=3D", "="))
    for way in ways:
        once = unquote(way)
        if once != way:
            yield once
            yield unquote(once)
    for way in ways:  # two hyphens that became a dash, or one that did
        if "–" in way or "—" in way:
            yield way.replace("—", "--").replace("–", "-")
            yield way.replace("—", "--").replace("–", "--")


def _addresses(text: str) -> Iterator[str]:
    """The addresses in a text that may carry an answer, the innermost first; then the text itself."""
    for match in itertools.islice(_ADDRESS.finditer(text), MOST):
        address = match.group()
        inside = [each.start() for each in re.finditer(r"https?://", address, re.IGNORECASE)]
        for start in [*reversed(inside[-MOST:]), 0]:
            yield address[start:].rstrip(".,;:")
            yield address[start:]
            yield address[start:].strip(".,;:!?*_")  # a sentence's end, and what makes text bold
    yield text.strip(_EDGES)


def answer(pasted: str, state: str) -> Reading:
    """The reading that answers the request of this state; else the one that says most of what went wrong."""
    found = list(itertools.islice(readings(pasted), 20 * MOST))
    answers = [each for each in found if each.parameters.keys() & {"code", "error"}]
    for each in answers:
        if same(each.parameters.get("state", ""), state):
            return each
    for (
        each
    ) in answers:  # words came after it on the next line; the whole state is there, which nobody can guess
        given = each.parameters.get("state", "")
        if state and same(given[: len(state)], state) and each.text.find("code=") < each.text.find("state="):
            return each._replace(parameters={**each.parameters, "state": state})
    links = [each for each in found if each.parameters.keys() & {"response_type", "client_id"}]
    return next((each for each in answers if each.parameters.get("state")), ([*answers, *links, *found])[0])


def same(given: str, wanted: str) -> bool:
    """Compared in constant time, so that nobody can guess a state piece by piece."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())


def parameters(text: str) -> dict[str, str]:
    """The parameters of a URL's query or fragment, or of a bare query string; the last value of each."""
    try:
        parts = urlsplit(text)
    except ValueError:  # a bracket without its other half
        return {}
    query = parts.query or parts.fragment
    if not query and "=" in text and "://" not in text:
        query = text.lstrip("?#")
    return {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}


def is_bare_code(pasted: str) -> bool:
    """Whether the text is a code alone, with nothing that could carry a state.

    Words, and anything short without a digit, are not taken for one: what is pasted by mistake may be a password, and a
    code is sent to the server.
    """
    text = tidy(pasted)
    if len(visible(pasted).split()) > 1 or (len(text) < 20 and not any(letter.isdigit() for letter in text)):
        return False
    return re.fullmatch(r"[A-Za-z0-9._~!-]{6,512}", text) is not None and not _looks_like_host(text)


def _looks_like_host(text: str) -> bool:
    return text.startswith("www.") or text.endswith((".com", ".net", ".org"))


def no_code(reading: Reading, pasted: str, box: str, host: str) -> str:
    """What was pasted in place of an answer, and what to copy instead."""
    whole = "Copy the whole address, up to and including code=… and state=…, from the page you land on after Grant."
    if reading.parameters.keys() & {"response_type", "client_id"}:
        return f"This is the address that leads to {box}, not the one {box} sent you back to. Open it, press Grant, then copy the address of the page you land on."
    try:
        parts = urlsplit(reading.text)
        there = (parts.hostname or "").lower()
    except ValueError:  # a bracket without its other half
        return f"There is no code in what was pasted. {whole}"
    if parts.path.endswith("/granted"):
        return "This page only says that the notebook has the code already. Look at the panel; paste nothing."
    if there and (there == host.lower() or (host.endswith(".box.com") and there.endswith("box.com"))):
        return f"This is a page of {box}, and there is no code in its address. {whole}"
    if there and parts.scheme in ("http", "https"):
        return f"There is no code in this address: it was cut off, or it is another page's. {whole}"
    if any(is_bare_code(word) for word in visible(pasted).split()):
        return f"There is no code with its state in what was pasted. If it holds a code among other words, paste the code alone, or better: {whole[:1].lower()}{whole[1:]}"
    return f"There is no code in what was pasted. {whole}"


def changed_on_the_way(given: str, state: str) -> str:
    """What happened to a state that is this request's all the same; empty where it is another one."""
    if len(given) >= 4 and state.startswith(given):
        return "The address was cut off in the middle of its state. Copy it to its very end."
    if given.casefold() == state.casefold():
        return "Capital and small letters of the address were changed on its way. Copy it from the address bar itself."
    if len(given) > 12 and (state in given or _close(given, state)):
        return "The state was changed on its way by a letter or two. Copy the address from the address bar itself."
    return ""


def _close(given: str, state: str) -> bool:
    """Whether two states share all but a few letters, at their beginning and end together."""
    ahead = sum(
        1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(given, state, strict=False))
    )
    behind = sum(
        1
        for _ in itertools.takewhile(
            lambda pair: pair[0] == pair[1], zip(given[::-1], state[::-1], strict=False)
        )
    )
    return ahead + behind >= len(state) - 4
