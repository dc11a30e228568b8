"""How servers divide a listing into pages, and how to fetch them all.

The styles are ``page`` (a page number), ``offset``, ``marker`` (a value from the response), ``next`` (a URL in the response),
``link`` (a URL in the header ``Link``, RFC 8288) and ``whole`` (one response). Some servers say how many rows there are.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Generator
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

import requests

from ..errors import ArgumentError, BoxUnavailableError

Style = Literal["page", "offset", "marker", "next", "link", "whole"]

NEXT_URLS = ("@odata.nextLink", "next")
"""The names under which responses have the URL of the next page, unless ``Pages.next`` says otherwise.

The first is that of OData JSON Format 4.01; ``next`` is *assumed* to be a usual one.
"""

TOTALS = ("totalCount", "total", "Total", "total_count", "@odata.count")
"""The names under which responses have the number of rows, unless ``Pages.total`` says otherwise.

Those of Jamf Pro, Workspace ONE UEM (both spellings), Box and OData JSON Format 4.01, in this order.
"""


@dataclasses.dataclass(frozen=True)
class Pages:
    """How one server divides a listing into pages.

    A field that names a value of the response may be a path such as ``metadata.total``.

    Attributes
    ----------
    style : {"page", "offset", "marker", "next", "link", "whole"}
    name : str
        The parameter for the page number, the offset or the marker; by default ``page``, ``offset`` or ``marker``.
    size_name : str
        The parameter for the number of rows on a page; ``""`` to send none.
    size : int
        That number.
    first : int
        The number of the first page.
    rows : str
        The name of the list of rows; by default, the only list in the response.
    total : str
        The name of the number of rows; by default, one of the usual names, or unknown.
    next : str
        The name of the next marker or URL; by default ``next_marker``, or one of the usual names.
    """

    style: Style
    name: str = ""
    size_name: str = "limit"
    size: int = 100
    first: int = 0
    rows: str = ""
    total: str = ""
    next: str = ""

    def __post_init__(self) -> None:
        if self.style not in ("page", "offset", "marker", "next", "link", "whole"):
            raise ArgumentError(
                f"There is no style of paging {self.style!r}. The styles are page, offset, marker, next, link and whole."
            )
        if self.size < 1:
            raise ArgumentError(f"A page has at least 1 row, not {self.size}.")

    @property
    def parameter(self) -> str:
        """The parameter that selects a page."""
        return self.name or self.style

    def start(self, value: Any) -> dict[str, Any]:
        """Return the parameters of the first request. ``value`` resumes a pull; ``None`` starts with the first row."""
        params: dict[str, Any] = (
            {self.size_name: self.size} if self.size_name and self.style != "whole" else {}
        )
        if self.style in ("page", "offset"):
            default = self.first if self.style == "page" else 0
            params[self.parameter] = default if value is None else _whole_number(value)
        elif self.style == "marker" and value is not None:
            params[self.parameter] = value
        return params


def _whole_number(start: Any) -> int:
    """Return a page number or an offset to resume from."""
    try:
        return int(start)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(
            f"start= is the number of a page or of a row, such as attrs['resume'] gives, not {start!r}."
        ) from None


class Body:
    """One decoded response of a listing."""

    def __init__(self, response: requests.Response, pages: Pages | None) -> None:
        self.response = response
        self._pages = pages
        self.value: Any = []
        if response.status_code == 204:  # a page without rows, in Omnissa's samples for Workspace ONE UEM
            return
        try:
            self.value = json.loads(response.content)
        except (ValueError, RecursionError):
            raise BoxUnavailableError(
                f"The response of {_host(response)} is not JSON. Check the path and the proxy settings: this often means that a "
                "company proxy replied.",
                status=response.status_code,
            ) from None

    def rows(self) -> list[Any]:
        """Return the rows of this page. A response without a list is one row.

        Raises
        ------
        ArgumentError
            The response has several lists, so ``Pages.rows`` has to name one.
        BoxUnavailableError
            The response lacks the list that ``Pages.rows`` names.
        """
        if isinstance(self.value, list):
            return self.value
        name = "" if self._pages is None else self._pages.rows
        if name:
            rows = at(self.value, name)
            if rows is None and not _has(self.value, name):
                raise BoxUnavailableError(
                    f"The response of {_host(self.response)} has no {name!r}, so it is not a page of this listing. Check the path "
                    "and the preset of the server.",
                    status=self.response.status_code,
                )
            return rows if isinstance(rows, list) else [] if rows is None else [rows]
        if not isinstance(self.value, dict):
            return [self.value]
        lists = [key for key, value in self.value.items() if isinstance(value, list)]
        if len(lists) > 1:
            raise ArgumentError(
                f"The response has several lists: {', '.join(map(str, lists))[:200]}. Say which one has the rows: "
                f"pages=boxnb.servers.Pages(..., rows={lists[0]!r})."
            )
        return self.value[lists[0]] if lists else [self.value]

    def total(self) -> int | None:
        """Return how many rows the server says there are; ``None`` if it does not say."""
        names = (self._pages.total,) if self._pages is not None and self._pages.total else TOTALS
        for name in names:
            number = at(self.value, name)
            if isinstance(number, str) and number.isdecimal() and len(number) < 16:
                number = int(number)
            if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
                return number
        return None

    def marker(self) -> str | None:
        """Return the next marker as text, or ``None`` at the end."""
        name = (self._pages.next if self._pages is not None else "") or "next_marker"
        value = at(self.value, name)
        return str(value) if isinstance(value, str | int) and value and not isinstance(value, bool) else None

    def next_url(self) -> str | None:
        """Return the URL of the next page from the body, or ``None`` at the end."""
        names = (self._pages.next,) if self._pages is not None and self._pages.next else NEXT_URLS
        found = next((value for name in names if isinstance(value := at(self.value, name), str)), "")
        return found or None

    def link(self) -> str | None:
        """Return the URL of the next page from the header ``Link``, or ``None`` at the end."""
        return self.response.links.get("next", {}).get("url") or None

    def style(self) -> Pages:
        """Return how this response shows that the listing continues."""
        if self.link():
            return Pages("link")
        url = self.next_url()
        if url and (url.startswith(("http://", "https://", "/")) or "?" in url):
            return Pages("next")
        if self.marker():
            return Pages("marker")
        return Pages("whole")


def at(value: Any, path: str) -> Any:
    """Return a value of a response by its name, or by the names that lead to it: ``metadata.total``."""
    if isinstance(value, dict) and path in value:
        return value[path]  # a name may contain a dot, as @odata.nextLink does
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _has(value: Any, path: str) -> bool:
    *outer, last = [path] if isinstance(value, dict) and path in value else path.split(".")
    for name in outer:
        value = value.get(name) if isinstance(value, dict) else None
    return isinstance(value, dict) and last in value


def _host(response: requests.Response) -> str:
    return urlsplit(response.url).hostname or "the server"


Fetch = Callable[..., requests.Response]
"""Fetches one page: a path or URL, and the query parameters."""


def turn(
    pages: Pages | None,
    fetch: Fetch,
    add: Callable[[list[Any]], int],
    path: str,
    start: Any,
    params: dict[str, Any],
) -> Generator[Any, None, str | None]:
    """Fetch all pages of a listing. After each, yield the value to resume from; ``None`` after the last.

    Parameters
    ----------
    pages : Pages or None
        ``None`` if the first response has to show the style.
    fetch, add : callable
        ``add`` takes the rows of a page, and returns how many rows there are so far.
    path, params : str, dict
    start : object
        The page number, offset, marker or URL to resume from; ``None`` for the first.

    Returns
    -------
    str or None
        Why the listing may have more rows than were received.
    """
    from ..datasets.paging import (
        EMPTY,
        TWICE,
    )  # imports pandas, which a sign-in and a run of a notebook do without

    is_url = isinstance(start, str) and "://" in start
    first = {} if is_url else {**params, **(pages.start(start) if pages is not None else {})}
    body = Body(fetch(start if is_url else path, **first), pages)
    style = pages if pages is not None else body.style()
    position = start if start is not None else style.first if style.style == "page" else 0
    resumed, seen = start is not None, {str(start)}
    before: list[Any] = []
    count, total, empty = 0, None, 0
    while True:
        rows, found = body.rows(), body.total()
        total = total if found is None else found
        if rows and rows == before:
            # A server without paging ignores the parameters, and returns everything each time.
            names_next = style.style in ("marker", "link", "next")
            return TWICE if names_next or (total is not None and count != total) else None
        count, before, empty = add(rows), rows, 0 if rows else empty + 1
        position, where = _following(style, body, position, len(rows), count, total, resumed=resumed)
        if where is None:
            return _doubt(style, count, total, resumed=resumed)
        if style.style in ("marker", "link", "next"):
            if str(where) in seen:
                return TWICE
            seen.add(str(where))
            if empty >= EMPTY:
                return f"The server returned {EMPTY} empty pages in a row"
        yield where
        if style.style in ("link", "next"):
            body = Body(fetch(str(where)), style)
        else:
            body = Body(fetch(path, **{**params, **style.start(where)}), style)


def _following(
    style: Pages, body: Body, position: Any, rows: int, count: int, total: int | None, *, resumed: bool
) -> tuple[Any, Any]:
    """Return the position of this page, and where the next one begins; ``None`` if this is the last."""
    if style.style == "link":
        url = body.link()
        return position, url and urljoin(body.response.url, url)
    if style.style == "next":
        url = body.next_url()
        return position, url and urljoin(body.response.url, url)
    if style.style == "marker":
        return position, body.marker()
    if style.style == "whole" or not rows:
        return position, None
    following = int(position) + (1 if style.style == "page" else rows)
    if total is not None:
        # A pull that is resumed does not know how many rows came before, unless it counts them by offset.
        received = following if style.style == "offset" else -1 if resumed else count
        # Some servers give the number of rows of this page as the total: after a full page, only an empty one is the end.
        trusted = received == total and not (rows >= style.size and rows == total)
        return following, None if trusted else following
    return following, following


def _doubt(style: Pages, count: int, total: int | None, *, resumed: bool) -> str | None:
    if total is None or resumed or count >= total:
        return None
    if style.style == "whole":
        return (
            f"The server has {total} rows, and sent {count} without saying how to fetch more. Pass pages=, such as "
            "pages='page' or pages='offset'"
        )
    return f"The server has {total} rows, but only {count} arrived"
