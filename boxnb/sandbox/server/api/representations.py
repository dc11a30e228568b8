"""Items and collaborations as Box returns them: in mini or standard form, or with `fields` (box-facts 3.3, 4.3 to 4.6)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..company.company import World
from ..company.governance import SCOPE
from ..company.people import Doc, mini
from ..company.permissions import INVITABLE, Collab
from ..company.times import iso, iso_or_none
from ..company.tree import ROOT, TRASH_DAYS, Item, Link

LINK_HOST = "https://lumenfjord.box.example"  # a reserved name, so that links never resolve
ROOT_MINI: Doc = {"type": "folder", "id": ROOT, "sequence_id": None, "etag": None, "name": "All Files"}
SHARED = [
    *("description", "path_collection", "created_at", "modified_at", "trashed_at", "purged_at"),
    *("created_by", "modified_by", "owned_by", "shared_link", "parent", "item_status"),
]
STANDARD = {
    "folder": [*SHARED, "size", "content_created_at", "content_modified_at", "folder_upload_email"],
    "file": [*SHARED, "size", "content_created_at", "content_modified_at"],
    "web_link": SHARED,
}
LINK_RIGHTS = frozenset({"list", "preview", "download"})


@dataclass
class View:
    """The company as one user sees it at one moment.

    With `everything`, the user is a Global Content Manager, who can read all content owned by managed users. `links`
    lists the items that a shared link opens for this call.
    """

    world: World
    user: str
    now: float
    everything: bool = False
    links: list[Item] = field(default_factory=list)

    def rights(self, item: Item) -> frozenset[str]:
        """Return what the user can do with an item."""
        rights = self.world.access.may(self.user, item, self.now)
        if self.everything and item.owner in self.world.users:
            rights |= LINK_RIGHTS
        if self.links and self.world.access.opened_by(item, self.links):
            rights |= LINK_RIGHTS
        return rights

    def sees(self, item: Item) -> bool:
        """Return whether the user can see that the item exists."""
        return bool(self.rights(item))

    def path(self, item: Item) -> list[Doc]:
        """Return the ancestor folders that the user can see, from the top down, folder 0 first."""
        ancestors = [mini_item(folder) for folder in list(item.up())[1:] if self.sees(folder)]
        return [dict(ROOT_MINI), *reversed(ancestors)]

    def item(self, item: Item, fields: str | None) -> Doc:
        """Return one item with its standard fields, or with the mini fields and those in `fields`."""
        kind = item.kind
        doc = mini_item(item)
        names = STANDARD[kind] if fields is None else [name.strip() for name in fields.split(",")]
        for name in names:
            make = FIELDS[kind].get(name)
            if make is not None and name not in doc:
                doc[name] = make(self, item)
            elif name.startswith("metadata.") and kind != "web_link":
                self.add_metadata(doc, item, name)
        return doc

    def add_metadata(self, doc: Doc, item: Item, name: str) -> None:
        """Add one template's metadata to an item, for a name such as ``metadata.enterprise_123.customer``."""
        _, scope, key = [*name.split("."), "", ""][:3]
        values = self.world.governance.metadata(item).get(key)
        if scope in ("enterprise", SCOPE) and values is not None:
            instance = self.world.governance.instance(item, key, values)
            doc.setdefault("metadata", {}).setdefault(scope, {})[key] = instance

    def collab(self, collab: Collab, fields: str | None = None) -> Doc:
        """Return one collaboration. While it is pending, some fields are empty (box-facts 4.6)."""
        is_pending = collab.status == "pending"
        item = self.world.tree.of(collab.item_type).get(collab.item_id)
        collaborator: Doc | None
        if collab.group:
            collaborator = mini(self.world.groups[collab.group])
        elif collab.user:
            person = self.world.users.get(collab.user) or {}
            active = collab.user in self.world.outsiders or person.get("status") == "active"
            collaborator = {**self.world.person(collab.user), "is_active": active}
            if is_pending:
                collaborator["name"] = ""
                if collab.by_id:
                    collaborator["login"] = ""
        else:
            collaborator = None
        creator = self.world.person(collab.created_by)
        doc: Doc = {
            "id": collab.id,
            "type": "collaboration",
            "item": None if is_pending or item is None else mini_item(item),
            "app_item": None,
            "accessible_by": collaborator,
            "invite_email": collab.email or None,
            "role": collab.role,
            "expires_at": iso_or_none(collab.expires),
            "is_access_only": collab.is_access_only,
            "status": collab.status,
            "created_by": {**creator, "is_active": True},
            "created_at": iso(collab.created),
            "modified_at": iso(collab.modified),
            "acceptance_requirements_status": {
                "terms_of_service_requirement": {"is_accepted": None, "terms_of_service": None},
                "strong_password_requirement": {
                    "enterprise_has_strong_password_required_for_external_users": False,
                    "user_has_strong_password": None,
                },
                "two_factor_authentication_requirement": {
                    "enterprise_has_two_factor_auth_enabled": False,
                    "user_has_two_factor_authentication_enabled": None,
                },
            },
        }
        if collab.acknowledged is not None:
            doc["acknowledged_at"] = iso(collab.acknowledged)
        if fields is None:
            return doc
        names = {"id", "type", *(name.strip() for name in fields.split(","))}
        return {name: value for name, value in doc.items() if name in names}

    def link(self, item: Item) -> Doc | None:
        """Return the shared link object (box-facts 4.5). An expired link is still shown but opens nothing (a guess)."""
        link = item.link
        if link is None:
            return None
        token = link_token(item, link)
        path = link.vanity or token
        extension = item.name.rpartition(".")[2] if "." in item.name else "bin"
        is_file = item.kind == "file"
        permission = "can_download" if link.download else "can_preview"
        return {
            "url": f"{LINK_HOST}/s/{token}",
            "download_url": f"{LINK_HOST}/shared/static/{token}.{safe_extension(extension)}"
            if is_file
            else None,
            "vanity_url": f"{LINK_HOST}/v/{path}" if link.vanity else None,
            "vanity_name": link.vanity or None,
            "effective_access": link.access,
            "effective_permission": permission if link.alive(self.now) else "no_access",
            "is_password_enabled": bool(link.password),
            "unshared_at": iso_or_none(link.expires),
            "download_count": made_up_count(token, 90) if is_file else 0,
            "preview_count": made_up_count(token + "p", 300) if is_file else 0,
            "access": link.access,
            "permissions": {"can_preview": True, "can_download": link.download, "can_edit": False},
        }


