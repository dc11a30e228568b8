"""Names: which Box refuses, and which a computer cannot hold; each with its reason, none silently changed."""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from ..errors import TransferError
from ..local import encoding
from .sources import is_link

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
    if not isinstance(name, str):
        return f"A name is text, and {name!r} is not."
    if not name:
        return "The name is empty: give it one."
    if name in (".", ".."):
        return f"{name!r} means a folder itself: give it another name."
    if len(name) > LONGEST:
        return f"The name has {len(name)} characters, and {LONGEST} are the most: shorten it."
    if "/" in name or "\\" in name:
        return f"A name cannot have a '/' or '\\' in it: rename {name!r}."
    if name != name.strip():
        return f"A name cannot begin or end with a blank: rename {name!r}."
    if any(unicodedata.category(letter) == "Cs" for letter in name):
        return f"The name is not UTF-8, which is required: rename {name!r}."
    if any(unicodedata.category(letter) == "Cc" for letter in name):
        return f"A name cannot have control characters in it: rename {name!r}."
    return None


def safe(name: str) -> str:
    """A name any computer can hold, as close to Box's as it gets: the same text where nothing is wrong with it."""
    text = unicodedata.normalize("NFC", name).encode("utf-8", "replace").decode()
    text = _FORBIDDEN.sub("_", text).lstrip().rstrip(" .") or "_"
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
    cut = stem.encode()[:room].decode("utf-8", "ignore") + extra + dot + ending
    return cut.rstrip(" .") or "_"


def folded(name: str) -> str:
    """The name as Windows and macOS compare names: whatever its case, and however its accents are written.

    One letter stays one letter, so that ``Maße`` and ``Masse`` are two names here. Where a file system takes even those
    for one, :meth:`Places.settle` finds out by asking it.
    """
    letters = []
    for letter in unicodedata.normalize("NFC", name):
        plain = letter.casefold()
        if len(plain) != 1:
            plain = letter.lower()
        letters.append(plain if len(plain) == 1 else letter)
    return unicodedata.normalize("NFC", "".join(letters))


def loosely(name: str) -> str:
    """The name as the most careless of all compares names; what differs here differs for everybody."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


class Places:
    """Where files from Box go below one folder: inside it whatever they are called, and no two in one place.

    Safe for several threads.

    Parameters
    ----------
    folder : Path
        Everything stays below it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.lock = threading.RLock()
        self._taken: dict[tuple[Path, str], tuple[str, str]] = {}  # whose it is, and the name in Box
        self._written: dict[tuple[int, int], tuple[str, Path]] = {}

    def place(self, file_id: str, name: str | None, folders: str = "") -> tuple[Path, str]:
        """The path of a file, and a sentence where its name had to change, else empty.

        Raises
        ------
        TransferError
            A link lies on the way.
        """
        with self.lock:
            where = self.folder
            for part in filter(None, folders.split("/")):
                where = self._below(where, part)
            self.check(where)
            wanted = safe(file_id if name is None else name)
            path, twin = self._free(where, wanted, f"file {file_id}", name or "", f" [{file_id}]")
        if twin is not None:
            return path, f"{name!r} is saved as {path.name!r}, for another {twin!r} goes to the same folder."
        if name is None:
            return path, f"It has no name on the server, and is saved as {path.name!r}."
        if wanted == name:
            return path, ""
        if wanted == unicodedata.normalize("NFC", name):
            return (
                path,
                f"{name!r} is saved as {wanted!r}: the same letters, with accents in one piece (NFC).",
            )
        return path, f"{name!r} is saved as {wanted!r}, for no computer takes that name."

    def check(self, where: Path) -> None:
        """Go no further where a link lies on the way from the folder: it may lead anywhere.

        Raises
        ------
        TransferError
            There is one.
        """
        below = where.relative_to(self.folder)
        for place in [self.folder / part for part in [below, *below.parents] if part.parts]:
            if not is_link(place):
                continue
            if not place.resolve().is_relative_to(self.folder):
                raise TransferError(
                    f"{place} leads out of {self.folder}, by a link: nothing is written there; choose another folder."
                )
            raise TransferError(f"{place} is a link, and nothing is written through a link: move it away.")

    def side(self, file_id: str, beside: Path, name: str) -> Iterator[Path]:
        """Paths for a file of our own beside another, none of which a file from Box has."""
        for number in count(1):
            path = beside.parent / (f".{name}.part" if number == 1 else f".{name}-{number}.part")
            key = (path.parent, folded(path.name))
            with self.lock:
                owner, _ = self._taken.setdefault(key, (f"part {file_id}", path.name))
            if owner == f"part {file_id}":
                yield path

    def settle(self, path: Path, file_id: str, name: str | None) -> tuple[Path, str]:
        """The path again, or another where the file system takes it for that of a file which was written just now."""
        with self.lock:
            owner, twin = self._written.get(_inode(path), (file_id, path))
            if owner == file_id or twin == path or loosely(twin.name) != loosely(path.name):
                return path, ""
            found, _ = self._free(
                path.parent, shortened(path.name, f" [{file_id}]"), f"file {file_id}", name or "", ""
            )
            return found, (
                f"{name!r} is saved as {found.name!r}, for this computer takes {path.name!r} and {twin.name!r} for one name."
            )

    def wrote(self, path: Path, file_id: str) -> None:
        """Note that a file lies there now."""
        self._written[_inode(path)] = (file_id, path)

    def _below(self, where: Path, part: str) -> Path:
        return self._free(where, safe(part), f"folder {part}", part, "")[0]

    def _free(self, where: Path, wanted: str, owner: str, name: str, mark: str) -> tuple[Path, str | None]:
        """A path nobody else has; and the name in Box of who has the one that was wanted."""
        twin: str | None = None
        for number in count(1):
            extra = "" if number == 1 else mark if number == 2 and mark else f"{mark} [{number - bool(mark)}]"
            made = shortened(wanted, extra) if extra else wanted
            holder, known = self._taken.setdefault((where, folded(made)), (owner, name))
            if holder == owner:
                break
            twin = known if twin is None else twin
        return where / encoding.on_disk(made), twin


def _inode(path: Path) -> tuple[int, int]:
    try:
        found = os.lstat(path)
    except OSError:
        return (0, 0)
    return (found.st_dev, found.st_ino)
