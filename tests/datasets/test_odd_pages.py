"""Pages that no description allows: an odd entry or field affects only itself, and what is missing is reported."""

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
from boxnb.errors import BoxNotebookError, BoxUnavailableError, ForbiddenError, ListingError, RangeError
from boxnb.widgets.tree_state import Branches, from_box

ADA = {"type": "user", "id": "1", "name": "Ada", "login": "ada@acme.example", "status": "active"}
EVE = {"type": "user", "id": "77", "name": "Eve", "login": "eve@rival.example"}
HALF = "photo \ud83d.jpg"
REFUSED = 403, {"type": "error", "status": 403, "code": "access_denied_insufficient_permissions"}


@pytest.fixture(autouse=True)
def no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable the rate limits of boxnb."""
    for name in list(rate_limit.LIMITS):
        monkeypatch.setitem(rate_limit.LIMITS, name, rate_limit.Limit(1_000_000))


def folder(which: Any, name: Any = "folder", parent: Any = "0", **more: Any) -> dict[str, Any]:
    """Return a folder entry."""
    return {
        "type": "folder",
        "id": which,
        "name": name,
        "parent": {"type": "folder", "id": parent, "name": "p"},
        "owned_by": {name: ADA[name] for name in ("type", "id", "name", "login")},
        "has_collaborations": True,
        **more,
    }


class Company:
    """A company with one admin. A test decides what is in the top folder; folders 10 and 20 contain one folder each."""

    def __init__(self) -> None:
        self.top: Any = []
        self.answers: dict[str, Any] = {}

    def __call__(self, path: str, query: dict[str, str]) -> Any:
        if path in self.answers:
            return self.answers[path]
        if path == "/users":
            return {"entries": [ADA], "total_count": 1, "limit": 1000, "offset": 0}
        if path == "/folders/0/items":
            return self.top if isinstance(self.top, bytes) else {"entries": self.top, "limit": 1000}
        if path in ("/folders/10/items", "/folders/20/items"):
            here = path.split("/")[2]
            return {"entries": [folder(f"{here}1", f"below {here}", here)], "limit": 1000}
        if path.endswith("/items"):
            return {"entries": [], "limit": 1000}
        if path == "/folders/101/collaborations":
            invited = {"type": "collaboration", "id": "500", "status": "accepted", "role": "editor"}
            return {"entries": [{**invited, "item": {"type": "folder", "id": "101"}, "accessible_by": EVE}]}
        return {"entries": []} if path.endswith("/collaborations") else None


@pytest.fixture
def company() -> Company:
    """Return a new company."""
    return Company()


@pytest.fixture
def box(company: Company) -> Iterator[boxnb.Box]:
    """Yield a Box for the company."""
    with made_up(company) as made:
        yield made


def with_warnings(pull: Callable[[], pd.DataFrame]) -> tuple[pd.DataFrame, list[str]]:
    """Return the DataFrame of a pull, and the texts of its warnings."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        frame = pull()
    assert all(warning.filename == __file__ for warning in warned), (
        "a warning does not point to the caller's line"
    )
    return frame, [str(warning.message) for warning in warned]


def is_reported(frame: pd.DataFrame, warned: list[str]) -> bool:
    """Return whether a DataFrame is marked incomplete, lists what was skipped, and came with one warning."""
    return frame.attrs["complete"] is False and bool(frame.attrs["skipped"]) and len(warned) == 1