def link_token(item: Item, link: Link) -> str:
    """Return the last part of a shared link's URL."""
    seed = f"{item.kind} {item.id} {item.extra.get('link', 0)}"
    return hashlib.sha256(seed.encode()).hexdigest()[:32]


def made_up_count(seed: str, ceiling: int) -> int:
    """Return a made-up count that is always the same for this seed."""
    return int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16) % ceiling


def safe_extension(text: str) -> str:
    """Return a file extension reduced to characters that are safe in a URL."""
    return "".join(char for char in text if char.isascii() and char.isalnum())[:16] or "bin"


def mini_item(item: Item) -> Doc:
    """Return the mini form of an item, as Box nests it in other objects."""
    doc: Doc = {"type": item.kind, "id": item.id}
    if item.kind == "file":
        doc["file_version"] = {"type": "file_version", "id": item.version, "sha1": item.sha1}
    if item.kind == "web_link":
        doc["url"] = item.url
    doc.update(sequence_id=str(item.etag), etag=str(item.etag))
    if item.kind == "file":
        doc["sha1"] = item.sha1
    doc["name"] = item.name
    return doc


def permissions(view: View, item: Item) -> Doc:
    """Return the object `permissions`: what the user can do with the item, as booleans."""
    rights = view.rights(item)
    doc = {
        "can_delete": "delete" in rights,
        "can_download": "download" in rights,
        "can_invite_collaborator": "invite" in rights,
        "can_rename": "edit" in rights,
        "can_set_share_access": "edit" in rights,
        "can_share": "share" in rights,
        "can_upload": "upload" in rights,
    }
    if item.kind == "file":
        preview = "preview" in rights
        doc.update(can_annotate=preview, can_comment=preview, can_preview=preview)
        doc.update(can_view_annotations_all=preview, can_view_annotations_self=preview)
    return doc


def parent(view: View, item: Item) -> Doc:
    """Return the parent folder, or folder 0 if the user cannot see it."""
    if item.parent is None or not view.sees(item.parent):
        return dict(ROOT_MINI)
    return mini_item(item.parent)


