"""One run: one log, one outcome, one report; nothing that goes wrong in reporting hides how it ended."""

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

import boxnb
from boxnb import disk, masking, runs, store
from boxnb.errors import RunRefusedError, TokenStoreError
from boxnb.runs import past, report
from boxnb.runs.recording import LONGEST, Tee
from boxnb.sandbox import Sandbox
from boxnb.tokens import Secret

ROOT = Path(__file__).parents[1]


def log_of(run: runs.Run) -> str:
    assert run.log_file is not None
    return run.log_file.read_text(encoding="utf-8")


def test_the_log_has_what_anybody_said(sandbox: Sandbox) -> None:
    """Logging of any library, printed lines, warnings, each HTTP call; calls are counted, Box's or not."""
    sign_in(sandbox)
    with pytest.warns(UserWarning, match="old"), boxnb.run("everything") as run:
        boxnb.connect("acme").get("/users/me")
        requests.get(f"{sandbox.url}/somewhere", timeout=10)
        logging.getLogger("mine").info("said %s", "softly")
        run.log.info("and by me")
        print("printed", end=" ")
        print("in two goes")
        warnings.warn("old", stacklevel=1)
    text = log_of(run)
    for line in (
        "/2.0/users/me",
        "/somewhere",
        "said softly",
        "and by me",
        "printed in two goes",
        "UserWarning: old",
    ):
        assert line in text
    assert (run.calls, run.outcome, len(run.warnings)) == (2, "WARNING", 1)
    assert run.log_file is not None and run.log_file.stat().st_mode & 0o777 == 0o600


