"""The chain of one sign-in outlives full disks, odd keyrings and old copies, and stops where it became somebody else's."""

from __future__ import annotations

import dataclasses
import os
import resource
import signal
from collections.abc import Callable, Iterator
from typing import Any

import keyring
import pytest
from box_sdk_gen import AccessToken
from keyring.backend import KeyringBackend
from signing import practice_client, sign_in

import boxnb
from boxnb import oauth, runs, sdk, store
from boxnb.errors import InvalidGrantError, ProfileChangedError, TokenStoreError
from boxnb.oauth.token import Token
from boxnb.sandbox import Sandbox
from boxnb.secret import Secret
from boxnb.signin import account
from boxnb.store import backends, intent, profile


@pytest.fixture
def strict(tmp_path: Any) -> Iterator[Sandbox]:
    """A practice Box that retires a refresh token as soon as it was used."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "strict", rotation="strict") as running:
        yield running


def loaded(name: str = "acme") -> store.Profile:
    saved = store.load(name)
    assert saved is not None
    return saved


def in_child(work: Callable[[], str]) -> str:
    """What a forked child says, whose limits end with it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = work()
        except BaseException as error:  # noqa: BLE001  a forked child must not return into pytest
            said = f"unexpected {error!r}"
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def test_a_pair_that_could_not_be_saved_is_saved_and_used_by_the_next_call(strict: Sandbox) -> None:
    """The disk is full for two calls; the server has retired the old token, so only the pair in memory lives."""
    sign_in(strict)
    strict.clock.advance(7200)

    def work() -> str:
        kernel = boxnb.connect("acme")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        said = []
        for largest in (200, 200, resource.RLIM_INFINITY, resource.RLIM_INFINITY):
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
            try:
                said.append(str(kernel.get("/users/me")["type"]))
            except TokenStoreError as error:
                said.append("full" if "Nothing saved was lost" in str(error) else str(error))
        return " ".join(said)

    assert in_child(work) == "full full user user"
    assert loaded().generation == 1
    assert intent.pending(store.path("acme")) is None
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_an_older_copy_of_the_file_is_healed_by_the_pair_in_memory(strict: Sandbox) -> None:
    """A backup comes back while a kernel runs: no dead token is sent, and the file holds the living pair again."""
    sign_in(strict)
    backup = store.path("acme").read_bytes()
    kernel = boxnb.connect("acme")
    for _ in range(2):
        strict.clock.advance(7200)
        kernel.get("/users/me")
    store.path("acme").write_bytes(backup)
    strict.clock.advance(7200)
    assert kernel.get("/users/me")["type"] == "user"
    assert loaded().generation == 3
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"
    assert {call["status"] for call in strict.record() if call["path"] == "/oauth2/token"} == {200}


def test_the_settings_of_the_older_copy_stay(strict: Sandbox) -> None:
    """Only the pair and what is counted with it comes from memory."""
    sign_in(strict)
    kernel = boxnb.connect("acme")
    backup = store.path("acme").read_bytes()
    strict.clock.advance(7200)
    kernel.get("/users/me")
    store.path("acme").write_bytes(backup)
    store.configure("acme", monthly_calls=777)
    strict.clock.advance(7200)
    kernel.get("/users/me")
    assert (loaded().monthly_calls, loaded().generation) == (777, 2)


