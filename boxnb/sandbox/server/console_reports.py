"""The Admin Console's CSV reports, written into the admin's folder *Box Reports* as Box's documentation describes them.

Nobody has compared them with real ones: names, columns and words are from Box's pages and from programs that read such files,
and where those are silent, they are guesses. The description of every folder and file says so. Imports `company` and `context`.
"""

from __future__ import annotations

import csv
import datetime
import io
import zoneinfo
from collections.abc import Callable, Iterator
from typing import Any

from .company.event_log import ADMIN_DAYS, tenant_doc
from .company.people import NOBODY, Doc
from .company.times import DAY, iso
from .company.tree import Item
from .context import Context

FOLDER = "Box Reports"
NOTE = "Built by the boxnb sandbox from Box's documentation, not from a real report."
PAGE_ROWS = 100_000
"""How many rows a page has. Box's number is not known."""

WORDS = {
    "folder": "Folder",
    "file": "File",
    "web_link": "Web Link",
    "active": "Active",
    "inactive": "Inactive",
    "cannot_delete_edit": "Cannot delete and edit",
    "cannot_delete_edit_upload": "Cannot delete, edit, and upload",
    "admin": "Admin",
    "coadmin": "Co-admin",
    "user": "Managed",
    "open": "Open",
    "company": "Company",
    "collaborators": "Collaborators",
    "LOGIN": "Login",
    "ADMIN_LOGIN": "Admin login",
    "FAILED_LOGIN": "Failed login",
    "DOWNLOAD": "Downloaded",
    "PREVIEW": "Previewed",
    "UPLOAD": "Uploaded",
    "DELETE": "Deleted",
    "EDIT": "Edited",
    "MOVE": "Moved",
    "RENAME": "Renamed",
    "COPY": "Copied",
    "UNDELETE": "Undeleted",
    "SHARE": "Shared",
    "UNSHARE": "Unshared",
    "COLLABORATION_INVITE": "Invited collaborator",
    "COLLABORATION_ACCEPT": "Accepted collaboration",
    "COLLABORATION_REMOVE": "Removed collaborator",
}
Rows = Iterator[list[str]]


