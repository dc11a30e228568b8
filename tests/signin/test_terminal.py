"""The sign-in in a terminal and over pipes: real processes in real pseudo-terminals, against a sandbox with its own clock."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from pseudo_terminal import PseudoTerminal, terminals

import boxnb
from boxnb import store
from boxnb.errors import SignInCancelled
from boxnb.oauth import Client
from boxnb.secret import Secret
from boxnb.signin import terminal as terminal_module

ROOT = Path(terminal_module.__file__).parents[2]
ADMIN, CO_ADMIN = "ada.admin@example.com", "bo.nakamura@example.com"
LINK = r"http://127\.0\.0\.1:\d+/api/oauth2/authorize\?\S+state=[\w-]+"
PASTE = r"(?:Paste|then paste) the address [^\n]*: "
RUN = (
    "import json, sys\n"
    "from boxnb.oauth import Server\n"
    "from boxnb.signin.terminal import execute\n"
    "options = json.loads(sys.argv[2])\n"
    "if 'server' in options: options['server'] = Server(**options['server'])\n"
    "sys.exit(execute(sys.argv[1], **options))"
)

Start = Callable[..., PseudoTerminal]


@pytest.fixture(autouse=True)
def _this_boxnb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make child processes import boxnb from this repository, and give none of them a browser or a remote user."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "JUPYTERHUB_SERVICE_PREFIX"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def start() -> Iterator[Start]:
    """Yield a function that signs a profile in, in a pseudo-terminal."""
    with terminals() as open_terminal:

        def sign_in(profile: str = "lab", **options: Any) -> PseudoTerminal:
            environment = options.pop("environment", {})
            return open_terminal(*command(profile, **options), **environment)

        yield sign_in


@pytest.fixture
def app(client: Client) -> Client:
    """Save the sandbox's app in the profile lab, and return it."""
    store.save(store.Profile("lab", client))
    return client


def command(profile: str = "lab", **options: Any) -> list[str]:
    """Return the command that signs a profile in."""
    return [sys.executable, "-c", RUN, profile, json.dumps(options)]


def granted(sandbox: Any, terminal: PseudoTerminal, links: int = 1, **decision: Any) -> str:
    """Wait for the terminal's nth link and its prompt, and grant or deny access. Return the address of the redirect."""
    link = terminal.until(LINK + r"\s", links).group().strip()
    terminal.until(PASTE, links)
    return str(sandbox.approve(link, **decision))


def code_of(address: str) -> str:
    """Return the code in the address of a redirect."""
    return address.partition("code=")[2].partition("&")[0]


def token_secrets(profile: str = "lab") -> list[str]:
    """Return the client secret and the tokens of a signed-in profile."""
    saved = store.load(profile)
    assert saved is not None and saved.token is not None and saved.token.refresh_token is not None
    secrets = (saved.client.client_secret, saved.token.access_token, saved.token.refresh_token)
    return [secret.reveal() for secret in secrets]


def is_signed_in(profile: str = "lab") -> bool:
    """Return whether the profile has a token pair."""
    saved = store.load(profile)
    return saved is not None and saved.token is not None


def revocations(sandbox: Any) -> int:
    """Return how many token pairs were revoked."""
    return sum(call["path"].endswith("/revoke") for call in sandbox.record())


def test_a_pasted_address_signs_in_and_is_never_shown(sandbox: Any, app: Client, start: Start) -> None:
    """The exit code is 0, the token is saved, and the terminal has shown neither the code nor another secret."""
    terminal = start()
    address = granted(sandbox, terminal)
    assert terminal.hides_input()
    terminal.type(f"{address}\n")
    terminal.until("Signed in")
    assert terminal.wait() == 0
    assert boxnb.connect("lab").get("/users/me")["login"] == ADMIN
    assert f"<{ADMIN}>, admin of Lumen & Fjord Ltd" in terminal.shown
    assert str(store.path("lab")) in terminal.shown
    for secret in (code_of(address), *token_secrets()):
        assert secret not in terminal.shown


