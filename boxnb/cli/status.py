"""``boxnb status``: show the saved sign-ins, without a call to Box."""

from __future__ import annotations

import argparse

from ..signin.status import Status, status
from .exit_codes import FAILED
from .terminal import hanging, show

NOTHING = (
    "Nobody has signed in on this computer yet. Run boxnb sign-in sandbox to practise, or boxnb sign-in acme, with a name of "
    "your choice, for your company. boxnb lab opens the notebooks.\n"
)
LABELS = {"generation": "token pairs so far", "keep": "secrets kept in", "mode": "file mode"}
"""What the terminal calls a column whose name does not explain itself."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("profile", nargs="?", metavar="PROFILE", help="one profile (default: all)")
    parser.epilog = (
        "The exit code is 1 if a profile has a problem, such as a sign-in that has expired. Box does not list a token's scopes, "
        "so 'scopes' says what calls have shown: proved, refused, or not tried yet."
    )


def execute(options: argparse.Namespace) -> int:
    """Print the profiles and return the exit code."""
    saved = status(options.profile)
    return show(text(saved)) or (FAILED if saved["problem"].notna().any() else 0)


def text(saved: Status) -> str:
    """Return one paragraph per profile, with one line for each value that is known."""
    if not len(saved):
        return NOTHING
    labels = {
        column: LABELS.get(column, column.replace("_", " "))
        for column in saved.columns
        if column != "profile"
    }
    width = max(map(len, labels.values()))
    paragraphs = []
    for profile, facts in saved.set_index("profile").iterrows():
        lines = [
            hanging(f"  {labels[str(name)]:<{width}}  ", str(value)) for name, value in facts.dropna().items()
        ]
        paragraphs.append("\n".join([str(profile), *lines]))
    return "\n\n".join(paragraphs) + "\n"
