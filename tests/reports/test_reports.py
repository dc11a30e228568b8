"""Every row of each report, compared with the company's own CSV files, which pandas reads without boxnb."""

from __future__ import annotations

import inspect
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import measuring
import pandas as pd
import pytest
from csv_company import (
    ACTIVE,
    COLLABORATIONS,
    FILES,
    FOLDERS,
    LEFT,
    STATUS,
    USERS,
    chain,
    company_owned,
    files,
    members,
    owner_of,
    table,
    visible_items,
    when,
)
from one_home import home as home
from signing import sign_in

import boxnb.sandbox
from boxnb import reports
from boxnb.errors import ForbiddenError, Interrupted
from boxnb.reports import activity, enterprise, people, shape, sharing, storage


class Walk(NamedTuple):
    """The DataFrames of one walk, and the day on which the company was created."""

    box: boxnb.Box
    content: pd.DataFrame
    invitations: pd.DataFrame
    events: pd.DataFrame
    day: pd.Timestamp


@pytest.fixture(scope="module")
def walk(home: Path) -> Iterator[Walk]:
    """Yield the DataFrames of a new sandbox."""
    with boxnb.sandbox.start(private=True, state=home / "state", limits="off") as sandbox:
        # Before anything else, because midnight may come.
        day = pd.Timestamp(sandbox.clock.now(), unit="s", tz="UTC").floor("D")
        sign_in(sandbox)
        box = boxnb.connect("acme")
        with measuring.paused():
            content = reports.content(box)
            invitations = reports.collaborations(box, of=content, files=True)
            events = box.events(since="365D")
        yield Walk(box, content, invitations, events, day)


@pytest.fixture(scope="module")
def expected(walk: Walk) -> pd.DataFrame:
    """Return the folders and files that an active user can see, according to the CSV files."""
    return visible_items(walk.day)


def test_content_is_what_active_users_can_see(walk: Walk, expected: pd.DataFrame) -> None:
    """Every folder and file appears once, with its owner. Unshared content of former users is missing."""
    content = walk.content[walk.content["type"] != "web_link"].set_index("id")
    assert set(content.index) == set(expected.index)
    assert (content["owned_by_login"].str.lower() == expected.loc[content.index, "owner"]).all()
    active = content[content["ownership"] == "active"]
    assert (active["path"] == expected.loc[active.index, "path"]).all()
    ownership = dict.fromkeys(ACTIVE, "active") | dict.fromkeys(LEFT, "left")
    owners = content["owned_by_login"].str.lower().map(ownership).fillna("outside")
    assert (content["ownership"].astype(str) == owners).all()
    assert walk.content.attrs["skipped"] == []
    folders = (content["type"] == "folder").sum()
    assert walk.content.attrs["calls"] <= 1 + len(ACTIVE) + folders + 5


def test_invitations_match_the_files(walk: Walk, expected: pd.DataFrame) -> None:
    """Each invitation appears once, at the item where it was made, including pending ones."""
    rows = COLLABORATIONS[
        COLLABORATIONS["item_id"].isin(expected.index) & (COLLABORATIONS["status"] != "rejected")
    ]
    invitations = walk.invitations.set_index("id")
    assert set(invitations.index) == set(rows.index)
    assert (invitations["item_id"] == rows.loc[invitations.index, "item_id"]).all()
    assert (invitations["role"].astype(str) == rows.loc[invitations.index, "role"]).all()
    logins = rows.loc[invitations.index, "login"]
    assert (invitations["login"].fillna("").str.lower() == logins.str.lower()).all()
    assert (
        invitations["who"].astype(str)
        == rows.loc[invitations.index, "group_id"].map(bool).map({True: "group", False: "user"})
    ).all()
    only_folders = reports.collaborations(walk.box, of=walk.content)
    flagged = reports.collaborations(walk.box, of=walk.content, flagged=True)
    assert set(flagged["id"]) < set(only_folders["id"])
    assert set(only_folders["id"]) == set(rows[rows["item_type"] == "folder"].index)


