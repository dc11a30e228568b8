"""The API paths that the sandbox implements. All other paths return 501.

The sandbox implements what an admin's tool needs: users (not avatars and aliases), groups, memberships, folders,
files and their versions, web links, trash, uploads and downloads, collaborations, shared links, search (not by
metadata), events, device pins. These can only be read: comments, tasks, metadata and metadata queries, classifications,
webhooks, retention, legal holds, sign requests, allowed domains, storage policies, terms of service, Shield lists. These
get 501: changes to what can only be read, collections, favorites, recent items, file requests, file version retentions,
Shield information barriers, watermarks, representations and thumbnails, zip downloads, folder locks, session termination,
and everything else.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from ..errors import ApiError, client_error
from . import (
    collaboration_writes,
    collaborations,
    downloads,
    events,
    files,
    folders,
    governance,
    item_writes,
    metadata,
    people,
    people_writes,
    search,
    tasks_and_comments,
    upload_sessions,
    uploads,
    versions,
)
from .call import API_VERSION, Handler, endpoint


async def not_implemented(request: Request) -> Response:
    """Raise 501 with the method and the path, instead of pretending to succeed."""
    path = request.url.path
    raise client_error(501, "not_implemented", f"The boxnb sandbox does not support {request.method} {path}")


async def api_error_response(request: Request, error: Exception) -> Response:
    """Return the response of a raised `ApiError`."""
    return error.response if isinstance(error, ApiError) else Response(status_code=500)


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
TABLES = [
    *(people.PATHS, folders.PATHS, files.PATHS, collaborations.PATHS, events.PATHS),
    *(search.PATHS, item_writes.PATHS, uploads.API_PATHS, downloads.PATHS),
    *(collaboration_writes.PATHS, people_writes.PATHS, versions.PATHS),
    *(governance.PATHS, metadata.PATHS, tasks_and_comments.PATHS),
]
# On Box's upload host; here, below the prefix /api/2.0.
UPLOAD_TABLES = [uploads.UPLOAD_PATHS, upload_sessions.PATHS]


class Resource(BaseRoute):
    """The routes of one resource, such as ``/2.0/users``. They are tried only for paths that start with its path."""

    def __init__(self, start: str, routes: list[Route]) -> None:
        self.start, self.routes = start, routes

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return the first route that matches completely."""
        if scope["path"].startswith(self.start):
            for route in self.routes:
                match, child = route.matches(scope)
                if match == Match.FULL:
                    return match, {**child, "boxnb.route": route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the matched route."""
        await scope["boxnb.route"].handle(scope, receive, send)


def routes() -> list[BaseRoute]:
    """Convert the tables to Starlette routes. Fixed paths come before paths with an id."""
    merged: dict[str, dict[str, Handler]] = {}
    for base, tables in (("/2.0", TABLES), ("/api/2.0", UPLOAD_TABLES)):
        for table in tables:
            for path, handlers in table.items():
                merged.setdefault(base + path, {}).update(handlers)
    routes_by_start: dict[str, list[Route]] = {}
    for path, handlers in sorted(merged.items(), key=lambda entry: entry[0].replace("{", "~")):
        resource_routes = routes_by_start.setdefault(
            "/".join(path.split("/")[: 4 if path.startswith("/api/") else 3]), []
        )
        for method, handler in handlers.items():
            version = governance.VERSIONS.get(path.removeprefix("/2.0"), API_VERSION)
            resource_routes.append(Route(path, endpoint(handler, version), methods=[method]))
        resource_routes.append(
            Route(path, not_implemented, methods=[method for method in METHODS if method not in handlers])
        )
    resources: list[BaseRoute] = [
        Resource(start, resource_routes) for start, resource_routes in routes_by_start.items()
    ]
    resources += [
        Route(path, not_implemented, methods=METHODS) for path in ("/2.0/{rest:path}", "/api/2.0/{rest:path}")
    ]
    return resources


ROUTES = routes()
