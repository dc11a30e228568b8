"""Run reports by mail, through a real server with TLS and a password: every outcome, every refusal, and no secret."""

from __future__ import annotations

import gc
import os
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from mailing import mailbox, moody
from signing import sign_in

import boxnb
from boxnb import runs, store
from boxnb.errors import MailError, NotSignedInError
from boxnb.runs import mail as mailer
from boxnb.sandbox import Sandbox
from boxnb.sandbox.mail import Mail, Mailbox
from boxnb.secret import Secret
from boxnb.store.mail_settings import MailSettings

ADA = "ada@example.com"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Mailbox]:
    """Yield a mail server to which profile acme sends its mail."""
    with mailbox(tmp_path) as running:
        yield running


def mail_of(server: Mailbox) -> str:
    """Return everything that a reader sees of the last email, attachments included."""
    mail = server[-1]
    files = b"\n".join(mail.attachments.values()).decode("utf-8", "replace")
    return "\n".join([mail.subject, mail.text, mail.html, files])


@pytest.mark.parametrize("security", ["starttls", "ssl", "none"])
def test_success_is_mailed_with_any_security(tmp_path: Path, security: str) -> None:
    """The email has a subject, a text part, an HTML part, and the log as an attachment."""
    with mailbox(tmp_path, security) as server:
        with boxnb.run("weekly-links", to=[ADA]) as run:
            run.rows += 3
        assert (len(server), server[0].recipients) == (1, [ADA])
        assert server[0].subject == f"SUCCESS weekly-links on {socket.gethostname()}"
        assert "Rows      3" in server[0].text and "<h1" in server[0].html
        assert [*server[0].attachments] == [run.log_file.name if run.log_file else ""]
        assert run.undelivered == []


def test_warnings_are_mailed(server: Mailbox) -> None:
    """A warning counts whether a library issued it or logged it."""
    with pytest.warns(UserWarning, match="half"), boxnb.run("links", to=[ADA]):
        import logging
        import warnings

        warnings.warn("half of it is missing", stacklevel=1)
        logging.getLogger("another.library").warning("disk nearly %s", "full")
    assert server[-1].subject.startswith("WARNING links")
    assert "half of it is missing" in server[-1].text and "disk nearly full" in server[-1].text


@pytest.mark.parametrize("security", ["starttls", "ssl", "none"])
def test_stopping_the_server_closes_every_connection(tmp_path: Path, security: str) -> None:
    """A connected client does not wait for its own timeout, and every socket is closed explicitly."""
    with mailbox(tmp_path, security) as server, ExitStack() as stack:
        context = ssl.create_default_context(
            cafile=mailer.settings_of("acme").verify if security != "none" else None
        )
        if security == "ssl":
            client = stack.enter_context(
                smtplib.SMTP_SSL(server.host, server.port, timeout=30, context=context)
            )
        else:
            client = stack.enter_context(smtplib.SMTP(server.host, server.port, timeout=30))
        if security == "starttls":
            client.starttls(context=context)
        assert client.noop()[0] == 250
        server.stop()
        with pytest.raises((smtplib.SMTPServerDisconnected, OSError)) as caught:
            client.noop()
        assert not isinstance(caught.value, TimeoutError)
    gc.collect()  # an unclosed transport would cause a warning here


def test_failure_is_mailed_and_raised_again(server: Mailbox) -> None:
    """The email says in one sentence what ended the run, and the log has the traceback."""
    with pytest.raises(ZeroDivisionError), boxnb.run("links", to=[ADA]) as run:
        assert 1 / 0
    assert server[-1].subject.startswith("ERROR links")
    assert "ZeroDivisionError: division by zero, in test_mail.py line" in run.problem
    assert run.problem in server[-1].text and "Traceback" in mail_of(server)


def test_failure_before_the_sign_in_is_mailed(server: Mailbox) -> None:
    """A profile without a sign-in can have mail settings."""
    with pytest.raises(NotSignedInError), boxnb.run("links", to=[ADA], profile="acme"):
        boxnb.connect("acme")
    assert server[-1].subject.startswith("ERROR links")
    assert "Nobody is signed in as 'acme' yet" in server[-1].text


SLEEPER = """
import sys, time, boxnb
with boxnb.run("sleeper", to=["ada@example.com"]):
    print("here", flush=True)
    time.sleep(600)
"""


