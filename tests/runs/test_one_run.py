"""A run has one log, one outcome and one report, and no failure of a report hides the outcome."""

from __future__ import annotations

import base64
import errno
import html
import io
import json
import logging
import os
import re
import shlex
import stat
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import find
import markupsafe
import pandas as pd
import plotly.express as px
import pytest
import requests
from signing import sign_in
from small_files import limit_files

import boxnb
from boxnb import redaction, runs, store
from boxnb.errors import RunRefusedError, TokenStoreError
from boxnb.local import private_files
from boxnb.runs import report, run_history, watched
from boxnb.runs.recorder import LONGEST, Tee
from boxnb.sandbox import Sandbox
from boxnb.secret import Secret

ROOT = Path(__file__).parents[2]


def log_of(run: runs.Run) -> str:
    """Return the text of a run's log."""
    assert run.log_file is not None
    return run.log_file.read_text(encoding="utf-8")


def test_log_records_messages_prints_warnings_and_calls(sandbox: Sandbox) -> None:
    """The log has the messages of any library, printed lines, warnings and HTTP calls. Calls to any host are counted."""
    sign_in(sandbox)
    with pytest.warns(UserWarning, match="old"), boxnb.run("everything") as run:
        boxnb.connect("acme").get("/users/me")
        requests.get(f"{sandbox.url}/somewhere", timeout=10)
        logging.getLogger("mine").info("logged %s", "quietly")
        run.log.info("by the run")
        print("printed", end=" ")
        print("in two parts")
        warnings.warn("old", stacklevel=1)
    text = log_of(run)
    for line in (
        "/2.0/users/me",
        "/somewhere",
        "logged quietly",
        "by the run",
        "printed in two parts",
        "UserWarning: old",
    ):
        assert line in text
    assert (run.calls, run.outcome, len(run.warnings)) == (2, "WARNING", 1)
    assert run.log_file is not None and run.log_file.stat().st_mode & 0o777 == 0o600


def test_other_handlers_see_what_they_would_see_without_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    """The program's own log handlers get no additional messages, and all levels are restored."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    root, loud = logging.getLogger(), logging.getLogger("loud")
    collector, state_before = Collector(), (root.level, list(root.handlers), sys.stdout, warnings.showwarning)
    root.addHandler(collector)
    loud.setLevel(logging.DEBUG)
    try:
        with boxnb.run("quiet"):
            logging.getLogger("soft").info("not for you")
            loud.debug("for all")
            print("on the screen")
    finally:
        root.removeHandler(collector)
        loud.setLevel(logging.NOTSET)
    assert messages == ["for all"]
    assert capsys.readouterr().out == "on the screen\n"
    assert state_before == (root.level, list(root.handlers), sys.stdout, warnings.showwarning)
    assert not collector.filters


def test_each_run_writes_a_new_log_and_removes_its_oldest_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only old logs of the same run are removed; other files in the folder stay."""
    (tmp_path / "mine.log").write_text("keep me")
    (tmp_path / "week-notes.log").write_text("keep me, too")
    for second in range(4):
        run = boxnb.run("week", folder=tmp_path, keep=2)
        run._logs.stamp = f"20260101-00000{second}"
        with run:
            run.attach("x", "x.txt")
    names = sorted(file.name[:20] for file in tmp_path.glob("*.log"))
    assert names == ["mine.log", "week-20260101-000002", "week-20260101-000003", "week-notes.log"]
    assert len(list((tmp_path / "attached").iterdir())) == 2


def test_keep_1_overwrites_the_same_log(tmp_path: Path) -> None:
    """With ``keep=1``, there is one log, that of the last run."""
    for word in ("first", "second"):
        with boxnb.run("week", folder=tmp_path, keep=1) as run:
            run.log.info(word)
    assert [file.name for file in tmp_path.glob("*.log")] == ["week.log"]
    assert "second" in log_of(run) and "first" not in log_of(run)


