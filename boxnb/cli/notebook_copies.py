"""Copy the notebooks to a user's folder. A file that the user has changed is never overwritten.

A small file in that folder, :data:`RECORD`, has the SHA-256 of every file as boxnb wrote it. A file with a different
SHA-256, or one that is not recorded, counts as changed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from ..errors import BoxNotebookError
from ..local import encoding, private_files

RECORD = ".boxnb-notebooks.json"
FORMAT = 1


class CopyError(BoxNotebookError):
    """A file cannot be written to the folder. The files that are already there are complete."""


def cannot_write(error: OSError, path: Path) -> CopyError:
    """Return the error for a file or folder that cannot be written."""
    remedy = private_files.remedy(error, "choose another folder")
    return CopyError(f"Cannot write {encoding.as_text(path)}: {error.strerror}. {remedy}.")


class Copies(NamedTuple):
    """What a copy did, as names relative to the folder.

    Attributes
    ----------
    written : list of str
        New files.
    replaced : list of str
        Unchanged files that now have boxnb's new version.
    offered : list of str
        New versions that were written next to a file that the user has changed.
    left_alone : list of str
        Files that the user has changed.
    outdated : list of str
        Files whose new version is not in the folder yet.
    """

    written: list[str]
    replaced: list[str]
    offered: list[str]
    left_alone: list[str]
    outdated: list[str]


def copy(files: Mapping[str, bytes], folder: Path, *, update: bool = False) -> Copies:
    """
    Copy files to a folder, and record what was copied.

    Parameters
    ----------
    files : mapping of str to bytes
        The content of each file, by its path relative to the folder, with ``/``.
    folder : Path
        Created if it does not exist.
    update : bool, default False
        Whether to replace unchanged files by new versions, and to write the new version of a changed file next to it:
        ``01-people.new.ipynb``.

    Returns
    -------
    Copies

    Raises
    ------
    CopyError
        A file cannot be written to the folder. What was copied before is recorded.
    """
    copies = Copies([], [], [], [], [])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        recorded = recorded_in(folder)
        try:
            for name, content in files.items():
                _copy_one(name, content, folder, recorded, copies, update)
        finally:
            text = json.dumps({"format": FORMAT, "files": recorded}, indent=1, sort_keys=True)
            _write(folder / RECORD, f"{text}\n".encode())
    except OSError as error:
        path = Path(os.fsdecode(error.filename)) if error.filename else folder
        raise cannot_write(error, path.parent if path.suffix == ".draft" else path) from None
    return copies


def _copy_one(
    name: str, content: bytes, folder: Path, recorded: dict[str, str], copies: Copies, update: bool
) -> None:
    path = folder / name
    new, present = _sha256(content), _sha256_of(path)
    if present is None and _is_inside(path, folder):
        _write(path, content)
        recorded[name] = new
        copies.written.append(name)
    elif present == new:
        recorded[name] = new
    elif present is not None and present == recorded.get(name):
        if update:
            _write(path, content)
            recorded[name] = new
            copies.replaced.append(name)
        else:
            copies.outdated.append(name)
    else:
        copies.left_alone.append(name)
        if recorded.get(name) != new:  # the user's file is based on an older version, or on an unknown one
            _offer(name, content, folder, recorded, copies, update)


def new_name(name: str) -> str:
    """Return where the new version of a changed file is written: ``01-people.new.ipynb``."""
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}.new{path.suffix}"))


def _offer(
    name: str, content: bytes, folder: Path, recorded: dict[str, str], copies: Copies, update: bool
) -> None:
    """Write the new version of a changed file next to it, once."""
    offer = new_name(name)
    path, present = folder / offer, _sha256_of(folder / offer)
    if not update:
        copies.outdated.append(name)
    elif not _is_inside(path, folder) or present not in (None, recorded.get(offer)):
        copies.left_alone.append(offer)
    else:
        _write(path, content)
        # The folder now has this version, so that it is not offered again after the user has deleted it.
        recorded[name] = recorded[offer] = _sha256(content)
        copies.offered.append(offer)


def recorded_in(folder: Path) -> dict[str, str]:
    """Return the recorded hashes. Without a readable record, every existing file counts as changed, and nothing is lost."""
    try:
        content: Any = json.loads(private_files.patiently((folder / RECORD).read_bytes))
        return {str(name): str(value) for name, value in content["files"].items()}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _is_inside(path: Path, folder: Path) -> bool:
    """Return whether writing this path stays in the folder and does not go through a link."""
    return not path.is_symlink() and path.parent.resolve().is_relative_to(folder.resolve())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sha256_of(path: Path) -> str | None:
    """Return the SHA-256 of a file; ``None`` if there is none; ``""`` for a folder or a link, which boxnb never replaces."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return ""
    try:
        return _sha256(private_files.patiently(path.read_bytes))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _write(path: Path, content: bytes) -> None:
    """Write a file completely, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        draft.write_bytes(content)
        private_files.replace(draft, path)
    except BaseException:
        private_files.discard(draft)
        raise
