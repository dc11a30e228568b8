"""A front end without a browser. It sends the same widget messages to the sign-in panel as a user's clicks would."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import requests
from jupyter_core.utils import ensure_async
from nbclient import NotebookClient
from nbclient.client import CellExecutionComplete
from nbformat import NotebookNode

from boxnb import sandbox
from boxnb.labs import EXERCISES

Way = Literal["receiver", "paste", "code", "deny first", "cancel", "nobody"]
STARTUP_SECONDS = 300
"""The time limit for the start of a kernel, which only a very busy computer reaches."""


class Watching(NotebookClient):
    """A client that receives every widget message, whatever its parent, as JupyterLab does."""

    def __init__(self, nb: NotebookNode, **options: Any) -> None:
        super().__init__(nb, **{"startup_timeout": STARTUP_SECONDS, **options})

    async def _async_poll_output_msg(self, parent_msg_id: str, cell: NotebookNode, cell_index: int) -> None:
        """Process the output of a cell, and watch every message.

        The panel also sends messages from a thread. Their parent is the last message that the kernel handled. If that
        was one of our messages and not the cell's, nbclient would drop them.
        """
        while True:
            message = await ensure_async(self.kc.iopub_channel.get_msg(timeout=None))
            self._watch(message)
            if message["parent_header"].get("msg_id") == parent_msg_id:
                try:
                    self.process_message(message, cell, cell_index)
                except CellExecutionComplete:
                    return

    def _watch(self, message: dict[str, Any]) -> None:
        """Look at one message from the kernel; subclasses override this."""


class Robot(Watching):
    """Run a notebook; when the panel shows its link, follow it, sign in on the sandbox's page and press Grant.

    Parameters
    ----------
    nb
        The notebook; executed in place.
    way
        How the response arrives: through the loopback ``receiver``, as a pasted address (``paste``), as a bare ``code``,
        or after a denial (``deny first``). ``cancel`` presses Cancel, and ``nobody`` does nothing.
    learns
        Whether to solve a lesson's labs after the last cell has run.
    """

    def __init__(
        self, nb: NotebookNode, way: Way = "receiver", *, learns: bool = True, **options: Any
    ) -> None:
        super().__init__(nb, store_widget_state=False, **{"timeout": 90, "kernel_name": "python3", **options})
        self.way, self.learns = way, learns
        self.followed_links: list[str] = []
        self.secrets: list[str] = []
        self.views: list[dict[str, Any]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.labs: dict[str, dict[str, Any]] = {}  # the last state of each lab's widget

    def _watch(self, message: dict[str, Any]) -> None:
        message_type, content = message["header"]["msg_type"], message["content"]
        if message_type not in ("comm_open", "comm_msg") or self.way == "nobody":
            return
        state = content["data"].get("state", {})
        if "lab" in state.get("snapshot", {}):
            self.labs[content["comm_id"]] = state["snapshot"]
        view = state.get("view")
        if isinstance(view, dict) and "step" in view:  # the panel, not another widget
            if message_type == "comm_open":
                self._send(content["comm_id"], type="ready")
            self._react(content["comm_id"], view)

    async def async_execute_cell(self, cell: NotebookNode, cell_index: int, *args: Any, **kwargs: Any) -> Any:
        """Run a cell. After the last one, pass every lab that was shown."""
        try:
            executed = await super().async_execute_cell(cell, cell_index, *args, **kwargs)
        except Exception as error:
            for task in self.tasks:  # if the robot itself failed, its error is the cause
                if task.done() and not task.cancelled() and task.exception() is not None:
                    error.add_note(f"The robot failed first: {task.exception()!r}")
            raise
        if cell_index == len(self.nb.cells) - 1:
            for comm in self.labs if self.learns else ():
                await self._solve(comm)
        return executed

    async def _solve(self, comm: str) -> None:
        """Give the correct answers to a lab: predict, run, explain."""
        exercise = EXERCISES[self.labs[comm]["lab"]]
        answers = {"predict": exercise.right_prediction, "run": 0, "explain": exercise.right_explanation}
        for stage, value in answers.items():
            self._send(comm, type=stage, value=value)
            while self.labs[comm]["stage"] == stage or self.labs[comm]["busy"]:
                content = (await self.kc.iopub_channel.get_msg(timeout=90))["content"]
                if content.get("comm_id") == comm and "snapshot" in content["data"].get("state", {}):
                    self.labs[comm] = content["data"]["state"]["snapshot"]

    def _send(self, comm: str, **message: Any) -> None:
        """Send a message to a widget."""
        body = {"comm_id": comm, "data": {"method": "custom", "content": message}}
        self.kc.shell_channel.send(self.kc.session.msg("comm_msg", body))

    def _react(self, comm: str, view: dict[str, Any]) -> None:
        """Follow a new link in the panel, or confirm the account."""
        self.views.append(view)
        if view["step"] == "open" and view["authorize_url"] not in ("", *self.followed_links):
            self.followed_links.append(view["authorize_url"])
            self.tasks.append(asyncio.ensure_future(self._authorize(comm, view["authorize_url"])))
        elif view["step"] == "confirm" and not view["busy"]:
            self._send(comm, type="confirm", yes=True)

    async def _authorize(self, comm: str, url: str) -> None:
        """Sign in to the sandbox, and pass its response to the panel in the chosen way."""
        if self.way == "cancel":
            self._send(comm, type="cancel")
            return
        self._send(comm, type="opened")
        deny = self.way == "deny first" and len(self.followed_links) == 1
        address = await asyncio.to_thread(sandbox.approve, url, deny=deny)
        code = address.partition("code=")[2].partition("&")[0]
        self.secrets += [code] if code else []
        if self.way == "paste":
            self._send(comm, type="paste", value=address)
        elif self.way == "code":
            self._send(comm, type="paste", value=code)
        else:
            await asyncio.to_thread(requests.get, address, timeout=30)
