"""Box's own SDK and plain requests take turns with one saved sign-in."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from box_sdk_gen import AccessToken, BaseUrls, BoxClient, BoxOAuth, BoxRetryStrategy, NetworkSession
from signing import sign_in

import boxnb
from boxnb import Secret, oauth, store
from boxnb.auth import RotatingAuth
from boxnb.errors import ProfileChangedError, TokenStoreError
from boxnb.sandbox import Sandbox
from boxnb.signin.account import remember_account

EXPIRIES = 100


def test_the_sdk_and_a_script_share_one_sign_in(sandbox: Sandbox) -> None:
    """In a hundred expiries, SDK and script take turns being first, and the sign-in is never lost."""
    profile = sign_in(sandbox)
    auth = BoxOAuth(boxnb.sdk.oauth_config("acme"))
    network_session = NetworkSession(retry_strategy=BoxRetryStrategy(retry_base_interval=0.001))
    client = BoxClient(auth=auth, network_session=network_session).with_custom_base_urls(
        BaseUrls(base_url=sandbox.url, upload_url=sandbox.url + "/api", oauth_2_url=sandbox.url)
    )
    url = profile.client.server.api_url + "/users/me"

    def script() -> str:
        return str(requests.get(url, auth=RotatingAuth("acme"), timeout=10).json()["type"])

    def sdk() -> str:
        return str(client.users.get_user_me().type.value)

    for turn in range(EXPIRIES):
        sandbox.clock.advance(7200)
        assert [call() for call in ((sdk, script), (script, sdk))[turn % 2]] == ["user"] * 2
    saved = store.load("acme")
    assert saved is not None
    # The SDK does not report the server's time, so with a moved clock its pair looks older than it is.
    assert EXPIRIES <= saved.generation <= 2 * EXPIRIES


def test_the_token_storage_does_not_delete_the_sign_in(sandbox: Sandbox) -> None:
    """The token storage returns a token, and `clear` does not delete the sign-in."""
    sign_in(sandbox)
    storage = boxnb.sdk.token_storage("acme")
    assert storage.get().access_token
    storage.clear()
    assert store.load("acme") is not None


def test_a_pair_that_the_sdk_saves_late_does_not_replace_the_newest(sandbox: Sandbox) -> None:
    """Threads of the SDK may each refresh, and save an older pair last."""
    sign_in(sandbox)
    storage = boxnb.sdk.token_storage("acme")
    first, second = (
        AccessToken(access_token=f"access-{number}", refresh_token=f"refresh-{number}", expires_in=3600)
        for number in range(2)
    )
    for pair in (first, second):
        with pytest.warns(UserWarning, match="whose it is"):  # the sandbox does not know these tokens
            storage.store(pair)
    storage.store(first)
    saved = store.load("acme")
    assert saved is not None and saved.token is not None
    assert saved.token.refresh_token == Secret("refresh-1")


def test_another_user_who_signs_in_through_the_sdk_is_named(sandbox: Sandbox) -> None:
    """The SDK has its own code grant. A session of the earlier user stops, so that no result mixes two users."""
    profile = sign_in(sandbox)
    remember_account("acme")
    earlier = boxnb.connect("acme")
    auth = BoxOAuth(boxnb.sdk.oauth_config("acme"))
    address = sandbox.approve(
        oauth.authorization_url(profile.client, oauth.new_state()), login="bo.nakamura@example.com"
    )
    [code] = parse_qs(urlsplit(address).query)["code"]
    urls = BaseUrls(base_url=sandbox.url, upload_url=sandbox.url, oauth_2_url=sandbox.url)
    with pytest.warns(UserWarning, match=r"now belongs to bo\.nakamura@example\.com"):
        auth.get_tokens_authorization_code_grant(code, network_session=NetworkSession(base_urls=urls))
    saved = store.load("acme")
    assert saved is not None and saved.account is not None
    assert (
        saved.account["login"] == boxnb.connect("acme").get("/users/me")["login"] == "bo.nakamura@example.com"
    )
    assert auth.token_storage.get().access_token
    sandbox.clock.advance(7200)  # the earlier session reads the profile again
    with pytest.raises(ProfileChangedError, match="Nakamura"):
        earlier.get("/users/me")


@pytest.mark.parametrize(
    "value", ["accéss", "two\nlines", "\ud800", b"bytes", ["a list"], {"a": 1}, 1.5, True]
)
def test_a_token_of_the_sdk_that_cannot_be_sent_is_not_saved(sandbox: Sandbox, value: Any) -> None:
    """It would make the profile unreadable. The saved sign-in still works."""
    signed_in = sign_in(sandbox)
    storage = boxnb.sdk.token_storage("acme")
    with pytest.raises(TokenStoreError, match="unchanged"):
        storage.store(AccessToken(access_token=value, refresh_token="refresh-1", expires_in=3600))
    assert store.load("acme") == signed_in
