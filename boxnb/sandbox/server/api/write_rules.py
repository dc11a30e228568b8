"""The rules for writing: names, conflicts, shared links, etags (box-facts 2.2, 2.4, 4.3, 4.5)."""

from __future__ import annotations

import re
from typing import Any

from ..company import times
from ..company.people import Doc
from ..company.tree import Item, Link
from ..errors import ApiError, client_error, forbidden, invalid
from .call import Call, missing
from .representations import mini_item

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
MULTILINE = ("address", "description")
"""Fields that can have several lines."""
ACCESS = ("open", "company", "collaborators")
STRONG = re.compile(r"[A-Z]|[^a-z]")


def bad_request(message: str, name: str = "") -> ApiError:
    """Build a 400 `bad_request` for the request body."""
    errors = [{"reason": "invalid_parameter", "name": name, "message": message}] if name else None
    return client_error(400, "bad_request", message if not name else "Bad Request", errors=errors)


def text(body: Doc, name: str, default: str | None = None) -> str:
    """Return a string from the body. Raises 400 if it is missing or not a string."""
    value = body.get(name, default)
    if not isinstance(value, str):
        raise bad_request(f"'{name}' is required" if value is None else f"'{name}' must be a string", name)
    if CONTROL.search(re.sub(r"[\t\n\r]", "", value) if name in MULTILINE else value):
        raise bad_request(f"'{name}' must not contain control characters", name)
    return value


def sub_object(body: Doc, name: str) -> Doc:
    """Return an object from the body. Raises 400 if it is missing or not an object."""
    value = body.get(name)
    if not isinstance(value, dict):
        raise bad_request(f"'{name}' is required", name)
    return value


def id_of(body: Doc, name: str) -> str:
    """Return the id of an object in the body, such as ``{"parent": {"id": "0"}}``."""
    value = sub_object(body, name).get("id")
    return (
        str(value)
        if isinstance(value, int) and not isinstance(value, bool)
        else text(sub_object(body, name), "id")
    )


def moment(call: Call, body: Doc, name: str, future: bool = False) -> float | None:
    """Return a time from the body, or None if it is null or missing.

    Raises 400 if it is invalid or, with `future`, not in the future.
    """
    value = body.get(name)
    if value is None:
        return None
    try:
        seconds = times.parse(str(value))
    except ValueError:
        raise invalid("invalid_parameter", name, f"Invalid value '{value}' for '{name}'") from None
    if future and seconds <= call.context.clock.now():
        raise invalid("invalid_parameter", name, f"'{name}' must be in the future")
    return seconds


def check_name(name: Any) -> str:
    """Return the name if Box allows it. Otherwise, raise 400 `item_name_invalid` or `item_name_too_long`."""
    if not isinstance(name, str) or not name:
        raise bad_request("'name' is required", "name")
    if len(name) > 255:
        raise client_error(400, "item_name_too_long", "Item name too long")
    has_outer_spaces = name != name.strip(" ")
    if name in (".", "..") or has_outer_spaces or "/" in name or "\\" in name or CONTROL.search(name):
        raise client_error(400, "item_name_invalid", "Item name invalid")
    return name


def conflict(item: Item, as_list: bool) -> ApiError:
    """Build a 409 `item_name_in_use`. As in Box, the conflicts are a list for folders and one object for files."""
    existing = mini_item(item)
    return client_error(
        409,
        "item_name_in_use",
        "Item with the same name already exists",
        conflicts=[existing] if as_list else existing,
    )


def check_name_is_free(
    call: Call, owner: str, parent: Item | None, name: str, kind: str, except_item: Item | None = None
) -> None:
    """Raise 409 if another item in the folder has this name, ignoring case."""
    existing = call.context.world.tree.find_by_name(owner, parent, name)
    if existing is not None and existing is not except_item:
        raise conflict(existing, kind == "folder")


def target(call: Call, folder_id: str) -> tuple[str, Item | None]:
    """Return the owner and the folder to write into (None for folder 0).

    Raises 404 if the caller cannot see the folder, 403 if the caller cannot upload to it.
    """
    folder = call.folder(folder_id, "list")
    if folder is not None and "upload" not in call.view().rights(folder):
        raise forbidden()
    return (call.user["id"], None) if folder is None else (folder.owner, folder)


