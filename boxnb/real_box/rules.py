"""Rules that one schema cannot express: paging, order, filters, etags, positions of events, and what errors contain."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote

from .answers import Answer
from .caller import retry_after
from .plan import FULL, PAGE
from .shapes import Finding, Reference
from .words import shape

Answers = Mapping[str, Answer]
TYPES = ["folder", "file", "web_link"]
MAX_LIMIT = {"/search": 200, "/events": 500}


def finding(where: str, expected: str, found: str) -> Finding:
    """Return a difference from a rule; ``where`` is a field, or what the rule is about."""
    return Finding((where,), "value", expected, found)


def answer_findings(answer: Answer, reference: Reference | None) -> Iterator[Finding]:
    """Yield how one answer breaks the rules that concern it alone."""
    yield from _form(answer, reference)
    if answer.status == 429 and retry_after(answer) is None:
        yield Finding(("retry-after",), "header", "a number of seconds", "missing, or not a number")
    if answer.status in (401, 403) and not answer.content and "www-authenticate" not in answer.headers:
        yield Finding(("www-authenticate",), "header", "sent", "missing")
    if date := answer.headers.get("date"):
        yield from _date(date)
    if answer.status >= 400:
        yield from _error(answer, reference)
    elif answer.ok and isinstance(answer.doc, dict):
        yield from _listing(answer) if "entries" in answer.doc else _object(answer)


def _form(answer: Answer, reference: Reference | None) -> Iterator[Finding]:
    if reference is None or answer.status != reference.status:
        return
    if answer.content and not reference.has_body:
        yield finding("body", "empty", "not empty")
    elif reference.is_json and not answer.is_json:
        yield finding("body", "JSON", "not JSON" if answer.content else "empty")


def _date(text: str) -> Iterator[Finding]:
    try:
        parsedate_to_datetime(text)
    except ValueError:
        yield Finding(("date",), "header", "a date as in RFC 9110", "text that is not a date")


def _error(answer: Answer, reference: Reference | None) -> Iterator[Finding]:
    if not isinstance(answer.doc, dict):
        return
    if answer.doc.get("status") != answer.status:
        yield finding("status", "the status of the response", "another value")
    if reference is None or reference.status != answer.status or reference.code is None:
        return
    for name, expected in (("code", reference.code), ("type", reference.type)):
        if expected != answer.doc.get(name):
            yield finding(name, str(expected), f"another {name}, {shape(answer.doc.get(name))}")


def _object(answer: Answer) -> Iterator[Finding]:
    requested = unquote(answer.probe.path.rpartition("/")[2])
    if answer.probe.operation.endswith("_id}") and answer.doc.get("id") not in (requested, None):
        yield finding("id", "the id in the path", "another id")
    place = answer.doc.get("path_collection")
    above = place.get("entries") if isinstance(place, dict) else None
    if isinstance(place, dict) and isinstance(above, list):
        if place.get("total_count") != len(above):
            yield Finding(
                ("path_collection", "total_count"), "value", "the number of entries", "another number"
            )
        if above and (not isinstance(above[0], dict) or above[0].get("id") != "0"):
            yield Finding(
                ("path_collection", "entries"), "value", "the root folder, 0, first", "another folder"
            )
    etag = answer.headers.get("etag")
    if etag is not None and etag.strip('"') != str(answer.doc.get("etag")):
        yield Finding(("etag",), "header", "the field etag in quotation marks", "another value")


def _listing(answer: Answer) -> Iterator[Finding]:
    if not isinstance(answer.doc["entries"], list):
        return
    params, doc = answer.probe.params, answer.doc
    limit = params.get("limit")
    if isinstance(limit, int):
        most = min(limit, MAX_LIMIT.get(answer.probe.operation, FULL))
        if len(answer.entries) > most:
            yield finding("limit", "at most as many entries as requested", "more entries")
        if isinstance(doc.get("limit"), int) and doc["limit"] != most:
            yield finding("limit", "the requested limit, or Box's highest", "another limit")
    if "offset" in params and isinstance(doc.get("offset"), int) and doc["offset"] != params["offset"]:
        yield finding("offset", "the requested offset", "another offset")
    if _repeated(answer.entries):
        yield finding("entries", "each entry once", "an entry twice")
    if any(not isinstance(entry, dict) for entry in answer.entries):
        yield finding("entries", "objects", "entries that are not objects")
    yield from _end(answer)
    yield from _order(answer)


def _end(answer: Answer) -> Iterator[Finding]:
    """Yield a difference if a list that is shorter than its limit is said to go on, or to have another length."""
    params, doc = answer.probe.params, answer.doc
    limit = params.get("limit")
    if not isinstance(limit, int) or answer.probe.operation == "/events":
        return
    is_whole = len(answer.entries) < min(limit, MAX_LIMIT.get(answer.probe.operation, FULL))
    if is_whole and doc.get("next_marker"):
        yield finding("next_marker", "no marker, because the page is not full", "a marker")
    total, offset = doc.get("total_count"), params.get("offset", 0)
    if is_whole and offset == 0 and isinstance(total, int) and total != len(answer.entries):
        yield finding("total_count", "the number of entries", "another number")


def ids(entries: list[Any]) -> list[Any]:
    """Return the ids of entries; an event's is its ``event_id``."""
    found = [
        (entry.get("type"), entry.get("event_id", entry.get("id")))
        for entry in entries
        if isinstance(entry, dict)
    ]
    return [(str(kind), str(own)) for kind, own in found if own is not None]


