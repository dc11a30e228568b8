"""Every figure, name and order that a notebook quotes is correct, whichever day the practice company starts on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
import quotes
from company import Company
from one_home import home as home
from signing import sign_in

import boxnb.sandbox
from boxnb import reports

pytestmark = pytest.mark.usefixtures("untraced")

# In the past, so that the token used for the walk has not expired by the sandbox's clock.
MONDAY = datetime(2024, 11, 25, tzinfo=UTC)
DAY = pd.Timedelta("1D")
MOMENTS = [timedelta(seconds=1), timedelta(hours=23, minutes=59, seconds=59)]


class Walk(NamedTuple):
    """A signed-in connection, and the DataFrames of its walk, shifted to a company that starts on `MONDAY`."""

    sandbox: boxnb.sandbox.Sandbox
    box: boxnb.Box
    frames: dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def walk(home: Path) -> Iterator[Walk]:
    """Yield content, collaborations and memberships, fetched over HTTP."""
    with boxnb.sandbox.start(private=True, state=home / "state", limits="off") as sandbox:
        day = pd.Timestamp(sandbox.clock.now(), unit="s", tz="UTC").floor("D")
        sign_in(sandbox)
        started = time.time()
        box = boxnb.connect("acme", clock=lambda: started)  # or a slow machine reaches the next day
        content = reports.content(box)
        collaborations = reports.collaborations(box, of=content)
        members = box.memberships()
        frames = {"content": content, "collaborations": collaborations, "members": members}
        shift = pd.Timestamp(MONDAY) - day
        sandbox.clock.freeze()
        yield Walk(sandbox, box, {name: shifted(frame, shift) for name, frame in frames.items()})


def shifted(frame: pd.DataFrame, shift: pd.Timedelta) -> pd.DataFrame:
    """Return the same rows with every time shifted, as for a company that starts on another day."""
    frame = frame.copy()
    for column in frame.select_dtypes("datetimetz"):
        frame[column] = frame[column] + shift
    return frame


@pytest.mark.parametrize("weekday", range(7))
def test_quotes_hold_on_every_weekday(walk: Walk, weekday: int) -> None:
    """Every quote is true in the first and in the last second of a company that starts on this weekday."""
    start = MONDAY + timedelta(days=weekday)
    company = Company.at(start.timestamp())
    year, users = company.events(), company.users()
    frames = {name: shifted(frame, weekday * DAY) for name, frame in walk.frames.items()}
    for moment in MOMENTS:
        now = pd.Timestamp(start + moment)
        walk.sandbox.clock.advance(now.timestamp() - walk.sandbox.clock.now())
        walk.box.me()  # reports use the server's time, which comes with every response
        failures = quotes.failed_quotes(quotes.Snapshot(walk.box, now, year, users, **frames))
        assert not failures, "\n".join(failures)


@pytest.mark.parametrize("path", quotes.notebooks(), ids=lambda path: path.stem)
def test_every_claim_is_listed(path: Path) -> None:
    """Each sentence with a figure or a name is checked, or listed as being about something else."""
    listed = [*quotes.QUOTES.get(path.stem, ()), *quotes.OTHER.get(path.stem, ())]
    unlisted = [claim for claim in quotes.claims(path) if not any(quote in claim for quote in listed)]
    assert unlisted == []


@pytest.mark.parametrize("path", quotes.notebooks(), ids=lambda path: path.stem)
def test_every_listed_quote_is_in_its_notebook(path: Path) -> None:
    """A quote that its notebook no longer contains must be removed from the list."""
    text = path.read_text(encoding="utf-8").replace('\\"', '"').replace("\\n", " ")
    listed = [*quotes.QUOTES.get(path.stem, ()), *quotes.OTHER.get(path.stem, ())]
    assert [quote for quote in listed if quote not in text] == []
