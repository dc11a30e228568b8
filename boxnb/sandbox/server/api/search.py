"""`/search` and the device pins (box-facts 4.8, 4.9).

The search index is ten minutes behind, as users have observed in Box. A search word matches the start of any word in a
name, description or tag. File contents and comments are not searched: the sandbox does not index contents and has no
comments.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.responses import Response

from ..company import times
from ..company.people import Doc
from ..company.tree import Item
from ..errors import client_error, forbidden, invalid, not_found
from .call import Call, Handler, integer, page_by_offset, respond
from .folders import ordered

LAG = 600.0
WORD = re.compile(r"\w+")
PART = re.compile(r'"([^"]*)"|(\S+)')
Test = Callable[[str], bool]


def phrase(text: str) -> Test:
    """Return a test for strings that contain these words in this order."""
    expected = " ".join(WORD.findall(text.casefold()))
    return lambda searched: f" {expected} " in f" {' '.join(WORD.findall(searched.casefold()))} "


def word(text: str) -> Test:
    """Return a test for strings in which each of these words is the start of some word."""
    starts = WORD.findall(text.casefold())

    def test(searched: str) -> bool:
        words = WORD.findall(searched.casefold())
        return all(any(searched_word.startswith(start) for searched_word in words) for start in starts)

    return test if starts else lambda searched: text.casefold() in searched.casefold()


def negate(test: Test) -> Test:
    """Return the negated test."""
    return lambda searched: not test(searched)


def parse_query(query: str) -> Test:
    """Return the test for a query: words and "phrases" joined by AND (the default), OR, NOT."""
    alternatives: list[list[Test]] = [[]]
    negated = False
    for quoted, unquoted in PART.findall(query):
        if unquoted == "OR":
            alternatives.append([])
        elif unquoted == "NOT":
            negated = True
        elif unquoted != "AND":
            test = word(unquoted) if unquoted else phrase(quoted)
            alternatives[-1].append(negate(test) if negated else test)
            negated = False
    alternatives = [tests for tests in alternatives if tests]
    return lambda searched: any(all(test(searched) for test in tests) for tests in alternatives)


def comma_list(call: Call, name: str) -> list[str]:
    """Return a comma-separated parameter as a list."""
    return [part.strip() for part in call.query.get(name, "").split(",") if part.strip()]


def number_range(call: Call, name: str, read: Callable[[str], float]) -> tuple[float, float] | None:
    """Return a range ``from,to`` from the query; either side can be empty. Raises 400 if it is not a range."""
    text = call.query.get(name)
    if not text:
        return None
    low, comma, high = text.partition(",")
    try:
        bounds = (
            read(low.replace(" ", "+")) if low.strip() else float("-inf"),
            read(high.replace(" ", "+")) if high.strip() else float("inf"),
        )
    except ValueError:
        bounds = (1.0, 0.0)
    if not comma or bounds[0] > bounds[1]:
        raise invalid("invalid_parameter", name, f"Invalid value '{text}' for parameter '{name}'")
    return bounds


def choice(call: Call, name: str, default: str, allowed: tuple[str, ...]) -> str:
    """Return a parameter that has a few allowed values. Raises 400 for any other value."""
    value = call.query.get(name) or default
    if value not in allowed:
        raise invalid("invalid_parameter", name, f"Invalid value '{value}' for parameter '{name}'")
    return value


def trashed_by(item: Item) -> str:
    """Return the id of the user who trashed an item.

    For an item that was trashed from the start, return the user who last changed it.
    """
    user_id: str = item.extra.get("trashed_by", item.modified_by)
    return user_id


def filters(call: Call) -> list[Callable[[Item], bool]]:
    """Return a test for each filter in the query, but not for the search words."""
    tests: list[Callable[[Item], bool]] = []
    kind = call.query.get("type")
    if kind:
        choice(call, "type", "", ("file", "folder", "web_link"))
        tests.append(lambda item: item.kind == kind)
    extensions = {extension.lower() for extension in comma_list(call, "file_extensions")}
    if extensions:
        tests.append(lambda item: item.kind == "file" and item.name.rpartition(".")[2].lower() in extensions)
    owners = set(comma_list(call, "owner_user_ids"))
    if owners:
        tests.append(lambda item: item.owner in owners)
    updaters = set(comma_list(call, "recent_updater_user_ids"))
    if updaters:
        tests.append(lambda item: item.modified_by in updaters)
    created, updated = (
        number_range(call, "created_at_range", times.parse),
        number_range(call, "updated_at_range", times.parse),
    )
    deleted, size = (
        number_range(call, "deleted_at_range", times.parse),
        number_range(call, "size_range", float),
    )
    if created:
        tests.append(lambda item: created[0] <= item.created <= created[1])
    if updated:
        tests.append(lambda item: updated[0] <= item.modified <= updated[1])
    if deleted:
        tests.append(lambda item: item.trashed is not None and deleted[0] <= item.trashed <= deleted[1])
    deleters = set(comma_list(call, "deleted_user_ids"))
    if deleters:
        tests.append(lambda item: item.trashed is not None and trashed_by(item) in deleters)
    if size:
        tests.append(lambda item: item.kind != "web_link" and size[0] <= item.bytes_below() <= size[1])
    ancestors = [
        call.item("folder", folder_id)
        for folder_id in comma_list(call, "ancestor_folder_ids")
        if folder_id != "0"
    ]
    if ancestors:
        tests.append(lambda item: any(folder in ancestors for folder in list(item.up())[1:]))
    return tests


def text_of(call: Call) -> Callable[[Item], str]:
    """Return a function that returns the searchable text of an item."""
    kinds = comma_list(call, "content_types") or ["name", "description", "tags"]
    for kind in kinds:
        if kind not in ("name", "description", "file_content", "comments", "tags"):
            raise invalid("invalid_parameter", "content_types", f"Invalid value '{kind}' for 'content_types'")

    def text(item: Item) -> str:
        parts = [item.name] if "name" in kinds else []
        parts += [item.description] if "description" in kinds else []
        return " \n ".join([*parts, *(item.tags if "tags" in kinds else ())])

    return text


def candidates(call: Call) -> list[Item]:
    """Return every item to search: those that the user can see, in the trash, outside it, or both (`trash_content`)."""
    trash = choice(
        call, "trash_content", "non_trashed_only", ("non_trashed_only", "trashed_only", "all_items")
    )
    view, world = call.view(), call.context.world
    if trash == "non_trashed_only" and not call.everything:
        return list(world.access.reachable(view.user, view.now))
    visible = (item for item in world.tree.everything() if view.sees(item))
    in_trash = {"non_trashed_only": (False,), "trashed_only": (True,), "all_items": (False, True)}[trash]
    return [item for item in visible if item.is_trashed() in in_trash]


async def search(call: Call) -> Response:
    """`GET /search`."""
    call.need_read()
    call.context.limits.check_search(call.user["id"])
    query = call.query.get("query", "")
    if call.query.get("mdfilters"):
        raise client_error(
            501, "not_implemented", "The boxnb sandbox does not support 'mdfilters' in /2.0/search"
        )
    if not query.strip():
        raise invalid("missing_parameter", "query", "'query' or 'mdfilters' is required")
    scope = choice(call, "scope", "user_content", ("user_content", "enterprise_content"))
    if scope == "enterprise_content" and not call.everything:
        raise forbidden()
    sort = choice(call, "sort", "relevance", ("relevance", "modified_at"))
    direction = choice(call, "direction", "DESC", ("DESC", "ASC"))
    words, text, tests = parse_query(query), text_of(call), filters(call)
    until = call.view().now - LAG
    matches = [
        item
        for item in candidates(call)
        if item.created <= until and all(test(item) for test in tests) and words(text(item))
    ]
    if sort == "modified_at":
        matches.sort(key=lambda item: item.modified, reverse=direction == "DESC")
    else:
        matches = ordered(call, matches, "name", "ASC")
    paging, part = page_by_offset(call, matches, default=30, maximum=200)
    del paging["order"]
    view = call.view()
    entries: list[Doc] = [view.item(item, call.fields) for item in part]
    if call.query.get("include_recent_shared_links", "").lower() == "true":
        rows = [{"item": entry, "type": "search_result"} for entry in entries]
        return respond({**paging, "type": "search_results_with_shared_links", "entries": rows})
    return respond({**paging, "type": "search_results_items", "entries": entries})


def pin_doc(call: Call, pin: Doc) -> Doc:
    """Return a device pin as Box returns it."""
    owner = call.context.world.person(pin["user"])
    return {"type": "device_pinner", "id": pin["id"], "owned_by": owner, "product_name": pin["name"]}


async def pins(call: Call) -> Response:
    """`GET /enterprises/:id/device_pinners`: paged by markers, which are integers."""
    call.need_admin("manage_enterprise_properties")
    enterprise_id = call.request.path_params["id"]
    if enterprise_id != call.user["enterprise"]["id"]:
        raise not_found("enterprise", enterprise_id)
    limit = min(integer(call, "limit", 100, 1), 1000)
    marker = integer(call, "marker", 0, 0)
    direction = choice(call, "direction", "ASC", ("ASC", "DESC", "asc", "desc")).lower()
    pins_in_order = sorted(
        call.context.world.pins.values(), key=lambda pin: int(pin["id"]), reverse=direction == "desc"
    )
    if marker:
        pins_in_order = [
            pin
            for pin in pins_in_order
            if (int(pin["id"]) > marker) == (direction == "asc") and int(pin["id"]) != marker
        ]
    part = pins_in_order[:limit]
    paging: Doc = {"limit": limit, "order": [{"by": "id", "direction": direction}]}
    if len(pins_in_order) > limit:
        paging["next_marker"] = int(part[-1]["id"])
    return respond({**paging, "entries": [pin_doc(call, pin) for pin in part]})


async def pin(call: Call) -> Response:
    """`GET` and `DELETE /device_pinners/:id`."""
    call.need_admin("manage_enterprise_properties")
    pin_id = call.request.path_params["id"]
    match = call.context.world.pins.get(pin_id)
    if match is None:
        raise not_found("device_pinner", pin_id)
    if call.request.method == "GET":
        return respond(pin_doc(call, match))
    del call.context.world.pins[pin_id]
    call.context.state.change("pin", pin_id, None)
    source = call.context.world.person(match["user"])
    call.context.note(call.request, "REMOVE_DEVICE_ASSOCIATION", call.user["id"], source)
    return Response(status_code=204)


PATHS: dict[str, dict[str, Handler]] = {
    "/search": {"GET": search},
    "/enterprises/{id}/device_pinners": {"GET": pins},
    "/device_pinners/{id}": {"GET": pin, "DELETE": pin},
}
