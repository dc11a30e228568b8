"""A practice device manager that behaves like Workspace ONE UEM, below ``/uem``.

From the vendor's documentation and samples: client credentials for an hour, without a refresh token; or Basic with the API key
in ``aw-tenant-code``; `page` from 0, `pagesize`, and `Total` in the response. Guesses, because no source says: the error codes,
the body of a refused client secret, the largest page, and the response of `/API/system/info`.
"""

from __future__ import annotations

import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..context import context_of, form_of
from .accounts import Accounts, basic, client_of, number, same
from .devices import phones

MOST = 500


def accounts_of(request: Request) -> Accounts:
    """Return the accounts of this server."""
    return context_of(request).others["uem"]


def refusal(status: int, code: int, message: str) -> JSONResponse:
    """Return an error in the format of Workspace ONE UEM."""
    body = {"errorCode": code, "message": message, "activityId": secrets.token_hex(8)}
    return JSONResponse(body, status)


def refused(request: Request) -> JSONResponse | None:
    """Return the response to a request without a valid sign-in, or None if it has one."""
    accounts = accounts_of(request)
    if accounts.bearer(request) is not None:
        return None
    pair = basic(request)
    if pair is None:
        return refusal(401, 1005, "User Credentials are Invalid.")
    if not same(request.headers.get("aw-tenant-code", ""), accounts.secrets["key"]):
        return refusal(401, 1013, "Invalid API key or missing header aw-tenant-code")
    if not accounts.password_ok(*pair):
        words = "The user is locked." if accounts.locked else "User Credentials are Invalid."
        return refusal(401, 1005, words)
    return None


async def token(request: Request) -> Response:
    """Handle `POST /connect/token`."""
    accounts, form = accounts_of(request), await form_of(request)
    if form.get("grant_type") != "client_credentials":
        return JSONResponse({"error": "unsupported_grant_type"}, 400)
    if not accounts.client_ok(*client_of(request, form)):
        body = {"error": "invalid_client"}
        if accounts.expired:
            body["error_description"] = "The client secret has expired"
        return JSONResponse(body, 400)
    text, _ = accounts.issue("client", accounts.lifetime)
    seconds: Any = int(accounts.lifetime) if accounts.expires_in is None else accounts.expires_in
    return JSONResponse({"access_token": text, "expires_in": seconds, "token_type": "Bearer"})


async def info(request: Request) -> Response:
    """Handle `GET /API/system/info`."""
    return refused(request) or JSONResponse({"ProductName": "Practice UEM", "ProductVersion": "24.10.0.0"})


async def devices(request: Request) -> Response:
    """Handle `GET /API/mdm/devices/search`."""
    refusal_or_none = refused(request)
    if refusal_or_none is not None:
        return refusal_or_none
    query = request.query_params
    try:
        page, size = number(query.get("page"), 0, 0, 10**9), number(query.get("pagesize"), MOST, 1, MOST)
    except ValueError:
        return refusal(400, 1006, "page or pagesize is out of range")
    rows = phones()
    found = rows[page * size : (page + 1) * size]
    if not found:
        return Response(status_code=204)  # as the vendor's samples expect for an empty page
    return JSONResponse({"Devices": found, "Page": page, "PageSize": size, "Total": len(rows)})


async def nothing(request: Request) -> Response:
    """Return 404 for every other path."""
    return refusal(404, 404, f"No resource {request.url.path}")


ROUTES = [
    Route("/uem/connect/token", token, methods=["POST"]),
    Route("/uem/API/system/info", info),
    Route("/uem/API/mdm/devices/search", devices),
    Route("/uem/{rest:path}", nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
]
