"""`python -m boxnb run`: whatever happens, an unattended run has the right exit code and mail, and the sign-in stays valid."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from mailing import mailbox
from pseudo_terminal import terminals
from signing import refreshes, sign_in
from small_files import limit_files

import boxnb
from boxnb import cli, runs, store
from boxnb.errors import RunRefusedError
from boxnb.runs import execution, lock, notebooks
from boxnb.sandbox import Sandbox
from boxnb.sandbox.mail import Mailbox

ROOT = Path(__file__).parents[2]
WEEKLY = ROOT / "notebooks/4-automate/03-weekly-report.ipynb"
ADA = "ada.admin@example.com"


@pytest.fixture(autouse=True)
def _this_boxnb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make child processes import boxnb from this repository."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def server(tmp_path: Path, sandbox: Sandbox) -> Iterator[Mailbox]:
    """Yield a mail server that profile acme uses. The profile is signed in."""
    sign_in(sandbox)
    with mailbox(tmp_path) as running:
        yield running


def notebook(tmp_path: Path, *cells: str, name: str = "nightly.ipynb") -> Path:
    """Write a notebook whose first cell sets the profile, and return its path."""
    content = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    )
    content.cells = [nbformat.v4.new_code_cell(source) for source in ('PROFILE = "sandbox"', *cells)]
    path = tmp_path / name
    nbformat.write(content, path)
    return path


def command(*arguments: object) -> list[str]:
    """Return the command line of boxnb with these arguments."""
    return [sys.executable, "-m", "boxnb", *map(str, arguments)]


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a notebook in a child process."""
    return subprocess.run(
        command("run", *arguments), capture_output=True, text=True, check=False, timeout=200, **options
    )


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Return the exit code and the error message of a command line that runs nothing, so that it needs no child process."""
    try:
        code: Any = cli.main(["run", *map(str, arguments)])
    except SystemExit as ended:  # argparse
        code = ended.code
    return code, capsys.readouterr().err


USERS = "import boxnb\nbox = boxnb.connect(PROFILE)\nlen(box.users())"


def test_weekly_report(server: Mailbox, tmp_path: Path) -> None:
    """The exit code is 0. Page, table and mail exist and contain no secret, and the notebook got profile and parameter."""
    child = run(WEEKLY, "--profile", "acme", "-p", "since=1D", "--folder", tmp_path / "runs")
    assert child.returncode == 0, child.stderr
    assert server[-1].subject.startswith("SUCCESS 03-weekly-report-acme on ")
    assert {"busiest.csv", "03-weekly-report.html"} <= set(server[-1].attachments)
    [page] = (tmp_path / "runs").rglob("03-weekly-report.html")
    text = page.read_text(encoding="utf-8")
    assert "1D" in text and "acme" in text
    row = runs.history().loc[0]
    assert (row["outcome"], row["name"]) == ("SUCCESS", "03-weekly-report-acme") and row["calls"] >= 1
    saved = store.load("acme")
    assert saved is not None and saved.token is not None
    output = server[-1].raw.decode() + text + child.stdout + child.stderr
    assert saved.token.access_token.reveal() not in output and server.password not in output


def test_notebook_attaches_files_and_warns(server: Mailbox, tmp_path: Path) -> None:
    """
    Rows are counted, a file with the name of the page is not overwritten, and scripts in the page stay intact. The exit code
    is 0, the email reports the warning, and neither outputs nor tags are written to the source notebook.
    """
    attach = "import pandas as pd\nfrom boxnb import runs\nrows = pd.DataFrame({'a': range(500)})"
    attach += "\nruns.attach(rows, 'all.csv'); runs.attach('mine', 'nightly.html'); None"
    script = "from IPython.display import HTML\nHTML('<script>fetch(1, {credentials:\"include\"})</script>')"
    warn = "import warnings\nwarnings.warn('half of it')\nprint('printed')"
    path = notebook(tmp_path, attach, script, warn)
    content = path.read_bytes()
    child = run(path, "--profile", "acme", "--folder", tmp_path / "runs")
    assert child.returncode == 0, child.stderr
    assert runs.history()["rows"].tolist() == [500]
    files = {file.name: file for file in (tmp_path / "runs" / "attached").glob("*/*")}
    assert sorted(files) == ["all.csv", "nightly-executed.html", "nightly.html"]
    assert files["nightly.html"].read_text(encoding="utf-8") == "mine"
    assert 'credentials:"include"' in files["nightly-executed.html"].read_text(encoding="utf-8")
    assert server[-1].subject.startswith("WARNING")
    assert "half of it" in server[-1].text and "printed" in server[-1].text
    assert path.read_bytes() == content and json.loads(content)


ODD_FILES = """
import os, pathlib
folder = pathlib.Path(os.environ["BOXNB_RUN_FOLDER"])
(folder / "below").mkdir()
(folder / ".rows").write_text("3\\nx\\n")
"""


def test_failing_cell(server: Mailbox, tmp_path: Path) -> None:
    """
    The exit code is 1, the email says which cell failed and why, and the page shows it. A folder and a damaged row count
    among the attachments do not hide the notebook's own error.
    """
    child = run(notebook(tmp_path, USERS, ODD_FILES, "box.get('/folders/1')", "1"), "--profile", "acme")
    assert child.returncode == 1
    assert server[-1].subject.startswith("ERROR nightly-acme")
    assert "Code cell 4 failed with NotFoundError" in server[-1].text.replace("\n", " ")
    assert "nightly.html" in server[-1].attachments and "Code cell 4 failed" in child.stderr


def test_profile_without_a_sign_in(server: Mailbox, tmp_path: Path) -> None:
    """The run fails immediately, without asking for anything, and the email is sent."""
    boxnb.sign_out("acme")
    child = run(notebook(tmp_path, USERS), "--profile", "acme")
    assert child.returncode == 1
    assert server[-1].subject.startswith("ERROR") and "Nobody is signed in as 'acme'" in server[-1].text


def test_two_runs_at_the_same_time(server: Mailbox, sandbox: Sandbox, tmp_path: Path) -> None:
    """With an expired token, one run succeeds, the other reports that it was refused, and the token pair stays valid."""
    sandbox.clock.advance(7200)
    go = tmp_path / "go"  # the run that starts waits until the other one is refused
    wait = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists():\n    time.sleep(0.05)"
    path = notebook(tmp_path, USERS, wait)
    processes = [
        subprocess.Popen(command("run", path, "--profile", "acme"), stderr=subprocess.PIPE, text=True)
        for _ in "ab"
    ]
    while all(process.poll() is None for process in processes):
        time.sleep(0.05)
    go.touch()
    errors = [process.communicate(timeout=100)[1] for process in processes]
    assert sorted(process.returncode for process in processes) == [0, 75], errors
    assert sorted(mail.subject.split()[0] for mail in server) == ["ERROR", "SUCCESS"]
    assert any("is already in progress (process" in text for text in errors)
    assert refreshes(sandbox).count(200) == 1
    assert boxnb.connect("acme").get("/users/me")["login"] == ADA


def test_revoked_token(server: Mailbox, sandbox: Sandbox, tmp_path: Path) -> None:
    """The refresh token is no longer valid, and the email says to sign in again."""
    saved = store.load("acme")
    assert saved is not None and saved.token is not None
    boxnb.oauth.revoke(saved.client, saved.token)
    child = run(notebook(tmp_path, USERS), "--profile", "acme")
    assert child.returncode == 1
    assert "InvalidGrantError" in server[-1].text and "Sign in again" in server[-1].text


def test_response_lost_during_a_refresh(server: Mailbox, sandbox: Sandbox, tmp_path: Path) -> None:
    """The run succeeds, and so does the next call."""
    sandbox.clock.advance(7200)
    sandbox.faults.add("/oauth2/token", "lost_token")
    assert run(notebook(tmp_path, USERS), "--profile", "acme").returncode == 0
    assert boxnb.connect("acme").get("/users/me")["login"] == ADA


def test_server_that_responds_with_500(server: Mailbox, sandbox: Sandbox, tmp_path: Path) -> None:
    """The exit code is 1, the email names the error, and the saved pair is unchanged."""
    with sandbox.faults.during("/2.0/users*", "500"):
        child = run(notebook(tmp_path, USERS), "--profile", "acme")
    assert child.returncode == 1
    assert "BoxUnavailableError" in server[-1].text
    assert boxnb.connect("acme").get("/users/me")["login"] == ADA


@pytest.mark.parametrize("fault", ["500", "reset_before"])
def test_token_endpoint_that_does_not_work(
    server: Mailbox, sandbox: Sandbox, tmp_path: Path, fault: str
) -> None:
    """With an expired token, the run fails with an email, and the next call succeeds with the same token pair."""
    sandbox.clock.advance(7200)
    with sandbox.faults.during("/oauth2/token", fault):
        child = run(notebook(tmp_path, USERS), "--profile", "acme")
    assert child.returncode == 1 and server[-1].subject.startswith("ERROR nightly-acme")
    assert "TokenEndpointError" in server[-1].text or "NetworkError" in server[-1].text
    assert boxnb.connect("acme").get("/users/me")["login"] == ADA


@pytest.mark.parametrize(("limit", "expired"), [(0, False), (1500, True), (6000, False)])
def test_full_disk(server: Mailbox, sandbox: Sandbox, tmp_path: Path, limit: int, expired: bool) -> None:
    """Whether the disk is full at the start or later, the exit code is 1, the email is sent, and the pair stays valid."""
    sandbox.clock.advance(7200 * expired)
    large = "print('x' * 20_000)"  # the executed notebook is too large for the disk
    child = run(notebook(tmp_path, USERS, large), "--profile", "acme", preexec_fn=lambda: limit_files(limit))
    assert child.returncode == 1, child.stderr
    assert server[-1].subject.startswith("ERROR nightly-acme")
    text = " ".join(server[-1].text.split())
    assert re.search("[Ff]ree space", text) or "TokenStoreError" in text, text
    assert boxnb.connect("acme").get("/users/me")["login"] == ADA
    assert refreshes(sandbox).count(400) == 0


SCRIPT = """
import boxnb
with boxnb.run("script", profile="acme") as run:
    run.rows += len(boxnb.connect("acme").users())
