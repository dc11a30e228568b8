"""Reports made from the Admin Console's files instead of a walk: the same rows, but for what such files cannot have."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import measuring
import pandas as pd
import pytest
from one_home import home as home
from signing import sign_in

import boxnb.sandbox
from boxnb import reports
from boxnb.errors import FrameError
from boxnb.sandbox import Sandbox

ZONE = "Europe/London"
"""The zone of the practice company's admin."""

ONLY_IN_A_WALK = {
    "shared_links": {
        "url",
        "is_password_enabled",
        "expires_at",
        "can_download",
        "download_count",
        "preview_count",
        "size",
    },
    "large_files": {"changed_at", "days"},
    "stale_content": {"last_change", "days"},
}
"""What the files do not have, by report: a link's address, password, expiry and counts, and when the content last changed."""


class Company(NamedTuple):
    """The DataFrames of a walk and of the console's files."""

    sandbox: Sandbox
    box: boxnb.Box
    content: pd.DataFrame
    invitations: pd.DataFrame
    console: dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def company(home: Path) -> Iterator[Company]:
    """Yield the practice company, walked before its admin ran the reports."""
    with boxnb.sandbox.start(private=True, state=home / "state", limits="off") as sandbox:
        sign_in(sandbox)
        box = boxnb.connect("acme")
        with measuring.paused():
            content = reports.content(box)
            invitations = reports.collaborations(box, of=content, files=True)
        names = list(sandbox.run_console_reports())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            console = {name: box.console(name, zone=ZONE) for name in names}
        yield Company(sandbox, box, content, invitations, console)


def visible_part(company: Company, report: str) -> pd.DataFrame:
    """Return the rows of a console report about items that the walk saw; nobody can walk what users who left did not share."""
    frame = company.console[report]
    return frame[frame["id"].isin(company.content["id"])]


@pytest.mark.parametrize("by", ["owner", "folder", "extension", "ownership"])
def test_storage_is_that_of_the_walk(company: Company, by: reports.storage.By) -> None:
    """All sums are the same, by owner, folder, extension and ownership."""
    from_walk = reports.storage_by(company.box, by, of=company.content)
    from_file = reports.storage_by(company.box, by, of=visible_part(company, "folders_and_files"))
    if by == "folder":
        # As its owner sees it, an item of a user who left is in folders that the walk did not see.
        active = company.content[company.content["ownership"] == "active"]
        frame = company.console["folders_and_files"]
        from_walk = reports.storage_by(company.box, by, of=active)
        from_file = reports.storage_by(company.box, by, of=frame[frame["id"].isin(active["id"])])
    pd.testing.assert_frame_equal(from_file, from_walk)


def test_the_file_has_more_than_the_walk(company: Company) -> None:
    """The private content of users who left is only in the file, and belongs to them."""
    frame = company.console["folders_and_files"]
    more = frame[~frame["id"].isin(company.content["id"])]
    users = company.box.users().set_index("login")
    assert len(more) > 0
    assert (users.loc[more["owned_by_login"].unique(), "status"] == "inactive").all()
    own = company.content[company.content["ownership"] != "outside"]
    assert set(own["id"]) <= set(frame["id"])


@pytest.mark.parametrize("name", ["large_files", "stale_content"])
def test_reports_on_files_have_the_rows_of_the_walk(company: Company, name: str) -> None:
    """Without the time of the last change to the content, the time of the last change to the item counts."""
    options = {"at_least": 50_000_000} if name == "large_files" else {"days": 0}
    walk = company.content.assign(content_modified_at=pd.NaT)
    walk = walk[walk["ownership"] == "active"]
    walk.attrs = dict(company.content.attrs)
    frame = company.console["folders_and_files"]
    expected = getattr(reports, name)(company.box, of=walk, **options)
    result = getattr(reports, name)(company.box, of=frame[frame["id"].isin(walk["id"])], **options)
    assert len(expected) > 5
    columns = [column for column in expected if column not in ONLY_IN_A_WALK[name]]
    expected, result = (table.sort_values("id", ignore_index=True) for table in (expected, result))
    pd.testing.assert_frame_equal(result[columns], expected[columns], check_categorical=False)


