"""Property lists of older scripts: where a token and its times are, under whatever names; written back in their own forms."""

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
"""From 2000 to 2286, seconds since the epoch: a smaller number is a length of time, or nothing."""

UNITS = (1, 1000, 1_000_000, 1_000_000_000)
"""Numbers a second: JavaScript counts milliseconds, others smaller pieces."""

_TIMES = ("time", "timestamp", "date", "obtained", "issued")
_EXPIRIES = ("expir", "validuntil", "validto")
_ISO = re.compile(
    r"(\d{4})(-?)(\d\d)\2(\d\d)(?:([Tt ])(\d\d)(:?)(\d\d)(?:\7(\d\d)(?:([.,])(\d{1,9}))?)?( ?)(Z|z|UTC|GMT|[+-]\d\d:?\d\d)?)?"
)
_LOCAL_FORMS = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%Y/%m/%d %H:%M:%S", "%a %b %d %H:%M:%S %Y")

Written = tuple[float, Callable[[float], Any]]
"""A time as seconds since the epoch, and how to write another one in the same form."""


def read(raw: bytes) -> tuple[dict[str, Any], Any]:
    """Return the named values of a property list and its format, XML or binary.

    Raises
    ------
    ValueError
        It is damaged, or not a list of named values.
    """
    try:
        content = plistlib.loads(raw)
    except Exception as error:  # noqa: BLE001  plistlib raises whatever the odd place in the file makes of its code
        raise ValueError(f"not a property list ({type(error).__name__})") from None
    if not isinstance(content, dict):
        raise ValueError("not a property list with named values")
    return content, plistlib.FMT_BINARY if raw.startswith(b"bplist") else plistlib.FMT_XML


def written(content: dict[str, Any], form: Any) -> bytes:
    """Return the property list as bytes of its own format.

    Raises
    ------
    ValueError
        The format cannot hold the content.
    """
    try:
        return plistlib.dumps(content, fmt=form, sort_keys=False)
    except Exception as error:  # noqa: BLE001  as above
        raise ValueError(f"it cannot hold what has to be written ({type(error).__name__})") from None


def place_of(content: dict[str, Any]) -> dict[str, Any] | None:
    """Return the part that holds the refresh token, however deep; ``None`` where no name means one.

    Raises
    ------
    ValueError
        Several parts hold one.
    """
    found = [(part, key) for part in _parts(content) if (key := _token_key(part, "refresh")) is not None]
    full = [part for part, key in found if _text(part[key])]
    if len(full) > 1:
        raise ValueError("several refresh tokens are in it")
    return next(iter([*full, *(part for part, _ in found)]), None)


def token_in(place: dict[str, Any]) -> dict[str, Any] | None:
    """Return the pair as :meth:`boxnb.oauth.token.Token.from_json` takes it; ``None`` where the place is empty."""
    refresh, access = _token_key(place, "refresh"), _token_key(place, "access")
    if refresh is None or not (text := _text(place[refresh])):
        return None
    when = _time_key(place)
    sent = _text(place[access]) if access is not None else ""
    return {
        "access_token": sent if sent.isascii() and sent.isprintable() else "",
        "refresh_token": text,
        "obtained_at": 0.0 if when is None or (read := _moment(place[when])) is None else read[0],
        # The older script notes when, not for how long: the first call refreshes.
        "expires_in": 0.0,
    }


def put(content: dict[str, Any], token: dict[str, Any]) -> bool:
    """Put a pair where the old one is, and its times, each under its own name and in its own form.

    What is there already is left alone, and so are the times where nobody knows when the pair was got. Return whether
    anything was changed.
    """
    place = place_of(content)
    there = None if place is None else token_in(place)
    if there is not None and there["refresh_token"] == token.get("refresh_token"):
        same = there["access_token"] == token.get("access_token")
        if same or place is None or _token_key(place, "access") is None:
            return False
    own = place is None
    place = content if place is None else place
    for kind in ("refresh", "access"):
        key = _token_key(place, kind)
        if key is not None:
            value = token.get(f"{kind}_token") or ""
            place[key] = value.encode() if isinstance(place[key], bytes) else value
        elif kind == "refresh":
            place["refresh_token"] = token.get("refresh_token") or ""
    obtained = float(token.get("obtained_at") or 0.0)
    if not EARLIEST < obtained < LAST:
        return True
    before = _time_key(place)
    earlier = None if before is None else _moment(place[before])
    _put_expiry(
        place, obtained, None if earlier is None else earlier[0], float(token.get("expires_in") or 0.0)
    )
    if before is not None:
        place[before] = _utc(obtained) if earlier is None else earlier[1](obtained)
    elif (own or place is content) and "time" not in place:
        place["time"] = _utc(obtained)
    return True