def test_second_run_of_a_name_is_refused_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The refused run does not affect the first run and its log."""
    with boxnb.run("week", folder=tmp_path, keep=1) as first:
        first.log.info("mine")
        with pytest.raises(
            RunRefusedError, match=r"'week' is already in progress \(process \d+ on .*, since 20"
        ):
            boxnb.run("week", folder=tmp_path, keep=1, to="print").__enter__()
        with boxnb.run("other"):
            pass
    assert ("mine" in log_of(first) and first.outcome == "WARNING") or first.outcome == "SUCCESS"
    assert "ERROR week on" in capsys.readouterr().out
    assert sorted(runs.history()["outcome"]) == ["ERROR", "SUCCESS", "SUCCESS"]


def test_extension_decides_the_format_of_an_attachment(tmp_path: Path) -> None:
    """Tables, figures, text, bytes and files are written in the format of their extension, and table rows are counted."""
    frame = pd.DataFrame({"name": ["Zoë", "=1+1"], "n": [1, 2]})
    source = tmp_path / "source.bin"
    source.write_bytes(b"\0\1")
    with boxnb.run("attached") as run:
        table = run.attach(frame, "people.csv")
        page = run.attach(frame, "people.html")
        chart = run.attach(px.bar(frame, x="name", y="n"), "chart.html")
        text, data = run.attach("hello", "hello.txt"), run.attach(b"\0", "data.bin")
        copy = run.attach(source, "copy.bin")
        for name in ("../out.csv", "", "a/b", "a\\b", ".."):
            with pytest.raises(ValueError, match="is not a plain file name"):
                run.attach("x", name)
        with pytest.raises(ValueError, match="cannot be written as"):
            run.attach(frame, "people.png")
    assert run.rows == 4 and run.files == [table, page, chart, text, data, copy]
    assert table.read_bytes().startswith(b"\xef\xbb\xbfname") and pd.read_csv(table)["name"][0] == "Zoë"
    assert "https://cdn" not in chart.read_text(encoding="utf-8").split("<script", 1)[0]
    assert copy.read_bytes() == b"\0\1"


def test_chart_is_attached_as_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser of this computer draws the picture. Without a browser, one sentence says what to do instead."""
    browser = find.installed()
    assert browser is not None, find.ADVICE
    monkeypatch.setenv("BROWSER_PATH", browser)
    chart = px.bar(x=["a", "b"], y=[1, 2])
    with boxnb.run("pictures") as run:
        picture, drawing = run.attach(chart, "chart.png"), run.attach(chart, "chart.svg")
    assert picture.read_bytes().startswith(b"\x89PNG") and b"<svg" in drawing.read_bytes()
    code = "import boxnb, plotly.express as px\nboxnb.runs.attach(px.bar(x=[1], y=[1]), 'chart.png')"
    no_browser = {**os.environ, "PATH": "/nowhere", "BROWSER_PATH": "/nowhere", "PYTHONPATH": str(ROOT)}
    child = subprocess.run(
        [sys.executable, "-c", code], env=no_browser, capture_output=True, text=True, check=False
    )
    # On some systems, a browser is found without any path.
    assert child.returncode == 0 or "this computer does not have. Attach the chart as '.html'" in child.stderr


def test_failed_sink_is_reported_and_the_others_still_get_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failing function or folder does not change the outcome, and the report is still printed."""
    not_a_folder = tmp_path / "taken"
    not_a_folder.write_text("")

    def fail(run: runs.Run) -> None:
        raise RuntimeError("no webhook here")

    with boxnb.run("sinks", to=[fail, not_a_folder, "print", "file", tmp_path / "pages"]) as run:
        pass
    assert run.outcome == "SUCCESS"
    assert "no webhook here" in run.undelivered[0] and "taken" in run.undelivered[1]
    output = capsys.readouterr()
    assert "SUCCESS sinks on" in output.out and output.err.count("not delivered") == 2
    [page] = (tmp_path / "pages").glob("sinks-*.html")
    assert (
        "SUCCESS</span> sinks" in page.read_text()
        and "://" not in page.read_text().split("The end of the log")[0]
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyboardInterrupt(), "Interrupted by the user."),
        (SystemExit(3), "exited with code 3"),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (requests.ConnectionError(), "Check the network or the proxy"),
        (MemoryError(), "ran out of memory"),
        (boxnb.BoxNotebookError("Do this, then that."), "Do this, then that."),
        (KeyError("links"), "KeyError: 'links', in test_one_run.py line"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_any_error_is_explained_and_raised_again(error: BaseException, words: str) -> None:
    """Every error is reported in a sentence that the reader can act on, and is raised again."""
    with pytest.raises(type(error)), boxnb.run("ended") as run:
        raise error
    assert run.outcome == "ERROR" and words in run.problem
    assert runs.history().loc[0, "problem"] == run.problem


def test_sys_exit_without_a_code_is_a_success() -> None:
    """A script that calls ``sys.exit()`` has succeeded."""
    with pytest.raises(SystemExit), boxnb.run("done") as run:
        sys.exit()
    assert run.outcome == "SUCCESS"


FULL = """
import boxnb
with boxnb.run("full", to=["print"]) as run:
    for number in range(300):
        run.log.info("line %d of a long log", number)
