"""Apps that sign in by themselves, with client credentials (Box guide *Client Credentials Grant*), and their authorization.

An app gets tokens only after an admin has authorized it, and again after each change of its scopes or its access level. The
authorization creates a service account, a user of its own that has no content. Some details are guesses, because no source
says what Box does: the service account has the role of an admin, and appears in the list of users.
"""

from __future__ import annotations

import json
from typing import Any

from .company.people import ENTERPRISE, Doc, new_user
from .company.times import iso
from .context import Context

ACCESS = ("app", "enterprise")
"""The access levels: app users and the service account only, or managed users as well."""


def register(context: Context, name: str, scopes: list[str], settings: Doc) -> Doc:
    """Register an app with its `access` and `user_tokens` (*Generate User Access Tokens*), and return it."""
    access = str(settings.get("access", "enterprise"))
    if access not in ACCESS:
        raise ValueError(f"unknown access level {access!r}")
    app = context.state.add_app(name, [], scopes)
    context.state.run(
        "INSERT INTO server_apps (client_id, access, user_tokens) VALUES (?, ?, ?)",
        (app["client_id"], access, int(bool(settings.get("user_tokens", True)))),
    )
    return {**app, "enterprise_id": ENTERPRISE["id"]}


def find(context: Context, client_id: str) -> Doc | None:
    """Return the settings of an app that signs in by itself, or None for any other app."""
    row = context.state.first_row("SELECT * FROM server_apps WHERE client_id=?", (client_id,))
    return None if row is None else dict(row)


def configuration(context: Context, settings: Doc) -> str:
    """Return what an admin authorizes: the scopes and the access level."""
    app = context.state.required_app(settings["client_id"])
    return json.dumps([app["scopes"], settings["access"], settings["user_tokens"]])


def authorize(context: Context, client_id: str, login: Any = None) -> Doc:
    """Authorize the app as it is configured now, as an admin, and create its service account."""
    settings = find(context, client_id)
    if settings is None:
        raise ValueError("no app that signs in by itself has this client ID")
    admin = context.world.admin() if login is None else context.world.by_login(str(login))
    if admin is None or admin["role"] != "admin":
        raise ValueError("only an admin can authorize an app")
    user_id = settings["service_user"]
    if not user_id:
        user_id = context.state.next_id()
        login_of_app = f"AutomationUser_{user_id}@boxdevedition.example"
        user = new_user(user_id, login_of_app, iso(context.clock.now()))
        name = context.state.required_app(client_id)["name"]
        context.world.save_user({**user, "name": name, "role": "admin"})
    context.state.run(
        "UPDATE server_apps SET authorized=?, service_user=? WHERE client_id=?",
        (configuration(context, settings), user_id, client_id),
    )
    return {"service_user": user_id, "enterprise_id": ENTERPRISE["id"]}


def change(context: Context, client_id: str, changes: Doc) -> Doc:
    """Change an app's `access`, `user_tokens`, `scopes` or `client_secret`, or withdraw its authorization."""
    settings = find(context, client_id)
    if settings is None:
        raise ValueError("no app that signs in by itself has this client ID")
    for name, value in changes.items():
        if name == "access" and value in ACCESS:
            context.state.run("UPDATE server_apps SET access=? WHERE client_id=?", (value, client_id))
        elif name == "user_tokens":
            context.state.run(
                "UPDATE server_apps SET user_tokens=? WHERE client_id=?", (int(value), client_id)
            )
        elif name == "authorized" and value is False:
            context.state.run("UPDATE server_apps SET authorized='' WHERE client_id=?", (client_id,))
            context.state.run("UPDATE pairs SET dead='revoked' WHERE client_id=?", (client_id,))
        elif name == "scopes":
            context.state.run("UPDATE apps SET scopes=? WHERE client_id=?", (json.dumps(value), client_id))
        elif name == "client_secret":
            context.state.run("UPDATE apps SET client_secret=? WHERE client_id=?", (str(value), client_id))
            context.state.run("UPDATE pairs SET dead='revoked' WHERE client_id=?", (client_id,))
        else:
            raise ValueError(f"unknown setting {name!r}")
    return {**context.state.required_app(client_id), **(find(context, client_id) or {})}


def subject(context: Context, settings: Doc, kind: str, subject_id: str) -> Doc | None:
    """Return the user that a token is for, or None if the app may not have one for this subject."""
    if kind == "enterprise":
        return context.world.users.get(settings["service_user"]) if subject_id == ENTERPRISE["id"] else None
    user = context.world.users.get(subject_id) if kind == "user" else None
    if user is None or user["status"] == "inactive" or not settings["user_tokens"]:
        return None
    allowed = settings["access"] == "enterprise" or user["is_platform_access_only"]
    return user if allowed or user["id"] == settings["service_user"] else None
