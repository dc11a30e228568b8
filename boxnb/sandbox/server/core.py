"""What every handler of the sandbox shares: state, clock, world, faults, record, options."""

from __future__ import annotations

import json
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse

from .blobs import Blobs
from .clock import Clock
from .errors import ApiError, client_error
from .events import Log
from .faults import Faults
from .history import Columns, Maker
from .limits import Limits
from .ready import Ready, Told
from .state import State
from .tree import Item
from .world import World

EVENTS = 30_000
FIELDS = 100
"""Fields of a form; those of the sandbox have ten at most."""
PASSWORD = "practice"  # printed on the sign-in page; opens nothing but the practice company
SCOPES = {
    "root_readonly": "Read all files and folders this person can see",
    "root_readwrite": "Read and write all files and folders this person can see",
    "manage_managed_users": "Manage users of the enterprise",
    "manage_app_users": "Manage app users",
    "manage_groups": "Manage groups and memberships",
    "manage_enterprise_properties": "Read the enterprise event stream and manage enterprise properties",
    "manage_webhook": "Manage webhooks",
    "manage_data_retention": "Manage retention policies",
    "manage_legal_holds": "Manage legal holds",
    "enterprise_content": "Manage content of the whole enterprise",
    "admin_on_behalf_of": "Make calls on behalf of other people (the As-User header)",
}
ADMIN_SCOPES = [
    "root_readwrite",
    "manage_managed_users",
    "manage_groups",
    "manage_enterprise_properties",
    "admin_on_behalf_of",
]


@dataclass
class Core:
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

    def __post_init__(self) -> None:
        self.blobs = Blobs(self.state.path.parent)
        self.ready = Ready(self.world)
        self.log = Log(self.world, self.state, self._year)
        self.told = Told(self.world, self.state, self.log)
        self.instance = self.state.meta("instance") or secrets.token_hex(4)
        self.state.set_meta("instance", self.instance)
        if self.state.meta("practice.client_id") is None:
            app = self.state.add_app("Practice app", ["http://127.0.0.1/callback"], ADMIN_SCOPES)
            self.state.set_meta("practice.client_id", app["client_id"])

    def _year(self) -> Columns:
        """The events before the first start, the same whenever they are made."""
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
        """Write down an event that happened in this request."""
        address = request.client.host if request.client else ""
        found = {"service_name": "boxnb sandbox", **(details or {})}
        self.log.add(kind, self.clock.now(), actor, address, source, found, item)

    def practice_app(self) -> dict[str, Any]:
        """The app that is registered from the start."""
        return self.state.just_app(self.state.meta("practice.client_id") or "")


def core_of(request: Request) -> Core:
    """The sandbox that serves this request."""
    core: Core = request.app.state.core
    return core


def refusal(path: str, status: int, text: str) -> ApiError:
    """A body that is refused before it is looked at, in the shape of errors that its path has; the connection is closed."""
    headers = {"Connection": "close"}
    if path.startswith("/oauth2/"):
        words = {"error": "invalid_request", "error_description": text}
        return ApiError(JSONResponse(words, status, headers))
    return client_error(status, "bad_request", text, headers=headers)


async def form_of(request: Request) -> dict[str, str]:
    """Fields of an `application/x-www-form-urlencoded` body (the first of each name, RFC 6749 3.2).

    Raises 400 for more fields than any form has.
    """
    text = (await request.body()).decode("utf-8", "replace")
    fields: dict[str, str] = {}
    try:
        found = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS)
    except ValueError:
        raise refusal(request.url.path, 400, f"A form has at most {FIELDS} fields") from None
    for name, value in found:
        fields.setdefault(name, value)
    return fields


def decoded(text: bytes) -> Any:
    """JSON that can be kept and given back in a listing.

    Raises `ValueError` for what is not JSON, and for half a surrogate pair, NaN, an infinity or a whole number beyond 64
    bits: one of them would break every later answer that holds it.
    """
    try:
        value = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str):
            one.encode()  # UnicodeEncodeError is a ValueError
        elif isinstance(one, int | float) and not abs(one) < 2**63:
            raise ValueError("a number is too large")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
