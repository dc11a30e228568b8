"""Upload and download: each file exactly once, verified, resumed after a kill, and never outside the chosen folder."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from posix_modules import pty
from signing import sign_in

import boxnb
from boxnb.api import rate_limit
from boxnb.api.session import BoxSession
from boxnb.auth import RotatingAuth
from boxnb.errors import ApiError, IdError, Interrupted, NotFoundError, TransferError
from boxnb.sandbox import Sandbox
from boxnb.transfer import Moved, names

BIG = bytes(range(256)) * 100_000  # 25.6 MB: four parts


@pytest.fixture(scope="module")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Start a sandbox without rate limits; they have their own tests."""
    with boxnb.sandbox.start(private=True, state=tmp_path_factory.mktemp("state"), limits="off") as running:
        yield running


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    """Yield the sandbox of this module. At the end, nothing of the test is left in the admin's root folder."""
    sign_in(shared_sandbox, "cleaner")
    cleaner = boxnb.connect("cleaner")
    before = {*cleaner.items("0")["id"]}
    shared_sandbox.record(clear=True)
    yield shared_sandbox
    shared_sandbox.faults.clear()
    for entry in cleaner.items("0").to_dict("records"):
        if entry["id"] not in before:
            options = {"recursive": "true"} if entry["type"] == "folder" else {}
            cleaner.session.call("DELETE", f"/{entry['type']}s/{entry['id']}", params=options)


@pytest.fixture
def box(sandbox: Sandbox) -> boxnb.Box:
    sign_in(sandbox)
    return boxnb.connect("acme")


