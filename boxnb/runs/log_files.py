"""Create the log of a run and the folder for its attachments, and remove those of older runs."""

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
from ..local.device_names import DEVICE_NAMES
from . import lock

LONGEST_NAME = 200
"""The maximum length of a run's name, in bytes. A log's file name also contains the time and process ID, and can be
255 bytes long."""


def check_run_name(name: str) -> str:
    """Return the name if it can be part of a file name.

    Raises
    ------
    ValueError
        The name cannot be part of a file name, or could be mistaken for the name of a log.
    """
    if not re.fullmatch(r"\w[\w .()+-]{0,79}", name) or name.endswith((" ", ".")):
        raise ValueError(
            f"{name!r} cannot be the name of a run. Use up to 80 letters, digits, spaces, '-', '_' and '.'."
        )
    if len(name.encode("utf-8", "surrogateescape")) > LONGEST_NAME:
        raise ValueError(f"{name!r} is too long for a file name. Use a shorter name.")
    if name.split(".")[0].strip().lower() in DEVICE_NAMES:
        raise ValueError(
            f"{name!r} is a device name on Windows, where a log with this name cannot be saved. Use another name."
        )
    if re.search(r"-\d{8}-\d{6}-\d+$", name):
        raise ValueError(
            f"{name!r} ends like the name of a log, so another run could mistake this run's log for its own. "
            "Use another name."
        )
    return name


class Logs:
    """The log folder of one run.

    Parameters
    ----------
    name : str
        The name of the run.
    folder : Path
    keep : int
        How many logs to keep. With 1, each run overwrites the same log.
    started : datetime
    """

    def __init__(self, name: str, folder: Path, keep: int, started: datetime.datetime) -> None:
        self.name, self.folder, self.keep = encoding.on_disk(name), folder, keep
        self.stamp = f"{started.astimezone():%Y%m%d-%H%M%S}"
        self.file: Path | None = None

    def open(self) -> TextIO:
        """Open the log for writing.

        Raises
        ------
        OSError
            The folder cannot be created, or the file cannot be written.
        """
        # Only a new folder is made private, because an existing one may be shared on purpose.
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # If a run of this name is in progress, the single log belongs to that run, and this run is about to be refused.
        if self.keep == 1 and not lock.is_running(self.name):
            file, mode = self.folder / f"{self.name}.log", os.O_TRUNC
        else:
            file, mode = self.folder / f"{self._stem}.log", os.O_APPEND
        with contextlib.suppress(FileNotFoundError):
            if not private_files.is_ours(file.lstat()):  # its owner could read the log
                raise PermissionError(errno.EPERM, "the file belongs to another user", os.fspath(file))
        descriptor = private_files.open_ours(file, os.O_WRONLY | os.O_CREAT | mode)
        self.file = file
        return os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace")

    def attachment_path(self, name: str) -> Path:
        """Return the path for an attachment, and create its folder.

        Raises
        ------
        OSError
            The folder is a symbolic link or belongs to another user.
        """
        attachments = self.folder / "attached"
        if attachments.is_symlink() and not private_files.is_ours(attachments.lstat()):
            raise PermissionError(errno.EPERM, "it is another user's symbolic link", os.fspath(attachments))
        attachments.mkdir(parents=True, exist_ok=True, mode=0o700)
        return private_files.own_folder(attachments / self._stem) / encoding.on_disk(name)

    @property
    def _stem(self) -> str:
        return f"{self.name}-{self.stamp}-{os.getpid()}"

    def remove_old(self) -> None:
        """Keep the latest logs and attachment folders of runs with this name, and remove the older ones.

        The files of other runs and other users stay. Links are not followed, because other users may also be able to
        write to the folder.
        """
        pattern = re.compile(re.escape(self.name) + r"-\d{8}-\d{6}-\d+")
        logs = self._oldest_first(
            file
            for file in self._own_entries(self.folder)
            if file.suffix == ".log" and pattern.fullmatch(file.stem)
        )
        for file in logs[: -self.keep]:
            # On Windows, another program may have the file open. The next run then removes it.
            with contextlib.suppress(OSError):
                file.unlink()
        attachments = self.folder / "attached"
        if attachments.is_symlink():
            return
        folders = self._oldest_first(
            folder
            for folder in self._own_entries(attachments, folders=True)
            if pattern.fullmatch(folder.name)
        )
        for folder in folders[: -self.keep]:
            for file in self._own_entries(folder):
                with contextlib.suppress(OSError):
                    file.unlink()
            with contextlib.suppress(OSError):  # the folder contains something else
                folder.rmdir()

    def _oldest_first(self, paths: Iterable[Path]) -> list[Path]:
        """Return the paths sorted by modification time, with those of this run last.

        Names cannot determine the order, because they contain local times, and one hour occurs twice every autumn. They
        decide only between equal modification times, for example after the files were copied.
        """
        sort_keys: list[tuple[bool, int, Path]] = []
        for path in paths:
            with contextlib.suppress(FileNotFoundError):  # another run with this name removed it
                is_own = path.name.removesuffix(".log") == self._stem
                sort_keys.append((is_own, path.lstat().st_mtime_ns, path))
        return [path for _, _, path in sorted(sort_keys)]

    def _own_entries(self, folder: Path, *, folders: bool = False) -> list[Path]:
        """Return the regular files, or the folders, that this user owns in a folder. Symbolic links are left out."""
        paths: list[Path] = []
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # just removed
                    continue
                has_type = stat.S_ISDIR if folders else stat.S_ISREG
                if has_type(status.st_mode) and private_files.is_ours(status):
                    paths.append(folder / entry.name)
        return paths