def test_external_collaborators(walk: Walk, expected: pd.DataFrame) -> None:
    """External collaborators are logins outside the enterprise, invited to content that the enterprise owns."""
    rows = COLLABORATIONS[
        COLLABORATIONS["item_id"].isin(company_owned(expected).index) & (COLLABORATIONS["login"] != "")
    ]
    external = rows[~rows["login"].str.lower().isin(STATUS) & (rows["status"] != "rejected")]
    report = reports.external_collaborators(walk.box, of=walk.invitations)
    assert set(report["id"]) == set(external.index)
    assert (report["domain"] == report["login"].str.split("@").str[1]).all()
    expiry = when(external["expires_at"], walk.day)
    assert set(report.loc[report["is_expired"], "id"]) == set(expiry.index[expiry < walk.day])
    database = report[report["item_name"] == "Customer database export"]
    assert len(database) == 14
    assert set(database["role"]) == {"editor"}


def test_shared_links(walk: Walk, expected: pd.DataFrame) -> None:
    """The report has all links, and their protection; Payroll is the only unprotected folder."""
    all_items = pd.concat([FOLDERS, FILES])
    rows = all_items.loc[company_owned(expected).index]
    rows = rows[rows["link"] != ""]
    report = reports.shared_links(walk.box, of=walk.content).set_index("id")
    assert set(report.index) == set(rows.index)
    expiry = when(rows["link_expires"], walk.day)
    expired = expiry < walk.day
    assert set(report.index[report["protection"] == "expired"]) == set(rows.index[expired])
    unprotected = (rows["link"] == "open") & (rows["link_password"] == "") & expiry.isna()
    assert set(report.index[report["protection"] == "none"]) == set(rows.index[unprotected])
    folders = report[(report["protection"] == "none") & (report["type"] == "folder")]
    assert folders["name"].tolist() == ["Payroll"]
    file_rows = rows.loc[report.index]
    assert (report["access"].astype(str) == file_rows["link"]).all()
    assert (report["is_password_enabled"].astype(bool) == (file_rows["link_password"] != "")).all()


def test_hidden_links(walk: Walk, expected: pd.DataFrame) -> None:
    """The report has the links to content that only former users can open, such as the hand-over folder."""
    all_items = pd.concat([FOLDERS, FILES])
    rows = all_items[(all_items["link"] != "") & (all_items["trashed_at"] == "")]
    item_types = ["folder" if item in FOLDERS.index else "file" for item in rows.index]
    owners = [owner_of(item_type, item) for item_type, item in zip(item_types, rows.index, strict=True)]
    hidden = rows[[owner in LEFT for owner in owners] & ~rows.index.isin(expected.index)]
    expiry = when(hidden["link_expires"], walk.day)
    shares = walk.events[walk.events["event_type"] == "SHARE"].set_index("source_item_id")["created_at"]
    shared_at = hidden.index.to_series().map(shares)
    # Some are shared again after their expiry.
    still_shared = hidden[shared_at.notna() & ~(expiry.between(shared_at, walk.day))]
    report = reports.hidden_links(walk.box, of=walk.events, items=walk.content)
    assert set(report["item_id"]) == set(still_shared.index)
    assert "Leaver hand-over" in set(report["item_name"])


def test_shared_widely(walk: Walk, expected: pd.DataFrame) -> None:
    """Each person counts once, whether invited through a group or individually."""
    rows = COLLABORATIONS[COLLABORATIONS["item_id"].isin(company_owned(expected).index)]
    expiry = when(rows["expires_at"], walk.day)
    rows = rows[(rows["status"] == "accepted") & ~(expiry < walk.day)]
    groups, people_by_item = members(), {}
    for row in rows.itertuples():
        people_by_item.setdefault(row.item_id, set()).update(
            groups.get(row.group_id, set()) if row.group_id else {row.login.lower()}
        )
    expected_counts = {item: len(logins) for item, logins in people_by_item.items() if len(logins) >= 50}
    report = reports.shared_widely(walk.box, of=walk.invitations)
    assert dict(zip(report["item_id"], report["people"], strict=True)) == expected_counts
    first = report.iloc[0]
    assert (first["item_name"], first["outsiders"]) == ("Customer database export", 14)
    assert first["can_change"] == first["people"]
    assert first["groups"] == "All staff"


def test_pending_invitations(walk: Walk, expected: pd.DataFrame) -> None:
    """The report has all pending invitations, or only those older than six months."""
    rows = COLLABORATIONS[
        (COLLABORATIONS["status"] == "pending") & COLLABORATIONS["item_id"].isin(expected.index)
    ]
    report = reports.pending_invitations(walk.box, of=walk.invitations)
    assert set(report["id"]) == set(rows.index)
    sent_at = when(rows["created_at"], walk.day)
    old = reports.pending_invitations(walk.box, days=180, of=walk.invitations)
    assert set(old["id"]) == set(sent_at.index[sent_at <= walk.day - pd.Timedelta("180D")])
    assert old["days_pending"].is_monotonic_decreasing


