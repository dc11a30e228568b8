"""Read how long a server asks boxnb to wait, describe the wait as a time span and a time of day, and announce it."""

from __future__ import annotations

import datetime
import math
import re
import time
import warnings
from email.utils import parsedate_to_datetime
from typing import Any

from ..errors import WaitNotice

NOTICED = 5.0
"""A wait of at least this many seconds is announced."""

_WAITING = ": waiting "


def retry_after(response: Any) -> float | None:
    """Return how many seconds the server asks boxnb to wait (``Retry-After``, RFC 9110 10.2.3: a number or a date).

    Return ``None`` if the header is missing or cannot be read.
    """
    value = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]*)?", value, re.ASCII):
        return float(value)
    end, now = _date(value), _date(response.headers.get("Date", ""))
    if end is None:
        return None
    return max(0.0, (end - (now or datetime.datetime.now(datetime.UTC))).total_seconds())


def _date(value: str) -> datetime.datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=datetime.UTC)


def moment(seconds: float) -> datetime.datetime | None:
    """Return the local time at which a wait that starts now will end; ``None`` if a datetime cannot represent it."""
    try:
        return datetime.datetime.fromtimestamp(time.time() + seconds).astimezone()
    except (OverflowError, ValueError, OSError):
        return None


def span(seconds: float) -> str:
    """Return a waiting time as text: ``45 seconds``, ``10 minutes (600 seconds)``, ``3 days``."""
    if seconds < 120:
        return f"{math.ceil(seconds)} second{'s' * (math.ceil(seconds) != 1)}"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} minutes ({seconds:.0f} seconds)"
    return (
        f"{seconds / 3600:.0f} hours" if seconds < 2 * 86400 else f"{min(seconds / 86400, 99_999):.0f} days"
    )


def until(seconds: float) -> str:
    """Return text that says when a wait ends: ``after 14:32:10``, with the date if it is not today."""
    end = moment(seconds)
    if end is None:
        return f"in {span(seconds)}"
    same_day = end.date() == datetime.datetime.fromtimestamp(time.time()).date()
    return f"after {end:%H:%M:%S}" if same_day else f"after {end:%Y-%m-%d %H:%M:%S}"


def wait_sentence(seconds: float, why: str) -> str:
    """Return the line that is shown before a wait."""
    return f"{why}{_WAITING}{span(seconds)}, continuing {until(seconds)}. Interrupt to stop waiting."


def reason_of(line: str) -> str:
    """Return why boxnb waits, from a line of :func:`wait_sentence`."""
    return line.partition(_WAITING)[0]


def announce(seconds: float, line: str) -> None:
    """Warn about a wait that is long enough to look like a hang, with a :class:`boxnb.errors.WaitNotice`."""
    if seconds >= NOTICED:
        warnings.warn(line, WaitNotice, stacklevel=2)