def test_what_others_show_stays_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    """The run listens; a handler of the program sees no more than before, and the levels are put back."""
    shown: list[str] = []

    class Mine(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            shown.append(record.getMessage())

    root, loud = logging.getLogger(), logging.getLogger("loud")
    mine, before = Mine(), (root.level, list(root.handlers), sys.stdout, warnings.showwarning)
    root.addHandler(mine)
    loud.setLevel(logging.DEBUG)
    try:
        with boxnb.run("quiet"):
            logging.getLogger("soft").info("not for you")
            loud.debug("for all")
            print("on the screen")
    finally:
        root.removeHandler(mine)
        loud.setLevel(logging.NOTSET)
    assert shown == ["for all"]
    assert capsys.readouterr().out == "on the screen\n"
    assert before == (root.level, list(root.handlers), sys.stdout, warnings.showwarning)
    assert not mine.filters


def test_a_new_log_each_time_and_the_last_ones_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a run's own logs; other files in the folder are nobody's business."""
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


def test_one_log_written_over_each_time(tmp_path: Path) -> None:
    """`keep=1`."""
    for word in ("first", "second"):
        with boxnb.run("week", folder=tmp_path, keep=1) as run:
            run.log.info(word)
    assert [file.name for file in tmp_path.glob("*.log")] == ["week.log"]
    assert "second" in log_of(run) and "first" not in log_of(run)


def test_a_second_run_of_the_name_is_refused_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It leaves the first alone, its log too."""
    with boxnb.run("week", folder=tmp_path, keep=1) as first:
        first.log.info("mine")
        with pytest.raises(RunRefusedError, match=r"'week' is under way \(process \d+ on .*, since 20"):
            boxnb.run("week", folder=tmp_path, keep=1, to="print").__enter__()
        with boxnb.run("other"):
            pass
    assert ("mine" in log_of(first) and first.outcome == "WARNING") or first.outcome == "SUCCESS"
    assert "ERROR week on" in capsys.readouterr().out
    assert sorted(runs.history()["outcome"]) == ["ERROR", "SUCCESS", "SUCCESS"]


def test_what_is_attached_is_written_by_its_ending(tmp_path: Path) -> None:
    """Tables, figures, text, bytes, files; rows count by themselves."""
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
            with pytest.raises(ValueError, match="no plain file name"):
                run.attach("x", name)
        with pytest.raises(ValueError, match="cannot be written as"):
            run.attach(frame, "people.png")
    assert run.rows == 4 and run.files == [table, page, chart, text, data, copy]
    assert table.read_bytes().startswith(b"\xef\xbb\xbfname") and pd.read_csv(table)["name"][0] == "Zoë"
    assert "https://cdn" not in chart.read_text(encoding="utf-8").split("<script", 1)[0]
    assert copy.read_bytes() == b"\0\1"


def test_a_chart_is_attached_as_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn by the browser of this computer; where there is none, a sentence says what to do instead."""
    browser = find.installed()
    assert browser is not None, find.ADVICE
    monkeypatch.setenv("BROWSER_PATH", browser)
    chart = px.bar(x=["a", "b"], y=[1, 2])
    with boxnb.run("pictures") as run:
        picture, drawing = run.attach(chart, "chart.png"), run.attach(chart, "chart.svg")
    assert picture.read_bytes().startswith(b"\x89PNG") and b"<svg" in drawing.read_bytes()
    code = "import boxnb, plotly.express as px\nboxnb.runs.attach(px.bar(x=[1], y=[1]), 'chart.png')"
    bare = {**os.environ, "PATH": "/nowhere", "BROWSER_PATH": "/nowhere", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True, check=False)
    # Some systems keep a browser where it is found without any path.
    assert done.returncode == 0 or "this computer has none: attach it as '.html'" in done.stderr


def test_a_sink_that_fails_is_told_of_and_the_next_gets_its_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A function, a folder that cannot be made: the outcome stands, printing still works."""
    taken = tmp_path / "taken"
    taken.write_text("")

    def broken(run: runs.Run) -> None:
        raise RuntimeError("no webhook here")

    with boxnb.run("sinks", to=[broken, taken, "print", "file", tmp_path / "pages"]) as run:
        pass
    assert run.outcome == "SUCCESS"
    assert "no webhook here" in run.undelivered[0] and "taken" in run.undelivered[1]
    shown = capsys.readouterr()
    assert "SUCCESS sinks on" in shown.out and shown.err.count("not delivered") == 2
    [page] = (tmp_path / "pages").glob("sinks-*.html")
    assert (
        "SUCCESS</span> sinks" in page.read_text()
        and "://" not in page.read_text().split("The end of the log")[0]
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyboardInterrupt(), "A person stopped it"),
        (SystemExit(3), "ended itself with exit code 3"),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (requests.ConnectionError(), "Check the network or the proxy"),
        (MemoryError(), "ran out of memory"),
        (boxnb.BoxNotebookError("Do this, then that."), "Do this, then that."),
        (KeyError("links"), "KeyError: 'links', in test_runs.py line"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_whatever_ends_it_is_explained_and_raised_on(error: BaseException, words: str) -> None:
    """One sentence a reader can act on."""
    with pytest.raises(type(error)), boxnb.run("ended") as run:
        raise error
    assert run.outcome == "ERROR" and words in run.problem
    assert runs.history().loc[0, "problem"] == run.problem


def test_a_script_that_ends_itself_well_is_a_success() -> None:
    """`sys.exit()`."""
    with pytest.raises(SystemExit), boxnb.run("done") as run:
        sys.exit()
    assert run.outcome == "SUCCESS"


FULL = """
import resource, signal, sys, boxnb
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
with boxnb.run("full", to=["print"]) as run:
    for number in range(300):
        run.log.info("line %d of a long log", number)
print(run.outcome)
"""


@pytest.mark.parametrize("limit", [0, 4000])
def test_a_full_disk_loses_the_file_not_the_report(limit: int) -> None:
    """The log is held in memory, and the report says what could not be written."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(limit)], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("SUCCESS\n")
    assert "line 299 of a long log" in done.stdout
    assert "the log file: it could not be written whole (File too large)" in done.stderr


def test_the_history_is_a_frame_even_when_empty() -> None:
    """The same columns and types with no run, one, and one that was cut off."""
    empty = runs.history()
    past.note(id="x", name="cut off", started=1.0, process="process 1 on here")
    with past.file().open("a") as file:
        file.write('{"id": "y", "na')
    with boxnb.run("whole") as run:
        run.rows += 2
    frame = runs.history()
    assert list(frame.dtypes.astype(str)) == list(empty.dtypes.astype(str))
    assert frame["name"].tolist() == ["whole", "cut off"]
    assert frame["outcome"].tolist() == ["SUCCESS", "UNFINISHED"]
    assert str(frame["started"].dtype) == "datetime64[us, UTC]" and frame["rows"].tolist()[0] == 2
    assert len(runs.history("whole")) == 1
    assert [trace.name for trace in runs.chart().figure.data] == ["SUCCESS", "UNFINISHED"]


def test_the_chart_of_runs_shows_how_each_ended() -> None:
    """Escaped, with a table beside for pages that cannot draw; attached as a page like any other chart."""
    assert "Nothing to show" in runs.chart().fallback
    with pytest.raises(RuntimeError), boxnb.run("broken"):
        raise RuntimeError("<b>it</b> broke")
    with boxnb.run("whole") as run:
        page = run.attach(runs.chart(), "runs.html")
    chart = runs.chart("broken")
    assert [trace.name for trace in chart.figure.data] == ["ERROR"] and len(chart.data) == 1
    assert "&lt;b&gt;it&lt;/b&gt; broke" in chart.figure.data[0].customdata[0]
    bundle = runs.chart()._repr_mimebundle_()
    assert "ERROR, 0." in bundle["text/html"] and "application/vnd.plotly.v1+json" in bundle
    assert "broken" in page.read_text(encoding="utf-8")


def test_runs_in_threads_and_in_one_another() -> None:
    """A run outside the main thread works, without signals; an inner run of another name, too."""

    def work() -> None:
        with boxnb.run("thread"):
            pass

    with boxnb.run("outer") as outer:
        with boxnb.run("inner") as inner:
            logging.getLogger("x").info("both hear")
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert "both hear" in log_of(outer) and "both hear" in log_of(inner)
    assert set(runs.history()["outcome"]) == {"SUCCESS"}


def test_a_run_shows_itself_in_a_notebook() -> None:
    """A small table, escaped."""
    with boxnb.run("shown") as run:
        run.facts["<b>Folders</b>"] = 12
    assert "&lt;b&gt;Folders" in run._repr_html_() and "<b>Folders" not in report.page(run)
    assert "Outcome   SUCCESS" in repr(run)


@pytest.mark.parametrize("name", ["", "a/b", "..", "x\n", "a" * 81, "ends.", " begins"])
def test_names_that_make_no_file_are_refused(name: str) -> None:
    """The name is a file's, too."""
    with pytest.raises(ValueError, match="A run is named by"):
        boxnb.run(name)
    with pytest.raises(ValueError, match="at least the last one"):
        boxnb.run("good", keep=0)


def test_a_table_that_is_attached_runs_nothing() -> None:
    """A name is text in a spreadsheet, whatever it begins with."""
    with boxnb.run("tables") as run:
        file = run.attach(pd.DataFrame({"name": ["=HYPERLINK(1)"]}), "a.csv")
        series = run.attach(pd.Series([1], index=pd.Index(["+1"], name="who"), name="count"), "b.csv")
    assert file.read_bytes().decode("utf-8-sig").split() == ["name", "'=HYPERLINK(1)"]
    assert series.read_bytes().decode("utf-8-sig").split() == ["who,count", "'+1,1"]


def test_a_folder_that_was_there_stays_as_open_as_it_was(tmp_path: Path) -> None:
    """A team may share it; one that is made is private."""
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


def test_a_name_that_is_no_text_hides_nothing(tmp_path: Path) -> None:
    """A file called in Latin-1: its error comes through, and everything ends as it should."""
    done = subprocess.run(
        [sys.executable, "-c", ODD_NAME, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert "ValueError: cannot use" in done.stderr
    assert "not delivered" not in done.stderr and "UnicodeEncodeError" not in done.stderr
    assert "udce9" in next(tmp_path.glob("*.html")).read_text(encoding="utf-8")
    assert runs.history("names")["outcome"].tolist() == ["ERROR"]


def test_a_page_keeps_its_programs() -> None:
    """What looks like a secret in a program is the program's own; one that is known is masked there as well."""
    Secret('p&ss<w"ord1')
    page = (
        '<p>password=YTpi</p><script>fetch(u, {credentials:"include"}); f("p&ss<w\\"ord1")</script>'
        '<script type="application/json">{"password": "YTpi"}</script><b>p&amp;ss&lt;w&quot;ord1</b>'
    )
    masked = masking.mask_page(page)
    assert 'credentials:"include"' in masked
    assert "YTpi" not in masked and "ord1" not in masked
    assert "<p>password=&lt;masked&gt;</p>" in masked  # text, not an element that a browser shows nothing of


def test_attach_without_a_run_writes_beside_the_runs() -> None:
    """A notebook read by hand: the file is there to look at."""
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
def test_shapes_of_secrets_are_masked(text: str) -> None:
    """Also those this process never held."""
    masked = masking.mask(text)
    assert "YTpi" not in masked and "abcdefghijklmnop1234" not in masked and "one two" not in masked
    assert masking.MASKED in masked


def test_plain_sentences_are_left_alone() -> None:
    """What a person writes about secrets is none."""
    for text in (
        "Refresh token 3fa9 replaced 81cc.",
        "The access token of 'acme' goes to its own hosts only.",
        "123 tokens, 4 secrets",
        "refresh_token=<secret 3fa9>",
        "GET /2.0/users?fields=id,name&limit=1000",
    ):
        assert masking.mask(text) == text


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
def test_names_of_secrets_are_known(name: str, secret: bool) -> None:
    """What `-p` refuses."""
    assert masking.is_secret_name(name) is secret


def test_a_bar_costs_what_it_draws() -> None:
    """Whatever it is drawn with, nothing of it is held but its last state; a line without an end is logged in pieces."""
    said: list[str] = []
    log = logging.getLogger("test.bar")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
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
            assert sum(map(len, tee._begun)) < 100
        tee.write("\n")
        assert said == ["4999 of 5000"]
        said.clear()
    tee = Tee(io.StringIO(), log)
    for _ in range(50_000):
        tee.write(".")
    tee.rest()
    assert "".join(said) == "." * 50_000 and len(tee._begun) == 0
    assert max(map(len, said)) <= LONGEST + 1
    log.removeHandler(handler)


@pytest.mark.parametrize("pieces", [1, 2, 3, 7, 1000])
def test_a_printed_line_is_logged_the_same_in_any_pieces(pieces: int) -> None:
    """Line ends, returns and terminal orders may be cut anywhere."""
    text = "a\nb\rc\nd\r\n\x1b[31mred\x1b[0m\n12\b\b34\n\n  \nlast"
    said: list[str] = []
    log = logging.getLogger("test.pieces")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    tee = Tee(io.StringIO(), log)
    for place in range(0, len(text), pieces):
        tee.write(text[place : place + pieces])
    tee.rest()
    log.removeHandler(handler)
    assert said == ["a", "c", "d", "red", "34", "last"]


def test_a_secret_is_not_cut_in_two_by_a_long_line() -> None:
    """Pieces end at a blank, so that each is masked."""
    secret = Secret("a-secret-that-is-printed-in-a-long-line")
    with boxnb.run("long") as run:
        for _ in range(2000):
            print(f"{secret.reveal()} ", end="")
    assert "a-secret-that" not in log_of(run) and log_of(run).count(str(secret)) == 2000


def test_tidying_leaves_what_is_not_of_this_run(tmp_path: Path) -> None:
    """Another run's folder, a link of any kind, a folder of somebody's own, and what a killed run left elsewhere."""
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
        kept = other.attach("the year's numbers", "year.txt")
    for _ in range(2):
        with boxnb.run("weekly", folder=share, keep=1) as run:
            mine = run.attach("today", "today.txt")
    assert (victim / "thesis.txt").read_text() == "years of work"
    assert kept.exists() and mine.exists() and (share / "attached" / f"weekly-{stamp}x").exists()
    assert (share / f"weekly-{stamp}.log").is_symlink() and (
        share / "attached" / f"weekly-{stamp}"
    ).is_symlink()
    assert (share / "attached" / "weekly-20200101-000000-2" / "deeper").exists()


def test_tidying_keeps_the_last_of_this_run(tmp_path: Path) -> None:
    """Older folders of its own go, with what is in them."""
    old = tmp_path / "attached" / "weekly-20200101-000000-1"
    old.mkdir(parents=True)
    (old / "old.csv").write_text("1")
    with boxnb.run("weekly", folder=tmp_path, keep=1) as run:
        run.attach("new", "new.csv")
    assert not old.exists() and len(list((tmp_path / "attached").iterdir())) == 1


def test_nothing_is_written_through_a_link_of_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log, a page or a folder of that name in a folder that others may write: the run goes on and says so."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "weekly.log").symlink_to(victim)
    monkeypatch.setattr(
        disk, "is_ours", lambda status: False
    )  # as root, or as another user, would have made it
    with boxnb.run("weekly", folder=tmp_path, keep=1, to=["print"]) as run:
        run.log.info("said")
    assert victim.read_text() == "precious" and run.log_file is None
    assert any("the log file" in line for line in run.undelivered)


def test_a_name_like_a_logs_own_is_refused() -> None:
    """Another run would take its log for one of its own."""
    with pytest.raises(ValueError, match="choose another name"):
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
@pytest.mark.parametrize("whole", [True, False], ids=["line", "cut"])
def test_one_odd_line_costs_the_history_nothing_else(line: bytes, whole: bool) -> None:
    """Runs before it and after it are all there, also where it was cut off in the middle of a letter."""
    with boxnb.run("Bücher"):
        pass
    with past.file().open("ab") as file:
        file.write(line + (b"\n" if whole else b""))
    with boxnb.run("Später"):
        pass
    found = runs.history()
    assert found["name"][found["name"] != "n"].tolist() == ["Später", "Bücher"]
    assert found["outcome"][found["name"] != "n"].tolist() == ["SUCCESS", "SUCCESS"]
    repr(found)
    found.to_csv()


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
            lambda text: re.sub("%..", lambda one: one.group().lower(), quote(text, safe="")), id="percent"
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
def test_a_known_secret_is_masked_in_every_form(secret: str, form: Callable[[str], str]) -> None:
    """In the forms that programs print, in a log and on a page, which shows the fingerprint as text."""
    Secret(secret)
    line, page = masking.mask(f"before {form(secret)} after"), masking.mask_page(f"<p>{form(secret)}</p>")
    assert "<secret " in line and form(secret) not in line
    assert "&lt;secret " in page and form(secret) not in page


@pytest.mark.parametrize("quoted", ['{"access_token": "UNKNOWN-1"}', "{'client_secret': 'UNKNOWN-1'}"])
@pytest.mark.parametrize("escape", [html.escape, lambda text: str(markupsafe.escape(text))])
def test_shapes_of_secrets_are_masked_on_a_page(quoted: str, escape: Callable[[str], str]) -> None:
    """Pages write quotation marks as entities."""
    masked = masking.mask_page(f"<pre>{escape(quoted)}</pre>")
    assert "UNKNOWN-1" not in masked and masked.endswith("}</pre>")


def test_what_is_printed_into_looks_like_the_screen() -> None:
    """Programs choose their signs by its encoding, and start others with its descriptor."""
    screen = io.TextIOWrapper(io.FileIO(os.devnull, "w"), encoding="latin-1", errors="replace")
    tee = Tee(screen, logging.getLogger("x"))
    assert (tee.encoding, tee.errors, tee.fileno()) == ("latin-1", "replace", screen.fileno())
    screen.close()


class Unprintable:
    """An object of the program's that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("cannot be shown")


@pytest.mark.parametrize("call", [("%(x)s", {"y": 1}), ("%s", Unprintable()), (Unprintable(),), ("%d", "x")])
def test_a_log_call_that_cannot_be_formatted_does_not_end_the_run(
    monkeypatch: pytest.MonkeyPatch, call: tuple[object, ...]
) -> None:
    """As in logging: the record is written as far as it can be, and the work goes on."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's raise, those of programs do not
    with boxnb.run("nightly") as run:
        logging.getLogger("library").warning(*call)
    assert run.outcome == "WARNING" and len(run.warnings) == 1 and "library" in log_of(run)


@pytest.mark.parametrize("column", list(past.COLUMNS))
def test_any_value_in_any_field_of_the_history(column: str) -> None:
    """A line of another shape is a row with what is usable of it, in the table and in the chart."""
    with boxnb.run("nightly"):
        pass
    whole = json.loads(past.file().read_bytes().splitlines()[-1])
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
        past.file().write_bytes(json.dumps({**whole, column: value}).encode() + b"\n")
        repr(runs.history())
        runs.chart()


def test_a_history_that_cannot_be_read_is_one_sentence() -> None:
    """A folder or a pipe stands there; nothing waits for the pipe."""
    past.file().parent.mkdir(parents=True)
    past.file().mkdir()
    with pytest.raises(TokenStoreError, match="could not be read"):
        runs.history()
    past.file().rmdir()
    os.mkfifo(past.file())
    with pytest.raises(TokenStoreError, match="pipe"):
        runs.history()


def test_the_log_of_the_hour_that_comes_twice_is_kept(tmp_path: Path) -> None:
    """The clock was put back: older logs have later names."""
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


def test_a_file_of_somebody_else_is_not_written_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever owns it could read the log."""
    theirs = tmp_path / "weekly.log"
    theirs.write_text("theirs")
    inode = theirs.stat().st_ino
    monkeypatch.setattr(disk, "is_ours", lambda status: status.st_ino != inode)
    with boxnb.run("weekly", folder=tmp_path, keep=1) as run:
        run.log.info("said")
    assert theirs.read_text() == "theirs" and run.log_file is None
    assert any("the log file" in line for line in run.undelivered)


@pytest.mark.parametrize("name", ["報" * 80, "nul", "COM1", "aux.daily"])
def test_a_name_that_some_disk_cannot_hold_is_refused(name: str) -> None:
    """Too many bytes for a file, or a device of Windows: the log would be lost."""
    with pytest.raises(ValueError, match=r"another name|shorter"):
        boxnb.run(name)


def test_a_note_that_cannot_be_written_costs_no_lock(home: Path) -> None:
    """The note only names the holder."""
    (home / "runs" / "weekly.holder").mkdir(parents=True)
    with boxnb.run("weekly") as run, pytest.raises(RunRefusedError), boxnb.run("weekly"):
        pass
    assert run.undelivered == []


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_what_is_saved_is_private_and_usable_whatever_the_umask(home: Path, umask: int) -> None:
    """A umask takes permissions from the user, too."""
    before = os.umask(umask)
    try:
        disk.private_folder(home / "new" / "below")
        disk.write_private(home / "new" / "below" / "file", b"x")
    finally:
        os.umask(before)
    modes = [
        stat.S_IMODE(each.stat().st_mode)
        for each in (home / "new", home / "new/below", home / "new/below/file")
    ]
    assert modes == [0o700, 0o700, 0o600]


def test_a_home_of_nobody_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """``~name`` of a user there is not."""
    monkeypatch.setenv("BOXNB_HOME", "~nobody-of-this-name/boxnb")
    with pytest.raises(TokenStoreError, match="BOXNB_HOME"):
        boxnb.status()
