"""Read the address of a redirect, compare its state, and undo what chat and mail programs do to a pasted address."""

from __future__ import annotations

import hmac
import itertools
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

LONGEST = 20_000
"""How many characters of the pasted text are read. An address has a few hundred."""

MOST = 20
"""How many addresses in the pasted text are read."""

_AMPERSAND = re.compile(r"&(?:amp;|#38;|#x26;)+", re.IGNORECASE)
_EQUALS = re.compile(r"&(?:equals|#61|#x3d);", re.IGNORECASE)
_DASHES = str.maketrans({"\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2212": "-"})
# Brackets are part of an address only around an IPv6 host. The other characters in the class end an address.
_ADDRESS = re.compile(
    r"(?:https?://(?:\[[0-9a-f:.]+\])?|[?#]|(?<![\w%])(?=(?:code|state|error)=))[^\s<>\"'`{}|\\^\[\]()“”‘’„«»]*",
    re.IGNORECASE,
)
_EDGES = "\"'`<>()[]{}“”‘’„«».,;"


class Reading(NamedTuple):
    """One interpretation of the pasted text: an address or query string, and its parameters (the last value of each)."""

    text: str
    parameters: dict[str, str]


def visible(pasted: str) -> str:
    """Remove invisible characters (zero-width, soft hyphens, direction marks, byte order marks) and normalize the others.

    Characters that only look like a space or a punctuation mark become that space or mark (NFKC).
    """
    text = unicodedata.normalize("NFKC", pasted[:LONGEST].translate(_DASHES)).translate(_DASHES)
    # Keep lone surrogates: they are not part of an address, and removing one could join two separate parts.
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cf")


def tidy(pasted: str) -> str:
    """Undo what email programs and terminals do to a URL: wrap it, quote it, escape its ampersands."""
    return _unescape(re.sub(r"\s+", "", visible(pasted))).strip(_EDGES)


def _unescape(text: str) -> str:
    """Undo HTML escapes, even if several programs escaped the text one after another."""
    for _ in range(4):
        text = _AMPERSAND.sub("&", text)
    return _EQUALS.sub("=", text)


def readings(pasted: str) -> Iterator[Reading]:
    """
    Yield the interpretations of the pasted text, simplest first and without duplicates.

    The caller uses the one that contains the expected state, so a wrong interpretation does no harm.
    """
    addresses: set[str] = set()
    for text in _repaired_versions(visible(pasted)):
        for address in _addresses(_unescape(text)):
            if address not in addresses:
                addresses.add(address)
                yield Reading(address, parameters(address))


def _repaired_versions(text: str) -> Iterator[str]:
    """Yield versions of the text. Each undoes some of the damage that email and chat programs do, least damage first."""
    unquoted = re.sub(r"(?m)^[>|\s]+", "", text)  # the marks before quoted lines in an email
    joined = re.sub(r"[ \t]*[\r\n]+[ \t]*", "", unquoted)
    unwrapped = re.sub(r"=\r?\n", "", text)  # quoted-printable
    variants = [re.sub(r"\s+", "", text)]
    if " " in text.strip():
        variants = [joined, unquoted, *variants]  # first try to keep surrounding words apart from the address
    elif "\n" in text.strip() or "\r" in text.strip():
        variants = [*variants, unquoted, re.sub(r"\s+", "", unquoted)]
    yield from variants
    if "=3D" in text:
        yield from (re.sub(r"\s+", "", unwrapped.replace("=3D", "=")), unwrapped.replace("=3D", "="))
    for variant in variants:
        decoded = unquote(variant)
        if decoded != variant:
            yield decoded
            yield unquote(decoded)
    for variant in variants:  # a program replaced one or two hyphens with a dash
        if "–" in variant or "—" in variant:
            yield variant.replace("—", "--").replace("–", "-")
            yield variant.replace("—", "--").replace("–", "--")


def _addresses(text: str) -> Iterator[str]:
    """Yield the addresses in the text, those inside another address first; then the text itself."""
    for match in itertools.islice(_ADDRESS.finditer(text), MOST):
        address = match.group()
        starts = [scheme.start() for scheme in re.finditer(r"https?://", address, re.IGNORECASE)]
        for start in [*reversed(starts[-MOST:]), 0]:
            yield address[start:].rstrip(".,;:")
            yield address[start:]
            # Remove punctuation at the end of a sentence, and marks for bold text.
            yield address[start:].strip(".,;:!?*_")
    yield text.strip(_EDGES)


