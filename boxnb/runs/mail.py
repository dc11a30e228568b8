"""Mail a run report over an encrypted connection. Every failure becomes a :class:`MailError` with a clear message."""

from __future__ import annotations

import dataclasses
import getpass
import mimetypes
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any

from .. import known_secrets, redaction, store
from ..errors import MailError, TokenStoreError
from ..local.encoding import as_text
from ..oauth import Client
from ..secret import Secret, sealed
from ..store.mail_settings import PORTS, MailSettings, check_address, is_loopback
from ..transport.network_trouble import tls_trouble

LARGEST = 20_000_000
"""The maximum total size of the attachments, in bytes. Many servers refuse an email over 25 MB; base64 adds a third."""

LEAST = 100_000
"""The same maximum for the second attempt, after the server refused the size. It is usually enough for the log."""

ATTEMPTS = 3
WAIT = 1.0
TOO_LARGE = {523, 552}
"""Reply codes for an email that is too large (RFC 5321 4.2.3, RFC 1870 6)."""
TEXT = {".csv", ".htm", ".html", ".ipynb", ".json", ".log", ".md", ".svg", ".tsv", ".txt", ".xml"}


class MailTooLargeError(MailError):
    """The email is larger than the server accepts."""


def save_mail(
    profile: str,
    *,
    host: str,
    sender: str,
    to: Sequence[str] = (),
    security: str = "starttls",
    port: int | None = None,
    username: str = "",
    password: str | Secret | None = None,
    verify: bool | str = True,
    timeout: float = 30.0,
) -> MailSettings:
    """
    Save the mail settings that a profile's runs use. The password is saved with the profile's other secrets.

    Parameters
    ----------
    profile : str
        It is created if it does not exist, because sending mail does not need a sign-in to Box.
    host, port, security
        The mail server. The default port depends on the security: ``"starttls"`` (587), ``"ssl"`` (465) or ``"none"``
        (25, this computer only).
    sender, to
        Email addresses without display names.
    username, password
        If you pass a user name but no password, boxnb asks for the password and does not show what you type. Never write
        a password in a notebook.
    verify : bool or str
        The path of a CA bundle, if your company issued the server's certificate.
    timeout : float
        How many seconds to wait for the mail server.

    Raises
    ------
    ValueError
        The settings would send a password without encryption, an address is not valid, or Python cannot send the user
        name or password.
    """
    if username and password is None:
        password = getpass.getpass(f"Password of {username} at {host}: ")
    if not (username + Secret(password or "").reveal()).isascii():
        raise ValueError(
            "Python can send only ASCII user names and passwords to a mail server. "
            "Set an ASCII password or an app password on the mail server."
        )
    settings = MailSettings(
        host=host,
        port=PORTS[security] if port is None and security in PORTS else int(port or 0),
        security=security,
        username=username,
        password=Secret(password or ""),
        sender=sender,
        to=tuple(to),
        verify=verify,
        timeout=timeout,
    )
    without_app = store.Profile(profile, Client("", Secret(""), ""))
    store.change(profile, lambda saved: dataclasses.replace(saved or without_app, mail=settings))
    return settings


def settings_of(profile: str | None) -> MailSettings:
    """Return the mail settings of the named profile, or of the only profile with mail settings.

    Raises
    ------
    MailError
        No profile has mail settings, or several have different ones.
    """
    by_profile: dict[str, MailSettings] = {}
    for name in [profile] if profile is not None else store.names():
        try:
            saved = store.load(name)
        except TokenStoreError as error:
            if profile is not None:
                raise MailError(f"Cannot read the mail settings of {name!r}. {error}") from None
            continue
        if saved is not None and saved.mail is not None:
            by_profile[name] = saved.mail
    if not by_profile:
        subject = f"Profile {profile!r} has no" if profile is not None else "No profile has"
        raise MailError(
            f'{subject} mail settings. Save them with boxnb.runs.save_mail("acme", host=..., sender=...).'
        )
    if len({repr(settings) for settings in by_profile.values()}) > 1:
        raise MailError(
            f"Several profiles have mail settings ({', '.join(by_profile)}). Choose one with profile=."
        )
    return next(iter(by_profile.values()))


