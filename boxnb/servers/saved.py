"""Save servers, list them, connect to them, and move those that an older boxnb saved.

A server is saved as a profile: same file format, backends, lock, status, doctor, ledger and redaction. Before 1.0,
``boxnb.basic`` saved servers in files of its own, in the folder ``servers``; those still work.
"""

from __future__ import annotations

import dataclasses
import getpass
import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import store
from ..errors import BoxNotebookError, NotSignedInError, SettingError
from ..local import private_files
from ..oauth import Clock
from ..secret import Secret, is_utf8, sealed
from ..store.method import BASIC, CODE, HEADER
from ..transport.sessions import checked_verify
from .kinds import fields_of, kind_of, profile_of
from .presets import PLAIN, preset_of

if TYPE_CHECKING:
    from .session import ServerSession


@sealed
def save(
    name: str,
    url: str,
    *,
    preset: str = "plain",
    kind: str | None = None,
    secrets: Mapping[str, str | Secret] | None = None,
    secret_headers: Iterable[str] = (),
    verify: bool | str | None = None,
    keep: str | None = None,
    ask: Callable[[str], str] = getpass.getpass,
    **settings: str,
) -> store.Profile:
    """
    Save one server and how to sign in to it. Secrets that are not passed are asked for, without showing them.

    In a notebook, :func:`boxnb.widgets.save_server` shows a panel for the same.

    Parameters
    ----------
    name : str
        A name for this server, such as ``"jamf"``. Profiles of Box and servers share one list of names.
    url : str
        The base URL of the server's API.
    preset : {"plain", "jamf-pro", "workspace-one"}
    kind : {"basic", "header_key", "login", "client_credentials", "authorization_code"}, optional
        By default, the kind that the preset recommends.
    secrets : dict of str to str or Secret, optional
        ``password``, ``key`` or ``client_secret``, and ``header:NAME`` for further secret headers. For programs that read
        them elsewhere: never write one in a notebook.
    secret_headers : iterable of str
        The names of further headers whose values are secret, such as ``aw-tenant-code``.
    verify : str, optional
        The path of a CA bundle; ``False`` turns the certificate check off, for tests.
    keep : str, optional
        Where the secrets are saved, as for :func:`boxnb.store.migrate`. By default, where they are, or in the private file.
    ask : callable
        Called with a prompt for each missing secret; returns what was typed.
    **settings : str
        ``username``, ``client_id``, ``token_url``, ``login_url``, ``header``, ``prefix``, ``scope`` and others. The guide to
        other servers names those of each kind.

    Returns
    -------
    Profile
        What was saved. Printing it shows no secret.

    Raises
    ------
    SettingError
        A setting is not usable, or the name is that of a sign-in to Box.
    """
    table = preset_of(preset)
    chosen = kind_of(table, kind)
    checked = checked_verify(verify, must_exist=True)
    known = {key: Secret(value) for key, value in (secrets or {}).items()}
    given = dict(settings)
    if chosen not in (CODE,) and "redirect_uri" in given:
        raise SettingError("Only kind='authorization_code' has a redirect URI. Leave redirect_uri out.")
    headers = tuple(secret_headers)
    _require_free(name)
    fields = fields_of(table, chosen, headers)
    without = {field.name: Secret("-") for field in fields if field.secret and field.name not in known}
    profile_of(
        name, url, table, chosen, given, {**without, **known}, checked
    )  # checks before anything is asked
    who = given.get("username") or given.get("client_id") or name
    for field in fields:
        if field.secret and field.name not in known:
            known[field.name] = Secret(ask(f"{field.label} of {who} at {url}: "))
    return put(profile_of(name, url, table, chosen, given, known, checked), keep)


def put(profile: store.Profile, keep: str | None = None) -> store.Profile:
    """Save the profile of a server in place of an earlier one, which keeps its backend, mail settings and licence."""
    _require_free(profile.name)
    moved = _old_file(profile.name)

    def edit(saved: store.Profile | None) -> store.Profile:
        if saved is None:
            return profile
        if (saved.client, saved.method) == (profile.client, profile.method):
            return dataclasses.replace(saved, verify=profile.verify, refused="")
        kept = {name: getattr(saved, name) for name in ("keep", "entry", "former", "mail", "monthly_calls")}
        return dataclasses.replace(profile, **kept, skew=saved.skew, generation=saved.generation)

    saved = store.change(profile.name, edit)
    private_files.remove(moved)  # otherwise an old password would stay on this computer
    if keep is not None:
        return store.migrate(profile.name, keep)
    return saved or profile


def _require_free(name: str) -> None:
    try:
        saved = store.load(name)
    except BoxNotebookError:
        return  # saving says what is wrong with the file
    if saved is not None and saved.is_box:
        raise SettingError(
            f"{name!r} is a saved sign-in to {saved.client.server.name}. Choose another name for this server."
        )


