"""Where harvests are saved: one folder for each, named after the profile, the dataset and its arguments."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import platformdirs

from ..errors import ArgumentError
from ..local.encoding import on_disk
from ..local.home_folder import elsewhere, home

LONGEST = 60
"""The most characters of a folder's name; a longer one is cut and ends with a hash."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)


def base() -> Path:
    """Return the folder of all harvests.

    It is ``data/harvests`` if boxnb runs from a checkout, and otherwise ``harvests`` in the user's data folder. In a lesson,
    and if ``$BOXNB_HOME`` is set, it is next to the profiles.
    """
    if elsewhere.get() or os.environ.get("BOXNB_HOME"):
        return home() / "harvests"
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").exists() and (checkout / "data" / "sandbox").is_dir():
        return checkout / "data" / "harvests"
    return platformdirs.user_data_path("boxnb", appauthor=False) / "harvests"


def folder_for(profile: str, dataset: str, arguments: dict[str, Any], name: str | None) -> Path:
    """Return the folder of a harvest, so that the same line of code finds the same harvest.

    Raises
    ------
    ArgumentError
        The name cannot be a folder's name.
    """
    if name is None:
        words = [f"{key}-{_slug(value)}" for key, value in sorted(arguments.items()) if value is not None]
        name = "-".join([dataset, *words])
        if len(name) > LONGEST:
            name = f"{name[:LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    elif not isinstance(name, str) or not _NAME.fullmatch(name) or _RESERVED.match(name):
        raise ArgumentError(
            "name takes letters from a to z, digits, '-', '_' and '.', at most 100, because it becomes the name of a folder. "
            "It begins with a letter or a digit, does not end with '.', and is not a name that Windows reserves, such as 'con'."
        )
    return folder_of(profile) / name


def folder_of(profile: str) -> Path:
    """Return the folder of all harvests of a profile."""
    return base() / on_disk(profile)


def _slug(value: Any) -> str:
    text = "-".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")