def compose(
    settings: MailSettings,
    recipients: Iterable[str],
    subject: str,
    text: str,
    html: str,
    files: Sequence[Path] = (),
    largest: int = LARGEST,
) -> EmailMessage:
    """Return the redacted email. Files that would exceed ``largest`` bytes in total are named in its text, but not attached.

    Raises
    ------
    ValueError
        The subject or an address contains a line break, which would allow header injection.
    """
    subject, text, html = map(as_text, (subject, text, html))
    message = EmailMessage()
    message["Subject"] = redaction.redact(subject)
    message["From"] = check_address(settings.sender)
    message["To"] = ", ".join(check_address(address) for address in recipients)
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain=settings.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: mailboxes do not send an out-of-office reply
    attachments, remaining = [], largest
    for file in files:
        try:
            size = file.stat().st_size
            if size > remaining:
                text += f"\nNot attached because it is too large for an email ({size:,} bytes): {file}\n"
                continue
            attachments.append((file, _content(file)))
            remaining -= size
        except OSError as error:
            text += f"\nNot attached because it could not be read ({error.strerror}): {file}\n"
    message.set_content(redaction.redact(text))
    message.add_alternative(redaction.redact_page(html), subtype="html")
    for file, content in attachments:
        guess = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        main_type, _, subtype = ("text/plain" if file.suffix == ".log" else guess).partition("/")
        message.add_attachment(content, maintype=main_type, subtype=subtype, filename=as_text(file.name))
    return message


def _content(file: Path) -> bytes:
    content = file.read_bytes()
    if file.suffix.lower() not in TEXT:
        return content
    return known_secrets.redact_known(content.decode("utf-8", "surrogateescape")).encode(
        "utf-8", "surrogateescape"
    )


def send(settings: MailSettings, message: EmailMessage) -> None:
    """Send one email.

    Raises
    ------
    MailError
        The email was not sent, or the server refused a recipient. The message says why, and never contains the password.
    """
    try:
        _send(settings, message)
    except MailError as error:
        error.__context__ = None  # the server's reply may quote what was sent
        raise


def _send(settings: MailSettings, message: EmailMessage) -> None:
    try:
        with _connect(settings) as server:
            refused = server.send_message(message)
    except OSError as error:  # smtplib's exceptions are also OSErrors
        raise _mail_error(error, settings) from None
    if refused:
        raise MailError(
            f"The email was sent, but {_address(settings)} refused {_refusals(refused)}. Check the addresses."
        )


def _address(settings: MailSettings) -> str:
    return f"{settings.host}:{settings.port}"


def _mail_error(error: OSError, settings: MailSettings) -> MailError:
    """Return the exception for an email that was not sent. It contains the server's reply, or why the connection failed."""
    server = f"The mail server {_address(settings)}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return MailError(f"{server} refused {_refusals(error.recipients)}. Check the addresses.")
    if isinstance(error, smtplib.SMTPResponseException):
        return _refused_with_a_code(error, server, settings.sender)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        if "SMTPUTF8" in str(error):
            return MailError(
                f"{server} accepts only ASCII addresses. Use an address with only ASCII characters."
            )
        feature = "encryption (STARTTLS)" if "STARTTLS" in str(error) else "sign-in (AUTH)"
        return MailError(
            f"{server} does not offer {feature} on this port, so nothing was sent. "
            "Check port= and security= in boxnb.runs.save_mail."
        )
    if isinstance(error, smtplib.SMTPException):
        return _connection_ended(error, server, settings.timeout)
    if isinstance(error, ssl.SSLError):
        return MailError(_encryption_problem(error, _address(settings)))
    if isinstance(error, TimeoutError):
        return MailError(f"{server} did not respond within {settings.timeout:g} s. Check its name and port.")
    if isinstance(error, socket.gaierror):
        return MailError(
            f"{server} cannot be reached: its name cannot be looked up ({error.strerror}). Check the name and the network."
        )
    reason = error.strerror or type(error).__name__
    return MailError(f"{server} cannot be reached ({reason}). Check its name and port.")


