"""Any endpoint as a DataFrame, and estimates of the cost of a pull."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from signing import sign_in

import boxnb
from boxnb.api.connection import Progress
from boxnb.datasets.listing import frame_of
from boxnb.errors import BoxUnavailableError, Interrupted, ListingError, NotFoundError
from boxnb.sandbox import Sandbox


@pytest.fixture
def box(sandbox: Sandbox) -> boxnb.Box:
    """Return the admin's Box."""
    sign_in(sandbox)
    return boxnb.connect("acme")


def test_listing_by_marker_and_by_offset(box: boxnb.Box) -> None:
    """The listing is followed to its end by marker and by offset."""
    by_offset = box.frame("/users", limit=50)
    assert len(by_offset) == 120
    by_marker = box.frame(
        "/users", limit=50, usemarker="true", fields="name,login,space_used,created_at,enterprise"
    )
    assert set(by_marker["id"]) == set(by_offset["id"])
    assert str(by_marker["space_used"].dtype) == "Int64"
    assert str(by_marker["created_at"].dtype) == "datetime64[us, UTC]"
    assert by_marker["enterprise_name"].nunique() == 1
    assert by_marker.attrs["pages"] == 3


def test_failed_listing_keeps_its_rows(box: boxnb.Box, sandbox: Sandbox) -> None:
    """The error has the rows so far, marked incomplete."""
    sandbox.faults.add("/2.0/users", "html", skip=1)
    with pytest.raises(BoxUnavailableError) as caught:
        box.frame("/users", limit=50)
    partial = caught.value.partial
    assert partial is not None
    assert partial is box.last_partial
    assert (len(partial), partial.attrs["complete"], partial.attrs["pages"]) == (50, False, 1)
    full = box.frame("/users", limit=50)
    assert {"dataset", "query", "profile", "fetched_at", "pages", "calls", "complete"} <= set(full.attrs)
    assert full.attrs["calls"] == 3


@pytest.mark.parametrize("by", [{}, {"usemarker": "true"}])
def test_failed_listing_can_be_resumed(box: boxnb.Box, sandbox: Sandbox, by: dict[str, str]) -> None:
    """With the other arguments and ``resume``, the listing continues after the first or second page."""
    full = box.frame("/users", limit=50, **by)
    for before in (1, 2):
        sandbox.faults.add("/2.0/users", "html", skip=before)
        with pytest.raises(BoxUnavailableError) as caught:
            box.frame("/users", limit=50, **by)
        partial = caught.value.partial
        assert partial is not None
        remaining = box.frame("/users", limit=50, **{**by, **partial.attrs["resume"]})
        assert [*partial["id"], *remaining["id"]] == full["id"].tolist()
        assert remaining.attrs["resume"] is None


def test_interrupt_says_how_many_rows_there_are(box: boxnb.Box) -> None:
    """The message has the number of rows of the DataFrame."""

    def stop(progress: Progress) -> None:
        if progress.rows >= 100 and not progress.done:
            raise KeyboardInterrupt

    box.on_progress = stop
    with pytest.raises(Interrupted, match="after 100 rows"):
        box.frame("/users", limit=50)
    assert box.last_partial is not None
    assert len(box.last_partial) == 100


def test_events_are_followed_to_their_end(box: boxnb.Box) -> None:
    """Events are followed by stream position until a page is empty."""
    events = box.frame("/events", stream_type="admin_logs")
    assert len(events) > 1_000
    assert events["event_id"].is_unique
    assert set(box.events(since="365D")["event_id"]) <= set(events["event_id"])


