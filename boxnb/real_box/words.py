"""Describe values by their shape, so that the page contains no personal data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

NAME = re.compile(r"[$A-Za-z][A-Za-z0-9_-]{0,49}")
TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:([T ])(\d\d:\d\d(?::\d\d)?)(\.\d+)?(Z|[+-]\d\d:?\d\d)?)?")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
JSON_TYPES = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}
SPOKEN = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number with a fraction",
    "string": "text",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def json_type(value: Any) -> str:
    """Return the JSON type of a decoded value; a number with a fraction part is ``number``, even if it is 0."""
    return JSON_TYPES.get(type(value), "object")


def time_shape(text: str) -> str | None:
    """Return the form of a time, such as ``YYYY-MM-DDThh:mm:ss+hh:mm``, or None if the text is not a time."""
    match = TIME.fullmatch(text)
    if match is None:
        return None
    _, separator, clock, fraction, zone = match.groups()
    if clock is None:
        return "YYYY-MM-DD"
    seconds = ":ss" if clock.count(":") == 2 else ""
    offset = {"": "", "Z": "Z"}.get(zone or "", "+hh:mm" if ":" in (zone or "") else "+hhmm")
    return f"YYYY-MM-DD{separator}hh:mm{seconds}{'.fff' if fraction else ''}{offset}"


def text_kind(text: str) -> str:
    """Return what kind of text it is, without any of it."""
    if text == "":
        return "empty text"
    if text.isascii() and text.isdigit():
        return "text of digits"
    if time_shape(text) is not None:
        return f"a time, {time_shape(text)}"
    if UUID.fullmatch(text):
        return "a UUID"
    if re.fullmatch(r"[0-9a-f]{40}", text):
        return "40 hex digits"
    if re.match(r"https?://", text):
        return "an address"
    if "@" in text:
        return "text with an @"
    return "text"


def shape(value: Any) -> str:
    """Return a value's shape in words, for the page."""
    if isinstance(value, str):
        return text_kind(value)
    if isinstance(value, list):
        return "an empty list" if not value else "a list"
    return SPOKEN[json_type(value)]


def spoken(types: Iterable[str]) -> str:
    """Return JSON types in words, such as ``text or null``."""
    return " or ".join(SPOKEN.get(name, name) for name in sorted(types))


class Names:
    """Which names of fields may be shown: those of Box's description, and others that do not contain a value that Box returned."""

    def __init__(self, known: Iterable[str]) -> None:
        self.known = set(known)
        self._words: set[str] = set()

    def learn(self, value: Any) -> None:
        """Remember the words in the values of a response. A field with such a word in its name is not shown."""
        pending = [value]
        while pending:
            node = pending.pop()
            if isinstance(node, dict):
                pending += node.values()
            elif isinstance(node, list):
                pending += node
            elif isinstance(node, str | int | float) and not isinstance(node, bool):
                self._words |= _words_of(str(node))

    def shown(self, name: str) -> str:
        """Return a field's name if it may be shown, else how long it is."""
        if name in self.known:
            return name
        is_safe = (
            NAME.fullmatch(name)
            and not re.search(r"\d{3}", name)
            and not (_words_of(name) & (self._words - self._known_words()))
        )
        return name if is_safe else f"(a name of {len(name)} characters)"

    def _known_words(self) -> set[str]:
        return set().union(*map(_words_of, self.known)) if self.known else set()


def _words_of(text: str) -> set[str]:
    """Return the words of at least three characters in a text, and the text as a whole, in lower case."""
    parts = re.findall(r"[^\W\d_]{3,}|\d{3,}", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text[:2000]))
    return {part.casefold() for part in [*parts, re.sub(r"[\W_]", "", text[:200])] if len(part) >= 3}