def names() -> list[str]:
    """Return the names of all saved servers, sorted, including those that an older boxnb saved."""
    found = {file.stem for file in (store.home() / "servers").glob("*.json")}
    for name in store.names():
        try:
            saved = store.load(name)
        except BoxNotebookError:
            continue  # boxnb.status() lists it with its problem
        if saved is not None and not saved.is_box:
            found.add(name)
    return sorted(found)


def every_name() -> list[str]:
    """Return the names of all profiles and servers, sorted, whether or not they can be read."""
    return sorted({*store.names(), *(file.stem for file in (store.home() / "servers").glob("*.json"))})


def file_of(name: str) -> Path:
    """Return the path of a profile, or of the file that an older boxnb wrote if there is no profile with this name.

    Raises
    ------
    ProfileNameError
        The name cannot be used as a file name.
    """
    file, older = store.path(name), _old_file(name)
    return older if older.exists() and not file.exists() else file


@sealed
def any_profile(name: str) -> store.Profile | None:
    """Return a profile of Box or a server, even one that an older boxnb saved; ``None`` if it does not exist.

    Raises
    ------
    TokenStoreError, NotSignedInError, SettingError
        The file cannot be read.
    """
    return store.load(name) or _old_server(name)


@sealed
def load(name: str) -> store.Profile:
    """Return a saved server as a profile.

    Raises
    ------
    NotSignedInError
        No server is saved with that name, or its file is damaged.
    SettingError
        The name is that of a sign-in to Box.
    """
    saved = any_profile(name)
    if saved is None:
        raise NotSignedInError(
            f"No server is saved as {name!r}. Save it with boxnb.servers.save({name!r}, url), or with boxnb.basic.save({name!r}, "
            "url, username)."
        )
    if saved.is_box:
        raise SettingError(f"{name!r} is a sign-in to Box. Use boxnb.connect({name!r}).")
    return saved


def connect(name: str, *, clock: Clock = time.time) -> ServerSession:
    """
    Return a session for a saved server, which is always signed. No request is sent.

    Parameters
    ----------
    name : str
        The name of a saved server.
    clock : callable, default time.time
        Seconds since the epoch.

    Raises
    ------
    NotSignedInError
        No server is saved with that name, or nobody has signed in to it yet.
    TokenStoreError
        The file cannot be read.
    """
    from .session import ServerSession  # imports pandas, which a sign-in and a run of a notebook do without

    return ServerSession(load(name), clock=clock)


def move(name: str | None = None) -> list[str]:
    """
    Move servers that an older ``boxnb.basic`` saved into profiles, and delete their files.

    Parameters
    ----------
    name : str, optional
        One server; by default, all.

    Returns
    -------
    list of str
        The names of the servers that were moved.

    Raises
    ------
    NotSignedInError
        There is no such server, or its file is damaged.
    SettingError
        A profile already has this name.
    """
    if name is not None:
        wanted = [name]
    else:
        wanted = sorted(file.stem for file in (store.home() / "servers").glob("*.json"))
    for one in wanted:
        old = _old_server(one)
        if old is None:
            raise NotSignedInError(
                f"No older server is saved as {one!r}. boxnb.servers.names() lists the servers."
            )
        saved = store.load(one)
        if saved is not None and (saved.client, saved.method) == (old.client, old.method):
            private_files.remove(_old_file(one))  # an earlier move was killed before this
            continue
        if saved is not None:
            raise SettingError(
                f"There is already a profile {one!r}. Rename it with boxnb.store.rename({one!r}, 'other'), then move the server."
            )
        put(old)
    return wanted


def _old_file(name: str) -> Path:
    return store.home() / "servers" / f"{store.path(name).stem}.json"


def _old_server(name: str) -> store.Profile | None:
    """Return a server from the file that an older ``boxnb.basic`` wrote; ``None`` if it does not exist."""
    file = _old_file(name)
    try:
        saved: Any = json.loads(private_files.read_private(file))
        url, username, password = fields = [saved[field] for field in ("url", "username", "password")]
        if not all(isinstance(field, str) and is_utf8(field) for field in fields):
            raise TypeError("a text field is missing")
        secrets = {"password": Secret(password)}
        verify = checked_verify(saved.get("verify"))
        return profile_of(name, url, PLAIN, BASIC, {"username": username}, secrets, verify)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise private_files.explained(error, file, "read") from error
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotSignedInError(
            f"The server {name!r} cannot be used, because {file} is damaged. Save the server again with "
            f"boxnb.basic.save({name!r}, url, username)."
        ) from None


def header_secret(name: str) -> str:
    """Return the name of the secret that is sent in the header ``name``."""
    return f"{HEADER}{name}"
