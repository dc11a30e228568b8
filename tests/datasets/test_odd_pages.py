"""Pages that Box's API description does not allow: an odd entry or field affects only itself, and gaps are reported."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from madeup import made_up

import boxnb
from boxnb import reports
from boxnb.api import rate_limit
from boxnb.errors import (
    ArgumentError,
    BoxNotebookError,
    BoxUnavailableError,
    ForbiddenError,
    ListingError,
    RangeError,
)
from boxnb.widgets.tree_state import Branches, from_box

ADA = {"type": "user", "id": "1", "name": "Ada", "login": "ada@acme.example", "status": "active"}
EVE = {"type": "user", "id": "77", "name": "Eve", "login": "eve@rival.example"}
LONE_SURROGATE = "photo \ud83d.jpg"
REFUSED = 403, {"type": "error", "status": 403, "code": "access_denied_insufficient_permissions"}


@pytest.fixture(autouse=True)
def no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable the rate limits of boxnb."""
    for name in list(rate_limit.LIMITS):
        monkeypatch.setitem(rate_limit.LIMITS, name, rate_limit.Limit(1_000_000))


def folder(folder_id: Any, name: Any = "folder", parent: Any = "0", **fields: Any) -> dict[str, Any]:
    """Return a folder entry."""
    return {
        "type": "folder",
        "id": folder_id,
        "name": name,
        "parent": {"type": "folder", "id": parent, "name": "p"},
        "owned_by": {name: ADA[name] for name in ("type", "id", "name", "login")},
        "has_collaborations": True,
        **fields,
    }


class Company:
    """A company with one admin. A test fills the top folder; folders 10 and 20 contain one folder each."""

    def __init__(self) -> None:
        self.top: Any = []
        self.responses: dict[str, Any] = {}

    def __call__(self, path: str, query: dict[str, str]) -> Any:
        if path in self.responses:
            return self.responses[path]
        if path == "/users":
            return {"entries": [ADA], "total_count": 1, "limit": 1000, "offset": 0}
        if path == "/folders/0/items":
            return self.top if isinstance(self.top, bytes) else {"entries": self.top, "limit": 1000}
        if path in ("/folders/10/items", "/folders/20/items"):
            folder_id = path.split("/")[2]
            return {"entries": [folder(f"{folder_id}1", f"below {folder_id}", folder_id)], "limit": 1000}
        if path.endswith("/items"):
            return {"entries": [], "limit": 1000}
        if path == "/folders/101/collaborations":
            collaboration = {"type": "collaboration", "id": "500", "status": "accepted", "role": "editor"}
            return {
                "entries": [{**collaboration, "item": {"type": "folder", "id": "101"}, "accessible_by": EVE}]
            }
        return {"entries": []} if path.endswith("/collaborations") else None


@pytest.fixture
def company() -> Company:
    """Return a new company."""
    return Company()


@pytest.fixture
def box(company: Company) -> Iterator[boxnb.Box]:
    """Yield a Box for the company."""
    with made_up(company) as fictitious_box:
        yield fictitious_box


