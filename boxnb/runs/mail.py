"""One report as one mail, over an encrypted connection, with what went wrong said in a sentence."""

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

from .. import masking, store
from ..disk import as_text
from ..errors import MailError, TokenStoreError
from ..oauth import Client
from ..postbox import PORTS, MailSettings, check_address, is_loopback
from ..silence import tls_trouble
from ..tokens import Secret, sealed

LARGEST = 20_000_000
"""Bytes of attachments; many servers refuse mails of more than 25 MB, and base64 adds a third."""

LEAST = 100_000
"""Bytes of attachments that stay where the server takes no mail of that size: the log, usually."""

ATTEMPTS = 3
WAIT = 1.0
TOO_LARGE = {523, 552}
"""Codes of servers that take no mail of that size (RFC 5321 4.2.3, RFC 1870 6)."""
TEXT = {".csv", ".htm", ".html", ".ipynb", ".json", ".log", ".md", ".svg", ".tsv", ".txt", ".xml"}


class MailTooLargeError(MailError):
    """The server takes no mail of that size."""


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
    Keep in a profile how its runs send mail; the password lies where the profile's other secrets lie.

    Parameters
    ----------
    profile : str
        Made where there is none: mail needs no sign-in.
    host, port, security
        The server; the port follows from ``"starttls"`` (587), ``"ssl"`` (465) or ``"none"`` (25, this computer only).
    sender, to
        Bare addresses.
    username, password
        Where a user name is given without a password, it is asked for and not shown: never write it in a notebook.
    verify : bool or str
        The path of a CA bundle, for a server with a certificate of the company's own.
    timeout : float
        Seconds.

    Raises
    ------
    ValueError
        The settings would send a password in clear, or hold no usable address, or a user name or password that Python
        cannot send.
    """
    if username and password is None:
        password = getpass.getpass(f"Password of {username} at {host}: ")
    if not (username + Secret(password or "").reveal()).isascii():
        raise ValueError(
            "Python signs in to mail servers with plain letters, digits and signs only (ASCII): set such a password, or an "
            "app password, at the mail server."
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
    with store.lock(profile):
        saved = store.load(profile) or store.Profile(profile, Client("", Secret(""), ""))
        store.save(dataclasses.replace(saved, mail=settings))
    return settings


def settings_of(profile: str | None) -> MailSettings:
    """How to send mail: by the named profile, or by the only one that says how.

    Raises
    ------
    MailError
        None does, or several do.
    """
    how = 'boxnb.runs.save_mail("acme", host=..., sender=...) saves them'
    found: dict[str, MailSettings] = {}
    for name in [profile] if profile is not None else store.names():
        try:
            saved = store.load(name)
        except TokenStoreError as error:
            if profile is not None:
                raise MailError(f"The mail settings of {name!r} cannot be read. {error}") from None
            continue
        if saved is not None and saved.mail is not None:
            found[name] = saved.mail
    if not found:
        whose = f"Profile {profile!r} has" if profile is not None else "No profile has"
        raise MailError(f"{whose} no mail settings: {how}.")
    if len({repr(settings) for settings in found.values()}) > 1:
        raise MailError(f"Several profiles send mail ({', '.join(found)}): say which, with profile=.")
    return next(iter(found.values()))


def compose(
    settings: MailSettings,
    recipients: Iterable[str],
    subject: str,
    text: str,
    html: str,
    files: Sequence[Path] = (),
    largest: int = LARGEST,
) -> EmailMessage:
    """The mail, masked; files beyond ``largest`` bytes in all are named instead of attached.

    Raises
    ------
    ValueError
        A line break in the subject or in an address: somebody could write headers of their own.
    """
    subject, text, html = map(as_text, (subject, text, html))
    message = EmailMessage()
    message["Subject"] = masking.mask(subject)
    message["From"] = check_address(settings.sender)
    message["To"] = ", ".join(check_address(address) for address in recipients)
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain=settings.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer from an absent person's mailbox
    attached, left = [], largest
    for file in files:
        try:
            size = file.stat().st_size
            if size > left:
                text += f"\nNot attached, too large for a mail ({size:,} bytes): {file}\n"
                continue
            attached.append((file, _content(file)))
            left -= size
        except OSError as error:
            text += f"\nNot attached, could not be read ({error.strerror}): {file}\n"
    message.set_content(masking.mask(text))
    message.add_alternative(masking.mask_page(html), subtype="html")
    for file, content in attached:
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        main, _, sub = ("text/plain" if file.suffix == ".log" else kind).partition("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=as_text(file.name))
    return message


def _content(file: Path) -> bytes:
    content = file.read_bytes()
    if file.suffix.lower() not in TEXT:
        return content
    return masking.known_only(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def send(settings: MailSettings, message: EmailMessage) -> None:
    """Send one mail.

    Raises
    ------
    MailError
        Why not, in a sentence; nothing of the password is in it.
    """
    try:
        _send(settings, message)
    except MailError as error:
        error.__context__ = None  # the server's own words may quote what was sent
        raise


def _send(settings: MailSettings, message: EmailMessage) -> None:
    where = f"{settings.host}:{settings.port}"
    try:
        with _connected(settings) as server:
            refused = server.send_message(message)
    except smtplib.SMTPAuthenticationError as error:
        said = f"{error.smtp_code} {_said(error.smtp_error)}"
        if error.smtp_code < 500:
            raise MailError(
                f"The mail server {where} could not check the user name and password just now ({said}): try again later."
            ) from None
        raise MailError(
            f"The mail server {where} refused the user name or password ({said}): save them again with "
            "boxnb.runs.save_mail, an app password where the server wants one."
        ) from None
    except smtplib.SMTPRecipientsRefused as error:
        raise MailError(
            f"The mail server {where} refused {_refusals(error.recipients)}: check the addresses."
        ) from None
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        if error.smtp_code in TOO_LARGE:
            raise MailTooLargeError(
                f"The mail server {where} takes no mail of that size: attach less, or keep it as a file."
            ) from None
        if isinstance(error, smtplib.SMTPDataError):
            said = f"{error.smtp_code} {_said(error.smtp_error)}"
            raise MailError(
                f"The mail server {where} did not take the mail ({said}): ask who runs it why."
            ) from None
        said = f"{error.smtp_code} {_said(error.smtp_error)}"
        raise MailError(
            f"The mail server {where} refused the sender {settings.sender} ({said}): check it."
        ) from None
    except smtplib.SMTPNotSupportedError as error:
        if "SMTPUTF8" in str(error):
            raise MailError(
                f"The mail server {where} takes no addresses with letters beyond ASCII: write them otherwise."
            ) from None
        lacks = "encryption (STARTTLS)" if "STARTTLS" in str(error) else "sign-in (AUTH)"
        raise MailError(
            f"The mail server {where} offers no {lacks} on this port, so nothing was sent: check port and security."
        ) from None
    except smtplib.SMTPResponseException as error:
        said = f"{error.smtp_code} {_said(error.smtp_error)}"
        raise MailError(f"The mail server {where} broke off ({said}): try again later.") from None
    except ssl.SSLError as error:
        raise MailError(_encryption(error, where)) from None
    except TimeoutError:
        raise MailError(
            f"The mail server {where} did not answer within {settings.timeout:g} s: check its name and port."
        ) from None
    except smtplib.SMTPException as error:
        if isinstance(error.__context__, TimeoutError):  # smtplib's way of saying so
            raise MailError(
                f"The mail server {where} went silent for {settings.timeout:g} s, so it is not known whether the mail "
                "went out: look there before you send it again."
            ) from None
        if "authentication method" in str(error):
            raise MailError(
                f"The mail server {where} offers no way to sign in that Python knows, so nothing was sent: ask who runs it."
            ) from None
        raise MailError(
            f"The mail server {where} broke off ({type(error).__name__}): try again later."
        ) from None
    except socket.gaierror as error:
        raise MailError(
            f"The mail server {where} cannot be reached: its name cannot be looked up ({error.strerror}). "
            "Check the name and the network."
        ) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise MailError(
            f"The mail server {where} cannot be reached ({reason}): check its name and port."
        ) from None
    if refused:
        raise MailError(f"The mail went out, but {where} refused {_refusals(refused)}: check the addresses.")


def _encryption(error: ssl.SSLError, where: str) -> str:
    """What went wrong with an encrypted connection: of the certificate only where one was seen."""
    if "WRONG_VERSION_NUMBER" in str(error):
        return (
            f"The mail server {where} does not begin with encryption on this port. "
            "Use security='starttls' (port 587), or 'ssl' with its own port (465)."
        )
    return tls_trouble(error, f"the mail server {where}", setting="verify= in boxnb.runs.save_mail")


def _connected(settings: MailSettings) -> smtplib.SMTP:
    """A signed-in connection; reaching the server is tried again, for nothing was sent yet."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _signed_in(settings)
        except (ConnectionRefusedError, smtplib.SMTPConnectError, smtplib.SMTPServerDisconnected) as error:
            if isinstance(error.__context__, TimeoutError):  # smtplib's way of saying so
                raise error.__context__ from None
            if attempt == ATTEMPTS:
                raise
            time.sleep(WAIT * attempt)
    raise AssertionError("the loop above returns or raises")


@sealed
def _signed_in(settings: MailSettings) -> smtplib.SMTP:
    try:
        context = ssl.create_default_context(
            cafile=settings.verify if isinstance(settings.verify, str) else None
        )
    except OSError as error:
        if isinstance(error, ssl.SSLError):
            raise
        raise MailError(
            f"The certificate file {settings.verify} cannot be read ({error.strerror}), so nothing was sent: "
            "save its path again with boxnb.runs.save_mail."
        ) from None
    if settings.verify is False and is_loopback(settings.host):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    name = socket.gethostname()
    options: dict[str, Any] = {
        "timeout": settings.timeout,
        "local_hostname": name if re.fullmatch(r"[A-Za-z0-9._-]+", name) else "localhost",  # RFC 5321 4.1.1.1
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
            del server.password  # smtplib keeps it in clear
    except BaseException:
        server.close()
        raise
    return server


def _said(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return masking.mask(" ".join(text.split()))[:200]


def _refusals(refused: dict[str, tuple[int, bytes]]) -> str:
    return ", ".join(f"{address} ({code} {_said(said)})" for address, (code, said) in refused.items())
