"""Fixtures of the sandbox's tests: private sandboxes and the users who sign in to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import measuring
import pytest
import requests

import boxnb.sandbox
from boxnb.sandbox import Sandbox

from . import spec

REDIRECT = "http://127.0.0.1:8321/callback"


@pytest.fixture(scope="module", autouse=True)
def not_measured() -> Iterator[None]:
    """Pause the measurement of coverage: the sandbox's server is left out, and what is left of boxnb has its own tests."""
    with measuring.paused():
        yield


@dataclass
class Person:
    """An app and the person using it, over plain HTTP."""

    sandbox: Sandbox
    client: dict[str, Any]
    redirect: str = REDIRECT
    http: requests.Session = field(default_factory=requests.Session)
    access: str = ""

    def __post_init__(self) -> None:
        self.http.hooks["response"].append(spec.check)  # validates every response against Box's description

    def url(self, **more: str) -> str:
        """Return an authorization URL."""
        query = {"response_type": "code", "client_id": self.client["client_id"], "state": "st/ate &1"}
        return f"{self.sandbox.url}/api/oauth2/authorize?" + urlencode(
            {**query, "redirect_uri": self.redirect, **more}
        )

    def code(self, login: str | None = None, **more: str) -> str:
        """Sign in and return the authorization code."""
        redirect = self.sandbox.approve(self.url(**more), login)
        return parse_qs(urlsplit(redirect).query)["code"][0]

    def token(self, **form: str) -> requests.Response:
        """Send a form to the token endpoint."""
        keys = {key: self.client[key] for key in ("client_id", "client_secret")}
        return self.http.post(f"{self.sandbox.url}/oauth2/token", data={**keys, **form}, timeout=10)

    def exchange(self, code: str, **form: str) -> requests.Response:
        """Exchange an authorization code for a token pair."""
        return self.token(grant_type="authorization_code", code=code, **form)

    def refresh(self, token: str) -> requests.Response:
        """Refresh a token pair."""
        return self.token(grant_type="refresh_token", refresh_token=token)

    def revoke(self, token: str, **form: str) -> requests.Response:
        """Revoke a token."""
        keys = {key: self.client[key] for key in ("client_id", "client_secret")}
        return self.http.post(
            f"{self.sandbox.url}/oauth2/revoke", data={**keys, "token": token, **form}, timeout=10
        )

    def sign_in(self, login: str | None = None, **more: str) -> dict[str, Any]:
        """Sign in and return the token pair."""
        response = self.exchange(self.code(login, **more))
        assert response.status_code == 200, response.text
        pair: dict[str, Any] = response.json()
        return pair

    def get(self, path: str, token: str, **headers: str) -> requests.Response:
        """Make a GET call with this token."""
        headers = {"Authorization": f"Bearer {token}", **headers}
        return self.http.get(f"{self.sandbox.url}/2.0{path}", headers=headers, timeout=10)

    def call(self, method: str, path: str, json: Any = None, **headers: str) -> requests.Response:
        """Make a call with a token of the practice admin, who signs in once. A path that is a whole URL is not changed."""
        if not self.access:
            self.access = self.sign_in()["access_token"]
        url = path if path.startswith("http") else f"{self.sandbox.url}/2.0{path}"
        headers = {"Authorization": f"Bearer {self.access}", **headers}
        return self.http.request(method, url, json=json, headers=headers, timeout=20, allow_redirects=False)

    def doc(self, path: str, **headers: str) -> dict[str, Any]:
        """Return the JSON of a successful GET."""
        response = self.call("GET", path, **headers)
        assert response.status_code == 200, response.text
        document: dict[str, Any] = response.json()
        return document


Starter = Callable[..., Sandbox]


@pytest.fixture
def start_sandbox(tmp_path: Path) -> Iterator[Starter]:
    """Start private sandboxes, each with its own state, and stop them after the test."""
    running: list[Sandbox] = []

    def run(name: str = "state", **options: Any) -> Sandbox:
        running.append(boxnb.sandbox.start(private=True, state=tmp_path / name, **options))
        return running[-1]

    yield run
    for sandbox in running:
        sandbox.stop()


@pytest.fixture
def ada(start_sandbox: Starter) -> Iterator[Person]:
    """The practice app and the practice admin, with their own sandbox."""
    sandbox = start_sandbox()
    person = Person(sandbox, sandbox.practice_client())
    yield person
    person.http.close()


@pytest.fixture
def strict(start_sandbox: Starter) -> Iterator[Person]:
    """Like `ada`, with strict rotation."""
    sandbox = start_sandbox("strict", rotation="strict")
    person = Person(sandbox, sandbox.practice_client())
    yield person
    person.http.close()


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """The practice admin with a sandbox without limits, shared by the tests of a module, which only read."""
    state = tmp_path_factory.mktemp("reader")
    with boxnb.sandbox.start(private=True, state=state, limits="off") as sandbox:
        person = Person(sandbox, sandbox.practice_client())
        yield person
        person.http.close()


@pytest.fixture
def writer(start_sandbox: Starter) -> Iterator[Person]:
    """The practice admin with this test's own sandbox, without limits."""
    sandbox = start_sandbox("writer", limits="off")
    person = Person(sandbox, sandbox.practice_client())
    yield person
    person.http.close()