def test_links_are_those_of_the_walk(company: Company) -> None:
    """All links that have not expired are there, with the same access; whether they have a password is not known."""
    from_walk = reports.shared_links(company.box, of=company.content)
    from_walk = from_walk[from_walk["protection"] != "expired"].set_index("id")
    from_file = reports.shared_links(company.box, of=company.console["shared_links"]).set_index("id")
    seen = from_file.loc[from_file.index.isin(company.content["id"])]
    assert set(seen.index) == set(from_walk.index)
    columns = [
        name
        for name in from_walk
        if name not in ONLY_IN_A_WALK["shared_links"] | {"protection", "path", "is_expired"}
    ]
    for column in columns:
        assert (seen[column].astype(str) == from_walk.loc[seen.index, column].astype(str)).all(), column
    assert set(seen.loc[seen["access"] == "open", "protection"]) == {"unknown"}
    assert set(seen.loc[seen["access"] != "open", "protection"]) == {"sign-in"}


@pytest.mark.parametrize("name", ["external_collaborators", "pending_invitations", "shared_widely"])
def test_reports_on_sharing_are_those_of_the_walk(company: Company, name: str) -> None:
    """The same people are external, pending and counted, on the content that the walk saw."""
    options = {"people_at_least": 20} if name == "shared_widely" else {}
    frame = company.console["collaborations"]
    frame = frame[frame["item_id"].isin(company.content["id"])]
    result = getattr(reports, name)(company.box, of=frame, **options)
    expected = getattr(reports, name)(company.box, of=company.invitations, **options)
    assert len(expected) > 3
    key = "item_id" if name == "shared_widely" else "id"
    result, expected = result.set_index(key).sort_index(), expected.set_index(key).sort_index()
    assert result.index.tolist() == expected.index.tolist()
    left_out = {
        "who_name",
        "path",
    }  # a name is hidden while an invitation is pending, and a path begins where access begins
    for column in expected.columns.difference(list(left_out)):
        differs = result[column].astype(str).fillna("") != expected[column].astype(str).fillna("")
        assert not differs.any(), (
            column,
            result.loc[differs, column].tolist(),
            expected.loc[differs, column].tolist(),
        )


def test_last_sign_ins_reach_beyond_a_year(company: Company) -> None:
    """The report on users says when each of them signed in last, so no events are pulled and any number of days is possible."""
    before = company.box.session.ledger.calls
    result = reports.inactive_users(company.box, days=90, of=company.console["user_details"])
    assert company.box.session.ledger.calls - before == 1
    events = company.box.events(since="365D", event_type=["LOGIN", "ADMIN_LOGIN"])
    expected = reports.inactive_users(company.box, days=90, of=events)
    pd.testing.assert_frame_equal(
        result.assign(last_sign_in=result["last_sign_in"].dt.floor("s")),
        expected.assign(last_sign_in=expected["last_sign_in"].dt.floor("s")),
    )
    longer = reports.inactive_users(company.box, days=1000, of=company.console["user_details"])
    assert set(longer["login"]) <= set(result["login"])
    with pytest.raises(ValueError, match=r"pass of=box\.console\('user_details'\)"):
        reports.inactive_users(company.box, days=366)


def test_activity_is_that_of_the_events(company: Company) -> None:
    """Sign-ins, downloads and attacks are the same as those made from the events."""
    activity = company.console["user_activity"]
    events = company.box.events(since="365D")
    events = events.assign(created_at=events["created_at"].dt.floor("s"))
    # The hour that occurs twice can be read in two ways, and the last half hour of events is still arriving.
    times = activity["created_at"]
    end = min(times.max(), events["created_at"].max()) - pd.Timedelta("1h")
    begin = max(pd.Timestamp(frame["created_at"].min()) for frame in (activity, events))

    def kept(frame: pd.DataFrame) -> pd.DataFrame:
        at = frame["created_at"]
        last_week_of_october = at.dt.month.eq(10) & at.dt.day.ge(25)
        return frame[at.between(begin, end) & ~last_week_of_october]

    both = [kept(activity), kept(events)]
    for frame, source in zip(both, (activity, events), strict=True):
        frame.attrs = dict(source.attrs)
    for name in ("sign_ins", "downloads"):
        result, expected = (getattr(reports, name)(company.box, of=frame) for frame in both)
        assert len(expected) > 20
        columns = [column for column in expected if column not in ("event_id", "folders", "items", "name")]
        order = [
            name for name in ("created_at", "day", "login", "event_type", "ip_address") if name in columns
        ]
        first, second = (table[columns].sort_values(order, ignore_index=True) for table in (result, expected))
        pd.testing.assert_frame_equal(first, second, check_categorical=False)
    history = reports.user_history(company.box, "fang.wang@example.com", of=both[0])
    assert set(history["login"]) >= {"fang.wang@example.com"}


