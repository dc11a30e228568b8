"""Write the attachments of a run: tables, figures, text and files. The file extension determines the format."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

from .. import known_secrets
from ..errors import ExportError
from ..local.replaced_file import replacing

_UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Control characters and line breaks. A name can contain the spaces of other scripts and the joiners in emoji."""


def check_name(name: str) -> str:
    """Return the name if it is a plain file name.

    Raises
    ------
    ExportError
        The name contains a path, or a character that is not allowed in a file name.
    """
    if not name or name in (".", "..") or name != Path(name).name or "\\" in name or _UNUSABLE.search(name):
        raise ExportError(f"{name!r} is not a plain file name. Use a name such as 'open-links.csv'.")
    return name


def write(content: Any, file: Path) -> None:
    """Write a DataFrame, a figure, text, bytes or a copy of a file. In text, redact the secrets that this process knows.

    Raises
    ------
    ExportError
        The content cannot be saved with this file extension, or cannot be written. No partial file remains.
    """
    with replacing(file, f"{file.suffix or 'a file'}") as draft:
        _write(content, draft, file)


def _write(content: Any, draft: Path, file: Path) -> None:
    extension = file.suffix.lower()
    if isinstance(content, Path):
        shutil.copyfile(content, draft)
    elif isinstance(content, bytes | bytearray):
        draft.write_bytes(content)
    elif _is_table(content) and extension == ".csv":
        from .. import export

        # As in boxnb.export, no cell runs as a formula, and the byte order mark tells Excel that the file is UTF-8.
        text = known_secrets.redact_known(export.csv_text(content))
        draft.write_bytes(text.encode("utf-8-sig", "backslashreplace"))
    elif _is_table(content) and extension == ".html":
        from .. import export

        _write_text(export.html_text(content, title=file.stem, max_rows=len(content)), draft)
    elif isinstance(content, str):
        _write_text(content, draft)
    elif hasattr(content, "savefig") and extension in (".png", ".svg", ".pdf"):
        content.savefig(draft, format=extension[1:])
    elif hasattr(content, "figure"):  # a boxnb chart, or what pandas' plot returns
        _write(content.figure, draft, file)
    elif hasattr(content, "to_image") and extension in (".png", ".svg", ".pdf"):
        draft.write_bytes(_picture(content, extension[1:]))
    elif hasattr(content, "write_html") and extension == ".html":
        # Include plotly.js, so that the page works offline.
        _write_text(content.to_html(include_plotlyjs=True), draft)
    else:
        raise ExportError(
            f"A {type(content).__name__} cannot be written as {file.name!r}. Write tables as .csv or .html, figures as "
            ".html or .png, and text or bytes under any name."
        )


def _is_table(content: Any) -> bool:
    """Return whether this is a table. Without pandas, whose import takes longer than a short run, there are none."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(content, pandas.DataFrame | pandas.Series)


def _write_text(text: str, draft: Path) -> None:
    draft.write_text(known_secrets.redact_known(text), encoding="utf-8", errors="backslashreplace")


def _picture(figure: Any, image_format: str) -> bytes:
    """Return a plotly figure as a picture, drawn offline by Chrome or Chromium on this computer.

    Raises
    ------
    ExportError
        The package kaleido is not installed, or there is no browser.
    """
    try:
        import kaleido
        from kaleido.errors import ChromeNotFoundError
    except ImportError:
        raise ExportError(
            "Saving a chart as a picture needs one more package: pip install 'boxnb[automate]'. "
            "Or attach the chart as '.html'."
        ) from None
    try:
        # Without MathJax, which would be loaded from the network.
        return bytes(kaleido.calc_fig_sync(figure, opts={"format": image_format}, kopts={"mathjax": False}))
    except ChromeNotFoundError:
        raise ExportError(
            "Saving a chart as a picture needs Chrome or Chromium, which this computer does not have. "
            "Attach the chart as '.html' instead."
        ) from None