print(run.outcome)
"""


@pytest.mark.parametrize("limit", [0, 4000])
def test_report_is_complete_although_the_disk_is_full(limit: int) -> None:
    """The log continues in memory, and the report says that the log file is not complete."""
    child = subprocess.run(
        [sys.executable, "-c", FULL],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: limit_files(limit),
    )
    assert child.stdout.endswith("SUCCESS\n")
    assert "line 299 of a long log" in child.stdout
    assert "the log file: it could not be written completely (File too large)" in child.stderr


def test_history_has_the_same_columns_when_empty() -> None:
    """Columns and dtypes are the same with no run, with one run, and with a run that was interrupted."""
    empty = runs.history()
    run_history.note(id="x", name="cut off", started=1.0, process="process 1 on here")
    with run_history.file().open("a") as file:
        file.write('{"id": "y", "na')
    with boxnb.run("complete") as run:
        run.rows += 2
    frame = runs.history()
    assert list(frame.dtypes.astype(str)) == list(empty.dtypes.astype(str))
    assert frame["name"].tolist() == ["complete", "cut off"]
    assert frame["outcome"].tolist() == ["SUCCESS", "UNFINISHED"]
    assert str(frame["started"].dtype) == "datetime64[us, UTC]" and frame["rows"].tolist()[0] == 2
    assert len(runs.history("complete")) == 1
    assert [trace.name for trace in runs.chart().figure.data] == ["SUCCESS", "UNFINISHED"]


def test_chart_of_runs_shows_how_each_ended() -> None:
    """The chart escapes its labels, has a table for pages that cannot draw it, and can be attached as a page."""
    assert "Nothing to show" in runs.chart().fallback
    with pytest.raises(RuntimeError), boxnb.run("broken"):
        raise RuntimeError("<b>it</b> broke")
    with boxnb.run("complete") as run:
        page = run.attach(runs.chart(), "runs.html")
    chart = runs.chart("broken")
    assert [trace.name for trace in chart.figure.data] == ["ERROR"] and len(chart.data) == 1
    assert "&lt;b&gt;it&lt;/b&gt; broke" in chart.figure.data[0].customdata[0]
    bundle = runs.chart()._repr_mimebundle_()
    assert "ERROR, 0." in bundle["text/html"] and "application/vnd.plotly.v1+json" in bundle
    assert "broken" in page.read_text(encoding="utf-8")


def test_runs_work_in_threads_and_inside_each_other() -> None:
    """A run outside the main thread works without signals, and a run inside another run has its own log."""

    def work() -> None:
        with boxnb.run("thread"):
            pass

    with boxnb.run("outer") as outer:
        with boxnb.run("inner") as inner:
            logging.getLogger("x").info("for both")
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert "for both" in log_of(outer) and "for both" in log_of(inner)
    assert set(runs.history()["outcome"]) == {"SUCCESS"}


def test_run_has_a_card_in_a_notebook() -> None:
    """The card is a small table with escaped text."""
    with boxnb.run("shown") as run:
        run.facts["<b>Folders</b>"] = 12
    assert "&lt;b&gt;Folders" in run._repr_html_() and "<b>Folders" not in report.page(run)
    assert "Outcome   SUCCESS" in repr(run)


@pytest.mark.parametrize("name", ["", "a/b", "..", "x\n", "a" * 81, "ends.", " begins"])
def test_names_that_cannot_be_file_names_are_refused(name: str) -> None:
    """A name that no file could have is refused, and so is ``keep=0``."""
    with pytest.raises(ValueError, match="cannot be the name of a run"):
        boxnb.run(name)
    with pytest.raises(ValueError, match="number of logs to keep must be at least 1, not 0"):
        boxnb.run("good", keep=0)


def test_attached_table_contains_no_formula() -> None:
    """In a spreadsheet, a name from a table is text, whatever its first character."""
    with boxnb.run("tables") as run:
        file = run.attach(pd.DataFrame({"name": ["=HYPERLINK(1)"]}), "a.csv")
        series = run.attach(pd.Series([1], index=pd.Index(["+1"], name="who"), name="count"), "b.csv")
    assert file.read_bytes().decode("utf-8-sig").split() == ["name", "'=HYPERLINK(1)"]
    assert series.read_bytes().decode("utf-8-sig").split() == ["who,count", "'+1,1"]


def test_permissions_of_an_existing_folder_do_not_change(tmp_path: Path) -> None:
    """A team may share an existing folder. A new one is private."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2775)
    for folder, mode in ((shared, 0o2775), (tmp_path / "new", 0o700)):
        with boxnb.run("shared", folder=folder):
            pass
        assert folder.stat().st_mode & 0o7777 == mode


