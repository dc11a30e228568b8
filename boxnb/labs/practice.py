"""A private sandbox, an app and a folder of profiles for one lesson, to experiment with and discard.

Nothing here touches the shared sandbox or a real profile: the lesson's sandbox is a separate process, and
:meth:`Practice.inside` makes the store use the lesson's own folder during a ``with`` block.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import requests

from boxnb import oauth, store
from boxnb.errors import BoxNotebookError, SandboxError
from boxnb.labs.timeline import Timeline
from boxnb.labs.trace.trace import Trace
from boxnb.local import home_folder
from boxnb.oauth import Client, Server
from boxnb.oauth.failures import network_trouble
from boxnb.oauth.token import Token
from boxnb.secret import Secret, bearer
from boxnb.store import intent
from boxnb.transport.sessions import never_connected

if TYPE_CHECKING:
    import pandas as pd

    from boxnb.sandbox import Sandbox

Result = TypeVar("Result")
DAY = 86400.0
VICTIM = "ada.admin@example.com"


def duration(seconds: float) -> str:
    """Return a span of time in the unit that suits it: ``31 seconds``, ``61 minutes``, ``61 days``."""
    for unit, name in ((DAY, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * unit or (seconds >= unit and seconds % unit == 0):
            return f"{seconds / unit:g} {name if seconds != unit else name[:-1]}"
    return f"{seconds:g} seconds"


STOPPED = (
    "This lesson's sandbox has stopped. Run the cell with labs.practice again, and then the cells below it."
)


def require_sandbox(profile: str) -> None:
    """Refuse every profile except ``"sandbox"``, because a lesson could break a real sign-in.

    Raises
    ------
    ValueError
        ``profile`` is not ``"sandbox"``.
    """
    if profile != "sandbox":
        raise ValueError(
            "Lessons change the clock and break sign-ins, so they run only in the sandbox. "
            f'Write PROFILE = "sandbox" instead of {profile!r}.'
        )


@contextmanager
def explain_stopped_sandbox() -> Iterator[None]:
    """Raise a one-line :class:`SandboxError` if the sandbox no longer accepts connections.

    Otherwise, the learner would see a long traceback from requests.
    """
    try:
        yield
    except requests.RequestException as error:
        if never_connected(error):
            raise SandboxError(STOPPED) from None
        raise


class Practice:
    """The environment of one lesson: a sandbox, an app, a trace and a folder of profiles.

    Parameters
    ----------
    profile : str
        Must be ``"sandbox"``, because lessons break things.
    rotation : str
        ``"grace"``: the old refresh token works until the new access token is first used, as Box's staff
        describe it. ``"strict"``: a refresh invalidates the old refresh token immediately.

    Attributes
    ----------
    sandbox : Sandbox
        A private sandbox with its own clock.
    client : Client
        An app registered in that sandbox.
    trace : Trace
        Every request this kernel has sent to the sandbox, with secrets as fingerprints.
    timeline : Timeline
        The lifetimes of all codes and tokens in the trace.
    said : list of str
        The outcome of each :meth:`attempt`, one sentence each.
    """

    def __init__(self, profile: str = "sandbox", *, rotation: str = "grace") -> None:
        require_sandbox(profile)
        from boxnb import sandbox

        self.profile = profile
        self.sandbox: Sandbox = sandbox.start(private=True, rotation=rotation, idle=sandbox.SHARED_IDLE)
        server_fields: dict[str, Any] = self.sandbox.server()
        # Inside the sandbox's folder, which sandbox/server/run.py removes when this process ends, even if it is killed.
        self.home = tempfile.mkdtemp(prefix="lesson-", dir=self.sandbox.state)
        app = self.sandbox.practice_client()
        self.client = Client(
            app["client_id"],
            Secret(app["client_secret"]),
            app["redirect_uri"],
            Server(**server_fields),
        )
        self.trace = Trace(self.sandbox.url)
        self.said: list[str] = []
        self._drawn = 0
        self.timeline = Timeline(self.trace, self.sandbox.clock.now, strict=rotation == "strict")
        self.trace.start()
        atexit.register(self.stop)

    def __repr__(self) -> str:
        return (
            f"A private sandbox for this notebook at {self.sandbox.url}. "
            "It stops with the kernel, or eight hours after its last use."
        )

    def __enter__(self) -> Practice:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the sandbox and remove the lesson's folder. A second call does nothing."""
        self.trace.stop()
        self.sandbox.stop()
        shutil.rmtree(self.home, ignore_errors=True)
        atexit.unregister(self.stop)

    # ---- what the person does ----

    def link(self, state: str, client: Client | None = None) -> str:
        """Return the authorization link that a browser opens (leg 1); see :func:`boxnb.oauth.authorization_url`."""
        return oauth.authorization_url(client or self.client, state)

    def grant(
        self, state: str, *, login: str = VICTIM, deny: bool = False, client: Client | None = None
    ) -> str:
        """Act as the person in the browser: open the link, sign in, press Grant (or Deny).

        Returns
        -------
        str
            The URL to which the browser is redirected. It contains the code (or the error) and the state.
        """
        return self.sandbox.approve(self.link(state, client), login=login, deny=deny)

    def sign_in(self, *, login: str = VICTIM, client: Client | None = None) -> Token:
        """Go through legs 1 to 3 of the flow and return the token pair."""
        state = oauth.new_state()
        code = oauth.parse_redirect(self.grant(state, login=login, client=client), state=state)
        with explain_stopped_sandbox():
            return oauth.exchange_code(client or self.client, code)

    # ---- what the program does ----

    def me(self, token: Token | Secret, *, path: str = "/users/me", agent: str = "") -> requests.Response:
        """Call the API once with this access token, without refreshing it."""
        access_token = token.access_token if isinstance(token, Token) else token
        headers = {"Authorization": bearer(access_token)} | ({"User-Agent": agent} if agent else {})
        with explain_stopped_sandbox():
            return requests.get(f"{self.client.server.api_url}{path}", headers=headers, timeout=20)

    def attempt(self, what: str, call: Callable[[], Result]) -> Result | None:
        """Call a function that may fail, and add the outcome to :attr:`said` as one sentence.

        Returns
        -------
        object or None
            What the function returned; ``None`` if it failed.
        """
        try:
            result = call()
        except SandboxError as error:
            page = str(error).partition("): ")[2]
            outcome = f"the browser shows an error page and is not redirected to the app. {page or error}"
            self.said.append(f"{what}: {error if str(error) == STOPPED else outcome}")
            return None
        except BoxNotebookError as error:
            self.said.append(f"{what}: {type(error).__name__}. {error}")
            return None
        except requests.RequestException as error:
            reason = STOPPED if never_connected(error) else network_trouble(error)
            self.said.append(f"{what}: {type(error).__name__}. {reason}")
            return None
        outcome = f"{result.status_code} {result.reason}" if isinstance(result, requests.Response) else "done"
        self.said.append(f"{what}: {outcome}")
        return result

    def turn(self, *, seconds: float = 0, minutes: float = 0, days: float = 0) -> str:
        """Move the sandbox's clock forward without waiting.

        Returns
        -------
        str
            The note added to the trace, such as ``"61 minutes pass"``.
        """
        span = seconds + 60 * minutes + DAY * days
        self.sandbox.clock.advance(span)
        note = f"{duration(span)} pass"
        self.trace.note(note)
        return note

    def draw_programs(self, note: str, names: Sequence[str]) -> None:
        """Add to the trace what other programs sent since the last call, from the sandbox's record of their user agents."""
        calls = [call for call in self.sandbox.record() if call["user_agent"] in names]
        self.trace.note(note)
        for call in calls[self._drawn :]:
            self.trace.add_recorded(call, call["user_agent"])
        self._drawn = len(calls)

    # ---- the profile on disk ----

    @contextmanager
    def inside(self, note: str = "") -> Iterator[None]:
        """Use the lesson's own folder as boxnb's home folder within this block.

        This applies to the current thread and to threads that are started within the block. ``note`` is added to the
        trace before the requests of the block.
        """
        if note:
            self.trace.note(note)
        previous = home_folder.elsewhere.set(self.home)
        try:
            yield
        finally:
            home_folder.elsewhere.reset(previous)

    def save(self, token: Token) -> store.Profile:
        """Save the token pair in the lesson's folder, as boxnb would."""
        skew = token.obtained_at - time.time()
        with self.inside(), store.lock(self.profile):
            saved = store.load(self.profile)
            if saved is None:
                updated = store.Profile(self.profile, self.client, token, skew=skew)
            else:
                updated = saved.renewed(token, skew)
            store.save(updated)
            intent.end(store.path(self.profile))
        return updated

    def saved(self) -> store.Profile:
        """Return the profile as it is saved on disk now.

        Raises
        ------
        ValueError
            Nothing has been saved yet.
        """
        with self.inside():
            profile = store.load(self.profile)
        if profile is None or profile.token is None:
            raise ValueError("Nothing is saved yet. Run the cell with practice.save(token) first.")
        return profile

    def on_disk(self) -> pd.DataFrame:
        """Return the saved profile as one row, with fingerprints in place of tokens.

        Returns
        -------
        DataFrame
            ``generation`` (int), ``access_token`` and ``refresh_token`` (fingerprints), ``access_minutes_left``
            and ``refresh_days_left`` (float, by the sandbox's clock), ``mode`` (octal digits).
        """
        import pandas as pd

        profile, now = self.saved(), self.sandbox.clock.now()
        token = profile.token
        if token is None or token.refresh_token is None:
            raise ValueError("No token pair is saved. Run the cell with practice.save(token) first.")
        with self.inside():
            mode = store.path(self.profile).stat().st_mode & 0o777
        row: dict[str, Any] = {
            "generation": profile.generation,
            "access_token": token.access_token.fingerprint,
            "refresh_token": token.refresh_token.fingerprint,
            "access_minutes_left": round((token.expires_at - now) / 60, 1),
            "refresh_days_left": round((token.refresh_expires_at - now) / DAY, 1),
            "mode": f"{mode:o}",
        }
        return pd.DataFrame([row])


def practice(profile: str = "sandbox", *, rotation: str = "grace") -> Practice:
    """Start a private sandbox for this notebook; see :class:`Practice`."""
    return Practice(profile, rotation=rotation)
