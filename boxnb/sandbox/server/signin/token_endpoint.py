"""The token and revoke endpoints (box-facts 1.5 to 1.9). The authorization pages are in `authorize`.

Some details are guesses, because no source says what Box does: a `redirect_uri` sent with the code is not compared; a
wrong code verifier is `invalid_grant`, and so is the refresh token of an inactive user; a refresh whose response was
lost more than an hour ago can still be repeated and returns a new pair; revoking either token revokes the whole pair.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import sqlite3
from typing import Any
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .. import server_apps
from ..company.state import random_text
from ..context import Context, context_of, form_of

CODE_SECONDS = 30
ACCESS_SECONDS = 3600
REFRESH_SECONDS = 60 * 24 * 3600
PRUNE_EVERY = 500
OTHER_GRANTS = {
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:ietf:params:oauth:grant-type:device_code",
    "password",
}
NO_STORE = {"Cache-Control": "no-store"}


class OAuthError(Exception):
    """An error response of the token endpoint: `{"error", "error_description"}` with status 400 (box-facts 1.6)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.response = JSONResponse({"error": error, "error_description": description}, 400, NO_STORE)


def equal_in_constant_time(left: str, right: str) -> bool:
    """Return whether two strings are equal, compared in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


def client_app(context: Context, request: Request, form: dict[str, str]) -> dict[str, Any]:
    """Return the calling app, identified by the form or by HTTP Basic (RFC 6749 2.3.1)."""
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic" and not client_id:
        try:
            client_id, _, secret = base64.b64decode(value).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise OAuthError("invalid_client", "The client credentials are invalid") from None
        client_id, secret = unquote_plus(client_id), unquote_plus(secret)
    app = context.state.app(client_id)
    if app is None or not equal_in_constant_time(app["client_secret"], secret):
        raise OAuthError("invalid_client", "The client credentials are invalid")
    return app


def token_response(row: sqlite3.Row, now: float) -> JSONResponse:
    """Return the 200 response with a token pair (schema AccessToken)."""
    seconds = max(0, round(row["created"] + ACCESS_SECONDS - now))
    return JSONResponse(
        {
            "access_token": row["access"],
            "expires_in": seconds,
            "restricted_to": [],
            "refresh_token": row["refresh"],
            "token_type": "bearer",
        },
        headers=NO_STORE,
    )


def mint(
    context: Context, client_id: str, user_id: str, scopes: str, parent: int | None = None
) -> sqlite3.Row:
    """Create a token pair: an access token of 32 letters and digits, and a refresh token of 64."""
    row_id = context.state.run(
        "INSERT INTO pairs (access, refresh, client_id, user_id, scopes, created, parent) VALUES (?,?,?,?,?,?,?)",
        (random_text(32), random_text(64), client_id, user_id, scopes, context.clock.now(), parent),
    )
    return context.state.required_row("SELECT * FROM pairs WHERE id=?", (row_id,))


def prune_regularly(context: Context, row_id: int) -> None:
    """Prune the state after every 500th token pair."""
    if row_id % PRUNE_EVERY == 0:
        context.state.prune()


def pkce_ok(challenge: str, verifier: str) -> bool:
    """Return whether the verifier matches the challenge (RFC 7636 4.6, S256)."""
    if not 43 <= len(verifier) <= 128 or not verifier.isascii():
        return False
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return equal_in_constant_time(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), challenge)


def exchange(context: Context, request: Request, app: dict[str, Any], form: dict[str, str]) -> Response:
    """Handle `grant_type=authorization_code`: a code works once, within 30 s, for the app it was issued to."""
    code = form.get("code")
    if not code:
        raise OAuthError("invalid_request", 'Missing parameter: "code" is required')
    with context.state:
        row = context.state.first_row("SELECT * FROM codes WHERE code=?", (code,))
        if row is None or row["client_id"] != app["client_id"] or row["used"]:
            raise OAuthError("invalid_grant", "Auth code doesn't exist or is invalid for the client")
        if context.clock.now() - row["created"] > CODE_SECONDS:
            raise OAuthError("invalid_grant", "The authorization code has expired")
        if row["challenge"] and not pkce_ok(row["challenge"], form.get("code_verifier", "")):
            # The error code is a guess.
            raise OAuthError("invalid_grant", "The code verifier does not match the code challenge")
        context.state.run("UPDATE codes SET used=1 WHERE code=?", (code,))
        pair = mint(context, app["client_id"], row["user_id"], row["scopes"])
        kind, person = "USER_AUTHENTICATE_OAUTH2_ACCESS_TOKEN_CREATE", context.world.person(row["user_id"])
        context.note(request, kind, row["user_id"], person, {"service_name": app["name"]})
    prune_regularly(context, pair["id"])
    return token_response(pair, context.clock.now())


def refresh(context: Context, app: dict[str, Any], form: dict[str, str]) -> Response:
    """Handle `grant_type=refresh_token` (box-facts 1.9).

    With the rotation `grace`, the old pair works until the new access token is first used; until then, repeating the
    refresh returns the same new pair. With `strict`, the old pair stops working immediately.
    """
    refresh_token = form.get("refresh_token")
    if not refresh_token:
        raise OAuthError("invalid_request", 'Missing parameter: "refresh_token" is required')
    now = context.clock.now()
    with context.state:
        row = context.state.first_row("SELECT * FROM pairs WHERE refresh=?", (refresh_token,))
        if row is None or row["client_id"] != app["client_id"] or row["dead"] in ("revoked", "replaced"):
            raise OAuthError("invalid_grant", "Invalid refresh token")
        user = context.world.users.get(row["user_id"])
        if row["dead"] or now - row["created"] > REFRESH_SECONDS:
            raise OAuthError("invalid_grant", "Refresh token has expired")
        if user is None or user["status"] == "inactive":
            raise OAuthError("invalid_grant", "Invalid refresh token")  # the error is a guess
        child = context.state.first_row(
            "SELECT * FROM pairs WHERE parent=? AND dead='' ORDER BY id DESC", (row["id"],)
        )
        if child is not None and now - child["created"] < ACCESS_SECONDS:
            return token_response(child, now)
        if child is not None:  # the response was lost and the pair never used; what Box does here is a guess
            context.state.run("UPDATE pairs SET dead='rotated' WHERE id=?", (child["id"],))
        pair = mint(context, app["client_id"], row["user_id"], row["scopes"], row["id"])
        if context.rotation == "strict":
            context.state.run("UPDATE pairs SET dead='replaced' WHERE id=?", (row["id"],))
    prune_regularly(context, pair["id"])
    return token_response(pair, now)


def first_use(context: Context, pair: sqlite3.Row) -> None:
    """On the first call with a new access token, invalidate every token pair that it came from."""
    with context.state:
        context.state.run("UPDATE pairs SET used=1 WHERE id=?", (pair["id"],))
        parent = pair["parent"]
        while parent is not None:
            row = context.state.first_row("SELECT id, parent FROM pairs WHERE id=?", (parent,))
            if row is None:
                break
            context.state.run("UPDATE pairs SET dead='rotated' WHERE id=? AND dead=''", (row["id"],))
            parent = row["parent"]
        context.state.run("UPDATE pairs SET parent=NULL WHERE id=?", (pair["id"],))


def for_the_app(context: Context, app: dict[str, Any], form: dict[str, str]) -> Response:
    """Handle `grant_type=client_credentials`: an access token for an hour, and no refresh token."""
    settings = server_apps.find(context, app["client_id"])
    if settings is None:
        raise OAuthError("unauthorized_client", "The grant type is unauthorized for this client_id")
    kind, subject_id = form.get("box_subject_type", ""), form.get("box_subject_id", "")
    if kind not in ("enterprise", "user") or not subject_id:
        raise OAuthError("invalid_request", "Invalid or missing box_subject_type or box_subject_id")
    if not settings["authorized"]:
        raise OAuthError("unauthorized_client", "This app is not authorized by the enterprise admin")
    user = server_apps.subject(context, settings, kind, subject_id)
    if user is None or settings["authorized"] != server_apps.configuration(context, settings):
        raise OAuthError("invalid_grant", "Grant credentials are invalid")
    with context.state:
        pair = mint(context, app["client_id"], user["id"], json.dumps(app["scopes"]))
    prune_regularly(context, pair["id"])
    fields = json.loads(bytes(token_response(pair, context.clock.now()).body))
    del fields["refresh_token"]  # the state has one, which nobody ever receives
    return JSONResponse(fields, headers=NO_STORE)


async def token(request: Request) -> Response:
    """Handle `POST /oauth2/token`."""
    context, form = context_of(request), await form_of(request)
    grant = form.get("grant_type", "")
    try:
        if grant not in {"authorization_code", "refresh_token", "client_credentials", *OTHER_GRANTS}:
            raise OAuthError("invalid_request", "Invalid grant_type parameter or parameter missing")
        app = client_app(context, request, form)
        if grant == "client_credentials":
            return for_the_app(context, app, form)
        if grant in OTHER_GRANTS or server_apps.find(context, app["client_id"]) is not None:
            raise OAuthError("unauthorized_client", "The grant type is unauthorized for this client_id")
        return (
            exchange(context, request, app, form)
            if grant == "authorization_code"
            else refresh(context, app, form)
        )
    except OAuthError as error:
        return error.response


async def revoke(request: Request) -> Response:
    """Handle `POST /oauth2/revoke` (RFC 7009, but with Box's 400 for an invalid token).

    Either token revokes the whole pair.
    """
    context, form = context_of(request), await form_of(request)
    try:
        app = client_app(context, request, form)
        sent_token = form.get("token", "")
        with context.state:
            row = context.state.first_row(
                "SELECT * FROM pairs WHERE access=? OR refresh=?", (sent_token, sent_token)
            )
            is_valid = row is not None and not row["dead"] and row["client_id"] == app["client_id"]
            if row is None or not is_valid or context.clock.now() - row["created"] > REFRESH_SECONDS:
                raise OAuthError("invalid_token", "Token is invalid or has already been revoked")
            family = [row["id"], *family_of(context, row)]
            placeholders = ",".join("?" * len(family))
            context.state.run(f"UPDATE pairs SET dead='revoked' WHERE id IN ({placeholders})", family)
        return Response(status_code=200, headers=NO_STORE)
    except OAuthError as error:
        return error.response


async def metadata(request: Request) -> Response:
    """Handle `GET /.well-known/oauth-authorization-server` (RFC 8414), as observed at Box (box-facts 1.3)."""
    context = context_of(request)
    base = str(request.base_url).rstrip("/") + context.prefix
    return JSONResponse(
        {
            "issuer": base,
            "authorization_endpoint": f"{base}/api/oauth2/authorize",
            "token_endpoint": f"{base}/oauth2/token",
            "revocation_endpoint": f"{base}/oauth2/revoke",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }
    )


def family_of(context: Context, row: sqlite3.Row) -> list[int]:
    """Return the ids of the pairs that this one came from or was refreshed to."""
    ids: list[int] = []
    pending = [row["id"]]
    while pending:
        pair_id = pending.pop()
        rows = context.state.all("SELECT id FROM pairs WHERE parent=?", (pair_id,))
        rows += context.state.all(
            "SELECT parent AS id FROM pairs WHERE id=? AND parent IS NOT NULL", (pair_id,)
        )
        for relative in rows:
            if relative["id"] not in ids and relative["id"] != row["id"]:
                ids.append(relative["id"])
                pending.append(relative["id"])
    return ids


def scopes_of(pair: sqlite3.Row) -> list[str]:
    """Return the scopes this pair was issued with."""
    scopes: list[str] = json.loads(pair["scopes"])
    return scopes
