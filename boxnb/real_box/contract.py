"""``contract(profile)``: at most 60 reads of Box, and one page that says where Box differs from what boxnb expects."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from .. import store
from ..api.ledger import Ledger
from ..cards import card_html
from ..errors import ExportError, TokenStoreError
from ..local import private_files
from ..oauth import Clock
from ..signin import practice
from .answers import Answer, Difference, Probe
from .caller import Caller
from .compare import compare
from .page import Run, page
from .plan import Plan
from .refresh import OneRefresh, refresh_profile

FILE = "boxnb-contract.md"
DAYS = 30
"""How many days back admin events are read."""
ROLES = {"admin": "the admin", "coadmin": "a co-admin", "user": "a user who is not an admin"}


class Contract:
    """The result of :func:`boxnb.contract`.

    Attributes
    ----------
    path : Path
        The page.
    text : str
        What the page contains.
    differences : DataFrame
        One row per difference, with the ``str`` columns ``call``, ``where``, ``expected``, ``found`` and ``claim``.
    unmet : DataFrame
        What the run could not check, with the ``str`` columns ``what`` and ``why``.
    calls : int
        How many calls were made, including the refresh.
    """

    def __init__(self, path: Path, run: Run) -> None:
        self.path, self.text, self.calls = path, page(run), run.calls
        self.differences = pd.DataFrame(list(run.differences), columns=list(Difference._fields), dtype="str")
        self.unmet = pd.DataFrame(list(run.unmet), columns=["what", "why"], dtype="str")

    def _facts(self) -> list[tuple[str, str]]:
        return [
            ("Differences", str(len(self.differences))),
            ("Calls", str(self.calls)),
            ("Not checked", str(len(self.unmet))),
            ("Page", str(self.path)),
        ]

    def __repr__(self) -> str:
        return "Contract\n" + "\n".join(f"  {label:<12} {value}" for label, value in self._facts())

    def _repr_html_(self) -> str:
        return card_html(self._facts(), caption="Box, compared with what boxnb expects")


def contract(
    profile: str,
    path: str | os.PathLike[str] = FILE,
    *,
    clock: Clock = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Contract:
    """
    Compare Box with what boxnb expects of it, and write one page that you can hand in.

    Makes at most 60 calls: reads, and one refresh of the token pair, which is saved as usual. Nothing in Box is changed.
    boxnb compares each response with Box's own API description, with the columns of boxnb's datasets, and with the sandbox's
    response to the same read. The page does not contain values from Box: only names of fields, types and statuses.

    Parameters
    ----------
    profile : str
        A saved sign-in, preferably an admin's. ``"sandbox"`` compares the sandbox with itself.
    path : str or path
        The Markdown file to write; an existing one is replaced.
    clock : callable, default time.time
        Seconds since the epoch.
    sleep : callable, default time.sleep
        Called with a number of seconds, to wait after a 429.

    Returns
    -------
    Contract
        With the path and text of the page, and the differences as a DataFrame.

    Raises
    ------
    NotSignedInError, InvalidGrantError
        No one is signed in, or the sign-in is no longer valid.
    NetworkError, TokenEndpointError
        The server cannot be reached.
    TokenStoreError, ExportError
        The sign-in, or the page, cannot be saved.
    """
    if practice.is_practice(profile):
        practice.ready(profile)
    auth = OneRefresh(profile, clock=clock)
    tokens, trouble = refresh_profile(auth)
    since = days_ago(auth.now())
    saved = auth.profile
    ledger = Ledger(store.home() / "ledger" / f"{profile}.json")
    caller = Caller(saved.client.server.api_url, tokens, verify=saved.verify, ledger=ledger, sleep=sleep)
    caller.calls = int(auth.asked)  # the refresh is one of the 60 calls
    try:
        answers, unmet = make_reads(caller, since)
    finally:
        caller.close()
    if trouble:
        unmet.insert(0, ("a refresh of the token pair", trouble))
    differences = compare(answers, caller.refused, auth.facts, since)
    me = answers.get("the user who signed in")
    role = me.doc.get("role") if me is not None and isinstance(me.doc, dict) else None
    today = datetime.datetime.fromtimestamp(clock(), datetime.UTC).date().isoformat()
    run = Run(
        version(),
        today,
        ROLES.get(str(role), "a user whose role is unknown"),
        caller.calls,
        list(answers.values()),
        differences,
        unmet,
    )
    return Contract(saved_page(Path(path), page(run)), run)


def version() -> str:
    """Return the version of boxnb."""
    from .. import __version__

    return __version__


def days_ago(now: float) -> str:
    """Return the time from which admin events are read, as RFC 3339."""
    moment = datetime.datetime.fromtimestamp(now - DAYS * 86_400, datetime.UTC)
    return moment.isoformat(timespec="seconds")


def make_reads(caller: Caller, since: str) -> tuple[dict[str, Answer], list[tuple[str, str]]]:
    """Make the reads of the plan. Return the answers by name, and what could not be checked."""
    answers: dict[str, Answer] = {}
    unmet: list[tuple[str, str]] = []

    def ask(probe: Probe) -> Answer | None:
        answer = caller.ask(probe)
        if answer is None:
            why = "There was no response." if caller.left > 0 else "60 calls had been made."
            unmet.append((probe.name, why))
            return None
        answers[probe.name] = answer
        if answer.status in probe.optional:
            unmet.append((probe.name, f"Box returned {answer.status}: {probe.optional[answer.status]}."))
        elif answer.status == 429:
            unmet.append((probe.name, "Box returned 429 twice: too many calls."))
        elif answer.ok and isinstance(answer.doc, dict) and answer.doc.get("entries") == []:
            unmet.append((f"{probe.name}: its entries", "There were none."))
        return answer

    plan = Plan(ask, lambda what, why: unmet.append((what, why)), since)
    plan.run(has_old_token=caller.tokens.old is not None)
    return answers, unmet


def saved_page(path: Path, text: str) -> Path:
    """Write the page, readable only by its owner, and return its path. Raises `ExportError` if it cannot be written."""
    path = path.expanduser().absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        private_files.write_private(path, text.encode())
    except (OSError, TokenStoreError) as error:
        cause = error.__cause__ if isinstance(error, TokenStoreError) else error
        reason = getattr(cause, "strerror", None) or type(cause).__name__
        raise ExportError(
            f"Cannot write the page to {path} ({reason}). Pass the path of another file."
        ) from None
    return path
