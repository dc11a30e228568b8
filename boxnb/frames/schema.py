"""The columns of each dataset in order, from Box's OpenAPI description.

``text`` is pandas' ``str``; ``time`` is ``datetime64[us, UTC]``; ``integer`` is ``Int64`` (sizes are in bytes);
``boolean`` is pandas' ``boolean``; ``category`` is for text that repeats; ``json`` is a nested value as JSON text;
``skip`` is a field left out because another column has the same value. A name such as ``owned_by_login`` comes from
``{"owned_by": {"login": ...}}``. Any other field that Box sends goes into the column ``extra``.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["text", "time", "integer", "boolean", "category", "json", "skip"]


class Column(NamedTuple):
    """One column: its name, its kind, and the keys of its value in an entry (by default its name)."""

    name: str
    kind: Kind
    path: tuple[str, ...] = ()

    @property
    def source(self) -> tuple[str, ...]:
        """The keys that lead to the value."""
        return self.path or (self.name,)


Columns = tuple[Column, ...]


def _within(key: str, **kinds: Kind) -> Columns:
    """Return the columns of a nested object, each named ``key_name``."""
    return tuple(Column(f"{key}_{name}", kind, (key, name)) for name, kind in kinds.items())


def _account(key: str) -> Columns:
    return _within(key, id="text", name="text", login="text")


USERS: Columns = (
    Column("id", "text"),
    Column("name", "text"),
    Column("login", "text"),
    Column("role", "category"),
    Column("status", "category"),
    Column("job_title", "text"),
    Column("language", "category"),
    Column("timezone", "category"),
    Column("space_used", "integer"),
    Column("space_amount", "integer"),
    Column("max_upload_size", "integer"),
    Column("created_at", "time"),
    Column("modified_at", "time"),
    Column("phone", "text"),
    Column("address", "text"),
    Column("avatar_url", "text"),
    Column("notification_email", "text", ("notification_email", "email")),
    Column("notification_email_is_confirmed", "skip", ("notification_email", "is_confirmed")),
    *_within("enterprise", id="text", name="text"),
    Column("is_external_collab_restricted", "boolean"),
    Column("is_exempt_from_device_limits", "boolean"),
    Column("is_exempt_from_login_verification", "boolean"),
    Column("is_platform_access_only", "boolean"),
    Column("tracking_codes", "json"),
)

GROUPS: Columns = (
    Column("id", "text"),
    Column("name", "text"),
    Column("group_type", "category"),
    Column("description", "text"),
    Column("provenance", "category"),
    Column("external_sync_identifier", "text"),
    Column("invitability_level", "category"),
    Column("member_viewability_level", "category"),
    Column("created_at", "time"),
    Column("modified_at", "time"),
)

MEMBERSHIPS: Columns = (
    Column("id", "text"),
    Column("role", "category"),
    *_account("user"),
    *_within("group", id="text", name="text", group_type="skip"),
    Column("created_at", "time"),
    Column("modified_at", "time"),
)

SHARED_LINK: Columns = (
    *_within(
        "shared_link",
        url="text",
        access="category",
        effective_access="category",
        effective_permission="category",
        unshared_at="time",
        is_password_enabled="boolean",
        download_count="integer",
        preview_count="integer",
        vanity_url="text",
        vanity_name="skip",
        download_url="skip",
    ),
    Column("shared_link_can_download", "boolean", ("shared_link", "permissions", "can_download")),
    Column("shared_link_can_preview", "skip", ("shared_link", "permissions", "can_preview")),
    Column("shared_link_can_edit", "boolean", ("shared_link", "permissions", "can_edit")),
)

ITEMS: Columns = (
    Column("type", "category"),
    Column("id", "text"),
    Column("name", "text"),
    Column("size", "integer"),
    Column("extension", "category"),
    Column("parent_id", "text", ("parent", "id")),
    Column("parent_name", "text", ("parent", "name")),
    *_account("owned_by"),
    *_account("created_by"),
    *_account("modified_by"),
    Column("created_at", "time"),
    Column("modified_at", "time"),
    Column("content_created_at", "time"),
    Column("content_modified_at", "time"),
    Column("trashed_at", "time"),
    Column("purged_at", "time"),
    Column("item_status", "category"),
    Column("description", "text"),
    Column("sha1", "text"),
    Column("etag", "text"),
    Column("version_number", "text"),
    Column("has_collaborations", "boolean"),
    Column("is_externally_owned", "boolean"),
    *SHARED_LINK,
    Column("url", "text"),
    Column("tags", "json"),
    Column("sequence_id", "skip"),
    Column("file_version", "skip"),
)

VERSIONS: Columns = (
    Column("id", "text"),
    Column("name", "text"),
    Column("size", "integer"),
    Column("sha1", "text"),
    Column("version_number", "text"),
    Column("created_at", "time"),
    Column("modified_at", "time"),
    *_account("modified_by"),
    Column("trashed_at", "time"),
    *_account("trashed_by"),
    Column("restored_at", "time"),
    *_account("restored_by"),
    Column("purged_at", "time"),
    Column("uploader_display_name", "text"),
)

COLLABORATIONS: Columns = (
    Column("id", "text"),
    Column("status", "category"),
    Column("role", "category"),
    *_within("item", type="category", id="text", name="text", sha1="skip", file_version="skip", url="skip"),
    *_within(
        "accessible_by",
        type="category",
        id="text",
        name="text",
        login="text",
        is_active="boolean",
        group_type="skip",
    ),
    Column("invite_email", "text"),
    Column("expires_at", "time"),
    Column("is_access_only", "boolean"),
    Column("acknowledged_at", "time"),
    *_within("created_by", id="text", name="text", login="text", is_active="skip"),
    Column("created_at", "time"),
    Column("modified_at", "time"),
    Column("acceptance_requirements_status", "json"),
    Column("app_item", "json"),
)

EVENTS: Columns = (
    Column("event_id", "text"),
    Column("event_type", "category"),
    Column("created_at", "time"),
    *_account("created_by"),
    Column("ip_address", "text"),
    *_within(
        "source",
        item_type="category",
        item_id="text",
        item_name="text",
        type="category",
        id="text",
        name="text",
        login="text",
        classification="json",
        file_id="text",
        file_name="text",
        folder_id="text",
        folder_name="text",
        user_id="text",
        user_name="text",
        user_email="text",
        group_id="text",
        group_name="text",
    ),
    Column("source_parent_id", "text", ("source", "parent", "id")),
    Column("source_parent_name", "text", ("source", "parent", "name")),
    Column("source_owned_by_id", "text", ("source", "owned_by", "id")),
    Column("source_owned_by_name", "text", ("source", "owned_by", "name")),
    Column("source_owned_by_login", "text", ("source", "owned_by", "login")),
    Column("session_id", "text"),
    Column("additional_details", "json"),
)

USER_EVENTS: Columns = (
    Column("event_id", "text"),
    Column("event_type", "category"),
    Column("created_at", "time"),
    Column("recorded_at", "time"),
    *_account("created_by"),
    Column("session_id", "text"),
    Column("source", "json"),
    Column("additional_details", "json"),
)

DEVICE_PINS: Columns = (
    Column("id", "text"),
    Column("product_name", "category"),
    *_account("owned_by"),
)


CHILDREN: dict[str, Columns] = {
    "tracking_codes": (Column("name", "text"), Column("value", "text")),
    "tags": (Column("value", "text"),),
    "path": (Column("folder_id", "text"), Column("folder_name", "text")),
}
"""The columns that :func:`boxnb.frames.children` returns for each list column, after ``id`` and ``position``."""


def fields(columns: Columns) -> str:
    """Return the value of Box's parameter ``fields`` for these columns, without ``type``, which Box always sends."""
    names = dict.fromkeys(column.source[0] for column in columns if column.kind != "skip")
    return ",".join(name for name in names if name != "type")