def test_terminated_run_is_reported(server: Mailbox) -> None:
    """After SIGTERM there is an email, the exit code of a terminated process, and a free lock."""
    with subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "here\n"
        os.kill(child.pid, signal.SIGTERM)
        assert child.wait(100) == 128 + signal.SIGTERM
    assert server[-1].subject.startswith("ERROR sleeper")
    assert "stopped from outside (SIGTERM)" in server[-1].text
    assert runs.history()["outcome"].tolist() == ["ERROR"]
    with boxnb.run("sleeper"):
        pass


def test_wrong_password_does_not_hide_the_outcome(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run succeeds, and the failed delivery is reported on stderr, in the log and in the history."""
    with (
        mailbox(tmp_path, password="not-the-one-9") as server,
        boxnb.run("links", to=[ADA, "print"]) as run,
    ):
        pass
    assert len(server) == 0 and run.outcome == "SUCCESS"
    assert "refused the user name or password" in run.undelivered[0]
    output = capsys.readouterr()
    assert "not delivered: ada@example.com" in output.err and "Not delivered:" in output.out
    assert "refused the user name" in runs.history().loc[0, "undelivered"]
    assert run.log_file is not None and "Not delivered" in run.log_file.read_text()
    assert "not-the-one-9" not in output.out + output.err + run.log_file.read_text() + repr(
        runs.history().to_dict()
    )


def test_failed_mail_does_not_replace_the_error_of_the_run(tmp_path: Path) -> None:
    """The error of the run is raised, not that of the email."""
    with mailbox(tmp_path) as server:
        server.stop()
        with pytest.raises(ZeroDivisionError), boxnb.run("links", to=[ADA]) as run:
            assert 1 / 0
    assert run.outcome == "ERROR" and "cannot be reached (Connection refused)" in run.undelivered[0]


def test_silent_server_is_given_up_after_the_timeout() -> None:
    """A run waits no longer than the timeout in the mail settings."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        runs.save_mail("acme", host="127.0.0.1", port=port, security="none", sender=ADA, timeout=0.3)
        with boxnb.run("links", to=[ADA]) as run:
            pass
    assert "did not respond within 0.3 s" in run.undelivered[0]


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("refuses the sender", "refused the sender reports@example.com (550 5.7.1 not from here)"),
        ("refuses the recipient", "refused ada@example.com (550 5.1.1 no such mailbox)"),
        ("refuses the content", "did not accept the email (554 5.7.1 looks like spam)"),
        ("breaks off", "closed the connection"),
    ],
)
def test_refusal_quotes_the_reply_of_the_server(tmp_path: Path, mood: str, words: str) -> None:
    """A refusal after the sign-in does not change the outcome of the run."""
    with moody(tmp_path, mood) as server, boxnb.run("links", to=[ADA]) as run:
        pass
    assert run.outcome == "SUCCESS" and words in run.undelivered[0] and server.accepted == []


def test_mail_is_not_repeated_after_a_silent_end(tmp_path: Path) -> None:
    """The server may have accepted the email, so it is not sent again."""
    with moody(tmp_path, "is silent at the end", timeout=3) as server, boxnb.run("links", to=[ADA]) as run:
        pass
    assert "It may have sent the email" in run.undelivered[0] and server.reached.is_set()


@pytest.mark.parametrize("mood", ["says how much it takes", "counts at the end"])
def test_server_with_a_size_limit_gets_the_report_without_files(tmp_path: Path, mood: str) -> None:
    """The report is sent without its attachments, and says where they are."""
    with moody(tmp_path, mood) as server, boxnb.run("links", to=[ADA]) as run:
        file = run.attach(os.urandom(2_000_000), "large.bin")
    assert run.undelivered == [] and len(server.accepted) == 1
    mail = Mail(server.accepted[0], [ADA])
    assert list(mail.attachments) == [run.log_file.name if run.log_file else ""]
    assert f"Not attached because it is too large for an email (2,000,000 bytes): {file}" in mail.text


