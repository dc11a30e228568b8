"""Where files go in Box: folders found or made, and whether what lies there may give way."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..api.session import api_error
from ..errors import BoxNotebookError, TransferError
from ..local import encoding
from ..secret import sealed
from . import calls, names
from .calls import Caller, Row

BOX_DOMAIN = "box.com"
"""Every host below it is Box's own."""


class Goal(NamedTuple):
    """The place of one file.

    Attributes
    ----------
    folder, name : str
    new_version : bool
        A file of that name with other content gets a new version.
    known : set of str, optional
        Ids that lay there when the folder was listed; given where several files are sent.
    made : mapping of str to Path, optional
        Ids that the same call has sent, and from which file.
    siblings : set of str, optional
        Names of the files that lie in the same folder of this computer.
    """

    folder: str
    name: str
    new_version: bool
    known: Set[str] | None = None
    made: Mapping[str, Path] = {}
    siblings: Set[str] = frozenset()

    def check(self, there: Mapping[str, Any]) -> None:
        """Go on where what Box says has the name may be compared, or made a version of.

        Raises
        ------
        TransferError
            It is a folder, or another file of the same call, whose content would be replaced.
        """
        if there.get("type", "file") != "file":
            raise calls.taken(self.name, there)
        other = self.made[there["id"]].name if there["id"] in self.made else self._named(there)
        if other is not None and (there["id"] in self.made or other in self.siblings):
            raise TransferError(
                f"The server takes it for the same name as {other!r}, another file of this folder: give it another name."
            )
        if self.known is not None and there["id"] not in self.known and self._named(there) is not None:
            raise TransferError(
                f"The server takes it for the same name as {there['name']!r}, which was added there a moment ago: give it another name."
            )

    def _named(self, there: Mapping[str, Any]) -> str | None:
        """How Box writes the name, where it writes it in another way."""
        name = there.get("name")
        if not isinstance(name, str) or unicodedata.normalize("NFC", name) == unicodedata.normalize(
            "NFC", self.name
        ):
            return None
        return name

    def row(
        self, file: Path, there: Mapping[str, Any], size: int, sha1: str, action: str, note: str | None = None
    ) -> Row:
        """What became of the file, and under which name it lies in Box."""
        other = self._named(there)
        named = None if other is None else f"Its name on the server is {other!r}."
        said = " ".join(filter(None, [named, note])) or None
        return Row(str(file), self.name, there["id"], size, sha1, action, said)


def is_own(caller: Caller, url: object) -> bool:
    """Return whether an address from a response belongs to the profile's own server, so that the token may go there.

    These are the hosts of the profile and, over https, hosts below them. Box alone has upload hosts elsewhere in its domain
    (Box guide *Allowing domain access*). For any other server that would reach hosts of strangers, as under ``co.uk``.
    """
    server = caller.box.profile.client.server
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is None or parts.username is not None or parts.password is not None:
            return False
        host, place = parts.hostname or "", (parts.scheme, parts.hostname, parts.port)
    except ValueError:
        return False
    for own in (server.upload_url, server.api_url):
        known = urlsplit(own)
        if place == (known.scheme, known.hostname, known.port):
            return True
        name = known.hostname or ""
        domain = BOX_DOMAIN if name.endswith(f".{BOX_DOMAIN}") else name
        if parts.scheme == "https" and parts.port in (None, 443) and f".{host}".endswith(f".{domain}"):
            return True
    return False


class Folder:
    """A folder of Box, what lies in it, and what this call has put there."""

    def __init__(self, folder_id: str, files: dict[str, dict[str, Any]]) -> None:
        self.id = folder_id
        self.files = files
        self.loose = {names.loosely(name) for name in files}
        self.ids = {str(item.get("id")) for item in files.values()}
        self.sent: dict[str, Path] = {}  # by name
        self.made: dict[str, Path] = {}  # by id


def ensure(
    caller: Caller, place: Path, made: dict[Path, Folder | str], there: dict[str, Folder]
) -> Folder | str:
    """The folder of Box for one of ours, or why there is none."""
    missing = []
    while place not in made:
        missing.append(place)
        place = place.parent
    found = made[place]
    for place in reversed(missing):
        if not isinstance(found, str):
            try:
                name = encoding.decoded(place.name)
                found = names.refused_by_box(name) or folder_of(caller, found.id, name, there)
            except BoxNotebookError as error:
                found = str(error)
        made[place] = found
    return found


@sealed
def folder_of(caller: Caller, parent: str, name: str, known: dict[str, Folder]) -> Folder:
    """A folder of that name, made or found, and the files it has; the same one where Box takes two names for one."""
    body = {"name": name, "parent": {"id": parent}}
    answer = caller.done("POST", "/folders", json=body, params={"fields": "id"}, again=calls.reserved)
    if answer.status_code == 201:
        with calls.usable(answer):
            made = str(answer.json()["id"])
        return known.setdefault(made, Folder(made, {}))
    there = calls.conflict(answer)
    if there is None:
        raise api_error(answer)
    if there.get("type", "folder") != "folder":
        raise TransferError(
            f"A {there['type']} {name!r} (id {there['id']}) lies where the folder should be: rename one of them."
        )
    if there["id"] not in known:
        known[there["id"]] = Folder(there["id"], files_in(caller, there["id"]))
    return known[there["id"]]


def files_in(caller: Caller, folder_id: str) -> dict[str, dict[str, Any]]:
    """The files of a folder, by name."""
    found: dict[str, dict[str, Any]] = {}
    marker: str | None = None
    turned: set[str] = set()
    while True:
        asked = {"usemarker": "true", "limit": 1000, "fields": "type,id,name,sha1,size"}
        answer = caller.done(
            "GET", f"/folders/{folder_id}/items", params=asked | ({"marker": marker} if marker else {})
        )
        if answer.status_code != 200:
            raise api_error(answer)
        with calls.usable(answer):
            page = answer.json()
            for item in page["entries"] or []:
                if item.get("type") == "file" and isinstance(item.get("name"), str):
                    found[item["name"]] = item | {"id": str(item["id"])}
            marker = str(page.get("next_marker") or "")
        if not marker or marker in turned:
            return found
        turned.add(marker)
