"""Mail servers for tests, with TLS and a password. Each server has a new certificate authority."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.smtp import AuthResult

from boxnb import runs
from boxnb.sandbox import mail


def issue_certificate(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """Return the TLS context of a server on 127.0.0.1, and the CA bundle with which clients trust it."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path / "company-ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    return context, bundle


@contextmanager
def mailbox(
    tmp_path: Path, server_security: str = "starttls", profile: str | None = "acme", **changes: object
) -> Iterator[mail.Mailbox]:
    """Yield a running mail server that the profile uses. ``changes`` replace some of the profile's mail settings."""
    context, bundle = issue_certificate(tmp_path)
    with mail.Mailbox(server_security, context if server_security != "none" else None) as running:
        if profile is not None:
            settings = {**running.settings(verify=bundle if server_security != "none" else True), **changes}
            runs.save_mail(profile, **settings)  # type: ignore[arg-type]
        yield running


class Moody:
    """A handler for aiosmtpd that, after the sign-in, behaves like a real or faulty server, depending on ``mood``."""

    def __init__(self, mood: str) -> None:
        self.mood = mood
        self.accepted: list[bytes] = []
        self.reached, self.go = threading.Event(), threading.Event()

    async def handle_MAIL(  # noqa: N802  aiosmtpd defines the names
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.mood == "refuses the sender":
            return "550 5.7.1 not from here"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.mood == "refuses the recipient":
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.reached.set()
        if self.mood == "is silent at the end":
            await asyncio.sleep(30)
        if self.mood == "breaks off":
            server.transport.abort()
            return "250 OK"
        while self.mood == "waits" and not self.go.is_set():
            await asyncio.sleep(0.02)
        if self.mood == "refuses the content" or (
            self.mood == "counts at the end" and len(envelope.content) > 1_000_000
        ):
            return "552 5.3.4 too big" if self.mood == "counts at the end" else "554 5.7.1 looks like spam"
        self.accepted.append(envelope.content)
        return "250 OK"


@contextmanager
def moody(tmp_path: Path, mood: str, timeout: float = 30.0) -> Iterator[Moody]:
    """Yield the handler of a running mail server with this mood, which the profile ``acme`` uses."""
    context, bundle = issue_certificate(tmp_path)
    handler = Moody(mood)

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"me", b"mail-secret-7"), handled=False)

    controller = mail.serve(
        handler,
        authenticator=authenticate,
        auth_required=True,
        tls_context=context,
        require_starttls=True,
        data_size_limit=1_000_000 if mood == "says how much it takes" else 40_000_000,
    )
    runs.save_mail(
        "acme",
        host="127.0.0.1",
        port=controller.port,
        username="me",
        password="mail-secret-7",
        sender="reports@example.com",
        verify=str(bundle),
        timeout=timeout,
    )
    try:
        yield handler
    finally:
        controller.stop()
