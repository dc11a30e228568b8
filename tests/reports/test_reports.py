"""Each report compared with the company's own CSV files, which pandas reads without boxnb: nothing is missing, nothing is added."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from signing import sign_in

import boxnb.sandbox
from boxnb import reports
from boxnb.api import rate_limit
from boxnb.errors import ForbiddenError, Interrupted
from boxnb.reports import activity, enterprise, people, shape, sharing, storage

WORLD = Path(__file__).parents[2] / "data" / "sandbox"


def table(name: str) -> pd.DataFrame:
    """Return one of the CSV files, as text."""
    return pd.read_csv(WORLD / f"{name}.csv", dtype=str, keep_default_na=False)


USERS = table("users")
STATUS = dict(zip(USERS["login"].str.lower(), USERS["status"], strict=True))
LEFT = {login for login, status in STATUS.items() if status == "inactive"}
ACTIVE = set(STATUS) - LEFT
FOLDERS = table("folders").set_index("id")
FILES = table("files").set_index("id")
COLLABORATIONS = table("collaborations").set_index("id")


class Seen(NamedTuple):
    """The DataFrames of one walk."""

    box: boxnb.Box
    content: pd.DataFrame
    invitations: pd.DataFrame
    events: pd.DataFrame
    day: pd.Timestamp


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield one home folder for all tests of this module, which change nothing."""
    place = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOXNB_HOME", str(place))
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        patch.setitem(rate_limit.LIMITS, "general", rate_limit.Limit(1_000_000))
        yield place


@pytest.fixture(scope="module")
def seen(home: Path) -> Iterator[Seen]:
    """Yield one walk of a new sandbox."""
    with boxnb.sandbox.start(private=True, state=home / "state", limits="off") as sandbox:
        # At once: it may be midnight soon.
        day = pd.Timestamp(sandbox.clock.now(), unit="s", tz="UTC").floor("D")
        sign_in(sandbox)
        box = boxnb.connect("acme")
        content = reports.content(box)
        invitations = reports.collaborations(box, of=content, files=True)
        yield Seen(box, content, invitations, box.events(since="365D"), day)


def when(ages: pd.Series, day: pd.Timestamp) -> pd.Series:
    """Return the times for ages: ``-412d 09:15:07`` is 412 days before the day, at that hour."""
    parts = ages.str.extract(r"^([+-]\d+)d (\S+)$")
    return day + pd.to_timedelta(parts[0].astype("float"), unit="D") + pd.to_timedelta(parts[1])


def chain(folder: str) -> list[str]:
    """Return a folder and all folders above it."""
    found = []
    while folder in FOLDERS.index:
        found.append(folder)
        folder = FOLDERS.loc[folder, "parent_id"]
    return found


def owner_of(kind: str, item: str) -> str:
    """Return the owner of an item, who also owns everything below it."""
    above = chain(item if kind == "folder" else FILES.loc[item, "folder_id"])
    owner = FOLDERS.loc[above[-1], "owner"] if above else FILES.loc[item, "owner"]
    return str(owner).lower()


def members() -> dict[str, set[str]]:
    """Return the logins of each group."""
    logins = dict(zip(USERS["id"], USERS["login"].str.lower(), strict=True))
    rows = table("memberships")
    return rows.assign(login=rows["user_id"].map(logins)).groupby("group_id")["login"].agg(set).to_dict()


def shared_with_active_users(day: pd.Timestamp) -> set[str]:
    """Return the items to which a valid invitation gives access to a user who can still sign in."""
    rows = COLLABORATIONS[COLLABORATIONS["status"] == "accepted"]
    ends = when(rows["expires_at"], day)
    rows = rows[ends.isna() | (ends > day + pd.Timedelta("1D"))]
    groups = members()
    reach = [
        groups.get(row.group_id, set()) if row.group_id else {row.login.lower()} for row in rows.itertuples()
    ]
    return {item for item, logins in zip(rows["item_id"], reach, strict=True) if logins & ACTIVE}


