"""A mail server with TLS and a password, and a certificate authority of this test's own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from boxnb import runs
from boxnb.sandbox import mail


@contextmanager
def mailbox(
    tmp_path: Path, kind: str = "starttls", profile: str | None = "acme", **changed: object
) -> Iterator[mail.Mailbox]:
    """A running server; its settings are saved in the profile, where one is named."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path / "company-ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with mail.Mailbox(kind, context if kind != "none" else None) as running:
        if profile is not None:
            given = {**running.settings(verify=bundle if kind != "none" else True), **changed}
            runs.save_mail(profile, **given)  # type: ignore[arg-type]
        yield running
