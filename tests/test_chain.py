"""The token pair survives full disks, failing keyrings and old copies, and a session stops if its profile changes owner."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from typing import Any

import keyring
import pytest
from box_sdk_gen import AccessToken
from keyring.backend import KeyringBackend
from signing import practice_client, sign_in
from small_files import UNLIMITED, limit_files

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
    """Yield a sandbox that invalidates a refresh token as soon as it is used."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "strict", rotation="strict") as running:
        yield running


def load_profile(name: str = "acme") -> store.Profile:
    saved = store.load(name)
    assert saved is not None
    return saved


def in_child(work: Callable[[], str]) -> str:
    """Return what `work` returns in a forked child. Limits that it sets end with the child."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  a forked child must not return into pytest
            result = f"unexpected {error!r}"
        os.write(write, result.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as pipe:
        result = pipe.read()
    os.waitpid(child, 0)
    return result


def test_a_pair_that_cannot_be_saved_is_saved_by_the_next_call(strict: Sandbox) -> None:
    """While the disk is full, the new pair stays in memory; the next call saves it."""
    sign_in(strict)
    strict.clock.advance(7200)

    def work() -> str:
        kernel = boxnb.connect("acme")
        results = []
        for limit in (200, 200, UNLIMITED, UNLIMITED):
            limit_files(limit)
            try:
                results.append(str(kernel.get("/users/me")["type"]))
            except TokenStoreError as error:
                results.append("full" if "No saved data was lost" in str(error) else str(error))
        return " ".join(results)

    assert in_child(work) == "full full user user"
    assert load_profile().generation == 1
    assert intent.pending(store.path("acme")) is None
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_a_restored_backup_is_replaced_by_the_pair_in_memory(strict: Sandbox) -> None:
    """If a backup is restored while a kernel runs, no spent token is sent, and the valid pair is saved again."""
    sign_in(strict)
    backup = store.path("acme").read_bytes()
    kernel = boxnb.connect("acme")
    for _ in range(2):
        strict.clock.advance(7200)
        kernel.get("/users/me")
    store.path("acme").write_bytes(backup)
    strict.clock.advance(7200)
    assert kernel.get("/users/me")["type"] == "user"
    assert load_profile().generation == 3
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"
    assert {call["status"] for call in strict.record() if call["path"] == "/oauth2/token"} == {200}


def test_the_settings_of_a_restored_backup_stay(strict: Sandbox) -> None:
    """Only the token pair and its counters are restored from memory."""
    sign_in(strict)
    kernel = boxnb.connect("acme")
    backup = store.path("acme").read_bytes()
    strict.clock.advance(7200)
    kernel.get("/users/me")
    store.path("acme").write_bytes(backup)
    store.configure("acme", monthly_calls=777)
    strict.clock.advance(7200)
    kernel.get("/users/me")
    assert (load_profile().monthly_calls, load_profile().generation) == (777, 2)


def test_a_backup_that_is_older_than_the_remembered_tokens_is_replaced(
    strict: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The profile no longer knows that the token is spent. The server refuses it, and then the pair in memory is tried."""
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
    """If the same user signed in again, the saved pair is newer than the one in memory and is used."""
    sign_in(strict)
    kernel = boxnb.connect("acme")
    sign_in(strict)
    newer = load_profile().token
    strict.clock.advance(7200)
    assert kernel.get("/users/me")["type"] == "user"
    assert newer is not None
    assert newer.refresh_token is not None
    assert load_profile().spent[0] == newer.refresh_token.digest


def test_a_sign_out_in_another_process_ends_a_session(strict: Sandbox) -> None:
    """After a sign-out in another process, the pair in memory is not used."""
    sign_in(strict)
    kernel = boxnb.connect("acme")
    boxnb.sign_out("acme")
    strict.clock.advance(7200)
    with pytest.raises(boxnb.errors.NotSignedInError):
        kernel.get("/users/me")
    assert load_profile().token is None


def test_a_refresh_token_that_the_server_keeps_is_not_spent() -> None:
    """A server may keep the refresh token (RFC 6749 6), which is then not recorded as spent."""
    token = Token(Secret("a1"), Secret("kept"), obtained_at=1000.0, expires_in=3600.0)
    first = store.Profile("acme", oauth.Client("id", Secret("s3cret"), "http://127.0.0.1/cb"), token)
    second = first.renewed(dataclasses.replace(token, access_token=Secret("a2")), 0.0)
    assert (second.spent, second.generation) == ((), 1)
    third = second.renewed(dataclasses.replace(token, refresh_token=Secret("new")), 0.0)
    assert token.refresh_token is not None
    assert third.spent == (token.refresh_token.digest,)
    fourth = third.renewed(token, 0.0)
    assert token.refresh_token.digest not in fourth.spent


