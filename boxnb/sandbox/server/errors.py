"""Error responses of the API (box-facts 1.12 and 2.4)."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.responses import JSONResponse, Response

HELP = "https://developer.box.com/guides/api-calls/permissions-and-errors/common-errors/"
REALM = 'Bearer realm="Service"'


class ApiError(Exception):
    """Raised by a handler; `.response` is what the client receives."""

    def __init__(self, response: Response) -> None:
        super().__init__(str(response.status_code))
        self.response = response


def client_error(
    status: int,
    code: str,
    message: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
    conflicts: Any = None,
) -> ApiError:
    """Build an error with a `ClientError` body. Its request id differs from the one in the header, as in Box."""
    body: dict[str, Any] = {
        "type": "error",
        "status": status,
        "code": code,
        "help_url": HELP,
        "message": message,
        "request_id": secrets.token_hex(8),
    }
    if errors is not None:
        body["context_info"] = {"errors": errors}
    if conflicts is not None:
        body["context_info"] = {"conflicts": conflicts}
    return ApiError(JSONResponse(body, status, headers))


def invalid(code: str, name: str, message: str) -> ApiError:
    """Build a 400 for one parameter."""
    problem = {"reason": "invalid_parameter", "name": name, "message": message}
    return client_error(400, code, "Bad Request", errors=[problem])


def not_found(kind: str, item: str, code: str = "not_found") -> ApiError:
    """Build a 404 for one item."""
    explanation = f"Invalid value '{item}'. '{kind}' with value '{item}' not found"
    problem = {"reason": "invalid_parameter", "name": kind, "message": explanation}
    return client_error(404, code, "Not Found", errors=[problem])


def challenge(status: int, error: str, description: str) -> ApiError:
    """Build a 401 or 403 with an empty body and ``WWW-Authenticate`` (RFC 6750 3)."""
    value = f'{REALM}, error="{error}", error_description="{description}"'
    return ApiError(Response(status_code=status, headers={"WWW-Authenticate": value}))


def forbidden(message: str = "Access denied - insufficient permission") -> ApiError:
    """Build a 403 with a JSON body."""
    return client_error(403, "access_denied_insufficient_permissions", message)


def too_many(seconds: int) -> ApiError:
    """Build a 429 with ``Retry-After`` (box-facts 2.6)."""
    message = "Request rate limit exceeded, please try again later"
    return client_error(429, "rate_limit_exceeded", message, headers={"Retry-After": str(seconds)})
