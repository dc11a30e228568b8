"""The control surface `/_sandbox/...`: for the user of this computer, never for web pages.

Every call needs the sandbox's key in ``X-Sandbox-Key``. Calls with the ``Origin`` of another site are refused.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import console_reports, server_apps
from .api.people_writes import STATUSES
from .context import ADMIN_SCOPES, SCOPES, Context, context_of, parse_json

ROLES = ("admin", "coadmin", "user")
"""The roles of a managed user (Box reference, *User (full)*)."""

Command = Callable[[Context, dict[str, Any]], Any]


def refuse(status: int, message: str) -> Response:
    """Return an error of the control surface."""
    return JSONResponse({"error": message}, status)


def command_endpoint(command: Command) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a command: check the key and the origin, parse the JSON body, return JSON. A `ValueError` becomes a 400."""

    async def run(request: Request) -> Response:
        context = context_of(request)
        key = request.headers.get("x-sandbox-key", "")
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return refuse(403, "the control surface does not accept requests from other web pages")
        if not hmac.compare_digest(key.encode(), context.key.encode()):
            return refuse(403, "the sandbox's key is missing or wrong")
        content = await request.body()
        try:
            body = parse_json(content) if content else {}
            if not isinstance(body, dict):
                raise ValueError("the body must be a JSON object")
            return JSONResponse(command(context, body))
        except (ValueError, TypeError, KeyError) as error:
            return refuse(400, f"{type(error).__name__}: {error}")

    return run


def ping(context: Context, body: dict[str, Any]) -> Any:
    """Return the instance of this sandbox, its options, and the time on its clock."""
    return {
        "instance": context.instance,
        "rotation": context.rotation,
        "now": context.clock.now(),
        "prefix": context.prefix,
        "admin": context.world.admin()["login"],
    }


def clock(context: Context, body: dict[str, Any]) -> Any:
    """Read or set the clock: `{"do": "now" | "advance" | "freeze" | "reset", "seconds"}`."""
    do = body.get("do", "now")
    if do == "advance":
        now = context.clock.advance(float(body["seconds"]))
    elif do == "freeze":
        now = context.clock.freeze()
    elif do == "reset":
        now = context.clock.reset()
    elif do == "now":
        now = context.clock.now()
    else:
        raise ValueError(f"unknown command {do!r}")
    return {"now": now, "frozen": context.clock.frozen}


def practice(context: Context, body: dict[str, Any]) -> Any:
    """Return an app that is registered from the start: `{"app": "practice" | "governance"}`, by default the practice app."""
    app = context.ready_made_app(str(body.get("app", "practice")))
    return {
        "client_id": app["client_id"],
        "client_secret": app["client_secret"],
        "redirect_uri": app["redirect_uris"][0],
    }


def register(context: Context, body: dict[str, Any]) -> Any:
    """Register a new app: `{"name", "redirect_uris", "scopes"}`, or one that signs in by itself, see `server_apps.register`."""
    if body.get("kind") == "client_credentials":
        name, _, scopes = check_app(str(body.get("name") or ""), ["http://127.0.0.1/"], body.get("scopes"))
        return server_apps.register(context, name, scopes, body)
    uris = [str(uri) for uri in body.get("redirect_uris") or []]
    return context.state.add_app(*check_app(str(body.get("name") or ""), uris, body.get("scopes")))


def check_app(name: str, uris: list[str], scopes: list[str] | None) -> tuple[str, list[str], list[str]]:
    """Check an app by the console's rules (box-facts 1.4) and return its name, URIs and scopes. Raises `ValueError`."""
    if not name.strip() or not name.isprintable():
        raise ValueError("the app's name is empty or contains control characters")
    if not uris or len(set(uris)) != len(uris):
        raise ValueError("an app needs at least one redirect URI, and each URI can be listed only once")
    for uri in uris:
        parts = urlsplit(uri)
        loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and loopback)):
            raise ValueError(f"a redirect URI must be https, or http on localhost: {uri!r}")
    requested = ADMIN_SCOPES if scopes is None else list(scopes)
    unknown = [scope for scope in requested if scope not in SCOPES]
    if unknown:
        raise ValueError(f"unknown scope {unknown[0]!r}")
    return name.strip(), uris, requested