def _put_expiry(place: dict[str, Any], obtained: float, earlier: float | None, lifetime: float) -> None:
    """Move an end of validity along: by what it was away from the old time, else by what the token lives."""
    for key, value in place.items():
        ends = _moment(value) if any(word in _plain(key) for word in _EXPIRIES) else None
        if ends is None:
            continue
        if earlier is not None and ends[0] > earlier:
            length = ends[0] - earlier
        elif "refresh" in _plain(key) or _token_key(place, "access") is None:
            length = REFRESH_TOKEN_LIFETIME
        else:
            length = lifetime
        place[key] = ends[1](obtained + length)


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    """The list itself and every list of named values in it, from the outside in."""
    waiting = [value]
    while waiting:
        part = waiting.pop(0)
        if isinstance(part, dict):
            yield part
        inner = part.values() if isinstance(part, dict) else part
        waiting.extend(each for each in inner if isinstance(each, dict | list))


def _plain(key: object) -> str:
    return "".join(letter for letter in str(key).lower() if letter.isalnum())


def _token_key(place: dict[str, Any], kind: str) -> str | None:
    """The key that means the token, whatever its spelling: ``Refresh Token``, ``refreshToken``, ``my_refresh_token``."""
    able = [key for key, value in place.items() if isinstance(value, str | bytes)]
    for word in (f"{kind}token", f"box{kind}token", kind, f"box{kind}"):
        for key in able:
            if _plain(key) == word:
                return key
    ending = [key for key in able if _plain(key).endswith(f"{kind}token")]
    return ending[0] if len(ending) == 1 else None


def _text(value: Any) -> str:
    """A token's text; empty for anything else."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip() if isinstance(value, str) and is_utf8(value) else ""


def _time_key(place: dict[str, Any]) -> str | None:
    """The key whose value is when the token was saved; ``Timeout`` and ``updateUrl`` only sound like it."""
    named = [
        key
        for key in place
        if any(word in _plain(key) for word in _TIMES) and not any(word in _plain(key) for word in _EXPIRIES)
    ]
    empty = (key for key in named if _plain(key).endswith(_TIMES) and place[key] in ("", 0))
    return next((key for key in named if _moment(place[key]) is not None), next(empty, None))


def _utc(seconds: float) -> datetime.datetime:
    """A time as a property list holds it: UTC without saying so, whole seconds."""
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC).replace(tzinfo=None)


def _moment(value: Any) -> Written | None:
    """Read a time of these centuries, in whatever form; ``None`` for anything else."""
    try:
        if isinstance(value, datetime.datetime):  # plists hold UTC without saying so
            found: Written | None = value.replace(tzinfo=value.tzinfo or datetime.UTC).timestamp(), _utc
        elif isinstance(value, str):
            found = _text_form(value.strip())
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found = _number_form(value)
        else:
            found = None
    except (
        ValueError,
        OverflowError,
        OSError,
        TypeError,
        IndexError,
    ):  # 31 February, the year 0, and the like
        return None
    return found if found is not None and EARLIEST < found[0] < LAST else None


def _number_form(value: float) -> Written | None:
    kind = type(value)
    for unit in UNITS:
        if EARLIEST < value / unit < LAST:
            return value / unit, lambda seconds, unit=unit: kind(seconds * unit)
    return None


def _text_form(text: str) -> Written | None:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        number = _number_form(float(text) if "." in text else int(text))
        return None if number is None else (number[0], lambda seconds: str(number[1](seconds)))
    if iso := _ISO.fullmatch(text):
        return _iso_form(iso)
    for form in _LOCAL_FORMS:
        try:
            then = datetime.datetime.strptime(text, form)  # local, as the script wrote it
        except ValueError:
            continue
        return then.timestamp(), lambda seconds, form=form: time.strftime(form, time.localtime(seconds))
    then = parsedate_to_datetime(text)
    zone = then.tzinfo or datetime.UTC
    gmt = text.endswith("GMT")
    return then.replace(tzinfo=zone).timestamp(), lambda seconds: format_datetime(
        datetime.datetime.fromtimestamp(seconds, datetime.UTC if gmt else zone), usegmt=gmt
    )


def _iso_form(found: re.Match[str]) -> Written:
    year, dash, month, day, letter, hour, colon, minute, second, point, fraction, blank, zone = found.groups()
    if zone is None:
        offset: datetime.tzinfo | None = None  # local time
    elif zone[0] in "+-":
        sign = -1 if zone[0] == "-" else 1
        offset = datetime.timezone(sign * datetime.timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:])))
    else:
        offset = datetime.UTC
    small = float(f"0.{fraction}") if fraction else 0.0
    clock = (int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    then = datetime.datetime(*clock, tzinfo=offset)

    def write(seconds: float) -> str:
        now = datetime.datetime.fromtimestamp(seconds, offset)
        text = now.strftime(f"%Y{dash}%m{dash}%d")
        if letter is None:
            return text
        text += now.strftime(f"{letter}%H{colon}%M")
        text += now.strftime(f"{colon}%S") if second is not None else ""
        text += f"{point}{f'{now.microsecond:06d}000'[: len(fraction)]}" if fraction else ""
        return f"{text}{blank}{zone or ''}"

    return then.timestamp() + small, write
