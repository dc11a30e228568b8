"""Files up and down: each exactly once, checked, resumed after a kill, and nothing outside the chosen folder."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from signing import sign_in

import boxnb
from boxnb import pacer
from boxnb.auth import RotatingAuth
from boxnb.errors import ApiError, IdError, Interrupted, NotFoundError, TransferError
from boxnb.sandbox import Sandbox
from boxnb.session import BoxSession
from boxnb.transfer import Moved, names

BIG = bytes(range(256)) * 100_000  # 25.6 MB: four parts


@pytest.fixture
def sandbox(tmp_path: Path) -> Any:
    """Without limits: the pacer is tested elsewhere."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "state", limits="off") as running:
        yield running


@pytest.fixture
def box(sandbox: Sandbox) -> boxnb.Box:
    sign_in(sandbox)
    return boxnb.connect("acme")


def made(path: Path, content: bytes | str = b"content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def sha(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def only(frame: pd.DataFrame) -> dict[str, Any]:
    [row] = frame.to_dict("records")
    return {str(name): value for name, value in row.items()}


def new_folder(box: boxnb.Box, name: str) -> str:
    answer = box.session.call("POST", "/folders", json={"name": name, "parent": {"id": "0"}})
    return str(answer.json()["id"])


@pytest.mark.parametrize(
    "data", [b"", b"small", b"x" * 1_500_000, BIG], ids=["empty", "small", "asked first", "in parts"]
)
def test_up_and_down_again(box: boxnb.Box, tmp_path: Path, data: bytes) -> None:
    """The same bytes, whichever way they go; the second time nothing is sent, and other bytes need a word."""
    file = made(tmp_path / "Zoë 週報.bin", data)
    first = only(box.upload(file))
    assert (first["action"], first["name"], first["size"], first["sha1"]) == (
        "uploaded",
        file.name,
        len(data),
        sha(data),
    )
    assert only(box.upload(file))["action"] == "same content"
    made(file, data + b"!")
    with pytest.raises(TransferError, match="new_version=True"):
        box.upload(file)
    second = only(box.upload(file, new_version=True))
    assert (second["action"], second["id"]) == ("new version", first["id"])
    assert box.versions(first["id"])["sha1"].tolist() == [sha(data)]
    got = only(box.download(first["id"], tmp_path / "down"))
    assert (got["action"], Path(got["path"]).read_bytes()) == ("downloaded", data + b"!")
    assert [each.name for each in (tmp_path / "down").iterdir()] == [file.name]
    assert only(box.download(first["id"], tmp_path / "down"))["action"] == "same content"


def test_the_schema_is_always_the_same(box: boxnb.Box, tmp_path: Path) -> None:
    """Also of nothing."""
    (tmp_path / "empty").mkdir()
    empty = box.upload_folder(tmp_path / "empty")
    one = box.upload(made(tmp_path / "a.txt"))
    none = box.download([], tmp_path / "down")
    assert (
        [str(kind) for kind in empty.dtypes]
        == [str(kind) for kind in one.dtypes]
        == [str(kind) for kind in none.dtypes]
    )
    assert len(empty) == len(none) == 0 and empty.attrs["complete"]


def test_progress_is_told_and_nothing_is_drawn_where_nobody_watches(
    box: boxnb.Box, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bytes and files, up to the last of each."""
    seen: list[Moved] = []
    box.upload(made(tmp_path / "big.bin", BIG), on_progress=seen.append)
    assert (seen[-1].done, seen[-1].total, seen[-1].files) == (len(BIG), len(BIG), 1)
    box.upload(made(tmp_path / "a.txt"))
    assert capsys.readouterr().out == ""


WATCHED = """
import sys, boxnb
box = boxnb.connect("acme")
box.upload(sys.argv[1])
box.upload_folder(sys.argv[2])
"""


def test_a_bar_is_drawn_where_somebody_watches(box: boxnb.Box, tmp_path: Path) -> None:
    """On a terminal: over itself, from the first part to the last, with bytes and files, and a line's end."""
    file = made(tmp_path / "big.bin", BIG)
    tree(tmp_path / "source")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", WATCHED, str(file), str(tmp_path / "source")], stdout=theirs
    ) as child:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux: the other side is gone
                break
            if not piece:
                break
            shown += piece
        os.close(ours)
    assert child.returncode == 0
    first, second, rest = shown.decode().replace("\r\n", "\n").split("\n")
    assert len(first.split("\r")) >= 3 and first.startswith("\r[") and rest == ""
    assert "[##############################] 100%  25.6 of 25.6 MB" in first
    assert "100%" in second and "53 of 53 bytes, 11 of 11 files" in second


class Time:
    """A clock that only waiting moves, for several threads."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds


def test_uploads_keep_to_what_box_allows_in_a_minute(box: boxnb.Box, tmp_path: Path) -> None:
    """Box takes 240 a minute: 300 small files take two of them, and no window of a minute holds more."""
    time, calls = Time(), []
    session = box.session = BoxSession(RotatingAuth("acme", sleep=time.sleep), sleep=time.sleep, clock=time)
    note = session._note

    def noted(verb: str, address: str, *facts: Any) -> None:
        if address.endswith("/files/content"):
            calls.append(time.now)
        note(verb, address, *facts)

    session._note = noted  # type: ignore[method-assign]
    for number in range(300):
        made(tmp_path / "many" / f"{number}.txt", f"{number}")
    frame = box.upload_folder(tmp_path / "many")
    assert frame["action"].tolist() == ["uploaded"] * 300
    calls.sort()
    assert all(later - first >= 60 for first, later in zip(calls, calls[240:], strict=False))
    assert 60 <= calls[-1] - calls[0] < 120


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "500", "503", "429", "truncated"])
def test_one_file_whatever_happens_to_the_answers(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path, kind: str
) -> None:
    """A lost answer is no second file and no second version."""
    file = made(tmp_path / "a.txt", b"one")
    sandbox.faults.add("/api/2.0/files/content", kind, method="POST", retry_after=0)
    first = only(box.upload(file))
    assert first["action"] == "uploaded"
    made(file, b"two")
    sandbox.faults.add("/api/2.0/files/*/content", kind, method="POST", retry_after=0)
    assert only(box.upload(file, new_version=True))["sha1"] == sha(b"two")
    assert len(box.versions(first["id"])) == 1


@pytest.mark.parametrize("kind", ["reset_after", "500", "429", "truncated"])
@pytest.mark.parametrize("where", ["", "/*", "/*/commit"], ids=["begin", "part", "commit"])
def test_parts_arrive_whatever_happens_to_the_answers(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path, kind: str, where: str
) -> None:
    """At the begin, at a part, at the commit."""
    sandbox.faults.add(f"/api/2.0/files/upload_sessions{where}", kind, retry_after=0)
    row = only(box.upload(made(tmp_path / "big.bin", BIG)))
    assert (row["action"], row["sha1"]) == ("uploaded", sha(BIG))


def test_a_commit_that_takes_its_time_is_waited_for(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """202 with Retry-After."""
    sandbox.faults.add("/api/2.0/files/upload_sessions/*/commit", "202", times=2, retry_after=0)
    assert only(box.upload(made(tmp_path / "big.bin", BIG)))["action"] == "uploaded"


@pytest.mark.parametrize("data", [b"small", BIG], ids=["in one piece", "in parts"])
def test_a_file_of_before_1970_arrives_without_its_date(box: boxnb.Box, tmp_path: Path, data: bytes) -> None:
    """Box refuses such dates, and the sandbox as Box does."""
    file = made(tmp_path / "old.bin", data)
    os.utime(file, (0, -3600))
    row = only(box.upload(file))
    assert (row["action"], row["sha1"]) == ("uploaded", sha(data)) and "before 1970" in row["problem"]
    assert only(box.upload(file))["action"] == "same content"


@pytest.mark.parametrize("where", ["", "/*", "/*/commit"], ids=["begin", "part", "commit"])
def test_a_proxys_page_among_the_parts_is_one_sentence(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path, where: str
) -> None:
    """The one of an answer that is not Box's; the same call again sends what is missing, and there is one file."""
    file = made(tmp_path / "big.bin", BIG)
    sandbox.faults.add(f"/api/2.0/files/upload_sessions{where}", "html")
    with pytest.raises(ApiError, match="No usable answer"):
        box.upload(file)
    assert only(box.upload(file))["sha1"] == sha(BIG)
    assert box.items("0")["name"].tolist().count("big.bin") == 1


def test_a_file_that_changes_while_its_parts_are_sent_is_not_sent_in_halves(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Of the same length still: what arrives is what lies there at the end, never the half of each."""
    file = made(tmp_path / "big.bin", BIG)
    changed: list[bool] = []

    def change(moved: Moved) -> None:
        if moved.done and not changed:
            changed.append(True)
            file.write_bytes(BIG[::-1])

    row = only(box.upload(file, on_progress=change))
    assert changed and row["sha1"] == sha(BIG[::-1])


UPLOAD = """
import sys, boxnb
print(boxnb.connect("acme").upload(sys.argv[1]).loc[0, "action"])
"""
DOWNLOAD = """
import sys, boxnb
print(boxnb.connect("acme").download(sys.argv[1], sys.argv[2]).loc[0, "action"])
"""


def killed(code: str, *arguments: str, reached: Any) -> None:
    """Run Python code and kill it once it got that far."""
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE) as child:
        while not reached():
            assert child.poll() is None, child.stdout.read() if child.stdout else ""
        os.kill(child.pid, signal.SIGKILL)


def puts(sandbox: Sandbox) -> list[str]:
    return [call["path"] for call in sandbox.record() if call["method"] == "PUT" and call["status"] == 200]


def test_an_upload_killed_three_times_goes_on(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """What had arrived is not sent again: one session, and hardly more parts than the file has."""
    data = os.urandom(8_388_608) * 10 + b"end"
    file = made(tmp_path / "big.bin", data)
    with sandbox.faults.during("/api/2.0/files/upload_sessions/*", "latency", seconds=1, method="PUT"):
        for times in (1, 2, 3):
            killed(UPLOAD, str(file), reached=lambda least=2 * times: len(puts(sandbox)) >= least)
    row = only(box.upload(file))
    assert (row["action"], row["sha1"]) == ("uploaded", sha(data))
    assert len(set(puts(sandbox))) == 1
    assert len(puts(sandbox)) <= 11 + 3 * 5  # at most those in flight at a kill twice
    states = boxnb.store.home() / "transfers"
    assert not list(states.glob("*.json"))


def test_a_file_that_changed_since_begins_anew(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """Also where its time and size tell nothing."""
    file = made(tmp_path / "big.bin", BIG)
    with sandbox.faults.during(
        "/api/2.0/files/upload_sessions/*", "latency", seconds=5, skip=2, method="PUT"
    ):
        killed(UPLOAD, str(file), reached=lambda: len(puts(sandbox)) >= 2)
    stamp = file.stat()
    made(file, BIG[::-1])
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert only(box.upload(file))["sha1"] == sha(BIG[::-1])


def test_a_session_box_has_forgotten_is_begun_anew(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """After seven days."""
    file = made(tmp_path / "big.bin", BIG)
    with sandbox.faults.during(
        "/api/2.0/files/upload_sessions/*", "latency", seconds=5, skip=1, method="PUT"
    ):
        killed(UPLOAD, str(file), reached=lambda: len(puts(sandbox)) >= 1)
    sandbox.clock.advance(8 * 86400)
    assert only(box.upload(file))["action"] == "uploaded"


def test_a_download_killed_three_times_goes_on(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """By ranges, from where it stopped; until it is whole nothing lies under its name."""
    data = os.urandom(4_000_000) * 10
    row = only(box.upload(made(tmp_path / "big.bin", data)))
    down = tmp_path / "down"

    def part() -> int:
        return sum(file.stat().st_size for file in down.glob(".*.part"))

    with sandbox.faults.during("/dl/*", "drip", seconds=0.3):
        for times in (1, 2, 3):
            killed(
                DOWNLOAD, str(row["id"]), str(down), reached=lambda least=times * 4_000_000: part() >= least
            )
            assert not (down / "big.bin").exists()
    before = part()
    assert before >= 12_000_000
    assert only(box.download(str(row["id"]), down))["action"] == "downloaded"
    assert (down / "big.bin").read_bytes() == data
    assert [file.name for file in down.iterdir()] == ["big.bin"]


@pytest.mark.parametrize("kind", ["truncated", "reset_before", "500", "503"])
def test_a_download_survives_what_networks_do(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path, kind: str
) -> None:
    """At the address, and at the bytes."""
    row = only(box.upload(made(tmp_path / "a.bin", BIG[:3_000_000])))
    sandbox.faults.add("/dl/*", kind, times=2)
    sandbox.faults.add("/2.0/files/*/content", "202", retry_after=0)
    assert only(box.download(str(row["id"]), tmp_path / "down"))["action"] == "downloaded"


def test_wrong_bytes_are_never_given_the_name(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """A proxy's page in place of the file: refused, and nothing is left."""
    row = only(box.upload(made(tmp_path / "a.bin", b"x" * 500)))
    with (
        sandbox.faults.during("/dl/*", "html"),
        pytest.raises((TransferError, ApiError)),
    ):
        box.download(str(row["id"]), tmp_path / "down")
    assert [file.name for file in (tmp_path / "down").iterdir()] == []


def test_what_lies_there_is_not_overwritten_unless_told(box: boxnb.Box, tmp_path: Path) -> None:
    """Told, not overwritten; a link is never written through."""
    row = only(box.upload(made(tmp_path / "a.txt", b"from box")))
    mine = made(tmp_path / "down" / "a.txt", b"mine")
    with pytest.raises(TransferError, match="overwrite=True"):
        box.download(str(row["id"]), tmp_path / "down")
    assert mine.read_bytes() == b"mine"
    box.download(str(row["id"]), tmp_path / "down", overwrite=True)
    assert mine.read_bytes() == b"from box"
    elsewhere = made(tmp_path / "elsewhere.txt", b"precious")
    mine.unlink()
    mine.symlink_to(elsewhere)
    with pytest.raises(TransferError, match="a folder or a link"):
        box.download(str(row["id"]), tmp_path / "down", overwrite=True)
    assert elsewhere.read_bytes() == b"precious"


EVIL = [
    "../../evil.txt",
    "..",
    "/etc/evil",
    "CON",
    "con.txt",
    "a:b",
    "x\\..\\y",
    "end. ",
    "Twin.txt",
    "twin.TXT",
    "n" * 255,
]


def test_names_stay_inside_the_folder_and_twins_apart(box: boxnb.Box, tmp_path: Path) -> None:
    """Whatever a table calls them: each file is somewhere below, and each change of name is told."""
    ids = [
        str(only(box.upload(made(tmp_path / f"{number}.txt", f"{number}")))["id"])
        for number in range(len(EVIL))
    ]
    table = pd.DataFrame(
        {
            "type": "file",
            "id": ids,
            "name": EVIL,
            "size": [len(str(number)) for number in range(len(EVIL))],
            "sha1": [sha(str(number).encode()) for number in range(len(EVIL))],
            "path": ["../out", "a/../../b", "", "NUL/x", "A", "a", "", "", "", "", ""],
        }
    )
    down = tmp_path / "down"
    frame = box.download(table, down)
    assert frame["action"].tolist() == ["downloaded"] * len(EVIL)
    for row in frame.to_dict("records"):
        place = Path(row["path"])
        assert place.resolve().is_relative_to(down.resolve()) and ".." not in place.parts
        assert place.read_bytes() == str(ids.index(row["id"])).encode()
    assert frame["path"].str.casefold().is_unique
    told = dict(zip(frame["name"], frame["problem"], strict=True))
    assert "no computer takes that name" in told["CON"] and "another 'Twin.txt'" in told["twin.TXT"]
    assert sorted(box.download(table, down)["action"].unique()) == ["same content"]
    assert sorted(each.name for each in tmp_path.iterdir() if each.is_dir()) == ["down", "home", "state"]


def test_a_link_in_the_target_leads_nowhere(box: boxnb.Box, tmp_path: Path) -> None:
    """A subfolder that is a link out of the folder is not written into."""
    row = only(box.upload(made(tmp_path / "a.txt", b"a")))
    (tmp_path / "out").mkdir()
    (tmp_path / "down").mkdir()
    (tmp_path / "down" / "sub").symlink_to(tmp_path / "out")
    table = pd.DataFrame([{"id": row["id"], "name": "a.txt", "size": 1, "sha1": row["sha1"], "path": "sub"}])
    with pytest.warns(UserWarning, match="1 of 1 files were not fetched"):
        frame = box.download(table, tmp_path / "down")
    assert "leads out of" in only(frame)["problem"] and list((tmp_path / "out").iterdir()) == []


@given(st.text(max_size=300))
def test_any_text_makes_a_name_that_a_folder_holds(name: str) -> None:
    """No separator, no device, no dots or blanks at the end, few enough bytes; once safe, always safe."""
    found = names.safe(name)
    assert (
        found
        and found not in (".", "..")
        and not set(found) & set('/\\:*?"<>|\0')
        and found == found.rstrip(" .")
    )
    assert len(found.encode()) <= 240 and names.safe(found) == found
    assert found.split(".")[0].strip().lower() not in ("con", "nul", "aux", "prn", "com1", "lpt9")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", " a", "a ", "a\nb", "n" * 256])
def test_names_box_refuses_are_explained_before_anything_is_sent(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    """A sentence, no call."""
    before = len(sandbox.record())
    with pytest.raises(TransferError):
        box.upload(made(tmp_path / "a.txt"), name=name)
    assert len(sandbox.record()) == before


def test_names_box_takes_are_not_refused() -> None:
    """What only Windows minds is Box's business."""
    for name in ("a:b?.txt", "CON", "n" * 255, "週報", ".hidden", "a..b"):
        assert names.refused_by_box(name) is None


def tree(folder: Path) -> None:
    for number in range(5):
        made(folder / "one" / f"{number}.txt", f"one {number}")
        made(folder / "two" / "deep" / f"{number}.txt", f"two {number}")
    made(folder / "top.txt", "top")


def test_a_folder_goes_up_and_is_gone_on_with(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """The second time only what changed is sent, and what did not change costs no call."""
    source = tmp_path / "source"
    tree(source)
    first = box.upload_folder(source)
    assert first["action"].tolist() == ["uploaded"] * 11 and first.attrs["complete"]
    made(source / "one" / "0.txt", "changed")
    made(source / "new.txt", "new")
    before = len(sandbox.record())
    second = box.upload_folder(source, new_version=True)
    assert Counter(second["action"]) == Counter({"same content": 10, "new version": 1, "uploaded": 1})
    posts = [call for call in sandbox.record()[before:] if call["path"].startswith("/api/2.0/files/")]
    assert len(posts) == 2
    there = box.items("0")
    [root] = there.loc[there["name"] == "source", "id"]
    down = box.download(box.tree(str(root)), tmp_path / "down")
    assert len(down) == 12 and (tmp_path / "down" / "two" / "deep" / "4.txt").read_text() == "two 4"


def test_what_cannot_go_up_is_told_and_the_rest_goes(box: boxnb.Box, tmp_path: Path) -> None:
    """Names, twins, what is no file, what lies there with other content."""
    source = tmp_path / "source"
    for name in ("good.txt", "bad\\name.txt", "Twin.txt", "twin.txt", "old.txt"):
        made(source / name, name)
    made(source / "odd " / "inside.txt")
    (source / "gone.txt").symlink_to(tmp_path / "nowhere")
    new_folder(box, "source")
    root = box.items("0").set_index("name").loc["source", "id"]
    box.upload(made(tmp_path / "old.txt", "other"), root)
    with pytest.warns(UserWarning, match="5 of 7 files were not sent"):
        frame = box.upload_folder(source)
    problems = frame.set_index("name")["problem"].dropna().to_dict()
    assert set(problems) == {"bad\\name.txt", "twin.txt", "old.txt", "inside.txt", "gone.txt"}
    assert "same name as 'Twin.txt'" in problems["twin.txt"] and "new_version=True" in problems["old.txt"]
    assert "begin or end with a blank" in problems["inside.txt"] and not frame.attrs["complete"]


def test_many_small_files_each_exactly_once(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resets before and after the work, 429 and 503 in between."""
    monkeypatch.setitem(pacer.LIMITS, "upload", pacer.Limit(1_000_000))
    source = tmp_path / "many"
    for number in range(150):
        made(source / f"{number:03}.txt", f"{number}")
    for skip, kind in enumerate(("reset_after", "429", "reset_before", "503") * 3):
        sandbox.faults.add("/api/2.0/files/content", kind, skip=3 * skip, retry_after=0)
    frame = box.upload_folder(source)
    assert frame["action"].tolist() == ["uploaded"] * 150
    root = box.items("0").set_index("name").loc["many", "id"]
    there = box.items(root)
    assert sorted(there["name"]) == [f"{number:03}.txt" for number in range(150)]
    assert there["sha1"].tolist() == [sha(name[:3].lstrip("0").encode() or b"0") for name in there["name"]]


def test_errors_of_one_file_are_raised(box: boxnb.Box, tmp_path: Path) -> None:
    """No such folder, no such file, no id."""
    with pytest.raises(NotFoundError):
        box.upload(made(tmp_path / "a.txt"), "999")
    with pytest.raises(NotFoundError):
        box.download("999", tmp_path / "down")
    with pytest.raises(IdError, match=r"what='\.\./x' is not the id of a file"):
        box.download("../x", tmp_path / "down")
    with pytest.raises(FileNotFoundError):
        box.upload(tmp_path / "none.txt")
    with pytest.warns(UserWarning, match="1 of 2"):
        frame = box.download(["999", str(only(box.upload(tmp_path / "a.txt"))["id"])], tmp_path / "down")
    assert sorted(frame["action"]) == ["downloaded", "refused"]


def test_what_beginners_mix_up_is_told(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder for a file and a file for a folder, a name for an id; ``~`` is the home as in a shell."""
    file = made(tmp_path / "a.txt")
    before = len(sandbox.record())
    with pytest.raises(IsADirectoryError, match=r"box\.upload_folder sends it"):
        box.upload(tmp_path)
    with pytest.raises(NotADirectoryError, match=r"box\.upload sends a file"):
        box.upload_folder(file)
    for send, what in ((box.upload, file), (box.upload_folder, tmp_path)):
        with pytest.raises(IdError, match="folder='Marketing' is not the id of a folder"):
            send(what, "Marketing")
    assert len(sandbox.record()) == before
    monkeypatch.setenv("HOME", str(tmp_path))
    row = only(box.upload("~/a.txt"))
    assert only(box.download(str(row["id"]), "~/down"))["path"] == str(tmp_path / "down" / "a.txt")


def test_a_folder_in_the_way_is_told(box: boxnb.Box, tmp_path: Path) -> None:
    """A name is taken by a thing of another kind."""
    new_folder(box, "thing")
    for data in (b"x", b"x" * 2_000_000, BIG):
        with pytest.raises(TransferError, match="A folder named 'thing'"):
            box.upload(made(tmp_path / "thing", data), new_version=True)


def test_as_somebody_else(box: boxnb.Box, tmp_path: Path) -> None:
    """The file lies in that user's root."""
    hanako = box.users().set_index("login").loc["hanako.yamada@example.com", "id"]
    for data in (b"x", BIG):
        row = only(box.upload(made(tmp_path / f"h{len(data)}", data), as_user=hanako))
        assert box.items("0", as_user=hanako)["id"].tolist().count(row["id"]) == 1
        assert only(box.download(str(row["id"]), tmp_path / "down", as_user=hanako))["action"] == "downloaded"


def test_a_download_goes_past_the_proxy(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To this computer no proxy leads."""
    row = only(box.upload(made(tmp_path / "a.txt")))
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert only(box.download(str(row["id"]), tmp_path / "down"))["action"] == "downloaded"


def test_a_folder_nobody_may_read_is_told(
    box: boxnb.Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a row of its own; the rest is sent (os.scandir plays the refusal, for root may read everything)."""
    for name in ("open/a.txt", "secret/b.txt"):
        made(tmp_path / "up" / name)
    scandir = os.scandir

    def refusing(path: Any) -> Any:
        if str(path).endswith("secret"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.warns(UserWarning, match="1 of 2 files were not sent"):
        frame = box.upload_folder(tmp_path / "up")
    assert frame["action"].tolist() == ["uploaded", "refused"]
    assert "cannot be read" in frame["problem"].iloc[1]
    assert not frame.attrs["complete"]


def test_interrupt_waits_for_pieces_not_for_files(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """What was done is told, also where an earlier file is still on its way."""
    rows = [
        only(box.upload(made(tmp_path / f"{n}.bin", os.urandom(size))))
        for n, size in enumerate((10_000_000, 10))
    ]
    ids = [str(row["id"]) for row in rows]
    main = threading.main_thread().ident
    assert main is not None

    def stop() -> None:  # progress is told now and then only, perhaps much later
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if (tmp_path / "down" / "1.bin").exists():
                signal.pthread_kill(main, signal.SIGINT)
                return
            time.sleep(0.01)

    sandbox.faults.add(f"/dl/{ids[0]}/*", "drip", seconds=4)  # 20 s for the whole file
    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(Interrupted, match="after 1 of 2"):
        box.download(ids, tmp_path / "down")
    assert box.last_partial is not None
    assert box.last_partial["id"].tolist() == ids[1:]
    assert not (tmp_path / "down" / "0.bin").exists()


def test_the_token_goes_to_no_download_host(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """The address of the bytes carries its own right; `.netrc` is not read either."""
    row = only(box.upload(made(tmp_path / "a.txt")))
    box.download(str(row["id"]), tmp_path / "down")
    fetched = [call for call in sandbox.record() if call["path"].startswith("/dl/")]
    assert fetched and all(call["token"] == "" and call["as_user"] is None for call in fetched)


def test_the_state_of_an_upload_is_private(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """It names files and a session; only its owner may read it, and no token is in it."""
    file = made(tmp_path / "big.bin", BIG)
    with sandbox.faults.during(
        "/api/2.0/files/upload_sessions/*", "latency", seconds=5, skip=1, method="PUT"
    ):
        killed(UPLOAD, str(file), reached=lambda: len(puts(sandbox)) >= 1)
    [state] = (boxnb.store.home() / "transfers").glob("*.json")
    assert state.stat().st_mode & 0o777 == 0o600
    assert json.loads(state.read_text())["path"] == str(file)
    assert "token" not in state.read_text()


BENCH = Path(__file__).parent / "bench" / "transfers.py"


def measured(*words: str) -> dict[str, Any]:
    """What a command of the bench prints."""
    done = subprocess.run([sys.executable, str(BENCH), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_large_file_killed_three_times_each_way_needs_little_memory() -> None:
    """The command that does it with 1 GB, with 80 MB: the same SHA-1, no part twice but those in flight, under 200 MB."""
    found = measured("large", "--megabytes", "80", "--kills", "3")
    assert found["same sha1"] and found["kills"] == 6 and found["files there"] == 1
    assert found["parts"] <= found["parts sent"] <= found["parts"] + 3 * 4
    assert found["peak MB"] < 200


def test_many_small_files_with_kills_and_troubles_each_exactly_once() -> None:
    """The command that does it with 2,000, with 100: none missing, none twice, none with a second version."""
    found = measured("many", "--files", "100", "--kills", "2")
    assert found["each exactly once"] and found["right bytes"] and found["second versions"] == 0
    assert (found["kills"], found["troubles"]) == (2, 4) and {"429", "503"} <= set(found["answers"])
