"""The doctor reports each problem with a remedy, and nothing if all is well."""

from __future__ import annotations

import dataclasses
import socket
from functools import partial
from pathlib import Path

import pytest
from signing import practice_client, sign_in

import boxnb
from boxnb import oauth, store
from boxnb.sandbox import Sandbox
from boxnb.secret import Secret
from boxnb.signin import doctor


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that failed is repeated immediately, not after 1, 2, 4 and 8 seconds."""
    for name in ("BoxSession", "RotatingAuth"):
        monkeypatch.setattr(doctor, name, partial(getattr(doctor, name), sleep=lambda seconds: None))


def results(profile: str = "acme", **options: object) -> dict[str, str]:
    """Return the result of each check."""
    table = boxnb.doctor(profile, **options)  # type: ignore[arg-type]
    return dict(zip(table["check"], table["result"], strict=True))


def finding(check: str, **options: object) -> str:
    """Return finding and remedy of one check."""
    table = boxnb.doctor("acme", **options).set_index("check")  # type: ignore[arg-type]
    return f"{table.loc[check, 'finding']} {table.loc[check, 'remedy']}"


def test_the_doctor_does_not_report_a_problem_if_all_is_well(sandbox: Sandbox) -> None:
    """Every check is ok for the sandbox's admin, apart from what the sandbox does not offer."""
    sign_in(sandbox)
    assert "wrong" not in results().values()
    assert results()["As-User"] == "ok"
    assert "bx" not in boxnb.doctor("acme")._repr_html_()


def test_a_missing_profile_is_reported(sandbox: Sandbox) -> None:
    """The remedy is the command that signs in, because the message is read in a terminal."""
    assert results()["profile"] == "wrong"
    assert "run boxnb sign-in acme" in finding("profile")


def test_the_app_is_checked_before_a_sign_in(sandbox: Sandbox) -> None:
    """A made-up code distinguishes a known app from a wrong client secret."""
    client = practice_client(sandbox)
    store.save(store.Profile("acme", client))
    assert results()["client id and secret"] == "ok"
    assert results()["sign-in"] == "look"
    store.save(store.Profile("acme", dataclasses.replace(client, client_secret=Secret("wrong"))))
    assert results()["client id and secret"] == "wrong"
    assert "Copy both again" in finding("client id and secret")


def test_a_stopped_server_and_a_disabled_certificate_check_are_reported(sandbox: Sandbox) -> None:
    """Each is a finding of its own, and the app counts as not tried."""
    store.save(store.Profile("acme", practice_client(sandbox), verify=False))
    assert results()["connection to the server"] == "wrong"
    sandbox.stop()
    assert "boxnb sign-in sandbox" in finding("client id and secret")
    assert results()["client id and secret"] == "look"  # the server could not be asked


def test_a_missing_ca_bundle_is_reported(sandbox: Sandbox, tmp_path: Path) -> None:
    """Doctor and sign_out name the missing file. A 502 does not mean that a new sign-in is needed."""
    sign_in(sandbox)
    with sandbox.faults("/2.0/users/me", "502", 99):
        assert "Sign in again" not in finding("sign-in")
    saved = store.load("acme")
    assert saved is not None
    server = dataclasses.replace(
        saved.client.server, token_url="https://127.0.0.1:1/", revoke_url="https://127.0.0.1:1/"
    )
    client = dataclasses.replace(saved.client, server=server)
    store.save(dataclasses.replace(saved, client=client, verify=str(tmp_path / "gone.pem")))
    assert "certificate file" in finding("client id and secret")
    assert "certificate file" in boxnb.sign_out("acme")


def test_one_failed_call_does_not_hide_other_findings(sandbox: Sandbox) -> None:
    """The connection breaks during the call for groups, and the later checks still run."""
    sign_in(sandbox)
    with sandbox.faults("/2.0/groups", "reset_before", 99):
        checks = results()
    assert checks["scope Manage groups"] == "wrong"
    assert {checks["scope Manage users"], checks["As-User"]} == {"ok"}