@pytest.mark.parametrize("by", ["owner", "folder", "extension", "age", "ownership"])
def test_storage_by(walk: Walk, expected: pd.DataFrame, by: Any) -> None:
    """Sums and counts are exact to the byte."""
    rows = files(expected, walk.day)
    report = reports.storage_by(walk.box, by, of=walk.content).set_index("name")
    assert report["bytes"].sum() == rows["size"].sum()
    assert report["files"].sum() == len(rows)
    assert report["share"].sum() == pytest.approx(1)
    if by == "owner":
        sums = rows.groupby("owner")["size"].agg(["sum", "count", "max"])
        assert report["bytes"].rename(str.lower).to_dict() == sums["sum"].to_dict()
        assert report["largest"].rename(str.lower).to_dict() == sums["max"].to_dict()
    if by == "folder":
        top = rows["path"].str.split("/").str[0].replace("", "(no folder)")
        assert report["bytes"].to_dict() == rows.groupby(top)["size"].sum().to_dict()
    if by == "extension":
        film = rows["name"].str.lower().str.endswith(".mp4")
        assert report.loc["mp4", "bytes"] == rows.loc[film, "size"].sum()
    if by == "age":
        old = rows["changed"] < walk.day - pd.Timedelta("1826D")
        assert report["files"].get("over 5 years", 0) == pytest.approx(old.sum(), abs=2)
    with pytest.raises(ValueError, match="colour"):
        reports.storage_by(walk.box, "colour", of=walk.content)  # type: ignore[arg-type]


def test_stale_content(walk: Walk, expected: pd.DataFrame) -> None:
    """Each stale file counts in exactly one row. A folder has a row only if everything below it is stale."""
    rows = files(expected, walk.day)
    cutoff = walk.day + (pd.Timestamp(walk.box.session.auth.now(), unit="s", tz="UTC") - walk.day)
    stale = rows[rows["changed"] < cutoff - pd.Timedelta("365D")]
    report = reports.stale_content(walk.box, of=walk.content)
    assert report["files"].sum() == len(stale)
    assert report["bytes"].sum() == stale["size"].sum()
    single_files = report[report["type"] == "file"]
    assert set(single_files["id"]) <= set(stale.index)
    fresh = rows[~rows.index.isin(stale.index)]
    changed_folders = {folder for parent in fresh["folder_id"] for folder in chain(parent)}
    assert not changed_folders & set(report.loc[report["type"] == "folder", "id"])
    assert report.iloc[0]["name"] == "Product film uncut 8K master.mp4"
    assert report.iloc[0]["days"] == 640


def test_large_files(walk: Walk, expected: pd.DataFrame) -> None:
    """Only the film has more than 1,000 MB; a smaller minimum finds more files."""
    rows = files(expected, walk.day)
    report = reports.large_files(walk.box, of=walk.content)
    assert report["name"].tolist() == ["Product film uncut 8K master.mp4"]
    above_100_mb = reports.large_files(walk.box, at_least=100_000_000, of=walk.content)
    assert set(above_100_mb["id"]) == set(rows.index[rows["size"] >= 100_000_000])
    assert above_100_mb["size"].is_monotonic_decreasing


def test_duplicate_files(walk: Walk, expected: pd.DataFrame) -> None:
    """Files with the same bytes are listed together, those with twenty copies first."""
    rows = files(expected, walk.day)
    rows = rows[rows["size"] > 0]
    origin = rows["same_as"].where(rows["same_as"] != "", rows.index.to_series())
    copies = origin.groupby(origin).transform("size")
    report = reports.duplicate_files(walk.box, of=walk.content).set_index("id")
    assert set(report.index) == set(rows.index[copies > 1])
    assert (report["copies"] == copies[report.index]).all()
    one_per_group = report.drop_duplicates("sha1")
    assert one_per_group["wasted"].sum() == (
        rows["size"][copies > 1].sum() - rows.loc[one_per_group.index, "size"].sum()
    )
    assert report["copies"].iloc[0] in (20, 21)


