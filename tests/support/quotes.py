"""The claims that the notebooks make about the practice company, each with a check.

A claim is a sentence about what the reader sees in the practice company that contains a figure, a number word or an
*emphasised name*. `QUOTES` lists each claim with its check. `OTHER` lists similar sentences about anything else.
`LESSON` lists claims of a lesson, which are compared with the outputs of the executed notebook.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

import boxnb
from boxnb import reports

ROOT = Path(__file__).parents[2] / "notebooks"
NUMBER = re.compile(
    r"\d|\b(two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|fifty|sixty|hundreds?|thousand"
    r"|quarters|fifths|most|largest|longest|first)\b|\bone (?!row|line|sentence|call|file|mark|page|endpoint|reading)"
)
NAME = re.compile(r"(?<![*\w])\*[^*]+\*(?![*\w])")


@dataclass
class Snapshot:
    """The DataFrames that the notebooks use, at the time `now`, which the reports treat as the current time."""

    box: boxnb.Box
    now: pd.Timestamp
    year: pd.DataFrame
    users: pd.DataFrame
    content: pd.DataFrame
    collaborations: pd.DataFrame
    members: pd.DataFrame

    @cached_property
    def events(self) -> pd.DataFrame:
        """Return the rows of ``box.events(since="60D")``."""
        return self.year[self.year["created_at"] >= self.now - pd.Timedelta("60D")]

    @cached_property
    def sign_ins(self) -> pd.DataFrame:
        """Return the sign-ins among the events."""
        return reports.sign_ins(self.box, of=self.events)

    @cached_property
    def attacks(self) -> pd.DataFrame:
        """Return the bursts of failed sign-ins."""
        return reports.sign_in_attacks(self.box, of=self.events)

    @cached_property
    def downloads(self) -> pd.DataFrame:
        """Return the number of downloads per user and day."""
        return reports.downloads(self.box, of=self.events)

    @cached_property
    def unusual(self) -> pd.DataFrame:
        """Return the users' unusual days."""
        return reports.unusual_days(self.box, of=self.events)

    @cached_property
    def inactive(self) -> pd.DataFrame:
        """Return the inactive users."""
        is_sign_in = self.year["event_type"].isin(["LOGIN", "ADMIN_LOGIN"])
        return reports.inactive_users(self.box, days=90, of=self.year[is_sign_in], users=self.users)

    @cached_property
    def stale(self) -> pd.DataFrame:
        """Return the stale content."""
        return reports.stale_content(self.box, days=365, of=self.content)

    @cached_property
    def external(self) -> pd.DataFrame:
        """Return the external collaborators."""
        return reports.external_collaborators(self.box, of=self.collaborations)

    @cached_property
    def links(self) -> pd.DataFrame:
        """Return the shared links."""
        return reports.shared_links(self.box, of=self.content)

    @cached_property
    def shared_widely(self) -> pd.DataFrame:
        """Return the items that are shared widely."""
        return reports.shared_widely(self.box, of=self.collaborations)

    @cached_property
    def copies(self) -> pd.DataFrame:
        """Return the duplicate files."""
        return reports.duplicate_files(self.box, of=self.content)

    @cached_property
    def former_users(self) -> pd.DataFrame:
        """Return what suspended users own."""
        return reports.ownership_of_leavers(self.box, of=self.content, users=self.users)

    @cached_property
    def busiest_file(self) -> pd.DataFrame:
        """Return the last eight events of the file with the most events."""
        file_id = self.events["source_item_id"].value_counts().index[0]
        return reports.file_history(self.box, file_id, of=self.events).tail(8)

    def storage(self, by: Any) -> pd.DataFrame:
        """Return the storage by folder, extension, owner or age."""
        return reports.storage_by(self.box, by, of=self.content)

    def overlap(self) -> pd.DataFrame:
        """Return the pairs of groups that share members."""
        return reports.group_overlap(self.box, of=self.members)

    @cached_property
    def payroll_access(self) -> pd.DataFrame:
        """Return who can see the folder *Payroll*."""
        payroll = self.content.query("name == 'Payroll' and type == 'folder'")
        return reports.access(self.box, payroll, collaborations=self.collaborations)

    def staff(self) -> pd.DataFrame:
        """Return the users merged with HR's list of people."""
        hr = pd.read_csv(ROOT / "2-explore/hr.csv")
        return self.users.merge(hr, on="login", how="outer", indicator=True)


