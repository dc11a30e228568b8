"""Who can see what: each person's access to content, through ownership, invitations, groups and links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from boxnb.api import ids
from boxnb.api.arguments import truth
from boxnb.datasets import content as walks
from boxnb.datasets import people
from boxnb.datasets.seen_by_many import paths_of
from boxnb.frames.ancestors import ancestors
from boxnb.harvest import Harvest

from . import enterprise
from .folders_above import folders_above
from .shape import MEMBERSHIPS, Inputs, Rows, now, shaped

if TYPE_CHECKING:
    from boxnb.api.connection import Connection

ACCESS = {
    "login": "text",
    "name": "text",
    "is_external": "boolean",
    "is_active": "boolean",
    "item_type": "category",
    "item_name": "text",
    "path": "text",
    "role": "category",
    "via": "category",
    "through": "text",
    "until": "time",
    "other_ways": "text",
    "has_access_above": "boolean",
    "user_id": "text",
    "item_id": "text",
    "collaboration_id": "text",
}
VISIBLE = {
    "type": "category",
    "name": "text",
    "path": "text",
    "size": "integer",
    "owner_login": "text",
    "role": "category",
    "via": "category",
    "through": "text",
    "until": "time",
    "begins_at": "text",
    "begins_at_id": "text",
    "id": "text",
}
ROLES = [
    *("owner", "co-owner", "editor", "viewer uploader", "viewer"),
    *("previewer uploader", "previewer", "uploader"),
]
"""Box's roles, from the one that allows most to the one that allows least."""

ANYONE = "(anyone with the link)"
EVERYONE = "(everyone in the enterprise, with the link)"
MEMBERS = "(members of a group that cannot be read)"
"""These three logins stand for several people."""

SHARED = """type id name parent_id owned_by_id owned_by_login owned_by_name shared_link_access
    shared_link_effective_access shared_link_unshared_at shared_link_is_password_enabled
    shared_link_can_download shared_link_can_edit shared_link_url"""
FOUND = "has_collaborations ownership seen_as depth path"
INVITED = "id status role item_type item_id who who_id who_name login expires_at is_expired"
GRANT = ["item_type", "item_id", "user_id", "login", "name", "role", "via", "through", "until", "id"]


def access(
    box: Connection,
    of: str | Rows | None = None,
    *,
    collaborations: Rows | None = None,
    files: bool = True,
    as_user: str | None = None,
) -> pd.DataFrame:
    """
    List who can see content: one row per person and item at which that person's access begins.

    Access to a folder is access to everything below it, so a person has no rows for the items below, unless something there
    gives access again. The folders above ``of`` are included, because access to them is access to it. Groups are replaced by
    their members. Pending invitations and whatever has expired give no access. An admin can open content in the Admin Console
    without any of this, so the report does not list admins as such.

    Parameters
    ----------
    box : Box
    of : str or DataFrame, optional
        The id of a folder, which boxnb walks, or a DataFrame from ``box.tree`` or :func:`boxnb.reports.content`, or some of
        its rows; by default all content.
    collaborations : DataFrame, optional
        From :func:`boxnb.reports.collaborations`, for the same content and the folders above it. By default, boxnb pulls
        them, with one call for each item that Box flags as having collaborators.
    files : bool
        Read the collaborations on single files. Box flags every file below a shared folder, so this takes most of the calls.
        Without them, the report is not complete.
    as_user : str, optional
        Walk the folder as this user.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`ACCESS`. ``role`` is the strongest role that the person has at this item, ``via`` is ``owner``,
        ``invitation``, ``group`` or ``link``, ``through`` names the group or says what the link needs, and ``until`` is when
        this role ends, in UTC. ``other_ways`` lists further roles at the same item. ``is_active`` is False for suspended
        users, who cannot sign in, and missing for anyone who is not a user of the enterprise. ``has_access_above`` is True if
        the person can also see a folder above the item. A link has a row of its own, with ``(anyone with the link)`` or
        ``(everyone in the enterprise, with the link)`` as its login, and so has a group whose members cannot be read. ``attrs["skipped"]`` lists what could not be seen.

    Raises
    ------
    NotFoundError, ForbiddenError
        The folder cannot be listed.
    """
    files = truth(files, "files")
    inputs = Inputs("access")
    if of is None or isinstance(of, pd.DataFrame | Harvest):
        items = enterprise.items(inputs, box, of, SHARED, FOUND)
    else:
        walk = walks.tree(box, ids.one(of, "of", "folder"), as_user=as_user)
        of = _with_start(box, walk, as_user)
        inputs.record_source(of)
        items = enterprise.items(Inputs("access"), box, of, SHARED, FOUND)
    users = people.users(box)
    inputs.record_source(users)
    above = folders_above(box, items, users)
    inputs.record_source(above)
    everything = _with_above(items, above)
    invitations = inputs.take(
        enterprise.invited(inputs, box, collaborations),
        lambda: enterprise.collaborations(box, of=everything, flagged=True, files=files),
        INVITED,
        enterprise.INVITATIONS,
        "reports.collaborations",
    )
    if collaborations is None and not files:
        inputs.miss("the collaborations on single files were not read, because of files=False")
    known = set(everything["type"].astype("str") + everything["id"])
    invitations = invitations[(invitations["item_type"].astype("str") + invitations["item_id"]).isin(known)]
    grants = [_owners(everything), _invitations(inputs, box, invitations), _links(everything, now(box))]
    rows = _by_person_and_item(pd.concat(grants, ignore_index=True), everything, users)
    parents = above["parent_id"].astype("object").where(above["parent_id"].notna(), None)
    return shaped(rows, ACCESS, inputs, above=dict(zip(above["id"], parents, strict=True)))