def test_the_receiver_signs_in_while_the_prompt_waits(sandbox: Any, app: Client, start: Start) -> None:
    """A browser on the same computer needs no paste, and it gets its last page before the process ends."""
    terminal = start()
    page = requests.get(granted(sandbox, terminal), timeout=60)
    assert (page.status_code, page.url.endswith("/granted")) == (200, True)
    assert terminal.wait() == 0
    assert is_signed_in()


def test_no_escape_sequence_is_written(sandbox: Any, app: Client, start: Start) -> None:
    """The only control characters are line ends: a carriage return starts the countdown's line again."""
    terminal = start()
    sandbox.faults.add("/oauth2/token", "latency", seconds=3)
    terminal.type(f"{granted(sandbox, terminal)}\n")
    assert terminal.wait() == 0
    assert set(re.findall(r"[\x00-\x1f\x7f]", terminal.shown)) == {"\r", "\n"}


def test_the_countdown_runs_on_one_line(sandbox: Any, app: Client, start: Start) -> None:
    """While a slow server exchanges the code, its seconds count down on the same line, after a carriage return."""
    terminal = start()
    sandbox.faults.add("/oauth2/token", "latency", seconds=3)
    terminal.type(f"{granted(sandbox, terminal)}\n")
    assert terminal.wait() == 0
    line = next(line for line in terminal.shown.split("\n") if "Exchanging" in line)
    seconds = [int(number) for number in re.findall(r"token\. At most (\d+) s left", line)]
    assert len(seconds) >= 3
    assert seconds == sorted(seconds, reverse=True) and seconds[0] <= 30
    assert line.count("\r") >= len(seconds) - 1


WRONG_ANSWERS = {
    "an empty line": (lambda _: "", "Nothing was pasted"),
    "a question": (lambda _: "what now?", "There is no code in the pasted text"),
    "an address that was cut off": (lambda address: address[:-8], "cut off in the middle of its state"),
    "another state": (lambda address: re.sub("state=.*", "state=" + "x" * 32, address), "another request"),
}


@pytest.mark.parametrize("wrong", WRONG_ANSWERS)
def test_a_wrong_answer_is_explained_and_the_next_one_signs_in(
    sandbox: Any, app: Client, start: Start, wrong: str
) -> None:
    """The message says what is wrong. After an address that contains a code, the prompt counts down its last seconds."""
    answer, sentence = WRONG_ANSWERS[wrong]
    terminal = start()
    address = granted(sandbox, terminal)
    terminal.type(f"{answer(address)}\n")
    terminal.until(sentence)
    if wrong == "another state":
        address = granted(sandbox, terminal, links=2)
    else:
        if wrong == "an address that was cut off":
            terminal.until(r"at most (?:30|2\d) s left")
        else:
            terminal.until(PASTE, 2)
            assert "s left" not in terminal.shown
        assert len(re.findall(LINK, terminal.shown)) == 1
    terminal.type(f"{address}\n")
    assert terminal.wait() == 0
    assert code_of(address) not in terminal.shown


def test_an_expired_code_needs_a_new_link(sandbox: Any, app: Client, start: Start) -> None:
    """The message names the 30 seconds, and a new link signs in."""
    terminal = start()
    address = granted(sandbox, terminal)
    sandbox.clock.advance(31)
    terminal.type(f"{address}\n")
    terminal.until("The code is more than 30 seconds old")
    terminal.type(f"{granted(sandbox, terminal, links=2)}\n")
    assert terminal.wait() == 0


@pytest.mark.parametrize("way", ["paste", "receiver"])
def test_a_denial_is_explained(sandbox: Any, app: Client, start: Start, way: str) -> None:
    """After Deny, the terminal says so and offers a new link, whether the address is pasted or received."""
    terminal = start()
    address = granted(sandbox, terminal, deny=True)
    if way == "paste":
        terminal.type(f"{address}\n")
    else:
        assert requests.get(address, timeout=60).url.endswith("/denied")
    terminal.until("Access was denied")
    terminal.type(f"{granted(sandbox, terminal, links=2)}\n")
    assert terminal.wait() == 0


