"""Faults that can be switched on: failures that networks, proxies and busy servers cause."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

KINDS = {
    "latency": "respond after `seconds`",
    "202": "202 with an empty body: not ready yet; repeat the call after `retry_after` seconds (default 1)",
    "429": "429, with `retry_after` seconds in the header if set",
    "500": "500 without doing the work",
    "502": "502 without doing the work",
    "503": "503 without doing the work, with `retry_after` seconds in the header if set",
    "reset_before": "reset the connection before doing the work",
    "reset_after": "do the work, then reset the connection, so the response is lost",
    "truncated": "send only the first half of the response",
    "html": "a proxy's HTML page with status 200 instead of the response",
    "content_type": "the real response, but with the content type text/plain",
    "drip": "the response in small chunks, `seconds` apart",
    "conflict": "409 with an empty body, as Box sends when two refreshes race",
    "lost_token": "the token endpoint replaces the token pair, but its response is lost",
}


@dataclass
class Fault:
    """A fault for the next `times` calls whose path matches the shell pattern `path`, after `skip` such calls."""

    id: int
    path: str
    kind: str
    times: int = 1
    skip: int = 0
    seconds: float = 1.0
    retry_after: int | None = None
    method: str = ""
    hits: int = 0


class Faults:
    """The faults that are switched on, oldest first."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._faults: list[Fault] = []

    def add(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Switch a fault on. Raises `ValueError` for an unknown kind or setting."""
        kind = str(spec.get("kind", ""))
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(KINDS)}")
        unknown = set(spec) - {"path", "kind", "times", "skip", "seconds", "retry_after", "method"}
        if unknown:
            raise ValueError(f"unknown setting of a fault: {', '.join(sorted(unknown))}")
        path = (
            "/oauth2/token" if kind == "lost_token" and not spec.get("path") else str(spec.get("path") or "*")
        )
        retry = spec.get("retry_after")
        fault = Fault(
            next(self._ids),
            path,
            kind,
            int(spec.get("times", 1)),
            int(spec.get("skip", 0)),
            float(spec.get("seconds", 1.0)),
            None if retry is None else int(retry),
            str(spec.get("method", "")).upper(),
        )
        self._faults.append(fault)
        return asdict(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault for this call and count the call, or return None if no fault applies."""
        for fault in self._faults:
            if fault.method not in ("", method) or not fnmatchcase(path, fault.path):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            fault.hits += 1
            if fault.times <= 0:
                self._faults.remove(fault)
            return fault
        return None

    def list(self) -> list[dict[str, Any]]:
        """Return the faults that are switched on."""
        return [asdict(fault) for fault in self._faults]

    def clear(self, fault_id: int | None = None) -> None:
        """Switch off the fault with this id, or all of them."""
        self._faults = [fault for fault in self._faults if fault_id is not None and fault.id != fault_id]
