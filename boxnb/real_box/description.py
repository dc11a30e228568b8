"""Validate a response against Box's own OpenAPI description, and say where in it the difference is.

``description.json.gz`` holds only the operations of `plan`, without prose, and with the known mistakes of the description
corrected. ``tests/sandbox/make_openapi.py`` writes it.
"""

from __future__ import annotations

import datetime
import functools
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, NamedTuple

from .words import json_type, shape, spoken

Schema = dict[str, Any]
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
DEPTH = 40
"""How deeply boxnb follows schemas. Those of folders and collaborations refer to each other."""


class Violation(NamedTuple):
    """Where a value differs from its schema; ``path`` is a tuple of keys, with ``[]`` or ``[type]`` for an entry of a list."""

    path: tuple[str, ...]
    kind: str
    expected: str
    found: str


@functools.cache
def description() -> dict[str, Any]:
    """Return the operations and schemas."""
    packed = resources.files(__package__).joinpath("description.json.gz").read_bytes()
    document: dict[str, Any] = json.loads(gzip.decompress(packed))
    return document


@functools.cache
def vocabulary() -> frozenset[str]:
    """Return the names of all fields, and the values of all enums: words that are Box's own and not personal."""
    words: set[str] = set()

    def collect(node: Any) -> None:
        if isinstance(node, dict):
            properties = node.get("properties")
            words.update(properties if isinstance(properties, dict) else ())
            words.update(value for value in node.get("enum", ()) if isinstance(value, str))
            for part in node.values():
                collect(part)
        elif isinstance(node, list):
            for part in node:
                collect(part)

    collect(description())
    return frozenset(words)


def answer_schema(operation: str, status: int) -> Schema | None:
    """Return the schema of an operation's response with a status, or None if the description has no body for it."""
    answers = description()["operations"][f"get {operation}"]["answers"]
    schema: Schema | None = answers.get(str(status), answers.get("default"))
    return schema


