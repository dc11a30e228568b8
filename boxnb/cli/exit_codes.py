"""The exit codes of the command line."""

from __future__ import annotations

FAILED = 1
"""The command failed, or a check found something."""

USAGE = 2
"""The command line is not valid; argparse uses the same code."""

UNDELIVERED = 4
"""The notebook ran, but a report could not be delivered."""

REFUSED = 75
"""A run with the same name is already in progress. 75 is EX_TEMPFAIL of sysexits.h: try again later."""
