"""Error responses: each error code of RFC 6749 and of Box is reported with a reason and a remedy, and without secrets."""

from __future__ import annotations

import datetime
import re
import time
from typing import Any

import pytest
from answering import http, raw
from hypothesis import given
from hypothesis import strategies as st

import boxnb
from boxnb import oauth, store
from boxnb.api.session import BoxSession
from boxnb.auth import RotatingAuth
from boxnb.errors import (
    AccessDeniedError,
    AccessTokenRejectedError,
    ApiError,
    BoxNotebookError,
    BoxUnavailableError,
    ForbiddenError,
    InvalidClientError,
    InvalidGrantError,
    NotFoundError,
    RateLimitError,
    SignInError,
    TokenEndpointError,
)
from boxnb.oauth.token import Token
from boxnb.redaction import one_line
from boxnb.secret import Secret
from boxnb.transport.waits import retry_after, span, until

STATE = "Qd3xR7_kLw-29fZbTn0aVeYu8sPmHcJg"
SECRET = "c1ient-secret-that-nobody-may-see"
CALLBACK = "http://127.0.0.1:8917/callback"


def client_at(port: int, name: str = "Box") -> oauth.Client:
    base = f"http://127.0.0.1:{port}"
    server = oauth.Server(
        name,
        f"{base}/auth",
        f"{base}/oauth2/token",
        f"{base}/oauth2/revoke",
        f"{base}/2.0",
        f"{base}/api/2.0",
    )
    return oauth.Client("cid", Secret(SECRET), CALLBACK, server)


def message_of(error: BaseException) -> str:
    """Return the message of an error, after checking that it can be shown to the user."""
    message = str(error)
    assert message.isprintable() and SECRET not in message and "  " not in message
    assert len(message) < 700
    return message


# Errors in the redirect (RFC 6749 4.1.2.1).

REDIRECTS = {
    "invalid_request": "malformed",
    "unauthorized_client": "does not let this app sign users in",
    "access_denied": "Access was denied",
    "unsupported_response_type": "does not offer this kind of sign-in",
    "invalid_scope": "does not know a requested scope",
    "server_error": "had an internal error",
    "temporarily_unavailable": "too busy",
    "login_required": "refused the request (login_required)",
}


@pytest.mark.parametrize("error", REDIRECTS)
@pytest.mark.parametrize("has_state", [True, False], ids=["state", "no state"])
def test_each_redirect_error_contains_the_reason_of_the_server(error: str, has_state: bool) -> None:
    """With and without a state, the message contains the server's words and does not mention an older request."""
    address = f"{CALLBACK}?error={error}&error_description=The+tenant+is+paused{f'&state={STATE}' if has_state else ''}"
    with pytest.raises(SignInError) as caught:
        oauth.parse_redirect(address, state=STATE)
    message = message_of(caught.value)
    assert REDIRECTS[error] in message and "The tenant is paused" in message
    assert "state" not in message and "older" not in message
    assert isinstance(caught.value, AccessDeniedError) == (error == "access_denied")
    assert caught.value.checked is has_state
    assert (caught.value.error, caught.value.description) == (error, "The tenant is paused")


@pytest.mark.parametrize("state", ["", f"&state={STATE}"])
@pytest.mark.parametrize(
    "query",
    [
        "error=server_error&error_description=107",
        "error=unauthorized_client&error_description=This+app+is+not+authorized+by+the+enterprise+admin",
        "error=server_error&error_description=Disabled+by+Administrator",
    ],
)
def test_the_error_for_an_app_that_the_enterprise_does_not_allow_refers_to_the_admin(
    query: str, state: str
) -> None:
    """Box sends 107 without a state, and the message refers to the admin instead of suggesting a wait."""
    with pytest.raises(SignInError, match=r"Ask an admin of your enterprise to allow this app") as caught:
        oauth.parse_redirect(f"{CALLBACK}?{query}{state}", state=STATE)
    assert "minute" not in message_of(caught.value)


