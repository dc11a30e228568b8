"""Say in a few words what a response contains, and shorten its body; both without secrets."""

from __future__ import annotations

import json
import re

import requests

from boxnb.known_secrets import redact_known
from boxnb.labs.trace import fingerprints

TOKENS = {"access_token": "access", "refresh_token": "refresh", "token": "token"}
"""The fields of a response that issue a token, and the words for them in a drawing; ``token`` is that of a login."""


def summarize(response: requests.Response) -> tuple[str, str]:
    """Return the redacted and shortened body, and a summary of a few words."""
    media_type = response.headers.get("Content-Type", "").partition(";")[0]
    size = len(response.content)
    if media_type.endswith("json"):
        try:
            value = fingerprints.redact_json(response.json())
        except (ValueError, RecursionError):
            return f"({size} bytes labelled as JSON that cannot be decoded)", ""
        text = json.dumps(value, indent=2, ensure_ascii=False)
        summary = ""
        if isinstance(value, dict):
            tokens = [
                f"{word} {value[field]}"
                for field, word in TOKENS.items()
                if fingerprints.CHIP.fullmatch(str(value.get(field, "")))
            ]
            summary = " ".join(tokens) or str(
                value.get("error") or value.get("code") or value.get("login") or ""
            )
        if len(text) > fingerprints.MAX_BODY:
            text = text[: fingerprints.MAX_BODY] + "\n…"
        return text, summary
    if media_type == "text/html":
        heading = re.sub(r"<[^>]*>", "", response.text.partition("<h1>")[2].partition("</h1>")[0]).strip()
        return f"(an HTML page: {redact_known(heading) or 'no heading'})", "HTML page"
    return (f"({size} bytes of {media_type or 'unknown type'})" if size else ""), ""