def test_a_wrapped_address_is_pasted_as_one(sandbox: Any, app: Client, start: Start) -> None:
    """An address that another program broke into lines signs in at the first attempt."""
    terminal = start()
    address = granted(sandbox, terminal)
    terminal.type(f"{address[:40]}\n{address[40:70]}\n{address[70:]}\n")
    assert terminal.wait() == 0
    assert len(re.findall(LINK, terminal.shown)) == 1


@pytest.mark.parametrize(("answer", "login"), [("yes", CO_ADMIN), ("no", ADMIN)])
def test_another_account_must_be_confirmed(
    sandbox: Any, app: Client, start: Start, answer: str, login: str
) -> None:
    """The terminal names both accounts. After "no", the saved one stays, and the other one's token pair is revoked."""
    terminal = start()
    terminal.type(f"{granted(sandbox, terminal)}\n")
    assert terminal.wait() == 0
    terminal = start(again=True)
    terminal.type(f"{granted(sandbox, terminal, login=CO_ADMIN)}\n")
    terminal.until("Type yes")
    assert "another account" in terminal.shown
    for account in (ADMIN, CO_ADMIN):
        assert f"<{account}>" in terminal.shown
    terminal.type("perhaps\n")
    terminal.until("Type yes or no")
    terminal.type(f"{answer}\n")
    if answer == "no":
        terminal.until("Nothing was saved")
        terminal.type("\x03")
    assert terminal.wait() == (0 if answer == "yes" else 1)
    assert boxnb.connect("lab").get("/users/me")["login"] == login
    assert revocations(sandbox) == (0 if answer == "yes" else 1)


def test_a_bare_code_must_be_confirmed(sandbox: Any, app: Client, start: Start) -> None:
    """The terminal says that the state is missing, and whose account it is, before it saves the pair."""
    terminal = start()
    terminal.type(f"{code_of(granted(sandbox, terminal))}\n")
    terminal.until("Type yes")
    assert "does not include the state" in terminal.shown and f"<{ADMIN}>" in terminal.shown
    assert not is_signed_in()
    terminal.type("y\n")
    assert terminal.wait() == 0
    assert is_signed_in()


def test_a_new_profile_registers_its_app(sandbox: Any, start: Start) -> None:
    """The client secret is typed at a hidden prompt and shown as a fingerprint; a refused one is asked for again."""
    redirect_uri = "http://127.0.0.1:8917/callback"
    registered = sandbox.register_app("Mine", [redirect_uri])
    terminal = start(server=sandbox.server())
    terminal.until("Client ID: ")
    assert redirect_uri in terminal.shown and "developers/console" in terminal.shown
    terminal.type(f"{registered['client_id']}\n")
    terminal.until(r"Client Secret \(")
    assert terminal.hides_input()
    terminal.type("mistyped-secret-of-mine\n")
    terminal.until(r"Redirect URI \(Enter")
    terminal.type("\n")
    terminal.type(f"{granted(sandbox, terminal)}\n")
    terminal.until("secret was refused")
    terminal.until(r"Client ID \(Enter keeps")
    terminal.type("\n")
    terminal.until(r"Client Secret \(", 2)
    terminal.type(f"{registered['client_secret']}\n")
    terminal.until(r"Redirect URI \(Enter", 2)
    terminal.type("\n")
    terminal.type(f"{granted(sandbox, terminal, links=2)}\n")
    assert terminal.wait() == 0
    for secret in ("mistyped-secret", registered["client_secret"], *token_secrets()):
        assert secret not in terminal.shown


