"""Two programs that share one saved sign-in, each in its own process.

Each reads the saved token pair, reports that it is ready, waits for a signal, refreshes, and uses the new access token.
The second gets its signal when the first has ended, so that the outcome does not depend on luck: if both refreshed before
either used its new access token, the server would return the same pair to both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from boxnb.labs.practice import Practice

PROGRAM = "import sys; from boxnb.labs.exercises.race import main; main(*sys.argv[1:])"
NAMES = ("notebook A", "notebook B")
WITHOUT_LOCK = "without a lock"


def race(practice: Practice, how: str) -> list[str]:
    """Run two programs that share the lesson's saved sign-in, and return the outcome of each as a sentence.

    Parameters
    ----------
    how : str
        `WITHOUT_LOCK`: each program refreshes the pair that it read at startup. Any other value: each
        program uses ``RotatingAuth``.
    """
    ahead = practice.sandbox.clock.now() - time.time()
    home = practice.home
    environment = os.environ | {"BOXNB_HOME": home, "PYTHONIOENCODING": "utf-8:backslashreplace"}
    package = str(Path(__file__).resolve().parents[3])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, environment.get("PYTHONPATH", "")]))
    programs = [
        subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, "-P", "-c", PROGRAM, name, how, str(ahead)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        for name in NAMES
    ]
    for program in programs:
        if program.stdout is not None:
            program.stdout.readline()  # wait until the program has read the pair
    return [
        f"{name}, {how}: {program.communicate('go', timeout=60)[0].strip()}"
        for name, program in zip(NAMES, programs, strict=True)
    ]


def report(line: str) -> None:
    """Write one line to the process that started this one."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(name: str, how: str, ahead: str) -> None:
    """Run one of the two programs. The sandbox's clock is ``ahead`` seconds ahead of this computer's."""
    import requests

    from boxnb import oauth, store
    from boxnb.auth import RotatingAuth
    from boxnb.errors import BoxNotebookError
    from boxnb.secret import bearer

    # RotatingAuth opens a session of its own to refresh. The record names the program in its user agent as well.
    requests.utils.default_user_agent = lambda *_: name
    http = requests.Session()
    profile = store.load("sandbox")
    if profile is None or profile.token is None:
        sys.exit("No sign-in is saved in this folder. Run the lab again.")
    url = f"{profile.client.server.api_url}/users/me"
    saved_skew = profile.skew  # from before the clock was moved
    auth = RotatingAuth("sandbox", clock=lambda: time.time() + float(ahead) - saved_skew)
    report("ready")
    sys.stdin.read()
    try:
        if how == WITHOUT_LOCK:
            token = oauth.refresh(profile.client, profile.token, http=http)
            response = http.get(url, headers={"Authorization": bearer(token.access_token)}, timeout=20)
        else:
            response = http.get(url, auth=auth, timeout=20)
        report(f"{response.status_code} {response.reason}")
    except BoxNotebookError as error:
        report(f"{type(error).__name__}. {error}")
