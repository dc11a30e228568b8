"""Ids: everything that a user may plausibly pass as an id works, and anything else is an error about the argument."""

from __future__ import annotations

import collections
import contextlib
import decimal
import io
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pretending import Pretender, pretending

import boxnb
from boxnb import reports
from boxnb.api import ids
from boxnb.errors import ApiError, BoxNotebookError, IdError
from boxnb.widgets import views

Row = collections.namedtuple("Row", "id name")

VALID = {
    "a number": 123,
    "numpy's number": np.int64(123),
    "a whole decimal number": 123.0,
    "numpy's decimal number": np.float32(123),
    "a Decimal": decimal.Decimal("123.0"),
    "numpy's single number": np.array(123),
    "text": "123",
    "numpy's string": np.str_("123"),
    "spaces and line ends": " 123\r\n",
    "a no-break space": "\u00a0123\u2003",
    "a byte order mark": "\ufeff123",
    "a zero-width space within": "1\u200b23",
    "direction marks": "\u202a123\u202c",
    "full-width digits": "１２３",
    "quotes": '"123"',
    "a spreadsheet's quote": "'123",
    "a column with gaps as text": "123.0",
    "a list of one": ["123"],
    "a Series of one": pd.Series([123.0]),
    "an Index of one": pd.Index(["123"]),
    "a table of one": pd.DataFrame({"id": [123], "name": ["x"]}),
    "a small object": {"type": "folder", "id": "123", "name": "x"},
    "a row": pd.Series({"type": "folder", "id": 123}),
    "a row of itertuples": Row(123, "x"),
    "a page of Box": "https://app.box.com/folder/123",
    "a page of an enterprise": "https://acme.app.box.com/folder/123?sortColumn=name#x",
    "a page without https": "acme.ent.box.com/folder/123/",
    "an older page": "https://app.box.com/files/0/f/123/Contracts",
    "a URL of the API": "https://api.box.com/2.0/folders/123/items",
    "a path": "/folders/123",
}

INVALID = {
    "None": None,
    "a gap": float("nan"),
    "a gap of pandas": pd.NA,
    "a gap of a time": pd.NaT,
    "empty": "",
    "only white space": " \u200b",
    "a gap as text": "nan",
    "a boolean": True,
    "numpy's boolean": np.bool_(False),
    "negative": -5,
    "negative text": "-5",
    "not whole": 1.5,
    "larger than any id": 10**5000,
    "longer than any id": "1" * 5000,
    "a gap of decimal": decimal.Decimal("sNaN"),
    "infinity": float("inf"),
    "lost digits": 1.2345678901234567e18,
    "lost digits of float32": np.float32(1234567890),
    "a spreadsheet's short form": "1.23457E+12",
    "a name": "Contracts",
    "a name with a slash": "R/D",
    "a login": "ada@example.com",
    "two": ["1", "2"],
    "an empty list": [],
    "two in a string": "12 34",
    "a table without ids": pd.DataFrame({"name": ["x"]}),
    "an object without an id": {"name": "x"},
    "a file": {"type": "file", "id": "1"},
    "a file's page": "https://app.box.com/file/123",
    "an older file's page": "https://app.box.com/files/0/f/1/1/f_123",
    "a shared link": "https://app.box.com/s/abcdefghijklmnop",
    "a page without an id": "https://app.box.com/recents",
    "a foreign page": "https://box.com.example.org/folder/123",
    "a malformed URL": "https://[",
    "bytes": b"123",
    "a superscript": "1²",
    "a module": ids,
}


@pytest.mark.parametrize("value", VALID.values(), ids=VALID)
def test_an_id_can_be_passed_in_many_ways(value: Any) -> None:
    """All of these values refer to the same folder."""
    assert ids.one(value, "folder_id", "folder") == "123"


@pytest.mark.parametrize("value", INVALID.values(), ids=INVALID)
def test_a_value_that_is_not_an_id_is_refused(value: Any) -> None:
    """The error is a ValueError that says in at most three sentences what the argument takes."""
    with pytest.raises(IdError, match=r"^folder_id") as caught:
        ids.one(value, "folder_id", "folder")
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, BoxNotebookError)
    assert len(re.findall(r"\.(?: |$)", str(caught.value))) <= 3 and "\n" not in str(caught.value)


