"""Explain why a request got no complete response: connection, proxy, certificate and file errors, each in one message."""

from __future__ import annotations

import errno
import http.client
import os
import re
import socket
import ssl
from urllib.parse import urlsplit

import filelock
import requests
import urllib3

from ..local import reader
from ..redaction import one_line

SOCKS = 'pip install "requests[socks]"'
PROXY_FORM = "http://user:password@host:port"
_PERCENT_ENCODE = (
    "percent-encode special characters in the password (/ is %2F, @ is %40, # is %23, ? is %3F, % is %25)"
)

_CERTIFICATE = {
    9: (
        "is not valid yet",
        "Check this computer's date and time",
    ),
    10: (
        "has expired",
        "Check this computer's date and time; if they are right, ask the operator of {host} for a new one",
    ),
    62: (
        "was issued for another name",
        "A proxy or a guest network may have replied instead of {host}: check the address and the network",
    ),
}
_CERTIFICATE[64] = _CERTIFICATE[62]
"""Meaning and remedy of OpenSSL's codes (openssl-verification-options); every other code means an untrusted certificate."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_OFFLINE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}


def network_trouble(error: OSError, then: str = "try again") -> str:
    """
    Return what prevented a complete response and what to do, in at most three sentences.

    The message never contains the URL of a request or of a proxy, which could contain a code or a password.

    Parameters
    ----------
    error : OSError
        The exception that requests raised, or the error for a file that a call needs.
    then : str
        What the user should do last; it completes the last sentence.
    """
    if not isinstance(error, requests.RequestException):
        return _file_error(error, then)
    causes = _causes(error)
    url = _url_of(error, causes)
    host, proxy = urlsplit(url).hostname or "the server", proxy_for(url)
    through = f" through the proxy set in {proxy}" if proxy else ""
    details = " ".join(map(str, causes))
    if "SOCKS" in details and not isinstance(error, requests.ConnectionError):
        setting = proxy or _any_proxy()
        spelling = f"write the proxy in {setting} as socks5h://host:port, "
        if "Missing dependencies" in details:
            spelling = spelling if os.environ.get(setting, "").lower().startswith("socks://") else ""
            return (
                f"{setting} refers to a SOCKS proxy, but SOCKS support is not installed. "
                f"Run {SOCKS}, {spelling}{'restart the kernel, ' if reader.kernel() is not None else ''}then {then}."
            )
        return f"The SOCKS proxy address in {setting} cannot be read. {_capital(spelling)}then {then}."
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        if isinstance(error, requests.exceptions.InvalidProxyURL) or (proxy and error.request is not None):
            return f"The proxy address in {proxy or _any_proxy()} cannot be read. Write it as {PROXY_FORM} and {_PERCENT_ENCODE}, then {then}."
        return f"The address of {host} cannot be used because it is not of the form https://host/path. Correct it, then {then}."
    if isinstance(error, requests.exceptions.MissingSchema):
        return f"An address without https:// cannot be used. Correct it, then {then}."
    if isinstance(error, requests.exceptions.InvalidHeader):
        return (
            "A value in this request contains a line break or a character that HTTP headers do not allow, so nothing was sent. "
            f"Check the arguments, such as as_user, then {then}."
        )
    if isinstance(error, requests.TooManyRedirects):
        return f"{host} redirects the request in a loop. Check the address, and whether this network has a sign-in page of its own, then {then}."
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return f"The response from {host} is not JSON. A company proxy may have replied instead of {host}: check the proxy settings, then {then}."
    if isinstance(error, requests.exceptions.ProxyError):
        return _proxy_error(host, proxy or "the computer's settings", causes, details, then)
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if tls is not None and not isinstance(error, requests.Timeout):
        return tls_trouble(tls, host, through, then)
    if isinstance(error, requests.ConnectTimeout):
        return f"{host} did not accept the connection in time{through}. The server is down, or a firewall is blocking it: check the network or VPN, then {then}."
    if isinstance(error, requests.Timeout) or any(isinstance(cause, TimeoutError) for cause in causes):
        return f"{host} did not respond in time{through}. The server is slow, or the connection has stalled: check the network, then {then}."
    return _connection_error(error, host, through, causes, then)


def sandbox_has_stopped() -> str:
    """Return the message for a call to a sandbox that is not running any more."""
    return f"The sandbox has stopped. To start it, {reader.to_start_sandbox()}, then try again."


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def hopeless(error: requests.RequestException) -> bool:
    """Return whether a retry would fail in the same way: a bad certificate, a server without TLS, a proxy that refuses."""
    causes = _causes(error)
    if any(re.search(r"Tunnel connection failed: 4\d\d", str(cause)) for cause in causes):
        return True
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        if isinstance(cause, ssl.SSLError) and re.search(
            r"\[(X509|PEM)|WRONG_VERSION_NUMBER|HTTP_REQUEST|ALERT", str(cause)
        ):
            return True
    return False


def _connection_error(error: OSError, host: str, through: str, causes: list[BaseException], then: str) -> str:
    def has_cause(*classes: type[BaseException]) -> bool:
        return any(isinstance(cause, classes) for cause in causes)

    if has_cause(socket.gaierror, urllib3.exceptions.NameResolutionError):
        return f"The name {host} cannot be looked up (DNS). Check its spelling, the network or the VPN, then {then}."
    if has_cause(ConnectionRefusedError) and not through and host in ("127.0.0.1", "localhost", "::1"):
        return (
            f"{host} refused the connection: no server is running there. If it is the sandbox, it has stopped. "
            f"To start it, {reader.to_start_sandbox()}, then {then}."
        )
    if has_cause(ConnectionRefusedError):
        return f"{host} refused the connection{through}: no server is running there, or a firewall is blocking it. Check the network, then {then}."
    if any(getattr(cause, "errno", None) in _OFFLINE for cause in causes):
        return f"{host} cannot be reached from this computer{through}. Check the network or VPN, then {then}."
    if has_cause(requests.exceptions.ContentDecodingError):
        return f"The response from {host} was damaged in transit: it could not be decompressed. {_capital(then)}; if this keeps happening, ask your network's administrators whether a proxy alters responses."
    if has_cause(requests.exceptions.ChunkedEncodingError):
        return f"The response from {host} is incomplete: it was truncated or damaged in transit{through}. Check the network or the proxy, then {then}."
    if has_cause(http.client.RemoteDisconnected):
        return f"{host} closed the connection without a response{through}. {_capital(then)}; if this keeps happening, a firewall or proxy may be blocking it."
    if has_cause(ConnectionResetError, ConnectionAbortedError, BrokenPipeError):
        return f"The connection to {host} was lost before the response arrived{through}. Check the network or the proxy, then {then}."
    if has_cause(http.client.HTTPException):
        return f"The response from {host} is not HTTP{through}. Check the address and its port, then {then}."
    name = type(error).__name__
    return f"There was no complete response from {host}{through}, for an unknown reason ({name}). Check the network or the proxy, then {then}."


def tls_trouble(
    error: ssl.SSLError, host: str, through: str = "", then: str = "try again", setting: str = ""
) -> str:
    """Return the message for a failed TLS connection; it mentions a certificate only if one was received.

    ``setting`` is the name of the setting that selects the trusted certificates; the default is :func:`certificates`.
    """
    setting = setting or certificates()
    reason = str(error.reason or "").upper()
    if isinstance(error, ssl.SSLCertVerificationError):
        defect, advice = _CERTIFICATE.get(error.verify_code, ("", ""))
        if defect:
            return f"The certificate of {host} {defect}{through}. {advice}, then {then}.".replace(
                "{host}", host
            )
        why = one_line(error.verify_message, 80)
        return (
            f"The certificate of {host} is not trusted here ({why}){through}, usually because a company proxy intercepts the connection. "
            f"Set {setting} to a PEM file with your company's certificates (a CA bundle), then {then}."
        )
    if str(error.library or "") in ("X509", "PEM", "ASN1", "BIO") or str(error).startswith(("[X509", "[PEM")):
        return (
            f"The certificate file ({setting}) does not contain a PEM certificate: it is empty or in another format, such as "
            f"DER. Convert it with openssl x509 -inform der -in company.cer -out company.pem, then {then}."
        )
    if "ALERT" in reason:
        alert = one_line(reason.partition("ALERT_")[2].lower().replace("_", " "), 60)
        return (
            f"{host} refused the TLS connection{through} (alert: {alert}) before any certificate was checked. "
            f"Ask the operator of the server which TLS versions and client certificates it accepts, then {then}."
        )
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "HTTPS_PROXY_REQUEST"):
        return (
            f"{host} does not speak TLS on that port{through}: it responded without encryption, for instance in plain HTTP. "
            f"Check the address, its port, and whether a proxy or guest network replied instead of {host}, then {then}."
        )
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or "EOF" in reason:
        return (
            f"{host} closed the encrypted connection{through} without a response or a reason. "
            f"{_capital(then)}; if this keeps happening, ask your network's administrators whether a firewall or proxy is blocking it."
        )
    words = one_line(reason.lower().replace("_", " "), 80) or type(error).__name__
    return f"The encrypted connection to {host} failed{through} ({words}). Check the network or the proxy, then {then}."


def _proxy_error(host: str, setting: str, causes: list[BaseException], details: str, then: str) -> str:
    tunnel = re.search(r"Tunnel connection failed: (\d{3}) ?([\w -]{0,60})", details)
    if tunnel and tunnel[1] == "407":
        return proxy_wants_password("", then, setting)
    if tunnel:
        return (
            f"The proxy set in {setting} did not forward the request to {host} ({tunnel[1]} {one_line(tunnel[2])}".rstrip()
            + f"). Ask its administrator to allow {host}, then {then}."
        )
    if "only use HTTP and not HTTPS" in details:
        return f"The proxy set in {setting} speaks plain HTTP. Write its address with http:// in front, then {then}."
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if tls is not None:
        return tls_trouble(tls, f"the proxy set in {setting}", "", then)
    why = "does not respond like a proxy"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        why = "has a name that cannot be looked up (DNS)"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        why = "refuses connections"
    elif any(isinstance(cause, TimeoutError) for cause in causes):
        why = "does not respond in time"
    return f"The proxy set in {setting} {why}. Check the address and port in that setting, and the network, then {then}."


def proxy_wants_password(url: str, then: str = "try again", setting: str = "") -> str:
    """Return the message for a 407."""
    setting = setting or proxy_for(url) or _any_proxy()
    return (
        f"The proxy set in {setting} asks for a user name and a password (407), or rejected the ones it received. "
        f"Write its address as {PROXY_FORM} and {_PERCENT_ENCODE}, then {then}."
    )


def proxy_for(url: str) -> str:
    """Return the name of the setting that sends a URL through a proxy; empty if there is none.

    Its value is never returned, because it may contain a password.
    """
    try:
        proxy = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    except ValueError:  # an incomplete URL
        return ""
    if not proxy or urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1"):
        return ""
    for name in (f"{urlsplit(url).scheme}_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            if os.environ.get(variable):
                return variable
    return "the computer's proxy settings"


def _any_proxy() -> str:
    """Return the name of any proxy setting, for errors that do not contain the URL of the request."""
    variables = (
        variable for name in ("https_proxy", "all_proxy", "http_proxy") for variable in (name, name.upper())
    )
    return next((name for name in variables if os.environ.get(name)), "the computer's proxy settings")


def _ca_bundle_variable() -> str:
    return next((name for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(name)), "")


def certificates() -> str:
    """Return the setting that selects the trusted certificates."""
    name = _ca_bundle_variable()
    if not name:
        return "REQUESTS_CA_BUNDLE or the profile's verify"
    return f"the profile's verify or {name} (now {one_line(os.environ[name])})"


def _file_error(error: OSError, then: str) -> str:
    """Return the message for an error with a file on this computer."""
    if isinstance(error, filelock.Timeout):
        return f"Another process has held the lock {error.lock_file} for too long. Wait for it or end it, then {then}."
    missing_file = re.search(r"invalid path: (.+)", str(error))
    if missing_file:
        name = _ca_bundle_variable()
        setting = name if os.environ.get(name, "") == missing_file[1] else "the profile's verify"
        return f"The certificate file {one_line(missing_file[1])} does not exist. Correct {setting}, which refers to it, then {then}."
    if isinstance(error, ssl.SSLError):
        return tls_trouble(error, "the server", "", then)
    reason = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return f"{error.filename or 'A file on this computer'} cannot be written ({reason}). Free up disk space, then {then}."
    if error.filename is None and isinstance(error, ConnectionError | TimeoutError | socket.gaierror):
        return f"The connection was lost ({reason}). Check the network, then {then}."
    return f"{error.filename or 'A file on this computer'} cannot be used ({reason}). Check its permissions and owner, then {then}."


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and its causes, outermost first, as requests and urllib3 wrap them."""
    causes: list[BaseException] = []
    queue: list[object] = [error]
    while queue and len(causes) < 20:
        cause = queue.pop(0)
        if isinstance(cause, BaseException) and not any(cause is other for other in causes):
            causes.append(cause)
            queue += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
    return causes


def _url_of(error: requests.RequestException, causes: list[BaseException]) -> str:
    """Return the URL of the request if the error contains it; callers show only its host."""
    if url := getattr(error.request, "url", None) or getattr(error.response, "url", None):
        return str(url)
    pool = next((cause.pool for cause in causes if isinstance(cause, urllib3.exceptions.PoolError)), None)
    return f"{getattr(pool, 'scheme', 'https')}://{pool.host}" if pool is not None and pool.host else ""
