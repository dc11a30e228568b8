"""The profile on disk: private, replaced atomically, locked; no failure loses the saved sign-in."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from small_files import limit_files

import boxnb
from boxnb import basic, oauth, store
from boxnb.api import ledger
from boxnb.errors import TokenStoreError
from boxnb.local import private_files
from boxnb.oauth.token import Token
from boxnb.secret import Secret
from boxnb.store import files

CLIENT = oauth.Client("abc", Secret("the-client-secret-of-tests"), "http://127.0.0.1/callback")


def profile(refresh_token: str = "r1", **fields: object) -> store.Profile:
    token = Token(Secret("access-0a1b2c3d"), Secret(refresh_token), obtained_at=1000.0, expires_in=3600.0)
    return store.Profile("acme", CLIENT, token, account={"name": "Zoë"}, **fields)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def private_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOXNB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_saved_profile_is_loaded_unchanged() -> None:
    """A loaded profile has every saved field, and a profile that is not saved is `None`."""
    assert store.load("acme") is None
    store.save(profile(generation=3, skew=1.5, verify="/etc/ca.pem"))
    assert store.load("acme") == profile(generation=3, skew=1.5, verify="/etc/ca.pem")
    assert store.names() == ["acme"]
    store.delete("acme")
    assert store.load("acme") is None


def test_file_and_folder_are_private() -> None:
    """The modes are 0600 and 0700 with any umask."""
    umask = os.umask(0)
    try:
        file = store.save(profile())
    finally:
        os.umask(umask)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_file_that_others_can_read_is_made_private() -> None:
    """The mode is corrected with one warning, and the profile is loaded."""
    file = store.save(profile())
    file.chmod(0o644)
    with pytest.warns(UserWarning, match="private"):
        assert store.load("acme") == profile()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"{}", b"\xff\xfe", b'{"format": 1}'])
def test_a_damaged_file_is_reported_and_not_changed(content: bytes) -> None:
    """The error names the file without quoting it, and the file stays, so that a person can repair it."""
    file = store.save(profile())
    file.write_bytes(content)
    with pytest.raises(TokenStoreError, match="damaged") as caught:
        store.load("acme")
    assert caught.value.path == file
    assert file.read_bytes() == content


def test_a_newer_format_is_refused() -> None:
    """An older boxnb refuses a file of a newer format."""
    file = store.save(profile())
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": 99}))
    with pytest.raises(TokenStoreError, match="newer boxnb"):
        store.load("acme")


def test_a_folder_at_the_path_of_the_file_is_reported() -> None:
    """Reading and writing raise an error if the path is a folder."""
    store.path("acme").mkdir(parents=True)
    with pytest.raises(TokenStoreError, match="folder has the same name as this file"):
        store.load("acme")
    with pytest.raises(TokenStoreError, match="No saved data was lost"):
        store.save(profile())


def test_a_symlink_stays_a_symlink(tmp_path: Path) -> None:
    """Saving replaces the file that the link points to."""
    file = store.save(profile())
    real = tmp_path / "elsewhere.json"
    file.rename(real)
    file.symlink_to(real)
    store.save(profile("r2"))
    assert file.is_symlink()
    assert store.load("acme") == profile("r2")


def test_a_full_disk_does_not_damage_the_previous_profile() -> None:
    """If the file system limits the file size, the save fails, the old file is complete, and no draft remains."""
    file = store.save(profile())
    child = os.fork()
    if child == 0:
        limit_files(64)
        try:
            store.save(profile("r2"))
        except TokenStoreError as error:
            os._exit(0 if "No saved data was lost" in str(error) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.load("acme") == profile()
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []


def test_a_read_only_folder_is_reported() -> None:
    """The error says what to do. Root ignores modes, so a child process first gives up root's permissions."""
    file = store.save(profile())
    file.parent.chmod(0o500)
    child = os.fork()
    if child == 0:
        if os.getuid() == 0:
            for path in (file, file.parent):
                os.chown(path, 65534, 65534)
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
    assert json.loads(file.read_bytes())["format"] == 1  # every version of boxnb reads it


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "Check the owner and mode"),
        (errno.EROFS, "Check the owner and mode"),
        (errno.ENOSPC, "Free up disk space"),
        (errno.EDQUOT, "Free up disk space"),
        (errno.EEXIST, "A file has the same name as this folder"),
        (errno.ENOTDIR, "A file has the same name as this folder"),
        (errno.EIO, "Check the path and the disk"),
    ],
)
def test_the_remedy_fits_the_cause(number: int, remedy: str, tmp_path: Path) -> None:
    """Only a full disk is a reason to free space, and every message has the path."""
    error = private_files.explained(OSError(number, os.strerror(number)), tmp_path, "written")
    assert remedy in str(error) and str(tmp_path) in str(error) and "BOXNB_HOME" in str(error)
    assert ("Free up" in str(error)) == (number in (errno.ENOSPC, errno.EDQUOT))


