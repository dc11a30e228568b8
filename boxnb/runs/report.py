"""The run report as text for the screen and as HTML for an email, and an explanation of any error that ended the run."""

from __future__ import annotations

import errno
import html
import traceback
from pathlib import Path

import requests

from ..cards import card_html
from ..errors import BoxNotebookError
from ..oauth.failures import network_trouble
from .outcome import Outcome

LINES = 200
"""How many lines from the end of the log a report shows. The whole log is attached."""

WARNINGS_SHOWN = 20
"""How many warnings a report lists."""

_DISK = {
    errno.ENOSPC: "The disk is full. Free space, then run this again.",
    errno.EDQUOT: "Your disk quota is used up. Free space, then run this again.",
    errno.EFBIG: "A file exceeded the size limit of this system. Free space or raise the limit, then run this again.",
}


def explanation(error: BaseException) -> str:
    """Return what ended a run and what to do, in one or two sentences. The text is not redacted yet."""
    if isinstance(error, BoxNotebookError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted by the user."
    if isinstance(error, requests.HTTPError) and error.response is not None:
        status, reason = error.response.status_code, error.response.reason
        return f"The server responded with {status} {reason}. The call is in the log."
    if isinstance(error, requests.RequestException):
        return network_trouble(error)
    if isinstance(error, OSError) and error.errno in _DISK:
        return _DISK[error.errno]
    if isinstance(error, MemoryError):
        return "The computer ran out of memory. Process less data at a time."
    last_call = traceback.extract_tb(error.__traceback__)[-1:]
    line = f", in {Path(last_call[0].filename).name} line {last_call[0].lineno}" if last_call else ""
    message = str(error).strip() or "no message"
    return f"{type(error).__name__}: {message}{line}; the traceback is in the log."


def subject(run: Outcome) -> str:
    """Return the subject of an email. The outcome comes first, so that a reader can filter or skim a mailbox."""
    return f"{run.outcome} {run.name} on {run.host}"


def facts(run: Outcome) -> list[tuple[str, str]]:
    """Return the name and value of each fact in the report."""
    local_time = run.started.astimezone()
    rows = [
        ("Outcome", run.outcome),
        ("Started", local_time.strftime("%Y-%m-%d %H:%M:%S %Z")),
        ("Took", _duration(run.seconds)),
        ("Calls", f"{run.calls:,}"),
        ("Rows", f"{run.rows:,}"),
        ("Warnings", f"{len(run.warnings):,}"),
        ("Log", str(run.log_file) if run.log_file else "could not be written; its last lines are below"),
    ]
    rows += [("Attached", f"{file.name}") for file in run.files]
    return rows + [(name, str(value)) for name, value in run.facts.items()]


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min {rest} s" if hours else f"{minutes} min {rest} s"


def text(run: Outcome) -> str:
    """Return the report as plain text. It is not redacted yet."""
    parts = [subject(run), ""]
    if run.problem:
        parts += [run.problem, ""]
    parts += [f"{name:<9} {value}" for name, value in facts(run)]
    if run.warnings:
        parts += ["", "Warnings:", *(f"- {line}" for line in run.warnings[:WARNINGS_SHOWN])]
    parts += [f"- and {more} more" for more in [len(run.warnings) - WARNINGS_SHOWN] if more > 0]
    if run.undelivered:
        parts += ["", "Not delivered:", *(f"- {line}" for line in run.undelivered)]
    return "\n".join([*parts, "", "The end of the log:", *run.lines[-LINES:], ""])


def card(run: Outcome) -> str:
    """Return the facts as a small table for a notebook. It is not redacted yet."""
    return card_html(facts(run), caption=f"Run: {run.name}")


_COLOURS = {"SUCCESS": "#1a7f5a", "WARNING": "#8a5a00", "ERROR": "#b3261e"}


def page(run: Outcome) -> str:
    """Return the report as HTML that loads no other files and is readable in light and dark themes. It is not redacted yet."""

    def row(name: str, value: str) -> str:
        style = "text-align:left;vertical-align:top;padding:2px 12px 2px 0"
        return f"<tr><th style='{style}'>{html.escape(name)}</th><td style='{style}'>{html.escape(value)}</td></tr>"

    def listing(title: str, lines: list[str]) -> str:
        items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
        return f"<h2 style='font-size:16px'>{title}</h2><ul>{items}</ul>" if lines else ""

    colour = _COLOURS[run.outcome]
    problem = f"<p><b>{html.escape(run.problem)}</b></p>" if run.problem else ""
    log = html.escape("\n".join(run.lines[-LINES:]))
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<meta name='color-scheme' content='light dark'><title>{html.escape(subject(run))}</title></head>"
        "<body style='font-family:sans-serif;font-size:14px;line-height:1.4;max-width:60em'>"
        f"<h1 style='font-size:18px'><span style='background:{colour};color:#fff;padding:2px 8px;border-radius:4px'>"
        f"{run.outcome}</span> {html.escape(run.name)} <small>on {html.escape(run.host)}</small></h1>{problem}"
        f"<table style='border-collapse:collapse'>{''.join(row(*fact) for fact in facts(run)[1:])}</table>"
        + listing("Warnings", run.warnings[:WARNINGS_SHOWN])
        + listing("Not delivered", run.undelivered)
        + "<h2 style='font-size:16px'>The end of the log</h2>"
        f"<pre style='font-size:12px;white-space:pre-wrap;overflow-wrap:anywhere'>{log}</pre></body></html>"
    )
