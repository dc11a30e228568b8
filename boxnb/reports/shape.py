"""What every report does to its frame: the same columns and dtypes for no rows, one row, a million rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from boxnb.box import Box

DTYPES = {
    "text": "str",
    "time": "datetime64[us, UTC]",
    "integer": "Int64",
    "truth": "boolean",
    "category": "category",
    "number": "float64",
}
ANONYMOUS = "2"
"""The id under which Box writes what somebody did who was not signed in."""
NOBODY = "(anonymous)"
"""How the reports call them."""


def shaped(frame: pd.DataFrame, columns: dict[str, str], name: str, **attrs: Any) -> pd.DataFrame:
    """
    The frame with just these columns, in this order, with these dtypes and a fresh index.

    Parameters
    ----------
    frame : DataFrame
        Has the columns, or no rows.
    columns : dict
        Name to a key of :data:`DTYPES`.
    name : str
        Goes to ``attrs["dataset"]``.
    **attrs
        More facts for ``attrs``.
    """
    made: Any = {
        column: _cast(frame[column] if column in frame else pd.Series([], dtype="object"), kind)
        for column, kind in columns.items()
    }
    result: pd.DataFrame = pd.DataFrame(made).reset_index(drop=True)
    result.attrs.update({"dataset": name, **attrs})
    return result


def _cast(values: Any, kind: str) -> Any:
    if kind == "time":
        return pd.to_datetime(values, utc=True).astype(DTYPES["time"])
    if kind == "category":
        # Only the words that occur: a filtered frame still carries the words of the rows it lost.
        return values.astype("str").astype("category")
    return values.astype(DTYPES[kind])


def now(box: Box) -> pd.Timestamp:
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
