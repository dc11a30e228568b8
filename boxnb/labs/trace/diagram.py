"""A trace as a sequence diagram and a table: HTML and SVG built from escaped text, without external resources."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from boxnb.labs.display import escaped
from boxnb.labs.trace import fingerprints
from boxnb.labs.trace.exchange import Exchange, in_words
from boxnb.labs.trace.lanes import BROWSER, NOTEBOOK, lanes_of, width_of

HEAD, ROW, NOTE, LINK, CARRY = 30, 58, 34, 32, 26
"""The heights of the lanes' names, of a request, of a note, of a link that is handed over, and of what a browser carries."""
LANE_PIXELS = 125
"""The width of a lane on the screen below which the drawing scrolls instead of shrinking."""
SIGN_IN = 4
"""The requests of an ordinary sign-in: open the link, sign in, load the page again, press Grant."""
LONG = 9
"""More steps than this do not fit into the frame, so a line below it says that it scrolls."""
TAG_WIDTH = 35
"""The width of a fingerprint with the space after it."""
_WIDTHS = dict.fromkeys("ijlt.,:;'|()/ fr", 4.6) | dict.fromkeys("mwMW", 11.5) | {"…": 11.5, "_": 6.5}
_LETTER = 7.6  # approximate width of every other letter, in units of the drawing
_FINGERPRINT = re.compile(r"(<secret [0-9a-f]{4}>)")


