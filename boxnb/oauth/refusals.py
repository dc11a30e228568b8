"""Explain why a server gives a program no token: client credentials and passwords that it refuses.

A refusal of what is saved is an error of its own class, because sending it again could lock the account.
"""

from __future__ import annotations

import re

from ..errors import CredentialsRefusedError, InvalidClientError, SignInError, TokenEndpointError

ADMIN_APPS = "Admin Console, Apps, Platform Apps Manager, Server Authentication Apps"
"""Where an admin of Box authorizes an app that signs in by itself (Box guide *Platform app approval*)."""

_LOCKED = re.compile(
    r"\block(?:ed|out)?\b|\bdisabled\b|\btoo many\b|\bsuspended\b|\binactive\b", re.IGNORECASE
)
_EXPIRED = re.compile(r"\bexpired?\b|\b7000222\b", re.IGNORECASE)
_NOT_AUTHORIZED = re.compile(r"\bauthori[sz]ed by\b|\badmin|\bnot been approved\b", re.IGNORECASE)


def client_credentials_error(
    name: str, description: str, status: int, quotation: str, server: str
) -> SignInError | None:
    """Return the error for refused client credentials (RFC 6749 5.2); ``None`` if the refusal is of another kind.

    ``quotation`` is the server's own text. ``server`` is the server's name; Box has advice of its own.
    """
    is_box = server in ("Box", "sandbox")
    is_refused_grant = name == "invalid_grant" and not is_box
    if (
        name == "invalid_client"
        or is_refused_grant
        or (status == 401 and name in ("", "unauthorized", "401"))
    ):
        return _refused_client(description, quotation, is_box=is_box)
    if name == "invalid_grant" and is_box:
        message = (
            f"Box gives this app no token for the saved enterprise or user ({status} invalid_grant).{quotation} Check that "
            "ID and the app's access level, and ask an admin to authorize the app again after each change of them."
        )
    elif name == "unauthorized_client" and _NOT_AUTHORIZED.search(description):
        where = f": {ADMIN_APPS}, with the client ID" if is_box else ""
        message = (
            f"No admin has authorized this app yet ({status} unauthorized_client).{quotation} Ask an admin of your enterprise "
            f"to authorize it{where}."
        )
    elif name in ("unauthorized_client", "unsupported_grant_type"):
        kind = " 'Server Authentication (with Client Credentials Grant)'" if is_box else ""
        message = (
            f"This app cannot sign in with client credentials ({status} {name}).{quotation} Create another app that can"
            f"{f', of the type{kind}: the type of an app cannot be changed' if is_box else ''}."
        )
    elif name == "invalid_scope":
        message = (
            f"The server does not grant the saved scope ({status} invalid_scope).{quotation} Save the server again with a "
            "scope that this client has, or without one."
        )
    else:
        return None
    return TokenEndpointError(message, error=name, description=description)


def _refused_client(description: str, quotation: str, *, is_box: bool) -> InvalidClientError:
    where = "the app's Configuration tab in the Developer Console" if is_box else "the server's console"
    if _EXPIRED.search(description):
        problem, advice = "The client secret has expired", f"Make a new one in {where}, and save it."
    elif _LOCKED.search(description):
        problem, advice = "The client is disabled or locked", "Ask the server's admin to enable it."
    else:
        problem, advice = (
            "The client ID or the client secret was refused",
            f"Copy both again from {where}, and save them.",
        )
    return InvalidClientError(
        f"{problem}.{quotation} {advice}", error="invalid_client", description=description
    )


def password_refused(
    username: str, host: str, status: int, description: str, quotation: str
) -> CredentialsRefusedError:
    """Return the error for a user name and password that a server does not accept."""
    if _LOCKED.search(description):
        problem = f"{host} says that the account {username!r} is locked or disabled ({status})"
        advice = "Ask the server's admin to unlock it, then save the password again."
    elif _EXPIRED.search(description):
        problem = f"{host} says that the password of {username!r} has expired ({status})"
        advice = "Set a new one on the server, and save it."
    else:
        problem = f"{host} refused the user name or the password of {username!r} ({status})"
        advice = "Save them again."
    return CredentialsRefusedError(
        f"{problem}.{quotation} {advice}", error="credentials_refused", description=description
    )
