"""The panel in a real kernel, with a robot front end that sends its widget messages. No browser."""

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
from boxnb.signin.messages import port_note
from boxnb.widgets import sign_in_panel as panel_module

SHOW = "import boxnb\npanel = boxnb.sign_in('lab')\npanel"
GATE = "box = await panel.done()"
AFTER = "print('after', box.get('/users/me')['login'])"
ROOT = Path(panel_module.__file__).parents[2]

Reply = Callable[[dict[str, Any]], list[dict[str, Any]]]


class Robot(Watching):
    """A front end that sends the messages that `reply` returns for each state of the panel."""

    reply: Reply = staticmethod(lambda _view: [])  # type: ignore[assignment]
    panel: str = ""
    tasks: tuple[asyncio.Task[None], ...] = ()

    def send_message(self, content: dict[str, Any]) -> None:
        """Send one custom message to the panel."""
        data = {"method": "custom", "content": content}
        assert self.kc is not None
        self.kc.shell_channel.send(self.kc.session.msg("comm_msg", {"comm_id": self.panel, "data": data}))

    async def respond(self, view: dict[str, Any]) -> None:
        """Send what `reply` returns for a state of the panel."""
        for content in await asyncio.to_thread(self.reply, view):
            self.send_message(content)

    def _watch(self, message: dict[str, Any]) -> None:
        message_type, content = message["header"]["msg_type"], message["content"]
        is_comm = message_type in ("comm_open", "comm_msg")
        state = content.get("data", {}).get("state", {}) if is_comm else {}
        if message_type == "comm_open" and state.get("_anywidget_id", "").endswith("SignIn"):
            self.panel = content["comm_id"]
            self.send_message({"type": "ready"})
        if self.panel and content.get("comm_id") == self.panel and "view" in state:
            # Stored, because the event loop holds only weak references to its tasks.
            self.tasks += (asyncio.get_running_loop().create_task(self.respond(state["view"])),)


@pytest.fixture
def run(client: Client, monkeypatch: pytest.MonkeyPatch) -> Callable[..., nbformat.NotebookNode]:
    """Save the app, then return a function that runs cells with a robot and returns the notebook as saved."""
    store.save(store.Profile("lab", client))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def execute(reply: Reply | None = None, cells: tuple[str, ...] = (SHOW, GATE, AFTER)) -> Any:
        notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
        robot = (Robot if reply else NotebookClient)(notebook, timeout=180, allow_errors=True)
        if reply:
            robot.reply = reply
        return robot.execute()

    return execute


def once(reply: Reply) -> Reply:
    """Reply only to the first state in which the user can act."""
    links_used: list[str] = []

    def reply_once(view: dict[str, Any]) -> list[dict[str, Any]]:
        if view["step"] != "open" or view["busy"] or links_used:
            return []
        links_used.append(view["authorize_url"])
        return reply(view)

    return reply_once


def outputs_of(notebook: Any, index: int) -> str:
    """Return the outputs of a cell as JSON."""
    return json.dumps(notebook.cells[index].outputs)


def test_pasting_signs_in_without_saving_secrets_in_the_notebook(
    sandbox: Any, client: Client, run: Any
) -> None:
    """The saved notebook contains the widget's state, but not the code, the client secret or a token."""
    pasted: list[str] = []

    def paste(view: dict[str, Any]) -> list[dict[str, Any]]:
        pasted.append(sandbox.approve(view["authorize_url"]))
        return [{"type": "opened"}, {"type": "paste", "value": pasted[0]}]

    notebook = run(once(paste))
    assert "after " in outputs_of(notebook, 2)
    saved = store.load("lab")
    assert saved is not None
    assert saved.token is not None
    assert saved.token.refresh_token is not None
    notebook_json = nbformat.writes(notebook)
    assert "authorize_url" in notebook_json  # the widget's state was saved
    code = pasted[0].split("code=")[1].split("&")[0]
    secrets = (client.client_secret, saved.token.access_token, saved.token.refresh_token)
    for secret in (code, *(secret.reveal() for secret in secrets)):
        assert secret not in notebook_json


def test_confirming_a_bare_code_opens_the_gate(sandbox: Any, run: Any) -> None:
    """The cell after the gate runs once the user has confirmed."""

    def paste(view: dict[str, Any]) -> list[dict[str, Any]]:
        url = sandbox.approve(view["authorize_url"])
        return [{"type": "paste", "value": url.split("code=")[1].split("&")[0]}]

    paste_once = once(paste)

    def reply(view: dict[str, Any]) -> list[dict[str, Any]]:
        if view["step"] == "confirm" and not view["busy"]:
            return [{"type": "confirm", "yes": True}]
        return paste_once(view)

    notebook = run(reply)
    assert "after " in outputs_of(notebook, 2), outputs_of(notebook, 1)


