"""What ``connect`` returns, and what is saved, seen as a person sees it."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from company import age

import boxnb
from boxnb import store
from boxnb.errors import BoxNotebookError, InvalidGrantError, NotSignedInError

WORLD = Path(__file__).parents[1] / "data" / "sandbox"


@pytest.fixture
def box() -> object:
    """The shared sandbox of this test's own home folder, stopped afterwards."""
    yield boxnb.connect("sandbox")
    boxnb.sandbox.stop()


def test_the_sandbox_signs_in_by_itself_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """The first time only; afterwards the saved sign-in is used silently."""
    boxnb.connect("sandbox")
    assert "practice admin, Ada Lindqvist" in capsys.readouterr().out
    boxnb.connect("sandbox").get("/users/me")
    assert capsys.readouterr().out == ""
    boxnb.sandbox.stop()


def test_users_are_those_of_the_csv(box: boxnb.Box) -> None:
    """All 120 people, each value as the file has it, in one call."""
    with (WORLD / "users.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    users = box.users()
    assert set(users["id"]) == set(rows)
    assert users["id"].is_unique
    days = set()
    for user in users.itertuples():
        row = rows[user.id]
        assert (user.name, user.login, user.role, user.status) == (
            row["name"],
            row["login"],
            row["role"],
            row["status"],
        )
        assert user.space_used == int(row["space_used"])
        days.add(user.created_at - age(row["created_at"]))
    assert len(days) == 1  # of the sandbox's first start, the same for all
    assert users["extra"].isna().all()
    assert (users.attrs["pages"], users.attrs["calls"], users.attrs["complete"]) == (1, 1, True)


def test_groups_and_me(box: boxnb.Box) -> None:
    """25 groups, one row for who signed in, and an empty answer with the same columns."""
    assert len(box.groups()) == 25
    assert box.me()["role"].tolist() == ["admin"]
    nobody = box.users(filter_term="nobody-has-this-name")
    assert len(nobody) == 0
    assert list(nobody.dtypes.astype(str)) == list(box.users().dtypes.astype(str))


def test_the_card_escapes_and_masks(box: boxnb.Box) -> None:
    """Who, role, enterprise, time left; markup in names is text; no token."""
    saved = store.load("sandbox")
    assert saved is not None
    assert saved.token is not None
    store.save(store.Profile(**{**vars(saved), "account": {"name": "<b>Ada</b>", "login": "a@example.com"}}))
    card = boxnb.connect("sandbox")
    shown = card._repr_html_() + repr(card)
    assert "&lt;b&gt;Ada" in card._repr_html_()
    assert "60 days left" in shown
    assert saved.token.access_token.reveal() not in shown


def test_status_lists_profiles_without_a_call(box: boxnb.Box) -> None:
    """One row a profile; the same columns with none."""
    before = len(box.session.calls)
    row = boxnb.status("sandbox").iloc[0]
    assert (row["signed_in"], row["mode"], row["generation"]) == (True, "600", 0)
    assert len(box.session.calls) == before
    with pytest.raises(NotSignedInError, match="no profile 'acme'"):
        boxnb.status("acme")


def test_status_with_nothing_saved() -> None:
    """An empty frame, not an error."""
    assert len(boxnb.status()) == 0
    assert "fingerprint" in boxnb.status().columns


def test_sixty_one_days_later(box: boxnb.Box) -> None:
    """One sentence that names the notebook, from the server's own clock."""
    boxnb.sandbox.clock.advance(61 * 86400)
    with pytest.raises(InvalidGrantError, match=r"61 days.*01-register-and-sign-in"):
        boxnb.connect("sandbox").users()
    with pytest.raises(InvalidGrantError, match="61 days"):
        boxnb.connect("sandbox").users()


def test_connect_without_a_sign_in_is_one_line() -> None:
    """Rendered in a notebook as one line, without a traceback."""
    with pytest.raises(NotSignedInError, match="01-register-and-sign-in") as caught:
        boxnb.connect("acme")
    assert isinstance(caught.value, BoxNotebookError)
    assert len(caught.value._render_traceback_()) == 1


def test_import_loads_neither_widgets_nor_servers() -> None:
    """``import boxnb`` works without a notebook and stays quick; what it loads comes when used."""
    code = "import sys, boxnb; print(*sorted(sys.modules))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    heavy = {
        "ipywidgets",
        "anywidget",
        "jupyterlab",
        "uvicorn",
        "starlette",
        "boxnb.sandbox",
        "pandas",
        "requests",
    }
    assert not heavy & set(loaded.stdout.split())


def test_every_public_name_is_there() -> None:
    """``__all__`` is what exists."""
    assert [name for name in boxnb.__all__ if getattr(boxnb, name, None) is None] == []
    with pytest.raises(AttributeError):
        boxnb.nothing  # noqa: B018
