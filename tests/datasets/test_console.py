"""The Admin Console's CSV reports: known kinds, layouts, zones and languages, and files that are cut off, mixed or unknown."""

from __future__ import annotations

import csv
import io
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from one_home import home as home
from signing import sign_in

import boxnb
from boxnb.datasets import console_table
from boxnb.errors import ArgumentError, ConsoleError
from boxnb.sandbox import Sandbox

ACTIVITY = (
    "Date,User Name,User Email,User ID,IP Address,Action,Affected,Affected ID,Size (KB),Parent Folder,Details"
)
IN_JAPANESE = "日付,ユーザー名,ユーザーのメールアドレス,ユーザーID,IPアドレス,操作,対象,影響を受けるID,サイズ (KB),親フォルダ,詳細"
"""The headers of a real Japanese file."""

NAME = "user_activity_run_on_2026-03-01-10-00-00"


@pytest.fixture(scope="module")
def company(home: Path) -> Iterator[Sandbox]:
    """Yield a sandbox whose admin has run reports, with three pages of items."""
    with boxnb.sandbox.start(private=True, state=home / "state", limits="off") as sandbox:
        sandbox.run_console_reports("user_details", "shared_links", "collaborations")
        sandbox.clock.advance(3600)
        sandbox.run_console_reports("folders_and_files", page_rows=2500)
        sandbox.run_console_reports("user_details")
        sign_in(sandbox)
        yield sandbox


@pytest.fixture(scope="module")
def box(company: Sandbox) -> boxnb.Box:
    return boxnb.connect("acme")


def text(*lines: str, end: str = "\r\n") -> bytes:
    return (end.join(lines) + end).encode()


def row(*cells: str) -> str:
    """Return a row of a CSV file."""
    output = io.StringIO()
    csv.writer(output, lineterminator="").writerow(cells)
    return output.getvalue()


def event(date: str = "2026-03-01 08:00:00", action: str = "Downloaded", **more: str) -> str:
    """Return a row of the report on activity."""
    cells = [date, "Ada", "ada@example.com", "11", "192.0.2.1", action, "a.pdf", "77", "1.5", "Plans", ""]
    return row(*cells, *more.values())


