"""Two notebooks on one sign-in, in real kernels."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from signing import refreshes, sign_in

from boxnb import store
from boxnb.sandbox import Sandbox

ROUNDS = 50


def value(kernel: BlockingKernelClient, sent: str) -> str:
    """Return the text of the expression that was requested with ``sent``, or raise the error."""
    while True:
        reply = kernel.get_shell_msg(timeout=60)
        if reply["parent_header"].get("msg_id") == sent:
            found = reply["content"].get("user_expressions", {}).get("kind", reply["content"])
            return str(found.get("data", {}).get("text/plain", found))


def ask(kernel: BlockingKernelClient, code: str) -> str:
    return kernel.execute(code, user_expressions={"kind": "answer"})


def test_two_kernels_refresh_once_per_expiry(sandbox: Sandbox) -> None:
    """Both need a new token at the same moment: one refreshes, the other uses the result, and no call is refused."""
    sign_in(sandbox)
    with ExitStack() as stack:
        kernels = []
        for _ in range(2):
            manager, kernel = start_new_kernel(kernel_name="python3")
            stack.callback(manager.shutdown_kernel, now=True)
            stack.callback(kernel.stop_channels)
            kernels.append(kernel)
        opening = 'import boxnb; box = boxnb.connect("acme"); answer = "ready"'
        assert [value(kernel, ask(kernel, opening)) for kernel in kernels] == ["'ready'"] * 2
        for _ in range(ROUNDS):
            sandbox.clock.advance(7200)
            sent = [ask(kernel, 'answer = box.get("/users/me")["type"]') for kernel in kernels]
            assert [value(*pair) for pair in zip(kernels, sent, strict=True)] == ["'user'"] * 2
    assert refreshes(sandbox) == [200] * ROUNDS
    saved = store.load("acme")
    assert saved is not None
    assert saved.generation == ROUNDS


def test_sandbox_of_a_lesson_ends_with_its_kernel() -> None:
    """After a kill of the kernel, the sandbox of the lesson stops and its folder is removed."""
    manager, kernel = start_new_kernel(kernel_name="python3")
    try:
        shown = value(
            kernel,
            ask(
                kernel,
                "from boxnb import labs; p = labs.practice(); answer = f'{p.sandbox.pid} {p.sandbox.state} {p.home}'",
            ),
        )
    finally:
        kernel.stop_channels()
        os.kill(manager.provisioner.process.pid, signal.SIGKILL)
    pid, state, lesson = shown.strip("'").split()
    assert Path(lesson).is_relative_to(state)
    gone = Path(f"/proc/{pid}/stat")

    def lives() -> bool:
        try:
            return gone.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    deadline = time.monotonic() + 20
    while (Path(state).exists() or lives()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(state).exists() and not lives()
    manager.shutdown_kernel(now=True)
