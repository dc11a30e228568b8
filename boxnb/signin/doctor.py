"""``doctor(profile)``: what stands between this computer and Box, each finding with its remedy."""

from __future__ import annotations

import html
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
from ..api.failures import api_error
from ..api.session import BoxSession
from ..auth import RotatingAuth
from ..errors import (
    AccessTokenRejectedError,
    BoxNotebookError,
    BoxUnavailableError,
    ForbiddenError,
    HostNotAllowedError,
    InvalidClientError,
    InvalidGrantError,
    NotSignedInError,
    RateLimitError,
    TokenEndpointError,
)
from ..local import encoding
from ..oauth import Client, Clock, receiver
from ..oauth.failures import called, capital, network_trouble
from ..redaction import one_line
from ..secret import Secret
from ..transport.network_trouble import proxy_for
from ..transport.sessions import Session, plain

SKEW_TO_TELL = 600.0
"""Seconds this computer's clock may differ from the server's before it is a finding."""

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
    """One row of the doctor's table; ``result`` is ``ok``, ``look`` or ``wrong``."""

    check: str
    result: str
    finding: str
    remedy: str = ""


class Findings(pd.DataFrame):
    """The doctor's table; shown in a notebook as a card, one line a check."""

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def _repr_html_(self) -> str:
        signs = {"ok": "✓ ok", "look": "! look", "wrong": "✗ wrong"}
        left = "style='text-align:left;white-space:normal'"
        red = "style='text-align:left;white-space:normal;color:#c62828'"
        rows = "".join(
            f"<tr><th scope='row' {left}>{html.escape(check)}</th>"
            f"<td {red if result == 'wrong' else left}>{signs.get(result, result)}</td>"
            f"<td {left}>{html.escape(finding)}</td><td {left}>{html.escape(remedy)}</td></tr>"
            for check, result, finding, remedy in self.astype("str").to_numpy().tolist()
        )
        return (
            f"<table><thead><tr><th {left}>check</th><th {left}>result</th><th {left}>finding</th>"
            f"<th {left}>what to do</th></tr></thead><tbody>{rows}</tbody></table>"
        )


def doctor(profile: str, *, clock: Clock = time.time) -> Findings:
    """
    Look at everything a sign-in depends on: before it without one, after it with a few calls.

    Before sign-in one request goes to the token endpoint, with a made-up code: the server's refusal tells whether
    it knows the app. After sign-in a handful of calls ask for one row each, to see what the token opens.

    Parameters
    ----------
    profile : str
        A saved profile, signed in or only registered.
    clock : callable, default time.time
        Seconds since the epoch.

    Returns
    -------
    Findings
        A DataFrame with the text columns ``check``, ``result`` (``ok``, ``look``, ``wrong``), ``finding``, ``remedy``.
    """
    rows = [[encoding.as_text(cell) for cell in finding] for finding in _findings(profile, clock)]
    return Findings(rows, columns=list(Finding._fields), dtype="str")


def _findings(profile: str, clock: Clock) -> Iterator[Finding]:
    yield _folder()
    try:
        saved = store.load(profile)
    except BoxNotebookError as error:
        yield Finding("profile", "wrong", str(error), "See the sentence beside.")
        return
    if saved is None:
        remedy = "Open notebooks/1-onboard/01-register-and-sign-in.ipynb; boxnb.status() lists what is saved."
        yield Finding("profile", "wrong", f"There is no profile {profile!r}.", remedy)
        return
    yield Finding(
        "profile", "ok", f"Saved in {store.path(profile)}, secrets kept in {saved.keep.partition(':')[0]}."
    )
    with plain(saved.verify) as http:
        trouble, asked = _endpoint(saved, http, clock)
        yield _way(saved, http, trouble)
    yield from asked
    yield _redirect(saved.client)
    if saved.token is None:
        yield Finding(
            "sign-in", "look", "The app is registered, nobody is signed in.", "Sign in with the panel."
        )
    else:
        yield from _signed_in(profile, clock)


