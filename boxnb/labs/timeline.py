"""How long a code, an access token and a refresh token live, on one axis, with "now" on the sandbox's clock.

The axis is logarithmic and begins when the first code was made: 30 seconds and 60 days both can be seen on it.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from boxnb.errors import SandboxError
from boxnb.labs.display import Still, escaped, live
from boxnb.labs.trace import diagram, fingerprints, rfc_sections
from boxnb.labs.trace.exchange import Exchange
from boxnb.labs.trace.trace import Trace
from boxnb.oauth.token import REFRESH_TOKEN_LIFETIME

if TYPE_CHECKING:
    import pandas as pd

CODE_LIFETIME = 30.0
"""Seconds a Box authorization code lives (Box guide *Token expiration*)."""

TICKS = ((1, "1 s"), (30, "30 s"), (600, "10 min"), (3600, "1 hour"), (86400, "1 day"), (5184000, "60 days"))
DECADES = math.log10(2 * REFRESH_TOKEN_LIFETIME)
WIDTH, LEFT, RIGHT, TOP, ROW = 860, 150, 20, 34, 30


@dataclasses.dataclass
class Life:
    """One code or token. Times are seconds since the epoch by the server's clock.

    ``ends`` is when it dies of age; ``ended`` when it died before that, with the reason in ``why``.
    """

    kind: str
    fingerprint: str
    begins: float
    ends: float
    ended: float | None = None
    why: str = ""
    pair: int = 0
    sign_in: int = 0

    def state(self, now: float) -> str:
        """``alive``, ``too old``, or why it ended."""
        if self.ended is not None:
            return self.why
        return "alive" if now <= self.ends else "too old"


class Timeline:
    """The lifetimes of what a trace has seen.

    Parameters
    ----------
    trace : Trace
        Where codes and tokens are seen to be made, used and replaced.
    clock : callable
        The server's time now, seconds since the epoch.
    strict : bool
        Whether a refresh ends the old pair at once, not the first use of the new one.
    """

    def __init__(self, trace: Trace, clock: Callable[[], float], *, strict: bool = False) -> None:
        self._trace, self._clock, self._strict = trace, clock, strict
        self._last = 0.0
        self._view: Any = None

    @property
    def watchers(self) -> list[Callable[[], None]]:
        """Called when the trace grows or the clock was turned."""
        return self._trace.watchers

    def now(self) -> float:
        """The server's time; the last one known once the sandbox has ended."""
        try:
            self._last = self._clock()
        except SandboxError:
            return self._last
        return self._last

    def lives(self) -> list[Life]:
        """Every code and token so far, oldest first."""
        return lives(self._trace.requests, strict=self._strict)

    def table(self) -> pd.DataFrame:
        """One row a code or token.

        Returns
        -------
        DataFrame
            ``kind``, ``fingerprint``, ``lives_seconds`` (float), ``age_seconds`` (float, by the sandbox's
            clock), ``state``.
        """
        import pandas as pd

        now = self.now()
        names = ["kind", "fingerprint", "lives_seconds", "age_seconds", "state"]
        rows = [
            (life.kind, life.fingerprint, life.ends - life.begins, round(now - life.begins), life.state(now))
            for life in self.lives()
        ]
        frame = pd.DataFrame(rows, columns=names)
        return frame.astype({"lives_seconds": "float64", "age_seconds": "float64"})

    def __repr__(self) -> str:
        return "\n".join(in_words(life, self.now()) for life in self.lives()) or "No code was made yet."

    @property
    def picture(self) -> Still:
        """The picture as it is now; unlike the timeline itself it does not move."""
        return Still(self._page(), repr(self))

    def _page(self) -> str:
        return page(self.lives(), self.now())

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self._view is None:
            self._view = live(self, self._page)
        self._view.paint()
        return self._view._repr_mimebundle_(**options)


def lives(exchanges: list[Exchange], *, strict: bool = False) -> list[Life]:
    """Read a trace: what was made when, and what ended it."""
    found: list[Life] = []
    parents: dict[str, list[Life]] = {}  # access token: what its first use ends

    def find(kind: str, fingerprint: str) -> Life | None:
        return next((life for life in found if (life.kind, life.fingerprint) == (kind, fingerprint)), None)

    def end(some: list[Life], when: float, why: str) -> None:
        for life in some:
            if life.ended is None:
                life.ended, life.why = when, why

    for each in exchanges:
        when = _date(each)
        if each.carried.startswith("code "):
            found.append(Life("code", _chip(each.carried), when, when + CODE_LIFETIME))
        if each.receiver == rfc_sections.AUTHORITY and each.status == 200 and each.form.get("grant_type"):
            pair = _pair(each, when, len(found))
            if each.form["grant_type"] == "authorization_code":
                code = find("code", _chip(each.form.get("code", "")))
                if code is not None:
                    code.ended, code.why = when, "used"
            elif pair:
                older = _older(found, each, find)
                for life in pair:
                    life.sign_in = older[0].sign_in if older else life.sign_in
                if strict:
                    end(older, when, "replaced")
                else:
                    parents[pair[0].fingerprint] = older
            found += [life for life in pair if find(life.kind, life.fingerprint) is None]
        if each.label.startswith("revoke") and each.status == 200:
            revoked = _chip(each.form.get("token", ""))
            whose = {life.sign_in for life in found if life.kind != "code" and life.fingerprint == revoked}
            end([life for life in found if life.kind != "code" and life.sign_in in whose], when, "revoked")
        if each.receiver == rfc_sections.API and each.status and each.status != 401:
            used = _chip(each.request_headers.get("Authorization", ""))
            end(parents.pop(used, []), when, "replaced")
    return found