def page(exchanges: Sequence[Exchange], *, fold: bool = False) -> str:
    """Return the diagram and a table. Each row opens to show the request, the response, the rule, and code to repeat the request.

    With ``fold``, each ordinary sign-in is one line that can be opened.
    """
    if not exchanges:
        return diagram_only(exchanges)
    rows = "".join(_row(exchange) for exchange in exchanges)
    return (
        f'<div class="bl-page">{_frame(exchanges, fold=fold)}'
        '<table class="bl-exchanges" aria-label="The same exchanges as a table"><thead><tr><th scope="col">#</th><th scope="col">sender and receiver</th>'
        '<th scope="col">request</th><th scope="col">response</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def diagram_only(exchanges: Sequence[Exchange]) -> str:
    """Return the diagram without its table."""
    if not exchanges:
        return '<div class="bl-page"><p class="bl-soft">No request has been sent yet.</p></div>'
    return f'<div class="bl-page">{_frame(exchanges, fold=False)}</div>'


def _frame(exchanges: Sequence[Exchange], *, fold: bool) -> str:
    """Return the diagram in a frame that scrolls, below the names of the lanes, which stay in view."""
    lanes = lanes_of(exchanges)
    parts = list(_segments(exchanges)) if fold else [list(exchanges)]
    steps = sum(1 if _is_sign_in(part) else len(part) for part in parts)
    drawings = "".join(
        _folded(part, lanes) if fold and len(parts) > 1 and _is_sign_in(part) else diagram(part, lanes)
        for part in parts
    )
    hint = (
        f'<p class="bl-soft">{steps} steps: scroll in the frame to see them all.</p>' if steps > LONG else ""
    )
    return (
        '<div class="bl-scroll" tabindex="0" role="region" aria-label="Sequence diagram">'
        f'<div class="bl-lanes" style="min-width:{LANE_PIXELS * len(lanes)}px">{_names(lanes)}{drawings}</div></div>{hint}'
    )


def _segments(exchanges: Sequence[Exchange]) -> Iterator[list[Exchange]]:
    """Yield each ordinary sign-in by itself, and the exchanges between them."""
    others: list[Exchange] = []
    position = 0
    while position < len(exchanges):
        sign_in = list(exchanges[position : position + SIGN_IN])
        if not _is_sign_in(sign_in):
            others.append(exchanges[position])
            position += 1
            continue
        if others:
            yield others
        yield sign_in
        others, position = [], position + SIGN_IN
    if others:
        yield others


def _is_sign_in(exchanges: Sequence[Exchange]) -> bool:
    """Return whether these are the requests of your own browser from the link to a code for the notebook."""
    return (
        len(exchanges) == SIGN_IN
        and all(exchange.sender == BROWSER and not exchange.note for exchange in exchanges)
        and exchanges[0].link_from == exchanges[-1].carried_to == NOTEBOOK
        and exchanges[-1].carried.startswith("code ")
    )


def _folded(sign_in: Sequence[Exchange], lanes: dict[str, int]) -> str:
    """Return an ordinary sign-in as one line that opens to the drawing of its requests."""
    key = f"sign-in-{sign_in[0].number}"
    return (
        f'<details class="bl-fold" data-key="{key}"><summary data-key="{key}-summary">sign-in: {SIGN_IN} requests; '
        f"the browser carries {fingerprints.chips(sign_in[-1].carried)} to the notebook</summary>{diagram(sign_in, lanes)}</details>"
    )


def _names(lanes: dict[str, int]) -> str:
    """Return the names of the lanes; a screen reader finds them in the description of each step."""
    texts = "".join(
        f'<text class="bl-head" x="{x}" y="20" text-anchor="middle">{escaped(name)}</text>'
        for name, x in lanes.items()
    )
    return (
        f'<svg class="bl-drawing bl-names" viewBox="0 0 {width_of(lanes)} {HEAD}" aria-hidden="true" '
        f'xmlns="http://www.w3.org/2000/svg">{texts}</svg>'
    )


def diagram(exchanges: Sequence[Exchange], lanes: dict[str, int] | None = None) -> str:
    """Return the diagram as SVG; its ``<desc>`` describes it in sentences."""
    lanes = lanes or lanes_of(exchanges)
    width = width_of(lanes)
    y, parts = 0, []
    for exchange in exchanges:
        if exchange.note:
            parts.append(
                f'<rect class="bl-note" x="8" y="{y + 5}" width="{width - 16}" height="22" rx="4"/>'
                f'<text x="{width / 2}" y="{y + 20}" text-anchor="middle" class="bl-head">{escaped(exchange.note)}</text>'
            )
            y += NOTE
            if exchange.carried:
                parts.append(_carried(exchange, lanes, y + 22))
                y += CARRY
            continue
        if exchange.link_from:
            parts.append(_handed_link(exchange, lanes, y))
            y += LINK
        height = ROW + (CARRY if exchange.carried else 0)
        parts.append(_arrows(exchange, lanes, y, height))
        y += height
    lines = "".join(f'<line class="bl-life" x1="{x}" y1="0" x2="{x}" y2="{y + 4}"/>' for x in lanes.values())
    description = "\n".join(in_words(exchange) for exchange in exchanges)
    return (
        f'<svg class="bl-drawing" viewBox="0 0 {width} {y + 4}" role="img" xmlns="http://www.w3.org/2000/svg">'
        f"<title>Sequence diagram of {len(exchanges)} steps, from top to bottom</title><desc>{escaped(description)}</desc>"
        f"{lines}{''.join(parts)}</svg>"
    )


def _handed_link(exchange: Exchange, lanes: dict[str, int], y: float) -> str:
    """Return leg 1: whoever built the link hands it to the browser, with its state. No request is sent for this."""
    state = _FINGERPRINT.search(exchange.label)
    text = f"the link, state {state[1]}" if state else "the link"
    start, end = lanes[exchange.link_from], lanes[exchange.sender]
    parts = [
        _text(text, (start + end) / 2, y + 18, width_of(lanes), "bl-small"),
        _line(start, end, y + 24, lanes, "bl-carry"),
    ]
    return f'<g class="bl-leg">{"".join(parts)}</g>'


def _arrows(exchange: Exchange, lanes: dict[str, int], y: float, height: float) -> str:
    width = width_of(lanes)
    start, end = lanes[exchange.sender], lanes[exchange.receiver]
    middle = (start + end) / 2
    failed = exchange.status is None or exchange.status >= 400
    parts = [
        f'<rect class="bl-hit" x="4" y="{y + 1}" width="{width - 8}" height="{height - 2}"/>',
        _text(f"{exchange.number}. {exchange.label}", middle, y + 15, width, ""),
        _text(exchange.outcome, middle, y + 40, width, "bl-failed" if failed else "bl-small"),
        _line(start, end, y + 21, lanes, "bl-arrow"),
        _line(end, start, y + 46, lanes, "bl-back-arrow bl-wrong" if failed else "bl-back-arrow", bad=failed),
    ]
    if exchange.carried:
        parts.append(_carried(exchange, lanes, y + 72))
    return f'<g data-exchange="{exchange.number}"><title>{escaped(in_words(exchange))}</title>{"".join(parts)}</g>'


def _carried(exchange: Exchange, lanes: dict[str, int], y: float) -> str:
    """Return what a browser carries, such as the code and the state, as a dotted arrow."""
    start, end = lanes[exchange.sender], lanes[exchange.carried_to or NOTEBOOK]
    text = _text(exchange.carried, (start + end) / 2, y - 6, width_of(lanes), "bl-small")
    return text + _line(start, end, y, lanes, "bl-carry")


def _line(start: int, end: int, y: float, lanes: dict[str, int], css_class: str, *, bad: bool = False) -> str:
    """Return an arrow. It hops over the lanes between its ends, because those who stand there take no part."""
    step = 1 if end > start else -1
    between = sorted((x for x in lanes.values() if min(start, end) < x < max(start, end)), reverse=step < 0)
    hops = "".join(f"H{x - 5 * step}a5 5 0 0 {0 if step > 0 else 1} {10 * step} 0" for x in between)
    return (
        f'<path class="{css_class}" d="M{start} {y}{hops}H{end - 6 * step}"/>'
        f'<path class="{"bl-tip-bad" if bad else "bl-tip"}" d="M{end - 8 * step} {y - 4}l{8 * step} 4l{-8 * step} 4z"/>'
    )


def _text(text: str, x: float, y: float, width: float, css_class: str) -> str:
    """Return text around ``x`` with each fingerprint as a coloured tag, moved or cut to fit into a drawing of ``width``."""
    segments: list[str] = []
    taken, room = 0.0, width - 12
    for segment in _FINGERPRINT.split(text):
        length = _width(segment)
        if taken + length > room:
            if not segment.startswith("<secret "):
                segments.append(_cut(segment, room - taken))
                taken += _width(segments[-1])
            break
        segments.append(segment)
        taken += length
    left = min(max(6.0, x - taken / 2), width - 6 - taken)
    elements = [
        f'<rect class="bl-plate" x="{left - 2:.1f}" y="{y - 12}" width="{taken + 4:.1f}" height="16"/>'
    ]
    for segment in segments:
        length = _width(segment)
        chip = fingerprints.CHIP.fullmatch(segment)
        if chip:
            elements.append(tag(chip[1], left, y))
        elif segment:
            elements.append(
                f'<text class="{css_class}" x="{left:.1f}" y="{y}" textLength="{length:.1f}" '
                f'lengthAdjust="spacingAndGlyphs" xml:space="preserve">{escaped(segment)}</text>'
            )
        left += length
    return "".join(elements)


def _width(segment: str) -> float:
    """Return the approximate width of a fingerprint or of text. Each text is then drawn with exactly this width."""
    if segment.startswith("<secret "):
        return TAG_WIDTH
    return sum(_WIDTHS.get(letter, _LETTER) for letter in segment)


def _cut(text: str, room: float) -> str:
    """Return as many letters as fit into ``room``, with an ellipsis."""
    while text and _width(text + "…") > room:
        text = text[:-1]
    return text + "…"


def tag(fingerprint: str, x: float, y: float) -> str:
    """Return a fingerprint as a coloured tag for a drawing."""
    return (
        f'<rect x="{x:.1f}" y="{y - 11.5}" width="33" height="15" rx="3" '
        f'fill="hsl({fingerprints.hue(fingerprint)} 62% 27%)"/>'
        f'<text class="bl-tag" x="{x + 16.5:.1f}" y="{y}" text-anchor="middle">{fingerprint}</text>'
    )


def _row(exchange: Exchange) -> str:
    if exchange.note:
        return f'<tr><td></td><td colspan="3"><em>{escaped(exchange.note)}</em></td></tr>'
    return (
        f"<tr><td>{exchange.number}</td><td>{escaped(exchange.sender)} to {escaped(exchange.receiver)}</td><td>"
        f'<details data-exchange="{exchange.number}" data-key="exchange-{exchange.number}"><summary data-key="summary-{exchange.number}">'
        f"{fingerprints.chips(exchange.label)}</summary>{_details(exchange)}</details></td>"
        f"<td>{fingerprints.chips(exchange.outcome)}</td></tr>"
    )


def _details(exchange: Exchange) -> str:
    request_lines = [
        f"{exchange.method} {exchange.url}",
        *(f"{name}: {value}" for name, value in exchange.request_headers.items()),
    ]
    if exchange.form:
        request_lines += ["", *(f"{name}={value}" for name, value in exchange.form.items())]
    response_lines = [f"HTTP {exchange.status}" if exchange.status else exchange.outcome]
    response_lines += [f"{name}: {value}" for name, value in exchange.response_headers.items()]
    response_lines += ["", exchange.body] if exchange.body else []
    return (
        f"<p>Rule: {escaped(exchange.section)}. Response time: {exchange.milliseconds:.0f} ms.</p>"
        f"<p>Request</p><pre>{fingerprints.chips(chr(10).join(request_lines))}</pre>"
        f"<p>Response</p><pre>{fingerprints.chips(chr(10).join(response_lines))}</pre>"
        f"<p>With curl</p><pre>{escaped(as_curl(exchange))}</pre><p>With requests</p><pre>{escaped(as_requests(exchange))}</pre>"
    )


def as_curl(exchange: Exchange) -> str:
    """Return the request as a shell command; secrets are variables for the reader to set."""
    command = ["curl", "--include"]
    if exchange.method not in ("GET", "POST") or (exchange.method == "POST" and not exchange.form):
        command += ["--request", exchange.method]
    command.append(_quoted(_with_variables(exchange.url)))
    if exchange.request_headers.get("Authorization", "").startswith("Bearer"):
        command.append('--header "Authorization: Bearer $ACCESS_TOKEN"')
    for name, value in exchange.form.items():
        is_secret = fingerprints.CHIP.fullmatch(value)
        command.append(
            f'--data-urlencode "{name}=${name.upper()}"'
            if is_secret
            else f"--data-urlencode {shlex.quote(f'{name}={value}')}"
        )
    return " ".join(command)


def _with_variables(url: str) -> str:
    """Return the URL with a shell variable for each fingerprint."""
    return re.sub(r"(\w+)=<secret [0-9a-f]{4}>", lambda match: f"{match[1]}=${match[1].upper()}", url)


def _quoted(url: str) -> str:
    return f'"{url}"' if "$" in url else shlex.quote(url)


def as_requests(exchange: Exchange) -> str:
    """Return the request as a line of Python; secrets are variables for the reader to set."""
    parts = urlsplit(exchange.url)
    query = (
        fingerprints.redact_fields(parts.query)
        if "<secret" not in parts.query
        else dict(field.partition("=")[::2] for field in parts.query.split("&"))
    )
    arguments = [repr(exchange.url.partition("?")[0])]
    if query:
        arguments.append(f"params={_literal(query)}")
    if exchange.form:
        arguments.append(f"data={_literal(exchange.form)}")
    if exchange.request_headers.get("Authorization", "").startswith("Bearer"):
        arguments.append('headers={"Authorization": f"Bearer {access_token}"}')
    if exchange.sender.endswith(BROWSER):
        arguments.append("allow_redirects=False")
    arguments.append("timeout=30")
    return f"requests.{exchange.method.lower()}({', '.join(arguments)})"


def _literal(fields: dict[str, str]) -> str:
    items = ", ".join(
        f"{name!r}: {name if fingerprints.CHIP.fullmatch(value) else repr(value)}"
        for name, value in fields.items()
    )
    return "{" + items + "}"
