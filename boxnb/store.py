"""One profile on disk: one private JSON file, locked, replaced whole, never without a good version.

The refresh token is single use and is the only thing between an admin and doing it all over again. So:
the file is written beside, flushed to the disk, then moved over the old one; a reader sees the old or the new
profile, never half of one. Whoever wants to change it holds :func:`lock` from reading to writing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock

from . import disk, journal, keepers
from .errors import ProfileNameError, SettingError, TokenStoreError
from .network import checked_verify
from .profile import FORMAT, from_json, to_json
from .profile import Profile as Profile  # the names everybody uses are store.Profile …
from .profile import known_account as known_account
from .profile import this_process as this_process  # … and store.this_process
from .tokens import sealed

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
    return disk.home()


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
    disk.private_folder(file.parent)
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
            raise disk.explained(error, file, "locked") from error
        raise TokenStoreError(
            f"The file system of {file.parent} has no locks, so two notebooks could lose the sign-in: "
            "choose a folder on a local disk with BOXNB_HOME.",
            file,
        ) from error
    try:
        # Who holds it is a courtesy to the next; the lock works without it.
        with contextlib.suppress(OSError):
            disk.write_note(_holder_file(file), this_process())
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
        text = disk.read_private(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk.explained(error, file, "read") from error
    try:
        content = json.loads(text)
        _check_format(content, file)
        profile = from_json(name, keepers.with_secrets(name, content, file))
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
    disk.private_folder(file.parent)
    content = to_json(profile)
    keeper = keepers.keeper(profile.keep, profile.name, file)
    shared = isinstance(keeper, keepers.PlistKeeper)
    if keeper is not None and not shared:
        keepers.replace(keeper, keepers.taken_out(content), None if moving else file)
    _write(file, content)
    keepers.draft(file).unlink(missing_ok=True)
    if keeper is not None and shared:
        try:
            keeper.write(content)
        except TokenStoreError as error:  # the older script's copy; the file has what counts, and has it
            disk.say_once(file, f"The older script will have to sign in again: {error}")
    return file


def _write(file: Path, content: dict[str, Any]) -> None:
    disk.write_private(file, json.dumps(content, indent=1).encode())


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


def _place(name: str, file: Path) -> keepers.Keeper | None:
    """Return where the secrets of a profile are, although the rest of its file may be damaged."""
    try:
        return keepers.keeper(json.loads(disk.read_private(file)).get("keep", "file"), name, file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk.explained(error, file, "read") from error
    except (ValueError, TypeError, AttributeError, RecursionError):
        disk.say_once(
            file,
            f"{file} was damaged. Secrets that a keyring or a command kept for {name!r} are still there: delete them by hand.",
        )
        return None


def _remove_files(file: Path) -> None:
    drafts = file.parent.glob(f".{file.name}.*")  # they hold tokens
    for each in (file, journal.path(file), _holder_file(file), *drafts):
        each.unlink(missing_ok=True)


def configure(name: str, *, verify: bool | str | None = None, monthly_calls: int | None = None) -> Profile:
    """Change what a profile says of its network and its licence; the sign-in is left alone.

    Parameters
    ----------
    name : str
        A saved profile.
    verify : bool or str, optional
        The path of your company's CA bundle, or ``True`` for the usual certificates, which an empty text means, too.
        ``False`` switches the check off, for tests only: :func:`boxnb.doctor` and :func:`boxnb.status` show it in red.
    monthly_calls : int, optional
        API calls a month the enterprise is licensed for (Business 50,000, Enterprise 100,000): a pull that spends
        more than a twentieth says so.

    Raises
    ------
    SettingError
        There is no such profile, or ``verify`` is neither of these or names a file that is not there.
    """
    checked = None if verify is None else checked_verify(verify, there=True)
    with lock(name):
        profile = _existing(name)
        changed = dataclasses.replace(
            profile,
            verify=profile.verify if checked is None else checked,
            monthly_calls=profile.monthly_calls if monthly_calls is None else monthly_calls,
        )
        save(changed)
        return changed


def _existing(name: str) -> Profile:
    profile = load(name)
    if profile is None:
        raise SettingError(f"There is no profile {name!r}; boxnb.status() lists those there are.")
    return profile


def rename(name: str, new: str) -> None:
    """Give a profile another name; its sign-in goes on.

    One step of the file system does it, so that a kill at any moment leaves one profile, never two with one chain.

    Raises
    ------
    SettingError
        There is no such profile, the new name is taken, or it makes no file name.
    TokenStoreError
        The secrets could not be copied to the new name, or the file not be moved; the old name is as it was.
    """
    if name.lower() == new.lower():
        raise SettingError(f"{name!r} is called that already.")
    first, second = sorted((name, new))  # always in one order, or two renames could wait for each other
    with lock(first), lock(second):
        profile = _existing(name)
        if path(new).exists():
            raise SettingError(f"There is a profile {new!r} already: delete or rename that one first.")
        here, there = (keepers.keeper(profile.keep, each, path(each)) for each in (name, new))
        if there is not None and not isinstance(there, keepers.PlistKeeper):
            keepers.replace(there, keepers.taken_out(to_json(profile)), None)
        try:
            path(name).rename(path(new))
            if journal.path(path(name)).exists():
                journal.path(path(name)).rename(journal.path(path(new)))
            disk.flush_folder(path(new).parent)
        except OSError as error:
            raise disk.explained(error, path(name), "renamed") from error
        if not isinstance(here, keepers.PlistKeeper):
            _forget(here, path(name))
        _remove_files(path(name))


def migrate(name: str, keep: str) -> Profile:
    """Move the secrets of a profile to another place without losing the chain.

    The new place is written and read back before the old one is emptied. To a property list that holds a token of
    its own, while nobody is signed in here, that token is taken over: the way in for older scripts.

    Parameters
    ----------
    name : str
        A saved profile.
    keep : str
        ``"file"``, ``"keyring"``, ``"plist:PATH"`` or ``"command:PROGRAM"``.

    Raises
    ------
    SettingError
        There is no such profile or place, or the property list holds another sign-in.
    TokenStoreError
        The new place refused; the old one is as it was.
    """
    with lock(name):
        file = path(name)
        profile = _existing(name)
        moved = dataclasses.replace(profile, keep=keep)
        there = keepers.keeper(keep, name, file)
        if isinstance(there, keepers.PlistKeeper):
            moved = _taken_over(moved, there)
        save(moved, moving=keep != profile.keep)
        if load(name) != moved:
            save(profile)
            raise TokenStoreError(
                f"The new place gave back something else: {name!r} stays where it was.", file
            )
        old = keepers.keeper(profile.keep, name, file)
        if old is not None and profile.keep != keep:
            _forget(old, file)
            if there is not None and there.read() is None:  # it was the old place under another name
                save(moved)
        return moved


def _forget(old: keepers.Keeper | None, file: Path) -> None:
    """Empty a place that is not used any more; where it refuses, that is said, for the new one is in use."""
    try:
        if old is not None:
            old.delete()
    except TokenStoreError as error:
        disk.say_once(file, f"The old place still holds the secrets, and could not be emptied: {error}")


def _taken_over(moved: Profile, there: keepers.PlistKeeper) -> Profile:
    """The profile as it is kept in an older script's list: with the script's sign-in, where nobody is signed in here."""
    theirs = there.token()
    if theirs is not None and moved.token is not None and theirs.refresh_token != moved.token.refresh_token:
        raise SettingError(
            f"{there.path} and profile {moved.name!r} hold two sign-ins: sign out of one of them first."
        )
    if names := there.names():
        told = f"None of the names in {there.path} means a refresh token ({', '.join(names)[:200]})"
        if moved.token is None:
            raise SettingError(f"{told}: call it 'refresh_token' there, then try again.")
        disk.say_once(there.path, f"{told}: boxnb adds it as 'refresh_token'.")
    return moved if moved.token is not None else dataclasses.replace(moved, token=theirs)


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
    keeper = keepers.keeper(profile.keep, profile.name, file)
    if not isinstance(keeper, keepers.PlistKeeper):
        return profile
    try:
        theirs = keeper.token()
    except TokenStoreError as error:  # the profile's own file has a pair, and is whole
        disk.say_once(file, f"What the older script saved is left aside: {error}")
        return profile
    ours = profile.token.refresh_token if profile.token is not None else None
    if theirs is None or theirs.refresh_token in (None, ours):
        return profile
    if theirs.refresh_token is not None and theirs.refresh_token.digest in profile.spent:
        return profile  # an old copy of ours: a crash came between the two files
    return profile.renewed(theirs, profile.skew)
