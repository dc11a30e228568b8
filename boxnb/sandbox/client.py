"""Control a running sandbox over HTTP, through its pages and its control surface."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn
from urllib.parse import urljoin

import requests

PRACTICE_PASSWORD = "practice"  # shown on the sandbox's sign-in page


def fail(message: str) -> NoReturn:
    """Raise `SandboxError` with this message."""
    from boxnb.errors import SandboxError

    raise SandboxError(message)


class Clock:
    """The clock of a sandbox, in seconds since the epoch."""

    def __init__(self, sandbox: Callable[[], Sandbox]) -> None:
        self._sandbox = sandbox

    def _do(self, do: str, **more: float) -> float:
        return float(self._sandbox()._control("clock", do=do, **more)["now"])

    def now(self) -> float:
        """Return the time on the sandbox clock."""
        return self._do("now")

    def advance(self, seconds: float) -> float:
        """Move the clock forward by `seconds` and return the new time."""
        return self._do("advance", seconds=seconds)

    def freeze(self) -> float:
        """Stop the clock and return its time; `advance` still moves it."""
        return self._do("freeze")

    def reset(self) -> float:
        """Set the clock back to real time and return the new time."""
        return self._do("reset")


class Faults:
    """The faults of a sandbox: failures that it simulates."""

    def __init__(self, sandbox: Callable[[], Sandbox]) -> None:
        self._sandbox = sandbox

    def add(self, path: str, kind: str, times: int = 1, **settings: Any) -> dict[str, Any]:
        """Switch a fault on for the next `times` calls whose path matches the shell pattern `path`.

        Example of a pattern: ``/2.0/users*``. Kinds: latency, 202, 429, 500, 502, 503, reset_before, reset_after,
        truncated, html, content_type, drip, conflict, lost_token. Settings: `skip` (how many matching calls to let
        through first), `seconds`, `retry_after`, `method`.
        """
        fault: dict[str, Any] = self._sandbox()._control(
            "faults", do="add", path=path, kind=str(kind), times=times, **settings
        )
        return fault

    @contextmanager
    def during(
        self, path: str, kind: str, times: int = 1_000_000, **settings: Any
    ) -> Iterator[dict[str, Any]]:
        """Switch a fault on for the duration of a `with` block."""
        fault = self.add(path, kind, times, **settings)
        try:
            yield fault
        finally:
            self._sandbox()._control("faults", do="clear", id=fault["id"])

    __call__ = during

    def list(self) -> list[dict[str, Any]]:
        """Return the faults that are switched on."""
        faults: list[dict[str, Any]] = self._sandbox()._control("faults", do="list")
        return faults

    def clear(self) -> None:
        """Switch all faults off."""
        self._sandbox()._control("faults", do="clear")


class _Fields(HTMLParser):
    """The hidden fields and the action of the form on a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.action = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = attributes.get("action", "")
        elif tag == "input" and attributes.get("type") == "hidden":
            self.hidden[attributes["name"]] = attributes["value"]


