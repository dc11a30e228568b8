"""``connect(profile)`` and what it returns: one signed-in Box, whose datasets are plain functions listed as methods."""

from __future__ import annotations

import dataclasses
import html
import math
import time
from collections.abc import Callable
from typing import Any

import pandas as pd

from . import activity, anything, content, estimate, journal, oauth, people, sharing, store, transfer
from .auth import ONBOARDING, RotatingAuth
from .errors import HostNotAllowedError, NotSignedInError, SignInError, TokenStoreError
from .network import plain
from .oauth import Client, Clock, Server
from .pull import Progress
from .refusals import called, network_trouble
from .session import BoxSession
from .tokens import Secret

SANDBOX = "sandbox"
ACCOUNT_FIELDS = "id,name,login,role,enterprise"


def left(seconds: float, unit: float) -> int:
    """Begun units left, 0 once the time is over: 59.5 minutes are 60."""
    return max(0, math.ceil(seconds / unit))


class Box:
    """One signed-in Box.

    Attributes
    ----------
    session : BoxSession
        A ``requests.Session`` that signs each request: the standard way, for whoever wants raw requests.
    on_progress : callable or None
        Called with a :class:`boxnb.pull.Progress` after each page of a pull.
    last_partial : DataFrame or None
        What the last pull that ended early had fetched.
    """

    def __init__(self, profile: str, *, clock: Clock = time.time) -> None:
        self.session = BoxSession(RotatingAuth(profile, clock=clock))
        self.on_progress: Callable[[Progress], None] | None = None
        self.last_partial: pd.DataFrame | None = None

    me = people.me
    users = people.users
    user = people.user
    groups = people.groups
    memberships = people.memberships
    device_pins = people.device_pins
    items = content.items
    tree = content.tree
    folder = content.folder
    file = content.file
    versions = content.versions
    search = content.search
    trash = content.trash
    collaborations = sharing.collaborations
    shared_links = sharing.shared_links
    events = activity.events
    frame = anything.frame
    estimate = estimate.estimate
    upload = transfer.upload
    upload_folder = transfer.upload_folder
    download = transfer.download

    @property
    def profile(self) -> store.Profile:
        """The saved sign-in this Box uses; its secrets mask themselves."""
        return self.session.auth.profile

    @property
    def calls(self) -> pd.DataFrame:
        """What this session spent, one row an endpoint: ``calls``, ``ms`` waited, ``bytes``, ``repeats``, ``limited``
        (answers 429). This kit's calls only; ``box.session.ledger.month()`` has the profile's month.
        """
        return self.session.ledger.frame()

    def get(self, path: str, **params: Any) -> Any:
        """Any endpoint, as decoded JSON: ``box.get("/folders/0", fields="name,size")``.

        Raises
        ------
        ApiError
            Box refused; one of its children by status.
        """
        return self.session.get_json(path, **params)

    def _rows(self) -> list[tuple[str, str]]:
        profile, now = self.profile, self.session.auth.now()
        token, account = self.session.auth.saved_token, profile.account or {}
        enterprise = (account.get("enterprise") or {}).get("name") or "no enterprise"
        return [
            ("Signed in as", f"{account.get('name', 'unknown')} <{account.get('login', '')}>"),
            ("Role", str(account.get("role") or "not told")),
            ("Enterprise", f"{enterprise} ({profile.client.server.name})"),
            ("Access token", f"{left(token.expires_at - now, 60)} minutes left"),
            (
                "Refresh token",
                f"{left(token.refresh_expires_at - now, 86400)} days left, fingerprint {token.fingerprint}",
            ),
            ("Calls", f"{self.session.ledger.calls} in this session"),
        ]

    def __repr__(self) -> str:
        lines = "\n".join(f"  {name:<14} {value}" for name, value in self._rows())
        return f"Box {self.profile.name!r}\n{lines}"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row' style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in self._rows()
        )
        title = html.escape(self.profile.name)
        return f"<table><caption style='text-align:left'><b>Box: {title}</b></caption>{rows}</table>"