def test_the_form_registers_an_app(client: Client, run: Any) -> None:
    """For a new profile, the form's messages save the app with the panel's server."""
    cells = (
        (
            "from boxnb.widgets import SignIn, SignInFlow\n"
            "import boxnb\n"
            "server = boxnb.store.load('lab').client.server\n"
            "panel = SignIn(SignInFlow('new', server=server).start())\npanel"
        ),
        GATE,
    )
    sent: list[bool] = []

    def reply(view: dict[str, Any]) -> list[dict[str, Any]]:
        if sent:  # the app is saved, and nobody signs in here
            return [{"type": "cancel"}] if view["step"] == "open" and not view["busy"] else []
        if view["step"] != "register":
            return []
        sent.append(True)
        secret = {"type": "client_secret", "value": client.client_secret.reveal()}
        app = {"client_id": client.client_id, "redirect_uri": client.redirect_uri}
        return [secret, {"type": "draft", **app}, {"type": "register", **app}]

    notebook = run(reply, cells)
    saved = store.load("new")
    assert saved is not None
    assert (saved.client, saved.token) == (client, None)
    assert client.client_secret.reveal() not in nbformat.writes(notebook)


def test_cancelling_ends_the_gate(run: Any) -> None:
    """The error is reported in one line, without a traceback."""
    notebook = run(once(lambda _view: [{"type": "cancel"}]), (SHOW, GATE))
    (output,) = notebook.cells[1].outputs
    assert output.ename == "SignInCancelled"
    assert len(output.traceback) == 1
    assert "cancelled" in output.traceback[0]