def change_app(context: Context, body: dict[str, Any]) -> Any:
    """Change an app as in the console: `{"client_id", "scopes"?, "redirect_uris"?, "enabled"?}`.

    Existing tokens keep their scopes.
    """
    app = context.state.app(str(body["client_id"]))
    if app is None:
        raise ValueError("no app has this client ID")
    name, uris, scopes = check_app(
        app["name"], body.get("redirect_uris") or app["redirect_uris"], body.get("scopes") or app["scopes"]
    )
    context.state.run(
        "UPDATE apps SET name=?, redirect_uris=?, scopes=?, enabled=? WHERE client_id=?",
        (
            name,
            json.dumps(uris),
            json.dumps(scopes),
            int(body.get("enabled", app["enabled"])),
            app["client_id"],
        ),
    )
    return context.state.app(app["client_id"])


def authorize_app(context: Context, body: dict[str, Any]) -> Any:
    """Authorize an app as an admin: `{"client_id", "login"?}`. Raises `ValueError` if the user is not an admin."""
    return server_apps.authorize(context, str(body["client_id"]), body.get("login"))


def change_server_app(context: Context, body: dict[str, Any]) -> Any:
    """Change an app that signs in by itself: `{"client_id", "access"?, "user_tokens"?, "scopes"?, "authorized": false?}`."""
    return server_apps.change(context, str(body.pop("client_id")), body)


def change_user(context: Context, body: dict[str, Any]) -> Any:
    """Change a user's status, role or name: `{"login", "status"?, "role"?, "name"?}`."""
    user = context.world.by_login(str(body["login"]))
    if user is None:
        raise ValueError("no user has this login")
    changes: dict[str, Any] = {key: str(value) for key, value in body.items() if key != "login"}
    if not str(changes.get("name", "")).isprintable():
        raise ValueError("the name contains control characters")
    if not set(changes) <= {"status", "role", "name"}:
        raise ValueError("only status, role and name can be changed")
    for name, values in (("status", STATUSES), ("role", ROLES)):
        if changes.get(name, values[0]) not in values:
            raise ValueError(f"the {name} of a user is one of {', '.join(values)}")
    admins = [one["id"] for one in context.world.users.values() if one["role"] == "admin"]
    if admins == [user["id"]] and changes.get("role", "admin") != "admin":
        raise ValueError("an enterprise needs an admin, so its only one keeps this role")
    return context.world.change_user(user["id"], changes)


def faults(context: Context, body: dict[str, Any]) -> Any:
    """List, add or clear faults: `{"do": "list" | "add" | "clear", ...}`."""
    do = body.pop("do", "list")
    if do == "add":
        return context.faults.add(body)
    if do == "clear":
        context.faults.clear(body.get("id"))
    elif do != "list":
        raise ValueError(f"unknown command {do!r}")
    return context.faults.list()


def record(context: Context, body: dict[str, Any]) -> Any:
    """Return the recorded requests, oldest first, with secrets redacted."""
    entries = list(context.record)
    if body.get("clear"):
        context.record.clear()
    return entries


def others(context: Context, body: dict[str, Any]) -> Any:
    """Return the accounts of the practice servers, or change one: `{"name", ...}`."""
    name = body.pop("name", None)
    if name is not None:
        context.others[str(name)].change(body)
    return {
        name: {
            **accounts.secrets,
            "attempts": accounts.attempts,
            "issued": accounts.issued,
            "locked": accounts.locked,
        }
        for name, accounts in context.others.items()
    }


def stop(context: Context, body: dict[str, Any]) -> Any:
    """Stop the process."""
    context.stopping = True
    return {"stopping": True}


COMMANDS: dict[str, Command] = {
    "ping": ping,
    "clock": clock,
    "practice": practice,
    "apps": register,
    "app": change_app,
    "server-app": change_server_app,
    "authorize": authorize_app,
    "user": change_user,
    "console_reports": console_reports.run,
    "faults": faults,
    "record": record,
    "others": others,
    "stop": stop,
}
ROUTES = [
    Route(f"/_sandbox/{name}", command_endpoint(command), methods=["POST"])
    for name, command in COMMANDS.items()
]
