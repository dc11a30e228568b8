"""The bytes that were uploaded, kept by SHA-1 beside the state; written to a side file first, then moved into place."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

PIECE = 1 << 20


class Blobs:
    """Files named by their SHA-1 under `content`, parts of unfinished uploads under `parts` in the state folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.parts = folder / "content", folder / "parts"

    def put(self, pieces: Iterable[bytes]) -> tuple[str, int]:
        """Keep these bytes; their SHA-1 in hex and their number."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest, size = hashlib.sha1(usedforsecurity=False), 0
        side = self.folder / f".{secrets.token_hex(8)}"
        with side.open("wb") as file:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        side.replace(self.folder / digest.hexdigest())
        return digest.hexdigest(), size

    def read(self, sha1: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to `end`."""
        with (self.folder / sha1).open("rb") as file:
            file.seek(start)
            left = end - start
            while left > 0:
                piece = file.read(min(left, PIECE))
                if not piece:
                    return
                left -= len(piece)
                yield piece

    def part(self, session: str, offset: int) -> Path:
        """Where a part of an unfinished upload lies."""
        return self.parts / f"{session}-{offset}"

    def put_part(self, session: str, offset: int, data: bytes) -> None:
        """Keep a part."""
        self.parts.mkdir(mode=0o700, parents=True, exist_ok=True)
        side = self.parts / f".{secrets.token_hex(8)}"
        side.write_bytes(data)
        side.replace(self.part(session, offset))

    def joined(self, session: str, offsets: Iterable[int]) -> Iterator[bytes]:
        """The bytes of some parts one after the other."""
        for offset in offsets:
            yield self.part(session, offset).read_bytes()

    def drop_parts(self, session: str, offsets: Iterable[int]) -> None:
        """Forget the parts of an upload."""
        for offset in offsets:
            self.part(session, offset).unlink(missing_ok=True)
