"""The Parquet files of a harvest: each is written as a draft, flushed, renamed, and never changed afterwards."""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ..frames.schema import Column
from ..frames.table import arrow_type
from ..local import private_files
from . import failures

ROWS = "rows"
"""The folder with the current rows, which any program can read."""

HISTORY = "history"
"""The folder with rows as they were before they changed or disappeared."""

FETCHED = "fetched"
"""The folder with the pages of a round that has not been compared yet."""

PLACES = (ROWS, HISTORY, FETCHED)

SEEN = (Column("first_seen", "time"), Column("seen_since", "time"), Column("last_seen", "time"))
"""When a row was first seen, first seen as it is now, and last seen: the times at which those rounds began."""

REPLACED = (Column("replaced_at", "time"),)
"""In the history, the time of the round that found the row changed or gone."""

GROUP_ROWS = 20_000
"""Rows to hold in memory while parts are merged. A row group of this size can be skipped by a reader as a whole."""


class Part(NamedTuple):
    """One Parquet file, as the manifest lists it. ``first`` and ``last`` are its earliest and latest ``created_at`` in microseconds."""

    file: str
    sha256: str
    rows: int
    bytes: int
    first: int | None
    last: int | None


def schema(columns: Sequence[Column]) -> pa.Schema:
    """Return the Arrow schema of parts with these columns."""
    return pa.schema([(column.name, arrow_type(column.kind)) for column in columns if column.kind != "skip"])


