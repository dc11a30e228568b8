"""The token endpoint over HTTP: every row of box-facts 1.5 to 1.9."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
import requests

from .conftest import REDIRECT, Person, Starter

HOUR = 3600
DAY = 24 * HOUR
UNKNOWN_CODE = "Auth code doesn't exist or is invalid for the client"


def is_error(response: requests.Response, error: str, description: str) -> bool:
    """Check an error of the token endpoint."""
    assert response.status_code == 400, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"error": error, "error_description": description}
    return True


def invalid_token(response: requests.Response) -> bool:
    """Check that a call was refused because of its token."""
    assert response.status_code == 401
    assert response.content == b""
    assert response.headers["www-authenticate"] == (
        'Bearer realm="Service", error="invalid_token", error_description="The access token provided is invalid."'
    )
    assert response.headers["box-request-id"]
    return True


def test_an_exchange_returns_a_token_pair(ada: Person) -> None:
    """The token pair has Box's format, and the response must not be cached."""
    response = ada.exchange(ada.code())
    pair = response.json()
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert set(pair) == {"access_token", "expires_in", "restricted_to", "refresh_token", "token_type"}
    assert re.fullmatch(r"[A-Za-z0-9]{32}", pair["access_token"])
    assert re.fullmatch(r"[A-Za-z0-9]{64}", pair["refresh_token"])
    assert (pair["expires_in"], pair["restricted_to"], pair["token_type"]) == (HOUR, [], "bearer")


def test_a_code_expires_after_thirty_seconds(ada: Person) -> None:
    """An authorization code is valid for 30 seconds, on the sandbox clock."""
    ada.sandbox.clock.freeze()
    code = ada.code()
    ada.sandbox.clock.advance(30)
    assert ada.exchange(code).status_code == 200
    code = ada.code()
    ada.sandbox.clock.advance(30.5)
    assert is_error(ada.exchange(code), "invalid_grant", "The authorization code has expired")


def test_a_code_works_once(ada: Person) -> None:
    """A second exchange of the same code is refused."""
    code = ada.code()
    assert ada.exchange(code).status_code == 200
    assert is_error(ada.exchange(code), "invalid_grant", UNKNOWN_CODE)


def test_a_code_of_another_app_is_refused_like_an_unknown_code(ada: Person) -> None:
    """A code of another app and an unknown code get the same error."""
    other = Person(ada.sandbox, ada.sandbox.register_app("Other", ["http://127.0.0.1/callback"]))
    assert is_error(other.exchange(ada.code()), "invalid_grant", UNKNOWN_CODE)
    assert is_error(ada.exchange("garbage"), "invalid_grant", UNKNOWN_CODE)


