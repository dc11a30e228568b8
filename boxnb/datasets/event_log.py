"""What happened: the enterprise's admin events, and a user's own."""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..api.arguments import choice
from ..errors import RangeError
from ..frames import schema
from ..frames.pages import Page
from .event_ranges import Span, by_ranges
from .paging import by_position, further
from .pull import Pull, pulled

if TYPE_CHECKING:
    from ..api.connection import Connection

FIRST, LAST = pd.Timestamp("0001-01-01T00:00:00Z"), pd.Timestamp("9999-12-31T23:59:59Z")
"""The times that can be written with four digits of a year; nothing happens outside."""

When = str | pd.Timestamp | datetime.datetime | pd.Timedelta | datetime.timedelta


def events(
    box: Connection,
    *,
    since: When = "7D",
    until: When | None = None,
    event_type: str | list[str] | None = None,
    stream: Literal["admin_logs", "admin_logs_streaming", "all"] = "admin_logs",
    position: str | None = None,
    as_user: str | None = None,
) -> pd.DataFrame:
    """
    Events of the enterprise, one row each.

    Calls ``GET /events`` once for every 500 events, and once more to see the end; a long range is cut in pieces asked
    for at once. Box keeps a year of ``admin_logs``, which arrive up to hours late; two weeks of
    ``admin_logs_streaming``, at once but unordered and repeated; ``all`` is the user's own stream.

    Parameters
    ----------
    box : Box
        An admin, or a co-admin who may run reports; an app with *Manage enterprise properties*.
    since, until : str, Timestamp or Timedelta
        A time (UTC unless it says otherwise), or a span back from now such as ``"7D"``, ``"12h"``. Only ``admin_logs`` has
        times, in whole seconds; the other streams give all they keep.
    event_type : str or list of str, optional
        Such as ``["LOGIN", "DOWNLOAD"]``; all unless given.
    stream : {"admin_logs", "admin_logs_streaming", "all"}
    position : str, optional
        Continue from here, whatever ``since`` and ``until`` say: ``attrs["position"]`` of an earlier frame of the same
        stream.
    as_user : str, optional

    Returns
    -------
    pandas.DataFrame
        Columns as :data:`boxnb.frames.schema.EVENTS` says (:data:`boxnb.frames.schema.USER_EVENTS` for ``all``): ``created_at`` in UTC,
        ``ip_address``, ``source_*`` what it was done to, ``additional_details`` JSON text. No ``event_id`` twice. ``created_by_id``
        ``"2"`` is anonymous. ``attrs["position"]`` is where the stream ended; of a range that ended early
        ``attrs["resume"]`` says ``since`` when to go on, with the other arguments as before.

    Raises
    ------
    RangeError
        A time that cannot be read, or ``since`` after ``until``.
    ForbiddenError
        No admin, or the scope is missing.

    Notes
    -----
    Source: https://developer.box.com/reference/get-events/
    """
    if position is not None and not re.fullmatch(r"[0-9]+|now", str(position)):
        raise RangeError(
            f"{position!r} is not a stream position (Box's stream_position). Use attrs['position'] of an earlier frame, or leave it out and give since."
        )
    choice(stream, "stream (Box's stream_type)", ("admin_logs", "admin_logs_streaming", "all"))
    types = _types(event_type)
    query: dict[str, Any] = {"stream_type": stream}
    if types:
        query["event_type"] = ",".join(types)
    ranged = stream == "admin_logs" and position is None
    shown = {**query, "position": str(position or "0")}
    if ranged:
        now = pd.Timestamp(box.session.auth.now(), unit="s", tz="UTC")
        span = Span(_time(since, now), now if until is None else _time(until, now))
        if span.begin >= span.end:
            raise RangeError(f"The range ends before it begins: {span.begin} to {span.end}.")
        shown = {**query, "since": str(span.begin), "until": str(span.end)}
    columns = schema.USER_EVENTS if stream == "all" else schema.EVENTS

    def work(pull: Pull) -> None:
        pull.tidy = _once
        if ranged:
            by_ranges(pull, query, span)
        else:
            _follow(pull, query, str(position or "0"))

    return pulled(box, "events", columns, shown, work, as_user=as_user)


def _types(given: Any) -> list[str]:
    """The event types that were asked for, of one name or of whatever holds several."""
    several = (
        [] if given is None else [given] if isinstance(given, str) or not np.iterable(given) else list(given)
    )
    if isinstance(given, Mapping | pd.DataFrame):
        several = [given]
    if odd := [each for each in several if not isinstance(each, str)]:
        raise RangeError(
            f"event_type takes names of event types, such as 'LOGIN', and not {type(odd[0]).__name__}. "
            "Leave it out for all of them."
        )
    return [each.strip() for each in several if each.strip()]


def _once(frame: pd.DataFrame) -> pd.DataFrame:
    """Each event once; column by column, for a year of events twice would be much. What has no id is no double."""
    again = (frame["event_id"].duplicated() & frame["event_id"].notna()).to_numpy()
    if again.any():
        frame = pd.DataFrame({name: pd.Series(frame.pop(name).array[~again]) for name in list(frame.columns)})
    return frame


def _follow(pull: Pull, query: dict[str, Any], position: str) -> None:
    """One stream from a position to its end."""
    pull.attrs["position"] = position

    def take(content: bytes) -> Page:
        page = pull.take(content)
        pull.attrs["position"] = further(pull.attrs["position"], page.stream_position)
        return page

    pull.follow(by_position(pull.fetch, take, "/events", position=position, **query), "position")


def _time(when: When, now: pd.Timestamp) -> pd.Timestamp:
    """A time in UTC, or a span back from now."""
    found: Any = pd.NaT
    with contextlib.suppress(ValueError, OverflowError):  # said below
        if isinstance(when, datetime.timedelta):
            found = now - when
        elif isinstance(when, str):
            found = _time_of(when, now)
        elif isinstance(when, (datetime.date, np.datetime64)):
            found = _utc(pd.Timestamp(when))
    if not isinstance(found, pd.Timestamp):
        raise RangeError(
            f"{when!r} is no time: write a date such as '2026-11-01', or a span back from now such as '7D' or '12h'."
        )
    return min(max(found, FIRST), LAST).as_unit("us")


def _time_of(text: str, now: pd.Timestamp) -> Any:
    """What pandas reads in it; it would take bare digits for nanoseconds, and fill up a date from today's."""
    if re.search(r"[A-Za-z:]", text):
        with contextlib.suppress(ValueError):
            return now - pd.Timedelta(text)
    return _utc(pd.Timestamp(text)) if re.search(r"\d{4}", text) else None


def _utc(time: pd.Timestamp) -> pd.Timestamp:
    return time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")
