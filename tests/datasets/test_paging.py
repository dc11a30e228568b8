"""Paging follows the responses of Box, even where they differ from its documentation."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from boxnb.datasets.paging import by_marker, by_offset, by_position
from boxnb.frames import Table
from boxnb.frames.decode import Page, paging_of
from boxnb.frames.schema import Column


class Player:
    """Returns pages in order, and records the parameters of each request."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self.pages = pages
        self.requests: list[dict[str, Any]] = []
        self.table = Table((Column("id", "text"),))

    def fetch(self, path: str, **params: Any) -> bytes:
        self.requests.append(params)
        return json.dumps(self.pages[len(self.requests) - 1]).encode()

    def take(self, content: bytes) -> Page:
        return self.table.add(content)

    @property
    def ids(self) -> list[str]:
        return list(self.table.frame()["id"])


@pytest.mark.parametrize("end", [{"next_marker": None}, {"next_marker": ""}, {}])
def test_null_empty_or_absent_marker_ends_a_listing(end: dict[str, Any]) -> None:
    """Box ends listings in these three ways."""
    player = Player({"entries": [{"id": "1"}], "next_marker": "m2"}, {"entries": [{"id": "2"}], **end})
    assert list(by_marker(player.fetch, player.take, "/users")) == ["m2", None]
    assert player.ids == ["1", "2"]
    assert "marker" not in player.requests[0]
    assert player.requests[1]["marker"] == "m2"


def test_next_page_is_fetched_while_the_previous_one_is_decoded() -> None:
    """With a thread, the next call starts before the rows are decoded. Rows and markers stay the same."""
    player = Player(
        *[{"entries": [{"id": str(n)}], "next_marker": f"m{n}"} for n in range(3)], {"entries": []}
    )
    requested = threading.Semaphore(0)

    def fetch(path: str, **params: Any) -> bytes:
        if "marker" in params:
            requested.release()
        return player.fetch(path, **params)

    def take(content: bytes) -> Page:
        page = player.take(content)
        if page.marker is not None:
            assert requested.acquire(timeout=30), "the next page was not requested"
        return page

    with ThreadPoolExecutor(1) as pool:
        pages = by_marker(fetch, take, "/users", pool=pool)
        assert list(pages) == ["m0", "m1", "m2", None]
    assert player.ids == ["0", "1", "2"]
    assert [params.get("marker") for params in player.requests] == [None, "m0", "m1", "m2"]


def test_failure_of_the_next_page_keeps_the_earlier_ones() -> None:
    """The failure is raised after the earlier pages, and the marker to request the page again is known."""
    player = Player({"entries": [{"id": "1"}], "next_marker": "m"})
    with ThreadPoolExecutor(1) as pool:
        pages = by_marker(player.fetch, player.take, "/users", pool=pool)
        assert next(pages) == "m"
        with pytest.raises(IndexError):  # the player does not have another page
            next(pages)
    assert player.ids == ["1"]


def test_numeric_marker_is_followed() -> None:
    """Device pins have numbers as markers."""
    player = Player({"entries": [{"id": "1"}], "next_marker": 17}, {"entries": []})
    assert list(by_marker(player.fetch, player.take, "/pins")) == ["17", None]


def test_marker_is_decoded_as_json() -> None:
    """JSON may escape slashes, and any other character by its number."""
    content = b'{"entries": [], "next_marker": "a\\/b\\u003d", "next_stream_position": 1152922976252290886}'
    page = paging_of(content)
    assert (page.marker, page.stream_position) == ("a/b=", "1152922976252290886")
    assert paging_of(b'{"entries": [], "next_stream_position": 36893488147419103233}').stream_position == str(
        2**65 + 1
    )


def test_repeated_marker_ends_the_listing() -> None:
    """The same marker twice does not cause an endless loop."""
    player = Player(*[{"entries": [{"id": "1"}], "next_marker": "m"}] * 3)
    assert list(by_marker(player.fetch, player.take, "/users")) == ["m", None]


@pytest.mark.parametrize("workers", [0, 4])
def test_offset_advances_by_the_limit_of_the_response(workers: int) -> None:
    """Entries are not skipped if the limit is smaller or a page is short, with or without threads."""

    def fetch(path: str, **params: Any) -> bytes:
        positions = range(params["offset"], min(params["offset"] + 2, 9))
        entries = [{"id": str(position)} for position in positions if position % 5]
        return json.dumps({"entries": entries, "limit": 2, "total_count": 9}).encode()

    table = Table((Column("id", "text"),))
    with ThreadPoolExecutor(4) as pool:
        offsets = list(by_offset(fetch, table.add, "/groups", pool=pool if workers else None))
    assert offsets == [2, 4, 6, 8, None]
    assert list(table.frame()["id"]) == ["1", "2", "3", "4", "6", "7", "8"]


def test_growing_total_is_followed() -> None:
    """Users who are added during the listing are returned."""
    page = {"entries": [{"id": "x"}], "limit": 1}
    pages = [{**page, "entries": [{"id": str(n)}], "total_count": min(n + 2, 4)} for n in range(4)]
    player = Player(*pages, {**page, "entries": [], "total_count": 4})
    assert list(by_offset(player.fetch, player.take, "/groups")) == [1, 2, 3, 4, None]
    assert player.ids == ["0", "1", "2", "3"]
    player = Player(
        {**page, "total_count": 1}, {**page, "entries": [{"id": "y"}], "total_count": 2}, {"entries": []}
    )
    assert list(by_offset(player.fetch, player.take, "/groups")) == [1, 2, None]
    assert player.ids == ["x", "y"]  # y joined after a full page was fetched


def test_listing_beyond_the_offset_limit_is_refused() -> None:
    """Box returns only the first 10,000 entries by offset."""
    page = {"entries": [], "limit": 5000, "total_count": 20_000}
    player = Player(page, page)
    with pytest.raises(ValueError, match="returns only the first 10,000"):
        list(by_offset(player.fetch, player.take, "/groups"))


def test_positions_are_text_and_short_pages_continue() -> None:
    """Positions may exceed 2^53. An empty page or an unchanged position ends the stream."""
    far = 1152922976252290886
    player = Player(
        {"entries": [{"id": "1"}], "next_stream_position": far},
        {"entries": [{"id": "2"}], "next_stream_position": str(far + 1)},
        {"entries": [], "next_stream_position": str(far + 1)},
    )
    assert list(by_position(player.fetch, player.take, "/events")) == [str(far), str(far + 1), None]
    assert player.requests[1]["stream_position"] == str(far)
    player = Player(*[{"entries": [{"id": "1"}], "next_stream_position": "7"}] * 2)
    assert list(by_position(player.fetch, player.take, "/events", position="5")) == ["7", None]


def test_null_entries_are_an_empty_page() -> None:
    """A page whose ``entries`` are null does not have rows."""
    player = Player({"entries": None, "total_count": 0})
    assert list(by_offset(player.fetch, player.take, "/groups")) == [None]
    assert player.ids == []
