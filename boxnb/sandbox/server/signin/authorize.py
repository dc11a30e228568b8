"""The pages a person sees: sign-in and consent at `/api/oauth2/authorize` (RFC 6749 4.1.1, box-facts 1.1 to 1.4).

Guesses, where no source says what Box does: the words of `error_description` after a denial; the pages for an unknown
client id, a missing `response_type` and a scope that the app does not have; that a challenge is checked for every app.
"""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ..company.company import ENTERPRISE
from ..company.state import random_text
from ..context import PASSWORD, SCOPES, Core, core_of, form_of
from ..pages import Html, fill, page, problem
from .token_endpoint import CODE_SECONDS, same

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
MAX_TRIES_SHOWN = 80
INCLUDED = {"root_readwrite": "root_readonly"}
"""A scope and the narrower one that it contains: who may read and write may ask to read only (box-facts 1.10)."""


def redirect_matches(registered: str, given: str) -> bool:
    """Exact match; for a loopback host any port is accepted (box-facts 1.4, RFC 8252 7.3)."""
    if registered == given:
        return True
    try:
        one, two = urlsplit(registered), urlsplit(given)
        _ = two.port
    except ValueError:
        return False
    if one.hostname not in LOOPBACK or "@" in two.netloc or "\\" in given:
        return False
    host = one.netloc.rpartition(":")[0] if one.port is not None else one.netloc
    netloc = two.netloc.rpartition(":")[0] if two.port is not None else two.netloc
    return host == netloc and given == urlunsplit(two) and one._replace(netloc="") == two._replace(netloc="")


def with_query(uri: str, **params: str) -> str:
    """`uri` with more query parameters, its own kept."""
    parts = urlsplit(uri)
    query = "&".join(filter(None, [parts.query, urlencode(params)]))
    return urlunsplit(parts._replace(query=query))


class Asked:
    """A checked authorization request, or `.problem`, the page to show instead."""

    def __init__(self, core: Core, params: dict[str, str]) -> None:
        self.problem: Response | None = None
        self.state = params.get("state", "")
        self.challenge = params.get("code_challenge", "")
        self.redirect = params.get("redirect_uri", "")
        self.app: dict[str, Any] = core.state.app(params.get("client_id", "")) or {}
        self.scopes: list[str] = []
        names = ("scope", "response_type", "redirect_uri", "state", "client_id")
        given = {name: params[name] for name in names if name in params}
        if not self.app:
            self.fail("invalid_client", "This app is not known here", "No app has this client id.", given)
        elif params.get("response_type") != "code":
            self.fail(
                "unsupported_response_type", "This link is incomplete", "response_type must be code.", given
            )
        elif not self.app["enabled"]:
            self.fail(
                "app_disabled",
                "Disabled by Administrator",
                "The administrator has not enabled this app for the enterprise.",
                given,
            )
        elif self.redirect and not any(
            redirect_matches(uri, self.redirect) for uri in self.app["redirect_uris"]
        ):
            self.fail(
                "redirect_uri_mismatch",
                "There seems to be a problem with this app",
                "The redirect URI in the link is not one of those registered for the app. They must be equal in every "
                "character; only the port is free, and only for localhost and 127.0.0.1.",
                given,
            )
        elif params.get("code_challenge_method", "S256") != "S256":
            self.fail(
                "invalid_request", "This link is incomplete", "code_challenge_method must be S256.", given
            )
        else:
            self.given = given
            self.read_scopes(params.get("scope", ""), given)

    def fail(self, code: str, heading: str, text: str, given: dict[str, str]) -> None:
        """Show the error page instead."""
        self.problem = problem(code, heading, text, given)

    def read_scopes(self, scope: str, given: dict[str, str]) -> None:
        """An omitted scope means all of the app's; a given one narrows (box-facts 1.1)."""
        own: list[str] = self.app["scopes"]
        wanted = list(dict.fromkeys(scope.split()))
        allowed = {*own, *(small for large, small in INCLUDED.items() if large in own)}
        wrong = [name for name in wanted if name not in allowed]
        if wrong:  # the page is a guess, the code is Box's
            self.fail(
                "invalid_scope", "This link asks for too much", f'Unsupported "scope": {wrong[0]}', given
            )
        self.scopes = wanted or own

    def target(self) -> str | None:
        """Where the browser goes after the decision; None when several are registered and none was named."""
        uris: list[str] = self.app["redirect_uris"]
        return self.redirect or (uris[0] if len(uris) == 1 else None)


def session(core: Core, request: Request) -> tuple[sqlite3.Row, bool]:
    """The browser session (cookie), made when there is none."""
    sid = request.cookies.get(f"boxnb_sandbox_{core.instance}", "")
    row = core.state.one("SELECT * FROM sessions WHERE sid=?", (sid,)) if sid else None
    if row is not None:
        return row, False
    sid = secrets.token_urlsafe(24)
    core.state.run(
        "INSERT INTO sessions VALUES (?, ?, NULL, ?)", (sid, secrets.token_urlsafe(24), core.clock.now())
    )
    return core.state.just("SELECT * FROM sessions WHERE sid=?", (sid,)), True


def with_cookie(core: Core, response: Response, sid: str) -> Response:
    """The response with the session cookie."""
    response.set_cookie(f"boxnb_sandbox_{core.instance}", sid, httponly=True, samesite="lax", path="/")
    return response


def action(request: Request) -> str:
    """Where the forms post to: this page itself, relative, so it works behind any path prefix."""
    return f"?{request.url.query}"


