"""Make openapi.json.gz: what Box's OpenAPI description says about the sandbox's paths, as names, types and statuses.

    cd tests && python -m sandbox.make_openapi ../../shared/box-openapi.json

It also writes the part that the wheel contains, for `boxnb.contract`, and every_operation.json.gz, which says the same about
all paths.
Descriptions, examples and titles are left out: only facts, no prose.
"""

from __future__ import annotations

import copy
import gzip
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SUBSET_FILE = HERE / "openapi.json.gz"
WHOLE_FILE = HERE / "every_operation.json.gz"
CONTRACT_FILE = HERE.parents[1] / "boxnb" / "real_box" / "description.json.gz"
FULL_DESCRIPTION = HERE.parents[2] / "shared" / "box-openapi.json"
PROSE = {"description", "example", "examples", "title", "externalDocs", "tags", "summary", "deprecated"}
METHODS = {"get", "post", "put", "delete", "options"}


def implemented_operations() -> set[tuple[str, str]]:
    """Return the method and path of every operation of the sandbox, with ``{}`` for ids."""
    from boxnb.sandbox.server.api.routes import TABLES, UPLOAD_TABLES

    operations = {("post", "/oauth2/token"), ("post", "/oauth2/revoke")}
    for table in [*TABLES, *UPLOAD_TABLES]:
        for path, handlers in table.items():
            operations |= {(method.lower(), shape(path)) for method in handlers}
    return operations


def shape(path: str) -> str:
    """Return a path with ``{}`` for every parameter, without what the description appends after a ``#``."""
    path = path.partition("#")[0]
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def stripped(value: Any, names: bool = False) -> Any:
    """Return a value without prose. With `names`, the keys are names and all of them stay."""
    if isinstance(value, dict):
        entries = {
            key: stripped(entry, names=not names and key in ("properties", "schemas", "paths", "responses"))
            for key, entry in value.items()
            if names or (key not in PROSE and not key.startswith("x-"))
        }
        return {key: entry for key, entry in entries.items() if names or key != "required" or entry}
    return [stripped(entry) for entry in value] if isinstance(value, list) else value


def references(value: Any) -> set[str]:
    """Return the names of the schemas that a part refers to."""
    if isinstance(value, dict):
        names = set().union(*(references(entry) for entry in value.values())) if value else set()
        return names | ({value["$ref"].rpartition("/")[2]} if isinstance(value.get("$ref"), str) else set())
    return (
        set().union(*(references(entry) for entry in value)) if isinstance(value, list) and value else set()
    )


def operation(source: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters, body and responses of one operation."""
    body = source.get("requestBody", {}).get("content", {})
    return {
        "parameters": [
            {key: stripped(entry[key]) for key in ("name", "in", "required", "schema") if key in entry}
            for entry in source.get("parameters", [])
        ],
        "body": {kind: stripped(entry.get("schema", {})) for kind, entry in body.items()},
        "answers": {
            status: {
                kind: stripped(content.get("schema", {}))
                for kind, content in entry.get("content", {}).items()
            }
            for status, entry in source["responses"].items()
        },
    }


def subset(full_description: dict[str, Any]) -> dict[str, Any]:
    """Return the operations of the sandbox and every schema they refer to."""
    implemented, operations = implemented_operations(), {}
    for path, methods in full_description["paths"].items():
        for method in METHODS & set(methods):
            if (method, shape(path)) in implemented:
                operations[f"{method} {path}"] = operation(methods[method])
    return with_schemas(full_description, operations)


def whole(full_description: dict[str, Any]) -> dict[str, Any]:
    """Return all operations, each with its servers and whether it needs a body, and every schema they refer to."""
    operations = {}
    for path, methods in full_description["paths"].items():
        for method in (METHODS | {"patch"}) & set(methods):
            source = methods[method]
            operations[f"{method} {path}"] = operation(source) | {
                "servers": [server["url"] for server in source.get("servers", [])],
                "needs_body": source.get("requestBody", {}).get("required", False),
            }
    return with_schemas(full_description, operations)


def with_schemas(full_description: dict[str, Any], operations: dict[str, Any]) -> dict[str, Any]:
    """Return operations with every schema they refer to."""
    schemas = full_description["components"]["schemas"].items()
    every_schema = {name: stripped(schema) for name, schema in schemas}
    return {"operations": dict(sorted(operations.items())), "schemas": referred(operations, every_schema)}


def referred(operations: dict[str, Any], every_schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas that operations refer to, directly or through other schemas."""
    schemas: dict[str, Any] = {}
    pending = references(operations)
    while pending:
        name = pending.pop()
        if name not in schemas:
            schemas[name] = every_schema[name]
            pending |= references(schemas[name])
    return dict(sorted(schemas.items()))


def contract_description(saved: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a subset that `boxnb.contract` validates against, with the mistakes of the description corrected."""
    from boxnb.real_box.plan import OPERATIONS

    from . import deviations

    document = copy.deepcopy(saved)
    for change in deviations.SCHEMAS:
        if change is not deviations.external_users_are_mostly_null:  # the contract reads no external users
            change(document["schemas"])
    # With `fields`, a listing returns any field of a folder, as of a file (box-facts 3.3, 4.3).
    document["schemas"]["Item"]["oneOf"][1]["$ref"] = "#/components/schemas/Folder--Full"
    document["operations"].update(deviations.OPERATIONS)
    operations = {
        f"get {path}": {"answers": described(document["operations"][f"get {path}"])} for path in OPERATIONS
    }
    return {"operations": operations, "schemas": referred(operations, document["schemas"])}


def described(operation: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of each status of an operation."""
    return {
        status: content["application/json"]
        for status, content in operation["answers"].items()
        if "application/json" in content
    }


def write(file: Path, document: dict[str, Any]) -> None:
    """Write a description, compressed, and the same bytes for the same content."""
    content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    file.write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{file.name}: {len(content)} bytes, {file.stat().st_size} compressed")


def main() -> None:
    """Write the parts of the description whose path is on the command line."""
    full_description = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    saved = subset(full_description)
    write(SUBSET_FILE, saved)
    write(WHOLE_FILE, whole(full_description))
    write(CONTRACT_FILE, contract_description(saved))


if __name__ == "__main__":
    main()