def used_share(snapshot: Snapshot) -> pd.Series:
    """Return the share of the quota that is used, for each user whose storage is limited."""
    limited = snapshot.users[snapshot.users["space_amount"] < 900_000_000_000_000]
    return limited["space_used"] / limited["space_amount"]


def strongest_hours(snapshot: Snapshot) -> list[int]:
    """Return the hours of the two strongest squares in the heatmap, or no hours if the third is almost as strong."""
    squares = snapshot.sign_ins.groupby(["weekday", "hour"], observed=True).size().nlargest(3)
    return sorted(hour for _, hour in squares.index[:2]) if squares.iloc[1] > 3 * squares.iloc[2] else []


def anonymous_downloads(snapshot: Snapshot) -> list[int]:
    """Return how many times the busiest file was downloaded without a sign-in, per day and IP address."""
    rows = snapshot.busiest_file[snapshot.busiest_file["login"] == "(anonymous)"]
    return rows.groupby([rows["created_at"].dt.floor("D"), "ip_address"]).size().tolist()


def in_payroll(snapshot: Snapshot, item: str) -> bool:
    """Return whether an item is inside the folder *Payroll*."""
    path = snapshot.content.set_index("id").loc[item, "path"]
    return "Payroll" in path.split("/")


def weekends_are_quiet(snapshot: Snapshot) -> bool:
    """Return whether, without the bursts, Saturdays and Sundays have clearly fewer events than the other days."""
    days = without_bursts(snapshot.year)["created_at"].dt.day_of_week.value_counts()
    return bool(days[[5, 6]].max() < 0.7 * days[[0, 1, 2, 3, 4]].min())


def without_bursts(events: pd.DataFrame) -> pd.DataFrame:
    """Return the events without the failed sign-ins (203.0.113.*) and the anonymous downloads (user 2)."""
    return events[~events["ip_address"].str.startswith("203.0.113.") & (events["created_by_id"] != "2")]


GOVERNANCE = json.loads((ROOT.parent / "data/sandbox/governance.json").read_text(encoding="utf-8"))
"""The practice company's policies, webhooks and so on, which the sandbox returns as they are (tests/sandbox/test_governance.py)."""


def governed(kind: str, **wanted: Any) -> int:
    """Return how many of the practice company's policies and so on have these values."""
    entries = GOVERNANCE[kind]
    return sum(all(entry.get(name) == value for name, value in wanted.items()) for entry in entries)


def register(snapshot: Snapshot) -> pd.DataFrame:
    """Return the files that have the template *Document register*."""
    enterprise = snapshot.box.me()["enterprise_id"].iloc[0]
    query = {
        "from": f"enterprise_{enterprise}.documentRegister",
        "ancestor_folder_id": "0",
        "fields": ["name"],
    }
    return snapshot.box.frame("/metadata_queries/execute_read", method="POST", json=query)


