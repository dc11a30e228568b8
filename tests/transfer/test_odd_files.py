"""Odd files, responses and names in uploads and downloads: each is reported in one row, and the others succeed."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import threading
import time
import unicodedata
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pretending import PAGE, Pretender, pretending

import boxnb
from boxnb.errors import BoxNotebookError, BoxUnavailableError, Interrupted, TransferError
from boxnb.transfer import names, sources

Pretended = tuple[Pretender, boxnb.Box]


@pytest.fixture
def pretended() -> Iterator[Pretended]:
    with pretending() as pair:
        yield pair


@pytest.fixture
def down(tmp_path: Path) -> Path:
    return tmp_path / "down"


def write_file(path: Path, content: bytes | str = b"content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def problems_of(frame: pd.DataFrame) -> dict[str, str]:
    """Return the problem of each row by name."""
    return dict(zip(frame["name"], frame["problem"].astype("object").fillna(""), strict=True))


def quietly(call: Any) -> pd.DataFrame:
    """Return the result of a call without its warning about refused files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame: pd.DataFrame = call()
    return frame


def contents_of(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder, partial files included."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


# The content of a download


@pytest.mark.parametrize(
    "response", ["redirect", "307", "relative", "bytes", "part of the bytes", "always from the start"]
)
@pytest.mark.parametrize("is_resumed", [False, True])
def test_every_form_of_download_response_works(
    pretended: Pretended, down: Path, response: str, is_resumed: bool
) -> None:
    """The content comes through a redirect or directly, from the start or resumed, and the partial file is deleted."""
    pretender, box = pretended
    data = os.urandom(3_000_000)
    number = pretender.add("a.bin", data)
    half = len(data) // 2

    def first(method: str, path: str, query: Any, headers: dict[str, str], body: bytes) -> Any:
        if path.endswith("/content"):
            return {
                "redirect": None,
                "307": (307, {"Location": f"{pretender.url}/dl/{number}"}, b""),
                "relative": (302, {"Location": f"/dl/{number}"}, b""),
                "bytes": (200, {}, data),
                "part of the bytes": pretender._bytes(number, headers),
                "always from the start": None,
            }[response]
        return (200, {}, data) if path.startswith("/dl/") and response == "always from the start" else None

    if is_resumed:
        sha1 = hashlib.sha1(data).hexdigest()
        part = down / f".{number}-{sha1[:12]}.part"
        pretender.first = lambda *_: (503, {"Retry-After": "0"}, b"") if _[1].startswith("/dl/") else None
        with pytest.raises(BoxNotebookError):
            box.download(number, down)
        write_file(part, data[:half])
    pretender.first = first
    assert box.download(number, down)["action"].tolist() == ["downloaded"]
    assert contents_of(down) == {"a.bin": data}


RESPONSES = {
    "401, the URL has expired": (401, {}, b""),
    "403, the URL has expired": (403, {}, b""),
    "404": (404, {}, b""),
    "410": (410, {}, b""),
    "408": (408, {}, b""),
    "429": (429, {"Retry-After": "0"}, b""),
    "500": (500, {}, b""),
    "503": (503, {"Retry-After": "0"}, b""),
    "nothing": (206, {}, b""),
    "a proxy's page": PAGE,
}


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
def test_a_download_is_retried_with_a_new_url(pretended: Pretended, down: Path, response: Any) -> None:
    """After one odd response the file is still downloaded."""
    pretender, box = pretended
    number = pretender.add("a.bin", b"bytes" * 20)
    responses = [response]
    pretender.first = lambda *call: responses.pop() if call[1].startswith("/dl/") and responses else None
    assert box.download(number, down)["action"].tolist() == ["downloaded"]
    assert contents_of(down) == {"a.bin": b"bytes" * 20}
    if response[0] != 200:
        assert [path for _, path in pretender.calls].count(f"/2.0/files/{number}/content") == 2


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ((401, {}, b""), "returned 401 .* even with new download URLs"),
        ((403, {}, b""), "returned 403 .* even with new download URLs"),
        ((416, {}, b""), "returned 416"),
        ((418, {}, b""), "returned 418"),
        ((429, {"Retry-After": "0"}, b""), "returned 429 .* several times"),
        (
            (429, {"Retry-After": "7200"}, b""),
            r"asks you to wait 2 hours\. Make the same call again after [0-9]",
        ),
        (
            (503, {"Retry-After": "99999999999"}, b""),
            r"asks you to wait 99999 days\. Make the same call again (?:in|after) [0-9]",
        ),
        ((503, {"Retry-After": "1e999"}, b""), "returned 503 .* several times"),
        (
            (206, {"Content-Range": "bytes 5-9/10"}, b"xxxxx"),
            "never completed|wrong SHA-1|fewer bytes",
        ),
    ],
)
def test_a_download_server_that_keeps_refusing_is_reported_in_one_row(
    pretended: Pretended, down: Path, monkeypatch: pytest.MonkeyPatch, response: Any, reason: str
) -> None:
    """The row contains the true reason and does not suggest a new sign-in; the other file is downloaded."""
    pretender, box = pretended
    monkeypatch.setattr("boxnb.transfer.calls.retry_waits", lambda: iter([0.0] * 5))
    bad, good = pretender.add("bad.bin", b"bytes"), pretender.add("good.bin", b"good")
    pretender.first = lambda *call: response if call[1] == f"/dl/{bad}" else None
    frame = quietly(lambda: box.download([bad, good], down))
    assert frame["action"].tolist() == ["refused", "downloaded"]
    assert pd.Series([problems_of(frame)["bad.bin"]]).str.contains(reason).all(), problems_of(frame)
    assert "ign in" not in problems_of(frame)["bad.bin"]
    assert contents_of(down) == {"good.bin": b"good"}