def test_a_description_without_a_state_is_shown_without_addresses() -> None:
    """Without a state anyone can have written the description, so it is shown without URLs and email addresses."""
    words = "Call+%2B1+555,+mail+help%40evil.example+or+see+https%3A%2F%2Fevil.example%2F%3Fa%3Db"
    with pytest.raises(SignInError) as caught:
        oauth.parse_redirect(f"{CALLBACK}?error=server_error&error_description={words}", state=STATE)
    assert not re.search(r"[/@:?+]{1}\w*evil|https?:|@", message_of(caught.value))


# Errors from the token endpoint (RFC 6749 5.2).

GRANTS: dict[str, tuple[int, dict[str, str], type[SignInError], str]] = {
    "expired code": (400, {"error": "invalid_grant", "error_description": "The authorization code has expired"}, InvalidGrantError, r"more than 30 seconds old\. Box says: \"The authorization code has expired\"\. Get a new code"),
    "used code": (400, {"error": "invalid_grant", "error_description": "Auth code doesn't exist or is invalid for the client"}, InvalidGrantError, r"used before, has expired, or belongs to another app\. Box says: \"Auth code doesn't exist"),
    "CCG grant": (400, {"error": "invalid_grant", "error_description": "Grant credentials are invalid"}, InvalidGrantError, "Grant credentials are invalid"),
    "client": (400, {"error": "invalid_client", "error_description": "The client credentials are not valid"}, InvalidClientError, r"client ID or the client secret was refused\. Box says: \"The client credentials are not valid\"\. Copy both again"),
    "client, 401": (401, {"error": "invalid_client"}, InvalidClientError, "Copy both again"),
    "request": (400, {"error": "invalid_request", "error_description": "Invalid grant_type parameter or parameter missing"}, TokenEndpointError, r"request is malformed \(400 invalid_request\)\. Box says: \"Invalid grant_type"),
    "app type": (400, {"error": "unauthorized_client", "error_description": "The grant type is unauthorized for this client_id"}, TokenEndpointError, r"unauthorized_client\)\. Box says: \"The grant type is unauthorized.*app's type is User Authentication"),
    "not authorized": (400, {"error": "unauthorized_client", "error_description": "This app is not authorized by the enterprise admin"}, TokenEndpointError, "Ask an admin of your enterprise to authorize this app"),
    "grant type": (400, {"error": "unsupported_grant_type"}, TokenEndpointError, "does not offer this kind of sign-in"),
    "scope": (400, {"error": "invalid_scope", "error_description": 'Unsupported "scope": x'}, TokenEndpointError, r"does not grant a requested scope.*Unsupported"),
    "Box's older shape": (400, {"code": "invalid_client", "message": "old words"}, InvalidClientError, "old words"),
    "unknown": (418, {"error": "teapot", "error_description": "short and stout"}, TokenEndpointError, r"refused the code \(418 teapot\)\. Box says: \"short and stout\""),
    "server_error": (500, {"error": "server_error", "error_description": "broken"}, TokenEndpointError, r"not available \(500 server_error\)\. Box says: \"broken\"\. Try again in a minute"),
    "temporarily_unavailable": (503, {"error": "temporarily_unavailable"}, TokenEndpointError, r"not available \(503"),
}  # fmt: skip


@pytest.mark.parametrize("case", GRANTS)
def test_each_token_endpoint_error_has_its_own_class_and_reason(case: str) -> None:
    """The message contains the server's words and a suitable remedy."""
    status, body, error, words = GRANTS[case]
    with raw(http(status, body)) as port, pytest.raises(error, match=words) as caught:
        oauth.exchange_code(client_at(port), "made-up-code-1")
    message_of(caught.value)
    assert type(caught.value) is error


