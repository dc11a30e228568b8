"""The pages that a user sees: sign-in and consent at `/api/oauth2/authorize` (RFC 6749 4.1.1, box-facts 1.1 to 1.4).

Some details are guesses, because no source says what Box does: the text of `error_description` after a denial; the
pages for an unknown client ID, a missing `response_type` and a scope that the app does not have; and that a code
challenge is checked for every app.
"""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
from html import escape
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ..company.company import ENTERPRISE
from ..company.state import random_text
from ..context import PASSWORD, SCOPES, Context, context_of, form_of
from ..pages import Html, fill, page, problem
from .token_endpoint import CODE_SECONDS, equal_in_constant_time

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
MAX_LOGIN_LENGTH = 80
INCLUDED = {"root_readwrite": "root_readonly"}
"""Each scope and the narrower scope that it includes: a read-write app can request read access only (box-facts 1.10)."""


def redirect_matches(registered: str, requested: str) -> bool:
    """Return whether the URIs match exactly, or differ only in the port of a loopback host (box-facts 1.4, RFC 8252 7.3)."""
    if registered == requested:
        return True
    try:
        registered_parts, requested_parts = urlsplit(registered), urlsplit(requested)
        _ = requested_parts.port
    except ValueError:
        return False
    if registered_parts.hostname not in LOOPBACK or "@" in requested_parts.netloc or "\\" in requested:
        return False
    return (
        without_port(registered_parts) == without_port(requested_parts)
        and requested == urlunsplit(requested_parts)
        and registered_parts._replace(netloc="") == requested_parts._replace(netloc="")
    )


def without_port(parts: SplitResult) -> str:
    """Return the network location of a URI without its port."""
    return parts.netloc.rpartition(":")[0] if parts.port is not None else parts.netloc


def with_query(uri: str, **params: str) -> str:
    """Return `uri` with these parameters appended to its query."""
    parts = urlsplit(uri)
    query = "&".join(filter(None, [parts.query, urlencode(params)]))
    return urlunsplit(parts._replace(query=query))


class AuthorizationRequest:
    """A checked authorization request. If it is invalid, `.problem` is the page to show."""

    def __init__(self, context: Context, params: dict[str, str]) -> None:
        self.problem: Response | None = None
        self.state = params.get("state", "")
        self.challenge = params.get("code_challenge", "")
        self.redirect = params.get("redirect_uri", "")
        self.app: dict[str, Any] = context.state.app(params.get("client_id", "")) or {}
        self.scopes: list[str] = []
        names = ("scope", "response_type", "redirect_uri", "state", "client_id")
        fields = {name: params[name] for name in names if name in params}
        if not self.app:
            self.fail("invalid_client", "This app is not known here", "No app has this client ID.", fields)
        elif params.get("response_type") != "code":
            self.fail(
                "unsupported_response_type", "This link is incomplete", "response_type must be code.", fields
            )
        elif not self.app["enabled"]:
            self.fail(
                "app_disabled",
                "Disabled by Administrator",
                "The administrator has not enabled this app for the enterprise.",
                fields,
            )
        elif self.redirect and not any(
            redirect_matches(uri, self.redirect) for uri in self.app["redirect_uris"]
        ):
            self.fail(
                "redirect_uri_mismatch",
                "There seems to be a problem with this app",
                "The redirect URI in the link is not registered for the app. Every character must match; only the port may "
                "differ, and only for localhost and 127.0.0.1.",
                fields,
            )
        elif params.get("code_challenge_method", "S256") != "S256":
            self.fail(
                "invalid_request", "This link is incomplete", "code_challenge_method must be S256.", fields
            )
        else:
            self.fields = fields
            self.read_scopes(params.get("scope", ""), fields)

    def fail(self, code: str, heading: str, text: str, fields: dict[str, str]) -> None:
        """Set the error page to show."""
        self.problem = problem(code, heading, text, fields)

    def read_scopes(self, scope: str, fields: dict[str, str]) -> None:
        """Set the scopes to those requested, or to all of the app's. A request can only narrow them (box-facts 1.1)."""
        app_scopes: list[str] = self.app["scopes"]
        requested = list(dict.fromkeys(scope.split()))
        allowed = {*app_scopes, *(narrow for wide, narrow in INCLUDED.items() if wide in app_scopes)}
        unsupported = [name for name in requested if name not in allowed]
        if unsupported:  # the error code is Box's; the page is a guess
            self.fail(
                "invalid_scope",
                "This link requests too much",
                f'Unsupported "scope": {unsupported[0]}',
                fields,
            )
        self.scopes = requested or app_scopes

    def target(self) -> str | None:
        """Return the redirect URI, or None if several are registered and the link does not name one."""
        uris: list[str] = self.app["redirect_uris"]
        return self.redirect or (uris[0] if len(uris) == 1 else None)


