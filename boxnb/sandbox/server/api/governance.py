"""Webhooks, retention, legal holds, allowed domains, storage policies, terms of service, Shield lists (box-facts 4.9).

Each is only read: a path with the parameters that narrow its list, and a path for one object. The scopes are those of
box-facts 1.10; where it has none, the docstring of a table says where the rule comes from, or that it is a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from ..company.people import ENTERPRISE, Doc
from ..company.tree import Item
from ..errors import invalid, not_found
from .call import Call, Handler, page_by_marker, respond
from .representations import mini_item
from .search import choice
from .versions import current_version

TYPES = {
    "webhooks": "webhook",
    "retention_policies": "retention_policy",
    "retention_policy_assignments": "retention_policy_assignment",
    "legal_hold_policies": "legal_hold_policy",
    "legal_hold_policy_assignments": "legal_hold_policy_assignment",
    "collaboration_whitelist_entries": "collaboration_whitelist_entry",
    "collaboration_whitelist_exempt_targets": "collaboration_whitelist_exempt_target",
    "storage_policies": "storage_policy",
    "storage_policy_assignments": "storage_policy_assignment",
    "terms_of_services": "terms_of_service",
    "terms_of_service_user_statuses": "terms_of_service_user_status",
    "shield_lists": "shield_list",
    "tasks": "task",
    "task_assignments": "task_assignment",
    "comments": "comment",
    "metadata_templates": "metadata_template",
}
"""The value of `type` in the objects of each section."""
MINI_FIELDS = {"retention_policies": ("policy_name", "retention_length", "disposition_action")}
"""What an object contains next to its id and type where another object refers to it."""


def resolve(call: Call, value: Any) -> Any:
    """Return a value with its references replaced by what they refer to (see `company.governance`)."""
    if isinstance(value, list):
        return [resolve(call, entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        [(name, target)] = value.items()
        if isinstance(target, str) and (
            name in ("user", "file", "enterprise") or (name in TYPES and name != "tasks")
        ):
            return referred(call, name, target)
    return {key: resolve(call, entry) for key, entry in value.items()}


def referred(call: Call, name: str, target: str) -> Doc | None:
    """Return the mini form of a user, a file, the enterprise or an object of a section; None if it does not exist any more."""
    world = call.context.world
    if name == "user":
        return world.person(target)
    if name == "enterprise":
        return dict(ENTERPRISE)
    if name == "file":
        item = world.tree.files.get(target)
        return None if item is None else mini_item(item)
    entry = world.governance.find(name, target) or {}
    details = {field: entry[field] for field in MINI_FIELDS.get(name, ()) if field in entry}
    return {"id": target, "type": TYPES[name], **details}


def document(call: Call, section: str, entry: Doc) -> Doc:
    """Return one object as Box returns it, with only the requested fields if there is a parameter `fields`."""
    doc = {"id": entry["id"], "type": TYPES[section], **resolve(call, entry)}
    if call.fields is None:
        return doc
    names = {"id", "type", *(name.strip() for name in call.fields.split(","))}
    return {name: value for name, value in doc.items() if name in names}


def required(call: Call, name: str) -> str:
    """Return a parameter. Raises 400 `missing_parameter` without it."""
    value = call.query.get(name, "")
    if not value:
        raise invalid("missing_parameter", name, f"The parameter '{name}' is required")
    return value


Check = Callable[[Call], None]
Filter = Callable[[Call, Sequence[Doc]], Iterable[Doc]]


def everything(call: Call, entries: Sequence[Doc]) -> Iterable[Doc]:
    """Return all entries."""
    return entries


@dataclass(frozen=True)
class Section:
    """A section of `governance.json` as an endpoint: who may call it, what is the caller's `own`, and what the parameters leave."""

    name: str
    check: Check
    narrow: Filter = everything
    own: Filter = everything

    def entries(self, call: Call) -> list[Doc]:
        """Return what the caller may read of the section, narrowed by the parameters."""
        self.check(call)
        entries = self.own(call, call.context.world.governance.of(self.name))
        return list(self.narrow(call, list(entries)))

    async def list(self, call: Call) -> Response:
        """Return one page of the list, by marker."""
        paging, part = page_by_marker(call, self.entries(call))
        return respond({**paging, "entries": [document(call, self.name, entry) for entry in part]})

    async def whole_list(self, call: Call) -> Response:
        """Return the whole list, for the endpoints without paging."""
        docs = [document(call, self.name, entry) for entry in self.entries(call)]
        return respond({"total_count": len(docs), "entries": docs})

    def entry(self, call: Call) -> Doc:
        """Return the object whose id is in the path, as it is in the file. Raises 404 for an unknown id."""
        self.check(call)
        object_id = call.request.path_params["id"]
        for entry in self.own(call, call.context.world.governance.of(self.name)):
            if entry["id"] == object_id:
                return entry
        raise not_found(TYPES[self.name], object_id)

    async def one(self, call: Call) -> Response:
        """Return one object."""
        return respond(document(call, self.name, self.entry(call)))