def test_signal_during_the_mail_does_not_stop_the_mail(tmp_path: Path) -> None:
    """If SIGTERM arrives while the report is being sent, the report is sent once, and then the program ends."""
    with moody(tmp_path, "waits") as server:
        code = f"import boxnb\nwith boxnb.run('late', to=[{ADA!r}]): pass\nprint('ended')"
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
            assert server.reached.wait(60)
            child.send_signal(signal.SIGTERM)
            server.go.set()
            assert child.communicate(timeout=60)[0] == "" and child.returncode == 128 + signal.SIGTERM
    assert len(server.accepted) == 1 and runs.history()["outcome"].tolist() == ["SUCCESS"]


def test_unknown_certificate_is_refused(tmp_path: Path) -> None:
    """Nothing is sent, not even the password."""
    with mailbox(tmp_path, verify=True) as server, boxnb.run("links", to=[ADA]) as run:
        pass
    assert len(server) == 0 and "CA bundle" in run.undelivered[0]


def test_password_is_not_sent_to_a_server_without_encryption(tmp_path: Path) -> None:
    """A server that does not offer STARTTLS receives nothing."""
    with mailbox(tmp_path, "none", security="starttls") as server, boxnb.run("links", to=[ADA]) as run:
        pass
    assert len(server) == 0 and "does not offer encryption" in run.undelivered[0]


