"""One profile on disk: a private JSON file, locked, replaced atomically.

A refresh token works once, and an admin who loses it has to sign in again. A new version of the profile is therefore
written to a draft, flushed to disk, then moved over the old file, so that a reader sees the old or the new profile,
never a partial one. Code that changes a profile holds :func:`lock` from reading to writing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock

from ..errors import ProfileNameError, SettingError, TokenStoreError
from ..local import home_folder, private_files
from ..local.device_names import DEVICE_NAMES
from ..secret import sealed
from . import backends, entry, intent
from .profile import FORMAT, Profile, former_backend, from_json, this_process, to_json

IGNORES_CASE = sys.platform in ("win32", "darwin")
"""Whether the file system usually treats ``acme`` and ``Acme`` as one name."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
SANDBOX = "sandbox"
"""The name of the profile of the shared sandbox."""

LOCK_TIMEOUT = 120.0
"""Seconds to wait for another process's lock."""


def home() -> Path:
    """Return the folder for all profiles: the lesson's, ``$BOXNB_HOME``, or the user's configuration folder."""
    return home_folder.home()


def path(name: str) -> Path:
    """Return the file of one profile.

    Raises
    ------
    ProfileNameError
        The name would not be a safe file name, or is another spelling of a saved profile's name.
    """
    if not isinstance(name, str):
        raise ProfileNameError(f"The name of a profile must be text, not {type(name).__name__}.")
    if not NAME.fullmatch(name) or name.split(".")[0].lower() in DEVICE_NAMES:
        suggestion = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-._").lower()[:64] or "acme"
        raise ProfileNameError(
            f"{name!r} cannot be the name of a profile. Use letters, digits, '-', '_' and '.', but not the name of a "
            f"Windows device. Try {suggestion + '-box' if suggestion in DEVICE_NAMES else suggestion!r}."
        )
    if name.lower() == SANDBOX != name:
        raise ProfileNameError(
            f"There is no profile {name!r}. Did you mean {SANDBOX!r}? Other names are free to use."
        )
    if IGNORES_CASE and name not in (saved := names()):
        for other in saved:
            if other.lower() == name.lower():
                # In a keyring, the two would be different names.
                raise ProfileNameError(
                    f"There is a profile {other!r}, and {name!r} would be the same file on this computer. Use {other!r}, or a "
                    "name that differs in more than its capital letters."
                )
    return home() / "profiles" / f"{name}.json"


def names() -> list[str]:
    """Return the names of all profiles, sorted."""
    stems = (file.stem for file in (home() / "profiles").glob("*.json"))
    return sorted(
        name for name in stems if NAME.fullmatch(name) and name.split(".")[0].lower() not in DEVICE_NAMES
    )


@contextlib.contextmanager
def lock(name: str, *, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
    """Lock a profile against every other thread and process. If this process dies, the operating system unlocks it.

    Raises
    ------
    TokenStoreError
        Another process held the lock for ``timeout`` seconds, or the folder is not writable.
    """
    file = path(name)
    private_files.private_folder(file.parent)
    # A new object each time, so that the lock also excludes the other threads of this process.
    file_lock = filelock.FileLock(
        file.with_suffix(".lock"), timeout=timeout, thread_local=False, fallback_to_soft=False, mode=0o600
    )
    try:
        try:
            file_lock.acquire(timeout=min(2.0, timeout))
        except filelock.Timeout:
            if timeout <= 2:
                raise
            warnings.warn(f"Waiting for {_holder(file)} to finish with profile {name!r}.", stacklevel=4)
            file_lock.acquire(timeout=timeout)
    except filelock.Timeout:
        raise TokenStoreError(
            f"Profile {name!r} has been locked for {timeout:.0f} seconds by {_holder(file)}. "
            "Wait for that process or end it, then try again.",
            file,
        ) from None
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK):
            raise private_files.explained(error, file, "locked") from error
        raise TokenStoreError(
            f"The file system of {file.parent} does not support locks, so two notebooks could lose the sign-in. "
            "Set BOXNB_HOME to a folder on a local disk.",
            file,
        ) from error
    try:
        # The holder's name is only for the messages above; the lock works without it.
        with contextlib.suppress(OSError):
            private_files.write_note(_holder_file(file), this_process())
        yield
    finally:
        file_lock.release()


def _holder_file(file: Path) -> Path:
    return file.with_suffix(".holder")


def _holder(file: Path) -> str:
    try:
        holder = _holder_file(file).read_text(encoding="utf-8", errors="replace")[:200]
    except OSError:
        holder = ""
    return holder or "another process"  # empty while it is being written