def test_the_gate_does_not_wait_for_a_silent_front_end(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a user, the gate ends once the front end stops sending messages."""
    quick = "import boxnb.widgets.sign_in_panel as p\np.HEADLESS_SECONDS = 0.3"
    notebook = run(lambda _view: [], (quick, SHOW, GATE))
    assert "SignInCancelled" in outputs_of(notebook, 2)


def test_without_a_user_the_gate_fails_immediately(run: Any) -> None:
    """The one-line error names the command that signs in, because nobody is at the notebook."""
    notebook = run(None, (SHOW, GATE))
    (output,) = notebook.cells[1].outputs
    assert output.ename == "SignInCancelled"
    assert "Run boxnb sign-in " in output.traceback[0]
    assert len(output.traceback) == 1


def test_run_all_stops_at_the_gate(client: Client, run: Any) -> None:
    """No cell after the gate runs."""
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in (SHOW, GATE, AFTER)])
    with pytest.raises(CellExecutionError, match="SignInCancelled"):
        NotebookClient(notebook, timeout=180).execute()
    assert notebook.cells[2].get("execution_count") is None


def test_a_saved_sign_in_opens_the_gate(sandbox: Any, run: Any) -> None:
    """A run without a user passes the gate once a sign-in is saved."""
    run(once(lambda view: [{"type": "paste", "value": sandbox.approve(view["authorize_url"])}]))
    assert "after " in outputs_of(run(None), 2)


def test_the_user_signs_in_again_after_61_days(sandbox: Any, run: Any) -> None:
    """The alert says why; the app stays registered, and the new token pair replaces the old one."""
    run(once(lambda view: [{"type": "paste", "value": sandbox.approve(view["authorize_url"])}]))
    before = store.load("lab")
    sandbox.clock.advance(61 * 86400)
    views: list[dict[str, Any]] = []

    def paste(view: dict[str, Any]) -> list[dict[str, Any]]:
        views.append(view)
        return [{"type": "paste", "value": sandbox.approve(view["authorize_url"])}]

    notebook = run(once(paste))
    assert views[0]["alert"] == (
        "The saved sign-in of 'lab' has not been used for 61 days. A refresh token expires after 60 days. Open the sandbox to sign in again."
    )
    assert "after " in outputs_of(notebook, 2)
    after = store.load("lab")
    assert before is not None and before.token is not None
    assert after is not None and after.token is not None
    assert after.client == before.client  # nothing is registered again
    assert after.token.fingerprint != before.token.fingerprint


def test_without_a_user_the_gate_fails_after_61_days(sandbox: Any, run: Any) -> None:
    """The gate fails with a one-line error."""
    run(once(lambda view: [{"type": "paste", "value": sandbox.approve(view["authorize_url"])}]))
    sandbox.clock.advance(61 * 86400)
    notebook = run(None)
    (output,) = notebook.cells[1].outputs
    assert (output.ename, len(output.traceback)) == ("SignInCancelled", 1)


def test_the_time_limit_ends_the_gate(run: Any) -> None:
    """The gate fails with a one-line SignInTimeout."""
    show = "import boxnb\npanel = boxnb.sign_in('lab', seconds=0.5)\npanel"
    kernel = "get_ipython().kernel._allow_stdin = True"
    person = "import boxnb.widgets.sign_in_panel as p\np._front_end_has_user = lambda: True"
    notebook = run(None, (kernel, person, show, GATE))
    (output,) = notebook.cells[3].outputs
    assert (output.ename, len(output.traceback)) == ("SignInTimeout", 1)


def test_an_older_kernel_fails_instead_of_hanging(run: Any) -> None:
    """The error names the version of ipykernel."""
    pretend_version = "import importlib.metadata\nimportlib.metadata.version = lambda name: '7.3.0'"
    notebook = run(None, (SHOW, pretend_version, GATE))
    (output,) = notebook.cells[2].outputs
    assert output.ename == "SignInError"
    assert "ipykernel 7.3.0" in output.traceback[0]


def test_the_plain_text_of_a_panel_says_which_cells_to_run(run: Any) -> None:
    """A page that cannot show the widget shows this sentence."""
    notebook = run(None, (SHOW,))
    assert "Run this cell and the next one again" in notebook.cells[0].outputs[0].data["text/plain"]


def test_running_the_panel_again_ends_the_gate(run: Any) -> None:
    """After a second Run All the view is gone, and the gate must not block the kernel."""
    notebook = run(once(lambda _view: [{"type": "leaving", "page": "", "removed": True}]))
    (output,) = notebook.cells[1].outputs
    assert (output.ename, len(output.traceback)) == ("SignInCancelled", 1)
    assert "Press Run All once more" in output.traceback[0]


def test_the_gate_waits_for_a_panel_that_is_redrawn(sandbox: Any, run: Any) -> None:
    """A view that is removed and shown again does not end the gate."""

    def move(view: dict[str, Any]) -> list[dict[str, Any]]:
        moved = [{"type": "leaving", "page": "", "removed": True}, {"type": "ready", "page": "2"}]
        return [*moved, {"type": "paste", "value": sandbox.approve(view["authorize_url"])}]

    assert "after " in outputs_of(run(once(move)), 2)


def test_a_replaced_panel_accepts_a_saved_sign_in(sandbox: Any, run: Any) -> None:
    """After a reload, a newer panel cancels the older one. The older gate opens once the user has signed in."""
    older_panel = "import boxnb\nolder = boxnb.sign_in('lab')"
    cells = (older_panel, SHOW, GATE, "box = await older.done()", AFTER)
    links: list[str] = []

    def reply(view: dict[str, Any]) -> list[dict[str, Any]]:
        if view["step"] != "open" or view["busy"] or view["authorize_url"] in links:
            return []
        links.append(view["authorize_url"])
        return [{"type": "paste", "value": sandbox.approve(links[1])}] if len(links) == 2 else []

    assert "after " in outputs_of(run(reply, cells), 4)


def test_a_replaced_panel_fails_without_a_sign_in(run: Any) -> None:
    """The older gate raises SignInCancelled."""
    older_panel = "import boxnb\nolder = boxnb.sign_in('lab')"
    notebook = run(None, (older_panel, SHOW, "box = await older.done()"))
    assert "SignInCancelled" in outputs_of(notebook, 2)


@pytest.mark.parametrize(
    ("registered", "listening", "port"),
    [
        ("http://127.0.0.1:8917/callback", "http://127.0.0.1:8918/callback", "8918"),
        ("http://127.0.0.1:8917/callback", "http://127.0.0.1:8917/callback", ""),
        ("http://127.0.0.1/callback", "http://127.0.0.1:40123/callback", ""),
        ("http://127.0.0.1:8917/callback", "", ""),
        ("http://127.0.0.1:half", "http://127.0.0.1:8918/callback", ""),
    ],
)
def test_the_port_note_names_a_changed_port(registered: str, listening: str, port: str) -> None:
    """There is a note only if the registered URI has a port and the receiver uses another."""
    sentence = port_note(registered, listening)
    assert port in sentence
    assert bool(sentence) == bool(port)
