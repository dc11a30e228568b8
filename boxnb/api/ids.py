"""What may stand where an id belongs: numbers, text out of a CSV, the address of a Box page, rows and columns of a table."""

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

_ADDRESSES = (
    (re.compile(r"/f_(\d+)(?:/|$)"), "file"),  # the older form, /files/0/f/123/1/f_456
    (re.compile(r"/files/\d+/f/(\d+)(?:/|$)"), "folder"),
    (re.compile(r"/folders?/(\d+)(?:/|$)"), "folder"),
    (re.compile(r"/(?:files?|notes)/(\d+)(?:/|$)"), "file"),
    (re.compile(r"/(?:users?|profile)/(\d+)(?:/|$)"), "user"),
    (re.compile(r"/groups?/(\d+)(?:/|$)"), "group"),
    (re.compile(r"/enterprises?/(\d+)(?:/|$)"), "enterprise"),
)
"""Paths of Box's pages and of its API, and what the id in them is of; the first that fits counts."""

_SHARED = re.compile(r"/(?:s|v|shared/static)/")

_FIND = {
    "folder": "Ids are digits, such as the column 'id' of box.items().",
    "file": "Ids are digits, such as the column 'id' of box.items().",
    "item": "Ids are digits, such as the column 'id' of box.items().",
    "user": "Ids are digits, such as the column 'id' of box.users().",
    "group": "Ids are digits, such as the column 'id' of box.groups().",
    "enterprise": "Ids are digits, such as 'enterprise_id' of box.me().",
}
_MISSING = {"", "nan", "none", "null", "nat", "<na>", "n/a"}
_UNSEEN = {"Cf", "Cc", "Mn"}
"""Zero-width and control characters, which come along when somebody copies."""

_QUOTES = "'\"`\u2018\u2019\u201c\u201d"
_DIGITS = 30
"""More than any id has."""

_LETTERS = 60
"""Characters of a wrong argument that a sentence repeats."""


def one(given: Any, argument: str, kind: Kind) -> str:
    """The id that an argument means, as Box writes it: digits.

    Parameters
    ----------
    given : Any
        A number that is whole, text, the address of a Box page, a row or small object with an ``id``, or a list, column or
        table with exactly one of these.
    argument : str
        What the argument is called, for the sentence.
    kind : {"folder", "file", "user", "group", "enterprise", "item"}
        What the id is of; ``"item"`` is a file or a folder.

    Raises
    ------
    IdError
        It is not an id.
    """
    if isinstance(given, pd.DataFrame) or _is_many(given):
        found = many(given, argument, kind)
        if len(found) != 1:
            raise IdError(f"{argument} takes one id, and got {len(found)}. Make one call for each.")
        return found[0]
    if _is_row(given):
        named = given.get("type")
        if isinstance(named, str) and not _fits(named, kind):
            raise IdError(f"{argument} is a {_word(named)}, and {_an(kind)} belongs there. {_FIND[kind]}")
        return one(given["id"], argument, kind)
    if isinstance(given, str):
        return _of_text(given, argument, kind)
    number = _whole(given, argument, kind)
    if number is not None:
        return number
    held = getattr(given, "id", None)  # an object of Box's SDK, a row of itertuples
    if isinstance(held, str | int) and not isinstance(held, bool):
        return one(held, argument, kind)
    raise IdError(f"{argument} is of type {type(given).__name__}, which is not {_an(kind)}. {_FIND[kind]}")


def many(given: Any, argument: str, kind: Kind) -> list[str]:
    """The ids that an argument means, each once, in their order.

    Parameters
    ----------
    given : Any
        What :func:`one` takes, several of these, or a table with a column ``id``.
    argument, kind : str
        As for :func:`one`.

    Raises
    ------
    IdError
        One of them is not an id; none is left out in silence.
    """
    found = list(each(given, argument, kind))
    if len(found) == 1:
        return [one(found[0], argument, kind)]
    return list(dict.fromkeys(one(which, f"{argument}[{place}]", kind) for place, which in enumerate(found)))


def each(given: Any, argument: str, kind: Kind) -> Iterable[Any]:
    """What was given, one by one and not read yet, so that one wrong id can be told apart from the others."""
    if isinstance(given, pd.DataFrame):
        if list(given.columns).count("id") != 1:
            raise IdError(f"{argument} is a table without a column 'id'. {_FIND[kind]}")
        if "type" in given:
            for named in given["type"].dropna().unique():
                if not _fits(str(named), kind):
                    raise IdError(
                        f"{argument} has a {_word(str(named))} in it, and only {_word(kind)}s belong there. {_FIND[kind]}"
                    )
        return list(given["id"])
    if _is_many(given):
        return list(given)
    if isinstance(given, str) and re.fullmatch(r"\s*\d+(?:[\s,;]+\d+)+[\s,;]*", given):
        return re.findall(r"\d+", given)
    return [given]


def as_user(given: Any) -> str | None:
    """The id of the user to act for; ``None`` for nobody else.

    Raises
    ------
    IdError
        It is not the id of a user.
    """
    if given is None:
        return None
    found = one(given, "as_user", "user")
    if not found.strip("0"):
        raise IdError("as_user=0 is not the id of a user. Leave as_user out to act as yourself.")
    return found


def login_or_id(given: Any, argument: str) -> str:
    """The id of a user, or the text that was given where it may be a login.

    Raises
    ------
    IdError
        It is neither.
    """
    text = given.strip() if isinstance(given, str) else ""
    if text.lower() in _MISSING or re.search(r"[/\d]", text[-1]) or "://" in text:
        return one(given, argument, "user")
    return text


