"""Property lists of older scripts: find a token and its times under any names, and write them back in the same formats."""

from __future__ import annotations

import datetime
import plistlib
import re
import time
from collections.abc import Callable, Iterator
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from ..oauth.token import REFRESH_TOKEN_LIFETIME
from ..secret import is_utf8

EARLIEST, LAST = 946_684_800.0, 1e10
"""The years 2000 to 2286, in seconds since the epoch. A smaller number is a duration, or not a time at all."""

UNITS = (1, 1000, 1_000_000, 1_000_000_000)
"""Units per second. JavaScript counts milliseconds; other languages count smaller units."""

_TIMES = ("time", "timestamp", "date", "obtained", "issued")
_EXPIRIES = ("expir", "validuntil", "validto")
_ISO = re.compile(
    r"(\d{4})(-?)(\d\d)\2(\d\d)(?:([Tt ])(\d\d)(:?)(\d\d)(?:\7(\d\d)(?:([.,])(\d{1,9}))?)?( ?)(Z|z|UTC|GMT|[+-]\d\d:?\d\d)?)?"
)
_LOCAL_FORMATS = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%Y/%m/%d %H:%M:%S", "%a %b %d %H:%M:%S %Y")

ParsedTime = tuple[float, Callable[[float], Any]]
"""A time in seconds since the epoch, and a function that writes another time in the same format."""


def read(raw: bytes) -> tuple[dict[str, Any], Any]:
    """Return the content of a property list and its format, XML or binary.

    Raises
    ------
    ValueError
        The property list is damaged, or it is not a dictionary.
    """
    try:
        content = plistlib.loads(raw)
    except Exception as error:  # noqa: BLE001  plistlib raises many different errors for a damaged file
        raise ValueError(f"it is not a property list ({type(error).__name__})") from None
    if not isinstance(content, dict):
        raise ValueError("it is not a property list with named values")
    return content, plistlib.FMT_BINARY if raw.startswith(b"bplist") else plistlib.FMT_XML


def dump(content: dict[str, Any], plist_format: Any) -> bytes:
    """Return the property list as bytes in its own format.

    Raises
    ------
    ValueError
        The format cannot hold the content.
    """
    try:
        return plistlib.dumps(content, fmt=plist_format, sort_keys=False)
    except Exception as error:  # noqa: BLE001  plistlib also raises many different errors here
        raise ValueError(f"its format cannot hold the new content ({type(error).__name__})") from None


def token_part(content: dict[str, Any]) -> dict[str, Any] | None:
    """Return the dictionary with the refresh token, at any depth; ``None`` if no key has the name of a refresh token.

    Raises
    ------
    ValueError
        Several dictionaries contain a refresh token.
    """
    candidates = [(part, key) for part in _parts(content) if (key := _token_key(part, "refresh")) is not None]
    filled = [part for part, key in candidates if _text(part[key])]
    if len(filled) > 1:
        raise ValueError("it has several refresh tokens")
    return next(iter([*filled, *(part for part, _ in candidates)]), None)


def token_in(part: dict[str, Any]) -> dict[str, Any] | None:
    """Return the token pair for :meth:`boxnb.oauth.token.Token.from_json`; ``None`` if the refresh token is empty."""
    refresh_key, access_key = _token_key(part, "refresh"), _token_key(part, "access")
    if refresh_key is None or not (refresh_token := _text(part[refresh_key])):
        return None
    time_key = _time_key(part)
    access_token = _text(part[access_key]) if access_key is not None else ""
    return {
        "access_token": access_token if access_token.isascii() and access_token.isprintable() else "",
        "refresh_token": refresh_token,
        "obtained_at": 0.0 if time_key is None or (saved := _moment(part[time_key])) is None else saved[0],
        # The older script does not save how long the token lives, so the first call refreshes it.
        "expires_in": 0.0,
    }


def put(content: dict[str, Any], token: dict[str, Any]) -> bool:
    """Replace the token pair and its times, but keep their names and formats. Return whether anything changed.

    The times do not change if it is unknown when the pair was obtained. A pair that is already saved is not written again.
    """
    part = token_part(content)
    saved = None if part is None else token_in(part)
    if saved is not None and saved["refresh_token"] == token.get("refresh_token"):
        is_same_pair = saved["access_token"] == token.get("access_token")
        if is_same_pair or part is None or _token_key(part, "access") is None:
            return False
    is_new = part is None
    part = content if part is None else part
    for token_kind in ("refresh", "access"):
        key = _token_key(part, token_kind)
        if key is not None:
            value = token.get(f"{token_kind}_token") or ""
            part[key] = value.encode() if isinstance(part[key], bytes) else value
        elif token_kind == "refresh":
            part["refresh_token"] = token.get("refresh_token") or ""
    obtained = float(token.get("obtained_at") or 0.0)
    if not EARLIEST < obtained < LAST:
        return True
    time_key = _time_key(part)
    saved_time = None if time_key is None else _moment(part[time_key])
    _put_expiry(
        part, obtained, None if saved_time is None else saved_time[0], float(token.get("expires_in") or 0.0)
    )
    if time_key is not None:
        part[time_key] = _utc(obtained) if saved_time is None else saved_time[1](obtained)
    elif (is_new or part is content) and "time" not in part:
        part["time"] = _utc(obtained)
    return True


