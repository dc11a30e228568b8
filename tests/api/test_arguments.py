"""Every argument of every dataset and transfer: a valid value works, and any other raises an error about the argument."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from madeup import made_up

import boxnb
from boxnb.datasets import estimate
from boxnb.errors import (
    ArgumentError,
    BoxNotebookError,
    BoxUnavailableError,
    ForbiddenError,
    ProfileNameError,
)

ODD: dict[str, Any] = {
    "a list": ["a"],
    "a list of lists": [["a"]],
    "an empty list": [],
    "a dict": {"a": 1},
    "bytes": b"a",
    "not a number": float("nan"),
    "missing": pd.NA,
    "a missing time": pd.NaT,
    "infinity": float("inf"),
    "a fraction": 1.5,
    "below zero": -1,
    "a lone surrogate": "\ud800",
    "a zero byte": "a\x00b",
    "an object": object(),
    "a table": pd.DataFrame({"x": ["a", "b"]}),
    "a column": pd.Series(["a", "b"]),
    "True": True,
    "a word": "no such word",
}
BASE: dict[str, dict[str, Any]] = {
    "user": {"user_id": "1"},
    "folder": {"folder_id": "1"},
    "file": {"file_id": "1"},
    "versions": {"file_id": "1"},
    "search": {"query": "a"},
    "collaborations": {"of": "1"},
    "frame": {"path": "/users"},
    "get": {"path": "/users"},
    "post": {"path": "/users"},
    "put": {"path": "/users"},
    "estimate": {"dataset": "users"},
    "harvest": {"dataset": "users"},
    "upload": {"path": "missing"},
    "upload_folder": {"path": "missing"},
    "download": {"what": "1"},
    "memberships": {"ids": ["1"]},
}
METHODS = {
    name: method
    for name, method in vars(boxnb.Box).items()
    if callable(method) and not name.startswith("_") and "box" in inspect.signature(method).parameters
} | {"get": boxnb.Box.get, "post": boxnb.Box.post, "put": boxnb.Box.put}
ARGUMENTS = [
    (name, argument)
    for name, method in METHODS.items()
    for argument, parameter in inspect.signature(method).parameters.items()
    if argument not in ("box", "self") and parameter.kind is not inspect.Parameter.VAR_KEYWORD
]
WORDS = [
    ("memberships", {"by": "users", "ids": []}, "by takes 'group' or 'user', not 'users'."),
    ("memberships", {"by": "groups"}, "by takes 'group' or 'user', not 'groups'."),
    ("collaborations", {"of": [], "kind": "folders"}, "kind takes 'folder', 'file' or 'group'"),
    ("collaborations", {"of": "1", "kind": None}, "kind takes 'folder', 'file' or 'group', not None"),
    ("users", {"user_type": "Managed"}, "user_type takes 'managed', 'external' or 'all'"),
    ("search", {"query": "a", "type": "files"}, "type takes 'file', 'folder' or 'web_link'"),
    (
        "events",
        {"stream": "admin"},
        "stream (Box's stream_type) takes 'admin_logs', 'admin_logs_streaming' or 'all'",
    ),
    ("estimate", {"dataset": "memberships", "by": "users"}, "by takes 'group' or 'user'"),
    ("items", {"marker": ["a"]}, "marker takes text, not a value of type list."),
    ("items", {"marker": {"a": 1}}, "marker takes text, not a value of type dict."),
    ("trash", {"marker": b"a"}, "marker takes text, not a value of type bytes."),
    ("device_pins", {"marker": float("nan")}, "marker takes text, not nan."),
    ("users", {"filter_term": ["a"]}, "filter_term takes text, not a value of type list."),
    ("groups", {"filter_term": "\ud800"}, "filter_term contains a lone surrogate"),
    ("tree", {"pending": [("1", "a")]}, "pending takes error.partial.attrs"),
    ("frame", {"path": ["/users"]}, "path takes text"),
    ("frame", {"path": "/users", "role": {"a": 1}}, "role takes text or a number, not a value of type dict."),
    ("frame", {"path": "/hubs", "version": 2025.0}, "version takes a version of Box's API, such as '2025.0'"),
    ("frame", {"path": "/users", "method": "LIST"}, "method takes 'GET', 'POST'"),
    ("frame", {"path": "/users", "json": {}}, "A GET request has no body."),
    ("get", {"path": "/files/1/content", "version": "17"}, "'/files/123/content?version=456'"),
    ("get", {"path": "/users", "headers": ["a"]}, "headers takes a dict of names and values, not"),
    ("post", {"path": "/comments", "json": {"at": pd.Timestamp(0)}}, "json cannot be sent as JSON"),
    ("post", {"path": "/comments", "json": {"at": float("inf")}}, "json cannot be sent as JSON"),
    ("post", {"path": "/comments", "json": {}, "data": b"a"}, "A request has one body."),
    ("post", {"path": "/files/content", "files": {}}, "To upload files, use box.upload."),
    ("put", {"path": "/files/1", "data": 5}, "data takes bytes or an open file, not 5."),
    ("get", {"path": "/users", "fields": float("nan")}, "fields takes text or a number, not nan."),
    ("collaborations", {"of": "1", "inherited": "no"}, "inherited takes True or False, not 'no'."),
    ("upload", {"path": "a", "new_version": "no"}, "new_version takes True or False, not 'no'."),
    ("download", {"what": "1", "overwrite": 1}, "overwrite takes True or False, not 1."),
    ("download", {"what": "1", "folder": None}, "folder takes the path of a file or folder, not None."),
    ("upload", {"path": "~nobody.at.all/a"}, "home folder of an unknown user"),
    ("upload", {"path": "a", "on_progress": "bar"}, "on_progress takes a function, not 'bar'."),
]


class EmptyBox:
    """A Box without items that records its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.responses: dict[str, Any] = {}

    def __call__(self, path: str, query: dict[str, str]) -> Any:
        self.calls.append((path, query))
        return self.responses.get(path, {"id": "1", "entries": [], "total_count": 0})


