"""Metadata templates, classifications, the metadata of files and folders, and metadata queries."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from ..company.governance import CLASSIFICATION, SCOPE
from ..company.people import ENTERPRISE, Doc
from ..company.tree import Item
from ..errors import ApiError, client_error, invalid, not_found
from .call import Call, Handler, page_by_marker, respond
from .governance import required
from .metadata_query import invalid_query, parse

MAX_QUERY_PAGE = 100


def template_doc(template: Doc) -> Doc:
    """Return a template as Box returns it."""
    fields = []
    for field in template["fields"]:
        key = f"{template['templateKey']} {field['key']}"
        doc = {"id": uuid_of(template, key), "hidden": False, **field}
        if "options" in field:
            doc["options"] = [
                {"id": uuid_of(template, f"{key} {option}"), "key": option} for option in field["options"]
            ]
        fields.append(doc)
    return {**template, "type": "metadata_template", "scope": SCOPE, "fields": fields}


def classification_doc(call: Call, template: Doc) -> Doc:
    """Return the template of classifications, whose options have a definition and a color."""
    doc = template_doc(template)
    for option in doc["fields"][0]["options"]:
        definition = call.context.world.governance.classifications[option["key"]]
        option["staticConfig"] = {"classification": dict(definition)}
    return doc


def uuid_of(template: Doc, name: str) -> str:
    """Return an id for a part of a template that is always the same."""
    return str(uuid.uuid5(uuid.UUID(template["id"]), name))


def found_template(call: Call, scope: str, key: str) -> Doc:
    """Return a template of the company. Raises 404 for another scope or key; there are no global templates."""
    template = call.context.world.governance.templates.get(key)
    if scope not in ("enterprise", SCOPE) or template is None:
        raise not_found("metadata_template", f"{scope}.{key}")
    return template


async def templates(call: Call) -> Response:
    """`GET /metadata_templates?metadata_instance_id=`: the template of one instance."""
    call.need_read()
    instance_id = required(call, "metadata_instance_id")
    governance = call.context.world.governance
    docs = [
        template_doc(template)
        for key, template in governance.templates.items()
        for item, values in governance.with_metadata(key)
        if governance.instance(item, key, values)["$id"] == instance_id
    ]
    paging, part = page_by_marker(call, docs)
    return respond({**paging, "entries": list(part)})


async def enterprise_templates(call: Call) -> Response:
    """`GET /metadata_templates/enterprise`."""
    call.need_read()
    docs = [template_doc(template) for template in call.context.world.governance.templates.values()]
    paging, part = page_by_marker(call, docs)
    return respond({**paging, "entries": list(part)})


async def global_templates(call: Call) -> Response:
    """`GET /metadata_templates/global`: the sandbox has none."""
    call.need_read()
    docs: list[Doc] = []
    paging, part = page_by_marker(call, docs)
    return respond({**paging, "entries": list(part)})


async def template_by_id(call: Call) -> Response:
    """`GET /metadata_templates/:id`."""
    call.need_read()
    template_id = call.request.path_params["id"]
    template = call.context.world.governance.find("metadata_templates", template_id)
    if template is None:
        raise not_found("metadata_template", template_id)
    return respond(template_doc(template))


async def schema(call: Call) -> Response:
    """`GET /metadata_templates/:scope/:key/schema`."""
    call.need_read()
    parameters = call.request.path_params
    return respond(template_doc(found_template(call, parameters["scope"], parameters["key"])))


async def classification_schema(call: Call) -> Response:
    """`GET /metadata_templates/enterprise/securityClassification-6VMVochwUWo/schema`."""
    call.need_read()
    return respond(classification_doc(call, found_template(call, "enterprise", CLASSIFICATION)))


def instances_handler(kind: str) -> Handler:
    """Return the handler of all metadata of a file or folder."""

    async def handler(call: Call) -> Response:
        call.need_read()
        item = call.item(kind, call.request.path_params["id"])
        governance = call.context.world.governance
        entries = [
            governance.instance(item, key, values) for key, values in governance.metadata(item).items()
        ]
        return respond({"entries": entries, "limit": 100})

    return handler


def found_instance(call: Call, kind: str, scope: str, key: str) -> Doc:
    """Return one template's metadata of the item in the path. Raises 404 if the template was not applied to it."""
    call.need_read()
    item = call.item(kind, call.request.path_params["id"])
    values = call.context.world.governance.metadata(item).get(key)
    if scope not in ("enterprise", SCOPE) or values is None:
        raise client_error(404, "instance_not_found", "The metadata template was not applied to the item")
    return call.context.world.governance.instance(item, key, values)