def _with_start(box: Connection, walk: pd.DataFrame, as_user: str | None) -> pd.DataFrame:
    """Return a walk as if it had started in the folder above. The folder itself is read with the folders above it."""
    if not len(walk) and (folder_id := walk.attrs["query"]["folder_id"]) != "0":
        alone = walks.folder(box, folder_id, as_user=as_user)
        alone.attrs = {**walk.attrs}
        return alone
    return walk


def _with_above(items: pd.DataFrame, above: pd.DataFrame) -> pd.DataFrame:
    """Return all items once, with their whole paths as far as these folders are known."""
    columns = [name for name in items.columns if name in above.columns]
    rows = pd.concat([above[columns], items], ignore_index=True)
    rows = rows[rows["id"].notna()].drop_duplicates(["type", "id"]).reset_index(drop=True)
    paths = paths_of(rows)
    known = [paths.get(parent, ("", 1)) for parent in rows["parent_id"].astype("object")]
    rows["path"] = pd.Series([path for path, _ in known], dtype="str")
    rows["depth"] = pd.Series([depth for _, depth in known], dtype="Int64")
    rows.attrs = {"complete": True}  # what is missing from the walk is already recorded
    return rows


def _owners(items: pd.DataFrame) -> pd.DataFrame:
    """Return one row for the owner of each item whose parent folder has another owner or is not known."""
    folders = items[items["type"] == "folder"]
    owner_above = items["parent_id"].map(dict(zip(folders["id"], folders["owned_by_id"], strict=True)))
    begins = items["owned_by_id"].notna() & (
        owner_above.isna() | (owner_above.astype("str") != items["owned_by_id"])
    )
    rows = items[begins]
    return _grants(
        item_type=rows["type"].astype("str"),
        item_id=rows["id"],
        user_id=rows["owned_by_id"],
        login=rows["owned_by_login"],
        name=rows["owned_by_name"],
        role="owner",
        via="owner",
    )


