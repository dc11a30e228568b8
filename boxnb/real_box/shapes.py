"""Compare a response with the sandbox's response to the same read: fields, types, forms of times and ids, headers.

``sandbox.json.gz`` holds the shapes of the sandbox's responses, without their values, so that no sandbox has to be started.
``python tests/support/sandbox_shapes.py`` makes it, and the tests compare it with a running sandbox.
"""

from __future__ import annotations

import functools
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from .answers import Answer
from .description import allows, label, step, vocabulary
from .words import JSON_TYPES, json_type, shape, spoken, time_shape

Path = tuple[str, ...]
OPAQUE = {"additional_details"}
"""Objects whose fields depend on what happened, so that a missing field is not a difference."""
NEVER_NULL = {
    *("etag", "sequence_id", "parent", "created_at", "modified_at"),
    *("content_created_at", "content_modified_at"),
}
"""Fields that may be null in Box's description, but that boxnb expects in most items."""
WORDS = {
    "event",
    "search_results_items",
    "id",
    "name",
    "date",
    "size",
    "type",
    "relevance",
    "modified_at",
    "ASC",
    "DESC",
}
"""Box's own words in fields such as `type`, other than those in the enums of its description."""
CONNECTION = {
    "content-length",
    "server",
    "connection",
    "transfer-encoding",
    "vary",
    "content-encoding",
    "keep-alive",
}
"""Headers of the connection, which are not Box's own."""
MAX_DEPTH = 12
HEX = re.compile(r"[0-9a-f]{40}")


@dataclass
class Place:
    """What the values at one place of a response have in common."""

    types: set[str] = field(default_factory=set)
    forms: set[str] = field(default_factory=set)
    objects: int = 0
    keys: dict[str, int] = field(default_factory=dict)

    @property
    def always(self) -> set[str]:
        """The fields that every object at this place has."""
        return {name for name, count in self.keys.items() if count == self.objects}


@dataclass(frozen=True)
class Reference:
    """The sandbox's response to a read. ``code`` is the error's. Only two headers keep their content."""

    status: int
    headers: dict[str, str]
    has_body: bool
    is_json: bool
    code: str | None
    type: str | None
    places: dict[Path, Place]

    @classmethod
    def of(cls, answer: Answer) -> Reference:
        """Return the shape of a sandbox's response."""
        headers = {
            name: value if name in ("content-type", "www-authenticate") else ""
            for name, value in answer.headers.items()
            if name not in CONNECTION
        }
        fields = answer.doc if isinstance(answer.doc, dict) and answer.status >= 400 else {}
        found = places(answer.doc) if answer.is_json else {}
        texts = (fields.get("code"), fields.get("type"))
        return cls(answer.status, headers, bool(answer.content), answer.is_json, *texts, found)

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Reference:
        """Return a response from what `as_json` wrote."""
        found = {
            tuple(path): Place(set(types), set(forms), objects, keys)
            for path, types, forms, objects, keys in saved["places"]
        }
        return cls(**{**saved, "places": found})

    def as_json(self) -> dict[str, Any]:
        """Return what is saved. Two objects stand for any number: a field counts 2 if every object has it, and 1 otherwise."""
        rows = [
            (
                path,
                sorted(place.types),
                sorted(place.forms),
                2 if place.objects else 0,
                {name: 2 if name in place.always else 1 for name in sorted(place.keys)},
            )
            for path, place in sorted(self.places.items())
        ]
        names = ("status", "headers", "has_body", "is_json", "code", "type")
        return {**{name: getattr(self, name) for name in names}, "places": rows}


@functools.cache
def references() -> dict[str, Reference]:
    """Return the sandbox's responses, by the names of the reads."""
    packed = resources.files(__package__).joinpath("sandbox.json.gz").read_bytes()
    saved: dict[str, Any] = json.loads(gzip.decompress(packed))
    return {name: Reference.from_json(entry) for name, entry in saved.items()}


def places(doc: Any) -> dict[Path, Place]:
    """Return what the values at each place of a response have in common."""
    found: dict[Path, Place] = {}
    _visit(doc, (), found)
    return found


def _visit(value: Any, path: Path, found: dict[Path, Place]) -> None:
    place = found.setdefault(path, Place())
    place.types.add(json_type(value))
    if isinstance(value, str) and path:
        if form := form_of(path[-1], value):
            place.forms.add(form)
    elif len(path) > MAX_DEPTH:
        return
    elif isinstance(value, list):
        for entry in value:
            _visit(entry, (*path, label(entry)), found)
    elif isinstance(value, dict):
        place.objects += 1
        for name, entry in value.items():
            place.keys[name] = place.keys.get(name, 0) + 1
            _visit(entry, (*path, *step(name, entry)), found)