def test_common_mistakes_have_their_own_messages() -> None:
    """The URL of another page, a shared link and a login are recognized, and the link itself is not repeated."""
    for value, message in {
        "https://app.box.com/file/123": "is the address of a file",
        "https://app.box.com/s/verysecretlink": "is a shared link",
        "1.23457E+12": "lost its last digits",
    }.items():
        with pytest.raises(IdError, match=message) as caught:
            ids.one(value, "folder_id", "folder")
        assert "verysecretlink" not in str(caught.value)
    with pytest.raises(IdError, match=r"as_user is a login.*box\.users\(filter_term='ada@example\.com'\)"):
        ids.as_user("ada@example.com")


def test_several_ids_can_be_passed_in_many_ways() -> None:
    """Duplicates are dropped, the order stays, and the message for an invalid id contains its position."""
    table = pd.read_csv(io.StringIO("id,name\n1234567890123,a\n,b\n1234567890124,c\n"))
    expected = ["1234567890123", "1234567890124"]
    for value in (
        table["id"].dropna(),
        table.dropna(),
        set(table["id"].dropna()),
        iter(expected),
        "1234567890123, 1234567890124\n",
    ):
        assert sorted(ids.many(value, "ids", "group")) == expected
    with pytest.raises(IdError, match=r"ids\[1\] is missing"):
        ids.many(table["id"], "ids", "group")
    with pytest.raises(IdError, match="takes only groups, but contains a user"):
        ids.many(pd.DataFrame({"type": ["user"], "id": ["1"]}), "ids", "group")


@pytest.fixture
def pretended() -> Iterator[tuple[Pretender, boxnb.Box]]:
    with pretending() as pair:
        yield pair


def one_page(method: str, path: str, query: Any, headers: Any, body: bytes) -> Any:
    """Return one object or an empty listing for every call."""
    last = path.split("/")[-1]
    if last.isdigit() or last == "me":
        return 200, {}, {"type": "x", "id": last}
    return 200, {}, {"entries": [], "total_count": 0, "limit": 1000, "offset": 0, "next_stream_position": "1"}


CALLS_BY_ARGUMENT = {
    "folder_id": {
        "items": lambda box, which: box.items(which),
        "tree": lambda box, which: box.tree(which),
        "folder": lambda box, which: box.folder(which),
        "shared_links": lambda box, which: box.shared_links(which),
        "estimate": lambda box, which: box.estimate("items", folder_id=which),
        "estimate of a walk": lambda box, which: box.estimate("tree", folder_id=which),
    },
    "file_id": {
        "file": lambda box, which: box.file(which),
        "versions": lambda box, which: box.versions(which),
        "file_history": lambda box, which: reports.file_history(box, which),
    },
    "user_id": {"user": lambda box, which: box.user(which)},
    "enterprise_id": {"device_pins": lambda box, which: box.device_pins(enterprise_id=which)},
    "ids": {
        "memberships": lambda box, which: box.memberships(ids=which),
        "memberships of people": lambda box, which: box.memberships(by="user", ids=which),
    },
    "of": {
        "collaborations": lambda box, which: box.collaborations(which),
        "collaborations of files": lambda box, which: box.collaborations(which, kind="file"),
        "collaborations of groups": lambda box, which: box.collaborations(which, kind="group"),
    },
    "ancestor_folder_ids": {"search": lambda box, which: box.search("x", ancestor_folder_ids=which)},
    "root": {"folder tree": lambda box, which: views.folders(box, root=which)},
    "who": {"user_history": lambda box, which: reports.user_history(box, which)},
    "people_of": {"content": lambda box, which: _quietly(reports.content, box, people_of=which)},
}
CALLS = [
    pytest.param(argument, call, id=f"{name}({argument}=)")
    for argument, calls in CALLS_BY_ARGUMENT.items()
    for name, call in calls.items()
]


@pytest.mark.parametrize(("argument", "call"), CALLS)
def test_every_dataset_and_report_accepts_the_same_ids(
    pretended: tuple[Pretender, boxnb.Box], argument: str, call: Callable[[boxnb.Box, Any], Any]
) -> None:
    """All forms of an id lead to the same URL; a missing or invalid one is refused without a call."""
    pretender, box = pretended
    pretender.first = one_page
    calls_by_value = []
    for value in ("123", 123, np.int64(123), 123.0, " 123\n"):
        pretender.calls.clear()
        call(box, value)
        calls_by_value.append(list(pretender.calls))
    assert all(calls == calls_by_value[0] for calls in calls_by_value)
    pretender.calls.clear()
    for value in (float("nan"), True, "", "https://app.box.com/s/abcdef"):
        with pytest.raises(IdError, match=rf"^{argument}"):
            call(box, value)
    assert pretender.calls == []


