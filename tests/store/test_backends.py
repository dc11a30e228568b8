"""Backends: secrets in a keyring, in a secret manager's command, or in an older script's property list."""

from __future__ import annotations

import dataclasses
import datetime
import json
import plistlib
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keyring
import pytest
import requests
from keyring.backend import KeyringBackend
from mailing import mailbox
from signing import sign_in

import boxnb
from boxnb import oauth, runs, store
from boxnb.errors import TokenStoreError, WaitNotice
from boxnb.oauth.token import Token
from boxnb.sandbox import Sandbox
from boxnb.secret import Secret
from boxnb.store import backends, files, system_keyring

CLIENT = oauth.Client("abc", Secret("the-client-secret-of-tests"), "http://127.0.0.1/callback")
TOKEN = Token(Secret("access-0a1b2c3d"), Secret("refresh-0a1b2c3d"), obtained_at=1000.0, expires_in=3600.0)


class MemoryKeyring(KeyringBackend):
    """A keyring in memory, for one test."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.passwords: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.passwords[service, username]


@pytest.fixture
def vault() -> Any:
    previous_keyring = keyring.get_keyring()
    memory = MemoryKeyring()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(previous_keyring)


MANAGER = """
import pathlib, sys
verb, name = sys.argv[2:]
file = pathlib.Path(sys.argv[1], name)
if verb == "set": file.write_text(sys.stdin.read())
elif verb == "delete": file.unlink()
elif file.exists(): print(file.read_text())
"""


@pytest.fixture
def command(tmp_path: Path) -> str:
    """Return the `keep` of a small secret manager that saves secrets in a folder."""
    script, folder = tmp_path / "manager.py", tmp_path / "secrets"
    script.write_text(MANAGER)
    folder.mkdir()
    return f"command:{sys.executable} {script} {folder}"


@pytest.fixture
def saved() -> store.Profile:
    profile = store.Profile("acme", CLIENT, TOKEN, generation=4, account={"name": "Zoë"})
    store.save(profile)
    return profile


def sign_in_of(profile: store.Profile | None) -> tuple[Any, ...]:
    """Return the fields of a profile that a move between backends must not change."""
    assert profile is not None
    return profile.client, profile.token, profile.generation, profile.account


def test_a_sign_in_moves_through_every_backend_and_back(
    saved: store.Profile, vault: MemoryKeyring, command: str, tmp_path: Path
) -> None:
    """The token pair survives each move between file, keyring, command and property list, and no copy stays behind."""
    file = store.path("acme")
    for keep in ("keyring", command, f"plist:{tmp_path / 'old.plist'}", "file"):
        store.migrate("acme", keep)
        assert sign_in_of(store.load("acme")) == sign_in_of(saved)
        is_outside_the_file = keep == "keyring" or keep.startswith("command")
        assert ("refresh-0a1b2c3d" in file.read_text()) is not is_outside_the_file
    assert vault.passwords == {}
    assert list((tmp_path / "secrets").iterdir()) == []


CHANGES = pytest.mark.parametrize(
    "work",
    [
        lambda: store.configure("acme", monthly_calls=5),
        lambda: store.migrate("acme", "file"),
        lambda: store.rename("acme", "beta"),
    ],
    ids=["configure", "migrate", "rename"],
)


def answer_first(vault: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, answers: list[str | None]) -> None:
    """Let the keyring give these answers first, and the true one afterwards."""
    true_answer, first = vault.get_password, iter(answers)
    monkeypatch.setattr(vault, "get_password", lambda *names: next(first, true_answer(*names)))


@CHANGES
def test_a_keyring_that_returns_nothing_once_is_asked_again(
    saved: store.Profile, vault: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]
) -> None:
    """Another process may be replacing the entry: macOS deletes it before it adds the new one."""
    store.migrate("acme", "keyring")
    answer_first(vault, monkeypatch, [None])
    work()
    assert sign_in_of(store.load(store.names()[0])) == sign_in_of(saved)


@CHANGES
@pytest.mark.parametrize("answer", ["nothing", "older"])
def test_a_keyring_that_does_not_return_the_newest_secrets_loses_nothing(
    saved: store.Profile,
    vault: MemoryKeyring,
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[[], object],
    answer: str,
) -> None:
    """It may be locked, or return a cached entry. The profile is not saved without its secrets, or with older ones."""
    store.migrate("acme", "keyring")
    older = vault.passwords["boxnb", "acme"]
    newer = saved.renewed(Token(Secret("a2"), Secret("r2"), obtained_at=2000.0, expires_in=3600.0), 0.0)
    store.save(dataclasses.replace(newer, keep="keyring"))
    answer_first(vault, monkeypatch, [older if answer == "older" else None] * 4)
    with (
        pytest.warns(
            UserWarning, match="returned older secrets" if answer == "older" else "are missing from"
        ),
        pytest.raises(TokenStoreError, match="nothing was changed"),
    ):
        work()
    assert sign_in_of(store.load("acme")) == sign_in_of(newer)


KILLED = """
import os, sys
from pathlib import Path
import keyring
from keyring.backend import KeyringBackend