@sealed
def load(name: str, *, shared: bool = True) -> Profile | None:
    """Return one profile, or ``None`` if it does not exist. With ``shared=False``, ignore an older script's property list.

    Raises
    ------
    TokenStoreError
        The file is damaged or unreadable, belongs to another user, or was written by a newer boxnb.
    """
    file = path(name)
    try:
        content, found = _read(name, file)
    except FileNotFoundError:
        return None
    try:
        profile = from_json(name, content if found is None else backends.with_secrets(content, found))
    except _DAMAGES:
        # "from None", because the message of the original error may quote the file, and with it the token.
        raise _damaged(file) from None
    # Do not raise: the sign-in panel and delete have to work for such a profile.
    if found is not None and found.warning:
        private_files.say_once(file, found.warning)
    return _with_plist(profile) if shared else profile


_DAMAGES = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
_PAUSES = (0.05, 0.15, 0.3)
"""Seconds between two attempts to read secrets while another process may be replacing or moving them."""


def _read(name: str, file: Path) -> tuple[dict[str, Any], backends.Found | None]:
    """Return the content of a profile's file, and what its keyring or command has; ``None`` if it has neither."""
    for pause in (*_PAUSES, None):
        try:
            text = private_files.read_private(file)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise private_files.explained(error, file, "read") from error
        try:
            content = json.loads(text)
            _check_format(content, file)
            backend = _backend_in(name, content, file)
        except _DAMAGES:
            raise _damaged(file) from None
        if not backends.is_separate(backend):
            return content, None
        found = backends.read(backend, file, content)
        if pause is None or not found.may_change:
            break
        time.sleep(pause)
    return content, found


def _backend_in(name: str, content: dict[str, Any], file: Path) -> backends.Backend | None:
    """Return the backend that the content of a profile's file names."""
    return backends.backend_for(content.get("keep", "file"), content.get("entry") or name, file)


def backend_of(profile: Profile) -> backends.Backend | None:
    """Return the backend of a profile; ``None`` if its secrets are in its own file."""
    return backends.backend_for(profile.keep, profile.entry or profile.name, path(profile.name))


def _damaged(file: Path) -> TokenStoreError:
    return TokenStoreError(
        f"{file} is damaged ({file.stat().st_size} bytes, not a profile). Restore it from a backup, "
        "or delete it and sign in again.",
        file,
    )


@sealed
def save(profile: Profile, *, moving: bool = False) -> Path:
    """Write one profile atomically: write a private draft, flush it, move it over the old file, flush the folder.

    If a keyring or command refuses the secrets, they are saved in a private draft next to the profile, which is used until
    a save succeeds. With ``moving=True``, no draft is written, because another backend still has the secrets.

    Raises
    ------
    TokenStoreError
        The profile cannot be written. The previous file is unchanged.
    """
    file = path(profile.name)
    private_files.private_folder(file.parent)
    content = to_json(profile)
    backend = backend_of(profile)
    if backends.is_separate(backend):
        backends.replace(backend, entry.pop_secrets(content), None if moving else file)
    _write(file, content)
    private_files.remove(backends.draft_path(file))
    if isinstance(backend, backends.PlistBackend):
        try:
            backend.write(content)
        except TokenStoreError as error:  # only the older script's copy is stale: the profile itself is saved
            private_files.say_once(file, f"The older script will have to sign in again. {error}")
    if profile.former and not moving and _empty_former(profile.former, backend, profile.name, file):
        _write(file, {name: value for name, value in content.items() if name != "former"})
    return file


def record_former(profile: Profile, former: tuple[str, ...]) -> None:
    """Record in a profile's file that a backend may contain a copy of the secrets and has to be emptied."""
    content = to_json(dataclasses.replace(profile, former=former))
    if backends.is_separate(backend_of(profile)):
        entry.pop_secrets(content)
    _write(path(profile.name), content)


def _empty_former(former: tuple[str, ...], current: backends.Backend | None, name: str, file: Path) -> bool:
    """Empty the backend that a profile no longer uses, and return whether that worked. A failure only warns."""
    keep, entry_name = former
    try:
        backend = backends.backend_for(keep, entry_name or name, file)
        if backend is not None and not backends.is_same_storage(backend, current):
            backend.delete()
    except (TokenStoreError, SettingError) as error:
        private_files.say_once(file, f"Cannot empty the old backend, which still has the secrets. {error}")
        return False
    return True


