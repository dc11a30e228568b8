"""Reports and views at their limits: missing permissions and scopes, an enterprise of one user, names in every script."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from signing import practice_client, sign_in

import boxnb.sandbox
from boxnb import export, reports
from boxnb.api import rate_limit
from boxnb.errors import ForbiddenError
from boxnb.oauth import Client
from boxnb.secret import Secret
from boxnb.widgets import charts, views
from boxnb.widgets.tree_state import Branches, from_frame

WORLD = Path(__file__).parents[2] / "data" / "sandbox"
MORE = {"estimate": ("content",), "file_history": ("1",), "user_history": ("ada.admin@example.com",)}
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


def ask(box: boxnb.Box, name: str) -> Any:
    """Return one report, called by a user who has fetched nothing yet."""
    report: Callable[..., Any] = getattr(reports, name)
    return report(box, *MORE.get(name, ()))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield one home folder for all tests of this module, which change nothing."""
    place = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOXNB_HOME", str(place))
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        patch.setitem(rate_limit.LIMITS, "general", rate_limit.Limit(1_000_000))
        yield place


@pytest.fixture(scope="module")
def company(home: Path) -> Iterator[boxnb.sandbox.Sandbox]:
    with boxnb.sandbox.start(private=True, state=home / "company", limits="off") as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def alone(home: Path) -> Iterator[boxnb.Box]:
    """Yield an enterprise on its first day: the admin, without groups, content or events."""
    world = home / "alone"
    world.mkdir()
    for table in WORLD.glob("*.csv"):
        lines = table.read_text(encoding="utf-8").splitlines()
        kept = lines[:2] if table.name == "users.csv" else lines[:1]
        (world / table.name).write_text("\n".join(kept) + "\n", encoding="utf-8")
    with boxnb.sandbox.start(private=True, state=home / "one", world=str(world), events=0) as sandbox:
        sign_in(sandbox, "alone")
        yield boxnb.connect("alone")


def narrow(sandbox: boxnb.sandbox.Sandbox, name: str, scopes: list[str]) -> boxnb.Box:
    """Return the admin's Box, through an app with only these scopes."""
    wide = practice_client(sandbox)
    app = sandbox.register_app(name, [wide.redirect_uri], scopes)
    client = Client(app["client_id"], Secret(app["client_secret"]), wide.redirect_uri, wide.server)
    sign_in(sandbox, name, client=client)
    return boxnb.connect(name)


@pytest.fixture(scope="module")
def plain(company: boxnb.sandbox.Sandbox) -> boxnb.Box:
    sign_in(company, "plain", login="greta.haas@example.com")
    return boxnb.connect("plain")


@pytest.fixture(scope="module")
def reader(company: boxnb.sandbox.Sandbox) -> boxnb.Box:
    return narrow(company, "reader", ["root_readonly"])


@pytest.fixture(scope="module")
def nobody_else(company: boxnb.sandbox.Sandbox) -> boxnb.Box:
    every = ["root_readonly", "manage_managed_users", "manage_groups", "manage_enterprise_properties"]
    return narrow(company, "nobody_else", every)


@pytest.mark.parametrize("name", reports.__all__)
def test_ordinary_user_gets_one_sentence(plain: boxnb.Box, name: str) -> None:
    """It names the call, and says that it needs an admin."""
    before = plain.session.ledger.calls
    with pytest.raises(
        ForbiddenError, match="Sign in as a person who may, such as an admin or co-admin"
    ) as told:
        ask(plain, name)
    assert "\n" not in str(told.value)
    assert plain.session.ledger.calls <= before + 2


@pytest.mark.parametrize("name", reports.__all__)
def test_missing_scope_is_named(reader: boxnb.Box, name: str) -> None:
    """The message uses the words of the console, and says that a new sign-in is needed."""
    words = (
        "Manage enterprise properties"
        if name in EVENTS
        else "Manage groups"
        if name in GROUPS
        else "Manage users"
    )
    with pytest.raises(ForbiddenError, match=f"lacks a scope.*Tick '{words}'.*sign in again"):
        ask(reader, name)


@pytest.mark.parametrize("name", sorted(WALKS | {"hidden_links"}))
def test_missing_as_user_setting_is_reported_early(nobody_else: boxnb.Box, name: str) -> None:
    """The message names the setting after a few calls, and not after one for each user."""
    before = nobody_else.session.ledger.calls
    with pytest.raises(
        ForbiddenError, match=r"on behalf of another user.*'Make API calls using the as-user header'"
    ):
        ask(nobody_else, name)
    assert nobody_else.session.ledger.calls < before + 40


@pytest.mark.parametrize("name", FRAMES)
def test_enterprise_of_one_user(alone: boxnb.Box, name: str) -> None:
    """The columns are the usual ones, and only rows about that user exist."""
    found = ask(alone, name)
    assert len(found) == (1 if name == "inactive_users" else 0)
    assert len(found.columns) >= 5
    assert "object" not in set(found.dtypes.astype(str))
    view = views.table(found, box=alone)
    view._send_rows(0, 100)
    assert view.selected.equals(found)
    assert "<table" in view._repr_mimebundle_()[0]["text/html"]


