"""A server on loopback that offers every operation of Box's OpenAPI description, and refuses what the description does not allow."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from pretending import Answer, pretending
from sandbox.make_openapi import WHOLE_FILE

import boxnb

ROWS = 3
"""The number of entries in every listing, on two pages where the listing has pages."""

UPLOAD_SERVERS = ("https://upload.box.com/api/2.0", "https://{box-upload-server}/api/2.0")
SIGN_IN = {"/authorize", "/oauth2/token", "/oauth2/revoke"}
VALUES = {"scope": "enterprise", "extension": "png", "limit": "1000"}
PAGING = {"limit", "offset", "marker", "usemarker", "fields"}
"""Parameters that boxnb may add to the first call of a listing."""

with gzip.open(WHOLE_FILE) as _file:
    _DESCRIPTION = json.load(_file)
SCHEMAS: dict[str, Any] = _DESCRIPTION["schemas"]


class Operation(NamedTuple):
    """One operation of the description."""

    method: str
    template: str
    source: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def path(self) -> str:
        """The path with a value for every parameter."""
        path = self.template.partition("#")[0]
        return re.sub(r"\{(\w+)\}", lambda match: VALUES.get(match[1], "11"), path)

    @property
    def pattern(self) -> re.Pattern[str]:
        parts = re.split(r"\{\w+\}", self.template.partition("#")[0])
        return re.compile("[^/]+".join(map(re.escape, parts)))

    @property
    def prefix(self) -> str:
        """The start of the operation's path on its own server."""
        if self.template.partition("#")[0] in SIGN_IN:
            return ""
        return "/api/2.0" if any(server in UPLOAD_SERVERS for server in self.source["servers"]) else "/2.0"

    def parameters(self, place: str) -> dict[str, dict[str, Any]]:
        """Return the schemas of the parameters in a place, such as the query."""
        return {
            entry["name"]: entry.get("schema", {})
            for entry in self.source["parameters"]
            if entry["in"] == place
        }

    def required(self, place: str) -> dict[str, str]:
        """Return a value for each required parameter in a place."""
        return {
            entry["name"]: str(sample(entry.get("schema", {})))
            for entry in self.source["parameters"]
            if entry["in"] == place and entry.get("required")
        }

    @property
    def answer(self) -> tuple[int, str, Any]:
        """The status, the type and the schema of the first successful response."""
        status = min(status for status in self.source["answers"] if status < "400")
        content = self.source["answers"][status]
        kind = next(iter(content), "")
        return int(status), kind, content.get(kind)

    @property
    def is_listing(self) -> bool:
        """Whether the response has entries."""
        return "entries" in properties(self.answer[2] or {})

    def body(self) -> tuple[str, Any]:
        """Return the type of the request's body, and a body of that type; ``None`` if the operation has none."""
        for kind, schema in self.source["body"].items():
            return kind, sample(schema)
        return "", None


OPERATIONS = [
    Operation(*name.split(" ", 1), source)  # type: ignore[call-arg]
    for name, source in _DESCRIPTION["operations"].items()
]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with its references and parts merged."""
    if "$ref" in schema:
        return resolved(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    merged: dict[str, Any] = {}
    for part in [*schema.get("allOf", []), *(schema.get("oneOf", []) or schema.get("anyOf", []))[:1]]:
        inner = resolved(part)
        merged |= {
            **inner,
            "properties": {**merged.get("properties", {}), **inner.get("properties", {})},
            "required": [*merged.get("required", []), *inner.get("required", [])],
        }
    own = {key: value for key, value in schema.items() if key not in ("allOf", "oneOf", "anyOf")}
    own["properties"] = {**merged.get("properties", {}), **own.get("properties", {})}
    own["required"] = [*merged.get("required", []), *own.get("required", [])]
    return {**merged, **own}


def properties(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the properties of a schema."""
    merged: dict[str, Any] = resolved(schema).get("properties", {})
    return merged


def sample(schema: dict[str, Any], depth: int = 0) -> Any:
    """Return a value that fits a schema. Below the third level, objects have only what is required."""
    full = resolved(schema)
    if "enum" in full:
        return full["enum"][0]
    kind = full.get("type") or ("object" if full["properties"] else "string")
    if kind == "object":
        names = full["properties"] if depth < 3 else {}
        return {
            name: sample(full["properties"][name], depth + 1)
            for name in {*names, *full["required"]}
            if name in full["properties"]
        }
    if kind == "array":
        return [sample(full.get("items", {}), depth + 1)] if depth < 3 else []
    values = {"integer": 1, "number": 1.5, "boolean": True}
    formats = {"date-time": "2026-03-01T08:00:00Z", "date": "2026-03-01", "email": "ada@example.com"}
    return values.get(kind, formats.get(full.get("format", ""), "11"))


