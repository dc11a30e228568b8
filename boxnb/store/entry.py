"""The secrets of a profile as a backend saves them: one JSON object, checked each time it is read."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from ..errors import TokenStoreError
from ..oauth.token import Token
from ..secret import Secret, is_utf8
from .mail_settings import MailSettings

Secrets = dict[str, Any]


def pop_secrets(content: dict[str, Any]) -> Secrets:
    """Remove the secrets from the content of a profile's file, and return them.

    ``generation`` says which of two entries is newer. ``written`` is different in each write, so two backends that
    return the same one are the same storage.
    """
    popped = {name: content.pop(name) for name in ("token", "mail")}
    popped["client_secret"] = content["client"].pop("client_secret")
    if "secrets" in content:
        popped["secrets"] = content.pop("secrets")
    return {**popped, "generation": content["generation"], "written": secrets.token_hex(8)}


def decode(text: str | bytes, file: Path, source: str) -> Secrets:
    """Return the secrets that a backend saved as JSON.

    Raises
    ------
    TokenStoreError
        The text is not what boxnb saved. The message starts with ``source``.
    """
    try:
        saved: Secrets = json.loads(text)
        _check(saved)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        # "from None", because the message of the original error may quote the token.
        raise TokenStoreError(f"{source} is not what boxnb saved. Sign in again.", file) from None
    return saved


def _check(saved: Secrets) -> None:
    if saved.get("token") is not None:
        Token.from_json(saved["token"])
    if saved.get("mail"):
        MailSettings.from_json(saved["mail"])
    if not is_utf8(saved.get("client_secret", "")):
        raise ValueError("the client secret cannot be sent")
    for value in saved.get("secrets", {}).values():
        Secret(value)


def generation(saved: Secrets) -> int:
    """Return how many times the token pair had been replaced when these secrets were saved; 0 if unknown."""
    number = saved.get("generation")
    return number if isinstance(number, int) else 0


def is_outdated(saved: Secrets, content: dict[str, Any]) -> bool:
    """Return whether the profile's file says that this refresh token has been spent.

    A save writes the entry before the file, so an entry that is older than the file is out of date.
    """
    spent = content.get("spent")
    refresh_token = (saved.get("token") or {}).get("refresh_token")
    if not refresh_token or not isinstance(spent, list):
        return False
    return generation(saved) < generation(content) and Secret(refresh_token.strip()).digest in spent


def is_same_sign_in(saved: Secrets, other: Secrets | None) -> bool:
    """Return whether two entries have the same secrets and the same token pair."""
    return other is not None and all(
        saved.get(name) == other.get(name) for name in ("client_secret", "token", "secrets")
    )