@dataclass
class Flat:
    """A schema with its references and ``allOf`` parts merged."""

    nullable: bool = False
    types: set[str] = field(default_factory=set)
    enums: list[list[Any]] = field(default_factory=list)
    formats: set[str] = field(default_factory=set)
    properties: dict[str, Schema] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    items: Schema | None = None
    is_open: bool = False
    more: list[Schema] = field(default_factory=list)
    choices: list[list[Schema]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing, and so allows everything."""
        return not (self.types or self.enums or self.properties or self.items or self.choices or self.more)


_FLATS: dict[int, tuple[Schema, Flat]] = {}
"""The merged schemas so far, by the schema's identity. The schema is kept too, so that no other one gets its identity."""


def flatten(schema: Schema) -> Flat:
    """Merge a schema with its references and ``allOf`` parts."""
    if id(schema) not in _FLATS:
        flat = Flat()
        _merge(flat, schema, 0)
        _FLATS[id(schema)] = (schema, flat)
    return _FLATS[id(schema)][1]


def _merge(flat: Flat, schema: Schema, depth: int) -> None:
    if depth > DEPTH:
        return
    if "$ref" in schema:
        _merge(flat, description()["schemas"][schema["$ref"].rpartition("/")[2]], depth + 1)
        return
    flat.nullable = flat.nullable or schema.get("nullable") is True
    if isinstance(schema.get("type"), str):
        flat.types.add(schema["type"])
    if "enum" in schema:
        flat.enums.append(schema["enum"])
    if "format" in schema:
        flat.formats.add(schema["format"])
    for name, part in schema.get("properties", {}).items():
        flat.properties[name] = _both(flat.properties.get(name), part)
    flat.required |= set(schema.get("required", []))
    if "items" in schema:
        flat.items = _both(flat.items, schema["items"])
    extra = schema.get("additionalProperties")
    flat.is_open = flat.is_open or extra is True or isinstance(extra, dict)
    if isinstance(extra, dict):
        flat.more.append(extra)
    for name in ("oneOf", "anyOf"):
        if name in schema:
            flat.choices.append(schema[name])
    for part in schema.get("allOf", []):
        _merge(flat, part, depth + 1)


def _both(one: Schema | None, other: Schema) -> Schema:
    """Return a schema that says what two parts say about the same value."""
    return other if one is None or one == other else {"allOf": [one, other]}


def violations(schema: Schema, value: Any, path: tuple[str, ...] = ()) -> Iterator[Violation]:
    """Yield every difference between a value and its schema: missing, new, null, type, enum or format."""
    flat = flatten(schema)
    kind = json_type(value)
    if flat.is_empty:
        return
    types = flat.types or ({"object"} if flat.properties else set())
    if value is None:
        if not flat.nullable and not any(_allows_null(choice) for part in flat.choices for choice in part):
            yield Violation(path, "null", spoken(types) if types else "not null", "null")
        return
    if types and kind not in types and not (kind == "integer" and "number" in types):
        yield Violation(path, "type", spoken(types), shape(value))
        return
    for allowed in flat.enums:
        if value not in allowed:
            yield Violation(
                path, "enum", f"one of {len(allowed)} known values", f"another value, {shape(value)}"
            )
            break
    if isinstance(value, str):
        yield from _format(flat.formats, value, path)
    elif isinstance(value, list):
        for entry in value if flat.items is not None else ():
            yield from violations(flat.items or {}, entry, (*path, label(entry)))
    elif isinstance(value, dict):
        yield from _object(flat, value, path)
    for choices in flat.choices:
        yield from _best(choices, value, path)


def _allows_null(schema: Schema) -> bool:
    flat = flatten(schema)
    return flat.nullable or any(_allows_null(choice) for part in flat.choices for choice in part)


def _format(formats: set[str], text: str, path: tuple[str, ...]) -> Iterator[Violation]:
    if "date-time" in formats and not _is_time(text):
        yield Violation(path, "format", "a time as in RFC 3339", shape(text))


def _is_time(text: str) -> bool:
    if not DATE_TIME.fullmatch(text):
        return False
    try:
        datetime.datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    return True


def _object(flat: Flat, value: dict[str, Any], path: tuple[str, ...]) -> Iterator[Violation]:
    for name in sorted(flat.required & set(flat.properties) - set(value)):
        yield Violation((*path, name), "missing", "always present", "missing")
    for name, entry in value.items():
        if name in flat.properties:
            yield from violations(flat.properties[name], entry, (*path, *step(name, entry)))
        elif flat.is_open:
            for part in flat.more:
                yield from violations(part, entry, (*path, "*"))
        elif flat.properties and not flat.choices:
            yield Violation((*path, name), "new", "no such field", shape(entry))


def _best(choices: list[Schema], value: Any, path: tuple[str, ...]) -> Iterator[Violation]:
    """Yield the differences from the variant that fits best; one that has the value's `type` always wins."""
    variants = [list(violations(choice, value, path)) for choice in choices]
    if isinstance(value, dict):
        of_type = [
            found
            for choice, found in zip(choices, variants, strict=True)
            if value.get("type") in [kind for enum in _type_enums(choice) for kind in enum]
        ]
        variants = of_type or variants
    if variants:
        yield from min(variants, key=len)


def _type_enums(schema: Schema) -> list[list[Any]]:
    kind = flatten(schema).properties.get("type")
    return [] if kind is None else flatten(kind).enums


def label(entry: Any) -> str:
    """Return how a path names an entry of a list: by its type, if that is one of Box's own."""
    kind = entry.get("type") if isinstance(entry, dict) else None
    return f"[{kind}]" if isinstance(kind, str) and kind in vocabulary() else "[]"


TYPED = {"accessible_by", "item", "source"}
"""Fields whose objects are of several types, which have different fields."""


def step(name: str, value: Any) -> tuple[str, ...]:
    """Return how a path names a field, with the type of its object if there are several."""
    kind = label(value) if name in TYPED else "[]"
    return (name,) if kind == "[]" else (name, kind)


def allows(operation: str, status: int, path: tuple[str, ...], kind: str) -> bool:
    """Return whether the description of a response has this JSON type (or ``null``) at a path."""
    schema = answer_schema(operation, status)
    schemas = [] if schema is None else [schema]
    for key in path:
        schemas = [part for schema in schemas for part in _below(schema, key)]
    for schema in schemas:
        flat = flatten(schema)
        if kind in flat.types or (kind == "null" and flat.nullable):
            return True
    return False


def _below(schema: Schema, key: str, depth: int = 0) -> Iterator[Schema]:
    flat = flatten(schema)
    if key.startswith("["):
        yield flat.items or schema  # an object of one of several types has no items
        return
    if key in flat.properties:
        yield flat.properties[key]
    if depth < 4:
        for choices in flat.choices:
            for choice in choices:
                yield from _below(choice, key, depth + 1)
