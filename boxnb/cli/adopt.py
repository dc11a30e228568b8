"""``boxnb adopt``: take over the variables at the top of an older script, such as one from 2016.

The script is read as text, not executed, so its language does not matter. Its values are never printed.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from pathlib import Path

from .. import servers, store
from ..errors import SettingError
from ..oauth import Client
from ..runs.mail import save_mail
from ..secret import Secret
from ..servers.kinds import kind_of, profile_of
from ..servers.presets import preset_of
from ..servers.saved import put
from ..signin.flow import DEFAULT_REDIRECT
from ..store.method import BASIC, CLIENT_CREDENTIALS, LOGIN
from .terminal import show

_ASSIGNMENT = re.compile(
    r"^[ \t]*(?:export[ \t]+|set[ \t]+|\$|var[ \t]+|let[ \t]+|const[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*[:=][ \t]*"
    r"(?:[rRuUbB]{0,2}(\"|')((?:(?!\2)[^\r\n\\]|\\.)*)\2|([0-9]+))[ \t]*[,;]?[ \t]*(?:[#/].*)?$",
    re.MULTILINE,
)
"""A variable with a string or a number, in Python 2 or 3, a shell, PowerShell, JavaScript or a settings file."""

_NAMES = {
    "client_id": "client_id clientid box_client_id boxclientid consumer_key",
    "client_secret": "client_secret clientsecret box_client_secret boxclientsecret consumer_secret",
    "redirect_uri": "redirect_uri redirecturi redirect_url callback_url callback",
    "url": "url server_url base_url api_url jss_url jssurl jamf_url jamf_server jss server uem_url airwatch_url host_url",
    "username": "username user user_name api_user apiuser api_username jss_user jssuser jamf_user",
    "password": "password passwd pass api_pass apipass api_password jss_pass jsspass jss_password jamf_password",
    "tenant_code": "tenant_code tenantcode aw_tenant_code api_key apikey airwatch_api_key",
    "token_url": "token_url tokenurl auth_url",
    "smtp_host": "smtp_server smtpserver smtp_host smtphost mail_server mailserver mail_host",
    "smtp_port": "smtp_port smtpport mail_port",
    "smtp_user": "smtp_user smtpuser smtp_username smtpusername smtp_login mail_user",
    "smtp_password": "smtp_password smtppassword smtp_pass smtppass mail_password",
    "sender": "sender from_address fromaddress mail_from from_addr from_email email_from",
    "recipient": "recipient recipients to_address toaddress mail_to to_addr to_email email_to",
}
"""The names under which older scripts have what boxnb saves, in lower case."""

LARGEST = 2_000_000
"""The largest file that is read as a script, in bytes."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("script", metavar="SCRIPT", help="the older script, or its file of settings")
    parser.add_argument("name", metavar="NAME", help="a name for the new profile, such as acme or jamf")
    parser.add_argument(
        "--preset", default="plain", help=f"for another server: {', '.join(servers.PRESETS)} (default: plain)"
    )
    parser.add_argument(
        "--kind", help="for another server: the kind of sign-in (default: what fits the variables)"
    )
    parser.epilog = (
        "boxnb reads the script and does not run or change it. Afterwards, delete the secrets from it."
    )


def execute(options: argparse.Namespace) -> int:
    """Save a profile from a script's variables and return the exit code."""
    lines = adopt(Path(options.script), options.name, preset=options.preset, kind=options.kind)
    return show("".join(f"{line}\n" for line in lines))


def variables(script: Path) -> dict[str, str]:
    """Return what a script assigns that boxnb can use, by boxnb's own names, and the path of a property list as ``plist``.

    Raises
    ------
    SettingError
        The file cannot be read.
    """
    try:
        if script.stat().st_size > LARGEST:
            raise SettingError(f"{script} is too large to be a script. Name the script itself.")
        text = script.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SettingError(f"{script} cannot be read ({error.strerror}). Check its path.") from None
    found: dict[str, str] = {}
    meanings = {name: meaning for meaning, names in _NAMES.items() for name in names.split()}
    for name, _, string, number in _ASSIGNMENT.findall(text):
        value = string or number
        meaning = meanings.get(re.sub(r"[.-]", "_", name).lower())
        if meaning is not None and value:
            found.setdefault(meaning, value)
        elif value.endswith(".plist"):
            found.setdefault("plist", value)
    return found


