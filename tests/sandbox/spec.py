"""Checks an answer of the sandbox against Box's OpenAPI description, and against names that it does not know."""

from __future__ import annotations

import copy
import csv
import functools
import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fastjsonschema
import requests

from .deviations import EMPTY, OPERATIONS, SCHEMAS
from .make_openapi import PLACE

Schema = dict[str, Any]
DATA = Path(__file__).resolve().parents[2] / "data" / "sandbox"
SEEN: set[tuple[str, int]] = set()


@functools.cache
def description() -> dict[str, Any]:
    """The subset kept beside this file, with the deviations applied to its schemas."""
    with gzip.open(PLACE) as file:
        found: dict[str, Any] = json.load(file)
    for change in SCHEMAS:
        change(found["schemas"])
    found["operations"].update(OPERATIONS)
    return found


@functools.cache
def operations() -> list[tuple[str, re.Pattern[str], list[dict[str, Any]]]]:
    """Method, path as a pattern and the variants of every operation; fixed paths first."""
    merged: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for name, one in description()["operations"].items():
        method, path = name.split(" ")
        merged.setdefault((method, path.partition("#")[0]), []).append(one)
    ordered = sorted(merged.items(), key=lambda entry: entry[0][1].replace("{", "~"))
    return [
        (method, re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), variants)
        for (method, path), variants in ordered
    ]


