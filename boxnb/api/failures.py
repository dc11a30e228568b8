"""Turn error responses of the API into exceptions: what happened, Box's own reason, and what to do."""

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
from . import versions
from .writes import UNSURE, is_read

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
"""The scope that a successful call to each URL proves (Box guide *Scopes*); the first match wins."""

CONSOLE = {
    "manage_managed_users": "'Manage users'",
    "manage_groups": "'Manage groups'",
    "manage_enterprise_properties": "'Manage enterprise properties'",
    "root_readonly": "'Read all files and folders'",
}
"""What the Developer Console calls these scopes (same guide)."""

_ADMIN = "Ask your admin."
_MEANINGS = {
    "terms_of_service_required": (
        "This user has not accepted the terms of service yet",
        "Sign in to {box} in the browser, accept them, then run this again.",
    ),
    "password_reset_required": (
        "This user must set a new password first",
        "Sign in to {box} in the browser, set it, then run this again.",
    ),
    "user_email_confirmation_required": (
        "This user has not confirmed the email address yet",
        "Follow the link in the email from {box}, then run this again.",
    ),
    "invalid_grant": ("The sign-in is no longer valid", "Sign in again."),
    "access_denied_item_locked": ("The item is locked", "Have it unlocked, then run this again."),
    "access_from_location_blocked": (
        "The enterprise blocks access from this network",
        "Use a network that it allows, or ask your admin.",
    ),
    "file_size_limit_exceeded": (
        "The file is larger than this account is allowed to upload",
        "Split it, or ask your admin for a higher limit.",
    ),
    "forbidden_by_policy": ("A security policy of the enterprise forbids this", _ADMIN),
    "incorrect_shared_item_password": (
        "The password for the shared link is missing or wrong",
        "Pass the link's password.",
    ),
    "storage_limit_exceeded": (
        "The storage of the account is full",
        "Free some space, or ask your admin for more.",
    ),
    "cors_origin_not_whitelisted": (
        "The app does not accept requests from this web page",
        "Add the page's origin to the app's CORS domains.",
    ),
    "access_denied_insufficient_permissions": (
        "This user is not allowed to do this",
        "Sign in as someone who is allowed, such as an admin or co-admin, or have the permission granted.",
    ),
    "trashed": ("The item is in the trash", "Restore it first."),
    "not_trashed": ("The item is not in the trash", ""),
    "preview_cannot_be_generated": ("{box} cannot create a preview of this file", ""),
    "item_name_in_use": ("An item with that name already exists in the folder", "Choose another name."),
    "name_temporarily_reserved": (
        "Another upload is using that name at the moment",
        "Run this again in a minute.",
    ),
    "operation_blocked_temporary": (
        "Another operation on the item is still running",
        "Run this again in a minute.",
    ),
    "user_login_already_used": ("Another user already has that login", "Choose another login."),
    "session_expired": ("The upload session has ended", "Start the upload again."),
    "invalid_upload_session_id": ("The upload session no longer exists", "Start the upload again."),
    "upload_failed": ("{box} could not complete the upload", "Start the upload again."),
}
"""Error codes with a known meaning and remedy (Box guide *Common errors*)."""

_STATUSES = {
    400: ("{box} refused the call", ""),
    403: ("{box} refused this without saying whether the user or the app lacks a permission", _ADMIN),
    405: (
        "{box} does not support this method here, or the id in the path is malformed",
        "Check the method and the id.",
    ),
    409: ("This conflicts with an object that {box} already has", ""),
    410: ("The requested object no longer exists", "Start again from the beginning."),
    411: ("{box} requires the length of the content in advance", ""),
    412: ("The item has changed since it was read", "Read it again, then repeat the change."),
    413: ("The request is larger than {box} accepts", "Send less at a time."),
    415: ("{box} does not accept this type of content here", ""),
    416: ("The part is outside the announced range", "Start the upload again."),
    423: ("The item is locked", "Have it unlocked, then run this again."),
}
"""The meaning and remedy of a status, for error codes that are not in ``_MEANINGS``."""


class CallRecord(NamedTuple):
    """How a response was obtained: from which server, after how many attempts and how many seconds of waiting."""

    server: str
    attempts: int
    waited: float


def attach_record(response: requests.Response, record: CallRecord) -> None:
    """Attach a record to a response; :func:`api_error` mentions it in its message."""
    vars(response)["call_record"] = record  # requests has no attribute for it


def endpoint(url: str) -> str:
    """Return the path of a URL with its ids replaced, so that similar calls are counted together.

    A download URL becomes ``/download``, because anyone who has the full URL can fetch the file.
    """
    path = urlsplit(url).path
    if path.startswith(("/d/", "/dl/")):
        return "/download"
    return re.sub(r"/\d+(?=/|$)|(?<=/upload_sessions)/[^/]+", "/:id", path)


