"""Uploaded bytes, saved by SHA-1 next to the state. Each file is written as a draft and then moved into place."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from .. import files

CHUNK = 1 << 20


class Blobs:
    """Files named by their SHA-1 under `content`, and parts of unfinished uploads under `parts`, in the state folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.parts = folder / "content", folder / "parts"

    def put(self, chunks: Iterable[bytes]) -> tuple[str, int]:
        """Save these bytes and return their SHA-1 in hex and their size."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest, size = hashlib.sha1(usedforsecurity=False), 0
        draft = self.folder / f".{secrets.token_hex(8)}"
        with draft.open("wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        files.replace(draft, self.folder / digest.hexdigest())
        return digest.hexdigest(), size

    def read(self, sha1: str, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `start` up to `end`."""
        with (self.folder / sha1).open("rb") as file:
            file.seek(start)
            remaining = end - start
            while remaining > 0:
                chunk = file.read(min(remaining, CHUNK))
                if not chunk:
                    return
                remaining -= len(chunk)
                yield chunk

    def part(self, session: str, offset: int) -> Path:
        """Return the path of a part of an unfinished upload."""
        return self.parts / f"{session}-{offset}"

    def put_part(self, session: str, offset: int, data: bytes) -> None:
        """Save a part."""
        self.parts.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.parts / f".{secrets.token_hex(8)}"
        draft.write_bytes(data)
        files.replace(draft, self.part(session, offset))

    def read_parts(self, session: str, offsets: Iterable[int]) -> Iterator[bytes]:
        """Yield the bytes of these parts in the given order."""
        for offset in offsets:
            yield self.part(session, offset).read_bytes()

    def drop_parts(self, session: str, offsets: Iterable[int]) -> None:
        """Delete the parts of an upload."""
        for offset in offsets:
            files.remove(self.part(session, offset))