class DeletesThenAdds(KeyringBackend):
    priority = 1
    file = Path(sys.argv[1])
    def get_password(self, service, username):
        return self.file.read_text() if self.file.exists() else None
    def set_password(self, service, username, password):
        deleted = self.file.exists()
        self.file.unlink(missing_ok=True)
        if deleted and len(sys.argv) > 2:
            os._exit(9)
        self.file.write_text(password)
    def delete_password(self, service, username):
        self.file.unlink()

keyring.set_keyring(DeletesThenAdds())
from boxnb import store
from boxnb.oauth.token import Token
from boxnb.secret import Secret
profile = store.load("acme")
if profile.keep == "file":
    store.migrate("acme", "keyring")
elif len(sys.argv) > 2:
    store.save(profile.renewed(Token(Secret("a2"), Secret("r2"), obtained_at=2000.0, expires_in=3600.0), 0.0))
else:
    print(profile.token.refresh_token.reveal(), profile.client.client_secret.reveal())
"""


def test_a_process_killed_while_the_keyring_replaces_an_entry_loses_nothing(
    saved: store.Profile, tmp_path: Path
) -> None:
    """The macOS keychain deletes the entry before it adds the new one. The new token pair is in the private draft."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", KILLED, str(tmp_path / "entry"), *arguments]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

    assert run().returncode == 0
    assert run("killed").returncode == 9
    assert not (tmp_path / "entry").exists()
    loaded = run()
    assert loaded.stdout.split() == ["r2", "the-client-secret-of-tests"]
    assert "until the backend saves them" in loaded.stderr


@pytest.mark.parametrize("keep", ["keyring", "command"])
def test_two_home_folders_share_a_keyring(
    saved: store.Profile,
    vault: MemoryKeyring,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    keep: str,
) -> None:
    """Profiles with the same name in two home folders have an entry each, and deleting one keeps the other's."""
    keep, first_home = command if keep == "command" else keep, str(store.home())
    store.migrate("acme", keep)
    monkeypatch.setenv("BOXNB_HOME", str(tmp_path / "other home"))
    other_token = Token(Secret("access-other"), Secret("refresh-other"), 1000.0, 3600.0)
    other = store.Profile("acme", CLIENT, other_token, account={"name": "Bo"})
    store.save(other)
    store.migrate("acme", keep)
    assert sign_in_of(store.load("acme")) == sign_in_of(other)
    store.delete("acme")
    monkeypatch.setenv("BOXNB_HOME", first_home)
    assert sign_in_of(store.load("acme")) == sign_in_of(saved)


MOVES = [("keyring", "file"), ("file", "keyring"), ("plist", "keyring"), ("keyring", "command")]
CUTS = ["before the profile is saved", "before the old backend is emptied"]


