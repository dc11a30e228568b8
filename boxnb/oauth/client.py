"""What a registered app and its server are, how the app shows who it is, and what a server tells of itself (RFC 8414)."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any
from urllib.parse import quote_plus, urlsplit

import requests

from ..errors import SettingError, TokenEndpointError
from ..secret import Header, Secret, is_utf8, sealed
from ..transport.sessions import require_private, unsigned_session

POST, BASIC = "client_secret_post", "client_secret_basic"
"""How a client shows its secret: in the form, or by HTTP Basic (RFC 6749 2.3.1); the names are those of RFC 8414."""

WELL_KNOWN = "/.well-known/oauth-authorization-server"


@dataclasses.dataclass(frozen=True)
class Server:
    """The addresses of one authorization server and its API.

    Attributes
    ----------
    name, authorize_url, token_url, revoke_url, api_url, upload_url : str
    pkce : bool
        Whether the server asks for RFC 7636.
    client_auth : {"client_secret_post", "client_secret_basic"}
        How it wants the client secret: in the form, as Box, or by HTTP Basic. :func:`discover` reads it from the server.
    """

    name: str
    authorize_url: str
    token_url: str
    revoke_url: str
    api_url: str
    upload_url: str
    pkce: bool = False
    client_auth: str = POST

    def __post_init__(self) -> None:
        if self.client_auth not in (POST, BASIC):
            raise SettingError(f"client_auth is {POST!r} or {BASIC!r}, not {self.client_auth!r}.")


BOX = Server(
    name="Box",
    authorize_url="https://account.box.com/api/oauth2/authorize",
    token_url="https://api.box.com/oauth2/token",
    revoke_url="https://api.box.com/oauth2/revoke",
    api_url="https://api.box.com/2.0",
    upload_url="https://upload.box.com/api/2.0",
)


@dataclasses.dataclass(frozen=True)
class Client:
    """The registered app: what the authorization server knows you by (RFC 6749 2)."""

    client_id: str
    client_secret: Secret
    redirect_uri: str
    server: Server = BOX

    def __post_init__(self) -> None:
        object.__setattr__(self, "client_secret", Secret(self.client_secret))

    def form_fields(self) -> dict[str, Secret | str]:
        """Return the fields of a form that show who this client is; none where it is done by HTTP Basic."""
        if self.server.client_auth == BASIC:
            return {}
        return {"client_id": self.client_id, "client_secret": self.client_secret}

    @sealed
    def sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Show by HTTP Basic who this client is, where the server wants it so; what requests calls for ``auth=``.

        Being given, it also keeps requests from adding credentials of ``.netrc``.
        """
        if self.server.client_auth == BASIC:
            # RFC 6749 2.3.1: both are encoded as a form encodes them, before they are joined by a colon.
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret.reveal())}"
            credentials = Secret(
                base64.b64encode(pair.encode()).decode()
            )  # as it travels, so that logs mask it
            request.headers["Authorization"] = Header("Basic", credentials)
        return request


def discover(
    issuer: str,
    *,
    api_url: str,
    upload_url: str = "",
    name: str = "",
    http: requests.Session | None = None,
) -> Server:
    """
    Ask a server for its addresses and how it wants the client secret (RFC 8414).

    Parameters
    ----------
    issuer : str
        The server's own name for itself, an https address; its metadata must name the same.
    api_url, upload_url : str
        Where its API is, which metadata do not say; uploads go to the API's address unless given.
    name : str, optional
        How people call it; the host unless given.
    http : requests.Session, optional
        For certificates of your own: ``boxnb.transport.sessions.unsigned_session(verify)``.

    Returns
    -------
    Server
        With ``client_auth``: the form where the server takes it, else HTTP Basic. A server that says nothing takes
        HTTP Basic (RFC 8414 2). ``pkce`` where it offers S256.

    Raises
    ------
    HostNotAllowedError
        The address is neither https nor this computer.
    TokenEndpointError
        The answer is not the metadata of this server, or it takes no client secret.
    requests.RequestException
        No answer came.
    """
    require_private(issuer, "answer")
    parts = urlsplit(issuer)
    address = f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{parts.path.rstrip('/')}"
    session = http or unsigned_session()
    try:
        response = session.get(
            address, timeout=(10.0, 20.0), allow_redirects=False, auth=lambda request: request
        )
    finally:
        if http is None:
            session.close()
    told = _metadata(response)
    if told.get("issuer") != issuer:
        raise TokenEndpointError(
            f"{parts.hostname} does not describe the server {issuer!r}: use the issuer's address exactly as the "
            "server writes it."
        )
    methods = told.get("token_endpoint_auth_methods_supported", [BASIC])
    way = next((way for way in (POST, BASIC) if isinstance(methods, list) and way in methods), None)
    if way is None:
        raise TokenEndpointError(
            f"{parts.hostname} takes no client secret, neither in the form nor by HTTP Basic: boxnb cannot sign in there."
        )
    pkce = told.get("code_challenge_methods_supported")
    return Server(
        name=name or parts.hostname or "",
        authorize_url=_address(told, "authorization_endpoint"),
        token_url=_address(told, "token_endpoint"),
        revoke_url=_address(told, "revocation_endpoint"),
        api_url=api_url,
        upload_url=upload_url or api_url,
        pkce=isinstance(pkce, list) and "S256" in pkce,
        client_auth=way,
    )


def _metadata(response: requests.Response) -> dict[str, Any]:
    host = urlsplit(response.url).hostname
    try:
        told = response.json() if response.status_code == 200 else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise TokenEndpointError(
            f"{host} answered {response.status_code} without a description of itself (RFC 8414): "
            "write down its addresses as boxnb.Server(...) instead."
        )
    return told


def _address(told: dict[str, Any], endpoint: str) -> str:
    found = told.get(endpoint)
    try:
        parts = urlsplit(found) if isinstance(found, str) and is_utf8(found) else None
        usable = parts is not None and parts.scheme in ("https", "http") and parts.hostname is not None
    except ValueError:  # a bracket without its other half
        usable = False
    if not isinstance(found, str) or not usable:
        raise TokenEndpointError(
            f"The server's description of itself lacks an address as {endpoint}: write down its addresses as boxnb.Server(...) instead."
        )
    return found