PAGES: dict[str, tuple[bytes, str]] = {
    "HTML, 200": (http(200, b"<html>Sign in</html>", {"Content-Type": "text/html"}), "responded with 200 and text/html instead of a token.*company proxy"),
    "HTML, 403": (http(403, b"<html>Blocked</html>", {"Content-Type": "text/html"}), "responded with 403 and text/html instead of a token"),
    "nothing, 400": (http(400), "responded with 400 and no content type instead of a token"),
    "a list": (http(400, [1, 2]), "responded with 400 and application/json instead of a token"),
    "deep JSON": (http(400, b"[" * 100_000, {"Content-Type": "application/json"}), "responded with 400"),
    "elsewhere": (http(302, b"", {"Location": "https://elsewhere.example/"}), r"redirects requests \(302\)"),
    "conflict": (http(409), "Two refreshes reached the token endpoint at the same time"),
    "proxy's password": (http(407), "asks for a user name and a password"),
    "guest network": (http(511, b"<html>", {"Content-Type": "text/html"}), "sign-in of its own"),
    "429, ten minutes": (http(429, b"", {"Retry-After": "600"}), r"limits the rate of requests \(429\)\. Try again after .*\d\d:\d\d"),
    "503, garbage": (http(503, b"", {"Retry-After": "²"}), r"not available \(503\)\. Try again in a minute"),
}  # fmt: skip


@pytest.mark.parametrize("case", PAGES)
def test_a_response_that_is_not_a_token_has_its_own_error(case: str) -> None:
    """Pages, redirects and empty responses each have their own error."""
    response, words = PAGES[case]
    with raw(response) as port, pytest.raises(TokenEndpointError, match=words) as caught:
        oauth.exchange_code(client_at(port), "made-up-code-1")
    message_of(caught.value)


def test_a_reason_is_reported_in_one_line_without_secrets() -> None:
    """The server's words are shortened to one line without secrets and invisible characters."""
    words = f"no\r\n\x1b[31m\u202egood \u200b{SECRET} " + "x" * 5000
    response = http(400, {"error": "invalid_request", "error_description": words})
    with raw(response) as port, pytest.raises(TokenEndpointError) as caught:
        oauth.exchange_code(client_at(port), "made-up-code-1")
    assert "no [31mgood <secret" in message_of(caught.value)


def test_an_error_from_another_server_contains_its_name() -> None:
    """The errors of its token endpoint mention the server, not Box or the Developer Console."""
    response = http(400, {"error": "invalid_client", "error_description": "who?"})
    with raw(response) as port, pytest.raises(InvalidClientError, match=r"Acme Drive says: \"who") as caught:
        oauth.exchange_code(client_at(port, "Acme Drive"), "made-up-code-1")
    assert "Box" not in str(caught.value) and "Console" not in str(caught.value)


# Errors from the API.


class Api:
    """A signed-in session whose server sends the same response to each call."""

    def __init__(self, port: int, name: str = "Box") -> None:
        self.waits: list[float] = []
        store.save(
            store.Profile(
                "acme", client_at(port, name), Token(Secret("at-1"), Secret("rt-1"), time.time(), 3600)
            )
        )
        self.now = 1000.0
        self.session = BoxSession(RotatingAuth("acme"), sleep=self.sleep, clock=lambda: self.now)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def error(self, path: str = "/folders/17", method: str = "GET", **options: Any) -> ApiError:
        with pytest.raises(ApiError) as caught:
            self.session.call(method, path, **options)
        message_of(caught.value)
        return caught.value