def connect(profile: str, *, clock: Clock = time.time) -> Box:
    """
    Open a saved sign-in; nothing is asked and no call is made.

    Parameters
    ----------
    profile : str
        A saved profile. ``"sandbox"`` starts the practice Box where it is not running, and signs in as its
        admin where nobody is signed in yet, saying so.
    clock : callable, default time.time
        Seconds since the epoch.

    Raises
    ------
    NotSignedInError
        Nothing is saved: the sentence names the notebook where to sign in.
    TokenStoreError
        The saved profile cannot be read.
    """
    if profile == SANDBOX:
        _ready_sandbox()
    saved = store.load(profile)
    if saved is None or saved.token is None:
        raise NotSignedInError(
            f"Nobody is signed in as {profile!r} yet: open {ONBOARDING} and sign in there."
        )
    return Box(profile, clock=clock)


def server_of(running: Any) -> Server:
    """The addresses of a running sandbox."""
    named: dict[str, Any] = running.server()
    return Server(**named)


def sandbox_client() -> Client:
    """The practice app at the shared sandbox, which is started where it is not running."""
    from . import sandbox

    running = sandbox.start()
    app = running.practice_client()
    return Client(app["client_id"], Secret(app["client_secret"]), app["redirect_uri"], server_of(running))


def _ready_sandbox() -> None:
    """Have the shared sandbox running, at the address the profile knows, with somebody signed in."""
    from . import sandbox

    client = sandbox_client()
    with store.lock(SANDBOX):
        saved = store.load(SANDBOX)
        if saved is not None and saved.token is not None:
            if saved.client.server != client.server:  # started again on another port, with the same state
                store.save(dataclasses.replace(saved, client=client))
            return
    state = oauth.new_state()
    redirect = sandbox.start().approve(oauth.authorization_url(client, state))
    token = oauth.exchange_code(client, oauth.parse_redirect(redirect, state=state))
    with store.lock(SANDBOX):
        saved = store.load(SANDBOX) or store.Profile(
            SANDBOX, client
        )  # its mail, licence and other settings stay
        skew = token.obtained_at - time.time()
        store.save(dataclasses.replace(saved, client=client, token=token, skew=skew, account=None))
    account = remember_account(SANDBOX)
    print(f"Signed in to the sandbox as its practice admin, {account.get('name')}.")  # noqa: T201  for the reader


def remember_account(profile: str) -> dict[str, Any]:
    """Ask who signed in and keep the answer with the saved token.

    Returns
    -------
    dict
        ``id``, ``name``, ``login``, ``role``, ``enterprise`` (a dict, or None for a personal account).
    """
    box = Box(profile)
    account: dict[str, Any] = store.known_account(box.get("/users/me", fields=ACCOUNT_FIELDS)) or {}
    with store.lock(profile):
        saved = store.load(profile)
        if (
            saved is not None and saved.token == box.session.auth.saved_token
        ):  # nobody else signed in meanwhile
            store.save(dataclasses.replace(saved, account=account))
    return account


def sign_out(profile: str) -> str:
    """
    Revoke the saved pair, then forget it; the registered app is kept for the next sign-in.

    Returns
    -------
    str
        One sentence saying what was done; where revoking failed it says so, and the pair is kept.

    Raises
    ------
    TokenStoreError
        The token was revoked, and the file could not be written.
    """
    with store.lock(profile):
        saved = store.load(profile)
        if saved is None or saved.token is None:
            return f"Nobody is signed in as {profile!r}."
        try:
            with plain(saved.verify) as http:
                alive = oauth.revoke(saved.client, saved.token, http=http)
        except (
            OSError,
            SignInError,
            HostNotAllowedError,
        ) as error:  # requests' own, and a certificate file that is not there
            reason = network_trouble(error) if isinstance(error, OSError) else str(error)
            return (
                f"Not signed out: {reason} The token may still work and is kept in {store.path(profile)}: "
                f"try again, or remove the app's access in the settings of your account at {called(saved.client.server.name)}."
            )
        try:
            store.save(dataclasses.replace(saved, token=None, account=None, generation=0, refreshed_by=""))
        except TokenStoreError as error:
            raise TokenStoreError(
                f"The token was revoked and is worth nothing any more, but it is still on this computer: {error}",
                store.path(profile),
            ) from error
        journal.end(store.path(profile))
    how = "was revoked" if alive else "had been revoked or replaced before"
    return f"Signed out of {profile!r}: the token {how} and is deleted from this computer."
