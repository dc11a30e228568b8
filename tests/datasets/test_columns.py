"""Every cell of every dataset, compared with the server's responses and the company's files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from company import age
from lossless import check
from signing import sign_in

import boxnb.sandbox
from boxnb.api import rate_limit
from boxnb.frames import schema

COMPANY = Path(__file__).parents[2] / "data" / "sandbox"
OWNER = "fang.wang@example.com"


def table(name: str) -> pd.DataFrame:
    """Return one of the company's files, as text."""
    return pd.read_csv(COMPANY / f"{name}.csv", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[boxnb.sandbox.Sandbox]:
    """Yield a sandbox for all tests of this module."""
    state = tmp_path_factory.mktemp("columns")
    with boxnb.sandbox.start(private=True, state=state, limits="off") as sandbox:
        yield sandbox


@pytest.fixture
def box(company: boxnb.sandbox.Sandbox, monkeypatch: pytest.MonkeyPatch) -> boxnb.Box:
    """Return the admin's Box, without rate limits."""
    monkeypatch.setitem(rate_limit.LIMITS, "general", rate_limit.Limit(1_000_000))
    sign_in(company)
    return boxnb.connect("acme")


OWNER_ID = str(table("users").set_index("login").loc[OWNER, "id"])
PULLS: dict[str, tuple[schema.Columns, Any]] = {
    "users": (schema.USERS, lambda box: box.users()),
    "me": (schema.USERS, lambda box: box.me()),
    "groups": (schema.GROUPS, lambda box: box.groups()),
    "memberships": (schema.MEMBERSHIPS, lambda box: box.memberships()),
    "items": (schema.ITEMS, lambda box: box.items(as_user=OWNER_ID)),
    "tree": (schema.ITEMS, lambda box: box.tree(as_user=OWNER_ID)),
    "versions": (schema.VERSIONS, lambda box: box.versions(_most_versions(), as_user=OWNER_ID)),
    "search": (schema.ITEMS, lambda box: box.search("report", as_user=OWNER_ID)),
    "trash": (schema.ITEMS, lambda box: box.trash(as_user=OWNER_ID)),
    "collaborations": (
        schema.COLLABORATIONS,
        lambda box: box.collaborations(_folders(), as_user=OWNER_ID, inherited=True),
    ),
    "device_pins": (schema.DEVICE_PINS, lambda box: box.device_pins()),
    "events": (schema.EVENTS, lambda box: box.events(since="90D")),
    "streamed": (schema.EVENTS, lambda box: box.events(stream="admin_logs_streaming")),
    "own": (schema.USER_EVENTS, lambda box: box.events(stream="all", as_user=OWNER_ID)),
}


def _most_versions() -> str:
    files = table("files")
    owned = files[files["trashed_at"].eq("") & files["created_by"].eq(OWNER)]
    return str(owned.loc[owned["versions"].astype(int).idxmax(), "id"])


def _folders() -> list[str]:
    folders = table("folders")
    return list(folders.loc[folders["owner"].eq(OWNER) & folders["trashed_at"].eq(""), "id"])


@pytest.mark.parametrize("name", PULLS)
def test_each_cell_is_what_the_server_sent(box: boxnb.Box, name: str) -> None:
    """Every value of every entry is unchanged in its column, and there are no other values."""
    columns, pull = PULLS[name]
    entries: dict[str, dict[str, Any]] = {}
    call = box.session.call

    def recording_call(*arguments: Any, **options: Any) -> Any:
        response = call(*arguments, **options)
        body = response.json()
        for entry in body.get("entries", [body]):
            entries[str(entry.get("event_id") or entry["id"])] = entry
        return response

    box.session.call = recording_call  # type: ignore[method-assign]
    frame = pull(box)
    key = "event_id" if "event_id" in frame else "id"
    assert len(frame) > 0
    assert frame[key].is_unique
    assert set(frame[key]) <= set(entries)
    if name not in ("memberships", "device_pins"):  # these first fetch the groups, or the enterprise
        assert set(frame[key]) == set(entries)
    for row in frame.to_dict("records"):
        check(entries[row[key]], dict(row), columns)
    assert frame["extra"].isna().all(), json.loads(frame["extra"].dropna().iloc[0])


def check_columns(frame: pd.DataFrame, file: str, columns: dict[str, str]) -> None:
    """Check that the columns of a DataFrame equal those of a file in all rows."""
    expected = table(file).set_index("id")
    rows = frame.set_index("id")
    assert set(rows.index) == set(expected.index)
    for name, file_column in columns.items():
        values, expected_values = rows[name], expected.loc[rows.index, file_column]
        if str(values.dtype).startswith("datetime"):
            days = values - expected_values.map(age)
            # Every time differs from its age by the day on which the company was created.
            assert days.nunique() == 1 and (days == days.dt.floor("D")).all(), name
        else:
            assert values.astype("str").where(values.notna(), "").tolist() == expected_values.tolist(), name


def test_users_groups_and_pins_match_the_files(box: boxnb.Box) -> None:
    """All rows have the values of the files."""
    common = ("name", "created_at", "modified_at")
    user_columns = ("login", "role", "status", "job_title", "language", "timezone", "phone", "address")
    sizes = ("space_amount", "space_used", "max_upload_size")
    check_columns(box.users(), "users", {name: name for name in (*common, *user_columns, *sizes)})
    group_columns = ("description", "provenance", "external_sync_identifier", "invitability_level")
    check_columns(
        box.groups(), "groups", {name: name for name in (*common, *group_columns, "member_viewability_level")}
    )
    membership_columns = {
        "user_id": "user_id",
        "group_id": "group_id",
        "role": "role",
        "created_at": "created_at",
    }
    check_columns(box.memberships(), "memberships", {**membership_columns, "modified_at": "modified_at"})
    check_columns(
        box.device_pins(), "device_pins", {"owned_by_login": "login", "product_name": "product_name"}
    )