class Vault(KeyringBackend):
    """A keyring that fails as real ones do."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.passwords: dict[tuple[str, str], str] = {}
        self.error: Exception | None = None
        self.silent = False

    def get_password(self, service: str, username: str) -> str | None:
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.error is not None:
            self.passwords.pop((service, username), None)  # as macOS does before it adds the new entry
            raise self.error
        if not self.silent:
            self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.error is not None:
            raise self.error
        del self.passwords[service, username]


@pytest.fixture
def vault() -> Iterator[Vault]:
    previous_keyring = keyring.get_keyring()
    memory = Vault()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(previous_keyring)


ERRORS = [
    keyring.errors.PasswordSetError("-25308"),
    RuntimeError("org.freedesktop.DBus.Error.NoReply"),
    OSError(1783, "The stub received bad data"),
    UnicodeError("a backend's own"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_keyring_that_fails_during_a_write_does_not_lose_the_pair(
    strict: Sandbox, vault: Vault, error: Exception
) -> None:
    """The new pair is in memory and in a private draft, and in the keyring once the keyring works again."""
    sign_in(strict)
    store.migrate("acme", "keyring")
    kernel = boxnb.connect("acme")
    strict.clock.advance(7200)
    vault.error = error
    with pytest.raises(
        TokenStoreError, match=f"keyring refused.*{type(error).__name__}.*private file"
    ) as caught:
        kernel.get("/users/me")
    draft = backends.draft_path(store.path("acme"))
    assert draft.stat().st_mode & 0o777 == 0o600
    assert "nothing was changed" not in str(caught.value)
    with pytest.warns(UserWarning, match="newest secrets"):
        assert load_profile().generation == 1  # a new process would use the draft
    vault.error = None
    assert kernel.get("/users/me")["type"] == "user"
    assert not draft.exists()
    assert load_profile().client.client_secret
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_a_keyring_that_does_not_save_is_noticed(strict: Sandbox, vault: Vault) -> None:
    """Secrets are read back after they are written."""
    sign_in(strict)
    store.migrate("acme", "keyring")
    strict.clock.advance(7200)
    vault.silent = True
    with pytest.raises(TokenStoreError, match="did not return the secrets that were written"):
        boxnb.connect("acme").get("/users/me")
    vault.silent = False
    with pytest.warns(UserWarning, match="newest secrets"):
        assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_a_draft_moves_with_the_secrets_to_another_backend(strict: Sandbox, vault: Vault) -> None:
    """A move away from a broken keyring does not lose the newest secrets, and no draft remains."""
    sign_in(strict)
    store.migrate("acme", "keyring")
    strict.clock.advance(7200)
    vault.error = OSError(1783, "The stub received bad data")
    with pytest.raises(TokenStoreError):
        boxnb.connect("acme").get("/users/me")
    with pytest.warns(UserWarning, match="Cannot empty the old backend|newest secrets"):
        store.migrate("acme", "file")
    assert not backends.draft_path(store.path("acme")).exists()
    assert load_profile().generation == 1
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_a_refused_move_does_not_change_the_backend(strict: Sandbox, vault: Vault) -> None:
    """The file still contains the secrets, so no draft is written."""
    signed_in = sign_in(strict)
    vault.error = RuntimeError("locked")
    with pytest.raises(TokenStoreError, match="keyring refused"):
        store.migrate("acme", "keyring")
    assert load_profile() == signed_in
    assert not backends.draft_path(store.path("acme")).exists()


def of_another_user(saved: store.Profile) -> store.Profile:
    return dataclasses.replace(saved, account={**(saved.account or {}), "id": "4711", "name": "Ben"})


def in_another_enterprise(saved: store.Profile) -> store.Profile:
    return dataclasses.replace(
        saved, account={**(saved.account or {}), "enterprise": {"id": "4711", "name": "Nimbus"}}
    )


def of_another_app(saved: store.Profile) -> store.Profile:
    return dataclasses.replace(saved, client=dataclasses.replace(saved.client, client_id="another"))


def of_another_server(saved: store.Profile) -> store.Profile:
    return dataclasses.replace(saved, client=dataclasses.replace(saved.client, server=oauth.BOX))


def of_an_unknown_user(saved: store.Profile) -> store.Profile:
    return dataclasses.replace(saved, account=None)


CHANGES = [
    (of_another_user, "now belongs to Ben"),
    (in_another_enterprise, "now belongs to the enterprise Nimbus"),
    (of_another_app, "now belongs to another app"),
    (of_another_server, "now belongs to another server"),
    (of_an_unknown_user, "has a new sign-in"),
]


@pytest.mark.parametrize(("change", "says"), CHANGES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_session_stops_if_its_profile_changes_owner(
    sandbox: Sandbox, change: Callable[[store.Profile], store.Profile], says: str
) -> None:
    """Each further call raises the error, and no request is sent as another user."""
    sign_in(sandbox)
    account.remember_account("acme")
    kernel = boxnb.connect("acme")
    other_token = Token(
        Secret("theirs"),
        Secret("their-refresh"),
        obtained_at=kernel.session.auth.now() + 9e3,
        expires_in=3600,
    )
    store.save(change(load_profile().renewed(other_token, 0.0)))
    sandbox.clock.advance(7200)
    kernel.session.auth._skew += 7200
    request_count = len(sandbox.record())
    for _ in range(2):
        with pytest.raises(ProfileChangedError, match=says):
            kernel.get("/users/me")
    assert len(sandbox.record()) == request_count
    with pytest.raises(ProfileChangedError):
        kernel.session.auth.reread()
    assert load_profile().token == other_token


def test_a_session_continues_if_the_same_user_signs_in_again(sandbox: Sandbox) -> None:
    """A session continues if the same user signs in again, even before boxnb knows who signed in."""
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
    store.save(load_profile().renewed(token, load_profile().skew))
    sandbox.clock.advance(7200)
    assert kernel.get("/users/me")["type"] == "user"


def test_the_refresh_token_stays_if_the_sdk_passes_none(sandbox: Sandbox) -> None:
    """A response may lack the refresh token (RFC 6749 6), and an empty pair is ignored."""
    token = sign_in(sandbox).token
    assert token is not None
    storage = sdk.token_storage("acme")
    for empty in (AccessToken(), AccessToken(access_token=""), AccessToken(access_token=" \n")):
        storage.store(empty)
        assert load_profile().token == token
    with pytest.warns(UserWarning, match="whose it is"):  # the sandbox does not know this token
        storage.store(AccessToken(access_token="from-the-sdk", expires_in=3600))
    saved = load_profile()
    assert saved.token is not None
    assert (saved.token.access_token, saved.token.refresh_token) == (
        Secret("from-the-sdk"),
        token.refresh_token,
    )
    assert storage.get().access_token == "from-the-sdk"


def test_a_pair_of_the_sdk_is_not_lost_if_saving_fails(strict: Sandbox) -> None:
    """The pair is saved the next time the SDK asks for a token."""
    signed_in = sign_in(strict)
    assert signed_in.token is not None

    def work() -> str:
        storage = sdk.token_storage("acme")
        token = oauth.refresh(signed_in.client, signed_in.token or Secret(""))
        pair = AccessToken(
            access_token=token.access_token.reveal(),
            refresh_token=token.refresh_token.reveal() if token.refresh_token else None,
            expires_in=3600,
        )
        limit_files(200)
        with pytest.raises(TokenStoreError):
            storage.store(pair)
        limit_files(UNLIMITED)
        return str(storage.get().access_token == pair.access_token)

    assert in_child(work) == "True"
    assert load_profile().generation == 1
    strict.clock.advance(7200)
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_the_sdk_does_not_overwrite_the_sign_in_of_another_user(sandbox: Sandbox) -> None:
    """A token that the SDK fetched for Ada is not saved in the profile of Ben."""
    adas_profile = sign_in(sandbox)
    store.save(dataclasses.replace(adas_profile, account={"id": "1", "name": "Ada"}))
    storage = sdk.token_storage("acme")
    bens_token = Token(Secret("bens"), Secret("bens-refresh"), obtained_at=2e9, expires_in=3600.0)
    store.save(
        dataclasses.replace(load_profile().renewed(bens_token, 0.0), account={"id": "2", "name": "Ben"})
    )
    with pytest.raises(ProfileChangedError):
        storage.store(AccessToken(access_token="adas", refresh_token="adas-refresh", expires_in=3600))
    assert load_profile().token == bens_token


@pytest.mark.parametrize("before", ["mail first", "signed out"])
def test_connecting_to_the_sandbox_does_not_change_the_settings(
    before: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mail and licence settings that were saved before the sign-in stay."""
    if before == "signed out":
        boxnb.connect("sandbox")
        boxnb.sign_out("sandbox")
    mail = {"host": "127.0.0.1", "sender": "a@example.com", "to": ["b@example.com"], "security": "none"}
    runs.save_mail("sandbox", **mail)  # type: ignore[arg-type]
    store.configure("sandbox", monthly_calls=777)
    assert boxnb.connect("sandbox").get("/users/me")["type"] == "user"
    saved = load_profile("sandbox")
    assert saved.mail is not None
    assert (saved.monthly_calls, saved.mail.sender, saved.generation) == (777, "a@example.com", 0)


def test_an_invalid_pair_in_memory_does_not_hide_the_refusal(strict: Sandbox) -> None:
    """If both the saved token and the one in memory are invalid, the error is raised, and the retries end."""
    sign_in(strict)
    kernel = boxnb.connect("acme")
    signed_in = load_profile()
    assert signed_in.token is not None
    oauth.revoke(signed_in.client, signed_in.token)
    invalid = Token(
        Secret("x1"), Secret("never-given"), obtained_at=signed_in.token.obtained_at, expires_in=3600.0
    )
    store.save(signed_in.renewed(invalid, signed_in.skew))
    strict.clock.advance(7200)
    with pytest.raises(InvalidGrantError):
        kernel.get("/users/me")
