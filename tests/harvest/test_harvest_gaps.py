"""What a harvest could not read stays known until it is read, and each row is reported once."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pytest
from signing import sign_in

import boxnb
from boxnb.errors import ApiError, ForbiddenError
from boxnb.harvest import parts
from boxnb.sandbox import Sandbox


@pytest.fixture
def sizes() -> dict[str, int]:
    """Return the sizes of the enterprise."""
    return {"users": 6, "folders": 40, "files": 200, "events": 4000}


@pytest.fixture
def box(little: Sandbox) -> boxnb.Box:
    """Return a Box signed in to that sandbox."""
    sign_in(little)
    return boxnb.connect("acme")


Answer = Callable[[str, str | None, dict[str, Any], Callable[[], bytes]], bytes]


@contextmanager
def answering(box: boxnb.Box, answer: Answer) -> Iterator[None]:
    """Let a function answer the calls of a harvest; it can ask the server."""
    session: Any = box.session
    get_bytes = session.get_bytes

    def get(path: str, *, as_user: str | None = None, **params: Any) -> bytes:
        return answer(path, as_user, params, lambda: get_bytes(path, as_user=as_user, **params))

    session.get_bytes = get
    try:
        yield
    finally:
        session.get_bytes = get_bytes


def ids(frame: pd.DataFrame, column: str = "id") -> list[str]:
    """Return the ids of a DataFrame in order."""
    return sorted(frame[column])


def test_an_update_reads_content_that_was_refused(little: Sandbox, box: boxnb.Box) -> None:
    """A listing that Box refused is read by the next update; until then, the harvest is not complete."""
    whole = box.harvest("content", name="whole").run().frame()
    owner = whole["owned_by_id"].value_counts().index[0]
    folder = whole.loc[(whole["type"] == "folder") & (whole["owned_by_id"] == owner), "id"].iloc[0]

    def refusing(path: str, as_user: str | None, params: dict[str, Any], ask: Callable[[], bytes]) -> bytes:
        if path in ("/folders/0/items", f"/folders/{folder}/items") and as_user == owner:
            raise ForbiddenError("refused", status=403, code="forbidden")
        return ask()

    harvest = box.harvest("content")
    with answering(box, refusing), pytest.warns(UserWarning, match="not complete"):
        harvest.run()
    assert not harvest.complete
    little.clock.advance(3600)
    with answering(box, refusing), pytest.warns(UserWarning, match="not complete"):
        harvest.update()
    assert not harvest.complete
    assert len(harvest.frame()) < len(whole)
    little.clock.advance(3600)
    harvest.update()
    assert harvest.complete
    assert ids(harvest.frame()) == ids(whole)


def test_an_update_reads_events_of_content_that_were_refused(little: Sandbox, box: boxnb.Box) -> None:
    """If Box refuses the events of an update, the next one reads those of both, also after more than 48 hours."""
    harvest = box.harvest("content").run()
    rows = harvest.frame()
    folder = rows[(rows["type"] == "folder") & (rows["ownership"] == "active")].iloc[0]

    def refusing(path: str, as_user: str | None, params: dict[str, Any], ask: Callable[[], bytes]) -> bytes:
        if path == "/events":
            raise ForbiddenError("refused", status=403, code="forbidden")
        return ask()

    little.clock.advance(3600)
    box.session.request(
        "POST",
        "/folders",
        json={"name": "new here", "parent": {"id": folder["id"]}},
        headers={"As-User": folder["owned_by_id"]},
    )
    little.clock.advance(3600)
    little.clock.advance(9 * 86400)
    with answering(box, refusing), pytest.warns(UserWarning, match="not complete"):
        harvest.update()
    little.clock.advance(30 * 86400)
    found = harvest.update()
    assert "new here" in list(found["name"])
    assert harvest.complete


def test_an_update_reads_events_that_were_refused(little: Sandbox, box: boxnb.Box) -> None:
    """A page of events that Box refused is read by the next update, also if it is older than 48 hours."""
    whole = box.harvest("events", since="300D", name="whole").run().frame()
    asked = []

    def refusing(path: str, as_user: str | None, params: dict[str, Any], ask: Callable[[], bytes]) -> bytes:
        asked.append(params)
        if len(asked) == 3:
            raise ApiError("refused", status=400, code="bad_position")
        return ask()

    harvest = box.harvest("events", since="300D")
    with answering(box, refusing), pytest.warns(UserWarning, match="not complete"):
        harvest.run()
    assert not harvest.complete
    assert len(harvest.frame()) < len(whole)
    little.clock.advance(10 * 86400)
    harvest.update()
    assert harvest.complete
    assert set(ids(harvest.frame(), "event_id")) >= set(ids(whole, "event_id"))


def test_a_report_in_the_middle_of_an_update_covers_each_event_once(little: Sandbox, box: boxnb.Box) -> None:
    """Events of an update that has not ended are reported when it has ended, and not before as well."""
    harvest = box.harvest("events", since="300D").run()
    harvest.mark_reported()
    for number in range(700):
        box.session.request("POST", "/folders", json={"name": f"n{number}", "parent": {"id": "0"}})
    little.clock.advance(3600)
    harvest.update(max_calls=1)
    first = harvest.unreported()
    harvest.mark_reported()
    harvest.update()
    second = harvest.unreported()
    assert not set(first["event_id"]) & set(second["event_id"])
    rows = harvest.frame()
    new = rows[rows["first_seen"] > rows["first_seen"].min()]
    assert len(new) >= 700
    assert sorted([*first["event_id"], *second["event_id"]]) == sorted(new["event_id"])


def test_a_mark_covers_what_was_shown(little: Sandbox, box: boxnb.Box) -> None:
    """If an update ends between ``unreported`` and ``mark_reported``, what it found is still unreported."""
    harvest = box.harvest("users").run()
    users = harvest.frame()["id"]
    harvest.unreported()
    box.session.request("PUT", f"/users/{users[2]}", json={"job_title": "Another"})
    little.clock.advance(3600)
    box.harvest("users").update()
    harvest.mark_reported()
    assert harvest.unreported()["id"].tolist() == [users[2]]
    harvest.mark_reported()
    assert harvest.unreported().empty
    box.session.request("PUT", f"/users/{users[3]}", json={"job_title": "Another"})
    little.clock.advance(3600)
    harvest.update()
    box.harvest("users").mark_reported()
    assert box.harvest("users").unreported().empty


def test_a_report_leaves_out_what_an_update_finds_meanwhile(little: Sandbox, box: boxnb.Box) -> None:
    """New, changed and gone rows of a round that began after the report are for the next report."""
    harvest = box.harvest("users").run()
    shown = harvest._rounds.last_begun()
    users = harvest.frame()["id"]
    leaver, changed = users[users != box.me()["id"].iloc[0]].iloc[:2]
    box.session.request("DELETE", f"/users/{leaver}?force=true").raise_for_status()
    box.session.request("PUT", f"/users/{changed}", json={"job_title": "Another"}).raise_for_status()
    little.clock.advance(3600)
    box.harvest("users").update()
    meanwhile = harvest._reader.changes(shown, harvest._rounds.ended(), up_to=shown)
    assert meanwhile.empty
    later = harvest._reader.changes(shown, harvest._rounds.ended())
    assert dict(zip(later["id"], later["change"].astype(str), strict=True)) == {
        leaver: "gone",
        changed: "changed",
    }


def test_events_that_were_forgotten_stay_forgotten(little: Sandbox, box: boxnb.Box) -> None:
    """An update reads the last 48 hours again, but not what forget() has deleted."""
    harvest = box.harvest("events", since="300D").run()
    times = harvest.frame()["created_at"]
    since = times.iloc[-20]
    kept = int((times >= since).sum())
    assert harvest.forget(since) == len(times) - kept
    little.clock.advance(60)
    assert harvest.update().empty
    assert len(harvest.frame()) == kept
    part = next(iter(harvest.path.iterdir()))
    part.write_bytes(b"")
    harvest.verify(repair=True)
    assert len(harvest.run().frame()) == kept


def test_doubts_say_what_was_forgotten(little: Sandbox, box: boxnb.Box) -> None:
    """After the history was forgotten, ``doubts`` says since when ``at()`` is right."""
    harvest = box.harvest("users").run()
    little.clock.advance(3600)
    user = harvest.frame()["id"][2]
    box.session.request("PUT", f"/users/{user}", json={"job_title": "Another"})
    harvest.update()
    assert not harvest.doubts["why"].str.contains("forget").any()
    assert harvest.forget("2099-01-01") == 1
    assert harvest.doubts["why"].str.contains("forget").any()


def test_damaged_parts_that_begin_together_are_both_fetched_again(box: boxnb.Box) -> None:
    """Two damaged parts whose first events have the same time are fetched again as far as the later one reaches."""
    harvest = box.harvest("events", since="300D").run()
    events = harvest.frame()
    begin = events["created_at"].iloc[0]
    manifest: Any = harvest._manifest
    listed = manifest.parts(parts.ROWS)
    tables = parts.read([harvest.path / entry.part.file for entry in listed], harvest._kind.kept)
    new = [
        parts.write(harvest.path, [tables.slice(0, len(tables) - 1)], "created_at"),
        parts.write(harvest.path, [tables.slice(len(tables) - 1)], "created_at"),
    ]
    new[1] = new[1]._replace(
        first=new[0].first, last=new[0].first
    )  # as if it held one event of the first second
    manifest.replace([entry.part.file for entry in listed], [listed[0]._replace(part=part) for part in new])
    for part in new:
        harvest.path.joinpath(part.file).write_bytes(b"")
    harvest.verify(repair=True)
    harvest.run()
    fetched = harvest.frame()
    assert fetched["created_at"].iloc[0] == begin
    assert len(fetched) >= len(events) - 1


def test_a_full_walk_follows_an_update_that_was_not_finished(little: Sandbox, box: boxnb.Box) -> None:
    """``update(full=True)`` finishes a smaller update first, and then walks everything."""
    harvest = box.harvest("content").run()
    little.clock.advance(3600)
    harvest.update(max_calls=1)
    harvest.update(full=True)
    assert list(harvest.rounds["kind"]) == ["run", "update", "full walk"]
    assert harvest.rounds["ended"].notna().all()


def test_odd_events_do_not_stop_an_update(little: Sandbox, box: boxnb.Box) -> None:
    """An event whose time cannot be read names its folder like any other."""
    harvest = box.harvest("content").run()
    folder = harvest.frame().query("type == 'folder'").iloc[0]

    def odd(path: str, as_user: str | None, params: dict[str, Any], ask: Callable[[], bytes]) -> bytes:
        content = ask()
        if path != "/events" or params["stream_position"] != "0":
            return content
        page = json.loads(content)
        for number, time in enumerate(("not a time", "2026-13-45T00:00:00Z", "99999-01-01T00:00:00Z", "")):
            source = {
                "item_type": "folder",
                "item_id": folder["id"],
                "owned_by": {"id": folder["owned_by_id"]},
            }
            page["entries"].append({"event_id": f"odd {number}", "created_at": time, "source": source})
        page["chunk_size"] = len(page["entries"])
        page["next_stream_position"] = "9" * 16
        return json.dumps(page).encode()

    for _ in range(2):
        little.clock.advance(3600)
        with answering(box, odd):
            harvest.update()
        assert harvest.complete


def test_rows_without_an_id_are_compared(little: Sandbox, box: boxnb.Box) -> None:
    """Entries of a listing that have no id, and are equal, do not stop the next comparison."""
    harvest = box.harvest("content")

    def odd(path: str, as_user: str | None, params: dict[str, Any], ask: Callable[[], bytes]) -> bytes:
        page = json.loads(ask())
        if path == "/folders/0/items":
            page["entries"] += [{"type": "file"}, {"type": "file"}]
        return json.dumps(page).encode()

    with answering(box, odd):
        harvest.run()
        little.clock.advance(3600)
        assert harvest.update(full=True).empty
    little.clock.advance(3600)
    assert set(harvest.update(full=True)["change"]) == {"gone"}
    assert harvest.frame()["id"].notna().all()


def test_markers_in_a_circle_end(box: boxnb.Box) -> None:
    """If the server's markers lead back to an earlier page, the listing ends, and the harvest is not complete."""
    following = {None: "A", "A": "B", "B": "C", "C": "A"}
    asked = []

    def circle(path: str, as_user: str | None, params: dict[str, Any], ask: Callable[[], bytes]) -> bytes:
        asked.append(params.get("marker"))
        assert len(asked) < 50
        entries = [{"type": "user", "id": str(100 + len(asked))}]
        return json.dumps({"entries": entries, "next_marker": following[asked[-1]]}).encode()

    harvest = box.harvest("users")
    with answering(box, circle), pytest.warns(UserWarning, match="not complete"):
        harvest.run()
    assert not harvest.complete
    assert "marker" in harvest.frame().attrs["skipped"][0]["why"]


def test_a_span_until_which_a_run_goes_on_is_in_the_future(box: boxnb.Box) -> None:
    """A span of time, also one with four digits, counts from now."""
    spans: list[Any] = ["3600s", "2000h", "1440min", "2h", datetime.timedelta(hours=1)]
    for number, span in enumerate(spans):
        assert box.harvest("users", name=f"run-{number}").run(until=span).complete
