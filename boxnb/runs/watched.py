"""Execute a notebook with papermill in a child process. However the run ends, the child ends with it and its files are removed.

``python -m boxnb.runs.watched FOLDER ...`` does what ``python -m papermill ...`` does, and also watches its standard
input: a pipe whose other end belongs to the run. Every operating system closes that end when the run is killed.
"""

from __future__ import annotations

import contextlib
import io
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

END_TIMEOUT = 20.0
"""How many seconds boxnb waits for a notebook to end before it kills it."""

NO_PAPERMILL = 69
"""The exit code of the child process if papermill cannot be imported. Only the child imports it, because that takes a second."""

_WORK = ".work"


@contextlib.contextmanager
def work_folder(name: str) -> Iterator[Path]:
    """Yield a private folder for an executed notebook, which is not redacted yet. Remove the folders of killed runs first.

    The folder is inside the home folder, which other users cannot read, or a temporary folder if home is not writable.
    """
    parent = store.home() / "runs"
    with contextlib.suppress(OSError):
        for leftover in parent.glob(f"*{_WORK}"):
            owner = unquote(encoding.decoded(leftover.name).removesuffix(_WORK).rpartition("+")[0])
            if owner == name or not lock.is_running(owner):
                shutil.rmtree(leftover, ignore_errors=True)
    try:
        # The notebook is UTF-8 and contains this path, so percent-encode a name that the locale cannot encode.
        prefix = name if encoding.on_disk(name) == name else quote(name)
        folder = tempfile.mkdtemp(prefix=f"{prefix}+", suffix=_WORK, dir=parent)
    except OSError:
        folder = tempfile.mkdtemp(prefix="boxnb-run-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def execute(
    folder: Path, arguments: list[str], environment: dict[str, str], lock_descriptor: int | None
) -> tuple[int, str]:
    """Execute a notebook in a child process, and end the child if this process gets a termination signal.

    Return the exit code and the last line that papermill wrote, which is not redacted yet. Afterwards this process knows
    the secrets that only the kernel knew, and can redact them. ``lock_descriptor`` belongs to the lock of the run,
    which the child shares.
    """
    reported_secrets, key = folder / "known", secrets.token_hex(32)
    private_files.write_note(reported_secrets, "")
    variables = {
        **environment,
        secret.REPORT_TO: f"{reported_secrets}:{key}",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    child = subprocess.Popen(  # noqa: S603  our own interpreter
        [sys.executable, "-m", __name__, str(folder), *arguments],
        stdin=subprocess.PIPE,  # nothing is written to it; when it closes, the child knows that this process has ended
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **variables},
        pass_fds=() if lock_descriptor is None else (lock_descriptor,),
    )
    try:
        errors = b"" if child.stderr is None else child.stderr.read()
        child.wait()
    except BaseException:
        child.terminate()
        try:
            child.wait(timeout=END_TIMEOUT)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        raise
    finally:
        for stream in (child.stdin, child.stderr):
            if stream is not None:
                stream.close()
        secret.learn_reported(reported_secrets, key)
    lines = errors.decode("utf-8", "replace").strip().splitlines() or ["no error message"]
    return child.returncode, lines[-1]


def _watch(folder: str) -> None:
    """Wait until the run has ended. Then kill the kernel and its children, remove the notebook, and exit."""
    while os.read(0, 1024):
        pass
    import psutil  # type: ignore[import-untyped]  # a dependency of ipykernel

    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.kill()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def main() -> None:
    """Execute the notebook as papermill does."""
    _, folder, *arguments = sys.argv
    if isinstance(
        sys.stderr, io.TextIOWrapper
    ):  # on Windows, a pipe has the encoding of the locale, such as cp1252
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    threading.Thread(target=_watch, args=(folder,), name="boxnb-watch", daemon=True).start()
    try:
        from papermill.cli import papermill  # type: ignore[import-untyped]
    except ImportError:
        sys.exit(NO_PAPERMILL)

    sys.argv[0] = "papermill"
    papermill(arguments)


if __name__ == "__main__":
    main()
