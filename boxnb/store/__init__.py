"""Profiles on disk: one private JSON file each, locked and replaced atomically.

This package imports `oauth` and the layers before it; `auth` and the layers after it may import this package.

`files` loads, saves and locks a profile; `profile` defines its content, and `method` how it signs in; `backends`, `system_keyring` and `property_list`
save its secrets elsewhere; `entry` is what they save; `intent` keeps the journal of a refresh; `mail_settings` says how a
profile sends email; `manage` configures and renames a profile and moves its secrets.
"""

from .files import LOCK_TIMEOUT, change, delete, home, load, lock, names, path, save
from .manage import configure, migrate, rename
from .method import Method
from .profile import FORMAT, Profile, known_account, this_process

__all__ = [
    "FORMAT",
    "LOCK_TIMEOUT",
    "Method",
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
