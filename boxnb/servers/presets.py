"""Presets: what boxnb knows about some servers. Each is a table; a new one needs no code.

Sources: Jamf's documentation (client credentials, bearer tokens) and its users' Python SDK (paging); the documentation of
Workspace ONE UEM (OAuth client management) and Omnissa's samples (the API key that Basic needs as well, and paging). What
neither says is marked *assumed*. No preset has been run against the real server.
"""

from __future__ import annotations

from typing import NamedTuple

from ..errors import SettingError
from ..store.method import BASIC, CLIENT_CREDENTIALS, CODE, KEY, LOGIN
from .pages import Pages


class Preset(NamedTuple):
    """What is the same for every server of one product.

    Attributes
    ----------
    name, title : str
        The name in code, and the product's name in messages; an empty title stands for the server's host name.
    kinds : tuple of str
        The kinds of sign-in that the product offers, the recommended one first.
    settings : dict of str to str
        Settings of :class:`boxnb.store.Method`. A setting that starts with ``/`` is a path below the server's URL.
    secret_headers : dict of str to tuple of str
        For each kind, the further headers that are secret.
    headers : dict of str to str
        Headers of every request that are not secret.
    pages : Pages or None
        How the product divides listings into pages; ``None`` if the responses have to show it.
    calls_per_minute : int
        How many calls boxnb makes at most. *Assumed*: no vendor documents a limit. Jamf advises at most five calls at once,
        and a pull makes one at a time.
    """

    name: str
    title: str
    kinds: tuple[str, ...]
    settings: dict[str, str]
    secret_headers: dict[str, tuple[str, ...]]
    headers: dict[str, str]
    pages: Pages | None
    calls_per_minute: int


JAMF_PRO = Preset(
    name="jamf-pro",
    title="Jamf Pro",
    kinds=(CLIENT_CREDENTIALS, LOGIN),
    settings={
        "token_url": "/api/oauth/token",
        "login_url": "/api/v1/auth/token",
        "keep_alive_url": "/api/v1/auth/keep-alive",
        "end_url": "/api/v1/auth/invalidate-token",
        "token_field": "token",
        "expires_field": "expires",
        "probe": "/api/v1/auth",  # assumed: no source says which call every account may make
    },
    secret_headers={},
    headers={"Accept": "application/json"},
    # 100 is the server's own default; the maximum is 2000 (the SDK).
    pages=Pages(
        "page", name="page", size_name="page-size", size=100, first=0, rows="results", total="totalCount"
    ),
    calls_per_minute=600,
)

WORKSPACE_ONE = Preset(
    name="workspace-one",
    title="Workspace ONE UEM",
    kinds=(CLIENT_CREDENTIALS, BASIC),
    settings={"probe": "/API/system/info"},  # assumed, as for Jamf Pro
    secret_headers={BASIC: ("aw-tenant-code",)},
    headers={"Accept": "application/json"},
    # The size is assumed. Some newer calls spell it `pageSize`: pass `pages=` to them.
    pages=Pages("page", name="page", size_name="pagesize", size=500, first=0, total="Total"),
    calls_per_minute=600,
)

PLAIN = Preset(
    name="plain",
    title="",
    kinds=(BASIC, KEY, LOGIN, CLIENT_CREDENTIALS, CODE),
    settings={},
    secret_headers={},
    headers={"Accept": "application/json"},
    pages=None,
    calls_per_minute=600,
)

PRESETS = {preset.name: preset for preset in (JAMF_PRO, WORKSPACE_ONE, PLAIN)}
"""The presets by name."""


def preset_of(name: str) -> Preset:
    """Return a preset.

    Raises
    ------
    SettingError
        There is no preset with this name.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise SettingError(f"There is no preset {name!r}. The presets are {', '.join(PRESETS)}.") from None
