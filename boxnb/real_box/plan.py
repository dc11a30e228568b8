"""The reads of one run, which together try each dataset, way of paging and error once, and what boxnb expects of each."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from ..frames import schema
from .answers import Answer, Probe

MISSING_ID = "999999999999999"
"""The id of a folder that nobody has."""
PAGE, FULL = 2, 1000
SCOPE = {403: "the app lacks the scope, or the enterprise has no licence for this"}
ADMIN = {403: "the user is not an admin, or the app lacks the scope"}
FIELDS = {
    "users": schema.fields(schema.USERS),
    "groups": schema.fields(schema.GROUPS),
    "items": schema.fields(schema.ITEMS),
    "versions": schema.fields(schema.VERSIONS),
    "collaborations": schema.fields(schema.COLLABORATIONS),
}
GOVERNANCE = (
    "/webhooks",
    "/retention_policies",
    "/metadata_templates/enterprise",
    "/terms_of_services",
)
OPERATIONS = (
    "/users/me",
    "/users",
    "/users/{user_id}",
    "/users/{user_id}/memberships",
    "/groups",
    "/groups/{group_id}/memberships",
    "/groups/{group_id}/collaborations",
    "/enterprises/{enterprise_id}/device_pinners",
    "/folders/{folder_id}",
    "/folders/{folder_id}/items",
    "/folders/{folder_id}/collaborations",
    "/folders/trash/items",
    "/files/{file_id}",
    "/files/{file_id}/versions",
    "/search",
    "/events",
    "/shield_lists",
    *GOVERNANCE,
)
"""The operations of Box's description that the reads call."""

Ask = Callable[[Probe], Answer | None]
Skip = Callable[[str, str], None]
Doc = dict[str, Any]


