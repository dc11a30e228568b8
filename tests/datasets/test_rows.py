"""All rows of every dataset, compared with the company's own CSV files."""

from __future__ import annotations

import datetime
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from signing import sign_in

import boxnb.sandbox
from boxnb import store
from boxnb.api.connection import Progress
from boxnb.datasets import event_log
from boxnb.datasets.paging import by_offset
from boxnb.datasets.pull_by_id import pull_each
from boxnb.errors import BoxNotebookError, BoxUnavailableError, Interrupted, NotFoundError, RangeError
from boxnb.frames import schema
from boxnb.sandbox import Sandbox

COMPANY = Path(__file__).parents[2] / "data" / "sandbox"


def table(name: str) -> pd.DataFrame:
    """Return one of the company's CSV files, as text."""
    return pd.read_csv(COMPANY / f"{name}.csv", dtype=str, keep_default_na=False)


@pytest.fixture
def box(sandbox: Sandbox) -> boxnb.Box:
    """Return the admin's Box."""
    sign_in(sandbox)
    return boxnb.connect("acme")


def has_columns(frame: pd.DataFrame, columns: schema.Columns) -> bool:
    """Return whether the DataFrame begins with the columns of the schema, in order."""
    names = [column.name for column in columns if column.kind != "skip"]
    return list(frame.columns[: len(names)]) == names


def test_memberships_by_group_and_by_user(box: boxnb.Box) -> None:
    """Both ways return the rows of the file."""
    expected = (
        table("memberships")[["id", "user_id", "group_id", "role"]].sort_values("id").to_numpy().tolist()
    )
    by_group = box.memberships()
    rows = by_group[["id", "user_id", "group_id", "role"]].astype(str).sort_values("id").to_numpy().tolist()
    assert rows == expected
    user_ids = list(table("users")["id"].head(5))
    by_user = box.memberships(by="user", ids=user_ids)
    assert set(by_user["id"]) == set(by_group.loc[by_group["user_id"].isin(user_ids), "id"])
    assert by_user.attrs["calls"] == 5


def test_every_folder_and_file_of_the_company(free: Sandbox) -> None:
    """If each top folder is walked as its owner, names, sizes, hashes, links and paths match the files."""
    sign_in(free)
    box = boxnb.connect("acme")
    folders, files = table("folders"), table("files")
    users = table("users").set_index("login")["id"]
    tops = folders[
        (folders["parent_id"] == "0") & (folders["trashed_at"] == "") & folders["owner"].isin(users.index)
    ]
    walks = []
    for top in tops.itertuples():
        if table("users").set_index("login").loc[top.owner, "status"] == "active":
            walks.append(box.tree(str(top.id), as_user=users[top.owner]))
    tree = pd.concat(walks, ignore_index=True)
    assert tree["extra"].isna().all()
    assert tree["id"].is_unique
    rows = tree[tree["type"] == "file"].set_index("id")
    expected = files.set_index("id")
    assert len(rows) > 4000
    expected = expected.loc[rows.index]
    assert (expected["trashed_at"] == "").all()
    assert (rows["name"] == expected["name"]).all()
    assert (rows["size"] == expected["size"].astype("int64")).all()
    assert (rows["parent_id"] == expected["folder_id"]).all()
    has_hash = expected["sha1"] != ""
    assert (rows.loc[has_hash, "sha1"] == expected.loc[has_hash, "sha1"]).all()
    assert (rows["shared_link_url"].notna() == (expected["link"] != "")).all()
    has_link = expected["link"] != ""
    assert (rows.loc[has_link, "shared_link_access"].astype(str) == expected.loc[has_link, "link"]).all()
    has_password = expected.loc[has_link, "link_password"] != ""
    assert (rows.loc[has_link, "shared_link_is_password_enabled"].astype(bool) == has_password).all()
    names = folders.set_index("id")["name"]
    second_level = tree[tree["depth"] == 2].set_index("id")
    assert (second_level["path"] == second_level["parent_id"].map(names)).all()
    assert has_columns(tree, schema.ITEMS)


