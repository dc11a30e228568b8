"""The sign-in by text in a real kernel: a front end shows an input box, as VS Code's notebooks do, or accepts no input."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import requests
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from boxnb import store
from boxnb.oauth import Client
from boxnb.signin import terminal

ROOT = Path(terminal.__file__).parents[2]
ADMIN = "ada.admin@example.com"
SIGN_IN = "import boxnb\npanel = boxnb.sign_in('lab', terminal=True)\npanel"
GATE = "box = await panel.done()\nprint('after', box.get('/users/me')['login'])"
LINK = re.compile(r"http://127\.0\.0\.1:\d+/api/oauth2/authorize\?\S+state=[\w-]+")

Answer = Callable[[str], str | None]


class FrontEnd:
    """A front end without widgets. ``shown`` is what a page shows: outputs, errors and prompts."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self._client = client
        self.shown = ""
        self.hidden_prompts: list[str] = []
        self.messages: list[str] = []

    def run(self, code: str, answer: Answer = lambda _: "") -> str:
        """Run a cell. ``answer`` gets what is shown, and returns what the person types, or None to leave the box open."""

        def on_output(message: dict[str, Any]) -> None:
            content = message["content"]
            self.messages.append(json.dumps(content))
            data = content.get("data", {})
            self.shown += content.get("text", "") + data.get("text/plain", "")
            self.shown += "\n".join(content.get("traceback", []))

        def on_input_request(message: dict[str, Any]) -> None:
            self.shown += message["content"]["prompt"]
            if message["content"]["password"]:
                self.hidden_prompts.append(message["content"]["prompt"])
            # The link may still be on its way, on another channel.
            deadline = time.monotonic() + 60
            while not LINK.search(self.shown) and time.monotonic() < deadline:
                on_output(self._client.get_iopub_msg(timeout=60))
            text = answer(self.shown)
            if text is not None:
                self._client.input(text)

        reply = self._client.execute_interactive(
            code, allow_stdin=True, timeout=120, output_hook=on_output, stdin_hook=on_input_request
        )
        return str(reply["content"]["status"])


@pytest.fixture
def front_end(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[FrontEnd]:
    """Save the app in the profile lab, and yield a front end with a kernel."""
    store.save(store.Profile("lab", client))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    manager, kernel = start_new_kernel(kernel_name="python3", startup_timeout=120)
    try:
        yield FrontEnd(manager, kernel)
    finally:
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)


def link_in(shown: str) -> str:
    """Return the last link that was shown."""
    return LINK.findall(shown)[-1]


def test_an_address_typed_into_the_hidden_box_signs_in(sandbox: Any, front_end: FrontEnd) -> None:
    """The box hides what is typed, the next cell works as after the panel, and no message contains the code."""
    addresses: list[str] = []

    def grant(shown: str) -> str:
        addresses.append(sandbox.approve(link_in(shown)))
        return addresses[-1]

    assert front_end.run(SIGN_IN, grant) == "ok"
    assert front_end.run(GATE) == "ok"
    assert len(front_end.hidden_prompts) == 1
    assert "Signed in" in front_end.shown and f"after {ADMIN}" in front_end.shown
    code = addresses[0].partition("code=")[2].partition("&")[0]
    assert not any(code in message for message in front_end.messages)
    assert front_end.run(SIGN_IN) == "ok"
    assert "with another account, in a terminal: boxnb sign-in lab --again" in " ".join(
        front_end.shown.split()
    )


def test_the_receiver_ends_the_input_box(sandbox: Any, front_end: FrontEnd) -> None:
    """If the browser is on the kernel's computer, the cell ends although nobody typed anything, and the next one runs."""

    def follow(shown: str) -> None:
        requests.get(sandbox.approve(link_in(shown)), timeout=60)

    assert front_end.run(SIGN_IN, follow) == "ok"
    assert front_end.run(GATE) == "ok"
    assert f"after {ADMIN}" in front_end.shown


def test_interrupting_the_kernel_ends_the_cell_with_one_line(sandbox: Any, front_end: FrontEnd) -> None:
    """The error says what is saved; it has no traceback."""
    assert front_end.run(SIGN_IN, lambda _: front_end.manager.interrupt_kernel()) == "error"
    assert front_end.shown.endswith(
        "SignInCancelled: Stopped. The app is saved, but nobody is signed in as 'lab'. "
        "Run boxnb sign-in lab to continue."
    )


def test_without_anywidget_text_replaces_the_panel(sandbox: Any, front_end: FrontEnd) -> None:
    """Where the panel's package cannot be imported, the sign-in by text needs no argument."""
    missing = "import sys\nsys.modules['anywidget'] = None\n"
    code = missing + SIGN_IN.replace(", terminal=True", "")
    assert front_end.run(code, lambda shown: str(sandbox.approve(link_in(shown)))) == "ok"
    assert len(front_end.hidden_prompts) == 1
    assert front_end.run(GATE) == "ok"


def test_a_front_end_without_input_gets_one_sentence(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under nbclient and papermill, the cell ends at once and says what to do."""
    store.save(store.Profile("lab", client))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = new_notebook(cells=[new_code_cell(SIGN_IN)])
    NotebookClient(notebook, timeout=180, startup_timeout=120, allow_errors=True).execute()
    (output,) = notebook.cells[0].outputs
    sentence = (
        "SignInCancelled: Nobody is signed in as 'lab'. Nothing can be typed here: run boxnb sign-in lab in a terminal "
        "once, then run this again."
    )
    assert output.traceback == [sentence]
    assert "code=" not in nbformat.writes(notebook)