# An entry of a listing, and whether it may be a folder, which cannot be opened then.
ODD: dict[str, tuple[Any, bool]] = {
    "no type": ({"id": "99", "name": "x"}, True),
    "a type that is null": ({"type": None, "id": "99", "name": "x"}, True),
    "a type that is a list": ({"type": ["folder"], "id": "99"}, True),
    "a type nobody knows": ({"type": "shortcut", "id": "99", "name": "x"}, False),
    "a file without a name": ({"type": "file", "id": "99", "name": None, "size": 1}, False),
    "a file with a number for an id": ({"type": "file", "id": 99, "name": "x"}, False),
    "a file without an id": ({"type": "file", "name": "x"}, False),
    "half a surrogate pair": ({"type": "file", "id": "99", "name": HALF}, False),
    "an owner without an id": ({"type": "file", "id": "99", "owned_by": {"type": "user", "id": None}}, False),
    "an owner that is a text": ({"type": "file", "id": "99", "owned_by": "Ada"}, False),
    "an owner that is a list": ({"type": "file", "id": "99", "owned_by": [ADA]}, False),
    "nested nulls": (
        {"type": "file", "id": "99", "shared_link": {"permissions": {"can_edit": [None]}}},
        False,
    ),
    "a size that is a text": ({"type": "file", "id": "99", "name": "x", "size": "1 MB"}, False),
    "a size beyond all numbers": ({"type": "file", "id": "99", "name": "x", "size": 10**30}, False),
    "an invalid time": ({"type": "file", "id": "99", "name": "x", "created_at": "yesterday"}, False),
    "null": (None, True),
    "a number": (17, True),
    "a text": ("folder", True),
    "a list": ([folder("99")], True),
    "an empty object": ({}, True),
    "a folder without an id": ({"type": "folder", "name": "x"}, True),
    "a folder whose id is null": (folder(None), True),
    "a folder whose id is empty": (folder(""), True),
    "a folder whose id is a list": (folder(["99"]), True),
    "a folder whose id is half a surrogate pair": (folder(HALF), True),
}


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize("what", ODD)
def test_odd_entry_does_not_affect_its_neighbours(
    company: Company, box: boxnb.Box, what: str, place: int
) -> None:
    """Both walks read the folders next to it. If the entry may be a folder, it is reported."""
    odd, lost = ODD[what]
    company.top = [folder("10", "Contracts"), folder("20", "Board")]
    company.top.insert(place, odd)
    tree, warned = with_warnings(box.tree)
    assert {"below 10", "below 20"} <= set(tree["name"].dropna())
    assert len(tree) == 5
    assert is_reported(tree, warned) if lost else tree.attrs["complete"]
    content, warned = with_warnings(lambda: reports.content(box))
    assert {"below 10", "below 20"} <= set(content["name"].dropna())
    assert len(content) == 5
    assert is_reported(content, warned) if lost else content.attrs["complete"]
    report, warned = with_warnings(lambda: reports.external_collaborators(box))
    assert report["login"].tolist() == ["eve@rival.example"]
    assert is_reported(report, warned) if lost else report.attrs["complete"]


ODD_FOLDERS: dict[str, dict[str, Any]] = {
    "a number for an id": folder(10, "x"),
    "no name": {name: value for name, value in folder("10").items() if name != "name"},
    "a name that is null": folder("10", None),
    "a name that is a number": folder("10", 17),
    "a name that is a list": folder("10", ["x"]),
    "half a surrogate pair in its name": folder("10", HALF),
    "no owner": folder("10", owned_by=None),
    "an owner that is a text": folder("10", owned_by="Ada"),
    "an owner whose id is a number": folder("10", owned_by={"type": "user", "id": 1}),
    "an owner whose id is null": folder("10", owned_by={"type": "user", "id": None}),
    "a parent that is a list": folder("10", parent=[]),
    "an odd size": folder("10", size="much"),
    "an odd time": folder("10", created_at=17),
    "an odd flag": folder("10", has_collaborations="perhaps"),
    "fields nobody knows": folder("10", colour="red", nested={"a": {"b": None}}),
    "blanks about its id": folder(" 10 "),
}


@pytest.mark.parametrize("what", ODD_FOLDERS)
def test_odd_folder_is_walked(company: Company, box: boxnb.Box, what: str) -> None:
    """Its content is found, and its path has the folder's name if that can be read."""
    company.top = [ODD_FOLDERS[what], folder("20", "Board")]
    for walk in (box.tree, lambda: reports.content(box)):
        frame, _ = with_warnings(walk)
        assert set(frame["name"].dropna()) >= {"below 10", "below 20"}
        assert frame.attrs["complete"]
        path = frame.set_index("name").loc["below 10", "path"]
        assert path in ("folder", "x", "17", "(no name)", ""), path


def test_walk_with_repeated_ids_and_cycles_ends(company: Company, box: boxnb.Box) -> None:
    """A page lists the same folder twice, and a folder contains its own parent."""
    company.top = [folder("10"), folder("10"), folder(10), folder("20")]
    company.answers["/folders/101/items"] = {
        "entries": [folder("10", "again", "101"), folder("0", "top", "101")]
    }
    for walk in (box.tree, lambda: reports.content(box)):
        frame, _ = with_warnings(walk)
        assert frame["id"].dropna().is_unique
        assert {"101", "201"} <= set(frame["id"])


