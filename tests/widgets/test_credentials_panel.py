"""The panel for secrets in a real kernel, with a robot front end that sends its widget messages. No browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from robot import Watching

from boxnb import servers, store
from boxnb.sandbox import Sandbox
from boxnb.widgets import credentials_panel

ROOT = Path(credentials_panel.__file__).parents[2]
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
        if message_type == "comm_open" and state.get("_anywidget_id", "").endswith("Credentials"):
            self.panel = content["comm_id"]
            self.send_message({"type": "ready", "page": "robot"})
        if self.panel and content.get("comm_id") == self.panel and "view" in state:
            # Stored, because the event loop holds only weak references to its tasks.
            self.tasks += (asyncio.get_running_loop().create_task(self.respond(state["view"])),)


def run(reply: Reply, *cells: str) -> nbformat.NotebookNode:
    """Run cells with a robot, and return the notebook as it would be saved."""
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    robot = Robot(notebook, timeout=180, allow_errors=True)
    robot.reply = reply
    executed: nbformat.NotebookNode = robot.execute()
    return executed


@pytest.fixture(autouse=True)
def _package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def test_a_server_is_saved_without_its_secret_in_the_notebook(sandbox: Sandbox) -> None:
    """A wrong secret is refused in the panel, the right one opens the gate, and neither is in the saved notebook."""
    jamf = sandbox.other_servers()["jamf"]
    entered = iter(["a-wrong-secret-of-tests", jamf["client_secret"]])
    alerts: list[str] = []

    def reply(view: dict[str, Any]) -> list[dict[str, Any]]:
        if view["step"] != "enter" or view["busy"] or (view["alert"] and view["alert"] in alerts):
            return []
        alerts.append(view["alert"])
        secret = next(entered, None)
        values = {"client_id": jamf["client_id"], "client_secret": secret}
        return [] if secret is None or len(alerts) > 2 else [{"type": "submit", "values": values}]

    notebook = run(
        reply,
        f"import boxnb\npanel = boxnb.widgets.save_server('jamf', {jamf['url']!r}, preset='jamf-pro')\npanel",
        "http = await panel.done()",
        "print('rows', len(http.frame('/api/v1/computers-inventory')))",
    )
    assert "rows 240" in json.dumps(notebook.cells[2].outputs), notebook.cells[1].outputs
    assert any("client secret was refused" in alert for alert in alerts)
    text = nbformat.writes(notebook)
    assert "client_secret" in text, "the widget's state was saved"
    assert "a-wrong-secret-of-tests" not in text
    for secret in servers.load("jamf").secrets().values():
        assert secret.reveal() not in text


def test_a_cancelled_panel_says_so(sandbox: Sandbox) -> None:
    """The waiting cell ends with a message, and nothing is saved."""
    sent: list[bool] = []

    def reply(view: dict[str, Any]) -> list[dict[str, Any]]:
        if sent:
            return []
        sent.append(True)
        return [{"type": "cancel"}]

    notebook = run(
        reply,
        "import boxnb\npanel = boxnb.sign_in('night', client_credentials=True, terminal=False)\npanel",
        "box = await panel.done()",
    )
    assert "SignInCancelled" in json.dumps(notebook.cells[1].outputs)
    assert store.names() == []
