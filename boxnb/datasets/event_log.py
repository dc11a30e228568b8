"""Admin events of the enterprise, and a user's own events."""

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
from .event_ranges import EventsPull, Span, by_ranges
from .paging import by_position, later_position
from .pull import run_pull

if TYPE_CHECKING:
    from ..api.connection import Connection

FIRST, LAST = pd.Timestamp("0001-01-01T00:00:00Z"), pd.Timestamp("9999-12-31T23:59:59Z")
"""The earliest and the latest time with a four-digit year. All events lie within this range."""

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
    Pull the events of the enterprise, one row each.

    Calls ``GET /events`` once for every 500 events, and once more to find the end. A long time range is split into
    subranges that are fetched in parallel. Box keeps the events in ``admin_logs`` for a year, but they may arrive hours late.
    Those in ``admin_logs_streaming`` are kept for two weeks and arrive immediately, but out of order and possibly more than
    once. ``all`` is the user's own stream.

    Parameters
    ----------
    box : Box
        Signed in as an admin, or as a co-admin with permission to run reports, through an app with the scope *Manage
        enterprise properties*.
    since, until : str, Timestamp or Timedelta
        A time (UTC unless it has an offset), or a span back from now such as ``"7D"`` or ``"12h"``. Only ``admin_logs`` can
        be filtered by time, in whole seconds; the other streams return all their events.
    event_type : str or list of str, optional
        Such as ``["LOGIN", "DOWNLOAD"]``; all types by default.
    stream : {"admin_logs", "admin_logs_streaming", "all"}
    position : str, optional
        Resume from here, and ignore ``since`` and ``until``. Use ``attrs["position"]`` of an earlier DataFrame of the
        same stream.
    as_user : str, optional

    Returns
    -------
    pandas.DataFrame
        Columns as in :data:`boxnb.frames.schema.EVENTS` (:data:`boxnb.frames.schema.USER_EVENTS` for ``all``): ``created_at``
        is in UTC, ``source_*`` describes the object of the event, and ``additional_details`` is JSON text. Each ``event_id``
        appears once. A ``created_by_id`` of ``"2"`` means that the user was not signed in. ``attrs["position"]`` is where the
        stream ended. If the pull of a range ended early, ``attrs["resume"]`` contains the ``since`` to resume with; pass the
        other arguments unchanged.

    Raises
    ------
    RangeError
        A time cannot be read, or ``since`` is not before ``until``.
    ForbiddenError
        The user is not an admin, or the app lacks the scope.

    Notes
    -----
    Source: https://developer.box.com/reference/get-events/
    """
    if position is not None and not re.fullmatch(r"[0-9]+|now", str(position)):
        raise RangeError(
            f"{position!r} is not a stream position (Box's stream_position). Use attrs['position'] of an earlier DataFrame, or pass since instead."
        )
    choice(stream, "stream (Box's stream_type)", ("admin_logs", "admin_logs_streaming", "all"))
    types = types_of(event_type)
    query: dict[str, Any] = {"stream_type": stream}
    if types:
        query["event_type"] = ",".join(types)
    is_range = stream == "admin_logs" and position is None
    recorded_query = {**query, "position": str(position or "0")}
    if is_range:
        now = pd.Timestamp(box.session.auth.now(), unit="s", tz="UTC")
        span = Span(time_of(since, now), now if until is None else time_of(until, now))
        if span.begin >= span.end:
            raise RangeError(f"The range ends before it begins: {span.begin} to {span.end}.")
        recorded_query = {**query, "since": str(span.begin), "until": str(span.end)}
    columns = schema.USER_EVENTS if stream == "all" else schema.EVENTS

    def work(pull: EventsPull) -> None:
        if is_range:
            by_ranges(pull, query, span)
        else:
            _follow(pull, query, str(position or "0"))

    return run_pull(
        box,
        "events",
        columns,
        recorded_query,
        work,
        as_user=as_user,
        tidy=_without_duplicates,
        pull_class=EventsPull,
    )


def types_of(event_type: Any) -> list[str]:
    """Return the event types as a list, from one name or any iterable of names."""
    if event_type is None:
        names = []
    elif isinstance(event_type, str) or not np.iterable(event_type):
        names = [event_type]
    else:
        names = list(event_type)
    if isinstance(event_type, Mapping | pd.DataFrame):
        names = [event_type]
    if invalid := [name for name in names if not isinstance(name, str)]:
        raise RangeError(
            f"event_type takes names of event types, such as 'LOGIN', not {type(invalid[0]).__name__}. "
            "Leave it out for all types."
        )
    return [name.strip() for name in names if name.strip()]


def _without_duplicates(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop duplicate event ids.

    Column by column, so that a year of events is never in memory twice. Rows without an id stay.
    """
    repeated = (frame["event_id"].duplicated() & frame["event_id"].notna()).to_numpy()
    if repeated.any():
        frame = pd.DataFrame(
            {name: pd.Series(frame.pop(name).array[~repeated]) for name in list(frame.columns)}
        )
    return frame


def _follow(pull: EventsPull, query: dict[str, Any], position: str) -> None:
    """Follow one stream from a position to its end."""
    pull.attrs["position"] = position

    def take(content: bytes) -> Page:
        page = pull.take(content)
        pull.attrs["position"] = later_position(pull.attrs["position"], page.stream_position)
        return page

    pull.follow(by_position(pull.fetch, take, "/events", position=position, **query), "position")


def time_of(when: When, now: pd.Timestamp) -> pd.Timestamp:
    """Convert a time, or a span back from now, to UTC."""
    time: Any = pd.NaT
    with contextlib.suppress(ValueError, OverflowError):  # reported below
        if isinstance(when, datetime.timedelta):
            time = now - when
        elif isinstance(when, str):
            time = _parse(when, now)
        elif isinstance(when, (datetime.date, np.datetime64)):
            time = _utc(pd.Timestamp(when))
    if not isinstance(time, pd.Timestamp):
        raise RangeError(
            f"Cannot read {when!r} as a time. Use a date such as '2026-11-01', or a span back from now such as '7D' or '12h'."
        )
    return min(max(time, FIRST), LAST).as_unit("us")


def _parse(text: str, now: pd.Timestamp) -> Any:
    """Parse a span or a time with pandas; return ``None`` if it has no letters, colon or four-digit year.

    pandas would read bare digits as nanoseconds, and fill in a partial date from today's date.
    """
    if re.search(r"[A-Za-z:]", text):
        with contextlib.suppress(ValueError):
            return now - pd.Timedelta(text)
    return _utc(pd.Timestamp(text)) if re.search(r"\d{4}", text) else None


def _utc(time: pd.Timestamp) -> pd.Timestamp:
    return time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")
