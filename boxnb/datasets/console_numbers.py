"""Numbers in the cells of a console report: thousands separators, decimal commas and units."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

FACTORS = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4, "PB": 1024**5}
"""Bytes per unit. Box does not say whether its units are powers of 2 or of 10; a program that reads these files takes 1024."""

_LARGEST = 2**63 - 1
_NUMBER = re.compile(
    r"(?P<number>[+-]?[\d.,'’ \u00a0\u202f]*\d(?:[eE]\+?\d{1,2})?)\s*(?P<unit>(?:[KMGTP]i?)?B|bytes?)?",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"\d{1,3}([.,])\d{3}(?:\1\d{3})*")


def has_decimal_comma(cells: Iterable[str]) -> bool:
    """Return whether some cell can only be read with a decimal comma, such as ``1,5`` or ``1.024,5``."""
    for cell in cells:
        match = _NUMBER.fullmatch(cell.strip()) if "," in cell else None
        digits = "" if match is None else match["number"].lstrip("+-")
        is_grouped = _GROUPED.fullmatch(digits.partition(".")[0]) is not None
        if digits.count(",") == 1 and not is_grouped and digits.rfind(".") < digits.find(","):
            return True
    return False


def bytes_or_count(text: str, unit: str, decimal_comma: bool) -> int | None:
    """Return a number, in bytes if ``unit`` is one of `FACTORS`; ``None`` for other text. A unit in the cell comes first.

    A count must be a whole number, and a size cannot be negative.
    """
    if text.isascii() and text.isdigit():
        whole = int(text) * FACTORS.get(unit, 1)
        return whole if whole <= _LARGEST else None
    match = _NUMBER.fullmatch(text.strip())
    if match is None or (match["unit"] and not unit):
        return None
    number = _decimal(match["number"], decimal_comma)
    if number is None:
        return None
    name = (match["unit"] or unit).upper().replace("IB", "B").replace("BYTES", "B").replace("BYTE", "B")
    value = number * FACTORS.get(name, 1)
    fits = value >= 0 if unit else value == value.to_integral_value()
    if not fits or abs(value) > _LARGEST:
        return None
    return int(value.to_integral_value())


def _decimal(text: str, decimal_comma: bool) -> Decimal | None:
    digits = re.sub(r"(?<=\d)['’ \u00a0\u202f](?=\d{3}(?:\D|$))", "", text)
    plain = digits.lstrip("+-")
    if "," in plain and "." in plain:
        decimal = "," if plain.rfind(",") > plain.rfind(".") else "."
    elif _GROUPED.fullmatch(plain):
        mark = "," if "," in plain else "."
        other = "." if mark == "," else ","
        is_grouping = plain.count(mark) > 1 or decimal_comma == (mark == ".")
        decimal = other if is_grouping else mark
    else:
        decimal = "," if "," in plain else "."
    grouping = "." if decimal == "," else ","
    whole, _, fraction = digits.partition(decimal)
    if grouping in fraction or decimal in fraction or not _is_grouped(whole.lstrip("+-"), grouping):
        return None
    try:
        return Decimal(whole.replace(grouping, "") + (f".{fraction}" if fraction else ""))
    except InvalidOperation:
        return None


def _is_grouped(whole: str, grouping: str) -> bool:
    parts = whole.split(grouping)
    return len(parts) == 1 or (0 < len(parts[0]) <= 3 and all(len(part) == 3 for part in parts[1:]))