def test_a_wrong_clock_is_reported(sandbox: Sandbox) -> None:
    """A difference of more than ten minutes is a finding."""
    store.save(store.Profile("acme", practice_client(sandbox)))
    sandbox.clock.advance(-0.0)
    assert results()["clock"] == "ok"
    sandbox.clock.advance(1200)
    assert results()["clock"] == "look"
    assert "20 minutes behind" in finding("clock")


def test_a_redirect_uri_on_another_host_is_reported(sandbox: Sandbox) -> None:
    """The receiver cannot listen on another host, so the remedy is to paste the address."""
    client = dataclasses.replace(practice_client(sandbox), redirect_uri="https://example.com/cb")
    store.save(store.Profile("acme", client))
    assert "Paste the address" in finding("redirect URI")


def test_a_busy_port_is_explained(sandbox: Sandbox) -> None:
    """A sign-in then listens at another port, which the app need not list."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        redirect_uri = f"http://127.0.0.1:{busy.getsockname()[1]}/callback"
        client = dataclasses.replace(practice_client(sandbox), redirect_uri=redirect_uri)
        store.save(store.Profile("acme", client))
        text = finding("redirect URI")
    assert "is busy" in text and "you do not need to change the app" in text


def test_a_managed_user_and_a_missing_scope_are_reported(sandbox: Sandbox) -> None:
    """Each finding says what is not available."""
    login = next(
        user["login"] for user in _users(sandbox) if user["role"] == "user" and user["status"] == "active"
    )
    sign_in(sandbox, login=login)
    assert results()["role"] == "look"
    app = sandbox.register_app("narrow", ["http://127.0.0.1/callback"], scopes=["root_readonly"])
    client = dataclasses.replace(
        practice_client(sandbox), client_id=app["client_id"], client_secret=Secret(app["client_secret"])
    )
    sign_in(sandbox, client=client)
    assert results()["scope Manage users"] == "wrong"
    assert "sign in again" in finding("scope Manage users")


def _users(sandbox: Sandbox) -> list[dict[str, str]]:
    """Return the login, role and status of all users, fetched as the admin."""
    sign_in(sandbox, "admin")
    table = boxnb.connect("admin").users()
    return table[["login", "role", "status"]].astype(str).to_dict("records")


@pytest.mark.parametrize("check", ["sign-in"])
def test_a_revoked_sign_in_is_reported(sandbox: Sandbox, check: str) -> None:
    """The finding is the message of the failed refresh."""
    profile = sign_in(sandbox)
    assert profile.token is not None
    oauth.revoke(profile.client, profile.token)
    assert results()[check] == "wrong"
    assert "Perhaps" in finding(check)


@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:9", "http://jane:hid/den@127.0.0.1:9", "http://127.0.0.1:9"]
)
def test_a_broken_proxy_is_reported(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """The finding names the proxy's setting without its password. The app counts as not tried."""
    server = oauth.Server("Box", *[f"https://api.box.example/{path}" for path in ("a", "t", "r", "2.0", "u")])
    store.save(
        store.Profile(
            "acme", oauth.Client("id", Secret("app-secret"), "http://127.0.0.1:8917/callback", server)
        )
    )
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    checks = results()
    assert checks["connection to the server"] == "wrong" and checks["client id and secret"] == "look"
    assert "HTTPS_PROXY" in finding("connection to the server") and "hid" not in finding(
        "connection to the server"
    )


def test_a_proxy_page_with_200_is_not_a_success(sandbox: Sandbox) -> None:
    """A company proxy's own page is not a list of groups."""
    sign_in(sandbox)
    with sandbox.faults("/2.0/groups", "html", 99), sandbox.faults("/2.0/users", "html", 99):
        checks = results()
    assert checks["scope Manage groups"] == checks["scope Manage users"] == checks["As-User"] == "look"
