"""Who has which items of others on the top level, so that an update knows who still sees content when a user leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ..datasets.seen_by_many import lowest_first
from ..frames.pages import at, decoded_entries, value_of

SHARED = "shared"
"""The notes that a round leaves: for each active user, the items of others on the top level."""

ON_PAGE = "shared on"
"""The notes of a round: the same for each page of a top level that it has listed."""


def shared_on(content: bytes, viewer: str) -> list[str]:
    """Return the items of others on a page of a user's top level, each as its type and id."""
    found = []
    for entry in decoded_entries(content):
        kind, item, owner = (
            value_of(at(entry, path), "text")[0] for path in (("type",), ("id",), ("owned_by", "id"))
        )
        if kind is not None and item is not None and owner != viewer:
            found.append(f"{kind} {item}")
    return found


def shared_now(notes: Mapping[str, Mapping[str, str]], active: set[str]) -> dict[str, set[str]]:
    """Return for each active user whose top level is known the items of others on it, as of now."""
    now = {user: set(json.loads(text)) for user, text in notes.get(SHARED, {}).items() if user in active}
    listed = {key.removeprefix("top ") for key in notes.get("listed", {}) if key.startswith("top ")} & active
    now |= {user: set() for user in listed}
    for key, text in notes.get(ON_PAGE, {}).items():
        user = key.removeprefix("top ").partition("@")[0]
        if user in listed:
            now[user] |= set(json.loads(text))
    return now


def first_of(shared: Mapping[str, set[str]]) -> dict[str, str]:
    """Return for each item the user with the lowest id who has it on the top level."""
    first: dict[str, str] = {}
    for user in sorted(shared, key=lowest_first, reverse=True):
        first |= dict.fromkeys(shared[user], user)
    return first