class Report:
    """One run of all reports: the company at this moment, in the admin's time zone."""

    def __init__(self, context: Context) -> None:
        self.context, self.world = context, context.world
        self.now = context.clock.now()
        self.admin = self.world.admin()
        self.zone = zoneinfo.ZoneInfo(self.admin["timezone"])

    def time(self, seconds: float | None) -> str:
        """Return a time as a cell: local to the admin, without a zone."""
        if seconds is None:
            return ""
        return datetime.datetime.fromtimestamp(int(seconds), self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def person(self, user_id: str) -> tuple[str, str]:
        """Return the name and the login of a user."""
        doc = self.world.person(user_id)
        return doc.get("name") or "", doc.get("login") or ""

    def place(self, item: Item) -> tuple[str, str]:
        """Return the cells Path and Path ID: the names and ids of the ancestor folders, each followed by a slash."""
        above = list(item.up())[:0:-1]
        names = "".join(f"{folder.name}/" for folder in above)
        return f"All Files/{names}", "".join(f"{folder.id}/" for folder in above)

    def items(self) -> Iterator[Item]:
        """Yield everything that a user of the enterprise owns, except the trash."""
        users = self.world.users
        trashed: dict[str, bool] = {}

        def is_trashed(item: Item) -> bool:
            if item.kind != "folder":
                return item.trashed is not None or (item.parent is not None and is_trashed(item.parent))
            if item.id not in trashed:
                above = item.parent is not None and is_trashed(item.parent)
                trashed[item.id] = item.trashed is not None or above
            return trashed[item.id]

        for item in self.world.tree.everything():
            if item.owner in users and not is_trashed(item) and item.name != FOLDER and not _is_report(item):
                yield item

    def user_details(self) -> Rows:
        """Yield the header and one row per managed user."""
        yield [
            *("Name", "Email", "Groups", "Storage Allocated", "Restrict external collaboration", "Status"),
            *("Storage Used (GB)", "Last Login", "User Type"),
        ]
        last: dict[str, float] = {}
        kinds = {"LOGIN", "ADMIN_LOGIN"}
        for event in self.context.log.chronological(self.first_position(), self.now, kinds, self.now):
            last[event.actor] = event.created
        names = {group["id"]: group["name"] for group in self.world.groups.values()}
        for user in self.world.users.values():
            groups = sorted(names[group] for group in self.world.groups_of.get(user["id"], ()))
            unlimited = user["space_amount"] > 10**14
            yield [
                user["name"],
                user["login"],
                "; ".join(groups),
                "Unlimited" if unlimited else f"{user['space_amount'] / 1024**3:.6f}",
                "Enabled" if user.get("is_external_collab_restricted") else "Disabled",
                WORDS[user["status"]],
                f"{user['space_used'] / 1024**3:.9f}",
                self.time(last.get(user["id"])) or "Never",
                WORDS[user["role"]],
            ]

    def first_position(self) -> int:
        """Return the position of the first event of the year."""
        return int((self.now - ADMIN_DAYS * DAY) * 1000) << 21

    def user_activity(self) -> Rows:
        """Yield the header and one row per event of the year that has a word."""
        yield [
            *(
                "Date",
                "User Name",
                "User Email",
                "User ID",
                "IP Address",
                "Action",
                "Affected",
                "Affected ID",
            ),
            *("Size (KB)", "Parent Folder", "Details"),
        ]
        kinds = {kind for kind in WORDS if kind.isupper()}
        for event in self.context.log.chronological(self.first_position(), self.now, kinds, self.now):
            doc = tenant_doc(self.world, event, self.context.log.saved_document(event))
            source: Doc = doc["source"] or {}
            by: Doc = doc.get("created_by") or {}
            anonymous = by.get("id") in (None, NOBODY["id"])
            yield [
                self.time(event.created),
                "Anonymous" if anonymous else by["name"],
                "" if anonymous else by["login"],
                "" if anonymous else by["id"],
                event.address or "Unknown IP",
                WORDS[event.kind],
                source.get("item_name") or source.get("name") or "",
                source.get("item_id") or source.get("id") or "",
                "",
                (source.get("parent") or {}).get("name") or "",
                "",
            ]

    def folders_and_files(self) -> Rows:
        """Yield the header and one row per folder, file and web link."""
        yield [
            *("Owner Name", "Owner Login", "Path", "Path ID", "Item Name", "Item ID", "Item Type"),
            *("Size (bytes)", "Created", "Last Updated"),
        ]
        people: dict[str, tuple[str, str]] = {}
        places: dict[str, tuple[str, str]] = {}
        for item in self.items():
            if item.owner not in people:
                people[item.owner] = self.person(item.owner)
            above = item.parent.id if item.parent else ""
            if above not in places:
                places[above] = self.place(item)
            yield [
                *people[item.owner],
                *places[above],
                item.name,
                item.id,
                WORDS[item.kind],
                str(item.bytes_below()) if item.kind != "web_link" else "",
                self.time(item.created),
                self.time(item.modified),
            ]

    def collaborations(self) -> Rows:
        """Yield the header and one row per collaboration on content of the enterprise."""
        yield [
            *("Collaboration ID", "Owner Name", "Owner Login", "Path", "Path ID", "Item Name", "Item ID"),
            *("Item Type", "Collaborator Name", "Collaborator Login", "Collaborator Type"),
            *(
                "Collaborator Permission",
                "Inviter Email",
                "Invited Date",
                "Invite Accepted Date",
                "Expiration",
            ),
        ]
        own = {(item.kind, item.id): item for item in self.items()}
        for collab in self.world.access.collabs.values():
            item = own.get((collab.item_type, collab.item_id))
            if item is None or collab.status == "rejected":
                continue
            if collab.group:
                name, login = self.world.groups[collab.group]["name"], ""
                kind = f"Group: {name}"
            else:
                name, login = self.person(collab.user) if collab.user else ("", collab.email)
                kind = "Managed" if collab.user in self.world.users else "External"
            yield [
                collab.id,
                *self.person(item.owner),
                *self.place(item),
                item.name,
                item.id,
                WORDS[item.kind],
                name,
                login,
                kind,
                collab.role.title().replace("Co-Owner", "Co-owner"),
                self.person(collab.created_by)[1],
                self.time(collab.created),
                self.time(collab.acknowledged if collab.status == "accepted" else None),
                self.time(collab.expires),
            ]

    def shared_links(self) -> Rows:
        """Yield the header and one row per active shared link."""
        yield [
            *("Item Owner Login", "Item ID", "Item Name", "Path", "Shared Item Type", "Shared Link Status"),
            "Derived Status",
        ]
        for item in self.items():
            if item.link is not None and item.link.alive(self.now):
                status = WORDS[item.link.access]
                yield [
                    self.person(item.owner)[1],
                    item.id,
                    item.name,
                    self.place(item)[0],
                    item.kind,
                    status,
                    status,
                ]


REPORTS: dict[str, tuple[str, str, Callable[[Report], Rows]]] = {
    "user_details": ("user_details", "User Details", Report.user_details),
    "user_activity": ("user_activity", "User Activity", Report.user_activity),
    "folders_and_files": ("folder_and_file_tree", "Folder and File Tree", Report.folders_and_files),
    "collaborations": ("collaborations", "Collaborations", Report.collaborations),
    "shared_links": ("shared_links", "Shared Links", Report.shared_links),
}
"""The reports that the sandbox can run, with the start of their file names and folder names."""


def _is_report(item: Item) -> bool:
    return item.description.startswith(NOTE)


def run(context: Context, body: dict[str, Any]) -> Any:
    """Run console reports: `{"reports": [...], "page_rows"}`. Return the id of each run's folder."""
    wanted = body.get("reports") or list(REPORTS)
    if unknown := set(wanted) - set(REPORTS):
        raise ValueError(f"the sandbox can run {sorted(REPORTS)}, not {sorted(unknown)}")
    report, page_rows = Report(context), int(body.get("page_rows") or PAGE_ROWS)
    root = context.world.tree.find_by_name(report.admin["id"], None, FOLDER)
    if root is None:
        root = _add(report, "folder", FOLDER, None)
    stamp = datetime.datetime.fromtimestamp(int(report.now), report.zone)
    folders = {}
    for name in wanted:
        stem, title, rows = REPORTS[name]
        pages = list(_pages(rows(report), page_rows))
        folder = _add(report, "folder", f"{title} run on {stamp:%Y-%m-%d %H-%M-%S}", root)
        for number, page in enumerate(pages, 1):
            end = f"_Page_{number}" if name != "shared_links" else ""
            sha1, size = context.blobs.put([page])
            file = f"{stem}_run_on_{stamp:%Y-%m-%d-%H-%M-%S}{end}.csv"
            _add(report, "file", file, folder, size=size, sha1=sha1)
        folders[name] = folder.id
    return folders


def _pages(rows: Rows, page_rows: int) -> Iterator[bytes]:
    """Yield the pages of a report as CSV files, each with the header."""
    header, number = next(rows), 0
    while True:
        output = io.StringIO(newline="")
        writer = csv.writer(output)
        writer.writerow(header)
        count = 0
        for row in rows:
            writer.writerow(row)
            count += 1
            if count == page_rows:
                break
        if count or not number:
            yield output.getvalue().encode()
        number += 1
        if count < page_rows:
            return


def _add(report: Report, kind: str, name: str, parent: Item | None, **more: Any) -> Item:
    """Create a folder or a file of the admin, marked as built from the documentation."""
    by, now, state = report.admin["id"], report.now, report.context.state
    doc: Doc = {"id": state.next_id(), "name": name, "created_by": by, "modified_by": by, **more}
    doc |= {"created": now, "modified": now, "description": f"{NOTE} Complete {iso(now)}"}
    with state:
        return report.world.tree.add(kind, doc, by, parent)
