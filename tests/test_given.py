"""Every report of every frame of the kit: a result, or one sentence that names what is missing."""

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
from boxnb import pacer, reports
from boxnb.errors import BoxNotebookError, FrameError

MORE = {"file_history": ("1",), "user_history": ("ada.admin@example.com",), "estimate": ("collaborations",)}
TAKES = [
    (name, argument)
    for name in reports.__all__
    for argument in inspect.signature(getattr(reports, name)).parameters
    if argument in ("of", "users", "items", "people_of")
]
WHOLE = {
    "content": "content",
    "collaborations": "invitations",
    "events": "events",
    "users": "users",
    "memberships": "memberships",
}


class Kit:
    """A practice Box, and a frame of each kind it gives."""

    def __init__(self, box: boxnb.Box) -> None:
        self.box = box
        owner = str(box.users(filter_term="fang.wang")["id"].iloc[0])
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
            "search": box.search("budget", as_user=owner),
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
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOXNB_HOME", str(home))
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        patch.setitem(pacer.LIMITS, "general", pacer.Limit(1_000_000))
        with boxnb.sandbox.start(private=True, state=home / "state", limits="off") as sandbox:
            sign_in(sandbox)
            yield Kit(boxnb.connect("acme"))


@pytest.fixture
def quick(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> Kit:
    """What a report would fetch itself is there already, so that a pair costs no walk."""
    fetched = {"content": "content", "collaborations": "invitations"}
    for name, frame in fetched.items():
        made = kit.frames[frame]
        real = getattr(reports.company, name)

        def pulled(box: boxnb.Box, *, _real: Any = real, _made: pd.DataFrame = made, **given: Any) -> Any:
            return _real(box, **given) if given else _made

        monkeypatch.setattr(reports.company, name, pulled)
    for name in ("users", "memberships", "events"):
        module = reports.shared.activity if name == "events" else reports.shared.people
        frame = kit.frames[name]
        monkeypatch.setattr(module, name, lambda box, *, _frame=frame, **_: _frame)
    monkeypatch.setattr(reports.company, "_walk", lambda pull, viewers: None)
    return kit


def read_back(frame: pd.DataFrame, file: Path, **types: Any) -> pd.DataFrame:
    """As somebody reads a CSV file, who gives no types unless told."""
    frame.to_csv(file, index=False)
    try:
        return pd.read_csv(file, **types)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()


def ask(box: boxnb.Box, name: str, argument: str, frame: Any) -> pd.DataFrame | str:
    """One report of one frame: what it returns, or its sentence."""
    report: Callable[..., Any] = getattr(reports, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return report(box, *MORE.get(name, ()), **{argument: frame})  # type: ignore[no-any-return]
        except BoxNotebookError as error:
            said = str(error)
            assert said.count("\n") == 0
            assert len(said.split()) > 6
            return said


CHANGES: dict[str, Callable[[pd.DataFrame, Path], pd.DataFrame]] = {
    "as it is": lambda frame, _: frame,
    "no rows": lambda frame, _: frame.iloc[:0],
    "one row": lambda frame, _: frame.iloc[:1],
    "from a file": lambda frame, place: read_back(frame, place / "frame.csv"),
    "every second column": lambda frame, _: frame.iloc[:, ::2],
    "an index of ids": lambda frame, _: frame.set_index(frame.columns[0]) if len(frame.columns) else frame,
    "rows twice": lambda frame, _: pd.concat([frame, frame]),
    "columns twice": lambda frame, _: pd.concat([frame, frame.iloc[:, :3]], axis=1),
    "all missing": lambda frame, _: frame.mask(np.ones(frame.shape, dtype=bool)),
    "objects": lambda frame, _: frame.astype("object"),
    "categories": lambda frame, _: frame.astype("category"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_report_takes_every_frame_or_says_what_is_missing(
    quick: Kit, change: str, tmp_path: Path
) -> None:
    """No KeyError, AttributeError or TypeError, whatever frame of the kit is handed to whichever report."""
    for name, argument in TAKES:
        for kind, frame in quick.frames.items():
            changed = CHANGES[change](frame.head(25), tmp_path)
            before = changed.copy()
            try:
                ask(quick.box, name, argument, changed)
            except Exception as error:
                raise AssertionError(f"{name}({argument}={kind}, {change})") from error
            pd.testing.assert_frame_equal(changed, before)


# Whose content is walked may be named by ids in any form.
@pytest.mark.parametrize(("name", "argument"), [each for each in TAKES if each[1] != "people_of"])
def test_a_report_of_no_frame_at_all_is_one_sentence(quick: Kit, name: str, argument: str) -> None:
    """A list, a text, a number where a frame belongs."""
    for odd in (["1"], "17", 17, {"id": ["1"]}, pd.Series(["1"], name="id")):
        said = ask(quick.box, name, argument, odd)
        assert isinstance(said, str)
        assert "DataFrame" in said


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
def test_a_frame_with_what_a_report_needs_is_taken(kit: Kit, name: str, frame: str) -> None:
    """A walk by `box.tree` serves as the walk over everybody does."""
    made = ask(kit.box, name, "of", kit.frames[frame])
    assert isinstance(made, pd.DataFrame), made
    assert made.attrs["complete"] is True


def test_a_tree_gives_the_report_that_content_gives(kit: Kit) -> None:
    """Whose the items are is looked up, as the walk over everybody knows it."""
    content, tree = kit.frames["content"], kit.frames["tree"]
    common = sorted(set(content["id"]) & set(tree["id"]))
    assert len(common) > 50
    shared = [frame[frame["id"].isin(common)] for frame in (content, tree)]
    one, other = (
        reports.shared_links(kit.box, of=rows).sort_values("id").reset_index(drop=True) for rows in shared
    )
    assert len(one) > 0
    pd.testing.assert_frame_equal(one.drop(columns="path"), other.drop(columns="path"))


@pytest.mark.parametrize("name", sorted(set(reports.__all__) - {"content", "estimate"}))
def test_a_report_of_a_file_is_that_of_the_frame(quick: Kit, name: str, tmp_path: Path) -> None:
    """Ids come back as numbers and times as text; the report is the same, but does not know whether it is complete."""
    argument = next(argument for report, argument in TAKES if report == name)
    kinds = {"users": "users", "items": "content"}
    for frame in (kinds.get(argument), "content", "invitations", "events", "memberships"):
        if frame is None:
            continue
        whole = ask(quick.box, name, argument, quick.frames[frame])
        if isinstance(whole, str):
            continue
        for types in ({"dtype": str}, {}):
            back = ask(
                quick.box, name, argument, read_back(quick.frames[frame], tmp_path / "frame.csv", **types)
            )
            if isinstance(back, str):  # the practice company has ids that no float holds
                assert not types
                assert "lost digits. Read the file with dtype=str" in back
                continue
            pd.testing.assert_frame_equal(back, whole)
            assert back.attrs["complete"] is None
        return
    raise AssertionError("no frame serves")


@pytest.mark.parametrize(("name", "argument"), [pair for pair in TAKES if pair[0] != "estimate"])
def test_a_report_hands_on_what_its_frame_lacks(quick: Kit, name: str, argument: str) -> None:
    """A frame marked incomplete makes a report marked incomplete, with the same list and one warning."""
    lost = [{"id": "17", "status": 403, "why": "access_denied"}]
    for kind in ("users", "content", "invitations", "events", "memberships"):
        frame = quick.frames[kind].copy()
        if isinstance(ask(quick.box, name, argument, frame), str):
            continue
        frame.attrs |= {"complete": False, "skipped": lost}
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            made = getattr(reports, name)(quick.box, *MORE.get(name, ()), **{argument: frame})
        assert made.attrs["complete"] is False
        assert made.attrs["skipped"] == lost
        assert len(said) == 1
        assert "is not complete" in str(said[0].message)
        assert said[0].filename == __file__
        return
    raise AssertionError("no frame serves")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda box, none: box.collaborations(none), "box.collaborations needs the columns type, id"),
        (lambda box, none: box.shared_links(of=none), "box.shared_links needs the columns type, id"),
        (lambda box, none: reports.sign_ins(box, of=none), "reports.sign_ins needs the columns created_at"),
    ],
)
def test_what_is_missing_is_named(kit: Kit, call: Callable[..., Any], says: str) -> None:
    """With what returns a frame that has it."""
    with pytest.raises(FrameError, match=says) as caught:
        call(kit.box, pd.DataFrame({"a": [1]}))
    assert "Use a frame from" in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_ids_that_lost_digits_are_refused(kit: Kit) -> None:
    """A long id that was read as a float is another id: one sentence instead of wrong rows."""
    events = kit.frames["events"].head(3).copy()
    events["created_by_id"] = [1.152922976252290886e18, None, 7.0]
    with pytest.raises(FrameError, match="created_by_id: its ids were read as numbers and lost digits"):
        reports.sign_ins(kit.box, of=events)