def test_each_answer_about_the_app_is_checked_at_once(sandbox: Any, start: Start) -> None:
    """A refused answer is asked for again before the next question, and is never what Enter keeps."""
    terminal = start(server=sandbox.server())
    terminal.until("Client ID: ")
    for number, (answer, sentence) in enumerate(
        [("", "Client ID is required"), ("my app", "That is not a Client ID"), ("an-app", "")], 2
    ):
        terminal.type(f"{answer}\n")
        if sentence:
            terminal.until(sentence)
            terminal.until("Client ID: ", number)
    terminal.until(r"Client Secret \(")
    for number, (answer, sentence) in enumerate(
        [("", "Client Secret is required"), ("two words", "That is not a"), ("an-app", "are identical")], 2
    ):
        terminal.type(f"{answer}\n")
        terminal.until(sentence)
        terminal.until(r"Client Secret \(", number)
    terminal.type("a-secret-of-an-app\n")
    default = r"Redirect URI \(Enter keeps http://127\.0\.0\.1:8917/callback\): "
    terminal.until(default)
    for number, answer in enumerate(
        ["http://localhost:99999/cb", "localhost:8917/cb", "http://local host/", "https://a.example/#x"], 2
    ):
        terminal.type(f"{answer}\n")
        terminal.until("is not a web address", number - 1)
        terminal.until(default, number)
    assert "two words" not in terminal.shown
    terminal.type("\x04")
    assert terminal.wait() == 1
    assert "The input ended before the sign-in did. Nothing was saved." in terminal.shown
    assert store.load("lab") is None


def test_the_app_of_a_profile_can_be_changed(sandbox: Any, app: Client, start: Start) -> None:
    """The text does not say that no app is known, and Enter keeps every value."""
    terminal = start(change_app=True)
    terminal.until(r"Client ID \(Enter keeps")
    assert "This profile has an app." in terminal.shown and "No app is known" not in terminal.shown
    terminal.type("\n")
    terminal.until(r"Client Secret \(stays hidden; Enter keeps")
    terminal.type("\n")
    terminal.until(r"Redirect URI \(Enter")
    terminal.type("\n")
    terminal.type(f"{granted(sandbox, terminal)}\n")
    assert terminal.wait() == 0


def test_the_app_of_the_sandbox_cannot_be_changed(start: Start) -> None:
    """Its app is ready-made, so nobody is sent to the real Box."""
    terminal = start("sandbox", change_app=True)
    terminal.until(PASTE)
    assert "ready-made app" in terminal.shown and "app.box.com" not in terminal.shown
    terminal.type("\n")
    assert terminal.wait() == 0


def test_a_name_similar_to_a_saved_one_is_pointed_out(sandbox: Any, app: Client, start: Start) -> None:
    """A misspelled name would begin a second registration."""
    terminal = start("labb", server=sandbox.server())
    terminal.until("Client ID: ")
    assert "Did you mean 'lab'?" in terminal.shown
    terminal.type("\x03")
    assert terminal.wait() == 1


def test_a_folder_that_cannot_be_written_is_reported_before_anything_is_asked(
    tmp_path: Path, start: Start
) -> None:
    """The message has the path and what to do."""
    file = tmp_path / "file"
    file.touch()
    terminal = start("acme", environment={"BOXNB_HOME": str(file / "boxnb")})
    assert terminal.wait() == 1
    assert str(file) in terminal.shown and "BOXNB_HOME" in terminal.shown
    assert "Client ID" not in terminal.shown


def test_a_saved_sign_in_asks_for_nothing(sandbox: Any, app: Client, start: Start) -> None:
    """The second run says who is signed in, and shows no link."""
    terminal = start()
    terminal.type(f"{granted(sandbox, terminal)}\n")
    assert terminal.wait() == 0 and "--again" not in terminal.shown
    terminal = start()
    assert terminal.wait() == 0
    assert "Already signed in" in terminal.shown and f"<{ADMIN}>" in terminal.shown
    assert "boxnb sign-in lab --again" in " ".join(terminal.shown.split())
    assert re.search(LINK, terminal.shown) is None


def test_after_61_days_the_reason_precedes_the_link(sandbox: Any, app: Client, start: Start) -> None:
    """A sign-in that has ended is explained before the new link."""
    terminal = start()
    terminal.type(f"{granted(sandbox, terminal)}\n")
    assert terminal.wait() == 0
    sandbox.clock.advance(61 * 86400)
    terminal = start()
    terminal.type(f"{granted(sandbox, terminal)}\n")
    assert terminal.wait() == 0
    assert terminal.shown.index("expires after 60") < terminal.shown.index("Open this link")


