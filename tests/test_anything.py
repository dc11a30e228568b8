"""Any endpoint as a frame, and what a pull will cost."""

from __future__ import annotations

import pandas as pd
import pytest
from signing import sign_in

import boxnb
from boxnb.anything import _made
from boxnb.errors import BoxUnavailableError, NotFoundError
from boxnb.sandbox import Sandbox


@pytest.fixture
def box(sandbox: Sandbox) -> boxnb.Box:
    sign_in(sandbox)
    return boxnb.connect("acme")


def test_a_listing_by_marker_and_by_offset(box: boxnb.Box) -> None:
    """Followed to the end, whichever way the answer pages."""
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


def test_a_listing_that_breaks_keeps_what_it_had(box: boxnb.Box, sandbox: Sandbox) -> None:
    """The rows so far, and the argument that goes on."""
    sandbox.faults.add("/2.0/users", "html", skip=1)
    with pytest.raises(BoxUnavailableError) as caught:
        box.frame("/users", limit=50)
    partial = caught.value.partial
    assert partial is not None
    assert partial is box.last_partial
    assert (len(partial), partial.attrs["complete"], partial.attrs["pages"]) == (50, False, 1)
    whole = box.frame("/users", limit=50)
    assert {"dataset", "query", "profile", "fetched_at", "pages", "calls", "complete"} <= set(whole.attrs)
    assert whole.attrs["calls"] == 3


def test_one_object_is_one_row(box: boxnb.Box) -> None:
    """As a listing of one."""
    assert box.frame("/users/me", fields="login,role")["role"].tolist() == ["admin"]
    with pytest.raises(NotFoundError):
        box.frame("/users/1")


def test_types_are_inferred_only_where_nothing_can_go_wrong() -> None:
    """A file named like a date is text; a number among words, a list among objects are JSON text."""
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
    made = _made(rows)
    assert made["id"].tolist() == [str(2**60), "7"]
    assert made["name"].tolist() == ["2024-01-01", "12"]
    assert made["odd"].tolist() == ["1", '"x"']
    assert made["l"].iloc[0] == "[1]"
    assert made["owner_login"].iloc[1] == "a"
    assert [str(made[name].dtype) for name in ("size", "ok", "at")] == [
        "Int64",
        "boolean",
        "datetime64[us, UTC]",
    ]
    assert made["at"].iloc[0] == pd.Timestamp("2026-01-01", tz="UTC")
    assert list(_made([]).columns) == []


def test_estimates_say_what_they_know(box: boxnb.Box) -> None:
    """Exact where Box counts, at least where it does not, about what the last pull took."""
    users = box.estimate("users")
    assert (users.calls, users.certainty) == (1, "exact")
    before = box.estimate("tree")
    assert before.certainty == "at least"
    walked = box.tree()
    after = box.estimate("tree")
    assert (after.calls, after.certainty) == (walked.attrs["calls"], "about")
    assert before.calls is not None
    assert before.calls <= walked.attrs["calls"]
    assert box.estimate("events").certainty == "unknown"
    box.events(since="7D")
    assert box.estimate("events").certainty == "about"
    assert box.estimate("memberships").calls == 26
    assert box.estimate("me").calls == 1
    assert "less than a minute" in repr(users)
    with pytest.raises(ValueError, match="no dataset"):
        box.estimate("unicorns")