def test_a_profile_that_cannot_be_deleted_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the path and the remedy, as that of a save has."""
    store.save(profile())

    def refuse(file: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(file))

    monkeypatch.setattr(private_files, "remove", refuse)
    with pytest.raises(TokenStoreError, match=r"could not be deleted .* Check the owner and mode"):
        store.delete("acme")


def test_the_sandbox_reports_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`connect` raises an error of boxnb with the path, not the error of the operating system."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("BOXNB_HOME", str(tmp_path / "file" / "boxnb"))
    with pytest.raises(TokenStoreError, match=r"could not be used for the sandbox .* BOXNB_HOME"):
        boxnb.connect("sandbox")


def test_stray_files_a_rename_to_the_same_name_and_a_delete() -> None:
    """A copy that a person made is not a profile, a rename needs a new name, and delete removes the drafts."""
    file = store.save(profile())
    file.with_name("acme copy.json").write_bytes(file.read_bytes())
    assert store.names() == ["acme"]
    with pytest.raises(ValueError, match="already named 'acme'"):
        store.rename("acme", "Acme")
    file.with_name(".acme.json.17.0123abcd").write_text("the draft of a killed writer")
    store.delete("acme")
    assert sorted(path.name for path in file.parent.iterdir()) == ["acme copy.json", "acme.lock"]


@pytest.mark.parametrize("name", ["con", "lpt0", "NUL.txt", "", "../up", "a/b", ".hidden", "a b", "x" * 65])
def test_a_name_that_cannot_be_a_file_name_is_refused(name: str) -> None:
    """A profile name cannot lead to a file outside the folder of profiles."""
    with pytest.raises(ValueError, match="name of a profile"):
        store.path(name)


def test_the_lock_excludes_threads() -> None:
    """Two threads never hold the lock at the same time."""
    holders, overlaps = 0, 0

    def work() -> None:
        nonlocal holders, overlaps
        for _ in range(20):
            with store.lock("acme"):
                holders += 1
                overlaps += holders > 1
                holders -= 1

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


def test_change_saves_what_the_edit_returns() -> None:
    """The edit gets `None` if no profile is saved yet, and `change` returns the profile that is saved afterwards."""
    assert store.change("acme", lambda saved: profile() if saved is None else None) == profile()
    skewed = store.change("acme", lambda saved: dataclasses.replace(saved or profile(), skew=2.5))
    assert skewed == store.load("acme") == profile(skew=2.5)


def test_change_does_not_write_an_unchanged_profile() -> None:
    """If the edit returns `None` or an equal profile, or raises an error, the file is not written."""
    file = store.save(profile())
    inode = file.stat().st_ino
    assert store.change("acme", lambda saved: None) == profile()
    assert store.change("acme", lambda saved: profile()) == profile()
    with pytest.raises(ZeroDivisionError):
        store.change("acme", lambda saved: profile(skew=1 / 0))
    assert file.stat().st_ino == inode and store.load("acme") == profile()


def test_changes_of_many_threads_are_all_saved() -> None:
    """Every edit starts from the profile that the previous one saved."""
    store.save(profile())

    def count() -> None:
        for _ in range(5):
            store.change("acme", lambda saved: dataclasses.replace(saved or profile(), skew=saved.skew + 1))  # type: ignore[union-attr]

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.load("acme") == profile(skew=20.0)


def test_an_unknown_holder_is_another_process() -> None:
    """The note that names the holder is empty for a moment while it is being written."""
    file = store.path("acme")
    file.parent.mkdir(parents=True)
    file.with_suffix(".holder").touch()
    assert files._holder(file) == "another process"


def test_the_lock_names_its_holder_and_ends_with_it() -> None:
    """The error names the process that holds the lock, and the lock is free once that process is killed."""
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


def test_a_killed_writer_leaves_a_complete_file() -> None:
    """Ten times, a process is killed while it saves the profile, and the profile can still be loaded."""
    store.save(profile())
    for _ in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", _SAVE_IN_A_LOOP], stdout=subprocess.PIPE, env=os.environ
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            writer.kill()
        assert store.load("acme") is not None


_SAVE_IN_A_LOOP = """
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
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for generation in (7, 8):
        store.save(store.Profile(**{**vars(profile), "generation": generation}))
