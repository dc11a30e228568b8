"""Which calls change nothing and can be sent again, and what to do if the answer to any other call was lost."""

from __future__ import annotations

from urllib.parse import urlsplit

READ_METHODS = {"GET", "HEAD", "OPTIONS"}
READ_POST = "/metadata_queries/execute_read"
"""The only POST that changes nothing: a metadata query, whose parameters are JSON."""

UNSURE = "check whether the change was made before you repeat the call"
"""What to do if the answer to a write was lost."""


def is_read(method: str | None, url: str) -> bool:
    """Return whether a call changes nothing, so that it can be sent again after a lost answer."""
    return (method or "").upper() in READ_METHODS or urlsplit(url).path.endswith(READ_POST)
