"""``doctor(profile)``: check everything a sign-in depends on, and give a remedy for each problem."""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import pandas as pd
import requests

from .. import oauth, store
from ..api.connection import Connection
from ..api.failures import api_error
from ..api.session import BoxSession
from ..auth import RotatingAuth
from ..cards import Alert, card_html
from ..datasets import console
from ..errors import (
    AccessTokenRejectedError,
    BoxNotebookError,
    BoxUnavailableError,
    ConsoleError,
    CredentialsRefusedError,
    ForbiddenError,
    HostNotAllowedError,
    InvalidClientError,
    InvalidGrantError,
    NotSignedInError,
    RateLimitError,
    TokenEndpointError,
    TokenStoreError,
)
from ..local import encoding, private_files, reader
from ..oauth import Client, Clock, receiver
from ..oauth.failures import capitalized, display_name, network_trouble
from ..redaction import one_line
from ..secret import Secret
from ..servers import checks
from ..store.method import CODE, KINDS
from ..transport.network_trouble import proxy_for
from ..transport.sessions import Session, unsigned_session
from .messages import UNCHECKED, port_note

CLOCK_TOLERANCE = 600.0
"""How many seconds this computer's clock may differ from the server's before the doctor reports it."""

PROBES: tuple[tuple[str, str, dict[str, object], str], ...] = (
    ("scope Manage users", "/users", {"limit": 1}, "box.users()"),
    ("scope Manage groups", "/groups", {"limit": 1}, "box.groups()"),
    (
        "scope Manage enterprise properties",
        "/events",
        {"stream_type": "admin_logs", "limit": 1},
        "admin events",
    ),
    ("scope Read all files and folders", "/folders/0/items", {"limit": 1}, "folders and files"),
)


class Finding(NamedTuple):
    """One row of the doctor's table. ``result`` is ``ok``, ``look`` or ``wrong``."""

    check: str
    result: str
    finding: str
    remedy: str = ""


class Findings(pd.DataFrame):
    """The doctor's table. A notebook shows it as a card with one line per check."""

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def _repr_html_(self) -> str:
        signs = {"ok": "✓ ok", "look": "! look", "wrong": Alert("✗ wrong")}
        rows = [
            (check, signs.get(result, result), finding, remedy)
            for check, result, finding, remedy in self.astype("str").to_numpy().tolist()
        ]
        return card_html(rows, columns=["check", "result", "finding", "what to do"])


def doctor(profile: str, *, clock: Clock = time.time) -> Findings:
    """
    Check everything a sign-in depends on, before or after it.

    Before a sign-in, one request with a made-up code goes to the token endpoint. Its error shows whether the server
    knows the app. After a sign-in, a few calls fetch one row each, to see what the token may do.

    Parameters
    ----------
    profile : str
        A saved profile, with or without a sign-in.
    clock : callable, default time.time
        Seconds since the epoch.

    Returns
    -------
    Findings
        A DataFrame with the string columns ``check``, ``result`` (``ok``, ``look``, ``wrong``), ``finding``, ``remedy``.
    """
    rows = [[encoding.as_text(cell) for cell in finding] for finding in _findings(profile, clock)]
    return Findings(rows, columns=list(Finding._fields), dtype="str")


def _findings(profile: str, clock: Clock) -> Iterator[Finding]:
    yield _check_folder()
    try:
        saved = store.load_awake(profile)
    except BoxNotebookError as error:
        yield Finding("profile", "wrong", str(error), "Do what the finding says.")
        return
    if saved is None:
        finding, _, remedy = str(store.no_profile(profile)).partition(". ")
        yield Finding("profile", "wrong", f"{finding}.", remedy)
        return
    yield Finding(
        "profile", "ok", f"Saved in {store.path(profile)}, secrets in {saved.keep.partition(':')[0]}."
    )
    if saved.method.kind != CODE:
        yield from _check_without_person(saved, clock)
        return
    with unsigned_session(saved.verify) as http:
        failure, endpoint_findings = _check_endpoint(saved, http, clock)
        yield _check_connection(saved, http, failure)
    yield from endpoint_findings
    yield _check_redirect(saved.client)
    if saved.token is None:
        finding = "The app is registered, but nobody is signed in."
        yield Finding("sign-in", "look", finding, reader.as_sentence(reader.to_sign_in(profile)))
    elif saved.is_box:
        yield from _check_sign_in(profile, clock)
    else:
        for result, finding in checks.probe(saved, clock=clock):
            yield Finding("first call", result, finding)


