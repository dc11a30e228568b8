"""The rate limiter: short jobs run at full speed, long ones just under the limit, together with other processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from boxnb.api.ledger import Ledger
from boxnb.api.rate_limit import LIMITS, Limit, Pacer


class Time:
    """A clock that advances only when something waits."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def pacer(folder: Path, time: Time, limit: Limit = LIMITS["general"]) -> Pacer:
    return Pacer(folder / "pace" / "me", limit, clock=time, sleep=time.sleep)


def test_ten_calls_do_not_wait(tmp_path: Path) -> None:
    """A short job runs at full speed."""
    time = Time()
    assert [pacer(tmp_path, time).wait() for _ in range(10)] == [0.0] * 10


def test_no_minute_contains_more_calls_than_the_limit(tmp_path: Path) -> None:
    """5,500 calls take at most 2 % longer than 990 calls a minute would."""
    time = Time()
    pace = pacer(tmp_path, time)
    calls = []
    for _ in range(5500):
        pace.wait()
        calls.append(time.now)
        time.now += 0.001  # the call itself
    for earlier, later in zip(calls, calls[990:], strict=False):
        assert later - earlier >= 60.0
    whole_minutes = (5500 - 1) // 990
    assert calls[-1] - calls[0] <= whole_minutes * 60 * 1.02 + 1


def test_search_also_has_a_limit_per_second(tmp_path: Path) -> None:
    """The seventh call waits for one second."""
    time = Time()
    pace = pacer(tmp_path, time, LIMITS["search"])
    assert [pace.wait() for _ in range(6)] == [0.0] * 6
    assert pace.wait() == pytest.approx(1.0)


def test_a_429_pauses_all_processes(tmp_path: Path) -> None:
    """The other process waits too; after that, both space their calls evenly for a minute."""
    time = Time()
    ours, theirs = pacer(tmp_path, time), pacer(tmp_path, time)
    ours.wait()
    ours.pause_all(7.0)
    assert theirs.wait() == pytest.approx(7.0)
    started = time.now
    for _ in range(33):
        theirs.wait()
    assert time.now - started == pytest.approx(2.0, abs=0.1)
    time.now += 200
    started = time.now
    for _ in range(33):
        ours.wait()
    assert time.now == started


@pytest.mark.parametrize(
    ("limit", "calls_per_second"), [("general", 16.4), ("upload", 3.9), ("search", 0.98)]
)
def test_even_spacing_depends_on_the_limit(tmp_path: Path, limit: str, calls_per_second: float) -> None:
    """After a 429, uploads are spaced according to the limit of uploads, not to that of all calls."""
    time = Time()
    pace = pacer(tmp_path, time, LIMITS[limit])
    pace.pause_all(0.0)
    pace.wait()
    started = time.now
    for _ in range(20):
        pace.wait()
    assert 20 / (time.now - started) == pytest.approx(calls_per_second, rel=0.01)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 200])
def test_a_damaged_file_is_replaced(tmp_path: Path, content: bytes) -> None:
    """The next call does not wait."""
    time = Time()
    pace = pacer(tmp_path, time)
    (tmp_path / "pace" / "me").write_bytes(content)
    assert pace.wait() == 0.0


def test_times_saved_before_a_restart_are_ignored(tmp_path: Path) -> None:
    """The clock starts at zero again, so the saved times are in the future."""
    pacer(tmp_path, Time(1e6)).pause_all(30.0)
    assert pacer(tmp_path, Time(5.0)).wait() == 0.0


SHARER = """
import sys, pathlib
from boxnb.api.rate_limit import Limit, Pacer
pace = Pacer(pathlib.Path(sys.argv[1]), Limit(60), clock=lambda: 1000.0, sleep=lambda _: sys.exit(0))
for _ in range(60):
    pace.wait()
    print("call", flush=True)
"""


def test_processes_share_one_allowance(tmp_path: Path) -> None:
    """Four processes make sixty calls in total, each of which is counted once."""
    file = tmp_path / "pace" / "shared"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    sharers = [
        subprocess.Popen([sys.executable, "-c", SHARER, str(file)], stdout=subprocess.PIPE, env=env)
        for _ in range(4)
    ]
    assert sum(sharer.communicate()[0].count(b"call") for sharer in sharers) == 60


