"""Admin events: pages of several subranges at the same time, and the last 48 hours again at each update.

One subrange is split whenever a thread is idle. Each page asks for everything up to the end of the range, so a split costs
no call; the earlier subrange ends with the page that reaches the split.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ..datasets.event_log import time_of, types_of
from ..datasets.event_ranges import MIN_SPLIT_LENGTH, OVERLAP, Span
from ..errors import RangeError
from ..frames import Table
from .kinds import Kind
from .request import Outcome, Request

if TYPE_CHECKING:
    from ..api.connection import Connection
    from .manifest import Manifest, Round

REREAD = pd.Timedelta("48h")
"""How much of the past an update reads again, because events can arrive late (Box guide *Enterprise events*)."""

MIN_PAGES_LEFT = 10.0
"""The estimated number of pages that a subrange must have left before it is split; a split costs about half a call."""

YEAR = pd.Timedelta("365D")
"""How long Box keeps admin events (Box guide *Enterprise events*)."""


def microseconds(time: pd.Timestamp) -> int:
    """Return a time as microseconds since 1970, UTC."""
    return int(time.as_unit("us").asm8.astype("int64"))


def timestamp(number: int) -> pd.Timestamp:
    """Return microseconds since 1970 as a time, UTC."""
    return pd.Timestamp(number, unit="us", tz="UTC").as_unit("us")


@dataclass(frozen=True)
class Events(Kind):
    """Admin events, one call for every 500.

    The memo of a request has the range of its subrange in microseconds: ``begin``, ``until`` (where the next one starts) and
    ``end`` (of the whole range); ``last`` (the last time seen), and ``density`` (pages per microsecond, ``None`` at first).
    """

    def round_arguments(
        self, arguments: dict[str, Any], now: int, previous: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Return the range of a round: everything at first, later what is new and the last 48 hours again."""
        time = timestamp(now)
        begin = time_of(arguments["since"], time) if previous is None else timestamp(previous["end"]) - REREAD
        if previous is not None:
            begin = max(begin, timestamp(previous["oldest"]))
        end = time if arguments.get("until") is None else min(time, time_of(arguments["until"], time))
        if begin >= end and previous is None:
            raise RangeError(f"The range ends before it begins: {begin} to {end}.")
        oldest = microseconds(begin) if previous is None else previous["oldest"]
        begin = min(begin, end)
        forgotten = {name: value for name, value in (previous or {}).items() if name == "forgotten"}
        times = {"begin": microseconds(begin), "end": microseconds(end), "oldest": oldest}
        return {**arguments, **times, **forgotten}

    def start(self, arguments: dict[str, Any]) -> list[Request]:
        """Return the request for the first page of the range."""
        begin, end = arguments["begin"], arguments["end"]
        params = {"stream_type": "admin_logs", **Span(timestamp(begin), timestamp(end)).query()}
        if types := types_of(arguments.get("event_type")):
            params["event_type"] = ",".join(types)
        memo = {"chain": str(begin), "begin": None, "until": end, "end": end, "last": begin, "density": None}
        memo |= {"from": begin, "pages": 0}
        if begin == arguments.get("forgotten"):
            memo["begin"] = begin  # Box's range begins with the whole second
        return [Request("/events", "position", params=params, memo=memo, key=f"{begin}")]

    def again(self, arguments: dict[str, Any], ranges: list[list[int | None]]) -> list[Request]:
        """Return the request for the first page of each range. A part without times can be anywhere in the whole range."""
        second = 1_000_000  # the end of a range is exclusive
        spans: list[list[int]] = []
        for begin, end in sorted(
            (
                arguments["oldest"] if first is None else max(first, arguments["oldest"]),
                arguments["end"] if last is None else last + second,
            )
            for first, last in ranges
        ):
            if spans and begin <= spans[-1][1]:
                spans[-1][1] = max(spans[-1][1], end)
            elif begin < end:
                spans.append([begin, end])
        return [
            request._replace(key=f"{begin}-{end}")
            for begin, end in spans
            for request in self.start({**arguments, "begin": begin, "end": end})
        ]

    def retried(
        self, arguments: dict[str, Any], refused: list[Request], notes: dict[str, dict[str, str]]
    ) -> list[Request]:
        """Return the requests for what each refused page and those after it would have returned."""
        return self.again(arguments, [[request.memo["last"], request.memo["until"]] for request in refused])

    def trim(self, table: Table, request: Request, outcome: Outcome) -> None:
        """Drop the rows that belong to the subrange before or after this one, and rows that the page repeats."""
        memo = request.memo
        last = table.last("created_at")
        outcome.last = None if last is None else microseconds(last)
        if memo["begin"] is not None:
            table.drop_before("created_at", timestamp(memo["begin"]))
        if memo["until"] < memo["end"]:
            table.drop_from("created_at", timestamp(memo["until"]))
        outcome.rows = table.rows

    def next_page(self, request: Request, following: Any, outcome: Outcome) -> list[Request]:
        """Return the request for the next page of the subrange, unless this page has reached the next subrange."""
        memo = dict(request.memo)
        if outcome.last is not None and memo["until"] < memo["end"] and outcome.last >= memo["until"]:
            return []
        memo["last"] = max(memo["last"], outcome.last or 0)
        memo["pages"] += 1
        if memo["last"] > memo["from"]:
            memo["density"] = memo["pages"] / (memo["last"] - memo["from"])
        key = f"{memo['chain']}@{following}"
        return [request._replace(at=following, memo=memo, key=key, id=0)]

    def agree(self, outcome: Outcome, now: Request, rows: pa.Table) -> pa.Table:
        """If the subrange was split while its page was fetched, drop the rows that belong to the later half."""
        until = now.memo["until"]
        if until == outcome.request.memo["until"]:
            return rows
        if outcome.last is not None and outcome.last >= until:
            outcome.opened = []
            times = rows.column("created_at")
            before = pc.less(times, pa.scalar(timestamp(until), times.type))
            rows = rows.filter(pc.fill_null(before, fill_value=True))
        outcome.opened = [opened._replace(memo={**opened.memo, "until": until}) for opened in outcome.opened]
        return rows

    def divide(self, requests: list[Request]) -> tuple[Request, Request] | None:
        """Split the subrange with the most pages left, if it is worth it: return its earlier and its later half."""
        longest = max(requests, key=_pages_left, default=None)
        if longest is None or _pages_left(longest) < MIN_PAGES_LEFT:
            return None
        memo = longest.memo
        middle = memo["last"] + (memo["until"] - memo["last"]) // 2
        asked_from = Span(timestamp(middle) - OVERLAP, timestamp(memo["end"])).query()
        later_memo = {
            **memo,
            "chain": str(middle),
            "begin": middle,
            "last": middle,
            "from": middle,
            "pages": 0,
        }
        later = longest._replace(
            at=None, params={**longest.params, **asked_from}, memo=later_memo, key=str(middle), id=0
        )
        return longest._replace(memo={**memo, "until": middle}), later

    def pages_left(self, requests: list[Request], waiting: int) -> int:
        """Return how many pages are left, if the events stay as dense as before."""
        return round(sum(max(1.0, _pages_left(request)) for request in requests))

    def update_cost(self, box: Connection, rounds: list[Round]) -> str:
        """Return what the next update costs: the pages of events since the last round, and of the 48 hours before it."""
        last, first = rounds[-1], rounds[0]
        length = max(first.arguments["end"] - first.arguments["begin"], 1)
        now = round(box.session.auth.now() * 1_000_000)
        again = now - last.arguments["end"] + microseconds(pd.Timestamp(0, tz="UTC") + REREAD)
        calls = max(2, round(first.calls * again / length))
        return f"about {calls:,} calls: what is new, and the last 48 hours again, because events arrive late"

    def doubts(self, manifest: Manifest, ended: list[Round]) -> list[tuple[str, str, int | None]]:
        """Return what a harvest of events cannot know."""
        found = [
            (
                "events that arrive more than 48 hours late",
                "an update reads only the last 48 hours again",
                None,
            )
        ]
        for before, after in itertools.pairwise(ended):
            if after.begun - before.begun > YEAR // pd.Timedelta("1us"):
                why = f"Box keeps events for a year, and no update ran between {timestamp(before.begun):%Y-%m-%d} and {timestamp(after.begun):%Y-%m-%d}"
                found.append(("events in a gap between updates", why, None))
        return super().doubts(manifest, ended) + found

    def chain(self, request: Request) -> str:
        """Return the subrange that a request belongs to. Its pages are in order of time."""
        return str(request.memo["chain"])


def _pages_left(request: Request) -> float:
    """Return the estimated number of pages left, assuming that the events stay as dense as before."""
    memo = request.memo
    remaining = memo["until"] - memo["last"]
    if memo["density"] is None or remaining < MIN_SPLIT_LENGTH // pd.Timedelta("1us"):
        return 0.0
    return float(remaining * memo["density"])
