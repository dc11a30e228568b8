"""What became of each run: one line when it begins, one when it ends, in a file all runs of this user share."""

from __future__ import annotations

import errno
import json
import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import store
from ..errors import require
from ..local import encoding, private_files

if TYPE_CHECKING:
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
"""Seconds since the epoch at the end of the year 9998: a time zone may add a day to what is shown."""
OUTCOMES = ("SUCCESS", "WARNING", "ERROR", "UNFINISHED")
_MARKS = {
    "SUCCESS": ("#56b4a5", "circle"),
    "WARNING": ("#e0a458", "triangle-up"),
    "ERROR": ("#d9534f", "x"),
    "UNFINISHED": ("#8d8d8d", "circle-open"),
}
"""Colours readable on white and on black, and shapes for whoever tells no colours apart."""


def file() -> Path:
    """Where the history is kept."""
    return store.home() / "runs" / "history.jsonl"


def note(**facts: Any) -> None:
    """Add one line, whole or not at all: short appends of several processes do not mix.

    Raises
    ------
    OSError, TokenStoreError
        It cannot be written.
    """
    place = file()
    private_files.private_folder(place.parent)
    facts = {name: encoding.as_text(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
    line = json.dumps(facts, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
    descriptor = private_files.open_ours(place, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    try:
        size = os.fstat(descriptor).st_size
        if size and not _ends_whole(descriptor, size):
            line = b"\n" + line  # the last one was cut off by a full disk: it must not take this one along
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)


def _ends_whole(descriptor: int, size: int) -> bool:
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1) == b"\n"


def history(name: str | None = None) -> pd.DataFrame:
    """
    Every run so far, one row a run, the last one first.

    Parameters
    ----------
    name : str, optional
        Runs of this name only.

    Returns
    -------
    pandas.DataFrame
        ``name``, ``started`` (UTC), ``seconds``, ``outcome`` (a category of SUCCESS, WARNING, ERROR, and UNFINISHED for a
        run that is under way or was cut off), ``calls``, ``rows`` and ``warnings`` (``Int64``), ``problem`` (one sentence),
        ``undelivered`` (reports that could not be sent, and why), ``log_file``, ``process``, ``id``.

    Raises
    ------
    TokenStoreError
        The file of the history cannot be read.
    """
    found: dict[str, dict[str, Any]] = {}
    try:
        if file().is_fifo():  # it would be waited for without end
            raise OSError(errno.EINVAL, "it is a pipe")
        lines = file().read_bytes().split(b"\n")
    except FileNotFoundError:
        lines = []
    except OSError as error:
        raise private_files.explained(error, file(), "read") from error
    for line in lines:
        facts = _facts(line)
        if facts:
            found.setdefault(facts["id"], {"outcome": "UNFINISHED"}).update(facts)
    rows = [row for row in found.values() if name is None or row.get("name") == name]
    frame = pd.DataFrame(rows[::-1], columns=list(COLUMNS))
    frame["started"] = pd.to_datetime(frame["started"], unit="s", utc=True).dt.as_unit("us")
    frame["outcome"] = pd.Categorical(frame["outcome"], categories=OUTCOMES)
    return frame.astype(
        {column: kind for column, kind in COLUMNS.items() if column not in ("started", "outcome")}
    )


def _facts(line: bytes) -> dict[str, Any]:
    """What one line says, as far as it can be told; empty where it was cut off or is not one of ours."""
    try:
        said = json.loads(line.decode("utf-8", "replace"))
        if not isinstance(said, dict) or not isinstance(said["id"], str) or not isinstance(said["name"], str):
            return {}
    except (ValueError, KeyError, RecursionError):
        return {}
    return {
        column: encoding.as_text(value) if isinstance(value, str) else value
        for column, value in said.items()
        if column in COLUMNS and _fits(column, value)
    }


def _fits(column: str, value: Any) -> bool:
    kind = COLUMNS[column]
    if kind == "str":
        return isinstance(value, str)
    if kind == "category":
        return value in OUTCOMES
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if kind == "Int64":
        return isinstance(value, int) and abs(value) < 2**63
    # Neither infinity nor NaN is; a time is one that datetime holds, too.
    return 0 <= value < LATEST if column == "started" else abs(value) < 2**63


def chart(name: str | None = None) -> Chart:
    """
    The history as a chart: when, how long, and how each run ended (extra ``explore``).

    Parameters
    ----------
    name : str, optional
        Runs of this name only.

    Returns
    -------
    Chart
        ``.figure`` is plotly's; a page without plotly shows the last twenty runs as a plain table.
    """
    require("A chart of runs", "boxnb[explore]", "plotly")
    import plotly.graph_objects as go

    from ..widgets.charts import Chart, bars_html, escape_label

    frame = history(name)
    title = f"Runs of {name}" if name else "Runs"
    figure = go.Figure()
    for outcome, (colour, symbol) in _MARKS.items():
        rows = frame[frame["outcome"] == outcome]
        if rows.empty:
            continue
        said = [
            "<br>".join(
                escape_label(line) for line in (*textwrap.wrap(problem, 56)[:4], *_counted(calls, count))
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
            cliponaxis=False,  # a run of no time stands on the axis
            text=[escape_label(each) for each in rows["name"]],
            customdata=said,
            hovertemplate="<b>%{text}</b><br>%{x|%Y-%m-%d %H:%M} UTC, %{y:.1f} s<br>%{customdata}",
        )
    figure.update_layout(height=360, showlegend=True, legend={"orientation": "h", "y": -0.32})
    figure.update_xaxes(title={"text": "began (UTC)", "font": {"size": 13}})
    figure.update_yaxes(title={"text": "seconds it took", "font": {"size": 13}}, rangemode="tozero")
    names = [
        each if pd.isna(when) else f"{when:%Y-%m-%d %H:%M} {each}"
        for when, each in zip(frame["started"], frame["name"], strict=True)
    ]
    seconds = frame["seconds"].fillna(0.0).tolist()
    shown = [f"{outcome}, {took:,.1f} s" for outcome, took in zip(frame["outcome"], seconds, strict=True)]
    return Chart(title, figure, frame, bars_html(title, names, seconds, shown))


def _counted(calls: Any, rows: Any) -> list[str]:
    said = [
        f"{number:,} {what}" for number, what in ((calls, "calls"), (rows, "rows")) if not pd.isna(number)
    ]
    return [", ".join(said)] if said else []
