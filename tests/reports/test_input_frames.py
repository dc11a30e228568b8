"""Every report with every DataFrame that boxnb returns: a result, or one sentence that names what is missing."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from signing import sign_in

import boxnb.sandbox
from boxnb import reports
from boxnb.api import rate_limit
from boxnb.errors import BoxNotebookError, FrameError

pytestmark = pytest.mark.usefixtures("untraced")

ARGUMENTS = {
    "file_history": ("1",),
    "user_history": ("ada.admin@example.com",),
    "visible_to": ("ada.admin@example.com",),
    "estimate": ("collaborations",),
}
FRAME_ARGUMENTS = [
    (name, argument)
    for name in reports.__all__
    for argument in inspect.signature(getattr(reports, name)).parameters
    if argument in ("of", "users", "items", "people_of", "collaborations", "rows")
]


SIZES = {"users": 20, "folders": 60, "files": 300, "events": 2000}
"""A small company: `access` and `visible_to` ask for the collaborations of every item."""


class Inputs:
    """A Box, and one DataFrame of each type that boxnb returns."""

    def __init__(self, box: boxnb.Box) -> None:
        self.box = box
        owner = str(box.users(filter_term="ada.admin")["id"].iloc[0])
        tree = box.tree(as_user=owner)
        content = reports.content(box, people_of=box.users().head(12))
        self.frames: dict[str, pd.DataFrame] = {
            "users": box.users(),
            "me": box.me(),
            "groups": box.groups(),
            "memberships": box.memberships(),
            "device_pins": box.device_pins(),
            "items": box.items(as_user=owner),
            "tree": tree,
            "file": box.file(tree.loc[tree["type"] == "file", "id"].iloc[0], as_user=owner),
            "search": box.search("report", as_user=owner),
            "trash": box.trash(as_user=owner),
            "collaborations": box.collaborations(tree.head(60), as_user=owner),
            "shared_links": box.shared_links(of=tree),
            "events": box.events(since="20D"),
            "own events": box.events(stream="all", as_user=owner),
            "frame of users": box.frame("/users", fields="id,name,login,status,space_used,created_at"),
            "frame of events": box.frame("/events", stream_type="admin_logs", limit=500),
            "frame of one folder": box.frame("/folders/0"),
            "content": content,
            "invitations": reports.collaborations(box, of=content),
            "report": reports.storage_by(box, of=content),
            "no columns": pd.DataFrame(),
        }


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inputs]:
    """Yield the DataFrames of a sandbox for all tests of this module."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOXNB_HOME", str(home))
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        patch.setitem(rate_limit.LIMITS, "general", rate_limit.Limit(1_000_000))
        with boxnb.sandbox.start(
            private=True, state=home / "state", limits="off", world="large", **SIZES
        ) as sandbox:
            sign_in(sandbox)
            yield Inputs(boxnb.connect("acme"))


