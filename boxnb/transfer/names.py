"""Check file names before an upload, and adapt them for a download. boxnb never refuses or changes a name without a message."""

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
from ..local.device_names import DEVICE_NAMES
from .sources import is_link

MAX_LENGTH = 255
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')


def refused_by_box(name: str) -> str | None:
    """Return why Box refuses a name, and what to do; ``None`` if Box accepts it.

    Notes
    -----
    Source: https://developer.box.com/reference/post-files-content/ (``attributes.name``).
    """
    if not isinstance(name, str):
        return f"A name must be text, but {name!r} is not."
    if not name:
        return "The name is empty. Choose a name."
    if name in (".", ".."):
        return f"{name!r} refers to a folder itself. Choose another name."
    if len(name) > MAX_LENGTH:
        return f"The name has {len(name)} characters, but at most {MAX_LENGTH} are allowed. Shorten it."
    if "/" in name or "\\" in name:
        return f"A name cannot contain '/' or '\\'. Rename {name!r}."
    if name != name.strip():
        return f"A name cannot start or end with a space. Rename {name!r}."
    if any(unicodedata.category(letter) == "Cs" for letter in name):
        return f"The name is not valid UTF-8. Rename {name!r}."
    if any(unicodedata.category(letter) == "Cc" for letter in name):
        return f"A name cannot contain control characters. Rename {name!r}."
    return None


def safe(name: str) -> str:
    """Return a name that any computer can store, as close as possible to the name in Box."""
    safe_name = unicodedata.normalize("NFC", name).encode("utf-8", "replace").decode()
    safe_name = _FORBIDDEN.sub("_", safe_name).lstrip().rstrip(" .") or "_"
    if safe_name.split(".")[0].strip().lower() in DEVICE_NAMES:
        safe_name = f"_{safe_name}"
    if safe_name in (".", ".."):
        safe_name = "_"
    return shortened(safe_name)


def shortened(name: str, extra: str = "") -> str:
    """Return a name of at most 240 bytes, with ``extra`` before its extension.

    File systems allow 255 bytes; the other 15 are for the longer name of the partial file.
    """
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > 20:
        stem, dot, extension = name, "", ""
    room = 240 - len(f"{extra}{dot}{extension}".encode())
    short_name = stem.encode()[:room].decode("utf-8", "ignore") + extra + dot + extension
    return short_name.rstrip(" .") or "_"


def folded(name: str) -> str:
    """Return a name in the form in which Windows and macOS compare names: ignoring case and the encoding of accents.

    One letter never becomes two, so ``Maße`` and ``Masse`` remain different names. If a file system considers even these
    names the same, :meth:`Places.settle` detects it.
    """
    letters = []
    for letter in unicodedata.normalize("NFC", name):
        lower = letter.casefold()
        if len(lower) != 1:
            lower = letter.lower()
        letters.append(lower if len(lower) == 1 else letter)
    return unicodedata.normalize("NFC", "".join(letters))


def loosely(name: str) -> str:
    """Return a name in a form that ignores as many differences as possible.

    If these forms of two names differ, the names are different on every system.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


class Places:
    """Chooses paths for downloaded files. Each path is unique and below one folder, whatever the file is called.

    Several threads can use one object in parallel.

    Parameters
    ----------
    folder : Path
        The folder that all paths are below.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.lock = threading.RLock()
        self._taken: dict[tuple[Path, str], tuple[str, str]] = {}  # the owner of a path, and its name in Box
        self._written: dict[tuple[int, int], tuple[str, Path]] = {}

    def place(self, file_id: str, name: str | None, folders: str = "") -> tuple[Path, str]:
        """Return the path for a file, and a message if its name had to change, else an empty string.

        Raises
        ------
        TransferError
            A folder in the path is a link.
        """
        with self.lock:
            folder = self.folder
            for part in filter(None, folders.split("/")):
                folder = self._subfolder(folder, part)
            self.check(folder)
            safe_name = safe(file_id if name is None else name)
            path, other_name = self._unused_path(
                folder, safe_name, f"file {file_id}", name or "", f" [{file_id}]"
            )
        if other_name is not None:
            return (
                path,
                f"{name!r} is saved as {path.name!r}, because another {other_name!r} goes to the same folder.",
            )
        if name is None:
            return path, f"It has no name on the server and is saved as {path.name!r}."
        if safe_name == name:
            return path, ""
        if safe_name == unicodedata.normalize("NFC", name):
            return path, f"{name!r} is saved as {safe_name!r}: the same name, with composed characters (NFC)."
        return path, f"{name!r} is saved as {safe_name!r}, because not every computer allows that name."

    def check(self, folder: Path) -> None:
        """Raise an exception if a folder or one of its parent folders is a link, which could lead anywhere.

        Raises
        ------
        TransferError
            One of these folders is a link.
        """
        below = folder.relative_to(self.folder)
        for path in [self.folder / part for part in [below, *below.parents] if part.parts]:
            if not is_link(path):
                continue
            if not path.resolve().is_relative_to(self.folder):
                raise TransferError(
                    f"{path} is a link that leads out of {self.folder}, so nothing is written there. Choose another folder."
                )
            raise TransferError(
                f"{path} is a link, and boxnb does not write through links. Move or rename it."
            )

    def partial_paths(self, file_id: str, target: Path, name: str) -> Iterator[Path]:
        """Yield possible paths for a partial file, in the same folder as its target. No downloaded file has such a path."""
        for number in count(1):
            path = target.parent / (f".{name}.part" if number == 1 else f".{name}-{number}.part")
            key = (path.parent, folded(path.name))
            with self.lock:
                owner, _ = self._taken.setdefault(key, (f"part {file_id}", path.name))
            if owner == f"part {file_id}":
                yield path

    def settle(self, path: Path, file_id: str, name: str | None) -> tuple[Path, str]:
        """Return the path and an empty string, or another path and a message if this one would overwrite an earlier file.

        Whether the file system treats two similar names as the same is not known until the first file has been written.
        """
        with self.lock:
            owner, written_path = self._written.get(_inode(path), (file_id, path))
            is_same = owner == file_id or written_path == path
            if is_same or loosely(written_path.name) != loosely(path.name):
                return path, ""
            other, _ = self._unused_path(
                path.parent, shortened(path.name, f" [{file_id}]"), f"file {file_id}", name or "", ""
            )
            return other, (
                f"{name!r} is saved as {other.name!r}, because this computer treats {path.name!r} and {written_path.name!r} as the same name."
            )

    def record_written(self, path: Path, file_id: str) -> None:
        """Record that a file was written to a path."""
        self._written[_inode(path)] = (file_id, path)

    def _subfolder(self, folder: Path, name: str) -> Path:
        return self._unused_path(folder, safe(name), f"folder {name}", name, "")[0]

    def _unused_path(
        self, folder: Path, preferred: str, owner: str, name: str, mark: str
    ) -> tuple[Path, str | None]:
        """Return a path that no other file has, and the name in Box of the file that has the preferred path, if any."""
        other_name: str | None = None
        for number in count(1):
            extra = "" if number == 1 else mark if number == 2 and mark else f"{mark} [{number - bool(mark)}]"
            candidate = shortened(preferred, extra) if extra else preferred
            holder, name_in_box = self._taken.setdefault((folder, folded(candidate)), (owner, name))
            if holder == owner:
                break
            other_name = name_in_box if other_name is None else other_name
        return folder / encoding.on_disk(candidate), other_name


def _inode(path: Path) -> tuple[int, int]:
    try:
        status = os.lstat(path)
    except OSError:
        return (0, 0)
    return (status.st_dev, status.st_ino)
