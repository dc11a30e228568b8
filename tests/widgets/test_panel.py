"""The panel in a real kernel: a robot front end speaks its widget messages; no browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook
from robot import Watching

from boxnb import store
from boxnb.oauth import Client
from boxnb.widgets import panel as panel_module
from boxnb.widgets.account import port_words

SHOW = "import boxnb\npanel = boxnb.sign_in('lab')\npanel"
GATE = "box = await panel.done()"
AFTER = "print('after', box.get('/users/me')['login'])"
ROOT = Path(panel_module.__file__).parents[2]

Answer = Callable[[dict[str, Any]], list[dict[str, Any]]]


class Robot(Watching):
    """A front end that says what `answer` makes of each state of the panel."""

    answer: Answer = staticmethod(lambda _view: [])  # type: ignore[assignment]
    panel: str = ""
    thoughts: tuple[asyncio.Task[None], ...] = ()

    def say(self, content: dict[str, Any]) -> None:
        data = {"method": "custom", "content": content}
        assert self.kc is not None
        self.kc.shell_channel.send(self.kc.session.msg("comm_msg", {"comm_id": self.panel, "data": data}))

    async def think(self, view: dict[str, Any]) -> None:
        for content in await asyncio.to_thread(self.answer, view):
            self.say(content)

    def _watch(self, message: dict[str, Any]) -> None:
        kind, content = message["header"]["msg_type"], message["content"]
        state = content.get("data", {}).get("state", {}) if kind in ("comm_open", "comm_msg") else {}
        if kind == "comm_open" and state.get("_anywidget_id", "").endswith("SignIn"):
            self.panel = content["comm_id"]
            self.say({"type": "ready"})
        if self.panel and content.get("comm_id") == self.panel and "view" in state:
            # Kept, for the loop itself holds its tasks weakly.
            self.thoughts += (asyncio.get_running_loop().create_task(self.think(state["view"])),)


@pytest.fixture
def run(client: Client, monkeypatch: pytest.MonkeyPatch) -> Callable[..., nbformat.NotebookNode]:
    """Save the app, run the three cells with a robot; the notebook as it would be saved."""
    store.save(store.Profile("lab", client))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def go(answer: Answer | None = None, cells: tuple[str, ...] = (SHOW, GATE, AFTER)) -> Any:
        notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
        robot = (Robot if answer else NotebookClient)(notebook, timeout=180, allow_errors=True)
        if answer:
            robot.answer = answer
        return robot.execute()

    return go


def once(answer: Answer) -> Answer:
    """Answer only the first state that can be answered."""
    answered: list[str] = []

    def think(view: dict[str, Any]) -> list[dict[str, Any]]:
        if view["step"] != "open" or view["busy"] or answered:
            return []
        answered.append(view["authorize_url"])
        return answer(view)

    return think


def texts(notebook: Any, index: int) -> str:
    return json.dumps(notebook.cells[index].outputs)


def test_a_person_who_pastes_gets_through_and_no_secret_is_saved(
    sandbox: Any, client: Client, run: Any
) -> None:
    pasted: list[str] = []

    def paste(view: dict[str, Any]) -> list[dict[str, Any]]:
        pasted.append(sandbox.approve(view["authorize_url"]))
        return [{"type": "opened"}, {"type": "paste", "value": pasted[0]}]

    notebook = run(once(paste))
    assert "after " in texts(notebook, 2)
    saved = store.load("lab")
    assert saved is not None
    assert saved.token is not None
    assert saved.token.refresh_token is not None
    written = nbformat.writes(notebook)
    assert "authorize_url" in written  # the state of the widget is there
    code = pasted[0].split("code=")[1].split("&")[0]
    secrets = (client.client_secret, saved.token.access_token, saved.token.refresh_token)
    for secret in (code, *(each.reveal() for each in secrets)):
        assert secret not in written


def test_a_bare_code_and_a_yes(sandbox: Any, run: Any) -> None:
    def paste(view: dict[str, Any]) -> list[dict[str, Any]]:
        url = sandbox.approve(view["authorize_url"])
        return [{"type": "paste", "value": url.split("code=")[1].split("&")[0]}]

    first = once(paste)

    def answer(view: dict[str, Any]) -> list[dict[str, Any]]:
        if view["step"] == "confirm" and not view["busy"]:
            return [{"type": "confirm", "yes": True}]
        return first(view)

    notebook = run(answer)
    assert "after " in texts(notebook, 2), texts(notebook, 1)


def test_registering_with_the_robot(client: Client, run: Any) -> None:
    """A new profile: the form is filled over messages, at a server the profile already names."""
    cells = (
        (
            "from boxnb.widgets import SignIn, SignInFlow\n"
            "import boxnb\n"
            "server = boxnb.store.load('lab').client.server\n"
            "panel = SignIn(SignInFlow('new', server=server).start())\npanel"
        ),
        GATE,
    )
    told: list[bool] = []

    def answer(view: dict[str, Any]) -> list[dict[str, Any]]:
        if told:  # the app is saved; nobody signs in here
            return [{"type": "cancel"}] if view["step"] == "open" and not view["busy"] else []
        if view["step"] != "register":
            return []
        told.append(True)
        secret = {"type": "client_secret", "value": client.client_secret.reveal()}
        app = {"client_id": client.client_id, "redirect_uri": client.redirect_uri}
        return [secret, {"type": "draft", **app}, {"type": "register", **app}]

    notebook = run(answer, cells)
    saved = store.load("new")
    assert saved is not None
    assert (saved.client, saved.token) == (client, None)
    assert client.client_secret.reveal() not in nbformat.writes(notebook)


def test_cancel_stops_in_one_line_and_later_cells_do_not_run(run: Any) -> None:
    notebook = run(once(lambda _view: [{"type": "cancel"}]), (SHOW, GATE))
    (output,) = notebook.cells[1].outputs
    assert output.ename == "SignInCancelled"
    assert len(output.traceback) == 1
    assert "cancelled" in output.traceback[0]


def test_a_front_end_that_falls_silent_is_not_waited_for(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = "import boxnb.widgets.panel as p\np.HEADLESS_SECONDS = 0.3"
    notebook = run(lambda _view: [], (quick, SHOW, GATE))
    assert "SignInCancelled" in texts(notebook, 2)


def test_with_nobody_there_it_fails_at_once_with_advice(run: Any) -> None:
    notebook = run(None, (SHOW, GATE))
    (output,) = notebook.cells[1].outputs
    assert output.ename == "SignInCancelled"
    assert "01-register-and-sign-in.ipynb" in output.traceback[0]
    assert len(output.traceback) == 1


def test_run_all_stops_there(client: Client, run: Any) -> None:
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in (SHOW, GATE, AFTER)])
    with pytest.raises(CellExecutionError, match="SignInCancelled"):
        NotebookClient(notebook, timeout=180).execute()
    assert notebook.cells[2].get("execution_count") is None


def test_with_a_saved_sign_in_nobody_is_asked(sandbox: Any, run: Any) -> None:
    run(once(lambda view: [{"type": "paste", "value": sandbox.approve(view["authorize_url"])}]))
    assert "after " in texts(run(None), 2)


def test_after_61_days_one_sentence_and_then_a_working_box(sandbox: Any, run: Any) -> None:
    run(once(lambda view: [{"type": "paste", "value": sandbox.approve(view["authorize_url"])}]))
    before = store.load("lab")
    sandbox.clock.advance(61 * 86400)
    seen: list[dict[str, Any]] = []

    def paste(view: dict[str, Any]) -> list[dict[str, Any]]:
        seen.append(view)
        return [{"type": "paste", "value": sandbox.approve(view["authorize_url"])}]

    notebook = run(once(paste))
    assert seen[0]["alert"] == (
        "The saved sign-in of 'lab' was not used for 61 days; a refresh token lives 60. Open the practice Box to sign in again."
    )
    assert "after " in texts(notebook, 2)
    after = store.load("lab")
    assert before is not None and before.token is not None
    assert after is not None and after.token is not None
    assert after.client == before.client  # nothing is registered again
    assert after.token.fingerprint != before.token.fingerprint


def test_after_61_days_with_nobody_there_it_says_so(sandbox: Any, run: Any) -> None:
    run(once(lambda view: [{"type": "paste", "value": sandbox.approve(view["authorize_url"])}]))
    sandbox.clock.advance(61 * 86400)
    notebook = run(None)
    (output,) = notebook.cells[1].outputs
    assert (output.ename, len(output.traceback)) == ("SignInCancelled", 1)


def test_too_late_is_one_line(run: Any) -> None:
    show = "import boxnb\npanel = boxnb.sign_in('lab', seconds=0.5)\npanel"
    kernel = "get_ipython().kernel._allow_stdin = True"
    person = "import boxnb.widgets.panel as p\np._somebody_can_answer = lambda: True"
    notebook = run(None, (kernel, person, show, GATE))
    (output,) = notebook.cells[3].outputs
    assert (output.ename, len(output.traceback)) == ("SignInTimeout", 1)


def test_an_older_kernel_says_so_instead_of_hanging(run: Any) -> None:
    old = "import importlib.metadata\nimportlib.metadata.version = lambda name: '7.3.0'"
    notebook = run(None, (SHOW, old, GATE))
    (output,) = notebook.cells[2].outputs
    assert output.ename == "SignInError"
    assert "ipykernel 7.3.0" in output.traceback[0]


def test_a_panel_that_is_gone_says_which_cells_to_run(run: Any) -> None:
    notebook = run(None, (SHOW,))
    assert "run this cell and the next one again" in notebook.cells[0].outputs[0].data["text/plain"]


def test_a_panel_whose_cell_is_run_again_ends_the_gate_in_one_line(run: Any) -> None:
    """Run All pressed twice: the view is gone, and nothing else could run while the gate waits for it."""
    notebook = run(once(lambda _view: [{"type": "leaving", "page": "", "removed": True}]))
    (output,) = notebook.cells[1].outputs
    assert (output.ename, len(output.traceback)) == ("SignInCancelled", 1)
    assert "press Run All once more" in output.traceback[0]


def test_a_panel_that_is_only_drawn_again_is_waited_for(sandbox: Any, run: Any) -> None:
    def move(view: dict[str, Any]) -> list[dict[str, Any]]:
        again = [{"type": "leaving", "page": "", "removed": True}, {"type": "ready", "page": "2"}]
        return [*again, {"type": "paste", "value": sandbox.approve(view["authorize_url"])}]

    assert "after " in texts(run(once(move)), 2)


def test_a_panel_that_was_taken_over_accepts_the_sign_in_that_is_saved(sandbox: Any, run: Any) -> None:
    """After a reload two panels exist; the older one was cancelled by the newer, and somebody is signed in all the same."""
    older = "import boxnb\nolder = boxnb.sign_in('lab')"
    cells = (older, SHOW, GATE, "box = await older.done()", AFTER)
    links: list[str] = []

    def answer(view: dict[str, Any]) -> list[dict[str, Any]]:
        if view["step"] != "open" or view["busy"] or view["authorize_url"] in links:
            return []
        links.append(view["authorize_url"])
        return [{"type": "paste", "value": sandbox.approve(links[1])}] if len(links) == 2 else []

    assert "after " in texts(run(answer, cells), 4)


def test_a_panel_that_was_taken_over_says_so_while_nobody_is_signed_in(run: Any) -> None:
    older = "import boxnb\nolder = boxnb.sign_in('lab')"
    notebook = run(None, (older, SHOW, "box = await older.done()"))
    assert "SignInCancelled" in texts(notebook, 2)


@pytest.mark.parametrize(
    ("registered", "listening", "said"),
    [
        ("http://127.0.0.1:8917/callback", "http://127.0.0.1:8918/callback", "8918"),
        ("http://127.0.0.1:8917/callback", "http://127.0.0.1:8917/callback", ""),
        ("http://127.0.0.1/callback", "http://127.0.0.1:40123/callback", ""),
        ("http://127.0.0.1:8917/callback", "", ""),
        ("http://127.0.0.1:half", "http://127.0.0.1:8918/callback", ""),
    ],
)
def test_another_port_is_said_where_one_was_registered(registered: str, listening: str, said: str) -> None:
    words = port_words(registered, listening)
    assert said in words
    assert bool(words) == bool(said)
