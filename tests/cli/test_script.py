"""The plain script, ``notebooks/4-automate/weekly_report.py``: log, table, email and exit code, whatever happens."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mailing import mailbox
from signing import refreshes, sign_in

import boxnb
from boxnb import cli, runs, store
from boxnb.cli import notebook_files
from boxnb.sandbox import Sandbox
from boxnb.sandbox.mail import Mailbox

ROOT = Path(__file__).parents[2]
ADA = "ada.admin@example.com"


@pytest.fixture
def server(tmp_path: Path, sandbox: Sandbox) -> Iterator[Mailbox]:
    """Yield a mail server that profile acme uses. The profile is signed in."""
    sign_in(sandbox)
    with mailbox(tmp_path) as running:
        yield running


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the script that ``boxnb new`` copies, with the settings that a user changes."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert cli.main(["new", "script"]) == 0
    path = folder / "weekly_report.py"
    text = path.read_text(encoding="utf-8")
    for before, after in (('PROFILE = "sandbox"', 'PROFILE = "acme"'), ('TO = ["print"]', f'TO = ["{ADA}"]')):
        assert text.count(before) == 1
        text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")
    return path


def run(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script as cron does: in another folder, and without a terminal."""
    return subprocess.run(
        [sys.executable, str(path), *arguments],
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def test_script_is_short() -> None:
    """It has fewer than 60 lines, and its settings come before its functions."""
    text = (notebook_files.folder() / notebook_files.SCRIPT).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    settings, _, functions = text.partition("\ndef ")
    assert "PROFILE =" in settings and "PROFILE =" not in functions


def test_report_is_logged_and_mailed(server: Mailbox, script: Path, home: Path) -> None:
    """The exit code is 0. The email has the log and the table, and nothing contains a secret."""
    child = run(script)
    assert (child.returncode, child.stdout, child.stderr) == (0, "", "")
    mail = server[-1]
    assert mail.subject.startswith("SUCCESS weekly-report on ") and mail.recipients == [ADA]
    rows = list(csv.DictReader(io.StringIO(mail.attachments["busiest.csv"].decode("utf-8-sig"))))
    assert len(rows) > 50 and {"created_by_login", "DOWNLOAD", "UPLOAD"} <= set(rows[0])
    row = runs.history().loc[0]
    assert (row["outcome"], row["name"], row["rows"]) == ("SUCCESS", "weekly-report", len(rows))
    (log,) = (home / "runs" / "weekly-report").glob("*.log")
    saved = store.load("acme")
    assert saved is not None and saved.token is not None
    for secret in (saved.token.access_token.reveal(), saved.client.client_secret.reveal(), server.password):
        assert secret not in mail.raw.decode() + log.read_text(encoding="utf-8")


def test_failure_is_mailed(server: Mailbox, script: Path, sandbox: Sandbox) -> None:
    """The exit code is 1, and one line on standard error says why."""
    admin = store.load("acme")
    assert admin is not None
    user = sign_in(sandbox, login="ken.sato@example.com")  # only admins may read events
    store.save(dataclasses.replace(user, mail=admin.mail))
    child = run(script)
    assert child.returncode == 1 and "Traceback" not in child.stderr
    assert len(child.stderr.strip().splitlines()) == 1, child.stderr
    assert server[-1].subject.startswith("ERROR weekly-report")


def test_script_without_a_sign_in_fails_at_once(server: Mailbox, script: Path) -> None:
    """It asks for nothing, and the email says what to do."""
    boxnb.sign_out("acme")
    child = run(script)
    assert child.returncode == 1 and child.stderr.startswith("Nobody is signed in as 'acme'")
    assert server[-1].subject.startswith("ERROR") and "Nobody is signed in" in server[-1].text


def test_email_that_is_not_delivered_has_its_own_exit_code(server: Mailbox, script: Path) -> None:
    """The report exists, so the exit code is 4, not 1."""
    server.stop()
    child = run(script)
    assert child.returncode == 4 and "not delivered" in child.stderr
    assert runs.history()["outcome"].tolist() == ["SUCCESS"]


def test_second_run_at_the_same_time_is_refused(server: Mailbox, script: Path) -> None:
    """The exit code is 75, as for a notebook."""
    with boxnb.run("weekly-report"):
        child = run(script)
    assert child.returncode == 75 and "is already in progress" in child.stderr.splitlines()[-1]


def test_expired_access_token_is_refreshed(server: Mailbox, script: Path, sandbox: Sandbox) -> None:
    """A week later, the saved sign-in still works."""
    sandbox.clock.advance(7 * 86400)
    assert run(script).returncode == 0
    assert refreshes(sandbox) == [200]


@pytest.mark.parametrize("argument", ["--help", "acme"])
def test_an_argument_is_refused(script: Path, argument: str) -> None:
    """Nothing runs: one sentence says where the settings are, and the exit code is 2."""
    child = run(script, argument)
    assert (child.returncode, child.stdout) == (2, "") and len(child.stderr.splitlines()) == 1
    assert "takes no arguments" in child.stderr and len(runs.history()) == 0