def normal(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable`, and one of several as any of several.

    Schemas like the free-form source of an event fit whatever another one fits, so exactly one never does.
    """
    if isinstance(schema, list):
        return [normal(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    out = {
        key: normal(one) for key, one in schema.items() if key not in ("nullable", "discriminator", "oneOf")
    }
    if "oneOf" in schema:
        out["anyOf"] = normal(schema["oneOf"])
    if isinstance(out.get("$ref"), str):
        out = {"$ref": out["$ref"].replace("#/components/schemas/", "#/schemas/")}
    null = schema.get("nullable") is True or any(  # see deviations.NULLS
        one.get("nullable") is True and not set(one) - {"nullable"} for one in schema.get("allOf", [])
    )
    return {"anyOf": [{"type": "null"}, out]} if (null and set(out) - {"anyOf"}) or null else out


@functools.cache
def schemas() -> dict[str, Any]:
    """All schemas as JSON Schema."""
    return {name: normal(one) for name, one in description()["schemas"].items()}


@functools.cache
def compiled(text: str) -> Callable[[Any], Any]:
    """A checker of one schema, given as JSON."""
    whole = {"$schema": "http://json-schema.org/draft-07/schema#", "allOf": [normal(json.loads(text))]}
    check: Callable[[Any], Any] = fastjsonschema.compile({**whole, "schemas": schemas()}, use_default=False)
    return check


def unknown(schema: Schema, value: Any, path: str = "") -> Iterator[str]:
    """Keys of `value` that the description does not know."""
    if isinstance(value, list):
        items = next((part["items"] for part in parts(schema, value) if "items" in part), None)
        for number, one in enumerate(value):
            yield from unknown(items, one, f"{path}[{number}]") if items is not None else ()
    if not isinstance(value, dict):
        return
    known: dict[str, list[Schema]] = {}
    free = False
    for part in parts(schema, value):
        for name, one in part.get("properties", {}).items():
            known.setdefault(name, []).append(one)
        extra = part.get("additionalProperties")
        free = free or extra is True or isinstance(extra, dict)
    if free or not known:
        return
    for name, one in value.items():
        if name not in known:
            yield f"{path}.{name}"
        else:
            yield from unknown({"allOf": known[name]}, one, f"{path}.{name}")


def parts(schema: Schema, value: Any) -> Iterator[Schema]:
    """The schemas that hold for a value: itself, `allOf`, what it refers to, the fitting one of several."""
    if "$ref" in schema:
        yield from parts(description()["schemas"][schema["$ref"].rpartition("/")[2]], value)
        return
    yield schema
    for one in schema.get("allOf", []):
        yield from parts(one, value)
    choices = [*schema.get("oneOf", []), *schema.get("anyOf", [])]
    for one in choices:
        if fits(one, value):
            yield from parts(one, value)
            return
    for one in choices[:1]:
        yield from parts(one, value)


def fits(schema: Schema, value: Any) -> bool:
    """Is this the schema of several that is meant?"""
    try:
        compiled(json.dumps(schema))(value)
    except fastjsonschema.JsonSchemaValueException:
        return False
    if not isinstance(value, dict):
        return True
    known = {name for part in parts(schema, value) for name in part.get("properties", {})}
    return not known or set(value) <= known


def find(method: str, path: str) -> list[dict[str, Any]]:
    """The variants of the operation behind a method and a path."""
    for one, pattern, variants in operations():
        if one == method.lower() and pattern.fullmatch(path):
            return variants
    return []


def name_of(method: str, path: str) -> str:
    """An operation by its name in the description, ids as dots; the path as it is when the description lacks it."""
    for one, pattern, _ in operations():
        if one == method.lower() and pattern.fullmatch(path):
            return f"{method} {pattern.pattern.replace('[^/]+', '·')}"
    return f"{method} {path}"


def wanted(variants: list[dict[str, Any]], status: int) -> list[Schema] | None:
    """The schemas of the answers of a status; None when the description wants no body."""
    found: list[Schema] = []
    for one in variants:
        content = one["answers"].get(str(status), one["answers"].get("default", {}))
        for kind, schema in content.items():
            if kind == "application/json" and schema not in found:
                found.append(schema)
    return found or None


def inner(path: str) -> str | None:
    """A path as the description writes it; None for one that is not Box's."""
    if path.startswith(("/oauth2/", "/api/oauth2/token", "/api/oauth2/revoke")):  # the older ones with /api
        return path.removeprefix("/api")
    base = next((one for one in ("/api/2.0", "/2.0") if path.startswith(one + "/")), None)
    return None if base is None else path.removeprefix(base).removesuffix("/")


def problems(answer: requests.Response) -> list[str]:
    """What is wrong with an answer of the Box surface; for other paths, and for faults, nothing."""
    inside = inner(urlsplit(answer.url).path)
    method = (answer.request.method or "").lower()
    if inside is None or not find(method, inside) or answer.status_code >= 500:
        return []
    return wrong(method, inside, answer.status_code, answer.headers.get("content-type", ""), answer.content)


def wrong(method: str, inside: str, status: int, kind: str, content: bytes) -> list[str]:
    """What is wrong with an answer; a path that the description does not have may only refuse."""
    variants = find(method, inside)
    if not variants:
        if status < 400:
            return [f"{status} where the description has no {method} {inside}"]
        variants = [
            {"answers": {"default": {"application/json": {"$ref": "#/components/schemas/ClientError"}}}}
        ]
    SEEN.add((f"{method} {inside}", status))
    if not content:
        empty = status in EMPTY or wanted(variants, status) is None
        return [] if empty else [f"{status} without a body"]
    choices = wanted(variants, status)
    if choices is None:
        return [f"{status} with a body the description does not know"]
    if kind.partition(";")[0] != "application/json":
        return [f"{status} labelled {kind!r}"]
    schema = choices[0] if len(choices) == 1 else {"anyOf": choices}
    doc = json.loads(content)
    try:
        compiled(json.dumps(schema))(copy.deepcopy(doc))
    except fastjsonschema.JsonSchemaValueException as error:
        return [str(error)]
    return [*(f"unknown key {one}" for one in unknown(schema, doc)), *nulls(inside, doc)]


@functools.cache
def outsiders() -> set[str]:
    """The ids of people of other companies."""
    with (DATA / "externals.csv").open(encoding="utf-8", newline="") as lines:
        return {row["id"] for row in csv.DictReader(lines)}


def nulls(inside: str, doc: Any) -> Iterator[str]:
    """Nulls that only people of other companies may have."""
    if not inside.startswith("/users") or not isinstance(doc, dict):
        return
    for one in doc.get("entries", [doc]):
        if one.get("type") == "user" and one["id"] not in outsiders():
            found = [name for name, value in one.items() if value is None and name != "notification_email"]
            yield from (f"{name} is null for a person of the company" for name in found)


def check(answer: requests.Response, *args: Any, **options: Any) -> None:
    """A hook for a session: fail the test in which an answer breaks the description."""
    found = problems(answer)
    assert not found, (
        f"{answer.request.method} {answer.url} {answer.status_code}: {found[:3]}\n{answer.text[:600]}"
    )
