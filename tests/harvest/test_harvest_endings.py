"""How a run ends: refusals, empty pages without end, an executor that is shut down, wrong arguments, damaged parts."""

from __future__ import annotations

import datetime
import itertools
import json
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pytest

import boxnb
from boxnb.errors import ArgumentError, ForbiddenError, HarvestError
from boxnb.harvest import Harvest, driver, parts
from boxnb.sandbox import Sandbox
from boxnb.transport.allowance import require_call


@contextmanager
def answering(box: boxnb.Box, answer: Callable[..., bytes]) -> Iterator[None]:
    """Let a function answer the calls of a harvest: it takes the path, the user and the parameters."""
    session: Any = box.session
    get_bytes = session.get_bytes

    def get(path: str, *, as_user: str | None = None, **params: Any) -> bytes:
        require_call()
        return answer(path, as_user, params)

    session.get_bytes = get
    try:
        yield
    finally:
        session.get_bytes = get_bytes


def page(entries: list[dict[str, Any]], **more: Any) -> bytes:
    """Return a page of a listing."""
    return json.dumps({"entries": entries, **more}).encode()


def users(count: int) -> list[dict[str, Any]]:
    """Return users with ids from 1."""
    return [{"type": "user", "id": str(number), "status": "active"} for number in range(1, count + 1)]


def refusal() -> ForbiddenError:
    """Return what the server says to someone who may not."""
    return ForbiddenError("refused", status=403, code="forbidden")


def test_empty_pages_without_end_end(box: boxnb.Box) -> None:
    """A hundred empty pages in a row end a listing, in several runs too; a page with rows starts the count again."""
    asked: list[str | None] = []

    def empty(path: str, as_user: str | None, params: dict[str, Any]) -> bytes:
        asked.append(params.get("marker"))
        assert len(asked) < 300
        return page(users(1) if len(asked) == 31 else [], next_marker=f"m{len(asked)}")

    harvest = box.harvest("users")
    with answering(box, empty):
        harvest.run(max_calls=50)
        assert not harvest.complete and len(asked) == 50
        with pytest.warns(UserWarning, match="not complete"):
            harvest.run()
    assert len(asked) == 131
    assert harvest.frame().attrs["skipped"][0]["why"] == "The server returned 100 empty pages in a row"
    assert not harvest.complete and harvest.rounds["ended"].notna().all()


def test_only_empty_pages_are_not_a_refusal(box: boxnb.Box) -> None:
    """A listing whose end is in doubt was not refused, although it has no row."""
    numbers = itertools.count()
    harvest = box.harvest("users")
    with (
        answering(box, lambda path, as_user, params: page([], next_marker=f"m{next(numbers)}")),
        pytest.warns(UserWarning, match="not complete"),
    ):
        harvest.run()
    assert harvest.frame().empty and harvest.rounds["ended"].notna().all()


def test_empty_pages_by_offset_end(box: boxnb.Box) -> None:
    """Three empty pages in a row end a listing by offset, as for the datasets."""
    harvest = box.harvest("groups")
    asked: list[int] = []

    def empty(path: str, as_user: str | None, params: dict[str, Any]) -> bytes:
        asked.append(params["offset"])
        return page([], total_count=9000, limit=100, offset=params["offset"])

    with answering(box, empty), pytest.warns(UserWarning, match="not complete"):
        harvest.run()
    assert asked == [0, 100, 200]


def test_one_refusal_and_one_empty_listing_are_not_hopeless(box: boxnb.Box) -> None:
    """If Box refuses one user's trash and another one's is empty, the run ends, and names what it could not read."""

    def answer(path: str, as_user: str | None, params: dict[str, Any]) -> bytes:
        if path == "/users":
            return page(users(2))
        if as_user == "1":
            raise refusal()
        return page([])

    harvest = box.harvest("trash")
    with answering(box, answer), pytest.warns(UserWarning, match="not complete"):
        harvest.run()
    assert [entry["as_user"] for entry in harvest.frame().attrs["skipped"]] == ["1"]
    assert harvest.rounds["ended"].notna().all()


def test_the_count_of_refusals_covers_earlier_runs(box: boxnb.Box) -> None:
    """A message about refusals counts those of all runs."""

    def answer(path: str, as_user: str | None, params: dict[str, Any]) -> bytes:
        if path == "/users":
            return page(users(9))
        raise refusal()

    harvest = box.harvest("trash")
    with answering(box, answer):
        harvest.run(max_calls=7)
        with pytest.raises(ForbiddenError, match="refused all 9 requests"):
            harvest.run()


