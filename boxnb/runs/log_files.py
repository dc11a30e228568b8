"""The files of a run: its log, new each time or one for all, what was attached, and how many of each stay."""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from ..local import encoding, private_files
from ..store.files import DEVICES
from . import lock

LONGEST_NAME = 200
"""Bytes of a run's name: with time and process it is the name of a file, which holds 255."""


def check_run_name(name: str) -> str:
    """A name as given.

    Raises
    ------
    ValueError
        No file could be called that.
    """
    if not re.fullmatch(r"\w[\w .()+-]{0,79}", name) or name.endswith((" ", ".")):
        raise ValueError(f"A run is named by up to 80 letters, digits, blanks, '-', '_', '.': {name!r}")
    if len(name.encode("utf-8", "surrogateescape")) > LONGEST_NAME:
        raise ValueError(f"{name!r} is too long for the name of a file: use a shorter one.")
    if name.split(".")[0].strip().lower() in DEVICES:
        raise ValueError(
            f"{name!r} names a device on Windows, where its log could not be kept: use another name."
        )
    if re.search(r"-\d{8}-\d{6}-\d+$", name):
        raise ValueError(
            f"{name!r} ends like the name of a log, so another run would take its log for one of its own: choose another name."
        )
    return name


class Logs:
    """The log folder of one run.

    Parameters
    ----------
    name : str
        Of the run.
    folder : Path
    keep : int
        How many logs stay; 1 overwrites the one log each time.
    started : datetime
    """

    def __init__(self, name: str, folder: Path, keep: int, started: datetime.datetime) -> None:
        self.name, self.folder, self.keep = encoding.on_disk(name), folder, keep
        self.stamp = f"{started.astimezone():%Y%m%d-%H%M%S}"
        self.file: Path | None = None

    def open(self) -> TextIO:
        """Open the log.

        Raises
        ------
        OSError
            The folder or the file cannot be written.
        """
        self.folder.mkdir(
            parents=True, exist_ok=True, mode=0o700
        )  # one that is there may be meant for others
        # The one log belongs to the run that is under way, not to one that will be refused.
        if self.keep == 1 and not lock.is_taken(self.name):
            file, mode = self.folder / f"{self.name}.log", os.O_TRUNC
        else:
            file, mode = self.folder / f"{self._own}.log", os.O_APPEND
        with contextlib.suppress(FileNotFoundError):
            if not private_files.is_ours(file.lstat()):  # who could read what is written into it
                raise PermissionError(errno.EPERM, "a file of somebody else is in the way", os.fspath(file))
        descriptor = private_files.open_ours(file, os.O_WRONLY | os.O_CREAT | mode)
        self.file = file
        return os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace")

    def place(self, name: str) -> Path:
        """Where something that is attached goes.

        Raises
        ------
        OSError
            A link, or somebody else's folder, is in the way.
        """
        attached = self.folder / "attached"
        if attached.is_symlink() and not private_files.is_ours(attached.lstat()):
            raise PermissionError(errno.EPERM, "a link is in the way", os.fspath(attached))
        attached.mkdir(parents=True, exist_ok=True, mode=0o700)
        return private_files.own_folder(attached / self._own) / encoding.on_disk(name)

    @property
    def _own(self) -> str:
        return f"{self.name}-{self.stamp}-{os.getpid()}"

    def tidy(self) -> None:
        """Keep the last logs of this run and what was attached to them.

        Nothing else is touched: no other run's, nothing of another user's, nothing behind a link. Somebody else may
        write in the folder, too.
        """
        named = re.compile(re.escape(self.name) + r"-\d{8}-\d{6}-\d+")
        logs = self._by_age(
            file for file in self._mine(self.folder) if file.suffix == ".log" and named.fullmatch(file.stem)
        )
        for file in logs[: -self.keep]:
            with contextlib.suppress(OSError):  # somebody reads it, on Windows: the next run tidies
                file.unlink()
        attached = self.folder / "attached"
        if attached.is_symlink():
            return
        folders = self._by_age(
            each for each in self._mine(attached, folders=True) if named.fullmatch(each.name)
        )
        for folder in folders[: -self.keep]:
            for file in self._mine(folder):
                with contextlib.suppress(OSError):
                    file.unlink()
            with contextlib.suppress(OSError):  # something else is in it
                folder.rmdir()

    def _by_age(self, places: Iterable[Path]) -> list[Path]:
        """The oldest first and this run's own last.

        The names are in local time, by which a run in the hour that comes twice each autumn would be older than the one
        before it; the time of a file alone is lost with a copy.
        """
        found: list[tuple[bool, int, Path]] = []
        for place in places:
            with contextlib.suppress(FileNotFoundError):  # another run of the name has tidied
                found.append((place.name.removesuffix(".log") == self._own, place.lstat().st_mtime_ns, place))
        return [place for _, _, place in sorted(found)]

    def _mine(self, folder: Path, *, folders: bool = False) -> list[Path]:
        """The plain files, or the folders, that this user has in a folder; no links."""
        found: list[Path] = []
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # gone in this moment
                    continue
                kind = stat.S_ISDIR if folders else stat.S_ISREG
                if kind(status.st_mode) and private_files.is_ours(status):
                    found.append(folder / entry.name)
        return found