@pytest.fixture(scope="module")
def expected(seen: Seen) -> pd.DataFrame:
    """Return the folders and files that an active user can see, according to the files alone."""
    given = shared_with_active_users(seen.day)
    rows = []
    for kind, items, parent in (("folder", FOLDERS, "parent_id"), ("file", FILES, "folder_id")):
        for item in items.itertuples():
            above = chain(getattr(item, parent))
            whole = [item.Index, *above]
            trashed = item.trashed_at or any(FOLDERS.loc[each, "trashed_at"] for each in above)
            owner = owner_of(kind, item.Index)
            if not trashed and (owner in ACTIVE or given & set(whole)):
                rows.append((kind, item.Index, owner, "/".join(FOLDERS.loc[above[::-1], "name"])))
    return pd.DataFrame(rows, columns=["type", "id", "owner", "path"]).set_index("id")


def own(expected: pd.DataFrame) -> pd.DataFrame:
    """Return the items without those that other companies own."""
    return expected[expected["owner"].isin(STATUS)]


def files(expected: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Return the files among the expected items."""
    rows = own(expected)
    found = FILES.loc[rows.index[rows["type"] == "file"]].copy()
    found["size"] = found["size"].astype("int64")
    found["owner"], found["path"] = rows.loc[found.index, "owner"], rows.loc[found.index, "path"]
    found["changed"] = when(found["modified_at"], day)
    return found


def test_content_is_what_active_users_can_see(seen: Seen, expected: pd.DataFrame) -> None:
    """Every folder and file appears once, under its owner; unshared content of former users is not there."""
    found = seen.content[seen.content["type"] != "web_link"].set_index("id")
    assert set(found.index) == set(expected.index)
    assert (found["owned_by_login"].str.lower() == expected.loc[found.index, "owner"]).all()
    mine = found[found["ownership"] == "active"]
    assert (mine["path"] == expected.loc[mine.index, "path"]).all()
    whose = dict.fromkeys(ACTIVE, "active") | dict.fromkeys(LEFT, "left")
    owners = found["owned_by_login"].str.lower().map(whose).fillna("outside")
    assert (found["ownership"].astype(str) == owners).all()
    assert seen.content.attrs["skipped"] == []
    folders = (found["type"] == "folder").sum()
    assert seen.content.attrs["calls"] <= 1 + len(ACTIVE) + folders + 5


def test_invitations_match_the_files(seen: Seen, expected: pd.DataFrame) -> None:
    """Each appears once, at the item where it was made, including pending ones."""
    rows = COLLABORATIONS[
        COLLABORATIONS["item_id"].isin(expected.index) & (COLLABORATIONS["status"] != "rejected")
    ]
    found = seen.invitations.set_index("id")
    assert set(found.index) == set(rows.index)
    assert (found["item_id"] == rows.loc[found.index, "item_id"]).all()
    assert (found["role"].astype(str) == rows.loc[found.index, "role"]).all()
    logins = rows.loc[found.index, "login"]
    assert (found["login"].fillna("").str.lower() == logins.str.lower()).all()
    assert (
        found["who"].astype(str)
        == rows.loc[found.index, "group_id"].map(bool).map({True: "group", False: "user"})
    ).all()
    only_folders = reports.collaborations(seen.box, of=seen.content)
    flagged = reports.collaborations(seen.box, of=seen.content, flagged=True)
    assert set(flagged["id"]) < set(only_folders["id"])
    assert set(only_folders["id"]) == set(rows[rows["item_type"] == "folder"].index)


def test_external_collaborators(seen: Seen, expected: pd.DataFrame) -> None:
    """They are logins outside the enterprise, on content that the enterprise owns."""
    rows = COLLABORATIONS[
        COLLABORATIONS["item_id"].isin(own(expected).index) & (COLLABORATIONS["login"] != "")
    ]
    outside = rows[~rows["login"].str.lower().isin(STATUS) & (rows["status"] != "rejected")]
    found = reports.external_collaborators(seen.box, of=seen.invitations)
    assert set(found["id"]) == set(outside.index)
    assert (found["domain"] == found["login"].str.split("@").str[1]).all()
    ends = when(outside["expires_at"], seen.day)
    assert set(found.loc[found["is_expired"], "id"]) == set(ends.index[ends < seen.day])
    database = found[found["item_name"] == "Customer database export"]
    assert len(database) == 14
    assert set(database["role"]) == {"editor"}


def test_shared_links(seen: Seen, expected: pd.DataFrame) -> None:
    """All links are there, those without protection are marked, and Payroll is the first folder among them."""
    everything = pd.concat([FOLDERS, FILES])
    rows = everything.loc[own(expected).index]
    rows = rows[rows["link"] != ""]
    found = reports.shared_links(seen.box, of=seen.content).set_index("id")
    assert set(found.index) == set(rows.index)
    ends = when(rows["link_expires"], seen.day)
    expired = ends < seen.day
    assert set(found.index[found["protection"] == "expired"]) == set(rows.index[expired])
    bare = (rows["link"] == "open") & (rows["link_password"] == "") & ends.isna()
    assert set(found.index[found["protection"] == "none"]) == set(rows.index[bare])
    folders = found[(found["protection"] == "none") & (found["type"] == "folder")]
    assert folders["name"].tolist() == ["Payroll"]
    held = rows.loc[found.index]
    assert (found["access"].astype(str) == held["link"]).all()
    assert (found["is_password_enabled"].astype(bool) == (held["link_password"] != "")).all()


def test_hidden_links(seen: Seen, expected: pd.DataFrame) -> None:
    """Only a former user can open their content, such as the hand-over folder, which no walk can see."""
    everything = pd.concat([FOLDERS, FILES])
    rows = everything[(everything["link"] != "") & (everything["trashed_at"] == "")]
    kinds = ["folder" if item in FOLDERS.index else "file" for item in rows.index]
    owners = [owner_of(kind, item) for kind, item in zip(kinds, rows.index, strict=True)]
    hidden = rows[[owner in LEFT for owner in owners] & ~rows.index.isin(expected.index)]
    ends = when(hidden["link_expires"], seen.day)
    shares = seen.events[seen.events["event_type"] == "SHARE"].set_index("source_item_id")["created_at"]
    told = hidden.index.to_series().map(shares)
    alive = hidden[told.notna() & ~(ends.between(told, seen.day))]  # some are shared again after their end
    found = reports.hidden_links(seen.box, of=seen.events, items=seen.content)
    assert set(found["item_id"]) == set(alive.index)
    assert "Leaver hand-over" in set(found["item_name"])


def test_shared_widely(seen: Seen, expected: pd.DataFrame) -> None:
    """Each person counts once, whether as a member of a group or by name."""
    rows = COLLABORATIONS[COLLABORATIONS["item_id"].isin(own(expected).index)]
    ends = when(rows["expires_at"], seen.day)
    rows = rows[(rows["status"] == "accepted") & ~(ends < seen.day)]
    groups, reach = members(), {}
    for row in rows.itertuples():
        reach.setdefault(row.item_id, set()).update(
            groups.get(row.group_id, set()) if row.group_id else {row.login.lower()}
        )
    wide = {item: len(logins) for item, logins in reach.items() if len(logins) >= 50}
    found = reports.shared_widely(seen.box, of=seen.invitations)
    assert dict(zip(found["item_id"], found["people"], strict=True)) == wide
    first = found.iloc[0]
    assert (first["item_name"], first["outsiders"]) == ("Customer database export", 14)
    assert first["can_change"] == first["people"]
    assert first["groups"] == "All staff"


def test_pending_invitations(seen: Seen, expected: pd.DataFrame) -> None:
    """The report has all pending invitations, or those older than six months."""
    rows = COLLABORATIONS[
        (COLLABORATIONS["status"] == "pending") & COLLABORATIONS["item_id"].isin(expected.index)
    ]
    found = reports.pending_invitations(seen.box, of=seen.invitations)
    assert set(found["id"]) == set(rows.index)
    sent = when(rows["created_at"], seen.day)
    old = reports.pending_invitations(seen.box, days=180, of=seen.invitations)
    assert set(old["id"]) == set(sent.index[sent <= seen.day - pd.Timedelta("180D")])
    assert old["days_pending"].is_monotonic_decreasing


@pytest.mark.parametrize("by", ["owner", "folder", "extension", "age", "ownership"])
def test_storage_by(seen: Seen, expected: pd.DataFrame, by: Any) -> None:
    """Sums and counts are exact to the byte."""
    rows = files(expected, seen.day)
    found = reports.storage_by(seen.box, by, of=seen.content).set_index("name")
    assert found["bytes"].sum() == rows["size"].sum()
    assert found["files"].sum() == len(rows)
    assert found["share"].sum() == pytest.approx(1)
    if by == "owner":
        sums = rows.groupby("owner")["size"].agg(["sum", "count", "max"])
        assert found["bytes"].rename(str.lower).to_dict() == sums["sum"].to_dict()
        assert found["largest"].rename(str.lower).to_dict() == sums["max"].to_dict()
    if by == "folder":
        top = rows["path"].str.split("/").str[0].replace("", "(no folder)")
        assert found["bytes"].to_dict() == rows.groupby(top)["size"].sum().to_dict()
    if by == "extension":
        film = rows["name"].str.lower().str.endswith(".mp4")
        assert found.loc["mp4", "bytes"] == rows.loc[film, "size"].sum()
    if by == "age":
        old = rows["changed"] < seen.day - pd.Timedelta("1826D")
        assert found["files"].get("over 5 years", 0) == pytest.approx(old.sum(), abs=2)
    with pytest.raises(ValueError, match="colour"):
        reports.storage_by(seen.box, "colour", of=seen.content)  # type: ignore[arg-type]


def test_stale_content(seen: Seen, expected: pd.DataFrame) -> None:
    """Each stale file is in exactly one row; a folder has a row only if everything below it is stale."""
    rows = files(expected, seen.day)
    cutoff = seen.day + (pd.Timestamp(seen.box.session.auth.now(), unit="s", tz="UTC") - seen.day)
    stale = rows[rows["changed"] < cutoff - pd.Timedelta("365D")]
    found = reports.stale_content(seen.box, of=seen.content)
    assert found["files"].sum() == len(stale)
    assert found["bytes"].sum() == stale["size"].sum()
    singles = found[found["type"] == "file"]
    assert set(singles["id"]) <= set(stale.index)
    fresh = rows[~rows.index.isin(stale.index)]
    busy = {folder for parent in fresh["folder_id"] for folder in chain(parent)}
    assert not busy & set(found.loc[found["type"] == "folder", "id"])
    assert found.iloc[0]["name"] == "Product film uncut 8K master.mp4"
    assert found.iloc[0]["days"] == 640


def test_large_files(seen: Seen, expected: pd.DataFrame) -> None:
    """Above 1,000 MB there is only the film, and above 100 MB there is more."""
    rows = files(expected, seen.day)
    found = reports.large_files(seen.box, of=seen.content)
    assert found["name"].tolist() == ["Product film uncut 8K master.mp4"]
    more = reports.large_files(seen.box, at_least=100_000_000, of=seen.content)
    assert set(more["id"]) == set(rows.index[rows["size"] >= 100_000_000])
    assert more["size"].is_monotonic_decreasing


def test_duplicate_files(seen: Seen, expected: pd.DataFrame) -> None:
    """Files with the same bytes are listed together, and twenty of them are the same."""
    rows = files(expected, seen.day)
    rows = rows[rows["size"] > 0]
    origin = rows["same_as"].where(rows["same_as"] != "", rows.index.to_series())
    copies = origin.groupby(origin).transform("size")
    found = reports.duplicate_files(seen.box, of=seen.content).set_index("id")
    assert set(found.index) == set(rows.index[copies > 1])
    assert (found["copies"] == copies[found.index]).all()
    once = found.drop_duplicates("sha1")
    assert once["wasted"].sum() == (rows["size"][copies > 1].sum() - rows.loc[once.index, "size"].sum())
    assert found["copies"].iloc[0] in (20, 21)


def test_ownership_of_leavers(seen: Seen, expected: pd.DataFrame) -> None:
    """The report has all seven, with what can be seen of their content and what cannot."""
    found = reports.ownership_of_leavers(seen.box, of=seen.content)
    assert set(found["login"].str.lower()) == LEFT
    assert len(found) == 7
    theirs = expected[expected["owner"].isin(LEFT)]
    counted = theirs.groupby(["owner", "type"]).size()
    for row in found.itertuples():
        assert row.files == counted.get((row.login.lower(), "file"), 0)
        assert row.folders == counted.get((row.login.lower(), "folder"), 0)
        used = int(USERS.set_index("login").loc[row.login, "space_used"])
        assert row.space_used == used
        assert row.hidden_bytes == max(0, used - row.bytes)


def test_inactive_users(seen: Seen) -> None:
    """The sign-ins of a year are counted here one by one."""
    last: dict[str, pd.Timestamp] = {}
    for event in seen.events.itertuples():
        if event.event_type in ("LOGIN", "ADMIN_LOGIN"):
            last[event.created_by_id] = max(last.get(event.created_by_id, event.created_at), event.created_at)
    now = pd.Timestamp(seen.box.session.auth.now(), unit="s", tz="UTC")
    created = when(USERS["created_at"].str[:-6], seen.day)  # without the offset: nobody came 90 days ago
    old = USERS[(USERS["status"] == "active") & (created < now - pd.Timedelta("90D"))]
    quiet = {
        who for who in old["id"] if last.get(who, now - pd.Timedelta("999D")) < now - pd.Timedelta("90D")
    }
    found = reports.inactive_users(seen.box)
    assert set(found["id"]) == quiet
    assert len(found) == 7
    kept = reports.inactive_users(
        seen.box, of=seen.events.iloc[:0], users=seen.box.users().assign(status="cannot_delete_edit")
    )
    assert len(kept) > 100  # who may not delete can still sign in
    busy = reports.inactive_users(seen.box, of=seen.events)
    assert set(busy["id"]) <= quiet
    with pytest.raises(ValueError, match="365"):
        reports.inactive_users(seen.box, days=400)


def test_duplicate_accounts(seen: Seen) -> None:
    """The report has the three accounts of Alex Meyer and no others."""
    key = USERS["name"].str.lower().str.strip()
    found = reports.duplicate_accounts(seen.box)
    assert set(found["id"]) == set(USERS.loc[key.duplicated(keep=False) & (key != ""), "id"])
    assert set(found["name"].str.lower()) == {"alex meyer"}


def test_group_overlap(seen: Seen) -> None:
    """The report has every pair of groups that share a member."""
    rows = table("memberships")
    pairs = rows.merge(rows, on="user_id")
    both = pairs[pairs["group_id_x"] < pairs["group_id_y"]].groupby(["group_id_x", "group_id_y"]).size()
    found = reports.group_overlap(seen.box)
    got = {tuple(sorted((row.group_id, row.other_id))): row.both for row in found.itertuples()}
    assert got == both.to_dict()
    sizes = rows.groupby("group_id").size()
    assert (found["members"] == sizes[found["group_id"]].to_numpy()).all()
    inside = found["relation"].isin(["inside", "same people"])
    assert (inside == (found["both"] == found["members"])).all()


def test_sign_ins_and_attacks(seen: Seen) -> None:
    """The report finds the two attacks of the file and no others: one account guessed, and many tried once."""
    incidents = table("incidents").set_index("note")
    found = reports.sign_ins(seen.box, of=seen.events)
    kinds = seen.events["event_type"].isin(["LOGIN", "ADMIN_LOGIN", "FAILED_LOGIN"])
    assert set(found["event_id"]) == set(seen.events.loc[kinds, "event_id"])
    assert found["network"].notna().all()
    attacks = reports.sign_in_attacks(seen.box, of=seen.events).set_index("kind")
    guess = incidents.loc["guessing one password"]
    spray = incidents.loc["one try for each of many people"]
    assert attacks.loc["one account", "tries"] == int(guess["count"])
    assert attacks.loc["one account", "logins"] == guess["login"]
    assert attacks.loc["one account", "signed_in_after"] == guess["login"]
    assert attacks.loc["many accounts", ["ip_address", "accounts"]].tolist() == [spray["ip_address"], 90]
    assert len(attacks) == 2


def test_downloads_and_unusual_days(seen: Seen) -> None:
    """The bursts of the file are found for the right user on the right day; ordinary days are not."""
    incidents = table("incidents")
    bursts = incidents[incidents["count"].astype(int).ge(50) & (incidents["login"] != "*")]
    found = reports.unusual_days(seen.box, since="365D", of=seen.events)
    got = {(row.event_type, row.user_id if row.user_id == "2" else row.login) for row in found.itertuples()}
    assert got == set(zip(bursts["event_type"], bursts["login"], strict=True))
    assert len(found) == len(bursts)
    days = dict(zip(found["event_type"].astype("str") + found["user_id"], found["day"], strict=True))
    ids = dict(zip(USERS["login"], USERS["id"], strict=True)) | {"2": "2"}
    for row in bursts.itertuples():
        assert days[row.event_type + ids[row.login]] == when(pd.Series([row.when]), seen.day)[0].floor("D")
    loaded = reports.downloads(seen.box, of=seen.events)
    assert loaded["events"].sum() == (seen.events["event_type"] == "DOWNLOAD").sum()
    assert loaded.loc[loaded["is_unusual"], "login"].tolist() == ["samuel.haas@example.com", "(anonymous)"]
    assert loaded.iloc[0]["events"] == 412


def test_histories(seen: Seen) -> None:
    """The history of a file or a user has exactly their events, in order of time."""
    payroll = FOLDERS.index[FOLDERS["name"] == "Payroll"][0]
    raw = seen.events
    story = reports.file_history(seen.box, payroll, of=raw)
    mine = (raw["source_item_id"] == payroll) | (raw["source_folder_id"] == payroll)
    assert set(story["event_id"]) == set(raw.loc[mine, "event_id"])
    assert story["created_at"].is_monotonic_increasing
    person = reports.user_history(seen.box, "Samuel.Haas@example.com", of=raw)
    did = raw.loc[raw["created_by_login"] == "samuel.haas@example.com", "event_id"]
    assert set(did) <= set(person["event_id"])
    assert (person["event_type"] == "DOWNLOAD").sum() >= 412
    nobody = reports.user_history(seen.box, shape.NOBODY, of=raw)
    assert len(nobody) >= (raw["created_by_id"] == shape.ANONYMOUS).sum() > 0


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
def test_columns_do_not_depend_on_the_number_of_rows(seen: Seen, name: str) -> None:
    """Names, order and dtypes are the same for no rows, one row and all rows."""
    columns, of = NO_WALK[name]
    report = getattr(reports, name)
    everything = getattr(seen, of)
    full = report(seen.box, of=everything)
    for rows in (everything.iloc[:0], everything.iloc[:1]):
        found = report(seen.box, of=rows)
        assert list(found.columns) == list(columns)
        kinds = {column: str(dtype).split("[")[0] for column, dtype in found.dtypes.items()}
        assert kinds == {column: str(dtype).split("[")[0] for column, dtype in full.dtypes.items()}
        assert found.index.equals(pd.RangeIndex(len(found)))


def test_columns_of_empty_reports_with_other_arguments(seen: Seen) -> None:
    """Reports with further arguments keep their columns as well."""
    box, none = seen.box, seen.events.iloc[:0]
    assert list(reports.file_history(box, "1", of=none).columns) == list(activity.HISTORY)
    assert list(reports.user_history(box, "nobody", of=none).columns) == list(activity.HISTORY)
    assert reports.user_history(box, "nobody@example.com", of=seen.events).empty
    hidden = reports.hidden_links(box, of=none, items=seen.content)
    assert list(hidden.columns) == list(sharing.HIDDEN)
    users = box.users()
    nobody = reports.ownership_of_leavers(box, of=seen.content.iloc[:0], users=users.iloc[:0])
    assert list(nobody.columns) == list(storage.LEAVERS)
    assert reports.inactive_users(box, of=none, users=users.iloc[:0]).empty
    assert len(reports.inactive_users(box, of=none)) > 80  # nobody was seen: all are told
    assert reports.duplicate_accounts(box, users=users.iloc[:1]).empty
    assert list(reports.group_overlap(box, of=box.memberships().iloc[:0]).columns) == list(people.OVERLAP)
    one = reports.content(box, people_of=users.iloc[:0])
    assert list(one.columns) == list(seen.content.columns)
    assert list(reports.collaborations(box, of=one).columns) == list(enterprise.INVITATIONS)


def test_dtypes_match_the_schema(seen: Seen) -> None:
    """Text is text, times are UTC, and bytes are Int64."""
    found = reports.shared_links(seen.box, of=seen.content)
    kinds = {column: shape.DTYPES[kind] for column, kind in sharing.LINKS.items()}
    assert {column: str(dtype) for column, dtype in found.dtypes.items()} == kinds


def test_estimates(seen: Seen) -> None:
    """Before the first walk the estimate is one call per user at least, and afterwards about right; collaborations are counted."""
    told = reports.estimate(seen.box, "content")
    assert told.certainty == "about"
    assert told.calls == seen.content.attrs["calls"]
    counted = reports.estimate(seen.box, "collaborations", of=seen.content)
    pulled = reports.collaborations(seen.box, of=seen.content)
    assert counted.calls == pulled.attrs["calls"] + 1  # and the users
    assert reports.estimate(seen.box, "collaborations").calls is None
    with pytest.raises(ValueError, match="weather"):
        reports.estimate(seen.box, "weather")


def test_every_report_documents_its_limits(seen: Seen) -> None:
    """Its docstring states a limit, and its first argument is `box`."""
    for name in reports.__all__:
        report = getattr(reports, name)
        assert next(iter(inspect.signature(report).parameters)) == "box", name
        text = inspect.getdoc(report) or ""
        assert name == "estimate" or any(word in text for word in ("not", "no ", "cannot", "only")), name


def interrupted(box: boxnb.Box, pages: int, report: Callable[[], Any]) -> pd.DataFrame:
    """Interrupt a report after some pages, check the message, and return the rows so far."""

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


def test_interrupt_keeps_the_walk(seen: Seen) -> None:
    """Each item appears once, with all columns, so that a report can use them."""
    partial = interrupted(seen.box, 20, lambda: reports.content(seen.box))
    assert 0 < len(partial) < len(seen.content)
    assert partial["id"].is_unique
    assert partial.columns.tolist() == seen.content.columns.tolist()
    with pytest.warns(UserWarning, match="storage_by is not complete"):
        made = reports.storage_by(seen.box, of=partial)
    assert made["bytes"].sum() > 0
    assert made.attrs["complete"] is False


def test_interrupt_keeps_the_invitations(seen: Seen) -> None:
    """Each appears once, with all columns."""
    partial = interrupted(seen.box, 200, lambda: reports.collaborations(seen.box, of=seen.content))
    assert partial.attrs["dataset"] == "invitations"
    assert partial["id"].is_unique
    assert set(partial["id"]) < set(seen.invitations["id"])
    assert partial.columns.tolist() == seen.invitations.columns.tolist()


def test_partial_walk_labels_owners_like_a_full_one(seen: Seen) -> None:
    """A colleague whose content was not walked is not reported as external."""
    some = seen.box.users().head(20)
    found = reports.content(seen.box, people_of=some).set_index("id")
    whole = seen.content.set_index("id")
    assert 0 < len(found) < len(whole)
    assert (found["ownership"].astype(str) == whole.loc[found.index, "ownership"].astype(str)).all()


def test_co_admin_finds_what_others_can_open(home: Path) -> None:
    """Box does not allow As-User for another admin, so an admin's shared folder is read as an invited user."""
    with boxnb.sandbox.start(private=True, state=home / "deputy", limits="off") as sandbox:
        sign_in(sandbox, "boss")
        boss = boxnb.connect("boss")
        deputy = USERS[USERS["role"] == "coadmin"]["login"].iloc[0]
        sign_in(sandbox, "deputy", login=deputy)
        with pytest.warns(UserWarning, match="content is not complete.*403"):
            found = reports.content(boxnb.connect("deputy"))
        assert found.attrs["complete"] is False
        refused = {where["as_user"] for where in found.attrs["skipped"] if where["id"] == "0"}
        assert refused
        admins = set(USERS.set_index("id").loc[sorted(refused), "login"])
        people = USERS[(USERS["status"] != "inactive") & (USERS["role"] == "user")]["id"]
        tops = set[str]()
        for person in people:
            tops |= set(boss.items("0", as_user=person).query("type == 'folder'")["id"])
        theirs = {folder for folder in tops if owner_of("folder", folder) in admins}
        inside = FILES[FILES["folder_id"].isin(theirs) & (FILES["trashed_at"] == "")].index
        assert len(inside) > 0
        assert set(inside) <= set(found["id"])


def test_interrupt_at_the_last_moment_is_one_line(seen: Seen) -> None:
    """While the end is reported, there is no bare KeyboardInterrupt, and the fetched rows are kept."""
    pressed: list[int] = []

    def stop(progress: Any) -> None:
        if progress.done and not pressed:
            pressed.append(progress.rows)
            raise KeyboardInterrupt

    seen.box.on_progress = stop
    try:
        with pytest.raises(Interrupted, match=r"box\.last_partial"):
            seen.box.users()
    finally:
        seen.box.on_progress = None
    partial = seen.box.last_partial
    assert partial is not None
    assert len(partial) == pressed[0] == len(USERS)
    assert partial.attrs["complete"] is False


def test_user_without_as_user_gets_one_sentence(home: Path) -> None:
    """An ordinary user cannot walk the content of others."""
    with boxnb.sandbox.start(private=True, state=home / "other") as sandbox:
        admin = sign_in(sandbox, "boss")
        users = boxnb.connect(admin.name).users()
        sign_in(sandbox, "plain", login="greta.haas@example.com")
        plain = boxnb.connect("plain")
        with pytest.raises(ForbiddenError):
            reports.content(plain, people_of=users)
        with pytest.raises(ForbiddenError):
            reports.sign_ins(plain)