def error_body(status: int, code: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {
        "type": "error",
        "status": status,
        "code": code,
        "message": message,
        "request_id": "abc123",
        **more,
    }


CODES = {
    400: "bad_request invalid_request_parameters invalid_limit invalid_offset invalid_parameter missing_parameter bad_digest "
    "folder_not_empty item_name_invalid item_name_too_long metadata_after_file_contents cyclical_folder_structure "
    "collaborations_not_available_on_root_folder user_already_collaborator invalid_status invalid_upload_session_id "
    "password_reset_required terms_of_service_required invalid_grant invalid_api_version",
    403: "access_denied_insufficient_permissions insufficient_scope access_denied_item_locked access_from_location_blocked "
    "file_size_limit_exceeded forbidden forbidden_by_policy incorrect_shared_item_password storage_limit_exceeded "
    "user_email_confirmation_required cors_origin_not_whitelisted",
    404: "not_found trashed not_trashed preview_cannot_be_generated",
    405: "method_not_allowed",
    409: "item_name_in_use conflict name_temporarily_reserved operation_blocked_temporary user_login_already_used "
    "recent_similar_comment range_overlaps_existing_part",
    410: "session_expired upload_failed",
    411: "length_required",
    412: "precondition_failed sync_state_precondition_failed",
    413: "request_entity_too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
    423: "locked",
    500: "internal_server_error",
    502: "bad_gateway",
    503: "unavailable",
}
ALL_CODES = [(status, code) for status, codes in CODES.items() for code in codes.split()]
"""Every code of Box's guide *Common errors*."""

ERROR_CLASSES = {403: ForbiddenError, 404: NotFoundError, 500: BoxUnavailableError, 502: BoxUnavailableError, 503: BoxUnavailableError}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code"), ALL_CODES, ids=[f"{status} {code}" for status, code in ALL_CODES]
)
def test_every_code_is_reported_with_its_reason(status: int, code: str) -> None:
    """The message contains Box's own text, the invalid parameter and the request id; the class depends on the status."""
    body = error_body(
        status,
        code,
        "Weather is bad",
        context_info={
            "errors": [{"reason": "odd_reason", "name": "colour", "message": "purple is not known"}]
        },
    )
    with raw(http(status, body)) as port:
        error = Api(port).error()
    message = str(error)
    for words in (f"{status} {code}", "Weather is bad", "colour: purple is not known (odd_reason)", "abc123"):
        assert words in message
    assert type(error) is ERROR_CLASSES.get(status, ApiError)
    assert (error.status, error.code, error.request_id) == (status, code, "abc123")


REMEDIES = {
    (403, "storage_limit_exceeded"): ("storage of the account is full", "Free some space"),
    (403, "access_from_location_blocked"): ("blocks access from this network", "network that it allows"),
    (403, "forbidden_by_policy"): ("security policy", "Ask your admin"),
    (403, "incorrect_shared_item_password"): (
        "password for the shared link is missing or wrong",
        "link's password",
    ),
    (403, "file_size_limit_exceeded"): ("larger than this account is allowed to upload", "Split it"),
    (403, "access_denied_item_locked"): ("item is locked", "unlocked"),
    (403, "user_email_confirmation_required"): ("not confirmed the email", "link in the email from Box"),
    (403, "access_denied_insufficient_permissions"): (
        "This user is not allowed to do this",
        "permission granted",
    ),
    (403, "forbidden"): ("without saying whether the user or the app", "Ask your admin"),
    (400, "terms_of_service_required"): ("terms of service", "accept them"),
    (400, "password_reset_required"): ("set a new password", "Sign in to Box in the browser"),
    (404, "trashed"): ("in the trash", "Restore it"),
    (404, "not_found"): ("cannot see it", "Box returns 404 even to an admin"),
    (409, "operation_blocked_temporary"): ("still running", "again in a minute"),
    (409, "item_name_in_use"): ("with that name already exists", "another name"),
    (410, "session_expired"): ("upload session has ended", "Start the upload again"),
    (412, "precondition_failed"): ("has changed since it was read", "Read it again"),
    (423, "locked"): ("item is locked", "unlocked"),
}


@pytest.mark.parametrize("case", REMEDIES, ids=str)
@pytest.mark.parametrize("as_user", [None, "42"])
def test_the_remedy_fits_the_code(case: tuple[int, str], as_user: str | None) -> None:
    """For example, neither another admin nor a setting in the console helps with a full storage."""
    status, code = case
    with raw(http(status, error_body(status, code))) as port:
        message = str(Api(port).error(headers={"As-User": as_user} if as_user else {}))
    lacks_permission = code in ("forbidden", "access_denied_insufficient_permissions") and as_user is not None
    if lacks_permission:
        assert "on behalf of another user" in message and "as-user header" in message
    else:
        assert all(words in message for words in REMEDIES[case]) and "as-user header" not in message