Check = Callable[[Snapshot], Any]
QUOTES: dict[str, dict[str, Check]] = {
    "00-start-here": {
        "company of 120 people": lambda s: len(s.users) == 120,
        "five rows that begin with Bo Nakamura": lambda s: s.users["name"].iloc[0] == "Bo Nakamura",
    },
    "01-register-and-sign-in": {
        "`(120, 25)` in the sandbox": lambda s: s.users.shape == (120, 25),
        "120 people in 25 columns": lambda s: s.users.shape == (120, 25),
        "five rows, one for each person, with names in several writing systems": (
            lambda s: not s.users["name"].head().str.isascii().all()
        ),
        "one admin, two co-admins, and many users, most of them `active`": (
            lambda s: s.users["role"].value_counts()[["admin", "coadmin"]].tolist() == [1, 2]
        ),
        "five names, largest first": lambda s: len(s.users) > 5,
    },
    "02-come-back-tomorrow": {"`(120, 25)` in the sandbox": lambda s: s.users.shape == (120, 25)},
    "01-people": {
        "company of 120 people": lambda s: len(s.users) == 120,
        "a table of 120 rows": lambda s: len(s.users) == 120,
        "`(120, 25)` as long as": lambda s: s.users.shape == (120, 25),
        "120 rows with 25 columns each": lambda s: s.users.shape == (120, 25),
        "one `admin`, two `coadmin`, and seven people who are `inactive`": lambda s: (
            (
                s.users["role"].value_counts()[["admin", "coadmin"]].tolist(),
                (s.users["status"] == "inactive").sum(),
            )
            == ([1, 2], 7)
        ),
        "The one person with `cannot_delete_edit`": (
            lambda s: (s.users["status"] == "cannot_delete_edit").sum() == 1
        ),
        "about 400 to 900 gigabytes": (
            lambda s: s.users["space_used"].nlargest(10).between(395e9, 920e9).all()
        ),
        "Most of the ten have a quota of 1073741824000 bytes": (
            lambda s: (s.users.nlargest(10, "space_used")["space_amount"] == 1073741824000).sum() > 5
        ),
        "999999999999999 stands for *no limit*": (
            lambda s: (s.users["space_amount"] == 999999999999999).any()
        ),
        "two people in the sandbox, or no rows if no one is above 80 per cent": (
            lambda s: (used_share(s) > 0.8).sum() == 2
        ),
        "26 calls": lambda s: s.members.attrs["calls"] + 1 == 26,
        "one for each of the 25 groups, and one to list them": lambda s: s.members.attrs["calls"] == 25,
        "`All staff` and its 120 members at the top": lambda s: (
            (
                s.members["group_name"].value_counts().index[0],
                s.members["group_name"].value_counts().iloc[0],
            )
            == ("All staff", 120)
        ),
        "eight pairs of groups": lambda s: len(s.overlap()) >= 8,
        "no share is above 0.23": lambda s: 0.2 < s.overlap()["share"].max() <= 0.23,
        "seven accounts that are active and have not signed in for more than 90 days": lambda s: (
            (
                len(s.inactive),
                (s.inactive["days_quiet"] > 90).all(),
            )
            == (7, True)
        ),
        "three accounts of Alex Meyer": lambda s: (
            (reports.duplicate_accounts(s.box, users=s.users)["name"].str.lower().tolist())
            == ["alex meyer"] * 3
        ),
        "seven people.": lambda s: (s.users["status"] == "inactive").sum() == 7,
    },
    "02-content": {
        "*at least* 120 calls the first time": lambda s: len(s.users) == 120,
        "about 5,800 files, 780 folders": lambda s: (
            s.content["type"].value_counts()[["file", "folder"]].between([5_750, 775], [5_850, 785]).all()
        ),
        "*Marketing*, which takes up nearly three quarters of the map, and *Films* inside it": lambda s: (
            (
                s.storage("folder")["name"].iloc[0],
                0.7 < s.storage("folder")["share"].iloc[0] < 0.75,
                s.content["path"].eq("Marketing/Films").any(),
            )
            == ("Marketing", True, True)
        ),
        "one file is far larger than all others": (
            lambda s: (s.content["size"].where(s.content["type"] == "file").nlargest(2).iloc[0]) > 10e9
        ),
        "one bar per folder, largest first": lambda s: s.storage("folder")["bytes"].is_monotonic_decreasing,
        "everyone's *Personal*": lambda s: s.content["name"].eq("Personal").sum() > 1,
        "`mp4` first": lambda s: s.storage("extension")["name"].iloc[0] == "mp4",
        "three people own more than four fifths of the bytes": (
            lambda s: s.storage("owner")["share"].head(3).sum() > 0.8
        ),
        "all 6,654 rows": lambda s: len(s.content) == 6_654,
        "the same three numbers as after the walk": lambda s: s.content["type"].nunique() == 3,
        "Click *Marketing* in the tree": lambda s: s.content["name"].eq("Marketing").any(),
        "*Product film uncut 8K master.mp4* at 11.8 GB, unchanged for 640 days": lambda s: (
            reports.large_files(s.box, at_least=300_000_000, of=s.content).iloc[0][["name", "days"]].tolist()
            == ["Product film uncut 8K master.mp4", 640]
        ),
        "six bars, from under 30 days to over 5 years": lambda s: len(s.storage("age")) == 6,
        "The bar for 1 to 2 years is the longest": (
            lambda s: s.storage("age").nlargest(1, "bytes")["name"].astype(str).tolist() == ["1 to 2 years"]
        ),
        "*Archive* and *Old laptop* among them": lambda s: (
            {"Archive", "Old laptop"} <= set(s.stale.query("type == 'folder'").head(10)["name"])
        ),
        "the 11.8 GB film first": lambda s: (
            s.stale.query("type == 'file'")["name"].iloc[0] == "Product film uncut 8K master.mp4"
            and round(s.stale.query("type == 'file'")["bytes"].iloc[0] / 1e9, 1) == 11.8
        ),
        "`customers_01.csv` first, with twenty copies": lambda s: (
            s.copies.drop_duplicates("sha1").iloc[0][["name", "copies"]].tolist() == ["customers_01.csv", 20]
        ),
        "Where are the twenty": lambda s: s.copies["name"].str.contains("customers_01").sum() == 20,
        "twenty rows": lambda s: s.copies["name"].str.contains("customers_01").sum() == 20,
        "seven suspended users": lambda s: len(s.former_users) == 7,
        "two are Lucas Ito's": lambda s: (
            s.former_users.set_index("login").loc["lucas.ito@example.com", "open_links"] == 2
        ),
        "about 900 calls": lambda s: 850 < s.content.attrs["calls"] < 950,
    },
    "03-sharing": {
        "or *about* 900 if the content": lambda s: 850 < s.content.attrs["calls"] < 950,
        "about 780 calls": lambda s: 770 < s.collaborations.attrs["calls"] < 800,
        "about 240 invitations that were `accepted`": (
            lambda s: 230 < s.collaborations["status"].value_counts()["accepted"] < 250
        ),
        "a table of about 80 rows": lambda s: len(s.external) == 80,
        "**You should see** fifteen rows": lambda s: len(s.payroll_access) == 15,
        "Nobody was invited to *Payroll* itself": lambda s: (
            not s.payroll_access["via"].eq("invitation").any()
        ),
        "the group *Finance* was invited": lambda s: s.payroll_access["via"].eq("group").sum() > 5,
        "*Customer database export* at the top, with 14 external users as `editor`": lambda s: (
            s.external.groupby(["item_name", "role"], observed=True).size().nlargest(1).to_dict()
            == {("Customer database export", "editor"): 14}
        ),
        "several people have an *Old laptop*": lambda s: s.external["item_name"].eq("Old laptop").any(),
        "more links under `sign-in` than under any other": (
            lambda s: s.links["protection"].value_counts().index[0] == "sign-in"
        ),
        "The 35 under `none`": lambda s: (s.links["protection"] == "none").sum() == 35,
        "*Payroll* in the first row, the only folder among them": lambda s: (
            (
                s.links.query("protection == 'none'")["name"].iloc[0],
                s.links.query("protection == 'none'")["type"].eq("folder").sum(),
            )
            == ("Payroll", 1)
        ),
        "single files from *Payroll*": lambda s: s.content["name"].eq("Payroll").any(),
        "*Leaver hand-over* among four": lambda s: (
            (
                len(hidden := reports.hidden_links(s.box, of=s.year, items=s.content)),
                hidden["item_name"].eq("Leaver hand-over").sum(),
            )
            == (4, 1)
        ),
        "*Customer database export* first": lambda s: (
            s.shared_widely["item_name"].iloc[0] == "Customer database export"
        ),
        "14 people from outside were invited, and all of them may change it": lambda s: (
            s.shared_widely["outsiders"].iloc[0] == 14
            and s.shared_widely["can_change"].iloc[0] == s.shared_widely["people"].iloc[0]
        ),
        "*All hands* is shared widely too": lambda s: s.shared_widely["item_name"].eq("All hands").any(),
        "the folders called *2024* and *Q1*": lambda s: {"2024", "Q1"} <= set(s.shared_widely["item_name"]),
        "more than six months, oldest first": lambda s: (
            len(waiting := reports.pending_invitations(s.box, days=180, of=s.collaborations)) > 5
            and waiting["days_pending"].is_monotonic_decreasing
        ),
        "Most went to other companies": lambda s: (
            (
                ~reports.pending_invitations(s.box, days=180, of=s.collaborations)["login"].str.endswith(
                    "@example.com"
                )
            ).mean()
            > 0.5
        ),
        "about 900 and about 800 calls": (
            lambda s: 850 < s.content.attrs["calls"] < 950 and 770 < s.collaborations.attrs["calls"] < 830
        ),
    },
    "04-activity": {
        "about 13,000 events": lambda s: 12_500 < len(s.events) < 13_500,
        "fewer events at weekends": weekends_are_quiet,
        "one person downloaded far more than usual": lambda s: s.downloads["is_unusual"].iloc[0],
        "two strong ones": lambda s: len(strongest_hours(s)) == 2,
        "one at 01, one at 03": lambda s: strongest_hours(s) == [1, 3],
        "is one night of failed sign-ins": lambda s: strongest_hours(s) == [1, 3],
        "three networks in the sandbox": lambda s: s.sign_ins["network"].nunique() == 3,
        "where all but one sign-in failed": lambda s: (
            s.sign_ins[s.sign_ins["network"] == "203.0.113.*"]["succeeded"].sum() == 1
        ),
        "250 attempts in two bursts": lambda s: (len(s.attacks), s.attacks["tries"].sum()) == (2, 250),
        "two bursts in the sandbox": lambda s: len(s.attacks) == 2,
        "One tried a single account 160 times": lambda s: (
            s.attacks.iloc[0][["tries", "accounts"]].tolist() == [160, 1]
            and s.attacks["signed_in_after"].iloc[0] != ""
        ),
        "The other tried 90 accounts once each": (
            lambda s: s.attacks.iloc[1][["tries", "accounts"]].tolist() == [90, 90]
        ),
        "412 downloads by one person on one day in the first row, marked unusual": lambda s: (
            s.downloads.iloc[0][["events", "is_unusual"]].tolist() == [412, True]
        ),
        "through the open link on *Payroll*": lambda s: (
            s.downloads.iloc[1]["login"] == "(anonymous)"
            and s.downloads.iloc[1]["events"] == 230
            and s.content["name"].eq("Payroll").any()
        ),
        "four rows:": lambda s: len(s.unusual) == 4,
        "the two from the downloads above, the failed sign-ins, and 75 deletions within six minutes": lambda s: (
            s.unusual[["event_type", "events"]].astype(str).agg(" ".join, axis=1).tolist()
            == ["DOWNLOAD 412", "DOWNLOAD 230", "FAILED_LOGIN 160", "DELETE 75"]
            and (s.unusual["last_at"] - s.unusual["first_at"]).iloc[3] <= pd.Timedelta("6min")
        ),
        "the five most frequent event types": lambda s: (
            reports.user_history(s.box, s.unusual["login"].iloc[0], of=s.events)["event_type"]
            .value_counts()
            .index[0]
            == "DOWNLOAD"
        ),
        "the last eight things that happened to the file with the most events": lambda s: (
            len(s.busiest_file) == 8
        ),
        "a file in *Payroll*, which `(anonymous)` fetched five times on one day from one address": lambda s: (
            in_payroll(s, s.busiest_file["item_id"].iloc[0]) and anonymous_downloads(s) == [5]
        ),
    },
    "05-ask-anything": {
        "four policies, one of which is retired": (
            lambda _: (
                (governed("retention_policies"), governed("retention_policies", status="retired")) == (4, 1)
            )
        ),
        "the two folders that the first policy covers": (
            lambda _: (
                governed("retention_policy_assignments", retention_policy={"retention_policies": "9821231"})
                == 2
            )
        ),
        "three holds, one of which is released": (
            lambda _: (
                (governed("legal_hold_policies"), governed("legal_hold_policies", status="released"))
                == (3, 1)
            )
        ),
        "three domains, and in which direction": lambda _: governed("collaboration_whitelist_entries") == 3,
        "**You should see** two people.": lambda _: governed("collaboration_whitelist_exempt_targets") == 2,
        "**You should see** two places.": lambda _: governed("storage_policies") == 2,
        "the policy of one person in Japan": (
            lambda _: governed("storage_policy_assignments", storage_policy={"storage_policies": "14"}) == 1
        ),
        "three people, one of whom has not accepted": (
            lambda _: (
                [
                    entry["is_accepted"]
                    for entry in GOVERNANCE["terms_of_service_user_statuses"]
                    if entry["tos"] == {"terms_of_services": "11520"}
                ].count(False)
                == 1
            )
        ),
        "three webhooks;": lambda _: governed("webhooks", created_by={"user": "ada.admin@example.com"}) == 3,
        "three lists, of domains, of countries and of IP addresses": (
            lambda _: (
                [entry["content"]["type"] for entry in GOVERNANCE["shield_lists"]]
                == ["domain", "country", "ip"]
            )
        ),
        "546 files, from a few calls": lambda s: len(register(s)) == 546 and register(s).attrs["calls"] < 10,
        "three templates;": lambda s: len(s.box.frame("/metadata_templates/enterprise")) == 3,
        "two rows for *Sales*": lambda s: len(s.box.frame("/folders/160106874231/metadata")) == 2,
        "two items with a classification": (
            lambda s: (
                s.box.frame("/folders/0/items", fields="name,classification")["classification_name"]
                .notna()
                .sum()
                == 2
            )
        ),
        "one task, with its assignments": lambda s: len(s.box.frame("/files/930224185079/tasks")) == 1,
        "two sign requests that you sent": lambda s: len(s.box.frame("/sign_requests")) == 2,
        "`120` people": lambda s: len(s.users) == 120,
        "most rows as `both`": lambda s: s.staff()["_merge"].value_counts().index[0] == "both",
        "three people who left according to HR": lambda s: (
            len(s.staff().query("_merge == 'both' and left_on.notna() and status == 'active'")) == 3
        ),
        "*Ethan Okafor* is the user with the 75 deletions": lambda s: (
            s.unusual.iloc[3][["name", "events"]].tolist() == ["Ethan Okafor", 75]
        ),
        "the five departments that use the most space": lambda s: s.staff()["department"].nunique() >= 5,
        "2,316,826,868,435 is about 2.3 terabytes": (
            lambda s: s.staff().groupby("department")["space_used"].sum().max() == 2_316_826_868_435
        ),
    },
    "02-run-log-and-mail": {"120 rows in the sandbox": lambda s: len(s.users) == 120},
    "03-weekly-report": {
        "the ten most frequent event types": lambda s: (
            s.year[s.year["created_at"] >= s.now - pd.Timedelta("7D")]["event_type"].nunique() >= 10
        ),
        "one row per user, busiest first": lambda s: len(s.users) == 120,
    },
}

