"""The error that fits a refusal of the API: what it means, Box's own reason, and what helps."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests

from ..errors import (
    AccessTokenRejectedError,
    ApiError,
    BoxUnavailableError,
    ForbiddenError,
    NotFoundError,
    RateLimitError,
)
from ..oauth.failures import capitalized, display_name
from ..redaction import one_line, redact
from ..transport.network_trouble import proxy_wants_password
from ..transport.waits import moment, retry_after, span, until

SCOPES = (
    ("/users/me", None),
    ("/users/:id/memberships", "manage_groups"),
    ("/users", "manage_managed_users"),
    ("/groups", "manage_groups"),
    ("/events?stream_type=admin", "manage_enterprise_properties"),
    ("/enterprises", "manage_enterprise_properties"),
    ("/folders", "root_readonly"),
    ("/files", "root_readonly"),
    ("/search", "root_readonly"),
)
"""The scope a successful call of an address proves (Box guide *Scopes*); the first that fits counts."""

CONSOLE = {
    "manage_managed_users": "'Manage users'",
    "manage_groups": "'Manage groups'",
    "manage_enterprise_properties": "'Manage enterprise properties'",
    "root_readonly": "'Read all files and folders'",
}
"""What the Developer Console calls them (same guide)."""

READS = {"GET", "HEAD", "OPTIONS"}

_ADMIN = "Ask your admin."
_MEANINGS = {
    "terms_of_service_required": (
        "This user has not accepted the terms of service yet",
        "Sign in to {box} in the browser, accept them, then run this again.",
    ),
    "password_reset_required": (
        "This user has to set a new password first",
        "Sign in to {box} in the browser, set it, then run this again.",
    ),
    "user_email_confirmation_required": (
        "This user has not confirmed the e-mail address yet",
        "Follow the link in {box}'s mail, then run this again.",
    ),
    "invalid_grant": ("The sign-in is no longer valid", "Sign in again."),
    "access_denied_item_locked": ("The item is locked", "Have it unlocked, then run this again."),
    "access_from_location_blocked": (
        "The enterprise blocks access from this network",
        "Use a network that it allows, or ask your admin.",
    ),
    "file_size_limit_exceeded": (
        "The file is larger than this account may upload",
        "Split it, or ask your admin for a higher limit.",
    ),
    "forbidden_by_policy": ("A security policy of the enterprise forbids this", _ADMIN),
    "incorrect_shared_item_password": (
        "The shared link wants a password, and this was not it",
        "Give the link's password.",
    ),
    "storage_limit_exceeded": (
        "The storage of the account is full",
        "Free space there, or ask your admin for more.",
    ),
    "cors_origin_not_whitelisted": (
        "The app does not allow the web page that asks",
        "Add the page's origin to the app's CORS domains.",
    ),
    "access_denied_insufficient_permissions": (
        "This user may not do that",
        "Sign in as a person who may, such as an admin or co-admin, or have the permission granted.",
    ),
    "trashed": ("The item is in the trash", "Restore it first."),
    "not_trashed": ("The item is not in the trash", ""),
    "preview_cannot_be_generated": ("{box} cannot make a preview of this file", ""),
    "item_name_in_use": ("Something there has that name already", "Choose another name."),
    "name_temporarily_reserved": (
        "Another upload is using that name at the moment",
        "Run this again in a minute.",
    ),
    "operation_blocked_temporary": (
        "Another operation on the item is still running",
        "Run this again in a minute.",
    ),
    "user_login_already_used": ("Another user has that login already", "Choose another login."),
    "session_expired": ("The upload session has ended", "Start the upload again."),
    "invalid_upload_session_id": ("The upload session does not exist any more", "Start the upload again."),
    "upload_failed": ("The upload failed at {box}", "Start it again."),
}
"""Codes whose meaning and remedy are known (Box guide *Common errors*)."""

_STATUSES = {
    400: ("{box} refused the call", ""),
    403: ("This was refused, and whether the user or the app lacks a right is not said", _ADMIN),
    405: ("{box} does not offer this method there, or the id in the path is malformed", "Check both."),
    409: ("This clashes with what {box} has already", ""),
    410: ("What was asked for is gone for good", "Start again from the beginning."),
    411: ("{box} wants to know the length beforehand", ""),
    412: ("The item was changed meanwhile", "Read it again, then repeat the change."),
    413: ("What was sent is larger than {box} takes", "Send less at a time."),
    415: ("{box} does not take content of that type there", ""),
    416: ("The part lies outside what was announced", "Start the upload again."),
    423: ("The item is locked", "Have it unlocked, then run this again."),
}
"""What a status means where the code says nothing more."""


class Asked(NamedTuple):
    """What a session knows of a call when its answer comes: whom it asked, how often, how long it waited in between."""

    server: str
    attempts: int
    waited: float


def note(response: requests.Response, asked: Asked) -> None:
    """Keep with an answer what :func:`api_error` says of the call."""
    vars(response)["asked"] = asked  # requests has no place for it


def endpoint(address: str) -> str:
    """The path with ids blanked, so that calls of one kind can be counted together; nothing that carries its own right."""
    path = urlsplit(address).path
    if path.startswith(("/d/", "/dl/")):
        return "/download"
    return re.sub(r"/\d+(?=/|$)|(?<=/upload_sessions)/[^/]+", "/:id", path)


def scope_of(address: str) -> str | None:
    """The scope a call of an address needs, where one is known."""
    path, _, query = address.partition("?")
    asked = endpoint(path) + (f"?{query}" if query else "")
    return next((scope for start, scope in SCOPES if f"/2.0{start}" in asked), None)


def api_error(response: requests.Response) -> ApiError:
    """The error that fits an answer of the API, from its body, else from ``WWW-Authenticate``."""
    asked = vars(response).get("asked")
    server = asked.server if asked else (urlsplit(response.url).hostname or "")
    box, status = display_name(server), response.status_code
    body = _error_body(response)
    challenge = response.headers.get("WWW-Authenticate", "")
    named = re.search(r'error="([^"]*)"', challenge)
    # Whoever refuses may repeat what was sent, in any field.
    code = redact(str(body.get("code") or body.get("error") or (named.group(1) if named else "")))
    facts: dict[str, Any] = {
        "status": status,
        "code": code,
        "request_id": redact(str(body.get("request_id") or response.headers.get("box-request-id") or "")),
        "help_url": redact(str(body.get("help_url") or "")),
    }
    trace = f" (request id {one_line(facts['request_id'], 60)})" if facts["request_id"] else ""
    said = f"{status} {one_line(code, 60)}".strip() + f" for {one_line(endpoint(response.url), 120)}"
    reason = _reason(body, challenge, code, status)

    def sentence(what: str, advice: str = "", words: str = reason) -> str:
        text = f"{what}: {said}{trace}. {words} {advice}".replace("{box}", box)
        return capitalized(" ".join(text.split()))

    if status == 407:
        return ApiError(f"{proxy_wants_password(response.url)} {said}.", **facts)
    if status == 429:
        return _limited(response, asked, sentence, facts)
    if status == 501:
        return ApiError(sentence("Not offered there"), **facts)
    if status < 400 or (not body and (status >= 500 or _is_a_page(response))):
        kind = one_line(response.headers.get("Content-Type", "no content type").split(";")[0], 60)
        said = f"{said}, {kind}"
        again = _again(asked) if status >= 500 else ""
        return BoxUnavailableError(
            sentence(
                "No usable answer",
                f"{again}Try again in a minute; if it stays, check the address, and whether a company proxy answers in {{box}}'s place.",
            ),
            **facts,
        )
    if status >= 500:
        end = "look at status.box.com." if server == "Box" else "ask whoever runs {box}."
        return BoxUnavailableError(
            sentence("No usable answer", f"{_again(asked)}Try again in a minute; if it stays, {end}"), **facts
        )
    if status == 401:
        tried = " even after a refresh" if response.history else ""
        return AccessTokenRejectedError(
            sentence(f"The access token was refused{tried}", "Sign in again."), **facts
        )
    what, advice = _MEANINGS.get(code) or _STATUSES.get(status, _STATUSES[400])
    if status == 404 and code not in _MEANINGS:
        own = " Box answers 404 to an admin, too, for content the admin does not share."
        return NotFoundError(
            sentence(
                "It does not exist or this user may not see it", own if server in ("Box", "sandbox") else ""
            ),
            **facts,
        )
    if status == 403 and code == "insufficient_scope":
        what = "The app lacks a scope"
        advice = f"Tick {_console_name(response)} in the Developer Console, then sign in again, for a token keeps the scopes it was made with."
        if server not in ("Box", "sandbox"):
            advice = "Ask whoever registered the app at {box} to add it, then sign in again."
    elif status == 403 and code not in _OWN_CAUSE and "As-User" in response.request.headers:
        what = "This was refused in another person's name"
        if server not in ("Box", "sandbox"):
            return ForbiddenError(
                sentence(what, "Ask your admin whether this user may look as others."), **facts
            )
        advice = (
            "Looking as others takes an admin or co-admin, and 'Make API calls using the as-user header' ticked in the "
            "Developer Console; then sign in again."
        )
    kind_of = {403: ForbiddenError, 404: NotFoundError}.get(status, ApiError)
    return kind_of(sentence(what, advice), **facts)


_OWN_CAUSE = set(_MEANINGS) - {"access_denied_insufficient_permissions"}
"""Codes that say more than that a right is missing."""


def _limited(
    response: requests.Response, asked: Asked | None, sentence: Any, facts: dict[str, Any]
) -> RateLimitError:
    """A 429: how long to wait, and how often it was tried."""
    wait = retry_after(response)
    tried = f", {asked.attempts} times within {span(asked.waited)}" if asked and asked.attempts > 1 else ""
    if wait:
        advice = f"It asks to wait {span(wait)}: run this again {until(wait)}."
    else:
        advice = "Run this again in a minute."
    limited = RateLimitError(sentence(f"{{box}}'s rate limit refused the call{tried}", advice), **facts)
    limited.retry_after = wait
    limited.until = None if wait is None else moment(wait)
    return limited


def _again(asked: Asked | None) -> str:
    return f"It was asked {asked.attempts} times. " if asked and asked.attempts > 1 else ""


def _is_a_page(response: requests.Response) -> bool:
    """Whether an answer has a body of its own that is not the API's."""
    return bool(_content(response).strip())


