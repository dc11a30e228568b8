"""Validate a response of the sandbox against Box's OpenAPI description, including keys that it does not have."""

from __future__ import annotations

import csv
import functools
import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import fastjsonschema
import requests

from .deviations import ANSWERS, EMPTY, OPERATIONS, SCHEMAS
from .make_openapi import SUBSET_FILE

Schema = dict[str, Any]
DATA = Path(__file__).resolve().parents[2] / "data" / "sandbox"
SEEN: set[tuple[str, int]] = set()


@functools.cache
def description() -> dict[str, Any]:
    """Return the subset saved next to this file, with the deviations applied to its schemas."""
    with gzip.open(SUBSET_FILE) as file:
        document: dict[str, Any] = json.load(file)
    for change in SCHEMAS:
        change(document["schemas"])
    document["operations"].update(OPERATIONS)
    for name, statuses in ANSWERS.items():
        answers = document["operations"][name]["answers"]
        for real, described in statuses.items():
            answers[real] = answers.pop(described)
    return document


@functools.cache
def operations() -> list[tuple[str, re.Pattern[str], list[dict[str, Any]]]]:
    """Return method, path pattern and variants of every operation; fixed paths first."""
    merged: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for name, operation in description()["operations"].items():
        method, path = name.split(" ")
        merged.setdefault((method, path.partition("#")[0]), []).append(operation)
    ordered = sorted(merged.items(), key=lambda entry: entry[0][1].replace("{", "~"))
    return [
        (method, re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), variants)
        for (method, path), variants in ordered
    ]


def to_json_schema(schema: Any) -> Any:
    """Convert OpenAPI 3.0 to JSON Schema: `nullable`, and `oneOf` as `anyOf`.

    Some schemas, such as the free-form source of an event, match everything that another one matches, so `oneOf` always fails.
    """
    if isinstance(schema, list):
        return [to_json_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {
        key: to_json_schema(part)
        for key, part in schema.items()
        if key not in ("nullable", "discriminator", "oneOf")
    }
    if "oneOf" in schema:
        converted["anyOf"] = to_json_schema(schema["oneOf"])
    if isinstance(converted.get("$ref"), str):
        converted = {"$ref": converted["$ref"].replace("#/components/schemas/", "#/schemas/")}
    null = schema.get("nullable") is True or any(  # see deviations.NULLS
        part.get("nullable") is True and not set(part) - {"nullable"} for part in schema.get("allOf", [])
    )
    return (
        {"anyOf": [{"type": "null"}, converted]}
        if (null and set(converted) - {"anyOf"}) or null
        else converted
    )


@functools.cache
def schemas() -> dict[str, Any]:
    """Return all schemas as JSON Schema."""
    return {name: to_json_schema(schema) for name, schema in description()["schemas"].items()}


@functools.cache
def validator(text: str) -> Callable[[Any], Any]:
    """Return a function that validates against one schema, given as JSON."""
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "allOf": [to_json_schema(json.loads(text))],
    }
    check: Callable[[Any], Any] = fastjsonschema.compile({**schema, "schemas": schemas()}, use_default=False)
    return check


class Layer(NamedTuple):
    """What some schemas that apply to the same value say together."""

    properties: dict[str, tuple[Schema, ...]]
    items: tuple[Schema, ...]
    choices: tuple[tuple[Schema, ...], ...]  # of each `oneOf` or `anyOf`, one applies
    is_free: bool  # any key is allowed


LAYERS: dict[tuple[int, ...], tuple[Layer, tuple[Schema, ...]]] = {}


def layer_of(schemas: tuple[Schema, ...]) -> Layer:
    """Merge schemas, with their references and `allOf`. A run asks for the same few schemas millions of times."""
    key = tuple(map(id, schemas))
    if key not in LAYERS:
        # An id is unique only while its object exists, so the schemas are kept as well.
        LAYERS[key] = _merged(schemas), schemas
    return LAYERS[key][0]


