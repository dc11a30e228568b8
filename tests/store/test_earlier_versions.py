"""Files that earlier versions of boxnb saved are read as they are; `tests/support/saved_files.py` wrote them."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import pandas as pd
import pytest

import boxnb
from boxnb import basic, runs, servers, store
from boxnb.api import ledger as ledgers
from boxnb.labs import passed_labs

SAVED = Path(__file__).parent / "saved"
VERSIONS = sorted(folder.name for folder in SAVED.iterdir())
ISSUED = 1_790_000_000.0


@pytest.fixture(params=VERSIONS)
def saved_by(request: pytest.FixtureRequest, home: Path) -> str:
    """Put the files of each earlier version into the home folder, and return the version."""
    shutil.copytree(SAVED / request.param, home, dirs_exist_ok=True)
    for path in [home, *home.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)  # git does not save modes
    return str(request.param)


def test_every_release_so_far_has_its_files() -> None:
    """Each version in the change log that has a date is there."""
    changes = (SAVED.parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")
    released = [line.split()[1] for line in changes.splitlines() if line.startswith("## ") and " - " in line]
    assert released and set(released) <= set(VERSIONS)


def test_an_earlier_profile_is_read_whole(saved_by: str) -> None:
    """Tokens, app, account, clock skew, allowance and mail settings are all there, and nothing warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        profile = store.load("acme")
    assert profile is not None and profile.token is not None and profile.token.refresh_token is not None
    assert profile.token.access_token.reveal() == "a-made-up-access-token"
    assert profile.token.refresh_token.reveal() == "a-made-up-refresh-token"
    assert (profile.token.obtained_at, profile.token.expires_in) == (ISSUED, 3600.0)
    assert profile.client.client_secret.reveal() == "a-made-up-client-secret"
    assert profile.client.server == boxnb.Client("x", boxnb.Secret("x"), "http://127.0.0.1/").server
    assert profile.account is not None and profile.account["login"] == "ada.admin@example.com"
    assert (profile.generation, profile.skew, profile.monthly_calls) == (7, 2.5, 25_000)
    assert profile.mail is not None and profile.mail.password.reveal() == "a-made-up-mail-password"
    assert profile.is_box and profile.method.is_standard and profile.refused == ""


def test_a_profile_without_a_sign_in_is_read(saved_by: str) -> None:
    """An app that was saved before anybody signed in waits for its sign-in."""
    profile = store.load("waiting")
    assert profile is not None and profile.token is None and profile.client.client_id == "made-up-client-id"
    assert boxnb.status()["profile"].tolist() == ["acme", "devices", "waiting"]
    assert servers.names() == ["devices"]


def test_an_earlier_profile_that_is_saved_again_loses_nothing(saved_by: str) -> None:
    """Each field of the file is in the new file, and a sign-in to Box keeps format 1, which 0.9 reads."""
    before = json.loads(store.path("acme").read_text(encoding="utf-8"))
    profile = store.load("acme")
    assert profile is not None
    store.save(profile)
    after = json.loads(store.path("acme").read_text(encoding="utf-8"))
    assert {name: after[name] for name in before if name != "saved_at"} == {
        name: value for name, value in before.items() if name != "saved_at"
    }


def test_an_earlier_server_is_read_and_moved(saved_by: str) -> None:
    """``boxnb.basic``, ``boxnb.servers`` and the status know it; moved, it has the same password and no problem."""
    row = boxnb.status("devices").iloc[0]
    assert bool(row["signed_in"]) and row["file"] == str(basic.path("devices"))
    assert pd.isna(row["problem"]) != (saved_by < "1")
    assert basic.connect("devices").url == "https://mdm.example.com/api"
    assert servers.move() in (["devices"], [])
    assert servers.load("devices").method.secrets["password"].reveal() == "a-made-up-password"
    assert boxnb.status("devices")["problem"].isna().all()


def test_an_earlier_ledger_is_counted_on(saved_by: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls of its month, the cost of its last pull and what it learned about scopes are kept, and new calls are added."""
    month = next(name for name in json.loads((home / "ledger/acme.json").read_text()) if name[:2] == "20")
    monkeypatch.setattr(ledgers, "_month", lambda: month)
    ledger = ledgers.Ledger(home / "ledger" / "acme.json")
    assert ledger.recall("users") == {"rows": 120, "calls": 1}
    assert ledger.scopes() == {"manage_managed_users": "proved"}
    ledger.note("GET /2.0/users", 200, 20.0, 100, repeat=False)
    row = ledger.month().set_index("endpoint").loc["GET /2.0/users"]
    assert row[["calls", "ms", "bytes", "repeats", "limited"]].tolist() == [3, 150.5, 2148, 1, 1]


def test_an_earlier_history_and_progress_are_read(saved_by: str) -> None:
    """The run is listed with its outcome, and the lab that was passed stays passed."""
    history = runs.history()
    assert history["name"].tolist() == ["nightly"] and history["outcome"].tolist() == ["SUCCESS"]
    assert history["started"].iloc[0] > pd.Timestamp("2026-01-01", tz="UTC")
    assert set(passed_labs.load()) == {"power-cut"}
