"""How a profile sends email: server, account, sender and recipients. They are saved with the sign-in, not in a notebook."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from typing import Any

from ..errors import SettingError
from ..secret import Secret, is_utf8
from ..transport.sessions import checked_verify

SECURITY = ("starttls", "ssl", "none")
PORTS = {"starttls": 587, "ssl": 465, "none": 25}
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+")


@dataclasses.dataclass(frozen=True)
class MailSettings:
    """The settings for sending email.

    Attributes
    ----------
    host, port : str, int
        The mail server.
    security : {"starttls", "ssl", "none"}
        ``"none"`` is allowed only for a server on this computer, because a password must not travel unencrypted.
    username, password : str, Secret
        Empty if the server does not ask for them.
    sender : str
    to : tuple of str
        The recipients of the reports of ``boxnb run``, unless its ``--to`` names others.
    verify : bool or str
        Whether the server's certificate is checked, or the path of a CA bundle. ``False`` is allowed only for a server
        on this computer.
    timeout : float
        Seconds to wait for the server.
    """

    host: str
    port: int
    security: str
    username: str
    password: Secret
    sender: str
    to: tuple[str, ...] = ()
    verify: bool | str = True
    timeout: float = 30.0

    def __post_init__(self) -> None:
        if self.security not in SECURITY:
            raise SettingError(f"security must be 'starttls', 'ssl' or 'none', not {self.security!r}.")
        if self.security == "none" and not is_loopback(self.host):
            raise SettingError(
                f"Emails and the password would travel to {self.host} unencrypted. Use security='starttls' or 'ssl'."
            )
        object.__setattr__(self, "verify", checked_verify(self.verify))
        if self.verify is False and not is_loopback(self.host):
            raise SettingError(
                f"The certificate of {self.host} must be checked. Set verify= to the path of its CA bundle."
            )
        for address in (self.sender, *self.to):
            check_address(address)

    def as_json(self) -> dict[str, Any]:
        """Return what the store writes, with the password in plain text."""
        settings = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return settings | {"password": self.password.reveal(), "to": list(self.to)}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> MailSettings:
        """Return the settings that :meth:`as_json` wrote.

        Raises
        ------
        KeyError, TypeError, ValueError
            A setting is missing or has the wrong type.
        """
        strings = [saved[name] for name in ("host", "security", "username", "sender")]
        numbers = [saved[name] for name in ("port", "timeout")]
        if not (
            all(isinstance(string, str) and is_utf8(string) for string in strings)
            and all(isinstance(number, int | float) and 0 <= number < 1e6 for number in numbers)
        ):
            raise TypeError("a mail setting has the wrong type")
        return cls(**{**saved, "password": Secret(saved["password"]), "to": tuple(saved["to"])})


def check_address(address: str) -> str:
    """Return the address if it is an email address without a name.

    Raises
    ------
    SettingError
        It is not an email address, or it contains a line break, which could inject headers into an email.
    """
    if not _ADDRESS.fullmatch(address) or not address.isprintable():
        raise SettingError(
            f"{address!r} is not an email address. Write it without a name, such as 'ada@example.com'."
        )
    return address


def is_loopback(host: str) -> bool:
    """Return whether a host is this computer."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