def test_the_ledger_adds_up_over_sessions(tmp_path: Path) -> None:
    """Each session counts its own calls, the month counts the calls of both, and a damaged ledger is replaced."""
    file = tmp_path / "ledger" / "acme.json"
    for size in (10, 20):
        ledger = Ledger(file)
        ledger.note("GET /2.0/users", 429, 5.0, 0, repeat=False)
        ledger.note("GET /2.0/users", 200, 7.0, size, repeat=True)
        assert ledger.frame()[["calls", "bytes", "repeats", "limited"]].to_numpy().tolist() == [
            [2, size, 1, 1]
        ]
        ledger.flush()
    assert ledger.month()[["calls", "bytes"]].to_numpy().tolist() == [[4, 30]]
    ledger.remember("users", rows=120, calls=1)
    assert Ledger(file).recall("users") == {"rows": 120, "calls": 1}
    assert Ledger(file).recall("events") == {}
    file.write_text("{")
    assert len(ledger.month()) == 0
    assert list(ledger.frame()["endpoint"]) == ["GET /2.0/users"]


def test_a_ledger_that_cannot_be_saved_does_not_stop_the_work(tmp_path: Path) -> None:
    """The failure is one warning, and counting continues."""
    (tmp_path / "ledger").write_text("a file where the folder should be")
    ledger = Ledger(tmp_path / "ledger" / "acme.json")
    ledger.note("GET /2.0/users", 200, 1.0, 1, repeat=False)
    with pytest.warns(UserWarning, match="could not be written"):
        ledger.flush()
    assert ledger.calls == 1


ODD_LEDGERS: list[bytes] = [
    b"[" * 100_000,
    b"\x00\x00",
    b"\xff\xfe{}",
    b"[1, 2]",
    b'{"MONTH": 5, "last": [], "scopes": "x"}',
    b'{"MONTH": {"GET /odd": 5, "GET /odder": {"calls": "many", "ms": null}, "GET /nan": {"calls": NaN, "ms": 1e999}}}',
    b'{"MONTH": {"half \\ud800": {"calls": 1}, "GET /big": {"calls": 1e300}, "GET /list": {"calls": [1]}}}',
    b'{"last": {"events": {"rows": "x"}, "folders": 5, "odd": {"rows": 1e999}}, "scopes": {"a": 5, "b\\ud800": "x"}}',
]


@pytest.mark.parametrize("odd", ODD_LEDGERS, ids=range(len(ODD_LEDGERS)))
def test_an_invalid_line_of_a_ledger_is_ignored(tmp_path: Path, odd: bytes) -> None:
    """The other lines are counted and saved."""
    file = tmp_path / "acme.json"
    ledger = Ledger(file)
    ledger.note("GET /users", 200, 5.0, 10, repeat=False)
    ledger.remember("users", rows=120, calls=1)
    ledger.scope("manage", "proved")
    ledger.flush()
    [month] = [name for name in json.loads(file.read_text()) if name not in ("last", "scopes")]
    try:
        broken = json.loads(odd.decode().replace("MONTH", month))
        saved = json.loads(file.read_text())
        for name, content in broken.items():
            saved[name] = (
                {**saved.get(name, {}), **content} if isinstance(content, dict) else saved.get(name, content)
            )
        file.write_text(json.dumps(saved))
        is_json = True
    except (ValueError, RecursionError, AttributeError):  # the file is not a JSON object, so it is replaced
        file.write_bytes(odd)
        is_json = False
    new_ledger = Ledger(file)
    new_ledger.note("GET /users", 200, 5.0, 10, repeat=False)
    calls = new_ledger.month().set_index("endpoint")["calls"]
    assert calls["GET /users"] == (2 if is_json else 1)
    assert new_ledger.recall("users") == ({"rows": 120, "calls": 1} if is_json else {})
    assert new_ledger.scopes().get("manage") == ("proved" if is_json else None)
    assert new_ledger.recall("events") == {} and new_ledger.recall("odd") == {}
    json.loads(file.read_text())
