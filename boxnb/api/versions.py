"""The versions of Box's API: the header that requests one, and the endpoints that need one."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import requests

from ..errors import ArgumentError

HEADER = "box-version"
"""The request header that names a version of the API (Box guide *API versioning strategy*)."""

DEFAULT = "2024.0"
NEEDED = {
    "2025.0": [
        "archives",
        "docgen_batch_jobs",
        "docgen_batches",
        "docgen_jobs",
        "docgen_template_jobs",
        "docgen_templates",
        "enterprise_configurations",
        "enterprise_hubs",
        "external_users",
        "hub_collaborations",
        "hub_document_blocks",
        "hub_document_pages",
        "hub_items",
        "hubs",
        "shield_lists",
    ],
    "2026.0": ["automate_workflows", "notes", "query", "query_insights"],
}
"""The endpoints that each later version added, by the first part of their paths. All others have the default version."""

_SUPPORTED = re.compile(r"[Ss]upported API versions?: \[([^\]]*)\]")
_VERSION = re.compile(r"20\d\d\.\d+")


def header(version: str | None) -> dict[str, str]:
    """Return the header that requests a version of the API; no header for ``None``.

    Raises
    ------
    ArgumentError
        The version does not look like ``2025.0``.
    """
    if version is None:
        return {}
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        from .arguments import described  # not above: it imports pandas, which a sign-in does not need

        raise ArgumentError(
            f"version takes a version of Box's API, such as '2025.0', not {described(version)}. "
            "Write the version of a file into the path: '/files/123/content?version=456'."
        )
    return {HEADER: version}


def advice(response: requests.Response, code: str, reason: str) -> str:
    """Return which version to pass if Box refused a call because of its version; otherwise empty.

    Box says so with a code and a message that lists the supported versions (Box guide *Versioning errors*). If it only says
    that the endpoint does not exist, the endpoint itself tells which version it needs.
    """
    endpoint_needs = needed(response.url)
    if code != "invalid_api_version" and HEADER not in reason:
        return _pass(endpoint_needs) if HEADER not in response.request.headers else ""
    supported = _SUPPORTED.search(reason)
    return _pass(max(_VERSION.findall(supported[1]) if supported else [], default=endpoint_needs))


def _pass(version: str | None) -> str:
    if version == DEFAULT:
        return "Leave version out."
    return f"Pass version={version!r}." if version else ""


def needed(url: str) -> str | None:
    """Return the version that an endpoint needs; ``None`` for the default."""
    first = urlsplit(url).path.partition("/2.0/")[2].partition("/")[0]
    return next((version for version, paths in NEEDED.items() if first in paths), None)
