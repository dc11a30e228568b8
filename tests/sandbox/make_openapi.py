"""Makes openapi.json.gz: what Box's OpenAPI description says about the paths the sandbox has; names, types, statuses.

    python tests/sandbox/make_openapi.py ../shared/box-openapi.json

Descriptions, examples and titles are left out: facts, no prose.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PLACE = HERE / "openapi.json.gz"
WHOLE = HERE.parents[2] / "shared" / "box-openapi.json"
PROSE = {"description", "example", "examples", "title", "externalDocs", "tags", "summary", "deprecated"}
METHODS = {"get", "post", "put", "delete", "options"}


def built() -> set[tuple[str, str]]:
    """Method and path of every operation of the sandbox, ids in the path as ``{}``."""
    from boxnb.sandbox.server.api.routes import TABLES, UPLOAD_TABLES

    found = {("post", "/oauth2/token"), ("post", "/oauth2/revoke")}
    for table in [*TABLES, *UPLOAD_TABLES]:
        for path, handlers in table.items():
            found |= {(method.lower(), shape(path)) for method in handlers}
    return found


def shape(path: str) -> str:
    """A path with every parameter as ``{}`` and without what the description puts behind a ``#``."""
    path = path.partition("#")[0]
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def stripped(value: Any, names: bool = False) -> Any:
    """Without prose; where the keys are names somebody chose (`names`), all of them stay."""
    if isinstance(value, dict):
        kept = {
            key: stripped(one, names=not names and key in ("properties", "schemas", "paths", "responses"))
            for key, one in value.items()
            if names or (key not in PROSE and not key.startswith("x-"))
        }
        return {key: one for key, one in kept.items() if names or key != "required" or one}
    return [stripped(one) for one in value] if isinstance(value, list) else value


def references(value: Any) -> set[str]:
    """The schemas that a piece names."""
    if isinstance(value, dict):
        found = set().union(*(references(one) for one in value.values())) if value else set()
        return found | ({value["$ref"].rpartition("/")[2]} if isinstance(value.get("$ref"), str) else set())
    return set().union(*(references(one) for one in value)) if isinstance(value, list) and value else set()


def operation(whole: dict[str, Any]) -> dict[str, Any]:
    """Parameters, body and answers of one operation."""
    body = whole.get("requestBody", {}).get("content", {})
    return {
        "parameters": [
            {key: stripped(one[key]) for key in ("name", "in", "required", "schema") if key in one}
            for one in whole.get("parameters", [])
        ],
        "body": {kind: stripped(one.get("schema", {})) for kind, one in body.items()},
        "answers": {
            status: {
                kind: stripped(content.get("schema", {})) for kind, content in one.get("content", {}).items()
            }
            for status, one in whole["responses"].items()
        },
    }


def subset(whole: dict[str, Any]) -> dict[str, Any]:
    """The operations of the sandbox and every schema they name."""
    wanted, operations = built(), {}
    for path, methods in whole["paths"].items():
        for method in METHODS & set(methods):
            if (method, shape(path)) in wanted:
                operations[f"{method} {path}"] = operation(methods[method])
    schemas: dict[str, Any] = {}
    open_names = references(operations)
    while open_names:
        name = open_names.pop()
        if name not in schemas:
            schemas[name] = stripped(whole["components"]["schemas"][name])
            open_names |= references(schemas[name])
    return {"operations": dict(sorted(operations.items())), "schemas": dict(sorted(schemas.items()))}


def main() -> None:
    whole = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    text = json.dumps(subset(whole), sort_keys=True, separators=(",", ":")).encode()
    PLACE.write_bytes(gzip.compress(text, 9, mtime=0))
    print(f"{PLACE.name}: {len(text)} bytes, {PLACE.stat().st_size} compressed")


if __name__ == "__main__":
    main()
