"""The files of a run: its log, new each time or one for all, what was attached, and how many of each stay."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
from pathlib import Path
from typing import TextIO

from .. import disk
from . import turns


def check_run_name(name: str) -> str:
    """A name as given.

    Raises
    ------
    ValueError
        No file could be called that.
    """
    if not re.fullmatch(r"\w[\w .()+-]{0,79}", name) or name.endswith((" ", ".")):
        raise ValueError(f"A run is named by up to 80 letters, digits, blanks, '-', '_', '.': {name!r}")
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
        self.name, self.folder, self.keep = disk.on_disk(name), folder, keep
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
        if self.keep == 1 and not turns.is_taken(self.name):
            file, mode = self.folder / f"{self.name}.log", os.O_TRUNC
        else:
            file, mode = self.folder / f"{self.name}-{self.stamp}-{os.getpid()}.log", os.O_APPEND
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | mode, 0o600)
        self.file = file
        return os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace")

    def place(self, name: str) -> Path:
        """Where something that is attached goes."""
        folder = self.folder / "attached" / f"{self.stamp}-{os.getpid()}"
        disk.private_folder(folder)
        return folder / disk.on_disk(name)

    def tidy(self) -> None:
        """Keep the last logs and what was attached to them; nothing else is touched."""
        named = re.compile(re.escape(self.name) + r"-\d{8}-\d{6}-\d+\.log")
        old = sorted(file for file in self.folder.glob("*.log") if named.fullmatch(file.name))
        for file in old[: -self.keep]:
            with contextlib.suppress(OSError):  # somebody reads it, on Windows: the next run tidies
                file.unlink()
        stamped = re.compile(r"\d{8}-\d{6}-\d+")
        folders = sorted(
            each for each in (self.folder / "attached").glob("*-*") if stamped.fullmatch(each.name)
        )
        for folder in folders[: -self.keep]:
            for file in folder.iterdir():
                with contextlib.suppress(OSError):
                    file.unlink()
            with contextlib.suppress(OSError):
                folder.rmdir()
