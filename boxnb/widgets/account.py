"""Who a token belongs to, and trouble told in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests

from boxnb.errors import BoxNotebookError

FIELDS = "id,name,login,role,enterprise"


class Unreachable(BoxNotebookError):
    """The question who signed in got no usable answer."""


def who_is(get: Callable[..., requests.Response], url: str, **options: Any) -> dict[str, Any]:
    """`GET /users/me` with the fields the panel shows: id, name, login, role, enterprise.

    Raises
    ------
    Unreachable
        Box answered with something else than the user.
    """
    response = get(url, params={"fields": FIELDS}, **options)
    if response.status_code != 200:
        raise Unreachable(f"Box answered {response.status_code} to the question who signed in: try again.")
    try:
        answer = response.json()
    except ValueError:
        raise Unreachable("Box's answer to the question who signed in cannot be read: try again.") from None
    if not isinstance(answer, dict) or "login" not in answer:
        raise Unreachable("Box's answer to the question who signed in names nobody: try again.")
    return {name: answer.get(name) for name in FIELDS.split(",")}


def in_one_sentence(error: BaseException) -> str:
    """What a person can do about `error`; never the address of a request, which could hold a code."""
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"The certificate of {_host(error)} is not trusted here: "
            "set REQUESTS_CA_BUNDLE to your company's certificate file, then open Box again."
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return f"The proxy did not let the request to {_host(error)} through: check HTTPS_PROXY, then open Box again."
    if isinstance(error, requests.exceptions.Timeout):
        return f"{_host(error)} did not answer in time: check the network, then open Box again."
    if isinstance(error, requests.exceptions.RequestException):
        return f"{_host(error)} cannot be reached: check the network or the proxy, then open Box again."
    if isinstance(error, OSError) and not isinstance(error, BoxNotebookError):
        return f"The sign-in could not be saved ({error.strerror or type(error).__name__}): nothing was lost."
    return " ".join(str(error).split())


def _host(error: BaseException) -> str:
    request = getattr(error, "request", None)
    return urlsplit(getattr(request, "url", "") or "").hostname or "Box"
