"""What became of each run: one line when it begins, one when it ends, in a file all runs of this user share."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd

from .. import disk, store

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
OUTCOMES = ("SUCCESS", "WARNING", "ERROR", "UNFINISHED")


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
    disk.private_folder(place.parent)
    line = json.dumps(facts, ensure_ascii=False) + "\n"
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


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
    """
    found: dict[str, dict[str, Any]] = {}
    try:
        lines = file().read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    for line in lines:
        try:
            facts = json.loads(line)
            found.setdefault(facts["id"], {"outcome": "UNFINISHED"}).update(facts)
        except (ValueError, KeyError, TypeError):
            continue  # cut off by a full disk
    rows = [row for row in found.values() if name is None or row.get("name") == name]
    frame = pd.DataFrame(rows[::-1], columns=list(COLUMNS))
    frame["started"] = pd.to_datetime(frame["started"], unit="s", utc=True).dt.as_unit("us")
    frame["outcome"] = pd.Categorical(frame["outcome"], categories=OUTCOMES)
    return frame.astype(
        {column: kind for column, kind in COLUMNS.items() if column not in ("started", "outcome")}
    )


def chart(name: str | None = None) -> Any:
    """
    The history as a chart: when, how long, and how each run ended (extra ``explore``).

    Returns
    -------
    plotly.graph_objects.Figure
    """
    import plotly.express as px

    frame = history(name)
    colours = {"SUCCESS": "#1a7f5a", "WARNING": "#b7791f", "ERROR": "#c0392b", "UNFINISHED": "#7a7a7a"}
    figure = px.scatter(
        frame,
        x="started",
        y="seconds",
        color="outcome",
        symbol="outcome",
        color_discrete_map=colours,
        category_orders={"outcome": list(OUTCOMES)},
        hover_data=["name", "rows", "calls", "problem"],
        title=f"Runs of {name}" if name else "All runs",
        labels={"started": "started (UTC)", "seconds": "seconds it took"},
    )
    figure.update_traces(marker_size=12)
    return figure
