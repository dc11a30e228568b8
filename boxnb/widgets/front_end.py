"""`sign_in` for every front end: the panel where a notebook shows widgets, text and a hidden prompt everywhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boxnb.oauth import BOX, Server
from boxnb.signin import terminal as terminal_sign_in
from boxnb.signin.keyboard import kernel

if TYPE_CHECKING:
    from boxnb.box import Box
    from boxnb.widgets.sign_in_panel import SignIn


class SignedIn:
    """A finished sign-in. It has the panel's `done`, so that the next cell of a notebook works with either of them."""

    def __init__(self, profile: str) -> None:
        self.profile = profile

    def __repr__(self) -> str:
        return f"Signed in. Connect with: box = boxnb.connect({self.profile!r})"

    async def done(self) -> Box:
        """Return what ``boxnb.connect(profile)`` returns."""
        from boxnb.box import connect

        return connect(self.profile)


def sign_in(
    profile: str = "box", *, server: Server = BOX, seconds: float = 900, terminal: bool | None = None
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
    if terminal:
        terminal_sign_in.sign_in(profile, server=server, seconds=seconds)
        return SignedIn(profile)
    from boxnb.widgets import sign_in_panel

    return sign_in_panel.sign_in(profile, server=server, seconds=seconds)


def _panel_loads() -> bool:
    """Return whether the panel's packages, anywidget and ipywidgets, can be imported."""
    try:
        from boxnb.widgets import sign_in_panel
    except ImportError:
        return False
    return sign_in_panel is not None
