"""Plain sessions that go the right way: past a company proxy to this computer, with the profile's own certificates."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

LOOPBACK = {"127.0.0.1", "localhost", "::1"}

LOST = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
"""What requests raises when an answer was lost on its way, whole or in part."""


class Session(requests.Session):
    """``requests.Session`` with two repairs.

    Calls to this computer never go through a proxy: it could not reach the sandbox, and would see its secrets. And
    the ``verify`` of the session counts, where requests lets ``REQUESTS_CA_BUNDLE`` win over it.
    """

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """What the environment adds to one request."""
        settings = super().merge_environment_settings(url, proxies, stream, verify, cert)
        if urlsplit(str(url)).hostname in LOOPBACK:
            settings["proxies"] = {}
        if verify is None and self.verify is not True:
            settings["verify"] = self.verify
        return settings


def plain(verify: bool | str = True) -> Session:
    """A session without any sign-in, for the token endpoint."""
    session = Session()
    session.verify = verify
    return session


def never_connected(error: Exception) -> bool:
    """Whether the request surely never reached the server."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), urllib3.exceptions.NewConnectionError)