def mark_changed(call: Call, item: Item) -> None:
    """Give an item a new etag, and record that the caller changed it now."""
    item.etag += 1
    item.modified, item.modified_by = float(int(call.context.clock.now())), call.user["id"]
    call.context.world.tree.save(item)


def check_lock(call: Call, item: Item) -> None:
    """Raise 403 if another user has locked the file."""
    lock = item.extra.get("lock")
    now = call.context.clock.now()
    if lock and lock["by"] != call.user["id"] and (lock["expires"] is None or now < lock["expires"]):
        raise client_error(403, "access_denied_item_locked", "Access denied - item locked")


def set_lock(call: Call, item: Item, lock: Any) -> None:
    """Lock a file, or unlock it if `lock` is None. Without `expires_at`, the lock does not expire."""
    check_lock(call, item)
    if lock is None:
        item.extra.pop("lock", None)
        return
    if not isinstance(lock, dict):
        raise bad_request("'lock' must be an object or null", "lock")
    item.extra["lock"] = {
        "id": call.context.state.next_id(),
        "by": call.user["id"],
        "created": call.context.clock.now(),
        "expires": moment(call, lock, "expires_at", future=True),
        "is_download_prevented": bool(lock.get("is_download_prevented", False)),
    }


def set_link(call: Call, item: Item, settings: Any) -> str:
    """Create or change the shared link, or remove it if `settings` is None. Return the name of the event."""
    if "share" not in call.view().rights(item):
        raise forbidden()
    old = item.link
    if settings is None:
        item.link = None
        item.extra["link"] = item.extra.get("link", 0) + 1  # a new link gets a new URL
        return "UNSHARE" if old else ""
    if not isinstance(settings, dict):
        raise bad_request("'shared_link' must be an object or null", "shared_link")
    access = settings.get("access", old.access if old else "open")
    if access not in ACCESS:
        raise invalid("invalid_parameter", "access", f"Invalid value '{access}' for 'access'")
    if item.restricted and access == "open":
        raise forbidden("Open shared links are not allowed here")
    link = Link(access)
    if old is not None:
        link.expires, link.password, link.download, link.vanity = (
            old.expires,
            old.password,
            old.download,
            old.vanity,
        )
    if "unshared_at" in settings:
        link.expires = moment(call, settings, "unshared_at", future=True)
    if "password" in settings:
        password = settings["password"]
        if password is not None and not (len(str(password)) >= 8 and STRONG.search(str(password))):
            message = (
                "A password needs at least 8 characters, including a digit, a capital or a special character"
            )
            raise invalid("invalid_parameter", "password", message)
        link.password = str(password) if password is not None else ""
    if "vanity_name" in settings:
        vanity = settings["vanity_name"]
        if vanity is not None and len(str(vanity)) < 12:
            raise invalid("invalid_parameter", "vanity_name", "A vanity name needs at least 12 characters")
        link.vanity = str(vanity or "")
    permissions = settings.get("permissions")
    if isinstance(permissions, dict) and "can_download" in permissions:
        link.download = bool(permissions["can_download"])
    if access == "collaborators" and (link.password or not link.download):
        raise invalid(
            "invalid_parameter", "access", "Links for collaborators cannot have a password or permissions"
        )
    item.link = link
    return "ITEM_SHARED_UPDATE" if old else "SHARE"


def set_tags(item: Item, tags: Any) -> None:
    """Set the tags. Raises 400 if `tags` is not a list of at most 100 strings."""
    if not isinstance(tags, list) or len(tags) > 100 or not all(isinstance(tag, str) for tag in tags):
        raise invalid("invalid_parameter", "tags", "'tags' must be a list of at most 100 strings")
    item.tags = tuple(dict.fromkeys(tags))


def check_may_leave(call: Call, item: Item) -> None:
    """Raise 403 if the caller cannot take an item out of its folder."""
    rights = call.view().rights(item.parent) if item.parent is not None else call.view().rights(item)
    if ("delete" if item.parent is not None else "own") not in rights:
        raise forbidden()


def trashed_item(call: Call, kind: str, item_id: str) -> Item:
    """Return an item that was itself trashed. Raises 404 `not_trashed` for any other item."""
    item = call.find(kind, item_id)
    if item.trashed is None:
        raise missing(kind, item_id, "not_trashed")
    return item
