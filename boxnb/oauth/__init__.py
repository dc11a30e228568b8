"""The authorization-code flow (RFC 6749): pure functions in `flow`, HTTP in `endpoint`.

`pasted_address` reads the address of a redirect and compares its state; `receiver` catches the redirect on the loopback
interface; `failures` explains the server's refusals, and `refusals` those of client credentials and passwords; `client`
discovers other servers; `password` gets a bearer token for a password, which is not OAuth.

:func:`authorization_url` and :func:`parse_redirect` are pure. :func:`exchange_code`, :func:`refresh` and :func:`revoke`
each make one HTTP call. The lessons and the sign-in panel use the same functions. This package imports `transport` and
the layers before it; `store` and the layers after it may import this package.
"""

from .client import BOX, Client, Server, discover
from .endpoint import client_credentials, exchange_code, refresh, revoke, server_time
from .flow import Clock, authorization_url, challenge, new_state, new_verifier, parse_redirect
from .pasted_address import is_bare_code
from .receiver import Receiver
from .token import Token

__all__ = [
    "BOX",
    "Client",
    "Clock",
    "Receiver",
    "Server",
    "Token",
    "authorization_url",
    "challenge",
    "client_credentials",
    "discover",
    "exchange_code",
    "is_bare_code",
    "new_state",
    "new_verifier",
    "parse_redirect",
    "refresh",
    "revoke",
    "server_time",
]
