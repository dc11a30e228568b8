"""Look after the files of a harvest: verify, forget, delete."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import HarvestError
from ..local import private_files
from . import lock, parts
from .driver import columns_in
from .manifest import FILE, Listed, Manifest

if TYPE_CHECKING:
    from .kinds import Kind


def forget(kind: Kind, folder: Path, manifest: Manifest, time: int) -> int:
    """Delete events that happened before a time in microseconds, and rows of the history that were replaced before it."""
    forgotten = 0
    places = {parts.HISTORY: "replaced_at"} | ({parts.ROWS: "created_at"} if kind.appends else {})
    for place, column in places.items():
        for entry in manifest.parts(place):
            file = folder / place / entry.part.file
            table = parts.read([file], columns_in(kind, place))
            later = pc.greater_equal(table.column(column).cast(pa.int64()), time).fill_null(True)
            kept = table.filter(later)
            if len(kept) == len(table):
                continue
            written = [parts.write(folder / place, [kept], kind.times)] if len(kept) else []
            private_files.flush_folder(folder / place)
            manifest.replace([entry.part.file], [entry._replace(part=part) for part in written])
            parts.remove(folder / place, [entry.part.file])
            forgotten += len(table) - len(kept)
    return forgotten


def verify(folder: Path, manifest: Manifest) -> pd.DataFrame:
    """Return the problems of a harvest's files, one row each: ``file`` and ``problem``."""
    problems: list[tuple[str, str]] = []
    listed: list[Listed] = []
    try:
        problems += [(manifest.file.name, problem) for problem in manifest.check()]
        listed = manifest.parts(*parts.PLACES)
    except HarvestError as error:
        problems.append((manifest.file.name, str(error)))
    for entry in listed:
        file = folder / entry.place / entry.part.file
        name = f"{entry.place}/{entry.part.file}"
        if not file.exists():
            problems.append((name, "the file is missing"))
        elif file.stat().st_size != entry.part.bytes:
            problems.append((name, f"the file has {file.stat().st_size:,} of {entry.part.bytes:,} bytes"))
        elif parts.hash_of(file) != entry.part.sha256:
            problems.append((name, "the content has changed since it was saved"))
    known = {(entry.place, entry.part.file) for entry in listed}
    if listed:
        problems += [
            (f"{place}/{file.name}", "the manifest does not list this file; the next run deletes it")
            for place in parts.PLACES
            for file in sorted((folder / place).glob("*.parquet"))
            if (place, file.name) not in known
        ]
    return pd.DataFrame(problems, columns=["file", "problem"], dtype="str")


def delete(folder: Path, manifest: Manifest) -> None:
    """Delete the files of a harvest, and its folder if nothing else is in it."""
    with lock.holding(folder, "delete"):
        manifest.close()
        for name in parts.PLACES:
            shutil.rmtree(folder / name, ignore_errors=True)
        for file in (*folder.glob(f"{FILE}*"), *folder.glob(f".{FILE}*"), folder / lock.HOLDER):
            private_files.remove(file)
    private_files.discard(folder / lock.LOCK)
    if not any(folder.iterdir()):
        folder.rmdir()