def test_a_hopeless_run_is_tried_again_as_a_whole(box: boxnb.Box) -> None:
    """Once the permission is there, the next run fetches everything, also what was in flight when the last one ended."""
    barred = True

    def answer(path: str, as_user: str | None, params: dict[str, Any]) -> bytes:
        if path == "/users":
            return page(users(driver.REFUSALS + 10))
        if barred:
            raise refusal()
        return page([{"type": "file", "id": f"1{as_user}"}])

    harvest = box.harvest("trash")
    with answering(box, answer):
        with pytest.raises(ForbiddenError, match="refused all"):
            harvest.run()
        barred = False
        assert harvest.run().complete
    assert len(harvest.frame()) == driver.REFUSALS + 10


def test_refusals_of_the_first_users_do_not_bar_the_others(box: boxnb.Box) -> None:
    """If Box refuses many users, and these come first, the next run begins with the others."""

    def answer(path: str, as_user: str | None, params: dict[str, Any]) -> bytes:
        if path == "/users":
            return page(users(2 * driver.REFUSALS + 10))
        if int(as_user or 0) <= driver.REFUSALS + 5:
            raise refusal()
        return page([{"type": "file", "id": f"1{as_user}"}])

    harvest = box.harvest("trash")
    with answering(box, answer):
        with pytest.raises(ForbiddenError, match="refused all"):
            harvest.run()
        with pytest.warns(UserWarning, match="not complete"):
            harvest.run()
    assert len(harvest.frame()) == driver.REFUSALS + 5


