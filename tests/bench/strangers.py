"""Test a sandbox with Schemathesis, which knows only Box's OpenAPI description and nothing about this project.

    python -m venv /tmp/strangers && /tmp/strangers/bin/python -m pip install schemathesis
    python tests/bench/strangers.py --program /tmp/strangers/bin/schemathesis --seconds 120

Schemathesis has its own environment because it needs many packages. A 501, for a method that the sandbox does not
implement, is not a failure.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "support")]

from sandbox import spec  # noqa: E402
from sandbox.conftest import Person  # noqa: E402
from sandbox.deviations import EMPTY  # noqa: E402
from sandbox.test_schema import CallMaker  # noqa: E402

import boxnb.sandbox  # noqa: E402

SETTINGS = """
[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "501"]
"""
CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance"


def responses(method: str, path: str) -> dict[str, Any]:
    """Return the responses of an operation, including the empty ones that are listed as deviations."""
    by_status: dict[str, Any] = {}
    for variant in spec.variants_of(method, path):
        for status, contents in variant["answers"].items():
            response = by_status.setdefault(status, {"description": "", "content": {}})
            for kind, schema in contents.items():
                schemas = response["content"].setdefault(kind, {"schema": {"anyOf": []}})["schema"]["anyOf"]
                if schema not in schemas:
                    schemas.append(schema)
    for status, reason in EMPTY.items():
        by_status[str(status)] = {"description": reason}
    return by_status


def parameters(path: str, described: list[dict[str, Any]], ids: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Return the parameters of an operation. Those in the path have ids of the practice company."""
    result = [copy.deepcopy(item) for item in described if item["in"] != "path" and item["name"] != "as-user"]
    for name in re.findall(r"\{([^}]+)\}", path):
        schema = {"type": "string", "enum": [*ids.get(name, [])[:4], "1", "12x"]}
        result.append({"name": name, "in": "path", "required": True, "schema": schema})
    return result


def with_nulls(value: Any) -> Any:
    """Return a schema in which a null that one part of an `allOf` allows is allowed by the whole (`deviations.NULLS`)."""
    if isinstance(value, list):
        return [with_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    result = {key: with_nulls(item) for key, item in value.items()}
    only_nullable = [
        part for part in value.get("allOf", []) if part.get("nullable") and not set(part) - {"nullable"}
    ]
    if not only_nullable:
        return result
    result["allOf"] = [part for part in result["allOf"] if part not in only_nullable]
    return {"anyOf": [{"nullable": True, "enum": [None]}, result]}


def document(on_upload_host: bool) -> str:
    """Return the description of one host as an OpenAPI document."""
    ids, paths = CallMaker("ids").ids, dict[str, dict[str, Any]]()
    for name, described in spec.description()["operations"].items():
        method, path = name.split(" ")
        path = path.partition("#")[0]
        is_upload = "upload_sessions" in path or (path.endswith("/content") and method == "post")
        if path.startswith("/oauth2/") or is_upload != on_upload_host or method in paths.get(path, {}):
            continue
        operation: dict[str, Any] = {"parameters": parameters(path, described["parameters"], ids)}
        operation["responses"] = responses(method, path)
        if described["body"]:
            operation["requestBody"] = {
                "content": {kind: {"schema": body} for kind, body in described["body"].items()}
            }
        paths.setdefault(path, {})[method] = operation
    full_document = {"openapi": "3.0.2", "info": {"title": "Box", "version": "2024.0"}, "paths": paths}
    content = json.dumps(
        {**full_document, "components": {"schemas": with_nulls(spec.description()["schemas"])}}
    )
    # `spec.to_json_schema` does the same.
    return content.replace('"oneOf"', '"anyOf"').replace('"discriminator"', '"x-discriminator"')


def main() -> int:
    """Run Schemathesis against both hosts of a new sandbox, and return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--program", default="schemathesis")
    parser.add_argument("--seconds", type=int, default=120, help="for each of the two hosts")
    options = parser.parse_args()
    with boxnb.sandbox.start(private=True, limits="off") as sandbox, tempfile.TemporaryDirectory() as folder:
        person = Person(sandbox, sandbox.practice_client())
        person.doc("/users/me")
        Path(folder, "schemathesis.toml").write_text(SETTINGS, encoding="utf-8")
        codes = []
        for base in ("/2.0", "/api/2.0"):
            file = Path(folder, "box.json")
            file.write_text(document(base != "/2.0"), encoding="utf-8")
            command = [options.program, "run", str(file), "--url", sandbox.url + base, "--checks", CHECKS]
            command += ["--header", f"Authorization: Bearer {person.access}", "--phases", "coverage,fuzzing"]
            command += ["--max-time", str(options.seconds), "--continue-on-failure", "--warnings", "off"]
            command += ["--suppress-health-check", "all", "--generation-deterministic"]
            codes.append(subprocess.run(command, cwd=folder, check=False).returncode)
        return max(codes)


if __name__ == "__main__":
    sys.exit(main())