class Described:
    """Responds to every operation, and records which were called. ``problems`` says what was refused, and why."""

    def __init__(self) -> None:
        self.reached: set[str] = set()
        self.problems: list[str] = []

    def answer(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
    ) -> Answer:
        """Return the response to one request, as a function for ``Pretender.first``."""
        path = {"/token": "/oauth2/token", "/revoke": "/oauth2/revoke"}.get(path, path)
        matches = [
            operation
            for operation in OPERATIONS
            if operation.method == method.lower()
            and path.startswith(operation.prefix + "/")
            and operation.pattern.fullmatch(path.removeprefix(operation.prefix))
        ]
        # A fixed path comes before one with parameters.
        matches = [entry for entry in matches if entry.pattern == min(matches, key=_openness).pattern]
        if not matches:
            return self._refuse(404, f"{method} {path} is not in the description")
        kind = headers.get("Content-Type", "").partition(";")[0]
        # Two operations with the same path and method differ only in their bodies.
        operation = next((entry for entry in matches if kind in entry.source["body"]), matches[0])
        if problem := _problem(operation, query, headers, body):
            return self._refuse(400, f"{operation.name}: {problem}")
        self.reached |= {entry.name for entry in matches}
        return _response(operation, query, body if kind == "application/json" else b"")

    def _refuse(self, status: int, message: str) -> Answer:
        self.problems.append(message)
        return status, {}, {"type": "error", "status": status, "code": "bad_request", "message": message}


def _openness(operation: Operation) -> int:
    return operation.template.count("{")


def _problem(operation: Operation, query: dict[str, str], headers: dict[str, str], body: bytes) -> str:
    """Return why Box would refuse a request according to the description."""
    known = operation.parameters("query")
    names = {name.lower() for name in headers}
    if missing := set(operation.required("query")) - set(query):
        return f"the query lacks {missing}"
    if missing := {name for name in operation.required("header") if name not in names}:
        return f"the headers lack {missing}"
    if unknown := set(query) - set(known) - PAGING:
        return f"the query has {unknown}"
    maximum = known.get("limit", {}).get("maximum")
    if maximum is not None and int(query.get("limit", 0)) > maximum:
        return f"the limit is above {maximum}"
    kinds = operation.source["body"]
    content_type = headers.get("Content-Type", "").partition(";")[0]
    if body and content_type not in kinds:
        return f"the body is {content_type!r}, not one of {set(kinds)}"
    if operation.source["needs_body"] and not body:
        return "the body is missing"
    if body and content_type.endswith("json"):
        content, schema = json.loads(body), resolved(kinds[content_type])
        if isinstance(content, dict) and (missing := set(schema["required"]) - set(content)):
            return f"the body lacks {missing}"
        if isinstance(content, list) != (schema.get("type") == "array"):
            return "the body is not of the described type"
    return ""


def _response(operation: Operation, query: dict[str, str], body: bytes) -> Answer:
    status, kind, schema = operation.answer
    if kind not in ("", "application/json"):
        return status, {"Content-Type": kind}, b"\x89bytes"
    if schema is None:
        return status, {"Location": "/"} if status == 302 else {}, b""
    response = sample(schema)
    if not operation.is_listing:
        return status, {}, response
    entry = resolved(properties(schema)["entries"]).get("items", {})
    rows = []
    for number in range(ROWS):
        row = sample(entry)
        rows.append({**row, "id": str(number)} if isinstance(row, dict) else {"value": row})
    return status, {}, _page(operation, {"entries": rows}, query, body, set(properties(schema)))


def _page(
    operation: Operation, listing: dict[str, Any], query: dict[str, str], body: bytes, fields: set[str]
) -> dict[str, Any]:
    """Return one page of a listing, as the fields of its schema say: by marker, offset or position, or all rows."""
    rows, sent = listing["entries"], query
    if body and isinstance(content := json.loads(body), dict):
        sent = content
    known = operation.parameters("query")
    if "next_stream_position" in fields:
        later = query.get("stream_position", "0") != "0"
        return {"entries": [] if later else rows, "chunk_size": 3, "next_stream_position": 77}
    if "next_marker" in fields and ("usemarker" not in known or query.get("usemarker") == "true"):
        later = sent.get("marker") == "page2"
        return {
            "entries": rows[2:] if later else rows[:2],
            "limit": 2,
            "next_marker": None if later else "page2",
        }
    if "offset" in known:
        offset = int(query.get("offset", 0))
        return {"entries": rows[offset : offset + 2], "limit": 2, "offset": offset, "total_count": ROWS}
    return {"entries": rows} | ({"total_count": ROWS} if "total_count" in fields else {})


@contextmanager
def described() -> Iterator[tuple[Described, boxnb.Box]]:
    """Start a server that offers every operation. Yield what it records, and a Box that is signed in to it."""
    with pretending() as (pretender, box):
        server = Described()
        pretender.first = server.answer
        yield server, box
