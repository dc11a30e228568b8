"""How a profile sends mail: server, account, sender and recipients, kept with its sign-in and never in a notebook."""

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
    """What it takes to send a mail.

    Attributes
    ----------
    host, port : str, int
        The mail server.
    security : {"starttls", "ssl", "none"}
        ``"none"`` is for a server on this computer only, for a password must not travel in clear.
    username, password : str, Secret
        Empty where the server asks for none.
    sender : str
    to : tuple of str
        Who gets reports where a run names nobody.
    verify : bool or str
        Check of the server's certificate (always, unless on this computer), or the path of a CA bundle.
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
            raise SettingError(f"Mail goes by 'starttls', 'ssl' or 'none', not {self.security!r}.")
        if self.security == "none" and not is_loopback(self.host):
            raise SettingError(
                f"Mail to {self.host} would travel in clear, the password too: use security='starttls' or 'ssl'."
            )
        object.__setattr__(self, "verify", checked_verify(self.verify))
        if self.verify is False and not is_loopback(self.host):
            raise SettingError(
                f"The certificate of {self.host} has to be checked: give verify= the path of its CA bundle."
            )
        for address in (self.sender, *self.to):
            check_address(address)

    def as_json(self) -> dict[str, Any]:
        """What the profile's store writes; the password in clear."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return plain | {"password": self.password.reveal(), "to": list(self.to)}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> MailSettings:
        """The settings that :meth:`as_json` wrote.

        Raises
        ------
        KeyError, TypeError, ValueError
            A setting is missing or has another type.
        """
        texts = [saved[name] for name in ("host", "security", "username", "sender")]
        numbers = [saved[name] for name in ("port", "timeout")]
        if not (
            all(isinstance(text, str) and is_utf8(text) for text in texts)
            and all(isinstance(number, int | float) and 0 <= number < 1e6 for number in numbers)
        ):
            raise TypeError("a setting of mail has another type")
        return cls(**{**saved, "password": Secret(saved["password"]), "to": tuple(saved["to"])})


def check_address(address: str) -> str:
    """One mail address, bare.

    Raises
    ------
    SettingError
        It is none, or holds a line break, by which somebody could write headers of their own.
    """
    if not _ADDRESS.fullmatch(address) or not address.isprintable():
        raise SettingError(f"{address!r} is no mail address: write it bare, such as 'ada@example.com'.")
    return address


def is_loopback(host: str) -> bool:
    """Whether a host is this computer."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