@pytest.mark.parametrize(
    ("moves", "moment"),
    [(moves, moment) for moves in MOVES for moment in CUTS if (moves[0], moment) != ("file", CUTS[1])],
)
@pytest.mark.parametrize("following", ["another change", "another move"])
def test_a_move_that_was_cut_off_leaves_no_second_copy(
    saved: store.Profile,
    vault: MemoryKeyring,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moves: tuple[str, str],
    moment: str,
    following: str,
) -> None:
    """The profile records which backend still has to be emptied, and the next save empties it."""
    keeps = {"plist": f"plist:{tmp_path / 'old.plist'}", "command": command}
    old, new = (keeps.get(keep, keep) for keep in moves)
    store.migrate("acme", old)

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        if moment == CUTS[0]:
            # A move to a keyring or a command first writes that the new backend may have a copy.
            writes = iter([cut_off] if new == "file" else [files._write, cut_off])
            patch.setattr(files, "_write", lambda *content: next(writes)(*content))
        else:
            patch.setattr(files, "_empty_former", cut_off)
        store.migrate("acme", new)
    assert sign_in_of(store.load("acme")) == sign_in_of(saved)
    if following == "another change":
        store.configure("acme", monthly_calls=7)
    else:
        store.migrate("acme", f"plist:{tmp_path / 'another.plist'}")
        store.migrate("acme", "file")
    assert sign_in_of(store.load("acme")) == sign_in_of(saved)
    copies = [
        bool(vault.passwords),
        any((tmp_path / "secrets").iterdir()),
        (tmp_path / "old.plist").exists() and b"refresh-0a1b" in (tmp_path / "old.plist").read_bytes(),
        b"refresh-0a1b" in store.path("acme").read_bytes(),
    ]
    loaded = store.load("acme")
    assert loaded is not None
    assert copies.count(True) == (2 if loaded.keep.startswith("plist") else 1)
    store.delete("acme")
    assert vault.passwords == {} and list((tmp_path / "secrets").iterdir()) == []


ODD_ENTRIES = [
    "[]",
    "{",
    '{"token": []}',
    '{"token": {"access_token": 5}}',
    '{"token": null, "client_secret": 7}',
    '{"token": null, "mail": {"host": 1}}',
]


@pytest.mark.parametrize("text", ODD_ENTRIES)
def test_an_odd_entry_of_the_keyring_is_named_as_the_cause(
    saved: store.Profile, vault: MemoryKeyring, text: str
) -> None:
    """The profile's file is fine, so the message does not advise anyone to delete it."""
    store.migrate("acme", "keyring")
    vault.passwords["boxnb", "acme"] = text
    with pytest.raises(TokenStoreError, match=r"The keyring's entry is not what boxnb saved\. Sign in again"):
        store.load("acme")


