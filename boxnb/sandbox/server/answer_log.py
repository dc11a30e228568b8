"""For tests: log every API response, so that it can be validated against Box's API description later.

Logging is on if the environment variable ``BOXNB_SANDBOX_EXCHANGES`` is the path of a folder. Each process writes one
file with one line of JSON per response. A long body is saved once, in a file named by its SHA-256. Tokens are redacted.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import secrets
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from . import files

VARIABLE = "BOXNB_SANDBOX_EXCHANGES"
SURFACE = ("/2.0/", "/api/2.0/", "/oauth2/")
LONG_BODY = 20_000
TOKEN = re.compile(rb'("(?:access|refresh)_token":")[^"]*')

Message = MutableMapping[str, Any]


class Exchanges:
    """The file that the responses are written to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{os.getpid()}-{secrets.token_hex(4)}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._lines = os.open(folder / name, flags, 0o600)

    @classmethod
    def from_environment(cls) -> Exchanges | None:
        """Return the writer if the environment variable is set, else None."""
        folder = os.environ.get(VARIABLE)
        return cls(Path(folder)) if folder else None

    def write(self, method: str, path: str, fault: str | None, messages: list[Message]) -> None:
        """Write an API response, given as the ASGI messages that were sent. Ignore paths that Box does not have."""
        if not path.startswith(SURFACE) or not messages:
            return
        headers = {name.decode("latin-1").lower(): value for name, value in messages[0].get("headers", [])}
        body = b"".join(message.get("body", b"") for message in messages[1:])
        if headers.get("content-encoding") == b"gzip":
            body = gzip.decompress(body)
        line: dict[str, Any] = {
            "method": method,
            "path": path,
            "status": messages[0]["status"],
            "type": headers.get("content-type", b"").decode("latin-1"),
            "fault": fault,
        }
        if len(body) > LONG_BODY:
            line["file"] = self._save_body(body)
        else:
            line["body"] = TOKEN.sub(rb"\1masked", body).decode("utf-8", "replace")
        # A single call, so a killed process does not leave half a line.
        os.write(self._lines, json.dumps(line).encode() + b"\n")

    def _save_body(self, body: bytes) -> str:
        """Save a long body and return the name of its file."""
        name = f"{hashlib.sha256(body).hexdigest()}.body"
        path = self.folder / name
        if not path.exists():
            draft = self.folder / f".{secrets.token_hex(8)}"
            draft.write_bytes(body)
            files.replace(draft, path)
        return name