def manage_properties(call: Call) -> None:
    """An admin, with the scope for enterprise properties (box-facts 1.10, 4.9; a guess for Shield lists and domains)."""
    call.need_admin("manage_enterprise_properties")


def manage_retention(call: Call) -> None:
    """An admin with both scopes (box-facts 1.10; Box guide *Retention policies*, required scopes)."""
    call.need_admin("manage_data_retention")
    call.need("enterprise_content")


def manage_holds(call: Call) -> None:
    """An admin; Box's guide and its description spell the scope differently (box-facts 7, 18)."""
    call.need_admin("manage_legal_holds", "manage_legal_hold")


def manage_zones(call: Call) -> None:
    """An admin who manages users (Box guide *Archives*: assigning a storage policy needs this scope)."""
    call.need_admin("manage_managed_users")


def manage_webhooks(call: Call) -> None:
    """Anyone, with the scope for webhooks (box-facts 1.10)."""
    call.need("manage_webhook")


def own_webhooks(call: Call, entries: Sequence[Doc]) -> Iterable[Doc]:
    """Return the webhooks that the calling user made with this app (box-facts 4.9). Only the ready-made apps have any."""
    if not call.is_ready_made_app:
        return []
    return [entry for entry in entries if entry["created_by"]["user"] == call.user["id"]]


def policies_by_name(call: Call, entries: Sequence[Doc]) -> Iterable[Doc]:
    """Narrow retention policies by the case-sensitive start of the name, by type and by creator (box-facts 4.9)."""
    kind = choice(call, "policy_type", "", ("", "finite", "indefinite"))
    start, creator = call.query.get("policy_name", ""), call.query.get("created_by_user_id", "")
    return [
        entry
        for entry in entries
        if entry["policy_name"].startswith(start)
        and kind in ("", entry["policy_type"])
        and creator in ("", entry["created_by"]["user"])
    ]


def holds_by_name(call: Call, entries: Sequence[Doc]) -> Iterable[Doc]:
    """Narrow legal holds by the start of the name, in upper or lower case (box-facts 4.9)."""
    start = call.query.get("policy_name", "").casefold()
    return [entry for entry in entries if entry["policy_name"].casefold().startswith(start)]


def assignments_of_hold(call: Call, entries: Sequence[Doc]) -> Iterable[Doc]:
    """Narrow assignments by their policy, which is required (box-facts 4.9), and by what they are assigned to."""
    policy = required(call, "policy_id")
    if call.context.world.governance.find("legal_hold_policies", policy) is None:
        raise not_found("legal_hold_policy", policy)
    kinds = ("", "file", "file_version", "folder", "user", "ownership", "interactions")
    kind, target = choice(call, "assign_to_type", "", kinds), call.query.get("assign_to_id", "")
    return [
        entry
        for entry in entries
        if entry["legal_hold_policy"]["legal_hold_policies"] == policy
        and kind in ("", entry["assigned_to"]["type"])
        and target in ("", entry["assigned_to"]["id"])
    ]


