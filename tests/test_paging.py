"""Pages are turned as Box answers, not as one would wish."""

from __future__ import annotations

from typing import Any

import pytest

from boxnb.paging import by_marker, by_offset


def player(pages: list[dict[str, Any]]) -> tuple[Any, list[dict[str, Any]]]:
    """A ``get`` that plays pages in order and notes what it was asked."""
    asked: list[dict[str, Any]] = []

    def get(path: str, **params: Any) -> dict[str, Any]:
        asked.append(params)
        return pages[len(asked) - 1]

    return get, asked


@pytest.mark.parametrize("end", [{"next_marker": None}, {"next_marker": ""}, {}])
def test_markers_end_on_null_empty_or_absent(end: dict[str, Any]) -> None:
    """Box ends a listing in three ways."""
    get, asked = player([{"entries": [{"id": "1"}], "next_marker": "m2"}, {"entries": [{"id": "2"}], **end}])
    assert [row["id"] for page in by_marker(get, "/users") for row in page] == ["1", "2"]
    assert "marker" not in asked[0]
    assert asked[1]["marker"] == "m2"


def test_a_marker_that_repeats_does_not_loop() -> None:
    """The same marker twice ends the listing."""
    get, asked = player([{"entries": [{}], "next_marker": "m"}] * 3)
    assert len(list(by_marker(get, "/users"))) == 2
    assert len(asked) == 2


def test_offsets_advance_by_the_limit_of_the_answer() -> None:
    """A clamped limit, and fewer entries than the limit, skip nothing."""
    first = {"entries": [{"id": "1"}], "limit": 2, "total_count": 3}
    get, asked = player([first, {**first, "entries": [{"id": "3"}]}])
    assert [row["id"] for page in by_offset(get, "/groups") for row in page] == ["1", "3"]
    assert [params["offset"] for params in asked] == [0, 2]


def test_null_entries_are_an_empty_page() -> None:
    """``entries`` may be null."""
    get, _ = player([{"entries": None, "total_count": 0}])
    assert list(by_offset(get, "/groups")) == [[]]
