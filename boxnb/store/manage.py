"""Change a profile as a whole: its settings, its name, the place of its secrets."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ..errors import SettingError, TokenStoreError
from ..local import private_files
from ..transport.sessions import checked_verify
from . import backends, intent
from .files import _remove_files, load, lock, path, save
from .profile import Profile as Profile  # the names everybody uses are store.Profile …
from .profile import known_account as known_account
from .profile import this_process as this_process  # … and store.this_process
from .profile import to_json


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
        here, there = (backends.keeper(profile.keep, each, path(each)) for each in (name, new))
        if there is not None and not isinstance(there, backends.PlistKeeper):
            backends.replace(there, backends.taken_out(to_json(profile)), None)
        try:
            path(name).rename(path(new))
            if intent.path(path(name)).exists():
                intent.path(path(name)).rename(intent.path(path(new)))
            private_files.flush_folder(path(new).parent)
        except OSError as error:
            raise private_files.explained(error, path(name), "renamed") from error
        if not isinstance(here, backends.PlistKeeper):
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
        there = backends.keeper(keep, name, file)
        if isinstance(there, backends.PlistKeeper):
            moved = _taken_over(moved, there)
        save(moved, moving=keep != profile.keep)
        if load(name) != moved:
            save(profile)
            raise TokenStoreError(
                f"The new place gave back something else: {name!r} stays where it was.", file
            )
        old = backends.keeper(profile.keep, name, file)
        if old is not None and profile.keep != keep:
            _forget(old, file)
            if there is not None and there.read() is None:  # it was the old place under another name
                save(moved)
        return moved


def _forget(old: backends.Keeper | None, file: Path) -> None:
    """Empty a place that is not used any more; where it refuses, that is said, for the new one is in use."""
    try:
        if old is not None:
            old.delete()
    except TokenStoreError as error:
        private_files.say_once(
            file, f"The old place still holds the secrets, and could not be emptied: {error}"
        )


def _taken_over(moved: Profile, there: backends.PlistKeeper) -> Profile:
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
        private_files.say_once(there.path, f"{told}: boxnb adds it as 'refresh_token'.")
    return moved if moved.token is not None else dataclasses.replace(moved, token=theirs)
