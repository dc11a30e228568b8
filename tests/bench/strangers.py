"""Lets Schemathesis, which knows nothing of this project, question a sandbox with Box's own description.

    python -m venv /tmp/strangers && /tmp/strangers/bin/python -m pip install schemathesis
    python tests/bench/strangers.py --program /tmp/strangers/bin/schemathesis --seconds 120

It has an environment of its own, as it brings many packages. 501, for a method that is not built, is no failure.
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
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from sandbox import spec  # noqa: E402
from sandbox.conftest import Person  # noqa: E402
from sandbox.deviations import EMPTY  # noqa: E402
from sandbox.test_schema import Asker  # noqa: E402

import boxnb.sandbox  # noqa: E402

SETTINGS = """
[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "501"]
"""
CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance"


def responses(method: str, path: str) -> dict[str, Any]:
    """The answers of an operation, with the empty ones that are named as deviations."""
    found: dict[str, Any] = {}
    for variant in spec.find(method, path):
        for status, contents in variant["answers"].items():
            one = found.setdefault(status, {"description": "", "content": {}})
            for kind, schema in contents.items():
                known = one["content"].setdefault(kind, {"schema": {"anyOf": []}})["schema"]["anyOf"]
                if schema not in known:
                    known.append(schema)
    for status, why in EMPTY.items():
        found[str(status)] = {"description": why}
    return found


def parameters(path: str, given: list[dict[str, Any]], ids: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Parameters, ids of the practice company for those in the path."""
    out = [copy.deepcopy(one) for one in given if one["in"] != "path" and one["name"] != "as-user"]
    for name in re.findall(r"\{([^}]+)\}", path):
        schema = {"type": "string", "enum": [*ids.get(name, [])[:4], "1", "12x"]}
        out.append({"name": name, "in": "path", "required": True, "schema": schema})
    return out


def with_nulls(value: Any) -> Any:
    """A null that a part of an `allOf` allows, allowed by the whole (`deviations.NULLS`)."""
    if isinstance(value, list):
        return [with_nulls(one) for one in value]
    if not isinstance(value, dict):
        return value
    out = {key: with_nulls(one) for key, one in value.items()}
    alone = [part for part in value.get("allOf", []) if part.get("nullable") and not set(part) - {"nullable"}]
    if not alone:
        return out
    out["allOf"] = [part for part in out["allOf"] if part not in alone]
    return {"anyOf": [{"nullable": True, "enum": [None]}, out]}


def document(on_upload_host: bool) -> str:
    """The description of one host as an OpenAPI document."""
    ids, paths = Asker("ids").ids, dict[str, dict[str, Any]]()
    for name, one in spec.description()["operations"].items():
        method, path = name.split(" ")
        path = path.partition("#")[0]
        there = "upload_sessions" in path or (path.endswith("/content") and method == "post")
        if path.startswith("/oauth2/") or there != on_upload_host or method in paths.get(path, {}):
            continue
        operation: dict[str, Any] = {"parameters": parameters(path, one["parameters"], ids)}
        operation["responses"] = responses(method, path)
        if one["body"]:
            operation["requestBody"] = {
                "content": {kind: {"schema": body} for kind, body in one["body"].items()}
            }
        paths.setdefault(path, {})[method] = operation
    whole = {"openapi": "3.0.2", "info": {"title": "Box", "version": "2024.0"}, "paths": paths}
    text = json.dumps({**whole, "components": {"schemas": with_nulls(spec.description()["schemas"])}})
    return text.replace('"oneOf"', '"anyOf"').replace(
        '"discriminator"', '"x-discriminator"'
    )  # as `spec.normal`


def main() -> int:
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
            place = Path(folder, "box.json")
            place.write_text(document(base != "/2.0"), encoding="utf-8")
            command = [options.program, "run", str(place), "--url", sandbox.url + base, "--checks", CHECKS]
            command += ["--header", f"Authorization: Bearer {person.access}", "--phases", "coverage,fuzzing"]
            command += ["--max-time", str(options.seconds), "--continue-on-failure", "--warnings", "off"]
            command += ["--suppress-health-check", "all", "--generation-deterministic"]
            codes.append(subprocess.run(command, cwd=folder, check=False).returncode)
        return max(codes)


if __name__ == "__main__":
    sys.exit(main())
