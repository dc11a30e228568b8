"""What silence means: everything that keeps an answer from coming, or from coming whole, each in a sentence."""

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

from ..redaction import one_line

SOCKS = 'pip install "requests[socks]"'
PROXY_FORM = "http://user:password@host:port"
_HASHES = (
    "percent-encode special characters of the password (/ is %2F, @ is %40, # is %23, ? is %3F, % is %25)"
)

_CERTIFICATE = {
    9: (
        "is not valid yet",
        "Check this computer's date and time",
    ),
    10: (
        "has expired",
        "Check this computer's date and time; if they are right, whoever runs {host} has to renew it",
    ),
    62: (
        "is made out to another name",
        "Something else answers in its place, such as a proxy or a guest network: check the address and the network",
    ),
}
_CERTIFICATE[64] = _CERTIFICATE[62]
"""What OpenSSL's codes say of a certificate (openssl-verification-options), and what helps; all others are distrust."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_OFFLINE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}


def network_trouble(error: OSError, then: str = "try again") -> str:
    """
    What kept an answer from coming, and what helps, in at most three sentences.

    Never the address of a request or of a proxy, which could hold a code or a password.

    Parameters
    ----------
    error : OSError
        What requests raised, or the error of a file that a call needs.
    then : str
        What to do after that, as the end of a sentence.
    """
    if not isinstance(error, requests.RequestException):
        return _of_a_file(error, then)
    causes = _causes(error)
    url = _address(error, causes)
    host, proxy = urlsplit(url).hostname or "the server", proxy_for(url)
    through = f" through the proxy of {proxy}" if proxy else ""
    said = " ".join(map(str, causes))
    if "SOCKS" in said and not isinstance(error, requests.ConnectionError):
        setting = proxy or _any_proxy()
        spelling = f"write the proxy in {setting} as socks5h://host:port, "
        if "Missing dependencies" in said:
            spelling = spelling if os.environ.get(setting, "").lower().startswith("socks://") else ""
            return (
                f"{setting} names a SOCKS proxy, and the package for those is missing. "
                f"Run {SOCKS}, {spelling}restart the kernel, then {then}."
            )
        return f"{setting} names a SOCKS proxy in a way that cannot be read. {_capital(spelling)}then {then}."
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        if isinstance(error, requests.exceptions.InvalidProxyURL) or (proxy and error.request is not None):
            return f"The proxy address in {proxy or _any_proxy()} cannot be read. Write it as {PROXY_FORM} and {_HASHES}, then {then}."
        return f"The address of {host} cannot be used: it is not written as https://host/path. Correct it, then {then}."
    if isinstance(error, requests.exceptions.MissingSchema):
        return f"An address without https:// cannot be used. Correct it, then {then}."
    if isinstance(error, requests.exceptions.InvalidHeader):
        return (
            "A value of this request holds a line break, or a character that a header cannot carry, so nothing was sent. "
            f"Check the arguments, such as as_user, then {then}."
        )
    if isinstance(error, requests.TooManyRedirects):
        return f"{host} sends the request round in a circle of redirects. Check the address and the network's own sign-in page, then {then}."
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return f"The answer of {host} is not JSON. Often a company proxy answers in its place: check the proxy settings, then {then}."
    if isinstance(error, requests.exceptions.ProxyError):
        return _of_the_proxy(host, proxy or "the computer's settings", causes, said, then)
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if tls is not None and not isinstance(error, requests.Timeout):
        return tls_trouble(tls, host, through, then)
    if isinstance(error, requests.ConnectTimeout):
        return f"{host} did not take the connection in time{through}. It is down, or a firewall is in the way: check the network or VPN, then {then}."
    if isinstance(error, requests.Timeout) or any(isinstance(each, TimeoutError) for each in causes):
        return f"There was no answer from {host} in time{through}. It is slow, or the connection hangs: check the network, then {then}."
    return _of_the_connection(error, host, through, causes, then)


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def hopeless(error: requests.RequestException) -> bool:
    """Whether the same request would fail in the same way at once: a certificate, no TLS there, a proxy that refuses."""
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


def _of_the_connection(
    error: OSError, host: str, through: str, causes: list[BaseException], then: str
) -> str:
    def any_is(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if any_is(socket.gaierror, urllib3.exceptions.NameResolutionError):
        return f"The name {host} cannot be looked up (DNS). Check its spelling, the network or the VPN, then {then}."
    if any_is(ConnectionRefusedError):
        return f"{host} cannot be reached: it refused the connection{through}, so nothing listens there, or a firewall is in the way. Check the network, then {then}."
    if any(getattr(cause, "errno", None) in _OFFLINE for cause in causes):
        return f"{host} cannot be reached: there is no way to it from this computer{through}. Check the network or VPN, then {then}."
    if any_is(requests.exceptions.ContentDecodingError):
        return f"The answer of {host} could not be decompressed: it was damaged on its way. If that stays, ask whether a proxy changes answers; otherwise {then}."
    if any_is(requests.exceptions.ChunkedEncodingError):
        return f"There was no complete answer from {host}: it was cut off or damaged on its way{through}. Check the network or the proxy, then {then}."
    if any_is(http.client.RemoteDisconnected):
        return f"{host} closed the connection without an answer{through}. If that stays, a firewall or proxy may be in the way; otherwise {then}."
    if any_is(ConnectionResetError, ConnectionAbortedError, BrokenPipeError):
        return f"The connection to {host} broke before the answer came{through}. Check the network or the proxy, then {then}."
    if any_is(http.client.HTTPException):
        return f"What {host} answered is not HTTP{through}. Check the address and its port, then {then}."
    name = type(error).__name__
    return f"There was no complete answer from {host}{through} ({name}), and why is not known here. Check the network or the proxy, then {then}."


def tls_trouble(
    error: ssl.SSLError, host: str, through: str = "", then: str = "try again", setting: str = ""
) -> str:
    """What went wrong with an encrypted connection; of a certificate only where one was seen.

    ``setting`` names what says which certificates to trust; :func:`certificates` unless given.
    """
    setting = setting or certificates()
    reason = str(error.reason or "").upper()
    if isinstance(error, ssl.SSLCertVerificationError):
        what, advice = _CERTIFICATE.get(error.verify_code, ("", ""))
        if what:
            return f"The certificate of {host} {what}{through}. {advice}, then {then}.".replace(
                "{host}", host
            )
        said = one_line(error.verify_message, 80)
        return (
            f"The certificate of {host} is not trusted here ({said}){through}; usually a company proxy stands in between. "
            f"Set {setting} to a PEM file with your company's certificates (a CA bundle), then {then}."
        )
    if str(error.library or "") in ("X509", "PEM", "ASN1", "BIO") or str(error).startswith(("[X509", "[PEM")):
        return (
            f"The certificate file that is set ({setting}) holds no certificate in PEM form: it is empty, or of another "
            "form, such as DER. Convert it with openssl x509 -inform der -in company.cer -out company.pem, "
            f"then {then}."
        )
    if "ALERT" in reason:
        alert = one_line(reason.partition("ALERT_")[2].lower().replace("_", " "), 60)
        return (
            f"{host} refused to talk over TLS{through} (alert: {alert}), before any certificate was checked. "
            f"Ask whoever runs it or your network which TLS versions and client certificates it wants, then {then}."
        )
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "HTTPS_PROXY_REQUEST"):
        return (
            f"{host} does not speak TLS at that port{through}: it answered in clear text, such as plain HTTP. "
            f"Check the address, its port, and whether a proxy or guest network answers in its place, then {then}."
        )
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or "EOF" in reason:
        return (
            f"{host} broke off the encrypted connection{through} without an answer, and did not say why. "
            f"Often a firewall or proxy does so: if it stays, ask your network's administrators; otherwise {then}."
        )
    words = one_line(reason.lower().replace("_", " "), 80) or type(error).__name__
    return f"The encrypted connection to {host} failed{through} ({words}). Check the network or the proxy, then {then}."


def _of_the_proxy(host: str, setting: str, causes: list[BaseException], said: str, then: str) -> str:
    tunnel = re.search(r"Tunnel connection failed: (\d{3}) ?([\w -]{0,60})", said)
    if tunnel and tunnel[1] == "407":
        return proxy_wants_password("", then, setting)
    if tunnel:
        return (
            f"The proxy of {setting} did not let the request to {host} through ({tunnel[1]} {one_line(tunnel[2])}".rstrip()
            + f"). Ask whoever runs it to allow {host}, then {then}."
        )
    if "only use HTTP and not HTTPS" in said:
        return (
            f"The proxy of {setting} speaks plain HTTP. Write its address with http:// in front, then {then}."
        )
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if tls is not None:
        return tls_trouble(tls, f"the proxy of {setting}", "", then)
    why = "does not answer as a proxy"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        why = "has a name that cannot be looked up (DNS)"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        why = "refuses connections"
    elif any(isinstance(cause, TimeoutError) for cause in causes):
        why = "does not answer in time"
    return f"The proxy of {setting} {why}. Check its address and port there, and the network, then {then}."


def proxy_wants_password(url: str, then: str = "try again", setting: str = "") -> str:
    """What a 407 means."""
    setting = setting or proxy_for(url) or _any_proxy()
    return (
        f"The proxy of {setting} asks for a user name and a password (407), or refused those it was given. "
        f"Write {PROXY_FORM} there and {_HASHES}, then {then}."
    )


def proxy_for(url: str) -> str:
    """The setting that sends requests for an address through a proxy; empty where none does. The proxy itself may hold a password."""
    try:
        found = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    except ValueError:  # half an address
        return ""
    if not found or urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1"):
        return ""
    for name in (f"{urlsplit(url).scheme}_proxy", "all_proxy"):
        for spelled in (name, name.upper()):
            if os.environ.get(spelled):
                return spelled
    return "the computer's proxy settings"


def _any_proxy() -> str:
    """For errors that do not say where the request went."""
    names = (each for name in ("https_proxy", "all_proxy", "http_proxy") for each in (name, name.upper()))
    return next((name for name in names if os.environ.get(name)), "the computer's proxy settings")


def certificates() -> str:
    """The setting that names the certificates to trust."""
    name = next((each for each in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(each)), "")
    if not name:
        return "REQUESTS_CA_BUNDLE or the profile's verify"
    return f"the profile's verify or {name} (now {one_line(os.environ[name])})"


def _of_a_file(error: OSError, then: str) -> str:
    """A file of this computer, not the network."""
    if isinstance(error, filelock.Timeout):
        return f"Another process holds the lock {error.lock_file} for too long. Wait for it or end it, then {then}."
    missing = re.search(r"invalid path: (.+)", str(error))
    if missing:
        name = next((each for each in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(each)), "")
        whose = name if os.environ.get(name, "") == missing[1] else "the profile's verify"
        return f"The certificate file {one_line(missing[1])} is not there. Correct {whose}, which names it, then {then}."
    if isinstance(error, ssl.SSLError):
        return tls_trouble(error, "the server", "", then)
    reason = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return f"{error.filename or 'A file of this computer'} cannot be written ({reason}). Free space on the disk, then {then}."
    if error.filename is None and isinstance(error, ConnectionError | TimeoutError | socket.gaierror):
        return f"The connection broke ({reason}). Check the network, then {then}."
    return f"{error.filename or 'A file of this computer'} cannot be used ({reason}). Check it and who owns it, then {then}."


def _causes(error: BaseException) -> list[BaseException]:
    """An error and what lies behind it, outermost first, as requests and urllib3 wrap them."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(found) < 20:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and not any(each is other for other in found):
            found.append(each)
            waiting += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]
    return found


def _address(error: requests.RequestException, causes: list[BaseException]) -> str:
    """Where the request went, as far as the error says; only its host is ever shown."""
    if url := getattr(error.request, "url", None) or getattr(error.response, "url", None):
        return str(url)
    pool = next((cause.pool for cause in causes if isinstance(cause, urllib3.exceptions.PoolError)), None)
    return f"{getattr(pool, 'scheme', 'https')}://{pool.host}" if pool is not None and pool.host else ""