def adopt(script: Path, name: str, *, preset: str = "plain", kind: str | None = None) -> list[str]:
    """Save a profile of Box, or of another server, from a script's variables. Return what was done, without any value.

    Raises
    ------
    SettingError
        The script has no app and no account, or a profile already has this name.
    """
    values = variables(script)
    if store.load(name) is not None:
        raise SettingError(f"There is already a profile {name!r}. Choose another name.")
    if "url" in values and (
        {"username", "password"} <= values.keys() or {"client_id", "client_secret"} <= values.keys()
    ):
        lines = [_adopt_server(values, name, preset, kind)]
    elif {"client_id", "client_secret"} <= values.keys():
        lines = _adopt_box(values, name, script.parent)
    else:
        raise SettingError(
            f"{script} assigns neither a client ID and a client secret, nor a URL with an account. It assigns "
            f"{', '.join(sorted(values)) or 'nothing that boxnb knows'}."
        )
    lines += _adopt_mail(values, name)
    return [*lines, f"Now delete the secrets from {script}, and run: boxnb doctor {name}"]


def _adopt_server(values: Mapping[str, str], name: str, preset: str, kind: str | None) -> str:
    table = preset_of(preset)
    if kind is None:
        fitting = (CLIENT_CREDENTIALS,) if "client_secret" in values else (LOGIN, BASIC)
        kind = next((one for one in table.kinds if one in fitting), None)
        if preset == "plain" and "client_secret" not in values:
            kind = BASIC
    chosen = kind_of(table, kind)
    secrets = {key: Secret(values[key]) for key in ("password", "client_secret") if key in values}
    if "tenant_code" in values and "aw-tenant-code" in table.secret_headers.get(chosen, ()):
        secrets["header:aw-tenant-code"] = Secret(values["tenant_code"])
    if chosen != CLIENT_CREDENTIALS:
        secrets.pop("client_secret", None)
    settings = {key: values[key] for key in ("username", "client_id", "token_url") if key in values}
    url = values["url"] if "://" in values["url"] else f"https://{values['url']}"
    put(profile_of(name, url, table, chosen, settings, secrets))
    return f"The server is saved as {name!r} ({chosen}): http = boxnb.servers.connect({name!r})"


def _adopt_box(values: Mapping[str, str], name: str, folder: Path) -> list[str]:
    client = Client(
        values["client_id"], Secret(values["client_secret"]), values.get("redirect_uri", DEFAULT_REDIRECT)
    )
    store.save(store.Profile(name, client))
    lines = [f"The app is saved as the profile {name!r}."]
    plist = values.get("plist")
    if plist is None:
        return [
            *lines,
            f"The script names no property list: sign in with boxnb.sign_in({name!r}) or boxnb sign-in {name}.",
        ]
    file = folder / Path(os.path.expandvars(plist)).expanduser()
    if not file.exists():
        return [
            *lines,
            f"{file} does not exist: sign in with boxnb.sign_in({name!r}) or boxnb sign-in {name}.",
        ]
    store.migrate(name, f"plist:{file}")
    lines.append(f"The sign-in in {file} is shared with the script; do not run both at the same time.")
    return [*lines, f"When you retire the script: boxnb.store.migrate({name!r}, 'file')"]


def _adopt_mail(values: Mapping[str, str], name: str) -> list[str]:
    if not {"smtp_host", "sender"} <= values.keys():
        return []
    port = values.get("smtp_port", "")
    save_mail(
        name,
        host=values["smtp_host"],
        port=int(port) if port.isdecimal() else None,
        security="ssl" if port == "465" else "starttls",
        username=values.get("smtp_user", ""),
        password=values.get("smtp_password", ""),
        sender=values["sender"],
        to=[address.strip() for address in re.split("[,;]", values.get("recipient", "")) if address.strip()],
    )
    return [f"The mail settings are saved in the same profile; boxnb.run(..., profile={name!r}) uses them."]