BODIES: dict[str, Any] = {
    "entries that are null": {"entries": None, "limit": 1000},
    "entries that are an object": {"entries": {"type": "folder", "id": "99"}},
    "entries that are a text": {"entries": "none"},
    "entries that are a number": {"entries": 0},
    "no entries": {"limit": 1000},
    "an empty object": {},
    "a list": [folder("99")],
    "null": None,
    "a refusal": REFUSED,
    "a bad request": (400, {"type": "error", "status": 400, "code": "bad_request", "message": "Bad Request"}),
    "nested too deeply": b'{"entries":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
}


@pytest.mark.parametrize("what", BODIES)
def test_odd_page_affects_only_its_folder(company: Company, box: boxnb.Box, what: str) -> None:
    """The other folders are walked, and the one that could not be read is named."""
    company.top = [folder("10", "Contracts"), folder("20", "Board")]
    body = BODIES[what]
    company.answers["/folders/10/items"] = (200, None) if body is None else body
    for walk in (box.tree, lambda: reports.content(box)):
        frame, warned = with_warnings(walk)
        assert set(frame["name"]) == {"Contracts", "Board", "below 20"}
        assert is_reported(frame, warned)
        assert [one["id"] for one in frame.attrs["skipped"]] == ["10"]
        assert "id 10" in warned[0]


def test_refused_second_page_keeps_the_first(company: Company, box: boxnb.Box) -> None:
    """The rows of the first page and everything below them are in the result."""

    def answer(path: str, query: dict[str, str]) -> Any:
        if path == "/folders/0/items":
            return REFUSED if "marker" in query else {"entries": [folder("10")], "next_marker": "m"}
        return company(path, query)

    with made_up(answer) as here:
        tree, warned = with_warnings(here.tree)
        assert set(tree["name"]) == {"folder", "below 10"}
        assert is_reported(tree, warned)


def test_bytes_that_are_not_utf_8_affect_one_value(company: Company, box: boxnb.Box) -> None:
    """A name may be in another encoding, or contain half a surrogate pair as three bytes."""
    for odd in (b"\xff\xfe", b"\xed\xa0\xbd", b"\xc3("):
        listing = json.dumps(
            {"entries": [folder("10"), {"type": "file", "id": "9", "name": "NAME"}]}
        ).encode()
        company.top = listing.replace(b"NAME", b"a" + odd)
        tree, warned = with_warnings(box.tree)
        assert set(tree["id"]) == {"10", "101", "9"}
        assert len(warned) == 1
        assert "1 row has a value of another type" in warned[0]
        assert tree.attrs["odd"] == 1


def test_number_with_thousands_of_digits_affects_one_value(company: Company, box: boxnb.Box) -> None:
    """Python does not convert such a number, so it stays text."""
    listing = json.dumps({"entries": [folder("10"), {"type": "file", "id": "9", "size": 0}]}).encode()
    company.top = listing.replace(b'"size": 0', b'"size": ' + b"9" * 5000)
    tree, warned = with_warnings(box.tree)
    assert set(tree["id"]) == {"10", "101", "9"}
    assert len(warned) == 1


# Listings by offset: 5 rows in pages of 2.
def rows_of(path: str) -> Callable[[int], dict[str, Any]]:
    """Return a function from a number to the row of a listing."""
    kind = {"/users": "user", "/groups": "group"}.get(path, "file")
    return lambda number: {
        "type": kind,
        "id": str(number + 1),
        "name": f"n{number}",
        "login": f"u{number}@a.b",
    }


class Offsets:
    """Answers with pages of two rows by offset, which a test can change."""

    def __init__(self, change: Callable[[dict[str, Any]], Any], count: int = 5) -> None:
        self.change, self.count = change, count

    def __call__(self, path: str, query: dict[str, str]) -> Any:
        make = rows_of(path)
        if query.get("usemarker") and path == "/users":
            at = int(query.get("marker") or 0)
            more = str(at + 2) if at + 2 < self.count else None
            rows = [make(n) for n in range(at, min(at + 2, self.count))]
            return {"entries": rows, "next_marker": more}
        at = int(query.get("offset", 0))
        rows = [make(n) for n in range(at, min(at + 2, self.count))]
        return self.change({"entries": rows, "total_count": self.count, "offset": at, "limit": 2})


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
        rest = {name: held for name, held in page.items() if name != field}
        return rest if value is ... else {**rest, field: value}

    return change


