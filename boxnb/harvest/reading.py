"""Read a harvest: its rows now or at an earlier time, what changed, and SQL. No calls are made."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ..api.arguments import described, text
from ..errors import ArgumentError, HarvestError, RangeError, require
from ..frames.schema import Column
from ..frames.table import from_arrow
from . import failures, parts
from .driver import columns_in
from .manifest import Listed, Manifest, Round

if TYPE_CHECKING:
    from .kinds import Kind

CHANGE = (Column("change", "category"), Column("changed_columns", "text"))
_Result = TypeVar("_Result")
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
        only: Mapping[str, pa.Array] | None = None,
    ) -> pa.Table:
        """Return the rows in some folders with these columns; with ``only``, those whose columns have one of its values."""
        return pa.concat_tables(self.tables(dict.fromkeys(places, columns), only))

    def tables(
        self, columns: Mapping[str, Sequence[Column]], only: Mapping[str, pa.Array] | None = None
    ) -> list[pa.Table]:
        """Return for each folder the rows with its columns, all of the same moment, even if a round ends meanwhile."""

        def read(listed: list[Listed]) -> list[pa.Table]:
            found = []
            for place, wanted in columns.items():
                files = self._whole(listed, place)
                rows = [_filtered(table, only or {}) for table in parts.tables(files, wanted)]
                found.append(pa.concat_tables([parts.schema(wanted).empty_table(), *rows]))
            return found

        return self._of_one_moment(read, *columns)

    def _whole(self, listed: list[Listed], place: str) -> list[Path]:
        """Return the parts in a folder, after a check that each has the content that the manifest lists."""
        files = []
        for entry in listed:
            if entry.place == place:
                files.append(self._folder / place / entry.part.file)
                parts.require_whole(files[-1], entry.part)
        return files

    def _of_one_moment(self, read: Callable[[list[Listed]], _Result], *places: str) -> _Result:
        """Return what ``read`` makes of the parts listed now; list them again if one has just been replaced."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return read(self._manifest.parts(*places))
            except HarvestError as error:
                if attempt == ATTEMPTS or not isinstance(error.__cause__, FileNotFoundError):
                    raise
        raise AssertionError("unreachable")

    def rows(
        self, names: Sequence[str] | None = None, where: Mapping[str, Sequence[str]] | None = None
    ) -> pa.Table:
        """Return the current rows, or those fetched so far in the first round, with these columns."""
        names = [column.name for column in self._kind.kept] if names is None else names
        only = _values(self._kind, where or {})
        first = self._first_run()
        if first is not None:
            return _filtered(first, only).select(list(names))
        return self._in_order(self.table([parts.ROWS], self._needed(names, only), only)).select(list(names))

    def _first_run(self) -> pa.Table | None:
        """Return the rows fetched so far in a first run that has not ended; ``None`` if the rows are where they belong."""
        kind = self._kind
        first = self._manifest.rounds()[:1]
        if kind.appends or not first or first[0].ended is not None:
            return None
        notes, skipped = self._manifest.notes(first[0].id), self._manifest.skipped(first[0].id)
        found = self.table([parts.FETCHED], kind.fetched)
        if (
            self._manifest.rounds()[0].ended is not None
        ):  # it ended meanwhile, and its pages are not there any more
            return None
        nothing = parts.schema(kind.kept).empty_table()
        return kind.settled(found, nothing, first[0], notes, skipped)

    def _needed(self, *names: Iterable[str]) -> list[Column]:
        """Return the columns with these names, and those that give the order."""
        order = ("created_at", self._kind.key[-1]) if self._kind.appends else ()
        wanted = {*order, *itertools.chain(*names)}
        return [column for column in self._kind.kept if column.name in wanted]

    def _in_order(self, rows: pa.Table) -> pa.Table:
        return parts.in_time_order(rows, self._kind.key[-1]) if self._kind.appends else rows

    def where(self, names: Sequence[str], condition: str) -> pa.Table:
        """Return these columns of the rows that fulfil a condition in SQL."""
        condition = text(condition, "where")
        needed = [column.name for column in self._needed(names)]

        def matching(database: Any) -> pa.Table:
            # In brackets, and with an end of line for a comment, it can only be a condition.
            rows = database.view("harvest").filter(f"(\n{condition}\n)")
            return rows.project(", ".join(f'"{name}"' for name in needed)).to_arrow_table()

        table, kept = self._ask(matching), parts.schema(self._kind.kept)
        rows = pa.Table.from_arrays(
            [table.column(name).cast(kept.field(name).type) for name in needed], needed
        )
        return self._in_order(rows).select(list(names))

    def at(self, time: int, ended: list[Round]) -> pa.Table:
        """Return the rows as they were at a time in microseconds."""
        begun = round_at(time, ended)
        now, history = self._now_and_history()
        now = now.filter(pc.less_equal(now.column("seen_since").cast(pa.int64()), begun))
        was_there = pc.and_(
            pc.less_equal(history.column("seen_since").cast(pa.int64()), begun),
            pc.greater(history.column("replaced_at").cast(pa.int64()), begun),
        )
        then = pa.concat_tables([now, history.filter(was_there).select(now.column_names)])
        last_seen = then.column("last_seen").cast(pa.int64())
        capped = pc.min_element_wise(last_seen, pa.scalar(begun, pa.int64())).cast(pa.timestamp("us", "UTC"))
        then = then.set_column(then.column_names.index("last_seen"), "last_seen", capped)
        return self._in_order(then)

    def _now_and_history(self) -> tuple[pa.Table, pa.Table]:
        """Return the current rows, and those that were replaced. A round that ends meanwhile does not matter."""
        history = columns_in(self._kind, parts.HISTORY)
        now, replaced = self.tables({parts.ROWS: self._kind.kept, parts.HISTORY: history})
        return now, replaced

    def changes(self, since: int, ended: list[Round], up_to: int | None = None) -> pd.DataFrame:
        """Return the rows that appeared, changed or disappeared after a time in microseconds, each once.

        ``up_to`` leaves out what a round that began later has found.
        """
        kind = self._kind
        shown = [*CHANGE, *kind.kept, *parts.REPLACED]
        current, history = self._now_and_history()
        seen_since = current.column("seen_since").cast(pa.int64())
        is_shown = pc.greater(seen_since, since)
        if up_to is not None:
            is_shown = pc.and_(is_shown, pc.less_equal(seen_since, up_to))
        now = self._in_order(current.filter(is_shown))
        replaced_at = history.column("replaced_at").cast(pa.int64())
        is_found = pc.greater(replaced_at, since)
        if up_to is not None:
            is_found = pc.and_(is_found, pc.less_equal(replaced_at, up_to))
        history = history.filter(is_found)
        history = history.sort_by([("replaced_at", "ascending")])
        before_keys = kind.keys(history.drop_columns(["replaced_at"]))
        now_keys = kind.keys(now)
        earliest = ~before_keys.duplicated(keep="first")
        was_there = earliest & (history.column("seen_since").cast(pa.int64()).to_numpy() <= since)
        known_before = set(before_keys[was_there])
        earlier = history.filter(pa.array(was_there))
        gone = ~before_keys.duplicated(keep="last") & ~before_keys.isin(
            kind.keys(current) if len(before_keys) else before_keys
        )
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

    def sql(self, query: str) -> pa.Table:
        """Run a query on the views ``harvest`` and ``history``, and return its result.

        Raises
        ------
        ArgumentError
            It is not one query, or DuckDB refuses it.
        """
        duckdb, query = import_duckdb(), text(query, "query")

        def result(database: Any) -> pa.Table:
            statements = database.extract_statements(query)
            if len(statements) != 1 or statements[0].type.name not in ("SELECT", "EXPLAIN"):
                raise duckdb.InvalidInputException("It has to be one SELECT.")
            return database.sql(query).to_arrow_table()

        return self._ask(result)

    def _ask(self, ask: Callable[[Any], pa.Table]) -> pa.Table:
        """Return what DuckDB says about the views ``harvest`` and ``history``, which have the parts listed now."""
        duckdb = import_duckdb()
        first = self._first_run()
        history = columns_in(self._kind, parts.HISTORY)
        views = {parts.ROWS: ("harvest", self._kind.kept), parts.HISTORY: ("history", history)}

        def read(listed: list[Listed]) -> pa.Table:
            with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as database:
                database.execute("SET TimeZone = 'UTC'")
                for place, (name, columns) in views.items():
                    files = self._whole(listed, place)
                    if place == parts.ROWS and first is not None:
                        database.register(name, first)
                    else:
                        self._view(database, name, files, columns)
                folders = ", ".join(_quoted(str(self._folder / place)) for place in views)
                # The query can read this harvest and nothing else.
                database.execute(f"SET allowed_directories = [{folders}]")
                database.execute("SET enable_external_access = false")
                database.execute("SET lock_configuration = true")
                try:
                    return ask(database)
                except duckdb.Error as error:
                    for entry in listed:  # a part that cannot be read is not the fault of the query
                        parts.check(self._folder / entry.place / entry.part.file)
                    reason = str(error).strip().splitlines()[0]
                    raise ArgumentError(
                        f"The query cannot be run: {reason} The table is called harvest, and its columns are those of frame()."
                    ) from None

        return self._of_one_moment(read, *views)

    def _view(self, database: Any, name: str, files: Sequence[Path], columns: Sequence[Column]) -> None:
        """Make a view of some parts. A column that an older version of boxnb did not save is missing in all rows."""
        if not files:
            database.register(name, parts.schema(columns).empty_table())
            return
        names = {column for file in files for column in parts.names_in(file)}
        missing = [column for column in columns if column.name not in names]
        database.register(f"_{name}", parts.schema(columns).empty_table())
        listed = ", ".join(_quoted(str(file)) for file in files)
        of_parts = f"SELECT * FROM read_parquet([{listed}], union_by_name = true)"  # noqa: S608  our own names
        if missing:
            of_parts += f" UNION ALL BY NAME SELECT * FROM _{name}"  # noqa: S608
        try:
            database.execute(f"CREATE VIEW {name} AS {of_parts}")
        except import_duckdb().Error as error:
            for file in files:
                parts.check(file)
            raise failures.unreadable(files[0]) from error


