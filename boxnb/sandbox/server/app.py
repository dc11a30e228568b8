"""The application: Box's paths, the practice servers, the sandbox's own pages, and the control surface."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from . import control
from .api import downloads, long_poll
from .api.routes import ROUTES, api_error_response
from .company.company import ENTERPRISE
from .context import Context
from .errors import ApiError, client_error
from .middleware import App, Front
from .others import jamf, keyed, uem
from .pages import fill, page
from .signin import authorize, console, token_endpoint


async def home(request: Request) -> Response:
    """Return a page that says what this server is."""
    return page("boxnb sandbox", fill("home", company=ENTERPRISE["name"]))


async def http_error(request: Request, error: Exception) -> Response:
    """Return 404 or 405, in Box's format, for paths outside the API tables (box-facts 2.5)."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404 and "text/html" in request.headers.get("accept", ""):
        return page("Nothing here", fill("nothing"), status=404)
    code, message = {404: ("not_found", "Not Found"), 405: ("method_not_allowed", "Method Not Allowed")}.get(
        status, ("bad_request", "Bad Request")
    )
    return client_error(status, code, message).response


async def client_disconnected(request: Request, error: Exception) -> Response:
    """Return a response for a client that disconnected while it was sending the body. No one receives the response."""
    request.scope["boxnb.disconnected"] = True
    return Response(status_code=408)


def build(context: Context) -> App:
    """Return the sandbox as an ASGI application."""
    routes = [
        Route("/", home),
        Route("/console", console.console, methods=["GET", "POST"]),
        Route("/api/oauth2/authorize", authorize.authorize, methods=["GET", "POST"]),
        Route("/oauth2/token", token_endpoint.token, methods=["POST"]),
        Route("/oauth2/revoke", token_endpoint.revoke, methods=["POST"]),
        Route("/.well-known/oauth-authorization-server", token_endpoint.metadata),
        *control.ROUTES,
        *jamf.ROUTES,
        *uem.ROUTES,
        *keyed.ROUTES,
        *long_poll.ROUTES,
        *downloads.ROUTES,
        *ROUTES,
    ]
    handlers = {
        ApiError: api_error_response,
        HTTPException: http_error,
        ClientDisconnect: client_disconnected,
    }
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.state.context = context
    return Front(app, context)
