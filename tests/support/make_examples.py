"""Write box-examples.json: example entries for each dataset, from the examples in Box's OpenAPI description.

    python tests/support/make_examples.py PATH/box-openapi.json

The description belongs to Box and has the Apache-2.0 licence (https://github.com/box/box-openapi). Only its example values
are copied, except for the made-up token in an embed link.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("box-examples.json")
ENTRIES = {
    "USERS": ["User--Full"],
    "GROUPS": ["Group--Full"],
    "MEMBERSHIPS": ["GroupMembership"],
    "ITEMS": ["File--Full", "Folder--Full", "WebLink"],
    "VERSIONS": ["FileVersion--Full"],
    "COLLABORATIONS": ["Collaboration"],
    "EVENTS": ["Event"],
    "USER_EVENTS": ["Event"],
    "DEVICE_PINS": ["DevicePinner"],
}


def example(schemas: dict[str, Any], schema: dict[str, Any], parents: tuple[str, ...] = ()) -> Any:
    """Return the example value of a schema, or None if it has no example."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return None if name in parents else example(schemas, schemas[name], (*parents, name))
    parts = [example(schemas, part, parents) for part in schema.get("allOf", [])]
    fields = {key: value for part in parts if isinstance(part, dict) for key, value in part.items()}
    own = {key: part for key, part in schema.get("properties", {}).items() if key != "expiring_embed_link"}
    fields |= {key: example(schemas, part, parents) for key, part in own.items()}
    if fields:
        return fields
    if "example" in schema:
        return schema["example"]
    for alternative in (*schema.get("oneOf", []), *schema.get("anyOf", [])):
        return example(schemas, alternative, parents)
    if schema.get("type") == "array":
        return [example(schemas, schema.get("items", {}), parents)]
    return (
        schema["enum"][0] if schema.get("enum") else next((part for part in parts if part is not None), None)
    )


def main() -> None:
    """Write the examples from the OpenAPI description whose path is the first argument on the command line."""
    schemas = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["components"]["schemas"]
    examples = {
        dataset: [example(schemas, schemas[name], (name,)) for name in names]
        for dataset, names in ENTRIES.items()
    }
    TARGET.write_text(json.dumps(examples, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