def read(box: boxnb.Box, folder: Path, files: dict[str, bytes], report: str, **options: Any) -> pd.DataFrame:
    """Write files and read a report from them, without warnings."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return box.console(report, where=folder, **{"zone": "UTC", **options})


def test_the_list_says_what_is_there_with_two_calls(box: boxnb.Box) -> None:
    """Runs are listed newest first, with the admin's local time and the sandbox's mark, without reading their folders."""
    runs = box.console()
    assert runs["report"].tolist()[:2] == ["user_details", "folders_and_files"] or runs["report"].tolist()[
        :2
    ] == [
        "folders_and_files",
        "user_details",
    ]
    assert sorted(runs["report"]) == [
        "collaborations",
        "folders_and_files",
        "shared_links",
        "user_details",
        "user_details",
    ]
    assert runs["run_at"].is_monotonic_decreasing
    assert str(runs["run_at"].dtype) == "datetime64[us]"
    assert runs["description"].str.startswith("Built by the boxnb sandbox from Box's documentation").all()
    assert (runs["size"] > 1000).all()
    assert runs.attrs["calls"] == 2


def test_users_are_those_of_the_company(box: boxnb.Box) -> None:
    """The report has the API's columns, in bytes, UTC and Box's own words, and the last sign-in that the API lacks."""
    report = box.console("user_details", zone="Europe/London").set_index("login")
    users = box.users().set_index("login")
    assert set(report.index) == set(users.index)
    assert (report["name"] == users.loc[report.index, "name"]).all()
    assert (report["status"].astype(str) == users.loc[report.index, "status"].astype(str)).all()
    assert (report["user_type"].astype(str) == users.loc[report.index, "role"].astype(str)).all()
    assert (report["space_used"] - users.loc[report.index, "space_used"]).abs().max() <= 1
    signs = box.events(since="365D", event_type=["LOGIN", "ADMIN_LOGIN"])
    last = signs.groupby("created_by_login")["created_at"].max().dt.floor("s")
    known = report["last_sign_in"].dropna()
    # The report is older than the last events, which arrive late.
    assert (known == last.reindex(known.index)).mean() > 0.95
    assert report.attrs["zone"] == "Europe/London"


def test_pages_are_joined_in_order(box: boxnb.Box) -> None:
    """Three pages become one DataFrame, with the paths and parents that a walk has."""
    report = box.console("folders_and_files", zone="Europe/London")
    assert report.attrs["pages"] == 3
    assert len(report) > 6000
    assert report.attrs["complete"] is True
    assert len(report.attrs["files"]) == 3
    owner = box.users(filter_term="fang.wang")["id"].iloc[0]
    tree = box.tree(as_user=owner)
    own = tree[tree["owned_by_id"] == owner].set_index("id")
    rows = report.set_index("id").loc[own.index]
    assert (rows["path"].fillna("") == own["path"].fillna("")).all()
    assert (rows["parent_id"] == own["parent_id"]).all()
    assert (rows["name"] == own["name"]).all()
    assert (rows["size"].fillna(-1) == own["size"].fillna(-1)).all()
    assert (rows["created_at"] == own["created_at"]).all()
    assert (rows["type"].astype(str) == own["type"].astype(str)).all()


def test_an_older_run_can_be_read(box: boxnb.Box) -> None:
    """``run=1`` is the run before the newest; a run that is not there is refused with a list of what is."""
    newest, before = (box.console("user_details", zone="UTC", run=run).attrs["run_at"] for run in (0, 1))
    assert newest > before
    with pytest.raises(ConsoleError, match="only 2 runs of the report 'user_details'"):
        box.console("user_details", run=2)
    with pytest.raises(
        ConsoleError, match="no run of the report 'classification' in the folder 'Box Reports'"
    ):
        box.console("classification")


def test_a_user_without_reports_is_told_where_they_come_from(company: Sandbox) -> None:
    """The message says that an admin runs a report first."""
    sign_in(company, "greta", login="greta.haas@example.com")
    with pytest.raises(ConsoleError, match="An admin runs a report in the Admin Console first"):
        boxnb.connect("greta").console()


def test_another_admin_reads_the_folder_as_its_owner(company: Sandbox, box: boxnb.Box) -> None:
    """``as_user`` and ``where`` name the admin and the folder."""
    owner = box.me()["id"].iloc[0]
    folder = next(
        entry["id"] for entry in box.get("/folders/0/items")["entries"] if entry["name"] == "Box Reports"
    )
    assert len(box.console(as_user=owner)) == 5
    assert len(box.console(where=folder)) == 5


ZONES = [
    ("Asia/Tokyo", "2026-03-01 08:00:00", "2026-02-28T23:00:00Z"),
    ("Europe/Berlin", "2026-07-01 08:00:00", "2026-07-01T06:00:00Z"),
    ("America/New_York", "2026-01-31 20:00:00", "2026-02-01T01:00:00Z"),
    (None, "2026-03-01 08:00:00", "2026-03-01T08:00:00Z"),
    ("Asia/Tokyo", "2026-03-01T08:00:00+01:00", "2026-03-01T07:00:00Z"),
]


@pytest.mark.parametrize(("zone", "local", "utc"), ZONES)
def test_local_times_become_utc(
    box: boxnb.Box, tmp_path: Path, zone: str | None, local: str, utc: str
) -> None:
    """A time without an offset is in the admin's zone; one with an offset is not moved again."""
    report = read(
        box, tmp_path / "a", {f"{NAME}_Page_1.csv": text(ACTIVITY, event(local))}, "user_activity", zone=zone
    )
    assert report["created_at"].tolist() == [pd.Timestamp(utc)]
    assert report.attrs["zone"] == zone


def test_an_unknown_zone_is_said(box: boxnb.Box, tmp_path: Path) -> None:
    """Without a zone, a warning says that the times were taken as UTC."""
    (tmp_path / f"{NAME}_Page_1.csv").write_bytes(text(ACTIVITY, event()))
    with pytest.warns(
        UserWarning, match="were taken as UTC. Pass that admin's zone, such as zone='Europe/Berlin'"
    ):
        box.console("user_activity", where=tmp_path)


def test_the_hour_that_occurs_twice_is_said(box: boxnb.Box, tmp_path: Path) -> None:
    """Of two possible times, boxnb takes the first and says so; an hour that does not exist is moved forward."""
    file = text(ACTIVITY, event("2026-10-25 02:30:00"), event("2026-03-29 02:30:00"))
    report = read(box, tmp_path / "a", {f"{NAME}_Page_1.csv": file}, "user_activity", zone="Europe/Berlin")
    assert report["created_at"].tolist() == [
        pd.Timestamp("2026-10-25T00:30:00Z"),
        pd.Timestamp("2026-03-29T01:00:00Z"),
    ]
    assert "1 times of created_at are in the hour that occurs twice" in report.attrs["notes"][0]