@pytest.mark.parametrize("url", ["", "nonsense://x/y", "http://", "http://[", "/dl/loop"])
def test_an_unusable_download_url_is_reported_in_one_row(pretended: Pretended, down: Path, url: str) -> None:
    """The URL is missing, malformed or redirects in a loop."""
    pretender, box = pretended
    bad, good = pretender.add("bad.bin", b"bytes"), pretender.add("good.bin", b"good")

    def first(method: str, path: str, *_: Any) -> Any:
        if path.endswith(f"{bad}/content"):
            return 302, ({"Location": url} if url else {}), b""
        return (302, {"Location": "/dl/loop"}, b"") if path == "/dl/loop" else None

    pretender.first = first
    frame = quietly(lambda: box.download([bad, good], down))
    assert frame["action"].tolist() == ["refused", "downloaded"] and problems_of(frame)["bad.bin"]
    assert "permissions" not in problems_of(frame)["bad.bin"] and contents_of(down) == {"good.bin": b"good"}


ODD = {
    "no size": {"size": None},
    "a size that is a word": {"size": "large"},
    "a size below zero": {"size": -1},
    "an impossibly large size": {"size": 1e30},
    "a boolean as size": {"size": True},
    "no SHA-1": {"sha1": None},
    "a SHA-1 that is a path": {"sha1": "../../../../../tmp/evil"},
    "a wrong SHA-1": {"sha1": "0" * 40},
    "too small a size": {"size": 2},
    "too large a size": {"size": 9},
}
FINE = {
    "size as a string": {"size": "5"},
    "size as a float": {"size": 5.0},
    "a number as a name": {"name": 2024},
}