def _reason(body: dict[str, Any], challenge: str, code: str, status: int) -> str:
    """Box's own reason, one line: what is wrong with which parameter, else the message (Box guide *Handling errors*)."""
    context = body.get("context_info")
    context = context if isinstance(context, dict) else {}
    errors = context.get("errors") or body.get("errors") or []
    errors = errors if isinstance(errors, list) else [errors]
    details = list(dict.fromkeys(filter(None, (_detail(each, code) for each in errors))))
    if len(details) > 3:
        details[3:] = [f"and {len(details) - 3} more"]
    described = re.search(r'error_description="([^"]*)"', challenge)
    message = one_line(
        body.get("message") or body.get("error_description") or (described.group(1) if described else "")
    ).rstrip(" .")
    if details and _bare(message) in (_bare(_phrase(status)), _bare(code)):
        message = ""
    words = [each for each in (message, *details, _conflicts(context.get("conflicts"))) if each]
    return one_line("; ".join(words), 400) + "." if words else ""


def _detail(error: object, code: str) -> str:
    """One entry of ``context_info.errors``: ``type: 'fil' is not a type (invalid_parameter)``."""
    if not isinstance(error, dict):
        return one_line(error)
    name, message, reason = (one_line(error.get(key)).rstrip(" .") for key in ("name", "message", "reason"))
    if not message:
        message, reason = reason, ""
    said = f"{name}: {message}" if name and name.casefold() not in message.casefold() else message
    return f"{said} ({reason})" if reason and reason not in (code, said) else said