def _repeated(entries: list[Any]) -> bool:
    found = ids(entries)
    return len(set(found)) < len(found)


def _order(answer: Answer) -> Iterator[Finding]:
    """Yield a difference if the entries are not in the order that the response itself states, as far as that can be checked."""
    entries = [entry for entry in answer.entries if isinstance(entry, dict)]
    if answer.probe.operation.endswith("/items") and "trash" not in answer.probe.operation:
        kinds = [TYPES.index(entry["type"]) for entry in entries if entry.get("type") in TYPES]
        if kinds != sorted(kinds):
            yield finding("entries", "folders, then files, then web links", "another order")
            return
    if answer.probe.params.get("sort") == "date":
        for kind in TYPES:
            times = [moment(entry.get("modified_at")) for entry in entries if entry.get("type") == kind]
            known = [time for time in times if time is not None]
            if known != sorted(known, reverse=True):
                yield finding("entries", "the newest first, as requested", "another order")
                return
    if answer.probe.params.get("stream_type") in ("admin_logs", "all"):
        times = [moment(entry.get("created_at")) for entry in entries]
        known = [time for time in times if time is not None]
        if known != sorted(known):
            yield finding("entries", "the oldest event first", "another order")
    order = answer.doc.get("order")
    stated = order[0] if isinstance(order, list) and order and isinstance(order[0], dict) else {}
    if stated.get("by") == "id":
        numbers = [int(own) for _, own in ids(entries) if own.isascii() and own.isdigit()]
        down = str(stated.get("direction")).upper() == "DESC"
        if numbers != sorted(numbers, reverse=down):
            yield finding("entries", "the order that the field order states", "another order")


def moment(value: Any) -> datetime.datetime | None:
    """Return a time, or None for anything that is not a time with an offset."""
    try:
        time = datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo is not None else None


Broken = Iterator[tuple[Answer, Finding]]


def cross_findings(answers: Answers, me: Mapping[str, Any], since: str) -> Broken:
    """Yield how answers contradict one another, each with the answer that the page names."""
    for name in ("users", "groups", "items of the top folder"):
        yield from _offsets(answers, name)
        yield from _markers(answers, name)
    yield from _markers(answers, "device pins")
    yield from _collaborations(answers)
    yield from _events(answers, since)
    yield from _filters(answers, me)


def _offsets(answers: Answers, name: str) -> Broken:
    pages = [
        answers.get(f"{name}, {page}") for page in ("all", "first page by offset", "second page by offset")
    ]
    if any(page is None or not page.ok for page in pages):
        return
    whole, first, second = (page for page in pages if page is not None)
    total = _field(whole, "total_count")
    if not isinstance(total, int):
        return
    if total == FULL and total != len(whole.entries):
        yield whole, finding("total_count", "the number of entries", "another number")
    if any(_field(page, "total_count") != total for page in (first, second)):
        yield first, finding("total_count", "the same on every page", "another number")
    for page, start in ((first, 0), (second, PAGE)):
        expected = ids(whole.entries[start : start + PAGE])
        if len(page.entries) != len(whole.entries[start : start + PAGE]):
            yield page, finding("entries", "as many as requested", "another number of entries")
        elif ids(page.entries) != expected:
            yield page, finding("entries", "the same entries as in the whole list, in its order", "others")


def _field(answer: Answer, name: str) -> Any:
    return answer.doc.get(name) if isinstance(answer.doc, dict) else None


