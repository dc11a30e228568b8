"""Save the practice servers of a sandbox, each kind of sign-in under its own name."""

from __future__ import annotations

from typing import Any

from boxnb import servers, store
from boxnb.sandbox import Sandbox

KINDS = ("jamf-client", "jamf-login", "uem-client", "uem-basic", "key")
"""The names under which :func:`save` saves them."""

EXPIRING = ("jamf-client", "jamf-login", "uem-client")

LISTINGS = {
    "jamf-client": "/api/v1/computers-inventory",
    "jamf-login": "/api/v1/computers-inventory",
    "uem-client": "/API/mdm/devices/search",
    "uem-basic": "/API/mdm/devices/search",
    "key": "/api/v1/users",
}
"""A listing of 240 rows of each."""


def save(sandbox: Sandbox, name: str, **wrong: str) -> store.Profile:
    """Save one practice server. ``wrong`` replaces a secret or a setting."""
    accounts: dict[str, dict[str, Any]] = sandbox.other_servers()
    jamf, uem, keyed = accounts["jamf"], accounts["uem"], accounts["keyed"]

    def secret(account: dict[str, Any], key: str) -> str:
        return wrong.get(key, str(account[key]))

    if name == "jamf-client":
        secrets = {"client_secret": secret(jamf, "client_secret")}
        client_id = secret(jamf, "client_id")
        return servers.save(name, jamf["url"], preset="jamf-pro", secrets=secrets, client_id=client_id)
    if name == "jamf-login":
        secrets = {"password": secret(jamf, "password")}
        return servers.save(
            name, jamf["url"], preset="jamf-pro", kind="login", secrets=secrets, username="reader"
        )
    if name == "uem-client":
        secrets = {"client_secret": secret(uem, "client_secret")}
        return servers.save(
            name, uem["url"], preset="workspace-one", secrets=secrets, client_id=uem["client_id"],
            token_url=uem["url"] + "/connect/token",
        )  # fmt: skip
    if name == "uem-basic":
        secrets = {"password": secret(uem, "password"), "header:aw-tenant-code": secret(uem, "key")}
        return servers.save(
            name, uem["url"], preset="workspace-one", kind="basic", secrets=secrets, username="reader"
        )
    return servers.save(
        name, keyed["url"], kind="header_key", secrets={"key": secret(keyed, "key")}, prefix="SSWS", probe="/api/v1/users",
    )  # fmt: skip
