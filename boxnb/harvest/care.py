"""Look after the files of a harvest: verify, repair, forget, delete."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import HarvestError
from ..local import private_files
from . import failures, lock, parts
from .driver import columns_in
from .manifest import Listed, Manifest
from .manifest_file import FILE

if TYPE_CHECKING:
    from .kinds import Kind


def forget(kind: Kind, folder: Path, manifest: Manifest, time: int, now: int) -> int:
    """Delete events that happened before a time in microseconds, and rows of the history that were replaced before it.

    The fact ``forgotten`` has that time, so that no later round fetches them again; ``forgotten history`` has how many rows
    of the history this concerned.
    """
    forgotten, until = dict.fromkeys(parts.PLACES, 0), min(time, now)
    facts = manifest.facts()
    manifest.remember("forgotten", max(until, facts.get("forgotten") or 0))
    places = {parts.HISTORY: "replaced_at"} | ({parts.ROWS: "created_at"} if kind.appends else {})
    for place, column in places.items():
        for entry in manifest.parts(place):
            file = folder / place / entry.part.file
            parts.require_whole(file, entry.part)
            table = parts.read([file], columns_in(kind, place))
            later = pc.greater_equal(table.column(column).cast(pa.int64()), time).fill_null(True)
            kept = table.filter(later)
            if len(kept) == len(table):
                continue
            written = [parts.write(folder / place, [kept], kind.times)] if len(kept) else []
            failures.flush_folder(folder / place)
            manifest.replace([entry.part.file], [entry._replace(part=part) for part in written])
            parts.remove(folder / place, [entry.part.file])
            forgotten[place] += len(table) - len(kept)
    if forgotten[parts.HISTORY]:
        before = facts.get("forgotten history") or 0
        manifest.remember("forgotten history", before + forgotten[parts.HISTORY])
    return sum(forgotten.values())


def verify(folder: Path, manifest: Manifest) -> tuple[pd.DataFrame, list[Listed]]:
    """Return the problems of a harvest's files, one row each (``file`` and ``problem``), and the parts that are damaged."""
    problems: list[tuple[str, str]] = []
    listed: list[Listed] = []
    try:
        problems += [(manifest.file.name, problem) for problem in manifest.check()]
        listed = manifest.parts(*parts.PLACES)
    except HarvestError as error:
        problems.append((manifest.file.name, str(error)))
    found = [(entry, problem) for entry in listed if (problem := _problem(folder, entry))]
    problems += [(f"{entry.place}/{entry.part.file}", problem) for entry, problem in found]
    known = {(entry.place, entry.part.file) for entry in listed}
    if listed:
        problems += [
            (f"{place}/{file.name}", "the manifest does not list this file; the next run deletes it")
            for place in parts.PLACES
            for file in parts.own(folder / place)
            if file.suffix == ".parquet" and (place, file.name) not in known
        ]
    frame = pd.DataFrame(problems, columns=["file", "problem"], dtype="str")
    return frame, [entry for entry, _ in found]


def _problem(folder: Path, entry: Listed) -> str:
    """Return what is wrong with a part; empty if nothing is."""
    file = folder / entry.place / entry.part.file
    try:
        if not file.exists():
            return "the file is missing"
        if file.stat().st_size != entry.part.bytes:
            return f"the file has {file.stat().st_size:,} of {entry.part.bytes:,} bytes"
        is_same = parts.hash_of(file) == entry.part.sha256
    except OSError as error:
        return f"the file cannot be read ({error.strerror or type(error).__name__})"
    return "" if is_same else "the content has changed since it was saved"


def repair(folder: Path, manifest: Manifest, damaged: list[Listed], now: int) -> None:
    """Remove damaged parts, and let the next run fetch their rows again.

    The pages of a round that has not ended are queued again. For all other rows, the next run begins a round; the fact
    ``again`` has the ranges of their ``created_at``. The fact ``lost`` lists what cannot be restored unchanged.
    """
    facts = manifest.facts()
    again, lost = facts.get("again"), facts.get("lost") or []
    for entry in damaged:
        if entry.place == parts.ROWS or (
            entry.place == parts.FETCHED and not manifest.has_units(entry.part.file)
        ):
            again = [*(again or []), [entry.part.first, entry.part.last]]
        if entry.place != parts.FETCHED:
            lost.append({"place": entry.place, "rows": entry.part.rows, "at": now})
    files = [entry.part.file for entry in damaged]
    manifest.take_out(files, {"again": again, "lost": lost})
    for entry in damaged:
        parts.remove(folder / entry.place, [entry.part.file])


def delete(folder: Path, manifest: Manifest) -> None:
    """Delete the files of a harvest, and its folder if nothing else is in it."""
    with lock.holding(folder, "delete"):
        manifest.close()
        try:
            for file in (*folder.glob(f"{FILE}*"), *folder.glob(f".{FILE}*"), folder / lock.HOLDER):
                private_files.remove(file)
        except OSError as error:
            raise failures.not_deleted(error, folder) from error
        for name in parts.PLACES:
            parts.sweep(folder / name, set())
    private_files.discard(folder / lock.LOCK)
    for emptied in (*(folder / name for name in parts.PLACES), folder):
        with contextlib.suppress(OSError):  # a file of someone else is in it
            emptied.rmdir()
