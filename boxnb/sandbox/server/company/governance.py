"""Webhooks, policies, metadata, tasks, comments and sign requests: what `governance.json` says, with its ages as times.

An object in the file has Box's own names. Four kinds of values are references, which are resolved when a response is made,
because users and items change: ``{"user": login}``, ``{"file": id}``, ``{"enterprise": ""}``, and the name of a section with
an id, such as ``{"storage_policies": "11"}``. The key ``user_id`` with a login stands for ``id`` with the id of that user.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from . import times
from .people import ENTERPRISE, Doc
from .tree import Item, Tree

CLASSIFICATION = "securityClassification-6VMVochwUWo"
CLASSIFICATION_KEY = "Box__Security__Classification__Key"
SCOPE = f"enterprise_{ENTERPRISE['id']}"
COLORS = ("#91C2FD", "#4826C2", "#FFEB7F", "#F8D7A3", "#FFC2C6", "#ED3757")
"""The color of each color id of a classification. Box's description only shows an example of one; these are made up."""


def metadata_date(seconds: float) -> str:
    """Return a date as Box returns it in metadata."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def dated(value: Any, day: float) -> Any:
    """Return a value with every age replaced by a time, as Box formats it."""
    if isinstance(value, dict):
        return {key: dated(entry, day) for key, entry in value.items()}
    if isinstance(value, list):
        return [dated(entry, day) for entry in value]
    return times.as_box_formats(value, day) if isinstance(value, str) else value


class Governance:
    """The sections of `governance.json`, and the metadata of each item. All of it is empty if there is no such file."""

    def __init__(self, sections: Doc, tree: Tree, day: float, person_id: Callable[[str], str]) -> None:
        self.sections: dict[str, list[Doc]] = {
            name: [_with_user_ids(dated(entry, day), person_id) for entry in entries]
            for name, entries in sections.items()
            if isinstance(entries, list)
        }
        self.classifications: dict[str, Doc] = sections.get("classifications", {})
        self._tree, self._day = tree, day
        self.templates = {entry["templateKey"]: entry for entry in self.of("metadata_templates")}
        self._cascades = {entry["folder"]: entry for entry in self.of("metadata_cascade_policies")}
        self._values: dict[tuple[str, str], dict[str, Doc]] = {}
        for entry in self.of("metadata"):
            self._values.setdefault((entry["type"], entry["id"]), {})[entry["templateKey"]] = entry["values"]

    def of(self, section: str) -> list[Doc]:
        """Return the objects of one section, in the order of the file."""
        return self.sections.get(section, [])

    def find(self, section: str, object_id: str) -> Doc | None:
        """Return the object of a section with this id, or None."""
        return next((entry for entry in self.of(section) if entry["id"] == object_id), None)

    def metadata(self, item: Item) -> dict[str, Doc]:
        """Return the values of each metadata template on an item: those of its row, and those that a folder passes down."""
        values = {key: dict(own) for key, own in self._values.get((item.kind, item.id), {}).items()}
        if item.kind == "file":
            for folder in item.up():
                policy = self._cascades.get(folder.id) if folder.kind == "folder" else None
                if policy is not None and policy["templateKey"] not in values:
                    template = self.templates[policy["templateKey"]]
                    values[policy["templateKey"]] = dict(self._made_up(template, item))
        return values

    def with_metadata(self, key: str) -> Iterator[tuple[Item, Doc]]:
        """Yield each item with a metadata template, and its values. Items in the trash are left out."""
        for item in self._tree.everything():
            if item.kind != "web_link" and not item.is_trashed():
                values = self.metadata(item).get(key)
                if values is not None:
                    yield item, values

    def _made_up(self, template: Doc, item: Item) -> Iterator[tuple[str, Any]]:
        """Yield the fields that a cascade policy gives to a file: made up from its id, so they are always the same."""
        for field in template["fields"]:
            number = int(hashlib.sha256(f"{item.id} {field['key']}".encode()).hexdigest()[:8], 16)
            options = field.get("options") or [""]
            if field["type"] == "enum":
                yield field["key"], options[number % len(options)]
            elif field["type"] == "multiSelect":
                yield field["key"], [option for bit, option in enumerate(options) if number >> bit & 1]
            elif field["type"] == "date":
                yield field["key"], metadata_date(self._day + (number % 1400 - 400) * times.DAY)
            elif field["type"] == "float":
                yield field["key"], float(number % 400 + 1)
            else:
                yield field["key"], f"R-{number % 1_000_000:06d}"

    def instance(self, item: Item, key: str, values: Doc) -> Doc:
        """Return a metadata instance as Box returns it. Its names with ``$`` belong to Box."""
        template_id = self.templates[key]["id"]
        return {
            "$id": str(uuid.uuid5(uuid.UUID(template_id), f"{item.kind}_{item.id}")),
            "$type": f"{key}-{template_id}",
            "$parent": f"{item.kind}_{item.id}",
            "$template": key,
            "$scope": SCOPE,
            "$version": 0,
            "$typeVersion": 0,
            "$canEdit": True,
            **values,
        }

    def classification(self, item: Item) -> Doc | None:
        """Return the classification of an item, or None."""
        values = self._values.get((item.kind, item.id), {}).get(CLASSIFICATION)
        if values is None:
            return None
        name = values[CLASSIFICATION_KEY]
        definition = self.classifications[name]
        color = COLORS[definition["colorID"] % len(COLORS)]
        return {"name": name, "definition": definition["classificationDefinition"], "color": color}


def _with_user_ids(value: Any, person_id: Callable[[str], str]) -> Any:
    """Return a value with the ids of users in place of their logins."""
    if isinstance(value, list):
        return [_with_user_ids(entry, person_id) for entry in value]
    if not isinstance(value, dict):
        return value
    names = {"user_id": "id"}
    return {
        names.get(key, key): person_id(entry)
        if key in ("user", "user_id") and isinstance(entry, str)
        else _with_user_ids(entry, person_id)
        for key, entry in value.items()
    }
