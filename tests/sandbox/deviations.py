"""Where the sandbox follows Box rather than Box's own OpenAPI description: each deviation by name, with its source.

`box-facts` sections refer to the project's collection of facts. The changelog is Box's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Schemas = dict[str, Any]


def _parts(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [schema, *(part for child in schema.get("allOf", []) for part in _parts(child))]


def properties(schemas: Schemas, name: str) -> dict[str, Any]:
    """Return the properties that a schema declares itself, to change them in place."""
    for part in _parts(schemas[name]):
        if "properties" in part:
            own_properties: dict[str, Any] = part["properties"]
            return own_properties
    raise KeyError(name)


def link_without_accessed(schemas: Schemas) -> None:
    """A shared link requires `accessed` but does not have it as a property (box-facts 4.5)."""
    for schema in ("Folder", "File", "WebLink"):
        for part in _parts(properties(schemas, schema)["shared_link"]):
            if "accessed" in part.get("required", []):
                part["required"].remove("accessed")


def more_error_codes(schemas: Schemas) -> None:
    """Box has more error codes than the 17 of the enum (box-facts 2.4, 2.5)."""
    properties(schemas, "ClientError")["code"].pop("enum")


def more_event_types(schemas: Schemas) -> None:
    """The list of event types is incomplete, and user streams have their own names (box-facts 4.7)."""
    for part in _parts(properties(schemas, "Event")["event_type"]):
        part.pop("enum", None)


def event_address(schemas: Schemas) -> None:
    """Real enterprise events have an `ip_address` (box-facts 4.7)."""
    properties(schemas, "Event")["ip_address"] = {"type": "string"}


def source_may_be_null(schemas: Schemas) -> None:
    """The source of an event is null once it is deleted (box-facts 4.7)."""
    properties(schemas, "Event")["source"]["nullable"] = True


def sessions_of_events_may_be_null(schemas: Schemas) -> None:
    """`session_id` is null in most events (box-facts 4.7)."""
    properties(schemas, "Event")["session_id"]["nullable"] = True


def logins_may_be_empty(schemas: Schemas) -> None:
    """Pending invitations have an empty login (box-facts 4.6), as do the anonymous user and the creator of folder 0."""
    for name in ("User--Mini", "User--Collaborations"):
        for part in _parts(schemas[name]):
            part.get("properties", {}).get("login", {}).pop("format", None)


def items_may_have_no_tags(schemas: Schemas) -> None:
    """An item without tags has an empty list, although the description requires at least one tag (a guess)."""
    for name in ("File--Full", "Folder--Full"):
        for part in _parts(properties(schemas, name)["tags"]):
            part.pop("minItems", None)


def invitees_without_an_account(schemas: Schemas) -> None:
    """`accessible_by` is null for an invitee without an account (box-facts 4.6, changelog of 2018-12-12)."""
    collaboration = properties(schemas, "Collaboration")
    collaboration["accessible_by"] = {**collaboration["accessible_by"], "nullable": True}


def external_users_are_mostly_null(schemas: Schemas) -> None:
    """Fields of external users that Box does not disclose are null (box-facts 4.1)."""
    for schema in ("User", "User--Full"):
        for field in properties(schemas, schema).values():
            field["nullable"] = True


def conflicts_are_a_list_or_an_object(schemas: Schemas) -> None:
    """Conflicts are a list for folders and one object for files (box-facts 2.4); groups have `errors` instead."""
    properties(schemas, "ConflictError")["context_info"] = {"type": "object"}


def requirements_may_be_unknown(schemas: Schemas) -> None:
    """Requirements are null until the invited user accepts or rejects."""
    status = properties(schemas, "Collaboration")["acceptance_requirements_status"]
    for group in status["properties"].values():
        for part in _parts(group):
            for field in part.get("properties", {}).values():
                field["nullable"] = True


def upload_tokens_may_be_null(schemas: Schemas) -> None:
    """The `upload_token` of a preflight is null if the URL is enough."""
    properties(schemas, "UploadUrl")["upload_token"]["nullable"] = True


def offset_pages_have_an_order(schemas: Schemas) -> None:
    """Offset pages have `order`, even where the description omits it (box-facts 3.1)."""
    for name in ("CollaborationsOffsetPaginated",):
        parts = [part for part in _parts(schemas[name]) if "properties" in part]
        parts[0]["properties"]["order"] = {"type": "array"}


def sessions_have_a_plan_url(schemas: Schemas) -> None:
    """An upload session has a URL that lists missing parts (Box's SDKs since 2026; changelog of the description, 616)."""
    for part in _parts(properties(schemas, "UploadSession")["session_endpoints"]):
        part.get("properties", {}).update(plan={"type": "string"})


def metadata_has_the_fields_of_its_template(schemas: Schemas) -> None:
    """Metadata instances have the template's own fields too; only one of Box's two schemas says so (a guess for the other)."""
    for name in ("Metadata--Base", "Metadata--Full"):
        for part in _parts(schemas[name]):
            if "properties" in part:
                part["additionalProperties"] = True


SCHEMAS: list[Callable[[Schemas], None]] = [
    link_without_accessed,
    more_error_codes,
    more_event_types,
    event_address,
    source_may_be_null,
    sessions_of_events_may_be_null,
    logins_may_be_empty,
    items_may_have_no_tags,
    invitees_without_an_account,
    external_users_are_mostly_null,
    conflicts_are_a_list_or_an_object,
    requirements_may_be_unknown,
    upload_tokens_may_be_null,
    offset_pages_have_an_order,
    sessions_have_a_plan_url,
    metadata_has_the_fields_of_its_template,
]
_PART = {"offset": {"type": "integer"}, "size": {"type": "integer"}, "sha512": {"type": "string"}}
_REFUSED = {"application/json": {"$ref": "#/components/schemas/ClientError"}}


def _list_of(**properties: Any) -> Any:
    entry = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "array", "items": entry}