def test_ownership_of_leavers(walk: Walk, expected: pd.DataFrame) -> None:
    """The report has all seven former users, with their visible and their hidden content."""
    report = reports.ownership_of_leavers(walk.box, of=walk.content)
    assert set(report["login"].str.lower()) == LEFT
    assert len(report) == 7
    visible = expected[expected["owner"].isin(LEFT)]
    counts = visible.groupby(["owner", "type"]).size()
    for row in report.itertuples():
        assert row.files == counts.get((row.login.lower(), "file"), 0)
        assert row.folders == counts.get((row.login.lower(), "folder"), 0)
        space_used = int(USERS.set_index("login").loc[row.login, "space_used"])
        assert row.space_used == space_used
        assert row.hidden_bytes == max(0, space_used - row.bytes)


def test_inactive_users(walk: Walk) -> None:
    """The report has the users whose last sign-in, counted here event by event, is too old."""
    last: dict[str, pd.Timestamp] = {}
    for event in walk.events.itertuples():
        if event.event_type in ("LOGIN", "ADMIN_LOGIN"):
            last[event.created_by_id] = max(last.get(event.created_by_id, event.created_at), event.created_at)
    now = pd.Timestamp(walk.box.session.auth.now(), unit="s", tz="UTC")
    # The offset of the time does not matter, because no account is just 90 days old.
    created = when(USERS["created_at"].str[:-6], walk.day)
    old = USERS[(USERS["status"] == "active") & (created < now - pd.Timedelta("90D"))]
    inactive = {
        user_id
        for user_id in old["id"]
        if last.get(user_id, now - pd.Timedelta("999D")) < now - pd.Timedelta("90D")
    }
    report = reports.inactive_users(walk.box)
    assert set(report["id"]) == inactive
    assert len(report) == 7
    without_sign_ins = reports.inactive_users(
        walk.box, of=walk.events.iloc[:0], users=walk.box.users().assign(status="cannot_delete_edit")
    )
    assert len(without_sign_ins) > 100  # users who are not allowed to delete can still sign in
    with_all_events = reports.inactive_users(walk.box, of=walk.events)
    assert set(with_all_events["id"]) <= inactive
    with pytest.raises(ValueError, match="365"):
        reports.inactive_users(walk.box, days=400)


def test_duplicate_accounts(walk: Walk) -> None:
    """The report has the three accounts of Alex Meyer and no others."""
    key = USERS["name"].str.lower().str.strip()
    report = reports.duplicate_accounts(walk.box)
    assert set(report["id"]) == set(USERS.loc[key.duplicated(keep=False) & (key != ""), "id"])
    assert set(report["name"].str.lower()) == {"alex meyer"}


def test_group_overlap(walk: Walk) -> None:
    """The report has every pair of groups that share a member."""
    rows = table("memberships")
    pairs = rows.merge(rows, on="user_id")
    common_members = (
        pairs[pairs["group_id_x"] < pairs["group_id_y"]].groupby(["group_id_x", "group_id_y"]).size()
    )
    report = reports.group_overlap(walk.box)
    reported = {tuple(sorted((row.group_id, row.other_id))): row.both for row in report.itertuples()}
    assert reported == common_members.to_dict()
    sizes = rows.groupby("group_id").size()
    assert (report["members"] == sizes[report["group_id"]].to_numpy()).all()
    inside = report["relation"].isin(["inside", "same people"])
    assert (inside == (report["both"] == report["members"])).all()


def test_sign_ins_and_attacks(walk: Walk) -> None:
    """The report has only the two attacks of the file: many attempts on one account, and one on each of many."""
    incidents = table("incidents").set_index("note")
    report = reports.sign_ins(walk.box, of=walk.events)
    is_sign_in = walk.events["event_type"].isin(["LOGIN", "ADMIN_LOGIN", "FAILED_LOGIN"])
    assert set(report["event_id"]) == set(walk.events.loc[is_sign_in, "event_id"])
    assert report["network"].notna().all()
    attacks = reports.sign_in_attacks(walk.box, of=walk.events).set_index("kind")
    guess = incidents.loc["guessing one password"]
    spray = incidents.loc["one try for each of many people"]
    assert attacks.loc["one account", "tries"] == int(guess["count"])
    assert attacks.loc["one account", "logins"] == guess["login"]
    assert attacks.loc["one account", "signed_in_after"] == guess["login"]
    assert attacks.loc["many accounts", ["ip_address", "accounts"]].tolist() == [spray["ip_address"], 90]
    assert len(attacks) == 2