def session(context: Context, request: Request) -> tuple[sqlite3.Row, bool]:
    """Return the browser session (cookie) and whether it is new."""
    sid = request.cookies.get(f"boxnb_sandbox_{context.instance}", "")
    row = context.state.first_row("SELECT * FROM sessions WHERE sid=?", (sid,)) if sid else None
    if row is not None:
        return row, False
    sid = secrets.token_urlsafe(24)
    context.state.run(
        "INSERT INTO sessions VALUES (?, ?, NULL, ?)", (sid, secrets.token_urlsafe(24), context.clock.now())
    )
    return context.state.required_row("SELECT * FROM sessions WHERE sid=?", (sid,)), True


def with_cookie(context: Context, response: Response, sid: str) -> Response:
    """Add the session cookie to the response."""
    response.set_cookie(f"boxnb_sandbox_{context.instance}", sid, httponly=True, samesite="lax", path="/")
    return response


def action(request: Request) -> str:
    """Return the target of the forms: this page, as a relative URL that works behind any path prefix."""
    return f"?{request.url.query}"


def sign_in_page(
    context: Context,
    request: Request,
    auth_request: AuthorizationRequest,
    csrf: str,
    *,
    error: str = "",
    login: str | None = None,
) -> Response:
    """Return the page on which a user signs in."""
    admin = context.world.admin()["login"]
    body = fill(
        "sign_in",
        app=auth_request.app["name"],
        company=ENTERPRISE["name"],
        error=Html(f'<p class="error" role="alert">{escape(error)}</p>') if error else Html(""),
        action=action(request),
        csrf=csrf,
        login=admin if login is None else login[:MAX_LOGIN_LENGTH],
        password=PASSWORD,
        admin=admin,
    )
    return page("Sign in", body, status=400 if error else 200)


def consent_page(
    context: Context,
    request: Request,
    auth_request: AuthorizationRequest,
    row: sqlite3.Row,
    user: dict[str, Any],
) -> Response:
    """Return the page that asks the user to grant or deny access."""
    scopes = Html(
        "\n".join(
            f"<li>{escape(SCOPES.get(name, name))} <code>{escape(name)}</code></li>"
            for name in auth_request.scopes
        )
    )
    body = fill(
        "consent",
        app=auth_request.app["name"],
        name=user["name"],
        login=user["login"],
        role=user["role"],
        company=ENTERPRISE["name"],
        scopes=scopes,
        after=explain_grant(auth_request.target()),
        action=action(request),
        csrf=row["csrf"],
    )
    return page("Grant access", body)


def explain_grant(target: str | None) -> Html:
    """Return the text that says what happens if the user grants access."""
    if target is None:
        return Html(
            "The app has several redirect URIs and this link does not name one, so the browser will stay here."
        )
    return Html(
        f"If you grant access, the browser goes to <code>{escape(target)}</code> with an authorization code. The code "
        f"works once, within {CODE_SECONDS} seconds."
    )


def signed_in_user(context: Context, row: sqlite3.Row) -> dict[str, Any] | None:
    """Return the user of this session, or None if no one is signed in or the account has since become inactive."""
    user = context.world.users.get(row["user_id"] or "")
    return None if user is None or user["status"] == "inactive" else user


