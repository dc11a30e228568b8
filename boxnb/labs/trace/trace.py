"""Every HTTP exchange of this Python while the trace is on: as data, as text, as a drawing.

requests sends everything through one method, ``HTTPAdapter.send``: redirects, retries and what an ``auth=``
repeats included. While at least one trace is on, that method is wrapped; when the last one is off it is what it
was. What is kept is masked at once: an :class:`Exchange` never holds a secret.
"""

from __future__ import annotations

import functools
import json
import re
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import HTTPAdapter

from boxnb.labs.trace import fingerprints, rfc_sections
from boxnb.labs.trace.exchange import Exchange, in_words
from boxnb.redaction import known_only

if TYPE_CHECKING:
    import pandas as pd

SHARE = 0.2
"""Seconds between two drawings while requests arrive: a drawing of 200 exchanges must not slow them."""

_lock = threading.RLock()
_on: list[Trace] = []
_original: Callable[..., requests.Response] | None = None


class Trace:
    """The exchanges of a ``with trace:`` block, or between :meth:`start` and :meth:`stop`.

    Parameters
    ----------
    only : str
        Record addresses that begin with this; empty for all.
    """

    def __init__(self, only: str = "") -> None:
        self.only = only
        self.exchanges: list[Exchange] = []
        self.watchers: list[Callable[[], None]] = []
        self._began = time.monotonic()
        self._drawn = 0.0
        self._waiting: threading.Timer | None = None
        self._view: Any = None

    def __repr__(self) -> str:
        return self.as_text() or "Nothing was sent yet."

    def __len__(self) -> int:
        return len(self.exchanges)

    def __enter__(self) -> Trace:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Record from now on."""
        global _original
        with _lock:
            if self in _on:
                return
            _on.append(self)
            if _original is None:
                _original = HTTPAdapter.send
                HTTPAdapter.send = _wrapped(_original)  # type: ignore[method-assign]

    def stop(self) -> None:
        """Record no more; requests is as it was once no trace is on."""
        global _original
        with _lock:
            if self in _on:
                _on.remove(self)
            if not _on and _original is not None:
                HTTPAdapter.send = _original  # type: ignore[method-assign]
                _original = None
        self._changed()

    def clear(self) -> None:
        """Forget what was recorded."""
        with _lock:
            self.exchanges.clear()
        self._changed()

    def note(self, text: str) -> None:
        """Something between two requests, such as a clock that was turned."""
        self._add(lambda number, began: Exchange(number, time.monotonic() - began, note=text))
        self._changed()

    def _changed(self) -> None:
        for watcher in list(self.watchers):
            watcher()

    def _add(self, make: Callable[[int, float], Exchange]) -> None:
        with _lock:
            self.exchanges.append(make(len(self.exchanges) + 1, self._began))
            if not self.watchers or self._waiting is not None:
                return
            due = self._drawn + SHARE - time.monotonic()
            if due > 0:  # the last one of a burst is drawn as well
                self._waiting = threading.Timer(due, self._draw)
                self._waiting.daemon = True
                self._waiting.start()
                return
        self._draw()

    def _draw(self) -> None:
        with _lock:
            self._drawn, self._waiting = time.monotonic(), None
        self._changed()

    def wants(self, url: str) -> bool:
        """Whether a request to this address belongs here; the sandbox's own controls never do."""
        return url.startswith(self.only) and "/_sandbox/" not in url

    @property
    def requests(self) -> list[Exchange]:
        """The exchanges alone, without the notes."""
        return [each for each in self.exchanges if not each.note]

    def table(self) -> pd.DataFrame:
        """One row an exchange.

        Returns
        -------
        DataFrame
            ``sender``, ``receiver``, ``method``, ``path``, ``status`` (Int64), ``answer``, ``milliseconds``
            (float), ``section``; indexed by ``number``.
        """
        import pandas as pd

        rows = [
            {
                "number": each.number,
                "sender": each.sender,
                "receiver": each.receiver,
                "method": each.method,
                "path": urlsplit(each.url).path,
                "status": each.status,
                "answer": each.answer,
                "milliseconds": each.milliseconds,
                "section": each.section,
            }
            for each in self.requests
        ]
        names = [
            "number",
            "sender",
            "receiver",
            "method",
            "path",
            "status",
            "answer",
            "milliseconds",
            "section",
        ]
        frame = pd.DataFrame(rows, columns=names).set_index("number")
        return frame.astype({"status": "Int64", "milliseconds": "float64"})

    def as_text(self) -> str:
        """One line an exchange, for a terminal or a screen reader."""
        return "\n".join(in_words(each) for each in self.exchanges)

    @property
    def picture(self) -> Any:
        """The drawing and its table as they are now; unlike the trace itself it does not move."""
        from boxnb.labs import display
        from boxnb.labs.trace import diagram

        return display.Still(diagram.page(self.exchanges), self.as_text())

    @property
    def drawing(self) -> Any:
        """The drawing alone, for a slide."""
        from boxnb.labs import display
        from boxnb.labs.trace import diagram

        return display.Still(diagram.alone(self.exchanges), self.as_text())

    def _repr_mimebundle_(self, **options: Any) -> Any:
        from boxnb.labs import display
        from boxnb.labs.trace import diagram

        if self._view is None:
            self._view = display.live(self, lambda: diagram.page(self.exchanges))
        return self._view._repr_mimebundle_(**options)


