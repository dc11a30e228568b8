"""The shapes of the sandbox's responses, with which `boxnb.contract` compares those of Box.

    python tests/support/sandbox_shapes.py

writes `boxnb/real_box/sandbox.json.gz`. Run it after a change of what the sandbox returns.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "boxnb" / "real_box" / "sandbox.json.gz"
sys.path.append(str(ROOT))


def sandbox_answers(*, every_event: bool = False) -> dict[str, Any]:
    """Make the reads of the contract in a sandbox of its own. Return the answers by name.

    With `every_event`, the pages of events contain the events of the whole year.
    """
    from signing import sign_in

    import boxnb
    from boxnb import oauth
    from boxnb.real_box.answers import Probe
    from boxnb.real_box.caller import Caller
    from boxnb.real_box.contract import days_ago, make_reads
    from boxnb.real_box.refresh import Tokens

    with boxnb.sandbox.start(private=True, limits="off") as sandbox:
        saved = sign_in(sandbox, "shapes")
        assert saved.token is not None
        api_url, old = saved.client.server.api_url, saved.token.access_token
        # The first use of an access token ends the one before it, so the pair has to be used once before the refresh.
        first = Caller(api_url, Tokens(old))
        first.ask(Probe("the first use", "/users/me", "/users/me", ""))
        first.close()
        new = oauth.refresh(saved.client, saved.token)
        caller = Caller(api_url, Tokens(new.access_token, old))
        try:
            answers, _ = make_reads(caller, days_ago(time.time()))
        finally:
            caller.close()
        if every_event:
            streams: dict[str, list[Any]] = {}
            for answer in answers.values():
                if answer.probe.operation == "/events" and answer.entries:
                    query = {key: answer.probe.params.get(key) for key in ("stream_type", "event_type")}
                    if str(query) not in streams:
                        streams[str(query)] = every_event_of(api_url, new.access_token, query)
                    answer.doc["entries"] = streams[str(query)]
    return answers


def every_event_of(api_url: str, token: Any, stream: dict[str, Any]) -> list[Any]:
    """Return all events of a stream. What the first page of a month contains depends on the day."""
    query = {**stream, "limit": 500, "stream_position": "0"}
    events: list[Any] = []
    while True:
        headers = {"Authorization": f"Bearer {token.reveal()}"}
        page = requests.get(f"{api_url}/events", params=query, headers=headers, timeout=30).json()
        if not page["entries"]:
            return events
        events += page["entries"]
        query["stream_position"] = page["next_stream_position"]


def main() -> None:
    """Write the file."""
    from boxnb.real_box.shapes import Reference

    with tempfile.TemporaryDirectory() as home:
        os.environ["BOXNB_HOME"] = home
        shapes = {
            name: Reference.of(answer).as_json() for name, answer in sandbox_answers(every_event=True).items()
        }
    content = json.dumps(shapes, sort_keys=True, separators=(",", ":")).encode()
    FILE.write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{FILE.name}: {len(content)} bytes, {FILE.stat().st_size} compressed")


if __name__ == "__main__":
    main()