def test_a_report_that_needs_more_says_what_is_missing(company: Company) -> None:
    """A file has no SHA-1, so duplicates need a walk."""
    with pytest.raises(FrameError, match="duplicate_files needs the column sha1"):
        reports.duplicate_files(company.box, of=company.console["folders_and_files"])


UNTICKED = {
    "sign_ins": ("user_activity", ["created_at", "created_by_name"], "created_by_login"),
    "downloads": ("user_activity", ["created_at", "created_by_login"], "event_type"),
    "inactive_users": ("user_activity", ["created_at", "created_by_login", "event_type"], "created_by_id"),
    "storage_by": ("shared_links", ["id", "name", "owned_by_login", "type", "path"], "size"),
    "collaborations": ("folders_and_files", ["id", "name", "owned_by_login"], "type"),
}


@pytest.mark.parametrize("name", UNTICKED)
def test_a_column_that_was_not_chosen_is_not_taken_for_empty(company: Company, name: str) -> None:
    """A report that needs a column of the file says so, instead of finding nothing."""
    report, columns, missing = UNTICKED[name]
    frame = company.console[report][columns]
    frame.attrs = dict(company.console[report].attrs)
    with pytest.raises(FrameError, match=rf"reports\.{name} needs .*\b{missing}\b"):
        getattr(reports, name)(company.box, of=frame)


def test_doctor_says_which_reports_are_there(company: Company) -> None:
    """The reports are listed with their ages; before an admin has run one, the doctor says how to get them."""
    row = boxnb.doctor("acme").set_index("check").loc["console reports"]
    assert row["result"] == "ok"
    for name in company.console:
        assert f"{name} (today)" in row["finding"]


def test_doctor_says_how_old_reports_are(tmp_path: Path) -> None:
    """Twelve days after an admin ran the reports, the doctor says so."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "later") as sandbox:
        sandbox.run_console_reports()
        sandbox.clock.advance(12 * 86_400)
        sign_in(sandbox, "later")
        finding = boxnb.doctor("later").set_index("check").loc["console reports", "finding"]
    assert "user_details (12 days old)" in finding or "user_details (11 days old)" in finding


def test_doctor_without_reports(tmp_path: Path) -> None:
    """Without reports, the doctor says how an admin gets them."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "new") as sandbox:
        sign_in(sandbox, "new")
        finding = boxnb.doctor("new").set_index("check").loc["console reports", "finding"]
    assert finding.startswith("There are none. If an admin runs reports in the Admin Console")


def test_a_large_company_takes_ten_calls(home: Path, tmp_path: Path) -> None:
    """205,000 items come into the reports on storage and links with ten calls, with the sums of the company's own database."""
    size = {"users": 500, "folders": 5_000, "files": 200_000}
    with boxnb.sandbox.start(
        private=True, state=tmp_path / "large", world="large", limits="off", events=0, **size
    ) as sandbox:
        sandbox.run_console_reports("folders_and_files", "shared_links", page_rows=300_000)
        sign_in(sandbox, "large")
        box = boxnb.connect("large")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            items = box.console("folders_and_files", zone=ZONE)
            links = box.console("shared_links", zone=ZONE)
        assert items.attrs["calls"] + links.attrs["calls"] == 10
        assert box.session.ledger.calls == 10
        assert (len(items), items["id"].is_unique) == (205_000, True)
        storage = reports.storage_by(box, of=items)
        shared = reports.shared_links(box, of=links)
        users = box.users().set_index("login")
        now = pd.Timestamp(sandbox.clock.now(), unit="s", tz="UTC")
        with measuring.paused():
            walked = {
                login: box.tree(as_user=users.loc[login, "id"])
                for login in storage["name"].sample(3, random_state=1)
            }
    for login, tree in walked.items():
        own = tree[tree["owned_by_login"] == login]
        files = own[own["type"] == "file"]
        row = storage.set_index("name").loc[login]
        assert (row["files"], row["bytes"]) == (len(files), files["size"].sum())
        ends = own["shared_link_unshared_at"]
        linked = own.loc[own["shared_link_url"].notna() & ~(ends < now).fillna(False), "id"]
        assert set(shared.loc[shared["owner_login"] == login, "id"]) == set(linked)
    assert storage["files"].sum() == 200_000
