"""Write a file as a draft that replaces the existing file only once it is complete."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..errors import BoxNotebookError, ExportError
from . import private_files

StrPath = str | os.PathLike[str]


@contextlib.contextmanager
def replacing(path: StrPath, label: str) -> Iterator[Path]:
    """Yield the path of a draft, which replaces the file at the end of the block. Raise failures as :class:`ExportError`."""
    draft: Path | None = None
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise ExportError(f"{path} is a folder. Add the name of a file.")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not target.is_file():
            yield target  # it is a device or a pipe, which must not be replaced
            return
        draft = target.with_name(f".boxnb-{secrets.token_hex(6)}.part")
        yield draft
        if target.exists() and not private_files.WINDOWS:  # a mode has no other meaning there than read-only
            shutil.copymode(target, draft)
        private_files.replace(draft, target)
    except (BoxNotebookError, MemoryError):
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        remedy = "Close it if it is open, or choose" if isinstance(error, PermissionError) else "Choose"
        raise ExportError(f"Cannot write {path} ({reason}). {remedy} another path.") from error
    except Exception as error:
        reason = (str(error).strip().splitlines() or ["no message"])[0][:200]
        raise ExportError(
            f"Cannot write this table as {label} ({type(error).__name__}: {reason})."
        ) from error
    finally:
        if draft is not None:
            private_files.discard(draft)