print(store.load("acme").generation, len(caught), caught[0].message)
done = threading.Event()
def read():
    generations = [8]
    while not done.is_set():
        generations.append(store.load("acme").generation)
    return len(generations) > 100 and generations == sorted(generations)
with concurrent.futures.ThreadPoolExecutor(2) as readers:
    reading = [readers.submit(read) for _ in range(2)]
    for generation in range(9, 109):
        store.save(store.Profile(**{**vars(profile), "generation": generation}))
    done.set()
print([reader.result() for reader in reading])
"""


def test_a_file_that_is_a_mount_point_is_written_in_place(tmp_path: Path) -> None:
    """A mounted file cannot be replaced. It is written in place with one warning, and readers never see a partial file."""
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
    assert "[True, True]" in child.stdout  # readers without a lock saw only complete files
    assert json.loads(volume.read_bytes())["generation"] == 108
    assert store.load("acme") == profile()


def test_a_write_in_place_that_was_cut_off_is_recovered(tmp_path: Path) -> None:
    """The spare copy, which was flushed before the file was written, is loaded instead of the partial file."""
    file = store.save(profile("new"))
    file.rename(file.with_name(".acme.json.spare"))
    file.write_bytes(b'{"half')
    file.chmod(0o600)
    assert store.load("acme") == profile("new")
    store.save(profile("newer"))
    assert store.load("acme") == profile("newer")


def test_drafts_of_a_killed_writer_are_removed() -> None:
    """The next save removes drafts that are minutes old, because they contain a token."""
    file = store.save(profile())
    old, recent = (file.with_name(f".acme.json.17.{end}") for end in ("0123abcd", "4567abcd"))
    for draft in (old, recent):
        draft.write_text("{}")
    os.utime(old, (0, 0))
    store.save(profile("r2"))
    assert not old.exists()
    assert recent.exists()


def test_the_home_folder_is_private_for_any_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All new folders, an existing home folder that others could read, and all files in it become private."""
    home = tmp_path / "new" / "deeper" / "home"
    monkeypatch.setenv("BOXNB_HOME", str(home))
    umask = os.umask(0)
    try:
        store.save(store.Profile("acme", CLIENT))
        with store.lock("acme"):
            pass
        with boxnb.run("weekly"):
            pass
        basic.save("devices", "http://127.0.0.1:9", "reader", "a-password")
        ledger.Ledger(home / "ledger" / "acme.json").remember("users", rows=1)
    finally:
        os.umask(umask)
    paths = [tmp_path / "new", tmp_path / "new" / "deeper", home, *home.rglob("*")]
    assert [str(path) for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
    for folder in (home, home / "profiles"):
        folder.chmod(0o777)
    store.save(store.Profile("acme", CLIENT))
    assert stat.S_IMODE(home.stat().st_mode) == stat.S_IMODE((home / "profiles").stat().st_mode) == 0o700


def test_a_home_folder_that_others_can_write_in_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mode of the user's home folder does not change. If others can write to it, there is one warning."""
    monkeypatch.setenv("BOXNB_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    tmp_path.chmod(0o777)
    try:
        with pytest.warns(UserWarning, match="Other users can write to"):
            store.save(store.Profile("acme", CLIENT))
        store.save(store.Profile("acme", CLIENT))
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o777
        assert stat.S_IMODE((tmp_path / "profiles").stat().st_mode) == 0o700
    finally:
        tmp_path.chmod(0o700)
