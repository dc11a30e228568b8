"""Another program that moves, deletes and adds folders. ``moving`` starts it, and it runs as ``python tests/support/moving.py``."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import requests

from boxnb.sandbox import Sandbox


@contextmanager
def moving(sandbox: Sandbox, token: str, folders: Iterable[str]) -> Iterator[None]:
    """Change these folders from another process until the block ends. The first changes are made before it begins."""
    command = [sys.executable, __file__, sandbox.server()["api_url"]]
    mover = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert mover.stdin is not None and mover.stdout is not None
    try:
        mover.stdin.write(f"{token}\n{' '.join(folders)}\n")
        mover.stdin.flush()
        mover.stdout.readline()
        yield
    finally:
        mover.kill()
        mover.communicate()


def main(url: str) -> None:
    """Read a token and folder ids from standard input. Move one folder, delete one and create one at a time."""
    token, folders = sys.stdin.readline().strip(), sys.stdin.readline().split()
    rng = random.Random(5)
    rng.shuffle(folders)
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    while len(folders) > 20:
        moved, deleted, target = folders.pop(), folders.pop(), rng.choice(folders)
        # Box refuses to move a folder into itself, and so does the sandbox.
        session.put(f"{url}/folders/{moved}", json={"parent": {"id": target}})
        session.delete(f"{url}/folders/{deleted}?recursive=true")
        session.post(f"{url}/folders", json={"name": f"new {moved}", "parent": {"id": target}})
        print(moved, deleted, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