def _merged(schemas: tuple[Schema, ...]) -> Layer:
    properties: dict[str, tuple[Schema, ...]] = {}
    items: list[Schema] = []
    choices: list[tuple[Schema, ...]] = []
    is_free = False
    waiting = list(schemas)
    while waiting:
        schema = waiting.pop(0)
        if "$ref" in schema:
            waiting.insert(0, description()["schemas"][schema["$ref"].rpartition("/")[2]])
            continue
        for name, entry in schema.get("properties", {}).items():
            properties[name] = (*properties.get(name, ()), entry)
        items += [schema["items"]] if "items" in schema else []
        extra = schema.get("additionalProperties")
        is_free = is_free or extra is True or isinstance(extra, dict)
        if options := (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
            choices.append(options)
        waiting[:0] = schema.get("allOf", ())
    return Layer(properties, tuple(items), tuple(choices), is_free)


def layer_for(schemas: tuple[Schema, ...], value: Any) -> Layer:
    """Return what schemas say about a value, with the choice that it fits, or the first one."""
    layer = layer_of(schemas)
    while layer.choices:
        chosen = tuple(
            next((option for option in options if fits(option, value)), options[0])
            for options in layer.choices
        )
        inner = layer_of(chosen)
        properties = dict(layer.properties)
        for name, entries in inner.properties.items():
            properties[name] = (*properties.get(name, ()), *entries)
        layer = Layer(properties, (*layer.items, *inner.items), inner.choices, layer.is_free or inner.is_free)
    return layer


def unknown_keys(schemas: tuple[Schema, ...], value: Any, path: str = "") -> Iterator[str]:
    """Yield the keys of `value` that the description does not have."""
    if isinstance(value, list):
        items = layer_for(schemas, value).items
        for number, entry in enumerate(value):
            if items and isinstance(entry, list | dict):
                yield from unknown_keys(items, entry, f"{path}[{number}]")
    if not isinstance(value, dict):
        return
    layer = layer_for(schemas, value)
    if layer.is_free or not layer.properties:
        return
    for name, entry in value.items():
        if name not in layer.properties:
            yield f"{path}.{name}"
        elif isinstance(entry, list | dict):
            yield from unknown_keys(layer.properties[name], entry, f"{path}.{name}")


VALIDATORS: dict[int, tuple[Callable[[Any], Any], Schema]] = {}


def validator_of(schema: Schema) -> Callable[[Any], Any]:
    """Return the validator of a schema that was asked for before without writing the schema as JSON again."""
    if id(schema) not in VALIDATORS:
        VALIDATORS[id(schema)] = validator(json.dumps(schema)), schema
    return VALIDATORS[id(schema)][0]


def fits(schema: Schema, value: Any) -> bool:
    """Return whether a value matches this schema and has no keys that it does not have."""
    try:
        validator_of(schema)(value)
    except fastjsonschema.JsonSchemaValueException:
        return False
    if not isinstance(value, dict):
        return True
    known = layer_for((schema,), value).properties
    return not known or known.keys() >= value.keys()


def variants_of(method: str, path: str) -> list[dict[str, Any]]:
    """Return the variants of the operation with a method and a path."""
    for operation_method, pattern, variants in operations():
        if operation_method == method.lower() and pattern.fullmatch(path):
            return variants
    return []


def name_of(method: str, path: str) -> str:
    """Return an operation's name in the description, with dots for ids, or the path itself if it is not there."""
    for operation_method, pattern, _ in operations():
        if operation_method == method.lower() and pattern.fullmatch(path):
            return f"{method} {pattern.pattern.replace('[^/]+', '·')}"
    return f"{method} {path}"


NOT_DESCRIBED = [{"answers": {"default": {"application/json": {"$ref": "#/components/schemas/ClientError"}}}}]
"""What a path that the description does not have may return: errors."""
EXPECTED: dict[tuple[int, int], Schema | None] = {}


def schema_for(variants: list[dict[str, Any]], status: int) -> Schema | None:
    """Return the schema of the responses with a status, or None if the description has no body for it."""
    key = id(variants), status  # the lists of `operations()`, which stay
    if key not in EXPECTED:
        matches: list[Schema] = []
        for variant in variants:
            content = variant["answers"].get(str(status), variant["answers"].get("default", {}))
            for media_type, schema in content.items():
                if media_type == "application/json" and schema not in matches:
                    matches.append(schema)
        EXPECTED[key] = {"anyOf": matches} if len(matches) > 1 else matches[0] if matches else None
    return EXPECTED[key]


def box_path(path: str) -> str | None:
    """Return a path in the form of the description, or None if it is not one of Box's."""
    if path.startswith(("/oauth2/", "/api/oauth2/token", "/api/oauth2/revoke")):  # older clients use /api
        return path.removeprefix("/api")
    base = next((prefix for prefix in ("/api/2.0", "/2.0") if path.startswith(prefix + "/")), None)
    return None if base is None else path.removeprefix(base).removesuffix("/")


def problems(response: requests.Response) -> list[str]:
    """Return what is wrong with a response of the Box API; nothing for other paths and for faults."""
    path = box_path(urlsplit(response.url).path)
    method = (response.request.method or "").lower()
    if path is None or not variants_of(method, path) or response.status_code >= 500:
        return []
    return violations_of(
        method, path, response.status_code, response.headers.get("content-type", ""), response.content
    )


def violations_of(method: str, path: str, status: int, media_type: str, content: bytes) -> list[str]:
    """Return what is wrong with a response. A path that the description does not have may only return errors."""
    variants = variants_of(method, path)
    if not variants:
        if status < 400:
            return [f"{status} but the description does not have {method} {path}"]
        variants = NOT_DESCRIBED
    SEEN.add((f"{method} {path}", status))
    schema = schema_for(variants, status)
    if not content:
        empty = status in EMPTY or schema is None
        return [] if empty else [f"{status} without a body"]
    if schema is None:
        return [f"{status} with a body that the description does not have"]
    if media_type.partition(";")[0] != "application/json":
        return [f"{status} labelled {media_type!r}"]
    doc = json.loads(content)
    try:
        validator_of(schema)(doc)
    except fastjsonschema.JsonSchemaValueException as error:
        return [str(error)]
    return [*(f"unknown key {key}" for key in unknown_keys((schema,), doc)), *nulls(path, doc)]


@functools.cache
def outsiders() -> set[str]:
    """Return the ids of the external users."""
    with (DATA / "externals.csv").open(encoding="utf-8", newline="") as lines:
        return {row["id"] for row in csv.DictReader(lines)}


def nulls(path: str, doc: Any) -> Iterator[str]:
    """Yield the nulls that only external users may have."""
    if not path.startswith("/users") or not isinstance(doc, dict):
        return
    for user in doc.get("entries", [doc]):
        if user.get("type") == "user" and user["id"] not in outsiders():
            names = [name for name, value in user.items() if value is None and name != "notification_email"]
            yield from (f"{name} is null for a managed user" for name in names)


def check(response: requests.Response, *args: Any, **options: Any) -> None:
    """Fail the test if a response violates the description (a hook for sessions)."""
    violations = problems(response)
    assert not violations, (
        f"{response.request.method} {response.url} {response.status_code}: {violations[:3]}\n{response.text[:600]}"
    )
