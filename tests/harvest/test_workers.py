"""Units in other processes: they return the same rows, a worker that dies loses nothing, and no worker learns a long-lived secret."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pytest
from searching import in_memory
from signing import sign_in

import boxnb
from boxnb.harvest.workers import Access, UnitToken
from boxnb.sandbox import Sandbox
from boxnb.secret import Secret


@pytest.fixture
def sizes() -> dict[str, int]:
    """Return the sizes of the enterprise."""
    return {"users": 10, "folders": 150, "files": 900, "events": 3000}


@pytest.fixture
def box(little: Sandbox) -> boxnb.Box:
    """Return a Box signed in to that sandbox."""
    sign_in(little)
    return boxnb.connect("acme")


def rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of the dataset without the times of the round."""
    return frame.drop(columns=["first_seen", "seen_since", "last_seen"])


def secrets_of(box: boxnb.Box) -> list[str]:
    """Return the secrets that no worker may see."""
    profile = box.profile
    assert profile.token is not None and profile.token.refresh_token is not None
    return [profile.token.refresh_token.reveal(), profile.client.client_secret.reveal()]


def test_an_executor_gets_the_same_rows(box: boxnb.Box) -> None:
    """An executor of ``concurrent.futures`` fetches the same rows as the threads, and the ledger counts its calls."""
    threads = box.harvest("events", since="366D", name="threads").run()
    before = box.session.ledger.calls
    with ThreadPoolExecutor(3) as pool:
        harvest = box.harvest("events", since="366D", name="pool").run(executor=pool, lanes=3)
    assert rows(harvest.frame()).equals(rows(threads.frame()))
    assert box.session.ledger.calls - before == harvest.rounds["calls"].iloc[0] > 5


def test_processes_that_die_lose_nothing(little: Sandbox, box: boxnb.Box) -> None:
    """Processes get the access token and no other secret; when one is killed, others fetch its unit."""
    whole = box.harvest("content", name="whole").run()
    little.faults.add("/2.0/folders/*", "latency", times=10**6, seconds=0.3)
    searched: list[bool] = []

    def search_and_kill() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if box.session.ledger.calls > calls_before + 12:
                token = box.session.auth.saved_token.access_token.reveal()
                pids = [child.pid for child in multiprocessing.active_children() if child.pid]
                held = {pid: in_memory(pid, [token, *secrets_of(box)]) for pid in pids}
                # A process without the token still waits for its first unit.
                working = [pid for pid, secrets in held.items() if secrets]
                if working:
                    searched.append(all(held[pid] == [token] for pid in working))
                    os.kill(working[0], signal.SIGKILL)
                    return
            time.sleep(0.05)

    calls_before = box.session.ledger.calls
    killer = threading.Thread(target=search_and_kill)
    killer.start()
    harvest = box.harvest("content", name="processes").run(executor="processes", lanes=3)
    killer.join()
    assert rows(harvest.frame()).equals(rows(whole.frame()))
    assert searched == [True]


def test_dask_workers_that_die_lose_nothing(box: boxnb.Box) -> None:
    """The same with Dask, through the executor of its client."""
    from distributed import Client, LocalCluster

    whole = box.harvest("content", name="whole").run()
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
        ) as cluster,
        Client(cluster) as client,
    ):
        pids = list(client.run(os.getpid).values())
        calls_before = box.session.ledger.calls

        def kill() -> None:
            deadline = time.monotonic() + 60
            while box.session.ledger.calls < calls_before + 40 and time.monotonic() < deadline:
                time.sleep(0.02)
            os.kill(pids[0], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        harvest = box.harvest("content", name="dask").run(executor=client.get_executor(), lanes=4)
        killer.join()
        token = box.session.auth.saved_token.access_token.reveal()
        assert in_memory(pids[1], [token, *secrets_of(box)]) == [token]
    assert rows(harvest.frame()).equals(rows(whole.frame()))


def test_a_token_that_expires_is_refreshed_by_the_driver(little: Sandbox, box: boxnb.Box) -> None:
    """A worker whose token is refused gets the new one; the driver alone refreshes."""
    with ThreadPoolExecutor(2) as pool:
        harvest = box.harvest("events", since="366D")
        harvest.run(executor=pool, lanes=2, max_calls=4)
        other = boxnb.connect("acme")
        other.session.auth.rotate(rejected=other.session.auth.token().access_token)
        other.get("/users/me")  # the first use of the new token ends the old one
        assert harvest.run(executor=pool, lanes=2).complete


def test_a_unit_token_is_never_printed(box: boxnb.Box) -> None:
    """The token can be pickled, but no repr, string or format shows it; a message to a worker contains no other secret."""
    secret = Secret("a-very-secret-token")
    access = Access("https://api.box.com/2.0", "Box", None, UnitToken(secret))
    for text in (repr(access), str(access), f"{access.token}", repr([access.token])):
        assert "very-secret" not in text
    assert pickle.loads(pickle.dumps(access)).token.secret == secret
    message = pickle.dumps(access)
    assert not any(text.encode() in message for text in secrets_of(box))


@pytest.mark.parametrize("executor", ["fibres", 3])
def test_a_wrong_executor_is_named(box: boxnb.Box, executor: Any) -> None:
    """An executor that does not exist is an argument error."""
    with pytest.raises(boxnb.BoxNotebookError, match="executor"):
        box.harvest("events").run(executor=executor)