ODD_NAME = """
import os, pathlib, sys, boxnb
with boxnb.run("names", to=[pathlib.Path(sys.argv[1])]):
    raise ValueError("cannot use " + os.fsdecode(b"caf\\xe9.txt"))
"""


def test_file_name_that_is_not_utf_8_does_not_hide_the_error(tmp_path: Path) -> None:
    """The error about a file with a Latin-1 name is raised and reported like any other."""
    child = subprocess.run(
        [sys.executable, "-c", ODD_NAME, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert "ValueError: cannot use" in child.stderr
    assert "not delivered" not in child.stderr and "UnicodeEncodeError" not in child.stderr
    assert "udce9" in next(tmp_path.glob("*.html")).read_text(encoding="utf-8")
    assert runs.history("names")["outcome"].tolist() == ["ERROR"]


def test_scripts_of_a_page_stay_intact() -> None:
    """In a script, only known secrets are redacted, because other words that look like a secret are program code."""
    Secret('p&ss<w"ord1')
    page = (
        '<p>password=YTpi</p><script>fetch(u, {credentials:"include"}); f("p&ss<w\\"ord1")</script>'
        '<script type="application/json">{"password": "YTpi"}</script><b>p&amp;ss&lt;w&quot;ord1</b>'
    )
    redacted = redaction.redact_page(page)
    assert 'credentials:"include"' in redacted
    assert "YTpi" not in redacted and "ord1" not in redacted
    # A browser would not show an element named <redacted>.
    assert "<p>password=&lt;redacted&gt;</p>" in redacted


def test_attach_without_a_run_writes_next_to_the_runs() -> None:
    """In a notebook that a person runs, the file is written to a folder that the person can open."""
    file = runs.attach(pd.DataFrame({"a": [1]}), "a.csv")
    assert file == store.home() / "runs" / "attached" / "a.csv" and file.exists()


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdefghijklmnop1234",
        "{'Authorization': 'Basic YTpi'}",
        "{b'authorization': b'Basic YTpi'}",
        "send: b'GET / HTTP/1.1\\r\\nAuthorization: Basic YTpi\\r\\n'",
        'password="one two"',
        "password=YTpi&x=1",
        '{"client_secret":"YTpi"}',
        '{\\"refresh_token\\": \\"YTpi\\"}',
        "Set-Cookie: YTpi; Path=/",
        "https://me:YTpi@example.com/",
        "GET /dl/12/34/99/YTpi HTTP/1.1",
        'https://dl.boxcloud.com:443 "GET /d/1/YTpi/download HTTP/1.1" 200',
        "Max retries exceeded with url: /d/1/YTpi/download",
        "http://127.0.0.1/callback?code=YTpi&state=1",
        "api_key: YTpi",
    ],
)
def test_text_shaped_like_a_secret_is_redacted(text: str) -> None:
    """Secrets that this process never had are redacted by their shape."""
    redacted = redaction.redact(text)
    assert "YTpi" not in redacted and "abcdefghijklmnop1234" not in redacted and "one two" not in redacted
    assert redaction.REDACTED in redacted


