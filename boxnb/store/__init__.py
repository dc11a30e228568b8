"""Profiles on disk: one private JSON file each, locked and replaced atomically.

This package imports `oauth` and the layers before it; `auth` and the layers after it may import this package.

`files` loads, saves and locks a profile; `profile` defines its content, and `method` how it signs in; `backends`, `system_keyring` and `property_list`
save its secrets elsewhere; `entry` is what they save; `intent` keeps the journal of a refresh; `mail_settings` says how a
profile sends email; `missing` has the errors for a profile that does not exist, and `practice_server` starts the sandbox for
its profile; `manage` configures and renames a profile and moves its secrets.
"""

from .files import LOCK_TIMEOUT, change, delete, home, load, lock, names, path, save
from .files import SANDBOX as SANDBOX
from .manage import configure, migrate, rename
from .method import Method
from .missing import did_you_mean as did_you_mean
from .missing import no_profile as no_profile
from .missing import nobody_signed_in as nobody_signed_in
from .practice_server import load_awake as load_awake
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