def best_reading(pasted: str, state: str) -> Reading:
    """Return the reading with this state, or else the one that best explains what went wrong."""
    candidates = list(itertools.islice(readings(pasted), 20 * MOST))
    redirects = [reading for reading in candidates if reading.parameters.keys() & {"code", "error"}]
    for reading in redirects:
        if same_state(reading.parameters.get("state", ""), state):
            return reading
    # Words that followed the address may be joined to the state. The state is complete and nobody can guess it: accept it.
    for reading in redirects:
        returned_state = reading.parameters.get("state", "")
        code_first = reading.text.find("code=") < reading.text.find("state=")
        if state and same_state(returned_state[: len(state)], state) and code_first:
            return reading._replace(parameters={**reading.parameters, "state": state})
    links = [reading for reading in candidates if reading.parameters.keys() & {"response_type", "client_id"}]
    with_state = (reading for reading in redirects if reading.parameters.get("state"))
    return next(with_state, ([*redirects, *links, *candidates])[0])


def same_state(returned_state: str, state: str) -> bool:
    """Return whether two states are the same, in constant time, so that nobody can guess a state letter by letter."""
    return hmac.compare_digest(returned_state.encode("utf-8", "surrogatepass"), state.encode())


def parameters(text: str) -> dict[str, str]:
    """Return the parameters of a URL's query or fragment, or of a bare query string; the last value of each."""
    try:
        parts = urlsplit(text)
    except ValueError:  # an unmatched bracket
        return {}
    query = parts.query or parts.fragment
    if not query and "=" in text and "://" not in text:
        query = text.lstrip("?#")
    return {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}


def is_bare_code(pasted: str) -> bool:
    """Return whether the pasted text is a code alone, without a state.

    Several words, or one short word without a digit, do not count as a code. A code is sent to the server, and text
    that was pasted by mistake may be a password.
    """
    text = tidy(pasted)
    if len(visible(pasted).split()) > 1 or (len(text) < 20 and not any(letter.isdigit() for letter in text)):
        return False
    return re.fullmatch(r"[A-Za-z0-9._~!-]{6,512}", text) is not None and not _looks_like_host(text)


def _looks_like_host(text: str) -> bool:
    return text.startswith("www.") or text.endswith((".com", ".net", ".org"))


def explain_missing_code(reading: Reading, pasted: str, box: str, host: str) -> str:
    """Return a message that says what was pasted instead of a redirect with a code, and what to copy."""
    advice = "Copy the whole address, up to and including code=… and state=…, from the page you land on after you press Grant."
    if reading.parameters.keys() & {"response_type", "client_id"}:
        return (
            f"This is the address that leads to {box}, not the one {box} sent you back to. Open it, press Grant, then "
            "copy the address of the page you land on."
        )
    try:
        parts = urlsplit(reading.text)
        pasted_host = (parts.hostname or "").lower()
    except ValueError:  # an unmatched bracket
        return f"There is no code in the pasted text. {advice}"
    if parts.path.endswith("/granted"):
        return "This page only says that boxnb already has the code. There is nothing to paste."
    on_box = host.endswith(".box.com") and pasted_host.endswith("box.com")
    if pasted_host and (pasted_host == host.lower() or on_box):
        return f"This is a page of {box}, and there is no code in its address. {advice}"
    if pasted_host and parts.scheme in ("http", "https"):
        return f"There is no code in this address: it was cut off, or it belongs to another page. {advice}"
    if any(is_bare_code(word) for word in visible(pasted).split()):
        return (
            "There is no code with its state in the pasted text. If it contains a code among other words, paste the code "
            f"alone, or better: {advice[:1].lower()}{advice[1:]}"
        )
    return f"There is no code in the pasted text. {advice}"


def explain_damaged_state(returned_state: str, state: str) -> str:
    """Return a message that says how the state was damaged; ``""`` if the returned state belongs to another request."""
    if len(returned_state) >= 4 and state.startswith(returned_state):
        return "The address was cut off in the middle of its state. Copy it to the very end."
    if returned_state.casefold() == state.casefold():
        return "Letters in the address changed between upper and lower case. Copy it directly from the address bar."
    if len(returned_state) > 12 and (state in returned_state or _is_close(returned_state, state)):
        return "One or two letters in the state were changed. Copy the address directly from the address bar."
    return ""


def _is_close(returned_state: str, state: str) -> bool:
    """Return whether all but four letters of the state match, counted from both ends."""
    return (
        _shared_letters(returned_state, state) + _shared_letters(returned_state[::-1], state[::-1])
        >= len(state) - 4
    )


def _shared_letters(first: str, second: str) -> int:
    """Return how many letters at the start of two strings are the same."""
    pairs = zip(first, second, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
