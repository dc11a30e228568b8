"""The long poll of user events: `OPTIONS /events` returns a URL that responds after the next event (box-facts 4.7)."""

from __future__ import annotations

import asyncio
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..company.state import random_text
from ..context import context_of
from ..errors import client_error
from .call import Call, Handler, respond

WAIT_SECONDS = 610


async def servers(call: Call) -> Response:
    """`OPTIONS /events`: returns the URL to poll."""
    call.need_read()
    channel = random_text(32).lower()
    call.context.channels[channel] = len(call.context.log.live)
    while len(call.context.channels) > 1000:
        call.context.channels.pop(next(iter(call.context.channels)))
    base = str(call.request.base_url).rstrip("/") + call.context.prefix
    entry = {
        "type": "realtime_server",
        "url": f"{base}/realtime/subscribe?channel={channel}&stream_type=all",
        "ttl": "10",
        "max_retries": "10",
        "retry_timeout": WAIT_SECONDS,
    }
    return respond({"chunk_size": 1, "entries": [entry]})


async def subscribe(request: Request) -> Response:
    """Return `new_change` as soon as an event is recorded after the URL was issued, or `reconnect` after 610 s."""
    context = context_of(request)
    event_count = context.channels.get(request.query_params.get("channel", ""))
    if event_count is None:
        raise client_error(404, "not_found", "Not Found")
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline and not context.stopping:
        if len(context.log.live) > event_count:
            return JSONResponse({"message": "new_change", "version": 1})
        if await request.is_disconnected():
            break
        await asyncio.sleep(0.05)
    return JSONResponse({"message": "reconnect", "version": 1})


PATHS: dict[str, dict[str, Handler]] = {"/events": {"OPTIONS": servers}}
ROUTES = [Route("/realtime/subscribe", subscribe)]
