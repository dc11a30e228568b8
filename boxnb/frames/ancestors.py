"""Find the ancestor folders of an item from ids and parent ids alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def ancestors(folder_id: Any, parents: Mapping[Any, Any]) -> list[Any]:
    """Return a folder and its ancestor folders, bottom first, as far as ``parents`` contains them.

    Parameters
    ----------
    folder_id : str
        The folder to start from; the list is empty if ``parents`` does not contain it.
    parents : mapping
        Maps the id of a folder to the id of its parent folder. The list ends at a cycle, which is possible because folders may
        move during a walk.
    """
    chain: dict[Any, None] = {}
    while folder_id in parents and folder_id not in chain:
        chain[folder_id] = None
        folder_id = parents[folder_id]
    return list(chain)
