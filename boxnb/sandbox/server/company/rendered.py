"""Pages of users and events that are rendered once, so that a benchmark measures the client and not the sandbox."""

from __future__ import annotations

import gzip
from collections.abc import Hashable

import msgspec
from starlette.responses import Response

from .company import World
from .event_log import Event, Log, tenant_doc
from .people import Doc, People, shape
from .state import State

MAX_PAGES = 2048
MAX_RENDERED_EVENTS = 150_000
Page = tuple[bytes, bytes]


class RenderedPages:
    """Rendered pages of users, by request. They are discarded when a user changes."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._revision = -1
        self._all_users: list[Doc] = []
        self._pages: dict[Hashable, Page] = {}

    def all_users(self) -> list[Doc]:
        """Return all users of the company, in Box's order."""
        if self._revision != self._people.revision:
            self._revision = self._people.revision
            self._all_users = list(self._people.users.values())
            self._pages.clear()
        return self._all_users

    def page(self, paging: Doc, part: list[Doc], fields: str | None) -> Page:
        """Return a page, both uncompressed and compressed."""
        key = (paging.get("offset"), paging.get("next_marker"), paging["limit"], len(part), fields)
        rendered = self._pages.get(key)
        if rendered is None:
            if len(self._pages) >= MAX_PAGES:
                self._pages.pop(next(iter(self._pages)))
            body = msgspec.json.encode({**paging, "entries": [shape(user, fields) for user in part]})
            rendered = self._pages[key] = (body, gzip.compress(body, 5, mtime=0))
        return rendered


class RenderedEvents:
    """Rendered events of the enterprise streams. They are discarded when anything in the company changes."""

    def __init__(self, world: World, state: State, log: Log) -> None:
        self._world, self._state, self._log = world, state, log
        self._revision = -1
        self._rendered: dict[int, bytes] = {}

    def entries(self, events: list[Event]) -> bytes:
        """Return the events as a JSON list."""
        if self._revision != self._state.revision:
            self._revision = self._state.revision
            self._rendered.clear()
        return b"[" + b",".join(map(self._entry, events)) + b"]"

    def _entry(self, event: Event) -> bytes:
        rendered = self._rendered.get(event.number)
        if rendered is None:
            rendered = msgspec.json.encode(tenant_doc(self._world, event, self._log.saved_document(event)))
            if len(self._rendered) < MAX_RENDERED_EVENTS:
                self._rendered[event.number] = rendered
        return rendered


def page_response(page: Page, encodings: str) -> Response:
    """Return the page as a response, compressed if the client accepts gzip."""
    body, compressed = page
    if "gzip" not in encodings:
        return Response(body, media_type="application/json")
    headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(compressed, media_type="application/json", headers=headers)