def instance_handler(kind: str) -> Handler:
    """Return the handler of one template's metadata of a file or folder."""

    async def handler(call: Call) -> Response:
        parameters = call.request.path_params
        return respond(found_instance(call, kind, parameters["scope"], parameters["key"]))

    return handler


def classification_handler(kind: str) -> Handler:
    """Return the handler of the classification of a file or folder, which has no ``$id`` (Box's description)."""

    async def handler(call: Call) -> Response:
        instance = found_instance(call, kind, "enterprise", CLASSIFICATION)
        return respond({name: value for name, value in instance.items() if name != "$id"})

    return handler


async def cascade_policies(call: Call) -> Response:
    """`GET /metadata_cascade_policies?folder_id=`."""
    call.need_read()
    folder_id = required(call, "folder_id")
    item = call.item("folder", folder_id)
    entries = call.context.world.governance.of("metadata_cascade_policies")
    docs = [cascade_doc(entry) for entry in entries if entry["folder"] == item.id]
    paging, part = page_by_marker(call, docs)
    return respond({**paging, "entries": list(part)})


async def cascade_policy(call: Call) -> Response:
    """`GET /metadata_cascade_policies/:id`."""
    call.need_read()
    policy_id = call.request.path_params["id"]
    entry = call.context.world.governance.find("metadata_cascade_policies", policy_id)
    folder = call.context.world.tree.folders.get(entry["folder"]) if entry else None
    if entry is None or folder is None or not call.view().sees(folder):
        raise not_found("metadata_cascade_policy", policy_id)
    return respond(cascade_doc(entry))


def cascade_doc(entry: Doc) -> Doc:
    """Return a cascade policy as Box returns it."""
    return {
        "id": entry["id"],
        "type": "metadata_cascade_policy",
        "owner_enterprise": {"type": "enterprise", "id": ENTERPRISE["id"]},
        "parent": {"type": "folder", "id": entry["folder"]},
        "scope": SCOPE,
        "templateKey": entry["templateKey"],
    }


async def query(call: Call) -> Response:
    """`POST /metadata_queries/execute_read`: the items that the caller can see and whose metadata match, by marker."""
    call.need_read()
    body = await call.body()
    scope, _, key = text_of(body, "from").partition(".")
    template = call.context.world.governance.templates.get(key)
    if scope != SCOPE or template is None or key == CLASSIFICATION:
        raise invalid_query("'from' is not a template that can be queried")
    fields = {field["key"]: field for field in template["fields"]}
    arguments = body.get("query_params") or {}
    if not isinstance(arguments, dict):
        raise invalid_query("'query_params' is not an object")
    test = parse(text_of(body, "query", ""), arguments, fields)
    folder = call.folder(text_of(body, "ancestor_folder_id"))
    matches = [
        (item, values)
        for item, values in call.context.world.governance.with_metadata(key)
        if test(values) and (folder is None or folder in item.up()) and call.view().sees(item)
    ]
    matches.sort(key=lambda match: int(match[0].id))
    sort(matches, body.get("order_by") or [], fields)
    limit, start = page_of(body)
    names = requested(body)
    entries = [query_entry(call, key, item, values, names) for item, values in matches[start : start + limit]]
    page: Doc = {"limit": limit, "entries": entries}
    if start + limit < len(matches) and limit:
        page["next_marker"] = base64.urlsafe_b64encode(f"query:{start + limit}".encode()).decode()
    return respond(page)


def text_of(body: Doc, name: str, default: str | None = None) -> str:
    """Return a text of the body. Raises 400 without it, unless it has a default."""
    value = body.get(name, default)
    if not isinstance(value, str):
        raise invalid_query(f"'{name}' is missing or not a text")
    return value