def _check_without_person(saved: store.Profile, clock: Clock) -> Iterator[Finding]:
    """Try the saved secrets of a profile that needs no person to sign in, once, even if they were refused before."""
    yield Finding(
        "kind of sign-in", "ok", f"{capitalized(KINDS[saved.method.kind])}, {saved.client.server.name}."
    )
    if saved.verify is False:
        finding, _, remedy = UNCHECKED.format(name=saved.name).partition(" Run ")
        yield Finding("connection to the server", "wrong", finding, f"Run {remedy}")
    if saved.method.gets_token:
        try:
            saved = checks.tried(saved, clock=clock)
        except (CredentialsRefusedError, InvalidClientError) as error:
            yield Finding("secrets", "wrong", "The server refuses them.", str(error))
            return
        except BoxNotebookError as error:
            result = "wrong" if getattr(error, "error", "") else "look"
            yield Finding("secrets", result, "There is no token.", str(error))
            return
        minutes = 0 if saved.token is None else saved.token.minutes_left(clock() + saved.skew)
        yield Finding("secrets", "ok", f"The server gave a token for {minutes} minutes.")
        yield from _check_clock([saved.skew])
    if saved.is_box:
        yield from _check_sign_in(saved.name, clock)
        return
    for result, finding in checks.probe(saved, clock=clock):
        yield Finding("first call", result, finding)


def _check_folder() -> Finding:
    try:
        folder = store.home()
        private_files.require_folder(folder / "profiles")
    except TokenStoreError as error:
        finding, _, remedy = str(error).rpartition("). ")
        return Finding(
            "folder", "wrong", f"{finding})." if finding else str(error), remedy if finding else ""
        )
    if not folder.exists():
        finding = f"{folder} does not exist yet. The first sign-in creates it, readable only by you."
        return Finding("folder", "ok", finding)
    if os.name == "nt":
        return Finding("folder", "look", f"{folder}. Its permissions are not checked on Windows.")
    for path in (folder / "profiles", folder):
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o700
        if mode & 0o077:
            finding = f"Other users of this computer have access to {path} (mode {mode:o})."
            return Finding("folder", "wrong", finding, f"Run: chmod 700 {path}")
    return Finding("folder", "ok", f"Only you can read {folder}.")


def _check_connection(saved: store.Profile, http: Session, failure: OSError | None) -> Finding:
    """Return how the token endpoint was reached. Only a response proves that the certificates and the proxy work."""
    url = saved.client.server.token_url
    proxy = proxy_for(url)
    parts = [f"through the proxy set in {proxy}" if proxy else "no proxy"]
    if not url.startswith("https:"):
        parts.append("plain http, so no certificate")
    elif isinstance(saved.verify, str):
        parts.append(f"CA bundle {saved.verify}, from the profile")
    else:
        bundle = http.merge_environment_settings(url, {}, None, None, None)["verify"]
        from_environment = isinstance(bundle, str)
        parts.append(f"CA bundle {bundle}, from the environment" if from_environment else "default CA bundle")
    check = "connection to the server"
    if not saved.verify:
        finding, _, remedy = UNCHECKED.format(name=saved.name).partition(" Run ")
        return Finding(check, "wrong", finding, f"Run {remedy}")
    route = "; ".join(parts)
    if failure is not None:
        return Finding(check, "wrong", f"No response: {route}.", network_trouble(failure))
    return Finding(check, "ok", f"{route[:1].upper()}{route[1:]}.")