def resolved_storage(call: Call, entries: Sequence[Doc]) -> Iterable[Doc]:
    """Return the assignment that applies to a user or the enterprise; without an own one, it is the enterprise's."""
    kind, target = required(call, "resolved_for_type"), required(call, "resolved_for_id")
    choice(call, "resolved_for_type", "", ("user", "enterprise"))
    known = {ENTERPRISE["id"]} if kind == "enterprise" else call.context.world.users
    if target not in known:
        raise not_found(kind, target)
    own = [entry for entry in entries if entry["assigned_to"] == {"id": target, "type": kind}]
    return own or [entry for entry in entries if entry["assigned_to"]["type"] == "enterprise"]


def terms_by_type(call: Call, entries: Sequence[Doc]) -> Iterable[Doc]:
    """Narrow terms of service by whom they are for."""
    kind = choice(call, "tos_type", "", ("", "managed", "external"))
    return [entry for entry in entries if kind in ("", entry["tos_type"])]


def statuses_of_terms(call: Call, entries: Sequence[Doc]) -> Iterable[Doc]:
    """Narrow the users' answers by their terms of service, which are required (box-facts 4.9), and by user."""
    terms, user = required(call, "tos_id"), call.query.get("user_id", "")
    if call.context.world.governance.find("terms_of_services", terms) is None:
        raise not_found("terms_of_service", terms)
    return [
        entry
        for entry in entries
        if entry["tos"]["terms_of_services"] == terms and user in ("", entry["user"]["user"])
    ]


WEBHOOKS = Section("webhooks", manage_webhooks, own=own_webhooks)
RETENTION = Section("retention_policies", manage_retention, policies_by_name)
RETENTION_ASSIGNMENTS = Section("retention_policy_assignments", manage_retention)
HOLDS = Section("legal_hold_policies", manage_holds, holds_by_name)
HOLD_ASSIGNMENTS = Section("legal_hold_policy_assignments", manage_holds, assignments_of_hold)
DOMAINS = Section("collaboration_whitelist_entries", manage_properties)
EXEMPT = Section("collaboration_whitelist_exempt_targets", manage_properties)
STORAGE = Section("storage_policies", manage_zones)
STORAGE_ASSIGNMENTS = Section("storage_policy_assignments", manage_zones, resolved_storage)
TERMS = Section("terms_of_services", manage_properties, terms_by_type)
TERMS_STATUSES = Section("terms_of_service_user_statuses", manage_properties, statuses_of_terms)
SHIELD_LISTS = Section("shield_lists", manage_properties)


async def webhooks(call: Call) -> Response:
    """`GET /webhooks`: minis, which have only the target (box-facts 4.9)."""
    paging, part = page_by_marker(call, WEBHOOKS.entries(call))
    minis = [{"id": entry["id"], "type": "webhook", "target": entry["target"]} for entry in part]
    return respond({**paging, "entries": minis})


async def retention_assignments(call: Call) -> Response:
    """`GET /retention_policies/:id/assignments`."""
    policy = RETENTION.entry(call)["id"]
    kind = choice(call, "type", "", ("", "folder", "enterprise", "metadata_template"))
    entries = [
        entry
        for entry in call.context.world.governance.of("retention_policy_assignments")
        if entry["retention_policy"]["retention_policies"] == policy
        and kind in ("", entry["assigned_to"]["type"])
    ]
    paging, part = page_by_marker(call, entries)
    docs = [document(call, "retention_policy_assignments", entry) for entry in part]
    return respond({**paging, "entries": docs})


def assigned_files(call: Call, entry: Doc) -> list[Item]:
    """Return the files that an assignment covers, in the order of their ids; files in the trash stay covered."""
    world, target = call.context.world, entry["assigned_to"]
    fields = {field["field"]: field["value"] for field in entry.get("filter_fields") or []}

    def covered(item: Item) -> bool:
        """Return whether the assignment covers this file."""
        if target["type"] == "enterprise":
            return item.owner in world.users
        if target["type"] == "user":
            return item.owner == str(target["id"])
        if target["type"] == "metadata_template":
            templates = {template["id"]: key for key, template in world.governance.templates.items()}
            values = world.governance.metadata(item).get(templates[target["id"]])
            return values is not None and all(values.get(name) == value for name, value in fields.items())
        return any(part.kind == target["type"] and part.id == target["id"] for part in item.up())

    return sorted(
        (item for item in world.tree.files.values() if covered(item)), key=lambda item: int(item.id)
    )