@pytest.mark.parametrize("field", ["total_count", "limit", "offset", "order", "entries order"])
@pytest.mark.parametrize("name", BY_OFFSET)
def test_odd_field_of_an_offset_page_loses_no_row(name: str, field: str) -> None:
    """For any value of the field, every row is there, or the result is marked incomplete with a warning."""
    change: dict[str, Callable[[dict[str, Any]], Any]] = {}

    def answer(path: str, query: dict[str, str]) -> Any:
        return Offsets(change["now"])(path, query)

    with made_up(answer) as box:
        for what, value in VALUES.items():
            change["now"] = changed(field, value)
            box.session.ledger.remember("users", rows=0, calls=1)
            try:
                frame, warned = with_warnings(lambda: BY_OFFSET[name](box))
            except BoxNotebookError:
                continue
            every = sorted(frame["id"]) == ["1", "2", "3", "4", "5"]
            assert every or is_reported(frame, warned), f"{what}: {frame['id'].tolist()}, {warned}"


@pytest.mark.parametrize("name", BY_OFFSET)
def test_wrong_or_missing_count_loses_no_row(name: str) -> None:
    """One server counts only the entries of the page, and another one counts nothing."""
    for change in (
        lambda page: {**page, "total_count": len(page["entries"])},
        lambda page: {"entries": page["entries"], "limit": 2},
        lambda page: {"entries": page["entries"]},
    ):
        with made_up(Offsets(change)) as box:
            frame, warned = with_warnings(lambda: BY_OFFSET[name](box))
            assert sorted(frame["id"]) == ["1", "2", "3", "4", "5"]
            assert frame.attrs["complete"]
            assert not warned


def test_listing_of_one_page_needs_one_call() -> None:
    """If the page is not full and the count is right, nothing else is requested."""
    with made_up(Offsets(lambda page: {**page, "limit": 1000}, count=2)) as box:
        assert box.groups().attrs["calls"] == 1
        assert box.frame("/groups").attrs["calls"] == 1


def test_server_that_ignores_offsets_does_not_cause_a_loop() -> None:
    """The server repeats its page, so each row is kept once, with a warning."""
    page = {"entries": [rows_of("/groups")(n) for n in range(2)], "total_count": 9, "limit": 2}
    for name in ("groups", "frame"):
        with made_up(lambda path, query: page) as box:
            frame, warned = with_warnings(lambda name=name: BY_OFFSET[name](box))  # type: ignore[misc]
            assert frame["id"].tolist() == ["1", "2"]
            assert is_reported(frame, warned)


def test_fewer_rows_than_box_counts_are_reported() -> None:
    """Box counts what this user may not see, and does not return it."""
    with made_up(Offsets(lambda page: {**page, "total_count": 9})) as box:
        frame, warned = with_warnings(box.groups)
        assert len(frame) == 5
        assert is_reported(frame, warned)
        assert "counts 9 entries but returned 5" in warned[0]


BY_MARKER: dict[str, Callable[[boxnb.Box], pd.DataFrame]] = {
    "items": lambda box: box.items("7"),
    "tree": lambda box: box.tree("7", depth=1),
    "trash": lambda box: box.trash(),
    "device_pins": lambda box: box.device_pins(enterprise_id="7"),
    "collaborations": lambda box: box.collaborations("7", inherited=True),
    "frame": lambda box: box.frame("/folders/7/items", usemarker="true"),
}