OTHER: dict[str, tuple[str, ...]] = {
    "00-start-here": (
        "The four characters after", "tell two tokens apart", "| notebook | afterwards", "runs against the **sandbox** first",
        "The first run takes", "the sandbox has one |", "how many labs you have passed", "a first table",
    ),
    "01-register-and-sign-in": (
        "it says that you are already signed in", "so *Cancel* costs nothing",
        "the first time", "step 2", "says *done*", "60 minutes", "60 days", "10 minutes in the sandbox",
    ),
    "02-come-back-tomorrow": (
        "*access minutes left* up to 60", "*mode* is 600", "*generation* counts", "*scopes* lists", "two hours ahead",
        "share one file", "the first to need",
    ),
    "01-people": (
        "Box returns 1000 users per call", "For 5,000 people it says five", "> 100 GB", "the first number is smaller",
        "1,000,000,000 bytes", "85 per cent", "Above 1 a user", "from 0 to 1", "0.9 or more", "*unknown* the first time",
        "*not within a year*", "one person or three", "between fifty and sixty calls", "`ms` is the time", "0 on a good day",
        "a few things wrong in it", "`members[\"role\"]` shows",
    ),
    "02-content": (
        "hundreds of thousands of folders", "start with a few people", "*Nothing has been pulled yet*", "at the top",
        "*(smaller)* stands", "from 0 to 1", "`hidden_bytes` is the rest", "0 does not prove", "finds more of them in the events", "*Transfer content*", "the size of one copy",
        "Click *Films*", "Each area shows its size", "one for each", "`largest` the size", "is counted in one row only",
        "has one row for each", "current version of each file once",
    ),
    "03-sharing": (
        "the second walk is estimated", "one for each folder", "one bar for each domain", "a number above 0",
        "counts everyone once", "one of its ancestor folders", "[those events]", "one person can be counted", "has one row for each", "[Activity](04",
    ),
    "04-activity": (
        "*unknown* the first time", "5,000 people may produce 100,000", "begin with one day", "*Failed sign-ins* below", "`127.0.0.*`",
        "Each square is an hour of a weekday", "two used by offices and homes", "one row for each", "The second row is `(anonymous)`", "a few dozen calls",
        "came from one pull", "one row per user", "`items` is the number", "`first_at` and `last_at` are",
    ),
    "05-ask-anything": (
        "three estimates", "about the other two", "no SHA-1", "*All Files*", "five of the people with the most devices", "The practice company has such a file",
        "'2026-11-24'", "two sheets", "a long one", "Act on that list", "one page that you can mail", "most calls for", "one call per page",
        "Newer endpoints need", "one row for each run", "*User Details* in the Admin Console", "whose last sign-in was longest ago",
        "use the id of one of your policies", "the files of *Finance*", "assignments of one policy at a time", "a classification is a template", "use the name of one of your templates", "100}` selects among them",
    ),
    "06-keep-it": (
        "Before the first run, boxnb does not know", "event types of the year", "explains", "far fewer calls than the first run", "*new*, *changed* or *gone*",
        "as the first run saw them", "After the first walk",
    ),
    "01-upload-files": ("contains five files", "then five rows", "four times", "five rows with", "the same", "one call listed"),
    "02-run-log-and-mail": ("0 emails", "four characters", "most recent first"),
    "03-weekly-report": ("boxnb run", "boxnb schedule", "The first report covers", "since the one before"),
    "04-other-scripts-other-apis": ("five computers", "60 rows in the sandbox", "the 60 computers", "use the same file", "run the two", "one row with the name",
        "the new one there", "five ways", "Two lines lead", "at least four calls", "one log and sends one email", "one row, for", "sends it once",
        "One command takes", "old one expires", "one way to sign in", "depend on one person", "one way to run",
    ),
}  # fmt: skip
"""Sentences about boxnb, Box, or files that the notebook itself writes. Other tests run the cells they describe."""


