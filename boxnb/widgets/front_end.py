"""`sign_in` for every front end: the panel where a notebook shows widgets, text and a hidden prompt everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from boxnb import store
from boxnb.local import output
from boxnb.oauth import BOX, Server
from boxnb.signin import terminal as terminal_sign_in
from boxnb.signin.keyboard import kernel
from boxnb.transport.sessions import checked_verify

# The modules about other servers import pandas, which a sign-in to Box by text does not need.
if TYPE_CHECKING:
    from boxnb import servers
    from boxnb.box import Box
    from boxnb.signin import credentials
    from boxnb.widgets.sign_in_panel import SignIn


class SignedIn:
    """A finished sign-in. It has the panel's `done`, so that the next cell of a notebook works with either of them."""

    def __init__(self, profile: str) -> None:
        self.profile = profile

    def __repr__(self) -> str:
        call = "http = boxnb.servers.connect" if self._is_server() else "box = boxnb.connect"
        return f"Signed in. Connect with: {call}({self.profile!r})"

    async def done(self) -> Box | servers.ServerSession:
        """Return what ``boxnb.connect(profile)`` or ``boxnb.servers.connect(profile)`` returns."""
        from boxnb import servers
        from boxnb.box import connect

        return servers.connect(self.profile) if self._is_server() else connect(self.profile)

    def _is_server(self) -> bool:
        saved = store.load(self.profile)
        return saved is not None and not saved.is_box


def sign_in(
    profile: str = "box",
    *,
    server: Server = BOX,
    seconds: float = 900,
    terminal: bool | None = None,
    client_credentials: bool = False,
) -> SignIn | SignedIn:
    """
    Sign in `profile`: with the panel in a notebook, with text and a hidden prompt anywhere else.

    Parameters
    ----------
    profile : str
        A name for this sign-in, for example your company's name. `"sandbox"` is the sandbox on this computer.
    server : Server
        The server where the app is registered, if the profile does not have an app yet. Default: Box.
    seconds : float
        How long to wait for the user, in seconds.
    terminal : bool, optional
        True for text instead of the panel, in a notebook whose front end does not show widgets. False for the panel. By
        default, text in a terminal, in a script and where the panel cannot be loaded.
    client_credentials : bool
        True for an app that signs in by itself, without a person and without a refresh token, such as for a run at night.
        The app's type is *Server Authentication (with Client Credentials Grant)*, and an admin has to authorize it first.

    Returns
    -------
    SignIn or SignedIn
        The panel, whose `await panel.done()` waits for the user; or, after a sign-in by text, an object whose `done()` does
        not have to wait. If a saved sign-in still works, boxnb does not ask for anything.

    Raises
    ------
    SignInCancelled, SignInTimeout
        By text only: nobody signed in, or nothing can be typed here.
    TokenStoreError, ProfileNameError
        The profile cannot be read, or cannot have this name.
    """
    if terminal is None:
        terminal = kernel() is None or not _panel_loads()
    if client_credentials:
        from boxnb.signin import credentials

        return _enter(terminal, credentials.box_form(profile, server=server), seconds)
    if terminal:
        terminal_sign_in.sign_in(profile, server=server, seconds=seconds)
        return SignedIn(profile)
    from boxnb.widgets import sign_in_panel

    return sign_in_panel.sign_in(profile, server=server, seconds=seconds)


def save_server(
    name: str,
    url: str,
    *,
    preset: str = "plain",
    kind: str | None = None,
    secret_headers: Iterable[str] = (),
    verify: bool | str | None = None,
    seconds: float = 900,
    terminal: bool | None = None,
    **settings: str,
) -> SignIn | SignedIn:
    """
    Save a server other than Box: with a panel in a notebook, with hidden prompts anywhere else.

    What is entered is tried, and saved if the server accepts it.

    Parameters
    ----------
    name, url : str
        A name for this server, and the base URL of its API.
    preset, kind, secret_headers, verify, **settings
        As for :func:`boxnb.servers.save`.
    seconds, terminal
        As for :func:`sign_in`.

    Returns
    -------
    SignIn or SignedIn
        The panel, whose ``await panel.done()`` waits and returns what ``boxnb.servers.connect(name)`` returns.

    Raises
    ------
    SettingError
        A setting is not usable.
    SignInCancelled, CredentialsRefusedError
        By text only: nothing can be typed here, or the server refused what was typed.
    """
    if terminal is None:
        terminal = kernel() is None or not _panel_loads()
    from boxnb.signin import credentials

    form = credentials.server_form(
        name,
        url,
        preset=preset,
        kind=kind,
        secret_headers=tuple(secret_headers),
        verify=checked_verify(verify, must_exist=True),
        settings=settings,
    )
    return _enter(terminal, form, seconds)


def _enter(terminal: bool, form: credentials.CredentialsForm, seconds: float) -> SignIn | SignedIn:
    """Show the panel for a form, or ask by text."""
    if terminal:
        from boxnb.signin import credentials

        def say(text: str) -> None:
            output.write(f"{text}\n", sys.stdout)

        say(credentials.ask(form, say=say))
        return SignedIn(form.profile)
    from boxnb.widgets.credentials_panel import Credentials

    return Credentials(form, seconds=seconds)


def _panel_loads() -> bool:
    """Return whether the panel's packages, anywidget and ipywidgets, can be imported."""
    try:
        from boxnb.widgets import sign_in_panel
    except ImportError:
        return False
    return sign_in_panel is not None
