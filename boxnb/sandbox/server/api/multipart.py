"""Parse `multipart/form-data` as uploads send it (RFC 7578), with its parts in order."""

from __future__ import annotations

import re
from dataclasses import dataclass

PARAMETER = re.compile(r'([a-zA-Z0-9*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))')


@dataclass
class Part:
    """One part: its field name, its file name (or None) and its bytes."""

    name: str
    filename: str | None
    data: bytes


def parameters(text: str) -> dict[str, str]:
    """Return the parameters of a header value."""
    return {name.lower(): quoted or unquoted for name, quoted, unquoted in PARAMETER.findall(text)}


def parse(content_type: str, body: bytes) -> list[Part]:
    """Return the parts in order. Raises `ValueError` if the body is not valid multipart/form-data."""
    media_type, _, rest = content_type.partition(";")
    boundary = parameters(rest).get("boundary", "")
    if media_type.strip().lower() != "multipart/form-data" or not boundary:
        raise ValueError("the body must be multipart/form-data with a boundary")
    delimiter = b"--" + boundary.encode("latin-1")
    parts: list[Part] = []
    chunks = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if len(chunks) < 3 or not chunks[-1].startswith(b"--"):
        raise ValueError("the body does not end with the boundary")
    for chunk in chunks[1:-1]:
        head, separator, data = chunk.partition(b"\r\n\r\n")
        if not separator:
            raise ValueError("a part has no headers")
        headers = dict(
            line.split(":", 1) for line in head.decode("utf-8", "replace").split("\r\n") if ":" in line
        )
        lower = {name.strip().lower(): value for name, value in headers.items()}
        disposition = parameters(lower.get("content-disposition", ""))
        parts.append(Part(disposition.get("name", ""), disposition.get("filename"), data))
    return parts