class Sandbox:
    """A running sandbox at `.url`. `.stop()` stops it, and so does the end of a `with` block."""

    def __init__(self, url: str, key: str, pid: int, state: Path) -> None:
        self.url, self.pid, self.state = url, pid, state
        self._key = key
        self._http = requests.Session()
        self._http.trust_env = False
        self._process: subprocess.Popen[bytes] | None = None
        self._temporary: Path | None = None
        self.clock = Clock(lambda: self)
        self.faults = Faults(lambda: self)

    def __repr__(self) -> str:
        return f"<Sandbox {self.url}>"

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _control(self, command: str, **body: Any) -> Any:
        try:
            response = self._http.post(
                f"{self.url}/_sandbox/{command}",
                json=body,
                headers={"X-Sandbox-Key": self._key},
                timeout=300 if command == "console_reports" else 10,
            )
        except requests.RequestException as error:
            fail(f"The sandbox at {self.url} did not respond ({type(error).__name__}). Start it again.")
        if response.status_code != 200:
            fail(f"The sandbox refused {command!r}: {response.text[:300]}")
        return response.json()

    def alive(self, instance: str | None = None) -> bool:
        """Return whether the sandbox responds to its key and, if `instance` is given, is that instance."""
        try:
            response = self._http.post(
                f"{self.url}/_sandbox/ping", json={}, headers={"X-Sandbox-Key": self._key}, timeout=3
            )
            return response.status_code == 200 and instance in (None, response.json()["instance"])
        except (requests.RequestException, ValueError, KeyError):
            return False

    def server(self) -> dict[str, str]:
        """Return the sandbox's URLs as arguments for `Server(**sandbox.server())`."""
        return {
            "name": "sandbox",
            "authorize_url": f"{self.url}/api/oauth2/authorize",
            "token_url": f"{self.url}/oauth2/token",
            "revoke_url": f"{self.url}/oauth2/revoke",
            "api_url": f"{self.url}/2.0",
            "upload_url": f"{self.url}/api/2.0",
        }

    def other_servers(self) -> dict[str, dict[str, Any]]:
        """Return the practice servers next to Box: `jamf`, `uem` and `keyed`.

        Each has `url`, `username`, `password`, `client_id`, `client_secret` and `key`, of which it takes some; `issued` and
        `attempts` count the tokens and the checked secrets; `locked` says whether the account is locked.
        """
        accounts: dict[str, dict[str, Any]] = self._control("others")
        return {name: {"url": f"{self.url}/{name}", **facts} for name, facts in accounts.items()}

    def change_other(self, name: str, **changes: Any) -> dict[str, Any]:
        """Act as the admin of a practice server: change a secret, `lifetime` or `password_lifetime` (seconds), `locked`, `enabled` or `expired`.

        `expires_in` replaces what the server says about a token's lifetime; `end_tokens` ends all tokens.
        """
        accounts: dict[str, Any] = self._control("others", name=name, **changes)[name]
        return accounts

    def practice_client(self, app: str = "practice") -> dict[str, str]:
        """Return the client ID, client secret and redirect URI of an app that is registered from the start.

        ``"practice"`` can do what most admins' apps can; ``"governance"`` also has `enterprise_content`, so it reads the
        content of the whole enterprise, but writes only on behalf of other users.
        """
        client: dict[str, str] = self._control("practice", app=app)
        return client

    def register_app(
        self, name: str, redirect_uris: list[str], scopes: list[str] | None = None
    ) -> dict[str, Any]:
        """Register an app, as the app console does, and return it with its client ID and client secret."""
        app: dict[str, Any] = self._control("apps", name=name, redirect_uris=redirect_uris, scopes=scopes)
        return app

    def change_app(self, client_id: str, **changes: Any) -> dict[str, Any]:
        """Change an app's `scopes`, `redirect_uris` or `enabled`. Existing tokens keep their scopes."""
        app: dict[str, Any] = self._control("app", client_id=client_id, **changes)
        return app

    def register_server_app(self, name: str, **settings: Any) -> dict[str, Any]:
        """Register an app that signs in by itself, and return it with its `enterprise_id`. It still has to be authorized.

        Settings: `scopes`; `access`, which is "app" or "enterprise"; `user_tokens`, whether it can get tokens for users.
        """
        app: dict[str, Any] = self._control("apps", name=name, kind="client_credentials", **settings)
        return app

    def authorize_app(self, client_id: str, login: str | None = None) -> dict[str, Any]:
        """Act as an admin: authorize an app that signs in by itself, again after each change of its settings.

        Return the id of its service account as `service_user`. Raises `SandboxError` if `login` is not the admin.
        """
        authorized: dict[str, Any] = self._control("authorize", client_id=client_id, login=login)
        return authorized

    def change_server_app(self, client_id: str, **changes: Any) -> dict[str, Any]:
        """Change the `scopes`, `access`, `user_tokens` or `client_secret` of such an app; `authorized=False` withdraws it."""
        app: dict[str, Any] = self._control("server-app", client_id=client_id, **changes)
        return app

    def change_user(self, login: str, **changes: str) -> dict[str, Any]:
        """Change a user's `status`, `role` or `name`."""
        user: dict[str, Any] = self._control("user", login=login, **changes)
        return user

    def run_console_reports(self, *reports: str, page_rows: int = 100_000) -> dict[str, str]:
        """Run reports as the admin does in the Admin Console, and return the id of each run's folder in *Box Reports*.

        The files are built from Box's documentation, not from real ones, and their descriptions say so. The reports are
        ``user_details``, ``user_activity``, ``folders_and_files``, ``collaborations`` and ``shared_links``; all by default.
        """
        folders: dict[str, str] = self._control("console_reports", reports=list(reports), page_rows=page_rows)
        return folders

    def approve(
        self, url: str, login: str | None = None, password: str | None = None, *, deny: bool = False
    ) -> str:
        """Act as the user: open the authorization URL, sign in, and grant (or deny) access.

        Return the redirect URL without following it. `login` defaults to the practice admin. Raises `SandboxError` if a
        page is not the expected one.
        """
        if not url.startswith(self.url + "/"):
            fail(f"This authorization URL does not belong to the sandbox at {self.url}.")
        with requests.Session() as browser:
            browser.trust_env = False
            sign_in_page = browser.get(url, timeout=10)
            form = self._form(sign_in_page, "sign-in")
            login = login or self._control("ping")["admin"]
            fields = {**form.hidden, "login": login, "password": password or PRACTICE_PASSWORD}
            consent_page = browser.post(urljoin(sign_in_page.url, form.action), data=fields, timeout=10)
            form = self._form(consent_page, "consent")
            fields = {**form.hidden, "decision": "deny" if deny else "grant"}
            redirect = browser.post(
                urljoin(consent_page.url, form.action), data=fields, timeout=10, allow_redirects=False
            )
        if redirect.status_code not in (302, 303) or "location" not in redirect.headers:
            fail(f"The sandbox did not redirect (status {redirect.status_code}): {_heading(redirect.text)}")
        return redirect.headers["location"]

    def _form(self, response: requests.Response, step: str) -> _Fields:
        form = _Fields(response.text)
        if response.status_code != 200 or form.hidden.get("step") != step:
            fail(
                f"The sandbox did not show its {step} page (status {response.status_code}): {_heading(response.text)}"
            )
        return form

    def record(self, *, clear: bool = False) -> list[dict[str, Any]]:
        """Return the requests that the sandbox received, oldest first, with fingerprints instead of secrets.

        With `clear`, also empty the record.
        """
        entries: list[dict[str, Any]] = self._control("record", clear=clear)
        return entries

    def stop(self) -> None:
        """Stop the process and remove a temporary state folder. Do nothing if the process has already exited."""
        try:
            self._http.post(
                f"{self.url}/_sandbox/stop", json={}, headers={"X-Sandbox-Key": self._key}, timeout=10
            )
        except requests.RequestException:
            self._key = ""  # it has already exited
        self._http.close()
        deadline = time.monotonic() + 10
        if self._process is not None:
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
            if self._process.stdin is not None:
                self._process.stdin.close()
        else:
            while self._key and self.alive() and time.monotonic() < deadline:
                time.sleep(0.05)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)


def _heading(html: str) -> str:
    """Return the alert or the heading of a page, for an error message."""
    for start, end in (('role="alert">', "</p>"), ("<h1>", "</h1>")):
        if start in html:
            return html.split(start, 1)[1].split(end, 1)[0]
    return html[:120]
