"""What a run leaves: tables, pages, pictures and files, written into a folder by the kind their name says."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from .. import export, masking


def check_name(name: str) -> str:
    """A plain file name.

    Raises
    ------
    ValueError
        It leads elsewhere, or holds what no file name holds.
    """
    if not name or name in (".", "..") or name != Path(name).name or "\\" in name or not name.isprintable():
        raise ValueError(f"{name!r} is no plain file name: write one such as 'open-links.csv'.")
    return name


def write(thing: Any, file: Path) -> None:
    """Write a DataFrame, a figure, text, bytes or a copy of a file; secrets this process knows are masked in text.

    Raises
    ------
    ValueError
        The kind of thing and the ending of the name do not go together.
    """
    ending = file.suffix.lower()
    if isinstance(thing, Path):
        shutil.copyfile(thing, file)
    elif isinstance(thing, bytes | bytearray):
        file.write_bytes(thing)
    elif isinstance(thing, pd.DataFrame | pd.Series) and ending == ".csv":
        # As boxnb.export does it: nothing runs as a formula, and Excel learns that it is UTF-8.
        text = export.csv_text(thing.reset_index() if isinstance(thing, pd.Series) else thing)
        file.write_bytes(masking.known_only(text).encode("utf-8-sig", "backslashreplace"))
    elif isinstance(thing, pd.DataFrame) and ending == ".html":
        file.write_text(
            masking.known_only(thing.to_html(index=False)), encoding="utf-8", errors="backslashreplace"
        )
    elif isinstance(thing, str):
        file.write_text(masking.known_only(thing), encoding="utf-8", errors="backslashreplace")
    elif hasattr(thing, "savefig") and ending in (".png", ".svg", ".pdf"):
        thing.savefig(file)
    elif hasattr(thing, "figure"):  # one of our charts, or what pandas' plot gives
        write(thing.figure, file)
    elif hasattr(thing, "to_image") and ending in (".png", ".svg", ".pdf"):
        file.write_bytes(_picture(thing, ending[1:]))
    elif hasattr(thing, "write_html") and ending == ".html":
        thing.write_html(file, include_plotlyjs=True)  # whole: it opens without a network
    else:
        raise ValueError(
            f"A {type(thing).__name__} cannot be written as {file.name!r}: tables go to .csv or .html, figures to .html "
            "or .png, text and bytes to any name."
        )


def _picture(figure: Any, kind: str) -> bytes:
    """A figure of plotly as a picture, drawn by a Chrome or Chromium of this computer; nothing is loaded from elsewhere.

    Raises
    ------
    ValueError
        There is no kaleido, or no browser.
    """
    try:
        import kaleido
        from kaleido.errors import ChromeNotFoundError
    except ImportError:
        raise ValueError(
            "A picture of a chart needs one more package: pip install 'boxnb[automate]', or attach it as '.html'."
        ) from None
    try:
        # Without MathJax, which would come from the network.
        return bytes(kaleido.calc_fig_sync(figure, opts={"format": kind}, kopts={"mathjax": False}))
    except ChromeNotFoundError:
        raise ValueError(
            "A picture of a chart is drawn by Chrome or Chromium, and this computer has none: attach it as '.html'."
        ) from None