def _conflicts(found: object) -> str:
    """What is in the way: an object for files, a list for folders."""
    first = found[0] if isinstance(found, list) and found else found
    if not isinstance(first, dict):
        return ""
    kind, name, which = (
        one_line(value, longest) if isinstance(value := first.get(key), str | int) else ""
        for key, longest in (("type", 20), ("name", 80), ("id", 40))
    )
    if not name and not which:
        return ""
    words = [kind or "something", repr(name) if name else "", f"(id {which})" if which else ""]
    return f"in the way: {' '.join(filter(None, words))}"


def _bare(words: str) -> str:
    return re.sub(r"[^a-z]", "", words.lower())


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _console_name(response: requests.Response) -> str:
    """What to tick for a call that was refused for want of a scope."""
    scope = scope_of(response.url.partition("?")[0] + "?stream_type=admin")
    if scope == "root_readonly" and response.request.method not in READS:
        return "'Read and write all files and folders'"
    return CONSOLE.get(scope or "", "what it needs")


def _content(response: requests.Response) -> bytes:
    """The body, as far as it comes: an error page that breaks off is still an error page."""
    try:
        return response.content or b""
    except (requests.RequestException, RuntimeError):  # cut off, or read by somebody else already
        return b""


def _error_body(response: requests.Response) -> dict[str, Any]:
    if not _content(response):
        return {}
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
