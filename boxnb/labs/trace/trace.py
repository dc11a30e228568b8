"""Record every HTTP exchange of this process, and show the exchanges as data, as text and as a diagram.

The package requests sends everything through one method, ``HTTPAdapter.send``, including redirects, retries and the
requests that an ``auth=`` object repeats. That method is wrapped while at least one trace is recording, and is restored
afterwards. Exchanges are redacted as they are recorded: an :class:`Exchange` never holds a secret.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import http.client
import re
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import HTTPAdapter

from boxnb.known_secrets import redact_known
from boxnb.labs.trace import fingerprints, lanes, rfc_sections, summaries
from boxnb.labs.trace.exchange import Exchange, in_words

if TYPE_CHECKING:
    import pandas as pd

REDRAW_INTERVAL = 0.2
"""Seconds between two drawings during a burst of requests: drawing 200 exchanges must not slow the requests down."""

SAME_PAGE = "to the same page"
"""The outcome of a redirect that only loads the page again, as after the sign-in."""

_lock = threading.RLock()
_recording: list[Trace] = []
_original: Callable[..., requests.Response] | None = None


class Trace:
    """A recorder of the exchanges in a ``with trace:`` block, or between :meth:`start` and :meth:`stop`.

    Parameters
    ----------
    only : str
        Record only URLs that start with this prefix. An empty prefix matches every URL.
    """

    def __init__(self, only: str = "") -> None:
        self.only = only
        self.exchanges: list[Exchange] = []
        self.watchers: list[Callable[[], None]] = []
        self._started = time.monotonic()
        self._last_drawn = 0.0
        self._redraw_timer: threading.Timer | None = None
        self._view: Any = None
        self._cast: dict[str, str] = {}

    def __repr__(self) -> str:
        return self.as_text() or "No request has been sent yet."

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
        """Start recording."""
        global _original
        with _lock:
            if self in _recording:
                return
            _recording.append(self)
            if _original is None:
                _original = HTTPAdapter.send
                HTTPAdapter.send = _with_recording(_original)  # type: ignore[method-assign]

    def stop(self) -> None:
        """Stop recording. If no other trace is recording, restore ``HTTPAdapter.send``."""
        global _original
        with _lock:
            if self in _recording:
                _recording.remove(self)
            if not _recording and _original is not None:
                HTTPAdapter.send = _original  # type: ignore[method-assign]
                _original = None
        self._changed()

    def clear(self) -> None:
        """Delete all recorded exchanges."""
        with _lock:
            self.exchanges.clear()
        self._changed()

    def note(self, text: str, *, carried: str = "") -> None:
        """Add a note between two requests, for example when the clock is advanced.

        ``carried`` is what the browser carries to the notebook at that time, without a request to a server.
        """
        sender = lanes.BROWSER if carried else ""
        self._add(
            lambda number, started: Exchange(
                number, time.monotonic() - started, note=text, carried=carried, sender=sender
            )
        )
        self._changed()

    @contextlib.contextmanager
    def played_by(self, cast: dict[str, str]) -> Iterator[None]:
        """Draw the requests of a ``with`` block as those of others, such as ``{"notebook": "thief"}``."""
        self._cast = cast
        try:
            yield
        finally:
            self._cast = {}

    def add_recorded(self, call: dict[str, Any], sender: str) -> None:
        """Add a request that another program sent, from the sandbox's record, which has no bodies of responses."""
        self._add(functools.partial(_recorded_exchange, call, sender, self.only))

    def _changed(self) -> None:
        for watcher in list(self.watchers):
            watcher()

    def _add(self, make: Callable[[int, float], Exchange]) -> None:
        with _lock:
            exchange = make(len(self.exchanges) + 1, self._started)
            self.exchanges.append(_with_actors(exchange, self.exchanges, self._cast))
            if not self.watchers or self._redraw_timer is not None:
                return
            due = self._last_drawn + REDRAW_INTERVAL - time.monotonic()
            if due > 0:  # draw later, so that the last exchange of a burst appears too
                self._redraw_timer = threading.Timer(due, self._draw)
                self._redraw_timer.daemon = True
                self._redraw_timer.start()
                return
        self._draw()

    def _draw(self) -> None:
        with _lock:
            self._last_drawn, self._redraw_timer = time.monotonic(), None
        self._changed()

    def wants(self, url: str) -> bool:
        """Return whether to record a request to this URL; calls that control the sandbox are never recorded."""
        return url.startswith(self.only) and "/_sandbox/" not in url

    @property
    def requests(self) -> list[Exchange]:
        """The exchanges without the notes."""
        return [exchange for exchange in self.exchanges if not exchange.note]

    def table(self) -> pd.DataFrame:
        """Return one row per exchange.

        Returns
        -------
        DataFrame
            ``sender``, ``receiver``, ``method``, ``path``, ``status`` (Int64), ``answer``, ``milliseconds``
            (float), ``section``; indexed by ``number``.
        """
        import pandas as pd

        rows = [
            {
                "number": exchange.number,
                "sender": exchange.sender,
                "receiver": exchange.receiver,
                "method": exchange.method,
                "path": urlsplit(exchange.url).path,
                "status": exchange.status,
                "answer": exchange.answer,
                "milliseconds": exchange.milliseconds,
                "section": exchange.section,
            }
            for exchange in self.requests
        ]
        columns = [
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
        frame = pd.DataFrame(rows, columns=columns).set_index("number")
        return frame.astype({"status": "Int64", "milliseconds": "float64"})

    def as_text(self) -> str:
        """Return one line per exchange, for a terminal or a screen reader."""
        return "\n".join(in_words(exchange) for exchange in self.exchanges)

    @property
    def picture(self) -> Any:
        """A snapshot of the diagram and its table; unlike the trace itself, it is not updated."""
        from boxnb.labs import display
        from boxnb.labs.trace import diagram

        return display.Still(diagram.page(self.exchanges), self.as_text())

    @property
    def drawing(self) -> Any:
        """A snapshot of the diagram without its table, for a slide."""
        from boxnb.labs import display
        from boxnb.labs.trace import diagram

        return display.Still(diagram.diagram_only(self.exchanges), self.as_text())

    def _repr_mimebundle_(self, **options: Any) -> Any:
        from boxnb.labs import display
        from boxnb.labs.trace import diagram

        if self._view is None:
            self._view = display.live(self, lambda: diagram.page(self.exchanges))
        return self._view._repr_mimebundle_(**options)


def _with_actors(exchange: Exchange, earlier: list[Exchange], cast: dict[str, str]) -> Exchange:
    """Return the exchange with those who really acted, and with the link's origin only where it was handed over."""
    sender, receiver = (cast.get(name, name) for name in (exchange.sender, exchange.receiver))
    link_from = cast.get(exchange.link_from, exchange.link_from) if sender == lanes.BROWSER else ""
    label = exchange.label
    if exchange.link_from and earlier and earlier[-1].answer == SAME_PAGE:
        link_from, label = "", "load the same page again"
    carried_to = cast.get(lanes.NOTEBOOK, lanes.NOTEBOOK) if exchange.carried else ""
    return dataclasses.replace(
        exchange, sender=sender, receiver=receiver, label=label, link_from=link_from, carried_to=carried_to
    )


def _with_recording(original: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    @functools.wraps(original)
    def send(
        self: HTTPAdapter, request: requests.PreparedRequest, *arguments: Any, **options: Any
    ) -> requests.Response:
        traces = [trace for trace in list(_recording) if trace.wants(request.url or "")]
        sent_at = time.monotonic()
        try:
            response = original(self, request, *arguments, **options)
            readable = not options.get("stream") or _is_small(response)
            if traces and readable:
                response.content  # noqa: B018  requests caches it, so the caller can still read it
        except requests.RequestException as error:
            for trace in traces:
                trace._add(functools.partial(_failed_exchange, request, error, sent_at))
            raise
        for trace in traces:
            trace._add(functools.partial(_completed_exchange, request, response, readable, sent_at))
        return response

    return send


def _is_small(response: requests.Response) -> bool:
    """Return whether a streamed body is empty, or JSON of at most 64 kB such as a token. Other bodies are not read."""
    size = response.headers.get("Content-Length", "")
    is_json = "json" in response.headers.get("Content-Type", "")
    return size == "0" or (is_json and size.isdigit() and int(size) <= 65536)


def _request_fields(request: requests.PreparedRequest, sent_at: float) -> dict[str, Any]:
    """Return the fields of an :class:`Exchange` that describe the request."""
    headers = fingerprints.redact_headers(request.headers)
    body = request.body
    text = (
        body.decode("utf-8", "replace") if isinstance(body, bytes) else body if isinstance(body, str) else ""
    )
    form: dict[str, str] = {}
    if str(request.headers.get("Content-Type", "")).startswith("application/x-www-form-urlencoded"):
        form = fingerprints.redact_fields(text)
    scheme, _, credentials = headers.get("Authorization", "").partition(" ")
    url = fingerprints.redact_url(request.url or "")
    leg = rfc_sections.leg_of(request.method or "GET", urlsplit(url).path, form, scheme)
    label, link_from = leg.label, ""
    if credentials:
        label = f"{label} {credentials}"
    if leg.receiver == lanes.API:
        label = " ".join([label, *fingerprints.further_secrets(headers)])
    elif leg.label == rfc_sections.OPEN_LINK:
        state = re.search(r"[?&]state=(<secret [0-9a-f]{4}>)", url)
        label, link_from = f"{label}, state {state[1]}" if state else label, lanes.NOTEBOOK
    return {
        "method": request.method or "GET",
        "url": url,
        "request_headers": headers,
        "form": form,
        "sender": leg.sender,
        "receiver": leg.receiver,
        "label": label,
        "link_from": link_from,
        "section": leg.section,
        "milliseconds": round((time.monotonic() - sent_at) * 1000, 1),
    }


def _failed_exchange(
    request: requests.PreparedRequest, error: Exception, sent_at: float, number: int, started: float
) -> Exchange:
    return Exchange(
        number, sent_at - started, error=type(error).__name__, **_request_fields(request, sent_at)
    )


def _recorded_exchange(
    call: dict[str, Any], sender: str, address: str, number: int, started: float
) -> Exchange:
    """Return an exchange from an entry of the sandbox's record, in which secrets are fingerprints already."""
    form = {str(name): str(value) for name, value in (call.get("form") or {}).items()}
    leg = rfc_sections.leg_of(call["method"], call["path"], form)
    status, token = call["status"], call.get("token") or ""
    return Exchange(
        number,
        time.monotonic() - started,
        method=call["method"],
        url=f"{address}{call['path']}",
        sender=sender,
        receiver=leg.receiver,
        label=f"{leg.label} {token}".strip() if leg.receiver == lanes.API else leg.label,
        request_headers={"Authorization": f"Bearer {token}"} if token else {},
        form=form,
        status=status,
        answer=http.client.responses.get(status, "") if status else "",
        response_headers={"Date": formatdate(call["time"], usegmt=True)},
        body="(not recorded: another program received it)",
        milliseconds=call["ms"],
        section=rfc_sections.section_for_response(leg.section, form, status or 0, {}),
        error="" if status else "ConnectionError",
    )


def _completed_exchange(
    request: requests.PreparedRequest,
    response: requests.Response,
    readable: bool,
    sent_at: float,
    number: int,
    started: float,
) -> Exchange:
    fields = _request_fields(request, sent_at)
    streamed_page = "HTML page" if "html" in response.headers.get("Content-Type", "") else ""
    body, summary = summaries.summarize(response) if readable else ("(streamed, not recorded)", streamed_page)
    location = urlsplit(fingerprints.redact_url(response.headers.get("Location", "")))
    parameters = dict(parse_qsl(location.query)) if location.netloc else {}
    carried = [f"{name} {parameters[name]}" for name in ("code", "error", "state") if name in parameters]
    if response.is_redirect:
        summary = f"to {location.path or '/'}" if location.netloc else SAME_PAGE
    fields["section"] = rfc_sections.section_for_response(
        fields["section"], fields["form"], response.status_code, parameters
    )
    challenge = response.headers.get("WWW-Authenticate", "")
    if 'error="' in challenge:
        summary = challenge.partition('error="')[2].partition('"')[0]
    return Exchange(
        number,
        sent_at - started,
        status=response.status_code,
        answer=redact_known(summary or response.reason or ""),
        response_headers=fingerprints.redact_headers(response.headers),
        body=body,
        carried=", ".join(carried),
        **fields,
    )
