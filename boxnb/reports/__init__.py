"""Answers to the questions of Box admins. Each is a function that returns a DataFrame with a fixed schema.

Every function takes ``box`` first. Reports on content take ``of=``, a DataFrame from :func:`content` or
:func:`collaborations`, so that one walk serves all of them. Reports on events take ``of=``, a DataFrame from
``box.events``. Without ``of=`` they pull what they need. Each docstring says what the report cannot know.

`people`, `sharing`, `storage` and `activity` are named for the notebooks that use them; `enterprise` walks all content;
`shape` checks the inputs and fixes the columns. Imports `export` and earlier; `signin` and later may import it.
"""

from __future__ import annotations

from .activity import downloads, file_history, sign_in_attacks, sign_ins, unusual_days, user_history
from .enterprise import collaborations, content, estimate
from .people import duplicate_accounts, group_overlap, inactive_users
from .sharing import external_collaborators, hidden_links, pending_invitations, shared_links, shared_widely
from .storage import duplicate_files, large_files, ownership_of_leavers, stale_content, storage_by

__all__ = [
    "collaborations",
    "content",
    "downloads",
    "duplicate_accounts",
    "duplicate_files",
    "estimate",
    "external_collaborators",
    "file_history",
    "group_overlap",
    "hidden_links",
    "inactive_users",
    "large_files",
    "ownership_of_leavers",
    "pending_invitations",
    "shared_links",
    "shared_widely",
    "sign_in_attacks",
    "sign_ins",
    "stale_content",
    "storage_by",
    "unusual_days",
    "user_history",
]
