"""Estimate how many calls a pull will take, and say how certain the estimate is."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..api import ids as api_ids
from ..api.arguments import choice, text
from ..api.rate_limit import LIMITS
from ..errors import ArgumentError
from ..frames.pages import at, whole_number

if TYPE_CHECKING:
    from ..api.connection import Connection

PER_PAGE = {"users": 1000, "groups": 1000, "items": 1000, "device_pins": 1000, "search": 200, "events": 500}


class Estimate(NamedTuple):
    """The estimated cost of a pull.

    Attributes
    ----------
    dataset : str
    calls : int or None
        API calls; ``None`` if unknown.
    certainty : {"exact", "at least", "about", "unknown"}
    why : str
        One sentence that says how it was estimated.
    spent : int
        The calls made for the estimate.
    """

    dataset: str
    calls: int | None
    certainty: Literal["exact", "at least", "about", "unknown"]
    why: str
    spent: int = 0

    @property
    def minutes(self) -> float | None:
        """The minutes that the pull takes at Box's rate limit; a slow network adds to that."""
        limit = LIMITS["search" if self.dataset == "search" else "general"]
        return None if self.calls is None else self.calls / limit.calls

    def __repr__(self) -> str:
        return self._text()

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self._text())}</p>"

    def _text(self) -> str:
        if self.calls is None:
            return f"{self.dataset}: unknown. {self.why}"
        amount = f"{self.certainty} {self.calls} call{'s' if self.calls != 1 else ''}"
        minutes = self.minutes or 0.0
        time = "less than a minute" if minutes < 1 else f"{minutes:.0f} minutes or more"
        return f"{self.dataset}: {amount}, {time}. {self.why}"


def estimate(box: Connection, dataset: str, **arguments: Any) -> Estimate:
    """
    Estimate how many calls ``box.<dataset>(**arguments)`` will take.

    Users, groups and the items of a folder are counted with one small call. Events and the folders of a walk cannot be
    counted, so the estimate is the cost of the profile's last pull. Without an earlier pull, it is unknown for events, and
    a minimum for a walk, based on its first folder.

    Parameters
    ----------
    box : Box
    dataset : str
        The name of a method of ``box``.
    **arguments
        The arguments of the pull.

    Returns
    -------
    Estimate

    Raises
    ------
    ArgumentError
        The dataset does not exist, or one of its arguments is wrong.
    """
    dataset = text(dataset, "dataset")
    if dataset.startswith("_") or not callable(getattr(type(box), dataset, None)):
        raise ArgumentError(
            f"There is no dataset {dataset!r}. Use the name of a method of box, such as 'users' or 'tree'."
        )
    last = box.session.ledger.recall(dataset)
    folder = api_ids.one(arguments.get("folder_id", "0"), "folder_id", "folder")
    if dataset in ("me", "user", "folder", "file"):
        return Estimate(dataset, 1, "exact", "One object takes one call.")
    if dataset in ("users", "groups"):
        return _estimate_from_count(box, dataset, f"/{dataset}", arguments)
    if dataset == "items":
        return _estimate_from_count(box, dataset, f"/folders/{folder}/items", arguments)
    if dataset == "memberships":
        by = choice(arguments.get("by", "group"), "by", ("group", "user"))
        ids = arguments.get("ids")
        if ids is not None:
            ids = api_ids.many(ids, "ids", "user" if by == "user" else "group")
            return Estimate(
                dataset,
                len(ids),
                "at least",
                f"One call for each {by}, and more for any that has over 1000 memberships.",
            )
        counted = _estimate_from_count(box, dataset, f"/{by}s", {})
        calls = _total(box, f"/{by}s") + (counted.calls or 0)
        return Estimate(
            dataset, calls, "at least", f"One call for each {by}, and the calls for listing them.", 2
        )
    if dataset in ("tree", "shared_links"):
        if last:
            return Estimate(
                dataset, last["calls"], "about", f"The last walk of this profile took {last['calls']} calls."
            )
        response = box.get(f"/folders/{folder}/items", limit=1000, fields="type", **_as_user(arguments))
        entries = response.get("entries") if isinstance(response, dict) else None
        folders = sum(
            at(entry, ("type",)) == "folder" for entry in (entries if isinstance(entries, list) else [])
        )
        why = f"The folder directly contains {folders} folders; how many are below them is not known in advance."
        return Estimate(dataset, folders + 1, "at least", why, 1)
    if last:
        return Estimate(
            dataset,
            last["calls"],
            "about",
            f"The last pull took {last['calls']:,} call{'s' * (last['calls'] != 1)} for {last['rows']:,} rows.",
        )
    return Estimate(
        dataset,
        None,
        "unknown",
        "The server cannot count the rows in advance, and this profile has not pulled this dataset yet.",
    )


def _as_user(arguments: dict[str, Any]) -> dict[str, Any]:
    as_user = api_ids.as_user(arguments.get("as_user"))
    return {} if as_user is None else {"as_user": as_user}


def _total(box: Connection, path: str, **params: Any) -> int:
    return whole_number(at(box.get(path, limit=1, **params), ("total_count",))) or 0


def _estimate_from_count(box: Connection, dataset: str, path: str, arguments: dict[str, Any]) -> Estimate:
    params = {name: value for name, value in arguments.items() if name in ("user_type", "filter_term")}
    rows = _total(box, path, **params, **_as_user(arguments))
    calls = max(1, -(-rows // PER_PAGE.get(dataset, 1000)))
    certainty: Literal["exact", "at least"] = "exact" if rows <= 10_000 or dataset != "users" else "at least"
    return Estimate(
        dataset,
        calls,
        certainty,
        f"The server counts {rows:,} rows and returns {PER_PAGE.get(dataset, 1000)} per page.",
        1,
    )
