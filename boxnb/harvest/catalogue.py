"""The datasets that can be harvested, and the arguments that each takes."""

from __future__ import annotations

import datetime
from typing import Any

import pandas as pd

from ..api import ids
from ..api.arguments import choice, truth
from ..datasets.event_log import time_of, types_of
from ..datasets.people import USER_TYPES
from ..errors import ArgumentError
from ..frames import schema
from ..frames.schema import Column
from .content import Content
from .derived import LINKS, REQUESTED, Collaborations, SharedLinks
from .events import Events
from .kinds import SEEN_AS, Groups, Kind, Memberships, Trash, Users

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Events(
            "events",
            schema.EVENTS,
            key=("event_id",),
            personal="who did what, names, logins and IP addresses",
            appends=True,
            unit_cost="One call for every 500 events.",
            certainty="about",
        ),
        Users("users", schema.USERS, personal="names, logins, phone numbers and addresses"),
        Groups("groups", schema.GROUPS, personal="none, unless the name of a group contains some"),
        Memberships("memberships", schema.MEMBERSHIPS),
        Content(
            "content",
            schema.ITEMS,
            SEEN_AS,
            key=("type", "id"),
            personal="names of files and folders, names and logins",
            unit_cost="One call for each user and each folder.",
        ),
        Collaborations(
            "collaborations",
            schema.COLLABORATIONS,
            REQUESTED,
            personal="names, logins and email addresses, also of people outside the enterprise",
            unit_cost="One call for each folder, after the harvest of the content.",
        ),
        SharedLinks(
            "shared_links",
            LINKS,
            (Column("path", "text"),),
            key=("type", "id"),
            personal="names of files and folders, links that may be open to anyone, names and logins",
            unit_cost="No calls other than those of the content.",
        ),
        Trash(
            "trash", schema.ITEMS, SEEN_AS, key=("type", "id"), personal="names of files, names and logins"
        ),
    )
}

_TAKES = {
    "events": ("since", "until", "event_type"),
    "users": ("user_type",),
    "content": ("people_of",),
    "collaborations": ("flagged", "files"),
}


def checked_arguments(dataset: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a harvest in the form in which the manifest saves them.

    Raises
    ------
    ArgumentError
        One of the arguments is wrong.
    """
    taken = _TAKES.get(dataset, ())
    if unknown := [name for name in arguments if name not in taken]:
        takes = f"takes {', '.join(taken)}" if taken else "takes no arguments"
        raise ArgumentError(f"A harvest of {dataset} {takes}, not {unknown[0]!r}.")
    checked = {name: value for name, value in arguments.items() if value is not None}
    if dataset == "events":
        checked = {"since": "365D", **checked}
        for name in ("since", "until"):
            if name in checked:
                time_of(checked[name], pd.Timestamp.now("UTC"))
                checked[name] = _as_text(checked[name])
        if "event_type" in checked:
            checked["event_type"] = types_of(checked["event_type"])
    if "user_type" in checked:
        choice(checked["user_type"], "user_type", USER_TYPES)
    for name in {"flagged", "files"} & checked.keys():
        checked[name] = truth(checked[name], name)
    if "people_of" in checked:
        checked["people_of"] = ids.many(checked["people_of"], "people_of", "user")
    return checked


def _as_text(when: Any) -> str:
    """Return a time or a span as text that can be read again."""
    if isinstance(when, str):
        return when
    return str(when) if isinstance(when, datetime.timedelta) else pd.Timestamp(when).isoformat()
