"""Names: which Box refuses, and which a computer cannot hold; each with its reason, none silently changed."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from .. import disk
from ..errors import TransferError

LONGEST = 255
_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{name}{digit}" for name in ("com", "lpt") for digit in "0123456789¹²³"
}
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')


def refused_by_box(name: str) -> str | None:
    """Why Box refuses a name, in a sentence; ``None`` where it takes it.

    Notes
    -----
    Source: https://developer.box.com/reference/post-files-content/ (``attributes.name``).
    """
    if not name:
        return "An empty name is none."
    if name in (".", ".."):
        return f"{name!r} means a folder itself: give it another name."
    if len(name) > LONGEST:
        return f"The name has {len(name)} characters and Box takes {LONGEST}: shorten it."
    if "/" in name or "\\" in name:
        return f"Box takes no '/' and no '\\' in a name: {name!r}."
    if name != name.strip():
        return f"Box takes no blank at the begin or end of a name: {name!r}."
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        return f"Box takes no control characters in a name: {name!r}."
    return None


def safe(name: str) -> str:
    """A name any computer can hold, as close to Box's as it gets: the same text where nothing is wrong with it."""
    text = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", name)).encode("utf-8", "replace").decode()
    text = text.lstrip().rstrip(" .") or "_"
    if text.split(".")[0].strip().lower() in _DEVICES:
        text = f"_{text}"
    if text in (".", ".."):
        text = "_"
    return shortened(text)


def shortened(name: str, extra: str = "") -> str:
    """The name with ``extra`` before its ending, in at most 240 bytes: file systems take 255, a side file needs some."""
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > 20:
        stem, dot, ending = name, "", ""
    room = 240 - len(f"{extra}{dot}{ending}".encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + extra + dot + ending


class Places:
    """Where files from Box go below one folder: inside it whatever they are called, and no two in one place.

    Parameters
    ----------
    folder : Path
        Everything stays below it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._files: dict[tuple[Path, str], tuple[str, str]] = {}
        self._folders: dict[tuple[Path, str], str] = {}

    def place(self, file_id: str, name: str, folders: str = "") -> tuple[Path, str]:
        """The path of a file, and a sentence where its name had to change, else empty.

        Raises
        ------
        TransferError
            A link in the folder leads out of it.
        """
        where = self.folder
        for part in filter(None, folders.split("/")):
            where = self._below(where, part)
        wanted = safe(name)
        said = "" if wanted == name else f"{name!r} is saved as {wanted!r}, for no computer takes that name."
        key = (where, wanted.casefold())
        owner, twin = self._files.setdefault(key, (file_id, name))
        if owner != file_id or key in self._folders:
            wanted = shortened(wanted, f" [{file_id}]")
            said = f"{name!r} is saved as {wanted!r}, for another {twin!r} goes to the same folder."
            self._files[(where, wanted.casefold())] = (file_id, name)
        if not where.resolve().is_relative_to(self.folder):
            raise TransferError(
                f"{where} leads out of {self.folder}, by a link: nothing is written there; choose another folder."
            )
        return where / disk.on_disk(wanted), said

    def _below(self, where: Path, part: str) -> Path:
        wanted = safe(part)
        for number in range(1, 10_000):
            name = wanted if number == 1 else shortened(wanted, f" [{number}]")
            if self._folders.setdefault((where, name.casefold()), part) == part:
                return where / disk.on_disk(name)
        raise TransferError(f"Too many folders are called {part!r}.")