class Plan:
    """The reads of one run. `ask` makes one and returns its answer; `skip` notes what could not be checked, and why.

    Parameters
    ----------
    since : str
        The time from which admin events are read.
    """

    def __init__(self, ask: Ask, skip: Skip, since: str) -> None:
        self.ask, self.skip, self.since = ask, skip, since

    def run(self, has_old_token: bool) -> None:
        """Make all reads. The old access token is tried before and after the first call with the new one."""
        me = "/users/me"
        if has_old_token:
            claim = "after a refresh, the old access token works until the new one is used (RotatingAuth)"
            self.get("the old access token, before the new one is used", me, claim, token="old")
        user = self.doc_of(
            self.get(
                "the user who signed in", me, "box.me()", {"fields": FIELDS["users"]}, columns=schema.USERS
            )
        )
        if has_old_token:
            claim = "after the first call with a new access token, the old one is refused (RotatingAuth)"
            self.get(
                "the old access token, after the new one was used", me, claim, expect=(401,), token="old"
            )
        else:
            self.skip("the old access token", "It had expired before the refresh, or there was no refresh.")
        self.versions()
        self.users(user)
        self.groups(user)
        self.pins(user)
        self.content()
        self.events()
        self.errors()
        self.governance()

    def get(
        self, name: str, operation: str, claim: str, params: Doc | None = None, *, path: str = "", **rest: Any
    ) -> Answer | None:
        """Make one read. With `columns`, the claim is the dataset that has them."""
        dataset = claim.partition(" by ")[0] if "columns" in rest else ""
        return self.ask(
            Probe(name, operation, path or operation, claim, params or {}, dataset=dataset, **rest)
        )

    def doc_of(self, answer: Answer | None) -> Doc:
        """Return the object in a successful response; empty otherwise."""
        return answer.doc if answer is not None and answer.ok and isinstance(answer.doc, dict) else {}

    def versions(self) -> None:
        """Send headers with versions of the API: the usual one, one that does not exist, and where one is needed."""
        claim, me, lists = "box-version, for later versions of the API", "/users/me", "/shield_lists"
        self.get("with box-version 2024.0", me, claim, headers={"box-version": "2024.0"})
        unknown = {"box-version": "1999.0"}
        self.get("with a box-version that does not exist", me, claim, headers=unknown, expect=(400,))
        self.get("Shield lists without box-version", lists, claim, expect=(400,))
        later = {"box-version": "2025.0"}
        self.get("Shield lists with box-version 2025.0", lists, claim, headers=later, optional=SCOPE)

    def users(self, me: Doc) -> None:
        """List users by offset, by marker and as a whole; then one user, and as another user."""
        users = self.offset_pages("users", "/users", "box.users()", "users", schema.USERS, optional=ADMIN)
        self.marker_pages("users", "/users", "box.users()", "users", schema.USERS, optional=ADMIN)
        term = {"filter_term": me.get("login") or "a", "fields": "name"}
        self.get("users, filtered by a login", "/users", "box.users(filter_term=...)", term, optional=ADMIN)
        other = next((user.get("id") for user in users if user.get("id") != me.get("id")), None)
        if other is None:
            self.skip("one user, and As-User", "The enterprise does not have another user.")
            return
        one = "/users/{user_id}"
        self.get(
            "one user, with the default fields",
            one,
            "box.user()",
            path=f"/users/{part(other)}",
            optional=ADMIN,
        )
        optional = {403: "the app may not act as other users, or this admin may not"}
        headers, fields = {"As-User": str(other)}, {"fields": "name,login"}
        claim = "As-User (as_user= of the datasets)"
        self.get("the user in As-User", "/users/me", claim, fields, headers=headers, optional=optional)

    def groups(self, me: Doc) -> None:
        """List groups by offset, and the memberships of a group and of a user."""
        groups = self.offset_pages(
            "groups", "/groups", "box.groups()", "groups", schema.GROUPS, optional=ADMIN
        )
        if not groups:
            self.skip("memberships", "The enterprise does not have a group.")
            return
        for by, of in (("group", groups[0]), ("user", me)):
            self.get(
                f"memberships of a {by}",
                f"/{by}s/{{{by}_id}}/memberships",
                f'box.memberships(by="{by}")',
                {"limit": FULL},
                path=f"/{by}s/{part(of.get('id'))}/memberships",
                columns=schema.MEMBERSHIPS,
                optional=ADMIN,
            )
        operation, path = (
            "/groups/{group_id}/collaborations",
            f"/groups/{part(groups[0].get('id'))}/collaborations",
        )
        query = {"fields": FIELDS["collaborations"], "limit": FULL}
        claim = 'box.collaborations(kind="group")'
        rest: Doc = {"columns": schema.COLLABORATIONS, "optional": ADMIN}
        self.get("collaborations of a group", operation, claim, query, path=path, **rest)

    def pins(self, me: Doc) -> None:
        """List device pins, in two pages by marker."""
        enterprise = me.get("enterprise")
        enterprise_id = enterprise.get("id") if isinstance(enterprise, dict) else None
        if enterprise_id is None:
            self.skip("device pins", "The user does not belong to an enterprise.")
            return
        operation, path = (
            "/enterprises/{enterprise_id}/device_pinners",
            f"/enterprises/{part(enterprise_id)}/device_pinners",
        )
        self.marker_pages(
            "device pins", operation, "box.device_pins()", "", schema.DEVICE_PINS, path=path, optional=ADMIN
        )

    def content(self) -> None:
        """Walk a few folders, and read a folder, a file, its versions, collaborations, the trash and a search."""
        one, listing, name = "/folders/{folder_id}", "/folders/{folder_id}/items", "items of the top folder"
        top = "/folders/0/items"
        self.get("the top folder, with the default fields", one, "box.folder()", path="/folders/0")
        found = self.offset_pages(name, listing, "box.items()", "items", schema.ITEMS, path=top)
        self.marker_pages(name, listing, "box.items()", "items", schema.ITEMS, path=top)
        size = {"fields": "size", "limit": 100}
        self.get(f"{name}, with one field", listing, "fields= of box.frame()", size, path=top)
        folders = [entry for entry in found if entry.get("type") == "folder"]
        # Prefer folders that were shared, and then the largest: they have the most to compare.
        folders.sort(key=lambda entry: (not entry.get("has_collaborations"), -number(entry.get("size"))))
        by_date = {"fields": FIELDS["items"], "limit": FULL, "sort": "date", "direction": "DESC"}
        for count, folder in enumerate(folders[:2], 1):
            path = f"/folders/{part(folder.get('id'))}/items"
            answer = self.get(
                f"items of folder {count}", listing, "box.tree()", by_date, path=path, columns=schema.ITEMS
            )
            found = [*found, *(answer.objects() if answer is not None and answer.ok else [])]
        self.folder(folders)
        files = [entry for entry in found if entry.get("type") == "file"]
        self.file(files)
        trash = {"usemarker": "true", "limit": 20, "fields": FIELDS["items"]}
        self.get("the trash", "/folders/trash/items", "box.trash()", trash, columns=schema.ITEMS)
        query = {"query": word_of(files), "type": "file", "limit": 5, "fields": FIELDS["items"]}
        self.get("a search for files", "/search", "box.search()", query, columns=schema.ITEMS)

    def folder(self, folders: list[Doc]) -> None:
        """Read one folder, ask whether it has changed, and list its collaborations."""
        if not folders:
            self.skip("one folder, its etag and its collaborations", "The top folder has no folders.")
            return
        one, path = "/folders/{folder_id}", f"/folders/{part(folders[0].get('id'))}"
        self.get("one folder, with the default fields", one, "box.folder()", path=path)
        claim = "If-None-Match returns 304 for a folder that has not changed"
        headers = {"If-None-Match": str(folders[0].get("etag"))}
        self.get("one folder, if it has changed", one, claim, path=path, headers=headers, expect=(304,))
        operation, path = "/folders/{folder_id}/collaborations", f"{path}/collaborations"
        for name, limit in (
            ("collaborations of a folder, all", FULL),
            ("collaborations of a folder, one", 1),
        ):
            query = {"fields": FIELDS["collaborations"], "limit": limit}
            self.get(name, operation, "box.collaborations()", query, path=path, columns=schema.COLLABORATIONS)

    def file(self, files: list[Doc]) -> None:
        """Read one file and its versions; one that has several versions, if there is one."""
        if not files:
            self.skip("one file and its versions", "The first folders have no files.")
            return
        files.sort(key=lambda entry: str(entry.get("version_number")) in ("1", "None"))
        one, path = "/files/{file_id}", f"/files/{part(files[0].get('id'))}"
        self.get("one file, with the default fields", one, "box.file()", path=path)
        fields = {"fields": FIELDS["items"]}
        name = "one file, with the fields of a dataset"
        self.get(name, one, "box.file()", fields, path=path, columns=schema.ITEMS)
        query = {"fields": FIELDS["versions"], "limit": FULL}
        operation, path = "/files/{file_id}/versions", f"{path}/versions"
        self.get("versions of a file", operation, "box.versions()", query, path=path, columns=schema.VERSIONS)

    def events(self) -> None:
        """Read admin events of a range in two pages, then the end of the stream, and the user's own events."""
        query: Doc = {
            "stream_type": "admin_logs",
            "created_after": self.since,
            "limit": 50,
            "stream_position": "0",
        }
        rest: Doc = {"columns": schema.EVENTS, "optional": ADMIN}
        first = self.doc_of(self.get("admin events, first page", "/events", "box.events()", query, **rest))
        if first:
            following = {**query, "stream_position": first.get("next_stream_position")}
            self.get("admin events, second page", "/events", "box.events()", following, **rest)
        logins = {**query, "event_type": "LOGIN"}
        self.get("admin events of one type", "/events", "box.events(event_type=...)", logins, **rest)
        end = {"stream_type": "admin_logs_streaming", "stream_position": "now", "limit": 50}
        self.get("the end of the event stream", "/events", 'box.events(position="now")', end, optional=ADMIN)
        own = {"stream_type": "all", "stream_position": "0", "limit": 50}
        claim = 'box.events(stream="all")'
        self.get("the user's own events", "/events", claim, own, columns=schema.USER_EVENTS)

    def errors(self) -> None:
        """Make the reads that cause each error."""
        me, folder, users = "/users/me", "/folders/{folder_id}", "/users"
        self.get("without an access token", me, "AccessTokenRejectedError", expect=(401,), token="none")
        path = f"/folders/{MISSING_ID}"
        self.get("a folder that does not exist", folder, "NotFoundError", path=path, expect=(404,))
        name = "an id that is not a number"
        self.get(name, folder, "ApiError with 405", path="/folders/abc", expect=(405,))
        claim = "ApiError with the names of the parameters"
        self.get("a limit of 0", users, claim, {"limit": 0}, expect=(400,), optional=ADMIN)
        self.get("a search without words", "/search", claim, expect=(400,))
        claim = "box.users() changes to markers beyond an offset of 10,000"
        offset = {"offset": 10_001}
        self.get("an offset beyond the last", users, claim, offset, expect=(400,), optional=ADMIN)

    def governance(self) -> None:
        """Read one page of what admins ask for most, where the app and the licence allow it."""
        for path in GOVERNANCE:
            params = {} if path == "/terms_of_services" else {"limit": 100}
            self.get(path[1:].replace("_", " "), path, f'box.frame("{path}")', params, optional=SCOPE)

    def offset_pages(
        self, name: str, operation: str, dataset: str, fields: str, columns: schema.Columns, **rest: Any
    ) -> list[Doc]:
        """Ask for a listing as a whole and for its first two pages by offset, and return its entries.

        A limit of 5000 is more than Box allows, and shows that Box reduces it.
        """
        entries: list[Doc] = []
        pages = (("all", 5000, 0), ("first page by offset", PAGE, 0), ("second page by offset", PAGE, PAGE))
        for page, limit, offset in pages:
            params = {"fields": FIELDS[fields], "limit": limit, "offset": offset}
            answer = self.get(
                f"{name}, {page}", operation, f"{dataset} by offset", params, columns=columns, **rest
            )
            if answer is not None and answer.ok and not entries:
                entries = answer.objects()
        return entries

    def marker_pages(
        self, name: str, operation: str, dataset: str, fields: str, columns: schema.Columns, **rest: Any
    ) -> None:
        """Ask for the first two pages of a listing by marker. Device pins have markers only, and no `fields`."""
        params: Doc = {"limit": PAGE, **({"usemarker": "true", "fields": FIELDS[fields]} if fields else {})}
        rest = {"columns": columns, **rest}
        claim = f"{dataset} by marker"
        first = self.doc_of(self.get(f"{name}, first page by marker", operation, claim, params, **rest))
        marker = first.get("next_marker")
        if not marker:
            self.skip(f"{name}, second page by marker", "The first page was the last.")
            return
        following = {**params, "marker": marker}
        self.get(f"{name}, second page by marker", operation, claim, following, **rest)


def part(value: Any) -> str:
    """Return an id as one part of a path, whatever characters are in it."""
    return quote(str(value), safe="")


def word_of(files: list[Doc]) -> str:
    """Return a word that a search finds: one from a file's name."""
    names = [str(file.get("name")) for file in files]
    words = [word for name in names for word in re.findall(r"[^\W\d_]{4,}", name.rpartition(".")[0])]
    return words[0] if words else "a"


def number(value: Any) -> float:
    """Return a number for sorting; 0 for anything else."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0