def test_reasons_in_every_form_are_read() -> None:
    """Lists, objects, conflicts, WWW-Authenticate and unexpected shapes are read."""
    shapes: list[tuple[Any, str]] = [
        ({"errors": [{"reason": "invalid_parameter", "name": "offset", "message": "'offset' is too high"}]}, "'offset' is too high"),
        ({"errors": [{"reason": "missing_parameter", "name": "name"}]}, "name: missing_parameter"),
        ({"errors": {"reason": "r", "message": "an object"}}, "an object"),
        ({"errors": ["just text"]}, "just text"),
        ({"errors": [{"message": str(shape)} for shape in range(9)]}, "0; 1; 2; and 6 more"),
        ({"conflicts": {"type": "file", "id": "7", "name": "a.txt"}}, "conflicts with file 'a.txt' (id 7)"),
        ({"conflicts": [{"type": "folder", "id": "8", "name": "b"}]}, "conflicts with folder 'b' (id 8)"),
        *[(shape, "400 odd") for shape in ({"errors": [None, 1, [], {"name": {}}]}, [], "x", None, 7, {"conflicts": [1]})],
    ]  # fmt: skip
    for context, words in shapes:
        with raw(http(400, error_body(400, "odd", "Bad Request", context_info=context))) as port:
            assert words in str(Api(port).error())
    challenge = {"WWW-Authenticate": 'Bearer error="insufficient_scope", error_description="Needs more."'}
    with raw(http(403, b"", challenge)) as port:
        message = str(Api(port).error("/users"))
    assert "lacks a scope" in message and "Needs more." in message and "Tick 'Manage users'" in message


def test_a_page_is_not_reported_as_a_refusal_by_box() -> None:
    """A 403 from a firewall is not a missing permission, and its 404 is not a missing folder."""
    for status in (200, 401, 403, 404, 502):
        with raw(http(status, b"<html>Blocked</html>", {"Content-Type": "text/html"})) as port:
            api = Api(port)
            with pytest.raises(BoxNotebookError) as caught:
                api.session.get_json("/folders/17")
        if status != 401:  # a 401 leads to a refresh first
            assert type(caught.value) is BoxUnavailableError
            assert "text/html" in str(caught.value) and "proxy" in str(caught.value)


def test_a_refresh_that_did_not_happen_is_not_reported() -> None:
    """The message for a refused access token mentions a refresh only if there was one."""
    with (
        raw(
            http(
                401,
                b"",
                {"WWW-Authenticate": 'Bearer error="invalid_token", error_description="It is over."'},
            )
        ) as port,
        pytest.raises(AccessTokenRejectedError) as caught,
    ):
        from boxnb.api.failures import api_error

        api = Api(port)
        with boxnb.transport.sessions.unsigned_session() as unsigned:
            raise api_error(unsigned.get(api.session.url("/users/me")))
    assert "even after" not in str(caught.value) and "It is over." in str(caught.value)


def test_every_error_from_the_api_contains_the_name_of_the_server() -> None:
    """The errors from a server other than Box do not mention Box."""
    for status, code in [*ALL_CODES, (429, "rate_limit_exceeded")]:
        with raw(http(status, error_body(status, code))) as port:
            message = str(Api(port, "Acme Drive").error(headers={"As-User": "42"} if status == 403 else {}))
        assert "Box" not in message and "Console" not in message.replace(
            "CORS domains in the Developer Console", ""
        )


# Retry-After and rate limits.


def date(seconds: float) -> str:
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return then.strftime("%a, %d %b %Y %H:%M:%S GMT")


