"""Files up and down: whole, checked, resumable, and never twice."""

from __future__ import annotations

from .calls import Moved
from .download import download
from .upload import upload, upload_folder

__all__ = ["Moved", "download", "upload", "upload_folder"]