def sort(matches: list[tuple[Item, Doc]], order: Any, fields: dict[str, Doc]) -> None:
    """Sort by fields of the template, all of them in the same direction (Box's description of `order_by`)."""
    parts = order if isinstance(order, list) else [None]
    names = [part.get("field_key") if isinstance(part, dict) else None for part in parts]
    directions = {str(part.get("direction", "ASC")).upper() for part in parts if isinstance(part, dict)}
    if not set(names) <= set(fields):
        raise invalid_query("'order_by' is not a list of fields of the template")
    if len(directions) > 1 or not directions <= {"ASC", "DESC"}:
        raise invalid_query("'order_by' needs one direction, ASC or DESC")
    for name in reversed(names):
        matches.sort(key=sort_key(fields[str(name)]), reverse=directions == {"DESC"})


def sort_key(field: Doc) -> Callable[[tuple[Item, Doc]], Any]:
    """Return the key that sorts matches by a field; a missing value counts as empty, or as 0."""
    empty: Any = {"float": 0.0, "multiSelect": []}.get(field["type"], "")
    return lambda match: match[1].get(field["key"], empty)


def page_of(body: Doc) -> tuple[int, int]:
    """Return the limit of a page, and the number of the first match on it. Raises 400 for an unknown marker."""
    limit = body.get("limit", MAX_QUERY_PAGE)
    if not isinstance(limit, int) or isinstance(limit, bool) or not 0 <= limit <= MAX_QUERY_PAGE:
        raise invalid_query(f"'limit' is not a number between 0 and {MAX_QUERY_PAGE}")
    marker = body.get("marker") or ""
    if marker == "":
        return limit, 0
    try:
        kind, _, start = base64.urlsafe_b64decode(str(marker).encode()).decode().partition(":")
    except (binascii.Error, ValueError):
        kind, start = "", ""
    if kind != "query" or not (start.isascii() and start.isdigit()):
        raise bad_marker(marker)
    return limit, int(start)


def bad_marker(marker: Any) -> ApiError:
    """Build the 400 for a marker that the sandbox did not return."""
    return invalid("invalid_parameter", "marker", f"Invalid value '{marker}' for parameter 'marker'")


def requested(body: Doc) -> list[str]:
    """Return the names in `fields`."""
    names = body.get("fields") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise invalid_query("'fields' is not a list of names")
    return names


def query_entry(call: Call, key: str, item: Item, values: Doc, names: list[str]) -> Doc:
    """Return one match: its type, id and etag, and what `fields` names, including fields of its metadata."""
    prefix = f"metadata.{SCOPE}.{key}"
    item_names = [name for name in names if not name.startswith("metadata.")]
    doc = call.view().item(item, ",".join(item_names)) if item_names else {}
    base = {"type": item.kind, "id": item.id, "etag": str(item.etag)}
    entry = {**base, **{name: doc[name] for name in item_names if name in doc}}
    wanted = [name.removeprefix(prefix).removeprefix(".") for name in names if name.startswith(prefix)]
    if wanted:
        instance = call.context.world.governance.instance(item, key, values)
        every = "" in wanted or "*" in wanted
        parts = {
            name: value for name, value in instance.items() if name.startswith("$") or every or name in wanted
        }
        entry["metadata"] = {SCOPE: {key: parts}}
    return entry


PATHS: dict[str, dict[str, Handler]] = {
    "/metadata_templates": {"GET": templates},
    "/metadata_templates/global": {"GET": global_templates},
    "/metadata_templates/enterprise": {"GET": enterprise_templates},
    "/metadata_templates/{id}": {"GET": template_by_id},
    "/metadata_templates/{scope}/{key}/schema": {"GET": schema},
    "/metadata_cascade_policies": {"GET": cascade_policies},
    "/metadata_cascade_policies/{id}": {"GET": cascade_policy},
    "/metadata_queries/execute_read": {"POST": query},
    f"/metadata_templates/enterprise/{CLASSIFICATION}/schema": {"GET": classification_schema},
    f"/files/{{id}}/metadata/enterprise/{CLASSIFICATION}": {"GET": classification_handler("file")},
    f"/folders/{{id}}/metadata/enterprise/{CLASSIFICATION}": {"GET": classification_handler("folder")},
    "/files/{id}/metadata": {"GET": instances_handler("file")},
    "/files/{id}/metadata/{scope}/{key}": {"GET": instance_handler("file")},
    "/folders/{id}/metadata": {"GET": instances_handler("folder")},
    "/folders/{id}/metadata/{scope}/{key}": {"GET": instance_handler("folder")},
}