def test_depth_limits_the_walk(box: boxnb.Box) -> None:
    """One level takes one call, and two levels take one more call per folder."""
    top = box.tree(depth=1)
    assert top.attrs["calls"] == 1
    assert list(top["id"]) == list(box.items()["id"])
    two = box.tree(depth=2)
    assert two.attrs["calls"] == 1 + (top["type"] == "folder").sum()
    assert set(two["depth"]) == {1, 2}


def test_admin_does_not_see_unshared_content(box: boxnb.Box) -> None:
    """After a 404, the message says that an admin does not see everyone's content."""
    payroll = table("folders").set_index("name").loc["Payroll", "id"]
    with pytest.raises(NotFoundError, match="admin"):
        box.items(payroll)


def test_shared_links_come_with_the_walk(box: boxnb.Box) -> None:
    """Shared links of a walk are returned without further calls."""
    owner = table("users").set_index("login").loc["fang.wang@example.com", "id"]
    tree = box.tree(as_user=owner)
    before = box.session.ledger.calls
    links = box.shared_links(of=tree)
    assert box.session.ledger.calls == before
    assert len(links) == tree["shared_link_url"].notna().sum() > 0
    assert links.equals(box.shared_links(as_user=owner))


def test_collaborations_match_the_items(free: Sandbox) -> None:
    """Each collaboration of the walked items appears once."""
    sign_in(free)
    box = boxnb.connect("acme")
    owner = table("users").set_index("login").loc["fang.wang@example.com", "id"]
    tree = box.tree(as_user=owner)
    collaborations = box.collaborations(tree, as_user=owner)
    file_rows = table("collaborations").set_index("id")
    expected = file_rows[file_rows["item_id"].isin(tree["id"]) & (file_rows["status"] != "rejected")]
    accepted = collaborations[collaborations["status"] == "accepted"]
    assert set(accepted["id"]) == set(expected[expected["status"] == "accepted"].index)
    assert (accepted.set_index("id")["role"].astype(str) == expected.loc[accepted["id"], "role"]).all()
    assert collaborations["id"].is_unique
    assert has_columns(collaborations, schema.COLLABORATIONS)


def test_interrupted_collaborations_can_be_resumed(free: Sandbox) -> None:
    """The two pulls have all rows; only pending ones, which do not name their item, may appear in both."""
    sign_in(free)
    box = boxnb.connect("acme")
    owner = table("users").set_index("login").loc["fang.wang@example.com", "id"]
    folders = box.tree(as_user=owner).query("type == 'folder'")
    full = box.collaborations(folders, as_user=owner)
    with (
        free.faults.during("/2.0/folders/*/collaborations", "html", skip=20, times=10**6),
        pytest.raises(BoxUnavailableError) as caught,
    ):
        box.collaborations(folders, as_user=owner)
    partial = caught.value.partial
    assert partial is not None
    remaining = box.collaborations(**partial.attrs["resume"], as_user=owner)
    combined = pd.concat([partial, remaining])
    assert set(combined["id"]) == set(full["id"])
    assert set(combined.loc[combined["id"].duplicated(), "status"]) <= {"pending"}
    assert 0 < len(partial) < len(full)


