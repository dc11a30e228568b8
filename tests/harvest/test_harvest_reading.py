"""Reading a harvest: conditions and SQL equal pandas, wrong arguments are named, and a run at the same time does not matter."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import boxnb
from boxnb.errors import ArgumentError, HarvestError
from boxnb.harvest import Harvest, parts
from boxnb.sandbox import Sandbox


@pytest.fixture
def users(box: boxnb.Box) -> Harvest:
    """Return a complete harvest of users."""
    return box.harvest("users").run()


@pytest.fixture(params=["Asia/Tokyo", "America/New_York"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the time zone of this computer."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("zone")
def test_times_in_sql_are_in_utc(box: boxnb.Box) -> None:
    """The time zone of the computer does not change which rows fulfil a condition, nor the day of an event."""
    harvest = box.harvest("events", since="9D").run()
    events = harvest.frame()
    day = f"{events['created_at'].iloc[len(events) // 2]:%Y-%m-%d}"
    later = events[events["created_at"] >= day]
    found = harvest.frame(where=f"created_at >= '{day}'")
    assert sorted(found["event_id"]) == sorted(later["event_id"])
    days = harvest.sql("SELECT created_at::DATE AS day, count(*) AS n FROM harvest GROUP BY day ORDER BY day")
    assert days["n"].tolist() == events.groupby(events["created_at"].dt.date).size().tolist()


def test_a_condition_keeps_the_order(box: boxnb.Box) -> None:
    """Rows that fulfil a condition are in the order of all rows, also those with the same time."""
    harvest = box.harvest("events", since="60D").run()
    events = harvest.frame()
    assert events["created_at"].duplicated().any()
    expected = events.loc[events["event_type"] == "UPLOAD", "event_id"].tolist()
    for where in ("event_type = 'UPLOAD'", "event_type = 'UPLOAD' -- a comment", {"event_type": ["UPLOAD"]}):
        assert harvest.frame(["event_id"], where)["event_id"].tolist() == expected


def test_a_wrong_condition_is_named(users: Harvest) -> None:
    """A condition that is not one condition, or values that the column cannot have, raise an error in one sentence."""
    sql = ("true; SELECT 1 AS x", "true) UNION SELECT (1", "true GROUP BY id", "name = 'O'Brien'", "", "(")
    values = [
        {"id": 5},
        {"id": "1"},
        {"id": None},
        {"space_used": ["a"]},
        {"created_at": ["x"]},
        {"id": [5.5]},
    ]
    for where in (*sql, 5, *values):
        condition: Any = where
        with pytest.raises(ArgumentError):
            users.frame(where=condition)


def test_values_that_fit_a_column_are_found(users: Harvest) -> None:
    """Values may be a pandas Series or a set; a condition may have a comment."""
    rows = users.frame()
    some = rows["id"].head(3)
    many: list[Any] = [list(some), some, set(some), tuple(some)]
    for values in many:
        assert users.frame(where={"id": values})["id"].tolist() == list(some)
    assert len(users.frame(where=f"id = '{some[0]}' -- one")) == 1


def test_wrong_columns_are_named(users: Harvest) -> None:
    """Columns that are not a list of names raise an error in one sentence; a name given twice counts once."""
    wrong: list[Any] = [5, "id", [["id"]], ["nothing"], [5]]
    for columns in wrong:
        with pytest.raises(ArgumentError, match="column"):
            users.frame(columns)
    assert list(users.frame(["id", "name", "id"]).columns) == ["id", "name"]


def test_sql_returns_the_dtypes_of_pandas(users: Harvest) -> None:
    """A sum of whole numbers is a whole number, and columns with the same name are all there."""
    total = users.sql("SELECT sum(space_used) AS total FROM harvest")
    assert total["total"].dtype == "Int64"
    assert total["total"][0] == users.frame()["space_used"].sum()
    twice = users.sql(
        "SELECT a.id, a.created_at, b.id, b.created_at FROM harvest a JOIN harvest b USING (id)"
    )
    assert len(twice.columns) == 4
    assert len(twice) == len(users.frame())


def test_sql_cannot_write(users: Harvest) -> None:
    """A query cannot write into the folder of the harvest, and is one query."""
    before = sorted(users.path.iterdir())
    for query in (
        f"COPY (SELECT 1) TO '{users.path}/other.parquet'",
        f"COPY (SELECT 1) TO '{before[0]}'",
        "SELECT 1; SELECT 2",
        "CREATE TABLE other AS SELECT 1",
        "",
    ):
        with pytest.raises(ArgumentError, match="query"):
            users.sql(query)
    assert sorted(users.path.iterdir()) == before
    assert users.verify().empty
    assert len(users.sql("DESCRIBE harvest")) == len(users.columns)


def test_sql_names_a_damaged_part(users: Harvest) -> None:
    """SQL names a part that is damaged or missing, as reading the rows does."""
    part = next(iter(users.path.iterdir()))
    content = part.read_bytes()
    middle = len(content) // 3
    changed = bytes(255 - byte for byte in content[middle : middle + 9])
    reads: list[Callable[[], Any]] = [
        lambda: users.sql("SELECT * FROM harvest"),
        lambda: users.frame(where="id > ''"),
        lambda: users.frame(),
    ]
    for damaged in (b"garbage", content[:-20], content[:middle] + changed + content[middle + 9 :], None):
        part.unlink()
        if damaged is not None:
            part.write_bytes(damaged)
        for read in reads:
            with pytest.raises(HarvestError, match="part of this harvest"):
                read()


def test_an_update_during_a_read_does_not_matter(
    free: Sandbox, box: boxnb.Box, users: Harvest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If an update ends while rows are read, each row is still there once."""
    user, before, tables = users.frame()["id"][3], len(users.frame()), parts.tables

    def update_meanwhile(*arguments: Any) -> Any:
        found = list(tables(*arguments))
        monkeypatch.setattr(parts, "tables", tables)
        free.clock.advance(60)
        box.session.request("PUT", f"/users/{user}", json={"job_title": f"Job {free.clock.now()}"})
        box.harvest("users").update()
        return found

    reads: list[Callable[[], Any]] = [
        lambda: users.at("2099-01-01"),
        lambda: users.changes("2000-01-01"),
    ]
    for read in reads:
        monkeypatch.setattr(parts, "tables", update_meanwhile)
        rows = read()
        assert len(rows.drop_duplicates("id")) == len(rows) == before


def test_the_end_of_the_first_run_during_a_read_does_not_matter(box: boxnb.Box) -> None:
    """If the first run ends while its pages are read, the rows are those of the complete harvest."""
    harvest: Any = box.harvest("users").run(max_calls=0)
    notes = harvest._manifest.notes

    def run_meanwhile(round_id: int) -> Any:
        harvest._manifest.notes = notes
        box.harvest("users").run()
        return notes(round_id)

    harvest._manifest.notes = run_meanwhile
    assert len(harvest.frame()) == len(box.users())