RETRY_AFTER: list[tuple[str, float | None]] = [
    ("7", 7), ("0", 0), (" 30 ", 30), ("1.5", 1.5), ("600", 600), ("99999999999", 99999999999.0),
    ("-5", None), ("nan", None), ("inf", None), ("1e9", None), ("1_0", None), ("²", None), ("٣", None), ("soon", None), ("", None),
    ("9" * 400, None), ("Mon, 99 Foo 2026 00:00:00 GMT", None), ("Fri, 31 Dec 99999 23:59:59 GMT", None),
]  # fmt: skip


@pytest.mark.parametrize(("value", "seconds"), RETRY_AFTER)
def test_every_form_of_retry_after_can_be_read(value: str, seconds: float | None) -> None:
    """The header is read as a number of seconds or ignored; it never causes an exception or an endless wait."""
    response = boxnb.transport.sessions.requests.Response()
    response.headers["Retry-After"] = value.encode().decode("latin-1") if not value.isascii() else value
    assert retry_after(response) == seconds
    span(seconds or 0), until(seconds or 0)


@given(st.text(max_size=30))
def test_any_retry_after_can_be_shown(value: str) -> None:
    """Every value that a server may send can be read and shown."""
    response = boxnb.transport.sessions.requests.Response()
    response.headers["Retry-After"] = value
    seconds = retry_after(response)
    assert seconds is None or (seconds >= 0 and until(seconds) and span(seconds))


def test_retry_after_can_be_a_date() -> None:
    """The wait is measured on the server's clock if the response contains its time; a date in the past means no wait."""
    response = boxnb.transport.sessions.requests.Response()
    response.headers.update(
        {"Retry-After": "Fri, 01 Jan 2027 00:10:00 GMT", "Date": "Fri, 01 Jan 2027 00:00:00 GMT"}
    )
    assert retry_after(response) == 600
    response.headers["Date"] = "Fri, 01 Jan 2027 02:00:00 GMT"
    assert retry_after(response) == 0
    del response.headers["Date"]
    response.headers["Retry-After"] = date(600)
    assert retry_after(response) == pytest.approx(600, abs=30)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("600", r"10 minutes \(600 seconds\)"),
        ("7200", "2 hours"),
        ("999999999", "11574 days"),
        ("a date", r"\d+ minutes"),
    ],
)
def test_a_long_wait_is_an_error_that_says_when_to_try_again(value: str, words: str) -> None:
    """The error is raised immediately and does not mention waits that did not happen."""
    headers = {"Retry-After": date(3000) if value == "a date" else value}
    with raw(http(429, error_body(429, "rate_limit_exceeded", "Slow down"), headers)) as port:
        api = Api(port)
        error = api.error()
    assert isinstance(error, RateLimitError) and api.waits == []
    assert re.search(
        rf"Slow down\. It asks you to wait {words}.*Run this again after .*\d\d:\d\d", str(error)
    )
    assert error.retry_after is not None and error.retry_after > 180
    assert error.until is not None and error.until.tzinfo is not None
    assert "times" not in str(error)


def test_a_persistent_rate_limit_is_reported_with_the_attempts() -> None:
    """The message contains the five attempts and the time waited."""
    with raw(http(429, error_body(429, "rate_limit_exceeded"))) as port:
        api = Api(port)
        assert re.search(r"5 times within 15 seconds.*Run this again in a minute", str(api.error()))
    assert sum(api.waits) > 10


def test_a_rate_limit_does_not_change_the_profile() -> None:
    """The saved token pair stays the same after a 429."""
    with raw(http(429, error_body(429, "rate_limit_exceeded"), {"Retry-After": "600"})) as port:
        api = Api(port)
        before = store.load("acme")
        api.error()
    assert store.load("acme") == before


@given(st.text(max_size=300))
def test_any_text_becomes_one_line(words: str) -> None:
    """Control characters, direction marks, line breaks and surrogates are removed."""
    line = one_line(words)
    assert len(line) <= 200 and line.isprintable() and "\n" not in line
