"""The history of all runs by this user. Each run adds a line to a shared file when it starts, and another when it ends."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from .. import store
from ..errors import require
from ..local import encoding, private_files

if TYPE_CHECKING:
    import pandas as pd

    from ..widgets.charts import Chart

COLUMNS = {
    "name": "str",
    "started": "datetime64[us, UTC]",
    "seconds": "float64",
    "outcome": "category",
    "calls": "Int64",
    "rows": "Int64",
    "warnings": "Int64",
    "problem": "str",
    "undelivered": "str",
    "log_file": "str",
    "process": "str",
    "id": "str",
}
LATEST = 253_370_764_800
"""The end of the year 9998, in seconds since the epoch. A time zone can add a day, which must not lead to the year 10000."""
OUTCOMES = ("SUCCESS", "WARNING", "ERROR", "UNFINISHED")
_MARKS = {
    "SUCCESS": ("#56b4a5", "circle"),
    "WARNING": ("#e0a458", "triangle-up"),
    "ERROR": ("#d9534f", "x"),
    "UNFINISHED": ("#8d8d8d", "circle-open"),
}
"""Colours that are readable on white and on black, and shapes for readers who cannot tell the colours apart."""


def file() -> Path:
    """Return the path of the history file."""
    return store.home() / "runs" / "history.jsonl"


def note(**facts: Any) -> None:
    """Append one line to the history. Several processes can append at the same time without mixing their lines.

    Raises
    ------
    OSError, TokenStoreError
        The line cannot be written.
    """
    path = file()
    private_files.private_folder(path.parent)
    facts = {name: encoding.as_text(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
    line = json.dumps(facts, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
    # On Windows, appending is two steps: go to the end, then write. Another process may write in between.
    lock = filelock.FileLock(path.with_suffix(".lock"), timeout=10) if private_files.WINDOWS else None
    with lock or contextlib.nullcontext():
        _append(path, line)


def _append(path: Path, line: bytes) -> None:
    descriptor = private_files.open_ours(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    try:
        size = os.fstat(descriptor).st_size
        if size and not _ends_with_newline(descriptor, size):
            line = b"\n" + line  # a full disk cut off the last line, so start a new one
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)


def _ends_with_newline(descriptor: int, size: int) -> bool:
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1) == b"\n"


def history(name: str | None = None) -> pd.DataFrame:
    """
    Return every run so far, one row per run, latest first.

    Parameters
    ----------
    name : str, optional
        Only runs with this name.

    Returns
    -------
    pandas.DataFrame
        ``name``, ``started`` (UTC), ``seconds``, ``outcome`` (a category: SUCCESS, WARNING, ERROR, or UNFINISHED if the run
        is in progress or was killed), ``calls``, ``rows`` and ``warnings`` (``Int64``), ``problem`` (why it failed),
        ``undelivered`` (reports that could not be delivered, and why), ``log_file``, ``process``, ``id``.

    Raises
    ------
    TokenStoreError
        The history cannot be read.
    """
    import pandas as pd  # not needed to add a line to the history, and slow

    by_id: dict[str, dict[str, Any]] = {}
    try:
        if file().is_fifo():  # reading a pipe could block forever
            raise OSError(errno.EINVAL, "it is a pipe")
        lines = file().read_bytes().split(b"\n")
    except FileNotFoundError:
        lines = []
    except OSError as error:
        raise private_files.explained(error, file(), "read") from error
    for line in lines:
        facts = _facts(line)
        if facts:
            by_id.setdefault(facts["id"], {"outcome": "UNFINISHED"}).update(facts)
    rows = [row for row in by_id.values() if name is None or row.get("name") == name]
    frame = pd.DataFrame(rows[::-1], columns=list(COLUMNS))
    frame["started"] = pd.to_datetime(frame["started"], unit="s", utc=True).dt.as_unit("us")
    frame["outcome"] = pd.Categorical(frame["outcome"], categories=OUTCOMES)
    return frame.astype(
        {column: dtype for column, dtype in COLUMNS.items() if column not in ("started", "outcome")}
    )


def _facts(line: bytes) -> dict[str, Any]:
    """Return the usable values of one line; ``{}`` if the line was cut off or is not from boxnb."""
    try:
        values = json.loads(line.decode("utf-8", "replace"))
        if not isinstance(values, dict) or not all(isinstance(values[key], str) for key in ("id", "name")):
            return {}
    except (ValueError, KeyError, RecursionError):
        return {}
    return {
        column: encoding.as_text(value) if isinstance(value, str) else value
        for column, value in values.items()
        if column in COLUMNS and _fits(column, value)
    }


def _fits(column: str, value: Any) -> bool:
    dtype = COLUMNS[column]
    if dtype == "str":
        return isinstance(value, str)
    if dtype == "category":
        return value in OUTCOMES
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if dtype == "Int64":
        return isinstance(value, int) and abs(value) < 2**63
    # These comparisons exclude infinity and NaN, and any time that datetime cannot represent.
    return 0 <= value < LATEST if column == "started" else abs(value) < 2**63


def chart(name: str | None = None) -> Chart:
    """
    Return a chart of when each run started, how long it took, and how it ended. It needs the extra ``explore``.

    Parameters
    ----------
    name : str, optional
        Only runs with this name.

    Returns
    -------
    Chart
        ``.figure`` is the plotly figure. Where plotly cannot be loaded, a plain table shows the last twenty runs.
    """
    require("A chart of runs", "boxnb[explore]", "plotly")
    import pandas as pd
    import plotly.graph_objects as go

    from ..widgets.charts import Chart, bars_html, escape_label

    frame = history(name)
    title = f"Runs of {name}" if name else "Runs"
    figure = go.Figure()
    for outcome, (colour, symbol) in _MARKS.items():
        rows = frame[frame["outcome"] == outcome]
        if rows.empty:
            continue
        hover_texts = [
            "<br>".join(
                escape_label(line)
                for line in (*textwrap.wrap(problem, 56)[:4], *_format_counts(calls, count))
            )
            for problem, calls, count in zip(
                rows["problem"].fillna(""), rows["calls"], rows["rows"], strict=True
            )
        ]
        figure.add_scatter(
            x=rows["started"],
            y=rows["seconds"],
            name=outcome,
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 12},
            cliponaxis=False,  # the marker of a run of 0 s is on the axis
            text=[escape_label(run) for run in rows["name"]],
            customdata=hover_texts,
            hovertemplate="<b>%{text}</b><br>%{x|%Y-%m-%d %H:%M} UTC, %{y:.1f} s<br>%{customdata}",
        )
    figure.update_layout(height=360, showlegend=True, legend={"orientation": "h", "y": -0.32})
    figure.update_xaxes(title={"text": "started (UTC)", "font": {"size": 13}})
    figure.update_yaxes(title={"text": "duration in seconds", "font": {"size": 13}}, rangemode="tozero")
    labels = [
        run if pd.isna(started) else f"{started:%Y-%m-%d %H:%M} {run}"
        for started, run in zip(frame["started"], frame["name"], strict=True)
    ]
    seconds = frame["seconds"].fillna(0.0).tolist()
    values = [
        f"{outcome}, {duration:,.1f} s" for outcome, duration in zip(frame["outcome"], seconds, strict=True)
    ]
    return Chart(title, figure, frame, bars_html(title, labels, seconds, values))


def _format_counts(calls: Any, rows: Any) -> list[str]:
    """Return one line with the counts that are known; ``[]`` if neither is."""
    import pandas as pd

    counts = [
        f"{number:,} {unit}" for number, unit in ((calls, "calls"), (rows, "rows")) if not pd.isna(number)
    ]
    return [", ".join(counts)] if counts else []