def _quietly(call: Callable[..., Any], *value: Any, **others: Any) -> None:
    """Make the calls of a transfer or walk without its warnings and errors, which do not matter here."""
    with warnings.catch_warnings(), contextlib.suppress(ApiError):
        warnings.simplefilter("ignore")
        call(*value, **others)


AS_USER: dict[str, Callable[[boxnb.Box, Any], Any]] = {
    "get": lambda box, who: box.get("/users/me", as_user=who),
    "frame": lambda box, who: box.frame("/webhooks", as_user=who),
    "me": lambda box, who: box.me(as_user=who),
    "items": lambda box, who: box.items(as_user=who),
    "tree": lambda box, who: box.tree(as_user=who),
    "folder": lambda box, who: box.folder("1", as_user=who),
    "file": lambda box, who: box.file("1", as_user=who),
    "versions": lambda box, who: box.versions("1", as_user=who),
    "search": lambda box, who: box.search("x", as_user=who),
    "trash": lambda box, who: box.trash(as_user=who),
    "collaborations": lambda box, who: box.collaborations("1", as_user=who),
    "shared_links": lambda box, who: box.shared_links(as_user=who),
    "events": lambda box, who: box.events(stream="all", as_user=who),
    "estimate": lambda box, who: box.estimate("items", as_user=who),
    "folder tree": lambda box, who: views.folders(box, as_user=who),
    "download": lambda box, who: _quietly(box.download, ["1"], tempfile.mkdtemp(), as_user=who),
    "upload": lambda box, who: _quietly(box.upload, __file__, as_user=who),
    "upload_folder": lambda box, who: _quietly(box.upload_folder, tempfile.mkdtemp(), as_user=who),
}


@pytest.mark.parametrize("call", AS_USER.values(), ids=AS_USER)
def test_as_user_is_an_id_like_any_other(
    pretended: tuple[Pretender, boxnb.Box], call: Callable[[boxnb.Box, Any], Any]
) -> None:
    """For every form of the id, the header contains its digits; a value that is not an id is refused without a call."""
    pretender, box = pretended
    pretender.first = one_page
    for value in (12345, np.int64(12345), 12345.0, "12345\n", " 12345", {"type": "user", "id": "12345"}):
        pretender.headers.clear()
        call(box, value)
        assert {headers.get("As-User") for headers in pretender.headers} == {"12345"}
    pretender.headers.clear()
    for value in (float("nan"), "", False, 0, "Jane \U0001f642", "ada@example.com", "a\r\nb", -1):
        with pytest.raises(IdError, match=r"^as_user"):
            call(box, value)
    assert pretender.headers == []


def test_a_table_from_a_csv_file_refers_to_the_same_items(
    pretended: tuple[Pretender, boxnb.Box],
) -> None:
    """Numbers, booleans as strings and gaps are read; for a table with only ids, the argument `kind` decides."""
    pretender, box = pretended
    pretender.first = one_page
    csv = "type,id,has_collaborations\nfolder,1,True\nfile,2,False\nfile,3,\n"
    box.collaborations(pd.read_csv(io.StringIO(csv)))
    paths = sorted(path for _, path in pretender.calls)
    assert paths == ["/2.0/files/3/collaborations", "/2.0/folders/1/collaborations"]
    pretender.calls.clear()
    box.collaborations(pd.DataFrame({"id": [4]}), kind="file")
    box.collaborations(["files/5", "folders/6"])
    assert sorted(path for _, path in pretender.calls) == [
        "/2.0/files/4/collaborations",
        "/2.0/files/5/collaborations",
        "/2.0/folders/6/collaborations",
    ]


def test_a_walk_resumes_from_pending_folders_of_a_csv_file(pretended: tuple[Pretender, boxnb.Box]) -> None:
    """In a CSV file the ids are numbers."""
    pretender, box = pretended
    pretender.first = one_page
    box.tree(pending=[(17, "a", 2)])
    assert [path for _, path in pretender.calls] == ["/2.0/folders/17/items"]