def test_plain_sentences_are_not_redacted() -> None:
    """A sentence about secrets contains no secret and stays unchanged."""
    for text in (
        "Refresh token 3fa9 replaced 81cc.",
        "The access token of 'acme' goes to its own hosts only.",
        "123 tokens, 4 secrets",
        "refresh_token=<secret 3fa9>",
        "GET /2.0/users?fields=id,name&limit=1000",
    ):
        assert redaction.redact(text) == text


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True),
        ("boxToken", True),
        ("client-secret", True),
        ("API_KEY", True),
        ("since", False),
        ("tokenizer", False),
    ],
)
def test_names_of_secrets_are_recognized(name: str, secret: bool) -> None:
    """The parameters that ``-p`` refuses are recognized by their names."""
    assert redaction.is_secret_name(name) is secret


def test_only_the_last_state_of_a_progress_bar_is_logged() -> None:
    """However a bar is drawn, only its last state is in memory. An endless line is logged in parts."""
    lines: list[str] = []
    log = logging.getLogger("test.bar")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    for before, after in (
        ("\r", ""),
        ("", "\r"),
        ("\x1b[2K\x1b[1G", ""),
        ("\x1b[1G", ""),
        ("\r\x1b[32m", "\x1b[0m"),
    ):
        tee = Tee(io.StringIO(), log)
        for number in range(5_000):
            tee.write(f"{before}{number} of 5000{after}")
            assert sum(map(len, tee._unfinished)) < 100
        tee.write("\n")
        assert lines == ["4999 of 5000"]
        lines.clear()
    tee = Tee(io.StringIO(), log)
    for _ in range(50_000):
        tee.write(".")
    tee.log_rest()
    assert "".join(lines) == "." * 50_000 and len(tee._unfinished) == 0
    assert max(map(len, lines)) <= LONGEST + 1
    log.removeHandler(handler)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 1000])
def test_log_does_not_depend_on_where_output_is_split(length: int) -> None:
    """Line breaks, carriage returns and terminal sequences may be split between two writes."""
    text = "a\nb\rc\nd\r\n\x1b[31mred\x1b[0m\n12\b\b34\n\n  \nlast"
    lines: list[str] = []
    log = logging.getLogger("test.split")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    tee = Tee(io.StringIO(), log)
    for start in range(0, len(text), length):
        tee.write(text[start : start + length])
    tee.log_rest()
    log.removeHandler(handler)
    assert lines == ["a", "c", "d", "red", "34", "last"]


def test_long_line_is_not_split_inside_a_secret() -> None:
    """A long line is split at spaces, so that every secret in it is redacted."""
    secret = Secret("a-secret-that-is-printed-in-a-long-line")
    with boxnb.run("long") as run:
        for _ in range(2000):
            print(f"{secret.reveal()} ", end="")
    assert "a-secret-that" not in log_of(run) and log_of(run).count(str(secret)) == 2000


def test_only_own_old_logs_are_removed(tmp_path: Path) -> None:
    """Logs of other runs, links, and the user's own folders and files stay."""
    share, victim = tmp_path / "share", tmp_path / "victim"
    (share / "attached").mkdir(parents=True)
    victim.mkdir()
    (victim / "thesis.txt").write_text("years of work")
    stamp = "20200101-000000-1"
    (share / "attached" / f"weekly-{stamp}").symlink_to(victim, target_is_directory=True)
    (share / f"weekly-{stamp}.log").symlink_to(victim / "thesis.txt")
    (share / "attached" / f"weekly-{stamp}x").mkdir()
    (share / "attached" / "weekly-20200101-000000-2" / "deeper").mkdir(parents=True)
    with boxnb.run("weekly-monthly", folder=share) as other:
        other_file = other.attach("the year's numbers", "year.txt")
    for _ in range(2):
        with boxnb.run("weekly", folder=share, keep=1) as run:
            own_file = run.attach("today", "today.txt")
    assert (victim / "thesis.txt").read_text() == "years of work"
    assert other_file.exists() and own_file.exists() and (share / "attached" / f"weekly-{stamp}x").exists()
    assert (share / f"weekly-{stamp}.log").is_symlink() and (
        share / "attached" / f"weekly-{stamp}"
    ).is_symlink()
    assert (share / "attached" / "weekly-20200101-000000-2" / "deeper").exists()


