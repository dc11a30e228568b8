"""What all handlers of the sandbox share: state, clock, company, faults, record, options."""

from __future__ import annotations

import json
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse

from .company.blobs import Blobs
from .company.clock import Clock
from .company.company import World
from .company.event_log import Log
from .company.past_year import Columns, Maker
from .company.rendered import RenderedEvents, RenderedPages
from .company.state import State
from .company.tree import Item
from .errors import ApiError, client_error
from .faults import Faults
from .others.accounts import Accounts
from .rate_limits import Limits

EVENTS = 30_000
MAX_FORM_FIELDS = 100
"""The largest number of fields that a form can have. The sandbox's own forms have far fewer."""
PASSWORD = "practice"  # shown on the sign-in page; valid only in the practice company
SCOPES = {
    "root_readonly": "Read all files and folders this user can see",
    "root_readwrite": "Read and write all files and folders this user can see",
    "manage_managed_users": "Manage users of the enterprise",
    "manage_app_users": "Manage app users",
    "manage_groups": "Manage groups and memberships",
    "manage_enterprise_properties": "Read the enterprise event stream and manage enterprise properties",
    "manage_webhook": "Manage webhooks",
    "manage_data_retention": "Manage retention policies",
    "manage_legal_holds": "Manage legal holds",
    "enterprise_content": "Manage content of the whole enterprise",
    "sign_requests.readwrite": "Read and write sign requests",
    "admin_on_behalf_of": "Make calls on behalf of other users (the As-User header)",
}
ADMIN_SCOPES = [
    "root_readwrite",
    "manage_managed_users",
    "manage_groups",
    "manage_enterprise_properties",
    "admin_on_behalf_of",
]
PRACTICE_SCOPES = [
    *ADMIN_SCOPES,
    "manage_webhook",
    "manage_data_retention",
    "manage_legal_holds",
    "sign_requests.readwrite",
]
"""The scopes of the practice app. Retention needs `enterprise_content` too, which changes what an app can write (box-facts 1.10)."""
READY_MADE_APPS = {
    "practice": ("Practice app", PRACTICE_SCOPES),
    "governance": ("Governance app", [*PRACTICE_SCOPES, "enterprise_content"]),
}
"""The apps that are registered from the start: their names and scopes."""


@dataclass
class Context:
    """One running sandbox."""

    state: State
    clock: Clock
    world: World
    key: str
    rotation: str = "grace"
    prefix: str = ""
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "::1")
    faults: Faults = field(default_factory=Faults)
    limits: Limits = field(default_factory=Limits)
    record: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=10_000))
    instance: str = ""
    stopping: bool = False
    activity: float = 0.0
    channels: dict[str, int] = field(default_factory=dict)
    events: int = EVENTS
    seed: str = "1"
    others: dict[str, Accounts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.others = {
            name: Accounts.load(name, self.state, self.clock, seconds)
            for name, seconds in (("jamf", 599.0), ("uem", 3600.0), ("keyed", 3600.0))
        }
        self.blobs = Blobs(self.state.path.parent)
        self.rendered_pages = RenderedPages(self.world)
        self.log = Log(self.world, self.state, self._past_year)
        self.rendered_events = RenderedEvents(self.world, self.state, self.log)
        self.instance = self.state.meta("instance") or secrets.token_hex(4)
        self.state.set_meta("instance", self.instance)
        for key, (name, scopes) in READY_MADE_APPS.items():
            if self.state.meta(f"{key}.client_id") is None:
                app = self.state.add_app(name, ["http://127.0.0.1/callback"], scopes)
                self.state.set_meta(f"{key}.client_id", app["client_id"])
            elif self.ready_made_app(key)["scopes"] == ADMIN_SCOPES:  # saved by boxnb 0.9 or earlier
                self.state.set_scopes(self.ready_made_app(key)["client_id"], scopes)

    def _past_year(self) -> Columns:
        """Generate the events of the year before the first start. Every call returns the same events."""
        maker = Maker(self.world.untouched(), self.events, self.seed)
        return maker.make(self.world.rows("incidents"))

    def note(
        self,
        request: Request,
        kind: str,
        actor: str,
        source: dict[str, Any] | None,
        details: dict[str, Any] | None = None,
        item: Item | None = None,
    ) -> None:
        """Record an event caused by this request."""
        address = request.client.host if request.client else ""
        all_details = {"service_name": "boxnb sandbox", **(details or {})}
        self.log.add(kind, self.clock.now(), actor, address, source, all_details, item)

    def ready_made_app(self, key: str = "practice") -> dict[str, Any]:
        """Return one of the apps that are registered from the start. Raises `ValueError` for an unknown key."""
        if key not in READY_MADE_APPS:
            raise ValueError(f"unknown app {key!r}; known: {', '.join(READY_MADE_APPS)}")
        return self.state.required_app(self.state.meta(f"{key}.client_id") or "")

    def ready_made_apps(self) -> set[str]:
        """Return the client IDs of the apps that are registered from the start."""
        return {self.state.meta(f"{key}.client_id") or "" for key in READY_MADE_APPS}


def context_of(request: Request) -> Context:
    """Return the sandbox that serves this request."""
    context: Context = request.app.state.context
    return context


def refusal(path: str, status: int, message: str) -> ApiError:
    """Return the error for a body that the sandbox refuses, in the error format of `path`.

    The response closes the connection.
    """
    headers = {"Connection": "close"}
    if path.startswith("/oauth2/"):
        body = {"error": "invalid_request", "error_description": message}
        return ApiError(JSONResponse(body, status, headers))
    return client_error(status, "bad_request", message, headers=headers)


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of an `application/x-www-form-urlencoded` body.

    If a name is repeated, its first value counts (RFC 6749 3.2). Raises 400 if there are more than `MAX_FORM_FIELDS`.
    """
    content = (await request.body()).decode("utf-8", "replace")
    fields: dict[str, str] = {}
    try:
        pairs = parse_qsl(content, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        raise refusal(request.url.path, 400, f"The form has more than {MAX_FORM_FIELDS} fields") from None
    for name, value in pairs:
        fields.setdefault(name, value)
    return fields


def parse_json(text: bytes) -> Any:
    """Parse JSON whose values can be saved and returned in later responses.

    Raises `ValueError` if `text` is not JSON, or contains a lone surrogate, NaN, infinity or a number of 2^63 or more.
    Any of these would break every later response that contains it.
    """
    try:
        value = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    pending = [value]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            pending += [*node.keys(), *node.values()]
        elif isinstance(node, list):
            pending += node
        elif isinstance(node, str):
            node.encode()  # UnicodeEncodeError is a ValueError
        elif isinstance(node, int | float) and not abs(node) < 2**63:
            raise ValueError("a number is too large")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
