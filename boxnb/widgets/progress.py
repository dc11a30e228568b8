"""How far a long pull has come, while its cell runs: a line that moves, and one sentence at the end."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets

from boxnb.api.connection import Progress

if TYPE_CHECKING:
    from boxnb.box import Box

EVERY = 0.2
"""Seconds between two pictures: a page may come each five milliseconds."""


class Meter:
    """Turns reports of a pull into sentences; needs no widget.

    Parameters
    ----------
    expected : callable
        A dataset to the calls its last pull took, 0 where there was none.
    repeats : callable
        How often calls had to be repeated so far, in the whole session.
    """

    def __init__(self, expected: Callable[[str], int], repeats: Callable[[], int]) -> None:
        self._expected, self._repeats = expected, repeats
        self._dataset = ""
        self._repeated = repeats()
        self._likely = 0

    def say(self, progress: Progress) -> tuple[float | None, str]:
        """The part that is done (0 to 1, None where nothing tells), and a sentence."""
        if progress.dataset != self._dataset:
            self._dataset = progress.dataset
            self._likely = self._expected(progress.dataset)
        seconds = max(progress.seconds, 1e-9)
        rate = progress.calls / seconds
        repeated = int(self._repeats() - self._repeated)
        again = f", {repeated} repeated" if repeated else ""
        spent = f"{progress.rows:,} row{'s' * (progress.rows != 1)}, {progress.calls:,} call{'s' * (progress.calls != 1)}{again}"
        if progress.done:
            self._dataset, self._repeated = "", self._repeats()  # what comes next is another pull
            return 1.0, f"{progress.dataset}: {spent}, {seconds:.1f} s"
        if seconds < EVERY:
            return None, f"{progress.dataset}: {spent}, just begun"  # no rate comes of one call
        if not self._likely or progress.calls >= self._likely:
            return None, f"{progress.dataset}: {spent}, {rate:.0f} calls a second, remaining unknown"
        left = (self._likely - progress.calls) / rate if rate else 0.0
        about = f"about {left:.0f} s left" if left < 90 else f"about {left / 60:.0f} minutes left"
        return (
            progress.calls / self._likely,
            f"{progress.dataset}: {spent}, {rate:.0f} calls a second, {about}",
        )


class ProgressView(ipywidgets.HTML):
    """Shows what its Box pulls from now on."""

    def __init__(self, box: Box) -> None:
        super().__init__(value="Nothing was pulled yet.")
        ledger = box.session.ledger

        def repeats() -> int:
            return int(ledger.frame()["repeats"].sum())

        self._meter = Meter(lambda dataset: ledger.recall(dataset).get("calls", 0), repeats)
        self._shown = 0.0
        box.on_progress = self.show
        box.session.on_wait = self.wait

    def __repr__(self) -> str:
        return re.sub(r"<[^>]*>", "", self.value).strip()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The line that moves, and for pages without a kernel what it said last."""
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if isinstance(data, dict):
            data["text/html"], data["text/plain"] = (
                f"<p>{html.escape(html.unescape(repr(self)))}</p>",
                repr(self),
            )
        return bundle

    def show(self, progress: Progress) -> None:
        """Take one report; draws some of them, and always the last."""
        now = time.monotonic()
        if not progress.done and progress.pages > 1 and now - self._shown < EVERY:
            return
        self._shown = now
        part, text = self._meter.say(progress)
        self._draw(part, text)

    def wait(self, line: str) -> None:
        """Say that a wait begins, and when it ends; may come from another thread than the reports."""
        self._shown = 0.0  # the next report is drawn at once
        self._draw(None, line)

    def _draw(self, part: float | None, text: str) -> None:
        value = "" if part is None else f' value="{part:.3f}"'
        bar = f'<progress max="1"{value} aria-label="Progress" style="width:12em;vertical-align:middle"></progress>'
        self.value = f'<span role="status">{bar} {html.escape(text)}</span>'


def progress(box: Box) -> ProgressView:
    """
    Show how far each pull of this Box has come; Interrupt stops it and keeps what was fetched in ``box.last_partial``.

    Parameters
    ----------
    box : Box

    Returns
    -------
    ProgressView
    """
    return ProgressView(box)