def test_old_attachments_are_removed_with_the_old_logs(tmp_path: Path) -> None:
    """The older folders of the same run are removed with their files, and the last ones stay."""
    old_folder = tmp_path / "attached" / "weekly-20200101-000000-1"
    old_folder.mkdir(parents=True)
    (old_folder / "old.csv").write_text("1")
    with boxnb.run("weekly", folder=tmp_path, keep=1) as run:
        run.attach("new", "new.csv")
    assert not old_folder.exists() and len(list((tmp_path / "attached").iterdir())) == 1


def test_nothing_is_written_through_the_link_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder that others may write to, a run does not follow their link. It continues and reports the problem."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "weekly.log").symlink_to(victim)
    # As if root or another user had created it.
    monkeypatch.setattr(private_files, "is_ours", lambda status: False)
    with boxnb.run("weekly", folder=tmp_path, keep=1, to=["print"]) as run:
        run.log.info("a line")
    assert victim.read_text() == "precious" and run.log_file is None
    assert any("the log file" in line for line in run.undelivered)


def test_name_like_that_of_a_log_is_refused() -> None:
    """Another run could mistake its log for its own."""
    with pytest.raises(ValueError, match="could mistake this run's log for its own"):
        boxnb.run("daily-20200101-000000-1")


ODD_LINES = [
    b'{"id": "a", "name": "n", "started": "x"}',
    b'{"id": "a", "name": "n", "started": 1e999, "seconds": NaN}',
    b'{"id": "a", "name": "n", "calls": 1e400, "rows": 99999999999999999999999}',
    b'{"id": "a", "name": "n", "calls": [1], "outcome": "WONDERFUL", "problem": {"a": 1}}',
    b'{"id": ["a"], "name": "n"}',
    b'{"id": "a", "name": null}',
    b'{"id": "a", "name": "n", "problem": "half \\ud800 of it"}',
    b"[" * 100_000,
    b"\x00\x00\x00",
    b'{"id": "a", "name": "B\xc3',
    b"null",
    b"\xff\xfe",
    b"{}",
]


@pytest.mark.parametrize("line", ODD_LINES, ids=range(len(ODD_LINES)))
@pytest.mark.parametrize("line_break", [b"\n", b""], ids=["line", "cut"])
def test_damaged_line_does_not_hide_other_runs(line: bytes, line_break: bytes) -> None:
    """The runs before and after a damaged line are complete, even if the line ends within a character."""
    with boxnb.run("Bücher"):
        pass
    with run_history.file().open("ab") as file:
        file.write(line + line_break)
    with boxnb.run("Später"):
        pass
    history = runs.history()
    assert history["name"][history["name"] != "n"].tolist() == ["Später", "Bücher"]
    assert history["outcome"][history["name"] != "n"].tolist() == ["SUCCESS", "SUCCESS"]
    repr(history)
    history.to_csv()


