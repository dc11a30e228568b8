"""Eight processes that work in step. They are forked from one that has imported boxnb, because each import takes a second."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PROCESSES = 8


@contextmanager
def processes(script: str, *arguments: str) -> Iterator[Callable[[], list[Any]]]:
    """Start a script that calls `lead`. Yield a function that lets the processes do one round, and returns their results."""
    command = [sys.executable, script, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as leader:
        stdin, stdout = leader.stdin, leader.stdout
        assert stdin is not None and stdout is not None

        def do_round() -> list[Any]:
            stdin.write("go\n")
            stdin.flush()
            return list(json.loads(stdout.readline()))

        yield do_round


def lead(work: Callable[..., Callable[[], Any]], *arguments: str) -> None:
    """Let every process do one round for each line on standard input, and print their results.

    Each process calls ``work`` with the arguments once. That returns the function that it calls in each round.
    """
    forks = "fork" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if forks else "spawn")
    pipes = [context.Pipe() for _ in range(PROCESSES)]
    for _, theirs in pipes:
        context.Process(target=_follow, args=(theirs, work, arguments), daemon=True).start()
    for _ in sys.stdin:
        for ours, _ in pipes:
            ours.send("go")
        print(json.dumps([ours.recv() for ours, _ in pipes]), flush=True)
    for ours, _ in pipes:
        ours.send(None)
    for process in multiprocessing.active_children():
        process.join()


def _follow(pipe: Any, work: Callable[..., Callable[[], Any]], arguments: tuple[str, ...]) -> None:
    do_round = work(*arguments)
    while pipe.recv() is not None:
        pipe.send(do_round())