def _check_endpoint(
    saved: store.Profile, http: Session, clock: Clock
) -> tuple[OSError | None, list[Finding]]:
    """Send a made-up code to the token endpoint. Return the connection error, if any, and the findings.

    ``invalid_grant`` means that the server knows the app, ``invalid_client`` that it does not (RFC 6749 5.2).
    """
    offsets: list[float] = []

    def note_clock(response: requests.Response, *_: object, **__: object) -> None:
        if "Date" in response.headers:
            offsets.append(oauth.server_time(response, clock) - clock())

    check, failure = "client id and secret", None
    http.hooks["response"].append(note_clock)
    try:
        oauth.exchange_code(saved.client, Secret("made-up-" + secrets.token_hex(8)), http=http, clock=clock)
        finding = Finding(
            check, "look", "The server accepted a made-up code.", "Check the server's addresses."
        )
    except InvalidGrantError:
        finding = Finding(
            check, "ok", f"{capitalized(display_name(saved.client.server.name))} knows the app."
        )
    except InvalidClientError as error:
        finding = Finding(check, "wrong", "The server refuses them.", str(error))
    except TokenEndpointError as error:
        error_code = one_line(error.error, 40) or "nothing usable"
        result = "wrong" if error.error else "look"
        finding = Finding(check, result, f"Unknown: the server responded with {error_code}.", str(error))
    except HostNotAllowedError as error:
        finding = Finding(check, "wrong", "They were not sent.", str(error))
    except OSError as error:  # from requests, or because the CA bundle is missing
        failure = error
        not_tried = "Not tried: the token endpoint did not respond."
        finding = Finding(check, "look", not_tried, network_trouble(error))
    return failure, [finding, *_check_clock(offsets)]


def _check_clock(offsets: list[float]) -> list[Finding]:
    if not offsets:
        return []
    offset = offsets[0]
    if abs(offset) <= CLOCK_TOLERANCE:
        return [Finding("clock", "ok", f"Within {max(1, round(abs(offset)))} s of the server's.")]
    direction = "behind" if offset > 0 else "ahead of"
    finding = f"This computer's clock is {abs(offset) / 60:.0f} minutes {direction} the server's."
    return [Finding("clock", "look", finding, "Set the clock. Until then, boxnb uses the server's time.")]


def _check_redirect(client: Client) -> Finding:
    check, remedy = "redirect URI", "Paste the address when you sign in."
    needed = f"The app must list exactly {client.redirect_uri}"
    if not receiver.can_listen(client.redirect_uri):
        return Finding(check, "look", f"{needed}. boxnb cannot listen there.", remedy)
    listener = receiver.Receiver(oauth.new_state(), client.redirect_uri, lambda _: None)
    try:
        with listener:
            url = listener.redirect_uri
    except BoxNotebookError as error:
        return Finding(check, "look", f"{needed}. {error}", remedy)
    why = port_note(client.redirect_uri, url, client.server.name)
    return Finding(check, "ok", f"{needed}. {why or f'A sign-in listens at {url}.'}")


def _check_sign_in(profile: str, clock: Clock) -> Iterator[Finding]:
    try:
        session = BoxSession(RotatingAuth(profile, clock=clock))
        me = session.get_json("/users/me", fields="id,name,login,role")
        if not isinstance(me, dict) or "login" not in me:
            yield Finding("sign-in", "look", "The response to /users/me does not name a user.", "Try again.")
            return
    except (NotSignedInError, InvalidGrantError, AccessTokenRejectedError) as error:
        yield Finding("sign-in", "wrong", str(error), reader.as_sentence(reader.to_sign_in(profile)))
        return
    except BoxNotebookError as error:
        yield Finding("sign-in", "look", "The sign-in could not be checked.", str(error))
        return
    role = str(me.get("role") or "user")
    yield Finding("sign-in", "ok", f"{me.get('name')} <{me.get('login')}>.")
    if role in ("admin", "coadmin"):
        yield Finding("role", "ok", role)
    else:
        yield Finding(
            "role", "look", f"{role}: sees only their own content.", "Sign in as an admin or co-admin."
        )
    if role in ("admin", "coadmin"):
        yield _finding_or_failure("console reports", partial(_check_console_reports, profile, clock))
    for check, path, query, subject in PROBES:
        yield _finding_or_failure(check, partial(_probe, session, check, path, query, subject))
    yield _finding_or_failure("As-User", partial(_check_as_user, session, str(me.get("id"))))