@pytest.mark.parametrize("fields", [*ODD.values(), *FINE.values()], ids=[*ODD, *FINE])
def test_an_odd_file_in_box_is_reported_in_one_row(
    pretended: Pretended, down: Path, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    """By id and from a table, a file that cannot be verified is refused; any other is downloaded."""
    pretender, box = pretended
    monkeypatch.setattr("boxnb.transfer.calls.retry_waits", lambda: iter([0.0] * 5))
    ids = [pretender.add("bad.bin", b"bytes"), pretender.add("good.bin", b"good")]
    pretender.items[ids[0]].update(fields)
    for number, what in enumerate((ids, quietly(box.items))):
        target = down / str(number)
        frame = quietly(lambda what=what, target=target: box.download(what, target))
        assert frame["action"].tolist() == [
            "downloaded" if fields in FINE.values() else "refused",
            "downloaded",
        ]
        assert bool(frame["problem"].iloc[0]) and frame["problem"].notna().iloc[0] == (fields in ODD.values())
        assert len(contents_of(target)) == (2 if fields in FINE.values() else 1)


def test_an_unusable_name_is_replaced(pretended: Pretended, down: Path) -> None:
    """A missing name, a lone surrogate and a name that consists of dots are replaced, each with a note."""
    pretender, box = pretended
    for name in (None, "photo \ud83d.jpg", "other \ude00.jpg", "...", "e\u0301.txt", "nan"):
        pretender.add(name, str(name).encode("utf-8", "replace"))
    for number, what in enumerate((quietly(box.items), list(pretender.items))):
        frame = box.download(what, down / str(number))
        assert frame["action"].tolist() == ["downloaded"] * 6 and frame.attrs["complete"]
        assert set(contents_of(down / str(number))) == {
            "100",
            "photo _.jpg",
            "other _.jpg",
            "_",
            "\u00e9.txt",
            "nan",
        }
        assert frame["problem"].notna().sum() == 5


def test_a_table_from_a_spreadsheet_can_be_downloaded(
    pretended: Pretended, down: Path, tmp_path: Path
) -> None:
    """Ids and names are numbers, every column has gaps, and only the row without an id is refused."""
    pretender, box = pretended
    ids = [
        pretender.add(name, str(name).encode()) for name in ("2024", "NA", "a.txt", "b.txt", "c.txt", "d.txt")
    ]
    table = box.items()[["type", "id", "name", "size", "sha1"]]
    table["path"] = pd.Series(["x", None, "x", "", "y", None], dtype="str")
    file = tmp_path / "t.csv"
    table.to_csv(file, index=False)
    spreadsheet = pd.read_csv(file)
    spreadsheet = pd.concat(
        [spreadsheet, pd.DataFrame({"type": ["file"], "id": [None], "name": ["lost"]})], ignore_index=True
    )
    frame = quietly(lambda: box.download(spreadsheet, down))
    assert sorted(frame["action"]) == ["downloaded"] * 6 + ["refused"]
    assert "is missing" in frame.loc[frame["action"] == "refused", "problem"].iloc[0]
    assert contents_of(down) == {
        "x/2024": b"2024", "NA": b"NA", "x/a.txt": b"a.txt", "b.txt": b"b.txt", "y/c.txt": b"c.txt", "d.txt": b"d.txt"
    }  # fmt: skip
    assert ids == frame["id"].dropna().tolist()


def test_an_id_may_be_a_number_or_a_url(pretended: Pretended, down: Path) -> None:
    """Among several ids, a value that is not an id is refused in its own row."""
    pretender, box = pretended
    number = pretender.add("a.txt", b"a")
    for value in (
        int(number),
        float(number),
        f" {number}\n",
        f"https://app.box.com/file/{number}",
        {"id": number},
    ):
        frame = box.download(value, down)
        assert frame["id"].tolist() == [number]
    frame = quietly(lambda: box.download([number, int(number), float("nan"), "Contracts", "../../x"], down))
    assert frame["action"].tolist() == ["same content", "refused", "refused", "refused"]
    with pytest.raises(BoxNotebookError, match="address of a folder"):
        box.download("https://app.box.com/folder/1", down)


# Paths on this computer

SIMILAR_NAMES = [
    ["x [3].txt", "x [2].txt", "x.txt", "x.txt", "x [3] [2].txt", "x [4].txt"],
    ["X.txt", "x.txt", "x.TXT", "x [101].txt", "x [102].txt"],
    ["e\u0301.txt", "\u00e9.txt", "\u00c9.txt", "E\u0301.TXT"],
    ["CON", "_CON", "con", "con.txt", "_con.txt", "NUL.tar.gz"],
    ["end", "end.", "end. ", "end .", "END"],
    ["a?b", "a*b", "a_b", "a:b", "a\x00b"],
    ["..", ".", "_", "/", "\\", " "],
    ["n" * 255, "n" * 254 + "m", "n" * 240],
]


@pytest.mark.parametrize("file_names", SIMILAR_NAMES, ids=[name[0][:9].strip() for name in SIMILAR_NAMES])
@pytest.mark.parametrize("is_reversed", [False, True])
def test_no_two_files_have_the_same_path(
    pretended: Pretended, down: Path, file_names: list[str], is_reversed: bool
) -> None:
    """For any names in any order, there are as many files as rows, each with its own content."""
    pretender, box = pretended
    file_names = file_names[::-1] if is_reversed else file_names
    for name in file_names:
        pretender.add(name, os.urandom(20))
    frame = box.download(list(pretender.items), down)
    assert frame["action"].tolist() == ["downloaded"] * len(file_names)
    for row in frame.to_dict("records"):
        assert Path(row["path"]).read_bytes() == pretender.bytes[row["id"]]
        assert Path(row["path"]).name == row["name"] or row["problem"]
    assert len(contents_of(down)) == len(file_names)
    assert len({names.folded(name) for name in contents_of(down)}) == len(file_names)
    second = box.download(list(pretender.items), down)
    assert second["action"].tolist() == ["same content"] * len(file_names)


@given(
    st.lists(
        st.text(alphabet="xX. [2]_\u00e9e\u0301?CONcon\u00df", min_size=1, max_size=8),
        min_size=2,
        max_size=12,
    )
)
@settings(max_examples=300)
def test_all_paths_are_different(tmp_path_factory: pytest.TempPathFactory, file_names: list[str]) -> None:
    """No two paths of files, folders or partial files fold to the same name."""
    folder = tmp_path_factory.getbasetemp()
    places = names.Places(folder)
    paths = []
    for number, name in enumerate(file_names):
        path, _ = places.place(
            str(number), name, file_names[number - 1].replace("/", "") if number % 3 == 0 else ""
        )
        paths += [path, next(iter(places.partial_paths(str(number), path, f"{number}-abc")))]
    keys = {(str(path.parent), names.folded(path.name)) for path in paths}
    assert len(keys) == len(paths) and all(path.is_relative_to(folder) for path in paths)
    parents = {
        (str(path.parent.parent), names.folded(path.parent.name)) for path in paths if path.parent != folder
    }
    assert not parents & keys


def test_names_that_differ_in_box_are_not_changed(pretended: Pretended, down: Path) -> None:
    """``Maße`` and ``Masse`` stay different if the file system can store both."""
    pretender, box = pretended
    for name in ("Ma\u00dfe.txt", "Masse.txt", "\u0130.txt", "i.txt", "\u0131.txt", "\ufb01.txt", "fi.txt"):
        pretender.add(name, name.encode())
    frame = box.download(box.items(), down)
    assert frame["problem"].isna().all() and contents_of(down) == {
        name.decode(): name for name in pretender.bytes.values()
    }


def test_a_file_system_that_merges_two_names_is_detected(tmp_path: Path) -> None:
    """On such a file system, the second file is saved under another name."""
    places = names.Places(tmp_path)
    first, second = tmp_path / "Ma\u00dfe.txt", tmp_path / "Masse.txt"
    write_file(first, "1")
    second.hardlink_to(first)  # simulates such a file system
    places.record_written(first, "1")
    path, note = places.settle(second, "2", "Masse.txt")
    assert path.name == "Masse [2].txt" and "as the same name" in note
    other = tmp_path / "other.txt"
    other.hardlink_to(first)  # an ordinary second link to the same file
    assert places.settle(other, "3", "other.txt") == (other, "")


def test_a_partial_file_never_has_the_path_of_a_file(pretended: Pretended, down: Path) -> None:
    """A file from Box or a local file with the name of a partial file is not lost."""
    pretender, box = pretended
    sha1 = hashlib.sha1(b"the file").hexdigest()[:12]
    pretender.add(f".101-{sha1}.part", b"before")
    pretender.add("file.txt", b"the file")
    pretender.add(f".101-{sha1}.part", b"after")
    frame = box.download(list(pretender.items), down)
    assert frame["action"].tolist() == ["downloaded"] * 3
    assert sorted(contents_of(down).values()) == [b"after", b"before", b"the file"]
    box.download("101", down / "other")
    (down / "other" / "file.txt").unlink()
    own_file = write_file(down / "third" / f".101-{sha1}.part", "mine, and longer than the file is")
    assert box.download("101", down / "third")["action"].tolist() == ["downloaded"]
    assert own_file.read_text() == "mine, and longer than the file is"


@pytest.mark.parametrize("obstacle", ["link", "hard link", "pipe", "folder"])
def test_an_object_with_the_name_of_a_partial_file_is_not_touched(
    pretended: Pretended, down: Path, tmp_path: Path, obstacle: str
) -> None:
    """The object does not change, and the file is downloaded with another partial file."""
    pretender, box = pretended
    number = pretender.add("a.txt", b"new bytes")
    precious = write_file(tmp_path / "precious.txt", "precious")
    part = down / f".{number}-{hashlib.sha1(b'new bytes').hexdigest()[:12]}.part"
    down.mkdir()
    box.download(number, down)
    (down / "a.txt").unlink()  # the lock of the partial file exists already
    {
        "link": lambda: part.symlink_to(precious),
        "hard link": lambda: part.hardlink_to(precious),
        "pipe": lambda: os.mkfifo(part),
        "folder": part.mkdir,
    }[obstacle]()
    frame = quietly(lambda: box.download([number], down))
    assert frame["action"].tolist() == ["downloaded"] and (down / "a.txt").read_bytes() == b"new bytes"
    assert precious.read_text() == "precious" and os.path.lexists(part)


@pytest.mark.parametrize("inside", [False, True])
def test_a_link_to_a_folder_is_not_written_through(
    pretended: Pretended, down: Path, tmp_path: Path, inside: bool
) -> None:
    """The link may lead out of the folder, or to a path inside that belongs to another file."""
    pretender, box = pretended
    pretender.add("a.txt", b"a")
    pretender.add("a.txt", b"b")
    table = box.items().assign(path=["real", "link/below"])
    target = down / "real" if inside else tmp_path / "outside"
    target.mkdir(parents=True)
    down.mkdir(exist_ok=True)
    (down / "link").symlink_to(target)
    frame = quietly(lambda: box.download(table, down))
    assert frame["action"].tolist() == ["downloaded", "refused"] and "link" in frame["problem"].iloc[1]
    assert contents_of(target) == ({"a.txt": b"a"} if inside else {})


def test_a_link_created_during_a_download_is_not_written_through(
    pretended: Pretended, down: Path, tmp_path: Path
) -> None:
    """Before a file is written, its folders are checked for links again."""
    pretender, box = pretended
    first, second = pretender.add("a.txt", b"a"), pretender.add("b.txt", b"b")
    outside = tmp_path / "outside"
    outside.mkdir()

    link_exists = threading.Event()

    def create_link(method: str, path: str, *_: Any) -> Any:
        if path == f"/2.0/files/{second}" and not link_exists.is_set():
            if (down / "sub").exists():  # the folder of the first file already exists
                (down / "sub").rename(down / "was sub")
            (down / "sub").symlink_to(outside)
            link_exists.set()
        if path == f"/dl/{first}":
            assert link_exists.wait(30)
        return None

    pretender.first = create_link
    table = pd.DataFrame({"id": [first, second], "name": ["a.txt", None], "size": [1, None], "path": "sub"})
    table["sha1"] = [hashlib.sha1(b"a").hexdigest(), None]
    down.mkdir()
    quietly(lambda: box.download(table, down))
    assert contents_of(outside) == {}


@pytest.mark.parametrize("moment", ["before the partial file is opened", "after it is complete"])
def test_a_link_created_after_the_check_is_not_written_through(
    pretended: Pretended, down: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The folder is checked again with the partial file open, and before the file gets its name."""
    pretender, box = pretended
    file_id = pretender.add("a.txt", b"a")
    outside = tmp_path / "outside"
    outside.mkdir()

    def swap_folder() -> None:
        """Replace the folder by a link to another folder that has the same content."""
        if not (down / "sub").is_symlink():
            (down / "sub").rename(down / "was sub")
            (down / "sub").symlink_to(outside)

    os_open, os_fsync = os.open, os.fsync

    def open_after_swap(path: Any, *arguments: Any, **options: Any) -> int:
        if str(path).endswith(".part"):
            swap_folder()
        return os_open(path, *arguments, **options)

    def swap_after_fsync(file: int) -> None:
        os_fsync(file)
        if list((down / "sub").glob(".*.part")):
            for part in (down / "sub").iterdir():
                (outside / part.name).write_bytes(part.read_bytes())
            swap_folder()

    if moment.startswith("before"):
        monkeypatch.setattr(os, "open", open_after_swap)
    else:
        monkeypatch.setattr(os, "fsync", swap_after_fsync)
    table = pd.DataFrame({"id": [file_id], "name": ["a.txt"], "size": [1], "path": "sub"})
    table["sha1"] = [hashlib.sha1(b"a").hexdigest()]
    down.mkdir()
    frame = quietly(lambda: box.download(table, down))
    assert frame["action"].tolist() == ["refused"] and "is a link" in frame["problem"].iloc[0]
    assert contents_of(outside) == {}


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/etc/evil", "C:\\evil", "C:evil", "..\\evil", "a/../../evil", "\\\\host\\evil"]
)
@pytest.mark.parametrize("column", ["name", "path"])
def test_no_name_leads_out_of_the_folder(pretended: Pretended, down: Path, name: str, column: str) -> None:
    """The rule holds for the name of a file and for the names of its parent folders."""
    pretender, box = pretended
    pretender.add("a.txt", b"a")
    table = box.items().assign(path="")
    table[column] = pd.Series([name], dtype="str")
    [row] = box.download(table, down).to_dict("records")
    path = Path(row["path"])
    assert (
        path.read_bytes() == b"a" and path.resolve().is_relative_to(down.resolve()) and ".." not in path.parts
    )
    assert [file.name for file in down.parent.iterdir() if file.name not in ("home", "down")] == []


def test_an_id_that_is_a_path_is_refused(pretended: Pretended, down: Path) -> None:
    """The ids of a table are checked before they become part of a path."""
    _, box = pretended
    sha1 = hashlib.sha1(b"a").hexdigest()
    table = pd.DataFrame({"id": ["x/../../../evil", "1"], "name": "a", "size": 1, "sha1": ["../../x", sha1]})
    frame = quietly(lambda: box.download(table.iloc[:1], down))
    assert "is not the id of a file" in frame["problem"].iloc[0] and contents_of(down) == {}


def test_each_path_that_is_taken_is_reported_in_one_row(pretended: Pretended, down: Path) -> None:
    """A folder or a pipe has the name of a file, or a file has the name of a folder."""
    pretender, box = pretended
    for name in ("dir", "below.txt", "pipe", "good.txt"):
        pretender.add(name, name.encode())
    (down / "dir").mkdir(parents=True)
    write_file(down / "file")
    os.mkfifo(down / "pipe")
    table = box.items().assign(path=["", "file", "", ""])
    frame = quietly(lambda: box.download(table, down, overwrite=True))
    assert frame["action"].tolist() == ["refused"] * 3 + ["downloaded"]
    assert all(problems_of(frame)[name] for name in ("dir", "below.txt", "pipe"))
    with pytest.raises(TransferError, match="cannot be used as a folder"):
        box.download("100", down / "file")


def test_a_file_created_during_a_download_is_not_overwritten(pretended: Pretended, down: Path) -> None:
    """The path is checked again when the content is complete."""
    pretender, box = pretended
    number = pretender.add("a.txt", b"from box")
    pretender.first = lambda *call: (
        write_file(down / "a.txt", "mine") and None if call[1].startswith("/dl/") else None
    )
    with pytest.raises(TransferError, match="overwrite=True"):
        box.download(number, down)
    assert contents_of(down) == {"a.txt": b"mine"}


# Uploads


def test_dates_that_box_refuses_are_left_out(pretended: Pretended, tmp_path: Path) -> None:
    """A file with a date before 1970 or after 9999 is uploaded without it, and its row mentions the date."""
    pretender, box = pretended
    times = {"old": -1, "older": -(2**31), "epoch": 0, "new": 1_700_000_000, "last": 4_000_000_000}
    for name, timestamp in times.items():
        os.utime(write_file(tmp_path / "up" / name, name), (0, timestamp))
    frame = box.upload_folder(tmp_path / "up")
    assert frame["action"].tolist() == ["uploaded"] * 5 and frame.attrs["complete"]
    assert {name for name, problem in problems_of(frame).items() if "before 1970" in problem} == {
        "old",
        "older",
    }
    dates = {item["name"]: item.get("content_modified_at") for item in pretender.items.values()}
    assert dates["old"] is dates["older"] is None
    assert (dates["epoch"], dates["last"]) == ("1970-01-01T00:00:00Z", "2096-10-02T07:06:40Z")


@pytest.mark.parametrize("when", [-(2**62), -70_000_000_000, -1, 253_402_300_800, 2**40, 2**62])
def test_a_modification_time_that_box_refuses_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    """The times are simulated, because few file systems can store them all."""
    file, stat = write_file(tmp_path / "a"), Path.stat

    class Status:
        st_mtime_ns = when * 1_000_000_000

    monkeypatch.setattr(
        Path, "stat", lambda path, **options: Status() if path == file else stat(path, **options)
    )
    attributes, note = sources.date_attribute(file)
    assert attributes == {} and note is not None and note.startswith("Sent without its date")


def test_objects_that_are_not_files_are_refused(
    pretended: Pretended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pipes, sockets, links that are broken, circular or lead outside, and invalid names are refused; the rest is uploaded."""
    pretender, box = pretended
    up, outside = tmp_path / "up", write_file(tmp_path / "outside" / "secret.txt", "secret")
    for name in ("a.txt", "z.txt", "sub/b.txt"):
        write_file(up / name, name)
    os.mkfifo(up / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(up)  # because the path of a socket must be short
        listener.bind("socket")
    for name, target in {
        "inside": up / "a.txt",
        "nothing": up / "none",
        "circle": up / "circle",
        "loop": up,
        "folder": outside.parent,
        "out": outside,
        "device": Path("/dev/null"),
    }.items():
        (up / name).symlink_to(target)
    Path(os.fsdecode(os.fsencode(up) + b"/bad\xff.txt")).write_text("bad", encoding="utf-8")
    write_file(Path(os.fsdecode(os.fsencode(up) + b"/dir\xfe/in.txt")))
    with pytest.warns(UserWarning, match="10 of 14 files were not uploaded"):
        frame = box.upload_folder(up)
    problems = problems_of(frame)
    assert {name for name, problem in problems.items() if not problem} == {
        "a.txt",
        "z.txt",
        "b.txt",
        "inside",
    }
    for name, reason in {
        "pipe": "named pipe",
        "socket": "socket",
        "nothing": "link to a file that does not exist",
        "circle": "cannot be read",
        "loop": "links to folders",
        "folder": "links to folders",
        "out": "outside the folder",
        "device": "device",
        "bad\\udcff.txt": "not valid UTF-8",
        "in.txt": "not valid UTF-8",
    }.items():
        assert reason in problems[name], (name, problems)
    assert b"secret" not in pretender.bytes.values() and not frame.attrs["complete"]


def test_a_folder_may_be_deeper_than_the_recursion_limit(tmp_path: Path) -> None:
    """The file below twelve hundred nested folders is found."""
    folder = tmp_path / "up"
    folder.mkdir()
    for _ in range(1200):
        folder /= "d"
        folder.mkdir()
    write_file(folder / "a.txt")
    files = list(sources.below(tmp_path / "up"))
    (folder / "a.txt").unlink()
    while folder != tmp_path:  # pytest cannot remove folders deeper than the recursion limit
        folder.rmdir()
        folder = folder.parent
    assert [(file.path.name, file.size, file.problem) for file in files] == [("a.txt", 7, None)]


@pytest.mark.parametrize("name", ["pipe", "/dev/zero"])
def test_a_pipe_or_device_is_refused(pretended: Pretended, tmp_path: Path, name: str) -> None:
    """Reading a pipe or device might never end."""
    path = Path(name) if name.startswith("/") else tmp_path / name
    if not path.exists():
        os.mkfifo(path)
    with pytest.raises(TransferError, match="only files are sent"):
        pretended[1].upload(path)


def test_files_that_vanish_or_change_during_an_upload_are_refused(
    pretended: Pretended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, replaced, unreadable and growing files have a reason, and the others are uploaded."""
    pretender, box = pretended
    up = tmp_path / "up"
    for name in ("a.txt", "gone.txt", "dir.txt", "growing.txt", "closed.txt", "z.txt"):
        write_file(up / name, name)
    read_bytes = Path.read_bytes

    def read_with_faults(path: Path) -> bytes:
        data = read_bytes(path)
        if path.name == "growing.txt":
            with path.open("ab") as file:
                file.write(b"more")
        if path.name == "closed.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return data

    def remove_files(method: str, path: str, *_: Any) -> Any:
        if path.endswith("/folders") and (up / "gone.txt").exists():
            for name in ("gone.txt", "dir.txt"):
                (up / name).unlink()
            (up / "dir.txt").mkdir()
        return None

    monkeypatch.setattr(Path, "read_bytes", read_with_faults)
    files = list(sources.below(up))
    monkeypatch.setattr(sources, "below", lambda _: iter(files))
    pretender.first = remove_files
    frame = quietly(lambda: box.upload_folder(up))
    problems = problems_of(frame)
    assert {name for name, problem in problems.items() if not problem} == {"a.txt", "z.txt"}
    assert (
        "changes while it is being read" in problems["growing.txt"]
        and "Permission denied" in problems["closed.txt"]
    )
    assert problems["gone.txt"] and problems["dir.txt"]


@pytest.mark.parametrize(
    "normalize", [str.lower, str.casefold], ids=["different for Box", "the same for Box"]
)
@pytest.mark.parametrize("new_version", [False, True])
def test_box_decides_whether_two_names_are_the_same(
    pretended: Pretended, tmp_path: Path, normalize: Any, new_version: bool
) -> None:
    """If ``Maße.txt`` exists and ``Masse.txt`` is uploaded, boxnb does not guess whether to replace, skip or rename it."""
    pretender, box = pretended
    pretender.same = normalize
    up, same_name = tmp_path / "up", normalize is str.casefold
    write_file(up / "Masse.txt", "other")
    folder = pretender.add("up", b"", kind="folder")
    pretender.add("Ma\u00dfe.txt", b"there", folder)
    frame = quietly(lambda: box.upload_folder(up, new_version=new_version))
    if not same_name:
        assert frame["action"].tolist() == ["uploaded"]
        assert pretender.names(folder) == {"Ma\u00dfe.txt": b"there", "Masse.txt": b"other"}
    elif new_version:
        assert (
            frame["action"].tolist() == ["new version"]
            and "Its name on the server is 'Maße.txt'" in problems_of(frame)["Masse.txt"]
        )
        assert pretender.names(folder) == {"Ma\u00dfe.txt": b"other"}
    else:
        assert frame["action"].tolist() == ["refused"] and pretender.names(folder) == {
            "Ma\u00dfe.txt": b"there"
        }


@pytest.mark.parametrize(
    "normalize", [str.lower, str.casefold, lambda name: unicodedata.normalize("NFKC", name).casefold()]
)
@pytest.mark.parametrize("new_version", [False, True])
@pytest.mark.parametrize("size", [10, 1_200_000])
def test_files_with_equivalent_names_never_replace_each_other(
    pretended: Pretended, tmp_path: Path, normalize: Any, new_version: bool, size: int
) -> None:
    """Of the files whose names Box considers the same, only the first is uploaded, and no content is lost silently."""
    pretender, box = pretended
    pretender.same = normalize
    file_names = [
        "Ma\u00dfe.txt",
        "Masse.txt",
        "masse.TXT",
        "I.txt",
        "\u0131.txt",
        "\u0130.txt",
        "e\u0301",
        "\u00e9",
        "\ufb01",
        "fi",
    ]
    for name in file_names:
        write_file(tmp_path / "up" / name, os.urandom(size))
    frame = quietly(lambda: box.upload_folder(tmp_path / "up", new_version=new_version))
    sent = frame[frame["action"] == "uploaded"]
    assert len(sent) == len({normalize(name) for name in file_names})
    assert set(frame["action"]) <= {"uploaded", "refused"}
    [folder] = [item_id for item_id, item in pretender.items.items() if item["type"] == "folder"]
    contents = {name: (tmp_path / "up" / name).read_bytes() for name in file_names}
    assert pretender.names(folder) == {name: contents[name] for name in sent["name"]}
    assert frame.loc[frame["action"] == "refused", "problem"].str.contains("same name as").all()


@pytest.mark.parametrize("similar", ["A.txt", "\u0101.txt"])
def test_only_the_file_with_the_exact_name_becomes_a_new_version(
    pretended: Pretended, tmp_path: Path, similar: str
) -> None:
    """A file with an equivalent name is refused, even if it is uploaded first."""
    pretender, box = pretended
    folder = pretender.add("up", b"", kind="folder")
    exact = similar.lower() if similar == "A.txt" else similar.upper()
    pretender.add(exact, b"old", folder)
    for name in (similar, exact):
        write_file(tmp_path / "up" / name, f"mine {name}")
    frame = quietly(lambda: box.upload_folder(tmp_path / "up", new_version=True))
    assert dict(zip(frame["name"], frame["action"], strict=True)) == {
        similar: "refused",
        exact: "new version",
    }
    assert pretender.names(folder) == {exact: f"mine {exact}".encode()}


def test_two_folders_with_equivalent_names_become_one(pretended: Pretended, tmp_path: Path) -> None:
    """A file in both folders is uploaded only from the first folder, and the row of the other has a reason."""
    _, box = pretended
    for name in ("Docs/a.txt", "docs/a.txt", "docs/b.txt"):
        write_file(tmp_path / "up" / name, name)
    frame = quietly(lambda: box.upload_folder(tmp_path / "up", new_version=True))
    assert frame["action"].tolist() == ["uploaded", "refused", "uploaded"]
    assert "the same file as" in frame["problem"].iloc[1]


def test_a_new_version_does_not_rename_the_file(pretended: Pretended, tmp_path: Path) -> None:
    """The file keeps its spelling in Box."""
    pretender, box = pretended
    pretender.add("Report.TXT", b"old")
    [row] = box.upload(write_file(tmp_path / "report.txt", "new"), new_version=True).to_dict("records")
    assert row["action"] == "new version" and row["problem"] == "Its name on the server is 'Report.TXT'."
    assert pretender.names("0") == {"Report.TXT": b"new"}


@pytest.mark.parametrize(
    "response",
    [PAGE, (200, {}, []), (200, {}, {}), (200, {}, {"entries": 5}), (201, {}, b"{"), (403, *PAGE[1:])],
)
def test_an_odd_response_to_any_call_is_reported(pretended: Pretended, tmp_path: Path, response: Any) -> None:
    """The result is one row or one error of boxnb, and neither blames a local file."""
    pretender, box = pretended
    up = tmp_path / "up"
    for name, size in {"a.txt": 3, "b.bin": 1_200_000, "sub/c.txt": 5}.items():
        write_file(up / name, b"x" * size)
    box.upload_folder(up)
    ids = [item_id for item_id, item in pretender.items.items() if item["type"] == "file"]
    (up / "a.txt").write_text("changed")
    transfers = {
        "up": lambda number: box.upload_folder(up, name=f"again {number}"),
        "more": lambda _: box.upload_folder(up, new_version=True),
        "down": lambda number: box.download(ids, tmp_path / f"down {number}"),
        "one": lambda number: box.download(ids[0], tmp_path / f"one {number}"),
        "alone": lambda number: box.upload(up / "b.bin", name=f"alone {number}"),
    }
    for transfer in transfers.values():
        for number in range(12):
            calls_before = [number]

            def nth(*_: Any, calls_before: list[int] = calls_before) -> Any:
                calls_before[0] -= 1
                return response if calls_before[0] == -1 else None

            pretender.first = nth
            try:
                frame = quietly(
                    lambda transfer=transfer, number=number: transfer(f"{number} {time.time_ns()}")
                )
            except BoxNotebookError as error:
                assert "permissions" not in str(error) and "unexpected error" not in str(error)
            else:
                problems = " ".join(frame["problem"].dropna())
                assert "permissions" not in problems and "unexpected error" not in problems
            if calls_before[0] >= 0:
                break
    assert not list(tmp_path.rglob("*.part"))


def test_an_unexpected_error_is_reported_in_one_row(
    pretended: Pretended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other files are still uploaded."""
    _, box = pretended
    for name in ("a.txt", "b.txt", "c.txt"):
        write_file(tmp_path / "up" / name, name)
    read_whole = sources.read_whole

    def read_with_fault(path: Path) -> bytes:
        if path.name == "b.txt":
            raise RuntimeError("secret words")
        return read_whole(path)

    monkeypatch.setattr(sources, "read_whole", read_with_fault)
    frame = quietly(lambda: box.upload_folder(tmp_path / "up"))
    assert frame["action"].tolist() == ["uploaded", "refused", "uploaded"]
    assert "RuntimeError" in problems_of(frame)["b.txt"] and "secret" not in problems_of(frame)["b.txt"]


def test_an_error_while_showing_progress_does_not_stop_the_transfer(
    pretended: Pretended, tmp_path: Path
) -> None:
    """An error in the caller's function becomes one warning."""
    write_file(tmp_path / "up" / "a.txt")

    def show(moved: Any) -> None:
        raise ZeroDivisionError("oh")

    with pytest.warns(UserWarning, match=r"Showing progress failed \(ZeroDivisionError: oh\)"):
        frame = pretended[1].upload_folder(tmp_path / "up", on_progress=show)
    assert frame["action"].tolist() == ["uploaded"]


def test_an_interrupt_while_ids_are_looked_up_does_not_lose_the_table(
    pretended: Pretended, down: Path
) -> None:
    """The table contains the files downloaded so far."""
    pretender, box = pretended
    ids = [pretender.add(f"{number}.txt", b"x") for number in range(30)]
    was_interrupted = threading.Event()
    send = box.session.request

    def request(method: Any, url: Any, **options: Any) -> Any:
        if str(url).endswith(f"/files/{ids[20]}") and not was_interrupted.is_set():
            was_interrupted.set()
            raise KeyboardInterrupt
        return send(method, url, **options)

    box.session.request = request  # type: ignore[method-assign]
    with pytest.raises(Interrupted, match="of 30 files") as caught:
        box.download(ids, down)
    assert caught.value.partial is not None and box.last_partial is caught.value.partial
    assert set(caught.value.partial["action"]) <= {"downloaded"} and not list(down.glob(".*"))


def test_a_listing_with_a_repeated_marker_ends(pretended: Pretended, tmp_path: Path) -> None:
    """A server that always returns the same marker does not cause an endless loop."""
    pretender, box = pretended
    pretender.add("up", b"", kind="folder")
    page = {"entries": [{"type": "file", "id": 5, "name": None}, {"id": 6}], "next_marker": "again"}
    pretender.first = lambda *call: (200, {}, page) if call[1].endswith("/items") else None
    write_file(tmp_path / "up" / "a.txt")
    assert box.upload_folder(tmp_path / "up")["action"].tolist() == ["uploaded"]


def test_a_very_long_wait_is_reported_in_one_row(pretended: Pretended, tmp_path: Path) -> None:
    """The transfer does not wait for an hour; the row says when to try again."""
    pretender, box = pretended
    write_file(tmp_path / "up" / "a.txt")
    busy = (503, {"Retry-After": "3600"}, b"")
    pretender.first = lambda *call: busy if call[1].endswith("/files/content") else None
    frame = quietly(lambda: box.upload_folder(tmp_path / "up"))
    words = r"asks you to wait 60 minutes \(3600 seconds\)\. Make the same call again after [0-9]"
    assert re.search(words, problems_of(frame)["a.txt"])


@pytest.mark.parametrize("change", ["without", "in capitals"])
def test_identical_content_is_recognized(pretended: Pretended, tmp_path: Path, change: str) -> None:
    """A SHA-1 that is missing from a conflict is fetched, and a SHA-1 in capitals is recognized."""
    pretender, box = pretended
    sha1 = hashlib.sha1(b"content").hexdigest()
    pretender.add("a.txt", b"content")
    conflict: dict[str, Any] = {"type": "file", "id": "100", "name": "a.txt"}
    if change == "in capitals":
        conflict["sha1"] = sha1.upper()
    body = {
        "type": "error",
        "status": 409,
        "code": "item_name_in_use",
        "context_info": {"conflicts": conflict},
    }
    posts = ("/files/content",)
    pretender.first = lambda method, path, *_: (
        (409, {}, body) if method in ("POST", "OPTIONS") and path.endswith(posts) else None
    )
    assert box.upload(write_file(tmp_path / "a.txt"), "0")["action"].tolist() == ["same content"]


def test_the_response_to_an_upload_is_checked(pretended: Pretended, tmp_path: Path) -> None:
    """A SHA-1 in capitals is accepted; a file without an id is not."""
    pretender, box = pretended
    entry = {"type": "file", "id": "7", "name": "a.txt", "size": 7}
    sha1 = hashlib.sha1(b"content").hexdigest()
    for fields, is_accepted in (({"sha1": sha1.upper()}, True), ({"sha1": sha1, "id": None}, False)):
        response = (201, {}, {"entries": [entry | fields]})
        pretender.first = lambda method, path, *_, response=response: response if method == "POST" else None
        if is_accepted:
            assert box.upload(write_file(tmp_path / "a.txt"), "0")["id"].tolist() == ["7"]
        else:
            with pytest.raises(BoxUnavailableError):
                box.upload(write_file(tmp_path / "a.txt"), "0")