def write_file(path: Path, content: bytes | str = b"content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def sha1_of(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def only_row(frame: pd.DataFrame) -> dict[str, Any]:
    [row] = frame.to_dict("records")
    return {str(name): value for name, value in row.items()}


def new_folder(box: boxnb.Box, name: str) -> str:
    response = box.session.call("POST", "/folders", json={"name": name, "parent": {"id": "0"}})
    return str(response.json()["id"])


@pytest.mark.parametrize(
    "data", [b"", b"small", b"x" * 1_500_000, BIG], ids=["empty", "small", "preflight", "in parts"]
)
def test_a_round_trip_does_not_change_the_content(box: boxnb.Box, tmp_path: Path, data: bytes) -> None:
    """An unchanged file is not sent again, and changed content needs `new_version=True`."""
    file = write_file(tmp_path / "Zoë 週報.bin", data)
    first = only_row(box.upload(file))
    assert (first["action"], first["name"], first["size"], first["sha1"]) == (
        "uploaded",
        file.name,
        len(data),
        sha1_of(data),
    )
    assert only_row(box.upload(file))["action"] == "same content"
    write_file(file, data + b"!")
    with pytest.raises(TransferError, match="new_version=True"):
        box.upload(file)
    second = only_row(box.upload(file, new_version=True))
    assert (second["action"], second["id"]) == ("new version", first["id"])
    assert box.versions(first["id"])["sha1"].tolist() == [sha1_of(data)]
    downloaded = only_row(box.download(first["id"], tmp_path / "down"))
    assert (downloaded["action"], Path(downloaded["path"]).read_bytes()) == ("downloaded", data + b"!")
    assert [path.name for path in (tmp_path / "down").iterdir()] == [file.name]
    assert only_row(box.download(first["id"], tmp_path / "down"))["action"] == "same content"


def test_the_schema_is_always_the_same(box: boxnb.Box, tmp_path: Path) -> None:
    """Empty results have the same dtypes."""
    (tmp_path / "empty").mkdir()
    empty = box.upload_folder(tmp_path / "empty")
    single = box.upload(write_file(tmp_path / "a.txt"))
    no_download = box.download([], tmp_path / "down")
    assert (
        [str(dtype) for dtype in empty.dtypes]
        == [str(dtype) for dtype in single.dtypes]
        == [str(dtype) for dtype in no_download.dtypes]
    )
    assert len(empty) == len(no_download) == 0 and empty.attrs["complete"]


def test_progress_is_reported_without_drawing_a_bar(
    box: boxnb.Box, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last report has all bytes and files; without a terminal no bar is drawn."""
    reports: list[Moved] = []
    box.upload(write_file(tmp_path / "big.bin", BIG), on_progress=reports.append)
    assert (reports[-1].done, reports[-1].total, reports[-1].files) == (len(BIG), len(BIG), 1)
    box.upload(write_file(tmp_path / "a.txt"))
    assert capsys.readouterr().out == ""


ON_A_TERMINAL = """
import sys, boxnb
box = boxnb.connect("acme")
box.upload(sys.argv[1])
box.upload_folder(sys.argv[2])
"""


def test_a_bar_is_drawn_on_a_terminal(box: boxnb.Box, tmp_path: Path) -> None:
    """The bar is updated from the first part to the last and ends with a line break."""
    file = write_file(tmp_path / "big.bin", BIG)
    tree(tmp_path / "source")
    our_end, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL, str(file), str(tmp_path / "source")], stdout=terminal
    ) as child:
        os.close(terminal)
        output = b""
        while True:
            try:
                chunk = os.read(our_end, 65536)
            except OSError:  # on Linux, when the program has ended
                break
            if not chunk:
                break
            output += chunk
        os.close(our_end)
    assert child.returncode == 0
    first, second, rest = output.decode().replace("\r\n", "\n").split("\n")
    assert len(first.split("\r")) >= 3 and first.startswith("\r[") and rest == ""
    assert "[##############################] 100%  25.6 of 25.6 MB" in first
    assert "100%" in second and "53 of 53 bytes, 11 of 11 files" in second


class Time:
    """A clock for several threads that advances only when one of them waits."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds


def test_uploads_obey_the_rate_limit(box: boxnb.Box, tmp_path: Path) -> None:
    """Box allows 240 uploads a minute, so 300 small files take between one and two minutes."""
    time, calls = Time(), []
    session = box.session = BoxSession(RotatingAuth("acme", sleep=time.sleep), sleep=time.sleep, clock=time)
    count_call = session._note

    def count_uploads(verb: str, url: str, *facts: Any) -> None:
        if url.endswith("/files/content"):
            calls.append(time.now)
        count_call(verb, url, *facts)

    session._note = count_uploads  # type: ignore[method-assign]
    for number in range(300):
        write_file(tmp_path / "many" / f"{number}.txt", f"{number}")
    frame = box.upload_folder(tmp_path / "many")
    assert frame["action"].tolist() == ["uploaded"] * 300
    calls.sort()
    assert all(later - earlier >= 60 for earlier, later in zip(calls, calls[240:], strict=False))
    assert 60 <= calls[-1] - calls[0] < 120


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "500", "503", "429", "truncated"])
def test_a_failed_response_never_creates_a_second_file(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path, fault: str
) -> None:
    """After a failed response there is one file without an extra version."""
    file = write_file(tmp_path / "a.txt", b"one")
    sandbox.faults.add("/api/2.0/files/content", fault, method="POST", retry_after=0)
    first = only_row(box.upload(file))
    assert first["action"] == "uploaded"
    write_file(file, b"two")
    sandbox.faults.add("/api/2.0/files/*/content", fault, method="POST", retry_after=0)
    assert only_row(box.upload(file, new_version=True))["sha1"] == sha1_of(b"two")
    assert len(box.versions(first["id"])) == 1


@pytest.mark.parametrize("fault", ["reset_after", "500", "429", "truncated"])
@pytest.mark.parametrize("path", ["", "/*", "/*/commit"], ids=["begin", "part", "commit"])
def test_a_chunked_upload_survives_failed_responses(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path, fault: str, path: str
) -> None:
    """The failure happens when the session begins, at a part, or at the commit."""
    sandbox.faults.add(f"/api/2.0/files/upload_sessions{path}", fault, retry_after=0)
    row = only_row(box.upload(write_file(tmp_path / "big.bin", BIG)))
    assert (row["action"], row["sha1"]) == ("uploaded", sha1_of(BIG))


