"""A trace as a sequence diagram beside a table; HTML and SVG made of escaped text, with nothing loaded."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from urllib.parse import urlsplit

from boxnb.labs.display import escaped
from boxnb.labs.trace import fingerprints, rfc_sections
from boxnb.labs.trace.exchange import Exchange, in_words

WIDTH = 860
X = {name: 90 + 226 * place for place, name in enumerate(rfc_sections.LANES)}
TOP, ROW, NOTE = 40, 58, 34
_WORD = 7.1  # about the width of a letter, in units of the drawing
_SPLIT = re.compile(r"(<secret [0-9a-f]{4}>)")


def page(exchanges: Sequence[Exchange]) -> str:
    """Diagram, then table; each row opens to request, answer, the same in curl and requests, and its rule."""
    if not exchanges:
        return alone(exchanges)
    rows = "".join(_row(each) for each in exchanges)
    return (
        f'<div class="bl-page">{_scrolled(exchanges)}'
        '<table class="bl-exchanges" aria-label="The same exchanges as a table"><thead><tr><th scope="col">#</th><th scope="col">who to whom</th>'
        '<th scope="col">request</th><th scope="col">answer</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def alone(exchanges: Sequence[Exchange]) -> str:
    """The diagram without its table."""
    if not exchanges:
        return '<div class="bl-page"><p class="bl-soft">Nothing was sent yet.</p></div>'
    return f'<div class="bl-page">{_scrolled(exchanges)}</div>'


def _scrolled(exchanges: Sequence[Exchange]) -> str:
    return (
        '<div class="bl-scroll" tabindex="0" role="region" aria-label="Sequence diagram">'
        f"{diagram(exchanges)}</div>"
    )


def diagram(exchanges: Sequence[Exchange]) -> str:
    """The SVG alone; ``<desc>`` tells it in sentences."""
    y, parts = TOP, []
    for each in exchanges:
        if each.note:
            parts.append(
                f'<rect class="bl-note" x="8" y="{y + 5}" width="{WIDTH - 16}" height="22" rx="4"/>'
                f'<text x="{WIDTH / 2}" y="{y + 20}" text-anchor="middle" class="bl-head">{escaped(each.note)}</text>'
            )
            y += NOTE
            continue
        height = ROW + (26 if each.carried else 0)
        parts.append(_arrows(each, y, height))
        y += height
    life = "".join(
        f'<line class="bl-life" x1="{x}" y1="30" x2="{x}" y2="{y + 4}"/>'
        f'<text class="bl-head" x="{x}" y="20" text-anchor="middle">{name}</text>'
        for name, x in X.items()
    )
    said = "\n".join(in_words(each) for each in exchanges)
    return (
        f'<svg class="bl-drawing" viewBox="0 0 {WIDTH} {y + 8}" role="img" xmlns="http://www.w3.org/2000/svg">'
        f"<title>Who sent what to whom, {len(exchanges)} lines from top to bottom</title><desc>{escaped(said)}</desc>"
        f"{life}{''.join(parts)}</svg>"
    )


def _arrows(each: Exchange, y: float, height: float) -> str:
    start, end = X[each.sender], X[each.receiver]
    failed = each.status is None or each.status >= 400
    wrong, tip = (" bl-wrong", "bl-tip-bad") if failed else ("", "bl-tip")
    ending = f"{each.status} {each.answer}".strip() if each.status else f"no answer: {each.error}"
    parts = [
        f'<rect class="bl-hit" x="4" y="{y + 1}" width="{WIDTH - 8}" height="{height - 2}"/>',
        f'<line class="bl-arrow" x1="{start}" y1="{y + 21}" x2="{end - 6}" y2="{y + 21}"/>',
        f'<path class="bl-tip" d="M{end - 8} {y + 17}l8 4l-8 4z"/>',
        _words(f"{each.number}. {each.label}", (start + end) / 2, y + 15, abs(end - start) - 12, ""),
        f'<line class="bl-back-arrow{wrong}" x1="{end}" y1="{y + 46}" x2="{start + 6}" y2="{y + 46}"/>',
        f'<path class="{tip}" d="M{start + 8} {y + 42}l-8 4l8 4z"/>',
        _words(
            ending, (start + end) / 2, y + 40, abs(end - start) - 12, "bl-failed" if failed else "bl-small"
        ),
    ]
    if each.carried:
        to = X[rfc_sections.NOTEBOOK]
        parts.append(
            f'<line class="bl-carry" x1="{start}" y1="{y + 72}" x2="{to - 6}" y2="{y + 72}"/>'
            f'<path class="bl-tip" d="M{to - 8} {y + 68}l8 4l-8 4z"/>'
            + _words(each.carried, start + 8, y + 66, WIDTH - start, "bl-small", anchor="start")
        )
    return f'<g data-exchange="{each.number}"><title>{escaped(in_words(each))}</title>{"".join(parts)}</g>'


def _words(text: str, x: float, y: float, room: float, kind: str, *, anchor: str = "middle") -> str:
    """Text in which each fingerprint is a coloured plate; cut where there is no room for it."""
    pieces: list[str] = []
    letters = 0
    for piece in _SPLIT.split(text):
        length = 5 if piece.startswith("<secret ") else len(piece)
        if (letters + length) * _WORD > room:
            if not piece.startswith("<secret "):
                cut = max(0, int(room / _WORD) - letters - 1)
                pieces.append(piece[:cut] + "…")
                letters += cut + 1
            break
        pieces.append(piece)
        letters += length
    left = x - letters * _WORD / 2 if anchor == "middle" else x
    drawn = [
        f'<rect class="bl-plate" x="{left - 2:.1f}" y="{y - 12}" width="{letters * _WORD + 4:.1f}" height="16"/>'
    ]
    for piece in pieces:
        chip = fingerprints.CHIP.fullmatch(piece)
        if chip:
            drawn.append(tag(chip[1], left, y))
            left += 5 * _WORD
        elif piece:
            width = len(piece) * _WORD
            drawn.append(
                f'<text class="{kind}" x="{left:.1f}" y="{y}" textLength="{width:.1f}" '
                f'lengthAdjust="spacingAndGlyphs" xml:space="preserve">{escaped(piece)}</text>'
            )
            left += width
    return "".join(drawn)


def tag(fingerprint: str, x: float, y: float) -> str:
    """A fingerprint as a coloured plate in a drawing."""
    return (
        f'<rect x="{x:.1f}" y="{y - 11.5}" width="33" height="15" rx="3" '
        f'fill="hsl({fingerprints.hue(fingerprint)} 62% 27%)"/>'
        f'<text class="bl-tag" x="{x + 16.5:.1f}" y="{y}" text-anchor="middle">{fingerprint}</text>'
    )


def _row(each: Exchange) -> str:
    if each.note:
        return f'<tr><td></td><td colspan="3"><em>{escaped(each.note)}</em></td></tr>'
    ending = f"{each.status} {each.answer}".strip() if each.status else f"no answer: {each.error}"
    return (
        f"<tr><td>{each.number}</td><td>{escaped(each.sender)} to {escaped(each.receiver)}</td><td>"
        f'<details data-exchange="{each.number}" data-key="exchange-{each.number}"><summary data-key="summary-{each.number}">'
        f"{fingerprints.chips(each.label)}</summary>{_inside(each)}</details></td>"
        f"<td>{fingerprints.chips(ending)}</td></tr>"
    )


def _inside(each: Exchange) -> str:
    sent = [
        f"{each.method} {each.url}",
        *(f"{name}: {value}" for name, value in each.request_headers.items()),
    ]
    sent += ["", *(f"{name}={value}" for name, value in each.form.items())] if each.form else []
    back = [f"HTTP {each.status}" if each.status else f"no answer: {each.error}"]
    back += [f"{name}: {value}" for name, value in each.response_headers.items()]
    back += ["", each.body] if each.body else []
    return (
        f"<p>Rule: {escaped(each.section)}. It took {each.milliseconds:.0f} ms.</p>"
        f"<p>Request</p><pre>{fingerprints.chips(chr(10).join(sent))}</pre>"
        f"<p>Answer</p><pre>{fingerprints.chips(chr(10).join(back))}</pre>"
        f"<p>With curl</p><pre>{escaped(as_curl(each))}</pre><p>With requests</p><pre>{escaped(as_requests(each))}</pre>"
    )


def as_curl(each: Exchange) -> str:
    """The same request for a shell; secrets are variables for the reader to set."""
    words = ["curl", "--include"]
    if each.method not in ("GET", "POST") or (each.method == "POST" and not each.form):
        words += ["--request", each.method]
    words.append(_shell(_address(each.url)))
    if each.request_headers.get("Authorization", "").startswith("Bearer"):
        words.append('--header "Authorization: Bearer $ACCESS_TOKEN"')
    for name, value in each.form.items():
        secret = fingerprints.CHIP.fullmatch(value)
        words.append(
            f'--data-urlencode "{name}=${name.upper()}"'
            if secret
            else f"--data-urlencode {shlex.quote(f'{name}={value}')}"
        )
    return " ".join(words)


def _address(url: str) -> str:
    """The address with a shell variable for each fingerprint."""
    return re.sub(r"(\w+)=<secret [0-9a-f]{4}>", lambda found: f"{found[1]}=${found[1].upper()}", url)


def _shell(address: str) -> str:
    return f'"{address}"' if "$" in address else shlex.quote(address)


def as_requests(each: Exchange) -> str:
    """The same request in Python; secrets are names for the reader to fill."""
    parts = urlsplit(each.url)
    query = (
        fingerprints.pairs(parts.query)
        if "<secret" not in parts.query
        else dict(field.partition("=")[::2] for field in parts.query.split("&"))
    )
    given = [repr(each.url.partition("?")[0])]
    if query:
        given.append(f"params={_literal(query)}")
    if each.form:
        given.append(f"data={_literal(each.form)}")
    if each.request_headers.get("Authorization", "").startswith("Bearer"):
        given.append('headers={"Authorization": f"Bearer {access_token}"}')
    if each.sender == rfc_sections.BROWSER:
        given.append("allow_redirects=False")
    given.append("timeout=30")
    return f"requests.{each.method.lower()}({', '.join(given)})"


def _literal(fields: dict[str, str]) -> str:
    inner = ", ".join(
        f"{name!r}: {name if fingerprints.CHIP.fullmatch(value) else repr(value)}"
        for name, value in fields.items()
    )
    return "{" + inner + "}"
