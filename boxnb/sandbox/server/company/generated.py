"""A made-up company of any size: the rows that CSV files would have. The same seed generates the same rows.

Downloads have the correct size, but SHA-1s are made up (see `file_bytes`). The admins have the same logins as in the
small company, so the practice admin can sign in to both.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from .people import Row

Value = TypeVar("Value")
FIRST = [
    "Ada",
    "Bo",
    "Carmen",
    "Dylan",
    "Elif",
    "Felix",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kiran",
    "Leila",
    "Maya",
    "Nadia",
    "Oscar",
    "Paula",
    "Ravi",
    "Sofia",
    "Tomas",
    "Una",
    "花子",
    "健",
    "小龙",
    "芳",
    "민준",
    "서연",
    "نور",
    "ليلى",
    "יעל",
    "דוד",
    "प्रिया",
    "Αλέξης",
    "Ольга",
    "Łukasz",
    "Zoë",
    "Jürgen",
    "François",
    "João",
    "Siobhán",
    "Þór",
]
LAST = [
    "Almeida",
    "Bauer",
    "Carter",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Greco",
    "Haas",
    "Ito",
    "Jansen",
    "Keller",
    "Larsen",
    "Moreau",
    "Novak",
    "Olsen",
    "Petrov",
    "Quist",
    "Rossi",
    "Singh",
    "Tanaka",
    "Ueda",
    "Vogel",
    "Walsh",
    "Young",
    "Zhang",
    "O'Neill",
    "山田",
    "佐藤",
    "李",
    "王",
    "김",
    "박",
    "الحسن",
    "مراد",
    "כהן",
    "לוי",
    "शर्मा",
    "Παππάς",
]
ODD = ["=1+1", "<b>Bold</b>", "Null", "  Tab Space", 'Quo"ted, Person', "X" * 47, "alex meyer", "Alex Meyer"]
DEPARTMENTS = [
    "Finance",
    "Legal",
    "People",
    "Engineering",
    "Research",
    "Sales",
    "Marketing",
    "Support",
    "Operations",
    "IT",
]
TITLES = [
    "Analyst",
    "Engineer",
    "Manager",
    "Assistant",
    "Controller",
    "Counsel",
    "Designer",
    "Planner",
    "Agent",
    "Lead",
]
ZONES = [
    *(("Europe/London", "+00:00", "en"), ("Europe/Berlin", "+01:00", "de"), ("Asia/Tokyo", "+09:00", "ja")),
    *(
        ("America/New_York", "-05:00", "en"),
        ("Asia/Kolkata", "+05:30", "en"),
        ("Asia/Shanghai", "+08:00", "zh"),
    ),
]
EXTENSIONS = ["pdf", "docx", "xlsx", "pptx", "png", "jpg", "csv", "txt", "zip", "mp4", "json", "md"]
SPACE = [10_737_418_240, 53_687_091_200, 107_374_182_400, 1_073_741_824_000, 999_999_999_999_999]
FIRMS = ["Norrland Audit", "Kestrel & Finch", "Delta Print", "Hopper Freight", "Quux Software"]


@dataclass(frozen=True)
class Size:
    """The number of users, folders, files and events, and the seed."""

    users: int = 50_000
    folders: int = 5_000
    files: int = 200_000
    events: int = 1_000_000
    seed: str = "1"

    def check(self) -> Size:
        """Return this size. Raises `ValueError` if it is impossible."""
        if self.users < 3 or self.folders < 1 or min(self.files, self.events) < 0 or self.users > 2_000_000:
            raise ValueError(
                "a company must have 3 to 2,000,000 users, at least one folder, and 0 or more files and events"
            )
        return self


class Rows:
    """The rows of a generated company. A call with the name of a CSV file yields the rows of that file."""

    def __init__(self, size: Size) -> None:
        self.size = size.check()
        self.groups = max(10, size.users // 250)
        self.outsiders = max(10, size.users // 50)

    def __call__(self, name: str) -> Iterator[Row]:
        """Yield the rows of a file, or no rows for an unknown name."""
        make = getattr(self, f"_{name}", None)
        return iter(()) if make is None else make(random.Random(f"{self.size.seed} {name}"))  # noqa: S311  made up

    def login(self, number: int) -> str:
        """Return the login of user `number`."""
        admins = ("ada.admin", "bo.nakamura", "carmen.ibanez")
        return f"{admins[number]}@example.com" if number < len(admins) else f"person.{number}@example.com"

    @staticmethod
    def user_id(number: int) -> str:
        """Return the id of user `number`. One id in seven is too large for a float."""
        return str(9_007_199_334_870_420 + number * 3_001 if number % 7 == 0 else 11_400_000 + number * 13)

    @staticmethod
    def folder_id(number: int) -> str:
        """Return the id of folder `number`."""
        return str(160_100_000_000 + number * 7_919)

    @staticmethod
    def file_id(number: int) -> str:
        """Return the id of file `number`."""
        return str(930_100_000_000 + number * 1_009)

    def _users(self, pick: random.Random) -> Iterator[Row]:
        for number in range(self.size.users):
            zone, offset, language = ZONES[int(pick.random() * len(ZONES))]
            age = 4_710 - int(pick.random() * 4_000)
            odd = number % 997 == 5
            name = ODD[number // 997 % len(ODD)] if odd else f"{choose(pick, FIRST)} {choose(pick, LAST)}"
            space = choose(pick, SPACE)
            yield {
                "id": self.user_id(number),
                "name": name,
                "login": self.login(number),
                "role": ("admin", "coadmin", "coadmin")[number] if number < 3 else "user",
                "status": "inactive" if number > 2 and pick.random() < 0.06 else "active",
                "department": choose(pick, DEPARTMENTS) if pick.random() < 0.93 else "",
                "job_title": choose(pick, TITLES),
                "language": language,
                "timezone": zone,
                "space_amount": str(space),
                "space_used": str(int(min(space, 2_000_000_000_000) * pick.random() ** 3)),
                "max_upload_size": "5368709120",
                "phone": f"+44 20 7946 {number % 10000:04}" if number % 3 else "",
                "address": f"{1 + number % 99} Harbour Street" if number % 2 else "",
                "created_at": f"-{age}d 09:{number % 60:02}:00{offset}",
                "modified_at": f"-{age - int(pick.random() * 300)}d 15:{number % 60:02}:00{offset}",
            }

    def _groups(self, pick: random.Random) -> Iterator[Row]:
        for number in range(self.groups):
            yield {
                "id": str(1_954_000 + number * 17),
                "name": f"{DEPARTMENTS[number % len(DEPARTMENTS)]} {number // len(DEPARTMENTS) + 1}",
                "description": "",
                "provenance": "Okta" if number % 2 else "",
                "external_sync_identifier": f"okta-{number}" if number % 2 else "",
                "invitability_level": "all_managed_users",
                "member_viewability_level": "admins_only",
                "created_at": f"-{3_900 - 30 * (number % 9)}d 09:00:00",
                "modified_at": f"-{3_900 - 30 * (number % 9)}d 09:00:00",
            }

    def _memberships(self, pick: random.Random) -> Iterator[Row]:
        number = 12_345_000
        for user in range(self.size.users):
            for group in {int(self.groups * pick.random()) for _ in range(2)}:
                number += 7
                yield {
                    "id": str(number),
                    "user_id": self.user_id(user),
                    "group_id": str(1_954_000 + group * 17),
                    "role": "admin" if pick.random() < 0.02 else "member",
                    "created_at": "-2081d 11:53:05",
                    "modified_at": "-2081d 11:53:05",
                }

    def _externals(self, pick: random.Random) -> Iterator[Row]:
        for number in range(self.outsiders):
            firm = number % len(FIRMS)
            yield {
                "id": str(20_450_000_000 + number * 31),
                "name": f"{choose(pick, FIRST)} {choose(pick, LAST)}",
                "login": f"guest.{number}@firm{firm}.example",
                "company": FIRMS[firm],
                "company_id": str(55_120_000 + firm * 7_919),
            }

    def _folders(self, pick: random.Random) -> Iterator[Row]:
        ages: list[int] = []
        for number in range(self.size.folders):
            parent = -1 if number % 5 == 0 else number - 1 - int(pick.random() * (number % 5))
            age = 1_500 if parent < 0 else max(2, ages[parent] - int(pick.random() * 200))
            ages.append(age)
            login = self.login(int(self.size.users * pick.random()))
            yield {
                "id": self.folder_id(number),
                "parent_id": "0" if parent < 0 else self.folder_id(parent),
                "name": f"{DEPARTMENTS[number % len(DEPARTMENTS)]} {number}",
                "owner": login if parent < 0 else "",
                "created_by": login,
                "created_at": f"-{age}d 10:{number % 60:02}:00",
                "modified_by": login,
                "modified_at": f"-{1 + int(age * pick.random())}d 16:{number % 60:02}:00",
                "description": "",
                "tags": "confidential" if number % 50 == 7 else "",
                "restricted": "",
                **link_cells(pick, 0.05),
                "trashed_at": "",
            }

    def _files(self, pick: random.Random) -> Iterator[Row]:
        for number in range(self.size.files):
            extension = choose(pick, EXTENSIONS)
            created, key = 1 + int(1_100 * pick.random() ** 2), self.file_id(number)
            edited = pick.random() < 0.4
            login = self.login(int(self.size.users * pick.random()))
            yield {
                "id": key,
                "folder_id": self.folder_id(int(self.size.folders * pick.random())),
                "name": f"{choose(pick, TITLES)} {number}.{extension}",
                "size": str(int(pick.lognormvariate(12, 2.2))),
                "sha1": hashlib.sha1(f"{self.size.seed} {key}".encode(), usedforsecurity=False).hexdigest(),
                "same_as": "",
                "owner": "",
                "created_by": login,
                "created_at": f"-{created}d 11:{number % 60:02}:{number % 59:02}",
                "modified_by": login,
                "modified_at": f"-{1 + int(created * pick.random()) if edited else created}d 11:{number % 60:02}:59",
                "versions": "2" if edited else "1",
                "description": "",
                "tags": "",
                **link_cells(pick, 0.02),
                "trashed_at": "",
            }

    def _collaborations(self, pick: random.Random) -> Iterator[Row]:
        for number in range(self.size.folders):
            group, guest = number % 3 == 0, number % 7 == 0
            login = f"guest.{number % self.outsiders}@firm{number % self.outsiders % len(FIRMS)}.example"
            member = self.login(int(self.size.users * pick.random()))
            yield {
                "id": str(14_176_000_000 + number * 11),
                "item_type": "folder",
                "item_id": self.folder_id(number),
                "login": "" if group else login if guest else member,
                "group_id": str(1_954_000 + number % self.groups * 17) if group else "",
                "role": choose(pick, ["editor", "viewer", "previewer", "viewer uploader"]),
                "status": "pending" if number % 23 == 0 else "accepted",
                "created_by": self.login(int(self.size.users * pick.random())),
                "created_at": "-2d 12:00:00" if number % 9 else "-1d 12:00:00",
                "modified_at": "-1d 12:00:00",
                "expires_at": "+90d 00:00:00" if number % 31 == 0 else "",
            }

    def _device_pins(self, pick: random.Random) -> Iterator[Row]:
        for number in range(0, self.size.users, 2):
            product = choose(pick, ["iPhone", "iPad", "Android Mobile", "Box Drive"])
            yield {"id": str(88_010_000 + number * 3), "login": self.login(number), "product_name": product}


def choose(pick: random.Random, values: list[Value]) -> Value:
    """Return one of these values at random."""
    return values[int(len(values) * pick.random())]


def link_cells(pick: random.Random, share: float) -> Row:
    """Return the cells of a shared link, empty for most items."""
    if pick.random() >= share:
        return {"link": "", "link_expires": "", "link_password": "", "link_download": ""}
    access = ("open", "company", "collaborators")[int(3 * pick.random())]
    expires = ("", "+60d 00:00:00", "-30d 00:00:00")[int(3 * pick.random())]
    return {"link": access, "link_expires": expires, "link_password": "", "link_download": ""}
