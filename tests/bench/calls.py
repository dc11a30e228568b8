"""Compare the calls of each dataset with the fewest that Box allows: ``python tests/bench/calls.py``, half a minute.

The fewest are the pages of each listing at Box's largest page size (1,000; 500 events; 200 search results), at least one
per listing. The server counts the calls.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from signing import sign_in

import boxnb.sandbox
from boxnb.api import rate_limit
from boxnb.signin.account import remember_account

OWNER = "fang.wang@example.com"


class Count(NamedTuple):
    """One dataset: rows, calls that the server counted, the fewest possible, and the reason for any difference."""

    dataset: str
    rows: int
    calls: int
    fewest: int
    why: str = ""


def pages(rows: int, size: int = 1000) -> int:
    """Return the number of pages of a listing, at least one."""
    return max(1, -(-rows // size))


def count_calls(box: boxnb.Box, sandbox: Any) -> Iterator[Count]:
    """Pull every dataset once and yield its counts."""

    def pull(work: Callable[[], pd.DataFrame]) -> tuple[pd.DataFrame, int]:
        sandbox.record(clear=True)
        frame = work()
        return frame, sum(call["path"].startswith("/2.0/") for call in sandbox.record())

    def listing(name: str, work: Callable[[], pd.DataFrame], size: int = 1000) -> Count:
        frame, calls = pull(work)
        return Count(name, len(frame), calls, pages(len(frame), size))

    users = box.users()
    owner = str(users.set_index("login").loc[OWNER, "id"])
    yield listing("me", box.me)
    yield listing("user", lambda: box.user(owner))
    yield listing("users", box.users)
    yield listing("groups", box.groups)
    groups = list(box.groups()["id"])
    frame, calls = pull(lambda: box.memberships(ids=groups))
    yield Count(
        "memberships",
        len(frame),
        calls,
        len(groups),
        "one per group: Box lists them only by group or by user",
    )
    yield listing("items", lambda: box.items(as_user=owner))
    tree, calls = pull(lambda: box.tree(as_user=owner))
    folders = tree.loc[tree["type"] == "folder", "id"]
    children = tree.groupby("parent_id").size().reindex(["0", *folders], fill_value=0)
    yield Count(
        "tree", len(tree), calls, int(children.map(pages).sum()), "one per folder; two more above 100 folders"
    )
    frame, calls = pull(lambda: box.shared_links(of=tree))
    yield Count("shared_links, of a tree", len(frame), calls, 0)
    file = str(tree.loc[tree["type"] == "file", "id"].iloc[0])
    yield listing("folder", lambda: box.folder("0"))
    yield listing("file", lambda: box.file(file, as_user=owner))
    yield listing("versions", lambda: box.versions(file, as_user=owner))
    yield listing("search", lambda: box.search("report", as_user=owner), 200)
    yield listing("trash", lambda: box.trash(as_user=owner))
    yield listing("device_pins", box.device_pins)
    shared = tree[tree["has_collaborations"].fillna(True)]
    frame, calls = pull(lambda: box.collaborations(tree, as_user=owner))
    fewest = int(shared["type"].isin(["folder", "file"]).sum())
    yield Count(
        "collaborations, of a tree", len(frame), calls, fewest, "one per item that has any, according to Box"
    )
    stream, calls = pull(lambda: box.events(stream="admin_logs_streaming"))
    why = "one call finds the end; one page in seven is short"
    yield Count("events, streaming", len(stream), calls, pages(len(stream), 500) + 1, why)
    year, calls = pull(lambda: box.events(since="366D"))
    yield Count("events, a year", len(year), calls, pages(len(year), 500) + 1, f"{why}; parallel ranges")
    week, calls = pull(lambda: box.events(since="1D"))
    yield Count("events, a day", len(week), calls, pages(len(week), 500) + 1, why)
    yield listing("frame('/groups')", lambda: box.frame("/groups"))


def table(counts: list[Count]) -> str:
    """Return the counts as a plain-text table."""
    lines = [f"{'':<26}{'rows':>7}{'calls':>7}{'fewest':>8}{'calls / 1,000 rows':>20}"]
    for count in counts:
        rate = f"{count.calls / count.rows * 1000:.2f}" if count.rows else "-"
        lines.append(
            f"{count.dataset:<26}{count.rows:>7}{count.calls:>7}{count.fewest:>8}{rate:>20}  {count.why}".rstrip()
        )
    return "\n".join(lines)


def main() -> None:
    """Print the table for a new sandbox."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["BOXNB_HOME"] = home
        rate_limit.LIMITS["general"] = rate_limit.Limit(10**6)  # the sandbox's limits are off
        with boxnb.sandbox.start(private=True, limits="off") as sandbox:
            sign_in(sandbox, "bench")
            remember_account("bench")
            print(table(list(count_calls(boxnb.connect("bench"), sandbox))))


if __name__ == "__main__":
    main()