def with_warnings(pull: Callable[[], pd.DataFrame]) -> tuple[pd.DataFrame, list[str]]:
    """Return the DataFrame of a pull, and the messages of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = pull()
    assert all(warning.filename == __file__ for warning in caught), (
        "a warning does not point to the caller's line"
    )
    return frame, [str(warning.message) for warning in caught]


def is_reported(frame: pd.DataFrame, messages: list[str]) -> bool:
    """Return whether a DataFrame is marked incomplete, lists what was skipped, and caused one warning."""
    return frame.attrs["complete"] is False and bool(frame.attrs["skipped"]) and len(messages) == 1


# An entry of a listing, and whether it may be a folder, which then cannot be listed.
ODD_ENTRIES: dict[str, tuple[Any, bool]] = {
    "no type": ({"id": "99", "name": "x"}, True),
    "a type that is null": ({"type": None, "id": "99", "name": "x"}, True),
    "a type that is a list": ({"type": ["folder"], "id": "99"}, True),
    "an unknown type": ({"type": "shortcut", "id": "99", "name": "x"}, False),
    "a file without a name": ({"type": "file", "id": "99", "name": None, "size": 1}, False),
    "a file with a number for an id": ({"type": "file", "id": 99, "name": "x"}, False),
    "a file without an id": ({"type": "file", "name": "x"}, False),
    "a lone surrogate": ({"type": "file", "id": "99", "name": LONE_SURROGATE}, False),
    "an owner without an id": ({"type": "file", "id": "99", "owned_by": {"type": "user", "id": None}}, False),
    "an owner that is a string": ({"type": "file", "id": "99", "owned_by": "Ada"}, False),
    "an owner that is a list": ({"type": "file", "id": "99", "owned_by": [ADA]}, False),
    "nested nulls": (
        {"type": "file", "id": "99", "shared_link": {"permissions": {"can_edit": [None]}}},
        False,
    ),
    "a size that is a string": ({"type": "file", "id": "99", "name": "x", "size": "1 MB"}, False),
    "a size beyond all numbers": ({"type": "file", "id": "99", "name": "x", "size": 10**30}, False),
    "an invalid time": ({"type": "file", "id": "99", "name": "x", "created_at": "yesterday"}, False),
    "null": (None, True),
    "a number": (17, True),
    "a string": ("folder", True),
    "a list": ([folder("99")], True),
    "an empty object": ({}, True),
    "a folder without an id": ({"type": "folder", "name": "x"}, True),
    "a folder whose id is null": (folder(None), True),
    "a folder whose id is empty": (folder(""), True),
    "a folder whose id is a list": (folder(["99"]), True),
    "a folder whose id is a lone surrogate": (folder(LONE_SURROGATE), True),
}


@pytest.mark.parametrize("position", [0, 2])
@pytest.mark.parametrize("description", ODD_ENTRIES)
def test_odd_entry_does_not_affect_its_neighbours(
    company: Company, box: boxnb.Box, description: str, position: int
) -> None:
    """Both walks read the folders before and after an odd entry. If the entry may be a folder, it is reported."""
    entry, may_be_folder = ODD_ENTRIES[description]
    company.top = [folder("10", "Contracts"), folder("20", "Board")]
    company.top.insert(position, entry)
    tree, messages = with_warnings(box.tree)
    assert {"below 10", "below 20"} <= set(tree["name"].dropna())
    assert len(tree) == 5
    assert is_reported(tree, messages) if may_be_folder else tree.attrs["complete"]
    content, messages = with_warnings(lambda: reports.content(box))
    assert {"below 10", "below 20"} <= set(content["name"].dropna())
    assert len(content) == 5
    assert is_reported(content, messages) if may_be_folder else content.attrs["complete"]
    report, messages = with_warnings(lambda: reports.external_collaborators(box))
    assert report["login"].tolist() == ["eve@rival.example"]
    assert is_reported(report, messages) if may_be_folder else report.attrs["complete"]


ODD_FOLDERS: dict[str, dict[str, Any]] = {
    "a number for an id": folder(10, "x"),
    "no name": {name: value for name, value in folder("10").items() if name != "name"},
    "a name that is null": folder("10", None),
    "a name that is a number": folder("10", 17),
    "a name that is a list": folder("10", ["x"]),
    "a lone surrogate in its name": folder("10", LONE_SURROGATE),
    "no owner": folder("10", owned_by=None),
    "an owner that is a string": folder("10", owned_by="Ada"),
    "an owner whose id is a number": folder("10", owned_by={"type": "user", "id": 1}),
    "an owner whose id is null": folder("10", owned_by={"type": "user", "id": None}),
    "a parent that is a list": folder("10", parent=[]),
    "an odd size": folder("10", size="much"),
    "an odd time": folder("10", created_at=17),
    "an odd flag": folder("10", has_collaborations="perhaps"),
    "unknown fields": folder("10", colour="red", nested={"a": {"b": None}}),
    "spaces around its id": folder(" 10 "),
}


@pytest.mark.parametrize("description", ODD_FOLDERS)
def test_odd_folder_is_walked(company: Company, box: boxnb.Box, description: str) -> None:
    """The content of an odd folder is listed, and its path has the folder's name if that can be read."""
    company.top = [ODD_FOLDERS[description], folder("20", "Board")]
    for walk in (box.tree, lambda: reports.content(box)):
        frame, _ = with_warnings(walk)
        assert set(frame["name"].dropna()) >= {"below 10", "below 20"}
        assert frame.attrs["complete"]
        path = frame.set_index("name").loc["below 10", "path"]
        assert path in ("folder", "x", "17", "(no name)", ""), path


