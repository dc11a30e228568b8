"""A trace as a sequence diagram and a table: HTML and SVG built from escaped text, without external resources."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from urllib.parse import urlsplit

from boxnb.labs.display import escaped
from boxnb.labs.trace import fingerprints, rfc_sections
from boxnb.labs.trace.exchange import Exchange, in_words

WIDTH = 860
X = {name: 90 + 226 * lane for lane, name in enumerate(rfc_sections.LANES)}
TOP, ROW, NOTE = 40, 58, 34
_LETTER = 7.1  # approximate width of a letter, in units of the drawing
_FINGERPRINT = re.compile(r"(<secret [0-9a-f]{4}>)")


def page(exchanges: Sequence[Exchange]) -> str:
    """Return the diagram and a table. Each row opens to show the request, the response, the rule, and code to repeat the request."""
    if not exchanges:
        return diagram_only(exchanges)
    rows = "".join(_row(exchange) for exchange in exchanges)
    return (
        f'<div class="bl-page">{_scroll_pane(exchanges)}'
        '<table class="bl-exchanges" aria-label="The same exchanges as a table"><thead><tr><th scope="col">#</th><th scope="col">sender and receiver</th>'
        '<th scope="col">request</th><th scope="col">response</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def diagram_only(exchanges: Sequence[Exchange]) -> str:
    """Return the diagram without its table."""
    if not exchanges:
        return '<div class="bl-page"><p class="bl-soft">No request has been sent yet.</p></div>'
    return f'<div class="bl-page">{_scroll_pane(exchanges)}</div>'


def _scroll_pane(exchanges: Sequence[Exchange]) -> str:
    return (
        '<div class="bl-scroll" tabindex="0" role="region" aria-label="Sequence diagram">'
        f"{diagram(exchanges)}</div>"
    )


def diagram(exchanges: Sequence[Exchange]) -> str:
    """Return the diagram as SVG; its ``<desc>`` describes it in sentences."""
    y, parts = TOP, []
    for exchange in exchanges:
        if exchange.note:
            parts.append(
                f'<rect class="bl-note" x="8" y="{y + 5}" width="{WIDTH - 16}" height="22" rx="4"/>'
                f'<text x="{WIDTH / 2}" y="{y + 20}" text-anchor="middle" class="bl-head">{escaped(exchange.note)}</text>'
            )
            y += NOTE
            continue
        height = ROW + (26 if exchange.carried else 0)
        parts.append(_arrows(exchange, y, height))
        y += height
    lanes = "".join(
        f'<line class="bl-life" x1="{x}" y1="30" x2="{x}" y2="{y + 4}"/>'
        f'<text class="bl-head" x="{x}" y="20" text-anchor="middle">{name}</text>'
        for name, x in X.items()
    )
    description = "\n".join(in_words(exchange) for exchange in exchanges)
    return (
        f'<svg class="bl-drawing" viewBox="0 0 {WIDTH} {y + 8}" role="img" xmlns="http://www.w3.org/2000/svg">'
        f"<title>Sequence diagram of {len(exchanges)} steps, from top to bottom</title><desc>{escaped(description)}</desc>"
        f"{lanes}{''.join(parts)}</svg>"
    )


def _arrows(exchange: Exchange, y: float, height: float) -> str:
    start, end = X[exchange.sender], X[exchange.receiver]
    failed = exchange.status is None or exchange.status >= 400
    failed_class, tip = (" bl-wrong", "bl-tip-bad") if failed else ("", "bl-tip")
    parts = [
        f'<rect class="bl-hit" x="4" y="{y + 1}" width="{WIDTH - 8}" height="{height - 2}"/>',
        f'<line class="bl-arrow" x1="{start}" y1="{y + 21}" x2="{end - 6}" y2="{y + 21}"/>',
        f'<path class="bl-tip" d="M{end - 8} {y + 17}l8 4l-8 4z"/>',
        _text(f"{exchange.number}. {exchange.label}", (start + end) / 2, y + 15, abs(end - start) - 12, ""),
        f'<line class="bl-back-arrow{failed_class}" x1="{end}" y1="{y + 46}" x2="{start + 6}" y2="{y + 46}"/>',
        f'<path class="{tip}" d="M{start + 8} {y + 42}l-8 4l8 4z"/>',
        _text(
            exchange.outcome,
            (start + end) / 2,
            y + 40,
            abs(end - start) - 12,
            "bl-failed" if failed else "bl-small",
        ),
    ]
    if exchange.carried:
        notebook = X[rfc_sections.NOTEBOOK]
        parts.append(
            f'<line class="bl-carry" x1="{start}" y1="{y + 72}" x2="{notebook - 6}" y2="{y + 72}"/>'
            f'<path class="bl-tip" d="M{notebook - 8} {y + 68}l8 4l-8 4z"/>'
            + _text(exchange.carried, start + 8, y + 66, WIDTH - start, "bl-small", anchor="start")
        )
    return f'<g data-exchange="{exchange.number}"><title>{escaped(in_words(exchange))}</title>{"".join(parts)}</g>'


def _text(text: str, x: float, y: float, room: float, css_class: str, *, anchor: str = "middle") -> str:
    """Return text with each fingerprint as a coloured tag, cut to fit into ``room``."""
    segments: list[str] = []
    letters = 0
    for segment in _FINGERPRINT.split(text):
        length = 5 if segment.startswith("<secret ") else len(segment)
        if (letters + length) * _LETTER > room:
            if not segment.startswith("<secret "):
                max_length = max(0, int(room / _LETTER) - letters - 1)
                segments.append(segment[:max_length] + "…")
                letters += max_length + 1
            break
        segments.append(segment)
        letters += length
    left = x - letters * _LETTER / 2 if anchor == "middle" else x
    elements = [
        f'<rect class="bl-plate" x="{left - 2:.1f}" y="{y - 12}" width="{letters * _LETTER + 4:.1f}" height="16"/>'
    ]
    for segment in segments:
        chip = fingerprints.CHIP.fullmatch(segment)
        if chip:
            elements.append(tag(chip[1], left, y))
            left += 5 * _LETTER
        elif segment:
            width = len(segment) * _LETTER
            elements.append(
                f'<text class="{css_class}" x="{left:.1f}" y="{y}" textLength="{width:.1f}" '
                f'lengthAdjust="spacingAndGlyphs" xml:space="preserve">{escaped(segment)}</text>'
            )
            left += width
    return "".join(elements)


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
    if exchange.sender == rfc_sections.BROWSER:
        arguments.append("allow_redirects=False")
    arguments.append("timeout=30")
    return f"requests.{exchange.method.lower()}({', '.join(arguments)})"


def _literal(fields: dict[str, str]) -> str:
    items = ", ".join(
        f"{name!r}: {name if fingerprints.CHIP.fullmatch(value) else repr(value)}"
        for name, value in fields.items()
    )
    return "{" + items + "}"