@pytest.fixture
def server() -> EmptyBox:
    return EmptyBox()


@pytest.fixture
def box(server: EmptyBox) -> Iterator[boxnb.Box]:
    with made_up(server) as box:
        yield box


def call(box: boxnb.Box, name: str, arguments: dict[str, Any]) -> Any:
    return getattr(box, name)(**arguments)


def test_every_argument_refuses_odd_values(
    box: boxnb.Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists, tables, bytes, NaN and lone surrogates raise an error of boxnb with a readable message."""
    monkeypatch.chdir(tmp_path)
    assert len(ARGUMENTS) > 50
    failures = []
    for name, argument in ARGUMENTS:
        for description, value in ODD.items():
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    call(box, name, {**BASE.get(name, {}), argument: value})
            except (BoxNotebookError, FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
                if len(str(error)) > 700:
                    failures.append((name, argument, description, f"{len(str(error))} characters"))
            except Exception as error:  # noqa: BLE001  any other error is a defect
                failures.append((name, argument, description, repr(error)[:120]))
    assert not failures


@pytest.mark.parametrize(("name", "arguments", "sentence"), WORDS)
def test_an_invalid_argument_is_reported_before_any_call(
    box: boxnb.Box, server: EmptyBox, name: str, arguments: dict[str, Any], sentence: str
) -> None:
    """The error is raised even if there is nothing to fetch: an empty list does not hide an invalid argument."""
    with pytest.raises(ArgumentError) as caught:
        call(box, name, arguments)
    assert sentence in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert not server.calls


@pytest.mark.parametrize("offset", [["1"], {"a": 1}, b"1", float("nan"), -1, "x", True])
@pytest.mark.parametrize("name", ["users", "groups", "versions", "search", "frame"])
def test_an_offset_that_is_not_a_number_is_refused(box: boxnb.Box, name: str, offset: Any) -> None:
    """The message is the same in every dataset."""
    with pytest.raises(ArgumentError, match="offset takes a whole number"):
        call(box, name, {**BASE.get(name, {}), "offset": offset})


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (["pdf", "docx"], "pdf,docx"),
        (("pdf",), "pdf"),
        (pd.Series(["pdf", "docx"]), "pdf,docx"),
        ("pdf,docx", "pdf,docx"),
        (np.int64(7), "7"),
        (7.0, "7"),
        (2**60, str(2**60)),
        (True, "true"),
    ],
)
def test_parameters_are_sent_as_box_expects_them(
    box: boxnb.Box, server: EmptyBox, value: Any, sent: str
) -> None:
    """Box expects several values joined with commas, and would silently use only one of a repeated parameter."""
    box.search("a", file_extensions=value)
    box.get("/users", file_extensions=value)
    box.frame("/users", file_extensions=value)
    assert [query["file_extensions"] for _, query in server.calls] == [sent] * 3


def test_a_marker_can_be_a_number(box: boxnb.Box, server: EmptyBox) -> None:
    """In a table, a marker that consists of digits becomes a number."""
    box.items(marker=np.int64(5))  # type: ignore[arg-type]
    assert server.calls[0][1]["marker"] == "5"


@pytest.mark.parametrize("odd", [["a"], None, 5, b"a", float("nan"), {"a": 1}])
def test_the_name_of_a_profile_must_be_a_string(odd: Any) -> None:
    """Any other value raises an error about the name."""
    with pytest.raises(ProfileNameError):
        boxnb.connect(odd)


def test_an_empty_object_is_not_a_result(box: boxnb.Box, server: EmptyBox) -> None:
    """An empty object makes the pull incomplete."""
    server.responses["/odd"] = {}
    with pytest.raises(BoxUnavailableError, match="an empty object"):
        box.frame("/odd")
    assert box.last_partial is not None
    assert box.last_partial.attrs["complete"] is False
    assert len(box.last_partial) == 0


REFUSED = 403, {"type": "error", "status": 403, "code": "access_denied_insufficient_permissions"}
CALLS: dict[str, Callable[[boxnb.Box, pd.DataFrame], pd.DataFrame]] = {
    "collaborations of a frame": lambda box, of: box.collaborations(of),
    "collaborations of ids": lambda box, of: box.collaborations(of[["id"]]),
    "collaborations of a column": lambda box, of: box.collaborations(of["id"]),  # type: ignore[arg-type]
    "collaborations of groups": lambda box, of: box.collaborations(of[["id"]], kind="group"),
    "memberships": lambda box, of: box.memberships(ids=of[["id"]]),  # type: ignore[arg-type]
    "memberships of a column": lambda box, of: box.memberships(ids=of["id"], by="user"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", CALLS)
def test_a_table_with_one_row_stands_for_one_item(name: str) -> None:
    """A refusal is raised as for a single id; with two rows, both refused items are skipped with a warning."""
    with made_up(lambda path, query: REFUSED) as box:
        rows = pd.DataFrame({"type": ["folder", "folder"], "id": ["5", "6"]})
        with pytest.raises(ForbiddenError):
            CALLS[name](box, rows.head(1))
        with pytest.warns(UserWarning, match="2 parts of it could not be read"):
            frame = CALLS[name](box, rows)
        assert [entry["id"] for entry in frame.attrs["skipped"]] == ["5", "6"]
        assert frame.attrs["complete"] is False


def test_a_refusal_within_a_walk_is_skipped() -> None:
    """The refusal is a warning, even if only one of several rows is shared."""
    with made_up(lambda path, query: REFUSED) as box:
        rows = pd.DataFrame({"type": ["folder"] * 2, "id": ["5", "6"], "has_collaborations": [True, False]})
        with pytest.warns(UserWarning, match="could not be read"):
            frame = box.collaborations(rows)
    assert len(frame.attrs["skipped"]) == 1


def test_an_estimate_of_an_unknown_dataset_is_refused(box: boxnb.Box) -> None:
    """The error has the same class as for every invalid argument."""
    with pytest.raises(ArgumentError, match="There is no dataset 'userz'"):
        estimate.estimate(box, "userz")
