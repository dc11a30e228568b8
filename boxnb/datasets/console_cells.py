"""Turn the cells of a console report into typed columns: times to UTC, sizes to bytes, words to Box's own values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pandas as pd

from .console_numbers import bytes_or_count, has_decimal_comma
from .console_table import ConsoleColumn, ConsoleTable, plain_header, plain_word

FORMATS = (
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y/%m/%d %H:%M:%S"),
    *("%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日"),
    *("%b %d, %Y %I:%M:%S %p", "%b %d, %Y %I:%M %p", "%b %d, %Y %H:%M:%S", "%b %d, %Y"),
    *("%B %d, %Y %I:%M:%S %p", "%B %d, %Y %I:%M %p", "%B %d, %Y %H:%M:%S", "%B %d, %Y"),
    *("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y"),
    *("%d %b %Y %H:%M:%S", "%d %b %Y %H:%M", "%d %b %Y", "%d %B %Y"),
)
_CLOCKS = (" %I:%M:%S %p", " %I:%M %p", " %H:%M:%S", " %H:%M", "")
MONTH_FIRST = tuple(f"%m/%d/%Y{clock}" for clock in _CLOCKS)
DAY_FIRST = tuple(f"%d/%m/%Y{clock}" for clock in _CLOCKS)
"""Forms of times, tried in this order. Only the first has been seen in a real file."""

_SLASHED = r"^\s*(\d{1,2})/(\d{1,2})/\d{4}"
_OFFSET = r"(?:Z|UTC|[+-]\d\d:?\d\d)\s*$"


class Typed(NamedTuple):
    """The columns of a report, the cells that fit no type, and what to say about both."""

    frame: pd.DataFrame
    notes: list[str]
    columns: dict[str, Any]


class _Cells:
    """Converts the columns of one report, and collects what they cannot hold."""

    def __init__(self, table: ConsoleTable, zone: str | None, rows: int) -> None:
        self._words, self._zone = table.words, zone
        self.decimal_comma = False
        self.extra: list[dict[str, str]] = [{} for _ in range(rows)]
        self.notes: list[str] = []
        self.has_local_times = False

    def typed(self, cells: pd.Series, column: ConsoleColumn) -> pd.Series:
        """Return a column with its type. A cell that it cannot hold goes into ``extra``."""
        convert: dict[str, Callable[[pd.Series, ConsoleColumn], pd.Series]] = {
            "time": self._times,
            "integer": self._sizes,
            "size": self._sizes,
            "boolean": self._booleans,
            "words": self._coded,
        }
        if column.type not in convert:
            return cells.mask(cells == "").astype("str")
        cells, none = cells.str.strip(), self._words.get("none", {})
        is_none = cells.isin(["", *(cell for cell in cells.unique() if plain_word(cell) in none)])
        values = cells.mask(is_none)
        return convert[column.type](values, column)

    def _keep(self, column: ConsoleColumn, cells: pd.Series, bad: pd.Series, what: str) -> None:
        """Keep cells that a column cannot hold as text."""
        if not bad.any():
            return
        for row in bad.to_numpy().nonzero()[0]:
            self.extra[row][column.name] = cells.iloc[row]
        count = int(bad.sum())
        self.notes.append(
            f"{count} cell{'s' * (count > 1)} of {column.name} cannot be read as {what}, such as {cells[bad].iloc[0][:40]!r}"
        )

    def _coded(self, cells: pd.Series, column: ConsoleColumn) -> pd.Series:
        known = self._words.get(column.unit, {})
        codes = {cell: known.get(plain_word(cell)) for cell in cells.dropna().unique()}
        unknown = [cell for cell, code in codes.items() if code is None]
        if unknown:
            self.notes.append(
                f"{column.name} has words that boxnb does not know and keeps, such as {unknown[0][:40]!r}"
            )
        coded = cells.map({cell: code or cell for cell, code in codes.items()})
        return coded.astype("str").astype("category")

    def _booleans(self, cells: pd.Series, column: ConsoleColumn) -> pd.Series:
        known = self._words.get("boolean", {})
        values = {cell: known.get(plain_word(cell)) for cell in cells.dropna().unique()}
        self._keep(column, cells, cells.notna() & cells.map(values).isna(), "yes or no")
        truths = [None if pd.isna(cell) or not values[cell] else values[cell] == "true" for cell in cells]
        return pd.Series(truths, index=cells.index, dtype="boolean")

    def _sizes(self, cells: pd.Series, column: ConsoleColumn) -> pd.Series:
        unit = column.unit if column.type == "size" else ""
        values = [None if pd.isna(cell) else bytes_or_count(cell, unit, self.decimal_comma) for cell in cells]
        whole = pd.Series(values, index=cells.index, dtype="Int64")
        self._keep(column, cells, cells.notna() & whole.isna(), "a number")
        return whole

    def _times(self, cells: pd.Series, column: ConsoleColumn) -> pd.Series:
        texts = cells.astype("str").str.replace(r"\s*UTC$", "Z", regex=True)
        with_offset = texts.str.contains(_OFFSET, na=False) & texts.str.match(
            r"\s*\d{4}-\d\d-\d\d[T ]", na=False
        )
        utc = pd.to_datetime(texts.where(with_offset), utc=True, errors="coerce", format="ISO8601")
        local = self._local(texts.mask(with_offset), column)
        self._keep(column, cells, cells.notna() & utc.isna() & local.isna(), "a time")
        zone = "UTC" if column.unit == "UTC" or self._zone is None else self._zone
        self.has_local_times = self.has_local_times or (column.unit != "UTC" and bool(local.notna().any()))
        times: pd.Series = utc.fillna(self._to_utc(local, zone, column)).astype("datetime64[us, UTC]")
        return times

    def _to_utc(self, local: pd.Series, zone: str, column: ConsoleColumn) -> pd.Series:
        once = local.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
        twice = local.notna() & once.isna()
        if twice.any():
            first = [True] * len(local)
            once = local.dt.tz_localize(
                zone, ambiguous=pd.Series(first).to_numpy(), nonexistent="shift_forward"
            )
            self.notes.append(
                f"{int(twice.sum())} times of {column.name} are in the hour that occurs twice when summer time ends; boxnb takes the first"
            )
        utc: pd.Series = once.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
        return utc

    def _local(self, texts: pd.Series, column: ConsoleColumn) -> pd.Series:
        """Return times without a zone. In ``3/4/2026``, the other cells of the column decide which number is the month."""
        parts = texts.str.extract(_SLASHED).astype("Float64")
        day_first = bool((parts[0] > 12).any())
        if parts[0].notna().any() and not day_first and not (parts[1] > 12).any():
            self.notes.append(f"boxnb takes the first number of the dates in {column.name} for the month")
        result = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us]")
        waiting = texts.notna()
        for form in (*FORMATS, *(DAY_FIRST if day_first else MONTH_FIRST)):
            if not waiting.any():
                break
            parsed = pd.to_datetime(texts[waiting].str.strip(), format=form, errors="coerce").astype(
                "datetime64[us]"
            )
            result = result.fillna(parsed.reindex(texts.index))
            waiting &= result.isna()
        return result


def typed(
    headers: list[str], rows: list[list[str]], report: str, table: ConsoleTable, zone: str | None
) -> Typed:
    """Return the rows of a report as typed columns: the known ones in the order of the table, then all others as text."""
    cells = pd.DataFrame(rows, columns=range(len(headers)), dtype="str")
    known, columns_in_order = table.known(report), table.columns.get(report, [])
    by_name: dict[str, int] = {}
    for number, header in enumerate(headers):
        column = known.get(plain_header(header))
        if column is not None and column.name not in by_name:
            by_name[column.name] = number
    convert = _Cells(table, zone, len(cells))
    numbers = [
        by_name[column.name]
        for column in columns_in_order
        if column.type in ("integer", "size") and column.name in by_name
    ]
    convert.decimal_comma = any(has_decimal_comma(cells[number].dropna()) for number in numbers)
    columns: dict[str, pd.Series] = {}
    described: dict[str, Any] = {"missing": [], "added": [], "renamed": {}, "translated": {}}
    for column in columns_in_order:
        if column.name in columns:
            continue
        if column.name not in by_name:
            described["missing"].append(column.headers[0])
            continue
        number = by_name[column.name]
        columns[column.name] = convert.typed(cells[number], column)
        if plain_header(headers[number]) != plain_header(column.headers[0]):
            kind = "renamed" if headers[number].isascii() else "translated"
            described[kind][headers[number]] = column.headers[0]
    described["missing"] = list(dict.fromkeys(described["missing"]))
    for number, header in enumerate(headers):
        if number not in by_name.values():
            name = header or f"column {number + 1}"
            while name in columns or name == "extra":
                name += "_"
            described["added"].append(name)
            columns[name] = cells[number].mask(cells[number] == "").astype("str")
    frame = pd.DataFrame(columns, index=cells.index)
    if any(convert.extra):
        kept = [json.dumps(entry, ensure_ascii=False) if entry else None for entry in convert.extra]
        frame["extra"] = pd.Series(kept, index=frame.index, dtype="str")
    notes = convert.notes
    if convert.has_local_times and zone is None:
        notes = [
            "Its times are those of the admin who ran it, and were taken as UTC. Pass that admin's zone, such as zone='Europe/Berlin'",
            *notes,
        ]
    return Typed(frame, notes, described)


def with_places(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a report with ``path`` as in ``box.tree``, and with ``parent_id`` from the ids of the path.

    Box begins a path with the name of its root in the admin's language. Whether a path and its ids end with the item itself is
    not documented, so the cells decide.
    """
    if "path" not in frame:
        return frame
    is_about = "item_" if "item_id" in frame or "item_name" in frame else ""
    own_ids, names = frame.get(f"{is_about}id"), frame.get(f"{is_about}name")
    parts = [[part for part in path.split("/") if part] for path in frame["path"].fillna("").astype("str")]
    chains: list[list[str]] | None = None
    if "path_ids" in frame:
        chains = [re.findall(r"[1-9]\d*", str(text)) for text in frame["path_ids"].fillna("")]
    ends_in_itself = False
    if chains is not None and own_ids is not None:
        ends_in_itself = _most(
            bool(chain) and chain[-1] == own for chain, own in zip(chains, own_ids, strict=True)
        )
    elif names is not None:
        ends_in_itself = _most(
            bool(part) and part[-1] == name for part, name in zip(parts, names, strict=True)
        )
    if _has_root(parts, chains):
        parts = [part[1:] for part in parts]
    paths = ["/".join(part) for part in parts]
    if ends_in_itself and names is not None:
        # As text, because a name that contains a slash cannot be told from two folders.
        paths = [
            "" if path == name else path.removesuffix(f"/{name}")
            for path, name in zip(paths, names, strict=True)
        ]
    frame["path"] = pd.Series(paths, index=frame.index, dtype="str")
    if chains is not None:
        above = [chain[:-1] if ends_in_itself else chain for chain in chains]
        parents = [chain[-1] if chain else "0" for chain in above]
        frame["parent_id"] = pd.Series(parents, index=frame.index, dtype="str")
    return frame


def _has_root(parts: list[list[str]], chains: list[list[str]] | None) -> bool:
    """Return whether each path begins with the root folder: by its name, or because there is one name more than ids."""
    first = {part[0] for part in parts if part}
    if len(first) != 1:
        return False
    if next(iter(first)) in ROOTS:
        return True
    return chains is not None and _most(
        len(part) == len(chain) + 1 for part, chain in zip(parts, chains, strict=True)
    )


def _most(answers: Iterable[bool]) -> bool:
    values = list(answers)
    return bool(values) and 2 * sum(values) > len(values)


ROOTS = {"All Files", "すべてのファイル"}
"""Names of the root folder in real files."""
