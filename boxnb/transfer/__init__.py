"""Upload and download: verified by SHA-1, resumable, identical files skipped. Above `api`; `box` and everything above may import it."""

from __future__ import annotations

from .calls import Moved
from .download import download
from .upload import upload, upload_folder

__all__ = ["Moved", "download", "upload", "upload_folder"]