def scope_of(url: str) -> str | None:
    """Return the scope that a call to a URL needs; ``None`` if it is not known."""
    path, _, query = url.partition("?")
    requested = endpoint(path) + (f"?{query}" if query else "")
    return next((scope for start, scope in SCOPES if f"/2.0{start}" in requested), None)


def api_error(response: requests.Response) -> ApiError:
    """Return the exception for an error response, as described in its body or else in its ``WWW-Authenticate`` header."""
    failure = _Failure.of(response)
    status, code = failure.facts["status"], failure.facts["code"]
    if status == 407:
        return ApiError(f"{proxy_wants_password(response.url)} {failure.call}.", **failure.facts)
    if status == 429:
        return _rate_limit_error(failure)
    if status == 501:
        return failure.error(ApiError, "{box} does not support this call")
    if status >= 500 or status < 400 or (not failure.body and _has_content(response)):
        return _unusable(failure)
    if status == 401:
        after_refresh = " even after a refresh" if response.history else ""
        return failure.error(
            AccessTokenRejectedError, f"The access token was refused{after_refresh}", "Sign in again."
        )
    if status in (400, 404) and (advice := versions.advice(response, code, failure.reason)):
        kind = NotFoundError if status == 404 else ApiError
        return failure.error(kind, "This endpoint needs another version of the API", advice)
    if status == 403 and code == "insufficient_scope":
        advice = "Ask the person who registered the app at {box} to add it, then sign in again."
        if failure.from_box:
            advice = f"Tick {_console_name(response)} in the Developer Console, then sign in again: a token keeps the scopes it was issued with."
        return failure.error(ForbiddenError, "The app lacks a scope", advice)
    if status == 403 and code not in _SPECIFIC and "As-User" in response.request.headers:
        advice = "Ask your admin whether this user is allowed to act as other users."
        if failure.from_box:
            advice = (
                "Only an admin or co-admin can act as other users, and the app needs 'Make API calls using the as-user header' "
                "in the Developer Console. Tick it, then sign in again."
            )
        return failure.error(ForbiddenError, "This call on behalf of another user was refused", advice)
    if status == 404 and code not in _MEANINGS:
        hint = "Box returns 404 even to an admin for content that is not shared with the admin."
        return failure.error(
            NotFoundError,
            "It does not exist, or this user cannot see it",
            hint if failure.from_box else "",
        )
    error_class = {403: ForbiddenError, 404: NotFoundError}.get(status, ApiError)
    return failure.error(error_class, *(_MEANINGS.get(code) or _STATUSES.get(status, _STATUSES[400])))


_SPECIFIC = set(_MEANINGS) - {"access_denied_insufficient_permissions"}
"""Codes that name a cause other than a missing permission."""


class _Failure(NamedTuple):
    """A failed call: its response, the body, and the facts that become attributes of the exception."""

    response: requests.Response
    record: CallRecord | None
    server: str
    body: dict[str, Any]
    facts: dict[str, Any]
    reason: str

    @classmethod
    def of(cls, response: requests.Response) -> _Failure:
        """Read a failed response. Every field of the error is redacted, because a server may repeat a secret in any of them."""
        record = vars(response).get("call_record")
        server = record.server if record else (urlsplit(response.url).hostname or "")
        body = _error_body(response)
        challenge = response.headers.get("WWW-Authenticate", "")
        challenge_error = re.search(r'error="([^"]*)"', challenge)
        code = redact(
            str(
                body.get("code") or body.get("error") or (challenge_error.group(1) if challenge_error else "")
            )
        )
        facts = {
            "status": response.status_code,
            "code": code,
            "request_id": redact(str(body.get("request_id") or response.headers.get("box-request-id") or "")),
            "help_url": redact(str(body.get("help_url") or "")),
        }
        reason = _reason(body, challenge, code, response.status_code)
        return cls(response, record, server, body, facts, reason)

    @property
    def from_box(self) -> bool:
        """Whether Box replied, so that advice about its Developer Console applies."""
        return self.server in ("Box", "sandbox")

    @property
    def call(self) -> str:
        """The status, the error code and the endpoint of the call."""
        status = f"{self.facts['status']} {one_line(self.facts['code'], 60)}".strip()
        return f"{status} for {one_line(endpoint(self.response.url), 120)}"

    def sentence(self, what: str, advice: str = "", call: str = "") -> str:
        """Return a message: what happened, the call, the server's own reason, and what to do. ``{box}`` becomes the server's name."""
        request_id = self.facts["request_id"]
        trace = f" (request id {one_line(request_id, 60)})" if request_id else ""
        text = f"{what}: {call or self.call}{trace}. {self.reason} {advice}".replace(
            "{box}", display_name(self.server)
        )
        return capitalized(" ".join(text.split()))

    def error(self, error_class: type[ApiError], what: str, advice: str = "", call: str = "") -> ApiError:
        """Return the exception with its message and facts."""
        return error_class(self.sentence(what, advice, call), **self.facts)