def _write(file: Path, content: dict[str, Any]) -> None:
    private_files.write_private(file, json.dumps(content, indent=1).encode())


def require_secrets(profile: Profile) -> None:
    """
    Refuse a profile that was loaded while its keyring or command did not return its secrets.

    Saving it would replace the secrets with nothing. Secrets that are missing once are not necessarily lost: a keyring may be locked.

    Raises
    ------
    TokenStoreError
        The profile has no secrets, and its backend did not confirm this by returning an entry without secrets.
    """
    file, backend = path(profile.name), backend_of(profile)
    if profile.has_secrets or not backends.is_separate(backend):
        return
    saved = backends.read(backend, file, to_json(profile)).secrets
    if saved is not None and not any(saved.get(name) for name in ("token", "client_secret", "secrets")):
        return
    raise TokenStoreError(
        f"The backend {profile.keep.split(':')[0]!r} did not return the secrets of {profile.name!r}, so nothing was changed. "
        "Unlock it and try again, or sign in again.",
        file,
    )


def change(name: str, edit: Callable[[Profile | None], Profile | None]) -> Profile | None:
    """Change a profile under its lock, so that no other thread or process changes it at the same time.

    Parameters
    ----------
    name : str
        The name of the profile.
    edit : callable
        Called with the saved profile, or ``None`` if there is none. Returns the profile to save, or ``None`` to save
        nothing. It runs under the lock, so it must not call :func:`change` or :func:`lock` for this profile.

    Returns
    -------
    Profile or None
        The profile that is now saved.

    Raises
    ------
    TokenStoreError
        The profile could not be locked, read or written.
    """
    with lock(name):
        saved = load(name)
        edited = edit(saved)
        if edited is None or edited == saved:
            return saved
        if saved is not None and not edited.has_secrets:
            require_secrets(saved)
        save(edited)
        return edited


def delete(name: str) -> None:
    """Delete one profile and its secrets in every backend. Sign out first; otherwise, Box still accepts the token."""
    with lock(name):
        _delete(name)


def _delete(name: str) -> None:
    file = path(name)
    content = _raw_content(name, file)
    backend = _backend_in(name, content, file)
    if former := former_backend(content):
        _empty_former(former, backend, name, file)
    if backend is not None:
        backend.delete()
    _remove_files(file)


def _raw_content(name: str, file: Path) -> dict[str, Any]:
    """Return the content of a profile's file as far as a deletion needs it, even if the rest is damaged."""
    try:
        content = json.loads(private_files.read_private(file))
        _backend_in(name, content, file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise private_files.explained(error, file, "read") from error
    except (ValueError, TypeError, AttributeError, RecursionError):
        private_files.say_once(
            file,
            f"{file} was damaged. If a keyring or a command has secrets for {name!r}, delete them there by hand.",
        )
        return {}
    return dict(content)


def _remove_files(file: Path) -> None:
    # The profile last: if the process is killed in between, no draft is left for the next profile of this name.
    for leftover in (*_drafts(file), intent.path(file), _holder_file(file), file):
        try:
            private_files.remove(leftover)
        except OSError as error:
            raise private_files.explained(error, leftover, "deleted") from error


def _drafts(file: Path) -> list[Path]:
    """Return the drafts of a profile's file and of its secrets, which contain tokens."""
    return list(file.parent.glob(f".{file.name}.*"))


def _check_format(content: dict[str, Any], file: Path) -> None:
    if not isinstance(content["format"], int):
        raise TypeError("the format must be a number")
    if content["format"] > FORMAT:
        raise TokenStoreError(
            f"{file} was written by a newer boxnb (format {content['format']}). Update boxnb.", file
        )


def _with_plist(profile: Profile) -> Profile:
    """Return the profile with the token pair that an older script saved in the shared property list, if it is newer."""
    file, backend = path(profile.name), backend_of(profile)
    if not isinstance(backend, backends.PlistBackend):
        return profile
    try:
        script_token = backend.token()
    except TokenStoreError as error:  # the profile's own file also has a token pair
        private_files.say_once(file, f"boxnb ignores the older script's property list. {error}")
        return profile
    own_refresh_token = profile.token.refresh_token if profile.token is not None else None
    if script_token is None or script_token.refresh_token in (None, own_refresh_token):
        return profile
    if script_token.refresh_token is not None and script_token.refresh_token.digest in profile.spent:
        return profile  # an old copy of our token, left by a crash between the two writes
    return profile.renewed(script_token, profile.skew)
