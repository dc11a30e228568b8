"""``connect`` and ``status`` as a user sees them."""

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

COMPANY = Path(__file__).parents[1] / "data" / "sandbox"


@pytest.fixture
def box() -> object:
    """Yield a Box of the shared sandbox in this test's own home folder. The sandbox stops afterwards."""
    yield boxnb.connect("sandbox")
    boxnb.sandbox.stop()


def test_connect_signs_in_to_the_sandbox(capsys: pytest.CaptureFixture[str]) -> None:
    """Only the first `connect` prints that it signed in."""
    boxnb.connect("sandbox")
    assert "practice admin, Ada Lindqvist" in capsys.readouterr().out
    boxnb.connect("sandbox").get("/users/me")
    assert capsys.readouterr().out == ""
    boxnb.sandbox.stop()


def test_users_are_those_of_the_csv(box: boxnb.Box) -> None:
    """All 120 users are fetched in one call, with the values of the file."""
    with (COMPANY / "users.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    users = box.users()
    assert set(users["id"]) == set(rows)
    assert users["id"].is_unique
    offsets = set()
    for user in users.itertuples():
        row = rows[user.id]
        assert (user.name, user.login, user.role, user.status) == (
            row["name"],
            row["login"],
            row["role"],
            row["status"],
        )
        assert user.space_used == int(row["space_used"])
        offsets.add(user.created_at - age(row["created_at"]))
    assert len(offsets) == 1  # ages count from the sandbox's first start, which is the same for all users
    assert users["extra"].isna().all()
    assert (users.attrs["pages"], users.attrs["calls"], users.attrs["complete"]) == (1, 1, True)


def test_groups_and_me(box: boxnb.Box) -> None:
    """There are 25 groups and one row for the signed-in user. An empty result has the same columns."""
    assert len(box.groups()) == 25
    assert box.me()["role"].tolist() == ["admin"]
    nobody = box.users(filter_term="nobody-has-this-name")
    assert len(nobody) == 0
    assert list(nobody.dtypes.astype(str)) == list(box.users().dtypes.astype(str))


def test_the_card_escapes_names_and_does_not_show_the_token(box: boxnb.Box) -> None:
    """The card shows user, role, enterprise and time left. Markup in names is shown as text."""
    saved = store.load("sandbox")
    assert saved is not None
    assert saved.token is not None
    store.save(store.Profile(**{**vars(saved), "account": {"name": "<b>Ada</b>", "login": "a@example.com"}}))
    signed_in = boxnb.connect("sandbox")
    text = signed_in._repr_html_() + repr(signed_in)
    assert "&lt;b&gt;Ada" in signed_in._repr_html_()
    assert "60 days left" in text
    assert saved.token.access_token.reveal() not in text


def test_status_lists_profiles_without_a_call(box: boxnb.Box) -> None:
    """There is one row per profile, and an unknown profile is an error."""
    calls_before = len(box.session.calls)
    row = boxnb.status("sandbox").iloc[0]
    assert (row["signed_in"], row["mode"], row["generation"]) == (True, "600", 0)
    assert len(box.session.calls) == calls_before
    with pytest.raises(NotSignedInError, match="no profile 'acme'"):
        boxnb.status("acme")


def test_status_with_nothing_saved() -> None:
    """The result is an empty DataFrame, not an error."""
    assert len(boxnb.status()) == 0
    assert "fingerprint" in boxnb.status().columns


def test_an_expired_sign_in_is_reported(box: boxnb.Box) -> None:
    """After 61 days by the server's clock, the error names the command that signs in."""
    boxnb.sandbox.clock.advance(61 * 86400)
    with pytest.raises(InvalidGrantError, match=r"61 days.*boxnb sign-in "):
        boxnb.connect("sandbox").users()
    with pytest.raises(InvalidGrantError, match="61 days"):
        boxnb.connect("sandbox").users()


def test_connect_without_a_sign_in_is_reported_in_one_line() -> None:
    """A notebook shows the error as one line, without a traceback."""
    with pytest.raises(NotSignedInError, match="boxnb sign-in ") as caught:
        boxnb.connect("acme")
    assert isinstance(caught.value, BoxNotebookError)
    assert len(caught.value._render_traceback_()) == 1


def test_import_loads_neither_widgets_nor_servers() -> None:
    """``import boxnb`` is quick, because the heavy packages load when they are first used."""
    code = "import sys, boxnb; print(*sorted(sys.modules))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
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
    assert not heavy & set(child.stdout.split())


def test_every_public_name_exists() -> None:
    """Every name of ``__all__`` can be imported, and any other name is an AttributeError."""
    assert [name for name in boxnb.__all__ if getattr(boxnb, name, None) is None] == []
    with pytest.raises(AttributeError):
        boxnb.nothing  # noqa: B018