def test_event_ranges_and_positions(box: boxnb.Box) -> None:
    """A range has only the events within it, and a position continues where the last DataFrame ended."""
    week = box.events(since="7D")
    day = box.events(since="3D", until="2D")
    assert day["created_at"].between(week["created_at"].min(), week["created_at"].max()).all()
    assert set(day["event_id"]) < set(week["event_id"])
    later = box.events(position=week.attrs["position"])
    assert len(later) < 50
    assert later.attrs["query"] == {"stream_type": "admin_logs", "position": week.attrs["position"]}
    streamed = box.events(stream="admin_logs_streaming")
    assert streamed["event_id"].is_unique
    assert has_columns(box.events(stream="all"), schema.USER_EVENTS)


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        ("soon", None, "as a time"),
        ("2D", "3D", "before it begins"),
        ("7D", "later", "as a time"),
        ("1M", None, "as a time"),
        ("7", None, "as a time"),
        ("12:00", None, "as a time"),
        ("today", None, "as a time"),
        ("", None, "as a time"),
        ("999999999D", None, "as a time"),
    ],
)
def test_invalid_range_is_refused(box: boxnb.Box, since: str, until: str | None, message: str) -> None:
    """An invalid range raises a ValueError before any call is made."""
    with pytest.raises(RangeError, match=message) as caught:
        box.events(since=since, until=until)
    assert isinstance(caught.value, ValueError)
    assert box.session.ledger.calls == 0


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("7D", "2026-11-19T12:00Z"),
        ("2000h", "2026-09-04T04:00Z"),
        ("1 days 02:00:00", "2026-11-25T10:00Z"),
        ("20261101", "2026-11-01T00:00Z"),
        ("2026", "2026-01-01T00:00Z"),
        ("2026-11", "2026-11-01T00:00Z"),
        ("Nov 1 2026", "2026-11-01T00:00Z"),
        ("2026-11-01T10:00+02:00", "2026-11-01T08:00Z"),
        (datetime.date(2026, 11, 1), "2026-11-01T00:00Z"),
        (datetime.timedelta(hours=1), "2026-11-26T11:00Z"),
    ],
)
def test_time_is_a_date_or_a_span(when: Any, expected: str) -> None:
    """Digits alone are read as a date, never as nanoseconds."""
    assert event_log.time_of(when, pd.Timestamp("2026-11-26T12:00Z")) == pd.Timestamp(expected)


def test_search_trash_versions_devices_and_single_objects(box: boxnb.Box) -> None:
    """The remaining datasets return the rows of the files."""
    owner = table("users").set_index("login").loc["fang.wang@example.com", "id"]
    hits = box.search("budget", as_user=owner)
    assert len(hits) > 0
    assert hits["name"].str.contains("budget", case=False).any()
    remaining = box.search("budget", limit=3, offset=3, as_user=owner)
    assert remaining["id"].tolist() == hits["id"].tolist()[3:]
    pins = box.device_pins()
    assert sorted(pins["id"]) == sorted(table("device_pins")["id"])
    trashed = box.trash(as_user=owner)
    assert trashed["trashed_at"].notna().all()
    files = box.tree(as_user=owner).query("type == 'file'")
    file_id = table("files").set_index("id").loc[files["id"], "versions"].astype(int).idxmax()
    count = int(table("files").set_index("id").loc[file_id, "versions"])
    assert len(box.versions(file_id, as_user=owner)) == count - 1
    assert box.file(file_id, as_user=owner)["id"].tolist() == [file_id]
    assert box.folder("0", as_user=owner)["type"].tolist() == ["folder"]
    assert box.user(owner)["login"].tolist() == ["fang.wang@example.com"]
    assert box.me(as_user=owner)["id"].tolist() == [owner]


def test_failed_pull_keeps_its_rows(free: Sandbox) -> None:
    """The error has the DataFrame so far and the resume argument, which completes it."""
    sign_in(free)
    box = boxnb.connect("acme")
    stream = {"stream": "admin_logs_streaming"}
    full = box.events(**stream)
    free.faults.add("/2.0/events", "html", skip=4, times=1)
    with pytest.raises(BoxUnavailableError) as caught:
        box.events(**stream)
    partial = caught.value.partial
    assert partial is not None
    assert partial is box.last_partial
    assert partial.attrs["complete"] is False
    assert 0 < len(partial) < len(full)
    assert partial["event_id"].is_unique  # Box repeats events in this stream
    remaining = box.events(**stream, **partial.attrs["resume"])
    assert set(partial["event_id"]) | set(remaining["event_id"]) >= set(full["event_id"])


def of_groups(box: boxnb.Box, ids: list[str]) -> pd.DataFrame:
    """Pull memberships with pages of one row, so that a group has many pages."""
    path = "/groups/{}/memberships"
    return pull_each(box, "memberships", schema.MEMBERSHIPS, path, ids, by_offset, limit=1)


