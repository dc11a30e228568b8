"""Two programs that share one saved sign-in, each a process of its own.

Each reads the saved pair, says so, waits for a word, then refreshes and uses the new access token.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = "import sys; from boxnb.labs.exercises.race import main; main(*sys.argv[1:])"
NAMES = ("notebook A", "notebook B")


def race(home: str, how: str) -> list[str]:
    """Let two programs run over one folder of profiles; what each came to, one sentence each.

    Parameters
    ----------
    how : str
        ``"plain"``: each refreshes what it read at its start; anything else: each goes through ``RotatingAuth``.
    """
    environment = os.environ | {"BOXNB_HOME": home, "PYTHONIOENCODING": "utf-8:backslashreplace"}
    package = str(Path(__file__).resolve().parents[3])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, environment.get("PYTHONPATH", "")]))
    programs = [
        subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, "-P", "-c", PROGRAM, name, how],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        for name in NAMES
    ]
    for program in programs:
        if program.stdout is not None:
            program.stdout.readline()  # both have read the file
    return [
        f"{name}, {how}: {program.communicate('go', timeout=60)[0].strip()}"
        for name, program in zip(NAMES, programs, strict=True)
    ]


def say(text: str) -> None:
    """One line to whoever started us."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(name: str, how: str) -> None:
    """One of the two."""
    import requests

    from boxnb import oauth, store
    from boxnb.auth import RotatingAuth
    from boxnb.errors import BoxNotebookError
    from boxnb.secret import bearer

    http = requests.Session()
    http.headers["User-Agent"] = name
    profile = store.load("sandbox")
    if profile is None or profile.token is None:
        sys.exit("Nothing is saved here: run the lab from its start.")
    url = f"{profile.client.server.api_url}/users/me"
    auth = RotatingAuth("sandbox")
    say("ready")
    sys.stdin.read()
    try:
        if how == "plain":
            fresh = oauth.refresh(profile.client, profile.token, http=http)
            answer = http.get(url, headers={"Authorization": bearer(fresh.access_token)}, timeout=20)
        else:
            answer = http.get(url, auth=auth, timeout=20)
        say(f"{answer.status_code} {answer.reason}")
    except BoxNotebookError as error:
        say(f"{type(error).__name__}. {error}")
