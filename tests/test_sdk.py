"""Box's own SDK and plain requests take turns with one saved sign-in."""

from __future__ import annotations

import requests
from box_sdk_gen import BaseUrls, BoxClient, BoxOAuth, BoxRetryStrategy, NetworkSession
from signing import sign_in

import boxnb
from boxnb import store
from boxnb.auth import RotatingAuth
from boxnb.sandbox import Sandbox

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
