"""A kill at any point of a rename or a move of secrets: exactly one profile has the token pair."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from boxnb import oauth, store
from boxnb.oauth.token import Token
from boxnb.secret import Secret

CLIENT = oauth.Client("abc", Secret("the-client-secret-of-tests"), "http://127.0.0.1/callback")
TOKEN = Token(Secret("access-0a1b2c3d"), Secret("refresh-0a1b2c3d"), obtained_at=1000.0, expires_in=3600.0)

# Every call that changes or renames a file, or starts the secret manager.
CALLS = [(os, name) for name in ("open", "fsync", "replace", "rename", "unlink", "posix_spawn", "fork")]

# In sh, because it is started hundreds of times, and Python needs twenty times as long to start.
MANAGER = """
file="$1/$3"
case "$2" in
    set) cat > "$file" ;;
    delete) rm -f "$file" ;;
    *) if [ -e "$file" ]; then cat "$file"; fi ;;
esac
"""


@pytest.fixture
def command(tmp_path: Path) -> str:
    """Return the command of a small secret manager that saves secrets in a folder."""
    script, folder = tmp_path / "manager.sh", tmp_path / "secrets"
    script.write_text(MANAGER)
    folder.mkdir()
    return f"command:sh {script} {folder}"


def run_and_kill(point: int, work: Callable[[], object]) -> bool:
    """Run `work` in a child that kills itself at one point. Return whether it reached the point."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    with pytest.MonkeyPatch.context() as monkeypatch:
        steps = itertools.count()

        def step() -> None:
            if next(steps) == point:
                os.kill(os.getpid(), signal.SIGKILL)

        def with_steps(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **options: Any) -> Any:
                step()
                result = real(*arguments, **options)
                step()
                return result

            return call

        for owner, name in CALLS:
            monkeypatch.setattr(owner, name, with_steps(getattr(owner, name)))
        try:
            work()
        except BaseException as error:  # noqa: BLE001  a forked child must not return into pytest
            sys.stderr.write(repr(error))
            os._exit(1)
        os._exit(0)


def holders() -> list[str]:
    """Return the profiles that have the token pair."""
    profiles = [(name, store.load(name)) for name in store.names()]
    return [name for name, saved in profiles if saved is not None and saved.token == TOKEN]


# After a kill between the draft and the backend's write, the draft has the newest secrets, and a warning says so.
DRAFTED = pytest.mark.filterwarnings("ignore:The newest secrets of this profile are in")


@DRAFTED
@pytest.mark.parametrize("where", ["file", "command"])
def test_one_profile_has_the_pair_after_a_killed_rename(command: str, where: str) -> None:
    """The profile has the old name or the new one, and the rename can be repeated."""
    keep = command if where == "command" else "file"
    store.save(store.Profile("acme", CLIENT, TOKEN, generation=3, keep=keep))
    points = 0
    while run_and_kill(
        points, lambda: store.rename(*(("acme", "beta") if holders() == ["acme"] else ("beta", "acme")))
    ):
        points += 1
        (name,) = holders()
        saved = store.load(name)
        assert saved is not None
        assert (saved.generation, saved.client) == (3, CLIENT)
    assert points > 4
    (name,) = holders()
    store.rename(name, "gamma")
    assert (holders(), store.names()) == (["gamma"], ["gamma"])


@DRAFTED
def test_a_killed_move_does_not_lose_secrets(command: str) -> None:
    """A move from the file to a secret manager, or back, can be killed at any point."""
    store.save(store.Profile("acme", CLIENT, TOKEN, generation=3))
    for keep in (command, "file"):
        before = store.load("acme")
        assert before is not None
        for point in itertools.count():
            store.save(before)
            if not run_and_kill(point, lambda keep=keep: store.migrate("acme", keep)):  # type: ignore[misc]
                break
            assert holders() == ["acme"]
        assert holders() == ["acme"]
        assert point > 4
    assert json.loads(store.path("acme").read_text())["keep"] == "file"