"""


def test_full_disk_and_expired_token_in_a_script(server: Mailbox, sandbox: Sandbox, tmp_path: Path) -> None:
    """The refresh token is not spent, because the new one could not be saved."""
    sandbox.clock.advance(7200)
    content = store.path("acme").read_bytes()
    script = SCRIPT.replace("profile=", f"to=[{ADA!r}], profile=")
    child = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: limit_files(0),
    )
    assert child.returncode == 1 and re.search("[Ff]ree space", server[-1].text)
    assert server[-1].subject.startswith("ERROR script") and refreshes(sandbox) == []
    assert store.path("acme").read_bytes() == content
    assert boxnb.connect("acme").get("/users/me")["login"] == ADA


def test_sigterm_ends_a_run(server: Mailbox, tmp_path: Path) -> None:
    """The exit code is 143, an email is sent, and no kernel remains."""
    mark = tmp_path / "kernel.pid"
    path = notebook(
        tmp_path,
        f"import pathlib, os, time\npathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\ntime.sleep(600)",
    )
    with subprocess.Popen(
        command("run", path, "--profile", "acme"), stderr=subprocess.PIPE, text=True
    ) as child:
        deadline = time.monotonic() + 120
        while not (mark.exists() and mark.read_text(encoding="utf-8")) and time.monotonic() < deadline:
            time.sleep(0.05)
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=60)
        assert child.returncode == 128 + signal.SIGTERM
    assert server[-1].subject.startswith("ERROR") and "SIGTERM" in server[-1].text
    deadline = time.monotonic() + 60
    while Path(f"/proc/{mark.read_text(encoding='utf-8')}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{mark.read_text(encoding='utf-8')}").exists()


def test_undelivered_mail_has_its_own_exit_code(server: Mailbox, tmp_path: Path) -> None:
    """The notebook ran, so the exit code is 4, not 1."""
    server.stop()
    child = run(notebook(tmp_path, "1"), "--profile", "acme", "--to", ADA)
    assert child.returncode == 4 and "not delivered" in child.stderr


def test_notebook_that_asks_for_input_fails(tmp_path: Path) -> None:
    """Nobody can answer ``input()`` or ``getpass``."""
    child = run(notebook(tmp_path, "input('your name?')"), "--profile", "acme")
    assert child.returncode == 1 and "StdinNotImplementedError" in child.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "password=x"], "looks like a secret"),
        (["-p", "box_token=x"], "looks like a secret"),
        (["-p", "sinse=7D"], "It has: since"),
        (["-p", "since"], "NAME=VALUE"),
        (["-p", "PROFILE=x"], "--profile"),
        (["--to", "a@b\nBcc: c@d"], "is not an email address"),
        (["--profile", "../x"], "name of a profile"),
    ],
)
def test_invalid_command_line_is_refused_before_anything_runs(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 2, one sentence says what is wrong, and the history has no run."""
    code, err = refused(capsys, WEEKLY, *arguments)
    assert code == cli.USAGE == 2 and message in err and "Traceback" not in err
    assert len(runs.history()) == 0