ODD_SECRET = "pa\"s's/w+rd&<x>\\é"
PLAIN_SECRET = "AbCdEfGhIjKlMnOpQrStUvWxYz012345"


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda text: str(markupsafe.escape(text)), id="markupsafe"),
        pytest.param(lambda text: html.escape(json.dumps(text)), id="JSON on a page"),
        pytest.param(lambda text: str(markupsafe.escape(json.dumps(text))), id="JSON on a page of Jinja"),
        pytest.param(lambda text: str(markupsafe.escape(repr(text))), id="repr on a page"),
        pytest.param(lambda text: repr(text.encode()), id="bytes"),
        pytest.param(lambda text: json.dumps(json.dumps(text)), id="JSON in JSON"),
        pytest.param(lambda text: json.dumps(text).replace("/", "\\/"), id="JSON of PHP"),
        pytest.param(
            lambda text: (
                json.dumps(text).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
            ),
            id="JSON of Go",
        ),
        pytest.param(lambda text: repr(repr(text)), id="repr of repr"),
        pytest.param(lambda text: quote(text), id="percent, with slashes"),
        pytest.param(
            lambda text: re.sub("%..", lambda match: match.group().lower(), quote(text, safe="")),
            id="percent",
        ),
        pytest.param(lambda text: quote(quote(text, safe=""), safe=""), id="percent twice"),
        pytest.param(lambda text: shlex.quote(text), id="shell"),
        pytest.param(lambda text: text.encode().hex(), id="hex"),
        pytest.param(lambda text: text.encode().hex().upper(), id="HEX"),
        pytest.param(lambda text: base64.urlsafe_b64encode(text.encode()).decode(), id="base64url"),
        pytest.param(lambda text: base64.b64encode(text.encode()).decode().rstrip("="), id="base64 unpadded"),
        *(
            pytest.param(
                lambda text, user=user: base64.b64encode(f"{user}:{text}".encode()).decode(),
                id=f"Basic, {user}",
            )
            for user in ("a", "ab", "abc")
        ),
    ],
)
@pytest.mark.parametrize("secret", [ODD_SECRET, PLAIN_SECRET])
def test_known_secret_is_redacted_in_every_form(secret: str, form: Callable[[str], str]) -> None:
    """A secret is redacted in every form in which programs print it. A page shows the fingerprint as text."""
    Secret(secret)
    line = redaction.redact(f"before {form(secret)} after")
    page = redaction.redact_page(f"<p>{form(secret)}</p>")
    assert "<secret " in line and form(secret) not in line
    assert "&lt;secret " in page and form(secret) not in page


@pytest.mark.parametrize("quoted", ['{"access_token": "UNKNOWN-1"}', "{'client_secret': 'UNKNOWN-1'}"])
@pytest.mark.parametrize("escape", [html.escape, lambda text: str(markupsafe.escape(text))])
def test_text_shaped_like_a_secret_is_redacted_on_a_page(quoted: str, escape: Callable[[str], str]) -> None:
    """Quotation marks may be entities on a page."""
    redacted = redaction.redact_page(f"<pre>{escape(quoted)}</pre>")
    assert "UNKNOWN-1" not in redacted and redacted.endswith("}</pre>")


def test_standard_output_still_looks_like_the_screen() -> None:
    """Programs choose their characters by the encoding of the screen, and pass its descriptor to child processes."""
    screen = io.TextIOWrapper(io.FileIO(os.devnull, "w"), encoding="latin-1", errors="replace")
    tee = Tee(screen, logging.getLogger("x"))
    assert (tee.encoding, tee.errors, tee.fileno()) == ("latin-1", "replace", screen.fileno())
    screen.close()


class Unprintable:
    """An object whose ``repr`` raises an error."""

    def __repr__(self) -> str:
        raise RuntimeError("cannot be printed")


@pytest.mark.parametrize("call", [("%(x)s", {"y": 1}), ("%s", Unprintable()), (Unprintable(),), ("%d", "x")])
def test_log_call_that_cannot_be_formatted_does_not_end_the_run(
    monkeypatch: pytest.MonkeyPatch, call: tuple[object, ...]
) -> None:
    """As in logging, the record is written as far as possible, and the work continues."""
    # The handlers of pytest raise such errors; those of programs do not.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with boxnb.run("nightly") as run:
        logging.getLogger("library").warning(*call)
    assert run.outcome == "WARNING" and len(run.warnings) == 1 and "library" in log_of(run)


