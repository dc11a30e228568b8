"""The profile on disk: private, whole, locked; every mishap has its sentence and loses nothing."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import boxnb
from boxnb import basic, oauth, store
from boxnb.api import ledger
from boxnb.errors import TokenStoreError
from boxnb.local import private_files
from boxnb.oauth.token import Token
from boxnb.secret import Secret

CLIENT = oauth.Client("abc", Secret("the-client-secret-of-tests"), "http://127.0.0.1/callback")


def profile(refresh_token: str = "r1", **facts: object) -> store.Profile:
    token = Token(Secret("access-0a1b2c3d"), Secret(refresh_token), obtained_at=1000.0, expires_in=3600.0)
    return store.Profile("acme", CLIENT, token, account={"name": "Zoë"}, **facts)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def private_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOXNB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_what_is_saved_is_what_is_loaded() -> None:
    """A round trip keeps every field; nothing saved is ``None``, not an error."""
    assert store.load("acme") is None
    store.save(profile(generation=3, skew=1.5, verify="/etc/ca.pem"))
    assert store.load("acme") == profile(generation=3, skew=1.5, verify="/etc/ca.pem")
    assert store.names() == ["acme"]
    store.delete("acme")
    assert store.load("acme") is None


def test_file_and_folder_are_private() -> None:
    """0600 in 0700, whatever the umask."""
    before = os.umask(0)
    try:
        file = store.save(profile())
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_file_others_can_read_is_repaired_and_said() -> None:
    """chmod, one warning, and the profile is used."""
    file = store.save(profile())
    file.chmod(0o644)
    with pytest.warns(UserWarning, match="private"):
        assert store.load("acme") == profile()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"{}", b"\xff\xfe", b'{"format": 1}'])
def test_a_damaged_file_is_told_and_left_alone(content: bytes) -> None:
    """The sentence names the file; the content stays for a rescue and is not quoted."""
    file = store.save(profile())
    file.write_bytes(content)
    with pytest.raises(TokenStoreError, match="damaged") as caught:
        store.load("acme")
    assert caught.value.path == file
    assert file.read_bytes() == content


def test_a_newer_format_is_told() -> None:
    """An older boxnb does not touch what it does not understand."""
    file = store.save(profile())
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": 99}))
    with pytest.raises(TokenStoreError, match="newer boxnb"):
        store.load("acme")


def test_a_folder_in_the_place_of_the_file_is_told() -> None:
    """Reading and writing both give a sentence."""
    store.path("acme").mkdir(parents=True)
    with pytest.raises(TokenStoreError, match="folder has the name of the profile"):
        store.load("acme")
    with pytest.raises(TokenStoreError, match="Nothing saved was lost"):
        store.save(profile())


def test_a_symlink_stays_a_symlink(tmp_path: Path) -> None:
    """The file it points to is replaced."""
    file = store.save(profile())
    real = tmp_path / "elsewhere.json"
    file.rename(real)
    file.symlink_to(real)
    store.save(profile("r2"))
    assert file.is_symlink()
    assert store.load("acme") == profile("r2")


def test_a_full_disk_keeps_the_previous_profile() -> None:
    """Here a limit on file size; the write fails, the old file is whole, nothing is left beside it."""
    file = store.save(profile())
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
        try:
            store.save(profile("r2"))
        except TokenStoreError as error:
            os._exit(0 if "Nothing saved was lost" in str(error) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.load("acme") == profile()
    assert [each.name for each in file.parent.iterdir() if each.name.startswith(".")] == []


def test_a_read_only_folder_is_told() -> None:
    """In an unprivileged child where the tests run as root, for root sees no modes."""
    file = store.save(profile())
    file.parent.chmod(0o500)
    child = os.fork()
    if child == 0:
        if os.getuid() == 0:
            for each in (file, file.parent):
                os.chown(each, 65534, 65534)
            for parent in file.parent.parents:
                if parent != Path("/"):
                    parent.chmod(stat.S_IMODE(parent.stat().st_mode) | 0o011)
            os.setuid(65534)
        try:
            private_files.write_private(file, b"{}")
        except TokenStoreError as error:
            os._exit(0 if "Check the owner" in str(error) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    file.parent.chmod(0o700)
    assert json.loads(file.read_bytes())["format"] == store.FORMAT


def test_a_stray_file_and_a_rename_to_oneself() -> None:
    """A copy made by hand is no profile; a name is not changed to itself; nothing is left after delete."""
    file = store.save(profile())
    file.with_name("acme copy.json").write_bytes(file.read_bytes())
    assert store.names() == ["acme"]
    with pytest.raises(ValueError, match="called that already"):
        store.rename("acme", "Acme")
    file.with_name(".acme.json.17.0123abcd").write_text("a killed writer's draft")
    store.delete("acme")
    assert sorted(each.name for each in file.parent.iterdir()) == ["acme copy.json", "acme.lock"]


@pytest.mark.parametrize("name", ["con", "NUL.txt", "", "../up", "a/b", ".hidden", "a b", "x" * 65])
def test_a_name_that_is_no_file_name_is_refused(name: str) -> None:
    """No profile leaves its folder."""
    with pytest.raises(ValueError, match="name of a profile"):
        store.path(name)


def test_the_lock_excludes_threads() -> None:
    """Two threads never hold it together."""
    inside, overlaps = 0, 0

    def work() -> None:
        nonlocal inside, overlaps
        for _ in range(20):
            with store.lock("acme"):
                inside += 1
                overlaps += inside > 1
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert overlaps == 0


HOLD = """
import sys, boxnb.store
with boxnb.store.lock("acme"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_lock_names_its_holder_and_dies_with_it() -> None:
    """Another process holds it: told who; killed without a chance to clean up: free."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(TokenStoreError, match=f"process {other.pid}"), store.lock("acme", timeout=0.2):
            pass
        other.kill()
        other.wait()
        with store.lock("acme", timeout=5):
            pass


def test_a_killed_writer_leaves_a_whole_file() -> None:
    """Killed again and again in the middle of saving: every later load is a whole profile."""
    store.save(profile())
    for _ in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", _SAVE_FOR_EVER], stdout=subprocess.PIPE, env=os.environ
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            writer.kill()
        assert store.load("acme") is not None


_SAVE_FOR_EVER = """
import dataclasses, itertools
from boxnb import store
profile = store.load("acme")
for generation in itertools.count():
    store.save(dataclasses.replace(profile, generation=generation))
    if generation == 3:
        print("writing", flush=True)
"""


_ON_A_MOUNT = """
import concurrent.futures, subprocess, sys, threading, warnings
from boxnb import store
file = store.path("acme")
subprocess.run(["mount", "--bind", sys.argv[1], str(file)], check=True)
profile = store.load("acme")
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for generation in (7, 8):
        store.save(store.Profile(**{**vars(profile), "generation": generation}))
print(store.load("acme").generation, len(said), said[0].message)
done = threading.Event()
def read():
    seen = [8]
    while not done.is_set():
        seen.append(store.load("acme").generation)
    return len(seen) > 100 and seen == sorted(seen)
with concurrent.futures.ThreadPoolExecutor(2) as readers:
    reading = [readers.submit(read) for _ in range(2)]
    for generation in range(9, 109):
        store.save(store.Profile(**{**vars(profile), "generation": generation}))
    done.set()
print([each.result() for each in reading])
"""


def test_a_file_that_is_a_mount_point_is_written_in_place(tmp_path: Path) -> None:
    """A volume of a container cannot be replaced; it is written in place, and that is said once, and read whole."""
    file = store.save(profile())
    volume = tmp_path / "volume.json"
    volume.write_bytes(file.read_bytes())
    volume.chmod(0o600)
    child = subprocess.run(
        ["unshare", "--map-root-user", "--mount", sys.executable, "-c", _ON_A_MOUNT, str(volume)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.stdout.startswith("8 1 ")
    assert "mount point" in child.stdout
    assert "[True, True]" in child.stdout  # whoever reads meanwhile, without a lock, sees whole files only
    assert json.loads(volume.read_bytes())["generation"] == 108
    assert store.load("acme") == profile()


def test_a_write_in_place_that_was_cut_off_is_taken_up(tmp_path: Path) -> None:
    """The spare copy is whole and flushed before the file is touched, so it is what counts."""
    file = store.save(profile("new"))
    file.rename(file.with_name(".acme.json.spare"))
    file.write_bytes(b'{"half')
    file.chmod(0o600)
    assert store.load("acme") == profile("new")
    store.save(profile("newer"))
    assert store.load("acme") == profile("newer")


def test_drafts_of_a_killed_writer_are_removed() -> None:
    """They hold a token; one that is minutes old belongs to nobody."""
    file = store.save(profile())
    old, fresh = (file.with_name(f".acme.json.17.{end}") for end in ("0123abcd", "4567abcd"))
    for draft in (old, fresh):
        draft.write_text("{}")
    os.utime(old, (0, 0))
    store.save(profile("r2"))
    assert not old.exists()
    assert fresh.exists()


def test_the_home_is_private_whatever_the_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each folder on the way that is made, the home itself, one that was open before, and every file in it."""
    place = tmp_path / "new" / "deeper" / "home"
    monkeypatch.setenv("BOXNB_HOME", str(place))
    before = os.umask(0)
    try:
        store.save(store.Profile("acme", CLIENT))
        with store.lock("acme"):
            pass
        with boxnb.run("weekly"):
            pass
        basic.save("devices", "http://127.0.0.1:9", "reader", "a-password")
        book = ledger.Ledger(place / "ledger" / "acme.json")
        book.remember("users", rows=1)
    finally:
        os.umask(before)
    every = [tmp_path / "new", tmp_path / "new" / "deeper", place, *place.rglob("*")]
    assert [str(each) for each in every if stat.S_IMODE(each.stat().st_mode) & 0o077] == []
    for open_before in (place, place / "profiles"):
        open_before.chmod(0o777)
    store.save(store.Profile("acme", CLIENT))
    assert stat.S_IMODE(place.stat().st_mode) == stat.S_IMODE((place / "profiles").stat().st_mode) == 0o700


def test_a_home_that_is_not_ours_alone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's whole folder stays as it is; where others can write in it, that is said once."""
    monkeypatch.setenv("BOXNB_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    tmp_path.chmod(0o777)
    try:
        with pytest.warns(UserWarning, match="Other users can write in"):
            store.save(store.Profile("acme", CLIENT))
        store.save(store.Profile("acme", CLIENT))
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o777
        assert stat.S_IMODE((tmp_path / "profiles").stat().st_mode) == 0o700
    finally:
        tmp_path.chmod(0o700)