def test_listing_beyond_the_offset_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The listing starts again with markers. Without markers, the first 10,000 rows are kept, and the error says so."""
    with boxnb.sandbox.start(
        private=True, state=tmp_path / "large", world="large", limits="off", users=10_100, folders=5, files=10
    ) as sandbox:
        sign_in(sandbox)
        box = boxnb.connect("acme")
        users = box.frame("/users", fields="login")
        assert (len(users), users["id"].is_unique, users.attrs["complete"]) == (10_100, True, True)
        assert users.attrs["calls"] == 1 + 11
        fetch = box.session.get_bytes
        # Behave like a listing without markers.
        monkeypatch.setattr(
            box.session, "get_bytes", lambda path, usemarker="", **params: fetch(path, **params)
        )
        with pytest.raises(ListingError, match="returns only the first 10,000") as caught:
            box.frame("/users", fields="login")
        assert isinstance(caught.value, ValueError)
        assert caught.value.partial is box.last_partial is not None
        assert len(box.last_partial) == 10_000


def test_single_object_becomes_one_row(box: boxnb.Box) -> None:
    """A response that is a single object instead of a listing becomes a DataFrame of one row."""
    assert box.frame("/users/me", fields="login,role")["role"].tolist() == ["admin"]
    with pytest.raises(NotFoundError):
        box.frame("/users/1")


def test_types_are_inferred_only_if_that_is_safe() -> None:
    """A name that looks like a date stays text. Mixed values and lists become JSON text."""
    rows = [
        {
            "id": 2**60,
            "name": "2024-01-01",
            "size": 1,
            "ok": True,
            "at": "2026-01-01T00:00:00Z",
            "odd": 1,
            "l": [1],
        },
        {
            "id": "7",
            "name": "12",
            "size": None,
            "ok": None,
            "at": None,
            "odd": "x",
            "l": None,
            "owner": {"login": "a"},
        },
    ]
    result = frame_of(rows)
    assert result["id"].tolist() == [str(2**60), "7"]
    assert result["name"].tolist() == ["2024-01-01", "12"]
    assert result["odd"].tolist() == ["1", '"x"']
    assert result["l"].iloc[0] == "[1]"
    assert result["owner_login"].iloc[1] == "a"
    assert [str(result[name].dtype) for name in ("size", "ok", "at")] == [
        "Int64",
        "boolean",
        "datetime64[us, UTC]",
    ]
    assert result["at"].iloc[0] == pd.Timestamp("2026-01-01", tz="UTC")
    assert list(frame_of([]).columns) == []


def test_fields_may_have_any_name() -> None:
    """Metadata fields may have unusual names, and fields whose flattened names collide are both kept."""
    rows = [
        {
            "$parent": "file_1",
            "a-b": 1,
            "2x": True,
            "extra": "mine",
            "owned_by": {"id": "1"},
            "owned_by_id": "9",
        },
        {"$parent": "file_2", "owned_by": {"id": "2"}, "class": None, "": "empty"},
    ]
    result = frame_of(rows)
    assert result["$parent"].tolist() == ["file_1", "file_2"]
    assert result["a-b"].tolist() == [1, pd.NA]
    assert result["extra_"][0] == "mine"
    assert result["owned_by_id"].tolist() == ["1", "2"]
    assert result["owned_by_id_"][0] == "9"
    assert result[""][1] == "empty"
    assert len(result.columns) == 8


def test_estimates_say_how_certain_they_are(box: boxnb.Box) -> None:
    """An estimate is "exact" if Box counts, "at least" if it does not, and "about" after a pull."""
    users = box.estimate("users")
    assert (users.calls, users.certainty) == (1, "exact")
    before = box.estimate("tree")
    assert before.certainty == "at least"
    tree = box.tree()
    after = box.estimate("tree")
    assert (after.calls, after.certainty) == (tree.attrs["calls"], "about")
    assert before.calls is not None
    assert before.calls <= tree.attrs["calls"]
    assert box.estimate("events").certainty == "unknown"
    box.events(since="7D")
    assert box.estimate("events").certainty == "about"
    assert box.estimate("memberships").calls == 26
    assert box.estimate("me").calls == 1
    assert "less than a minute" in repr(users)
    with pytest.raises(ValueError, match="no dataset"):
        box.estimate("unicorns")
