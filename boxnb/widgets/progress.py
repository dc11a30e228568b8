"""A progress line for long pulls. It is updated while the cell runs, and ends with a summary."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets

from boxnb.api.connection import Progress
from boxnb.widgets.text import NOTHING_PULLED, counted, with_fallback

if TYPE_CHECKING:
    from boxnb.box import Box

EVERY = 0.2
"""Seconds between two updates of the line. A page may arrive every five milliseconds."""


class Meter:
    """Describes the progress of a pull as text, without a widget.

    Parameters
    ----------
    expected : callable
        Takes a dataset's name and returns how many calls its last pull took, or 0 if there was no pull.
    repeats : callable
        Returns how many calls have been repeated so far, in all pulls.
    """

    def __init__(self, expected: Callable[[str], int], repeats: Callable[[], int]) -> None:
        self._expected, self._repeats = expected, repeats
        self._dataset = ""
        self._earlier_repeats = repeats()
        self._expected_calls = 0

    def describe(self, progress: Progress) -> tuple[float | None, str]:
        """Return the fraction that is done (0 to 1, or None if it is unknown), and a description."""
        if progress.dataset != self._dataset:
            self._dataset = progress.dataset
            self._expected_calls = self._expected(progress.dataset)
        seconds = max(progress.seconds, 1e-9)
        rate = progress.calls / seconds
        repeats = int(self._repeats() - self._earlier_repeats)
        spent = f"{progress.dataset}: {counted(progress.rows, 'row')}, {counted(progress.calls, 'call')}"
        if repeats:
            spent += f", {repeats} repeated"
        if progress.done:
            # The next report belongs to another pull.
            self._dataset, self._earlier_repeats = "", self._repeats()
            return 1.0, f"{spent}, {seconds:.1f} s"
        if seconds < EVERY:
            return None, f"{spent}, just started"  # it is too early to calculate a rate
        spent += f", {rate:.0f} calls a second"
        if not self._expected_calls or progress.calls >= self._expected_calls:
            return None, f"{spent}, time left: unknown"
        remaining = (self._expected_calls - progress.calls) / rate if rate else 0.0
        estimate = f"{remaining:.0f} s" if remaining < 90 else f"{remaining / 60:.0f} minutes"
        return progress.calls / self._expected_calls, f"{spent}, about {estimate} left"


class ProgressView(ipywidgets.HTML):
    """A line that shows the progress of each pull from one Box."""

    def __init__(self, box: Box) -> None:
        super().__init__(value=NOTHING_PULLED)
        ledger = box.session.ledger

        def repeats() -> int:
            return int(ledger.frame()["repeats"].sum())

        self._meter = Meter(lambda dataset: ledger.recall(dataset).get("calls", 0), repeats)
        self._last_update = 0.0
        box.on_progress = self.show
        box.session.on_wait = self.wait

    def __repr__(self) -> str:
        return re.sub(r"<[^>]*>", "", self.value).strip()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        fallback = f"<p>{html.escape(html.unescape(repr(self)))}</p>"
        return with_fallback(super()._repr_mimebundle_(**options), fallback, repr(self))

    def show(self, progress: Progress) -> None:
        """Show a progress report. Skip most reports to limit the updates, but never the last one of a pull."""
        now = time.monotonic()
        if not progress.done and progress.pages > 1 and now - self._last_update < EVERY:
            return
        self._last_update = now
        fraction, sentence = self._meter.describe(progress)
        self._draw(fraction, sentence)

    def wait(self, sentence: str) -> None:
        """Show a message about a wait. Can be called from a different thread than :meth:`show`."""
        self._last_update = 0.0  # show the next report immediately
        self._draw(None, sentence)

    def _draw(self, fraction: float | None, sentence: str) -> None:
        value = "" if fraction is None else f' value="{fraction:.3f}"'
        bar = f'<progress max="1"{value} aria-label="Progress" style="width:12em;vertical-align:middle"></progress>'
        self.value = f'<span role="status">{bar} {html.escape(sentence)}</span>'


def progress(box: Box) -> ProgressView:
    """
    Show the progress of each pull from this Box.

    Interrupting the kernel stops a pull; ``box.last_partial`` then holds the rows so far.

    Parameters
    ----------
    box : Box

    Returns
    -------
    ProgressView
    """
    return ProgressView(box)