def test_interrupt_between_two_pages_does_not_leave_a_gap(box: boxnb.Box) -> None:
    """A group with a missing page is fetched again from its first page."""
    ids = [group_id for group_id, rows in box.memberships().groupby("group_id") if len(rows) > 2][:3]
    full = of_groups(box, ids)

    def stop(progress: Progress) -> None:
        if progress.pages == 1 and not progress.done:
            raise KeyboardInterrupt

    box.on_progress = stop
    with pytest.raises(Interrupted):
        of_groups(box, ids)
    box.on_progress = None
    partial = box.last_partial
    assert partial is not None
    assert len(partial) == 1
    remaining = of_groups(box, partial.attrs["resume"]["ids"])
    assert set(partial["id"]) | set(remaining["id"]) == set(full["id"])


def test_failure_stops_the_other_listings(free: Sandbox) -> None:
    """Listings that run in parallel do not request further pages, because their rows would be lost."""
    sign_in(free)
    box = boxnb.connect("acme")
    sizes = box.memberships()["group_id"].value_counts()
    large, small = str(sizes.index[0]), str(sizes.index[-1])
    free.faults.add(f"/2.0/groups/{small}/memberships", "html", times=1)
    free.faults.add(f"/2.0/groups/{large}/memberships", "latency", times=1_000, seconds=0.1)
    before = len(free.record())
    with pytest.raises(BoxUnavailableError):
        of_groups(box, [small, large])
    assert len(free.record()) - before < 5 < sizes.iloc[0]


def test_interrupt_keeps_the_rows_so_far(box: boxnb.Box) -> None:
    """The message of an interrupt says where the rows so far are."""

    def stop(progress: Progress) -> None:
        if not progress.done:
            raise KeyboardInterrupt

    box.on_progress = stop
    with pytest.raises(Interrupted, match=r"box.last_partial"):
        box.users()


def test_folder_deleted_during_the_walk_is_skipped(box: boxnb.Box, sandbox: Sandbox) -> None:
    """A folder that is deleted before it is listed becomes an entry of ``skipped``, and the walk continues."""
    owner = table("users").set_index("login").loc["fang.wang@example.com", "id"]
    top = box.items(as_user=owner)
    deleted_id = top.loc[top["type"] == "folder", "id"].iloc[0]
    progress_reports: list[object] = []

    def delete_folder(progress: object) -> None:
        if not progress_reports:
            progress_reports.append(progress)
            box.session.delete(f"/folders/{deleted_id}?recursive=true", headers={"As-User": owner})

    box.on_progress = delete_folder
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tree = box.tree(as_user=owner)
    assert [tree.attrs["complete"]] == [not tree.attrs["skipped"]] == [not caught]
    assert [row["status"] for row in tree.attrs["skipped"] if row["id"] == deleted_id] in ([404], [])


def test_faults_do_not_change_the_rows(free: Sandbox) -> None:
    """A walk and a pull of events have the same rows after 429, 503 and lost connections."""
    sign_in(free)
    box = boxnb.connect("acme")
    tree, events = box.tree(), box.events(since="60D")
    for fault, options in (
        ("503", {}),
        ("reset_after", {}),
        ("reset_before", {}),
        ("429", {"retry_after": 1}),
    ):
        free.faults.add("/2.0/folders/*", fault, times=2, skip=3, **options)
        free.faults.add("/2.0/events", fault, times=1, skip=2, **options)
    assert box.tree().equals(tree)
    events_again = box.events(since=events.attrs["query"]["since"], until=events.attrs["query"]["until"])
    assert events_again.equals(events)


def test_truncated_page_is_reported(box: boxnb.Box, sandbox: Sandbox) -> None:
    """A page that is truncated in every attempt raises an error that suggests to try again."""
    sandbox.faults.add("/2.0/groups", "truncated", times=20)
    with pytest.raises(BoxNotebookError, match=r"try again"):
        box.groups()


def test_pull_that_spends_many_calls_warns_once(box: boxnb.Box) -> None:
    """The warning comes when the pull has spent more than a twentieth of the month's calls."""
    store.configure("acme", monthly_calls=100)
    box.session.auth.reread()
    with pytest.warns(UserWarning, match="more than 5% of the 100 a month") as caught:
        box.memberships()
    assert len(caught) == 1
