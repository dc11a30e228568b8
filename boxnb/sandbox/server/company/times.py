"""Times: ages in the CSV files, and RFC 3339 with an offset in responses (box-facts 2.3)."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta, timezone

DAY = 86_400.0
AGE = re.compile(r"([+-])(\d+)d (\d\d):(\d\d):(\d\d)([+-]\d\d:\d\d)?")
END = 253_402_300_800.0  # end of the year 9999 in UTC; Python's datetime cannot represent later times
WINTER, SUMMER = timezone(timedelta(0)), timezone(timedelta(hours=1))


def day_of(now: float) -> float:
    """Return the last midnight UTC before `now`."""
    return now // DAY * DAY


def read(text: str, day: float) -> float:
    """Return the epoch seconds of a cell: an age such as ``-412d 09:15:07``, counted from `day`, or an RFC 3339 time.

    An age can end in an offset, as in ``-412d 09:15:07+09:00``; its time of day is then in that zone.
    Raises `ValueError` if the text is neither.
    """
    age = AGE.fullmatch(text)
    if age is None:
        return parse(text)
    sign, days, hours, minutes, seconds, offset = age.groups()
    days_away = int(days) if sign == "+" else -int(days)
    ahead = zone(offset).utcoffset(None).total_seconds() if offset else 0.0
    return day + days_away * DAY + int(hours) * 3600 + int(minutes) * 60 + int(seconds) - ahead


def zone(offset: str) -> timezone:
    """Return the zone of an offset such as ``+09:00``."""
    ahead = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    return timezone(ahead if offset[0] == "+" else -ahead)


def as_box_formats(text: str, day: float) -> str:
    """Return a cell as Box formats times.

    An age becomes a time in the zone of its offset, or in the company's zone. An RFC 3339 time stays unchanged.
    """
    age = AGE.fullmatch(text)
    if age is None:
        return text
    seconds = read(text, day)
    if age[6] is None:
        return iso(seconds)
    return datetime.fromtimestamp(int(seconds), zone(age[6])).isoformat()


def parse(text: str) -> float:
    """Return the epoch seconds of an RFC 3339 time or date. A time without an offset is UTC. Raises `ValueError`."""
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = moment.timestamp()
    if seconds < 0:
        raise ValueError(f"{text!r} is before 1970")
    if seconds >= END:
        raise ValueError(f"{text!r} is after the year 9999")
    return seconds


@functools.cache
def summer(year: int) -> tuple[float, float]:
    """Return the start and end of summer time in London: 01:00 UTC on the last Sundays of March and October."""
    ends: list[float] = []
    for month in (3, 10):
        last = datetime(year, month, 31, 1, tzinfo=UTC)
        ends.append((last - timedelta(days=(last.weekday() + 1) % 7)).timestamp())
    return ends[0], ends[1]


def iso(seconds: float) -> str:
    """Return the time as Box formats it, in the company's zone (London: +00:00 in winter, +01:00 in summer)."""
    year = 1970 + int(seconds // 31_556_952)
    start, end = summer(year)
    zone = SUMMER if start <= seconds < end else WINTER
    return datetime.fromtimestamp(int(seconds), zone).isoformat()


def iso_or_none(seconds: float | None) -> str | None:
    """Return `iso(seconds)`, or None for None."""
    return None if seconds is None else iso(seconds)
