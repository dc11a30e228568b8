"""The sandbox's saved state in one SQLite file: apps, codes, token pairs, sessions, clock, changes to the company.

One process owns the file (exclusive locking), and every change is one transaction. A `kill -9` at any moment leaves
either the state before the change or the state after it, never half of a refresh.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import string
from collections.abc import Iterable
from pathlib import Path
from typing import Any

NOT_PRUNED = 1000
ALNUM = string.ascii_letters + string.digits
SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS apps (client_id TEXT PRIMARY KEY, client_secret TEXT NOT NULL, name TEXT NOT NULL,
  redirect_uris TEXT NOT NULL, scopes TEXT NOT NULL, enabled INTEGER NOT NULL DEFAULT 1);
CREATE TABLE IF NOT EXISTS sessions (sid TEXT PRIMARY KEY, csrf TEXT NOT NULL, user_id TEXT, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS codes (code TEXT PRIMARY KEY, client_id TEXT NOT NULL, user_id TEXT NOT NULL,
  scopes TEXT NOT NULL, created REAL NOT NULL, challenge TEXT, used INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS pairs (id INTEGER PRIMARY KEY, access TEXT UNIQUE NOT NULL, refresh TEXT UNIQUE NOT NULL,
  client_id TEXT NOT NULL, user_id TEXT NOT NULL, scopes TEXT NOT NULL, created REAL NOT NULL,
  parent INTEGER, used INTEGER NOT NULL DEFAULT 0, dead TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS server_apps (client_id TEXT PRIMARY KEY, access TEXT NOT NULL, user_tokens INTEGER NOT NULL,
  authorized TEXT NOT NULL DEFAULT '', service_user TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS pairs_parent ON pairs (parent);
CREATE TABLE IF NOT EXISTS changes (kind TEXT NOT NULL, id TEXT NOT NULL, doc TEXT, PRIMARY KEY (kind, id));
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY AUTOINCREMENT, created REAL NOT NULL, kind TEXT NOT NULL,
  actor TEXT NOT NULL, address TEXT NOT NULL, doc TEXT NOT NULL);
"""


def random_text(length: int) -> str:
    """Return `length` random letters and digits."""
    return "".join(secrets.choice(ALNUM) for _ in range(length))


class State:
    """The SQLite file `sandbox.sqlite` in `folder` (created 0700). `revision` counts the changes to the company."""

    revision = 0

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = folder / "sandbox.sqlite"
        self.db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=5.0)
        self.path.chmod(0o600)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=NORMAL")
        self.db.executescript(SCHEMA)

    @classmethod
    def in_memory(cls) -> State:
        """Return an in-memory state without any changes."""
        state = cls.__new__(cls)
        state.path = Path()
        state.db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        state.db.row_factory = sqlite3.Row
        state.db.executescript(SCHEMA)
        return state

    def first_row(self, sql: str, args: Iterable[Any] = ()) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        row: sqlite3.Row | None = self.db.execute(sql, tuple(args)).fetchone()
        return row

    def required_row(self, sql: str, args: Iterable[Any] = ()) -> sqlite3.Row:
        """Return the first row of a query that must have one."""
        row = self.first_row(sql, args)
        if row is None:
            raise LookupError(sql)
        return row

    def all(self, sql: str, args: Iterable[Any] = ()) -> list[sqlite3.Row]:
        """Return every row of a query."""
        return self.db.execute(sql, tuple(args)).fetchall()

    def run(self, sql: str, args: Iterable[Any] = ()) -> int:
        """Run one statement and return the row id of an insert."""
        return self.db.execute(sql, tuple(args)).lastrowid or 0

    def __enter__(self) -> State:
        self.db.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        self.db.execute("ROLLBACK" if kind else "COMMIT")

    def meta(self, key: str) -> str | None:
        """Return the small value with this name, or None."""
        row = self.first_row("SELECT value FROM meta WHERE key=?", (key,))
        return None if row is None else str(row["value"])

    def set_meta(self, key: str, value: str) -> None:
        """Save a small value under its name."""
        self.run(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value=excluded.value",
            (key, value),
        )

    def change(self, kind: str, key: str, doc: dict[str, Any] | None) -> None:
        """Save the new properties of a user, group, item or other object; `doc` is None if it was deleted."""
        self.revision += 1
        self.run(
            "INSERT OR REPLACE INTO changes VALUES (?, ?, ?)",
            (kind, key, None if doc is None else json.dumps(doc)),
        )

    def changes(self, kind: str) -> dict[str, dict[str, Any] | None]:
        """Return the changed objects of one kind by id. The value is None for deleted objects."""
        rows = self.all("SELECT id, doc FROM changes WHERE kind=? ORDER BY rowid", (kind,))
        return {row["id"]: None if row["doc"] is None else json.loads(row["doc"]) for row in rows}

    def get_change(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return one changed object, or None if it is unchanged or deleted."""
        row = self.first_row("SELECT doc FROM changes WHERE kind=? AND id=?", (kind, key))
        return None if row is None or row["doc"] is None else json.loads(row["doc"])

    def next_id(self) -> str:
        """Return an unused id."""
        number = int(self.meta("next_id") or 1_950_000_000_000) + 7
        self.set_meta("next_id", str(number))
        return str(number)

    def add_app(self, name: str, redirect_uris: list[str], scopes: list[str]) -> dict[str, Any]:
        """Register an app and return it with its client ID, client secret, name, redirect URIs and scopes."""
        client_id, secret = random_text(32).lower(), random_text(32)
        self.run(
            "INSERT INTO apps VALUES (?, ?, ?, ?, ?, 1)",
            (client_id, secret, name, json.dumps(redirect_uris), json.dumps(scopes)),
        )
        return self.required_app(client_id)

    def set_scopes(self, client_id: str, scopes: list[str]) -> None:
        """Set the scopes of an app. Existing tokens keep theirs."""
        self.run("UPDATE apps SET scopes=? WHERE client_id=?", (json.dumps(scopes), client_id))

    def required_app(self, client_id: str) -> dict[str, Any]:
        """Return an app that must exist."""
        app = self.app(client_id)
        if app is None:
            raise LookupError(f"no app {client_id}")
        return app

    def prune(self) -> None:
        """Delete all but the newest dead token pairs, codes and browser sessions.

        A dead pair only affects the text of an error message. The predecessor of a valid pair stays until that pair is
        used.
        """
        with self:
            self.run(
                "DELETE FROM pairs WHERE dead<>'' AND id NOT IN (SELECT parent FROM pairs WHERE dead='' AND parent "
                "IS NOT NULL) AND id NOT IN (SELECT id FROM pairs WHERE dead<>'' ORDER BY id DESC LIMIT ?)",
                (NOT_PRUNED,),
            )
            for table in ("codes", "sessions"):
                self.run(
                    f"DELETE FROM {table} WHERE rowid <= (SELECT max(rowid) FROM {table}) - ?",
                    (NOT_PRUNED,),
                )

    def app(self, client_id: str) -> dict[str, Any] | None:
        """Return the app with this client ID, or None."""
        row = self.first_row("SELECT * FROM apps WHERE client_id=?", (client_id,))
        if row is None:
            return None
        return {
            **dict(row),
            "redirect_uris": json.loads(row["redirect_uris"]),
            "scopes": json.loads(row["scopes"]),
            "enabled": bool(row["enabled"]),
        }

    def close(self) -> None:
        """Close the file."""
        self.db.close()