def _wrapped(original: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    @functools.wraps(original)
    def send(
        self: HTTPAdapter, request: requests.PreparedRequest, *given: Any, **options: Any
    ) -> requests.Response:
        wanted = [trace for trace in list(_on) if trace.wants(request.url or "")]
        begun = time.monotonic()
        try:
            response = original(self, request, *given, **options)
            kept = not options.get("stream") or _is_short(response)
            if wanted and kept:
                response.content  # noqa: B018  read next anyway, and still there for whoever asks again
        except requests.RequestException as error:
            for trace in wanted:
                trace._add(functools.partial(_lost, request, error, begun))
            raise
        for trace in wanted:
            trace._add(functools.partial(_seen, request, response, kept, begun))
        return response

    return send


def _is_short(response: requests.Response) -> bool:
    """A JSON answer of at most 64 kB, such as a token; a download is left to whoever streams it."""
    size = response.headers.get("Content-Length", "")
    return size == "0" or ("json" in response.headers.get("Content-Type", "") and _number(size) <= 65536)


def _number(text: str) -> float:
    return int(text) if text.isdigit() else float("inf")


def _sent(request: requests.PreparedRequest, begun: float) -> dict[str, Any]:
    url = request.url or ""
    headers = fingerprints.headers(request.headers)
    raw = request.body
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw if isinstance(raw, str) else ""
    form: dict[str, str] = {}
    if str(request.headers.get("Content-Type", "")).startswith("application/x-www-form-urlencoded"):
        form = fingerprints.pairs(text)
    scheme, _, bearer = headers.get("Authorization", "").partition(" ")
    shown = fingerprints.url(url)
    place = rfc_sections.place(request.method or "GET", urlsplit(shown).path, form, scheme)
    return {
        "method": request.method or "GET",
        "url": shown,
        "request_headers": headers,
        "form": form,
        "sender": place.sender,
        "receiver": place.receiver,
        "label": f"{place.label} {bearer}".strip() if place.receiver == rfc_sections.API else place.label,
        "section": place.section,
        "milliseconds": round((time.monotonic() - begun) * 1000, 1),
    }


def _lost(
    request: requests.PreparedRequest, error: Exception, begun: float, number: int, began: float
) -> Exchange:
    return Exchange(number, begun - began, error=type(error).__name__, **_sent(request, begun))


def _seen(
    request: requests.PreparedRequest,
    response: requests.Response,
    kept: bool,
    begun: float,
    number: int,
    began: float,
) -> Exchange:
    sent = _sent(request, begun)
    body, answer = _body(response) if kept else ("(streamed, not kept)", "")
    location = urlsplit(fingerprints.url(response.headers.get("Location", "")))
    carried = dict(parse_qsl(location.query)) if location.netloc else {}
    back = [f"{name} {carried[name]}" for name in ("code", "error", "state") if name in carried]
    if response.is_redirect:
        answer = f"to {location.path or '/'}" if location.netloc else "to the same page"
    sent["section"] = rfc_sections.of_answer(sent["section"], sent["form"], response.status_code, carried)
    refused = response.headers.get("WWW-Authenticate", "")
    if 'error="' in refused:
        answer = refused.partition('error="')[2].partition('"')[0]
    return Exchange(
        number,
        begun - began,
        status=response.status_code,
        answer=known_only(answer or response.reason or ""),
        response_headers=fingerprints.headers(response.headers),
        body=body,
        carried=", ".join(back),
        **sent,
    )


def _body(response: requests.Response) -> tuple[str, str]:
    """What may be kept of a body, and the few words of it that matter."""
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    if kind.endswith("json"):
        try:
            value = fingerprints.plain(response.json())
        except (ValueError, RecursionError):
            return f"({len(response.content)} bytes that say they are JSON and are not)", ""
        text = json.dumps(value, indent=2, ensure_ascii=False)
        words = ""
        if isinstance(value, dict):
            if "access_token" in value:
                words = f"access {value['access_token']} refresh {value.get('refresh_token', '')}".strip()
            else:
                words = str(value.get("error") or value.get("code") or value.get("login") or "")
        return text if len(text) <= fingerprints.BODY else text[: fingerprints.BODY] + "\n…", words
    if kind == "text/html":
        heading = re.sub(r"<[^>]*>", "", response.text.partition("<h1>")[2].partition("</h1>")[0]).strip()
        return f"(a page for people: {known_only(heading) or 'no heading'})", "a page"
    return (
        f"({len(response.content)} bytes of {kind or 'nothing in particular'})" if response.content else ""
    ), ""
