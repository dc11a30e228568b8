"""The sign-in panel: a thin view over `SignInFlow`.

The front end and the kernel communicate through one widget. The kernel sends the trait `view`, which is
`SignInFlow.snapshot()` and does not contain secrets. The front end sends custom messages, which a notebook never saves::

    {"type": "ready", "page": ..., "origin": ...}      a page shows the panel
    {"type": "leaving", "page": ..., "removed": ...}   that page is reloaded or closed, or only its view is removed
    {"type": "draft", "client_id": ..., "redirect_uri": ...}
    {"type": "client_secret", "value": ...}            the field has already been cleared
    {"type": "register", "client_id": ..., "client_secret": ..., "redirect_uri": ...}
    {"type": "opened"}                                 the user followed the link to Box
    {"type": "paste", "value": ...}                    a code or an address with one, exchanged immediately
    {"type": "confirm", "yes": true}                   whether the user recognizes the account of a bare code
    {"type": "change_app"} {"type": "again"} {"type": "cancel"}

The kernel replies to every message with `{"type": "here"}`, so a panel that gets no reply knows that its kernel is gone.
The kernel sends `{"type": "vanished", "text": ...}` to a page that no longer shows a panel, to say why `done()` ended.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget
import traitlets

from boxnb.errors import SignInCancelled
from boxnb.oauth import BOX, Server
from boxnb.signin import jupyterhub, messages
from boxnb.signin.account import sign_in_works
from boxnb.signin.flow import SignInFlow
from boxnb.widgets import flow_picture, javascript

if TYPE_CHECKING:
    from boxnb.box import Box

POLL_SECONDS: Final = 0.25  # an endless await cannot be interrupted, but a poll can
HEADLESS_SECONDS: Final = 30.0  # how long to wait after a front end's last message if there is no user
REDRAW_SECONDS: Final = 2.0  # a view that is only moved on the page is shown again within this time
KERNEL: Final = (7, 4)  # the first ipykernel version that receives widget messages while a cell awaits

_HERE: Final = Path(__file__).parent


class SignIn(anywidget.AnyWidget):
    """The panel that signs in one profile. `await panel.done()` makes the following cells wait for the sign-in."""

    _esm = javascript.join_modules(_HERE / "sign_in_panel_view.js")
    _css = (_HERE / "sign_in_panel.css").read_text(encoding="utf-8")
    view = traitlets.Dict().tag(sync=True)
    flow_picture = traitlets.Unicode(flow_picture.svg()).tag(sync=True)

    def __init__(self, flow: SignInFlow, *, seconds: float = 900) -> None:
        self.flow = flow
        self._seconds = seconds
        self._pages: set[str] = set()  # the pages that show the panel
        self._left_at: float | None = None  # when the last page stopped showing it, in monotonic seconds
        self._removed = False  # the page is still open, but its cell shows something else
        self._last_message: float | None = None  # when a front end last sent a message, in monotonic seconds
        self._publishing = threading.RLock()
        self._advice = ""  # what to do besides signing in
        self._unchecked = messages.unchecked_warning(flow.profile)
        super().__init__(view=self._view_state())
        self.on_msg(self._on_message)
        flow.on_change = self._publish

    def __repr__(self) -> str:
        return messages.PANEL_GONE

    def _publish(self) -> None:
        with self._publishing:
            self.view = self._view_state()

    def _view_state(self) -> dict[str, object]:
        view = self.flow.snapshot()
        proxied = bool(jupyterhub.local_url(view["redirect_uri"]))
        port_taken = jupyterhub.port_taken_warning(view["redirect_uri"], view["listening"])
        port_moved = messages.port_note(view["redirect_uri"], view["listening"], view["server"])
        return view | {
            "advice": self._advice,
            "unchecked": self._unchecked,
            "hub": proxied,
            "port": port_taken if proxied else port_moved,
            "authorize_url": "" if port_taken else view["authorize_url"],
        }

    def _on_message(self, _widget: object, content: object, _buffers: object) -> None:
        """Pass a message on to the flow. With subshells, this runs in a thread other than the main thread."""
        if not isinstance(content, dict):
            return
        self._last_message = time.monotonic()
        self.send({"type": "here"})
        fields = {key: value for key, value in content.items() if isinstance(value, str)}
        if fields.get("type") == "leaving":
            self._pages.discard(fields.get("page", ""))
            self._left_at = None if self._pages else self._last_message
            self._removed = content.get("removed") is True
            return
        if fields.get("type") == "ready":
            self._pages.add(fields.get("page", ""))
            self._left_at = None
        self._act(fields, content)

    def _act(self, fields: dict[str, str], content: dict[str, Any]) -> None:
        """Do what one message asks for; ``fields`` are the values that are text."""
        flow = self.flow
        match fields.get("type"):
            case "ready":
                if redirect_uri := jupyterhub.proxied_redirect_uri(fields.get("origin", "")):
                    flow.offer(redirect_uri)
                self._publish()
            case "draft":
                flow.draft |= {key: fields[key] for key in ("client_id", "redirect_uri") if key in fields}
            case "client_secret":
                flow.draft_secret(fields.get("value", ""))
            case "register":
                flow.register(
                    fields.get("client_id", ""),
                    fields.get("client_secret", ""),
                    fields.get("redirect_uri", ""),
                )
            case "opened":
                flow.opened()
            case "paste":
                flow.paste(fields.get("value", ""))
            case "confirm":
                flow.confirm(content.get("yes") is True)
            case "change_app":
                flow.change_app()
            case "again":
                flow.again()
            case "cancel":
                flow.cancel()

    async def done(self) -> Box:
        """Wait until the user has signed in, then return the connection.

        Returns
        -------
        Box
            What `boxnb.connect(profile)` returns. If a saved sign-in works, this method returns immediately, even after
            the user cancelled the panel or a newer panel replaced it.

        Raises
        ------
        SignInCancelled
            The user cancelled in the panel or pressed Interrupt, or there is no user to sign in.
        SignInTimeout
            Nobody signed in within `seconds` (15 minutes by default).
        SignInError
            The kernel cannot receive the panel's messages while a cell waits (ipykernel before 7.4).
        """
        self._advice = ""
        self._publish()
        waited = not self.flow.finished
        if waited:
            _require_kernel()
            await self._wait()
        failure = self.flow.failure
        if failure is not None:
            cancelled_before = not waited and isinstance(failure, SignInCancelled)
            if not (cancelled_before and await asyncio.to_thread(self._still_works)):
                raise failure
        box: Box = self._connection()
        return box

    def _still_works(self) -> bool:
        """Return whether an earlier sign-in still works, although the user cancelled this one."""
        return sign_in_works(self.flow.profile)

    def _connection(self) -> Any:
        """Return the connection of the profile that is now signed in."""
        from boxnb.box import connect

        return connect(self.flow.profile)

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        finished: asyncio.Future[None] = loop.create_future()

        def finish() -> None:
            if not finished.done():
                finished.set_result(None)

        def changed() -> None:  # called from any thread
            self._publish()
            if self.flow.finished:
                loop.call_soon_threadsafe(finish)

        self.flow.on_change = changed
        deadline = time.monotonic() + self._seconds
        has_user = _front_end_has_user()
        try:
            await asyncio.sleep(0)
            while not (finished.done() or self.flow.finished):
                await asyncio.wait({finished}, timeout=POLL_SECONDS)
                if self.flow.finished or self.flow.busy:
                    continue
                now = time.monotonic()
                if self._left_at is not None:
                    self._give_up(now - self._left_at)
                silent = self._last_message is None or now - self._last_message > HEADLESS_SECONDS
                if silent and not has_user:
                    raise messages.nobody_to_sign_in(self.flow.profile)
                if now > deadline:
                    raise messages.nobody_signed_in(self._seconds)
        except asyncio.CancelledError:
            raise SignInCancelled(messages.INTERRUPTED) from None
        finally:
            self.flow.on_change = self._publish
            self._publish()
            finished.cancel()

    def _give_up(self, seconds: float) -> None:
        """End a wait that would only block the kernel, because no page has shown the panel for `seconds`."""
        if not self._removed:  # a reloaded page asks for its widgets, but gets no reply until this cell ends
            self._advice = messages.RELOADED
            raise SignInCancelled(messages.RELOADED_WHILE_WAITING)
        # The waiting cell's output may also be cleared, so the page shows a notice.
        if seconds > REDRAW_SECONDS:
            self.send({"type": "vanished", "text": messages.RUN_AGAIN})
            raise SignInCancelled(messages.RUN_AGAIN)


# One panel per profile. A new panel takes over what was typed into the previous one.
_latest: dict[str, SignIn] = {}


def sign_in(profile: str = "box", *, server: Server = BOX, seconds: float = 900) -> SignIn:
    """Show the panel that signs in `profile`.

    Parameters
    ----------
    profile
        A name for this sign-in, for example your company's name. `"sandbox"` is the sandbox on this computer.
    server
        The server where the app is registered, if the profile does not have an app yet. Default: Box.
    seconds
        How long `await panel.done()` waits for the user, in seconds.

    Returns
    -------
    SignIn
        If a saved sign-in still works, the panel shows it and asks for nothing.
    """
    from boxnb.signin import practice

    if practice.is_practice(profile):
        client = practice.practice_client(profile)
        flow = SignInFlow(profile, client=client, practice=True, seconds=seconds)
    else:
        flow = SignInFlow(profile, server=server, seconds=seconds)
    previous_panel = _latest.pop(profile, None)
    if previous_panel is not None:
        flow.draft = dict(previous_panel.flow.draft)
        previous_panel.flow.cancel()
    _latest[profile] = panel = SignIn(flow.start(), seconds=seconds)
    return panel


def _kernel() -> Any:
    from IPython.core.getipython import get_ipython

    return getattr(get_ipython(), "kernel", None)


def _front_end_has_user() -> bool:
    """Return whether the front end has a user. JupyterLab allows input; nbclient and similar tools do not."""
    return bool(getattr(_kernel(), "_allow_stdin", False))


def _require_kernel() -> None:
    if _kernel() is None:
        return
    version = importlib.metadata.version("ipykernel")
    if tuple(int(part) for part in version.split(".")[:2]) < KERNEL:
        raise messages.kernel_too_old(version)