def form_of(name: str, text: str) -> str:
    """Return the form of a text that has one by its name: a time, an id, a hash, an address; otherwise empty."""
    if name.endswith("_at") or name == "date":
        return time_shape(text) or "text that is not a time"
    if name == "request_id":
        return ""  # random hexadecimal digits, which may all happen to be decimal
    if name == "id" or name.endswith("_id") or name in ("etag", "sequence_id", "version_number"):
        return "digits" if text.isascii() and text.isdigit() else "text other than digits"
    if name in ("by", "direction"):
        return text if text in WORDS else "another word"
    if name in ("type", "item_type"):
        return "a word that Box uses" if text in vocabulary() or text in WORDS else "another word"
    if name == "sha1":
        return "40 hex digits" if HEX.fullmatch(text) else "text that is not a SHA-1"
    if name == "url" or name.endswith("_url"):
        return "an https address" if text.startswith(("https://", "http://127.0.0.1")) else "other text"
    return ""


@dataclass(frozen=True)
class Finding:
    """One difference in the body or in a header, at a path."""

    path: Path
    kind: str
    expected: str
    found: str


def body_findings(answer: Answer, reference: Reference) -> Iterator[Finding]:
    """Yield the differences between two bodies, where both have something at the same place."""
    own, known = places(answer.doc), reference.places
    for path, place in own.items():
        other = known.get(counterpart(path, known))
        if other is None or any(name in OPAQUE for name in path):
            continue
        if place.objects and other.objects:
            yield from _field_findings(answer, path, place, other)
        known_types = other.types - {"null"}
        new_types = place.types - other.types
        if known_types and (new := new_types - {"null"}):
            yield Finding(path, "type", spoken(known_types), spoken(new))
        if "null" in new_types and _is_unexpected_null(answer, path, place):
            yield Finding(path, "null", spoken(other.types), "null")
        if other.forms and (forms := place.forms - other.forms):
            yield Finding(path, "form", " or ".join(sorted(other.forms)), " or ".join(sorted(forms)))


def _is_unexpected_null(answer: Answer, path: Path, place: Place) -> bool:
    """Return whether null is not in Box's description, or is all that Box returns for a field that most items have."""
    if place.types == {"null"} and path and path[-1] in NEVER_NULL:
        return True
    return not allows(answer.probe.operation, answer.status, path, "null")


def counterpart(path: Path, known: dict[Path, Place]) -> Path:
    """Return the place of the sandbox's response for a path. Entries without a type are compared with those of the only type."""
    found: Path = ()
    for key in path:
        if key == "[]" and (*found, key) not in known:
            depth = len(found)
            kinds = {other[depth] for other in known if len(other) > depth and other[:depth] == found}
            key = kinds.pop() if len(kinds) == 1 else key
        found = (*found, key)
    return found


def _field_findings(answer: Answer, path: Path, place: Place, other: Place) -> Iterator[Finding]:
    for name in sorted(other.always - place.always):
        count = place.keys.get(name, 0)
        missing = "missing" if count == 0 else "missing in some of them"
        yield Finding((*path, name), "missing", "always present", missing)
    requested = _requested(answer, path)
    for name in place.keys:
        if name in other.keys:
            continue
        if not _is_described(answer, (*path, name)):
            yield Finding((*path, name), "new", "no such field", shape_at(answer.doc, (*path, name)))
        elif requested and name not in requested:
            found = shape_at(answer.doc, (*path, name))
            yield Finding((*path, name), "new", "only the requested fields", found)


def _requested(answer: Answer, path: Path) -> set[str]:
    """Return the fields that were requested of the objects at a path; empty if Box chooses them."""
    is_object = path == () and not answer.entries
    if not is_object and not (len(path) == 2 and path[0] == "entries"):
        return set()
    names = str(answer.probe.params.get("fields", "")).split(",")
    return {name.partition(".")[0] for name in names if name}


def _is_described(answer: Answer, path: Path) -> bool:
    kinds = set(JSON_TYPES.values())
    return any(allows(answer.probe.operation, answer.status, path, kind) for kind in kinds)


def shape_at(doc: Any, path: Path) -> str:
    """Return the shape of the first value at a path."""
    values = [doc]
    for key in path:
        below: list[Any] = []
        for value in values:
            if key.startswith("["):
                below += [
                    entry for entry in (value if isinstance(value, list) else [value]) if label(entry) == key
                ]
            elif isinstance(value, dict) and key in value:
                below.append(value[key])
        values = below
    return shape(values[0]) if values else "missing"


def header_findings(answer: Answer, reference: Reference) -> Iterator[Finding]:
    """Yield the headers that the sandbox sends and Box does not, and those whose content has another form."""
    own = {name.lower(): value for name, value in answer.headers.items()}
    for name, value in reference.headers.items():
        if name not in own:
            yield Finding((name,), "header", "sent", "missing")
        elif name == "content-type":
            expected, sent = (text.partition(";")[0].strip().lower() for text in (value, own[name]))
            if expected != sent:
                yield Finding((name,), "header", expected, "another type")
        elif name == "www-authenticate":
            yield from _challenge_findings(value, own[name])


def _challenge_findings(expected: str, sent: str) -> Iterator[Finding]:
    parts = [re.findall(r'error="([a-z_]+)"', text) for text in (expected, sent)]
    if parts[0] and parts[0] != parts[1]:
        yield Finding(("www-authenticate",), "header", f"the error {parts[0][0]}", "another error, or none")