@pytest.mark.parametrize("when", ["last", "first"])
@pytest.mark.parametrize("name", BY_MARKER)
def test_odd_marker_loses_no_row(name: str, when: str) -> None:
    """In place of the last marker it ends the listing; in place of any other, the missing rows are reported."""
    odd: list[Any] = [..., None, "", 0, "0", False, True, " ", [], {}, ["m"], 1.5, -1, HALF]

    def answer(path: str, query: dict[str, str]) -> Any:
        at = int(query.get("marker") or 0)
        rows = [{"type": "file", "id": str(n + 1)} for n in range(at, min(at + 2, 5))]
        page = {"entries": rows, "limit": 2, "next_marker": str(at + 2)}
        if at == (4 if when == "last" else 0):
            page = changed("next_marker", value)(page)
        return page

    with made_up(answer) as box:
        for value in odd:
            frame, warned = with_warnings(lambda: BY_MARKER[name](box))
            assert frame["id"].tolist() == ["1", "2", "3", "4", "5"][: 5 if when == "last" else 2]
            ends = value is ... or value in (None, "", 0, "0")  # how Box ends a listing
            assert is_reported(frame, warned) or (ends and frame.attrs["complete"]), value


def test_markers_in_a_cycle_end() -> None:
    """Two markers that lead to each other do not cause an endless loop."""
    pages = {"": "a", "a": "b", "b": "a"}

    def answer(path: str, query: dict[str, str]) -> Any:
        here = query.get("marker", "")
        return {"entries": [{"type": "file", "id": here or "0"}], "next_marker": pages[here]}

    with made_up(answer) as box:
        frame, warned = with_warnings(lambda: box.items("7"))
        assert frame["id"].tolist() == ["0", "a", "b"]
        assert is_reported(frame, warned)


POSITIONS: list[Any] = ["0", 0, None, ..., "", "abc", "12", 12, -1, 1.5, True, [], {}, " ", "8471", HALF]


