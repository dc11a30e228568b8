"""Display a lesson's objects: one small widget for objects that change, and static HTML for all others."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import anywidget
import traitlets

from boxnb.widgets import javascript
from boxnb.widgets.text import with_fallback

_HERE = Path(__file__).parent


@functools.cache
def style() -> str:
    """Return the CSS rules that every lesson's HTML includes."""
    return (_HERE / "live.css").read_text(encoding="utf-8")


def with_style(inner: str) -> str:
    """Return HTML that needs neither a widget nor the network: the style, then ``inner``."""
    return f"<style>{style()}</style>{inner}"


class Changing(Protocol):
    """An object that calls its watchers each time it changes."""

    @property
    def watchers(self) -> list[Callable[[], None]]:
        """The functions to call."""
        ...


class Live(anywidget.AnyWidget):
    """A widget that shows HTML from the kernel and updates it on every change; clicks go to the kernel as messages.

    ``html`` contains fingerprints, never a secret. ``snapshot`` describes the same state as data, for tests and
    other programs that cannot see the screen.
    """

    _esm = javascript.join_modules(_HERE / "live_view.js")
    _css = _HERE / "live.css"
    html = traitlets.Unicode().tag(sync=True)
    snapshot = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        draw: Callable[[], str],
        *,
        on_message: Callable[[str, int], None] | None = None,
        describe: Callable[[], dict[str, Any]] | None = None,
        as_text: Callable[[], str] = str,
    ) -> None:
        self._draw, self._handler, self._describe, self._as_text = draw, on_message, describe or dict, as_text
        super().__init__(html=draw(), snapshot=self._describe())
        self.on_msg(self._on_message)

    def paint(self) -> None:
        """Draw the HTML again."""
        with self.hold_sync():
            self.html = self._draw()
            self.snapshot = self._describe()

    def _on_message(self, _widget: object, content: object, _buffers: object) -> None:
        if self._handler is None or not isinstance(content, dict):
            return
        action, value = content.get("type"), content.get("value")
        if isinstance(action, str) and isinstance(value, int):
            self._handler(action, value)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return the widget with its plain fallback: text, and the current HTML for pages without a kernel."""
        return with_fallback(super()._repr_mimebundle_(**options), with_style(self.html), self._as_text())


def live(
    subject: Changing,
    draw: Callable[[], str],
    *,
    on_message: Callable[[str, int], None] | None = None,
    describe: Callable[[], dict[str, Any]] | None = None,
) -> Live:
    """Return a widget that is drawn again whenever ``subject`` changes; as plain text, it is ``repr(subject)``."""
    view = Live(draw, on_message=on_message, describe=describe, as_text=lambda: repr(subject))
    subject.watchers.append(view.paint)
    return view


class Still:
    """A snapshot: HTML that does not change, and the same information as plain text."""

    def __init__(self, inner: str, text: str) -> None:
        self.inner, self.text = inner, text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return with_style(self.inner)


def escaped(text: object) -> str:
    """Return text escaped for HTML, including attribute values in quotes."""
    return html.escape(str(text), quote=True)
