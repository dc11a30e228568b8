"""Write the files that the installed boxnb saves, with made-up secrets: ``python tests/support/saved_files.py FOLDER``.

Run once for each release, with the release itself on the path; the folder then goes into ``tests/store/saved``, under the
number of the version. `tests/store/test_earlier_versions.py` reads the folders with the current boxnb.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

MOMENT = 1_790_000_000.0
"""The time at which everything was saved."""


HOME = "/home/ada/.config/boxnb"
"""Replaces the folder in the history of runs."""


def main(folder: Path) -> None:
    """Save two profiles, a server, mail settings, a ledger, the progress of a learner and a run."""
    os.environ["BOXNB_HOME"] = str(folder)
    import boxnb
    from boxnb import store
    from boxnb.api.ledger import Ledger
    from boxnb.labs import passed_labs

    secret = boxnb.Secret
    client = boxnb.Client(
        "made-up-client-id", secret("a-made-up-client-secret"), "http://127.0.0.1:8917/callback"
    )
    token = boxnb.Token(secret("a-made-up-access-token"), secret("a-made-up-refresh-token"), MOMENT, 3600.0)
    account = {"type": "user", "id": "11459001", "name": "Ada Lindqvist", "login": "ada.admin@example.com"}
    store.save(
        store.Profile("acme", client, token, generation=7, account=account, skew=2.5, monthly_calls=25_000)
    )
    store.save(store.Profile("waiting", client))
    boxnb.runs.save_mail(
        "acme",
        host="mail.example.com",
        sender="ada.admin@example.com",
        username="ada",
        password="a-made-up-mail-password",
    )
    boxnb.basic.save("devices", "https://mdm.example.com/api", "reader", "a-made-up-password")
    ledger = Ledger(folder / "ledger" / "acme.json")
    ledger.note("GET /2.0/users", 200, 120.5, 2048, repeat=False)
    ledger.note("GET /2.0/users", 429, 10.0, 0, repeat=True)
    ledger.flush()
    ledger.remember("users", rows=120, calls=1)
    ledger.scope("manage_managed_users", "proved")
    passed_labs.mark_passed("power-cut")
    with boxnb.run("nightly"):
        pass
    for log in (folder / "runs").rglob("*.log"):
        log.unlink()
    history = folder / "runs" / "history.jsonl"
    history.write_text(history.read_text(encoding="utf-8").replace(str(folder), HOME), encoding="utf-8")
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix not in (".json", ".jsonl"):
            file.unlink()  # locks
    print(f"files of boxnb {boxnb.__version__} in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