class _Hashing(io.RawIOBase):
    """A file that is hashed while it is written."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.digest, self.size = stream, hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self.digest.update(content)
        self.size += len(content)
        return self._stream.write(content)


def write(folder: Path, tables: Iterable[pa.Table], times: str | None, *, small: bool = False) -> Part:
    """Write tables with the same columns as one part into a folder, and flush it.

    The caller flushes the folder, once for several parts (:func:`boxnb.harvest.failures.flush_folder`). ``times`` is the
    column whose earliest and latest value the manifest records, if there is one. A ``small`` part will soon be merged into
    another, so it is compressed less, which takes half the time.

    Raises
    ------
    HarvestError
        The file cannot be written, for example because the disk is full. No draft remains.
    """
    file = folder / f"{secrets.token_hex(8)}.parquet"
    draft = file.with_name(f".{file.stem}.draft")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | private_files.BINARY, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            hashing = _Hashing(stream)
            _write_tables(hashing, tables, _SMALL if small else _MERGED)
            private_files.flush(stream)
        facts = pq.read_metadata(draft)
        private_files.replace(draft, file)
    except (OSError, pa.ArrowException) as error:
        raise failures.not_written(error, folder) from error
    finally:
        private_files.discard(draft)
    first, last = _ends(facts, times)
    return Part(file.name, hashing.digest.hexdigest(), facts.num_rows, hashing.size, first, last)


_CHECKED: dict[str, Any] = {"write_page_checksum": True}  # a changed bit is then an error, not a wrong value
_MERGED: dict[str, Any] = {"compression": "zstd", **_CHECKED}
_SMALL: dict[str, Any] = {"compression": "lz4", "use_dictionary": False, **_CHECKED}


def _write_tables(stream: Any, tables: Iterable[pa.Table], options: dict[str, Any]) -> None:
    """Write tables one after another, in row groups that bound the memory."""
    writer, waiting = None, list[pa.Table]()
    try:
        for table in tables:
            waiting.append(table)
            writer = pq.ParquetWriter(stream, table.schema, **options) if writer is None else writer
            if sum(len(each) for each in waiting) >= GROUP_ROWS:
                writer.write_table(pa.concat_tables(waiting), row_group_size=GROUP_ROWS)
                waiting = []
        if writer is not None and waiting:
            writer.write_table(pa.concat_tables(waiting), row_group_size=GROUP_ROWS)
    finally:
        if writer is not None:
            writer.close()


def _ends(facts: pq.FileMetaData, times: str | None) -> tuple[int | None, int | None]:
    """Return the earliest and latest value of a column of times, from the statistics that Parquet saves."""
    if times is None or not facts.num_rows:
        return None, None
    number = facts.schema.names.index(times)
    ends = [facts.row_group(group).column(number).statistics for group in range(facts.num_row_groups)]
    known = [end for end in ends if end is not None and end.has_min_max]
    if not known:
        return None, None
    return min(_microseconds(end.min) for end in known), max(_microseconds(end.max) for end in known)


def _microseconds(time: Any) -> int:
    return int(pa.scalar(time, pa.timestamp("us", "UTC")).cast(pa.int64()).as_py())


def tables(
    files: Iterable[Path], columns: Sequence[Column], *, since: int | None = None
) -> Iterator[pa.Table]:
    """Yield each part with these columns. A column that an older version of boxnb did not save is missing in all rows.

    ``since`` skips row groups whose ``created_at`` is earlier, in microseconds. A part that has only some of the later rows
    is returned as a whole.
    """
    wanted = schema(columns)
    for file in files:
        with failures.reading(file):
            with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
                present = set(parquet.schema_arrow.names)
                groups = [
                    group
                    for group in range(parquet.num_row_groups)
                    if since is None or (_ends_of(parquet, group) or since) >= since
                ]
                table = parquet.read_row_groups(groups, [name for name in wanted.names if name in present])
            yield _with_schema(table, wanted)


def _ends_of(parquet: pq.ParquetFile, group: int) -> int | None:
    """Return the latest ``created_at`` of a row group; ``None`` if it is not known."""
    number = parquet.metadata.schema.names.index("created_at")
    statistics = parquet.metadata.row_group(group).column(number).statistics
    known = statistics is not None and statistics.has_min_max
    return _microseconds(statistics.max) if known else None


def _with_schema(table: pa.Table, wanted: pa.Schema) -> pa.Table:
    arrays = [
        table.column(field.name).cast(field.type)
        if field.name in table.column_names
        else pa.nulls(len(table), field.type)
        for field in wanted
    ]
    return pa.Table.from_arrays(arrays, schema=wanted)


def names_in(file: Path) -> list[str]:
    """Return the names of the columns in a part."""
    with failures.reading(file), pq.ParquetFile(file) as parquet:
        return list(parquet.schema_arrow.names)


def check(file: Path) -> None:
    """Raise a :class:`HarvestError` if a part cannot be read completely."""
    with failures.reading(file), pq.ParquetFile(file, page_checksum_verification=True) as parquet:
        for group in range(parquet.num_row_groups):
            parquet.read_row_group(group)


def read(files: Iterable[Path], columns: Sequence[Column]) -> pa.Table:
    """Return all parts as one table, in the order of the files."""
    found = list(tables(files, columns))
    return pa.concat_tables(found) if found else schema(columns).empty_table()


def in_time_order(table: pa.Table, *keys: str) -> pa.Table:
    """Return a table sorted by ``created_at`` and then by ``keys``, so that some of its rows have the same order as all."""
    return table.sort_by([("created_at", "ascending"), *((key, "ascending") for key in keys)])


_whole: dict[Path, tuple[Part, tuple[int, int, int]]] = {}
"""The parts that this process has found whole, with the size, time and number of the file at that time."""


def require_whole(file: Path, part: Part) -> None:
    """Raise unless a file has the content that the manifest lists. Each part is hashed once in a process, before it is read.

    The checksums of Parquet do not cover the footer, and DuckDB ignores them: both would then return wrong rows.

    Raises
    ------
    HarvestError
        The file is missing, or its content has changed.
    """
    with failures.reading(file):
        status = file.stat()
        found = (part, (status.st_size, status.st_mtime_ns, status.st_ino))
        if _whole.get(file) == found:
            return
        if status.st_size != part.bytes or hash_of(file) != part.sha256:
            raise failures.unreadable(file)
        _whole[file] = found


def hash_of(file: Path) -> str:
    """Return the SHA-256 of a file, as the manifest records it."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


_OWN = re.compile(r"[0-9a-f]{16}\.parquet|\.[0-9a-f]{16}\.draft")
"""The names of parts and drafts. Other files in the folder belong to someone else, and stay."""


def own(folder: Path) -> list[Path]:
    """Return the parts and drafts in a folder, in order of their names."""
    return sorted(file for file in folder.glob("*") if _OWN.fullmatch(file.name) and file.is_file())


def sweep(folder: Path, listed: set[str]) -> int:
    """Delete drafts, and parts that the manifest does not list. Return how many."""
    unlisted = [file for file in own(folder) if file.name not in listed]
    for file in unlisted:
        private_files.discard(file)
    return len(unlisted)


def remove(folder: Path, files: Iterable[str]) -> None:
    """Delete parts that the manifest does not list any more. If that fails, the next run does it."""
    for name in files:
        private_files.discard(folder / name)
