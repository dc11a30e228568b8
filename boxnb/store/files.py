"""One profile on disk: one private JSON file, locked, replaced whole, never without a good version.

The refresh token is single use and is the only thing between an admin and doing it all over again. So:
the file is written beside, flushed to the disk, then moved over the old one; a reader sees the old or the new
profile, never half of one. Whoever wants to change it holds :func:`lock` from reading to writing.
"""

from __future__ import annotations

import contextlib
import errno
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock

from ..errors import ProfileNameError, TokenStoreError
from ..local import home_folder, private_files
from ..secret import sealed
from . import backends, intent
from .profile import FORMAT, from_json, to_json
from .profile import Profile as Profile  # the names everybody uses are store.Profile …
from .profile import known_account as known_account
from .profile import this_process as this_process  # … and store.this_process

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)),
}
"""Names that Windows keeps for devices."""

LOCK_TIMEOUT = 120.0
"""Seconds to wait for another process before giving up."""


def home() -> Path:
    """The folder of all profiles: a lesson's own, ``$BOXNB_HOME``, else the user's configuration directory."""
    return home_folder.home()


def path(name: str) -> Path:
    """The file of one profile.

    Raises
    ------
    ProfileNameError
        The name would not make a safe file name.
    """
    if not isinstance(name, str):
        raise ProfileNameError(f"The name of a profile is text, not a value of type {type(name).__name__}.")
    if not NAME.fullmatch(name) or name.split(".")[0].lower() in DEVICES:
        better = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-._").lower()[:64] or "acme"
        raise ProfileNameError(
            f"{name!r} cannot be the name of a profile: letters, digits, '-', '_' and '.' only, no name of a Windows "
            f"device; try {better + '-box' if better in DEVICES else better!r}."
        )
    return home() / "profiles" / f"{name}.json"


def names() -> list[str]:
    """The names of all profiles, sorted."""
    found = (file.stem for file in (home() / "profiles").glob("*.json"))
    return sorted(
        name for name in found if NAME.fullmatch(name) and name.split(".")[0].lower() not in DEVICES
    )


@contextlib.contextmanager
def lock(name: str, *, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
    """Hold the profile against every other thread and process; the operating system frees it if we die.

    Raises
    ------
    TokenStoreError
        Another process kept it for ``timeout`` seconds, or the folder cannot be written.
    """
    file = path(name)
    private_files.private_folder(file.parent)
    # One lock object per use: the file lock then excludes the threads of this process as well.
    held = filelock.FileLock(
        file.with_suffix(".lock"), timeout=timeout, thread_local=False, fallback_to_soft=False, mode=0o600
    )
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
        if error.errno not in (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK):
            raise private_files.explained(error, file, "locked") from error
        raise TokenStoreError(
            f"The file system of {file.parent} has no locks, so two notebooks could lose the sign-in: "
            "choose a folder on a local disk with BOXNB_HOME.",
            file,
        ) from error
    try:
        # Who holds it is a courtesy to the next; the lock works without it.
        with contextlib.suppress(OSError):
            private_files.write_note(_holder_file(file), this_process())
        yield
    finally:
        held.release()


def _holder_file(file: Path) -> Path:
    return file.with_suffix(".holder")


def _holder(file: Path) -> str:
    try:
        return _holder_file(file).read_text(encoding="utf-8", errors="replace")[:200]
    except OSError:
        return "another process"


@sealed
def load(name: str, *, shared: bool = True) -> Profile | None:
    """Read one profile; ``None`` where there is none. ``shared=False`` leaves an older script's plist aside.

    Raises
    ------
    TokenStoreError
        The file is there but damaged, unreadable, somebody else's, or of a newer boxnb.
    """
    file = path(name)
    try:
        text = private_files.read_private(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise private_files.explained(error, file, "read") from error
    try:
        content = json.loads(text)
        _check_format(content, file)
        profile = from_json(name, backends.with_secrets(name, content, file))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        # "from None": the original's text may quote the file, and so the token.
        raise TokenStoreError(
            f"{file} is damaged ({len(text)} bytes, not a profile): restore it from a backup, "
            "or delete it and sign in again.",
            file,
        ) from None
    return _with_plist(profile) if shared else profile


@sealed
def save(profile: Profile, *, moving: bool = False) -> Path:
    """Write one profile: a private file beside, flushed, moved over the old one, folder flushed.

    Where a keyring or command refuses the secrets, they are left in a private draft beside the profile, which counts
    until the next save succeeds. ``moving=True``, where another place holds them still, leaves none.

    Raises
    ------
    TokenStoreError
        It could not be written; the previous file is untouched.
    """
    file = path(profile.name)
    private_files.private_folder(file.parent)
    content = to_json(profile)
    keeper = backends.keeper(profile.keep, profile.name, file)
    shared = isinstance(keeper, backends.PlistKeeper)
    if keeper is not None and not shared:
        backends.replace(keeper, backends.taken_out(content), None if moving else file)
    _write(file, content)
    backends.draft(file).unlink(missing_ok=True)
    if keeper is not None and shared:
        try:
            keeper.write(content)
        except TokenStoreError as error:  # the older script's copy; the file has what counts, and has it
            private_files.say_once(file, f"The older script will have to sign in again: {error}")
    return file


def _write(file: Path, content: dict[str, Any]) -> None:
    private_files.write_private(file, json.dumps(content, indent=1).encode())


def delete(name: str) -> None:
    """Forget one profile and its secrets, wherever they are kept. Sign out first, or the token lives on at Box."""
    with lock(name):
        _delete(name)


def _delete(name: str) -> None:
    file = path(name)
    keeper = _place(name, file)
    if keeper is not None:
        keeper.delete()
    _remove_files(file)


def _place(name: str, file: Path) -> backends.Keeper | None:
    """Return where the secrets of a profile are, although the rest of its file may be damaged."""
    try:
        return backends.keeper(json.loads(private_files.read_private(file)).get("keep", "file"), name, file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise private_files.explained(error, file, "read") from error
    except (ValueError, TypeError, AttributeError, RecursionError):
        private_files.say_once(
            file,
            f"{file} was damaged. Secrets that a keyring or a command kept for {name!r} are still there: delete them by hand.",
        )
        return None


def _remove_files(file: Path) -> None:
    drafts = file.parent.glob(f".{file.name}.*")  # they hold tokens
    for each in (file, intent.path(file), _holder_file(file), *drafts):
        each.unlink(missing_ok=True)


def _check_format(content: dict[str, Any], file: Path) -> None:
    if not isinstance(content["format"], int):
        raise TypeError("the format is a number")
    if content["format"] > FORMAT:
        raise TokenStoreError(
            f"{file} was written by a newer boxnb (format {content['format']}): update boxnb.", file
        )


def _with_plist(profile: Profile) -> Profile:
    """Take up what an older script saved in the shared property list since we last looked."""
    file = path(profile.name)
    keeper = backends.keeper(profile.keep, profile.name, file)
    if not isinstance(keeper, backends.PlistKeeper):
        return profile
    try:
        theirs = keeper.token()
    except TokenStoreError as error:  # the profile's own file has a pair, and is whole
        private_files.say_once(file, f"What the older script saved is left aside: {error}")
        return profile
    ours = profile.token.refresh_token if profile.token is not None else None
    if theirs is None or theirs.refresh_token in (None, ours):
        return profile
    if theirs.refresh_token is not None and theirs.refresh_token.digest in profile.spent:
        return profile  # an old copy of ours: a crash came between the two files
    return profile.renewed(theirs, profile.skew)