def event(which: str) -> dict[str, Any]:
    """Return an event entry."""
    return {
        "type": "event",
        "event_id": which,
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


@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize("name", STREAMS)
def test_position_is_never_replaced_by_an_invalid_one(name: str, rows: bool) -> None:
    """An invalid position on an empty last page is ignored; on a page with events, it is reported."""
    asked: list[str] = []

    def answer(path: str, query: dict[str, str]) -> Any:
        asked.append(query.get("stream_position", "0"))
        if len(asked) == 1:
            return {"entries": [event("e1")], "chunk_size": 1, "next_stream_position": 8471}
        page = {"entries": [event("e2")] if rows and len(asked) == 2 else [], "chunk_size": 0}
        return changed("next_stream_position", value)(page)

    with made_up(answer) as box:
        for value in POSITIONS:
            asked.clear()
            frame, warned = with_warnings(lambda: STREAMS[name](box))
            assert frame.attrs["position"] == "8471", value
            assert frame.attrs["resume"] is None
            assert asked[1:] == ["8471"], value
            assert frame["event_id"].tolist() == (["e1", "e2"] if rows else ["e1"])
            if rows and value != "8471":
                assert is_reported(frame, warned), value
            else:
                assert frame.attrs["complete"]
                assert not warned


def test_pull_without_events_keeps_the_position() -> None:
    """The next pull continues there."""
    with made_up(lambda path, query: changed("next_stream_position", value)({"entries": []})) as box:
        for value in POSITIONS[:-2]:
            frame, _ = with_warnings(lambda: box.events(stream="admin_logs_streaming", position="9999"))
            assert frame.attrs["position"] == "9999", value


def test_empty_page_may_advance_the_position() -> None:
    """Time passes even if nothing happens."""
    with made_up(lambda path, query: {"entries": [], "next_stream_position": "12345"}) as box:
        assert box.events(stream="admin_logs_streaming", position="9999").attrs["position"] == "12345"


@pytest.mark.parametrize("odd", ["", "nan", "last week", "8471.0", float("nan"), -1])
def test_invalid_position_is_refused_before_any_call(box: boxnb.Box, odd: Any) -> None:
    """A stored position that was lost must not restart at the oldest event."""
    with pytest.raises(RangeError, match="is not a stream position"):
        box.events(position=odd)
    assert box.session.ledger.calls == 0


# The same rule holds for everything that the caller names.
NAMED: dict[str, Callable[[boxnb.Box, list[str]], pd.DataFrame]] = {
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
    **{name: lambda box, pull=pull: pull(box, ["5"]) for name, pull in NAMED.items()},  # type: ignore[misc]
}
REFUSALS: dict[str, Any] = {
    "403": REFUSED,
    "404": None,
    "400": (400, {"type": "error", "status": 400, "code": "bad_request", "message": "Bad Request"}),
    "410": (410, {"type": "error", "status": 410, "code": "gone", "message": "Gone"}),
    "not a page": {"entries": "none"},
}


@pytest.mark.parametrize("why", REFUSALS)
@pytest.mark.parametrize("name", SINGLE)
def test_refusal_of_the_only_named_item_raises(name: str, why: str) -> None:
    """Every dataset raises the true reason."""
    if why == "not a page" and name in ("folder", "file", "user"):
        return  # they are single objects, not pages
    with made_up(lambda path, query: REFUSALS[why]) as box:
        with pytest.raises(BoxNotebookError) as caught:
            SINGLE[name](box)
        if why in ("403", "404"):
            assert str(getattr(caught.value, "status", "")) == why
        assert caught.value.partial is not None
        assert caught.value.partial.attrs["complete"] is False


@pytest.mark.parametrize("why", REFUSALS)
@pytest.mark.parametrize("name", NAMED)
def test_one_refusal_of_several_items_is_reported(name: str, why: str) -> None:
    """The other items are there; the refused one is listed with one warning."""

    def answer(path: str, query: dict[str, str]) -> Any:
        if "/5/" in path:
            return REFUSALS[why]
        return {"entries": [{"id": path.split("/")[2] + "00"}], "total_count": 1, "limit": 1000}

    with made_up(answer) as box:
        frame, warned = with_warnings(lambda: NAMED[name](box, ["4", "5", "6"]))
        assert frame["id"].tolist() == ["400", "600"]
        assert is_reported(frame, warned)
        assert [one["id"] for one in frame.attrs["skipped"]] == ["5"]


def test_only_listed_group_is_skipped_if_refused() -> None:
    """The user did not name the group, so its refusal does not raise, even if it is the only one."""

    def answer(path: str, query: dict[str, str]) -> Any:
        if path == "/groups":
            return {"entries": [{"type": "group", "id": "5", "name": "g"}], "total_count": 1, "limit": 1000}
        return REFUSED

    with made_up(answer) as box:
        frame, warned = with_warnings(box.memberships)
        assert frame.empty
        assert is_reported(frame, warned)


def test_incomplete_walk_makes_incomplete_results(company: Company, box: boxnb.Box) -> None:
    """Collaborations and links of a walk that missed a folder are incomplete, with one warning each."""
    company.top = [folder("10"), folder("20")]
    company.answers["/folders/10/items"] = REFUSED
    tree, _ = with_warnings(box.tree)
    for pull in (lambda: box.collaborations(tree), lambda: box.shared_links(of=tree), box.shared_links):
        frame, warned = with_warnings(pull)
        assert is_reported(frame, warned), pull
        assert [one["id"] for one in frame.attrs["skipped"]] == ["10"]


def test_incomplete_list_of_users_makes_incomplete_content(company: Company, box: boxnb.Box) -> None:
    """The content of users who were not listed is not walked."""
    company.answers["/users"] = {"entries": [ADA], "total_count": 7, "limit": 1000, "offset": 0}
    content, warned = with_warnings(lambda: reports.content(box))
    assert content.attrs["complete"] is False
    assert "counts 7 entries" in content.attrs["skipped"][0]["why"]
    assert len(warned) == 1


def test_refusal_is_listed_in_every_report(company: Company, box: boxnb.Box) -> None:
    """Every report that fetches its own walk or invitations lists what was refused."""
    company.top = [folder("10", shared_link={"url": "https://x.example/1", "access": "open"}), folder("20")]
    company.answers["/folders/20/items"] = REFUSED
    company.answers["/groups"] = {"entries": [], "total_count": 0}
    company.answers["/events"] = {"entries": [], "next_stream_position": 7}
    walks = [
        "shared_links",
        "storage_by",
        "stale_content",
        "large_files",
        "duplicate_files",
        "ownership_of_leavers",
    ]
    for name in [*walks, "hidden_links", "external_collaborators", "shared_widely", "pending_invitations"]:
        report, warned = with_warnings(lambda name=name: getattr(reports, name)(box))  # type: ignore[misc]
        assert is_reported(report, warned), name
        assert [one["id"] for one in report.attrs["skipped"]] == ["20"]
    del company.answers["/folders/20/items"]
    company.answers["/folders/10/collaborations"] = REFUSED
    for name in ("external_collaborators", "shared_widely", "pending_invitations"):
        report, warned = with_warnings(lambda name=name: getattr(reports, name)(box))  # type: ignore[misc]
        assert is_reported(report, warned), name
        assert [one["id"] for one in report.attrs["skipped"]] == ["10"]


def test_page_that_is_not_json_ends_the_walk(company: Company, box: boxnb.Box) -> None:
    """It is a network problem and not the property of one folder, so the walk can be resumed."""
    company.top = [folder("10"), folder("20")]
    company.answers["/folders/20/items"] = b"<html>Blocked</html>"
    with pytest.raises(BoxUnavailableError, match="not a page of entries") as caught:
        box.tree()
    assert caught.value.partial is not None
    assert [place[0] for place in caught.value.partial.attrs["resume"]["pending"]] == ["20", "101"]


def test_walk_without_any_readable_user_raises(company: Company, box: boxnb.Box) -> None:
    """If not even the first users can be read, the true reason is raised."""
    company.answers["/folders/0/items"] = REFUSED
    with pytest.raises(ForbiddenError):
        reports.content(box)


ONE: dict[str, Callable[[boxnb.Box], pd.DataFrame]] = {
    "folder": lambda box: box.folder("5"),
    "file": lambda box: box.file("5"),
    "user": lambda box: box.user("5"),
    "me": lambda box: box.me(),
}


@pytest.mark.parametrize("name", ONE)
def test_response_that_is_not_one_object_raises(name: str) -> None:
    """A response with status 200 and other content raises like a refusal."""
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
                ONE[name](box)
            assert "not one object" in str(caught.value), content


def test_device_pins_of_nobodys_enterprise() -> None:
    """A user without an enterprise gets a message, instead of a call for the enterprise 'nan'."""
    asked: list[str] = []

    def answer(path: str, query: dict[str, str]) -> Any:
        asked.append(path)
        return {**ADA, "enterprise": None}

    with made_up(answer) as box, pytest.raises(ListingError, match="does not belong to an enterprise"):
        box.device_pins()
    assert asked == ["/users/me"]


def test_tree_widget_reports_what_it_could_not_read() -> None:
    """After an odd marker or a refusal there is one sentence; fetched rows can be selected, and the rest is requested again."""
    first = {"entries": [folder("10")], "next_marker": "a"}
    for second, why in (({"entries": [folder("11")], "next_marker": "a"}, "same marker"), (REFUSED, "403")):
        with made_up(lambda path, query, second=second: second if "marker" in query else first) as box:
            branches = Branches(from_box(box))
            for _ in range(2):
                messages = list(branches.open("0"))
                assert messages[-1]["type"] == "failed"
                assert why in messages[-1]["why"]
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
    """Text, numpy numbers and whole floats are accepted; anything else is one sentence that names the argument."""
    with made_up(lambda path, query: {"entries": [], "total_count": 0}) as box:
        for right in (5, "5", " 5\n", 5.0, np.int64(5), np.float64(5)):
            assert NUMBERS[name](box, right).empty
        for wrong in ("abc", float("nan"), -1, [1], 1.5, object()):
            with pytest.raises(ListingError, match=name.split()[1]):
                NUMBERS[name](box, wrong)


def test_event_types_accept_common_collections() -> None:
    """A column, an array, a set and a single name are accepted; a value that is not a name is refused."""
    asked: list[str | None] = []

    def answer(path: str, query: dict[str, str]) -> Any:
        asked.append(query.get("event_type"))
        return {"entries": [], "next_stream_position": "1"}

    with made_up(answer) as box:
        for right in (pd.Series(["LOGIN"]), np.array(["LOGIN"]), ("LOGIN",), {"LOGIN"}, "LOGIN", [" LOGIN "]):
            asked.clear()
            box.events(event_type=right)
            assert set(asked) == {"LOGIN"}
        for wrong in ([None], [1], 5, ["LOGIN", float("nan")]):
            with pytest.raises(RangeError, match="event_type"):
                box.events(event_type=wrong)


def test_content_of_an_unknown_user_is_reported(company: Company, box: boxnb.Box) -> None:
    """A named user who is not active is listed as skipped, and the others are walked."""
    frame, warned = with_warnings(lambda: reports.content(box, people_of=["1", "99"]))  # type: ignore[arg-type]
    assert is_reported(frame, warned)
    assert [each["as_user"] for each in frame.attrs["skipped"]] == ["99"]
