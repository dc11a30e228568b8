"""The bytes of files that were never uploaded: generated from a key on demand, not saved.

A file of the practice company always has the same bytes, and they match the size and the SHA-1 in `files.csv`. A 4 GB
film is streamed and takes no disk space. In a generated company (`large`), sizes are also correct, but the SHA-1s are
made up, because hashing 200,000 files would delay the start.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

BLOCK = 65_536
HASH_CEILING = 64 * 1024 * 1024


def block(key: str) -> bytes:
    """Return the 64 KiB that repeat in the file with this key: one line that describes the file, then random bytes."""
    line = f"A practice file of the boxnb sandbox, number {key}.\n".encode()
    noise = random.Random(key).randbytes(BLOCK - len(line))  # noqa: S311  filler, not a secret
    return line + noise


def chunks(key: str, size: int, start: int = 0) -> Iterator[bytes]:
    """Yield the bytes from `start` to `size` in chunks of at most 1 MiB."""
    blocks = block(key) * 16
    while start < size:
        offset = start % BLOCK
        chunk = blocks[offset : offset + min(size - start, len(blocks) - offset)]
        yield chunk
        start += len(chunk)


def sha1(key: str, size: int) -> str:
    """Return the SHA-1 in hex of the file with this key and size."""
    digest = hashlib.sha1(usedforsecurity=False)
    for chunk in chunks(key, size):
        digest.update(chunk)
    return digest.hexdigest()


def made_up_sha1(key: str) -> str:
    """Return a made-up SHA-1, for an earlier version or for a file whose row has none.

    A file whose row has none is hashed at the start unless it is larger than `HASH_CEILING`.
    """
    return hashlib.sha1(f"claimed {key}".encode(), usedforsecurity=False).hexdigest()
