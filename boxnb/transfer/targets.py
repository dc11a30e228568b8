"""Targets of an upload in Box: find or create folders, and decide whether an existing file may get a new version."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..api.failures import api_error
from ..errors import BoxNotebookError, TransferError
from ..local import encoding
from ..secret import sealed
from . import calls, names
from .calls import Caller
from .results import Row

BOX_DOMAIN = "box.com"
"""Every host in this domain belongs to Box."""


class Goal(NamedTuple):
    """Where one file goes in Box.

    Attributes
    ----------
    folder, name : str
    new_version : bool
        Whether an existing file with that name but different content gets a new version.
    listed_ids : set of str, optional
        Ids of the files in the folder when it was listed, if several files are sent.
    created : mapping of str to Path, optional
        Ids of the files that the same call has created, and their local files.
    siblings : set of str, optional
        Names of the other files in the same local folder.
    """

    folder: str
    name: str
    new_version: bool
    listed_ids: Set[str] | None = None
    created: Mapping[str, Path] = {}
    siblings: Set[str] = frozenset()

    def check(self, existing: Mapping[str, Any]) -> None:
        """Raise an exception if the existing item with this name must not be replaced by a new version.

        Raises
        ------
        TransferError
            The item is a folder, or another file of the same call, whose content would be lost.
        """
        if existing.get("type", "file") != "file":
            raise calls.name_taken(self.name, existing)
        is_from_this_call = existing["id"] in self.created
        other = self.created[existing["id"]].name if is_from_this_call else self._other_spelling(existing)
        if other is not None and (is_from_this_call or other in self.siblings):
            raise TransferError(
                f"The server considers this the same name as {other!r}, another file in this folder. Give it another name."
            )
        if (
            self.listed_ids is not None
            and existing["id"] not in self.listed_ids
            and self._other_spelling(existing) is not None
        ):
            raise TransferError(
                f"The server considers this the same name as {existing['name']!r}, which was added there a moment ago. "
                "Give it another name."
            )

    def _other_spelling(self, existing: Mapping[str, Any]) -> str | None:
        """Return the name of an existing item if Box spells it differently, else ``None``."""
        name = existing.get("name")
        if not isinstance(name, str) or unicodedata.normalize("NFC", name) == unicodedata.normalize(
            "NFC", self.name
        ):
            return None
        return name

    def row(
        self,
        path: Path,
        file: Mapping[str, Any],
        size: int,
        sha1: str,
        action: str,
        note: str | None = None,
    ) -> Row:
        """Return the row of a local file and its file in Box; ``problem`` contains the name in Box if it differs."""
        other = self._other_spelling(file)
        name_note = None if other is None else f"Its name on the server is {other!r}."
        problem = " ".join(filter(None, [name_note, note])) or None
        return Row(str(path), self.name, file["id"], size, sha1, action, problem)


def is_own(caller: Caller, url: object) -> bool:
    """Return whether a URL from a response belongs to the profile's own server, so that the token may be sent to it.

    These are the hosts of the profile and, over https, their subdomains. Only for Box is the whole domain accepted, because
    Box has upload hosts elsewhere in it (Box guide *Allowing domain access*). For another server, the domain could be
    ``co.uk``, and the token would go to anyone's host.
    """
    server = caller.box.profile.client.server
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is None or parts.username is not None or parts.password is not None:
            return False
        host, origin = parts.hostname or "", (parts.scheme, parts.hostname, parts.port)
    except ValueError:
        return False
    for server_url in (server.upload_url, server.api_url):
        server_parts = urlsplit(server_url)
        if origin == (server_parts.scheme, server_parts.hostname, server_parts.port):
            return True
        name = server_parts.hostname or ""
        domain = BOX_DOMAIN if name.endswith(f".{BOX_DOMAIN}") else name
        if parts.scheme == "https" and parts.port in (None, 443) and f".{host}".endswith(f".{domain}"):
            return True
    return False


class Folder:
    """A folder in Box, the files in it, and the files that this call has sent to it."""

    def __init__(self, folder_id: str, files: dict[str, dict[str, Any]]) -> None:
        self.id = folder_id
        self.files = files
        self.loose_names = {names.loosely(name) for name in files}
        self.ids = {str(item.get("id")) for item in files.values()}
        self.sent: dict[str, Path] = {}  # by name
        self.created: dict[str, Path] = {}  # by id


def ensure(
    caller: Caller, path: Path, targets: dict[Path, Folder | str], folders: dict[str, Folder]
) -> Folder | str:
    """Return the folder in Box for a local folder, created if necessary, or the reason why it cannot be created."""
    missing = []
    while path not in targets:
        missing.append(path)
        path = path.parent
    target = targets[path]
    for path in reversed(missing):
        if not isinstance(target, str):
            try:
                name = encoding.decoded(path.name)
                target = names.refused_by_box(name) or folder_of(caller, target.id, name, folders)
            except BoxNotebookError as error:
                target = str(error)
        targets[path] = target
    return target


@sealed
def folder_of(caller: Caller, parent: str, name: str, folders: dict[str, Folder]) -> Folder:
    """Return the folder with this name and the files in it, and create the folder if it does not exist.

    For two names that Box considers the same, it returns the same folder.
    """
    body = {"name": name, "parent": {"id": parent}}
    response = caller.call(
        "POST", "/folders", json=body, params={"fields": "id"}, worth_retrying=calls.name_is_reserved
    )
    if response.status_code == 201:
        with calls.reading(response):
            folder_id = str(response.json()["id"])
        return folders.setdefault(folder_id, Folder(folder_id, {}))
    existing = calls.conflict(response)
    if existing is None:
        raise api_error(response)
    if existing.get("type", "folder") != "folder":
        raise TransferError(
            f"A {existing['type']} named {name!r} (id {existing['id']}) exists where the folder should be. Rename one of them."
        )
    if existing["id"] not in folders:
        folders[existing["id"]] = Folder(existing["id"], files_in(caller, existing["id"]))
    return folders[existing["id"]]


def files_in(caller: Caller, folder_id: str) -> dict[str, dict[str, Any]]:
    """
    Return the files of a folder by name.

    The listing ends at a marker that repeats. A file that it misses is found later, when Box reports the conflict.
    """
    files: dict[str, dict[str, Any]] = {}
    marker: str | None = None
    used_markers: set[str] = set()
    while True:
        query = {"usemarker": "true", "limit": 1000, "fields": "type,id,name,sha1,size"}
        response = caller.call(
            "GET", f"/folders/{folder_id}/items", params=query | ({"marker": marker} if marker else {})
        )
        if response.status_code != 200:
            raise api_error(response)
        with calls.reading(response):
            page = response.json()
            for item in page["entries"] or []:
                if item.get("type") == "file" and isinstance(item.get("name"), str):
                    files[item["name"]] = item | {"id": str(item["id"])}
            marker = str(page.get("next_marker") or "")
        if not marker or marker in used_markers:
            return files
        used_markers.add(marker)