@pytest.mark.parametrize(
    ("form", "error", "description"),
    [
        ({"client_secret": "wrong"}, "invalid_client", "The client credentials are invalid"),
        ({"client_id": "nobody"}, "invalid_client", "The client credentials are invalid"),
        ({"grant_type": ""}, "invalid_request", "Invalid grant_type parameter or parameter missing"),
        ({"grant_type": "magic"}, "invalid_request", "Invalid grant_type parameter or parameter missing"),
        (
            {"grant_type": "client_credentials"},
            "unauthorized_client",
            "The grant type is unauthorized for this client_id",
        ),
        (
            {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"},
            "unauthorized_client",
            "The grant type is unauthorized for this client_id",
        ),
        ({"code": ""}, "invalid_request", 'Missing parameter: "code" is required'),
    ],
)
def test_invalid_requests_are_refused(
    ada: Person, form: dict[str, str], error: str, description: str
) -> None:
    """Each invalid request gets the error that Box gives it."""
    fields = {"grant_type": "authorization_code", "code": ada.code(), **form}
    assert is_error(ada.token(**fields), error, description)


def test_a_refused_exchange_does_not_use_up_the_code(ada: Person) -> None:
    """After a refused exchange the code still works."""
    code = ada.code()
    ada.token(grant_type="authorization_code", code=code, client_secret="wrong")
    assert ada.exchange(code).status_code == 200


def test_an_app_can_use_basic_authentication(ada: Person) -> None:
    """The app can authenticate with HTTP Basic instead of the body."""
    response = requests.post(
        f"{ada.sandbox.url}/oauth2/token",
        data={"grant_type": "authorization_code", "code": ada.code()},
        auth=(ada.client["client_id"], ada.client["client_secret"]),
        timeout=10,
    )
    assert response.status_code == 200


def test_the_metadata_matches_the_server(ada: Person) -> None:
    """The server's metadata contains its real endpoints and methods."""
    url = ada.sandbox.url
    metadata = requests.get(f"{url}/.well-known/oauth-authorization-server", timeout=10).json()
    server = ada.sandbox.server()
    assert metadata["issuer"] == url
    assert metadata["authorization_endpoint"] == server["authorize_url"]
    assert (metadata["token_endpoint"], metadata["revocation_endpoint"]) == (
        server["token_url"],
        server["revoke_url"],
    )
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert "none" not in metadata["token_endpoint_auth_methods_supported"]
    assert "registration_endpoint" not in metadata


def test_a_redirect_uri_in_the_exchange_is_not_compared(ada: Person) -> None:
    """An exchange works with any redirect URI in the form."""
    for redirect in (REDIRECT, "https://elsewhere.example/"):
        assert ada.exchange(ada.code(), redirect_uri=redirect).status_code == 200


def test_the_token_endpoint_accepts_only_post(ada: Person) -> None:
    """A GET request to the token endpoint gets 405."""
    assert requests.get(f"{ada.sandbox.url}/oauth2/token", timeout=10).status_code == 405


def test_an_access_token_expires_after_an_hour(ada: Person) -> None:
    """An access token is valid for an hour, on the sandbox clock."""
    ada.sandbox.clock.freeze()
    pair = ada.sign_in()
    ada.sandbox.clock.advance(HOUR)
    assert ada.get("/users/me", pair["access_token"]).status_code == 200
    ada.sandbox.clock.advance(1)
    assert invalid_token(ada.get("/users/me", pair["access_token"]))


def test_a_refresh_token_expires_after_sixty_days(ada: Person) -> None:
    """A refresh token is valid for 60 days, on the sandbox clock."""
    ada.sandbox.clock.freeze()
    pair = ada.sign_in()
    ada.sandbox.clock.advance(60 * DAY)
    refreshed = ada.refresh(pair["refresh_token"])
    assert refreshed.status_code == 200
    ada.sandbox.clock.advance(60 * DAY + 1)
    expired = ada.refresh(refreshed.json()["refresh_token"])
    assert is_error(expired, "invalid_grant", "Refresh token has expired")


def test_the_date_header_follows_the_clock(ada: Person) -> None:
    """The `Date` header shows the time of the sandbox clock, once."""
    ada.sandbox.clock.freeze()
    ada.sandbox.clock.advance(1_893_456_000 - ada.sandbox.clock.now())
    response = ada.get("/users/me", "none")
    assert response.headers["date"] == "Tue, 01 Jan 2030 00:00:00 GMT"
    assert len(response.raw.headers.getlist("date")) == 1
    ada.sandbox.clock.reset()


def test_grace_repeats_return_the_same_pair_until_it_is_used(ada: Person) -> None:
    """A repeated refresh returns the same pair; the first use of the new access token invalidates the old pair."""
    old = ada.sign_in()
    assert ada.get("/users/me", old["access_token"]).status_code == 200
    new = ada.refresh(old["refresh_token"]).json()
    repeat = ada.refresh(old["refresh_token"]).json()
    for name in ("access_token", "refresh_token"):
        assert new[name] == repeat[name] != old[name]
    assert ada.get("/users/me", old["access_token"]).status_code == 200
    assert ada.get("/users/me", new["access_token"]).status_code == 200
    assert invalid_token(ada.get("/users/me", old["access_token"]))
    assert is_error(ada.refresh(old["refresh_token"]), "invalid_grant", "Refresh token has expired")
    assert ada.refresh(new["refresh_token"]).status_code == 200


def test_grace_the_first_call_invalidates_all_earlier_pairs(ada: Person) -> None:
    """After several refreshes without a call, the first call invalidates all earlier pairs."""
    chain = [ada.sign_in()]
    for _ in range(4):
        chain.append(ada.refresh(chain[-1]["refresh_token"]).json())
    assert ada.get("/users/me", chain[-1]["access_token"]).status_code == 200
    for pair in chain[:-1]:
        assert invalid_token(ada.get("/users/me", pair["access_token"]))
        assert ada.refresh(pair["refresh_token"]).status_code == 400


def test_grace_a_refresh_can_be_repeated_hours_later(ada: Person) -> None:
    """Two hours after a lost response, a repeated refresh returns a new pair."""
    old = ada.sign_in()
    lost = ada.refresh(old["refresh_token"]).json()
    ada.sandbox.clock.advance(2 * HOUR)
    new = ada.refresh(old["refresh_token"]).json()
    assert new["access_token"] != lost["access_token"]
    assert new["expires_in"] == HOUR
    assert ada.get("/users/me", new["access_token"]).status_code == 200
    assert ada.refresh(lost["refresh_token"]).status_code == 400


def test_strict_a_refresh_invalidates_the_old_pair(strict: Person) -> None:
    """With strict rotation, the old pair stops working immediately."""
    old = strict.sign_in()
    new = strict.refresh(old["refresh_token"]).json()
    assert is_error(strict.refresh(old["refresh_token"]), "invalid_grant", "Invalid refresh token")
    assert invalid_token(strict.get("/users/me", old["access_token"]))
    assert strict.get("/users/me", new["access_token"]).status_code == 200


def test_a_refresh_token_works_only_for_its_app(ada: Person) -> None:
    """A refresh token of another app is refused like garbage."""
    other = Person(ada.sandbox, ada.sandbox.register_app("Other", ["http://127.0.0.1/callback"]))
    pair = ada.sign_in()
    assert is_error(other.refresh(pair["refresh_token"]), "invalid_grant", "Invalid refresh token")
    assert is_error(ada.refresh("garbage"), "invalid_grant", "Invalid refresh token")
    assert is_error(ada.refresh(pair["access_token"]), "invalid_grant", "Invalid refresh token")
    assert ada.refresh(pair["refresh_token"]).status_code == 200


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_revoking_either_token_revokes_the_pair(ada: Person, which: str) -> None:
    """Revoking the access token or the refresh token revokes both."""
    pair = ada.sign_in()
    response = ada.revoke(pair[which])
    assert (response.status_code, response.content) == (200, b"")
    assert invalid_token(ada.get("/users/me", pair["access_token"]))
    assert is_error(ada.refresh(pair["refresh_token"]), "invalid_grant", "Invalid refresh token")
    repeat = ada.revoke(pair[which])
    assert (repeat.status_code, repeat.json()["error"]) == (400, "invalid_token")


def test_revoking_needs_the_secret_and_affects_one_pair(ada: Person) -> None:
    """Revoking needs the client secret and does not affect the user's other pairs."""
    first, second = ada.sign_in(), ada.sign_in()
    wrong_secret = ada.revoke(first["access_token"], client_secret="wrong")
    assert is_error(wrong_secret, "invalid_client", "The client credentials are invalid")
    assert ada.revoke(first["access_token"]).status_code == 200
    assert ada.get("/users/me", second["access_token"]).status_code == 200


def test_revoking_after_a_refresh_revokes_the_old_pair_too(ada: Person) -> None:
    """Revoking a refreshed pair also revokes the pair that it came from."""
    old = ada.sign_in()
    new = ada.refresh(old["refresh_token"]).json()
    assert ada.revoke(new["refresh_token"]).status_code == 200
    assert ada.refresh(old["refresh_token"]).status_code == 400
    assert invalid_token(ada.get("/users/me", old["access_token"]))


def test_pkce_is_checked_if_it_was_requested(ada: Person) -> None:
    """With a code challenge, the code can be exchanged only with its verifier."""
    verifier = "v" * 43
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    code = ada.code(code_challenge=challenge)
    assert ada.exchange(code).json()["error"] == "invalid_grant"
    assert ada.exchange(code, code_verifier="w" * 43).json()["error"] == "invalid_grant"
    assert ada.exchange(code, code_verifier=verifier).status_code == 200


def test_an_inactive_user_is_signed_out(ada: Person) -> None:
    """The tokens of a user stop working when the account becomes inactive."""
    pair = ada.sign_in("bo.nakamura@example.com")
    ada.sandbox.change_user("bo.nakamura@example.com", status="inactive")
    assert invalid_token(ada.get("/users/me", pair["access_token"]))
    assert ada.refresh(pair["refresh_token"]).json()["error"] == "invalid_grant"


def test_tokens_keep_their_scopes(ada: Person) -> None:
    """A change of the app's scopes affects only new sign-ins."""
    before = ada.sign_in()
    ada.sandbox.change_app(ada.client["client_id"], scopes=["root_readonly"])
    assert ada.get("/users", before["access_token"]).status_code == 200
    refreshed = ada.refresh(before["refresh_token"]).json()
    assert ada.get("/users", refreshed["access_token"]).status_code == 200
    response = ada.get("/users", ada.sign_in()["access_token"])
    assert (response.status_code, response.content) == (403, b"")
    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]


def test_the_state_survives_a_kill(start_sandbox: Starter) -> None:
    """After a kill, the sandbox has the same URL, app and tokens."""
    sandbox = start_sandbox()
    ada = Person(sandbox, sandbox.practice_client())
    pair = ada.sign_in()
    new = ada.refresh(pair["refresh_token"]).json()
    sandbox.clock.advance(500)
    process = sandbox._process
    assert process is not None
    process.kill()
    process.wait(10)
    restarted = start_sandbox()
    assert restarted.url == sandbox.url  # the same port, so a saved sign-in finds it
    assert restarted.practice_client() == ada.client
    ada.sandbox = restarted
    assert ada.refresh(pair["refresh_token"]).json()["access_token"] == new["access_token"]
    assert ada.get("/users/me", new["access_token"]).status_code == 200
    assert ada.refresh(pair["refresh_token"]).status_code == 400
