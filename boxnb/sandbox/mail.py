"""A practice mail server on this computer: it accepts mail from anyone who knows its password and delivers nothing.

It runs in the process that starts it and keeps the emails in memory::

    mailbox = boxnb.sandbox.mail.start()
    boxnb.runs.save_mail("sandbox", **mailbox.settings())
    mailbox[-1]                          # the last email, as a mail program shows it
"""

from __future__ import annotations

import email
import email.policy
import html
import logging
import secrets
import socket
import ssl
import warnings
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any, overload
from weakref import WeakSet

from ..cards import card_html
from .client import fail

USER = "reports@sandbox.example"
INBOX = "ada.admin@example.com"


class Mail:
    """An email as it was received.

    Attributes
    ----------
    raw : bytes
        The bytes as they were received.
    message : email.message.EmailMessage
        The parsed message.
    """

    def __init__(self, raw: bytes, recipients: Sequence[str]) -> None:
        self.raw = raw
        self.recipients = list(recipients)
        self.message = email.message_from_bytes(raw, _class=EmailMessage, policy=email.policy.default)

    @property
    def subject(self) -> str:
        """The subject, decoded."""
        return str(self.message["Subject"])

    def _body(self, subtype: str) -> str:
        part = self.message.get_body(preferencelist=(subtype,))
        return "" if part is None else str(part.get_content())

    @property
    def text(self) -> str:
        """The plain-text body."""
        return self._body("plain")

    @property
    def html(self) -> str:
        """The HTML body."""
        return self._body("html")

    @property
    def attachments(self) -> dict[str, bytes]:
        """The attached files, by name."""
        files: dict[str, bytes] = {}
        for part in self.message.iter_attachments():
            content = part.get_payload(decode=True)
            files[part.get_filename() or ""] = content if isinstance(content, bytes) else b""
        return files

    def _rows(self) -> list[tuple[str, str]]:
        rows = [
            ("From", str(self.message["From"])),
            ("To", ", ".join(self.recipients)),
            ("Subject", self.subject),
        ]
        return rows + [
            ("Attached", f"{name} ({len(data):,} bytes)") for name, data in self.attachments.items()
        ]

    def __repr__(self) -> str:
        return "\n".join([*(f"{name}: {value}" for name, value in self._rows()), "", self.text])

    def _repr_html_(self) -> str:
        # The iframe is sandboxed, so nothing in an email can change the notebook.
        page = html.escape(self.html or f"<pre>{html.escape(self.text)}</pre>", quote=True)
        return (
            f"{card_html(self._rows())}<iframe sandbox srcdoc=\"{page}\" title='The email' "
            "style='width:100%;height:360px;border:1px solid #8888;background:Canvas'></iframe>"
        )


class Mailbox(Sequence[Mail]):
    """A running mail server and the emails it received, oldest first."""

    def __init__(self, security: str = "none", certificate: ssl.SSLContext | None = None) -> None:
        try:
            from aiosmtpd.smtp import AuthResult
        except ImportError as error:
            fail(f"The practice mail server needs one more package: pip install 'boxnb[automate]' ({error}).")
        self.username, self.password = USER, secrets.token_urlsafe(18)
        self.security = security
        self._mails: list[Mail] = []
        mailbox = self

        class Handler:
            """The handler that aiosmtpd expects."""

            async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
                mailbox._mails.append(Mail(envelope.original_content or envelope.content, envelope.rcpt_tos))
                return "250 OK"

        def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
            credentials = (getattr(data, "login", b""), getattr(data, "password", b""))
            expected = (mailbox.username.encode(), mailbox.password.encode())
            return AuthResult(success=all(map(secrets.compare_digest, credentials, expected)), handled=False)

        options: dict[str, Any] = {
            "authenticator": authenticate,
            "auth_required": True,
            "auth_require_tls": security == "starttls",
            "data_size_limit": 40_000_000,
            "enable_SMTPUTF8": True,
        }
        if security == "starttls":
            options |= {"tls_context": certificate, "require_starttls": True}
        if security == "ssl":
            options["ssl_context"] = certificate
        # aiosmtpd's log would only distract the reader.
        logging.getLogger("mail").setLevel(logging.CRITICAL)
        # aiosmtpd warns on every connection without TLS that the password is sent in clear text. Here the password
        # never leaves this computer.
        warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
        self._controller = serve(Handler(), **options)
        self.host, self.port = "127.0.0.1", int(self._controller.port)

    def settings(self, *, verify: bool | str | Path = True) -> dict[str, Any]:
        """Return the arguments with which `boxnb.runs.save_mail` saves this mail server in a profile."""
        return {
            "host": self.host,
            "port": self.port,
            "security": self.security,
            "username": self.username,
            "password": self.password,
            "sender": USER,
            "to": [INBOX],
            "verify": verify if isinstance(verify, bool) else str(verify),
        }

    def __len__(self) -> int:
        return len(self._mails)

    @overload
    def __getitem__(self, index: int) -> Mail: ...
    @overload
    def __getitem__(self, index: slice) -> list[Mail]: ...
    def __getitem__(self, index: int | slice) -> Mail | list[Mail]:
        return self._mails[index]

    def _title(self) -> str:
        emails = "1 email" if len(self) == 1 else f"{len(self)} emails"
        return f"Mailbox at {self.host}:{self.port}, {emails}"

    def __repr__(self) -> str:
        lines = [f"{number:>3}  {mail.subject}" for number, mail in enumerate(self._mails)]
        return "\n".join([self._title(), *lines])

    def _repr_html_(self) -> str:
        rows = [
            (str(number), mail.subject, ", ".join(mail.recipients)) for number, mail in enumerate(self._mails)
        ]
        return card_html(rows, caption=self._title(), columns=("no.", "subject", "to"))

    def stop(self) -> None:
        """Stop the server. The emails it received remain available."""
        if self._controller.server is not None:
            self._controller.stop()

    def __enter__(self) -> Mailbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve(handler: Any, **options: Any) -> Any:
    """Start an aiosmtpd controller on this computer that closes open connections when it stops.

    aiosmtpd's own controller leaves them open: the client then waits until it times out, and the socket stays open
    until it is garbage-collected.
    """
    try:
        from aiosmtpd.controller import Controller
    except ImportError as error:
        fail(f"The practice mail server needs one more package: pip install 'boxnb[automate]' ({error}).")

    class ClosingController(Controller):
        def __init__(self) -> None:
            # This name is in the greeting. The computer's own name may contain characters that SMTP does not allow.
            options.setdefault("server_hostname", "localhost")
            super().__init__(handler, hostname="127.0.0.1", port=_free_port(), **options)
            self._opened: WeakSet[Any] = WeakSet()

        def factory(self) -> Any:
            server = super().factory()  # type: ignore[no-untyped-call]
            self._opened.add(server)
            return server

        def cancel_tasks(self, stop_loop: bool = True) -> None:
            for server in list(self._opened):
                if server.transport is not None:
                    server.transport.abort()
            super().cancel_tasks(stop_loop)

    controller = ClosingController()
    controller.start()
    return controller


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_running: list[Mailbox] = []


def start() -> Mailbox:
    """Return this process's mail server and start it if necessary."""
    if not _running or _running[0]._controller.server is None:
        _running[:] = [Mailbox()]
    return _running[0]
