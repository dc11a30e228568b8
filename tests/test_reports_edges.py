"""Reports and views at their edges: who may not, what the app lacks, one person and nothing else, names in every script."""

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

WORLD = Path(__file__).parents[1] / "data" / "sandbox"
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
    """One report as somebody calls it who has nothing fetched yet."""
    report: Callable[..., Any] = getattr(reports, name)
    return report(box, *MORE.get(name, ()))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One home for all tests here, which change nothing."""
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
    """An enterprise on its first day: the admin, no group, no content, no event."""
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
    """The admin, through an app with these scopes only."""
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
def test_an_ordinary_person_is_told(plain: boxnb.Box, name: str) -> None:
    """One sentence: which call, and that it takes an admin."""
    before = plain.session.ledger.calls
    with pytest.raises(
        ForbiddenError, match="Sign in as a person who may, such as an admin or co-admin"
    ) as told:
        ask(plain, name)
    assert "\n" not in str(told.value)
    assert plain.session.ledger.calls <= before + 2


@pytest.mark.parametrize("name", reports.__all__)
def test_an_app_without_the_scope_is_told_which(reader: boxnb.Box, name: str) -> None:
    """The scope in the console's words, and that a new sign-in is needed."""
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
def test_an_app_that_may_not_look_as_others_is_told_soon(nobody_else: boxnb.Box, name: str) -> None:
    """What to tick, after a few calls and not after one for each person."""
    before = nobody_else.session.ledger.calls
    with pytest.raises(
        ForbiddenError, match=r"on behalf of another user.*'Make API calls using the as-user header'"
    ):
        ask(nobody_else, name)
    assert nobody_else.session.ledger.calls < before + 40


@pytest.mark.parametrize("name", FRAMES)
def test_one_person_and_nothing_else(alone: boxnb.Box, name: str) -> None:
    """The columns it always has, and rows only where the one person is meant."""
    found = ask(alone, name)
    assert len(found) == (1 if name == "inactive_users" else 0)
    assert len(found.columns) >= 5
    assert "object" not in set(found.dtypes.astype(str))
    view = views.table(found, box=alone)
    view._send_rows(0, 100)
    assert view.selected.equals(found)
    assert "<table" in view._repr_mimebundle_()[0]["text/html"]


def test_views_of_an_enterprise_without_content(alone: boxnb.Box, tmp_path: Path) -> None:
    """Tree, explorer, progress, each chart and each export of nothing."""
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


def test_a_tree_that_is_refused_says_why(company: boxnb.sandbox.Sandbox) -> None:
    """No reading scope: the tree opens, empty, with the sentence in it."""
    box = narrow(company, "blind", ["manage_managed_users"])
    messages = list(views.folders(box).branches.open("0"))
    assert messages[-1]["type"] == "failed"
    assert "Tick 'Read all files and folders'" in messages[-1]["why"]


@pytest.fixture(scope="module")
def seen(company: boxnb.sandbox.Sandbox) -> dict[str, pd.DataFrame]:
    """What the notebooks show, of the company."""
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


def test_the_company_has_names_in_every_script(seen: dict[str, pd.DataFrame]) -> None:
    """Else the next test would prove little."""
    names = "\n".join([*seen["people"]["name"], *seen["content"]["name"]])
    assert {script for script, letters in SCRIPTS.items() if re.search(letters, names)} == set(SCRIPTS)


def test_names_in_every_script_stay_what_they_are(seen: dict[str, pd.DataFrame]) -> None:
    """In the table, in its search, as plain HTML and in a file: letter by letter, and never as markup."""
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


def test_a_tree_shows_names_in_every_script(seen: dict[str, pd.DataFrame]) -> None:
    """As they are, folder by folder."""
    content = seen["content"]
    branches = Branches(from_frame(content))
    shown = [row[2] for message in branches.open("0") for row in message["rows"]]
    for folder in content.loc[content["type"] == "folder", "id"]:
        shown += [row[2] for message in branches.open(folder) for row in message.get("rows", [])]
    assert sorted(shown) == sorted(content["name"].str[:300])


def test_what_an_ordinary_person_may_see_is_in_the_views(plain: boxnb.Box) -> None:
    """The views need no admin: a tree of one's own, and a table of it."""
    tree = views.folders(plain)
    assert len(tree.selected) > 3
    assert len(views.table(tree.selected).selected) == len(tree.selected)


def test_every_report_is_in_one_of_the_kinds_above() -> None:
    """A new report has to say what it needs."""
    assert set(reports.__all__) == WALKS | EVENTS | GROUPS | PEOPLE
    for name in set(reports.__all__) - set(MORE):
        required = [
            one
            for one in inspect.signature(getattr(reports, name)).parameters.values()
            if one.default is one.empty
        ]
        assert len(required) == 1, name
