"""Reports and views at their limits: missing permissions and scopes, an enterprise of one user, names in every script."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import measuring
import pandas as pd
import pytest
from one_home import home as home
from signing import practice_client, sign_in

import boxnb.sandbox
from boxnb import export, reports
from boxnb.errors import ForbiddenError
from boxnb.oauth import Client
from boxnb.secret import Secret
from boxnb.widgets import charts, views
from boxnb.widgets.tree_state import Branches, from_frame

COMPANY = Path(__file__).parents[2] / "data" / "sandbox"
ARGUMENTS = {
    "estimate": ("content",),
    "file_history": ("1",),
    "user_history": ("ada.admin@example.com",),
    "visible_to": ("ada.admin@example.com",),
}
EVENTS = {
    "downloads",
    "file_history",
    "hidden_links",
    "sign_in_attacks",
    "sign_ins",
    "unusual_days",
    "user_history",
}
GROUPS = {"group_overlap"}
PEOPLE = {"duplicate_accounts", "estimate", "inactive_users"}
WALKS = set(reports.__all__) - EVENTS - GROUPS - PEOPLE
FRAMES = sorted(set(reports.__all__) - {"estimate"})
SCRIPTS = {
    "Latin": "[A-Za-z]",
    "Han": "[\u4e00-\u9fff]",
    "Kana": "[\u3040-\u30ff]",
    "Hangul": "[\uac00-\ud7a3]",
    "Arabic": "[\u0600-\u06ff]",
    "Hebrew": "[\u0590-\u05ff]",
    "Devanagari": "[\u0900-\u097f]",
    "Greek": "[\u0370-\u03ff]",
    "Cyrillic": "[\u0400-\u04ff]",
    "picture": "[\u2600-\u27bf\U0001f300-\U0001faff]",
    "markup": "<",
}


def call_report(box: boxnb.Box, name: str) -> Any:
    """Return one report, without DataFrames fetched before."""
    report: Callable[..., Any] = getattr(reports, name)
    return report(box, *ARGUMENTS.get(name, ()))


@pytest.fixture(scope="module")
def company(home: Path) -> Iterator[boxnb.sandbox.Sandbox]:
    """Yield a sandbox for all tests of this module."""
    with boxnb.sandbox.start(private=True, state=home / "company", limits="off") as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def alone(home: Path) -> Iterator[boxnb.Box]:
    """Yield the Box of an enterprise that has only its admin, and no groups, content or events."""
    files = home / "alone"
    files.mkdir()
    for table in COMPANY.glob("*.csv"):
        lines = table.read_text(encoding="utf-8").splitlines()
        rows = lines[:2] if table.name == "users.csv" else lines[:1]
        (files / table.name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    with boxnb.sandbox.start(private=True, state=home / "one", world=str(files), events=0) as sandbox:
        sign_in(sandbox, "alone")
        yield boxnb.connect("alone")


def box_with_scopes(sandbox: boxnb.sandbox.Sandbox, name: str, scopes: list[str]) -> boxnb.Box:
    """Return the admin's Box with an app that has only these scopes."""
    practice = practice_client(sandbox)
    app = sandbox.register_app(name, [practice.redirect_uri], scopes)
    client = Client(app["client_id"], Secret(app["client_secret"]), practice.redirect_uri, practice.server)
    sign_in(sandbox, name, client=client)
    return boxnb.connect(name)


@pytest.fixture(scope="module")
def ordinary_user(company: boxnb.sandbox.Sandbox) -> boxnb.Box:
    """Return the Box of a user who is not an admin."""
    sign_in(company, "plain", login="greta.haas@example.com")
    return boxnb.connect("plain")


@pytest.fixture(scope="module")
def reader(company: boxnb.sandbox.Sandbox) -> boxnb.Box:
    """Return the admin's Box with an app that may only read files."""
    return box_with_scopes(company, "reader", ["root_readonly"])


