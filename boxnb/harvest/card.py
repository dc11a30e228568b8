"""What a harvest shows about itself: cost, progress, doubts, and whose data it holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..api.rate_limit import LIMITS
from ..cards import Alert, card_html
from . import parts
from .events import timestamp
from .manifest import DONE, REFUSED, WAITING, Manifest, Round

if TYPE_CHECKING:
    from ..api.connection import Connection
    from .kinds import Kind


def html(facts: list[tuple[str, str]], name: str) -> str:
    """Return the card."""
    return card_html(facts, caption=f"Harvest: {name}")


def facts(
    box: Connection, kind: Kind, arguments: dict[str, Any], folder: Path, manifest: Manifest
) -> list[tuple[str, str]]:
    """Return the labels and values that ``repr`` and the card show. No call is made."""
    given = ", ".join(f"{name} {value}" for name, value in arguments.items())
    shown = [("Dataset", f"{kind.name}{f' ({given})' if given else ''}")]
    rounds = manifest.rounds() if manifest.exists else []
    if not rounds:
        shown.append(
            ("Cost", cost(box, kind, box.session.ledger.recall(f"harvest {kind.name}").get("calls")))
        )
        shown.append(("State", "not started; run() starts it"))
    else:
        shown += _progress(box, kind, manifest, rounds)
    shown.append(("Personal data", f"{kind.personal}. The folder is private; delete() removes it."))
    shown.append(("Folder", str(folder)))
    return shown


def unusable(kind: Kind, folder: Path, why: str) -> list[tuple[str, str]]:
    """Return the labels and values of a harvest whose manifest cannot be read, or belongs to another one."""
    return [("Dataset", kind.name), ("State", Alert(why)), ("Folder", str(folder))]


def cost(box: Connection, kind: Kind, calls: int | None) -> str:
    """Return what a round costs, if that is known: calls, minutes, and the share of the month's licence."""
    if calls is None:
        return f"not known yet; max_calls limits it. {kind.unit_cost}"
    minutes = calls / LIMITS["general"].calls
    time = "less than a minute" if minutes < 1 else f"{minutes:,.0f} minutes or more"
    licence = box.profile.monthly_calls
    share = f", {calls / licence:.0%} of the month's licence" if licence else ""
    return f"about {calls:,} call{'s' * (calls != 1)}, {time}{share}"


def _progress(box: Connection, kind: Kind, manifest: Manifest, rounds: list[Round]) -> list[tuple[str, str]]:
    last = rounds[-1]
    counts = manifest.counts(last.id)
    refused = counts.get(REFUSED, 0)
    shown = []
    if last.ended is None:
        what = "first run" if last.kind == "run" else last.kind
        waiting = counts.get(WAITING, 0)
        done = f"{counts.get(DONE, 0):,} pages fetched, {waiting:,} waiting"
        shown.append(("State", f"{what} not finished: {done}, {refused:,} unreadable; run() continues it"))
        left = kind.pages_left(manifest.waiting(last.id, 0, 1000, set()), waiting)
        minutes = left / LIMITS["general"].calls
        shown.append(("Left", f"{kind.certainty} {left:,} calls, {minutes:,.0f} minutes at the rate limit"))
    elif manifest.facts().get("again") is not None:
        shown.append(("State", Alert("damaged parts were removed; run() fetches their rows again")))
    else:
        shown.append(
            (
                "State",
                f"complete as of {_time(last.begun)}"
                if not refused
                else Alert(
                    f"ended as of {_time(last.begun)}, but {refused:,} listings could not be read; see frame().attrs['skipped']"
                ),
            )
        )
        shown.append(("Next update", kind.update_cost(box, rounds)))
    rows = manifest.rows(parts.ROWS) or manifest.rows(parts.FETCHED)
    size = sum(entry.part.bytes for entry in manifest.parts(parts.ROWS, parts.HISTORY, parts.FETCHED))
    shown.append(("Rows", f"{rows:,} in {size / 1e6:,.1f} MB"))
    calls, seconds = sum(entry.calls for entry in rounds), sum(entry.seconds for entry in rounds)
    rate = f", {60 * calls / seconds:,.0f} a minute" if seconds else ""
    received = sum(entry.bytes for entry in rounds) / 1e6
    shown.append(
        (
            "Calls",
            f"{calls:,} in {len(rounds)} round{'s' * (len(rounds) != 1)}{rate}; {received:,.1f} MB received",
        )
    )
    if last.ended is not None and last.kind != "run":
        shown.append(
            ("Last update", f"{last.new or 0:,} new, {last.changed or 0:,} changed, {last.gone or 0:,} gone")
        )
    ended = [entry for entry in rounds if entry.ended is not None]
    if ended and (count := len(doubts(kind, manifest, ended))):
        shown.append(("Doubts", f"{count}; see doubts"))
    return shown


def _time(number: int) -> str:
    return f"{timestamp(number):%Y-%m-%d %H:%M} UTC"


def table(rounds: list[Round]) -> pd.DataFrame:
    """Return rounds as a DataFrame."""
    columns: dict[str, Any] = {"kind": pd.Series([entry.kind for entry in rounds], dtype="str")}
    for name in ("begun", "ended"):
        times = pd.Series([getattr(entry, name) for entry in rounds], dtype="Int64")
        columns[name] = pd.to_datetime(times, unit="us", utc=True).astype("datetime64[us, UTC]")
    for name in ("calls", "bytes", "new", "changed", "gone"):
        columns[name] = pd.Series([getattr(entry, name) for entry in rounds], dtype="Int64")
    return pd.DataFrame(columns)


def doubts(kind: Kind, manifest: Manifest, ended: list[Round]) -> pd.DataFrame:
    """Return what a harvest cannot know, one row each."""
    rows = [*kind.doubts(manifest, ended), *_lost(manifest)] if ended else []
    frame = pd.DataFrame(rows, columns=["what", "why", "calls"])
    return frame.astype({"what": "str", "why": "str", "calls": "Int64"})


def _lost(manifest: Manifest) -> list[tuple[str, str, int | None]]:
    """Return what :func:`boxnb.harvest.care.forget` deleted, and what ``repair`` could not restore unchanged."""
    found: list[tuple[str, str, int | None]] = []
    facts = manifest.facts()
    if rows := facts.get("forgotten history"):
        why = f"forget() deleted them; at() any time before {_time(facts['forgotten'])} lacks them, and so does changes()"
        found.append((f"{rows:,} rows of the history", why, None))
    for entry in facts.get("lost") or []:
        what, when = f"{entry['rows']:,} rows of a damaged part", f"removed at {_time(entry['at'])}"
        why = (
            f"{when}; only a backup has this part of the history"
            if entry["place"] == parts.HISTORY
            else f"{when} and fetched again, if the server still had them; they count as new, and at() for an earlier time does not return them"
        )
        found.append((what, why, None))
    return found
