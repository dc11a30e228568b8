"""Read ids from what callers pass: numbers, text from a CSV file, URLs of Box pages, or rows and columns of a table."""

from __future__ import annotations

import math
import numbers
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from ..errors import IdError
from ..transport.sessions import LOOPBACK

Kind = Literal["folder", "file", "user", "group", "enterprise", "item"]

_URL_PATHS = (
    (re.compile(r"/f_(\d+)(?:/|$)"), "file"),  # the older form, /files/0/f/123/1/f_456
    (re.compile(r"/files/\d+/f/(\d+)(?:/|$)"), "folder"),
    (re.compile(r"/folders?/(\d+)(?:/|$)"), "folder"),
    (re.compile(r"/(?:files?|notes)/(\d+)(?:/|$)"), "file"),
    (re.compile(r"/(?:users?|profile)/(\d+)(?:/|$)"), "user"),
    (re.compile(r"/groups?/(\d+)(?:/|$)"), "group"),
    (re.compile(r"/enterprises?/(\d+)(?:/|$)"), "enterprise"),
)
"""Patterns for the URL paths of Box's pages and API, each with the type of the object that has the id. The first match wins."""

_SHARED = re.compile(r"/(?:s|v|shared/static)/")

_FIND = {
    "folder": "Ids are digits, as in the column 'id' of box.items().",
    "file": "Ids are digits, as in the column 'id' of box.items().",
    "item": "Ids are digits, as in the column 'id' of box.items().",
    "user": "Ids are digits, as in the column 'id' of box.users().",
    "group": "Ids are digits, as in the column 'id' of box.groups().",
    "enterprise": "Ids are digits, as in the column 'enterprise_id' of box.me().",
}
_MISSING = {"", "nan", "none", "null", "nat", "<na>", "n/a"}
_INVISIBLE = {"Cf", "Cc", "Mn"}
"""Unicode categories of zero-width and control characters, which are often copied along with an id."""

_QUOTES = "'\"`\u2018\u2019\u201c\u201d"
_MAX_DIGITS = 30
"""The most digits that an id may have; no real id is that long."""

_MAX_REPEATED = 60
"""The most characters of an invalid argument that a message quotes."""


def one(value: Any, argument: str, kind: Kind) -> str:
    """Return the id that an argument stands for, as a string of digits.

    Parameters
    ----------
    value : Any
        A whole number, a string, the URL of a Box page, or a row or object that has an ``id``. A list, column or table
        is accepted if it contains exactly one of these.
    argument : str
        The name of the argument, for the message.
    kind : {"folder", "file", "user", "group", "enterprise", "item"}
        The type of the object that has the id; ``"item"`` means a file or a folder.

    Raises
    ------
    IdError
        The argument is not an id.
    """
    if isinstance(value, pd.DataFrame) or _is_many(value):
        single_ids = many(value, argument, kind)
        if len(single_ids) != 1:
            raise IdError(f"{argument} takes one id but got {len(single_ids)}. Make one call for each id.")
        return single_ids[0]
    if _is_row(value):
        row_type = value.get("type")
        if isinstance(row_type, str) and not _fits(row_type, kind):
            raise IdError(f"{argument} takes {_id_of(kind)}, not a {_word(row_type)}. {_FIND[kind]}")
        return one(value["id"], argument, kind)
    if isinstance(value, str):
        return _from_text(value, argument, kind)
    number = _from_number(value, argument, kind)
    if number is not None:
        return number
    attribute = getattr(value, "id", None)  # such as an object of Box's SDK, or a row from itertuples
    if isinstance(attribute, str | int) and not isinstance(attribute, bool):
        return one(attribute, argument, kind)
    raise IdError(f"{argument} is a value of type {type(value).__name__}, not {_id_of(kind)}. {_FIND[kind]}")