def failed_quotes(snapshot: Snapshot) -> list[str]:
    """Return the quotes that are false, or whose check finds no data."""
    failures = []
    for notebook, checks in QUOTES.items():
        for quote, check in checks.items():
            reason = ""
            try:
                holds = check(snapshot)
            except (KeyError, IndexError, ValueError) as error:
                holds, reason = False, f" ({error!r})"
            if not holds:
                failures.append(f"{notebook}: {quote}{reason}")
    return failures


def claims(path: Path) -> Iterator[str]:
    """Yield the sentences of a notebook that say what the practice company shows and contain a figure or a name."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "markdown":
            continue
        for paragraph in re.split(r"\n\s*\n", cell.source):
            about_a_result = "**You should see**" in paragraph
            for sentence in re.split(r"(?<=[.;:!?])\s+", paragraph.replace("\n", " ")):
                if not about_a_result and not re.search(r"sandbox|company|practice", sentence):
                    continue
                text = sentence.replace("**You should see**", "")
                if NUMBER.search(text) or NAME.search(text):
                    yield sentence


SHOWN = re.compile(r"\*\*You should see\*\* `([^`]+)`")
LESSON = {
    "06-beyond-box": {
        "a note for each kind": ("practice.trace", r"(?s)user name and a password.+key in a header.+password once.+client credentials.+person's consent"),
        "the first one even two": ("practice.trace", r"API/system/info <secret \w{4}> <secret \w{4}>\. "),
        "The first is the server's": ("practice.said[:2]", r"(?s)call 1: CredentialsRefusedError.+Invalid credentials.+call 2: .+boxnb does not send them again"),
        "a call of the API": ("elsewhere.trace.table()", r"(?s)/authorize.+/token.+/token.+/api/me"),
    },
}  # fmt: skip
"""What a lesson says about the output of a cell: the claim, the beginning of the cell's last line, and the output's pattern."""


def not_shown(path: Path, executed: nbformat.NotebookNode) -> list[str]:
    """Return what a notebook says that the reader sees, and the output of the cell does not contain.

    Of an output that begins with a value in code, such as ``**You should see** `(120, 25)` ``, the value is compared.
    """
    missing = []
    outputs: dict[str, str] = {}
    for cell, after in zip(executed.cells, executed.cells[1:], strict=False):
        if cell.cell_type != "code":
            continue
        text = "".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
        outputs[cell.source.splitlines()[-1]] = text
        described = SHOWN.match(after.source)
        pieces = described[1].split("…") if described else []  # stands for anything
        if not all(piece in text for piece in pieces):
            missing.append(f"{after.source.splitlines()[0]} It is: {text[:200]}")
    prose = "\n".join(cell.source for cell in executed.cells if cell.cell_type == "markdown")
    for claim, (source, pattern) in LESSON.get(path.stem, {}).items():
        text = next(text for line, text in outputs.items() if line.startswith(source))
        if claim not in prose or not re.search(pattern, text):
            missing.append(f"{claim} It is: {text[:200]}")
    return missing


def notebooks() -> list[Path]:
    """Return all notebooks except the lessons, which make no claims about the company's users and files."""
    return [path for path in sorted(ROOT.rglob("[0-9]*.ipynb")) if path.parent.name != "3-teach"]