@pytest.mark.parametrize("error", ["AttributeError", "OSError", "SyntaxError"])
def test_a_broken_keyring_package_is_named_as_the_cause(
    saved: store.Profile, vault: MemoryKeyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    """A package that keyring imports may have the wrong version."""
    store.migrate("acme", "keyring")
    (tmp_path / "keyring.py").write_text(f"raise {error}('half')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "keyring")
    with pytest.raises(TokenStoreError, match=rf"cannot be imported \({error}\). Reinstall it"):
        store.load("acme")


def test_a_keyring_that_waits_for_a_prompt_is_announced_and_given_up(
    saved: store.Profile, vault: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over SSH or in a scheduled run, nobody sees the prompt."""
    store.migrate("acme", "keyring")
    monkeypatch.setattr(system_keyring, "NOTICED", 0.05)
    monkeypatch.setattr(system_keyring, "PATIENCE", 0.5)
    answered = threading.Event()
    monkeypatch.setattr(vault, "get_password", lambda *_: answered.wait(30))
    with (
        pytest.warns(WaitNotice, match="may be showing a prompt"),
        pytest.raises(TokenStoreError, match="did not answer"),
    ):
        store.load("acme")
    answered.set()


def test_a_renamed_profile_ignores_the_draft_of_an_earlier_one(
    saved: store.Profile, vault: MemoryKeyring
) -> None:
    """If deleting a profile was interrupted, its draft does not come back under the same name."""
    store.migrate("acme", "keyring")
    content = {"token": None, "mail": None, "client_secret": "of the deleted one", "generation": 9}
    backends.draft_path(store.path("beta")).write_text(json.dumps(content))
    store.rename("acme", "beta")
    assert sign_in_of(store.load("beta")) == sign_in_of(saved)


def test_a_damaged_draft_does_not_hide_the_entry(saved: store.Profile, vault: MemoryKeyring) -> None:
    """Without an entry, the draft is named as the cause."""
    store.migrate("acme", "keyring")
    draft = backends.draft_path(store.path("acme"))
    draft.write_text('{"token": {"acc')
    draft.chmod(0o600)
    with pytest.warns(UserWarning, match="is damaged, so boxnb ignores it"):
        assert sign_in_of(store.load("acme")) == sign_in_of(saved)
    vault.passwords.clear()
    with pytest.raises(TokenStoreError, match=r"acme\.json\.unsaved is not what boxnb saved"):
        store.load("acme")


@pytest.mark.parametrize("keep", ["keyring", "command"])
def test_the_mail_password_moves_with_the_other_secrets(
    saved: store.Profile, vault: MemoryKeyring, command: str, tmp_path: Path, keep: str
) -> None:
    """The mail password moves to the new backend, and a run can still send mail."""
    with mailbox(tmp_path) as server:
        store.migrate("acme", command if keep == "command" else keep)
        assert server.password not in store.path("acme").read_text()
        runs.save_mail("acme", **server.settings(verify=str(tmp_path / "company-ca.pem")))
        assert server.password not in store.path("acme").read_text()
        with boxnb.run("links", to=["ada@example.com"]) as run:
            pass
        assert run.undelivered == [] and len(server) == 1


@pytest.mark.parametrize("keep", ["keyring", "command"])
def test_a_refresh_works_with_every_backend(
    sandbox: Sandbox, vault: MemoryKeyring, command: str, keep: str
) -> None:
    """A refresh and a sign-out work with each backend, and the client secret stays for the next sign-in."""
    signed_in = sign_in(sandbox)
    store.migrate("acme", command if keep == "command" else keep)
    sandbox.clock.advance(7200)
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"
    refreshed = store.load("acme")
    assert refreshed is not None
    assert (refreshed.generation, refreshed.client) == (1, signed_in.client)
    assert "revoked" in boxnb.sign_out("acme")
    signed_out = store.load("acme")
    assert signed_out is not None
    assert (signed_out.token, signed_out.client) == (None, signed_in.client)


def test_a_missing_keyring_is_refused(saved: store.Profile) -> None:
    """Without a usable keyring the move fails instead of falling back silently, and the saved sign-in stays."""
    from keyring.backends import fail, null

    for backend in (fail.Keyring(), null.Keyring()):
        keyring.set_keyring(backend)
        with pytest.raises(TokenStoreError, match="no keyring"):
            store.migrate("acme", "keyring")
    assert store.load("acme") == saved


def test_a_plain_text_keyring_is_refused(saved: store.Profile) -> None:
    """A plain-text keyring is no safer than the private file, but looks safer."""
    plain = type("PlaintextKeyring", (MemoryKeyring,), {"__module__": "keyrings.alt.file"})
    keyring.set_keyring(plain())
    with pytest.raises(TokenStoreError, match="plain text"):
        store.migrate("acme", "keyring")
    assert store.load("acme") == saved


def test_a_command_that_fails_is_reported(saved: store.Profile, tmp_path: Path) -> None:
    """The error has the name and the exit code of the command, but not its output."""
    for keep, says in (
        (f"command:{sys.executable} -c exit(3)", "ended with exit code 3"),
        ("command:no-such-program", "run"),
    ):
        with pytest.raises(TokenStoreError, match=says):
            store.migrate("acme", keep)
    assert store.load("acme") == saved


def test_a_pair_survives_a_move_to_a_command_with_the_same_storage(
    saved: store.Profile, command: str, tmp_path: Path
) -> None:
    """If the new command has the same storage as the old one, emptying the old one does not lose the token pair."""
    store.migrate("acme", command)
    (tmp_path / "moved.py").write_text(MANAGER)
    store.migrate("acme", command.replace("manager.py", "moved.py"))
    assert sign_in_of(store.load("acme")) == sign_in_of(saved)


def test_a_command_is_split_into_words() -> None:
    """On Windows a backslash is part of a path, and quotes enclose words with spaces."""
    windows = backends.split_command(r'"C:\Program Files\vault.exe" --quiet C:\a', windows=True)
    assert windows == [r"C:\Program Files\vault.exe", "--quiet", r"C:\a"]
    assert backends.split_command(r"vault 'a b' c\ d", windows=False) == ["vault", "a b", "c d"]


def test_keys_that_only_sound_like_a_time_do_not_change(tmp_path: Path) -> None:
    """Keys such as `Timeout` do not change, and without a time the status does not mention the token's age."""
    plist = tmp_path / "box.plist"
    content = {
        "Timeout": 30,
        "updateUrl": "https://example.com/",
        "Refresh Token": "old",
        "Token Time": 1_790_000_000,
    }
    plist.write_bytes(plistlib.dumps(content))
    store.save(store.Profile("acme", CLIENT))
    profile = store.migrate("acme", f"plist:{plist}")
    assert profile.token is not None
    assert profile.token.obtained_at == 1_790_000_000
    store.save(profile.renewed(Token(Secret("a2"), Secret("r2"), obtained_at=2e9, expires_in=3600.0), 0.0))
    new_content = plistlib.loads(plist.read_bytes())
    assert new_content == {**content, "Refresh Token": "r2", "Token Time": 2_000_000_000}
    plist.write_bytes(plistlib.dumps({"Timeout": 30, "Refresh Token": "old"}))
    assert "Not used" not in str(boxnb.status().to_dict("records"))


@pytest.mark.parametrize("keep", ["", "nowhere", "plist", "command:", "file:x"])
def test_an_unknown_backend_is_refused(saved: store.Profile, keep: str) -> None:
    """The error lists the backends."""
    with pytest.raises(ValueError, match="'keyring'"):
        store.migrate("acme", keep)


OLD_TIME = datetime.datetime(2026, 11, 20, 8, 30)

PLISTS: list[dict[str, Any]] = [
    {"refresh_token": "old-refresh", "time": OLD_TIME},
    {"Refresh Token": "old-refresh", "Time Stamp": "2026-11-20 08:30:00"},
    {"refreshToken": "old-refresh", "tokenTime": 1_795_000_000},
    {"boxRefreshToken": " old-refresh\n", "obtained": "1795000000.5", "note": "keep me"},
    {"REFRESH": "old-refresh"},
]


@pytest.mark.parametrize("content", PLISTS, ids=lambda content: next(iter(content)))
@pytest.mark.parametrize("plist_format", [plistlib.FMT_XML, plistlib.FMT_BINARY])
def test_the_property_list_of_an_older_script_is_adopted(
    tmp_path: Path, content: dict[str, Any], plist_format: Any
) -> None:
    """The token is adopted with any spelling of the keys. Keys and other entries do not change."""
    plist = tmp_path / "box.plist"
    plist.write_bytes(plistlib.dumps(content, fmt=plist_format))
    store.save(store.Profile("acme", CLIENT))
    profile = store.migrate("acme", f"plist:{plist}")
    assert profile.token is not None
    assert profile.token.refresh_token == Secret("old-refresh")
    store.save(profile.renewed(Token(Secret("a2"), Secret("r2"), obtained_at=2e9, expires_in=3600.0), 0.0))
    new_content = plistlib.loads(plist.read_bytes())
    assert content.keys() <= new_content.keys()
    assert new_content[next(iter(content))] == "r2"
    assert new_content.get("note") == content.get("note")
    for key in content.keys() & {"time", "tokenTime"}:
        assert type(new_content[key]) is type(content[key])


def test_an_older_script_and_the_notebooks_share_one_token_pair(sandbox: Sandbox, tmp_path: Path) -> None:
    """The older script and boxnb take turns, and each uses the token pair that the other saved."""
    profile = sign_in(sandbox)
    plist = tmp_path / "box.plist"
    store.migrate("acme", f"plist:{plist}")
    for _ in range(5):
        sandbox.clock.advance(7200)
        content = plistlib.loads(plist.read_bytes())
        form = {
            "grant_type": "refresh_token",
            "refresh_token": content["refresh_token"],
            "client_id": profile.client.client_id,
            "client_secret": profile.client.client_secret.reveal(),
        }
        response = requests.post(profile.client.server.token_url, data=form, timeout=10)
        assert response.status_code == 200, response.text
        content["refresh_token"] = response.json()["refresh_token"]
        plist.write_bytes(plistlib.dumps(content))
        bearer = {"Authorization": f"Bearer {response.json()['access_token']}"}
        assert requests.get(sandbox.server()["api_url"] + "/users/me", headers=bearer, timeout=10).ok
        assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_a_spent_token_in_the_property_list_is_not_adopted(tmp_path: Path, saved: store.Profile) -> None:
    """After a crash between the two writes, the property list has a spent token, and boxnb uses its own newer one."""
    plist = tmp_path / "box.plist"
    store.migrate("acme", f"plist:{plist}")
    old_content = plist.read_bytes()
    profile = store.load("acme")
    assert profile is not None
    newer = profile.renewed(Token(Secret("a2"), Secret("r2"), obtained_at=2000.0, expires_in=3600.0), 0.0)
    store.save(newer)
    plist.write_bytes(old_content)
    assert store.load("acme") == newer


def test_two_sign_ins_are_not_merged(tmp_path: Path, saved: store.Profile) -> None:
    """A move to a property list with another sign-in is refused, so that neither is lost."""
    plist = tmp_path / "box.plist"
    plist.write_bytes(plistlib.dumps({"refresh_token": "another"}))
    with pytest.raises(ValueError, match="contain different sign-ins"):
        store.migrate("acme", f"plist:{plist}")
    assert store.load("acme") == saved


@pytest.mark.parametrize("content", [b"", b"<plist", b"not a plist", plistlib.dumps(["a list"])])
def test_a_damaged_property_list_is_reported_and_not_changed(
    tmp_path: Path, saved: store.Profile, content: bytes
) -> None:
    """The error says that the property list is damaged, and the file is not changed."""
    plist = tmp_path / "box.plist"
    plist.write_bytes(content)
    with pytest.raises(TokenStoreError, match="property list"):
        store.migrate("acme", f"plist:{plist}")
    assert plist.read_bytes() == content
    assert store.load("acme") == saved


def test_rename_and_delete(saved: store.Profile, vault: MemoryKeyring) -> None:
    """A renamed profile stays signed in, and no secret of a deleted one remains."""
    store.migrate("acme", "keyring")
    store.rename("acme", "zenith")
    assert sign_in_of(store.load("zenith")) == sign_in_of(saved)
    assert store.load("acme") is None
    with pytest.raises(ValueError, match="no profile"):
        store.rename("acme", "other")
    store.save(saved)
    with pytest.raises(ValueError, match="already"):
        store.rename("acme", "zenith")
    store.delete("zenith")
    assert vault.passwords == {}
    assert store.names() == ["acme"]


def test_an_invalid_token_in_the_property_list_does_not_hide_the_valid_one(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """If the token in the property list is refused, the token pair in the profile's file is used."""
    sign_in(sandbox)
    plist = tmp_path / "box.plist"
    store.migrate("acme", f"plist:{plist}")
    invalid = plistlib.dumps({"refresh_token": "from another life", "time": OLD_TIME})
    for _ in range(3):
        plist.write_bytes(invalid)
        sandbox.clock.advance(7200)
        assert boxnb.connect("acme").get("/users/me")["type"] == "user"
        assert plistlib.loads(plist.read_bytes())["refresh_token"] != "from another life"


def test_a_property_list_that_cannot_be_written_only_affects_the_older_script(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """A warning says that the older script has to sign in again, and boxnb itself stays signed in."""
    sign_in(sandbox)
    folder = tmp_path / "shared"
    folder.mkdir()
    plist = folder / "box.plist"
    store.migrate("acme", f"plist:{plist}")
    plist.unlink()
    folder.rmdir()
    sandbox.clock.advance(7200)
    with pytest.warns(UserWarning, match="older script will have to sign in again"):
        assert boxnb.connect("acme").get("/users/me")["type"] == "user"
    sandbox.clock.advance(7200)
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_a_profile_whose_secrets_are_missing_can_be_loaded_and_deleted(
    saved: store.Profile, vault: MemoryKeyring
) -> None:
    """A warning says that the secrets are missing, the client ID is still known, and the profile can be deleted."""
    store.migrate("acme", "keyring")
    vault.passwords.clear()
    with pytest.warns(UserWarning, match="missing from the backend 'keyring'"):
        profile = store.load("acme")
    assert profile is not None
    assert (profile.token, profile.client.client_id) == (None, CLIENT.client_id)
    store.delete("acme")
    assert store.names() == []