async def authorize(request: Request) -> Response:
    """Show the next page (`GET`) or act on the user's decision (`POST`)."""
    context = context_of(request)
    params: dict[str, str] = {}
    for name, value in parse_qsl(request.url.query, keep_blank_values=True):
        params.setdefault(name, value)
    auth_request = AuthorizationRequest(context, params)
    if auth_request.problem is not None:
        return auth_request.problem
    row, is_new = session(context, request)
    if request.method == "POST":
        return await decide(context, request, auth_request, row, is_new)
    user = signed_in_user(context, row)
    next_page = (
        consent_page(context, request, auth_request, row, user)
        if user is not None
        else sign_in_page(context, request, auth_request, row["csrf"])
    )
    return with_cookie(context, next_page, row["sid"]) if is_new else next_page


async def decide(
    context: Context, request: Request, auth_request: AuthorizationRequest, row: sqlite3.Row, is_new: bool
) -> Response:
    """Sign in, grant, deny, or switch to another user."""
    form = await form_of(request)
    if is_new or not equal_in_constant_time(form.get("csrf", ""), row["csrf"]):
        response = problem(
            "csrf",
            "This form is out of date",
            "The form did not come from this page, or the browser is blocking cookies. Open the link again.",
            {},
        )
        response.status_code = 403
        return response
    if form.get("step") == "sign-in":
        return sign_in(context, request, auth_request, row, form)
    user = signed_in_user(context, row)
    decision = form.get("decision")
    if decision == "switch" or user is None:
        context.state.run("UPDATE sessions SET user_id=NULL WHERE sid=?", (row["sid"],))
        return sign_in_page(
            context, request, auth_request, row["csrf"], login="" if decision == "switch" else None
        )
    target = auth_request.target()
    if target is None:
        return problem(
            "redirect_uri_missing",
            "There seems to be a problem with this app",
            "The app has several redirect URIs and the link does not name one.",
            auth_request.fields,
        )
    echo = {"state": auth_request.state} if auth_request.state else {}
    if decision != "grant":
        denied = {"error": "access_denied", "error_description": "The user denied access to your application"}
        return RedirectResponse(with_query(target, **denied, **echo), 302, {"Referrer-Policy": "no-referrer"})
    code = random_text(32)
    context.state.run(
        "INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?, 0)",
        (
            code,
            auth_request.app["client_id"],
            user["id"],
            json.dumps(auth_request.scopes),
            context.clock.now(),
            auth_request.challenge or None,
        ),
    )
    headers = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    return RedirectResponse(with_query(target, code=code, **echo), 302, headers)


def sign_in(
    context: Context,
    request: Request,
    auth_request: AuthorizationRequest,
    row: sqlite3.Row,
    form: dict[str, str],
) -> Response:
    """Check the login and the password. If they are correct, continue with a new session id."""
    login = re.sub(r"\s+", " ", form.get("login", "")).strip()
    user = context.world.by_login(login)
    if user is None or not equal_in_constant_time(form.get("password", ""), PASSWORD):
        if user is not None:
            context.note(request, "FAILED_LOGIN", user["id"], context.world.person(user["id"]))
        message = "The email address or the password is wrong. Try again."
        return sign_in_page(context, request, auth_request, row["csrf"], error=message, login=login)
    if user["status"] == "inactive":
        message = "This account is inactive. Ask your admin."
        return sign_in_page(context, request, auth_request, row["csrf"], error=message, login=login)
    with context.state:  # a new session id at sign-in prevents session fixation: a planted id becomes useless
        sid, csrf = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        context.state.run("DELETE FROM sessions WHERE sid=?", (row["sid"],))
        context.state.run(
            "INSERT INTO sessions VALUES (?, ?, ?, ?)", (sid, csrf, user["id"], context.clock.now())
        )
        context.note(request, "LOGIN", user["id"], context.world.person(user["id"]))
    reload = RedirectResponse(action(request), 303, {"Cache-Control": "no-store"})
    return with_cookie(context, reload, sid)
