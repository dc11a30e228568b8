"""Read a harvest: its rows now or at an earlier time, what changed, and SQL. No calls are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import ArgumentError, HarvestError, RangeError, require
from ..frames.schema import Column
from ..frames.table import from_arrow
from . import parts
from .driver import columns_in
from .manifest import Listed, Manifest, Round

if TYPE_CHECKING:
    from .kinds import Kind

CHANGE = (Column("change", "category"), Column("changed_columns", "text"))
ATTEMPTS = 5
"""How often to list the parts again if one has just been merged into another."""


class Reader:
    """Reads the parts that the manifest lists at that moment, even during a run."""

    def __init__(self, kind: Kind, folder: Path, manifest: Manifest) -> None:
        self._kind, self._folder, self._manifest = kind, folder, manifest

    def table(
        self,
        places: Sequence[str],
        columns: Sequence[Column],
        only: Mapping[str, Sequence[str]] | None = None,
    ) -> pa.Table:
        """Return the rows in some folders with these columns; with ``only``, those whose columns have one of its values."""
        for attempt in range(1, ATTEMPTS + 1):
            files = self.files(*places)
            try:
                found = [_filtered(table, only or {}) for table in parts.tables(files, columns)]
                return pa.concat_tables(found) if found else parts.schema(columns).empty_table()
            except HarvestError as error:
                if attempt == ATTEMPTS or not isinstance(error.__cause__, FileNotFoundError):
                    raise
        raise AssertionError("unreachable")

    def files(self, *places: str) -> list[Path]:
        """Return the files in some folders that the manifest lists."""
        listed: list[Listed] = self._manifest.parts(*places)
        return [self._folder / entry.place / entry.part.file for entry in listed]

    def rows(
        self, names: Sequence[str] | None = None, only: Mapping[str, Sequence[str]] | None = None
    ) -> pa.Table:
        """Return the current rows, or those fetched so far in the first round, with these columns."""
        kind = self._kind
        names = [column.name for column in kind.kept] if names is None else names
        first = self._manifest.rounds()[:1]
        if not kind.appends and first and first[0].ended is None:
            nothing = parts.schema(kind.kept).empty_table()
            notes, skipped = self._manifest.notes(first[0].id), self._manifest.skipped(first[0].id)
            found = self.table([parts.FETCHED], kind.fetched)
            rows = kind.settled(found, nothing, first[0], notes, skipped)
            return _filtered(rows, only or {}).select(list(names))
        order = ("created_at", kind.key[-1]) if kind.appends else ()
        needed = {*names, *(only or {}), *order}
        columns = [column for column in kind.kept if column.name in needed]
        table = self.table([parts.ROWS], columns, only)
        return (parts.in_time_order(table, kind.key[-1]) if kind.appends else table).select(list(names))

    def where(self, names: Sequence[str], condition: str) -> pa.Table:
        """Return these columns of the rows that fulfil a condition in SQL."""
        order = f" ORDER BY created_at, {self._kind.key[-1]}" if self._kind.appends else ""
        listed = ", ".join(f'"{name}"' for name in names)
        table = self.sql(f"SELECT {listed} FROM harvest WHERE {condition}{order}")  # noqa: S608  the condition is SQL
        kept = parts.schema(self._kind.kept)
        return pa.Table.from_arrays(
            [table.column(name).cast(kept.field(name).type) for name in names], list(names)
        )

    def at(self, time: int, ended: list[Round]) -> pa.Table:
        """Return the rows as they were at a time in microseconds."""
        begun = round_at(time, ended)
        kept = self._kind.kept
        now = self.table([parts.ROWS], kept)
        now = now.filter(pc.less_equal(now.column("seen_since").cast(pa.int64()), begun))
        history = self.table([parts.HISTORY], columns_in(self._kind, parts.HISTORY))
        was_there = pc.and_(
            pc.less_equal(history.column("seen_since").cast(pa.int64()), begun),
            pc.greater(history.column("replaced_at").cast(pa.int64()), begun),
        )
        then = pa.concat_tables([now, history.filter(was_there).select(now.column_names)])
        last_seen = then.column("last_seen").cast(pa.int64())
        capped = pc.min_element_wise(last_seen, pa.scalar(begun, pa.int64())).cast(pa.timestamp("us", "UTC"))
        then = then.set_column(then.column_names.index("last_seen"), "last_seen", capped)
        return parts.in_time_order(then, self._kind.key[-1]) if self._kind.appends else then

    def changes(self, since: int, ended: list[Round]) -> pd.DataFrame:
        """Return the rows that appeared, changed or disappeared after a time in microseconds, each once."""
        kind = self._kind
        shown = [*CHANGE, *kind.kept, *parts.REPLACED]
        now = self.table([parts.ROWS], kind.kept)
        seen_since = now.column("seen_since").cast(pa.int64())
        now = now.filter(pc.greater(seen_since, since))
        if kind.appends:
            now = parts.in_time_order(now, kind.key[-1])
        history = self.table([parts.HISTORY], columns_in(kind, parts.HISTORY))
        history = history.filter(pc.greater(history.column("replaced_at").cast(pa.int64()), since))
        history = history.sort_by([("replaced_at", "ascending")])
        before_keys = kind.keys(history.drop_columns(["replaced_at"]))
        now_keys = kind.keys(now)
        earliest = ~before_keys.duplicated(keep="first")
        was_there = earliest & (history.column("seen_since").cast(pa.int64()).to_numpy() <= since)
        known_before = set(before_keys[was_there])
        earlier = history.filter(pa.array(was_there))
        gone = ~before_keys.duplicated(keep="last") & ~before_keys.isin(self._current_keys(before_keys))
        changed = now_keys.isin(known_before)
        what = np.full(len(now), None, dtype=object)
        if changed.any():
            order = kind.keys(earlier.drop_columns(["replaced_at"])).get_indexer(now_keys[changed])
            what[changed] = _changed_columns(earlier.take(pa.array(order)), now.filter(pa.array(changed)))
        appeared = _labelled(now, np.where(changed, "changed", "new"), what)
        went = history.filter(pa.array(gone))
        left = _labelled(went, np.full(len(went), "gone"), np.full(len(went), None, dtype=object))
        appeared = appeared.append_column("replaced_at", pa.nulls(len(appeared), pa.timestamp("us", "UTC")))
        order_ = [column.name for column in shown]
        return from_arrow(pa.concat_tables([appeared.select(order_), left.select(order_)]), shown)

    def _current_keys(self, keys: pd.Index) -> pd.Index:
        """Return the keys of the current rows, for the keys of rows that were replaced."""
        if not len(keys):
            return keys
        key_columns = [column for column in self._kind.kept if column.name in self._kind.key]
        table = self.table([parts.ROWS], key_columns)
        if any(table.column(column.name).null_count for column in key_columns):
            table = self.table([parts.ROWS], self._kind.kept)
        return self._kind.keys(table)

    def sql(self, query: str) -> pa.Table:
        """Run a query on the views ``harvest`` and ``history``, and return its result.

        Raises
        ------
        ArgumentError
            DuckDB refuses the query.
        """
        require("SQL on a harvest", "boxnb[explore]", "duckdb")
        import duckdb

        with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as database:
            current = parts.ROWS
            first = self._manifest.rounds()[:1]
            if not self._kind.appends and first and first[0].ended is None:
                database.register("harvest", self.rows())
            else:
                self._view(database, "harvest", current, self._kind.kept)
            self._view(database, "history", parts.HISTORY, columns_in(self._kind, parts.HISTORY))
            folders = ", ".join(_quoted(str(self._folder / place)) for place in (parts.ROWS, parts.HISTORY))
            # The query can read this harvest and nothing else.
            database.execute(f"SET allowed_directories = [{folders}]")
            database.execute("SET enable_external_access = false")
            database.execute("SET lock_configuration = true")
            try:
                result = database.sql(query)
                return parts.schema([]).empty_table() if result is None else result.to_arrow_table()
            except duckdb.Error as error:
                reason = str(error).strip().splitlines()[0]
                raise ArgumentError(
                    f"The query cannot be run: {reason} The table is called harvest, and its columns are those of frame()."
                ) from None

    def _view(self, database: Any, name: str, place: str, columns: Sequence[Column]) -> None:
        files = self.files(place)
        if not files:
            database.register(name, parts.schema(columns).empty_table())
            return
        listed = ", ".join(_quoted(str(file)) for file in files)
        database.execute(
            f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{listed}], union_by_name = true)"  # noqa: S608  our own names
        )


def _filtered(table: pa.Table, only: Mapping[str, Sequence[str]]) -> pa.Table:
    """Return the rows whose columns have one of the values."""
    for name, values in only.items():
        column = table.column(name)
        table = table.filter(pc.is_in(column, value_set=pa.array(list(values), column.type)))
    return table


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def round_at(time: int, ended: list[Round]) -> int:
    """Return the start of the last round that began at or before a time.

    Raises
    ------
    RangeError
        The harvest began later.
    """
    begun = [entry.begun for entry in ended if entry.begun <= time]
    if not begun:
        first = (
            f"{pd.Timestamp(ended[0].begun, unit='us', tz='UTC'):%Y-%m-%d %H:%M} UTC"
            if ended
            else "not run yet"
        )
        raise RangeError(f"The harvest does not go back that far; its first run began at {first}.")
    return begun[-1]


def _labelled(rows: pa.Table, change: Any, what: Any) -> pa.Table:
    table = rows.append_column("change", pa.array(change, pa.large_string()))
    return table.append_column("changed_columns", pa.array(what, pa.large_string()))


def _changed_columns(before: pa.Table, now: pa.Table) -> list[str]:
    """Return the names of the columns in which each row differs, separated by commas."""
    names: list[list[str]] = [[] for _ in range(len(now))]
    for name in now.column_names:
        if name in [column.name for column in parts.SEEN]:
            continue
        left, right = before.column(name).combine_chunks(), now.column(name).combine_chunks()
        differs = pc.or_(pc.not_equal(left, right).fill_null(False), pc.xor(left.is_null(), right.is_null()))
        for row in np.flatnonzero(differs.to_numpy(zero_copy_only=False)):
            names[row].append(name)
    return [", ".join(changed) for changed in names]


def to_frame(result: pa.Table) -> pd.DataFrame:
    """Return the result of a query as a DataFrame with the dtypes of a pull."""

    def dtype(kind: pa.DataType) -> Any:
        if pa.types.is_boolean(kind):
            return pd.BooleanDtype()
        if pa.types.is_integer(kind):
            return pd.Int64Dtype()
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
            return pd.StringDtype(na_value=np.nan)
        return None

    frame: pd.DataFrame = result.to_pandas(types_mapper=dtype)
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.DatetimeTZDtype):
            frame[name] = frame[name].dt.tz_convert("UTC").astype("datetime64[us, UTC]")
    return frame
