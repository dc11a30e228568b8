"""The lanes of a sequence diagram: who can send and receive, and in which order they stand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from boxnb.labs.trace.exchange import Exchange

NOTEBOOK: Final = "notebook"
BROWSER: Final = "browser"
AUTHORIZATION_SERVER: Final = "authorization server"
API: Final = "API"
LANES: Final = (NOTEBOOK, BROWSER, AUTHORIZATION_SERVER, API)
"""The lanes of every drawing: your own side on the left, Box on the right."""

GATEWAY: Final = "gateway"
"""The company's web gateway, which can respond in place of Box."""
THIEF: Final = "thief"
ATTACKER: Final = "attacker"
ATTACKERS_BROWSER: Final = "attacker's browser"
STRANGER: Final = "stranger's app"

_LEFT_OF = {GATEWAY: AUTHORIZATION_SERVER}
"""Lanes that stand between those of every drawing. Second programs stand next to the notebook, and all others at the right."""

SPACING, NARROW_SPACING, MARGIN = 226, 190, 91


def lanes_of(exchanges: Iterable[Exchange]) -> dict[str, int]:
    """Return the name and the x position of each lane: those of every drawing, and one for everybody else who acts."""
    names = list(LANES)
    for exchange in exchanges:
        for name in (exchange.sender, exchange.receiver, exchange.link_from, exchange.carried_to):
            if name and name not in names:
                names.insert(_position(name, names), name)
    spacing = SPACING if len(names) == len(LANES) else NARROW_SPACING
    return {name: MARGIN + spacing * number for number, name in enumerate(names)}


def _position(name: str, names: list[str]) -> int:
    if name in _LEFT_OF:
        return names.index(_LEFT_OF[name])
    if name.startswith(NOTEBOOK):
        return names.index(BROWSER)
    return len(names)


def width_of(lanes: dict[str, int]) -> int:
    """Return the width of a drawing with these lanes."""
    return max(lanes.values()) + MARGIN