def test_walk_with_repeated_ids_and_cycles_ends(company: Company, box: boxnb.Box) -> None:
    """Each id appears once if a page lists the same folder twice and a folder contains its own parent."""
    company.top = [folder("10"), folder("10"), folder(10), folder("20")]
    company.responses["/folders/101/items"] = {
        "entries": [folder("10", "again", "101"), folder("0", "top", "101")]
    }
    for walk in (box.tree, lambda: reports.content(box)):
        frame, _ = with_warnings(walk)
        assert frame["id"].dropna().is_unique
        assert {"101", "201"} <= set(frame["id"])


BODIES: dict[str, Any] = {
    "entries that are null": {"entries": None, "limit": 1000},
    "entries that are an object": {"entries": {"type": "folder", "id": "99"}},
    "entries that are a string": {"entries": "none"},
    "entries that are a number": {"entries": 0},
    "no entries": {"limit": 1000},
    "an empty object": {},
    "a list": [folder("99")],
    "null": None,
    "a refusal": REFUSED,
    "a bad request": (400, {"type": "error", "status": 400, "code": "bad_request", "message": "Bad Request"}),
    "nested too deeply": b'{"entries":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
}


@pytest.mark.parametrize("description", BODIES)
def test_odd_page_affects_only_its_folder(company: Company, box: boxnb.Box, description: str) -> None:
    """The other folders are walked, and the warning names the one that could not be read."""
    company.top = [folder("10", "Contracts"), folder("20", "Board")]
    body = BODIES[description]
    company.responses["/folders/10/items"] = (200, None) if body is None else body
    for walk in (box.tree, lambda: reports.content(box)):
        frame, messages = with_warnings(walk)
        assert set(frame["name"]) == {"Contracts", "Board", "below 20"}
        assert is_reported(frame, messages)
        assert [entry["id"] for entry in frame.attrs["skipped"]] == ["10"]
        assert "id 10" in messages[0]


def test_refused_second_page_keeps_the_first(company: Company, box: boxnb.Box) -> None:
    """The result has the rows of the first page and everything below them."""

    def respond(path: str, query: dict[str, str]) -> Any:
        if path == "/folders/0/items":
            return REFUSED if "marker" in query else {"entries": [folder("10")], "next_marker": "m"}
        return company(path, query)

    with made_up(respond) as odd_box:
        tree, messages = with_warnings(odd_box.tree)
        assert set(tree["name"]) == {"folder", "below 10"}
        assert is_reported(tree, messages)


def test_bytes_that_are_not_utf_8_affect_one_value(company: Company, box: boxnb.Box) -> None:
    """A name may be in another encoding, or contain a lone surrogate as three bytes."""
    for bytes_ in (b"\xff\xfe", b"\xed\xa0\xbd", b"\xc3("):
        listing = json.dumps(
            {"entries": [folder("10"), {"type": "file", "id": "9", "name": "NAME"}]}
        ).encode()
        company.top = listing.replace(b"NAME", b"a" + bytes_)
        tree, messages = with_warnings(box.tree)
        assert set(tree["id"]) == {"10", "101", "9"}
        assert len(messages) == 1
        assert "1 row has a value of an unexpected type" in messages[0]
        assert tree.attrs["odd"] == 1


def test_number_with_thousands_of_digits_affects_one_value(company: Company, box: boxnb.Box) -> None:
    """Python does not convert a number of this length, so it becomes text in ``extra``."""
    listing = json.dumps({"entries": [folder("10"), {"type": "file", "id": "9", "size": 0}]}).encode()
    company.top = listing.replace(b'"size": 0', b'"size": ' + b"9" * 5000)
    tree, messages = with_warnings(box.tree)
    assert set(tree["id"]) == {"10", "101", "9"}
    assert len(messages) == 1


# Listings by offset: 5 rows in pages of 2.
def rows_of(path: str) -> Callable[[int], dict[str, Any]]:
    """Return a function that returns the row of a listing with a certain number."""
    object_type = {"/users": "user", "/groups": "group"}.get(path, "file")
    return lambda number: {
        "type": object_type,
        "id": str(number + 1),
        "name": f"n{number}",
        "login": f"u{number}@a.b",
    }