@pytest.fixture(scope="module")
def without_as_user(company: boxnb.sandbox.Sandbox) -> boxnb.Box:
    """Return the admin's Box with an app that is not allowed to use As-User."""
    scopes = ["root_readonly", "manage_managed_users", "manage_groups", "manage_enterprise_properties"]
    return box_with_scopes(company, "nobody_else", scopes)


@pytest.mark.parametrize("name", reports.__all__)
def test_ordinary_user_gets_a_message_of_one_line(ordinary_user: boxnb.Box, name: str) -> None:
    """The message says that the call needs an admin, after two calls at most."""
    calls_before = ordinary_user.session.ledger.calls
    with pytest.raises(
        ForbiddenError, match="Sign in as someone who is allowed, such as an admin or co-admin"
    ) as caught:
        call_report(ordinary_user, name)
    assert "\n" not in str(caught.value)
    assert ordinary_user.session.ledger.calls <= calls_before + 2


@pytest.mark.parametrize("name", reports.__all__)
def test_missing_scope_is_named(reader: boxnb.Box, name: str) -> None:
    """The message names the scope as the Developer Console does, and says that a new sign-in is needed."""
    scope = (
        "Manage enterprise properties"
        if name in EVENTS
        else "Manage groups"
        if name in GROUPS
        else "Manage users"
    )
    with pytest.raises(ForbiddenError, match=f"lacks a scope.*Tick '{scope}'.*sign in again"):
        call_report(reader, name)


@pytest.mark.parametrize("name", sorted(WALKS | {"hidden_links"}))
def test_missing_as_user_setting_is_reported_early(without_as_user: boxnb.Box, name: str) -> None:
    """The message names the setting after a few calls, not after one for each user."""
    calls_before = without_as_user.session.ledger.calls
    with pytest.raises(
        ForbiddenError, match=r"on behalf of another user.*'Make API calls using the as-user header'"
    ):
        call_report(without_as_user, name)
    assert without_as_user.session.ledger.calls < calls_before + 40


@pytest.mark.parametrize("name", FRAMES)
def test_enterprise_of_one_user(alone: boxnb.Box, name: str) -> None:
    """Reports have their usual columns, and only rows about that user."""
    report = call_report(alone, name)
    assert len(report) == (1 if name == "inactive_users" else 0)
    assert len(report.columns) >= 5
    assert "object" not in set(report.dtypes.astype(str))
    view = views.table(report, box=alone)
    view._send_rows(0, 100)
    assert view.selected.equals(report)
    assert "<table" in view._repr_mimebundle_()[0]["text/html"]


def test_views_of_an_enterprise_without_content(alone: boxnb.Box, tmp_path: Path) -> None:
    """Tree, explorer, progress, every chart and every export work without rows."""
    content = reports.content(alone)
    tree = views.folders(alone)
    assert tree.branches.items["0"].empty and tree.selected.empty
    explorer = views.explore(content, box=alone)
    assert explorer.selected.empty and explorer.code
    progress = views.progress(alone)
    alone.users()
    assert "users: 1 row," in progress.value
    all_charts = [
        charts.treemap(content),
        charts.storage(reports.storage_by(alone, "folder", of=content)),
        charts.ages(reports.storage_by(alone, "age", of=content)),
        charts.domains(reports.external_collaborators(alone)),
        charts.counts(alone.memberships()["group_name"], "Members"),
        charts.events_per_day(alone.events(since="365D")),
        charts.sign_in_heatmap(reports.sign_ins(alone)),
    ]
    for chart in all_charts:
        assert chart._repr_mimebundle_()["text/plain"]
        assert chart._repr_mimebundle_()["text/html"].startswith("<table")
    for extension, write in {
        "csv": export.to_csv,
        "xlsx": export.to_excel,
        "parquet": export.to_parquet,
    }.items():
        assert write(content, tmp_path / f"none.{extension}").stat().st_size
    assert export.to_html({"Nothing": content}, tmp_path / "none.html").stat().st_size


