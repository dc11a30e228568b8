"""`/events` (box-facts 3.4, 4.7)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec
from starlette.responses import Response

from ..company import times
from ..company.event_log import (
    ADMIN_DAYS,
    NO_CHANGES,
    SHIFT,
    STREAMING_DAYS,
    USER_DAYS,
    USER_NAMES,
    Event,
    identity,
    item_of,
)
from ..company.past_year import hash_of
from ..company.people import Doc
from ..company.times import DAY, iso
from ..errors import invalid
from . import long_poll
from .call import Call, Handler, integer, respond

STREAMS = ("all", "changes", "sync", "admin_logs", "admin_logs_streaming")
MAX_EVENTS = 500


def query_time(call: Call, name: str) -> float | None:
    """Return a time from the query. Raises 400 if the value is not a time."""
    value = call.query.get(name, "")
    if not value:
        return None
    try:
        return times.parse(value.replace(" ", "+"))  # an unescaped plus sign
    except ValueError:
        raise invalid("invalid_parameter", name, f"Invalid value '{value}' for parameter '{name}'") from None


def position(call: Call) -> int | None:
    """Return `stream_position` from the query: None for the oldest event, -1 for `now`."""
    value = call.query.get("stream_position", "")
    if value in ("", "0", "null"):
        return None
    if value == "now":
        return -1
    if not (value.isascii() and value.isdigit() and len(value) < 20):
        message = f"Invalid value '{value}' for parameter 'stream_position'"
        raise invalid("invalid_parameter", "stream_position", message)
    return int(value)


def event_page(call: Call, events: list[Doc], next_position: int) -> Response:
    """Return a page of events. The position is a string, because a float would round it."""
    body = {"chunk_size": len(events), "next_stream_position": str(next_position), "entries": events}
    return respond(body)


def page_length(limit: int, start: int) -> int:
    """Return how many rows a page has. One page in seven is short, even though more events follow."""
    number = hash_of(f"page {start}")
    return max(1, limit - number % max(1, limit // 3)) if number % 7 == 0 else limit


async def events(call: Call) -> Response:
    """`GET /events`."""
    stream = call.query.get("stream_type") or "all"
    if stream not in STREAMS:
        raise invalid(
            "invalid_parameter", "stream_type", f"Invalid value '{stream}' for parameter 'stream_type'"
        )
    # Box's older SDK requests the latest position with limit=0 (boxsdk 1 to 4, get_latest_stream_position).
    minimum = 0 if call.query.get("stream_position") == "now" else 1
    limit = min(integer(call, "limit", 100, minimum), MAX_EVENTS)
    if stream.startswith("admin_logs"):
        call.need_admin("manage_enterprise_properties")
        return enterprise_events(call, stream, limit)
    call.need_read()
    return user_events(call, stream, limit)


def enterprise_events(call: Call, stream: str, limit: int) -> Response:
    """Return a page of one of the enterprise's two streams."""
    now, log = call.context.clock.now(), call.context.log
    requested_position = position(call)
    if requested_position == -1:
        return event_page(call, [], log.position(now))
    kinds = {kind.strip() for kind in call.query.get("event_type", "").split(",") if kind.strip()} or None
    positioned: Iterator[tuple[int, Event]]
    if stream == "admin_logs":
        after, before = query_time(call, "created_after"), query_time(call, "created_before")
        oldest = int(max(now - ADMIN_DAYS * DAY, after or 0.0) * 1000) << SHIFT
        start = max(requested_position or 0, oldest)
        until = now if before is None else before
        positioned = ((event.position, event) for event in log.chronological(start, until, kinds, now))
    else:
        start = max(requested_position or 0, int((now - STREAMING_DAYS * DAY) * 1000) << SHIFT)
        positioned = log.arriving(start, kinds, now)
    rows = list(itertools.islice(positioned, page_length(limit, start)))
    next_position = rows[-1][0] + 1 if rows else (start if requested_position is None else requested_position)
    entries = msgspec.Raw(call.context.rendered_events.entries([event for _, event in rows]))
    body = {"chunk_size": len(rows), "next_stream_position": str(next_position), "entries": entries}
    return Response(msgspec.json.encode(body), media_type="application/json")


def user_events(call: Call, stream: str, limit: int) -> Response:
    """Return a page of one user's stream: what they did, and what happened to items that they can see.

    `event_type` and the times in the query are ignored, as in Box. The sandbox does not mark items for sync, so the
    stream `sync` is empty.
    """
    now, view, world = call.context.clock.now(), call.view(), call.context.world
    requested_position = position(call)
    if requested_position == -1:
        return event_page(call, [], call.context.log.position(now))
    start = max(requested_position or 0, int((now - USER_DAYS * DAY) * 1000) << SHIFT)
    rows: list[Doc] = []
    next_position = start if requested_position is None else requested_position
    kinds = set() if stream == "sync" else set(USER_NAMES)
    for event in call.context.log.since(start, kinds):
        if event.created > now or len(rows) >= limit:
            break
        name, item = USER_NAMES[event.kind], item_of(world, event)
        if item is None or not view.sees(item):
            continue
        if stream == "changes" and name in NO_CHANGES:
            continue
        next_position = event.position + 1
        rows.append(
            {
                "type": "event",
                "event_id": identity(event),
                "event_type": name,
                "created_at": iso(event.created),
                "recorded_at": iso(event.created),
                "created_by": world.person(event.actor),
                "session_id": None,
                "source": view.item(item, None),
            }
        )
    return event_page(call, rows, next_position)


PATHS: dict[str, dict[str, Handler]] = {"/events": {"GET": events, **long_poll.PATHS["/events"]}}