def test_ctrl_c_at_the_prompt_says_what_is_saved(sandbox: Any, app: Client, start: Start) -> None:
    """The exit code is 1, there is no traceback, and the terminal echoes input again."""
    terminal = start()
    granted(sandbox, terminal)
    terminal.type("\x03")
    assert terminal.process.wait(60) == 1
    assert not terminal.hides_input()
    terminal.wait()
    assert "Stopped. The app is saved, but nobody is signed in as 'lab'." in terminal.shown
    assert "Traceback" not in terminal.shown


def test_ctrl_c_during_the_exchange_revokes_the_token(sandbox: Any, app: Client, start: Start) -> None:
    """A token that arrives after Ctrl-C is revoked before the process ends, and not saved."""
    terminal = start()
    sandbox.faults.add("/oauth2/token", "latency", seconds=3)
    address = granted(sandbox, terminal)
    terminal.type(f"{address}\n")
    terminal.until("Exchanging")
    terminal.type("\x03")
    assert terminal.wait() == 1
    assert "Traceback" not in terminal.shown and code_of(address) not in terminal.shown
    assert not is_signed_in()
    assert revocations(sandbox) == 1


def test_sigterm_restores_the_terminal(sandbox: Any, app: Client, start: Start) -> None:
    """The exit code is 143, and the terminal echoes input again."""
    terminal = start()
    granted(sandbox, terminal)
    assert terminal.hides_input()
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(60) == 143
    assert not terminal.hides_input()
    terminal.wait()
    assert "Traceback" not in terminal.shown


def test_a_killed_process_leaves_the_profile_intact(sandbox: Any, app: Client, start: Start) -> None:
    """After SIGKILL in mid-exchange, the next run signs in."""
    terminal = start()
    sandbox.faults.add("/oauth2/token", "latency", seconds=3)
    terminal.type(f"{granted(sandbox, terminal)}\n")
    terminal.until("Exchanging")
    terminal.process.kill()
    assert terminal.wait() == -signal.SIGKILL
    assert not is_signed_in()
    terminal = start()
    terminal.type(f"{granted(sandbox, terminal)}\n")
    assert terminal.wait() == 0


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[PseudoTerminal]:
    """Yield an interactive bash whose history is in the test's folder. ``$SIGN_IN`` is the command to run."""
    script = tmp_path / "sign-in"
    script.write_text(RUN, encoding="utf-8")
    variables = {
        "HISTFILE": str(tmp_path / "history"),
        "PS1": "ready> ",
        "SIGN_IN": f"{sys.executable} {script} lab {{}}",
        "TERM": "dumb",
    }
    with terminals() as open_terminal:
        yield open_terminal("/bin/bash", "--norc", "--noprofile", "-i", **variables)


def test_an_address_pasted_too_late_does_not_reach_the_shell(
    sandbox: Any, app: Client, shell: PseudoTerminal, tmp_path: Path
) -> None:
    """What is pasted after the receiver has caught the code is dropped: the shell neither shows, runs nor remembers it."""
    sandbox.faults.add("/oauth2/token", "latency", seconds=3)
    shell.until("ready> ")
    shell.type("$SIGN_IN\n")
    address = granted(sandbox, shell)
    requests.get(address, timeout=60)
    shell.until("Exchanging")
    shell.type(f"{address}\n")
    shell.until("every use returns a new one")
    shell.until(r"ready> \Z")
    shell.type("history -w; exit\n")
    shell.wait()
    history = (tmp_path / "history").read_text(encoding="utf-8")
    assert "SIGN_IN" in history
    assert code_of(address) not in history + shell.shown


def test_the_input_is_hidden_again_after_a_suspension(
    sandbox: Any, app: Client, shell: PseudoTerminal
) -> None:
    """After Ctrl-Z and fg, the prompt comes back and still hides the address."""
    shell.until("ready> ")
    shell.type("$SIGN_IN\n")
    address = granted(sandbox, shell)
    shell.type("\x1a")
    shell.until("Stopped")
    shell.type("stty echo; fg\n")
    shell.until(PASTE, 2)
    assert shell.hides_input()
    shell.type(f"{address}\n")
    shell.until("every use returns a new one")
    shell.until(r"ready> \Z")
    shell.type("exit\n")
    shell.wait()
    assert code_of(address) not in shell.shown


