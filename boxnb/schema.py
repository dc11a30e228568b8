"""The columns of each dataset, in order, taken from Box's OpenAPI description.

``text`` is pandas' ``str``; ``time`` is ``datetime64[us, UTC]``; ``integer`` is ``Int64`` (sizes in bytes);
``truth`` is ``boolean``; ``category`` holds repeated words; ``json`` keeps a nested value whole, as text.
A name such as ``enterprise_id`` comes from ``{"enterprise": {"id": ...}}`` by the path beside it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["text", "time", "integer", "truth", "category", "json"]


class Column(NamedTuple):
    """One column: its name, its kind, and where its value stands in an entry (by default under its name)."""

    name: str
    kind: Kind
    path: tuple[str, ...] = ()

    @property
    def source(self) -> tuple[str, ...]:
        """The keys that lead to the value."""
        return self.path or (self.name,)


USERS = (
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
    Column("enterprise_id", "text", ("enterprise", "id")),
    Column("enterprise_name", "text", ("enterprise", "name")),
    Column("is_external_collab_restricted", "truth"),
    Column("is_exempt_from_device_limits", "truth"),
    Column("is_exempt_from_login_verification", "truth"),
    Column("is_platform_access_only", "truth"),
    Column("tracking_codes", "json"),
)

GROUPS = (
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


def fields(columns: tuple[Column, ...]) -> str:
    """The ``fields=`` that asks Box for just these columns."""
    return ",".join(dict.fromkeys(column.source[0] for column in columns))
