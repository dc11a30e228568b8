"""Change the settings of a profile, rename it, or move its secrets to another backend."""

from __future__ import annotations

import dataclasses
import secrets
from pathlib import Path

from ..errors import SettingError, TokenStoreError
from ..local import private_files
from ..transport.sessions import checked_verify
from . import backends, entry, intent
from .files import (
    _drafts,
    _remove_files,
    backend_of,
    change,
    load,
    lock,
    path,
    record_former,
    require_secrets,
    save,
)
from .missing import no_profile
from .profile import Profile, to_json


def configure(name: str, *, verify: bool | str | None = None, monthly_calls: int | None = None) -> Profile:
    """Change the network and licence settings of a profile. The sign-in does not change.

    Parameters
    ----------
    name : str
        A saved profile.
    verify : bool or str, optional
        The path of your company's CA bundle, or ``True`` (or an empty string) for the usual certificates. Use ``False``
        only for tests: it switches the certificate check off, and :func:`boxnb.doctor` and :func:`boxnb.status` show it
        in red.
    monthly_calls : int, optional
        How many API calls per month the enterprise's licence includes (Business 50,000, Enterprise 100,000). A pull that
        spends more than a twentieth of them raises a warning.

    Raises
    ------
    SettingError
        The profile does not exist, ``verify`` is not one of these values, or it is the path of a file that does not exist.
    """
    new_verify = None if verify is None else checked_verify(verify, must_exist=True)

    def edit(saved: Profile | None) -> Profile:
        profile = _existing(name, saved)
        return dataclasses.replace(
            profile,
            verify=profile.verify if new_verify is None else new_verify,
            monthly_calls=profile.monthly_calls if monthly_calls is None else monthly_calls,
        )

    return _existing(name, change(name, edit))


def _existing(name: str, saved: Profile | None) -> Profile:
    if saved is None:
        raise SettingError(str(no_profile(name)))
    return saved


def rename(name: str, new: str) -> None:
    """Rename a profile. It stays signed in.

    The file is renamed in one step. If the process is killed at any moment, there is still only one profile with this
    token pair. An entry in a keyring or a secret manager keeps its name.

    Raises
    ------
    SettingError
        The profile does not exist, the new name is taken, or it cannot be a file name.
    TokenStoreError
        The profile could not be saved, or its file could not be renamed. The old name still works.
    """
    if name.lower() == new.lower():
        raise SettingError(f"The profile is already named {name!r}.")
    # Always lock in the same order. Otherwise two renames could wait for each other.
    first, second = sorted((name, new))
    with lock(first), lock(second):
        profile = _existing(name, load(name))
        require_secrets(profile)
        if path(new).exists():
            raise SettingError(f"There is already a profile {new!r}. Delete or rename it first.")
        if backends.is_separate(backend_of(profile)) and not profile.entry:
            # The entry keeps its name, so that there are never two copies of the secrets, or none, during the move.
            save(dataclasses.replace(profile, entry=name))
        try:
            for draft in _drafts(path(new)):  # of an earlier profile with this name
                private_files.remove(draft)
            private_files.replace(path(name), path(new))
            if intent.path(path(name)).exists():
                private_files.replace(intent.path(path(name)), intent.path(path(new)))
            private_files.flush_folder(path(new).parent)
        except OSError as error:
            raise private_files.explained(error, path(name), "renamed") from error
        _remove_files(path(name))


def migrate(name: str, keep: str) -> Profile:
    """Move the secrets of a profile to another backend without losing the sign-in.

    The new backend is written and read back before the old one is emptied. If the new one is the property list of an
    older script and nobody is signed in with this profile, the profile adopts the script's token.

    Parameters
    ----------
    name : str
        A saved profile.
    keep : str
        ``"file"``, ``"keyring"``, ``"plist:PATH"`` or ``"command:PROGRAM"``.

    Raises
    ------
    SettingError
        The profile or the backend does not exist, or the property list contains a different sign-in.
    TokenStoreError
        The new backend refused the secrets. The old one is unchanged.
    """
    with lock(name):
        file = path(name)
        profile = _existing(name, load(name))
        require_secrets(profile)
        if keep == profile.keep or profile.former:
            save(profile)  # this empties the backend that an interrupted move left
            profile = _existing(name, load(name))
        if keep == profile.keep:
            return profile
        moved = dataclasses.replace(
            profile,
            keep=keep,
            entry=_unused_entry(profile, keep, file),
            former=() if profile.keep == "file" else (profile.keep, profile.entry),
        )
        new_backend = backend_of(moved)
        if isinstance(new_backend, backends.PlistBackend):
            moved = _with_script_token(moved, new_backend)
        if backends.is_separate(new_backend):
            # If this process is killed between the two writes, the next save empties the new backend.
            record_former(profile, (keep, moved.entry))
        try:
            save(moved, moving=True)
        except TokenStoreError:
            if not _has_secrets(new_backend):
                record_former(profile, profile.former)
            raise
        if load(name) != moved:
            save(dataclasses.replace(profile, former=(keep, moved.entry)))
            raise TokenStoreError(
                f"The new backend did not return what was saved. The secrets of {name!r} stay in the old one.",
                file,
            )
        save(moved)  # this empties the old backend
        return _existing(name, load(name))


def _has_secrets(backend: backends.Backend | None) -> bool:
    try:
        return backend is not None and backend.read() is not None
    except TokenStoreError:
        return False


def _unused_entry(profile: Profile, keep: str, file: Path) -> str:
    """Return the name for the secrets in a new backend. A profile in another home folder may already use the usual name."""
    backend = backends.backend_for(keep, profile.entry or profile.name, file)
    if not backends.is_separate(backend):
        return profile.entry
    try:
        saved = backend.read()
    except TokenStoreError:
        return profile.entry  # if the backend does not work, the save says why
    own = entry.pop_secrets(to_json(profile))
    if saved is None or entry.is_same_sign_in(own, saved):
        return profile.entry
    return f"{profile.name}-{secrets.token_hex(4)}"


def _with_script_token(moved: Profile, backend: backends.PlistBackend) -> Profile:
    """Return the profile with the token from an older script's property list, if nobody is signed in with the profile."""
    script_token = backend.token()
    if (
        script_token is not None
        and moved.token is not None
        and script_token.refresh_token != moved.token.refresh_token
    ):
        raise SettingError(
            f"{backend.path} and profile {moved.name!r} contain different sign-ins. Sign out of one of them first."
        )
    if names := backend.names():
        problem = f"No entry in {backend.path} has the name of a refresh token. The names are {', '.join(names)[:200]}."
        if moved.token is None:
            raise SettingError(f"{problem} Rename the token's entry to 'refresh_token', then try again.")
        private_files.say_once(backend.path, f"{problem} boxnb adds an entry named 'refresh_token'.")
    return moved if moved.token is not None else dataclasses.replace(moved, token=script_token)