def test_downloads_and_unusual_days(walk: Walk) -> None:
    """The reports have the bursts of the file, for the right user and day, and no ordinary days."""
    incidents = table("incidents")
    bursts = incidents[incidents["count"].astype(int).ge(50) & (incidents["login"] != "*")]
    report = reports.unusual_days(walk.box, since="365D", of=walk.events)
    reported = {
        (row.event_type, row.user_id if row.user_id == "2" else row.login) for row in report.itertuples()
    }
    assert reported == set(zip(bursts["event_type"], bursts["login"], strict=True))
    assert len(report) == len(bursts)
    days = dict(zip(report["event_type"].astype("str") + report["user_id"], report["day"], strict=True))
    ids = dict(zip(USERS["login"], USERS["id"], strict=True)) | {"2": "2"}
    for row in bursts.itertuples():
        assert days[row.event_type + ids[row.login]] == when(pd.Series([row.when]), walk.day)[0].floor("D")
    downloads = reports.downloads(walk.box, of=walk.events)
    assert downloads["events"].sum() == (walk.events["event_type"] == "DOWNLOAD").sum()
    assert downloads.loc[downloads["is_unusual"], "login"].tolist() == [
        "samuel.haas@example.com",
        "(anonymous)",
    ]
    assert downloads.iloc[0]["events"] == 412


def test_addresses_and_top_folder_of_a_day_are_those_of_its_events(walk: Walk) -> None:
    """The first five addresses in order; of equally common folders the first in order; none where no event has one."""
    events = walk.events[walk.events["event_type"] == "DOWNLOAD"].copy()
    numbers = range(len(events))
    events["ip_address"] = [f"203.0.113.{number % 9}" if number % 4 else None for number in numbers]
    events["source_parent_name"] = [f"Folder {number % 7}" if number % 3 else None for number in numbers]
    events.loc[events["created_by_id"] == events["created_by_id"].iloc[0], ["ip_address"]] = None
    report = reports.downloads(walk.box, of=events)
    assert report["ip_addresses"].str.count(",").max() == 4
    assert (report["ip_addresses"] == "").any()
    assert report["top_folder"].isna().any()
    addresses: dict[Any, set[str]] = defaultdict(set)
    folders: dict[Any, list[str]] = defaultdict(list)
    for event in events.itertuples():
        key = event.created_by_id, event.created_at.floor("D")
        addresses[key] |= set() if pd.isna(event.ip_address) else {event.ip_address}
        folders[key] += [] if pd.isna(event.source_parent_name) else [event.source_parent_name]
    for row in report.itertuples():
        key = row.user_id, row.day
        assert row.ip_addresses == ", ".join(sorted(addresses[key])[:5])
        common = Counter(sorted(folders[key])).most_common(1)
        assert (None if pd.isna(row.top_folder) else row.top_folder) == (common[0][0] if common else None)


def test_histories(walk: Walk) -> None:
    """The history of a file or a user has exactly their events, in chronological order."""
    payroll = FOLDERS.index[FOLDERS["name"] == "Payroll"][0]
    events = walk.events
    file_events = reports.file_history(walk.box, payroll, of=events)
    of_payroll = (events["source_item_id"] == payroll) | (events["source_folder_id"] == payroll)
    assert set(file_events["event_id"]) == set(events.loc[of_payroll, "event_id"])
    assert file_events["created_at"].is_monotonic_increasing
    user_events = reports.user_history(walk.box, "Samuel.Haas@example.com", of=events)
    caused = events.loc[events["created_by_login"] == "samuel.haas@example.com", "event_id"]
    assert set(caused) <= set(user_events["event_id"])
    assert (user_events["event_type"] == "DOWNLOAD").sum() >= 412
    anonymous = reports.user_history(walk.box, shape.NOBODY, of=events)
    assert len(anonymous) >= (events["created_by_id"] == shape.ANONYMOUS).sum() > 0


NO_WALK = {
    "external_collaborators": (sharing.EXTERNAL, "invitations"),
    "pending_invitations": (sharing.PENDING, "invitations"),
    "shared_widely": (sharing.WIDELY, "invitations"),
    "shared_links": (sharing.LINKS, "content"),
    "storage_by": (storage.STORAGE, "content"),
    "stale_content": (storage.STALE, "content"),
    "large_files": (storage.FILES, "content"),
    "duplicate_files": (storage.DUPLICATES, "content"),
    "sign_ins": (activity.SIGN_INS, "events"),
    "sign_in_attacks": (activity.ATTACKS, "events"),
    "downloads": (activity.DAYS, "events"),
    "unusual_days": (activity.DAYS, "events"),
}


