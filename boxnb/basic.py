"""Connect to other servers that take a user name and a password with each call. This is one kind of :mod:`boxnb.servers`.

The module stays for scripts that were written for 0.9, and gives no warning; new scripts use ``boxnb.servers``.
The password is saved in a private profile, and is sent only to the server it belongs to. Servers that an older boxnb saved
still work; ``boxnb move-servers`` moves them into profiles::

    boxnb.basic.save("devices", "https://mdm.example.com/api", "reader")   # asks for the password
    http = boxnb.basic.connect("devices")
    http.get_json("/devices", page=0)
"""

from __future__ import annotations

from pathlib import Path

from . import servers, store
from .secret import Secret, sealed
from .servers import ServerSession as BasicSession
from .servers.saved import file_of
from .store.method import BASIC

__all__ = ["BasicSession", "connect", "path", "save"]


def path(name: str) -> Path:
    """Return the path of the file for one saved server: its profile, or the file that an older boxnb wrote.

    Raises
    ------
    ProfileNameError
        The name cannot be used as a file name.
    """
    return file_of(name)


@sealed
def save(
    name: str,
    url: str,
    username: str,
    password: str | Secret | None = None,
    *,
    verify: bool | str | None = None,
) -> Path:
    """
    Save the URL and account of a server in a private file, and return its path.

    Parameters
    ----------
    name, url, username : str
        ``url`` is the base URL of the API.
    password : str or Secret, optional
        By default, ``save`` prompts for it without showing it. Never write it in a notebook.
    verify : str, optional
        The path of a CA bundle, for a server whose certificate your company issued. For tests, ``False`` turns the
        certificate check off; values such as ``0`` or ``""`` do not.

    Raises
    ------
    SettingError
        The password would leave this computer unencrypted, the URL is not valid, or the CA bundle does not exist.
    """
    secrets = {} if password is None else {"password": Secret(password)}
    servers.save(name, url, kind=BASIC, secrets=secrets, verify=verify, username=username)
    return store.path(name)


@sealed
def connect(name: str) -> BasicSession:
    """
    Return a session for a saved server. No request is sent.

    Raises
    ------
    NotSignedInError
        No server is saved with that name.
    TokenStoreError
        The file cannot be read.
    """
    return servers.connect(name)
