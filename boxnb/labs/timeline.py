"""Draw the lifetimes of codes, access tokens and refresh tokens, with a line at the age that each has now.

Each bar begins at the left edge, when its code or token was issued, so that equal lifetimes have equal lengths. The scale
is logarithmic, so that both 30 seconds and 60 days are visible.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from boxnb.errors import SandboxError
from boxnb.labs.display import Still, escaped, live
from boxnb.labs.trace import diagram, fingerprints, lanes
from boxnb.labs.trace.exchange import Exchange
from boxnb.labs.trace.trace import Trace
from boxnb.oauth.token import REFRESH_TOKEN_LIFETIME
from boxnb.signin.flow import CODE_SECONDS

if TYPE_CHECKING:
    import pandas as pd

TICKS = ((1, "1 s"), (30, "30 s"), (600, "10 min"), (3600, "1 hour"), (86400, "1 day"), (5184000, "60 days"))
DECADES = math.log10(4 * REFRESH_TOKEN_LIFETIME)
WIDTH, LEFT, RIGHT, TOP, ROW = 860, 150, 20, 34, 30
SCALE = "Each bar begins when its code or token was issued; the scale of ages is logarithmic. Red line: now."


@dataclasses.dataclass
class Life:
    """The lifetime of one code or token. Times are in seconds since the epoch, by the server's clock.

    ``ends`` is when it expires. ``ended`` is when it became invalid for another reason, which ``why`` names.
    ``pair`` is the number of its token pair; ``sign_in`` is the number of the first pair from the same sign-in.
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
        """Return ``alive``, ``too old``, or why it ended."""
        if self.ended is not None:
            return self.why
        return "alive" if now <= self.ends else "too old"


class Timeline:
    """The lifetimes of the codes and tokens in a trace.

    Parameters
    ----------
    trace : Trace
        The requests that issue, use and replace the codes and tokens.
    clock : callable
        Returns the server's time, in seconds since the epoch.
    strict : bool
        Whether a refresh invalidates the old pair immediately, instead of at the first use of the new pair.
    """

    def __init__(self, trace: Trace, clock: Callable[[], float], *, strict: bool = False) -> None:
        self._trace, self._clock, self._strict = trace, clock, strict
        self._last_now = 0.0
        self._view: Any = None

    @property
    def watchers(self) -> list[Callable[[], None]]:
        """The functions to call when the trace or the clock has changed."""
        return self._trace.watchers

    def now(self) -> float:
        """Return the server's time, or the last known time once the sandbox has stopped."""
        with contextlib.suppress(SandboxError):
            self._last_now = self._clock()
        return self._last_now

    def lives(self) -> list[Life]:
        """Return every code and token so far, oldest first."""
        return read_lives(self._trace.requests, strict=self._strict)

    def table(self) -> pd.DataFrame:
        """Return one row per code or token.

        Returns
        -------
        DataFrame
            ``kind``, ``fingerprint``, ``lives_seconds`` (float), ``age_seconds`` (float, by the sandbox's
            clock), ``state``.
        """
        import pandas as pd

        now = self.now()
        columns = ["kind", "fingerprint", "lives_seconds", "age_seconds", "state"]
        rows = [
            (life.kind, life.fingerprint, life.ends - life.begins, round(now - life.begins), life.state(now))
            for life in self.lives()
        ]
        frame = pd.DataFrame(rows, columns=columns)
        return frame.astype({"lives_seconds": "float64", "age_seconds": "float64"})

    def __repr__(self) -> str:
        return (
            "\n".join(in_words(life, self.now()) for life in self.lives()) or "No code has been issued yet."
        )

    @property
    def picture(self) -> Still:
        """A snapshot of the drawing; unlike the timeline itself, it is not updated."""
        return Still(self._page(), repr(self))

    def _page(self) -> str:
        return page(self.lives(), self.now())

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self._view is None:
            self._view = live(self, self._page)
        self._view.paint()
        return self._view._repr_mimebundle_(**options)


def read_lives(exchanges: list[Exchange], *, strict: bool = False) -> list[Life]:
    """Return the lifetime of each code and token in a trace, and what ended it."""
    lives: list[Life] = []
    # For each new access token, the old pair that its first use invalidates.
    replaced_by: dict[str, list[Life]] = {}

    def find(kind: str, fingerprint: str) -> Life | None:
        return next((life for life in lives if (life.kind, life.fingerprint) == (kind, fingerprint)), None)

    def end(ending: list[Life], when: float, why: str) -> None:
        for life in ending:
            if life.ended is None:
                life.ended, life.why = when, why

    for exchange in exchanges:
        when = _date(exchange)
        if exchange.carried.startswith("code "):
            lives.append(Life("code", _fingerprint(exchange.carried), when, when + CODE_SECONDS))
        to_server = exchange.receiver == lanes.AUTHORIZATION_SERVER
        if to_server and exchange.status == 200 and exchange.form.get("grant_type"):
            pair = _issued_pair(exchange, when, len(lives))
            if exchange.form["grant_type"] == "authorization_code":
                code = find("code", _fingerprint(exchange.form.get("code", "")))
                if code is not None:
                    code.ended, code.why = when, "used"
            elif pair:
                old_pair = _refreshed_pair(lives, exchange, find)
                for life in pair:
                    life.sign_in = old_pair[0].sign_in if old_pair else life.sign_in
                if strict:
                    end(old_pair, when, "replaced")
                else:
                    replaced_by[pair[0].fingerprint] = old_pair
            lives += [life for life in pair if find(life.kind, life.fingerprint) is None]
        if exchange.label.startswith("revoke") and exchange.status == 200:
            revoked = _fingerprint(exchange.form.get("token", ""))
            tokens = [life for life in lives if life.kind != "code"]
            sign_ins = {life.sign_in for life in tokens if life.fingerprint == revoked}
            end([life for life in tokens if life.sign_in in sign_ins], when, "revoked")
        if exchange.receiver == lanes.API and exchange.status and exchange.status != 401:
            used = _fingerprint(exchange.request_headers.get("Authorization", ""))
            end(replaced_by.pop(used, []), when, "replaced")
    return lives