@pytest.fixture
def quick_inputs(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> Inputs:
    """Return the inputs, and replace all that a report would fetch, so that reports do not walk."""
    sources = {"content": "content", "collaborations": "invitations"}
    for name, frame in sources.items():
        frame_to_return = inputs.frames[frame]
        function = getattr(reports.enterprise, name)

        def without_walk(
            box: boxnb.Box,
            *,
            _function: Any = function,
            _frame: pd.DataFrame = frame_to_return,
            **arguments: Any,
        ) -> Any:
            return _function(box, **arguments) if arguments else _frame

        monkeypatch.setattr(reports.enterprise, name, without_walk)
    for name in ("users", "memberships", "events"):
        module = reports.sharing.event_log if name == "events" else reports.sharing.people
        frame = inputs.frames[name]
        monkeypatch.setattr(module, name, lambda box, *, _frame=frame, **_: _frame)
    monkeypatch.setattr(reports.enterprise, "_walk", lambda pull, viewers: None)
    monkeypatch.setattr(reports.folders_above, "_starts", lambda items, me: [])
    return inputs


def read_back(frame: pd.DataFrame, file: Path, **options: Any) -> pd.DataFrame:
    """Write a CSV file and read it with pandas, by default without dtypes."""
    frame.to_csv(file, index=False)
    try:
        return pd.read_csv(file, **options)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()


def call_report(box: boxnb.Box, name: str, argument: str, frame: Any) -> pd.DataFrame | str:
    """Return the result of one report for one DataFrame, or its error message."""
    report: Callable[..., Any] = getattr(reports, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return report(box, *ARGUMENTS.get(name, ()), **{argument: frame})  # type: ignore[no-any-return]
        except BoxNotebookError as error:
            message = str(error)
            assert message.count("\n") == 0
            assert len(message.split()) > 6
            return message


CHANGES: dict[str, Callable[[pd.DataFrame, Path], pd.DataFrame]] = {
    "unchanged": lambda frame, _: frame,
    "no rows": lambda frame, _: frame.iloc[:0],
    "one row": lambda frame, _: frame.iloc[:1],
    "from a file": lambda frame, folder: read_back(frame, folder / "frame.csv"),
    "every second column": lambda frame, _: frame.iloc[:, ::2],
    "an index of ids": lambda frame, _: frame.set_index(frame.columns[0]) if len(frame.columns) else frame,
    "rows twice": lambda frame, _: pd.concat([frame, frame]),
    "columns twice": lambda frame, _: pd.concat([frame, frame.iloc[:, :3]], axis=1),
    "all missing": lambda frame, _: frame.mask(np.ones(frame.shape, dtype=bool)),
    "objects": lambda frame, _: frame.astype("object"),
    "categories": lambda frame, _: frame.astype("category"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_report_accepts_every_dataframe_or_names_what_is_missing(
    quick_inputs: Inputs, change: str, tmp_path: Path
) -> None:
    """Reports do not raise KeyError, AttributeError or TypeError for any DataFrame."""
    for dataset, frame in quick_inputs.frames.items():
        changed = CHANGES[change](frame.head(25), tmp_path)
        copy = changed.copy()
        for name, argument in FRAME_ARGUMENTS:
            try:
                call_report(quick_inputs.box, name, argument, changed)
            except Exception as error:
                raise AssertionError(f"{name}({argument}={dataset}, {change})") from error
        pd.testing.assert_frame_equal(changed, copy)  # no report has changed it


# people_of is left out, because it accepts ids in any form, and access takes the id of a folder.
@pytest.mark.parametrize(
    ("name", "argument"),
    [pair for pair in FRAME_ARGUMENTS if pair[1] != "people_of" and pair != ("access", "of")],
)
def test_argument_that_is_not_a_dataframe_is_refused(quick_inputs: Inputs, name: str, argument: str) -> None:
    """A list, a string, a number, a dict and a Series are refused with a message that asks for a DataFrame."""
    for value in (["1"], "17", 17, {"id": ["1"]}, pd.Series(["1"], name="id")):
        message = call_report(quick_inputs.box, name, argument, value)
        assert isinstance(message, str)
        assert "DataFrame" in message


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("storage_by", "tree"),
        ("stale_content", "tree"),
        ("large_files", "tree"),
        ("duplicate_files", "tree"),
        ("ownership_of_leavers", "tree"),
        ("shared_links", "tree"),
        ("shared_links", "shared_links"),
        ("collaborations", "tree"),
        ("collaborations", "items"),
        ("sign_ins", "events"),
        ("user_history", "events"),
        ("group_overlap", "memberships"),
        ("storage_by", "content"),
        ("external_collaborators", "invitations"),
    ],
)
def test_dataframe_with_the_required_columns_is_accepted(inputs: Inputs, name: str, frame: str) -> None:
    """A walk by ``box.tree`` is accepted like that of all users."""
    report = call_report(inputs.box, name, "of", inputs.frames[frame])
    assert isinstance(report, pd.DataFrame), report
    assert report.attrs["complete"] is True


def test_tree_and_content_give_the_same_report(inputs: Inputs) -> None:
    """The ownership is looked up for a tree, which does not contain it."""
    content, tree = inputs.frames["content"], inputs.frames["tree"]
    common_ids = sorted(set(content["id"]) & set(tree["id"]))
    assert len(common_ids) > 50
    common_rows = [frame[frame["id"].isin(common_ids)] for frame in (content, tree)]
    from_content, from_tree = (
        reports.shared_links(inputs.box, of=rows).sort_values("id").reset_index(drop=True)
        for rows in common_rows
    )
    assert len(from_content) > 0
    pd.testing.assert_frame_equal(from_content.drop(columns="path"), from_tree.drop(columns="path"))


@pytest.mark.parametrize("name", sorted(set(reports.__all__) - {"content", "estimate"}))
def test_report_from_a_file_equals_that_of_the_dataframe(
    quick_inputs: Inputs, name: str, tmp_path: Path
) -> None:
    """With ids read as numbers and times as text, the report is the same, but does not say whether it is complete."""
    argument = next(argument for report, argument in FRAME_ARGUMENTS if report == name)
    kinds = {"users": "users", "items": "content"}
    for frame in (kinds.get(argument), "content", "invitations", "events", "memberships"):
        if frame is None:
            continue
        expected = call_report(quick_inputs.box, name, argument, quick_inputs.frames[frame])
        if isinstance(expected, str):
            continue
        for options in ({"dtype": str}, {}):
            from_file = call_report(
                quick_inputs.box,
                name,
                argument,
                read_back(quick_inputs.frames[frame], tmp_path / "frame.csv", **options),
            )
            if isinstance(from_file, str):  # the practice company has ids that a float cannot hold
                assert not options
                assert "lost digits. Read the file with dtype=str" in from_file
                continue
            pd.testing.assert_frame_equal(from_file, expected)
            assert from_file.attrs["complete"] is None
        return
    raise AssertionError("none of the DataFrames is suitable")


@pytest.mark.parametrize(
    ("name", "argument"), [pair for pair in FRAME_ARGUMENTS if pair[0] != "estimate" and pair[1] != "rows"]
)
def test_report_of_an_incomplete_dataframe_is_incomplete(
    quick_inputs: Inputs, name: str, argument: str
) -> None:
    """The report has the DataFrame's list of what was skipped, and warns once."""
    skipped = [{"id": "17", "status": 403, "why": "access_denied"}]
    for dataset in ("users", "content", "invitations", "events", "memberships"):
        frame = quick_inputs.frames[dataset].copy()
        if isinstance(call_report(quick_inputs.box, name, argument, frame), str):
            continue
        frame.attrs |= {"complete": False, "skipped": skipped}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            report = getattr(reports, name)(quick_inputs.box, *ARGUMENTS.get(name, ()), **{argument: frame})
        assert report.attrs["complete"] is False
        assert report.attrs["skipped"] == skipped
        # What a person can see is made from the access, which also warns.
        assert len(caught) == (2 if name == "visible_to" else 1)
        assert "is not complete" in str(caught[0].message)
        assert caught[0].filename == __file__
        return
    raise AssertionError("none of the DataFrames is suitable")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda box, none: box.collaborations(none), "box.collaborations needs the columns type, id"),
        (lambda box, none: box.shared_links(of=none), "box.shared_links needs the columns type, id"),
        (lambda box, none: reports.sign_ins(box, of=none), "reports.sign_ins needs the columns created_at"),
    ],
)
def test_missing_columns_are_named(inputs: Inputs, call: Callable[..., Any], message: str) -> None:
    """The message names the columns, and a function that returns a suitable DataFrame."""
    with pytest.raises(FrameError, match=message) as caught:
        call(inputs.box, pd.DataFrame({"a": [1]}))
    assert "Use a frame from" in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_ids_that_lost_digits_are_refused(inputs: Inputs) -> None:
    """A long id that was read as a float is a different id, so the report is refused instead of wrong."""
    events = inputs.frames["events"].head(3).copy()
    events["created_by_id"] = [1.152922976252290886e18, None, 7.0]
    with pytest.raises(FrameError, match="created_by_id: its ids were read as numbers and lost digits"):
        reports.sign_ins(inputs.box, of=events)
