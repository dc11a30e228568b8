"""What a person enters for each kind of sign-in, and how that becomes a profile. The panel and the prompts share this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import requests

from .. import store
from ..errors import HostNotAllowedError, SettingError
from ..oauth import Client, Server
from ..oauth.client import POST
from ..secret import Secret, sealed
from ..store.method import BASIC, CLIENT_CREDENTIALS, CODE, HEADER, KEY, KINDS, LOGIN, Method
from ..transport.sessions import require_private
from .presets import Preset

REDIRECT = "http://127.0.0.1:8917/callback"
"""The redirect URI of a server that signs in with an authorization code, unless another one is registered there."""


class Field(NamedTuple):
    """One thing that a person enters: its name, its label, and whether it is secret or may be empty."""

    name: str
    label: str
    secret: bool = False
    optional: bool = False


_NAME = (Field("username", "User name"), Field("password", "Password", secret=True))
_CLIENT = (Field("client_id", "Client ID"), Field("client_secret", "Client secret", secret=True))
FIELDS = {
    BASIC: _NAME,
    KEY: (Field("key", "Key", secret=True),),
    LOGIN: (*_NAME, Field("login_url", "URL of the login")),
    CLIENT_CREDENTIALS: (
        *_CLIENT,
        Field("token_url", "Token URL"),
        Field("scope", "Scope", optional=True),
    ),
    CODE: (
        *_CLIENT,
        Field("authorize_url", "Authorization URL"),
        Field("token_url", "Token URL"),
        Field("redirect_uri", "Redirect URI", optional=True),
    ),
}
"""What each kind of sign-in needs in addition to the server's URL."""

SETTINGS = (
    *(
        "username",
        "header",
        "prefix",
        "login_url",
        "keep_alive_url",
        "end_url",
        "token_field",
        "expires_field",
    ),
    *(
        "token_url",
        "authorize_url",
        "revoke_url",
        "client_id",
        "client_auth",
        "redirect_uri",
        "pkce",
        "scope",
    ),
    *("audience", "resource", "probe", "me"),
)
"""Every setting that :func:`boxnb.servers.save` takes."""

_URLS = ("login_url", "keep_alive_url", "end_url", "token_url", "authorize_url", "revoke_url")


def kind_of(preset: Preset, kind: str | None) -> str:
    """Return the kind of sign-in: the one that is asked for, or the one that the preset recommends.

    Raises
    ------
    SettingError
        There is no such kind, or this product does not offer it.
    """
    if kind is None:
        return preset.kinds[0]
    if kind not in KINDS:
        raise SettingError(f"There is no kind of sign-in {kind!r}. The kinds are {', '.join(KINDS)}.")
    if kind not in preset.kinds:
        raise SettingError(
            f"{preset.title} does not take {kind!r}. It takes {' or '.join(map(repr, preset.kinds))}; for another server, use "
            "preset='plain'."
        )
    return kind


def fields_of(preset: Preset, kind: str, headers: tuple[str, ...] = ()) -> list[Field]:
    """Return what a person has to enter, without what the preset already says."""
    further = headers or preset.secret_headers.get(kind, ())
    return [
        *(field for field in FIELDS[kind] if field.name not in preset.settings),
        *(Field(f"{HEADER}{name}", f"Value of {name}", secret=True) for name in further),
    ]


SECRETS = "password or key"


def checked_url(url: str, what: str = SECRETS) -> str:
    """Return the URL of a server, or one of its endpoints, without a slash at its end.

    Raises
    ------
    SettingError
        It is not a URL, it contains more than a host and a path, or a secret would travel unencrypted.
    """
    try:
        parts = urlsplit(url)
        has_user = "@" in parts.netloc
    except ValueError:  # such as a bracket without its other half; requests says why below
        parts, has_user = urlsplit(""), "@" in url
    if has_user:
        # Addresses are printed, logged and saved as text; the message leaves out what stands before the host as well.
        raise SettingError(
            "The address contains a user name or a password before the host. Write it without them, and save them as the "
            "fields of the sign-in, which boxnb keeps secret."
        )
    if parts.fragment or (parts.query and what == SECRETS):
        extra = f"#{parts.fragment}" if parts.fragment else f"?{parts.query}"
        raise SettingError(
            f"The address of a server ends with its path, so {extra!r} would be part of every path. Remove it; parameters "
            "belong to each call."
        )
    try:
        require_private(url, what)
    except HostNotAllowedError as error:
        raise SettingError(str(error)) from None
    except requests.RequestException:
        raise SettingError(
            f"{url!r} is not an https address, so the {what} could travel unencrypted. Write it as 'https://HOST/PATH'."
        ) from None
    return url.rstrip("/")


@sealed
def profile_of(
    name: str,
    url: str,
    preset: Preset,
    kind: str,
    settings: Mapping[str, str],
    secrets: Mapping[str, Secret],
    verify: bool | str = True,
) -> store.Profile:
    """Return the profile of a server, with every path of the preset as a full URL.

    Raises
    ------
    SettingError
        A setting or a secret is missing, unknown, or not usable.
    """
    url = checked_url(url)
    if unknown := sorted(set(settings) - set(SETTINGS)):
        raise SettingError(f"There is no setting {unknown[0]!r}. The settings are {', '.join(SETTINGS)}.")
    merged = {**preset.settings, **{key: value for key, value in settings.items() if value}}
    for key in _URLS:
        if merged.get(key):
            absolute = f"{url}{merged[key]}" if merged[key].startswith("/") else merged[key]
            merged[key] = checked_url(absolute, "secret")
    for field in fields_of(
        preset, kind, tuple(name.removeprefix(HEADER) for name in secrets if name.startswith(HEADER))
    ):
        found = secrets.get(field.name) if field.secret else merged.get(field.name)
        if not found and not field.optional:
            raise SettingError(
                f"The {field.label.lower()} of {name!r} is missing. Enter it, then save again."
            )
    client_secret = secrets.get("client_secret", Secret(""))
    server = Server(
        name=preset.title or urlsplit(url).hostname or name,
        authorize_url=merged.get("authorize_url", ""),
        token_url=merged.get("token_url") or merged.get("login_url") or url,
        revoke_url=merged.get("revoke_url", ""),
        api_url=url,
        upload_url=url,
        pkce=kind == CODE and merged.get("pkce", "yes") != "no",
        client_auth=merged.get("client_auth", POST),
    )
    redirect = (merged.get("redirect_uri") or REDIRECT) if kind == CODE else ""
    return store.Profile(
        name,
        Client(merged.get("client_id", ""), client_secret, redirect, server),
        verify=verify,
        method=Method(
            kind,
            preset.name,
            {key: value for key, value in merged.items() if key in _KEPT[kind]},
            {key: value for key, value in secrets.items() if key != "client_secret"},
        ),
    )


_KEPT = {
    BASIC: ("username", "probe"),
    KEY: ("header", "prefix", "probe"),
    LOGIN: (
        *("username", "login_url", "keep_alive_url", "end_url", "token_field", "expires_field", "probe"),
    ),
    CLIENT_CREDENTIALS: ("scope", "audience", "resource", "probe"),
    CODE: ("scope", "probe", "me"),
}
"""The settings of a kind that are part of its :class:`Method`; those of an app are part of :class:`boxnb.Client`."""