def test_a_copy_older_than_what_is_remembered_is_healed_too(
    strict: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its token is not known as spent; the server refuses it, and then the pair in memory is tried."""
    monkeypatch.setattr(profile, "SPENT", 1)
    sign_in(strict)
    backup = store.path("acme").read_bytes()
    kernel = boxnb.connect("acme")
    for _ in range(3):
        strict.clock.advance(7200)
        kernel.get("/users/me")
    store.path("acme").write_bytes(backup)
    strict.clock.advance(7200)
    assert kernel.get("/users/me")["type"] == "user"
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_a_newer_sign_in_is_not_overwritten_from_memory(strict: Sandbox) -> None:
    """The same person signs in again elsewhere: what is saved is newer than the pair in memory, and counts."""
    sign_in(strict)
    kernel = boxnb.connect("acme")
    sign_in(strict)
    newer = loaded().token
    strict.clock.advance(7200)
    assert kernel.get("/users/me")["type"] == "user"
    assert newer is not None
    assert newer.refresh_token is not None
    assert loaded().spent[0] == newer.refresh_token.digest


def test_signed_out_elsewhere_ends_a_kernel(strict: Sandbox) -> None:
    """The pair in memory does not come back to life."""
    sign_in(strict)
    kernel = boxnb.connect("acme")
    boxnb.sign_out("acme")
    strict.clock.advance(7200)
    with pytest.raises(boxnb.errors.NotSignedInError):
        kernel.get("/users/me")
    assert loaded().token is None


def test_a_refresh_token_that_the_server_keeps_is_not_called_spent() -> None:
    """RFC 6749 6: it may keep the old one; then nothing was spent."""
    token = Token(Secret("a1"), Secret("kept"), obtained_at=1000.0, expires_in=3600.0)
    first = store.Profile("acme", oauth.Client("id", Secret("s3cret"), "http://127.0.0.1/cb"), token)
    again = first.renewed(dataclasses.replace(token, access_token=Secret("a2")), 0.0)
    assert (again.spent, again.generation) == ((), 1)
    replaced = again.renewed(dataclasses.replace(token, refresh_token=Secret("new")), 0.0)
    assert token.refresh_token is not None
    assert replaced.spent == (token.refresh_token.digest,)
    back = replaced.renewed(token, 0.0)
    assert token.refresh_token.digest not in back.spent


class Vault(KeyringBackend):
    """A keyring that fails in the ways that real ones do."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.trouble: Exception | None = None
        self.silent = False

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.trouble is not None:
            self.kept.pop((service, username), None)  # macOS deletes the entry before it adds the new one
            raise self.trouble
        if not self.silent:
            self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.trouble is not None:
            raise self.trouble
        del self.kept[service, username]


@pytest.fixture
def vault() -> Iterator[Vault]:
    before = keyring.get_keyring()
    found = Vault()
    keyring.set_keyring(found)
    yield found
    keyring.set_keyring(before)


TROUBLES = [
    keyring.errors.PasswordSetError("-25308"),
    RuntimeError("org.freedesktop.DBus.Error.NoReply"),
    OSError(1783, "The stub received bad data"),
    UnicodeError("a backend's own"),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: type(trouble).__name__)
def test_a_keyring_that_fails_in_mid_write_loses_nothing(
    strict: Sandbox, vault: Vault, trouble: Exception
) -> None:
    """Its entry is gone and the old token retired: the new pair is in memory and in a private draft, then in the keyring."""
    sign_in(strict)
    store.migrate("acme", "keyring")
    kernel = boxnb.connect("acme")
    strict.clock.advance(7200)
    vault.trouble = trouble
    with pytest.raises(
        TokenStoreError, match=f"keyring refused.*{type(trouble).__name__}.*private file"
    ) as caught:
        kernel.get("/users/me")
    draft = backends.draft(store.path("acme"))
    assert draft.stat().st_mode & 0o777 == 0o600
    assert "nothing was changed" not in str(caught.value)
    with pytest.warns(UserWarning, match="newest secrets"):
        assert loaded().generation == 1  # what a new process would go on with
    vault.trouble = None
    assert kernel.get("/users/me")["type"] == "user"
    assert not draft.exists()
    assert loaded().client.client_secret
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_a_keyring_that_forgets_what_it_took_is_noticed(strict: Sandbox, vault: Vault) -> None:
    """What was written is read back."""
    sign_in(strict)
    store.migrate("acme", "keyring")
    strict.clock.advance(7200)
    vault.silent = True
    with pytest.raises(TokenStoreError, match="gave back something else"):
        boxnb.connect("acme").get("/users/me")
    vault.silent = False
    with pytest.warns(UserWarning, match="newest secrets"):
        assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_a_draft_goes_with_the_secrets_to_another_place(strict: Sandbox, vault: Vault) -> None:
    """Migrated while the keyring is broken: nothing is lost, and no draft is left to count later."""
    sign_in(strict)
    store.migrate("acme", "keyring")
    strict.clock.advance(7200)
    vault.trouble = OSError(1783, "The stub received bad data")
    with pytest.raises(TokenStoreError):
        boxnb.connect("acme").get("/users/me")
    with pytest.warns(UserWarning, match="could not be emptied|newest secrets"):
        store.migrate("acme", "file")
    assert not backends.draft(store.path("acme")).exists()
    assert loaded().generation == 1
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_a_move_that_is_refused_leaves_the_old_place_and_no_draft(strict: Sandbox, vault: Vault) -> None:
    """The file still holds the secrets, so none are left beside it."""
    before = sign_in(strict)
    vault.trouble = RuntimeError("locked")
    with pytest.raises(TokenStoreError, match="keyring refused"):
        store.migrate("acme", "keyring")
    assert loaded() == before
    assert not backends.draft(store.path("acme")).exists()


def as_somebody_else(saved: store.Profile) -> store.Profile:
    return dataclasses.replace(saved, account={**(saved.account or {}), "id": "4711", "name": "Ben"})


def in_another_enterprise(saved: store.Profile) -> store.Profile:
    return dataclasses.replace(
        saved, account={**(saved.account or {}), "enterprise": {"id": "4711", "name": "Nimbus"}}
    )


def of_another_app(saved: store.Profile) -> store.Profile:
    return dataclasses.replace(saved, client=dataclasses.replace(saved.client, client_id="another"))


def of_another_server(saved: store.Profile) -> store.Profile:
    return dataclasses.replace(saved, client=dataclasses.replace(saved.client, server=oauth.BOX))


def of_nobody_yet(saved: store.Profile) -> store.Profile:
    return dataclasses.replace(saved, account=None)


CHANGES = [
    (as_somebody_else, "belongs to Ben now"),
    (in_another_enterprise, "belongs to the enterprise Nimbus now"),
    (of_another_app, "another app"),
    (of_another_server, "another server"),
    (of_nobody_yet, "signed in anew"),
]


@pytest.mark.parametrize(("change", "says"), CHANGES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_session_stops_where_its_profile_became_another(
    sandbox: Sandbox, change: Callable[[store.Profile], store.Profile], says: str
) -> None:
    """One sentence, at each further call, and nothing is asked as somebody else."""
    sign_in(sandbox)
    account.remember_account("acme")
    kernel = boxnb.connect("acme")
    new = Token(
        Secret("theirs"),
        Secret("their-refresh"),
        obtained_at=kernel.session.auth.now() + 9e3,
        expires_in=3600,
    )
    store.save(change(loaded().renewed(new, 0.0)))
    sandbox.clock.advance(7200)
    kernel.session.auth._skew += 7200
    asked = len(sandbox.record())
    for _ in range(2):
        with pytest.raises(ProfileChangedError, match=says):
            kernel.get("/users/me")
    assert len(sandbox.record()) == asked
    with pytest.raises(ProfileChangedError):
        kernel.session.auth.reread()
    assert loaded().token == new


def test_the_same_person_signs_in_again_and_a_session_goes_on(sandbox: Sandbox) -> None:
    """Also where who it was becomes known only later."""
    sign_in(sandbox)
    kernel = boxnb.connect("acme")
    sign_in(sandbox)
    account.remember_account("acme")
    for _ in range(2):
        sandbox.clock.advance(7200)
        assert kernel.get("/users/me")["type"] == "user"
    client = practice_client(sandbox)
    state = oauth.new_state()
    code = oauth.parse_redirect(sandbox.approve(oauth.authorization_url(client, state)), state=state)
    token = oauth.exchange_code(client, code)
    store.save(loaded().renewed(token, loaded().skew))
    sandbox.clock.advance(7200)
    assert kernel.get("/users/me")["type"] == "user"


def test_the_sdk_keeps_the_refresh_token_where_an_answer_has_none(sandbox: Sandbox) -> None:
    """RFC 6749 6 allows it; an empty pair, too, changes nothing."""
    before = sign_in(sandbox).token
    assert before is not None
    storage = sdk.token_storage("acme")
    for empty in (AccessToken(), AccessToken(access_token=""), AccessToken(access_token=" \n")):
        storage.store(empty)
        assert loaded().token == before
    storage.store(AccessToken(access_token="from-the-sdk", expires_in=3600))
    saved = loaded()
    assert saved.token is not None
    assert (saved.token.access_token, saved.token.refresh_token) == (
        Secret("from-the-sdk"),
        before.refresh_token,
    )
    assert storage.get().access_token == "from-the-sdk"


def test_a_pair_of_the_sdk_outlives_a_save_that_fails(strict: Sandbox) -> None:
    """It is saved with the next question for a token."""
    before = sign_in(strict)
    assert before.token is not None

    def work() -> str:
        storage = sdk.token_storage("acme")
        fresh = oauth.refresh(before.client, before.token or Secret(""))
        pair = AccessToken(
            access_token=fresh.access_token.reveal(),
            refresh_token=fresh.refresh_token.reveal() if fresh.refresh_token else None,
            expires_in=3600,
        )
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY))
        with pytest.raises(TokenStoreError):
            storage.store(pair)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        return str(storage.get().access_token == pair.access_token)

    assert in_child(work) == "True"
    assert loaded().generation == 1
    strict.clock.advance(7200)
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_the_sdk_does_not_save_over_another_person(sandbox: Sandbox) -> None:
    """What it fetched for Ada is not saved as Ben's."""
    first = sign_in(sandbox)
    store.save(dataclasses.replace(first, account={"id": "1", "name": "Ada"}))
    storage = sdk.token_storage("acme")
    new = Token(Secret("bens"), Secret("bens-refresh"), obtained_at=2e9, expires_in=3600.0)
    store.save(dataclasses.replace(loaded().renewed(new, 0.0), account={"id": "2", "name": "Ben"}))
    with pytest.raises(ProfileChangedError):
        storage.store(AccessToken(access_token="adas", refresh_token="adas-refresh", expires_in=3600))
    assert loaded().token == new