def _markers(answers: Answers, name: str) -> Broken:
    first = answers.get(f"{name}, first page by marker")
    second = answers.get(f"{name}, second page by marker")
    whole = answers.get(f"{name}, all")
    if first is None or not first.ok:
        return
    everything = ids(whole.entries) if whole is not None and whole.ok else []
    if len(everything) > PAGE and not _field(first, "next_marker"):
        yield first, finding("next_marker", "a marker, because there are more entries", "no marker")
    if len(everything) > PAGE and len(first.entries) != PAGE:
        yield first, finding("entries", "as many as requested", "another number of entries")
    if second is None or not second.ok:
        return
    if set(ids(first.entries)) & set(ids(second.entries)):
        yield second, finding("entries", "entries that follow the first page", "entries of the first page")
    if everything and len(everything) < FULL and not set(ids(second.entries)) <= set(everything):
        yield second, finding("entries", "entries of the whole list", "others")
    if not second.entries:
        yield second, finding("entries", "entries, because the first page has a marker", "none")
    if str(_field(second, "next_marker")) == str(second.probe.params.get("marker")):
        yield second, finding("next_marker", "a marker that moves on", "the same marker")


def _collaborations(answers: Answers) -> Broken:
    whole, one = (answers.get(f"collaborations of a folder, {page}") for page in ("all", "one"))
    if whole is None or one is None or not (whole.ok and one.ok):
        return
    if len(whole.entries) > 1 and not _field(one, "next_marker"):
        yield one, finding("next_marker", "a marker, because there are more entries", "no marker")
    if len(whole.entries) < FULL and _field(whole, "next_marker"):
        yield whole, finding("next_marker", "no marker on the last page", "a marker")
    if ids(one.entries) != ids(whole.entries[:1]):
        yield one, finding("entries", "the first entry of the whole list", "another")


def _events(answers: Answers, since: str) -> Broken:
    names = ("admin events, first page", "admin events, second page", "admin events of one type")
    first, second, typed = (answers.get(name) for name in names)
    begin = moment(since)
    for answer in answers.values():
        if answer.probe.operation == "/events" and answer.ok:
            if _field(answer, "chunk_size") != len(answer.entries):
                yield answer, finding("chunk_size", "the number of entries", "another value")
            if _field(answer, "next_stream_position") in (None, ""):
                yield answer, finding("next_stream_position", "a position", "none")
    for page in (first, second, typed):
        if page is not None and page.ok:
            times = [moment(entry.get("created_at")) for entry in page.entries if isinstance(entry, dict)]
            if begin is not None and any(time is not None and time < begin for time in times):
                yield page, finding("entries", "events after created_after", "earlier events")
            end_of_range = _latest(page)
            if end_of_range and any(time is not None and time > end_of_range for time in times):
                yield page, finding("entries", "events before the time of the response", "later events")
    if (
        typed is not None
        and typed.ok
        and any(entry.get("event_type") != "LOGIN" for entry in typed.entries if isinstance(entry, dict))
    ):
        yield typed, finding("entries", "events of the requested type", "other events")
    if first is not None and second is not None and first.ok and second.ok and first.entries:
        if set(ids(first.entries)) & set(ids(second.entries)):
            yield second, finding("entries", "events that follow the first page", "events of the first page")
        if second.entries and _field(first, "next_stream_position") == _field(second, "next_stream_position"):
            yield second, finding("next_stream_position", "a position that moves on", "the same position")
    end = answers.get("the end of the event stream")
    if end is not None and end.ok and end.entries:
        yield end, finding("entries", "none at the position now", "entries")


def _latest(answer: Answer) -> datetime.datetime | None:
    """Return the latest time that an event of a response can have: its own ``Date``, and an hour."""
    try:
        date = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return date + datetime.timedelta(hours=1) if date.tzinfo is not None else None


def _filters(answers: Answers, me: Mapping[str, Any]) -> Broken:
    filtered, whole = answers.get("users, filtered by a login"), answers.get("users, all")
    if filtered is not None and filtered.ok and me.get("login"):
        if me.get("id") not in [own for _, own in ids(filtered.entries)]:
            yield filtered, finding("entries", "the user with this login", "not that user")
        if whole is not None and len(whole.entries) > 50 and len(filtered.entries) > 10:
            yield filtered, finding("entries", "only users that match the filter", "more users")
    acting = answers.get("the user in As-User")
    if acting is not None and acting.ok and _field(acting, "id") != acting.probe.headers["As-User"]:
        yield acting, finding("id", "the user in As-User", "another user")
    search = answers.get("a search for files")
    if search is not None and search.ok:
        if any(entry.get("type") != "file" for entry in search.entries if isinstance(entry, dict)):
            yield search, finding("entries", "only files, as requested", "other items")
        total = _field(search, "total_count")
        if isinstance(total, int) and total < len(search.entries):
            yield search, finding("total_count", "at least the number of entries", "less")
