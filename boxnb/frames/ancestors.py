"""The folders above an item, from ids and parent ids alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def ancestors(folder_id: Any, parents: Mapping[Any, Any]) -> list[Any]:
    """Return a folder and the folders above it, from the bottom up, as far as ``parents`` knows them.

    Parameters
    ----------
    folder_id : str
        The folder to start from; it comes first if it is in ``parents``.
    parents : mapping
        Folder id to the id of its parent. A cycle ends the list, because folders may move during a walk.
    """
    chain: dict[Any, None] = {}
    while folder_id in parents and folder_id not in chain:
        chain[folder_id] = None
        folder_id = parents[folder_id]
    return list(chain)