def _invitations(inputs: Inputs, box: Connection, invitations: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each invited user, and for each member of an invited group."""
    valid = invitations[
        (invitations["status"] == "accepted") & ~invitations["is_expired"].fillna(False).astype(bool)
    ]
    groups = valid[valid["who"] == "group"]
    group_ids = groups["who_id"].dropna().unique().tolist()
    names = "group_id user_id user_login user_name"
    members = inputs.take(None, lambda: people.members(box, group_ids), names, MEMBERSHIPS, "box.memberships")
    pairs = groups.merge(members, left_on="who_id", right_on="group_id", how="left")
    is_empty = pairs["group_id"].isna()
    unread = {str(entry.get("id")) for entry in inputs.skipped}
    pairs = pairs[~is_empty | pairs["who_id"].isin(unread)]  # a group without members gives nobody access
    users = valid[valid["who"] != "group"]
    columns = ("item_type", "item_id", "role", "id")
    by_user = _grants(
        **{name: users[name] for name in columns},
        user_id=users["who_id"],
        login=users["login"],
        name=users["who_name"],
        via="invitation",
        until=users["expires_at"],
    )
    by_group = _grants(
        **{name: pairs[name] for name in columns},
        user_id=pairs["user_id"],
        login=pairs["user_login"].where(pairs["group_id"].notna(), MEMBERS),
        name=pairs["user_name"],
        via="group",
        through=pairs["who_name"],
        until=pairs["expires_at"],
    )
    return pd.concat([by_user, by_group], ignore_index=True)


def _links(items: pd.DataFrame, when: pd.Timestamp) -> pd.DataFrame:
    """Return one row for each shared link that gives access to people who have none yet."""
    level = items["shared_link_effective_access"].astype("str")
    level = level.fillna(items["shared_link_access"].astype("str"))
    ends = items["shared_link_unshared_at"]
    opens = items["shared_link_url"].notna() & level.isin(["open", "company"]) & ~(ends <= when).fillna(False)
    rows, level = items[opens], level[opens]
    edits, downloads = (
        rows["shared_link_can_edit"].fillna(False),
        rows["shared_link_can_download"].fillna(False),
    )
    role = pd.Series("previewer", index=rows.index).mask(downloads.astype(bool), "viewer")
    password = rows["shared_link_is_password_enabled"].fillna(False).astype(bool)
    return _grants(
        item_type=rows["type"].astype("str"),
        item_id=rows["id"],
        login=pd.Series(EVERYONE, index=rows.index).mask(level == "open", ANYONE),
        role=role.mask(edits.astype(bool), "editor"),
        via="link",
        through=pd.Series("link", index=rows.index).mask(password, "link with a password"),
        until=rows["shared_link_unshared_at"],
    )


def _grants(**columns: Any) -> pd.DataFrame:
    rows = pd.DataFrame(columns).reindex(columns=GRANT).astype("object")
    rows["until"] = pd.to_datetime(rows["until"], utc=True).astype("datetime64[us, UTC]")
    return rows


def _by_person_and_item(grants: pd.DataFrame, items: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    """Return one row per person and item, with the strongest role there, and what is known of the person and the item."""
    rows = grants[grants["item_id"].notna()].copy()
    rows["person"] = rows["user_id"].fillna(rows["login"].astype("str").str.lower())
    rows = rows[rows["person"].notna()]
    rank = {role: number for number, role in enumerate(ROLES)}
    rows["rank"] = rows["role"].map(rank).fillna(len(ROLES))
    rows = rows.sort_values(["rank", "until"], ascending=[True, False], na_position="first", kind="stable")
    keys = ["item_type", "item_id", "person"]
    is_first = ~rows.duplicated(keys)
    others = rows[~is_first]
    described = [
        _way(*values) for values in others[["role", "via", "through", "until"]].itertuples(index=False)
    ]
    other_ways = pd.Series(described, index=pd.MultiIndex.from_frame(others[keys]), dtype="object")
    joined = other_ways.groupby(level=[0, 1, 2], sort=False).agg("; ".join) if len(others) else other_ways
    rows = rows[is_first].reset_index(drop=True)
    rows["other_ways"] = joined.reindex(pd.MultiIndex.from_frame(rows[keys])).to_numpy()
    rows["collaboration_id"] = rows["id"]
    return _described(rows, items, users).sort_values(["path", "item_name", "rank", "login"], kind="stable")


def _way(role: str, via: str, through: Any, until: Any) -> str:
    """Describe one way to an item: ``viewer through the group Sales until 2027-01-31``."""
    what = "a link" if via == "link" else f"the group {through}" if via == "group" else f"an {via}"
    what = "ownership" if via == "owner" else what
    end = "" if pd.isna(until) else f" until {until:%Y-%m-%d}"
    return f"{role} through {what}{end}"


def _described(rows: pd.DataFrame, items: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    key = ["type", "id"]
    known = items.set_index(pd.MultiIndex.from_frame(items[key].astype("str")))
    item = known.reindex(pd.MultiIndex.from_frame(rows[["item_type", "item_id"]].astype("str")))
    rows["item_name"], rows["path"] = item["name"].to_numpy(), item["path"].to_numpy()
    by_id = users.drop_duplicates("id").set_index("id")
    by_login = dict(zip(users["login"].str.lower(), users["id"], strict=True))
    managed = rows["user_id"].where(
        rows["user_id"].isin(by_id.index), rows["login"].astype("str").str.lower().map(by_login)
    )
    rows["user_id"] = managed.fillna(rows["user_id"])
    rows["login"] = rows["login"].fillna(managed.map(by_id["login"]))
    rows["name"] = managed.map(by_id["name"]).fillna(rows["name"])
    status = managed.map(by_id["status"].astype("str"))
    rows["is_active"] = (status != "inactive").astype("boolean").mask(managed.isna())
    unknown = rows["login"].isin([MEMBERS])
    rows["is_external"] = (managed.isna() & (rows["login"] != EVERYONE)).astype("boolean").mask(unknown)
    folders = items[items["type"] == "folder"]
    parents = dict(zip(folders["id"], folders["parent_id"], strict=True))
    parent_of = dict(zip(items["type"].astype("str") + items["id"], items["parent_id"], strict=True))
    begins = set(zip(rows["person"], rows["item_id"].where(rows["item_type"] == "folder"), strict=True))
    chains = {item: ancestors(parent, parents) for item, parent in parent_of.items()}
    rows["has_access_above"] = [
        any((person, folder) in begins for folder in chains.get(f"{item_type}{item_id}", ()))
        for person, item_type, item_id in zip(rows["person"], rows["item_type"], rows["item_id"], strict=True)
    ]
    return rows


def visible_to(
    box: Connection,
    who: str,
    *,
    of: Rows | None = None,
    rows: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    List everything that one person can see, one row per item, topmost first.

    The report counts ownership, invitations and groups. It does not count links, which a person must know first, and the role of
    an admin. To look up several people, make the access once and pass it as ``rows``.

    Parameters
    ----------
    box : Box
    who : str
        The login or the id of anyone, also of someone outside the enterprise.
    of : DataFrame, optional
        From :func:`boxnb.reports.content` or ``box.tree``; all content is walked by default.
    rows : DataFrame, optional
        From :func:`access`, for the same content.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`VISIBLE`: ``role``, ``via``, ``through`` and ``until`` as in :func:`access`, for the strongest role
        that reaches the item, and ``begins_at``, the name of the item or of the folder above it that gives this role.
    """
    who = ids.login_or_id(who, "who")
    inputs = Inputs("visible_to")
    content = enterprise.content(box) if of is None else of
    items = enterprise.items(inputs, box, content, "type id name parent_id owned_by_login", "size path")
    items = items[items["id"].notna()].drop_duplicates(["type", "id"])
    names = "login role via through until user_id item_type item_id item_name"
    all_rows = inputs.take(rows, lambda: access(box, content), names, ACCESS, "reports.access")
    is_person = (all_rows["user_id"] == who) | (all_rows["login"].str.lower() == who.lower())
    own = all_rows[is_person & (all_rows["via"] != "link")].reset_index(drop=True)
    best = {
        (kind, item): number
        for number, (kind, item) in enumerate(zip(own["item_type"], own["item_id"], strict=True))
    }
    rank = own["role"].map({role: number for number, role in enumerate(ROLES)}).fillna(len(ROLES)).tolist()
    folders = items[items["type"] == "folder"]
    parents = dict(zip(folders["id"], folders["parent_id"], strict=True))
    parents = {**(all_rows.attrs.get("above") or {}), **parents}
    by_folder: dict[Any, list[int]] = {}

    def through_folders(folder: Any) -> list[int]:
        if folder not in by_folder:
            chain = ancestors(folder, parents)
            by_folder[folder] = [best["folder", entry] for entry in chain if ("folder", entry) in best]
        return by_folder[folder]

    chosen = []
    for kind, item, parent in zip(items["type"].astype("str"), items["id"], items["parent_id"], strict=True):
        ways = [best[kind, item]] if (kind, item) in best else []
        ways = [*ways, *through_folders(parent)]
        chosen.append(min(ways, key=lambda number: rank[number]) if ways else -1)
    visible = items.assign(way=chosen)
    visible = visible[visible["way"] >= 0].reset_index(drop=True)
    way = own.loc[visible["way"]].reset_index(drop=True)
    for name in ("role", "via", "through", "until"):
        visible[name] = way[name]
    visible["begins_at"], visible["begins_at_id"] = way["item_name"], way["item_id"]
    visible["owner_login"] = visible["owned_by_login"]
    return shaped(visible.sort_values(["path", "name"], kind="stable"), VISIBLE, inputs, who=who)