@pytest.mark.parametrize("name", NO_WALK)
def test_columns_do_not_depend_on_the_number_of_rows(walk: Walk, name: str) -> None:
    """Names, order and dtypes are the same without rows, with one row and with all rows."""
    columns, of = NO_WALK[name]
    report = getattr(reports, name)
    all_rows = getattr(walk, of)
    full_report = report(walk.box, of=all_rows)
    for rows in (all_rows.iloc[:0], all_rows.iloc[:1]):
        result = report(walk.box, of=rows)
        assert list(result.columns) == list(columns)
        dtypes = {column: str(dtype).split("[")[0] for column, dtype in result.dtypes.items()}
        assert dtypes == {column: str(dtype).split("[")[0] for column, dtype in full_report.dtypes.items()}
        assert result.index.equals(pd.RangeIndex(len(result)))


def test_columns_of_empty_reports_with_other_arguments(walk: Walk) -> None:
    """Reports with other arguments also keep their columns if their input is empty."""
    box, no_events = walk.box, walk.events.iloc[:0]
    assert list(reports.file_history(box, "1", of=no_events).columns) == list(activity.HISTORY)
    assert list(reports.user_history(box, "nobody", of=no_events).columns) == list(activity.HISTORY)
    assert reports.user_history(box, "nobody@example.com", of=walk.events).empty
    hidden = reports.hidden_links(box, of=no_events, items=walk.content)
    assert list(hidden.columns) == list(sharing.HIDDEN)
    users = box.users()
    leavers = reports.ownership_of_leavers(box, of=walk.content.iloc[:0], users=users.iloc[:0])
    assert list(leavers.columns) == list(storage.LEAVERS)
    assert reports.inactive_users(box, of=no_events, users=users.iloc[:0]).empty
    assert len(reports.inactive_users(box, of=no_events)) > 80  # without events, all are inactive
    assert reports.duplicate_accounts(box, users=users.iloc[:1]).empty
    assert list(reports.group_overlap(box, of=box.memberships().iloc[:0]).columns) == list(people.OVERLAP)
    no_content = reports.content(box, people_of=users.iloc[:0])
    assert list(no_content.columns) == list(walk.content.columns)
    assert list(reports.collaborations(box, of=no_content).columns) == list(enterprise.INVITATIONS)


def test_dtypes_match_the_schema(walk: Walk) -> None:
    """Each column has the dtype of its kind."""
    report = reports.shared_links(walk.box, of=walk.content)
    dtypes = {column: shape.DTYPES[kind] for column, kind in sharing.LINKS.items()}
    assert {column: str(dtype) for column, dtype in report.dtypes.items()} == dtypes


def test_estimates(walk: Walk) -> None:
    """After a walk, the estimate for content is its cost; that for collaborations counts the folders."""
    content = reports.estimate(walk.box, "content")
    assert content.certainty == "about"
    assert content.calls == walk.content.attrs["calls"]
    collaborations = reports.estimate(walk.box, "collaborations", of=walk.content)
    invitations = reports.collaborations(walk.box, of=walk.content)
    assert collaborations.calls == invitations.attrs["calls"] + 1  # and one call for the users
    assert reports.estimate(walk.box, "collaborations").calls is None
    with pytest.raises(ValueError, match="weather"):
        reports.estimate(walk.box, "weather")


def test_every_report_documents_its_limits(walk: Walk) -> None:
    """The docstring of each report states a limit, and its first argument is `box`."""
    for name in reports.__all__:
        report = getattr(reports, name)
        assert next(iter(inspect.signature(report).parameters)) == "box", name
        text = inspect.getdoc(report) or ""
        assert name == "estimate" or any(word in text for word in ("not", "no ", "cannot", "only")), name


def interrupt(box: boxnb.Box, pages: int, report: Callable[[], Any]) -> pd.DataFrame:
    """Interrupt a report after this number of pages, check the message, and return the rows so far."""

    def stop(progress: Any) -> None:
        if progress.pages == pages and not progress.done:
            raise KeyboardInterrupt

    box.on_progress = stop
    try:
        with pytest.raises(Interrupted, match=r"box\.last_partial"):
            report()
    finally:
        box.on_progress = None
    partial = box.last_partial
    assert partial is not None
    assert partial.attrs["complete"] is False
    return partial


