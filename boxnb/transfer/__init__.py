"""Upload and download files, verified by SHA-1.

This layer imports only `datasets` and earlier layers; `export` and later layers can import it.

`uploads` and `downloads` contain the functions that `Box` offers. `chunked` uploads a large file in parts and resumes after an interruption.
`receiving` writes a downloaded file to the disk. `sources` finds the local files to upload, and `targets` finds or creates
their folders in Box. `names` derives file names that every computer allows. `calls` sends and retries HTTP calls,
`results` builds the rows of the result, and `progress_bar` shows the progress.
"""

from __future__ import annotations

from .downloads import download
from .progress_bar import Moved
from .uploads import upload, upload_folder

__all__ = ["Moved", "download", "upload", "upload_folder"]
