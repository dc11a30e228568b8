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


def value(kernel: BlockingKernelClient, message_id: str) -> str:
    """Return ``repr`` of the expression that this message requested, or the error."""
    while True:
        reply = kernel.get_shell_msg(timeout=60)
        if reply["parent_header"].get("msg_id") == message_id:
            expression = reply["content"].get("user_expressions", {}).get("result", reply["content"])
            return str(expression.get("data", {}).get("text/plain", expression))


def execute(kernel: BlockingKernelClient, code: str) -> str:
    """Send code that assigns ``result``. Return the ID of the message."""
    return kernel.execute(code, user_expressions={"result": "result"})


def test_two_kernels_refresh_once_per_expiry(sandbox: Sandbox) -> None:
    """If both need a new token at the same moment, one refreshes, the other uses its result, and no call is refused."""
    sign_in(sandbox)
    with ExitStack() as stack:
        kernels = []
        for _ in range(2):
            manager, kernel = start_new_kernel(kernel_name="python3")
            stack.callback(manager.shutdown_kernel, now=True)
            stack.callback(kernel.stop_channels)
            kernels.append(kernel)
        connect = 'import boxnb; box = boxnb.connect("acme"); result = "ready"'
        assert [value(kernel, execute(kernel, connect)) for kernel in kernels] == ["'ready'"] * 2
        for _ in range(ROUNDS):
            sandbox.clock.advance(7200)
            message_ids = [execute(kernel, 'result = box.get("/users/me")["type"]') for kernel in kernels]
            assert [value(*pair) for pair in zip(kernels, message_ids, strict=True)] == ["'user'"] * 2
    assert refreshes(sandbox) == [200] * ROUNDS
    saved = store.load("acme")
    assert saved is not None
    assert saved.generation == ROUNDS


def test_sandbox_of_a_lesson_ends_with_its_kernel() -> None:
    """After the kernel is killed, the sandbox of the lesson stops and its folder is removed."""
    manager, kernel = start_new_kernel(kernel_name="python3")
    try:
        result = value(
            kernel,
            execute(
                kernel,
                "from boxnb import labs; p = labs.practice(); result = f'{p.sandbox.pid} {p.sandbox.state} {p.home}'",
            ),
        )
    finally:
        kernel.stop_channels()
        os.kill(manager.provisioner.process.pid, signal.SIGKILL)
    pid, state, lesson_home = result.strip("'").split()
    assert Path(lesson_home).is_relative_to(state)
    status = Path(f"/proc/{pid}/stat")

    def is_alive() -> bool:
        try:
            return status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    deadline = time.monotonic() + 20
    while (Path(state).exists() or is_alive()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(state).exists() and not is_alive()
    manager.shutdown_kernel(now=True)