def test_interrupt_keeps_the_walk(walk: Walk) -> None:
    """After an interrupt, each item appears once, with all columns, so that reports can use the rows."""
    partial = interrupt(walk.box, 20, lambda: reports.content(walk.box))
    assert 0 < len(partial) < len(walk.content)
    assert partial["id"].is_unique
    assert partial.columns.tolist() == walk.content.columns.tolist()
    with pytest.warns(UserWarning, match="storage_by is not complete"):
        report = reports.storage_by(walk.box, of=partial)
    assert report["bytes"].sum() > 0
    assert report.attrs["complete"] is False


def test_interrupt_keeps_the_invitations(walk: Walk) -> None:
    """After an interrupt, each invitation appears once, with all columns."""
    partial = interrupt(walk.box, 200, lambda: reports.collaborations(walk.box, of=walk.content))
    assert partial.attrs["dataset"] == "invitations"
    assert partial["id"].is_unique
    assert set(partial["id"]) < set(walk.invitations["id"])
    assert partial.columns.tolist() == walk.invitations.columns.tolist()


def test_partial_walk_labels_owners_like_a_full_one(walk: Walk) -> None:
    """A user of the enterprise whose content was not walked does not count as external."""
    users = walk.box.users().head(20)
    content = reports.content(walk.box, people_of=users).set_index("id")
    full = walk.content.set_index("id")
    assert 0 < len(content) < len(full)
    assert (content["ownership"].astype(str) == full.loc[content.index, "ownership"].astype(str)).all()


def test_co_admin_finds_what_others_can_open(home: Path) -> None:
    """Box does not allow As-User for another admin, so the shared folders of an admin are read as invited users."""
    with boxnb.sandbox.start(private=True, state=home / "deputy", limits="off") as sandbox:
        sign_in(sandbox, "boss")
        boss = boxnb.connect("boss")
        deputy = USERS[USERS["role"] == "coadmin"]["login"].iloc[0]
        sign_in(sandbox, "deputy", login=deputy)
        with pytest.warns(UserWarning, match="content is not complete.*403"):
            content = reports.content(boxnb.connect("deputy"))
        assert content.attrs["complete"] is False
        refused = {entry["as_user"] for entry in content.attrs["skipped"] if entry["id"] == "0"}
        assert refused
        admins = set(USERS.set_index("id").loc[sorted(refused), "login"])
        people = USERS[(USERS["status"] != "inactive") & (USERS["role"] == "user")]["id"]
        tops = set[str]()
        for person in people:
            tops |= set(boss.items("0", as_user=person).query("type == 'folder'")["id"])
        admin_folders = {folder for folder in tops if owner_of("folder", folder) in admins}
        admin_files = FILES[FILES["folder_id"].isin(admin_folders) & (FILES["trashed_at"] == "")].index
        assert len(admin_files) > 0
        assert set(admin_files) <= set(content["id"])


def test_interrupt_at_the_last_moment_is_reported(walk: Walk) -> None:
    """An interrupt during the last progress report becomes Interrupted, and the fetched rows are kept."""
    row_counts: list[int] = []

    def stop(progress: Any) -> None:
        if progress.done and not row_counts:
            row_counts.append(progress.rows)
            raise KeyboardInterrupt

    walk.box.on_progress = stop
    try:
        with pytest.raises(Interrupted, match=r"box\.last_partial"):
            walk.box.users()
    finally:
        walk.box.on_progress = None
    partial = walk.box.last_partial
    assert partial is not None
    assert len(partial) == row_counts[0] == len(USERS)
    assert partial.attrs["complete"] is False


def test_ordinary_user_cannot_walk_the_content_of_others(home: Path) -> None:
    """Reports that need an admin raise ForbiddenError for an ordinary user."""
    with boxnb.sandbox.start(private=True, state=home / "other") as sandbox:
        admin = sign_in(sandbox, "boss")
        users = boxnb.connect(admin.name).users()
        sign_in(sandbox, "plain", login="greta.haas@example.com")
        plain = boxnb.connect("plain")
        with pytest.raises(ForbiddenError):
            reports.content(plain, people_of=users)
        with pytest.raises(ForbiddenError):
            reports.sign_ins(plain)
