"""Find a harvest by its dataset and arguments, so that the same line of code starts it and continues it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..api.arguments import choice, described, local_path
from ..errors import ArgumentError
from . import places
from .catalogue import KINDS, checked_arguments
from .derived import Derived
from .saved import Harvest

if TYPE_CHECKING:
    from ..api.connection import Connection


def harvest(
    box: Connection,
    dataset: str,
    *,
    name: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    **arguments: Any,
) -> Harvest:
    """
    Return a harvest: a pull that is saved as it goes, and that resumes after any interruption.

    No call is made. ``run()`` starts it or continues it; the same line finds the same harvest again.

    Parameters
    ----------
    box : Box
    dataset : str
        ``"events"`` (with ``since``, ``until`` and ``event_type`` as for ``box.events``), ``"users"``, ``"groups"``,
        ``"memberships"``, ``"content"`` (with ``people_of``, ids of users, to walk only what these can see),
        ``"collaborations"`` (with ``flagged`` and ``files`` as for `reports.collaborations`) and ``"shared_links"`` (both made
        from a harvest of the content, ``of``), or ``"trash"`` (of all users).
    name : str, optional
        The name of its folder: letters from a to z, digits, ``-``, ``_`` and ``.``. By default made from the dataset and its
        arguments.
    folder : str or path, optional
        Where to save it instead. By default ``data/harvests`` of a checkout, otherwise ``harvests`` in the user's data folder.
    **arguments
        Those of the dataset.

    Returns
    -------
    Harvest

    Raises
    ------
    ArgumentError
        The dataset does not exist, one of its arguments is wrong, or the name or folder cannot be used.
    """
    dataset = choice(dataset, "dataset", KINDS)
    of = arguments.pop("of", None) if isinstance(KINDS[dataset], Derived) else None
    checked = checked_arguments(dataset, arguments)
    if isinstance(of, Harvest):
        is_usual = of.folder.parent == places.folder_of(box.profile.name)
        checked["of"] = of.folder.name if is_usual else str(of.folder)
    path = (
        places.folder_for(box.profile.name, dataset, checked, name)
        if folder is None
        else local_path(folder, "folder").absolute()
    )
    if not isinstance(KINDS[dataset], Derived):
        return Harvest(box, dataset, checked, path)
    if of is not None and (not isinstance(of, Harvest) or of.dataset != "content"):
        raise ArgumentError(
            f"of takes a harvest of the content, box.harvest('content'), not {described(of)}."
        )
    return Harvest(box, dataset, checked, path, harvest(box, "content") if of is None else of)
