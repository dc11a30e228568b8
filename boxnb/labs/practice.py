"""A sandbox, an app and a folder of profiles for one lesson: to be turned, broken and thrown away.

Nothing here reaches the shared sandbox or a real profile: the sandbox is a process of its own, and
:meth:`Practice.inside` gives the store another home for the length of a ``with`` block.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
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

Answer = TypeVar("Answer")
DAY = 86400.0
VICTIM = "ada.admin@example.com"


def length(seconds: float) -> str:
    """A span of time in the unit a person would choose: ``31 seconds``, ``61 minutes``, ``61 days``."""
    for unit, name in ((DAY, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * unit or (seconds >= unit and seconds % unit == 0):
            return f"{seconds / unit:g} {name if seconds != unit else name[:-1]}"
    return f"{seconds:g} seconds"


STOPPED = "This lesson's practice Box has stopped: run the cell with labs.practice again, and those after it."


def check(profile: str) -> None:
    """Refuse a profile that lessons could harm.

    Raises
    ------
    ValueError
        It is not ``"sandbox"``.
    """
    if profile != "sandbox":
        raise ValueError(
            "Lessons turn clocks and break sign-ins, so they run in the sandbox only: "
            f'write PROFILE = "sandbox" instead of {profile!r}.'
        )


@contextmanager
def told() -> Iterator[None]:
    """One line where nobody listens any more, in place of a traceback of requests."""
    try:
        yield
    except requests.RequestException as error:
        if never_connected(error):
            raise SandboxError(STOPPED) from None
        raise


class Practice:
    """One lesson's world.

    Parameters
    ----------
    profile : str
        Must be ``"sandbox"``: what breaks things runs nowhere else.
    rotation : str
        ``"grace"`` as Box's staff describe it, or ``"strict"``: the old refresh token dies at once.

    Attributes
    ----------
    sandbox : Sandbox
        A practice Box of its own, with a clock of its own.
    client : Client
        An app registered there.
    trace : Trace
        Every request this kernel made since the start, secrets as fingerprints.
    timeline : Timeline
        The lifetimes of every code and token the trace has seen.
    said : list of str
        What the program of the lesson ran into, one sentence each.
    """

    def __init__(self, profile: str = "sandbox", *, rotation: str = "grace") -> None:
        check(profile)
        from boxnb import sandbox

        self.profile = profile
        self.sandbox: Sandbox = sandbox.start(private=True, rotation=rotation, idle=sandbox.SHARED_IDLE)
        addresses: dict[str, Any] = self.sandbox.server()
        self.home = tempfile.mkdtemp(
            prefix="lesson-", dir=self.sandbox.state
        )  # goes with it, also after a kill
        app = self.sandbox.practice_client()
        self.client = Client(
            app["client_id"],
            Secret(app["client_secret"]),
            app["redirect_uri"],
            Server(**addresses),
        )
        self.trace = Trace(self.sandbox.url)
        self.said: list[str] = []
        self.timeline = Timeline(self.trace, self.sandbox.clock.now, strict=rotation == "strict")
        self.trace.start()
        atexit.register(self.stop)

    def __repr__(self) -> str:
        return f"A practice Box of this notebook's own at {self.sandbox.url}; it ends with the kernel, or eight hours after its last use."

    def __enter__(self) -> Practice:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the sandbox and remove the lesson's folder; quiet when that is done already."""
        self.trace.stop()
        self.sandbox.stop()
        shutil.rmtree(self.home, ignore_errors=True)
        atexit.unregister(self.stop)

    # ---- what a person does ----

    def link(self, state: str, client: Client | None = None) -> str:
        """Leg 1, the address a browser opens; see :func:`boxnb.oauth.authorization_url`."""
        return oauth.authorization_url(client or self.client, state)

    def grant(
        self, state: str, *, login: str = VICTIM, deny: bool = False, client: Client | None = None
    ) -> str:
        """Play the person in the browser: open the link, sign in, press Grant (or Deny).

        Returns
        -------
        str
            The address the browser is sent back to; it carries the code and the state.
        """
        return self.sandbox.approve(self.link(state, client), login=login, deny=deny)

    def sign_in(self, *, login: str = VICTIM, client: Client | None = None) -> Token:
        """Walk through legs 1 to 3 and give the pair."""
        state = oauth.new_state()
        code = oauth.parse_redirect(self.grant(state, login=login, client=client), state=state)
        with told():
            return oauth.exchange_code(client or self.client, code)

    # ---- what a program does ----

    def me(self, token: Token | Secret, *, path: str = "/users/me", agent: str = "") -> requests.Response:
        """One call of the API with this access token and nothing that would refresh it."""
        access = token.access_token if isinstance(token, Token) else token
        headers: dict[str, str] = {"Authorization": bearer(access)} | ({"User-Agent": agent} if agent else {})
        with told():
            return requests.get(f"{self.client.server.api_url}{path}", headers=headers, timeout=20)

    def attempt(self, what: str, call: Callable[[], Answer]) -> Answer | None:
        """Do something that may fail, and note in one sentence what came of it."""
        try:
            answer = call()
        except SandboxError as error:
            page = str(error).partition("): ")[2]
            shown = f"the browser shows a page and goes no further. {page or error}"
            self.said.append(f"{what}: {error if str(error) == STOPPED else shown}")
            return None
        except BoxNotebookError as error:
            self.said.append(f"{what}: {type(error).__name__}. {error}")
            return None
        except requests.RequestException as error:
            why = STOPPED if never_connected(error) else network_trouble(error)
            self.said.append(f"{what}: {type(error).__name__}. {why}")
            return None
        outcome = f"{answer.status_code} {answer.reason}" if isinstance(answer, requests.Response) else "done"
        self.said.append(f"{what}: {outcome}")
        return answer

    def turn(self, *, seconds: float = 0, minutes: float = 0, days: float = 0) -> str:
        """Turn the sandbox's clock on; nobody waits."""
        span = seconds + 60 * minutes + DAY * days
        self.sandbox.clock.advance(span)
        words = f"{length(span)} pass"
        self.trace.note(words)
        return words

    # ---- the profile on disk ----

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Within this block boxnb's store is the lesson's own folder, for this thread."""
        before = home_folder.elsewhere.set(self.home)
        try:
            yield
        finally:
            home_folder.elsewhere.reset(before)

    def save(self, token: Token) -> store.Profile:
        """Put the pair on disk as the kit would, in the lesson's folder."""
        skew = token.obtained_at - time.time()
        with self.inside(), store.lock(self.profile):
            saved = store.load(self.profile)
            if saved is None:
                fresh = store.Profile(self.profile, self.client, token, skew=skew)
            else:
                fresh = saved.renewed(token, skew)
            store.save(fresh)
            intent.end(store.path(self.profile))
        return fresh

    def saved(self) -> store.Profile:
        """What is on disk now.

        Raises
        ------
        ValueError
            Nothing was saved yet.
        """
        with self.inside():
            profile = store.load(self.profile)
        if profile is None or profile.token is None:
            raise ValueError("Nothing is on disk yet: run the cell with practice.save(token) first.")
        return profile

    def on_disk(self) -> pd.DataFrame:
        """What may be shown of the file, one row; the tokens as fingerprints.

        Returns
        -------
        DataFrame
            ``generation`` (int), ``access_token``, ``refresh_token`` (fingerprints), ``access_minutes_left``,
            ``refresh_days_left`` (float, by the sandbox's clock), ``mode`` (octal text).
        """
        import pandas as pd

        profile, now = self.saved(), self.sandbox.clock.now()
        token = profile.token
        if token is None or token.refresh_token is None:
            raise ValueError("There is no pair on disk: run the cell with practice.save(token) first.")
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
    """A practice Box of this notebook's own; see :class:`Practice`."""
    return Practice(profile, rotation=rotation)
