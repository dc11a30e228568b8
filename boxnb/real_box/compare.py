"""Put the differences of a run together: one line for each place of a call, with everything in boxnb that it affects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from . import columns, description, rules, shapes
from .answers import Answer, Difference
from .refresh import Facts, refresh_findings
from .shapes import Finding, Reference
from .words import Names

DESCRIPTION, SANDBOX = "Box's description", "the sandbox"
HEADERS = {
    "box-request-id": "messages that name Box's request id",
    "cache-control": "no cache between you and Box keeps a token",
    "content-type": "decoding responses",
    "date": "the skew of the server's clock (RotatingAuth)",
    "etag": "If-Match and If-None-Match",
    "retry-after": "RateLimitError and the wait before a retry",
    "www-authenticate": "AccessTokenRejectedError and ForbiddenError, which name the scope",
}
REFRESH = "POST /oauth2/token (refresh)"
CLAIMS_OF_REFRESH = {
    "access_token": "RotatingAuth sends the new access token",
    "refresh_token": "a refresh token works once, so the store replaces it",
    "expires_in": "RotatingAuth refreshes before the access token expires",
}


class Differences:
    """The differences so far, merged by call and place."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._rows: dict[tuple[str, str, str], tuple[str, str, list[str]]] = {}

    def add(self, call: str, finding: Finding, claims: Iterable[str]) -> None:
        """Add one difference, or one more claim that it affects."""
        prefix = "header " if finding.kind == "header" else ""
        where = prefix + spelled(finding.path, self.names)
        # Two comparisons that report the same place count as one difference, whatever each of them calls it.
        kind = {"form": "value", "format": "value", "enum": "value", "null": "type"}.get(
            finding.kind, finding.kind
        )
        row = self._rows.setdefault((call, where, kind), (finding.expected, finding.found, []))
        row[2].extend(claim for claim in claims if claim not in row[2])

    def rows(self) -> list[Difference]:
        """Return the differences, in the order in which they were found."""
        return [
            Difference(call, where, expected, found, "; ".join(claims))
            for (call, where, _), (expected, found, claims) in self._rows.items()
        ]


def spelled(path: tuple[str, ...], names: Names) -> str:
    """Return a path as text, such as ``entries[file].owned_by.login``."""
    text = ""
    for key in path:
        text += key if key.startswith("[") else f"{'.' if text else ''}{names.shown(key)}"
    return text or "body"


def compare(
    answers: Mapping[str, Answer],
    refused: Iterable[Answer],
    refresh: Facts | None,
    since: str,
) -> list[Difference]:
    """Return all differences of a run from Box's description, boxnb's datasets and the sandbox.

    Parameters
    ----------
    answers : mapping of str to Answer
        The answers of Box, by the names of the reads.
    refused : iterable of Answer
        The answers with 429, which were repeated.
    refresh : Facts or None
        What the refresh returned; None if there was no refresh, or its response was lost.
    since : str
        The time from which admin events were read.
    """
    references = shapes.references()
    differences = Differences(learned(answers, references))
    if refresh is not None:
        for finding in refresh_findings(refresh):
            claim = CLAIMS_OF_REFRESH.get(finding.path[0], HEADERS.get(finding.path[0], "RotatingAuth"))
            differences.add(REFRESH, finding, [claim])
    for name, answer in [*answers.items(), *(("", answer) for answer in refused)]:
        for finding, claims in findings(answer, references.get(name)):
            differences.add(answer.probe.call, finding, claims)
    me = answers.get("the user who signed in")
    user: Mapping[str, Any] = me.doc if me is not None and isinstance(me.doc, dict) else {}
    for answer, finding in rules.cross_findings(answers, user, since):
        differences.add(answer.probe.call, finding, [answer.probe.claim])
    return differences.rows()


def learned(answers: Mapping[str, Answer], references: Mapping[str, Reference]) -> Names:
    """Return which names of fields may be shown: those of the description and of the sandbox, but no value that Box returned."""
    keys = {name for reference in references.values() for path in reference.places for name in path}
    names = Names({*description.vocabulary(), *keys, *HEADERS, *CLAIMS_OF_REFRESH, *HELPERS})
    for answer in answers.values():
        names.learn(answer.doc)
        names.learn(list(answer.headers.values()))
    return names


HELPERS = (
    "body",
    "status",
    "limit",
    "offset",
    "entries",
    "total_count",
    "code",
    "restricted_to",
    "token_type",
)
"""The other names that rules give to places."""


def findings(answer: Answer, reference: Reference | None) -> Iterator[tuple[Finding, list[str]]]:
    """Yield the differences of one answer, each with the claims that it affects."""
    probe = answer.probe
    if not (answer.status in probe.expect or answer.status in probe.optional or answer.status == 429):
        expected = " or ".join(map(str, probe.expect))
        yield Finding(("status",), "status", expected, str(answer.status)), [probe.claim]
        return
    if answer.status == 403 and reference is not None and answer.content and not reference.has_body:
        reference = None  # a 403 has a body if the user may not do it, and none if the app lacks the scope (box-facts 1.12)
    for finding in rules.answer_findings(answer, reference):
        yield (
            finding,
            [HEADERS.get(finding.path[0], probe.claim) if finding.kind == "header" else probe.claim],
        )
    if answer.is_json and (schema := description.answer_schema(probe.operation, answer.status)) is not None:
        for violation in description.violations(schema, answer.doc):
            yield Finding(*violation), [DESCRIPTION, *column_claims(answer, violation.path, violation.kind)]
    if answer.ok:
        for finding in columns.column_findings(answer):
            yield finding, column_claims(answer, finding.path, finding.kind)
    if reference is None or reference.status != answer.status:
        return
    for finding in shapes.header_findings(answer, reference):
        yield finding, [HEADERS.get(finding.path[0], SANDBOX)]
    if answer.is_json and reference.is_json:
        for finding in shapes.body_findings(answer, reference):
            yield finding, [SANDBOX, *column_claims(answer, finding.path, finding.kind)]


def column_claims(answer: Answer, path: tuple[str, ...], kind: str) -> list[str]:
    """Return the column of a dataset that a field ends up in, or the read's own claim."""
    probe = answer.probe
    if not probe.columns or not answer.ok:
        return [probe.claim]
    column = columns.column_at(probe.columns, path)
    if column is not None:
        return [f"{probe.dataset}, column {column}"]
    in_entry = len(path) > 1 if "entries" in (answer.doc if isinstance(answer.doc, dict) else {}) else True
    return [f"{probe.dataset}, column extra"] if kind == "new" and in_entry else [probe.claim]