def many(value: Any, argument: str, kind: Kind) -> list[str]:
    """Return the ids that an argument stands for, in order and without duplicates.

    Parameters
    ----------
    value : Any
        A value that :func:`one` takes, several such values, or a table with a column ``id``.
    argument, kind : str
        As for :func:`one`.

    Raises
    ------
    IdError
        One of the values is not an id. Such a value is never skipped silently.
    """
    values = list(entries(value, argument, kind))
    if len(values) == 1:
        return [one(values[0], argument, kind)]
    return list(dict.fromkeys(one(entry, f"{argument}[{index}]", kind) for index, entry in enumerate(values)))


def entries(value: Any, argument: str, kind: Kind) -> Iterable[Any]:
    """Return the individual values of an argument before they are read as ids, so that a message can name an invalid one."""
    if isinstance(value, pd.DataFrame):
        if list(value.columns).count("id") != 1:
            raise IdError(f"{argument} is a table without a column 'id'. {_FIND[kind]}")
        if "type" in value:
            for row_type in value["type"].dropna().unique():
                if not _fits(str(row_type), kind):
                    raise IdError(
                        f"{argument} takes only {_word(kind).replace(' or', 's or')}s, but contains a {_word(str(row_type))}. {_FIND[kind]}"
                    )
        return list(value["id"])
    if _is_many(value):
        return list(value)
    if isinstance(value, str) and re.fullmatch(r"\s*\d+(?:[\s,;]+\d+)+[\s,;]*", value):
        return re.findall(r"\d+", value)
    return [value]


def as_user(value: Any) -> str | None:
    """Return the id of the user to act as; ``None`` means the user who signed in.

    Raises
    ------
    IdError
        The argument is not the id of a user.
    """
    if value is None:
        return None
    user_id = one(value, "as_user", "user")
    if not user_id.strip("0"):
        raise IdError("as_user=0 is not the id of a user. Leave as_user out to act as yourself.")
    return user_id


def login_or_id(value: Any, argument: str) -> str:
    """Return the id of a user, or the string itself if it could be a login.

    Raises
    ------
    IdError
        The argument is neither an id nor a login.
    """
    text = value.strip() if isinstance(value, str) else ""
    if text.lower() in _MISSING or re.search(r"[/\d]", text[-1]) or "://" in text:
        return one(value, argument, "user")
    return text


def comma_separated(value: Any, argument: str, kind: Kind) -> str:
    """Return ids joined with commas, as Box's search filters take them."""
    if isinstance(value, str) and "," in value:
        value = [part for part in value.split(",") if part.strip()]
    return ",".join(many(value, argument, kind))


def is_one(value: Any) -> bool:
    """Return whether an argument is a single value, not a list or a table."""
    return not isinstance(value, pd.DataFrame) and not _is_many(value)


