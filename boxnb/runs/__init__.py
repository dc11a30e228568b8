"""Unattended runs of scripts and notebooks: log, outcome, report, mail, schedule.

Imports `widgets` and earlier; `cli` and `labs` may import it.

`one_run` is the run: it decides how it ended, writes its report, and sends a smaller mail if the server refuses the size.
`recorder` writes its log, with every line redacted; `lock` allows one run of a name at a time; `attachments` writes its
files; `report` and `mail` say how it ended, and which files are too large to send; `run_history` lists all runs.
`execution` executes a notebook as a run; `schedule` writes what a scheduler needs to start one. `boxnb.cli` turns the
outcome into an exit code.

::

    with boxnb.run("weekly-links", to=["ada@example.com"]) as run:
        links = boxnb.connect("acme").shared_links()
        run.attach(links, "links.csv")
"""

from .log_files import LONGEST_NAME, check_run_name
from .mail import save_mail
from .one_run import FOLDER, ROWS, Run, attach, run
from .run_history import chart, history

__all__ = [
    "FOLDER",
    "LONGEST_NAME",
    "ROWS",
    "Run",
    "attach",
    "chart",
    "check_run_name",
    "history",
    "run",
    "save_mail",
]
