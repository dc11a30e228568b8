"""Pages as no description promises them: an odd entry or field costs at most itself, and what is missing is said."""

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
    """The kit does not hold back."""
    for name in list(rate_limit.LIMITS):
        monkeypatch.setitem(rate_limit.LIMITS, name, rate_limit.Limit(1_000_000))


def folder(which: Any, name: Any = "folder", parent: Any = "0", **more: Any) -> dict[str, Any]:
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
    """One admin, whose top folder holds what a test puts there; below folders 10 and 20 lies one folder each."""

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
    return Company()


@pytest.fixture
def box(company: Company) -> Iterator[boxnb.Box]:
    with made_up(company) as made:
        yield made


def told(pull: Callable[[], pd.DataFrame]) -> tuple[pd.DataFrame, list[str]]:
    """A frame and the warnings it came with."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        frame = pull()
    assert all(one.filename == __file__ for one in said), "a warning stands at another line than the reader's"
    return frame, [str(one.message) for one in said]


def honest(frame: pd.DataFrame, said: list[str]) -> bool:
    """Marked incomplete, listed and said once."""
    return frame.attrs["complete"] is False and bool(frame.attrs["skipped"]) and len(said) == 1


# What stands in a listing, and whether it may be a folder that nobody can open then.
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
    "a time that is none": ({"type": "file", "id": "99", "name": "x", "created_at": "yesterday"}, False),
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
def test_an_odd_entry_stops_nothing_below_the_others(
    company: Company, box: boxnb.Box, what: str, place: int
) -> None:
    """Both folders beside it are walked, by both walks; where it may be a folder itself, that is said."""
    odd, lost = ODD[what]
    company.top = [folder("10", "Contracts"), folder("20", "Board")]
    company.top.insert(place, odd)
    tree, said = told(box.tree)
    assert {"below 10", "below 20"} <= set(tree["name"].dropna())
    assert len(tree) == 5
    assert honest(tree, said) if lost else tree.attrs["complete"]
    content, said = told(lambda: reports.content(box))
    assert {"below 10", "below 20"} <= set(content["name"].dropna())
    assert len(content) == 5
    assert honest(content, said) if lost else content.attrs["complete"]
    report, said = told(lambda: reports.external_collaborators(box))
    assert report["login"].tolist() == ["eve@rival.example"]
    assert honest(report, said) if lost else report.attrs["complete"]


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
def test_an_odd_folder_is_walked(company: Company, box: boxnb.Box, what: str) -> None:
    """What lies below it is there, below its name where that can be read."""
    company.top = [ODD_FOLDERS[what], folder("20", "Board")]
    for walk in (box.tree, lambda: reports.content(box)):
        frame, _ = told(walk)
        assert set(frame["name"].dropna()) >= {"below 10", "below 20"}
        assert frame.attrs["complete"]
        path = frame.set_index("name").loc["below 10", "path"]
        assert path in ("folder", "x", "17", "(no name)", ""), path


def test_ids_twice_and_folders_in_a_circle_end(company: Company, box: boxnb.Box) -> None:
    """The same folder twice on a page, and a folder that holds the one it lies in."""
    company.top = [folder("10"), folder("10"), folder(10), folder("20")]
    company.answers["/folders/101/items"] = {
        "entries": [folder("10", "again", "101"), folder("0", "top", "101")]
    }
    for walk in (box.tree, lambda: reports.content(box)):
        frame, _ = told(walk)
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
def test_an_odd_page_costs_one_folder(company: Company, box: boxnb.Box, what: str) -> None:
    """The others are walked, and the walk says which one it could not read."""
    company.top = [folder("10", "Contracts"), folder("20", "Board")]
    body = BODIES[what]
    company.answers["/folders/10/items"] = (200, None) if body is None else body
    for walk in (box.tree, lambda: reports.content(box)):
        frame, said = told(walk)
        assert set(frame["name"]) == {"Contracts", "Board", "below 20"}
        assert honest(frame, said)
        assert [one["id"] for one in frame.attrs["skipped"]] == ["10"]
        assert "id 10" in said[0]


def test_a_second_page_that_is_refused_keeps_the_first(company: Company, box: boxnb.Box) -> None:
    """The rows that came are there, what lies below them too."""

    def answer(path: str, query: dict[str, str]) -> Any:
        if path == "/folders/0/items":
            return REFUSED if "marker" in query else {"entries": [folder("10")], "next_marker": "m"}
        return company(path, query)

    with made_up(answer) as here:
        tree, said = told(here.tree)
        assert set(tree["name"]) == {"folder", "below 10"}
        assert honest(tree, said)


def test_bytes_that_are_not_utf8_cost_one_value(company: Company, box: boxnb.Box) -> None:
    """A name in another encoding, and half a surrogate pair as three bytes."""
    for odd in (b"\xff\xfe", b"\xed\xa0\xbd", b"\xc3("):
        listing = json.dumps(
            {"entries": [folder("10"), {"type": "file", "id": "9", "name": "NAME"}]}
        ).encode()
        company.top = listing.replace(b"NAME", b"a" + odd)
        tree, said = told(box.tree)
        assert set(tree["id"]) == {"10", "101", "9"}
        assert len(said) == 1
        assert "1 row has a value of another type" in said[0]
        assert tree.attrs["odd"] == 1


def test_a_number_of_thousands_of_digits_costs_one_value(company: Company, box: boxnb.Box) -> None:
    """Python refuses to read one; it stays text."""
    listing = json.dumps({"entries": [folder("10"), {"type": "file", "id": "9", "size": 0}]}).encode()
    company.top = listing.replace(b'"size": 0', b'"size": ' + b"9" * 5000)
    tree, said = told(box.tree)
    assert set(tree["id"]) == {"10", "101", "9"}
    assert len(said) == 1


# Listings by offset: 5 rows in pages of 2.
def rows_of(path: str) -> Callable[[int], dict[str, Any]]:
    kind = {"/users": "user", "/groups": "group"}.get(path, "file")
    return lambda number: {
        "type": kind,
        "id": str(number + 1),
        "name": f"n{number}",
        "login": f"u{number}@a.b",
    }


class Offsets:
    """Pages of 2 by offset, changed as a test wants."""

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
    def change(page: dict[str, Any]) -> dict[str, Any]:
        rest = {name: held for name, held in page.items() if name != field}
        return rest if value is ... else {**rest, field: value}

    return change


@pytest.mark.parametrize("field", ["total_count", "limit", "offset", "order", "entries order"])
@pytest.mark.parametrize("name", BY_OFFSET)
def test_an_odd_field_of_a_page_by_offset_loses_no_row(name: str, field: str) -> None:
    """Every row, or marked incomplete and said; whatever stands in the field."""
    change: dict[str, Callable[[dict[str, Any]], Any]] = {}

    def answer(path: str, query: dict[str, str]) -> Any:
        return Offsets(change["now"])(path, query)

    with made_up(answer) as box:
        for what, value in VALUES.items():
            change["now"] = changed(field, value)
            box.session.ledger.remember("users", rows=0, calls=1)
            try:
                frame, said = told(lambda: BY_OFFSET[name](box))
            except BoxNotebookError:
                continue
            every = sorted(frame["id"]) == ["1", "2", "3", "4", "5"]
            assert every or honest(frame, said), f"{what}: {frame['id'].tolist()}, {said}"


@pytest.mark.parametrize("name", BY_OFFSET)
def test_a_count_of_the_page_loses_no_row(name: str) -> None:
    """A server that counts the entries of the page instead of those of the listing; and one that counts nothing at all."""
    for change in (
        lambda page: {**page, "total_count": len(page["entries"])},
        lambda page: {"entries": page["entries"], "limit": 2},
        lambda page: {"entries": page["entries"]},
    ):
        with made_up(Offsets(change)) as box:
            frame, said = told(lambda: BY_OFFSET[name](box))
            assert sorted(frame["id"]) == ["1", "2", "3", "4", "5"]
            assert frame.attrs["complete"]
            assert not said


def test_a_listing_that_fits_costs_no_call_more() -> None:
    """Where the page is not full and the count is right, nothing else is asked."""
    with made_up(Offsets(lambda page: {**page, "limit": 1000}, count=2)) as box:
        assert box.groups().attrs["calls"] == 1
        assert box.frame("/groups").attrs["calls"] == 1


def test_a_server_that_does_not_know_offsets_is_not_asked_for_ever() -> None:
    """The same page again and again: told, and each row once."""
    page = {"entries": [rows_of("/groups")(n) for n in range(2)], "total_count": 9, "limit": 2}
    for name in ("groups", "frame"):
        with made_up(lambda path, query: page) as box:
            frame, said = told(lambda name=name: BY_OFFSET[name](box))  # type: ignore[misc]
            assert frame["id"].tolist() == ["1", "2"]
            assert honest(frame, said)


def test_fewer_rows_than_box_counts_is_said() -> None:
    """What this user may not see is counted, and not shown."""
    with made_up(Offsets(lambda page: {**page, "total_count": 9})) as box:
        frame, said = told(box.groups)
        assert len(frame) == 5
        assert honest(frame, said)
        assert "counts 9 entries but returned 5" in said[0]


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
def test_an_odd_marker_loses_no_row(name: str, when: str) -> None:
    """In place of the last marker it ends the listing; in place of another one the rows that are missing are said."""
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
            frame, said = told(lambda: BY_MARKER[name](box))
            assert frame["id"].tolist() == ["1", "2", "3", "4", "5"][: 5 if when == "last" else 2]
            ends = value is ... or value in (None, "", 0, "0")  # how Box ends a listing
            assert honest(frame, said) or (ends and frame.attrs["complete"]), value


def test_markers_in_a_circle_end() -> None:
    """Two markers that lead to each other would be followed for ever."""
    pages = {"": "a", "a": "b", "b": "a"}

    def answer(path: str, query: dict[str, str]) -> Any:
        here = query.get("marker", "")
        return {"entries": [{"type": "file", "id": here or "0"}], "next_marker": pages[here]}

    with made_up(answer) as box:
        frame, said = told(lambda: box.items("7"))
        assert frame["id"].tolist() == ["0", "a", "b"]
        assert honest(frame, said)


POSITIONS: list[Any] = ["0", 0, None, ..., "", "abc", "12", 12, -1, 1.5, True, [], {}, " ", "8471", HALF]


def event(which: str) -> dict[str, Any]:
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
def test_a_position_is_never_replaced_by_one_that_is_none(name: str, rows: bool) -> None:
    """What an empty last page says does not count unless it goes on; where events come with it, that is said."""
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
            frame, said = told(lambda: STREAMS[name](box))
            assert frame.attrs["position"] == "8471", value
            assert frame.attrs["resume"] is None
            assert asked[1:] == ["8471"], value
            assert frame["event_id"].tolist() == (["e1", "e2"] if rows else ["e1"])
            if rows and value != "8471":
                assert honest(frame, said), value
            else:
                assert frame.attrs["complete"]
                assert not said


def test_nothing_new_keeps_the_position_that_was_given() -> None:
    """So that the next pull goes on from there."""
    with made_up(lambda path, query: changed("next_stream_position", value)({"entries": []})) as box:
        for value in POSITIONS[:-2]:
            frame, _ = told(lambda: box.events(stream="admin_logs_streaming", position="9999"))
            assert frame.attrs["position"] == "9999", value


def test_a_position_further_on_is_taken_from_an_empty_page() -> None:
    """Time passes also where nothing happens."""
    with made_up(lambda path, query: {"entries": [], "next_stream_position": "12345"}) as box:
        assert box.events(stream="admin_logs_streaming", position="9999").attrs["position"] == "12345"


@pytest.mark.parametrize("odd", ["", "nan", "last week", "8471.0", float("nan"), -1])
def test_a_position_that_is_none_is_one_sentence(box: boxnb.Box, odd: Any) -> None:
    """Before any call: a stored position that got lost must not begin at the oldest event."""
    with pytest.raises(RangeError, match="is not a stream position"):
        box.events(position=odd)
    assert box.session.ledger.calls == 0


# One rule for what somebody names.
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
def test_one_thing_that_is_named_and_refused_raises(name: str, why: str) -> None:
    """The true reason, whatever the dataset."""
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
def test_several_things_of_which_one_is_refused_are_said(name: str, why: str) -> None:
    """The others are there; the one is counted, listed and warned about."""

    def answer(path: str, query: dict[str, str]) -> Any:
        if "/5/" in path:
            return REFUSALS[why]
        return {"entries": [{"id": path.split("/")[2] + "00"}], "total_count": 1, "limit": 1000}

    with made_up(answer) as box:
        frame, said = told(lambda: NAMED[name](box, ["4", "5", "6"]))
        assert frame["id"].tolist() == ["400", "600"]
        assert honest(frame, said)
        assert [one["id"] for one in frame.attrs["skipped"]] == ["5"]


def test_what_is_found_and_not_named_is_skipped_even_alone() -> None:
    """Of the groups that were listed one alone may be refused; nobody named it."""

    def answer(path: str, query: dict[str, str]) -> Any:
        if path == "/groups":
            return {"entries": [{"type": "group", "id": "5", "name": "g"}], "total_count": 1, "limit": 1000}
        return REFUSED

    with made_up(answer) as box:
        frame, said = told(box.memberships)
        assert frame.empty
        assert honest(frame, said)


def test_what_a_frame_lacks_is_handed_on_to_what_is_asked_of_it(company: Company, box: boxnb.Box) -> None:
    """A walk that missed a folder makes collaborations and links that are not complete, each with one warning."""
    company.top = [folder("10"), folder("20")]
    company.answers["/folders/10/items"] = REFUSED
    tree, _ = told(box.tree)
    for pull in (lambda: box.collaborations(tree), lambda: box.shared_links(of=tree), box.shared_links):
        frame, said = told(pull)
        assert honest(frame, said), pull
        assert [one["id"] for one in frame.attrs["skipped"]] == ["10"]


def test_a_list_of_users_that_is_cut_makes_content_that_is_not_complete(
    company: Company, box: boxnb.Box
) -> None:
    """Who was not listed was not walked."""
    company.answers["/users"] = {"entries": [ADA], "total_count": 7, "limit": 1000, "offset": 0}
    content, said = told(lambda: reports.content(box))
    assert content.attrs["complete"] is False
    assert "counts 7 entries" in content.attrs["skipped"][0]["why"]
    assert len(said) == 1


def test_a_refusal_to_a_report_is_in_the_report(company: Company, box: boxnb.Box) -> None:
    """Of the walk and of the invitations; each report that fetches for itself says so."""
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
        report, said = told(lambda name=name: getattr(reports, name)(box))  # type: ignore[misc]
        assert honest(report, said), name
        assert [one["id"] for one in report.attrs["skipped"]] == ["20"]
    del company.answers["/folders/20/items"]
    company.answers["/folders/10/collaborations"] = REFUSED
    for name in ("external_collaborators", "shared_widely", "pending_invitations"):
        report, said = told(lambda name=name: getattr(reports, name)(box))  # type: ignore[misc]
        assert honest(report, said), name
        assert [one["id"] for one in report.attrs["skipped"]] == ["10"]


def test_a_page_that_is_not_json_still_ends_a_walk(company: Company, box: boxnb.Box) -> None:
    """That is trouble on the way and not an oddity of one folder: the walk can be resumed."""
    company.top = [folder("10"), folder("20")]
    company.answers["/folders/20/items"] = b"<html>Blocked</html>"
    with pytest.raises(BoxUnavailableError, match="not a page of entries") as caught:
        box.tree()
    assert caught.value.partial is not None
    assert [place[0] for place in caught.value.partial.attrs["resume"]["pending"]] == ["20", "101"]


def test_nobody_who_may_be_looked_at_is_still_an_error(company: Company, box: boxnb.Box) -> None:
    """Where not even the first people can be seen, the true reason is raised."""
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
def test_a_single_thing_that_is_not_there_is_no_row(name: str) -> None:
    """An answer of 200 with something else in it raises, as a refusal of the one thing does."""
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


def test_a_tree_on_screen_says_what_it_could_not_read() -> None:
    """A page with an odd marker, or a refusal in the middle: one sentence; what came can be chosen, and is asked for again."""
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
def test_counts_and_offsets_as_people_give_them(name: str) -> None:
    """Text, numpy's numbers and whole floats serve; all else is one sentence that names the argument."""
    with made_up(lambda path, query: {"entries": [], "total_count": 0}) as box:
        for right in (5, "5", " 5\n", 5.0, np.int64(5), np.float64(5)):
            assert NUMBERS[name](box, right).empty
        for wrong in ("abc", float("nan"), -1, [1], 1.5, object()):
            with pytest.raises(ListingError, match=name.split()[1]):
                NUMBERS[name](box, wrong)


def test_event_types_out_of_a_table() -> None:
    """A column, an array, a set and one name are the same; what is not a name is one sentence."""
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


def test_content_of_somebody_who_is_not_there_is_said(company: Company, box: boxnb.Box) -> None:
    """A named person who is no active user is noted, and the others are walked."""
    frame, said = told(lambda: reports.content(box, people_of=["1", "99"]))  # type: ignore[arg-type]
    assert honest(frame, said)
    assert [each["as_user"] for each in frame.attrs["skipped"]] == ["99"]
