"""The practice servers other than Box behave as their vendors document: formats, lifetimes, ended tokens, lockout, faults."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import requests

from boxnb.errors import SandboxError
from boxnb.sandbox import Sandbox


@pytest.fixture
def jamf(sandbox: Sandbox) -> dict[str, Any]:
    """Return the accounts of the practice server that behaves like Jamf Pro."""
    return sandbox.other_servers()["jamf"]


def post(url: str, **options: Any) -> requests.Response:
    """Send a POST."""
    return requests.post(url, timeout=10, **options)


def get(url: str, token: str = "", **options: Any) -> requests.Response:
    """Send a GET, with a bearer token if there is one."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(url, timeout=10, headers=headers, **options)


def test_a_bearer_token_for_a_password(sandbox: Sandbox, jamf: dict[str, Any]) -> None:
    """It expires after 20 minutes on the sandbox's clock; keep-alive and invalidate-token end it."""
    pair = (jamf["username"], jamf["password"])
    assert post(jamf["url"] + "/api/v1/auth/token").status_code == 401
    first = post(jamf["url"] + "/api/v1/auth/token", auth=pair).json()
    expires = datetime.fromisoformat(first["expires"])
    assert abs(expires.timestamp() - sandbox.clock.now() - 1200) < 5 and first["expires"].endswith("Z")
    bearer = {"Authorization": f"Bearer {first['token']}"}
    second = post(jamf["url"] + "/api/v1/auth/keep-alive", headers=bearer).json()
    assert get(jamf["url"] + "/api/v1/auth", first["token"]).status_code == 401
    assert get(jamf["url"] + "/api/v1/auth", second["token"]).json()["account"]["username"] == "reader"
    sandbox.clock.advance(1201)
    assert get(jamf["url"] + "/api/v1/auth", second["token"]).status_code == 401
    third = post(jamf["url"] + "/api/v1/auth/token", auth=pair).json()
    bearer = {"Authorization": f"Bearer {third['token']}"}
    assert post(jamf["url"] + "/api/v1/auth/invalidate-token", headers=bearer).status_code == 204
    answer = post(jamf["url"] + "/api/v1/auth/invalidate-token", headers=bearer)
    assert answer.status_code == 401 and answer.json()["errors"][0]["code"] == "INVALID_TOKEN"