def import_duckdb() -> Any:
    """Return DuckDB, or raise an error that says how to install it."""
    require("SQL on a harvest", "boxnb[explore]", "duckdb")
    import duckdb

    return duckdb


def checked_columns(present: list[str], columns: Any, where: Any) -> list[str]:
    """Return the columns to read, each once.

    Raises
    ------
    ArgumentError
        One that was asked for or that the condition names does not exist, or an argument has another type.
    """
    if isinstance(columns, str) or not isinstance(columns, Iterable | None):
        raise ArgumentError(f"columns takes a list of columns, not {described(columns)}.")
    if not isinstance(where, str | Mapping | None):
        raise ArgumentError(f"where takes a condition in SQL or a dict, not {described(where)}.")
    wanted = present if columns is None else list(columns)
    named = [*wanted, *(where if isinstance(where, Mapping) else ())]
    if unknown := [name for name in named if name not in present]:
        raise ArgumentError(
            f"This harvest has no column {unknown[0]!r}. Its columns are {', '.join(present)}."
        )
    return list(dict.fromkeys(wanted))


def _values(kind: Kind, where: Mapping[str, Any]) -> dict[str, pa.Array]:
    """Return the values that columns may have, with the types of the columns.

    Raises
    ------
    ArgumentError
        They are not in a list, or the column cannot have them.
    """
    types, found = parts.schema(kind.kept), {}
    for name, values in where.items():
        if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
            raise ArgumentError(
                f"where takes a list of values for the column {name!r}, not {described(values)}: {{{name!r}: [value]}}."
            )
        try:
            found[name] = pa.array(list(values), types.field(name).type, from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            raise ArgumentError(
                f"The column {name!r} cannot have one of these values of where; it has {types.field(name).type} values."
            ) from None
    return found


def _filtered(table: pa.Table, only: Mapping[str, pa.Array]) -> pa.Table:
    """Return the rows whose columns have one of the values."""
    for name, values in only.items():
        table = table.filter(pc.is_in(table.column(name), value_set=values))
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

    # One after another, because names of columns can repeat.
    columns = []
    for values in map(_with_plain_numbers, result.columns):
        column = pa.table([values], ["column"]).to_pandas(types_mapper=dtype)["column"]
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            column = column.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
        columns.append(column)
    frame: pd.DataFrame = pd.concat(columns, axis="columns") if columns else pd.DataFrame()
    frame.columns = pd.Index(result.column_names, dtype="str")
    return frame


def _with_plain_numbers(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return sums of whole numbers, which DuckDB returns as decimals, as whole numbers if they fit, and others as decimal fractions."""
    if not pa.types.is_decimal(values.type):
        return values
    if values.type.scale == 0:
        with contextlib.suppress(pa.ArrowInvalid):
            return values.cast(pa.int64())
    return values.cast(pa.float64())
