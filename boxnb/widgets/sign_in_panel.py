"""The sign-in panel: a thin view over `SignInFlow`.

The front end and the kernel speak over one widget. Kernel to front end: the trait `view`, which is
`SignInFlow.snapshot()` and holds no secret. Front end to kernel: custom messages, which no notebook saves::

    {"type": "ready", "page": ..., "origin": ...}      the panel is on a screen, of a browser that is there
    {"type": "leaving", "page": ..., "removed": ...}   that page is loaded again or closed, or only the view is gone
    {"type": "draft", "client_id": ..., "redirect_uri": ...}
    {"type": "client_secret", "value": ...}            the field is already empty again
    {"type": "register", "client_id": ..., "client_secret": ..., "redirect_uri": ...}
    {"type": "opened"}                                 the link to Box was followed
    {"type": "paste", "value": ...}                    exchanged at once
    {"type": "confirm", "yes": true}                   after a bare code
    {"type": "change_app"} {"type": "again"} {"type": "cancel"}

Every message is answered with `{"type": "here"}`: a panel that hears nothing shows the state of a kernel that is gone.
`{"type": "vanished", "text": ...}` is for a page that shows no panel any more: the gate let go, and this is why.
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

from boxnb.auth import ONBOARDING
from boxnb.errors import SignInCancelled, SignInError, SignInTimeout
from boxnb.oauth import BOX, Server
from boxnb.signin import jupyterhub
from boxnb.signin.account import holds
from boxnb.signin.flow import SignInFlow
from boxnb.signin.messages import port_words, unchecked_words
from boxnb.widgets import javascript

if TYPE_CHECKING:
    from boxnb.box import Box

POLL_SECONDS: Final = 0.25  # an await without end cannot be interrupted; a poll can
HEADLESS_SECONDS: Final = 30.0  # where nobody can type: how long a front end that has spoken may think
REDRAW_SECONDS: Final = 2.0  # a view that only moves is on screen again by then
KERNEL: Final = (7, 4)  # the first ipykernel whose widgets reach the kernel while a cell awaits
RELOADED: Final = (
    "The page was loaded again while the next cell waited. Once you are signed in, run that cell again."
)
RUN_AGAIN: Final = "The panel's cell was run again while this one waited: press Run All once more."

_HERE: Final = Path(__file__).parent


class SignIn(anywidget.AnyWidget):
    """The panel that signs one profile in; `await panel.done()` is the gate for the cells after it."""

    _esm = javascript.joined(_HERE / "sign_in_panel_view.js")
    _css = (_HERE / "sign_in_panel.css").read_text(encoding="utf-8")
    view = traitlets.Dict().tag(sync=True)

    def __init__(self, flow: SignInFlow, *, seconds: float = 900) -> None:
        self.flow = flow
        self._seconds = seconds
        self._pages: set[str] = set()  # where the panel is on screen
        self._left: float | None = None  # since when no page shows it any more, monotonic seconds
        self._removed = False  # the page is there, its cell shows something else
        self._heard: float | None = None  # when a front end last spoke, monotonic seconds
        self._publishing = threading.RLock()
        self._advice = ""  # what to do besides signing in
        self._unchecked = unchecked_words(flow.profile)
        super().__init__(view=self._seen())
        self.on_msg(self._on_message)
        flow.on_change = self._publish

    def __repr__(self) -> str:
        return "The sign-in panel is not on this page any more: run this cell and the next one again."

    def _publish(self) -> None:
        with self._publishing:
            self.view = self._seen()

    def _seen(self) -> dict[str, object]:
        view = self.flow.snapshot()
        behind = bool(jupyterhub.near_end(view["redirect_uri"]))
        taken = jupyterhub.taken_words(view["redirect_uri"], view["listening"])
        port = taken if behind else port_words(view["redirect_uri"], view["listening"], view["server"])
        link = "" if taken else view["authorize_url"]
        more = {"advice": self._advice, "unchecked": self._unchecked, "hub": behind, "port": port}
        return view | more | {"authorize_url": link}

    def _on_message(self, _widget: object, content: object, _buffers: object) -> None:
        """Hand a message to the flow; comes in the main thread or, with subshells, in another one."""
        if not isinstance(content, dict):
            return
        self._heard = time.monotonic()
        self.send({"type": "here"})
        flow = self.flow
        text = {key: value for key, value in content.items() if isinstance(value, str)}
        match text.get("type"):
            case "ready":
                self._pages.add(text.get("page", ""))
                self._left = None
                if proxied := jupyterhub.offered(text.get("origin", "")):
                    flow.offer(proxied)
                self._publish()
            case "leaving":
                self._pages.discard(text.get("page", ""))
                self._left = None if self._pages else self._heard
                self._removed = content.get("removed") is True
            case "draft":
                flow.draft |= {key: text[key] for key in ("client_id", "redirect_uri") if key in text}
            case "client_secret":
                flow.draft_secret(text.get("value", ""))
            case "register":
                flow.register(
                    text.get("client_id", ""), text.get("client_secret", ""), text.get("redirect_uri", "")
                )
            case "opened":
                flow.opened()
            case "paste":
                flow.paste(text.get("value", ""))
            case "confirm":
                flow.confirm(content.get("yes") is True)
            case "change_app":
                flow.change_app()
            case "again":
                flow.again()
            case "cancel":
                flow.cancel()

    async def done(self) -> Box:
        """Wait until somebody is signed in, then give the connection.

        Returns
        -------
        Box
            What `boxnb.connect(profile)` gives; at once when a saved sign-in works, also in a panel that was
            cancelled before, by hand or because a newer panel took over.

        Raises
        ------
        SignInCancelled
            Cancelled in the panel or by Interrupt, or nobody is here to answer.
        SignInTimeout
            Nobody signed in within `seconds` (15 minutes).
        SignInError
            The kernel cannot hear the panel while a cell waits (ipykernel before 7.4).
        """
        self._advice = ""
        self._publish()
        waited = not self.flow.finished
        if waited:
            _require_kernel()
            await self._wait()
        failure, profile = self.flow.failure, self.flow.profile
        if failure is not None:
            before = not waited and isinstance(failure, SignInCancelled)  # by hand or by a newer panel
            if not (before and await asyncio.to_thread(holds, profile)):
                raise failure
        from boxnb.box import connect

        return connect(profile)

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[None] = loop.create_future()

        def finish() -> None:
            if not outcome.done():
                outcome.set_result(None)

        def changed() -> None:  # from any thread
            self._publish()
            if self.flow.finished:
                loop.call_soon_threadsafe(finish)

        self.flow.on_change = changed
        end = time.monotonic() + self._seconds
        person = _somebody_can_answer()
        try:
            await asyncio.sleep(0)
            while not (outcome.done() or self.flow.finished):
                await asyncio.wait({outcome}, timeout=POLL_SECONDS)
                if self.flow.finished or self.flow.busy:
                    continue
                if self._left is not None:
                    self._let_go(time.monotonic() - self._left)
                if not person and (self._heard is None or time.monotonic() - self._heard > HEADLESS_SECONDS):
                    raise SignInCancelled(
                        f"Nobody is signed in as {self.flow.profile!r} and nobody is here to do it: "
                        f"open {ONBOARDING} in JupyterLab once, sign in there, then run this again."
                    )
                if time.monotonic() > end:
                    raise SignInTimeout(
                        f"Nobody signed in within {self._seconds / 60:.0f} minutes: "
                        "run the cell with the panel and this one again."
                    )
        except asyncio.CancelledError:
            raise SignInCancelled(
                "Interrupted: run this cell again to go on waiting for the sign-in."
            ) from None
        finally:
            self.flow.on_change = self._publish
            self._publish()
            outcome.cancel()

    def _let_go(self, seconds: float) -> None:
        """End the gate: nothing else in the kernel runs while it waits for a panel that no page shows."""
        if (
            not self._removed
        ):  # a page loaded again asks for its widgets, and hears nothing until this cell ends
            self._advice = RELOADED
            raise SignInCancelled("The page was loaded again: run the panel's cell and this one again.")
        if seconds > REDRAW_SECONDS:  # the cell's line may have no place either, so the page is told too
            self.send({"type": "vanished", "text": RUN_AGAIN})
            raise SignInCancelled(RUN_AGAIN)


_latest: dict[str, SignIn] = {}  # one panel a profile: a second one takes over what was typed into the first


def sign_in(profile: str = "box", *, server: Server = BOX, seconds: float = 900) -> SignIn:
    """Show the panel that signs `profile` in.

    Parameters
    ----------
    profile
        Name for this sign-in, for example your company's; `"sandbox"` is the practice Box on this computer.
    server
        Where an app is registered that this profile does not know yet; Box, unless you have another one.
    seconds
        How long `await panel.done()` waits for a person, in seconds.

    Returns
    -------
    SignIn
        Silent, with the saved sign-in shown, when that still works.
    """
    if profile == "sandbox":
        from boxnb.signin.practice import practice_client

        client = practice_client()
        flow = SignInFlow(profile, client=client, practice=True, seconds=seconds)
    else:
        flow = SignInFlow(profile, server=server, seconds=seconds)
    before = _latest.pop(profile, None)
    if before is not None:
        flow.draft = dict(before.flow.draft)
        before.flow.cancel()
    _latest[profile] = panel = SignIn(flow.start(), seconds=seconds)
    return panel


def _kernel() -> Any:
    from IPython.core.getipython import get_ipython

    return getattr(get_ipython(), "kernel", None)


def _somebody_can_answer() -> bool:
    """Whether a front end with a person is attached: JupyterLab allows input, nbclient and its kin do not."""
    return bool(getattr(_kernel(), "_allow_stdin", False))


def _require_kernel() -> None:
    if _kernel() is None:
        return
    version = importlib.metadata.version("ipykernel")
    if tuple(int(part) for part in version.split(".")[:2]) < KERNEL:
        raise SignInError(
            f"This kernel is ipykernel {version}, which cannot hear the panel while a cell waits: "
            "finish in the panel first, then run this cell; or install ipykernel 7.4 or newer."
        )