FORMS = {
    "2026-03-01 08:05:09": "2026-03-01 08:05:09",
    "2026-03-01": "2026-03-01",
    "2026/3/1 8:05": "2026-03-01 08:05",
    "2026年3月1日 8:05": "2026-03-01 08:05",
    "Mar 1, 2026 8:05:09 PM": "2026-03-01 20:05:09",
    "March 1, 2026": "2026-03-01",
    "1 Mar 2026 08:05": "2026-03-01 08:05",
    "3/31/2026 8:05 PM": "2026-03-31 20:05",
    "31/3/2026 20:05": "2026-03-31 20:05",
}


@pytest.mark.parametrize("form", FORMS)
def test_times_in_other_forms_are_read(box: boxnb.Box, tmp_path: Path, form: str) -> None:
    """ISO, American, European, Japanese and month names are read."""
    report = read(box, tmp_path / "a", {f"{NAME}_Page_1.csv": text(ACTIVITY, event(form))}, "user_activity")
    assert report["created_at"].tolist() == [pd.Timestamp(FORMS[form], tz="UTC")]


def test_other_cells_decide_which_number_is_the_day(box: boxnb.Box, tmp_path: Path) -> None:
    """In a column with 31/3/2026, 4/3/2026 is in March; without such a cell, a note says what boxnb took."""
    both = text(ACTIVITY, event("4/3/2026 1:00"), event("31/3/2026 1:00"))
    days = read(box, tmp_path / "a", {f"{NAME}_Page_1.csv": both}, "user_activity")
    assert days["created_at"].dt.month.tolist() == [3, 3]
    alone = text(ACTIVITY, event("4/3/2026 1:00"))
    months = read(box, tmp_path / "b", {f"{NAME}_Page_1.csv": alone}, "user_activity")
    assert months["created_at"].dt.month.tolist() == [4]
    assert "takes the first number of the dates in created_at for the month" in months.attrs["notes"][0]


def test_cells_that_cannot_be_read_are_kept(box: boxnb.Box, tmp_path: Path) -> None:
    """A time, a size and a word that boxnb does not know stay as text, and a note says so."""
    file = text(ACTIVITY, event("soon"), event(action="Teleported"), event().replace("1.5", "big"))
    report = read(box, tmp_path / "a", {f"{NAME}_Page_1.csv": file}, "user_activity")
    assert report["created_at"].isna().tolist() == [True, False, False]
    assert [None if pd.isna(cell) else json.loads(cell) for cell in report["extra"]] == [
        {"created_at": "soon"},
        None,
        {"source_size": "big"},
    ]
    assert report["event_type"].astype(str).tolist() == ["DOWNLOAD", "Teleported", "DOWNLOAD"]
    notes = " ".join(report.attrs["notes"])
    for words in (
        "cannot be read as a time, such as 'soon'",
        "does not know and keeps, such as 'Teleported'",
        "'big'",
    ):
        assert words in notes


def test_a_japanese_report_gives_the_same_columns(box: boxnb.Box, tmp_path: Path) -> None:
    """The headers of a real Japanese file and its page word are known; the translation is in ``attrs``."""
    words = {"ダウンロード": "DOWNLOAD", "プレビュー": "PREVIEW"}
    file = text(IN_JAPANESE, *(event(action=word) for word in words))
    report = read(box, tmp_path / "a", {f"{NAME}_ページ_1.csv": file}, "user_activity", zone="Asia/Tokyo")
    english = read(
        box,
        tmp_path / "b",
        {f"{NAME}_Page_1.csv": text(ACTIVITY, event(), event(action="Previewed"))},
        "user_activity",
        zone="Asia/Tokyo",
    )
    pd.testing.assert_frame_equal(report, english)
    assert report.attrs["columns"]["translated"]["日付"] == "Date"
    assert report.attrs["columns"]["added"] == []
    assert report["source_size"].tolist() == [1536, 1536]


