"""A practice device manager that behaves like Jamf Pro, below ``/jamf``.

From Jamf's documentation: a bearer token for a user name and a password, which keep-alive replaces and thereby ends; client
credentials with the lifetime that the client is set to; a Classic API that does not take Basic. From the Python SDK of its
users: `page` from 0 and `page-size` up to 2000. Guesses, because no source says: the body of a refused client secret, the
codes of errors, the words for a locked account, the response of `/api/v1/auth`, and that `invalidate-token` has no body.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from ..context import context_of, form_of
from .accounts import Accounts, Token, basic, client_of, number
from .devices import computers


def accounts_of(request: Request) -> Accounts:
    """Return the accounts of this server."""
    return context_of(request).others["jamf"]


def refusal(status: int, code: str, description: str) -> JSONResponse:
    """Return an error in the format of the Jamf Pro API."""
    errors = [{"code": code, "description": description, "id": "0", "field": None}]
    return JSONResponse({"httpStatus": status, "errors": errors}, status)


def unauthorized() -> JSONResponse:
    """Return the response to a missing, expired or ended token."""
    return refusal(401, "INVALID_TOKEN", "Unauthorized")


def token_response(text: str, token: Token) -> JSONResponse:
    """Return a token with the time at which it expires, in ISO 8601 with milliseconds."""
    expires = datetime.fromtimestamp(token.expires, UTC).isoformat(timespec="milliseconds")
    return JSONResponse({"token": text, "expires": expires.replace("+00:00", "Z")})


def issue(accounts: Accounts) -> JSONResponse:
    """Issue a token for a password."""
    text, token = accounts.issue("password", accounts.password_lifetime)
    if accounts.expires_in is not None:
        return JSONResponse({"token": text, "expires": accounts.expires_in})
    return token_response(text, token)


async def log_in(request: Request) -> Response:
    """Handle `POST /api/v1/auth/token`."""
    accounts, pair = accounts_of(request), basic(request)
    if pair is None:
        return unauthorized()
    if not accounts.password_ok(*pair):
        words = "The account is locked" if accounts.locked else "Invalid credentials"
        return refusal(401, "INVALID_CREDENTIALS", words)
    return issue(accounts)


async def keep_alive(request: Request) -> Response:
    """Handle `POST /api/v1/auth/keep-alive`: a new token, and the old one ends."""
    accounts = accounts_of(request)
    found = accounts.bearer(request)
    if found is None or found[1].issued_for != "password":
        return unauthorized()
    del accounts.tokens[found[0]]
    return issue(accounts)


async def invalidate(request: Request) -> Response:
    """Handle `POST /api/v1/auth/invalidate-token`."""
    accounts = accounts_of(request)
    found = accounts.bearer(request)
    if found is None:
        return unauthorized()
    del accounts.tokens[found[0]]
    return Response(status_code=204)


async def oauth_token(request: Request) -> Response:
    """Handle `POST /api/oauth/token` (client credentials, in a form)."""
    accounts, form = accounts_of(request), await form_of(request)
    if form.get("grant_type") != "client_credentials":
        return JSONResponse({"error": "unsupported_grant_type"}, 400)
    if not accounts.client_ok(*client_of(request, form)):
        return JSONResponse({"error": "invalid_client"}, 401)
    if form.get("scope", "api-role:2") != "api-role:2":
        return JSONResponse({"error": "invalid_scope"}, 400)
    text, _ = accounts.issue("client", accounts.lifetime)
    seconds: Any = int(accounts.lifetime) if accounts.expires_in is None else accounts.expires_in
    return JSONResponse(
        {"access_token": text, "scope": "api-role:2", "token_type": "Bearer", "expires_in": seconds}
    )


async def account(request: Request) -> Response:
    """Handle `GET /api/v1/auth`."""
    accounts = accounts_of(request)
    if accounts.bearer(request) is None:
        return unauthorized()
    return JSONResponse(
        {
            "account": {
                "username": accounts.secrets["username"],
                "accessLevel": "FullAccess",
                "privilegeSet": "AUDITOR",
            }
        }
    )


async def inventory(request: Request) -> Response:
    """Handle `GET /api/v1/computers-inventory`."""
    if accounts_of(request).bearer(request) is None:
        return unauthorized()
    query = request.query_params
    try:
        page = number(query.get("page"), 0, 0, 10**9)
        size = number(query.get("page-size"), 100, 1, 2000)
    except ValueError:
        return refusal(400, "INVALID_PAGE", "page or page-size is out of range")
    rows = computers()
    return JSONResponse({"totalCount": len(rows), "results": rows[page * size : (page + 1) * size]})


async def classic(request: Request) -> Response:
    """Handle `GET /JSSResource/computers` of the Classic API: the whole list, and a 401 that looks like a wrong password."""
    if accounts_of(request).bearer(request) is None:
        return HTMLResponse(
            "<html><head><title>Status page</title></head><body><p>Unauthorized</p></body></html>", 401
        )
    rows = [{"id": int(row["id"]), "name": row["general"]["name"]} for row in computers()]
    return JSONResponse({"computers": rows})


async def nothing(request: Request) -> Response:
    """Return 404 for every other path."""
    return refusal(404, "NOT_FOUND", f"No route for {request.url.path}")


ROUTES = [
    Route("/jamf/api/v1/auth/token", log_in, methods=["POST"]),
    Route("/jamf/api/v1/auth/keep-alive", keep_alive, methods=["POST"]),
    Route("/jamf/api/v1/auth/invalidate-token", invalidate, methods=["POST"]),
    Route("/jamf/api/oauth/token", oauth_token, methods=["POST"]),
    Route("/jamf/api/v1/auth", account),
    Route("/jamf/api/v1/computers-inventory", inventory),
    Route("/jamf/JSSResource/computers", classic),
    Route("/jamf/{rest:path}", nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
]