@pytest.mark.parametrize(("remote", "sentence"), [("", "If that browser is on"), ("1", "which is expected")])
def test_over_ssh_the_page_after_grant_is_explained(
    sandbox: Any, app: Client, start: Start, remote: str, sentence: str
) -> None:
    """In an SSH session, the browser is on another computer, so the text says that its page cannot be reached."""
    terminal = start(environment={"SSH_CONNECTION": remote})
    granted(sandbox, terminal)
    assert sentence in terminal.shown
    terminal.type("\x03")
    assert terminal.wait() == 1


def test_the_browser_opens_only_if_asked(sandbox: Any, app: Client, start: Start, tmp_path: Path) -> None:
    """With ``open_browser``, the command in BROWSER gets the link that the terminal shows."""
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opened\n', encoding="utf-8")
    browser.chmod(0o700)
    for asked in (False, True):
        terminal = start(open_browser=asked, environment={"BROWSER": f"{browser} %s"})
        link = terminal.until(LINK + r"\s").group().strip()
        terminal.until(PASTE)
        terminal.type("\x03")
        assert terminal.wait() == 1
        assert (tmp_path / "opened").exists() == asked
    assert (tmp_path / "opened").read_text(encoding="utf-8") == link


def test_without_a_browser_the_terminal_says_so(sandbox: Any, app: Client, start: Start) -> None:
    """On a computer without a display, a browser in the terminal itself is not started."""
    terminal = start(open_browser=True)
    granted(sandbox, terminal)
    assert "has no browser with a window" in terminal.shown
    assert "a browser on another computer cannot open it" in " ".join(terminal.shown.split())
    terminal.type("\x03")
    assert terminal.wait() == 1


def piped(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start a command whose input and output are pipes."""
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | options
    return subprocess.Popen(arguments, text=True, **streams)


def link_from(child: subprocess.Popen[str]) -> str:
    """Read a child's output up to its prompt. Return the link."""
    assert child.stdout is not None
    link = ""
    for line in child.stdout:
        link = line.strip() if re.match(LINK, line) else link
        if re.match(PASTE.rstrip(), line):
            return link
    raise AssertionError("the process ended")


def test_an_address_through_a_pipe_signs_in(sandbox: Any, app: Client) -> None:
    """A program can read the link and write the address. The output has no carriage return and no secret."""
    child = piped(*command())
    address = sandbox.approve(link_from(child))
    output, errors = child.communicate(f"{address}\n", timeout=90)
    assert (child.returncode, errors) == (0, "")
    assert "Signed in" in output
    assert re.findall(r"[\r\x1b]", output) == []
    for secret in (code_of(address), *token_secrets()):
        assert secret not in output


def test_an_open_pipe_with_nothing_in_it_ends_in_time(sandbox: Any, app: Client) -> None:
    """When the time is up, the process ends with one sentence."""
    child = piped(*command(seconds=0))
    assert child.stdin is not None and child.stderr is not None
    assert child.wait(90) == 1
    assert child.stderr.read().startswith("Nobody signed in within 0 seconds. The app is saved")
    child.communicate()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("source", ["/dev/null", "a closed pipe", "no input"])
def test_without_input_there_is_one_sentence(known: bool, source: str) -> None:
    """Under cron, and wherever nothing can be typed, the process says what to do and ends with 1, without a call."""
    if known:
        app = Client("an-app", Secret("a-secret-of-an-app"), "http://127.0.0.1/callback")
        store.save(store.Profile("lab", app))
    arguments = command()
    if source == "no input":
        arguments = ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *arguments]
    child = piped(*arguments, **({"stdin": subprocess.DEVNULL} if source == "/dev/null" else {}))
    output, errors = child.communicate(timeout=90)
    assert (child.returncode, output) == (1, "")
    assert errors == (
        "Nobody is signed in as 'lab'. Nothing can be typed here: run boxnb sign-in lab in a terminal once, "
        "then run this again.\n"
    )


