"""One profile on disk: one private JSON file, locked, replaced whole, never without a good version.

The refresh token is single use and is the only thing between an admin and doing it all over again. So:
the file is written beside, flushed to the disk, then moved over the old one; a reader sees the old or the new
profile, never half of one. Whoever wants to change it holds :func:`lock` from reading to writing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import socket
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import platformdirs

from . import disk
from .errors import TokenStoreError
from .oauth import Client, Server
from .tokens import Secret, Token

FORMAT = 1
LOCK_TIMEOUT = 120.0
"""Seconds to wait for another process before giving up."""


@dataclasses.dataclass(frozen=True)
class Profile:
    """One sign-in: an app, and the token pair of the person who signed in with it.

    Attributes
    ----------
    generation : int
        How often the pair was replaced since the sign-in.
    account : dict or None
        ``id``, ``name``, ``login``, ``role``, ``enterprise`` of who signed in, as Box answered.
    skew : float
        Seconds the server's clock was ahead of this machine's at the last answer.
    verify : bool or str
        Check of TLS certificates, or the path of a CA bundle (``verify=`` of requests).
    """

    name: str
    client: Client
    token: Token | None = None
    generation: int = 0
    account: dict[str, Any] | None = None
    skew: float = 0.0
    verify: bool | str = True


def home() -> Path:
    """The folder of all profiles: ``$BOXNB_HOME``, else the user's configuration directory."""
    given = os.environ.get("BOXNB_HOME")
    return Path(given).expanduser() if given else platformdirs.user_config_path("boxnb", appauthor=False)


def path(name: str) -> Path:
    """The file of one profile.

    Raises
    ------
    ValueError
        The name would not make a safe file name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise ValueError(
            f"A profile name has letters, digits, '-', '_' and '.', starting with a letter: {name!r}"
        )
    return home() / "profiles" / f"{name}.json"


def names() -> list[str]:
    """The names of all profiles, sorted."""
    return sorted(file.stem for file in (home() / "profiles").glob("*.json"))


@contextlib.contextmanager
def lock(name: str, *, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
    """Hold the profile against every other thread and process; the operating system frees it if we die.

    Raises
    ------
    TokenStoreError
        Another process kept it for ``timeout`` seconds, or the folder cannot be written.
    """
    file = path(name)
    disk.private_folder(file.parent)
    # One lock object per use: the file lock then excludes the threads of this process as well.
    held = filelock.FileLock(file.with_suffix(".lock"), timeout=timeout, thread_local=False)
    try:
        try:
            held.acquire(timeout=min(2.0, timeout))
        except filelock.Timeout:
            if timeout <= 2:
                raise
            warnings.warn(f"Waiting for {_holder(file)} to finish with profile {name!r}.", stacklevel=4)
            held.acquire(timeout=timeout)
    except filelock.Timeout:
        raise TokenStoreError(
            f"Profile {name!r} has been held for {timeout:.0f} s by {_holder(file)}: "
            "end that process, or wait for it, then try again.",
            file,
        ) from None
    except OSError as error:
        raise disk.explained(error, file, "locked") from error
    try:
        # Who holds it is a courtesy to the next; the lock works without it.
        with contextlib.suppress(OSError):
            _holder_file(file).write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        held.release()


def _holder_file(file: Path) -> Path:
    return file.with_suffix(".holder")


def _holder(file: Path) -> str:
    try:
        return _holder_file(file).read_text()[:200]
    except OSError:
        return "another process"


def load(name: str) -> Profile | None:
    """Read one profile; ``None`` where there is none.

    Raises
    ------
    TokenStoreError
        The file is there but damaged, unreadable, somebody else's, or of a newer boxnb.
    """
    file = path(name)
    try:
        text = disk.read_private(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk.explained(error, file, "read") from error
    try:
        return _from_json(name, json.loads(text), file)
    except (ValueError, KeyError, TypeError, AttributeError):
        # "from None": the original's text may quote the file, and so the token.
        raise TokenStoreError(
            f"{file} is damaged ({len(text)} bytes, not a profile): restore it from a backup, "
            "or delete it and sign in again.",
            file,
        ) from None


def save(profile: Profile) -> Path:
    """Write one profile: a private file beside, flushed, moved over the old one, folder flushed.

    Raises
    ------
    TokenStoreError
        It could not be written; the previous file is untouched.
    """
    file = path(profile.name)
    disk.private_folder(file.parent)
    disk.write_private(file, json.dumps(_to_json(profile), indent=1, ensure_ascii=False).encode())
    return file


def delete(name: str) -> None:
    """Forget one profile, its journal and its lock file."""
    file = path(name)
    for each in (file, intent_path(name), _holder_file(file)):
        each.unlink(missing_ok=True)


def intent_path(name: str) -> Path:
    """The journal of one profile: what the last rotation was about to do."""
    return path(name).with_suffix(".intent")


def write_intent(profile: Profile, now: float) -> None:
    """Say, flushed to disk, that this process is about to spend the refresh token of this generation."""
    record = {
        "generation": profile.generation,
        "fingerprint": profile.token.fingerprint if profile.token else "",
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "time": now,
    }
    disk.write_private(intent_path(profile.name), json.dumps(record).encode())


def read_intent(name: str) -> dict[str, Any] | None:
    """The rotation that was begun and not finished, or ``None``."""
    try:
        record = json.loads(intent_path(name).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def clear_intent(name: str) -> None:
    """The rotation is on disk: nothing is pending."""
    intent_path(name).unlink(missing_ok=True)


def _to_json(profile: Profile) -> dict[str, Any]:
    client, token = profile.client, profile.token
    content: dict[str, Any] = {
        "format": FORMAT,
        "server": dataclasses.asdict(client.server),
        "client": {
            "client_id": client.client_id,
            "client_secret": client.client_secret.reveal(),
            "redirect_uri": client.redirect_uri,
        },
        "generation": profile.generation,
        "account": profile.account,
        "skew": profile.skew,
        "verify": profile.verify,
        "saved_at": time.time(),
        "token": None,
    }
    if token is not None:
        content["token"] = {
            "access_token": token.access_token.reveal(),
            "refresh_token": token.refresh_token.reveal() if token.refresh_token else None,
            "obtained_at": token.obtained_at,
            "expires_in": token.expires_in,
            "token_type": token.token_type,
            "scope": token.scope,
        }
    return content


def _from_json(name: str, content: dict[str, Any], file: Path) -> Profile:
    if content["format"] > FORMAT:
        raise TokenStoreError(
            f"{file} was written by a newer boxnb (format {content['format']}): update boxnb.", file
        )
    saved = content.get("token")
    token = None
    if saved is not None:
        token = Token(
            access_token=Secret(saved["access_token"]),
            refresh_token=Secret(saved["refresh_token"]) if saved.get("refresh_token") else None,
            obtained_at=float(saved["obtained_at"]),
            expires_in=float(saved["expires_in"]),
            token_type=saved.get("token_type", "bearer"),
            scope=saved.get("scope"),
        )
    client = content["client"]
    return Profile(
        name=name,
        client=Client(
            client_id=client["client_id"],
            client_secret=Secret(client["client_secret"]),
            redirect_uri=client["redirect_uri"],
            server=Server(**content["server"]),
        ),
        token=token,
        generation=int(content.get("generation", 0)),
        account=content.get("account"),
        skew=float(content.get("skew", 0.0)),
        verify=content.get("verify", True),
    )