class Cancelling(Executor):
    """Cancels every unit after the first ones, as an executor does that is shut down."""

    def __init__(self, first: int, kind: str) -> None:
        self._left, self._kind = first, kind

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Run a unit here, or cancel it."""
        self._left -= 1
        future: Future[Any] = Future()
        if self._left >= 0:
            future.set_result(work(*arguments, **named))
        elif self._kind == "cancelled":
            future.cancel()
        elif self._kind == "error":
            future.set_exception(CancelledError())
        else:
            raise RuntimeError("cannot schedule new futures after shutdown")
        return future


@pytest.mark.parametrize(
    ("kind", "message"),
    [("cancelled", "cancelled the work"), ("error", "cancelled the work"), ("shut", "no further work")],
)
def test_a_cancelled_unit_waits_for_the_next_run(
    free: Sandbox, box: boxnb.Box, kind: str, message: str
) -> None:
    """A unit that the executor cancels ends the run with one sentence; what arrived is saved, and the next run continues."""
    whole = box.harvest("memberships", name="whole").run().frame()
    harvest = box.harvest("memberships")
    with pytest.raises(HarvestError, match=rf"{message}.*unchanged.*run\(\)"):
        harvest.run(executor=Cancelling(2, kind), lanes=1)
    assert 0 < len(harvest.frame()) < len(whole)
    free.record(clear=True)
    assert harvest.run().complete
    assert sorted(harvest.frame()["id"]) == sorted(whole["id"])


def test_an_executor_that_is_shut_down_in_a_run(box: boxnb.Box) -> None:
    """The same with a real executor, which cancels the units that wait."""
    pool = ThreadPoolExecutor(1)
    harvest = box.harvest("memberships")
    box.on_progress = lambda progress: pool.shutdown(wait=False, cancel_futures=True)
    with pytest.raises(HarvestError, match="executor"):
        harvest.run(executor=pool, lanes=4)
    box.on_progress = None
    assert harvest.run().complete


ODD: list[Any] = [-1, 1.5, float("nan"), True, "many", "", b"1", [1], {"a": 1}, object(), pd.NaT]

WRONG: dict[str, tuple[Callable[[Harvest, Any], Any], list[Any]]] = {
    "max_calls": (lambda harvest, value: harvest.run(max_calls=value), ODD),
    "lanes": (lambda harvest, value: harvest.run(lanes=value), [*ODD, 0, 101, 10**30]),
    "until": (lambda harvest, value: harvest.run(until=value), [*ODD, 5, datetime.timedelta.max]),
    "executor": (lambda harvest, value: harvest.run(executor=value), [*ODD, 5, Executor]),
    "full": (
        lambda harvest, value: harvest.update(full=value),
        [*(v for v in ODD if v is not True), None, 1, "yes"],
    ),
    "repair": (lambda harvest, value: harvest.verify(repair=value), [v for v in ODD if v is not True]),
    "columns": (lambda harvest, value: harvest.frame(value), [*ODD, 5]),
    "where": (
        lambda harvest, value: harvest.frame(where=value),
        [*(v for v in ODD if v != "many"), 5, "\ud800"],
    ),
    "query": (lambda harvest, value: harvest.sql(value), [*ODD, None, 5, "\ud800"]),
    "when": (lambda harvest, value: harvest.at(value), [*ODD, None, 5]),
    "since": (lambda harvest, value: harvest.changes(value), [*ODD, None, 5]),
    "before": (lambda harvest, value: harvest.forget(value), [*ODD, None, 5]),
}


@pytest.mark.parametrize("argument", WRONG)
def test_every_wrong_argument_is_named(box: boxnb.Box, free: Sandbox, argument: str) -> None:
    """A value of the wrong type or out of range is an :class:`ArgumentError`, and no call is made."""
    harvest = box.harvest("groups").run()
    free.record(clear=True)
    use, values = WRONG[argument]
    for value in values:
        with pytest.raises(ArgumentError):
            use(harvest, value)
        if argument in ("max_calls", "lanes", "until", "executor"):
            fresh = box.harvest("groups", name="fresh")
            with pytest.raises(ArgumentError):
                use(fresh, value)
            assert not fresh.folder.exists()
    assert not any(call["path"].startswith("/2.0/") for call in free.record())


def test_long_spans_are_in_the_future(box: boxnb.Box) -> None:
    """A span of centuries does not end a run at once; a negative one does."""
    assert not box.harvest("groups", name="past").run(until=datetime.timedelta(hours=-1)).complete
    for number, span in enumerate((datetime.timedelta(days=999_999), "90000D")):
        assert box.harvest("groups", name=f"run-{number}").run(until=span).complete


def test_no_columns_leave_the_rows(box: boxnb.Box) -> None:
    """``columns=[]`` has as many rows as there are, as ``pandas.read_parquet`` does."""
    harvest = box.harvest("users").run()
    rows = harvest.frame()
    some = list(rows["id"].head(3))
    assert harvest.frame([]).shape == pd.read_parquet(harvest.path, columns=[]).shape == (len(rows), 0)
    assert harvest.frame([], {"id": some}).shape == (3, 0)
    assert harvest.frame([], f"id = '{some[0]}'").shape == (1, 0)


def test_no_bit_of_a_part_changes_unnoticed(box: boxnb.Box) -> None:
    """A bit that changed anywhere in a part, also in its footer, is found before its rows are read or queried."""
    harvest = box.harvest("groups").run()
    (file,) = harvest.path.glob("*.parquet")
    content = file.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    rows = harvest.frame()
    reads: list[Callable[[], Any]] = [
        harvest.frame,
        lambda: harvest.sql("SELECT count(*) FROM harvest"),
        lambda: harvest.frame(where="id > ''"),
        lambda: harvest.at("2099-01-01"),
    ]
    for place in (*range(4, footer, 97), *range(footer, len(content), 41), len(content) - 1):
        file.write_bytes(content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :])
        read = reads[place % len(reads)]
        with pytest.raises(HarvestError, match=rf"{file.name} is damaged.*verify\(repair=True\)"):
            read()
    file.write_bytes(content)
    assert harvest.frame().equals(rows)


def test_the_end_of_a_run_does_not_hide_damage(box: boxnb.Box) -> None:
    """A part that was damaged before the run ended is not copied into a new one, whose hash would be right."""
    harvest = box.harvest("memberships")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        harvest.run(max_calls=4)
    assert not harvest.complete
    listed = harvest._manifest.parts(parts.FETCHED)
    file = harvest.path.parent / parts.FETCHED / listed[-1].part.file
    content = file.read_bytes()
    assert content.count(b"parquet-cpp-arrow") == 1  # in the footer, where the reader accepts any name
    file.write_bytes(content.replace(b"parquet-cpp-arrow", b"parquet-cpp-arroz"))
    with pytest.raises(HarvestError, match=rf"{file.name} is damaged.*verify\(repair=True\)"):
        harvest.run()
    assert len(harvest.verify(repair=True)) == 1
    harvest.run()
    assert harvest.complete and harvest.verify().empty
    assert len(harvest.frame()) == len(box.memberships())


def test_merging_does_not_hide_damage(box: boxnb.Box) -> None:
    """A damaged part is not merged into another one, whose hash would be right."""
    harvest = box.harvest("events", since="60D")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            harvest.run(max_calls=1)
    listed = harvest._manifest.parts(parts.ROWS)
    assert len(listed) > 1
    file = harvest.path / listed[0].part.file
    content = file.read_bytes()
    file.write_bytes(content[:-12] + bytes([content[-12] ^ 1]) + content[-11:])
    with pytest.raises(HarvestError, match=f"{file.name} is damaged"):
        harvest.compact()
    file.write_bytes(content)
    harvest.compact()
    assert harvest.verify().empty
