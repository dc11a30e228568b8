"""Search the memory of a running process for secrets (Linux)."""

from __future__ import annotations

from pathlib import Path


def in_memory(pid: int, texts: list[str]) -> list[str]:
    """Return those of the texts that are anywhere in the writable memory of a process."""
    found: set[str] = set()
    with Path(f"/proc/{pid}/mem").open("rb") as memory:
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
            addresses, permissions = line.split()[:2]
            if "rw" not in permissions or "[v" in line:
                continue
            begin, end = (int(address, 16) for address in addresses.split("-"))
            try:
                memory.seek(begin)
                content = memory.read(end - begin)
            except (OSError, OverflowError, ValueError):
                continue  # a mapping that cannot be read
            found |= {text for text in texts if text.encode() in content}
    return [text for text in texts if text in found]
