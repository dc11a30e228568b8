"""The practice company, read from CSV files and one JSON file that you can open and change."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from . import times
from .generated import Rows as LargeRows
from .generated import Size
from .governance import Governance
from .people import ENTERPRISE, Doc, People, Row, Rows, mini, shape
from .permissions import Access
from .state import State
from .tree import Tree

__all__ = ["ENTERPRISE", "Doc", "World", "mini", "shape"]
PACKAGE = Path(__file__).resolve().parents[3]
REQUIRED = ("users", "groups", "memberships")


def data_folder(world: str) -> Path:
    """Return the folder with the CSV files of a company.

    The files of `small` are next to the package in a checkout, and inside the package in an installed wheel.
    Raises `FileNotFoundError` with the paths that were searched if none of them has the files.
    """
    if world != "small":
        folder = Path(world)
        if (folder / "users.csv").is_file():
            return folder
        raise FileNotFoundError(
            f"unknown world {world!r}: use 'small', 'large', or a folder with users.csv and groups.csv"
        )
    folders = [PACKAGE.parent / "data" / "sandbox", PACKAGE / "_data" / "sandbox"]
    for folder in folders:
        if (folder / "users.csv").is_file():
            return folder
    raise FileNotFoundError("cannot find the practice company in " + " or ".join(map(str, folders)))


class World(People):
    """The company in memory. Changes made through the sandbox are saved in the state.

    `day` is the last midnight UTC before the sandbox first started with this state; the ages in the CSV files are
    counted from it. Raises `ValueError` for the first invalid row.
    """

    def __init__(self, world: str, state: State, now: float, size: Size | None = None) -> None:
        self.name, self.size = world, size
        self.rows: Rows = LargeRows(size or Size()) if world == "large" else csv_tables(data_folder(world))
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
        for pin_id in state.changes("pin"):
            self.pins.pop(pin_id, None)
        sections = {} if world == "large" else governance_sections(data_folder(world))
        self.governance = Governance(sections, self.tree, self.day, self.person_id)

    def untouched(self) -> World:
        """Return the company as its rows describe it, without later changes, for generating the year of events."""
        if self._state.first_row("SELECT 1 FROM changes LIMIT 1") is None:
            return self
        return World(self.name, State.in_memory(), self.day, self.size)


def governance_sections(folder: Path) -> Doc:
    """Return the sections of `governance.json`, which is optional. Raises `ValueError` if it is not a JSON object."""
    path = folder / "governance.json"
    if not path.is_file():
        return {}
    sections = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(sections, dict):
        raise ValueError(f"{path} of the practice company is not a JSON object")
    return sections


def csv_tables(folder: Path) -> Rows:
    """Return a function that reads the CSV file with a given name. If an optional file is missing, it has no rows."""

    def rows(name: str) -> list[Row]:
        path = folder / f"{name}.csv"
        if name not in REQUIRED and not path.is_file():
            return []
        with path.open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))

    return rows