def test_a_slow_commit_is_awaited(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """The server returns 202 with Retry-After."""
    sandbox.faults.add("/api/2.0/files/upload_sessions/*/commit", "202", times=2, retry_after=0)
    assert only_row(box.upload(write_file(tmp_path / "big.bin", BIG)))["action"] == "uploaded"


@pytest.mark.parametrize("data", [b"small", BIG], ids=["in one request", "in parts"])
def test_a_file_from_before_1970_is_uploaded_without_its_date(
    box: boxnb.Box, tmp_path: Path, data: bytes
) -> None:
    """Box and the sandbox refuse dates before 1970."""
    file = write_file(tmp_path / "old.bin", data)
    os.utime(file, (0, -3600))
    row = only_row(box.upload(file))
    assert (row["action"], row["sha1"]) == ("uploaded", sha1_of(data)) and "before 1970" in row["problem"]
    assert only_row(box.upload(file))["action"] == "same content"


@pytest.mark.parametrize("path", ["", "/*", "/*/commit"], ids=["begin", "part", "commit"])
def test_a_proxy_page_during_a_chunked_upload_is_reported(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path, path: str
) -> None:
    """After the error, the same call sends the missing parts and creates one file."""
    file = write_file(tmp_path / "big.bin", BIG)
    sandbox.faults.add(f"/api/2.0/files/upload_sessions{path}", "html")
    with pytest.raises(ApiError, match="No usable response"):
        box.upload(file)
    assert only_row(box.upload(file))["sha1"] == sha1_of(BIG)
    assert box.items("0")["name"].tolist().count("big.bin") == 1


def test_a_file_that_changes_during_its_upload_is_not_mixed(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The final content is uploaded, even if the length stays the same."""
    file = write_file(tmp_path / "big.bin", BIG)
    changed: list[bool] = []

    def change(moved: Moved) -> None:
        if moved.done and not changed:
            changed.append(True)
            file.write_bytes(BIG[::-1])

    row = only_row(box.upload(file, on_progress=change))
    assert changed and row["sha1"] == sha1_of(BIG[::-1])


@pytest.mark.parametrize("fault", ["truncated", "reset_before", "500", "503"])
def test_a_download_survives_network_errors(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path, fault: str
) -> None:
    """The download server fails twice, and Box has not prepared the file at first."""
    row = only_row(box.upload(write_file(tmp_path / "a.bin", BIG[:3_000_000])))
    sandbox.faults.add("/dl/*", fault, times=2)
    sandbox.faults.add("/2.0/files/*/content", "202", retry_after=0)
    assert only_row(box.download(str(row["id"]), tmp_path / "down"))["action"] == "downloaded"


def test_wrong_content_is_never_saved(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """A proxy's page instead of the file is refused, and the partial file is deleted."""
    row = only_row(box.upload(write_file(tmp_path / "a.bin", b"x" * 500)))
    with (
        sandbox.faults.during("/dl/*", "html"),
        pytest.raises((TransferError, ApiError)),
    ):
        box.download(str(row["id"]), tmp_path / "down")
    assert [file.name for file in (tmp_path / "down").iterdir()] == []


def test_existing_files_are_replaced_only_with_overwrite(box: boxnb.Box, tmp_path: Path) -> None:
    """Without `overwrite` the file is refused; a link is never written through."""
    row = only_row(box.upload(write_file(tmp_path / "a.txt", b"from box")))
    mine = write_file(tmp_path / "down" / "a.txt", b"mine")
    with pytest.raises(TransferError, match="overwrite=True"):
        box.download(str(row["id"]), tmp_path / "down")
    assert mine.read_bytes() == b"mine"
    box.download(str(row["id"]), tmp_path / "down", overwrite=True)
    assert mine.read_bytes() == b"from box"
    elsewhere = write_file(tmp_path / "elsewhere.txt", b"precious")
    mine.unlink()
    mine.symlink_to(elsewhere)
    with pytest.raises(TransferError, match="a folder or a link"):
        box.download(str(row["id"]), tmp_path / "down", overwrite=True)
    assert elsewhere.read_bytes() == b"precious"


HOSTILE_NAMES = [
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


def test_hostile_and_duplicate_names_stay_inside_the_folder(box: boxnb.Box, tmp_path: Path) -> None:
    """Each file has its own path below the folder, and each changed name is mentioned in a note."""
    ids = [
        str(only_row(box.upload(write_file(tmp_path / f"{number}.txt", f"{number}")))["id"])
        for number in range(len(HOSTILE_NAMES))
    ]
    table = pd.DataFrame(
        {
            "type": "file",
            "id": ids,
            "name": HOSTILE_NAMES,
            "size": [len(str(number)) for number in range(len(HOSTILE_NAMES))],
            "sha1": [sha1_of(str(number).encode()) for number in range(len(HOSTILE_NAMES))],
            "path": ["../out", "a/../../b", "", "NUL/x", "A", "a", "", "", "", "", ""],
        }
    )
    down = tmp_path / "down"
    frame = box.download(table, down)
    assert frame["action"].tolist() == ["downloaded"] * len(HOSTILE_NAMES)
    for row in frame.to_dict("records"):
        path = Path(row["path"])
        assert path.resolve().is_relative_to(down.resolve()) and ".." not in path.parts
        assert path.read_bytes() == str(ids.index(row["id"])).encode()
    assert frame["path"].str.casefold().is_unique
    notes = dict(zip(frame["name"], frame["problem"], strict=True))
    assert "not every computer allows that name" in notes["CON"] and "another 'Twin.txt'" in notes["twin.TXT"]
    assert sorted(box.download(table, down)["action"].unique()) == ["same content"]
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.is_dir()) == ["down", "home"]


def test_a_link_in_the_target_folder_is_not_followed(box: boxnb.Box, tmp_path: Path) -> None:
    """Nothing is written through a subfolder that is a link out of the folder."""
    row = only_row(box.upload(write_file(tmp_path / "a.txt", b"a")))
    (tmp_path / "out").mkdir()
    (tmp_path / "down").mkdir()
    (tmp_path / "down" / "sub").symlink_to(tmp_path / "out")
    table = pd.DataFrame([{"id": row["id"], "name": "a.txt", "size": 1, "sha1": row["sha1"], "path": "sub"}])
    with pytest.warns(UserWarning, match="1 of 1 files were not downloaded"):
        frame = box.download(table, tmp_path / "down")
    assert "leads out of" in only_row(frame)["problem"] and list((tmp_path / "out").iterdir()) == []


@given(st.text(max_size=300))
def test_any_text_becomes_a_safe_name(name: str) -> None:
    """A safe name has no separator, device name or trailing dot, is short enough, and does not change when made safe again."""
    safe_name = names.safe(name)
    assert (
        safe_name
        and safe_name not in (".", "..")
        and not set(safe_name) & set('/\\:*?"<>|\0')
        and safe_name == safe_name.rstrip(" .")
    )
    assert len(safe_name.encode()) <= 240 and names.safe(safe_name) == safe_name
    assert safe_name.split(".")[0].strip().lower() not in ("con", "nul", "aux", "prn", "com1", "lpt9")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", " a", "a ", "a\nb", "n" * 256])
def test_names_that_box_refuses_are_reported_before_any_call(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    """The error is raised without a request to Box."""
    before = len(sandbox.record())
    with pytest.raises(TransferError):
        box.upload(write_file(tmp_path / "a.txt"), name=name)
    assert len(sandbox.record()) == before


def test_names_that_box_accepts_are_not_refused() -> None:
    """Names that only Windows forbids can be uploaded."""
    for name in ("a:b?.txt", "CON", "n" * 255, "週報", ".hidden", "a..b"):
        assert names.refused_by_box(name) is None


def tree(folder: Path) -> None:
    for number in range(5):
        write_file(folder / "one" / f"{number}.txt", f"one {number}")
        write_file(folder / "two" / "deep" / f"{number}.txt", f"two {number}")
    write_file(folder / "top.txt", "top")


def test_a_folder_upload_can_be_repeated(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """The second call sends only changed files, and unchanged files cost no call."""
    source = tmp_path / "source"
    tree(source)
    first = box.upload_folder(source)
    assert first["action"].tolist() == ["uploaded"] * 11 and first.attrs["complete"]
    write_file(source / "one" / "0.txt", "changed")
    write_file(source / "new.txt", "new")
    before = len(sandbox.record())
    second = box.upload_folder(source, new_version=True)
    assert Counter(second["action"]) == Counter({"same content": 10, "new version": 1, "uploaded": 1})
    posts = [call for call in sandbox.record()[before:] if call["path"].startswith("/api/2.0/files/")]
    assert len(posts) == 2
    items = box.items("0")
    [root] = items.loc[items["name"] == "source", "id"]
    down = box.download(box.tree(str(root)), tmp_path / "down")
    assert len(down) == 12 and (tmp_path / "down" / "two" / "deep" / "4.txt").read_text() == "two 4"


def test_files_that_cannot_be_uploaded_are_refused(box: boxnb.Box, tmp_path: Path) -> None:
    """Forbidden and duplicate names, broken links and existing files have a reason, and all other files are uploaded."""
    source = tmp_path / "source"
    for name in ("good.txt", "bad\\name.txt", "Twin.txt", "twin.txt", "old.txt"):
        write_file(source / name, name)
    write_file(source / "odd " / "inside.txt")
    (source / "gone.txt").symlink_to(tmp_path / "nowhere")
    new_folder(box, "source")
    root = box.items("0").set_index("name").loc["source", "id"]
    box.upload(write_file(tmp_path / "old.txt", "other"), root)
    with pytest.warns(UserWarning, match="5 of 7 files were not uploaded"):
        frame = box.upload_folder(source)
    problems = frame.set_index("name")["problem"].dropna().to_dict()
    assert set(problems) == {"bad\\name.txt", "twin.txt", "old.txt", "inside.txt", "gone.txt"}
    assert "same name as 'Twin.txt'" in problems["twin.txt"] and "new_version=True" in problems["old.txt"]
    assert "start or end with a space" in problems["inside.txt"] and not frame.attrs["complete"]


def test_many_small_files_are_uploaded_exactly_once(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server returns 429 and 503, and resets connections before and after it has saved a file."""
    monkeypatch.setitem(rate_limit.LIMITS, "upload", rate_limit.Limit(1_000_000))
    source = tmp_path / "many"
    for number in range(150):
        write_file(source / f"{number:03}.txt", f"{number}")
    for skip, fault in enumerate(("reset_after", "429", "reset_before", "503") * 3):
        sandbox.faults.add("/api/2.0/files/content", fault, skip=3 * skip, retry_after=0)
    frame = box.upload_folder(source)
    assert frame["action"].tolist() == ["uploaded"] * 150
    root = box.items("0").set_index("name").loc["many", "id"]
    items = box.items(root)
    assert sorted(items["name"]) == [f"{number:03}.txt" for number in range(150)]
    assert items["sha1"].tolist() == [
        sha1_of(name[:3].lstrip("0").encode() or b"0") for name in items["name"]
    ]


def test_the_error_of_a_single_file_is_raised(box: boxnb.Box, tmp_path: Path) -> None:
    """With several files, each error is in a row instead."""
    with pytest.raises(NotFoundError):
        box.upload(write_file(tmp_path / "a.txt"), "999")
    with pytest.raises(NotFoundError):
        box.download("999", tmp_path / "down")
    with pytest.raises(IdError, match=r"what='\.\./x' is not the id of a file"):
        box.download("../x", tmp_path / "down")
    with pytest.raises(FileNotFoundError):
        box.upload(tmp_path / "none.txt")
    with pytest.warns(UserWarning, match="1 of 2"):
        frame = box.download(["999", str(only_row(box.upload(tmp_path / "a.txt"))["id"])], tmp_path / "down")
    assert sorted(frame["action"]) == ["downloaded", "refused"]


def test_common_mistakes_of_beginners_have_their_own_messages(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beginners pass a folder instead of a file, a file instead of a folder, or a name instead of an id; ``~`` works."""
    file = write_file(tmp_path / "a.txt")
    before = len(sandbox.record())
    with pytest.raises(IsADirectoryError, match=r"Use box\.upload_folder to upload it"):
        box.upload(tmp_path)
    with pytest.raises(NotADirectoryError, match=r"Use box\.upload to upload a file"):
        box.upload_folder(file)
    for send, what in ((box.upload, file), (box.upload_folder, tmp_path)):
        with pytest.raises(IdError, match="folder='Marketing' is not the id of a folder"):
            send(what, "Marketing")
    assert len(sandbox.record()) == before
    monkeypatch.setenv("HOME", str(tmp_path))
    row = only_row(box.upload("~/a.txt"))
    assert only_row(box.download(str(row["id"]), "~/down"))["path"] == str(tmp_path / "down" / "a.txt")


def test_a_folder_with_the_name_of_the_file_is_an_error(box: boxnb.Box, tmp_path: Path) -> None:
    """The size of the file does not matter."""
    new_folder(box, "thing")
    for data in (b"x", b"x" * 2_000_000, BIG):
        with pytest.raises(TransferError, match="A folder named 'thing'"):
            box.upload(write_file(tmp_path / "thing", data), new_version=True)


def test_files_are_transferred_as_another_user(box: boxnb.Box, tmp_path: Path) -> None:
    """An uploaded file is in that user's root folder, and can be downloaded from there."""
    user_id = box.users().set_index("login").loc["hanako.yamada@example.com", "id"]
    for data in (b"x", BIG):
        row = only_row(box.upload(write_file(tmp_path / f"h{len(data)}", data), as_user=user_id))
        assert box.items("0", as_user=user_id)["id"].tolist().count(row["id"]) == 1
        assert (
            only_row(box.download(str(row["id"]), tmp_path / "down", as_user=user_id))["action"]
            == "downloaded"
        )


def test_a_download_from_this_computer_does_not_use_a_proxy(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox is reached although a proxy is set."""
    row = only_row(box.upload(write_file(tmp_path / "a.txt")))
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert only_row(box.download(str(row["id"]), tmp_path / "down"))["action"] == "downloaded"


def test_an_unreadable_folder_is_reported_in_one_row(
    box: boxnb.Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is uploaded; a patched os.scandir simulates the refusal, because root may read everything."""
    for name in ("open/a.txt", "secret/b.txt"):
        write_file(tmp_path / "up" / name)
    scandir = os.scandir

    def scandir_without_permission(path: Any) -> Any:
        if str(path).endswith("secret"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scandir_without_permission)
    with pytest.warns(UserWarning, match="1 of 2 files were not uploaded"):
        frame = box.upload_folder(tmp_path / "up")
    assert frame["action"].tolist() == ["uploaded", "refused"]
    assert "cannot be read" in frame["problem"].iloc[1]
    assert not frame.attrs["complete"]


def test_an_interrupt_waits_for_chunks_not_for_files(
    box: boxnb.Box, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The finished files are reported even if an earlier file is still being downloaded."""
    rows = [
        only_row(box.upload(write_file(tmp_path / f"{n}.bin", os.urandom(size))))
        for n, size in enumerate((10_000_000, 10))
    ]
    ids = [str(row["id"]) for row in rows]
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:  # progress is reported only now and then, perhaps much later
            if (tmp_path / "down" / "1.bin").exists():
                signal.pthread_kill(main, signal.SIGINT)
                return
            time.sleep(0.01)

    sandbox.faults.add(f"/dl/{ids[0]}/*", "drip", seconds=4)  # 20 s for the whole file
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(Interrupted, match="after 1 of 2"):
        box.download(ids, tmp_path / "down")
    assert box.last_partial is not None
    assert box.last_partial["id"].tolist() == ids[1:]
    assert not (tmp_path / "down" / "0.bin").exists()


def test_the_token_is_not_sent_to_a_download_host(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """The download URL needs no token, and credentials from `.netrc` are not sent either."""
    row = only_row(box.upload(write_file(tmp_path / "a.txt")))
    box.download(str(row["id"]), tmp_path / "down")
    fetched = [call for call in sandbox.record() if call["path"].startswith("/dl/")]
    assert fetched and all(call["token"] == "" and call["as_user"] is None for call in fetched)
