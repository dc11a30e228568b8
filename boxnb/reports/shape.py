"""What every report does to its frame: the same columns and dtypes for no rows, one row, a million rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from boxnb.datasets.pull import warn, whole_of
from boxnb.frames import schema
from boxnb.frames.requirements import kinds, with_columns

if TYPE_CHECKING:
    from boxnb.api.connection import Connection

DTYPES = {
    "text": "str",
    "time": "datetime64[us, UTC]",
    "integer": "Int64",
    "truth": "boolean",
    "category": "category",
    "number": "float64",
}
USERS = kinds(schema.USERS)
EVENTS = kinds(schema.EVENTS)
MEMBERSHIPS = kinds(schema.MEMBERSHIPS)
CONTENT = kinds(schema.ITEMS, seen_as="text", path="text", depth="integer", ownership="category")
"""Names and kinds of what reports are made of."""
ANONYMOUS = "2"
"""The id under which Box writes what somebody did who was not signed in."""
NOBODY = "(anonymous)"
"""How the reports call them."""


class Inputs:
    """The frames one report is made of, so that it hands on what they lack.

    Parameters
    ----------
    report : str
        Its name, for ``attrs["dataset"]`` and for sentences.
    """

    def __init__(self, report: str) -> None:
        self.report = report
        self.whole: bool | None = True
        self.skipped: list[dict[str, Any]] = []
        self.frames: list[pd.DataFrame] = []
        self._lacking: list[str] = []

    def take(
        self,
        frame: pd.DataFrame | None,
        fetch: Callable[[], pd.DataFrame],
        names: str,
        known: Mapping[str, str],
        source: str,
        optional: str = "",
    ) -> pd.DataFrame:
        """The columns ``names`` of a frame that was given, else of what ``fetch`` returns.

        Raises
        ------
        FrameError
            The frame lacks one of them, or it cannot be read.
        """
        found = fetch() if frame is None else frame
        made = with_columns(found, f"reports.{self.report}", names, known, source, optional)
        self.hand_on(found, source if frame is not None else "")
        return made

    def hand_on(self, frame: pd.DataFrame, source: str = "") -> None:
        """Note what a frame lacks; ``source`` is what returns it, where somebody else fetched it."""
        self.frames.append(frame)
        self.whole = whole_of(self.whole, frame)
        self.skipped += [each for each in frame.attrs.get("skipped") or [] if each not in self.skipped]
        if source and frame.attrs.get("complete") is False:
            self._lacking.append(source)

    def say(self) -> None:
        """Warn once where a frame that was given is not complete; what was fetched here has warned itself."""
        if self._lacking:
            warn(
                f"reports.{self.report} is not complete, because it was made from a frame that is not: "
                f"{', '.join(self._lacking)}. See attrs['skipped'] of this report for what is missing."
            )


def shaped(frame: pd.DataFrame, columns: dict[str, str], inputs: Inputs, **attrs: Any) -> pd.DataFrame:
    """
    The frame with just these columns, in this order, with these dtypes and a fresh index.

    Its ``attrs`` have ``dataset``, ``complete`` (``None`` where a frame that was given does not say), ``skipped`` (what could
    not be read) and what is given here.

    Parameters
    ----------
    frame : DataFrame
        Has the columns, or no rows.
    columns : dict
        Name to a key of :data:`DTYPES`.
    inputs : Inputs
        What it is made of.
    **attrs
        More facts for ``attrs``.
    """
    made: Any = {
        column: _cast(frame[column] if column in frame else pd.Series([], dtype="object"), kind)
        for column, kind in columns.items()
    }
    result: pd.DataFrame = pd.DataFrame(made).reset_index(drop=True)
    facts = {"dataset": inputs.report, "complete": inputs.whole, "skipped": list(inputs.skipped)}
    result.attrs.update({**facts, **attrs})
    inputs.say()
    return result


def _cast(values: Any, kind: str) -> Any:
    if kind == "time":
        return pd.to_datetime(values, utc=True).astype(DTYPES["time"])
    if kind == "category":
        # Only the words that occur: a filtered frame still carries the words of the rows it lost.
        return values.astype("str").astype("category")
    return values.astype(DTYPES[kind])


def now(box: Connection) -> pd.Timestamp:
    """The time on the server's clock, UTC."""
    time = pd.Timestamp(box.session.auth.now(), unit="s", tz="UTC").floor("s")
    return time.as_unit(
        "us"
    )  # of nanoseconds pandas counts only from 1677 to 2262, and so nothing else near them


def days_since(times: pd.Series, when: pd.Timestamp) -> pd.Series:
    """Whole days up to ``when``, ``Int64``; missing where the time is."""
    days: pd.Series = (when - times).dt.days.astype("Int64")
    return days


def looked_up(keys: pd.Series, values: pd.Series) -> pd.Series:
    """The value of each key, missing where there is none; unlike ``map`` it keeps the dtype where there are no keys."""
    found: pd.Series = values.reindex(keys).set_axis(keys.index)
    return found


def domain(logins: pd.Series) -> pd.Series:
    """What stands behind the ``@``, in small letters; missing where there is none."""
    behind: Any = logins.astype("str").str.lower().str.extract(r"@([^@\s]+)$", expand=False)
    return pd.Series(behind.astype("str"))