def listed(given: Any, argument: str, kind: Kind) -> str:
    """Ids as one text with commas, as Box's search filters take them."""
    if isinstance(given, str) and "," in given:
        given = [part for part in given.split(",") if part.strip()]
    return ",".join(many(given, argument, kind))


def is_one(given: Any) -> bool:
    """Whether an argument means one thing, and not a list or a table of them."""
    return not isinstance(given, pd.DataFrame) and not _is_many(given)


def _is_row(given: Any) -> bool:
    if isinstance(given, Mapping):
        return "id" in given
    return isinstance(given, pd.Series) and "id" in given.index


def _is_many(given: Any) -> bool:
    if isinstance(given, str | bytes | Mapping) or _is_row(given) or not isinstance(given, Iterable):
        return False
    if getattr(given, "ndim", 1) == 0:  # numpy's way to hold a single number
        return False
    return not hasattr(given, "_fields") or not hasattr(given, "id")  # a row of itertuples


def _whole(given: Any, argument: str, kind: Kind) -> str | None:
    """A number as an id; ``None`` where it is not a number."""
    if given is None or given is pd.NA or given is pd.NaT:
        raise IdError(_missing(argument, kind))
    digits = 53
    if isinstance(given, np.generic | np.ndarray):
        if given.dtype.kind == "f":
            digits = int(np.finfo(given.dtype).nmant) + 1  # float32 holds 7 digits of 13
        given = given.item()
    if isinstance(given, bool):
        raise IdError(f"{argument}={given} is not {_an(kind)}. {_FIND[kind]}")
    if isinstance(given, str):
        return _of_text(given, argument, kind)
    if isinstance(given, float) or (hasattr(given, "is_nan") and hasattr(given, "is_finite")):
        if math.isnan(given) if isinstance(given, float) else given.is_nan():
            raise IdError(_missing(argument, kind))
        if math.isfinite(given) and given == int(given):
            if abs(given) >= 2**digits and isinstance(given, float):
                raise IdError(
                    f"{argument}={given!r} has lost its last digits as a decimal number. "
                    "Read the file again with the column as text: pandas.read_csv(..., dtype={'id': 'str'})."
                )
            given = int(given)
    if not isinstance(given, numbers.Number):
        return None
    if not isinstance(given, numbers.Integral) or not 0 <= int(given) < 10**_DIGITS:
        raise IdError(f"{argument}={_short_number(given)} is not {_an(kind)}. {_FIND[kind]}")
    return str(int(given))


def _of_text(given: str, argument: str, kind: Kind) -> str:
    visible = (letter for letter in given if letter.isspace() or unicodedata.category(letter) not in _UNSEEN)
    text = "".join(visible).strip().strip(_QUOTES).strip()
    if text.lower() in _MISSING:
        raise IdError(_missing(argument, kind))
    plain = re.sub(r"\.0+$", "", text)  # a column with gaps that was made text
    if plain.isdecimal() and len(plain) <= _DIGITS:
        return "".join(str(unicodedata.decimal(digit)) for digit in plain)
    if re.fullmatch(r"[\d.,]+[eE]\+?\d+", text):
        raise IdError(
            f"{argument}={_short(text)} has lost its last digits in a spreadsheet. "
            "Format the column as text there, and copy the ids again."
        )
    if "/" in text:
        return _of_address(text, argument, kind)
    if kind == "user" and "@" in text:
        raise IdError(
            f"{argument} is a login, and the id of a user belongs there. "
            f"Find it with box.users(filter_term={_short(text)})['id']."
        )
    raise IdError(f"{argument}={_short(text)} is not {_an(kind)}. {_FIND[kind]}")


def _of_address(text: str, argument: str, kind: Kind) -> str:
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, path = (parts.hostname or "").rstrip("."), parts.path
    except ValueError:
        host, path = "", ""
    bare = "://" not in text and "." not in host  # such as folders/123, below the address of the API
    if bare:
        path = f"/{text.strip('/')}"
    if bare or host == "box.com" or host.endswith(".box.com") or host in LOOPBACK:
        if _SHARED.search(path) and not bare:
            raise IdError(
                f"{argument} is a shared link, and a link has no id in it. "
                "Find it in box.shared_links(), which lists the id and the address of each link."
            )
        for form, named in _ADDRESSES:
            found = form.search(path)
            if found is not None and not _fits(named, kind):
                raise IdError(
                    f"{argument} is the address of a {named}, and {_an(kind)} belongs there. {_FIND[kind]}"
                )
            if found is not None:
                return found.group(1)
    if not bare and host:
        raise IdError(f"{argument} is an address, and there is no id of a {_word(kind)} in it. {_FIND[kind]}")
    raise IdError(f"{argument}={_short(text)} is not {_an(kind)}. {_FIND[kind]}")


def _fits(named: str, kind: Kind) -> bool:
    return named == kind or (kind == "item" and named in ("file", "folder"))


def _word(kind: str) -> str:
    return "file or folder" if kind == "item" else kind.replace("_", " ")


def _an(kind: Kind) -> str:
    return f"the id of {'an' if kind == 'enterprise' else 'a'} {_word(kind)}"


def _missing(argument: str, kind: Kind) -> str:
    return f"{argument} is missing: {_an(kind)} belongs there. {_FIND[kind]}"


def _short_number(given: Any) -> str:
    return (
        f"{given}"
        if not isinstance(given, numbers.Integral) or abs(int(given)) < 10**_DIGITS
        else "a number of that size"
    )


def _short(text: str) -> str:
    return repr(text if len(text) <= _LETTERS else f"{text[:_LETTERS]}...")
