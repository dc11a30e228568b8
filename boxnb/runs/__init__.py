"""Unattended runs of scripts and notebooks: log, outcome, report, mail, schedule.

This layer imports `widgets` and the layers before it. `cli` and `labs` can import it.

`one_run` controls a run: it determines the outcome, delivers the run report, and sends a smaller email if the mail server
refuses the size. `recorder` writes the log and redacts every line; `log_files`
names the log files and removes old ones. `lock` allows one run of a name at a time.
`attachments` writes the attached files. `report` composes the run report; `mail` sends it, and names the files that are too
large to attach. `run_history` lists all runs. `execution` executes a notebook as a run. `schedule` writes what a scheduler
needs to start a run. `boxnb.cli` turns the outcome into an exit code.

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
