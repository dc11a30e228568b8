"""The bytes of files that were never uploaded: generated from a key on demand, not saved.

A file of the practice company has exactly as many bytes as its size says, always the same ones, and their SHA-1 is the
one in `files.csv`. A 4 GB film is served as a stream and takes no disk space. In a generated company (`large`) sizes are
correct too, but the SHA-1s are made up, because hashing 200,000 files would delay the start.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

BLOCK = 65_536
HASH_CEILING = 64 * 1024 * 1024


def block(key: str) -> bytes:
    """Return the 64 KiB that repeat in the file with this key: one line that describes it, then random bytes."""
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
    """Return a made-up SHA-1 for a file too large to hash at the start (over 64 MiB) whose row does not give one."""
    return hashlib.sha1(f"claimed {key}".encode(), usedforsecurity=False).hexdigest()
