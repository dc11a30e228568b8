"""Check a DataFrame that a caller passes in, and convert the required columns to the types they have in a pull.

The DataFrame may have been read back from a file (ids as numbers, times as text), may have only some columns, or may
come from another dataset. If a column is missing or cannot be converted, the error names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..api.arguments import TRUTHS
from ..errors import FrameError
from .schema import Column

EXACT = 2**53
"""From this number on, floats cannot represent every integer, so an id that was read as a float has lost digits."""


class _DigitsLostError(Exception):
    """A long id was converted to a float and lost digits."""


def kinds(*groups: tuple[Column, ...], **added: str) -> dict[str, str]:
    """Return a mapping from the names of a dataset's columns to their kinds."""
    return {column.name: column.kind for group in groups for column in group if column.kind != "skip"} | added


def with_columns(
    frame: Any, caller: str, names: str, column_kinds: Mapping[str, str], source: str, optional: str = ""
) -> pd.DataFrame:
    """
    Return the required columns of a DataFrame with boxnb's dtypes, a new index and the same ``attrs``.

    Parameters
    ----------
    frame : DataFrame
    caller : str
        The function that needs the columns, for the message.
    names, optional : str
        The columns, separated by spaces. A missing optional column is added without values.
    column_kinds : mapping
        Column names to kinds, see :func:`kinds`.
    source : str
        The function that returns such a DataFrame, for the message.

    Raises
    ------
    FrameError
        The value is not a DataFrame, or one of the columns is missing, repeated or cannot be converted.
    """
    if not isinstance(frame, pd.DataFrame):
        raise FrameError(f"{caller} needs a DataFrame from {source}, not {type(frame).__name__}.")
    required, optional_names = names.split(), optional.split()
    if missing := [name for name in required if name not in frame.columns]:
        columns = f"column{'s' * (len(missing) > 1)} {', '.join(missing)}"
        raise FrameError(f"{caller} needs the {columns}, which this frame lacks. Use a frame from {source}.")
    present = [*required, *(name for name in optional_names if name in frame.columns)]
    if repeated := [name for name in present if (frame.columns == name).sum() > 1]:
        raise FrameError(
            f"{caller} needs one column {repeated[0]}, but this frame has several with that name. Keep one of them."
        )
    result = frame[present].reset_index(drop=True)
    for name in present:
        try:
            result[name] = _converted(result[name], column_kinds[name])
        except _DigitsLostError:
            raise FrameError(
                f"{caller} cannot use the column {name}: its ids were read as numbers and lost digits. Read the file with dtype=str."
            ) from None
        except (ValueError, TypeError, OverflowError):
            raise FrameError(
                f"{caller} cannot read the column {name} of this frame as {_WORDS[column_kinds[name]]}. Use a frame from {source}."
            ) from None
    if "path" in result:
        # The path of a top-level item is empty, and a file reader returns empty text as missing.
        result["path"] = result["path"].fillna("")
    for name in optional_names:
        if name not in result:
            result[name] = _converted(pd.Series([None] * len(result), dtype="object"), column_kinds[name])
    return result


_WORDS = {
    "text": "text",
    "category": "text",
    "json": "text",
    "time": "times",
    "integer": "whole numbers",
    "boolean": "True and False",
}


def _converted(values: pd.Series, kind: str) -> pd.Series:
    if kind == "time":
        return _times(values)
    if kind == "integer":
        return values if values.dtype == "Int64" else pd.to_numeric(values.astype("object")).astype("Int64")
    if kind == "boolean":
        return values if values.dtype == "boolean" else _booleans(values)
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
    parsed: pd.Series = pd.to_datetime(values, utc=True, format=format_).astype("datetime64[us, UTC]")
    return parsed


def _booleans(values: pd.Series) -> pd.Series:
    # pandas raises for "odd", because it is not a boolean.
    booleans = [None if pd.isna(value) else TRUTHS.get(str(value).lower(), "odd") for value in values]
    series: pd.Series = pd.Series(booleans, index=values.index, dtype="boolean")
    return series


def _text(values: pd.Series) -> pd.Series:
    return pd.Series([_string(value) for value in values.astype("object")], index=values.index, dtype="str")


def _string(value: Any) -> str | None:
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