def _is_row(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "id" in value
    return isinstance(value, pd.Series) and "id" in value.index


def _is_many(value: Any) -> bool:
    if isinstance(value, str | bytes | Mapping) or _is_row(value) or not isinstance(value, Iterable):
        return False
    if getattr(value, "ndim", 1) == 0:  # a zero-dimensional NumPy array
        return False
    return not hasattr(value, "_fields") or not hasattr(value, "id")  # not a row from itertuples


def _from_number(value: Any, argument: str, kind: Kind) -> str | None:
    """Return a number as an id; ``None`` if the value is not a number."""
    if value is None or value is pd.NA or value is pd.NaT:
        raise IdError(_missing(argument, kind))
    exact_bits = 53
    if isinstance(value, np.generic | np.ndarray):
        if value.dtype.kind == "f":
            exact_bits = int(np.finfo(value.dtype).nmant) + 1  # float32 is exact only up to 2^24
        value = value.item()
    if isinstance(value, bool):
        raise IdError(f"{argument}={value} is not {_id_of(kind)}. {_FIND[kind]}")
    if isinstance(value, str):
        return _from_text(value, argument, kind)
    if isinstance(value, float) or (hasattr(value, "is_nan") and hasattr(value, "is_finite")):
        if math.isnan(value) if isinstance(value, float) else value.is_nan():
            raise IdError(_missing(argument, kind))
        if math.isfinite(value) and value == int(value):
            if abs(value) >= 2**exact_bits and isinstance(value, float):
                raise IdError(
                    f"{argument}={value!r} lost its last digits when it became a decimal number. "
                    "Read the file again with the column as text: pandas.read_csv(..., dtype={'id': 'str'})."
                )
            value = int(value)
    if not isinstance(value, numbers.Number):
        return None
    if not isinstance(value, numbers.Integral) or not 0 <= int(value) < 10**_MAX_DIGITS:
        raise IdError(f"{argument}={_short_number(value)} is not {_id_of(kind)}. {_FIND[kind]}")
    return str(int(value))


def _from_text(value: str, argument: str, kind: Kind) -> str:
    visible = (
        letter for letter in value if letter.isspace() or unicodedata.category(letter) not in _INVISIBLE
    )
    text = "".join(visible).strip().strip(_QUOTES).strip()
    if text.lower() in _MISSING:
        raise IdError(_missing(argument, kind))
    digits = re.sub(r"\.0+$", "", text)  # from a column of numbers with missing values, converted to text
    if digits.isdecimal() and len(digits) <= _MAX_DIGITS:
        return "".join(str(unicodedata.decimal(digit)) for digit in digits)
    if re.fullmatch(r"[\d.,]+[eE]\+?\d+", text):
        raise IdError(
            f"{argument}={_short(text)} lost its last digits in a spreadsheet. "
            "Format the column as text there, and copy the ids again."
        )
    if "/" in text:
        return _from_url(text, argument, kind)
    if kind == "user" and "@" in text:
        raise IdError(
            f"{argument} is a login, not the id of a user. "
            f"Find the id with box.users(filter_term={_short(text)})['id']."
        )
    raise IdError(f"{argument}={_short(text)} is not {_id_of(kind)}. {_FIND[kind]}")


def _from_url(text: str, argument: str, kind: Kind) -> str:
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, path = (parts.hostname or "").rstrip("."), parts.path
    except ValueError:
        host, path = "", ""
    # Such as folders/123, which is relative to the URL of the API.
    is_api_path = "://" not in text and "." not in host
    if is_api_path:
        path = f"/{text.strip('/')}"
    if is_api_path or host == "box.com" or host.endswith(".box.com") or host in LOOPBACK:
        if _SHARED.search(path) and not is_api_path:
            raise IdError(
                f"{argument} is a shared link, which does not contain an id. "
                "Find the id in box.shared_links(), which lists the id and the address of each link."
            )
        for pattern, url_kind in _URL_PATHS:
            match = pattern.search(path)
            if match is not None and not _fits(url_kind, kind):
                raise IdError(f"{argument} is the address of a {url_kind}, not {_id_of(kind)}. {_FIND[kind]}")
            if match is not None:
                return match.group(1)
    if not is_api_path and host:
        raise IdError(f"{argument} is an address that does not contain {_id_of(kind)}. {_FIND[kind]}")
    raise IdError(f"{argument}={_short(text)} is not {_id_of(kind)}. {_FIND[kind]}")


def _fits(type_name: str, kind: Kind) -> bool:
    return type_name == kind or (kind == "item" and type_name in ("file", "folder"))


def _word(kind: str) -> str:
    return "file or folder" if kind == "item" else kind.replace("_", " ")


def _id_of(kind: Kind) -> str:
    return f"the id of {'an' if kind == 'enterprise' else 'a'} {_word(kind)}"


def _missing(argument: str, kind: Kind) -> str:
    return f"{argument} is missing; it takes {_id_of(kind)}. {_FIND[kind]}"


def _short_number(value: Any) -> str:
    return (
        f"{value}"
        if not isinstance(value, numbers.Integral) or abs(int(value)) < 10**_MAX_DIGITS
        else "(a very long number)"
    )


def _short(text: str) -> str:
    return repr(text if len(text) <= _MAX_REPEATED else f"{text[:_MAX_REPEATED]}...")
