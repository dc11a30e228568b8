"""Upload and download, verified by SHA-1. Imports `datasets` and earlier; `export` and later may import it.

`upload` and `download` are what `Box` offers. `chunked` sends a file in parts and resumes; `receiving` writes one to
the disk; `sources` and `targets` find the files on this computer and in Box; `names` derives names that any computer
allows; `calls` sends and retries HTTP calls; `results` has the rows of the result; `progress_bar` shows the progress.
"""

from __future__ import annotations

from .download import download
from .progress_bar import Moved
from .upload import upload, upload_folder

__all__ = ["Moved", "download", "upload", "upload_folder"]