def test_views_of_an_enterprise_without_content(alone: boxnb.Box, tmp_path: Path) -> None:
    """Tree, explorer, progress, every chart and every export work without rows."""
    content = reports.content(alone)
    tree = views.folders(alone)
    assert tree.branches.items["0"].empty and tree.selected.empty
    look = views.explore(content, box=alone)
    assert look.selected.empty and look.code
    moving = views.progress(alone)
    alone.users()
    assert "users: 1 row," in moving.value
    drawn = [
        charts.treemap(content),
        charts.storage(reports.storage_by(alone, "folder", of=content)),
        charts.ages(reports.storage_by(alone, "age", of=content)),
        charts.domains(reports.external_collaborators(alone)),
        charts.counts(alone.memberships()["group_name"], "Members"),
        charts.events_per_day(alone.events(since="365D")),
        charts.sign_in_heatmap(reports.sign_ins(alone)),
    ]
    for chart in drawn:
        assert chart._repr_mimebundle_()["text/plain"]
        assert chart._repr_mimebundle_()["text/html"].startswith("<table")
    for kind, write in {"csv": export.to_csv, "xlsx": export.to_excel, "parquet": export.to_parquet}.items():
        assert write(content, tmp_path / f"none.{kind}").stat().st_size
    assert export.to_html({"Nothing": content}, tmp_path / "none.html").stat().st_size


def test_refused_tree_says_why(company: boxnb.sandbox.Sandbox) -> None:
    """Without the reading scope, the tree opens empty and shows the message."""
    box = narrow(company, "blind", ["manage_managed_users"])
    messages = list(views.folders(box).branches.open("0"))
    assert messages[-1]["type"] == "failed"
    assert "Tick 'Read all files and folders'" in messages[-1]["why"]


@pytest.fixture(scope="module")
def seen(company: boxnb.sandbox.Sandbox) -> dict[str, pd.DataFrame]:
    """Yield the DataFrames of the notebooks, for the practice company."""
    sign_in(company, "acme")
    box = boxnb.connect("acme")
    content = reports.content(box)
    invited = reports.collaborations(box, of=content)
    events = box.events(since="365D")
    walked = {"people": box.users(), "content": content, "invited": invited, "events": events}
    given = {
        "storage_by": content,
        "shared_links": content,
        "stale_content": content,
        "duplicate_files": content,
    }
    given |= {"external_collaborators": invited, "shared_widely": invited, "pending_invitations": invited}
    given |= {"downloads": events, "sign_ins": events}
    made = {name: getattr(reports, name)(box, of=frame) for name, frame in given.items()}
    return walked | made | {"group_overlap": reports.group_overlap(box)}


def test_company_has_names_in_every_script(seen: dict[str, pd.DataFrame]) -> None:
    """Otherwise the next test would prove little."""
    names = "\n".join([*seen["people"]["name"], *seen["content"]["name"]])
    assert {script for script, letters in SCRIPTS.items() if re.search(letters, names)} == set(SCRIPTS)


def test_names_in_every_script_are_unchanged(seen: dict[str, pd.DataFrame]) -> None:
    """Table, search, plain HTML and files show them letter by letter, and never as markup."""
    for name, frame in seen.items():
        texts = [column for column in frame.columns if str(frame[column].dtype) == "str"]
        odd = frame[
            frame[texts].apply(lambda cells: cells.str.contains("[^ -~]|<", na=False)).any(axis=1)
        ].head(40)
        view = views.table(odd, columns=texts)
        for row, cells in zip(odd[texts].itertuples(index=False), view.rows.page(0, 100), strict=True):
            assert cells == ["" if pd.isna(value) else str(value)[:300] for value in row], name
        page = export.table_html(odd[texts], 100)
        assert not re.search(r"<(?!/?(table|thead|tbody|tr|th|td|p|div|style|caption|bdi)\b)", page), name
        for label in odd[texts[0]].dropna().head(5):
            view.rows.change(search=str(label))
            assert str(label) in set(view.selected[texts[0]]), name


def test_tree_shows_names_in_every_script(seen: dict[str, pd.DataFrame]) -> None:
    """Every folder shows them unchanged."""
    content = seen["content"]
    branches = Branches(from_frame(content))
    shown = [row[2] for message in branches.open("0") for row in message["rows"]]
    for folder in content.loc[content["type"] == "folder", "id"]:
        shown += [row[2] for message in branches.open(folder) for row in message.get("rows", [])]
    assert sorted(shown) == sorted(content["name"].str[:300])


def test_views_show_what_an_ordinary_user_can_see(plain: boxnb.Box) -> None:
    """The views need no admin: a user sees a tree of their own, and a table of it."""
    tree = views.folders(plain)
    assert len(tree.selected) > 3
    assert len(views.table(tree.selected).selected) == len(tree.selected)


def test_every_report_is_in_one_of_the_lists_above() -> None:
    """A new report must state what it needs."""
    assert set(reports.__all__) == WALKS | EVENTS | GROUPS | PEOPLE
    for name in set(reports.__all__) - set(MORE):
        required = [
            one
            for one in inspect.signature(getattr(reports, name)).parameters.values()
            if one.default is one.empty
        ]
        assert len(required) == 1, name
