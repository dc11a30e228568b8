"""A weekly report as a plain script: the users who uploaded and downloaded the most since the last report.

It keeps the events in a harvest, so a run that was killed continues, and each event is reported once.
Harvests are in data/harvests of the clone; without a clone, in boxnb/harvests in your data folder, or in $BOXNB_HOME.

Change the settings, and run it by hand once: python weekly_report.py
Then schedule it: boxnb schedule weekly_report.py --every week

Exit codes: 0 it worked, 1 it failed, 2 it was given an argument, 4 it worked but the report was not mailed, 75 another run is still in progress.
"""

from __future__ import annotations

import sys

import boxnb

# The settings. No secret belongs here: the profile has the sign-in, and the password of the mail server.
PROFILE = "sandbox"  # the saved sign-in, such as "acme"
TO = ["print"]  # where the report goes: email addresses, or "print"
SINCE = "7D"  # how far the first report looks back; the others report what is new
NAME = "weekly-report"  # the name of the run: in the subject of the email, and in the name of the log
LOGS = 30  # how many logs to keep, in runs/weekly-report next to the profiles


def report(run: boxnb.runs.Run) -> None:
    """Fetch what is new, and attach what it shows to the report."""
    harvest = boxnb.connect(PROFILE).harvest("events", since=SINCE)
    harvest.update()
    events = harvest.unreported()
    transfers = events[events["event_type"].isin(["UPLOAD", "DOWNLOAD"])]
    busiest = (
        transfers.groupby(["created_by_login", "event_type"], observed=True).size().unstack(fill_value=0)
    )
    kind = f"of the last {SINCE} (first report)" if events.attrs["first_report"] else "new"
    run.facts["Events"] = f"{len(events)} {kind}"
    run.attach(busiest.reset_index(), "busiest.csv")
    harvest.mark_reported()


def main() -> int:
    """Run the report: whatever happens, it is logged, and mailed if TO has an address."""
    if len(sys.argv) > 1:
        sys.stderr.write(f"{sys.argv[0]} takes no arguments: its settings are at the top of the file.\n")
        return 2
    try:
        with boxnb.run(NAME, to=TO, profile=PROFILE, keep=LOGS) as run:
            report(run)
    except boxnb.errors.RunRefusedError as error:
        sys.stderr.write(f"{error}\n")
        return 75
    except boxnb.BoxNotebookError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 4 if run.undelivered else 0


if __name__ == "__main__":
    sys.exit(main())
