"""Profiles on disk: a private JSON file each, locked and replaced atomically.

Imports `oauth` and what is below it; `auth` and everything above may import it.
"""

from .files import LOCK_TIMEOUT, change, delete, home, load, lock, names, path, save
from .manage import configure, migrate, rename
from .profile import FORMAT, Profile, known_account, this_process

__all__ = [
    "FORMAT",
    "LOCK_TIMEOUT",
    "Profile",
    "change",
    "configure",
    "delete",
    "home",
    "known_account",
    "load",
    "lock",
    "migrate",
    "names",
    "path",
    "rename",
    "save",
    "this_process",
]
