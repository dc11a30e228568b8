"""Reports that answer the questions of Box admins. Each is a function that returns a DataFrame with a fixed schema.

The first argument of every report is ``box``. A report on content takes ``of=``, a DataFrame from :func:`content` or
:func:`collaborations`, so one walk serves all of these reports. For a report on events, ``of=`` is a DataFrame from
``box.events``. A report also takes a DataFrame from ``box.console``, if that has what the report needs, or a harvest of the
same dataset, of which it reads only the columns and event types that it needs. Without ``of=``, a report pulls what it needs.
Each docstring says what the report cannot know.

The modules `people`, `sharing`, `storage` and `activity` are named after the notebooks that use them. `enterprise` walks
all content and its collaborations, and decides who is external. `permissions` says who can see what, and `folders_above` reads
the folders above it as their owner. `from_console` gives the Admin Console's reports the columns of a walk or of events. `shape` checks the inputs of a report and gives its result fixed columns and dtypes.

This layer imports only `export` and earlier layers; `signin` and later layers can import it.
"""

from __future__ import annotations

from .activity import downloads, file_history, sign_in_attacks, sign_ins, unusual_days, user_history
from .enterprise import collaborations, content, estimate
from .people import duplicate_accounts, group_overlap, inactive_users
from .permissions import access, visible_to
from .sharing import external_collaborators, hidden_links, pending_invitations, shared_links, shared_widely
from .storage import duplicate_files, large_files, ownership_of_leavers, stale_content, storage_by

__all__ = [
    "access",
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
    "visible_to",
]