def _refreshed_pair(
    lives: list[Life], exchange: Exchange, find: Callable[[str, str], Life | None]
) -> list[Life]:
    """Return the pair whose refresh token this refresh sent."""
    refresh_token = find("refresh token", _fingerprint(exchange.form.get("refresh_token", "")))
    if refresh_token is None:
        return []
    return [life for life in lives if life.kind != "code" and life.pair == refresh_token.pair]


def _issued_pair(exchange: Exchange, when: float, number: int) -> list[Life]:
    """Return the tokens that the response contains."""
    try:
        content = json.loads(exchange.body)
        access = _fingerprint(content["access_token"])
        refresh = _fingerprint(content.get("refresh_token") or "")
        seconds = float(content.get("expires_in", 3600))
    except (ValueError, KeyError, TypeError):
        return []
    tokens = [
        ("access token", access, seconds),
        ("refresh token", refresh, REFRESH_TOKEN_LIFETIME),
    ]
    return [
        Life(kind, fingerprint, when, when + lifetime, pair=number, sign_in=number)
        for kind, fingerprint, lifetime in tokens
        if fingerprint
    ]


def _fingerprint(text: str) -> str:
    match = fingerprints.CHIP.search(text)
    return match[1] if match else ""


def _date(exchange: Exchange) -> float:
    """Return when the server sent the response, by the server's clock."""
    for name, value in exchange.response_headers.items():
        if name.lower() == "date":
            return parsedate_to_datetime(value).timestamp()
    return 0.0


def in_words(life: Life, now: float) -> str:
    """Return one lifetime as a sentence."""
    return (
        f"{life.kind} {life.fingerprint}: valid for {_approximate(life.ends - life.begins)}, "
        f"issued {_approximate(now - life.begins)} ago, {life.state(now)}."
    )


def _approximate(seconds: float) -> str:
    for unit, name in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * unit:
            return f"{round(seconds / unit)} {name}"
    count = max(0, round(seconds))
    return f"{count} second{'s' if count != 1 else ''}"


def page(lives: list[Life], now: float) -> str:
    """Return the drawing as HTML, followed by a list of sentences that describe it."""
    if not lives:
        return '<div class="bl-page"><p class="bl-soft">No code has been issued yet.</p></div>'
    height = TOP + ROW * len(lives) + 26
    sentences = [in_words(life, now) for life in lives]
    description = "\n".join(sentences)
    ticks = "".join(
        f'<line class="bl-life" x1="{_x(seconds):.1f}" y1="26" x2="{_x(seconds):.1f}" y2="{height - 22}"/>'
        f'<text class="bl-small" x="{_x(seconds):.1f}" y="18" text-anchor="middle">{label}</text>'
        for seconds, label in TICKS
    )
    bars = "".join(_bar(life, now, row) for row, life in enumerate(lives))
    items = "".join(f"<li>{escaped(sentence)}</li>" for sentence in sentences)
    return (
        f'<div class="bl-page"><svg class="bl-drawing" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'xmlns="http://www.w3.org/2000/svg"><title>Lifetimes, each from its own beginning, on a logarithmic axis'
        f"</title><desc>{escaped(description)}</desc>{ticks}{bars}"
        f'<text class="bl-small" x="4" y="{height - 4}">{SCALE}</text></svg>'
        f'<details data-key="lifetimes"><summary data-key="lifetimes-summary">The same information as text</summary>'
        f"<ul>{items}</ul></details></div>"
    )


def _x(seconds: float) -> float:
    """Return the x position of an age in seconds."""
    share = min(1.0, math.log10(max(1.0, seconds)) / DECADES)
    return LEFT + (WIDTH - LEFT - RIGHT) * share


def _bar(life: Life, now: float, row: int) -> str:
    """Return one row: the kind, the fingerprint, a dashed frame for the full lifetime, a bar for the actual one, and now."""
    y, start, expiry = TOP + ROW * row, _x(0), _x(life.ends - life.begins)
    end = max(start + 3, expiry if life.ended is None else _x(min(life.ended, life.ends) - life.begins))
    colour = f"hsl({fingerprints.hue(life.fingerprint)} 62% 42%)"
    state = life.state(now)
    drawn = (
        f'<text x="4" y="{y + 17}">{life.kind}</text>{diagram.tag(life.fingerprint, 104, y + 17)}'
        f'<rect x="{start:.1f}" y="{y + 4}" width="{expiry - start:.1f}" height="18" rx="3" fill="none" '
        f'stroke="{colour}" stroke-dasharray="3 3"/>'
        f'<rect class="{"" if state == "alive" else "bl-over"}" x="{start:.1f}" y="{y + 4}" width="{end - start:.1f}" '
        f'height="18" rx="3" fill="{colour}"/>'
    )
    if state != "alive":
        return f'{drawn}<text class="bl-small" x="{expiry + 6:.1f}" y="{y + 17}">{escaped(state)}</text>'
    age = max(1.0, now - life.begins)
    return (
        f'{drawn}<g data-now="{age:.1f}" data-left="{LEFT}" data-width="{WIDTH - LEFT - RIGHT}" data-decades="{DECADES:.6f}" '
        f'transform="translate({_x(age):.1f} 0)"><title>now</title>'
        f'<rect class="bl-now" x="-1" y="{y}" width="2" height="26"/></g>'
    )
