"""How a lesson's objects get on a screen: one small widget for whatever moves, one page for whatever stands still."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import anywidget
import traitlets

from boxnb.widgets import javascript

_HERE = Path(__file__).parent


@functools.cache
def style() -> str:
    """The rules every lesson's page brings with it."""
    return (_HERE / "live.css").read_text(encoding="utf-8")


def whole(inner: str) -> str:
    """A page that needs no widget and no network."""
    return f"<style>{style()}</style>{inner}"


class Changing(Protocol):
    """Anything that says when it has changed, by calling its watchers."""

    @property
    def watchers(self) -> list[Callable[[], None]]:
        """Those to call."""
        ...


class Live(anywidget.AnyWidget):
    """Shows the HTML that the kernel makes, again whenever it changes; clicks come back as messages.

    ``html`` holds fingerprints and no secret. ``seen`` says in data what is shown, for whoever cannot look.
    """

    _esm = javascript.joined(_HERE / "live_view.js")
    _css = _HERE / "live.css"
    html = traitlets.Unicode().tag(sync=True)
    seen = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        draw: Callable[[], str],
        *,
        heard: Callable[[str, int], None] | None = None,
        see: Callable[[], dict[str, Any]] | None = None,
        tell: Callable[[], str] = str,
    ) -> None:
        self._draw, self._heard, self._see, self._tell = draw, heard, see or dict, tell
        super().__init__(html=draw(), seen=self._see())
        self.on_msg(self._on_message)

    def paint(self) -> None:
        """Draw again."""
        with self.hold_sync():
            self.html = self._draw()
            self.seen = self._see()

    def _on_message(self, _widget: object, content: object, _buffers: object) -> None:
        if self._heard is None or not isinstance(content, dict):
            return
        kind, value = content.get("type"), content.get("value")
        if isinstance(kind, str) and isinstance(value, int):
            self._heard(kind, value)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget, and for a page without a kernel what it shows now."""
        bundle = super()._repr_mimebundle_(**options)
        if bundle is None:
            return None
        data, about = bundle
        return {**data, "text/plain": self._tell(), "text/html": whole(self.html)}, about


def live(
    shown: Changing,
    draw: Callable[[], str],
    *,
    heard: Callable[[str, int], None] | None = None,
    see: Callable[[], dict[str, Any]] | None = None,
) -> Live:
    """A widget that draws ``shown`` again when it changes, and is its ``repr`` where nothing can be drawn."""
    view = Live(draw, heard=heard, see=see, tell=lambda: repr(shown))
    shown.watchers.append(view.paint)
    return view


class Still:
    """A page as it is now."""

    def __init__(self, inner: str, text: str) -> None:
        self.inner, self.text = inner, text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return whole(self.inner)


def escaped(text: object) -> str:
    """Text that may stand in HTML, in quotes as well."""
    return html.escape(str(text), quote=True)
