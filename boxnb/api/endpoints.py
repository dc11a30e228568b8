"""Call any endpoint: the server that offers it, the headers and the body of the request, and what the response contains."""

from __future__ import annotations

import json as json_format
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from ..errors import ArgumentError
from ..secret import sealed
from . import arguments, ids, versions
from .failures import api_error
from .session import BoxSession

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_UPLOADS = re.compile(r"POST /files/(\d+/)?content|[A-Z]+ /files/(\d+/)?upload_sessions(/.*)?")
"""The endpoints of the server for uploads (Box's description, ``servers``)."""

_CONTENT = re.compile(r"/(content|avatar|thumbnail\.\w+)")
"""The ends of paths whose responses are not JSON, but the bytes of a file or a picture."""

_PATCHED = re.compile(r"/metadata/[^/]+/[^/]+|/metadata_templates/[^/]+/[^/]+/schema")
"""The ends of paths that take a list of changes: metadata, and its templates."""

_PATCH = "application/json-patch+json"


@sealed
def send(
    session: BoxSession,
    method: str,
    path: str,
    params: Mapping[str, Any],
    *,
    json: Any = None,
    data: Any = None,
    files: Any = None,
    version: str | None = None,
    as_user: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> requests.Response:
    """Send a request to any endpoint and return its response, which has a status below 400.

    A list of changes to metadata is labelled as a JSON patch (RFC 6902). Uploads go to the server for uploads.

    Raises
    ------
    ArgumentError
        An argument cannot be sent.
    ApiError, NetworkError
        As for :meth:`boxnb.api.session.BoxSession.call`.
    """
    path = arguments.text(path, "path")
    method = arguments.choice(method, "method", METHODS)
    all_headers = {**_checked_headers(headers), **versions.header(version)}
    if (user := ids.as_user(as_user)) is not None:
        all_headers["As-User"] = user
    _check_body(data, files)
    body = data
    if json is not None:
        if data is not None or files is not None:
            raise ArgumentError("A request has one body. Pass either json, or data and files.")
        if method == "GET":
            raise ArgumentError("A GET request has no body. Pass another method, or leave json out.")
        body = _encoded(json)
        is_patch = isinstance(json, list) and _PATCHED.search(urlsplit(path).path)
        all_headers.setdefault("Content-Type", _PATCH if is_patch else "application/json")
    return session.call(
        method,
        url_of(session, method, path),
        params=arguments.query(params),
        data=body,
        files=files,
        headers=all_headers,
    )


def url_of(session: BoxSession, method: str, path: str) -> str:
    """Return the URL of a path: that of the server for uploads, if it offers the endpoint."""
    relative = "/" + urlsplit(path).path.strip("/")
    if "://" not in path and _UPLOADS.fullmatch(f"{method} {relative}"):
        return session.auth.profile.client.server.upload_url.rstrip("/") + "/" + path.lstrip("/")
    return path


def _checked_headers(headers: Any) -> dict[str, str]:
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        raise ArgumentError(f"headers takes a dict of names and values, not {arguments.described(headers)}.")
    return {
        arguments.text(name, "headers"): arguments.text(value, f"headers[{name!r}]")
        for name, value in headers.items()
    }


def _check_body(data: Any, files: Any) -> None:
    """Refuse a body that requests would misread, such as a table; its errors do not name the argument."""
    if data is not None and not (isinstance(data, bytes | str | Iterator) or hasattr(data, "read")):
        raise ArgumentError(f"data takes bytes or an open file, not {arguments.described(data)}.")
    if isinstance(data, str):
        arguments.text(data, "data")
    parts = list(files.items()) if isinstance(files, Mapping) else files
    is_form = isinstance(parts, list | tuple) and all(
        isinstance(part, tuple) and len(part) == 2 and _is_part(part[1]) for part in parts
    )
    if files is not None and not (is_form and parts):
        raise ArgumentError(
            "files takes the parts of a form, such as {'file': ('name.txt', b'content')}. "
            "To upload files, use box.upload."
        )


def _is_part(part: Any) -> bool:
    """Return whether requests can send a part of a form: its content, or a tuple of its name, content and type."""
    name, content = (part[0], part[1]) if isinstance(part, tuple) and len(part) in (2, 3, 4) else (None, part)
    return (name is None or isinstance(name, str)) and (
        isinstance(content, bytes | str) or hasattr(content, "read")
    )


def _encoded(json: Any) -> bytes:
    try:
        return json_format.dumps(json, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(
            f"json cannot be sent as JSON: {error}. Use dicts, lists, text, numbers, True, False and None."
        ) from None


@sealed
def decoded(response: requests.Response) -> Any:
    """Return what a response contains: decoded JSON, the bytes of a file or a picture, or ``None`` if it is empty.

    Raises
    ------
    BoxUnavailableError
        The response is neither; usually it is a page from a company proxy.
    """
    first = response.history[0] if response.history else response
    is_page = "html" in response.headers.get("Content-Type", "") and response.url == first.url
    is_get = first.request.method == "GET"
    if not response.content and (not is_get or response.status_code in (202, 204, 304)):
        return None
    if is_get and not is_page and _CONTENT.search(urlsplit(first.url).path):
        return response.content
    try:
        return response.json()
    except (ValueError, RecursionError):
        raise api_error(response) from None