@pytest.mark.parametrize("before", ["mail first", "signed out"])
def test_connecting_to_the_sandbox_keeps_the_settings(
    before: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mail, licence, certificates: whatever was saved before somebody is signed in."""
    if before == "signed out":
        boxnb.connect("sandbox")
        boxnb.sign_out("sandbox")
    mail = {"host": "127.0.0.1", "sender": "a@example.com", "to": ["b@example.com"], "security": "none"}
    runs.save_mail("sandbox", **mail)  # type: ignore[arg-type]
    store.configure("sandbox", monthly_calls=777)
    assert boxnb.connect("sandbox").get("/users/me")["type"] == "user"
    after = loaded("sandbox")
    assert after.mail is not None
    assert (after.monthly_calls, after.mail.sender, after.generation) == (777, "a@example.com", 0)


def test_a_dead_pair_in_memory_does_not_hide_the_refusal(strict: Sandbox) -> None:
    """Both the file's token and the one in memory are dead: the diagnosis, and no endless round."""
    sign_in(strict)
    kernel = boxnb.connect("acme")
    first = loaded()
    assert first.token is not None
    oauth.revoke(first.client, first.token)
    dead = Token(Secret("x1"), Secret("never-given"), obtained_at=first.token.obtained_at, expires_in=3600.0)
    store.save(first.renewed(dead, first.skew))
    strict.clock.advance(7200)
    with pytest.raises(InvalidGrantError):
        kernel.get("/users/me")