def sign_in_page(
    core: Core, request: Request, asked: Asked, csrf: str, *, error: str = "", login: str | None = None
) -> Response:
    """The page that asks who is there."""
    admin = core.world.admin()["login"]
    body = fill(
        "sign_in",
        app=asked.app["name"],
        company=ENTERPRISE["name"],
        error=Html(f'<p class="error" role="alert">{escape(error)}</p>') if error else Html(""),
        action=action(request),
        csrf=csrf,
        login=admin if login is None else login[:MAX_TRIES_SHOWN],
        password=PASSWORD,
        admin=admin,
    )
    return page("Sign in", body, status=400 if error else 200)


def consent_page(
    core: Core, request: Request, asked: Asked, row: sqlite3.Row, user: dict[str, Any]
) -> Response:
    """The page that asks whether the app may."""
    scopes = Html(
        "\n".join(
            f"<li>{escape(SCOPES.get(name, name))} <code>{escape(name)}</code></li>" for name in asked.scopes
        )
    )
    body = fill(
        "consent",
        app=asked.app["name"],
        name=user["name"],
        login=user["login"],
        role=user["role"],
        company=ENTERPRISE["name"],
        scopes=scopes,
        after=after_grant(asked.target()),
        action=action(request),
        csrf=row["csrf"],
    )
    return page("Grant access", body)


def after_grant(target: str | None) -> Html:
    """What a grant will do."""
    if target is None:
        return Html(
            "The app has several redirect URIs and this link names none, so the browser will stay here."
        )
    return Html(
        f"If you grant this, the browser goes to <code>{escape(target)}</code> with a code that is good once, for "
        f"{CODE_SECONDS} seconds."
    )


def signed_in_user(core: Core, row: sqlite3.Row) -> dict[str, Any] | None:
    """The person of this session, unless suspended since."""
    user = core.world.users.get(row["user_id"] or "")
    return None if user is None or user["status"] == "inactive" else user


async def authorize(request: Request) -> Response:
    """`GET` shows the page that is due, `POST` takes the answer."""
    core = core_of(request)
    params: dict[str, str] = {}
    for name, value in parse_qsl(request.url.query, keep_blank_values=True):
        params.setdefault(name, value)
    asked = Asked(core, params)
    if asked.problem is not None:
        return asked.problem
    row, new = session(core, request)
    if request.method == "POST":
        return await decide(core, request, asked, row, new)
    user = signed_in_user(core, row)
    shown = (
        consent_page(core, request, asked, row, user)
        if user is not None
        else sign_in_page(core, request, asked, row["csrf"])
    )
    return with_cookie(core, shown, row["sid"]) if new else shown


async def decide(core: Core, request: Request, asked: Asked, row: sqlite3.Row, new: bool) -> Response:
    """Sign in, grant, deny, or change the person."""
    form = await form_of(request)
    if new or not same(form.get("csrf", ""), row["csrf"]):
        response = problem(
            "csrf",
            "This form is out of date",
            "The form did not come from this page, or cookies are blocked. Open the link again.",
            {},
        )
        response.status_code = 403
        return response
    if form.get("step") == "sign-in":
        return sign_in(core, request, asked, row, form)
    user = signed_in_user(core, row)
    decision = form.get("decision")
    if decision == "switch" or user is None:
        core.state.run("UPDATE sessions SET user_id=NULL WHERE sid=?", (row["sid"],))
        return sign_in_page(core, request, asked, row["csrf"], login="" if decision == "switch" else None)
    target = asked.target()
    if target is None:
        return problem(
            "redirect_uri_missing",
            "There seems to be a problem with this app",
            "The app has several redirect URIs and the link names none of them.",
            asked.given,
        )
    echo = {"state": asked.state} if asked.state else {}
    if decision != "grant":
        denied = {"error": "access_denied", "error_description": "The user denied access to your application"}
        return RedirectResponse(with_query(target, **denied, **echo), 302, {"Referrer-Policy": "no-referrer"})
    code = random_text(32)
    core.state.run(
        "INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?, 0)",
        (
            code,
            asked.app["client_id"],
            user["id"],
            json.dumps(asked.scopes),
            core.clock.now(),
            asked.challenge or None,
        ),
    )
    headers = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    return RedirectResponse(with_query(target, code=code, **echo), 302, headers)


def sign_in(core: Core, request: Request, asked: Asked, row: sqlite3.Row, form: dict[str, str]) -> Response:
    """Check login and password; a new session id when they fit."""
    login = re.sub(r"\s+", " ", form.get("login", "")).strip()
    user = core.world.by_login(login)
    if user is None or not same(form.get("password", ""), PASSWORD):
        if user is not None:
            core.note(request, "FAILED_LOGIN", user["id"], core.world.person(user["id"]))
        text = "This email address and password do not fit together. Try again."
        return sign_in_page(core, request, asked, row["csrf"], error=text, login=login)
    if user["status"] == "inactive":
        text = "This account is inactive. Ask the administrator."
        return sign_in_page(core, request, asked, row["csrf"], error=text, login=login)
    with core.state:  # a new session id at sign-in, so a planted one is worth nothing
        sid, csrf = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        core.state.run("DELETE FROM sessions WHERE sid=?", (row["sid"],))
        core.state.run("INSERT INTO sessions VALUES (?, ?, ?, ?)", (sid, csrf, user["id"], core.clock.now()))
        core.note(request, "LOGIN", user["id"], core.world.person(user["id"]))
    back = RedirectResponse(action(request), 303, {"Cache-Control": "no-store"})
    return with_cookie(core, back, sid)