def _folder() -> Finding:
    folder = store.home()
    if not folder.exists():
        return Finding(
            "folder",
            "ok",
            f"{folder} does not exist yet; it is created, for you alone, at the first sign-in.",
        )
    if os.name == "nt":
        return Finding("folder", "look", f"{folder}; who may read it is not checked on Windows.")
    for place in (folder / "profiles", folder):
        mode = stat.S_IMODE(place.stat().st_mode) if place.exists() else 0o700
        if mode & 0o077:
            told = f"Others may look into {place} ({mode:o})."
            return Finding("folder", "wrong", told, f"Run: chmod 700 {place}")
    return Finding("folder", "ok", f"{folder} is yours alone.")


def _way(saved: store.Profile, http: Session, trouble: OSError | None) -> Finding:
    """Whether the token endpoint was reached, and how: the certificates and the proxy count as good only then."""
    url = saved.client.server.token_url
    proxy = proxy_for(url)
    parts = [f"through the proxy of {proxy}" if proxy else "no proxy"]
    if not url.startswith("https:"):
        parts.append("plain http, so no certificate")
    elif isinstance(saved.verify, str):
        parts.append(f"certificates of {saved.verify}, from the profile")
    else:
        used = http.merge_environment_settings(url, {}, None, None, None)["verify"]
        parts.append(
            f"certificates of {used}, from the environment"
            if isinstance(used, str)
            else "the usual certificates"
        )
    if not saved.verify:
        remedy = f"Run boxnb.store.configure({saved.name!r}, verify=True), or give the path of your company's certificate file."
        told = "Certificates are not checked, so whoever is in between can read the secrets."
        return Finding("way to the server", "wrong", told, remedy)
    if trouble is not None:
        return Finding(
            "way to the server", "wrong", f"No answer: {'; '.join(parts)}.", network_trouble(trouble)
        )
    return Finding("way to the server", "ok", f"{'; '.join(parts)}.".capitalize())


def _endpoint(saved: store.Profile, http: Session, clock: Clock) -> tuple[OSError | None, list[Finding]]:
    """A made-up code: ``invalid_grant`` means the app is known, ``invalid_client`` that it is not (RFC 6749 5.2)."""
    seen: list[float] = []

    def note(response: requests.Response, *_: object, **__: object) -> None:
        if "Date" in response.headers:
            seen.append(oauth.server_time(response, clock) - clock())

    check, trouble = "client id and secret", None
    http.hooks["response"].append(note)
    try:
        oauth.exchange_code(saved.client, Secret("made-up-" + secrets.token_hex(8)), http=http, clock=clock)
        found = [Finding(check, "look", "The server took a code that was made up.", "Check its addresses.")]
    except InvalidGrantError:
        found = [Finding(check, "ok", f"{capital(called(saved.client.server.name))} knows the app.")]
    except InvalidClientError as error:
        found = [Finding(check, "wrong", "The server refuses them.", str(error))]
    except TokenEndpointError as error:
        said = one_line(error.error, 40) or "nothing usable"
        result = "wrong" if error.error else "look"
        found = [Finding(check, result, f"Not told: the server said {said}.", str(error))]
    except HostNotAllowedError as error:
        found = [Finding(check, "wrong", "They were not sent.", str(error))]
    except OSError as error:  # requests' own, and a certificate file that is not there
        trouble = error
        found = [
            Finding(check, "look", "Not tried: the token endpoint gave no answer.", network_trouble(error))
        ]
    if seen and abs(seen[0]) > SKEW_TO_TELL:
        ahead = "behind" if seen[0] > 0 else "ahead of"
        told = f"This computer's clock is {abs(seen[0]) / 60:.0f} minutes {ahead} the server's."
        found.append(Finding("clock", "look", told, "Set the clock; boxnb goes by the server's meanwhile."))
    elif seen:
        found.append(Finding("clock", "ok", f"Within {max(1, round(abs(seen[0])))} s of the server's."))
    return trouble, found