class Offsets:
    """Responds with pages of two rows by offset, which a test can change."""

    def __init__(self, change: Callable[[dict[str, Any]], Any], count: int = 5) -> None:
        self.change, self.count = change, count

    def __call__(self, path: str, query: dict[str, str]) -> Any:
        row = rows_of(path)
        if query.get("usemarker") and path == "/users":
            offset = int(query.get("marker") or 0)
            next_marker = str(offset + 2) if offset + 2 < self.count else None
            rows = [row(n) for n in range(offset, min(offset + 2, self.count))]
            return {"entries": rows, "next_marker": next_marker}
        offset = int(query.get("offset", 0))
        rows = [row(n) for n in range(offset, min(offset + 2, self.count))]
        return self.change({"entries": rows, "total_count": self.count, "offset": offset, "limit": 2})


BY_OFFSET: dict[str, Callable[[boxnb.Box], pd.DataFrame]] = {
    "groups": lambda box: box.groups(),
    "users": lambda box: box.users(),
    "search": lambda box: box.search("x"),
    "versions": lambda box: box.versions("7"),
    "memberships of one": lambda box: box.memberships(ids=["7"]),
    "collaborations of a group": lambda box: box.collaborations("7", kind="group"),
    "frame": lambda box: box.frame("/groups"),
}
VALUES: dict[str, Any] = {
    "absent": ...,
    "null": None,
    "text": "5",
    "words": "many",
    "empty": "",
    "negative": -1,
    "a fraction": 1.5,
    "a float": 2.0,
    "true": True,
    "a list": [5],
    "an object": {"a": 5},
    "0": 0,
    "1": 1,
    "2": 2,
    "3": 3,
    "4": 4,
    "7": 7,
    "100": 100,
    "huge": 10**30,
}