def without_number(version: Doc) -> Doc:
    """Return a version without its number, which only the list of a file's versions has."""
    return {name: value for name, value in version.items() if name != "version_number"}


def covered_files(section: Section, versions: bool) -> Handler:
    """Return the handler of the files, or of their current versions, that an assignment covers."""

    async def handler(call: Call) -> Response:
        paging, part = page_by_marker(call, assigned_files(call, section.entry(call)))
        if versions and section is HOLD_ASSIGNMENTS:
            docs = [without_number(current_version(call, item)) for item in part]
        else:
            docs = [mini_item(item) for item in part]
        return respond({**paging, "entries": docs})

    return handler


async def shield_lists(call: Call) -> Response:
    """`GET /shield_lists`: the whole list without paging, as minis (Box's SDK 10.18, `ShieldListsV2025R0`)."""
    manage_properties(call)
    entries = call.context.world.governance.of("shield_lists")
    names = ("id", "type", "name", "content")
    docs = [{name: document(call, "shield_lists", entry)[name] for name in names} for entry in entries]
    return respond({"entries": [{**doc, "content": {"type": doc["content"]["type"]}} for doc in docs]})


VERSIONS = {"/shield_lists": "2025.0", "/shield_lists/{id}": "2025.0"}
"""The version of Box's API that a path needs in the header `box-version`, where it is not the default."""

PATHS: dict[str, dict[str, Handler]] = {
    "/webhooks": {"GET": webhooks},
    "/webhooks/{id}": {"GET": WEBHOOKS.one},
    "/retention_policies": {"GET": RETENTION.list},
    "/retention_policies/{id}": {"GET": RETENTION.one},
    "/retention_policies/{id}/assignments": {"GET": retention_assignments},
    "/retention_policy_assignments/{id}": {"GET": RETENTION_ASSIGNMENTS.one},
    "/retention_policy_assignments/{id}/files_under_retention": {
        "GET": covered_files(RETENTION_ASSIGNMENTS, versions=False)
    },
    "/retention_policy_assignments/{id}/file_versions_under_retention": {
        "GET": covered_files(RETENTION_ASSIGNMENTS, versions=True)
    },
    "/legal_hold_policies": {"GET": HOLDS.list},
    "/legal_hold_policies/{id}": {"GET": HOLDS.one},
    "/legal_hold_policy_assignments": {"GET": HOLD_ASSIGNMENTS.list},
    "/legal_hold_policy_assignments/{id}": {"GET": HOLD_ASSIGNMENTS.one},
    "/legal_hold_policy_assignments/{id}/files_on_hold": {
        "GET": covered_files(HOLD_ASSIGNMENTS, versions=False)
    },
    "/legal_hold_policy_assignments/{id}/file_versions_on_hold": {
        "GET": covered_files(HOLD_ASSIGNMENTS, versions=True)
    },
    "/collaboration_whitelist_entries": {"GET": DOMAINS.list},
    "/collaboration_whitelist_entries/{id}": {"GET": DOMAINS.one},
    "/collaboration_whitelist_exempt_targets": {"GET": EXEMPT.list},
    "/collaboration_whitelist_exempt_targets/{id}": {"GET": EXEMPT.one},
    "/storage_policies": {"GET": STORAGE.list},
    "/storage_policies/{id}": {"GET": STORAGE.one},
    "/storage_policy_assignments": {"GET": STORAGE_ASSIGNMENTS.list},
    "/storage_policy_assignments/{id}": {"GET": STORAGE_ASSIGNMENTS.one},
    "/terms_of_services": {"GET": TERMS.whole_list},
    "/terms_of_services/{id}": {"GET": TERMS.one},
    "/terms_of_service_user_statuses": {"GET": TERMS_STATUSES.whole_list},
    "/shield_lists": {"GET": shield_lists},
    "/shield_lists/{id}": {"GET": SHIELD_LISTS.one},
}
