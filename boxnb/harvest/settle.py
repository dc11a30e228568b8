"""End a round: compare its rows with those before, so that each row keeps when it was first and last seen.

Rows that changed or disappeared move to the history. Ending a round makes no calls; after a kill at any moment, the next run repeats it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import failures, parts
from .driver import merge_parts
from .manifest import Listed, Manifest, Round

if TYPE_CHECKING:
    from .kinds import Kind

PART_ROWS = 100_000
"""The most rows of a part that is written at the end of a round, or merged by :func:`compact`."""


class Compared(NamedTuple):
    """The rows after a round, those that it replaced, and how many are new, changed and gone."""

    rows: pa.Table
    replaced: pa.Table
    new: int
    changed: int
    gone: int


def settle(kind: Kind, folder: Path, manifest: Manifest, current: Round, ended: int) -> None:
    """End a round whose pages have all been fetched."""
    if kind.appends:
        compact(kind, folder, manifest)
        manifest.end(current.id, ended, None)
        return
    fetched, kept = manifest.parts(parts.FETCHED), manifest.parts(parts.ROWS)
    old = parts.read([folder / parts.ROWS / listed.part.file for listed in kept], kind.kept)
    found = parts.read([folder / parts.FETCHED / listed.part.file for listed in fetched], kind.fetched)
    notes = manifest.notes(current.id)
    new = kind.settled(found, old, current, notes, manifest.skipped(current.id))
    compared = compare(kind, old, new, current.begun)
    written = [
        *_write(kind, folder, parts.ROWS, compared.rows, current),
        *_write(kind, folder, parts.HISTORY, compared.replaced, current),
    ]
    replaced = [*fetched, *kept]
    counts = (compared.new, compared.changed, compared.gone)
    manifest.end(
        current.id,
        ended,
        counts,
        [entry.part.file for entry in replaced],
        written,
        kind.remembered(current, notes),
    )
    for entry in replaced:
        parts.remove(folder / entry.place, [entry.part.file])


def compare(kind: Kind, old: pa.Table, new: pa.Table, now: int) -> Compared:
    """Return the rows after a round, and what became of those before."""
    old_keys, new_keys = kind.keys(old), kind.keys(new)
    before = old_keys.get_indexer(new_keys)
    is_known = before >= 0
    same = np.zeros(len(new), dtype=bool)
    same[is_known] = _equal(
        old.take(pa.array(before[is_known])),
        new.filter(pa.array(is_known)),
        [column.name for column in parts.SEEN],
    )
    is_gone = ~old_keys.isin(new_keys)
    first_seen = _seen(old, new, "first_seen", before, is_known, now)
    seen_since = _seen(old, new, "seen_since", before, is_known & same, now)
    rows = _with_columns(new, {"first_seen": first_seen, "seen_since": seen_since})
    replaced = np.zeros(len(old), dtype=bool)
    replaced[before[is_known & ~same]] = True
    gone_or_replaced = old.filter(pa.array(replaced | is_gone))
    times = pa.repeat(pa.scalar(now, pa.int64()), len(gone_or_replaced)).cast(pa.timestamp("us", "UTC"))
    return Compared(
        rows,
        gone_or_replaced.append_column("replaced_at", times),
        int((~is_known).sum()),
        int((is_known & ~same).sum()),
        int(is_gone.sum()),
    )


def _equal(old: pa.Table, new: pa.Table, without: list[str]) -> np.ndarray:
    """Return which rows have the same values in all columns but those in ``without``."""
    same = np.ones(len(new), dtype=bool)
    for name in new.column_names:
        if name in without:
            continue
        left, right = old.column(name).combine_chunks(), new.column(name).combine_chunks()
        equal = pc.fill_null(pc.equal(left, right), fill_value=False)
        both_missing = pc.and_(left.is_null(), right.is_null())
        same &= pc.or_(equal, both_missing).to_numpy(zero_copy_only=False)
    return same


def _seen(
    old: pa.Table, new: pa.Table, name: str, before: np.ndarray, keeps: np.ndarray, now: int
) -> pa.Array:
    """Return a column of times: the earlier one where a row ``keeps`` it, otherwise the time of this round."""
    times = np.full(len(new), now, dtype="int64")
    earlier = old.column(name).cast(pa.int64()).to_numpy()
    times[keeps] = earlier[before[keeps]]
    return pa.array(times).cast(pa.timestamp("us", "UTC"))


def _with_columns(table: pa.Table, columns: dict[str, pa.Array]) -> pa.Table:
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def _write(kind: Kind, folder: Path, place: str, rows: pa.Table, current: Round) -> Iterator[Listed]:
    """Write rows as parts of a limited size."""
    for start in range(0, len(rows), PART_ROWS):
        part = parts.write(folder / place, [rows.slice(start, PART_ROWS)], kind.times)
        failures.flush_folder(folder / place)
        yield Listed(place, part, current.id, "", 2)


def compact(kind: Kind, folder: Path, manifest: Manifest) -> int:
    """Merge neighbouring small parts, so that few are left. Return how many parts were merged into others."""
    merged = 0
    for place in (parts.ROWS, parts.HISTORY):
        for group in _groups(manifest.parts(place)):
            merge_parts(kind, folder, manifest, group, chain="", level=2, recent={})
            merged += len(group) - 1
    return merged


def _groups(listed: list[Listed]) -> Iterator[list[Listed]]:
    """Yield neighbouring parts that together have at most :data:`PART_ROWS` rows, at least two at a time."""
    group: list[Listed] = []
    for entry in listed:
        if group and sum(each.part.rows for each in group) + entry.part.rows > PART_ROWS:
            if len(group) > 1:
                yield group
            group = []
        group.append(entry)
    if len(group) > 1:
        yield group