def test_characters_that_mail_cannot_contain_are_escaped(
    server: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python decodes a file name in Latin-1 with a lone surrogate."""
    with boxnb.run("odd", to=[ADA]) as run:
        run.facts["File"] = os.fsdecode(b"caf\xe9.txt")
    assert run.undelivered == []
    assert "udce9.txt" in server[-1].text


def test_letters_beyond_ascii_are_reported_early(server: Mailbox) -> None:
    """Python's mail library cannot send a password with non-ASCII letters, and some servers refuse an address with them."""
    with pytest.raises(ValueError, match="ASCII"):
        runs.save_mail("acme", host="127.0.0.1", sender=ADA, username="me", password="sch\u00e4tze")
    assert mailer.settings_of("acme").username == server.username  # unchanged
    server._controller.SMTP_kwargs["enable_SMTPUTF8"] = False
    with boxnb.run("odd", to=["j\u00fcrgen@example.com"]) as run:
        pass
    assert "accepts only ASCII addresses" in run.undelivered[0]


def test_missing_mail_settings_do_not_change_the_outcome() -> None:
    """One sentence says how to save the settings."""
    with boxnb.run("links", to=[ADA]) as run:
        pass
    assert run.outcome == "SUCCESS" and "boxnb.runs.save_mail" in run.undelivered[0]


def test_ten_megabytes_are_attached_and_larger_files_are_named(server: Mailbox, tmp_path: Path) -> None:
    """Many servers refuse an email of 30 MB, so the email says where the large file is."""
    big = os.urandom(10_000_000)
    with boxnb.run("big", to=[ADA]) as run:
        run.attach(big, "big.bin")
        huge = run.attach(big + big, "huge.bin")
    assert server[-1].attachments["big.bin"] == big
    assert (
        "huge.bin" not in server[-1].attachments
        and f"Not attached because it is too large for an email (20,000,000 bytes): {huge}" in server[-1].text
    )


def test_subject_may_have_letters_of_any_script(server: Mailbox) -> None:
    """The subject arrives as it was written."""
    with boxnb.run("Übersicht 週報", to=[ADA]):
        pass
    assert server[-1].subject == f"SUCCESS Übersicht 週報 on {socket.gethostname()}"
    raw_subject = (
        server[-1].raw.split(b"\r\nSubject: ")[1].split(b"\r\n")[0]
        if b"\r\nSubject: " in server[-1].raw
        else server[-1].raw
    )
    assert raw_subject.isascii()


@pytest.mark.parametrize(
    "address", ["ada@example.com\r\nBcc: eve@example.com", "ada@example.com, eve@example.com", "ada", ""]
)
def test_address_that_would_inject_headers_is_refused(address: str) -> None:
    """The address is refused before anything runs."""
    with pytest.raises(ValueError, match="is not an email address"):
        boxnb.run("links", to=[address])
    with pytest.raises(ValueError, match="is not an email address"):
        runs.save_mail("acme", host="localhost", security="none", sender=address)


def test_name_that_would_inject_headers_is_refused() -> None:
    """The name of the run is part of the subject."""
    with pytest.raises(ValueError, match="cannot be the name of a run"):
        boxnb.run("links\r\nBcc: eve@example.com")
    settings = MailSettings("localhost", 25, "none", "", Secret(""), ADA)
    with pytest.raises(ValueError):
        mailer.compose(settings, [ADA], "links\r\nBcc: eve@example.com", "", "")


def test_unprotected_password_never_leaves_this_computer() -> None:
    """Encryption and the certificate check are required for other computers."""
    for options in ({"security": "none"}, {"verify": False}):
        with pytest.raises(ValueError, match=r"unencrypted|must be checked"):
            runs.save_mail("acme", host="mail.example.com", sender=ADA, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="starttls"):
        runs.save_mail("acme", host="mail.example.com", sender=ADA, security="tls")


def test_password_is_saved_like_any_other_secret(server: Mailbox) -> None:
    """Only the owner can read the file, and a printed profile shows a fingerprint."""
    saved = store.load("acme")
    assert saved is not None and saved.mail is not None
    assert saved.mail.password.reveal() == server.password
    assert server.password not in repr(saved)
    assert store.path("acme").stat().st_mode & 0o777 == 0o600


def test_mail_settings_survive_a_sign_in_and_a_refresh(server: Mailbox, sandbox: Sandbox) -> None:
    """The token pair is replaced, and the mail settings stay."""
    saved = store.load("acme")
    assert saved is not None
    client = sign_in(sandbox, "other").client
    store.save(boxnb.store.Profile("acme", client, store.load("other").token, mail=saved.mail))  # type: ignore[union-attr]
    sandbox.clock.advance(7200)
    boxnb.connect("acme").get("/users/me")
    refreshed = store.load("acme")
    assert refreshed is not None and refreshed.generation == 1 and refreshed.mail == saved.mail


def test_no_secret_is_mailed_or_logged(
    server: Mailbox, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """Secrets that are printed, logged, raised or attached are redacted, in plain text, quoted or in base64."""
    saved = sign_in(sandbox, "box")
    assert saved.token is not None and saved.token.refresh_token is not None
    secrets = [
        secret.reveal()
        for secret in (saved.client.client_secret, saved.token.access_token, saved.token.refresh_token)
    ]
    secrets.append(server.password)
    with pytest.raises(RuntimeError), boxnb.run("leaky", to=[ADA, "print"], profile="acme") as run:
        import base64
        import logging

        log = logging.getLogger("careless")
        for secret in secrets:
            log.info("Authorization: Bearer %s", secret)
            log.info("basic %s", base64.b64encode(secret.encode()).decode())
            log.info("%s", {"access_token": secret})
            print("the secret is", secret)
        log.info(
            "headers %s", {"Authorization": "Basic dXNlcjpwYXNzd29yZA==", "X-Api-Key": "unheard-of-key-1"}
        )
        log.info("POST /token?client_secret=unheard-of-key-2&code=unheard-of-key-3&x=1")
        log.info(
            '{"refresh_token": "unheard-of-key-4", "expires_in": 60} https://bob:unheard-of-key-5@example.com/'
        )
        requests.get(f"{sandbox.url}/2.0/users/me?access_token={secrets[1]}", timeout=10)
        run.attach("\n".join(secrets), "careless.txt")
        raise RuntimeError(f"it broke with {secrets[2]}")
    run.log.info("nothing")
    assert run.log_file is not None
    mail_content = mail_of(server) + server[-1].raw.decode("utf-8", "replace")
    printed = capsys.readouterr().out.split("ERROR leaky", 1)[1]
    for secret in [*secrets, "dXNlcjpwYXNzd29yZA==", *(f"unheard-of-key-{number}" for number in range(1, 6))]:
        for text in (
            mail_content,
            run.log_file.read_text(),
            printed,
            run.problem,
            repr(run),
            str(runs.history().to_dict()),
        ):
            assert secret not in text
    assert re.search(r"<secret [0-9a-f]{4}>", mail_content) and "expires_in" in mail_content


def test_two_profiles_with_different_servers_need_a_choice(server: Mailbox) -> None:
    """The error lists the profiles, so that the user can choose one."""
    runs.save_mail("other", host="localhost", security="none", sender=ADA)
    with pytest.raises(MailError, match="acme, other"):
        mailer.settings_of(None)
    assert mailer.settings_of("acme").port == server.port
