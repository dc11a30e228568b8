"""What a run leaves: tables, pages, pictures and files, written into a folder by the kind their name says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from .. import export, redaction
from ..errors import ExportError

_UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Control characters and line breaks. Spaces of other scripts and the joints of emoji are part of names."""


def check_name(name: str) -> str:
    """A plain file name.

    Raises
    ------
    ExportError
        It leads elsewhere, or holds what no file name holds.
    """
    if not name or name in (".", "..") or name != Path(name).name or "\\" in name or _UNUSABLE.search(name):
        raise ExportError(f"{name!r} is no plain file name: write one such as 'open-links.csv'.")
    return name


def write(thing: Any, file: Path) -> None:
    """Write a DataFrame, a figure, text, bytes or a copy of a file; secrets this process knows are masked in text.

    Raises
    ------
    ExportError
        The kind of thing and the ending of the name do not go together, or it cannot be written; nothing is left behind.
    """
    with export.written(file, f"{file.suffix or 'a file'}") as draft:
        _write(thing, draft, file)


def _write(thing: Any, draft: Path, file: Path) -> None:
    ending = file.suffix.lower()
    if isinstance(thing, Path):
        shutil.copyfile(thing, draft)
    elif isinstance(thing, bytes | bytearray):
        draft.write_bytes(thing)
    elif isinstance(thing, pd.DataFrame | pd.Series) and ending == ".csv":
        # As boxnb.export does it: nothing runs as a formula, and Excel learns that it is UTF-8.
        text = redaction.redact_known(export.csv_text(thing))
        draft.write_bytes(text.encode("utf-8-sig", "backslashreplace"))
    elif isinstance(thing, pd.DataFrame | pd.Series) and ending == ".html":
        _write_text(export.html_text(thing, title=file.stem, most=len(thing)), draft)
    elif isinstance(thing, str):
        _write_text(thing, draft)
    elif hasattr(thing, "savefig") and ending in (".png", ".svg", ".pdf"):
        thing.savefig(draft, format=ending[1:])
    elif hasattr(thing, "figure"):  # one of our charts, or what pandas' plot gives
        _write(thing.figure, draft, file)
    elif hasattr(thing, "to_image") and ending in (".png", ".svg", ".pdf"):
        draft.write_bytes(_picture(thing, ending[1:]))
    elif hasattr(thing, "write_html") and ending == ".html":
        thing.write_html(draft, include_plotlyjs=True)  # whole: it opens without a network
    else:
        raise ExportError(
            f"A {type(thing).__name__} cannot be written as {file.name!r}. Tables go to .csv or .html, figures to .html "
            "or .png, text and bytes to any name."
        )


def _write_text(text: str, draft: Path) -> None:
    draft.write_text(redaction.redact_known(text), encoding="utf-8", errors="backslashreplace")


def _picture(figure: Any, kind: str) -> bytes:
    """A figure of plotly as a picture, drawn by a Chrome or Chromium of this computer; nothing is loaded from elsewhere.

    Raises
    ------
    ExportError
        There is no kaleido, or no browser.
    """
    try:
        import kaleido
        from kaleido.errors import ChromeNotFoundError
    except ImportError:
        raise ExportError(
            "A picture of a chart needs one more package: pip install 'boxnb[automate]', or attach it as '.html'."
        ) from None
    try:
        # Without MathJax, which would come from the network.
        return bytes(kaleido.calc_fig_sync(figure, opts={"format": kind}, kopts={"mathjax": False}))
    except ChromeNotFoundError:
        raise ExportError(
            "A picture of a chart is drawn by Chrome or Chromium, and this computer has none: attach it as '.html'."
        ) from None
