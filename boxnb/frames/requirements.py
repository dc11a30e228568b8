"""DataFrames as people give them: the columns a report or dataset needs, with their types mended.

A frame may have been read back from a file (ids as numbers, times as text), cut to some columns, or come from another
dataset. What can be used is; what is missing is one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..api.arguments import TRUTHS
from ..errors import FrameError
from .schema import Column

EXACT = 2**53
"""Above this a float does not tell one whole number from the next, so an id read as one is lost."""


class _DigitsLostError(Exception):
    """A long id went through a float."""


def kinds(*groups: tuple[Column, ...], **more: str) -> dict[str, str]:
    """Name to kind of the columns of a dataset."""
    return {column.name: column.kind for group in groups for column in group if column.kind != "skip"} | more


def given(
    frame: Any, what: str, names: str, known: Mapping[str, str], source: str, optional: str = ""
) -> pd.DataFrame:
    """
    The columns that are needed of a frame, in the types of the kit, with a fresh index and the frame's ``attrs``.

    Parameters
    ----------
    frame : DataFrame
    what : str
        Who needs it, for the sentence.
    names, optional : str
        The columns, with blanks between them; an optional one that is not there is missing in every row.
    known : mapping
        Name to kind, see :func:`kinds`.
    source : str
        What returns such a frame.

    Raises
    ------
    FrameError
        It is not a frame, lacks a column, has it twice, or a column cannot be read.
    """
    if not isinstance(frame, pd.DataFrame):
        raise FrameError(f"{what} needs a DataFrame from {source}, not {type(frame).__name__}.")
    needed, extra = names.split(), optional.split()
    if missing := [name for name in needed if name not in frame.columns]:
        listed = ", ".join(missing)
        more = "s" * (len(missing) > 1)
        raise FrameError(
            f"{what} needs the column{more} {listed}, which this frame lacks. Use a frame from {source}."
        )
    wanted = [*needed, *(name for name in extra if name in frame.columns)]
    if twice := [name for name in wanted if (frame.columns == name).sum() > 1]:
        raise FrameError(
            f"{what} finds the column {twice[0]} more than once in this frame. Keep one of them."
        )
    found = frame[wanted].reset_index(drop=True)
    for name in wanted:
        try:
            found[name] = _as(found[name], known[name])
        except _DigitsLostError:
            raise FrameError(
                f"{what} cannot use the column {name}: its ids were read as numbers and lost digits. Read the file with dtype=str."
            ) from None
        except (ValueError, TypeError, OverflowError):
            raise FrameError(
                f"{what} cannot read the column {name} of this frame as {_WORDS[known[name]]}. Use a frame from {source}."
            ) from None
    if "path" in found:
        found["path"] = found["path"].fillna("")  # a file has nothing there for the top
    for name in extra:
        if name not in found:
            found[name] = _as(pd.Series([None] * len(found), dtype="object"), known[name])
    return found


_WORDS = {
    "text": "text",
    "category": "text",
    "json": "text",
    "time": "times",
    "integer": "whole numbers",
    "truth": "True and False",
}


def _as(values: pd.Series, kind: str) -> pd.Series:
    if kind == "time":
        return _times(values)
    if kind == "integer":
        return values if values.dtype == "Int64" else pd.to_numeric(values.astype("object")).astype("Int64")
    if kind == "truth":
        return values if values.dtype == "boolean" else _truths(values)
    if kind == "category" and isinstance(values.dtype, pd.CategoricalDtype):
        return values if values.cat.categories.dtype == "str" else values.astype("object").astype("str")
    return values if values.dtype == "str" else _text(values)


def _times(values: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        zoned: pd.Series = values.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
        return zoned
    if pd.api.types.is_numeric_dtype(values) and values.notna().any():
        raise ValueError("numbers")  # pandas would take them for nanoseconds
    format_ = None if pd.api.types.is_datetime64_dtype(values) else "ISO8601"
    found: pd.Series = pd.to_datetime(values, utc=True, format=format_).astype("datetime64[us, UTC]")
    return found


def _truths(values: pd.Series) -> pd.Series:
    made = [None if pd.isna(value) else TRUTHS.get(str(value).lower(), "odd") for value in values]
    found: pd.Series = pd.Series(made, index=values.index, dtype="boolean")
    return found


def _text(values: pd.Series) -> pd.Series:
    return pd.Series([_word(value) for value in values.astype("object")], index=values.index, dtype="str")


def _word(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, (list, dict, tuple, set)):
        raise TypeError("a list")
    if pd.isna(value):
        return None
    if isinstance(value, float):
        if abs(value) >= EXACT:
            raise _DigitsLostError
        if not value.is_integer():
            raise ValueError("a fraction")
        return str(int(value))
    return str(value)
