"""Sign in without widgets: in a terminal, over SSH, through a pipe, or in a notebook whose front end shows no panel.

`sign_in` is a view of `boxnb.signin.flow`, as the sign-in panel is, so it makes the same checks and saves the same profile.
The receiver waits for the redirect while the person can paste its address; whichever arrives first counts.
`execute` is `sign_in` for a command line: errors are one sentence, and the exit code says whether somebody signed in.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from boxnb import store
from boxnb.errors import BoxNotebookError, NotSignedInError, SignInError
from boxnb.local import output, private_files
from boxnb.oauth import BOX, Server
from boxnb.secret import sealed
from boxnb.signin import app_form, jupyterhub, messages, practice
from boxnb.signin import terminal_messages as text
from boxnb.signin.flow import CODE_SECONDS, SignInFlow
from boxnb.signin.keyboard import POLL_SECONDS, Keyboard, choose
from boxnb.signin.screen import Screen
from boxnb.transport.sessions import LOOPBACK

SIGNED_IN, NOT_SIGNED_IN = 0, 1
REMOTE: Final = ("SSH_CONNECTION", "JUPYTERHUB_SERVICE_PREFIX")  # the person's browser is on another computer
BROWSER_SECONDS: Final = 2.0  # how long the last page of the browser may take before this process ends
CLEAN_UP_SECONDS: Final = 15.0  # how long a call that is in progress, or a revocation, may take after Ctrl-C


@sealed
def sign_in(
    profile: str = "box",
    *,
    server: Server = BOX,
    seconds: float = 900,
    again: bool = False,
    change_app: bool = False,
    open_browser: bool = False,
    monotonic: Callable[[], float] = time.monotonic,
) -> store.Profile:
    """
    Sign in by text: print the link, wait for the redirect or for its pasted address, and save the token pair.

    What is pasted is not shown where the front end can hide it. If a saved sign-in works, boxnb does not ask for anything.
    In the sandbox, an empty line lets boxnb sign in by itself, and so does an input from which nothing can be read.

    Parameters
    ----------
    profile : str
        A name for this sign-in, for example your company's name. ``"sandbox"`` is the sandbox on this computer.
    server : Server
        The server where the app is registered, if the profile does not have an app yet. Default: Box.
    seconds : float
        How long to wait for the response to each link, in seconds.
    again : bool
        Sign in even if a saved sign-in works, for example as another user.
    change_app : bool
        Ask for the app's client ID and client secret, even if the profile has them.
    open_browser : bool
        Also open the link in this computer's browser.
    monotonic : callable
        Returns a time in seconds that never goes back.

    Returns
    -------
    Profile
        The saved profile.

    Raises
    ------
    SignInCancelled
        The person stopped, the input ended, or nothing can be typed here. The message says what is saved.
    SignInTimeout
        Nobody signed in before the time was up.
    SignInError
        Another program uses the port to which a JupyterHub forwards the redirect, or boxnb has a bug.
    TokenStoreError, ProfileNameError
        The profile cannot be read or locked, or cannot have this name.
    SandboxError
        The sandbox cannot be started.
    """
    client = practice.practice_client(profile) if practice.is_practice(profile) else None
    screen = Screen()
    flow = SignInFlow(
        profile,
        client=client,
        server=server,
        practice=client is not None,
        seconds=seconds,
        monotonic=monotonic,
    )
    with choose(screen) as keyboard:
        conversation = _Conversation(flow, keyboard, screen, seconds, open_browser, monotonic)
        try:
            conversation.run(again, change_app)
            flow.wait_for_browser(BROWSER_SECONDS)
        except BaseException as error:
            unfinished = conversation.stop()
            if isinstance(error, EOFError):
                raise text.input_ended(profile) from None
            if not isinstance(error, KeyboardInterrupt):
                raise
            if unfinished:
                raise text.stopped(profile) from None
        finally:
            flow.close()
            screen.end_line()
    saved = store.load(profile)
    if saved is None:
        raise NotSignedInError(text.outcome(profile))
    return saved


def execute(
    profile: str,
    *,
    server: Server = BOX,
    seconds: float = 900,
    again: bool = False,
    change_app: bool = False,
    open_browser: bool = False,
) -> int:
    """
    Run :func:`sign_in` as a command. Print an error as one sentence, without a traceback.

    Returns
    -------
    int
        0 if somebody is signed in, 1 if not, or 143 if SIGTERM ended the process. In each case, the terminal is restored.
    """
    try:
        with _stopping_at_sigterm():
            sign_in(
                profile,
                server=server,
                seconds=seconds,
                again=again,
                change_app=change_app,
                open_browser=open_browser,
            )
    except (OSError, BoxNotebookError) as error:
        if isinstance(error, OSError) and output.is_closed_pipe(error):
            output.discard_rest()
            return NOT_SIGNED_IN
        _print_error(messages.in_one_sentence(error))
        return NOT_SIGNED_IN
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else NOT_SIGNED_IN
    except KeyboardInterrupt:  # before the sign-in began, or a second Ctrl-C
        _print_error(text.outcome(profile))
        return NOT_SIGNED_IN
    return SIGNED_IN


class _Conversation:
    """What the person reads and types, step by step, until the flow has ended."""

    def __init__(
        self,
        flow: SignInFlow,
        keyboard: Keyboard,
        screen: Screen,
        seconds: float,
        open_browser: bool,
        monotonic: Callable[[], float],
    ) -> None:
        self._flow, self._keyboard, self._screen = flow, keyboard, screen
        self._seconds, self._open_browser, self._monotonic = seconds, open_browser, monotonic
        self._changed = threading.Event()
        self._link = ""  # the link that was printed last
        self._deadline = 0.0
        self._code_ends: float | None = None  # when the code that the person may be holding expires
        self._types = True  # whether the person can still type
        self._instructed = False
        flow.on_change = self._changed.set

    def run(self, again: bool, change_app: bool) -> None:
        """Take the flow to its end. Raise if it ends without a sign-in."""
        flow, screen = self._flow, self._screen
        self._is_new = not os.path.lexists(store.path(flow.profile))
        flow.start()
        if again and flow.step == "done":
            flow.again()
        was_signed_in = flow.step == "done" and not change_app
        if change_app and flow.snapshot()["practice"]:
            screen.say(text.READY_MADE_APP)
        elif change_app:
            flow.change_app()
        if flow.step != "done":
            self._types = not self._keyboard.has_ended()
            if not self._types and not flow.snapshot()["practice"]:
                self._require_reader(flow.snapshot())
            private_files.require_folder(store.home() / "profiles")  # before anything is asked
            screen.say(text.title(flow.profile, flow.snapshot()["server"]))
            if self._is_new and (note := text.new_profile(flow.profile)):
                screen.say(note)
        if warning := messages.unchecked_warning(flow.profile):
            screen.say(warning)
        while not flow.finished:
            self._changed.clear()
            view = flow.snapshot()
            if view["alert"]:
                screen.say(f"\n{view['alert']}\n")
            self._continue(view)
        if flow.failure is not None:
            raise text.defect(flow.failure) from None
        view = flow.snapshot()
        screen.say(text.finished(view["note"]))
        screen.say("\n".join(text.summary(view)))
        if was_signed_in:
            screen.say(text.again(flow.profile))

    def _continue(self, view: dict[str, Any]) -> None:
        """Do one step: ask for what the flow needs next, or wait for a call."""
        if view["busy"]:
            self._wait()
        elif view["step"] == "register":
            self._register(view)
        elif view["step"] == "confirm":
            self._confirm(view)
        else:
            self._authorize(view)

    def stop(self) -> bool:
        """Cancel the flow, and let its calls end, so that no unwanted token stays valid. Return whether no sign-in was saved."""
        with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C does not wait
            with contextlib.suppress(OSError):  # nobody reads the output any more
                self._screen.end_line()
            self._flow.cancel()
            deadline = self._monotonic() + CLEAN_UP_SECONDS
            # The thread of an exchange starts another one, which revokes the token.
            while (threads := _calls()) and self._monotonic() < deadline:
                threads[0].join(POLL_SECONDS)
        return self._flow.step != "done"  # it may just have been saved

    def _require_reader(self, view: dict[str, Any]) -> None:
        """Where nothing can be typed, raise unless a person can read the link and the receiver can catch the redirect."""
        if not (view["listening"] and self._screen.is_terminal):
            raise text.nobody_here(view["profile"], view["alert"])

    def _sign_in_by_itself(self, link: str) -> None:
        """Grant access in the sandbox as its practice admin, once for each link."""
        self._screen.say(text.BY_ITSELF)
        self._link = link
        self._flow.paste(practice.grant(link))

    def _register(self, view: dict[str, Any]) -> None:
        """Ask for the app, field by field. Enter keeps what is already known."""
        if not self._types:
            raise EOFError
        if not self._instructed:
            is_known = bool(view["client_id"])
            self._screen.say(text.register(view["server"], view["redirect_uri"], is_known=is_known))
            self._instructed = True
        self._link = ""
        app_form.fill_in(self._flow, view, self._ask, self._screen.say)

    def _ask(self, prompt: str, *, hidden: bool = False) -> str:
        return (self._keyboard.line(lambda: prompt, hidden=hidden) or "").strip()

    def _authorize(self, view: dict[str, Any]) -> None:
        """Show the link once, then wait for the redirect and for its pasted address at the same time."""
        if not self._types and view["practice"] and not self._link:
            self._sign_in_by_itself(view["authorize_url"])
            return
        if not self._types:
            self._require_reader(view)
        if view["authorize_url"] != self._link:
            self._show_link(view)
        if not self._types:
            self._wait_for_redirect()
            return
        pasted = self._keyboard.line(self._prompt, hidden=True, until=self._is_interrupted)
        if pasted is None:
            self._check_time()
        elif view["practice"] and not pasted.strip():
            self._sign_in_by_itself(view["authorize_url"])
        else:
            self._paste(pasted)

    def _paste(self, pasted: str) -> None:
        """Pass the pasted text to the flow. If the link stays valid, the person's code may too, for at most 30 seconds."""
        now = self._monotonic()
        self._flow.paste(pasted)
        if "code=" not in pasted:
            return  # nothing shows that there is a code yet
        if self._flow.busy or self._flow.snapshot()["authorize_url"] != self._link:
            self._code_ends = None
        elif self._code_ends is None or self._code_ends <= now:
            self._code_ends = now + CODE_SECONDS

    def _show_link(self, view: dict[str, Any]) -> None:
        if taken := jupyterhub.port_taken_warning(view["redirect_uri"], view["listening"]):
            raise SignInError(taken)
        first, self._link = not self._link, view["authorize_url"]
        self._deadline, self._code_ends = self._monotonic() + self._seconds, None
        say = self._screen.say
        if view["note"]:
            say(view["note"])
        say(("" if view["alert"] else "\n") + text.open_link(view["server"], first=first) + "\n")
        say(f"{self._link}\n", wrap=False)
        is_local = urlsplit(self._link).hostname in LOOPBACK
        if self._open_browser:
            is_open = _open_in_browser(self._link)
            say(text.BROWSER_OPENED if is_open else text.no_browser(is_local, view["practice"]))
        if not first:
            return
        if moved := messages.port_note(view["redirect_uri"], view["listening"], view["server"]):
            say(moved)
        proxied = bool(jupyterhub.local_url(view["redirect_uri"]))
        remote = any(os.environ.get(name) for name in REMOTE)
        if remote and is_local:
            say(text.LOCAL_LINK)
        say(text.how_it_comes_back(bool(view["listening"]), proxied, remote, view["practice"]) + "\n")

    def _prompt(self) -> str:
        left = None if self._code_ends is None else self._code_ends - self._monotonic()
        return text.paste(left, self._keyboard.is_hidden)

    def _is_interrupted(self) -> bool:
        return self._changed.is_set() or self._monotonic() > self._deadline

    def _check_time(self) -> None:
        if not self._changed.is_set() and self._monotonic() > self._deadline:
            raise text.nobody_signed_in(self._flow.profile, self._seconds)

    def _wait_for_redirect(self) -> None:
        while not self._is_interrupted():
            self._changed.wait(POLL_SECONDS)
        self._check_time()

    def _wait(self) -> None:
        """Count down the code's seconds while it is exchanged, or wait for another call."""
        while self._flow.busy and not self._flow.finished:
            self._screen.show(text.exchanging(self._flow.snapshot()["left"], ticks=self._screen.is_terminal))
            self._changed.wait(POLL_SECONDS)
            self._changed.clear()
        self._screen.end_line()

    def _confirm(self, view: dict[str, Any]) -> None:
        """Ask whether the account belongs to the person. Without an answer, nothing is saved."""
        self._screen.say(f"{view['note']}\n{text.question(view)}")
        if not self._types:
            raise EOFError
        while (answer := self._ask(text.YES_OR_NO).lower()) not in ("y", "yes", "n", "no"):
            self._screen.say(text.PLEASE_YES_OR_NO)
        self._flow.confirm(answer.startswith("y"))


def _calls() -> list[threading.Thread]:
    """Return the threads in which flows make calls."""
    return [thread for thread in threading.enumerate() if thread.name == "boxnb-sign-in"]


def _open_in_browser(link: str) -> bool:
    """Open the link. Return False if there is only a browser that would run in this terminal, unless BROWSER names it."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    if type(browser) is webbrowser.GenericBrowser and not os.environ.get("BROWSER"):
        return False
    return browser.open(link)


@contextlib.contextmanager
def _stopping_at_sigterm() -> Iterator[None]:
    """Raise SystemExit when SIGTERM arrives, so that the terminal is restored and echoes input again."""

    def stop(_number: int, _frame: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _print_error(message: str) -> None:
    with contextlib.suppress(OSError):  # the terminal is closed
        output.write(f"{message}\n", sys.stderr)