def _unusable(failure: _Failure) -> ApiError:
    """Return the error for a 5xx, or for a response that does not come from the API, such as a proxy's page."""
    status = failure.facts["status"]
    attempts = _attempts(failure.record) if status >= 500 else ""
    call = ""
    if status >= 500 and not is_read(failure.response.request.method, failure.response.url):
        return failure.error(BoxUnavailableError, "No usable response", f"{attempts}{UNSURE.capitalize()}.")
    remedy = "look at status.box.com." if failure.server == "Box" else "ask the operator of {box}."
    if status < 400 or not failure.body:
        content_type = failure.response.headers.get("Content-Type", "no content type").split(";")[0]
        call = f"{failure.call}, {one_line(content_type, 60)}"
        remedy = "check the address, and whether a company proxy replied instead of {box}."
    return failure.error(
        BoxUnavailableError,
        "No usable response",
        f"{attempts}Try again in a minute; if that does not help, {remedy}",
        call,
    )


def _rate_limit_error(failure: _Failure) -> RateLimitError:
    """Return the error for a 429: how long to wait, and how many times the call was tried."""
    wait, record = retry_after(failure.response), failure.record
    attempts = (
        f", {record.attempts} times within {span(record.waited)}" if record and record.attempts > 1 else ""
    )
    if wait:
        advice = f"It asks you to wait {span(wait)}. Run this again {until(wait)}."
    else:
        advice = "Run this again in a minute."
    what = f"{{box}} refused the call because of its rate limit{attempts}"
    error = RateLimitError(failure.sentence(what, advice), **failure.facts)
    error.retry_after = wait
    error.until = None if wait is None else moment(wait)
    return error


def _attempts(record: CallRecord | None) -> str:
    return f"boxnb tried {record.attempts} times. " if record and record.attempts > 1 else ""


def _has_content(response: requests.Response) -> bool:
    return bool(_content(response).strip())


def _reason(body: dict[str, Any], challenge: str, code: str, status: int) -> str:
    """Return Box's own reason in one line: its message, and why each parameter is invalid (Box guide *Handling errors*)."""
    context = body.get("context_info")
    context = context if isinstance(context, dict) else {}
    errors = context.get("errors") or body.get("errors") or []
    errors = errors if isinstance(errors, list) else [errors]
    details = list(dict.fromkeys(filter(None, (_detail(error, code) for error in errors))))
    if len(details) > 3:
        details[3:] = [f"and {len(details) - 3} more"]
    description = re.search(r'error_description="([^"]*)"', challenge)
    message = one_line(
        body.get("message") or body.get("error_description") or (description.group(1) if description else "")
    ).rstrip(" .")
    if details and _only_letters(message) in (_only_letters(_status_phrase(status)), _only_letters(code)):
        message = ""
    parts = [part for part in (message, *details, _conflict(context.get("conflicts"))) if part]
    return one_line("; ".join(parts), 400) + "." if parts else ""


def _detail(error: object, code: str) -> str:
    """Return one entry of ``context_info.errors`` as text: ``type: 'fil' is not a type (invalid_parameter)``."""
    if not isinstance(error, dict):
        return one_line(error)
    name, message, reason = (one_line(error.get(key)).rstrip(" .") for key in ("name", "message", "reason"))
    if not message:
        message, reason = reason, ""
    text = f"{name}: {message}" if name and name.casefold() not in message.casefold() else message
    return f"{text} ({reason})" if reason and reason not in (code, text) else text


def _conflict(conflicts: object) -> str:
    """Describe the conflicting item. Box sends one object for a file, and a list for a folder."""
    first = conflicts[0] if isinstance(conflicts, list) and conflicts else conflicts
    if not isinstance(first, dict):
        return ""
    item_type, name, item_id = (
        one_line(value, max_length) if isinstance(value := first.get(key), str | int) else ""
        for key, max_length in (("type", 20), ("name", 80), ("id", 40))
    )
    if not name and not item_id:
        return ""
    parts = [item_type or "an item", repr(name) if name else "", f"(id {item_id})" if item_id else ""]
    return f"conflicts with {' '.join(filter(None, parts))}"


def _only_letters(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())


def _status_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _console_name(response: requests.Response) -> str:
    """Return the name of the checkbox in the Developer Console for a call that was refused because the app lacks a scope."""
    scope = scope_of(response.url.partition("?")[0] + "?stream_type=admin")
    if scope == "root_readonly" and not is_read(response.request.method, response.url):
        return "'Read and write all files and folders'"
    return CONSOLE.get(scope or "", "the scope that this call needs")


def _content(response: requests.Response) -> bytes:
    """Return the body, or ``b""`` if it is incomplete. The status of a truncated error page is still used."""
    try:
        return response.content or b""
    except (requests.RequestException, RuntimeError):  # truncated, or already read elsewhere
        return b""


def _error_body(response: requests.Response) -> dict[str, Any]:
    if not _content(response):
        return {}
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