@pytest.mark.parametrize("column", list(run_history.COLUMNS))
def test_history_reads_any_value_in_any_field(column: str) -> None:
    """Whatever value a field has, the table and the chart can be shown."""
    with boxnb.run("nightly"):
        pass
    facts = json.loads(run_history.file().read_bytes().splitlines()[-1])
    values = [
        None,
        True,
        -1,
        0,
        1.5,
        -2.5e11,
        253402300799.9,
        253370764799,
        -1e10,
        1e308,
        10**400,
        "x",
        [],
        {},
        "\ud800",
    ]
    for value in values:
        run_history.file().write_bytes(json.dumps({**facts, column: value}).encode() + b"\n")
        repr(runs.history())
        runs.chart()


def test_unreadable_history_is_reported_in_one_sentence() -> None:
    """A folder or a pipe in place of the file is an error, and no call waits for the pipe."""
    run_history.file().parent.mkdir(parents=True)
    run_history.file().mkdir()
    with pytest.raises(TokenStoreError, match="could not be read"):
        runs.history()
    run_history.file().rmdir()
    os.mkfifo(run_history.file())
    with pytest.raises(TokenStoreError, match="pipe"):
        runs.history()


def test_newest_log_stays_when_the_clock_is_set_back(tmp_path: Path) -> None:
    """In the repeated hour of autumn, older logs have later names."""
    for number, stamp in enumerate(("29991025-025000-1", "29991025-025500-1")):
        log = tmp_path / f"weekly-{stamp}.log"
        log.write_text("before")
        os.utime(log, (number, number))
    with boxnb.run("weekly", folder=tmp_path, keep=2) as run:
        pass
    assert run.log_file is not None
    assert {file.name for file in tmp_path.glob("*.log")} == {
        run.log_file.name,
        "weekly-29991025-025500-1.log",
    }


def test_file_of_another_user_is_not_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner of the file could read the log."""
    log = tmp_path / "weekly.log"
    log.write_text("theirs")
    inode = log.stat().st_ino
    monkeypatch.setattr(private_files, "is_ours", lambda status: status.st_ino != inode)
    with boxnb.run("weekly", folder=tmp_path, keep=1) as run:
        run.log.info("a line")
    assert log.read_text() == "theirs" and run.log_file is None
    assert any("the log file" in line for line in run.undelivered)


@pytest.mark.parametrize("name", ["報" * 80, "nul", "COM1", "com²", "aux.daily"])
def test_name_that_some_disks_cannot_hold_is_refused(name: str) -> None:
    """With too many bytes in its name, or with the name of a Windows device, a run could not save its log."""
    with pytest.raises(ValueError, match=r"another name|shorter"):
        boxnb.run(name)


def test_lock_works_without_the_note_of_its_holder(home: Path) -> None:
    """The note only names the holder of the lock."""
    (home / "runs" / "weekly.holder").mkdir(parents=True)
    with boxnb.run("weekly") as run, pytest.raises(RunRefusedError), boxnb.run("weekly"):
        pass
    assert run.undelivered == []


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_saved_files_are_private_and_usable_with_any_umask(home: Path, umask: int) -> None:
    """A umask can also take permissions away from the user."""
    umask_before = os.umask(umask)
    try:
        private_files.private_folder(home / "new" / "below")
        private_files.write_private(home / "new" / "below" / "file", b"x")
    finally:
        os.umask(umask_before)
    modes = [
        stat.S_IMODE(path.stat().st_mode)
        for path in (home / "new", home / "new/below", home / "new/below/file")
    ]
    assert modes == [0o700, 0o700, 0o600]


def test_home_of_an_unknown_user_is_reported_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """``~name`` of a user who does not exist is an error that names BOXNB_HOME."""
    monkeypatch.setenv("BOXNB_HOME", "~nobody-of-this-name/boxnb")
    with pytest.raises(TokenStoreError, match="BOXNB_HOME"):
        boxnb.status()


def test_error_of_papermill_is_readable_in_any_encoding(tmp_path: Path) -> None:
    """On Windows, a pipe has the encoding of the locale, such as cp1252."""
    folder = tmp_path / "work"
    folder.mkdir()
    missing = str(tmp_path / "Müller Łukasz.ipynb")
    exit_code, line = watched.execute(
        folder, [missing, str(folder / "out.ipynb")], {"PYTHONIOENCODING": "cp1252:backslashreplace"}, None
    )
    assert exit_code != 0 and "Müller Łukasz.ipynb" in line
