"""`/search` and the device pins (box-facts 4.8, 4.9).

The index lags ten minutes behind, as people observe at Box. Words match the beginnings of words of a name,
description or tag; file contents and comments are not searched, for there are none.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.responses import Response

from ..company import times
from ..company.people import Doc
from ..company.tree import Item
from ..errors import client_error, forbidden, invalid, not_found
from .call import Call, Handler, answer, integer, page_by_offset
from .folders import ordered

LAG = 600.0
WORD = re.compile(r"\w+")
PART = re.compile(r'"([^"]*)"|(\S+)')
Test = Callable[[str], bool]


def phrase(text: str) -> Test:
    """Does a text contain these words in this order?"""
    wanted = " ".join(WORD.findall(text.casefold()))
    return lambda found: f" {wanted} " in f" {' '.join(WORD.findall(found.casefold()))} "


def word(text: str) -> Test:
    """Does a text have words that begin like these?"""
    wanted = WORD.findall(text.casefold())

    def test(found: str) -> bool:
        words = WORD.findall(found.casefold())
        return all(any(one.startswith(start) for one in words) for start in wanted)

    return test if wanted else lambda found: text.casefold() in found.casefold()


def opposite(test: Test) -> Test:
    """The other way round."""
    return lambda found: not test(found)


def asked(query: str) -> Test:
    """The test a query stands for: words and "phrases" joined by AND (also when nothing is said), OR, NOT."""
    ways: list[list[Test]] = [[]]
    negated = False
    for quoted, plain in PART.findall(query):
        if plain == "OR":
            ways.append([])
        elif plain == "NOT":
            negated = True
        elif plain != "AND":
            test = word(plain) if plain else phrase(quoted)
            ways[-1].append(opposite(test) if negated else test)
            negated = False
    ways = [way for way in ways if way]
    return lambda found: any(all(test(found) for test in way) for way in ways)


def listed(call: Call, name: str) -> list[str]:
    """A comma list of the query."""
    return [part.strip() for part in call.query.get(name, "").split(",") if part.strip()]


def span(call: Call, name: str, read: Callable[[str], float]) -> tuple[float, float] | None:
    """A range ``from,to`` of the query, either side may be blank; 400 when it is none."""
    text = call.query.get(name)
    if not text:
        return None
    low, comma, high = text.partition(",")
    try:
        found = (
            read(low.replace(" ", "+")) if low.strip() else float("-inf"),
            read(high.replace(" ", "+")) if high.strip() else float("inf"),
        )
    except ValueError:
        found = (1.0, 0.0)
    if not comma or found[0] > found[1]:
        raise invalid("invalid_parameter", name, f"Invalid value '{text}' for parameter '{name}'")
    return found


def choice(call: Call, name: str, default: str, allowed: tuple[str, ...]) -> str:
    """One of a few words; 400 for another."""
    found = call.query.get(name) or default
    if found not in allowed:
        raise invalid("invalid_parameter", name, f"Invalid value '{found}' for parameter '{name}'")
    return found


def trashed_by(item: Item) -> str:
    """Who threw an item away; in the practice company who last changed it."""
    found: str = item.extra.get("trashed_by", item.modified_by)
    return found


def filters(call: Call) -> list[Callable[[Item], bool]]:
    """What the query asks besides words."""
    tests: list[Callable[[Item], bool]] = []
    kind = call.query.get("type")
    if kind:
        choice(call, "type", "", ("file", "folder", "web_link"))
        tests.append(lambda item: item.kind == kind)
    extensions = {one.lower() for one in listed(call, "file_extensions")}
    if extensions:
        tests.append(lambda item: item.kind == "file" and item.name.rpartition(".")[2].lower() in extensions)
    owners = set(listed(call, "owner_user_ids"))
    if owners:
        tests.append(lambda item: item.owner in owners)
    updaters = set(listed(call, "recent_updater_user_ids"))
    if updaters:
        tests.append(lambda item: item.modified_by in updaters)
    created, updated = (
        span(call, "created_at_range", times.parse),
        span(call, "updated_at_range", times.parse),
    )
    deleted, size = span(call, "deleted_at_range", times.parse), span(call, "size_range", float)
    if created:
        tests.append(lambda item: created[0] <= item.created <= created[1])
    if updated:
        tests.append(lambda item: updated[0] <= item.modified <= updated[1])
    if deleted:
        tests.append(lambda item: item.trashed is not None and deleted[0] <= item.trashed <= deleted[1])
    deleters = set(listed(call, "deleted_user_ids"))
    if deleters:
        tests.append(lambda item: item.trashed is not None and trashed_by(item) in deleters)
    if size:
        tests.append(lambda item: item.kind != "web_link" and size[0] <= item.bytes_below() <= size[1])
    ancestors = [call.item("folder", one) for one in listed(call, "ancestor_folder_ids") if one != "0"]
    if ancestors:
        tests.append(lambda item: any(above in ancestors for above in list(item.up())[1:]))
    return tests


def text_of(call: Call) -> Callable[[Item], str]:
    """What of an item the words are looked for in."""
    kinds = listed(call, "content_types") or ["name", "description", "tags"]
    for kind in kinds:
        if kind not in ("name", "description", "file_content", "comments", "tags"):
            raise invalid("invalid_parameter", "content_types", f"Invalid value '{kind}' for 'content_types'")

    def text(item: Item) -> str:
        parts = [item.name] if "name" in kinds else []
        parts += [item.description] if "description" in kinds else []
        return " \n ".join([*parts, *(item.tags if "tags" in kinds else ())])

    return text


def candidates(call: Call) -> list[Item]:
    """What may be found at all: what the person sees, in the trash or not."""
    trash = choice(
        call, "trash_content", "non_trashed_only", ("non_trashed_only", "trashed_only", "all_items")
    )
    view, world = call.view(), call.core.world
    if trash == "non_trashed_only" and not call.everything:
        return list(world.access.reachable(view.user, view.now))
    found = (item for item in world.tree.everything() if view.sees(item))
    wanted = {"non_trashed_only": (False,), "trashed_only": (True,), "all_items": (False, True)}[trash]
    return [item for item in found if item.is_trashed() in wanted]


async def search(call: Call) -> Response:
    """`GET /search`."""
    call.reads()
    call.core.limits.check_search(call.user["id"])
    query = call.query.get("query", "")
    if call.query.get("mdfilters"):
        raise client_error(
            501, "not_implemented", "The boxnb sandbox does not have 'mdfilters' of /2.0/search"
        )
    if not query.strip():
        raise invalid("missing_parameter", "query", "'query' or 'mdfilters' is required")
    scope = choice(call, "scope", "user_content", ("user_content", "enterprise_content"))
    if scope == "enterprise_content" and not call.everything:
        raise forbidden()
    sort = choice(call, "sort", "relevance", ("relevance", "modified_at"))
    direction = choice(call, "direction", "DESC", ("DESC", "ASC"))
    words, text, tests = asked(query), text_of(call), filters(call)
    until = call.view().now - LAG
    found = [
        item
        for item in candidates(call)
        if item.created <= until and all(test(item) for test in tests) and words(text(item))
    ]
    if sort == "modified_at":
        found.sort(key=lambda item: item.modified, reverse=direction == "DESC")
    else:
        found = ordered(call, found, "name", "ASC")
    frame, part = page_by_offset(call, found, default=30, maximum=200)
    del frame["order"]
    view = call.view()
    entries: list[Doc] = [view.item(item, call.fields) for item in part]
    if call.query.get("include_recent_shared_links", "").lower() == "true":
        rows = [{"item": one, "type": "search_result"} for one in entries]
        return answer({**frame, "type": "search_results_with_shared_links", "entries": rows})
    return answer({**frame, "type": "search_results_items", "entries": entries})


def pin_doc(call: Call, pin: Doc) -> Doc:
    """A device pin as Box answers it."""
    owner = call.core.world.person(pin["user"])
    return {"type": "device_pinner", "id": pin["id"], "owned_by": owner, "product_name": pin["name"]}


async def pins(call: Call) -> Response:
    """`GET /enterprises/:id/device_pinners`; markers are integers."""
    call.need_admin("manage_enterprise_properties")
    wanted = call.request.path_params["id"]
    if wanted != call.user["enterprise"]["id"]:
        raise not_found("enterprise", wanted)
    limit = min(integer(call, "limit", 100, 1), 1000)
    marker = integer(call, "marker", 0, 0)
    direction = choice(call, "direction", "ASC", ("ASC", "DESC", "asc", "desc")).lower()
    found = sorted(call.core.world.pins.values(), key=lambda pin: int(pin["id"]), reverse=direction == "desc")
    if marker:
        found = [
            pin
            for pin in found
            if (int(pin["id"]) > marker) == (direction == "asc") and int(pin["id"]) != marker
        ]
    part = found[:limit]
    frame: Doc = {"limit": limit, "order": [{"by": "id", "direction": direction}]}
    if len(found) > limit:
        frame["next_marker"] = int(part[-1]["id"])
    return answer({**frame, "entries": [pin_doc(call, pin) for pin in part]})


async def pin(call: Call) -> Response:
    """`GET` and `DELETE /device_pinners/:id`."""
    call.need_admin("manage_enterprise_properties")
    wanted = call.request.path_params["id"]
    found = call.core.world.pins.get(wanted)
    if found is None:
        raise not_found("device_pinner", wanted)
    if call.request.method == "GET":
        return answer(pin_doc(call, found))
    del call.core.world.pins[wanted]
    call.core.state.change("pin", wanted, None)
    source = call.core.world.person(found["user"])
    call.core.note(call.request, "REMOVE_DEVICE_ASSOCIATION", call.user["id"], source)
    return Response(status_code=204)


PATHS: dict[str, dict[str, Handler]] = {
    "/search": {"GET": search},
    "/enterprises/{id}/device_pinners": {"GET": pins},
    "/device_pinners/{id}": {"GET": pin, "DELETE": pin},
}
