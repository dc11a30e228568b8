"""The verbs about saved sign-ins: ``status``, ``doctor``, ``sign-out`` and ``keep-alive`` print text and no secret."""

from __future__ import annotations

import re
import time
import warnings
from pathlib import Path

import pytest
from signing import practice_client, sign_in

import boxnb
from boxnb import cli, oauth, store
from boxnb.cli import status, terminal
from boxnb.sandbox import Sandbox
from boxnb.signin import status as signin_status


def printed(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Return what a command printed, after checking that it contains no secret."""
    out, err = capsys.readouterr()
    for name in store.names():
        saved = store.load(name)
        assert saved is not None
        secrets = [saved.client.client_secret]
        if saved.token is not None and saved.token.refresh_token is not None:
            secrets += [saved.token.access_token, saved.token.refresh_token]
        for secret in secrets:
            assert secret.reveal() not in out + err
    return out, err


def test_status_without_a_profile(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 0, and one sentence says where to begin."""
    assert cli.main(["status"]) == 0
    assert printed(capsys) == (status.NOTHING, "")


def test_status_lists_profiles(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """Each profile has a paragraph, with a line for each value that is known."""
    sign_in(sandbox)
    sign_in(sandbox, "other")
    assert cli.main(["status"]) == 0
    first, second = printed(capsys)[0].split("\n\n")
    assert first.startswith("acme\n") and second.startswith("other\n")
    assert re.search(r"^  signed in +True$", first, re.MULTILINE)
    assert re.search(r"^  refresh days left +60$", first, re.MULTILINE)
    assert cli.main(["status", "other"]) == 0
    assert printed(capsys)[0].rstrip("\n") == second.rstrip("\n")


def test_status_of_an_unknown_profile(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 1."""
    assert cli.main(["status", "acme"]) == cli.FAILED
    assert "There is no profile 'acme'" in printed(capsys)[1]


def test_status_of_a_sign_in_that_has_expired(sandbox: Sandbox) -> None:
    """The text names the problem, so the exit code is 1."""
    sign_in(sandbox)
    later = time.time() + 61 * 86400
    text = status.text(signin_status.status("acme", clock=lambda: later))
    assert "  problem " in text and "Sign in again: run boxnb sign-in acme." in text


def test_status_of_a_damaged_profile(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 1, and the other profile is still shown."""
    sign_in(sandbox)
    sign_in(sandbox, "other")
    store.path("other").write_text("{", encoding="utf-8")
    assert cli.main(["status"]) == cli.FAILED
    out = capsys.readouterr().out
    assert "is damaged" in out and "signed in" in out


def test_doctor_of_a_working_sign_in(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 0, with one line per check."""
    sign_in(sandbox)
    assert cli.main(["doctor", "acme"]) == 0
    lines = printed(capsys)[0].splitlines()
    assert len(lines) > 8 and all(line.startswith(("ok ", "look ", " ")) for line in lines)


def test_doctor_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 1 if something is wrong, and the remedy follows the finding."""
    assert cli.main(["doctor", "acme"]) == cli.FAILED
    lines = printed(capsys)[0].splitlines()
    (wrong,) = [number for number, line in enumerate(lines) if line.startswith("WRONG  profile")]
    assert lines[wrong + 1].strip().startswith("What to do: ")


def test_doctor_of_an_app_that_is_only_registered(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is wrong yet."""
    store.save(store.Profile("acme", practice_client(sandbox)))
    assert cli.main(["doctor", "acme"]) == 0
    assert "nobody is signed in" in printed(capsys)[0]


def test_sign_out(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """The token is revoked and deleted. A second sign-out also ends with exit code 0, because nobody is signed in."""
    sign_in(sandbox)
    assert cli.main(["sign-out", "acme"]) == 0
    saved = store.load("acme")
    assert saved is not None and saved.token is None
    assert "was revoked" in printed(capsys)[0]
    assert cli.main(["sign-out", "acme"]) == 0
    assert "Nobody is signed in" in printed(capsys)[0]


def test_sign_out_that_fails_keeps_the_token(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """If the server cannot be reached, the exit code is 1 and the message says so on standard error."""
    sign_in(sandbox)
    sandbox.stop()
    assert cli.main(["sign-out", "acme"]) == cli.FAILED
    out, err = printed(capsys)
    assert out == "" and err.startswith("Not signed out: ")
    saved = store.load("acme")
    assert saved is not None and saved.token is not None


def test_sign_out_of_an_unknown_profile(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelled name must not look like a sign-out that worked."""
    assert cli.main(["sign-out", "acem"]) == cli.FAILED
    assert "There is no profile 'acem'" in printed(capsys)[1]


def test_keep_alive(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """The refresh token is replaced, and the message shows fingerprints."""
    before = sign_in(sandbox)
    assert cli.main(["keep-alive", "acme"]) == 0
    after = store.load("acme")
    assert after is not None and after.token is not None and before.token is not None
    out = printed(capsys)[0]
    assert "another 60 days" in out and after.token.fingerprint in out and before.token.fingerprint in out


def test_keep_alive_of_a_revoked_sign_in(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 1, so that a scheduler reports it."""
    saved = sign_in(sandbox)
    assert saved.token is not None
    oauth.revoke(saved.client, saved.token)
    assert cli.main(["keep-alive", "acme"]) == cli.FAILED
    assert "Sign in again" in printed(capsys)[1]


@pytest.fixture
def stopped() -> store.Profile:
    """Sign in to the shared sandbox, stop it, and return the profile."""
    boxnb.connect("sandbox")
    boxnb.sandbox.stop()
    saved = store.load("sandbox")
    assert saved is not None
    return saved


@pytest.mark.parametrize(
    ("verb", "sentence"),
    [
        ("keep-alive", "is valid for another 60 days"),
        ("sign-out", "was revoked"),
        ("doctor", "admin"),
    ],
)
def test_a_stopped_sandbox_is_started(
    stopped: store.Profile, verb: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sandbox stops when it is idle, and restarts with the same data, so the saved sign-in still works."""
    assert cli.main([verb, "sandbox"]) == 0
    out, err = printed(capsys)
    assert sentence in out and "network" not in out + err
    assert boxnb.sandbox.find() is not None


def test_a_script_starts_a_stopped_sandbox(stopped: store.Profile) -> None:
    """``RotatingAuth`` does what `connect` does, and the profile has the new URLs."""
    auth = boxnb.auth.RotatingAuth("sandbox")
    running = boxnb.sandbox.find()
    assert running is not None and auth.profile.client.server.api_url == running.url + "/2.0"


def test_a_stopped_sandbox_is_not_started_for_another_profile(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server on this computer that has stopped is named, with the command that starts the sandbox."""
    sign_in(sandbox)
    sandbox.stop()
    assert cli.main(["sign-out", "acme"]) == cli.FAILED
    err = printed(capsys)[1]
    assert (
        "no server is running there" in err and "run boxnb sign-in sandbox" in err and "firewall" not in err
    )
    assert boxnb.sandbox.find() is None


@pytest.mark.parametrize("verb", ["status", "doctor", "keep-alive", "sign-out"])
def test_a_misspelled_profile_is_recognized(
    sandbox: Sandbox, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every verb asks whether the most similar profile was meant, and names commands, because it is read in a terminal."""
    sign_in(sandbox)
    assert cli.main([verb, "acmee"]) == cli.FAILED
    text = "".join(printed(capsys))
    assert "There is no profile 'acmee'." in text and "Did you mean 'acme'?" in text
    assert "boxnb sign-in acmee" in text and "notebook" not in text and "boxnb.status" not in text


@pytest.mark.parametrize("verb", ["sign-in", "status", "doctor", "keep-alive", "sign-out"])
def test_another_spelling_of_the_sandbox_is_refused(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It must not begin a registration with the real Box."""
    assert cli.main([verb, "Sandbox"]) in (cli.FAILED, cli.USAGE)
    assert "Did you mean 'sandbox'?" in "".join(printed(capsys))
    with pytest.raises(boxnb.errors.ProfileNameError, match="Did you mean 'sandbox'"):
        boxnb.connect("Sandbox")


@pytest.mark.parametrize(
    "verb", ["status", "doctor acme", "sign-in acme", "keep-alive acme", "sign-out acme"]
)
def test_a_file_in_place_of_the_home_folder_is_one_sentence(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every verb names the setting and the path."""
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("BOXNB_HOME", str(file))
    assert cli.main(verb.split()) != 0
    out, err = capsys.readouterr()
    assert f"BOXNB_HOME must be a folder, but {file} is a file." in out + err and "Traceback" not in err


def test_a_warning_is_one_line(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """A profile that others can read is made private, and the note does not quote boxnb's source."""
    sign_in(sandbox)
    store.path("acme").chmod(0o644)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert cli.main(["status"]) == 0
    err = printed(capsys)[1]
    assert err.startswith("Note: Other users could read ") and len(err.splitlines()) == 1


def test_doctor_without_a_name_checks_the_only_profile(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a profile, or with several, one sentence says what to name, and the exit code is 2."""
    assert cli.main(["doctor"]) == cli.USAGE
    assert printed(capsys) == ("", status.NOTHING)
    sign_in(sandbox)
    assert cli.main(["doctor"]) == 0
    assert len(printed(capsys)[0].splitlines()) > 8
    sign_in(sandbox, "other")
    assert cli.main(["doctor"]) == cli.USAGE
    assert printed(capsys) == ("", "Name the profile to check, one of: acme, other.\n")


def test_text_is_wrapped_in_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines break between words, and continue where the text begins; a pipe gets one line."""
    monkeypatch.setenv("COLUMNS", "40")
    text = (
        "Run boxnb sign-in acme, and press Grant on the page that opens. /a/path/without/any/place/to/break"
    )
    assert terminal.hanging("ok  file  ", text) == f"ok  file  {text}"
    monkeypatch.setattr(terminal.sys.stdout, "isatty", lambda: True)
    first, *rest = terminal.hanging("ok  file  ", text).splitlines()
    assert first == "ok  file  Run boxnb sign-in acme, and" and len(rest) == 3
    assert all(line.startswith(" " * 10 + line.strip()) for line in rest)
    assert " ".join([first, *map(str.strip, rest)]) == f"ok  file  {text}"
    monkeypatch.setenv("COLUMNS", "25")
    assert terminal.hanging("ok  file  ", text) == f"ok  file  {text}"