def changed(field: str, value: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a function that changes one field of a page, or removes it."""

    def change(page: dict[str, Any]) -> dict[str, Any]:
        fields = {name: other for name, other in page.items() if name != field}
        return fields if value is ... else {**fields, field: value}

    return change


@pytest.mark.parametrize("field", ["total_count", "limit", "offset", "order", "entries order"])
@pytest.mark.parametrize("name", BY_OFFSET)
def test_odd_field_of_an_offset_page_does_not_lose_rows(name: str, field: str) -> None:
    """For any value of the field, the result has every row, or is marked incomplete with a warning."""
    changes: dict[str, Callable[[dict[str, Any]], Any]] = {}

    def respond(path: str, query: dict[str, str]) -> Any:
        return Offsets(changes["now"])(path, query)

    with made_up(respond) as box:
        for description, value in VALUES.items():
            changes["now"] = changed(field, value)
            box.session.ledger.remember("users", rows=0, calls=1)
            try:
                frame, messages = with_warnings(lambda: BY_OFFSET[name](box))
            except BoxNotebookError:
                continue
            is_complete = sorted(frame["id"]) == ["1", "2", "3", "4", "5"]
            assert is_complete or is_reported(frame, messages), (
                f"{description}: {frame['id'].tolist()}, {messages}"
            )


@pytest.mark.parametrize("name", BY_OFFSET)
def test_wrong_or_missing_count_does_not_lose_rows(name: str) -> None:
    """Some servers count only the entries of the page, and others count nothing."""
    for change in (
        lambda page: {**page, "total_count": len(page["entries"])},
        lambda page: {"entries": page["entries"], "limit": 2},
        lambda page: {"entries": page["entries"]},
    ):
        with made_up(Offsets(change)) as box:
            frame, messages = with_warnings(lambda: BY_OFFSET[name](box))
            assert sorted(frame["id"]) == ["1", "2", "3", "4", "5"]
            assert frame.attrs["complete"]
            assert not messages


def test_listing_of_one_page_needs_one_call() -> None:
    """If the page is not full and the count is right, a second page is not requested."""
    with made_up(Offsets(lambda page: {**page, "limit": 1000}, count=2)) as box:
        assert box.groups().attrs["calls"] == 1
        assert box.frame("/groups").attrs["calls"] == 1


def test_server_that_ignores_offsets_does_not_cause_a_loop() -> None:
    """If the server repeats its page, each row is kept once, with a warning."""
    page = {"entries": [rows_of("/groups")(n) for n in range(2)], "total_count": 9, "limit": 2}
    for name in ("groups", "frame"):
        with made_up(lambda path, query: page) as box:
            frame, messages = with_warnings(lambda name=name: BY_OFFSET[name](box))  # type: ignore[misc]
            assert frame["id"].tolist() == ["1", "2"]
            assert is_reported(frame, messages)


def test_fewer_rows_than_box_counts_are_reported() -> None:
    """Box counts entries that this user cannot see, but does not return them."""
    with made_up(Offsets(lambda page: {**page, "total_count": 9})) as box:
        frame, messages = with_warnings(box.groups)
        assert len(frame) == 5
        assert is_reported(frame, messages)
        assert "counts 9 entries but returned 5" in messages[0]


BY_MARKER: dict[str, Callable[[boxnb.Box], pd.DataFrame]] = {
    "items": lambda box: box.items("7"),
    "tree": lambda box: box.tree("7", depth=1),
    "trash": lambda box: box.trash(),
    "device_pins": lambda box: box.device_pins(enterprise_id="7"),
    "collaborations": lambda box: box.collaborations("7", inherited=True),
    "frame": lambda box: box.frame("/folders/7/items", usemarker="true"),
}


@pytest.mark.parametrize("marker_position", ["last", "first"])
@pytest.mark.parametrize("name", BY_MARKER)
def test_odd_marker_does_not_lose_rows(name: str, marker_position: str) -> None:
    """Instead of the last marker, an odd one ends the listing. Instead of another, the missing rows are reported."""
    markers: list[Any] = [..., None, "", 0, "0", False, True, " ", [], {}, ["m"], 1.5, -1, LONE_SURROGATE]

    def respond(path: str, query: dict[str, str]) -> Any:
        start = int(query.get("marker") or 0)
        rows = [{"type": "file", "id": str(n + 1)} for n in range(start, min(start + 2, 5))]
        page = {"entries": rows, "limit": 2, "next_marker": str(start + 2)}
        if start == (4 if marker_position == "last" else 0):
            page = changed("next_marker", value)(page)
        return page

    with made_up(respond) as box:
        for value in markers:
            frame, messages = with_warnings(lambda: BY_MARKER[name](box))
            assert frame["id"].tolist() == ["1", "2", "3", "4", "5"][: 5 if marker_position == "last" else 2]
            is_end = value is ... or value in (None, "", 0, "0")  # the values with which Box ends a listing
            assert is_reported(frame, messages) or (is_end and frame.attrs["complete"]), value


def test_markers_in_a_cycle_end() -> None:
    """Two markers that refer to each other do not cause an endless loop."""
    next_markers = {"": "a", "a": "b", "b": "a"}

    def respond(path: str, query: dict[str, str]) -> Any:
        marker = query.get("marker", "")
        return {"entries": [{"type": "file", "id": marker or "0"}], "next_marker": next_markers[marker]}

    with made_up(respond) as box:
        frame, messages = with_warnings(lambda: box.items("7"))
        assert frame["id"].tolist() == ["0", "a", "b"]
        assert is_reported(frame, messages)


POSITIONS: list[Any] = [
    "0",
    0,
    None,
    ...,
    "",
    "abc",
    "12",
    12,
    -1,
    1.5,
    True,
    [],
    {},
    " ",
    "8471",
    LONE_SURROGATE,
]


def event(event_id: str) -> dict[str, Any]:
    """Return an event entry."""
    return {
        "type": "event",
        "event_id": event_id,
        "event_type": "LOGIN",
        "created_at": "2026-01-05T10:00:00-08:00",
        "created_by": ADA,
    }


STREAMS: dict[str, Callable[[boxnb.Box], pd.DataFrame]] = {
    "from the start": lambda box: box.events(stream="admin_logs_streaming"),
    "a month": lambda box: box.events(since="2026-01-01", until="2026-02-01"),
    "from a position": lambda box: box.events(stream="admin_logs_streaming", position="100"),
    "one's own": lambda box: box.events(stream="all"),
    "frame": lambda box: box.frame("/events", stream_type="admin_logs"),
    "frame from a position": lambda box: box.frame("/events", stream_position="100"),
}


@pytest.mark.parametrize("has_rows", [True, False])
@pytest.mark.parametrize("name", STREAMS)
def test_position_is_never_replaced_by_an_invalid_one(name: str, has_rows: bool) -> None:
    """An invalid position is ignored on an empty last page, and reported on a page with events."""
    positions: list[str] = []

    def respond(path: str, query: dict[str, str]) -> Any:
        positions.append(query.get("stream_position", "0"))
        if len(positions) == 1:
            return {"entries": [event("e1")], "chunk_size": 1, "next_stream_position": 8471}
        page = {"entries": [event("e2")] if has_rows and len(positions) == 2 else [], "chunk_size": 0}
        return changed("next_stream_position", value)(page)

    with made_up(respond) as box:
        for value in POSITIONS:
            positions.clear()
            frame, messages = with_warnings(lambda: STREAMS[name](box))
            assert frame.attrs["position"] == "8471", value
            assert frame.attrs["resume"] is None
            assert positions[1:] == ["8471"], value
            assert frame["event_id"].tolist() == (["e1", "e2"] if has_rows else ["e1"])
            if has_rows and value != "8471":
                assert is_reported(frame, messages), value
            else:
                assert frame.attrs["complete"]
                assert not messages


def test_pull_without_events_keeps_the_position() -> None:
    """The next pull continues at the same position."""
    with made_up(lambda path, query: changed("next_stream_position", value)({"entries": []})) as box:
        for value in POSITIONS[:-2]:
            frame, _ = with_warnings(lambda: box.events(stream="admin_logs_streaming", position="9999"))
            assert frame.attrs["position"] == "9999", value


def test_empty_page_may_advance_the_position() -> None:
    """The position of the last page is returned even if there were no events."""
    with made_up(lambda path, query: {"entries": [], "next_stream_position": "12345"}) as box:
        assert box.events(stream="admin_logs_streaming", position="9999").attrs["position"] == "12345"


@pytest.mark.parametrize("position", ["", "nan", "last week", "8471.0", float("nan"), -1])
def test_invalid_position_is_refused_before_any_call(box: boxnb.Box, position: Any) -> None:
    """If a saved position is damaged, the pull must not restart at the oldest event."""
    with pytest.raises(RangeError, match="is not a stream position"):
        box.events(position=position)
    assert box.session.ledger.calls == 0


# A refusal raises if the caller named only one item, and is recorded if the caller named several.
SEVERAL: dict[str, Callable[[boxnb.Box, list[str]], pd.DataFrame]] = {
    "collaborations of folders": lambda box, ids: box.collaborations(ids),
    "collaborations of files": lambda box, ids: box.collaborations(ids, kind="file"),
    "collaborations of groups": lambda box, ids: box.collaborations(ids, kind="group"),
    "memberships of groups": lambda box, ids: box.memberships(ids=ids),
    "memberships of users": lambda box, ids: box.memberships(by="user", ids=ids),
}
SINGLE: dict[str, Callable[[boxnb.Box], pd.DataFrame]] = {
    "collaborations": lambda box: box.collaborations("5"),
    "tree": lambda box: box.tree("5"),
    "items": lambda box: box.items("5"),
    "folder": lambda box: box.folder("5"),
    "file": lambda box: box.file("5"),
    "versions": lambda box: box.versions("5"),
    "user": lambda box: box.user("5"),
    "frame": lambda box: box.frame("/folders/5/items"),
    **{name: lambda box, pull=pull: pull(box, ["5"]) for name, pull in SEVERAL.items()},  # type: ignore[misc]
}
REFUSALS: dict[str, Any] = {
    "403": REFUSED,
    "404": None,
    "400": (400, {"type": "error", "status": 400, "code": "bad_request", "message": "Bad Request"}),
    "410": (410, {"type": "error", "status": 410, "code": "gone", "message": "Gone"}),
    "not a page": {"entries": "none"},
}


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("name", SINGLE)
def test_refusal_of_the_only_named_item_raises(name: str, refusal: str) -> None:
    """Every dataset raises the error with the status of the refusal."""
    if refusal == "not a page" and name in ("folder", "file", "user"):
        return  # these datasets fetch single objects, not pages
    with made_up(lambda path, query: REFUSALS[refusal]) as box:
        with pytest.raises(BoxNotebookError) as caught:
            SINGLE[name](box)
        if refusal in ("403", "404"):
            assert str(getattr(caught.value, "status", "")) == refusal
        assert caught.value.partial is not None
        assert caught.value.partial.attrs["complete"] is False


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("name", SEVERAL)
def test_one_refusal_of_several_items_is_reported(name: str, refusal: str) -> None:
    """The result has the other items, and lists the refused one, with one warning."""

    def respond(path: str, query: dict[str, str]) -> Any:
        if "/5/" in path:
            return REFUSALS[refusal]
        return {"entries": [{"id": path.split("/")[2] + "00"}], "total_count": 1, "limit": 1000}

    with made_up(respond) as box:
        frame, messages = with_warnings(lambda: SEVERAL[name](box, ["4", "5", "6"]))
        assert frame["id"].tolist() == ["400", "600"]
        assert is_reported(frame, messages)
        assert [entry["id"] for entry in frame.attrs["skipped"]] == ["5"]


def test_refusal_of_the_only_listed_group_is_reported() -> None:
    """The refusal of a group that the caller did not name does not raise, even if it is the only one."""

    def respond(path: str, query: dict[str, str]) -> Any:
        if path == "/groups":
            return {"entries": [{"type": "group", "id": "5", "name": "g"}], "total_count": 1, "limit": 1000}
        return REFUSED

    with made_up(respond) as box:
        frame, messages = with_warnings(box.memberships)
        assert frame.empty
        assert is_reported(frame, messages)


def test_incomplete_walk_makes_incomplete_results(company: Company, box: boxnb.Box) -> None:
    """If a walk missed a folder, its collaborations and links are incomplete, with one warning each."""
    company.top = [folder("10"), folder("20")]
    company.responses["/folders/10/items"] = REFUSED
    tree, _ = with_warnings(box.tree)
    for pull in (lambda: box.collaborations(tree), lambda: box.shared_links(of=tree), box.shared_links):
        frame, messages = with_warnings(pull)
        assert is_reported(frame, messages), pull
        assert [entry["id"] for entry in frame.attrs["skipped"]] == ["10"]


def test_incomplete_list_of_users_makes_incomplete_content(company: Company, box: boxnb.Box) -> None:
    """If Box counts more users than it lists, their content is missing."""
    company.responses["/users"] = {"entries": [ADA], "total_count": 7, "limit": 1000, "offset": 0}
    content, messages = with_warnings(lambda: reports.content(box))
    assert content.attrs["complete"] is False
    assert "counts 7 entries" in content.attrs["skipped"][0]["why"]
    assert len(messages) == 1


def test_refusal_is_listed_in_every_report(company: Company, box: boxnb.Box) -> None:
    """Every report that fetches its own walk or invitations lists what was refused."""
    company.top = [folder("10", shared_link={"url": "https://x.example/1", "access": "open"}), folder("20")]
    company.responses["/folders/20/items"] = REFUSED
    company.responses["/groups"] = {"entries": [], "total_count": 0}
    company.responses["/events"] = {"entries": [], "next_stream_position": 7}
    walks = [
        "shared_links",
        "storage_by",
        "stale_content",
        "large_files",
        "duplicate_files",
        "ownership_of_leavers",
    ]
    for name in [*walks, "hidden_links", "external_collaborators", "shared_widely", "pending_invitations"]:
        report, messages = with_warnings(lambda name=name: getattr(reports, name)(box))  # type: ignore[misc]
        assert is_reported(report, messages), name
        assert [entry["id"] for entry in report.attrs["skipped"]] == ["20"]
    del company.responses["/folders/20/items"]
    company.responses["/folders/10/collaborations"] = REFUSED
    for name in ("external_collaborators", "shared_widely", "pending_invitations"):
        report, messages = with_warnings(lambda name=name: getattr(reports, name)(box))  # type: ignore[misc]
        assert is_reported(report, messages), name
        assert [entry["id"] for entry in report.attrs["skipped"]] == ["10"]


def test_page_that_is_not_json_ends_the_walk(company: Company, box: boxnb.Box) -> None:
    """A response that is not JSON comes from the network, not from one folder, so the walk ends and can be resumed."""
    company.top = [folder("10"), folder("20")]
    company.responses["/folders/20/items"] = b"<html>Blocked</html>"
    with pytest.raises(BoxUnavailableError, match="not a page of entries") as caught:
        box.tree()
    assert caught.value.partial is not None
    assert [folder_[0] for folder_ in caught.value.partial.attrs["resume"]["pending"]] == ["20", "101"]


def test_walk_without_any_readable_user_raises(company: Company, box: boxnb.Box) -> None:
    """If Box refuses even the first users, its refusal is raised."""
    company.responses["/folders/0/items"] = REFUSED
    with pytest.raises(ForbiddenError):
        reports.content(box)


OBJECTS: dict[str, Callable[[boxnb.Box], pd.DataFrame]] = {
    "folder": lambda box: box.folder("5"),
    "file": lambda box: box.file("5"),
    "user": lambda box: box.user("5"),
    "me": lambda box: box.me(),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_response_that_is_not_a_single_object_raises(name: str) -> None:
    """A response with status 200 but unexpected content raises."""
    for content in (
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"x"',
        b"7",
        b"<html>",
        b'{"name": "x"}',
        b'{"id": null}',
        b"[" * 9000,
    ):
        with made_up(lambda path, query, content=content: content) as box:
            with pytest.raises(BoxUnavailableError) as caught:
                OBJECTS[name](box)
            assert "not a single object" in str(caught.value), content


def test_device_pins_without_an_enterprise() -> None:
    """For a user without an enterprise there is a message, instead of a call for the enterprise 'nan'."""
    paths: list[str] = []

    def respond(path: str, query: dict[str, str]) -> Any:
        paths.append(path)
        return {**ADA, "enterprise": None}

    with made_up(respond) as box, pytest.raises(ListingError, match="does not belong to an enterprise"):
        box.device_pins()
    assert paths == ["/users/me"]


def test_tree_widget_reports_what_it_could_not_read() -> None:
    """After an odd marker or a refusal, the fetched rows can be selected, and the others are requested again."""
    first_page = {"entries": [folder("10")], "next_marker": "a"}
    for second_page, reason in (
        ({"entries": [folder("11")], "next_marker": "a"}, "same marker"),
        (REFUSED, "403"),
    ):
        with made_up(
            lambda path, query, second_page=second_page: second_page if "marker" in query else first_page
        ) as box:
            branches = Branches(from_box(box))
            for _ in range(2):
                messages = list(branches.open("0"))
                assert messages[-1]["type"] == "failed"
                assert reason in messages[-1]["why"]
                assert branches.selected["id"].tolist()[:1] == ["10"]


NUMBERS: dict[str, Callable[[boxnb.Box, Any], pd.DataFrame]] = {
    "tree depth": lambda box, n: box.tree(depth=n),
    "versions offset": lambda box, n: box.versions("5", offset=n),
    "users offset": lambda box, n: box.users(offset=n),
    "groups offset": lambda box, n: box.groups(offset=n),
    "search offset": lambda box, n: box.search("x", offset=n),
    "search limit": lambda box, n: box.search("x", limit=n),
    "frame limit": lambda box, n: box.frame("/things", limit=n),
    "frame offset": lambda box, n: box.frame("/things", offset=n),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_counts_and_offsets_accept_common_types(name: str) -> None:
    """Strings, NumPy numbers and whole floats are accepted; for anything else, the message names the argument."""
    with made_up(lambda path, query: {"entries": [], "total_count": 0}) as box:
        for valid in (5, "5", " 5\n", 5.0, np.int64(5), np.float64(5)):
            assert NUMBERS[name](box, valid).empty
        for invalid in ("abc", float("nan"), -1, [1], 1.5, object()):
            with pytest.raises(ArgumentError, match=name.split()[1]):
                NUMBERS[name](box, invalid)


def test_event_types_accept_common_collections() -> None:
    """A Series, an array, a set and a single name are accepted, and values that are not names are refused."""
    event_types: list[str | None] = []

    def respond(path: str, query: dict[str, str]) -> Any:
        event_types.append(query.get("event_type"))
        return {"entries": [], "next_stream_position": "1"}

    with made_up(respond) as box:
        for valid in (pd.Series(["LOGIN"]), np.array(["LOGIN"]), ("LOGIN",), {"LOGIN"}, "LOGIN", [" LOGIN "]):
            event_types.clear()
            box.events(event_type=valid)
            assert set(event_types) == {"LOGIN"}
        for invalid in ([None], [1], 5, ["LOGIN", float("nan")]):
            with pytest.raises(RangeError, match="event_type"):
                box.events(event_type=invalid)


def test_content_of_an_unknown_user_is_reported(company: Company, box: boxnb.Box) -> None:
    """A requested user who is not active is listed as skipped, and the others are walked."""
    frame, messages = with_warnings(lambda: reports.content(box, people_of=["1", "99"]))  # type: ignore[arg-type]
    assert is_reported(frame, messages)
    assert [entry["as_user"] for entry in frame.attrs["skipped"]] == ["99"]
