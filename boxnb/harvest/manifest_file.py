"""The SQLite file behind the manifest: its tables, their version, and how it is created and opened."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from ..errors import HarvestError
from ..local import private_files
from . import failures

FILE = "manifest.sqlite"
VERSION = 1
"""The version of the tables below. A manifest with a later version was written by a newer boxnb."""

UPGRADES: dict[int, tuple[str, ...]] = {}
"""The statements that upgrade a manifest of each earlier version to the next one."""

_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE rounds (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, begun INTEGER NOT NULL, ended INTEGER, arguments TEXT NOT NULL,
    calls INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0, seconds REAL NOT NULL DEFAULT 0,
    new INTEGER, changed INTEGER, gone INTEGER
);
CREATE TABLE units (
    id INTEGER PRIMARY KEY, round INTEGER NOT NULL, key TEXT NOT NULL, turn INTEGER NOT NULL, state TEXT NOT NULL,
    request TEXT, status INTEGER, why TEXT, part TEXT, UNIQUE (round, key)
);
CREATE INDEX units_by_state ON units (round, state, turn, id);
CREATE INDEX units_by_part ON units (part) WHERE part IS NOT NULL;
CREATE TABLE parts (
    file TEXT PRIMARY KEY, place TEXT NOT NULL, sha256 TEXT NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
    first INTEGER, last INTEGER, round INTEGER NOT NULL, chain TEXT NOT NULL, level INTEGER NOT NULL
);
CREATE TABLE notes (
    round INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (round, kind, id)
) WITHOUT ROWID;
"""


def create(file: Path, facts: dict[str, Any]) -> None:
    """Create the file with these facts. It appears as a whole or not at all."""
    draft = file.with_name(f".{FILE}.draft")
    with failures.manifest(file):
        private_files.discard(draft)
        private_files.discard(draft.with_name(f"{draft.name}-journal"))
        with contextlib.closing(sqlite3.connect(draft)) as database:
            database.execute("PRAGMA synchronous = FULL")
            database.executescript(_TABLES)
            rows = [(name, json.dumps(value)) for name, value in {**facts, "version": VERSION}.items()]
            database.executemany("INSERT INTO facts VALUES (?, ?)", rows)
            database.commit()
    try:
        draft.chmod(0o600)
        private_files.replace(draft, file)
        private_files.flush_folder(file.parent)
    except OSError as error:
        raise failures.not_written(error, file) from error


def identity(file: Path) -> tuple[int, int] | None:
    """Return what differs between a file and another one that took its place; ``None`` if there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def connect(file: Path) -> sqlite3.Connection:
    """Open the file, and upgrade it to the current version.

    Raises
    ------
    HarvestError
        The file is gone, or a newer boxnb wrote it.
    """
    if not file.exists():
        raise HarvestError(
            f"There is no harvest in {file.parent} any more. Call run() to start it again.",
            file,
        )
    uri = f"{file.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=30)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _check_version(connection, file)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(connection: sqlite3.Connection, file: Path) -> None:
    (text,) = connection.execute("SELECT value FROM facts WHERE name = 'version'").fetchone() or ("0",)
    version = json.loads(text)
    if version > VERSION:
        raise HarvestError(
            f"This harvest was written by a newer boxnb (version {version} of its manifest; this one reads up to {VERSION}). "
            f"It is unchanged. Update boxnb, then try again.",
            file,
        )
    if version < VERSION:
        if not all(number in UPGRADES for number in range(version, VERSION)):
            raise failures.damaged(file, ValueError(f"version {version} is unknown"))
        connection.execute("BEGIN IMMEDIATE")
        for number in range(version, VERSION):
            for statement in UPGRADES[number]:
                connection.execute(statement)
        connection.execute("UPDATE facts SET value = ? WHERE name = 'version'", (json.dumps(VERSION),))
        connection.execute("COMMIT")