def _put_expiry(part: dict[str, Any], obtained: float, saved_obtained: float | None, lifetime: float) -> None:
    """Set each expiry to ``obtained`` plus its old distance from ``saved_obtained`` or, if unknown, the token's lifetime."""
    for key, value in part.items():
        expiry = _moment(value) if any(word in _letters(key) for word in _EXPIRIES) else None
        if expiry is None:
            continue
        if saved_obtained is not None and expiry[0] > saved_obtained:
            seconds = expiry[0] - saved_obtained
        elif "refresh" in _letters(key) or _token_key(part, "access") is None:
            seconds = REFRESH_TOKEN_LIFETIME
        else:
            seconds = lifetime
        part[key] = expiry[1](obtained + seconds)


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the property list itself and every dictionary in it, outermost first."""
    queue = [value]
    while queue:
        part = queue.pop(0)
        if isinstance(part, dict):
            yield part
        children = part.values() if isinstance(part, dict) else part
        queue.extend(child for child in children if isinstance(child, dict | list))


def _letters(key: object) -> str:
    return "".join(letter for letter in str(key).lower() if letter.isalnum())


def _token_key(part: dict[str, Any], token_kind: str) -> str | None:
    """Return the key of the token, however it is spelled: ``Refresh Token``, ``refreshToken``, ``my_refresh_token``."""
    text_keys = [key for key, value in part.items() if isinstance(value, str | bytes)]
    for word in (f"{token_kind}token", f"box{token_kind}token", token_kind, f"box{token_kind}"):
        for key in text_keys:
            if _letters(key) == word:
                return key
    matches = [key for key in text_keys if _letters(key).endswith(f"{token_kind}token")]
    return matches[0] if len(matches) == 1 else None


def _text(value: Any) -> str:
    """Return a token as text; ``""`` for anything else."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip() if isinstance(value, str) and is_utf8(value) else ""


def _time_key(part: dict[str, Any]) -> str | None:
    """Return the key of the time when the token was saved. Its value must be a time: the name ``Timeout`` also matches."""
    candidates = [
        key
        for key in part
        if any(word in _letters(key) for word in _TIMES)
        and not any(word in _letters(key) for word in _EXPIRIES)
    ]
    empty = (key for key in candidates if _letters(key).endswith(_TIMES) and part[key] in ("", 0))
    return next((key for key in candidates if _moment(part[key]) is not None), next(empty, None))


def _utc(seconds: float) -> datetime.datetime:
    """Return a time as a property list stores it: UTC without a time zone, in whole seconds."""
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC).replace(tzinfo=None)


def _moment(value: Any) -> ParsedTime | None:
    """Return a time between 2000 and 2286, in any format; ``None`` for anything else."""
    try:
        if isinstance(value, datetime.datetime):  # UTC without a time zone
            parsed: ParsedTime | None = value.replace(tzinfo=value.tzinfo or datetime.UTC).timestamp(), _utc
        elif isinstance(value, str):
            parsed = _parse_text(value.strip())
        elif isinstance(value, int | float) and not isinstance(value, bool):
            parsed = _parse_number(value)
        else:
            parsed = None
    # For example, 31 February or the year 0.
    except (ValueError, OverflowError, OSError, TypeError, IndexError):
        return None
    return parsed if parsed is not None and EARLIEST < parsed[0] < LAST else None


def _parse_number(value: float) -> ParsedTime | None:
    number_type = type(value)
    for unit in UNITS:
        if EARLIEST < value / unit < LAST:
            return value / unit, lambda seconds, unit=unit: number_type(seconds * unit)
    return None


def _parse_text(text: str) -> ParsedTime | None:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        number = _parse_number(float(text) if "." in text else int(text))
        return None if number is None else (number[0], lambda seconds: str(number[1](seconds)))
    if iso := _ISO.fullmatch(text):
        return _parse_iso(iso)
    for time_format in _LOCAL_FORMATS:
        try:
            parsed = datetime.datetime.strptime(text, time_format)  # local time, as the script wrote it
        except ValueError:
            continue
        return parsed.timestamp(), lambda seconds, time_format=time_format: time.strftime(
            time_format, time.localtime(seconds)
        )
    parsed = parsedate_to_datetime(text)
    zone = parsed.tzinfo or datetime.UTC
    gmt = text.endswith("GMT")
    return parsed.replace(tzinfo=zone).timestamp(), lambda seconds: format_datetime(
        datetime.datetime.fromtimestamp(seconds, datetime.UTC if gmt else zone), usegmt=gmt
    )


def _parse_iso(match: re.Match[str]) -> ParsedTime:
    year, dash, month, day, letter, hour, colon, minute, second, point, fraction, space, zone = match.groups()
    if zone is None:
        offset: datetime.tzinfo | None = None  # local time
    elif zone[0] in "+-":
        sign = -1 if zone[0] == "-" else 1
        offset = datetime.timezone(sign * datetime.timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:])))
    else:
        offset = datetime.UTC
    fraction_seconds = float(f"0.{fraction}") if fraction else 0.0
    fields = (int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    parsed = datetime.datetime(*fields, tzinfo=offset)

    def write(seconds: float) -> str:
        moment = datetime.datetime.fromtimestamp(seconds, offset)
        text = moment.strftime(f"%Y{dash}%m{dash}%d")
        if letter is None:
            return text
        text += moment.strftime(f"{letter}%H{colon}%M")
        text += moment.strftime(f"{colon}%S") if second is not None else ""
        text += f"{point}{f'{moment.microsecond:06d}000'[: len(fraction)]}" if fraction else ""
        return f"{text}{space}{zone or ''}"

    return parsed.timestamp() + fraction_seconds, write