def test_value_of_a_secret_is_refused_under_any_name(server: Mailbox) -> None:
    """A user may paste the password where a date belongs."""
    child = run(WEEKLY, "--profile", "acme", "-p", f"since={server.password}")
    assert (
        child.returncode == 2
        and "looks like a secret" in child.stderr
        and server.password not in child.stderr
    )


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"cells": 1}'])
def test_file_that_is_not_a_notebook_is_refused(
    tmp_path: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file may be missing, empty or something else."""
    path = tmp_path / "x.ipynb"
    if content is not None:
        path.write_text(content)
    code, err = refused(capsys, path)
    assert code == cli.USAGE and "cannot be run" in err


def test_scheduled_line_runs_the_notebook(server: Mailbox, tmp_path: Path) -> None:
    """The line for cron works as under cron: in sh, in another folder, and with almost no environment."""
    path = notebook(tmp_path, USERS, name="my nightly 100%.ipynb")
    schedule = subprocess.run(
        command("schedule", path, "--profile", "acme", "--at", "23:59", "--to", ADA),
        capture_output=True,
        text=True,
        check=True,
    )
    line = schedule.stdout.splitlines()[1].removeprefix("59 23 * * * ").replace(r"\%", "%")
    environment = {name: os.environ[name] for name in ("HOME", "NO_PROXY") if name in os.environ}
    child = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert child.returncode == 0, child.stderr
    assert server[-1].subject.startswith("SUCCESS my nightly 100--acme")


@pytest.mark.parametrize("scheduler", ["systemd", "launchd", "windows"])
def test_every_scheduler_has_a_text(scheduler: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each text contains the full path of the notebook."""
    assert cli.main(["schedule", str(WEEKLY), "--for", scheduler]) == 0
    text = capsys.readouterr().out
    assert str(WEEKLY) in text and "not run" in text


TICKS = """
import os, pathlib, subprocess, sys, time
mark = pathlib.Path({mark!r})
mark.write_text(f"{{os.getpid()}} ")
program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
mark.write_text(f"{{os.getpid()}} {{program.pid}}")
print("it prints: bare-secret-of-a-cell")
time.sleep(120)
"""


def is_alive(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_started(mark: Path) -> list[int]:
    """Return the process IDs of a run's kernel and of the program that its notebook started."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if mark.exists() and len(mark.read_text(encoding="utf-8").split()) == 2:
            return [int(pid) for pid in mark.read_text(encoding="utf-8").split()]
        time.sleep(0.05)
    raise AssertionError("the notebook did not start")


def test_killed_run_ends_with_all_its_processes(sandbox: Sandbox, tmp_path: Path, home: Path) -> None:
    """Kernel and child programs end, no file with secrets remains, and the next run with that name can start."""
    sign_in(sandbox)
    mark = tmp_path / "mark"
    path = notebook(tmp_path, TICKS.format(mark=str(mark)))
    first_run = subprocess.Popen(command("run", path, "--profile", "acme", "--name", "weekly", "--no-mail"))
    pids = wait_until_started(mark)
    with pytest.raises(RunRefusedError), boxnb.run("weekly"):
        pass
    first_run.kill()
    first_run.wait()
    deadline = time.monotonic() + 20
    # The process that watches the kernel has the lock, and ends last.
    while (any(map(is_alive, pids)) or lock.is_running("weekly")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_alive, pids)) and list((home / "runs").glob("*.work")) == []
    with boxnb.run("weekly"):
        pass


def test_work_folder_of_a_killed_run_is_removed(sandbox: Sandbox, tmp_path: Path, home: Path) -> None:
    """If a run and its child were both killed, the next run removes their folder, but not that of a run in progress."""
    sign_in(sandbox)
    leftover, in_use = home / "runs" / "weekly+abcd.work", home / "runs" / "daily+abcd.work"
    for folder in (leftover, in_use):
        folder.mkdir(parents=True)
        (folder / "out.ipynb").write_text("bare-secret-of-a-cell")
    (home / "runs" / "link+abcd.work").symlink_to(tmp_path, target_is_directory=True)
    with boxnb.run("daily"):
        assert run(notebook(tmp_path, "1"), "--profile", "acme", "--no-mail").returncode == 0
    assert not leftover.exists() and in_use.exists() and (tmp_path / "nightly.ipynb").exists()


KNOWN_TO_THE_KERNEL = """
import boxnb
box = boxnb.connect(PROFILE)
for _ in range(2):
    print("refreshed", box.session.auth.rotate(rejected=box.session.auth.token().access_token).access_token.reveal())
http = boxnb.basic.connect("devices")
print("password", *(secret.reveal() for secret in http.profile.secrets().values()))
print("another's", boxnb.store.load("other").token.refresh_token.reveal())
print("made here", boxnb.Secret("known-to-this-kernel-only").reveal())
raise ValueError(box.session.auth.token().access_token.reveal())
"""


def test_page_is_redacted_with_secrets_of_the_kernel(server: Mailbox, tmp_path: Path) -> None:
    """Secrets that only the kernel knew are redacted in page, log, mail and output."""
    boxnb.basic.save("devices", "http://127.0.0.1:9", "reader", "password-of-devices")
    saved = store.load("acme")
    assert saved is not None
    store.save(
        dataclasses.replace(
            saved,
            name="other",
            token=boxnb.Token(
                boxnb.Secret("access-token-of-the-other"),
                boxnb.Secret("refresh-token-of-the-other"),
                1.0,
                3600.0,
            ),
        )
    )
    child = run(notebook(tmp_path, KNOWN_TO_THE_KERNEL), "--profile", "acme", "--folder", tmp_path / "runs")
    assert child.returncode == 1
    refreshed = store.load("acme")
    assert refreshed is not None and refreshed.token is not None and refreshed.generation == 2
    files = [file.read_text(errors="replace") for file in (tmp_path / "runs").rglob("*") if file.is_file()]
    output = server[-1].raw.decode() + server[-1].text + child.stdout + child.stderr + "".join(files)
    output += "".join(content.decode("utf-8", "replace") for content in server[-1].attachments.values())
    for secret in ("password-of-devices", "refresh-token-of-the-other", "known-to-this-kernel-only"):
        assert secret not in output
    assert refreshed.token.access_token.reveal() not in output
    assert len(re.findall(r"refreshed (?:&lt;|<)secret [0-9a-f]{4}", files[0] + "".join(files))) >= 2
    assert "made here" in output


@pytest.mark.parametrize("text", ["[" * 100_000, '{"cells": ["x"]}', '{"cells": 5}'])
def test_unusual_file_is_refused_with_one_sentence(text: str, tmp_path: Path) -> None:
    """Whatever the file contains, the message says that it is not a notebook."""
    file = tmp_path / "odd.ipynb"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(notebooks.UsageError, match="not a notebook"):
        notebooks.check_parameters(notebooks.read(file), {}, file)


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": None},
        {"metadata": {"tags": None}},
        {"metadata": {"tags": [1]}},
        {"source": 5},
        {"source": [1, 2]},
        {"outputs": None},
    ],
    ids=str,
)
def test_malformed_cell_is_refused_with_one_sentence(
    change: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every field that boxnb reads is checked."""
    cell = {"cell_type": "code", "metadata": {}, "source": "1", "outputs": [], **change}
    file = tmp_path / "odd.ipynb"
    file.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    assert cli.main(["run", str(file), "--no-mail"]) == cli.USAGE
    assert "not a notebook" in capsys.readouterr().err


def test_notebook_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    """Some Windows editors write a byte order mark."""
    file = tmp_path / "marked.ipynb"
    file.write_text(json.dumps({"cells": []}), encoding="utf-8-sig")
    assert notebooks.read(file) == {"cells": []}


def test_file_in_place_of_a_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--folder`` and BOXNB_HOME are checked before anything runs, as is the home of a user who does not exist."""
    file = notebook(tmp_path, "1")
    assert cli.main(["run", str(file), "--no-mail", "--folder", str(file)]) == cli.USAGE
    assert "--folder" in capsys.readouterr().err
    for home in (str(file), "~nobody-of-this-name/boxnb"):
        monkeypatch.setenv("BOXNB_HOME", home)
        for verb in ("run", "schedule"):
            assert cli.main([verb, str(file)]) == cli.USAGE
            assert "BOXNB_HOME" in capsys.readouterr().err


def test_no_traceback_if_the_reader_of_the_output_stops_early(tmp_path: Path) -> None:
    """The reader may close the pipe before the end, as ``head`` does."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    child = subprocess.run(
        command("schedule", notebook(tmp_path, "1")),
        stdout=write_end,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(write_end)
    assert (child.returncode, child.stderr) == (0, b"")


LETTER_BY_LETTER = """
import sys, time
for number, sign in enumerate("it is password-of-devices indeed"):
    print(sign, end="", flush=True)
    time.sleep(0.02)
    if number == 14:
        print("between", file=sys.stderr, flush=True)
print()
for number in range(20):
    print("\\r%d %%" % number, end="", flush=True)
    time.sleep(0.05)
print("\\rdone")
"""


def test_secret_printed_letter_by_letter_is_redacted(tmp_path: Path) -> None:
    """Kernels send output five times a second, so lines are joined before they are redacted and logged."""
    boxnb.basic.save("devices", "http://127.0.0.1:9", "reader", "password-of-devices")
    folder = tmp_path / "runs"
    child = run(notebook(tmp_path, LETTER_BY_LETTER, name="bü.ipynb"), "--no-mail", "--folder", folder)
    assert child.returncode == 0
    (log,) = folder.glob("*.log")
    messages = [line.split(": ", 1)[1] for line in log.read_text(encoding="utf-8").splitlines()]
    assert any(line.startswith("it is <secret ") and line.endswith("> indeed") for line in messages)
    assert "done" in messages and "between" in messages and not any("%" in line for line in messages)
    (page,) = folder.rglob("*.html")
    assert re.search("it is &lt;secret [0-9a-f]{4}&gt; indeed", page.read_text(encoding="utf-8"))


def test_run_name_with_letters_that_the_locale_lacks(tmp_path: Path) -> None:
    """The name of the run is also part of its work folder."""
    locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    child = run(notebook(tmp_path, "1"), "--no-mail", "--name", "Bücher", env={**os.environ, **locale})
    assert child.returncode == 0, child.stderr


def test_a_person_who_watches_sees_the_outcome_and_the_files(server: Mailbox, tmp_path: Path) -> None:
    """In a terminal, the command names the page and the log; into a pipe, it prints nothing. No email is attempted."""
    server.stop()  # an attempt would end with another exit code
    file = notebook(tmp_path, "1 + 1")
    arguments = (file, "--profile", "acme", "--no-mail", "--folder", tmp_path / "logs")
    with terminals() as open_terminal:
        terminal = open_terminal(*command("run", *arguments))
        assert terminal.wait() == 0
    assert "Running nightly.ipynb with the profile 'acme'." in terminal.shown
    assert re.search(r"SUCCESS after \d+ s\.", terminal.shown)
    (page,) = (tmp_path / "logs").rglob("nightly.html")
    (log,) = (tmp_path / "logs").glob("*.log")
    shown = "".join(terminal.shown.split())
    assert f"Saved{page}" in shown and f"Log{log}" in shown
    child = run(*arguments)
    assert (child.returncode, child.stdout, child.stderr) == (0, "", "")


def test_ctrl_c_says_that_the_run_stopped(server: Mailbox, tmp_path: Path) -> None:
    """The exit code is 130, and the log is named."""
    file = notebook(tmp_path, f"open({str(tmp_path / 'began')!r}, 'w').close()\nimport time\ntime.sleep(600)")
    with terminals() as open_terminal:
        terminal = open_terminal(*command("run", file, "--profile", "acme", "--no-mail"))
        deadline = time.monotonic() + 120
        while not (tmp_path / "began").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        terminal.type("\x03")
        assert terminal.wait() == 130
    assert "Stopped after " in terminal.shown and "  Log " in terminal.shown


def test_folder_that_cannot_be_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the path and the option, and nothing runs."""
    file = notebook(tmp_path, "1")
    assert cli.main(["run", str(file), "--no-mail", "--folder", str(file / "logs")]) == cli.USAGE
    err = capsys.readouterr().err
    assert f"boxnb cannot write to {file / 'logs'} because of {file}" in err and "--folder" in err


def test_notebook_in_another_language_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its cells must not run as Python."""
    file = notebook(tmp_path, "x <- 1")
    content = json.loads(file.read_text(encoding="utf-8"))
    content["metadata"]["kernelspec"] |= {"name": "ir", "language": "R"}
    file.write_text(json.dumps(content), encoding="utf-8")
    assert cli.main(["run", str(file), "--no-mail"]) == cli.USAGE
    assert "is written for R, not for Python" in capsys.readouterr().err


def test_a_kernel_may_start_slowly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A busy computer may need more than papermill's 60 seconds."""
    seen: list[str] = []

    def execute(folder: Path, arguments: list[str], *rest: object) -> tuple[int, str]:
        seen.extend(arguments)
        return 1, "Kernel didn't respond"

    monkeypatch.setattr(execution.watched, "execute", execute)
    assert cli.main(["run", str(notebook(tmp_path))]) == cli.FAILED
    assert int(seen[seen.index("--start-timeout") + 1]) >= 300
