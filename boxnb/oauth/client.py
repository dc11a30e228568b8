"""A registered app, its authorization server, how the app authenticates, and a server's metadata (RFC 8414)."""

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
"""How a client sends its secret: in the form, or by HTTP Basic (RFC 6749 2.3.1). The names are from RFC 8414."""

WELL_KNOWN = "/.well-known/oauth-authorization-server"


@dataclasses.dataclass(frozen=True)
class Server:
    """The URLs of one authorization server and its API.

    Attributes
    ----------
    name, authorize_url, token_url, revoke_url, api_url, upload_url : str
    pkce : bool
        Whether the server uses PKCE (RFC 7636).
    client_auth : {"client_secret_post", "client_secret_basic"}
        How the server expects the client secret: in the form, as Box does, or by HTTP Basic. :func:`discover` reads it
        from the server.
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
            raise SettingError(f"client_auth must be {POST!r} or {BASIC!r}, not {self.client_auth!r}.")


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
    """The app as it is registered with the authorization server (RFC 6749 2)."""

    client_id: str
    client_secret: Secret
    redirect_uri: str
    server: Server = BOX

    def __post_init__(self) -> None:
        object.__setattr__(self, "client_secret", Secret(self.client_secret))

    def form_fields(self) -> dict[str, Secret | str]:
        """Return the form fields that authenticate this client; ``{}`` if the server expects HTTP Basic."""
        if self.server.client_auth == BASIC:
            return {}
        return {"client_id": self.client_id, "client_secret": self.client_secret}

    @sealed
    def sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Authenticate this client by HTTP Basic, if the server expects that. Requests calls this as ``auth=``.

        Passing an ``auth=`` also keeps requests from adding credentials from ``.netrc``.
        """
        if self.server.client_auth == BASIC:
            # RFC 6749 2.3.1: encode both as a form does, then join them with a colon.
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret.reveal())}"
            # A Secret with the encoded text, so that logs redact that text as well.
            credentials = Secret(base64.b64encode(pair.encode()).decode())
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
    Return a server as its own metadata describes it: its URLs, and how it expects the client secret (RFC 8414).

    Parameters
    ----------
    issuer : str
        The server's own identifier, an https URL. The metadata must contain the same identifier.
    api_url, upload_url : str
        The URLs of the server's API, which the metadata does not contain. ``upload_url`` defaults to ``api_url``.
    name : str, optional
        The server's name in messages; by default its host.
    http : requests.Session, optional
        The session to use. For your own CA bundle, pass ``boxnb.transport.sessions.unsigned_session(verify)``.

    Returns
    -------
    Server
        ``client_auth`` is the form if the server accepts it, otherwise HTTP Basic, which is also the default in
        RFC 8414 2. ``pkce`` is true if the server offers S256.

    Raises
    ------
    HostNotAllowedError
        The URL is neither https nor on this computer.
    TokenEndpointError
        The response is not the metadata of this server, or the server does not accept a client secret.
    requests.RequestException
        The server did not respond.
    """
    require_private(issuer, "response")
    parts = urlsplit(issuer)
    metadata_url = f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{parts.path.rstrip('/')}"
    session = http or unsigned_session()
    try:
        response = session.get(
            metadata_url, timeout=(10.0, 20.0), allow_redirects=False, auth=lambda request: request
        )
    finally:
        if http is None:
            session.close()
    metadata = _metadata(response)
    if metadata.get("issuer") != issuer:
        raise TokenEndpointError(
            f"The metadata of {parts.hostname} does not belong to the issuer {issuer!r}. Use the issuer's address exactly "
            "as the server writes it."
        )
    methods = metadata.get("token_endpoint_auth_methods_supported", [BASIC])
    client_auth = next(
        (method for method in (POST, BASIC) if isinstance(methods, list) and method in methods), None
    )
    if client_auth is None:
        raise TokenEndpointError(
            f"boxnb cannot sign in to {parts.hostname}, which accepts a client secret neither in the form nor by HTTP Basic."
        )
    pkce = metadata.get("code_challenge_methods_supported")
    return Server(
        name=name or parts.hostname or "",
        authorize_url=_endpoint_url(metadata, "authorization_endpoint"),
        token_url=_endpoint_url(metadata, "token_endpoint"),
        revoke_url=_endpoint_url(metadata, "revocation_endpoint"),
        api_url=api_url,
        upload_url=upload_url or api_url,
        pkce=isinstance(pkce, list) and "S256" in pkce,
        client_auth=client_auth,
    )


def _metadata(response: requests.Response) -> dict[str, Any]:
    host = urlsplit(response.url).hostname
    try:
        metadata = response.json() if response.status_code == 200 else None
    except (ValueError, RecursionError):
        metadata = None
    if not isinstance(metadata, dict):
        raise TokenEndpointError(
            f"{host} responded with {response.status_code} and no metadata (RFC 8414). "
            "Pass the server's addresses to boxnb.Server(...) instead."
        )
    return metadata


def _endpoint_url(metadata: dict[str, Any], endpoint: str) -> str:
    url = metadata.get(endpoint)
    try:
        parts = urlsplit(url) if isinstance(url, str) and is_utf8(url) else None
        usable = parts is not None and parts.scheme in ("https", "http") and parts.hostname is not None
    except ValueError:  # an unmatched bracket
        usable = False
    if not isinstance(url, str) or not usable:
        raise TokenEndpointError(
            f"The server's metadata has no usable {endpoint}. Pass the server's addresses to boxnb.Server(...) instead."
        )
    return url