def test_refused_tree_says_why(company: boxnb.sandbox.Sandbox) -> None:
    """Without the scope to read files, the tree is empty and shows the message."""
    box = box_with_scopes(company, "blind", ["manage_managed_users"])
    messages = list(views.folders(box).branches.open("0"))
    assert messages[-1]["type"] == "failed"
    assert "Tick 'Read all files and folders'" in messages[-1]["why"]


@pytest.fixture(scope="module")
def practice_frames(company: boxnb.sandbox.Sandbox) -> dict[str, pd.DataFrame]:
    """Yield the DataFrames of the notebooks, for the practice company."""
    sign_in(company, "acme")
    box = boxnb.connect("acme")
    with measuring.paused():
        content = reports.content(box)
        invited = reports.collaborations(box, of=content)
        events = box.events(since="365D")
    pulls = {"people": box.users(), "content": content, "invited": invited, "events": events}
    inputs = {
        "storage_by": content,
        "shared_links": content,
        "stale_content": content,
        "duplicate_files": content,
    }
    inputs |= {"external_collaborators": invited, "shared_widely": invited, "pending_invitations": invited}
    inputs |= {"downloads": events, "sign_ins": events}
    results = {name: getattr(reports, name)(box, of=frame) for name, frame in inputs.items()}
    return pulls | results | {"group_overlap": reports.group_overlap(box)}


def test_company_has_names_in_every_script(practice_frames: dict[str, pd.DataFrame]) -> None:
    """The names of the company cover all scripts, so the next tests do."""
    names = "\n".join([*practice_frames["people"]["name"], *practice_frames["content"]["name"]])
    assert {script for script, letters in SCRIPTS.items() if re.search(letters, names)} == set(SCRIPTS)


def test_names_in_every_script_are_unchanged(practice_frames: dict[str, pd.DataFrame]) -> None:
    """The table, its search and the exported HTML contain each name unchanged, and never as markup."""
    for name, frame in practice_frames.items():
        text_columns = [column for column in frame.columns if str(frame[column].dtype) == "str"]
        unusual = frame[
            frame[text_columns].apply(lambda cells: cells.str.contains("[^ -~]|<", na=False)).any(axis=1)
        ].head(40)
        view = views.table(unusual, columns=text_columns)
        for row, cells in zip(
            unusual[text_columns].itertuples(index=False), view.rows.page(0, 100), strict=True
        ):
            assert cells == ["" if pd.isna(value) else str(value)[:300] for value in row], name
        html = export.table_html(unusual[text_columns], 100)
        assert not re.search(r"<(?!/?(table|thead|tbody|tr|th|td|p|div|style|caption|bdi)\b)", html), name
        for label in unusual[text_columns[0]].dropna().head(5):
            view.rows.change(search=str(label))
            assert str(label) in set(view.selected[text_columns[0]]), name


def test_tree_shows_names_in_every_script(practice_frames: dict[str, pd.DataFrame]) -> None:
    """The rows of all folders have the names of the content."""
    content = practice_frames["content"]
    branches = Branches(from_frame(content))
    names = [row[2] for message in branches.open("0") for row in message["rows"]]
    for folder in content.loc[content["type"] == "folder", "id"]:
        names += [row[2] for message in branches.open(folder) for row in message.get("rows", [])]
    assert sorted(names) == sorted(content["name"].str[:300])


def test_views_show_what_an_ordinary_user_can_see(ordinary_user: boxnb.Box) -> None:
    """A user without an admin role sees a tree and a table of their own content."""
    tree = views.folders(ordinary_user)
    assert len(tree.selected) > 3
    assert len(views.table(tree.selected).selected) == len(tree.selected)


def test_every_report_is_in_one_of_the_lists_above() -> None:
    """The list that contains a report says what it needs."""
    assert set(reports.__all__) == WALKS | EVENTS | GROUPS | PEOPLE
    for name in set(reports.__all__) - set(ARGUMENTS):
        required = [
            parameter
            for parameter in inspect.signature(getattr(reports, name)).parameters.values()
            if parameter.default is parameter.empty
        ]
        assert len(required) == 1, name
