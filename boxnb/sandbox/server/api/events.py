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
from .call import Call, Handler, answer, integer

STREAMS = ("all", "changes", "sync", "admin_logs", "admin_logs_streaming")
MAX_EVENTS = 500


def when(call: Call, name: str) -> float | None:
    """Return a time from the query. Raises 400 if it is not one."""
    text = call.query.get(name, "")
    if not text:
        return None
    try:
        return times.parse(text.replace(" ", "+"))  # an unescaped plus sign
    except ValueError:
        raise invalid("invalid_parameter", name, f"Invalid value '{text}' for parameter '{name}'") from None


def position(call: Call) -> int | None:
    """Return `stream_position`: None for the oldest event, -1 for `now`."""
    text = call.query.get("stream_position", "")
    if text in ("", "0", "null"):
        return None
    if text == "now":
        return -1
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        message = f"Invalid value '{text}' for parameter 'stream_position'"
        raise invalid("invalid_parameter", "stream_position", message)
    return int(text)


def chunk(call: Call, events: list[Doc], following: int) -> Response:
    """Return a page of events. The position is text, because a float would round it."""
    frame = {"chunk_size": len(events), "next_stream_position": str(following), "entries": events}
    return answer(frame)


def short(limit: int, start: int) -> int:
    """Return how many rows a page has: one page in seven is short although more events follow."""
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
    least = 0 if call.query.get("stream_position") == "now" else 1
    limit = min(integer(call, "limit", 100, least), MAX_EVENTS)
    if stream.startswith("admin_logs"):
        call.need_admin("manage_enterprise_properties")
        return tenant(call, stream, limit)
    call.reads()
    return own(call, stream, limit)


def tenant(call: Call, stream: str, limit: int) -> Response:
    """Answer the two streams of the whole company."""
    now, log = call.context.clock.now(), call.context.log
    requested = position(call)
    if requested == -1:
        return chunk(call, [], log.position(now))
    kinds = {kind.strip() for kind in call.query.get("event_type", "").split(",") if kind.strip()} or None
    positioned: Iterator[tuple[int, Event]]
    if stream == "admin_logs":
        after, before = when(call, "created_after"), when(call, "created_before")
        oldest = int(max(now - ADMIN_DAYS * DAY, after or 0.0) * 1000) << SHIFT
        start = max(requested or 0, oldest)
        until = now if before is None else before
        positioned = ((event.position, event) for event in log.chronological(start, until, kinds, now))
    else:
        start = max(requested or 0, int((now - STREAMING_DAYS * DAY) * 1000) << SHIFT)
        positioned = log.arriving(start, kinds, now)
    rows = list(itertools.islice(positioned, short(limit, start)))
    following = rows[-1][0] + 1 if rows else (start if requested is None else requested)
    entries = msgspec.Raw(call.context.rendered_events.entries([event for _, event in rows]))
    frame = {"chunk_size": len(rows), "next_stream_position": str(following), "entries": entries}
    return Response(msgspec.json.encode(frame), media_type="application/json")


def own(call: Call, stream: str, limit: int) -> Response:
    """Answer the streams of one user: what they did and what happened to items they can see.

    `event_type` and times are ignored, as at Box. The sandbox marks nothing for sync, so `sync` is empty.
    """
    now, view, world = call.context.clock.now(), call.view(), call.context.world
    requested = position(call)
    if requested == -1:
        return chunk(call, [], call.context.log.position(now))
    start = max(requested or 0, int((now - USER_DAYS * DAY) * 1000) << SHIFT)
    rows: list[Doc] = []
    following = start if requested is None else requested
    kinds = set() if stream == "sync" else set(USER_NAMES)
    for event in call.context.log.since(start, kinds):
        if event.created > now or len(rows) >= limit:
            break
        name, item = USER_NAMES[event.kind], item_of(world, event)
        if item is None or not view.sees(item):
            continue
        if stream == "changes" and name in NO_CHANGES:
            continue
        following = event.position + 1
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
    return chunk(call, rows, following)


PATHS: dict[str, dict[str, Handler]] = {"/events": {"GET": events, **long_poll.PATHS["/events"]}}