def test_client_credentials_have_the_lifetime_of_the_client(sandbox: Sandbox, jamf: dict[str, Any]) -> None:
    """The lifetime is a setting, there is no keep-alive, and a wrong secret or scope is refused."""
    url = jamf["url"] + "/api/oauth/token"
    form = {
        "grant_type": "client_credentials",
        "client_id": jamf["client_id"],
        "client_secret": jamf["client_secret"],
    }
    assert post(url, data=form).json()["expires_in"] == 599
    sandbox.change_other("jamf", lifetime=60)
    token = post(url, data=form).json()
    assert token["expires_in"] == 60 and token["token_type"] == "Bearer" and "refresh_token" not in token
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    assert post(jamf["url"] + "/api/v1/auth/keep-alive", headers=bearer).status_code == 401
    assert get(jamf["url"] + "/JSSResource/computers", token["access_token"]).json()["computers"]
    for changed, status, error in (
        ({"client_secret": "x"}, 401, "invalid_client"),
        ({"scope": "api-role:99"}, 400, "invalid_scope"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ):
        answer = post(url, data={**form, **changed})
        assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_wrong_passwords_lock_the_account(sandbox: Sandbox, jamf: dict[str, Any]) -> None:
    """After five wrong passwords in a row, the right one is refused as well, until an admin unlocks the account."""
    url, right = jamf["url"] + "/api/v1/auth/token", (jamf["username"], jamf["password"])
    for _ in range(4):
        assert post(url, auth=("reader", "x")).status_code == 401
    assert post(url, auth=right).status_code == 200
    for _ in range(5):
        assert post(url, auth=("reader", "x")).status_code == 401
    assert "locked" in post(url, auth=right).text and sandbox.other_servers()["jamf"]["locked"]
    sandbox.change_other("jamf", locked=False)
    assert post(url, auth=right).status_code == 200


def test_the_classic_api_takes_no_password(jamf: dict[str, Any]) -> None:
    """Its 401 is a page without ``WWW-Authenticate``, like one for a wrong password."""
    answer = requests.get(
        jamf["url"] + "/JSSResource/computers", auth=(jamf["username"], jamf["password"]), timeout=10
    )
    assert answer.status_code == 401 and "WWW-Authenticate" not in answer.headers and "<html>" in answer.text


@pytest.mark.parametrize(("query", "status", "rows"), [("", 200, 100), ("page-size=2000", 200, 240), ("page-size=2001", 400, 0), ("page=-1", 400, 0), ("page=2&page-size=100", 200, 40), ("page=9", 200, 0)])  # fmt: skip
def test_paging_like_jamf_pro(jamf: dict[str, Any], query: str, status: int, rows: int) -> None:
    """Pages count from 0, have 100 rows by default and at most 2000."""
    form = {
        "grant_type": "client_credentials",
        "client_id": jamf["client_id"],
        "client_secret": jamf["client_secret"],
    }
    token = post(jamf["url"] + "/api/oauth/token", data=form).json()["access_token"]
    answer = get(f"{jamf['url']}/api/v1/computers-inventory?{query}", token)
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["totalCount"] == 240 and len(answer.json()["results"]) == rows
    assert "box-request-id" not in answer.headers


def test_a_server_like_workspace_one(sandbox: Sandbox) -> None:
    """A token for an hour in the form or by Basic; or a password with the API key; an empty page has no content."""
    uem = sandbox.other_servers()["uem"]
    form = {"grant_type": "client_credentials"}
    secret = {"client_id": uem["client_id"], "client_secret": uem["client_secret"]}
    for options in ({"data": {**form, **secret}}, {"data": form, "auth": tuple(secret.values())}):
        token = post(uem["url"] + "/connect/token", **options).json()
        assert token["expires_in"] == 3600 and set(token) == {"access_token", "expires_in", "token_type"}
    url, headers = uem["url"] + "/API/mdm/devices/search", {"aw-tenant-code": uem["key"]}
    page = get(url, token["access_token"], params={"page": 1, "pagesize": 100}).json()
    assert (page["Page"], page["PageSize"], page["Total"], len(page["Devices"])) == (1, 100, 240, 100)
    assert get(url, token["access_token"], params={"page": 9}).status_code == 204
    right = ("reader", uem["password"])
    assert requests.get(url, auth=right, headers=headers, timeout=10).ok
    for auth, tenant in ((right, {}), (right, {"aw-tenant-code": "x"}), (("reader", "x"), headers)):
        answer = requests.get(url, auth=auth, headers=tenant, timeout=10)
        assert answer.status_code == 401 and set(answer.json()) == {"errorCode", "message", "activityId"}
    sandbox.clock.advance(3601)
    assert get(url, token["access_token"]).status_code == 401


def test_a_key_ends_if_it_is_not_used(sandbox: Sandbox) -> None:
    """Each use starts the thirty days again; the error has the vendor's format."""
    keyed = sandbox.other_servers()["keyed"]
    url = keyed["url"] + "/api/v1/devices"
    for _ in range(2):
        sandbox.clock.advance(29 * 86400)
        assert requests.get(url, headers={"x-api-key": keyed["key"]}, timeout=10).ok
    sandbox.clock.advance(31 * 86400)
    answer = requests.get(url, headers={"Authorization": f"SSWS {keyed['key']}"}, timeout=10)
    assert answer.status_code == 401 and answer.json()["errorCode"] == "E0000011"


def test_faults_and_the_record_cover_the_practice_servers(sandbox: Sandbox, jamf: dict[str, Any]) -> None:
    """A fault applies to their paths, and the record has no secret."""
    with sandbox.faults("/jamf/*", "503"):
        assert get(jamf["url"] + "/api/v1/auth").status_code == 503
    form = {
        "grant_type": "client_credentials",
        "client_id": jamf["client_id"],
        "client_secret": jamf["client_secret"],
    }
    post(jamf["url"] + "/api/oauth/token", data=form)
    recorded = sandbox.record()
    assert [call["status"] for call in recorded] == [503, 200]
    assert jamf["client_secret"] not in str(recorded) and recorded[-1]["form"]["client_secret"].startswith(
        "<secret "
    )


def test_unknown_settings_and_paths(sandbox: Sandbox, jamf: dict[str, Any]) -> None:
    """An unknown path is 404 in the server's own format; an unknown setting is refused."""
    for name, key in (("jamf", "httpStatus"), ("uem", "errorCode"), ("keyed", "errorSummary")):
        answer = get(f"{sandbox.url}/{name}/nothing")
        assert answer.status_code == 404 and key in answer.json()
    with pytest.raises(SandboxError, match="unknown setting of a practice server: size"):
        sandbox.change_other("jamf", size=1)


def test_secrets_stay_when_the_sandbox_restarts(tmp_path: Any) -> None:
    """A saved server works again after the sandbox was stopped and started."""
    import boxnb

    secrets = []
    for _ in range(2):
        with boxnb.sandbox.start(private=True, state=tmp_path / "state") as running:
            secrets.append(
                {name: accounts["client_secret"] for name, accounts in running.other_servers().items()}
            )
    assert secrets[0] == secrets[1] and len(set(secrets[0].values())) == 3
