"""How long a server asks to wait, in words and by the clock on the wall; and saying so before a wait begins."""

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
"""Seconds of waiting from which on it is said."""


def retry_after(response: Any) -> float | None:
    """Seconds the server asks to wait (RFC 9110 10.2.3: a number or a date); ``None`` where it does not say, or not so that
    it can be read.
    """
    value = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]*)?", value, re.ASCII):
        return float(value)
    then, now = _date(value), _date(response.headers.get("Date", ""))
    if then is None:
        return None
    return max(0.0, (then - (now or datetime.datetime.now(datetime.UTC))).total_seconds())


def _date(value: str) -> datetime.datetime | None:
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def moment(seconds: float) -> datetime.datetime | None:
    """When a wait that begins now ends, in the time of this computer; ``None`` beyond what a date can hold."""
    try:
        return datetime.datetime.fromtimestamp(time.time() + seconds).astimezone()
    except (OverflowError, ValueError, OSError):
        return None


def span(seconds: float) -> str:
    """A time to wait in words: ``45 seconds``, ``10 minutes (600 seconds)``, ``3 days``."""
    if seconds < 120:
        return f"{math.ceil(seconds)} second{'s' * (math.ceil(seconds) != 1)}"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} minutes ({seconds:.0f} seconds)"
    return (
        f"{seconds / 3600:.0f} hours" if seconds < 2 * 86400 else f"{min(seconds / 86400, 99_999):.0f} days"
    )


def until(seconds: float) -> str:
    """When to come back: ``after 14:32:10``, with the date where it is another day."""
    end = moment(seconds)
    if end is None:
        return f"in {span(seconds)}"
    same_day = end.date() == datetime.datetime.fromtimestamp(time.time()).date()
    return f"after {end:%H:%M:%S}" if same_day else f"after {end:%Y-%m-%d %H:%M:%S}"


def said(seconds: float, why: str) -> str:
    """The line that is shown before a wait."""
    return f"{why}: waiting {span(seconds)}, going on {until(seconds)}. Interrupt stops it."


def announce(seconds: float, line: str) -> None:
    """Warn of a wait that begins, with a :class:`boxnb.errors.WaitNotice`, where it is long enough to look like a hang."""
    if seconds >= NOTICED:
        warnings.warn(line, WaitNotice, stacklevel=2)
