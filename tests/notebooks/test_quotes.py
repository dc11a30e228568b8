"""Every figure, name and order that a notebook quotes is right, whenever the practice company is born."""

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
from signing import sign_in

import boxnb.sandbox
from boxnb import reports
from boxnb.api import rate_limit

MONDAY = datetime(2024, 11, 25, tzinfo=UTC)  # long ago, so that the token of the walk looks fresh
DAY = pd.Timedelta("1D")
MOMENTS = [timedelta(seconds=1), timedelta(hours=23, minutes=59, seconds=59)]


class Walked(NamedTuple):
    """A signed-in connection, and the frames of its walk moved to a company born on `MONDAY`."""

    sandbox: boxnb.sandbox.Sandbox
    box: boxnb.Box
    frames: dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One home for all tests here, which change nothing."""
    place = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOXNB_HOME", str(place))
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        patch.setitem(rate_limit.LIMITS, "general", rate_limit.Limit(1_000_000))
        yield place


@pytest.fixture(scope="module")
def walked(home: Path) -> Iterator[Walked]:
    """Content, invitations and memberships, over HTTP."""
    with boxnb.sandbox.start(private=True, state=home / "state", limits="off") as sandbox:
        day = pd.Timestamp(sandbox.clock.now(), unit="s", tz="UTC").floor("D")
        sign_in(sandbox)
        started = time.time()
        box = boxnb.connect("acme", clock=lambda: started)  # or a slow machine reaches the next day
        content = reports.content(box)
        invited = reports.collaborations(box, of=content)
        members = box.memberships()
        frames = {"content": content, "invited": invited, "members": members}
        by = pd.Timestamp(MONDAY) - day
        sandbox.clock.freeze()
        yield Walked(sandbox, box, {name: moved(frame, by) for name, frame in frames.items()})


def moved(frame: pd.DataFrame, by: pd.Timedelta) -> pd.DataFrame:
    """The same rows as a company has them that is born on another day."""
    frame = frame.copy()
    for column in frame.select_dtypes("datetimetz"):
        frame[column] = frame[column] + by
    return frame


@pytest.mark.parametrize("weekday", range(7))
def test_what_notebooks_quote_holds_on_every_weekday(walked: Walked, weekday: int) -> None:
    """Born on this day of the week, looked at in its first and in its last second: each quote is true."""
    born = MONDAY + timedelta(days=weekday)
    company = Company.at(born.timestamp())
    year, users = company.events(), company.users()
    frames = {name: moved(frame, weekday * DAY) for name, frame in walked.frames.items()}
    for later in MOMENTS:
        now = pd.Timestamp(born + later)
        walked.sandbox.clock.advance(now.timestamp() - walked.sandbox.clock.now())
        walked.box.me()  # reports take the server's time, which comes with every answer
        seen = quotes.Seen(walked.box, now, year, users, **frames)
        wrong = quotes.wrong(seen)
        assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", quotes.notebooks(), ids=lambda path: path.stem)
def test_no_quote_escapes(path: Path) -> None:
    """Each sentence with a figure or a name is checked above, or known to be about something else."""
    known = [*quotes.QUOTES.get(path.stem, ()), *quotes.OTHER.get(path.stem, ())]
    escaped = [said for said in quotes.sentences(path) if not any(words in said for words in known)]
    assert escaped == []


@pytest.mark.parametrize("path", quotes.notebooks(), ids=lambda path: path.stem)
def test_every_quote_is_still_said(path: Path) -> None:
    """A check of words that no notebook says any more is taken out."""
    text = path.read_text(encoding="utf-8").replace('\\"', '"').replace("\\n", " ")
    known = [*quotes.QUOTES.get(path.stem, ()), *quotes.OTHER.get(path.stem, ())]
    assert [words for words in known if words not in text] == []