_ID = {"name": "shield_list_id", "in": "path", "required": True, "schema": {"type": "string"}}
_SHIELD = {
    "id": {"type": "string"},
    "type": {"type": "string", "enum": ["shield_list"]},
    "name": {"type": "string"},
}
_SHIELD_CONTENT = {
    name: {
        "type": "object",
        "properties": {"type": {"type": "string", "enum": [name]}, values: {"type": "array"}},
        "required": ["type", values],
    }
    for name, values in {
        "country": "country_codes",
        "domain": "domains",
        "email": "email_addresses",
        "ip": "ip_addresses",
        "integration": "integrations",
    }.items()
}
_ENTERPRISE = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "type": {"type": "string", "enum": ["enterprise"]}},
}
_TIME = {"type": "string", "format": "date-time"}


def _read(answer: Any, *parameters: Any) -> dict[str, Any]:
    answers = {"200": {"application/json": answer}, "default": _REFUSED}
    return {"parameters": list(parameters), "body": {}, "answers": answers}


OPERATIONS: dict[str, dict[str, Any]] = {
    # Version 2025.0 of the API, which the description of 2024.0 does not have: as Box's own Python SDK 10.18 reads it
    # (managers/shield_lists.py, schemas/v2025_r0/shield_list*.py).
    "get /shield_lists": _read(
        {
            "type": "object",
            "properties": {
                "entries": _list_of(
                    **_SHIELD, content={"type": "object", "properties": {"type": {"type": "string"}}}
                )
            },
        }
    ),
    "get /shield_lists/{shield_list_id}": _read(
        {
            "type": "object",
            "properties": {
                **_SHIELD,
                "description": {"type": "string"},
                "enterprise": _ENTERPRISE,
                "created_at": _TIME,
                "updated_at": _TIME,
                "content": {"oneOf": list(_SHIELD_CONTENT.values())},
            },
            "required": [*_SHIELD, "enterprise", "created_at", "updated_at", "content"],
        },
        _ID,
    ),
    # As Box's own Python SDK 10.18 sends and reads it (managers/chunked_uploads.py, schemas/upload_session_plan_response.py).
    "post /files/upload_sessions/{upload_session_id}/plan": {
        "parameters": [
            {"name": "upload_session_id", "in": "path", "required": True, "schema": {"type": "string"}}
        ],
        "body": {"application/json": {"type": "object", "properties": {"parts": _list_of(**_PART)}}},
        "answers": {
            "200": {
                "application/json": {
                    "type": "object",
                    "properties": {
                        "upload_session_id": {"type": "string"},
                        "hits": _list_of(**_PART, part_id={"type": "string"}),
                        "misses": _list_of(**_PART),
                    },
                    "required": ["upload_session_id", "hits", "misses"],
                }
            },
            "default": _REFUSED,
        },
    },
    # The preflight of a new version, as boxsdk 1 to 4 sends it (object/item.py, _preflight_check).
    "options /files/{file_id}/content": {
        "parameters": [{"name": "file_id", "in": "path", "required": True, "schema": {"type": "string"}}],
        "body": {
            "application/json": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
            }
        },
        "answers": {
            "200": {"application/json": {"$ref": "#/components/schemas/UploadUrl"}},
            "409": {"application/json": {"$ref": "#/components/schemas/ConflictError"}},
            "default": _REFUSED,
        },
    },
}
"""Operations that clients of Box call, but that the description does not have."""
ANSWERS = {
    # A read that finds the instance returns 200 like every other read; 201 is the status of the write (a guess).
    "get /files/{file_id}/metadata/{scope}/{template_key}": {"200": "201"},
    "get /folders/{folder_id}/metadata/{scope}/{template_key}": {"200": "201"},
}
"""Statuses that the description gives another number: for each operation, the real status and the one in the description."""
NULLS = (
    "`nullable` in a part of an `allOf` that contains nothing else applies to the whole: `shared_link` is null for an "
    "item without one (box-facts 4.5), although a strict reading of the description forbids it"
)
EMPTY = {
    202: "not ready: an empty body and Retry-After (box-facts 2.3, 4.10, 4.11)",
    302: "a redirect to the bytes (box-facts 4.11)",
    304: "unchanged (box-facts 2.2)",
    401: "an invalid token: an empty body and WWW-Authenticate (box-facts 1.12)",
    403: "a missing scope: an empty body and WWW-Authenticate (box-facts 1.12)",
    409: "two racing refreshes (box-facts 1.6)",
}
