"""papermill for a run: it ends when the process of the run is gone, however that ended, and leaves nothing behind.

``python -m boxnb.runs.watched FOLDER ...`` is ``python -m papermill ...``. Standard input is a pipe of which the run holds
the other end: the operating system closes that when the run is killed, on every system.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from .. import secret, store
from ..local import encoding, private_files
from . import lock

PATIENCE = 20.0
"""Seconds a notebook may take to end once it is told to."""

_WORK = ".work"


@contextlib.contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A private folder for the notebook of a run, which is not masked; folders of runs that were killed are removed.

    It is below the home, which others cannot look into; where nothing can be written there, with the temporary files.
    """
    place = store.home() / "runs"
    with contextlib.suppress(OSError):
        for left in place.glob(f"*{_WORK}"):
            of = unquote(encoding.decoded(left.name).removesuffix(_WORK).rpartition("+")[0])
            if of == name or not lock.is_taken(of):
                shutil.rmtree(left, ignore_errors=True)
    try:
        # Its path is written into the notebook, which is UTF-8: where the locale lacks a letter, in ASCII.
        plain = name if encoding.on_disk(name) == name else quote(name)
        folder = tempfile.mkdtemp(prefix=f"{plain}+", suffix=_WORK, dir=place)
    except OSError:
        folder = tempfile.mkdtemp(prefix="boxnb-run-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def execute(folder: Path, words: list[str], environment: dict[str, str], turn: int | None) -> tuple[int, str]:
    """Execute a notebook in a process of its own, and end that if we are told to end.

    Gives the exit code and the last line that papermill wrote, unmasked; the secrets that only its kernel knew are known
    here afterwards. ``turn`` is the lock of the run, which the process shares.
    """
    known, key = folder / "known", secrets.token_hex(32)
    private_files.write_note(known, "")
    more = {**environment, secret.REPORT_TO: f"{known}:{key}", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    child = subprocess.Popen(  # noqa: S603  our own interpreter
        [sys.executable, "-m", __name__, str(folder), *words],
        stdin=subprocess.PIPE,  # nothing is written; its end tells the process that we are gone
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **more},
        pass_fds=() if turn is None else (turn,),
    )
    try:
        said = b"" if child.stderr is None else child.stderr.read()
        child.wait()
    except BaseException:
        child.terminate()
        try:
            child.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        raise
    finally:
        for stream in (child.stdin, child.stderr):
            if stream is not None:
                stream.close()
        secret.learn_reported(known, key)
    return child.returncode, (said.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"])[-1]


def _watch(folder: str) -> None:
    """Wait until the run is gone; then end the kernel and all it started, remove the notebook, end."""
    while os.read(0, 1024):
        pass
    import psutil  # type: ignore[import-untyped]  # ipykernel needs it, too

    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.kill()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def main() -> None:
    """Execute the notebook as papermill does."""
    _, folder, *words = sys.argv
    threading.Thread(target=_watch, args=(folder,), name="boxnb-watch", daemon=True).start()
    from papermill.cli import papermill  # type: ignore[import-untyped]

    sys.argv[0] = "papermill"
    papermill(words)


if __name__ == "__main__":
    main()
