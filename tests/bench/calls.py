"""Calls of each dataset beside the fewest Box allows: ``python tests/bench/calls.py``, half a minute.

The fewest are the rows of each listing at Box's largest page (1,000; 500 events; 200 hits), at least one a listing.
Calls are those the server recorded.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from signing import sign_in

import boxnb.sandbox
from boxnb.api import rate_limit
from boxnb.signin.account import remember_account

OWNER = "fang.wang@example.com"


class Count(NamedTuple):
    """One dataset: rows, calls the server saw, the fewest possible, and why they differ where they do."""

    dataset: str
    rows: int
    calls: int
    fewest: int
    why: str = ""


def pages(rows: int, size: int = 1000) -> int:
    return max(1, -(-rows // size))


def count(box: boxnb.Box, sandbox: Any) -> Iterator[Count]:
    """Every dataset once."""

    def pulled(work: Callable[[], pd.DataFrame]) -> tuple[pd.DataFrame, int]:
        sandbox.record(clear=True)
        frame = work()
        return frame, sum(call["path"].startswith("/2.0/") for call in sandbox.record())

    def plain(name: str, work: Callable[[], pd.DataFrame], size: int = 1000) -> Count:
        frame, calls = pulled(work)
        return Count(name, len(frame), calls, pages(len(frame), size))

    users = box.users()
    owner = str(users.set_index("login").loc[OWNER, "id"])
    yield plain("me", box.me)
    yield plain("user", lambda: box.user(owner))
    yield plain("users", box.users)
    yield plain("groups", box.groups)
    groups = list(box.groups()["id"])
    frame, calls = pulled(lambda: box.memberships(ids=groups))
    yield Count(
        "memberships", len(frame), calls, len(groups), "one a group: Box lists them by group or by user only"
    )
    yield plain("items", lambda: box.items(as_user=owner))
    tree, calls = pulled(lambda: box.tree(as_user=owner))
    folders = tree.loc[tree["type"] == "folder", "id"]
    inside = tree.groupby("parent_id").size().reindex(["0", *folders], fill_value=0)
    yield Count(
        "tree", len(tree), calls, int(inside.map(pages).sum()), "one a folder; two more above 100 folders"
    )
    frame, calls = pulled(lambda: box.shared_links(of=tree))
    yield Count("shared_links, of a tree", len(frame), calls, 0)
    file = str(tree.loc[tree["type"] == "file", "id"].iloc[0])
    yield plain("folder", lambda: box.folder("0"))
    yield plain("file", lambda: box.file(file, as_user=owner))
    yield plain("versions", lambda: box.versions(file, as_user=owner))
    yield plain("search", lambda: box.search("report", as_user=owner), 200)
    yield plain("trash", lambda: box.trash(as_user=owner))
    yield plain("device_pins", box.device_pins)
    asked = tree[tree["has_collaborations"].fillna(True)]
    frame, calls = pulled(lambda: box.collaborations(tree, as_user=owner))
    listed = int(asked["type"].isin(["folder", "file"]).sum())
    yield Count(
        "collaborations, of a tree", len(frame), calls, listed, "one an item that has any, by Box's flag"
    )
    chain, least = pulled(lambda: box.events(stream="admin_logs_streaming"))
    why = "and one that sees the end; one page in seven comes short"
    yield Count("events, streaming", len(chain), least, pages(len(chain), 500) + 1, why)
    year, calls = pulled(lambda: box.events(since="366D"))
    yield Count("events, a year", len(year), calls, pages(len(year), 500) + 1, f"{why}, in pieces at once")
    week, calls = pulled(lambda: box.events(since="1D"))
    yield Count("events, a day", len(week), calls, pages(len(week), 500) + 1, why)
    yield plain("frame('/groups')", lambda: box.frame("/groups"))


def table(counts: list[Count]) -> str:
    """What is printed."""
    lines = [f"{'':<26}{'rows':>7}{'calls':>7}{'fewest':>8}{'calls / 1,000 rows':>20}"]
    for each in counts:
        per = f"{each.calls / each.rows * 1000:.2f}" if each.rows else "-"
        lines.append(
            f"{each.dataset:<26}{each.rows:>7}{each.calls:>7}{each.fewest:>8}{per:>20}  {each.why}".rstrip()
        )
    return "\n".join(lines)


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["BOXNB_HOME"] = home
        rate_limit.LIMITS["general"] = rate_limit.Limit(10**6)  # the sandbox's limits are off
        with boxnb.sandbox.start(private=True, limits="off") as sandbox:
            sign_in(sandbox, "bench")
            remember_account("bench")
            print(table(list(count(boxnb.connect("bench"), sandbox))))


if __name__ == "__main__":
    main()