@pytest.mark.parametrize(
    ("encoding", "end"),
    [("utf-8", "\n"), ("utf-8-sig", "\r\n"), ("utf-16", "\r\n"), ("cp932", "\r\n"), ("utf-8", "\r")],
)
def test_every_encoding_and_line_end_is_read(box: boxnb.Box, tmp_path: Path, encoding: str, end: str) -> None:
    """A byte order mark, Windows' Japanese encoding and any line end do not change the result."""
    file = end.join([IN_JAPANESE, event(action="ダウンロード"), ""]).encode(encoding)
    report = read(box, tmp_path / "a", {f"{NAME}_Page_1.csv": file}, "user_activity")
    assert report["event_type"].astype(str).tolist() == ["DOWNLOAD"]
    assert report["created_by_login"].tolist() == ["ada@example.com"]


LAYOUTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "older outbound": (
        "outbound_collaborations",
        (
            "Account,Account Login,Owner Login,Folder Name,Permission Level,External User's Email,Invited Date,Invite Accepted Date\n"
            "Ada,ada@example.com,x@else.example,Plans,Viewer Uploader,x@else.example,2014-05-01 10:00:00,"
        ),
        {
            "accessible_by_name": "Ada",
            "item_name": "Plans",
            "role": "viewer uploader",
            "created_by_login": "x@else.example",
        },
    ),
    "newer outbound": (
        "outbound_collaborations",
        (
            "Account Name,Account Login,Owner Login,Item Name,Item ID,Permission Level,Inviter Email,Invited Date,Invite Accepted Date\n"
            "Ada,ada@example.com,x@else.example,External Folder,7,Co-owner,x@else.example,2026-05-01 10:00:00,2026-05-02 10:00:00"
        ),
        {"accessible_by_name": "Ada", "item_id": "7", "role": "co-owner"},
    ),
    "dialog labels": (
        "shield_classification",
        (
            "Item Name,Item ID,Path,Item Type,Item URL,Classification Name,Owner Name,Owner Login,Created by Name,Created by Login\n"
            "a.pdf,7,All Files/Plans,File,https://x,Secret,Ada,ada@example.com,Bo,bo@example.com"
        ),
        {
            "classification": "Secret",
            "owned_by_login": "ada@example.com",
            "created_by_name": "Bo",
            "path": "Plans",
        },
    ),
    "newer classification": (
        "shield_classification",
        (
            "Item Name,Item ID,Item Path,Item Type,Item URL,Classification Name,Classification Applied Reason,Item Owner Name,"
            "Item Owner Login,Item Author Name,Item Author Login,With External Collaborator\n"
            "a.pdf,7,All Files/Plans,File,https://x,Secret,Manually Applied,Ada,ada@example.com,Bo,bo@example.com,Yes"
        ),
        {"classification_reason": "Manually Applied", "has_external_collaborator": True},
    ),
    "header with (User)": (
        "user_details",
        "(User) Name,(User) Email,Storage Allocated,Status,Last Login\nAda,ada@example.com,10,Inactive,Never",
        {"name": "Ada", "login": "ada@example.com", "space_amount": 10 * 1024**3, "status": "inactive"},
    ),
    "starred headers": ("user_details", "Name*,Email *,Status\nAda,ada@example.com,Active", {"name": "Ada"}),
    "unlimited": (
        "user_details",
        "Name,Email,Storage Allocated\nAda,a@example.com,Unlimited",
        {"space_amount": pd.NA},
    ),
    "information block": (
        "sign_aggregation",
        "Enterprise Name,Acme\nEnterprise ID (EID),12\n\nDate Range,Metric,Service Name,Value\n2026-01,Completed,Box,1200",
        {"metric": "Completed", "value": 1200},
    ),
    "disposition in UTC": (
        "disposition",
        (
            "Owner Email,Co-owner Email,Path,Path ID,File Name,File ID,Uploaded Date,Disposition Date,Disposition Action\n"
            "a@example.com,,All Files/Plans,5,a.pdf,7,2026-01-01 10:00:00,2027-01-01 10:00:00,Delete"
        ),
        {"disposition_at": pd.Timestamp("2027-01-01T10:00:00Z"), "path": "Plans"},
    ),
    "legal holds": (
        "legal_holds_Case_7",
        (
            "Assignment Type,Assignment ID,Parent Folder Path,Parent Folder Path ID,File Name,File ID,File Version ID,Created,Uploaded,"
            'Size (bytes),Owner ID,Reason For Hold,Trashed\nfile,1,All Files,0,a.pdf,7,8,2026-01-01 10:00:00,2026-01-01 10:00:00,"1,024",Ada,file,No'
        ),
        {"size": 1024, "created_at": pd.Timestamp("2026-01-01T10:00:00Z")},
    ),
    "engagement": (
        "user_engagement",
        (
            "User Name,User Email,Status,User Type,Last Activity,Storage,External Collaboration Count (Files)\n"
            "Ada,a@example.com,Active,Managed User,2026-01-01 10:00:00,2,3"
        ),
        {"space_used": 2 * 1024**2, "user_type": "user", "external_collaborations": 3},
    ),
    "bandwidth": (
        "bandwidth_usage_by_files_and_folders",
        "(File) ID,Type,(File) Name,Month,Owner,Upload Bandwidth,Download Bandwidth\n7,File,a.pdf,2026-01,Ada,5,6",
        {"id": "7", "type": "file", "download_bandwidth": 6},
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_gives_the_same_columns(box: boxnb.Box, tmp_path: Path, layout: str) -> None:
    """Older and newer layouts, the labels of the dialog and information blocks lead to the columns of the table."""
    stem, content, expected = LAYOUTS[layout]
    name = f"{stem}_run_on_2026-03-01__03-00-00-PM_Page_1.csv"
    (tmp_path / name).write_bytes(content.encode())
    runs = box.console(where=tmp_path)
    assert runs["run_at"].tolist() == [pd.Timestamp("2026-03-01 15:00:00")]
    report = box.console(runs["report"].iloc[0], where=tmp_path, zone="America/New_York")
    assert len(report) == 1
    assert report.attrs["columns"]["added"] == []
    for column, value in expected.items():
        assert pd.isna(report[column].iloc[0]) if value is pd.NA else report[column].iloc[0] == value, column


def test_unknown_missing_and_renamed_columns_are_said(box: boxnb.Box, tmp_path: Path) -> None:
    """An unknown column is kept as text with a warning, a missing one is only noted, and a renamed one has its known name."""
    (tmp_path / "user_details_run_on_2026-03-01-10-00-00_Page_1.csv").write_bytes(
        text("User Name,Email,Shoe Size,Shoe Size", "Ada,a@example.com,007,x")
    )
    with pytest.warns(
        UserWarning, match=r"does not know 'Shoe Size', 'Shoe Size \(2\)', and keeps them as text"
    ):
        report = box.console("user_details", where=tmp_path, zone="UTC")
    assert report["Shoe Size"].tolist() == ["007"]
    columns = report.attrs["columns"]
    assert (columns["added"], columns["renamed"]) == (["Shoe Size", "Shoe Size (2)"], {"User Name": "Name"})
    assert "Last Login" in columns["missing"]
    assert "last_sign_in" not in report


def test_an_unknown_kind_is_all_text(box: boxnb.Box, tmp_path: Path) -> None:
    """A report that boxnb does not know is found under its own name, and every cell stays as it is."""
    (tmp_path / "moon_phases_run_on_2026-03-01-10-00-00_Page_1.csv").write_bytes(
        text("Phase,Date", "New,03/04/2026")
    )
    assert box.console(where=tmp_path)["report"].tolist() == ["moon_phases"]
    with pytest.warns(
        UserWarning, match="boxnb does not know this kind of report, so all its columns are text"
    ):
        report = box.console("moon_phases", where=tmp_path)
    assert report.to_dict("records") == [{"Phase": "New", "Date": "03/04/2026"}]


def test_a_renamed_file_is_recognized_by_its_header(box: boxnb.Box, tmp_path: Path) -> None:
    """A download that a browser has renamed is still the report on activity."""
    file = tmp_path / "Download (3).csv"
    file.write_bytes(text(IN_JAPANESE, event(action="ダウンロード")))
    assert len(box.console("user_activity", where=file, zone="UTC")) == 1


CUT: dict[str, tuple[bytes, int, str]] = {
    "in a row": (text(ACTIVITY, event(), event())[:-20], 1, "its last row is cut off"),
    "in quotes": (text(ACTIVITY, event(), event().replace("a.pdf", '"a, b')), 1, "inside a quoted cell"),
    "in a letter": (text(ACTIVITY, event(), "2026-03-01 08:00:00,é")[:-3], 1, "its last row is cut off"),
    "after the header": (text(ACTIVITY), 0, ""),
    "in the header": (ACTIVITY[:30].encode(), 0, ""),
    "empty": (b"", 0, "not even a header"),
    "one row with a comma too many": (
        text(ACTIVITY, event() + ",more", event()),
        1,
        "1 row has another number of cells",
    ),
    "blank rows": (text(ACTIVITY, ",,,,,,,,,,", "", event()), 1, ""),
}


@pytest.mark.parametrize("case", CUT)
def test_a_file_that_is_cut_off_is_not_complete(box: boxnb.Box, tmp_path: Path, case: str) -> None:
    """The whole rows are read, and ``attrs`` names the file and says what is missing."""
    content, rows, why = CUT[case]
    report = read(box, tmp_path / "a", {f"{NAME}_Page_1.csv": content}, "user_activity")
    assert len(report) == rows
    assert report.attrs["complete"] is (not why)
    assert why in " ".join(entry["why"] for entry in report.attrs["skipped"])
    assert all(entry["file"] == f"{NAME}_Page_1.csv" for entry in report.attrs["skipped"])


def test_a_missing_page_and_a_page_of_another_report_are_said(box: boxnb.Box, tmp_path: Path) -> None:
    """The other pages are joined; a page with its columns in another order is put in order."""
    names = ACTIVITY.split(",")
    swapped = row(*reversed(names))
    files = {
        f"{NAME}_Page_1.csv": text(ACTIVITY, event("2026-03-01 01:00:00")),
        f"{NAME}_Page_10.csv": text(ACTIVITY, event("2026-03-01 10:00:00")),
        f"{NAME}_Page_2.csv": text(swapped, row(*reversed(next(csv.reader([event("2026-03-01 02:00:00")]))))),
        f"{NAME}_Page_4.csv": text("Name,Email", "Ada,a@example.com"),
    }
    report = read(box, tmp_path / "a", files, "user_activity")
    assert report["created_at"].dt.hour.tolist() == [1, 2, 10]
    assert set(report["created_by_login"]) == {"ada@example.com"}
    reasons = {entry["file"]: entry["why"] for entry in report.attrs["skipped"]}
    assert reasons == {
        f"{NAME}_Page_4.csv": "its header is not that of the first page",
        "page 3, 5, 6, 7, 8, 9": "it is missing",
    }
    assert report.attrs["complete"] is False


def test_a_folder_with_many_reports_is_sorted_out(box: boxnb.Box, tmp_path: Path) -> None:
    """Two runs and three kinds in one folder, other files among them, are separate runs."""
    files = {
        f"{NAME}_Page_1.csv": text(ACTIVITY, event()),
        "user_activity_run_on_2026-04-01-10-00-00_Page_1.csv": text(ACTIVITY, event(), event()),
        "shared_links_run_on_2026-02-01-10-00-00.csv": text(
            "Item ID,Item Name,Shared Link Status", "7,a.pdf,Open"
        ),
        "security_logs_run_on_2026-03-05__09-00-00-AM.xlsx": b"PK",
        "notes.txt": b"not a report",
        "shopping.csv": text("a,b", "1,2"),
    }
    report = read(box, tmp_path / "a", files, "user_activity")
    assert len(report) == 2
    runs = box.console(where=tmp_path / "a")
    assert runs["report"].tolist() == [
        "user_activity",
        "security_logs",
        "user_activity",
        "shared_links",
        "shopping",
    ]
    logs = read(box, tmp_path / "a", {}, "security_logs")
    assert len(logs) == 0


PATHS = {
    "without the item": ("All Files/Plans/2026", "5/6/", "Plans/2026", "6"),
    "with the item": ("All Files/Plans/2026/a.pdf", "5/6/7", "Plans/2026", "6"),
    "in Japanese": ("すべてのファイル/Plans/2026", "0/5/6", "Plans/2026", "6"),
    "in an unknown language": ("Kaikki tiedostot/Plans/2026", "5/6/", "Plans/2026", "6"),
    "without the root": ("Plans/2026", "5/6", "Plans/2026", "6"),
    "at the top": ("All Files", "", "", "0"),
    "at the top with the item": ("All Files/a.pdf", "7", "", "0"),
}


@pytest.mark.parametrize("layout", PATHS)
def test_each_form_of_a_path_is_that_of_a_walk(box: boxnb.Box, tmp_path: Path, layout: str) -> None:
    """The root's name and the item itself are not part of the path, whatever the layout."""
    path, path_ids, expected, parent = PATHS[layout]
    file = text(
        "Owner Login,Path,Path ID,Item Name,Item ID", row("a@example.com", path, path_ids, "a.pdf", "7")
    )
    name = "folder_and_file_tree_run_on_2026-03-01-10-00-00_Page_1.csv"
    report = read(box, tmp_path / "a", {name: file}, "folders_and_files")
    assert (report["path"].iloc[0], report["parent_id"].iloc[0]) == (expected, parent)


def test_a_user_can_extend_the_table(box: boxnb.Box, tmp_path: Path) -> None:
    """Rows of a caller's table add a language, a word and a whole report, and come before boxnb's own."""
    extension = tmp_path / "mine.csv"
    extension.write_text(
        "report,column,type,unit,headers\n"
        "user_activity,created_at,time,local,Datum\n"
        "user_activity,event_type,words,action,Aktion\n"
        "words:action,DOWNLOAD,,,Heruntergeladen\n"
        "moon_phases,phase,text,,Phase\n"
        "moon_phases,seen_at,time,UTC,Date\n",
        encoding="utf-8",
    )
    files = {
        f"{NAME}_Seite_1.csv": text("Datum,Aktion", "2026-03-01 08:00:00,Heruntergeladen"),
        "moon_phases_run_on_2026-03-01-10-00-00.csv": text("Phase,Date", "New,2026-03-01"),
    }
    german = read(box, tmp_path / "a", files, "user_activity", columns=extension)
    assert german.columns.tolist() == ["created_at", "event_type"]
    assert german["event_type"].astype(str).tolist() == ["DOWNLOAD"]
    moon = read(box, tmp_path / "a", files, "moon_phases", columns=extension)
    assert moon["seen_at"].tolist() == [pd.Timestamp("2026-03-01", tz="UTC")]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("a,b\n1,2\n", "The first row of mine.csv must be report,column,type,unit,headers."),
        (
            "report,column,type,unit,headers\nx,y,date,,Z\n",
            "Row 2 of mine.csv needs a report, a column, headers",
        ),
        ("report,column,type,unit,headers\nx,y,time,GMT,Z\n", "one of the units local, UTC, unknown"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(
    box: boxnb.Box, tmp_path: Path, table: str, message: str
) -> None:
    """The message names the row and what it needs."""
    file = tmp_path / "mine.csv"
    file.write_text(table, encoding="utf-8")
    with pytest.raises(ConsoleError) as caught:
        box.console(columns=file)
    assert message in str(caught.value)
    with pytest.raises(ConsoleError, match="Cannot read the table of columns"):
        box.console(columns=tmp_path / "missing.csv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"zone": "Berlin"}, "zone takes a time zone such as 'Europe/Berlin'"),
        ({"where": "no/such/folder"}, "There is no file or folder 'no/such/folder'."),
        ({"run": -1}, "run takes a whole number"),
    ],
)
def test_an_argument_that_cannot_be_used_is_refused(
    box: boxnb.Box, options: dict[str, Any], message: str
) -> None:
    """The message says what the argument takes."""
    with pytest.raises((ArgumentError, ValueError), match=message):
        box.console(**options)


def test_every_header_of_the_table_is_known_once() -> None:
    """Within a report, no header leads to two columns, and every list of words exists."""
    table = console_table.own_table()
    for report, columns in table.columns.items():
        headers = [console_table.plain_header(header) for column in columns for header in column.headers]
        assert len(headers) == len(set(headers)) + sum(
            len(column.headers) - len({console_table.plain_header(header) for header in column.headers})
            for column in columns
        ), report
        assert {column.unit for column in columns if column.type == "words"} <= set(table.words)


@pytest.mark.parametrize("report", console_table.own_table().columns)
def test_every_report_of_the_table_is_read(box: boxnb.Box, tmp_path: Path, report: str) -> None:
    """A file with all first headers of a report has all its columns, with the dtypes that the types mean, even without rows."""
    columns = console_table.own_table().columns[report]
    stem = next((stem for stem, name in boxnb.datasets.console_files.STEMS.items() if name == report), report)
    file = text(row(*(column.headers[0] for column in columns)))
    frame = read(box, tmp_path / "a", {f"{stem}_run_on_2026-03-01-10-00-00_Page_1.csv": file}, report)
    dtypes = {
        "text": "str",
        "path": "str",
        "time": "datetime64[us, UTC]",
        "integer": "Int64",
        "size": "Int64",
    }
    dtypes |= {"boolean": "boolean", "words": "category"}
    for column in columns:
        assert str(frame[column.name].dtype) == dtypes[column.type]
