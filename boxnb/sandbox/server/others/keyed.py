"""A practice server with a key in a header, below ``/keyed``: ``Authorization: SSWS KEY`` or ``x-api-key: KEY``.

The key ends if it is not used for 30 days, as Okta documents it; each use starts the 30 days again. The error for a wrong key
is Okta's; the other error codes are guesses. The listings are made up, and show the styles of paging: header ``Link``
(``users``), offset without a total (``devices``), a marker (``events``), a URL in the body (``licences``), a page number from 1
without a total (``groups``).
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..context import context_of
from .accounts import Accounts, number
from .devices import records

DAYS = 30.0
MOST = 200
"""The server returns at most this many rows, however many are asked for."""


def accounts_of(request: Request) -> Accounts:
    """Return the accounts of this server."""
    return context_of(request).others["keyed"]


def refusal(status: int, code: str, summary: str) -> JSONResponse:
    """Return an error in the format of Okta."""
    body = {"errorCode": code, "errorSummary": summary, "errorId": secrets.token_hex(8), "errorCauses": []}
    return JSONResponse(body, status)


def listing(kind: str) -> Callable[[Request], Awaitable[Response]]:
    """Return the handler for one listing."""

    async def handle(request: Request) -> Response:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        key = key if scheme == "SSWS" else request.headers.get("x-api-key", "")
        if not accounts_of(request).key_ok(key, DAYS):
            return refusal(401, "E0000011", "Invalid token provided")
        query = request.query_params
        try:
            limit = min(MOST, number(query.get("limit"), 100, 1, 10**6))
            start = number(query.get("offset") or query.get("after") or query.get("cursor"), 0, 0, 10**9)
            page = number(query.get("page"), 1, 1, 10**9)
        except ValueError:
            return refusal(400, "E0000001", "limit, page or the position is not a number in range")
        if kind == "groups":
            start = (page - 1) * limit
        rows = records(kind)
        found, following = rows[start : start + limit], start + limit
        return _page(request, kind, found, following if following < len(rows) else None, limit)

    return handle


def _page(
    request: Request, kind: str, found: list[dict[str, Any]], following: int | None, limit: int
) -> Response:
    """Return one page in the style of its listing."""
    url = f"{str(request.url).partition('?')[0]}?limit={limit}"
    if kind == "users":
        link = None if following is None else f'<{url}&after={following}>; rel="next"'
        headers = {"Link": f'<{url}>; rel="self"' + (f", {link}" if link else "")}
        return JSONResponse(found, headers=headers)
    if kind == "events":
        return JSONResponse({"results": found, "next_marker": None if following is None else str(following)})
    if kind == "licences":
        body: dict[str, Any] = {"value": found}
        return JSONResponse(
            body if following is None else {**body, "@odata.nextLink": f"{url}&after={following}"}
        )
    return JSONResponse(found)


async def nothing(request: Request) -> Response:
    """Return 404 for every other path."""
    return refusal(404, "E0000007", f"Not found: {request.url.path}")


KINDS = ("users", "devices", "events", "licences", "groups")
ROUTES = [
    *(Route(f"/keyed/api/v1/{kind}", listing(kind)) for kind in KINDS),
    Route("/keyed/{rest:path}", nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
]
