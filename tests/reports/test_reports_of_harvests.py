"""Every report takes a harvest as ``of=``, with the same result as from a DataFrame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from signing import sign_in

import boxnb
from boxnb import reports
from boxnb.errors import FrameError
from boxnb.harvest import Harvest
from boxnb.sandbox import Sandbox

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


@pytest.fixture
def box(free: Sandbox) -> boxnb.Box:
    """Return a Box whose clock does not move by itself."""
    free.clock.freeze()
    sign_in(free)
    return boxnb.connect("acme")


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