def _check_console_reports(profile: str, clock: Clock) -> Finding:
    """Say which reports of the Admin Console are there, and how old the newest run of each is."""
    box = Connection(profile, clock=clock)
    try:
        runs = console.console(box)
    except ConsoleError:
        runs = None
    if runs is None or not len(runs):
        finding = "There are none. If an admin runs reports in the Admin Console, box.console() reads them."
        return Finding("console reports", "ok", finding)
    newest = runs[runs["run_at"].notna()].drop_duplicates("report")
    now = pd.Timestamp(box.session.auth.now(), unit="s")
    ages = [
        f"{report} ({_days((now - run_at).days)})"
        for report, run_at in zip(newest["report"], newest["run_at"], strict=True)
    ]
    return Finding("console reports", "ok", f"box.console() reads: {', '.join(ages)}.")


def _days(days: int) -> str:
    """Return the age of a report. Its name has a local time, so that it may seem to be from tomorrow."""
    return "today" if days < 1 else "1 day old" if days == 1 else f"{days} days old"


def _finding_or_failure(check: str, probe: Callable[[], Finding]) -> Finding:
    """Run a probe and return its finding. A failure also becomes a finding, so that it does not hide the others."""
    try:
        return probe()
    except OSError as error:
        return Finding(check, "wrong", "The API did not respond.", network_trouble(error))
    except BoxNotebookError as error:
        return Finding(check, "look", "The call failed.", str(error))


def _probe(session: BoxSession, check: str, path: str, query: dict[str, object], subject: str) -> Finding:
    response = session.request("GET", path, params=query)
    if response.ok and _entries(response) is not None:
        return Finding(check, "ok", f"Gives access to {subject}.")
    error = api_error(response)
    if error.status == 501:
        return Finding(check, "look", f"The sandbox does not offer {subject} yet.")
    if isinstance(error, BoxUnavailableError | RateLimitError):
        return Finding(check, "look", f"Unknown: no usable response ({error.status}).", str(error))
    return Finding(
        check, "wrong", f"Refused ({error.status} {error.code}): no access to {subject}.", str(error)
    )


def _entries(response: requests.Response) -> list[Any] | None:
    """Return the entries of a page, or ``None`` for anything else, such as a 200 with a proxy's own page."""
    try:
        page = response.json()
    except (ValueError, RecursionError):
        return None
    entries = page.get("entries") if isinstance(page, dict) else None
    return entries if isinstance(entries, list) else None


def _check_as_user(session: BoxSession, own_id: str) -> Finding:
    page = session.request("GET", "/users", params={"limit": 2, "fields": "id"})
    entries = _entries(page) if page.ok else None
    if entries is None:
        return Finding(
            "As-User", "look", "Not tried: the list of users is not available.", str(api_error(page))
        )
    others = [str(user["id"]) for user in entries if isinstance(user, dict) and str(user.get("id")) != own_id]
    if not others:
        return Finding("As-User", "look", "Not tried: the enterprise has no other user to act as.")
    response = session.request("GET", "/users/me", headers={"As-User": others[0]}, params={"fields": "id"})
    if response.ok and others[0] in response.text:
        return Finding("As-User", "ok", "Reports can include other users' content.")
    error = api_error(response)
    if not isinstance(error, ForbiddenError):
        return Finding("As-User", "look", f"Unknown: no usable response ({error.status}).", str(error))
    finding = f"Refused ({error.status} {error.code}): reports see only your own content."
    return Finding("As-User", "wrong", finding, str(error))