def test_the_sandbox_signs_in_by_itself_without_input() -> None:
    """Nothing is asked, and nothing has to be typed."""
    child = piped(*command("sandbox"), stdin=subprocess.DEVNULL)
    output, errors = child.communicate(timeout=90)
    assert (child.returncode, errors) == (0, "")
    assert "boxnb signs in to the sandbox for you" in output and ADMIN in output
    assert is_signed_in("sandbox")


def test_an_empty_line_signs_in_to_the_sandbox(start: Start) -> None:
    """In a terminal, the sandbox shows its link, and Enter lets boxnb sign in."""
    terminal = start("sandbox")
    terminal.until(PASTE)
    terminal.type("\n")
    assert terminal.wait() == 0
    assert ADMIN in terminal.shown


def test_the_sandbox_signs_in_through_its_page(start: Start) -> None:
    """The link of the sandbox leads to its own page, as in the panel."""
    terminal = start("sandbox")
    address = granted(boxnb.sandbox.start(), terminal, login=CO_ADMIN)
    terminal.type(f"{address}\n")
    assert terminal.wait() == 0
    assert CO_ADMIN in terminal.shown


def test_input_without_a_reader_of_the_output_ends_quietly(sandbox: Any, app: Client) -> None:
    """If the program that reads the output has ended, there is no traceback."""
    read, write = os.pipe()
    os.close(read)
    child = piped(*command(), stdout=write)
    os.close(write)
    _, errors = child.communicate("\n", timeout=90)
    assert (child.returncode, errors) == (1, "")


def test_a_damaged_profile_is_one_sentence() -> None:
    """The message names the file; there is no traceback."""
    store.path("lab").parent.mkdir(parents=True)
    store.path("lab").write_text("{", encoding="utf-8")
    store.path("lab").chmod(0o600)
    child = piped(*command())
    output, errors = child.communicate(timeout=90)
    assert (child.returncode, output) == (1, "")
    assert str(store.path("lab")) in errors and errors.count("\n") == 1


def test_the_next_lines_of_a_pipe_stay_for_the_caller(sandbox: Any, app: Client) -> None:
    """A script that calls ``boxnb.sign_in`` reads its own next line of input afterwards."""
    code = "import boxnb\nprint(repr(boxnb.sign_in('lab')))\nprint('next:', input())"
    child = piped(sys.executable, "-c", code)
    address = sandbox.approve(link_from(child))
    output, errors = child.communicate(f"{address}\nafter\n", timeout=90)
    assert (child.returncode, errors) == (0, "")
    assert "boxnb.connect('lab')" in output and "next: after" in output


TRACEBACK = (
    "import sys, traceback\n"
    "import boxnb\n"
    "try:\n"
    "    boxnb.sign_in('lab')\n"
    "except BaseException as error:\n"
    "    shown = traceback.TracebackException.from_exception(error, capture_locals=True)\n"
    "    print(''.join(shown.format()))"
)


def test_a_traceback_with_variables_shows_no_code(sandbox: Any, app: Client, start: Start) -> None:
    """Tools that print the variables of a traceback find neither the code nor the client secret."""
    with terminals() as open_terminal:
        terminal = open_terminal(sys.executable, "-c", TRACEBACK)
        sandbox.faults.add("/oauth2/token", "latency", seconds=3)
        address = granted(sandbox, terminal)
        terminal.type(f"{address}\n")
        terminal.until("Exchanging")
        terminal.type("\x03")
        terminal.wait()
    assert "SignInCancelled: Stopped." in terminal.shown
    for secret in (code_of(address), app.client_secret.reveal()):
        assert secret not in terminal.shown


def test_a_process_without_input_raises(app: Client) -> None:
    """In a script whose input was replaced, ``boxnb.sign_in`` raises one sentence."""
    with pytest.raises(SignInCancelled, match="Nothing can be typed here"):
        boxnb.sign_in("lab")


def test_the_sign_in_by_text_loads_no_dataframes() -> None:
    """The command starts in a fraction of the time that pandas takes to load."""
    code = (
        "import sys, boxnb\nboxnb.sign_in\nprint(sorted({'pandas', 'numpy', 'anywidget'} & set(sys.modules)))"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "[]"
