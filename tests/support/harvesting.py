"""Run a harvest in a process of its own, so that it can be killed: ``python harvesting.py profile dataset arguments``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def start(dataset: str, profile: str = "acme", **arguments: Any) -> subprocess.Popen[bytes]:
    """Start a process that runs a harvest."""
    command = [sys.executable, __file__, profile, dataset, json.dumps(arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run_and_kill(dataset: str, seconds: float, profile: str = "acme", **arguments: Any) -> bool:
    """Run a harvest, and kill it with SIGKILL after some seconds of work. Return whether it was killed before its end."""
    process = start(dataset, profile, **arguments)
    assert process.stdout is not None
    process.stdout.readline()  # the imports are done
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), errors.decode()[-3000:]
    return process.returncode != 0


def main(profile: str, dataset: str, arguments: str) -> None:
    """Run a harvest; first write a line, so that the parent knows that the imports are done."""
    import boxnb
    from boxnb.api import rate_limit

    rate_limit.LIMITS["general"] = rate_limit.Limit(1_000_000)
    harvest = boxnb.connect(profile).harvest(dataset, **json.loads(arguments))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    harvest.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