def _older(found: list[Life], each: Exchange, find: Callable[[str, str], Life | None]) -> list[Life]:
    refresh = find("refresh token", _chip(each.form.get("refresh_token", "")))
    if refresh is None:
        return []
    return [life for life in found if life.kind != "code" and life.pair == refresh.pair]


def _pair(each: Exchange, when: float, number: int) -> list[Life]:
    try:
        answer = json.loads(each.body)
        access, refresh = _chip(answer["access_token"]), _chip(answer.get("refresh_token") or "")
        seconds = float(answer.get("expires_in", 3600))
    except (ValueError, KeyError, TypeError):
        return []
    ends = {"access token": (access, seconds), "refresh token": (refresh, REFRESH_TOKEN_LIFETIME)}
    return [
        Life(kind, chip, when, when + lives, pair=number, sign_in=number)
        for kind, (chip, lives) in ends.items()
        if chip
    ]


def _chip(text: str) -> str:
    found = fingerprints.CHIP.search(text)
    return found[1] if found else ""


def _date(each: Exchange) -> float:
    for name, value in each.response_headers.items():
        if name.lower() == "date":
            return parsedate_to_datetime(value).timestamp()
    return 0.0


def in_words(life: Life, now: float) -> str:
    """One life as a sentence."""
    return (
        f"{life.kind} {life.fingerprint}: may live {_about(life.ends - life.begins)}, "
        f"made {_about(now - life.begins)} ago, {life.state(now)}."
    )


def _about(seconds: float) -> str:
    for unit, name in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * unit:
            return f"{round(seconds / unit)} {name}"
    return f"{max(0, round(seconds))} seconds"


def page(found: list[Life], now: float) -> str:
    """The picture with its description; the sentences of it stand below for whoever prefers to read."""
    if not found:
        return '<div class="bl-page"><p class="bl-soft">No code was made yet.</p></div>'
    zero, height = found[0].begins, TOP + ROW * len(found) + 26
    said = "\n".join(in_words(life, now) for life in found)
    ticks = "".join(
        f'<line class="bl-life" x1="{_x(at):.1f}" y1="26" x2="{_x(at):.1f}" y2="{height - 18}"/>'
        f'<text class="bl-small" x="{_x(at):.1f}" y="18" text-anchor="middle">{words}</text>'
        for at, words in TICKS
    )
    bars = "".join(_bar(life, zero, now, TOP + ROW * place) for place, life in enumerate(found))
    line = (
        f'<g data-now="1" data-key="now" data-left="{LEFT}" data-width="{WIDTH - LEFT - RIGHT}" '
        f'data-decades="{DECADES:.6f}" transform="translate({_x(now - zero):.1f} 0)">'
        f'<line class="bl-now" x1="0" y1="24" x2="0" y2="{height - 16}"/>'
        f'<text class="bl-now-word" x="0" y="{height - 3}" text-anchor="middle">now</text></g>'
    ).replace('data-now="1"', f'data-now="{max(1.0, now - zero):.1f}"')
    items = "".join(f"<li>{escaped(in_words(life, now))}</li>" for life in found)
    return (
        f'<div class="bl-page"><svg class="bl-drawing" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'xmlns="http://www.w3.org/2000/svg"><title>Lifetimes since the first code was made, on a logarithmic axis'
        f"</title><desc>{escaped(said)}</desc>{ticks}{bars}{line}</svg>"
        f'<details data-key="lifetimes"><summary data-key="lifetimes-summary">The same in words</summary>'
        f"<ul>{items}</ul></details></div>"
    )


def _x(seconds: float) -> float:
    """Where a time since the first code is on the axis."""
    share = min(1.0, math.log10(max(1.0, seconds)) / DECADES)
    return LEFT + (WIDTH - LEFT - RIGHT) * share


def _bar(life: Life, zero: float, now: float, y: float) -> str:
    begin, last = _x(life.begins - zero), _x(life.ends - zero)
    stop = last if life.ended is None else max(begin + 3, _x(life.ended - zero))
    colour = f"hsl({fingerprints.hue(life.fingerprint)} 62% 42%)"
    dead = life.state(now) != "alive"
    words = "" if life.state(now) == "alive" else life.state(now)
    end = max(stop, begin + 3)
    inside = end + 6 + len(words) * 7 > WIDTH - RIGHT
    place = f'x="{end - 6:.1f}" text-anchor="end"' if inside else f'x="{end + 6:.1f}"'
    return (
        f'<text x="4" y="{y + 17}">{life.kind}</text>{diagram.tag(life.fingerprint, 104, y + 17)}'
        f'<rect x="{begin:.1f}" y="{y + 4}" width="{max(3.0, last - begin):.1f}" height="18" rx="3" fill="none" '
        f'stroke="{colour}" stroke-dasharray="3 3"/>'
        f'<rect class="{"bl-over" if dead else ""}" x="{begin:.1f}" y="{y + 4}" width="{end - begin:.1f}" height="18" rx="3" '
        f'fill="{colour}"/><text class="bl-small" {place} y="{y + 17}">{escaped(words)}</text>'
    )
