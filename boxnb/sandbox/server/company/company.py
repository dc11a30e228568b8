"""The practice company as a whole, read from the CSV files a reader can open and change."""

from __future__ import annotations

import csv
from pathlib import Path

from . import times
from .generated import Rows as LargeRows
from .generated import Size
from .people import ENTERPRISE, Doc, People, Row, Rows, mini, shape
from .permissions import Access
from .state import State
from .tree import Tree

__all__ = ["ENTERPRISE", "Doc", "World", "mini", "shape"]
PACKAGE = Path(__file__).resolve().parents[3]
NEEDED = ("users", "groups", "memberships")


def data_folder(world: str) -> Path:
    """Folder of the CSV files: beside the package in a checkout, inside it in an installed wheel.

    Raises `FileNotFoundError` naming both places when neither has them.
    """
    if world != "small":
        given = Path(world)
        if (given / "users.csv").is_file():
            return given
        raise FileNotFoundError(
            f"unknown world {world!r}: 'small', 'large', or a folder with users.csv and groups.csv"
        )
    places = [PACKAGE.parent / "data" / "sandbox", PACKAGE / "_data" / "sandbox"]
    for place in places:
        if (place / "users.csv").is_file():
            return place
    raise FileNotFoundError("the practice company is missing, looked in " + " and ".join(map(str, places)))


class World(People):
    """The company in memory; changes made through the sandbox are kept in the state.

    `day` is midnight UTC before the first start with this state: the ages in the CSV files count from there.
    Raises `ValueError` naming the row that makes no sense.
    """

    def __init__(self, world: str, state: State, now: float, size: Size | None = None) -> None:
        self.name, self.size = world, size
        self.rows: Rows = LargeRows(size or Size()) if world == "large" else files(data_folder(world))
        if state.meta("world.day") is None:
            state.set_meta("world.day", repr(times.day_of(now)))
        super().__init__(self.rows, state, float(state.meta("world.day") or 0.0))
        self.tree = Tree(state, self.day, self.person_id)
        for kind, name in (("folder", "folders"), ("file", "files"), ("web_link", "weblinks")):
            for row in self.rows(name):
                self.tree.read_row(kind, row)
        self.tree.finish()
        self.access = Access(state, self.tree, self.groups_of)
        for row in self.rows("collaborations"):
            self.access.read_row(row, self.day, self.row_logins)
        self.access.finish()
        self.pins: dict[str, Doc] = {
            row["id"]: {"id": row["id"], "user": self.person_id(row["login"]), "name": row["product_name"]}
            for row in self.rows("device_pins")
        }
        for one in state.changes("pin"):
            self.pins.pop(one, None)

    def untouched(self) -> World:
        """The company as the rows say, without any change: what the year of events is made from."""
        if self._state.one("SELECT 1 FROM changes LIMIT 1") is None:
            return self
        return World(self.name, State.blank(), self.day, self.size)


def files(folder: Path) -> Rows:
    """The rows of the CSV files of a folder by their names; none for one that is missing and not needed."""

    def rows(name: str) -> list[Row]:
        path = folder / f"{name}.csv"
        if name not in NEEDED and not path.is_file():
            return []
        with path.open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))

    return rows
