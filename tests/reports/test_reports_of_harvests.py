"""Every report takes a harvest as ``of=``, with the same result as from a DataFrame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import measuring
import pandas as pd
import pytest
from one_home import home as home
from signing import sign_in

import boxnb
import boxnb.sandbox
from boxnb import reports
from boxnb.errors import FrameError
from boxnb.harvest import Harvest

OF_CONTENT = {
    "storage_by": {},
    "stale_content": {},
    "large_files": {},
    "duplicate_files": {},
    "shared_links": {},
    "ownership_of_leavers": {},
}
OF_EVENTS = {"sign_ins": {}, "sign_in_attacks": {}, "downloads": {}, "unusual_days": {}, "inactive_users": {}}
OF_COLLABORATIONS = {
    "external_collaborators": {},
    "pending_invitations": {},
    "shared_widely": {"people_at_least": 3},
}


@pytest.fixture(scope="module")
def box(home: Path) -> Iterator[boxnb.Box]:
    """Yield a Box whose clock does not move by itself. A harvest that one test has run costs the next one no calls."""
    with boxnb.sandbox.start(private=True, state=home / "state", limits="off") as sandbox, measuring.paused():
        sandbox.clock.freeze()
        sign_in(sandbox)
        yield boxnb.connect("acme")


OTHERS = {
    *("content", "collaborations", "estimate", "access", "visible_to", "hidden_links"),
    *("file_history", "user_history", "duplicate_accounts", "group_overlap"),
}
"""The reports that take something else as well, or another name for it. Each has a test of its own below."""


def check(box: boxnb.Box, names: dict[str, dict[str, Any]], frame: pd.DataFrame, harvest: Harvest) -> None:
    """Compare each report of a DataFrame with that of a harvest."""
    for name, options in names.items():
        report: Callable[..., pd.DataFrame] = getattr(reports, name)
        expected, found = report(box, of=frame, **options), report(box, of=harvest, **options)
        assert list(found.columns) == list(expected.columns), name
        assert found.astype("str").equals(expected.astype("str")), name
        assert found.attrs["complete"] is True, name


def test_reports_on_events(box: boxnb.Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports on events read only the columns and event types that they need."""
    harvest = box.harvest("events", since="60D").run()
    frame = harvest.frame()
    check(box, OF_EVENTS, frame, harvest)
    read: list[tuple[int, Any]] = []
    whole = Harvest.frame

    def watched(self: Harvest, columns: Any = None, where: Any = None) -> pd.DataFrame:
        read.append((len(columns), where))
        return whole(self, columns, where)

    monkeypatch.setattr(Harvest, "frame", watched)
    reports.downloads(box, of=harvest)
    assert read == [(10, {"event_type": ["DOWNLOAD"]})]


def test_reports_on_content(box: boxnb.Box) -> None:
    """Reports on content and on collaborations give the same result from a harvest."""
    harvest = box.harvest("content").run()
    content = harvest.frame()
    check(box, OF_CONTENT, content, harvest)
    collaborations = box.harvest("collaborations", flagged=True).run()
    invitations = reports.collaborations(box, of=content, flagged=True)
    check(box, OF_COLLABORATIONS, invitations, collaborations)
    with pytest.raises(FrameError, match="needs a harvest of collaborations, not of content"):
        reports.external_collaborators(box, of=harvest)


def test_reports_on_people(box: boxnb.Box) -> None:
    """Reports on users and memberships take harvests too."""
    users, memberships = box.harvest("users").run(), box.harvest("memberships").run()
    assert reports.duplicate_accounts(box, users=users).equals(reports.duplicate_accounts(box))
    assert reports.group_overlap(box, of=memberships).equals(reports.group_overlap(box))


def test_histories_and_hidden_links(box: boxnb.Box) -> None:
    """The history of a file or a user, and links to hidden content, are the same from a harvest."""
    events, content = box.harvest("events", since="60D").run(), box.harvest("content").run()
    rows, items = events.frame(), content.frame()
    file = rows["source_item_id"].dropna().iloc[0]
    user = rows["created_by_login"].dropna().iloc[0]
    for name, argument in (("file_history", (file,)), ("user_history", (user,))):
        report: Callable[..., pd.DataFrame] = getattr(reports, name)
        found = report(box, *argument, of=events)
        assert len(found) and found.equals(report(box, *argument, of=rows))
    hidden = reports.hidden_links(box, of=events, items=content)
    assert hidden.equals(reports.hidden_links(box, of=rows, items=items))


@pytest.mark.filterwarnings("ignore:(folders above|reports.visible_to) is not complete")
def test_who_can_see_what(box: boxnb.Box) -> None:
    """Access takes harvests of content and of collaborations, and so does everything that is made from it."""
    users = box.harvest("users").run()
    content = box.harvest("content").run()
    collaborations = box.harvest("collaborations", flagged=True).run()
    items = content.frame()
    expected = reports.access(
        box, items, collaborations=reports.collaborations(box, of=items, flagged=True), files=False
    )
    access = reports.access(box, content, collaborations=collaborations, files=False)
    assert len(access) and access.astype("str").equals(expected.astype("str"))
    login = access.loc[access["via"] != "link", "login"].value_counts().index[0]
    visible = reports.visible_to(box, login, of=content, rows=access)
    assert len(visible) and visible.equals(reports.visible_to(box, login, of=items, rows=expected))
    some = reports.content(box, people_of=users)
    assert set(some["id"]) == set(items["id"])
    assert reports.estimate(box, "collaborations", of=content) == reports.estimate(
        box, "collaborations", of=items
    )


def test_every_report_takes_a_harvest() -> None:
    """A new report appears in one of the tables above."""
    assert {*OF_CONTENT, *OF_EVENTS, *OF_COLLABORATIONS, *OTHERS} == {*reports.__all__}