def _refused_with_a_code(error: smtplib.SMTPResponseException, server: str, sender: str) -> MailError:
    """Return the exception for a reply code of 400 or more. 4xx is temporary, 5xx is permanent (RFC 5321 4.2.1)."""
    reply = f"{error.smtp_code} {_one_line(error.smtp_error)}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        if error.smtp_code < 500:
            return MailError(
                f"{server} cannot check the user name and password at the moment ({reply}). Try again later."
            )
        return MailError(
            f"{server} refused the user name or password ({reply}). Save them again with boxnb.runs.save_mail. "
            "Some servers need an app password."
        )
    if isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPDataError) and error.smtp_code in TOO_LARGE:
        return MailTooLargeError(
            f"{server} does not accept an email of this size. Attach less, or save the report as a file."
        )
    if isinstance(error, smtplib.SMTPDataError):
        return MailError(f"{server} did not accept the email ({reply}). Ask the server's administrator why.")
    if isinstance(error, smtplib.SMTPSenderRefused):
        return MailError(f"{server} refused the sender {sender} ({reply}). Check the address.")
    return MailError(f"{server} closed the connection ({reply}). Try again later.")


def _connection_ended(error: smtplib.SMTPException, server: str, timeout: float) -> MailError:
    """Return the exception for a server that stopped responding in the middle of the conversation."""
    if isinstance(error.__context__, TimeoutError):  # smtplib raises its own error for a timeout here
        return MailError(
            f"{server} stopped responding for {timeout:g} s. It may have sent the email, "
            "so ask a recipient before you send it again."
        )
    if "authentication method" in str(error):
        return MailError(
            f"{server} does not offer a sign-in method that Python supports, so nothing was sent. "
            "Ask the server's administrator."
        )
    return MailError(f"{server} closed the connection ({type(error).__name__}). Try again later.")


def _encryption_problem(error: ssl.SSLError, address: str) -> str:
    """Return what went wrong with the encryption. The certificate is mentioned only if the server sent one."""
    if "WRONG_VERSION_NUMBER" in str(error):
        return (
            f"The mail server {address} does not expect encryption from the start on this port. "
            "Use security='starttls' (port 587) or security='ssl' (port 465)."
        )
    return tls_trouble(error, f"the mail server {address}", setting="verify= in boxnb.runs.save_mail")


def _connect(settings: MailSettings) -> smtplib.SMTP:
    """Connect to the mail server and sign in. A failed connection is retried, because nothing has been sent."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return _sign_in(settings)
        except (ConnectionRefusedError, smtplib.SMTPConnectError, smtplib.SMTPServerDisconnected) as error:
            if isinstance(error.__context__, TimeoutError):  # smtplib raises its own error for a timeout here
                raise error.__context__ from None
            if attempt == ATTEMPTS:
                raise
            time.sleep(WAIT * attempt)


@sealed
def _sign_in(settings: MailSettings) -> smtplib.SMTP:
    try:
        context = ssl.create_default_context(
            cafile=settings.verify if isinstance(settings.verify, str) else None
        )
    except OSError as error:
        if isinstance(error, ssl.SSLError):
            raise
        raise MailError(
            f"Cannot read the CA bundle {settings.verify} ({error.strerror}), so nothing was sent. "
            "Save its path again with boxnb.runs.save_mail."
        ) from None
    if settings.verify is False and is_loopback(settings.host):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    host_name = socket.gethostname()
    options: dict[str, Any] = {
        "timeout": settings.timeout,
        # RFC 5321 4.1.1.1
        "local_hostname": host_name if re.fullmatch(r"[A-Za-z0-9._-]+", host_name) else "localhost",
    }
    if settings.security == "ssl":
        server: smtplib.SMTP = smtplib.SMTP_SSL(settings.host, settings.port, context=context, **options)
    else:
        server = smtplib.SMTP(settings.host, settings.port, **options)
    try:
        if settings.security == "starttls":
            server.starttls(context=context)
        if settings.username:
            server.login(settings.username, settings.password.reveal())
            del server.password  # smtplib would keep it in memory unprotected
    except BaseException:
        server.close()
        raise
    return server


def _one_line(reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return redaction.redact(" ".join(text.split()))[:200]


def _refusals(refused: dict[str, tuple[int, bytes]]) -> str:
    return ", ".join(f"{address} ({code} {_one_line(reply)})" for address, (code, reply) in refused.items())