def _redirect(client: Client) -> Finding:
    told = f"The app must list exactly {client.redirect_uri}"
    if not receiver.can_listen(client.redirect_uri):
        return Finding(
            "redirect URI", "look", f"{told}; nothing can listen there.", "Paste the address into the panel."
        )
    waiting = receiver.Receiver(oauth.new_state(), client.redirect_uri, lambda _: None)
    try:
        with waiting:
            where = waiting.redirect_uri
    except BoxNotebookError as error:
        return Finding("redirect URI", "look", f"{told}. {error}", "Paste the address into the panel.")
    return Finding("redirect URI", "ok", f"{told}; the panel can listen at {where}.")


def _signed_in(profile: str, clock: Clock) -> Iterator[Finding]:
    try:
        session = BoxSession(RotatingAuth(profile, clock=clock))
        me = session.get_json("/users/me", fields="id,name,login,role")
        if not isinstance(me, dict) or "login" not in me:
            yield Finding(
                "sign-in", "look", "The answer to the question who signed in names nobody.", "Try again."
            )
            return
    except (NotSignedInError, InvalidGrantError, AccessTokenRejectedError) as error:
        yield Finding("sign-in", "wrong", str(error), "Sign in again with the panel.")
        return
    except BoxNotebookError as error:
        yield Finding("sign-in", "look", "It could not be tried.", str(error))
        return
    role = str(me.get("role") or "user")
    yield Finding("sign-in", "ok", f"{me.get('name')} <{me.get('login')}>.")
    if role in ("admin", "coadmin"):
        yield Finding("role", "ok", role)
    else:
        yield Finding("role", "look", f"{role}: sees own content only.", "Sign in as an admin or co-admin.")
    for check, path, query, opens in PROBES:
        yield _answered(check, partial(_probe, session, check, path, query, opens))
    yield _answered("As-User", partial(_as_user, session, str(me.get("id"))))


def _answered(check: str, ask: Callable[[], Finding]) -> Finding:
    """What was found, or that no answer came: the other findings are still worth reading."""
    try:
        return ask()
    except OSError as error:
        return Finding(check, "wrong", "The API gave no answer.", network_trouble(error))
    except BoxNotebookError as error:
        return Finding(check, "look", "The question could not be asked.", str(error))


def _probe(session: BoxSession, check: str, path: str, query: dict[str, object], opens: str) -> Finding:
    response = session.request("GET", path, params=query)
    if response.ok and _entries(response) is not None:
        return Finding(check, "ok", f"Opens {opens}.")
    error = api_error(response)
    if error.status == 501:
        return Finding(check, "look", f"The sandbox does not offer {opens} yet.")
    if isinstance(error, BoxUnavailableError | RateLimitError):
        return Finding(check, "look", f"Not known: no usable answer ({error.status}).", str(error))
    return Finding(check, "wrong", f"Refused ({error.status} {error.code}): no {opens}.", str(error))


def _entries(response: requests.Response) -> list[Any] | None:
    """The entries of a page; ``None`` for anything else, such as a proxy's page that says 200."""
    try:
        page = response.json()
    except (ValueError, RecursionError):
        return None
    found = page.get("entries") if isinstance(page, dict) else None
    return found if isinstance(found, list) else None


def _as_user(session: BoxSession, own: str) -> Finding:
    page = session.request("GET", "/users", params={"limit": 2, "fields": "id"})
    entries = _entries(page) if page.ok else None
    if entries is None:
        return Finding("As-User", "look", "Not tried: the list of users did not open.", str(api_error(page)))
    others = [str(user["id"]) for user in entries if isinstance(user, dict) and str(user.get("id")) != own]
    if not others:
        return Finding("As-User", "look", "Not tried: there is nobody else to act for.")
    response = session.request("GET", "/users/me", headers={"As-User": others[0]}, params={"fields": "id"})
    if response.ok and others[0] in response.text:
        return Finding("As-User", "ok", "Reports can look at other people's content.")
    error = api_error(response)
    if not isinstance(error, ForbiddenError):
        return Finding("As-User", "look", f"Not known: no usable answer ({error.status}).", str(error))
    return Finding(
        "As-User",
        "wrong",
        f"Refused ({error.status} {error.code}): reports see your own content only.",
        str(error),
    )
