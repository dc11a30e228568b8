"""Check the inputs of a report, and give its result fixed columns and dtypes, even if it has no rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from boxnb.datasets.pull import both_complete, warn
from boxnb.frames import schema
from boxnb.frames.requirements import kinds, with_columns
from boxnb.harvest import Harvest

if TYPE_CHECKING:
    from boxnb.api.connection import Connection

DTYPES = {
    "text": "str",
    "time": "datetime64[us, UTC]",
    "integer": "Int64",
    "boolean": "boolean",
    "category": "category",
    "number": "float64",
}
USERS = kinds(schema.USERS)
EVENTS = kinds(schema.EVENTS)
MEMBERSHIPS = kinds(schema.MEMBERSHIPS)
CONTENT = kinds(schema.ITEMS, seen_as="text", path="text", depth="integer", ownership="category")
"""These four give the kind of each column in the DataFrames that reports are made from."""

Rows = pd.DataFrame | Harvest
"""What a report is made from. Of a harvest, only the columns and the event types that the report needs are read."""

ANONYMOUS = "2"
"""In events, the user id of anyone who was not signed in."""

NOBODY = "(anonymous)"
"""In reports, the name of anyone who was not signed in."""


class Inputs:
    """The DataFrames that a report is made from. If one of them is incomplete, so is the report.

    Parameters
    ----------
    report : str
        The name of the report, for ``attrs["dataset"]`` and messages.
    """

    def __init__(self, report: str) -> None:
        self.report = report
        self.complete: bool | None = True
        self.skipped: list[dict[str, Any]] = []
        self.frames: list[pd.DataFrame] = []
        self._incomplete: list[str] = []

    def take(
        self,
        frame: Rows | None,
        fetch: Callable[[], pd.DataFrame],
        names: str,
        column_kinds: Mapping[str, str],
        source: str,
        optional: str = "",
        only: Mapping[str, Sequence[str]] | None = None,
    ) -> pd.DataFrame:
        """Return the columns ``names`` of ``frame``, or of the DataFrame that ``fetch`` returns if ``frame`` is ``None``.

        ``only`` are the values of a column that the report needs; other rows of a harvest are not read.

        Raises
        ------
        FrameError
            The DataFrame lacks a column, or a column cannot be converted.
        """
        all_columns = fetch() if frame is None else loaded(frame, f"{names} {optional}", only)
        columns = with_columns(all_columns, f"reports.{self.report}", names, column_kinds, source, optional)
        self.record_source(all_columns, source if frame is not None else "")
        return columns

    def record_source(self, frame: pd.DataFrame, source: str = "") -> None:
        """Record a DataFrame and what is missing from it. ``source`` names the function that made it, if the caller passed it."""
        self.frames.append(frame)
        self.complete = both_complete(self.complete, frame)
        self.skipped += [entry for entry in frame.attrs.get("skipped") or [] if entry not in self.skipped]
        if source and frame.attrs.get("complete") is False:
            self._incomplete.append(source)

    def miss(self, why: str) -> None:
        """Record something that the caller chose not to read. The report is then incomplete, without a warning."""
        self.complete = False
        self.skipped.append({"why": why})

    def warn_if_incomplete(self) -> None:
        """Warn once if a DataFrame from the caller is incomplete. Pulls for the report have already warned."""
        if self._incomplete:
            warn(
                f"reports.{self.report} is not complete, because it was made from incomplete data: "
                f"{', '.join(self._incomplete)}. The attrs['skipped'] of this report say what is missing."
            )


def loaded(rows: Rows, names: str, only: Mapping[str, Sequence[str]] | None = None) -> pd.DataFrame:
    """Return a DataFrame as it is, and of a harvest those of the columns ``names`` that it has."""
    if not isinstance(rows, Harvest):
        return rows
    present = [name for name in dict.fromkeys(names.split()) if name in rows.columns]
    return rows.frame(present, only)


def shaped(frame: pd.DataFrame, columns: dict[str, str], inputs: Inputs, **attrs: Any) -> pd.DataFrame:
    """
    Return a DataFrame with only these columns, in this order, with these dtypes and a new index.

    Its ``attrs`` are ``dataset``, ``complete`` (``None`` if a DataFrame from the caller does not have this value),
    ``skipped`` (what could not be read) and the ``attrs`` passed in.

    Parameters
    ----------
    frame : DataFrame
        The rows, with at least these columns. If there are no rows, columns can be missing.
    columns : dict
        Maps each column name to a key of :data:`DTYPES`.
    inputs : Inputs
        The DataFrames that the report is made from.
    **attrs
        Added to the ``attrs`` of the result.
    """
    series: Any = {
        column: _cast(frame[column] if column in frame else pd.Series([], dtype="object"), kind)
        for column, kind in columns.items()
    }
    result: pd.DataFrame = pd.DataFrame(series).reset_index(drop=True)
    facts = {"dataset": inputs.report, "complete": inputs.complete, "skipped": list(inputs.skipped)}
    result.attrs.update({**facts, **attrs})
    inputs.warn_if_incomplete()
    return result


def _cast(values: Any, kind: str) -> Any:
    if kind == "time":
        return pd.to_datetime(values, utc=True).astype(DTYPES["time"])
    if kind == "category":
        # Keep only categories that occur: a filtered DataFrame still has those of the removed rows.
        return values.astype("str").astype("category")
    return values.astype(DTYPES[kind])


def now(box: Connection) -> pd.Timestamp:
    """Return the time of the server's clock, in UTC."""
    time = pd.Timestamp(box.session.auth.now(), unit="s", tz="UTC").floor("s")
    # Nanoseconds cover only the years 1677 to 2262, so arithmetic with times outside that range would fail.
    return time.as_unit("us")


def days_since(times: pd.Series, when: pd.Timestamp) -> pd.Series:
    """Return the number of whole days from each time to ``when`` as ``Int64``; missing if the time is missing."""
    days: pd.Series = (when - times).dt.days.astype("Int64")
    return days


def look_up(keys: pd.Series, values: pd.Series) -> pd.Series:
    """Return the value of each key, missing if there is none. Unlike ``map``, this keeps the dtype if there are no keys."""
    aligned: pd.Series = values.reindex(keys).set_axis(keys.index)
    return aligned


def domain(logins: pd.Series) -> pd.Series:
    """Return the part of each login after the ``@``, in lower case; missing if there is none."""
    domains: Any = logins.astype("str").str.lower().str.extract(r"@([^@\s]+)$", expand=False)
    return pd.Series(domains.astype("str"))
