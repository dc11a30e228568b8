"""Every path of the API that is built, and 501 for the others."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import collabapi, eventsapi, filesapi, foldersapi, peopleapi, searchapi
from .call import Handler, endpoint
from .errors import ApiError, client_error


async def unbuilt(request: Request) -> Response:
    """501 for what the sandbox does not have, naming the path; never a made-up success."""
    path = request.url.path
    raise client_error(501, "not_implemented", f"The boxnb sandbox does not have {request.method} {path}")


async def api_fault(request: Request, error: Exception) -> Response:
    """The answer of a raised `ApiError`."""
    return error.response if isinstance(error, ApiError) else Response(status_code=500)


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
PATHS: dict[str, dict[str, Handler]] = {
    **peopleapi.PATHS,
    **foldersapi.PATHS,
    **filesapi.PATHS,
    **collabapi.PATHS,
    **eventsapi.PATHS,
    **searchapi.PATHS,
}


def routes() -> list[Route]:
    """The table as Starlette wants it; fixed paths before those with an id in them."""
    out: list[Route] = []
    for path, handlers in sorted(PATHS.items(), key=lambda entry: entry[0].replace("{", "~")):
        for base in ("/2.0", "/api/2.0"):
            for method, handler in handlers.items():
                out.append(Route(base + path, endpoint(handler), methods=[method]))
            others = [method for method in METHODS if method not in handlers]
            out.append(Route(base + path, unbuilt, methods=others))
    out += [Route(path, unbuilt, methods=METHODS) for path in ("/2.0/{rest:path}", "/api/2.0/{rest:path}")]
    return out


ROUTES = routes()