def path_collection(view: View, item: Item) -> Doc:
    """Return the path from folder 0. The path of a trashed item is only the trash."""
    if item.is_trashed():
        trash = {"type": "folder", "id": "1", "sequence_id": None, "etag": None, "name": "Trash"}
        return {"total_count": 1, "entries": [trash]}
    entries = view.path(item)
    return {"total_count": len(entries), "entries": entries}


def purged_at(view: View, item: Item) -> str | None:
    """Return when the trash will delete the item permanently."""
    return None if item.trashed is None else iso(item.trashed + TRASH_DAYS * 86_400)


def lock(view: View, item: Item) -> Doc | None:
    """Return a file's lock, or None if it is not locked. Responses call the expiry `expired_at`, not `expires_at`."""
    file_lock = item.extra.get("lock")
    if not file_lock or (file_lock["expires"] is not None and view.now >= file_lock["expires"]):
        return None
    doc: Doc = {
        "type": "lock",
        "id": file_lock["id"],
        "created_by": view.world.person(file_lock["by"]),
        "created_at": iso(file_lock["created"]),
        "is_download_prevented": file_lock["is_download_prevented"],
        "app_type": None,
    }
    if file_lock["expires"] is not None:
        doc["expired_at"] = iso(file_lock["expires"])
    return doc


Maker = Callable[[View, Item], Any]
COMMON: dict[str, Maker] = {
    "description": lambda view, item: item.description,
    "path_collection": path_collection,
    "created_at": lambda view, item: iso(item.created),
    "modified_at": lambda view, item: iso(item.modified),
    "trashed_at": lambda view, item: iso_or_none(item.trashed),
    "purged_at": purged_at,
    "created_by": lambda view, item: view.world.person(item.created_by),
    "modified_by": lambda view, item: view.world.person(item.modified_by),
    "owned_by": lambda view, item: view.world.person(item.owner),
    "shared_link": lambda view, item: view.link(item),
    "parent": parent,
    "item_status": lambda view, item: "trashed" if item.is_trashed() else "active",
}
FILE_AND_FOLDER: dict[str, Maker] = {
    **COMMON,
    "size": lambda view, item: item.bytes_below(),
    "content_created_at": lambda view, item: iso(item.extra.get("content_created", item.created)),
    "content_modified_at": lambda view, item: iso(item.extra.get("content_modified", item.modified)),
    "permissions": permissions,
    "tags": lambda view, item: list(item.tags),
    "has_collaborations": lambda view, item: view.world.access.has_collaborators(item, view.now),
    "is_externally_owned": lambda view, item: item.owner in view.world.outsiders,
    "watermark_info": lambda view, item: {"is_watermarked": False},
    "is_accessible_via_shared_link": lambda view, item: any(
        ancestor.link is not None and ancestor.link.alive(view.now) for ancestor in item.up()
    ),
    "allowed_invitee_roles": lambda view, item: INVITABLE if "invite" in view.rights(item) else [],
    "classification": lambda view, item: view.world.governance.classification(item),
    "is_associated_with_app_item": lambda view, item: False,
}
FIELDS: dict[str, dict[str, Maker]] = {
    "folder": {
        **FILE_AND_FOLDER,
        "folder_upload_email": lambda view, item: None,
        "sync_state": lambda view, item: "not_synced",
        "can_non_owners_invite": lambda view, item: item.extra.get("can_non_owners_invite", True),
        "can_non_owners_view_collaborators": lambda view, item: item.extra.get(
            "can_non_owners_view_collaborators", True
        ),
        "is_collaboration_restricted_to_enterprise": lambda view, item: item.restricted,
        "allowed_shared_link_access_levels": lambda view, item: (
            ["company", "collaborators"] if item.restricted else ["collaborators", "open", "company"]
        ),
    },
    "file": {
        **FILE_AND_FOLDER,
        "version_number": lambda view, item: str(item.versions),
        "comment_count": lambda view, item: 0,
        "lock": lock,
        "extension": lambda view, item: item.name.rpartition(".")[2] if "." in item.name else "",
        "is_package": lambda view, item: False,
        "expires_at": lambda view, item: None,
        "disposition_at": lambda view, item: None,
        "uploader_display_name": lambda view, item: view.world.person(item.created_by)["name"],
        "shared_link_permission_options": lambda view, item: ["can_preview", "can_download"],
    },
    "web_link": COMMON,
}
