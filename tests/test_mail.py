"""Reports by mail, through a real server with TLS and a password: every outcome, every refusal, and no secret."""

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
    with mailbox(tmp_path) as running:
        yield running


def mail_of(server: Mailbox) -> str:
    """All text of the last mail, attachments included, as a reader would see it."""
    last = server[-1]
    files = b"\n".join(last.attachments.values()).decode("utf-8", "replace")
    return "\n".join([last.subject, last.text, last.html, files])


@pytest.mark.parametrize("security", ["starttls", "ssl", "none"])
def test_success_is_mailed_whichever_way_the_connection_is_made(tmp_path: Path, security: str) -> None:
    """Subject, both parts, and the log attached."""
    with mailbox(tmp_path, security) as server:
        with boxnb.run("weekly-links", to=[ADA]) as run:
            run.rows += 3
        assert (len(server), server[0].recipients) == (1, [ADA])
        assert server[0].subject == f"SUCCESS weekly-links on {socket.gethostname()}"
        assert "Rows      3" in server[0].text and "<h1" in server[0].html
        assert [*server[0].attachments] == [run.log_file.name if run.log_file else ""]
        assert run.undelivered == []


def test_a_warning_is_mailed_as_one(server: Mailbox) -> None:
    """Whether it was issued or logged, by whomever."""
    with pytest.warns(UserWarning, match="half"), boxnb.run("links", to=[ADA]):
        import logging
        import warnings

        warnings.warn("half of it is missing", stacklevel=1)
        logging.getLogger("somebody.else").warning("disk nearly %s", "full")
    assert server[-1].subject.startswith("WARNING links")
    assert "half of it is missing" in server[-1].text and "disk nearly full" in server[-1].text


@pytest.mark.parametrize("security", ["starttls", "ssl", "none"])
def test_whoever_is_connected_when_the_server_ends_is_told(tmp_path: Path, security: str) -> None:
    """Not left to its own timeout, and no socket to the garbage collector."""
    with mailbox(tmp_path, security) as server, ExitStack() as opened:
        trusted = ssl.create_default_context(
            cafile=mailer.settings_of("acme").verify if security != "none" else None
        )
        if security == "ssl":
            client = opened.enter_context(
                smtplib.SMTP_SSL(server.host, server.port, timeout=30, context=trusted)
            )
        else:
            client = opened.enter_context(smtplib.SMTP(server.host, server.port, timeout=30))
        if security == "starttls":
            client.starttls(context=trusted)
        assert client.noop()[0] == 250
        server.stop()
        with pytest.raises((smtplib.SMTPServerDisconnected, OSError)) as caught:
            client.noop()
        assert not isinstance(caught.value, TimeoutError)
    gc.collect()  # an unclosed transport would be said here


def test_a_failure_is_mailed_and_raised_on(server: Mailbox) -> None:
    """What ended it, in a sentence; the traceback is in the log."""
    with pytest.raises(ZeroDivisionError), boxnb.run("links", to=[ADA]) as run:
        assert 1 / 0
    assert server[-1].subject.startswith("ERROR links")
    assert "ZeroDivisionError: division by zero, in test_mail.py line" in run.problem
    assert run.problem in server[-1].text and "Traceback" in mail_of(server)


def test_a_failure_before_the_sign_in_is_mailed(server: Mailbox) -> None:
    """The profile has mail settings and nobody is signed in."""
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


def test_a_run_that_is_told_to_end_says_so(server: Mailbox) -> None:
    """Kill -TERM: a mail, the exit code of a process ended so, and the lock is free again."""
    with subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "here\n"
        os.kill(child.pid, signal.SIGTERM)
        assert child.wait(100) == 128 + signal.SIGTERM
    assert server[-1].subject.startswith("ERROR sleeper")
    assert "ended from outside (SIGTERM)" in server[-1].text
    assert runs.history()["outcome"].tolist() == ["ERROR"]
    with boxnb.run("sleeper"):
        pass


def test_a_wrong_password_never_hides_the_outcome(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run is a success; the mail is told of as not delivered, on stderr, in the log and in the history."""
    with (
        mailbox(tmp_path, password="not-the-one-9") as server,
        boxnb.run("links", to=[ADA, "print"]) as run,
    ):
        pass
    assert len(server) == 0 and run.outcome == "SUCCESS"
    assert "refused the user name or password" in run.undelivered[0]
    shown = capsys.readouterr()
    assert "not delivered: ada@example.com" in shown.err and "Not delivered:" in shown.out
    assert "refused the user name" in runs.history().loc[0, "undelivered"]
    assert run.log_file is not None and "Not delivered" in run.log_file.read_text()
    assert "not-the-one-9" not in shown.out + shown.err + run.log_file.read_text() + repr(
        runs.history().to_dict()
    )


def test_a_failure_whose_mail_fails_raises_its_own_error(tmp_path: Path) -> None:
    """Not the mail's."""
    with mailbox(tmp_path) as server:
        server.stop()
        with pytest.raises(ZeroDivisionError), boxnb.run("links", to=[ADA]) as run:
            assert 1 / 0
    assert run.outcome == "ERROR" and "cannot be reached (Connection refused)" in run.undelivered[0]


def test_a_server_that_says_nothing_is_given_up() -> None:
    """The timeout of the settings holds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        runs.save_mail("acme", host="127.0.0.1", port=port, security="none", sender=ADA, timeout=0.3)
        with boxnb.run("links", to=[ADA]) as run:
            pass
    assert "did not answer within 0.3 s" in run.undelivered[0]


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("refuses the sender", "refused the sender reports@example.com (550 5.7.1 not from here)"),
        ("refuses the recipient", "refused ada@example.com (550 5.1.1 no such mailbox)"),
        ("refuses the content", "did not take the mail (554 5.7.1 looks like spam)"),
        ("breaks off", "broke off"),
    ],
)
def test_what_a_server_refuses_is_said_in_its_words(tmp_path: Path, mood: str, words: str) -> None:
    """Signed in over TLS, and then no; the run's own outcome stands."""
    with moody(tmp_path, mood) as server, boxnb.run("links", to=[ADA]) as run:
        pass
    assert run.outcome == "SUCCESS" and words in run.undelivered[0] and server.taken == []


def test_a_server_that_falls_silent_at_the_end_is_given_up(tmp_path: Path) -> None:
    """It may have taken the mail, so it is not sent again."""
    with moody(tmp_path, "is silent at the end", timeout=3) as server, boxnb.run("links", to=[ADA]) as run:
        pass
    assert "not known whether the mail went out" in run.undelivered[0] and server.reached.is_set()


@pytest.mark.parametrize("mood", ["says how much it takes", "counts at the end"])
def test_a_server_that_takes_little_gets_the_report_without_the_files(tmp_path: Path, mood: str) -> None:
    """The report is worth more than what is attached to it; it says where that lies."""
    with moody(tmp_path, mood) as server, boxnb.run("links", to=[ADA]) as run:
        file = run.attach(os.urandom(2_000_000), "large.bin")
    assert run.undelivered == [] and len(server.taken) == 1
    mail = Mail(server.taken[0], [ADA])
    assert list(mail.attachments) == [run.log_file.name if run.log_file else ""]
    assert f"Not attached, too large for a mail (2,000,000 bytes): {file}" in mail.text


def test_a_run_told_to_end_while_it_mails_still_mails(tmp_path: Path) -> None:
    """Kill -TERM at the last moment: the report goes out as it is, once, and then the program ends."""
    with moody(tmp_path, "waits") as server:
        code = f"import boxnb\nwith boxnb.run('late', to=[{ADA!r}]): pass\nprint('ended')"
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
            assert server.reached.wait(60)
            child.send_signal(signal.SIGTERM)
            server.go.set()
            assert child.communicate(timeout=60)[0] == "" and child.returncode == 128 + signal.SIGTERM
    assert len(server.taken) == 1 and runs.history()["outcome"].tolist() == ["SUCCESS"]


def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """And nothing is sent, least of all the password."""
    with mailbox(tmp_path, verify=True) as server, boxnb.run("links", to=[ADA]) as run:
        pass
    assert len(server) == 0 and "CA bundle" in run.undelivered[0]


def test_a_server_without_encryption_gets_no_password(tmp_path: Path) -> None:
    """STARTTLS that is not offered ends the attempt."""
    with mailbox(tmp_path, "none", security="starttls") as server, boxnb.run("links", to=[ADA]) as run:
        pass
    assert len(server) == 0 and "offers no encryption" in run.undelivered[0]


def test_what_no_mail_can_hold_is_written_otherwise(
    server: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half a surrogate, of a file's name in Latin-1."""
    with boxnb.run("odd", to=[ADA]) as run:
        run.facts["File"] = os.fsdecode(b"caf\xe9.txt")
    assert run.undelivered == []
    assert "udce9.txt" in server[-1].text


def test_letters_beyond_ascii_are_told_in_time(server: Mailbox) -> None:
    """Python's mail library cannot send such a password; some servers take no such address."""
    with pytest.raises(ValueError, match="ASCII"):
        runs.save_mail("acme", host="127.0.0.1", sender=ADA, username="me", password="sch\u00e4tze")
    assert mailer.settings_of("acme").username == server.username  # as before
    server._controller.SMTP_kwargs["enable_SMTPUTF8"] = False
    with boxnb.run("odd", to=["j\u00fcrgen@example.com"]) as run:
        pass
    assert "letters beyond ASCII" in run.undelivered[0]


def test_nobody_said_how_to_send_mail() -> None:
    """One sentence says what to save; the run is none the worse."""
    with boxnb.run("links", to=[ADA]) as run:
        pass
    assert run.outcome == "SUCCESS" and "boxnb.runs.save_mail" in run.undelivered[0]


def test_ten_megabytes_are_attached_and_more_is_named(server: Mailbox, tmp_path: Path) -> None:
    """A mail of 30 MB would be refused on the way: it says where the file is instead."""
    big = os.urandom(10_000_000)
    with boxnb.run("big", to=[ADA]) as run:
        run.attach(big, "big.bin")
        huge = run.attach(big + big, "huge.bin")
    assert server[-1].attachments["big.bin"] == big
    assert (
        "huge.bin" not in server[-1].attachments
        and f"Not attached, too large for a mail (20,000,000 bytes): {huge}" in server[-1].text
    )


def test_subjects_and_addresses_of_all_scripts(server: Mailbox) -> None:
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
def test_an_address_that_would_write_headers_is_refused(address: str) -> None:
    """At once, before anything ran."""
    with pytest.raises(ValueError, match="is not a mail address"):
        boxnb.run("links", to=[address])
    with pytest.raises(ValueError, match="is not a mail address"):
        runs.save_mail("acme", host="localhost", security="none", sender=address)


def test_a_name_that_would_write_headers_is_refused() -> None:
    """The name is in the subject."""
    with pytest.raises(ValueError, match="A run is named by"):
        boxnb.run("links\r\nBcc: eve@example.com")
    settings = MailSettings("localhost", 25, "none", "", Secret(""), ADA)
    with pytest.raises(ValueError):
        mailer.compose(settings, [ADA], "links\r\nBcc: eve@example.com", "", "")


def test_a_password_in_clear_beyond_this_computer_is_refused() -> None:
    """Neither without encryption nor without a check of the certificate."""
    for options in ({"security": "none"}, {"verify": False}):
        with pytest.raises(ValueError, match=r"unencrypted|must be checked"):
            runs.save_mail("acme", host="mail.example.com", sender=ADA, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="starttls"):
        runs.save_mail("acme", host="mail.example.com", sender=ADA, security="tls")


def test_the_password_lies_with_the_other_secrets_and_masks_itself(server: Mailbox) -> None:
    """A file only its owner can read; whoever prints the profile sees a fingerprint."""
    saved = store.load("acme")
    assert saved is not None and saved.mail is not None
    assert saved.mail.password.reveal() == server.password
    assert server.password not in repr(saved)
    assert store.path("acme").stat().st_mode & 0o777 == 0o600


def test_mail_settings_survive_a_sign_in_and_a_refresh(server: Mailbox, sandbox: Sandbox) -> None:
    """The pair is replaced, the settings stay."""
    before = store.load("acme")
    assert before is not None
    client = sign_in(sandbox, "other").client
    store.save(boxnb.store.Profile("acme", client, store.load("other").token, mail=before.mail))  # type: ignore[union-attr]
    sandbox.clock.advance(7200)
    boxnb.connect("acme").get("/users/me")
    after = store.load("acme")
    assert after is not None and after.generation == 1 and after.mail == before.mail


def test_no_secret_in_any_byte_sent_or_logged(
    server: Mailbox, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """Printed, logged with arguments, in tracebacks and attachments, plain, quoted or in base64: masked."""
    saved = sign_in(sandbox, "box")
    assert saved.token is not None and saved.token.refresh_token is not None
    secrets = [
        each.reveal()
        for each in (saved.client.client_secret, saved.token.access_token, saved.token.refresh_token)
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
    sent = mail_of(server) + server[-1].raw.decode("utf-8", "replace")
    shown = capsys.readouterr().out.split("ERROR leaky", 1)[1]
    for secret in [*secrets, "dXNlcjpwYXNzd29yZA==", *(f"unheard-of-key-{number}" for number in range(1, 6))]:
        for place in (
            sent,
            run.log_file.read_text(),
            shown,
            run.problem,
            repr(run),
            str(runs.history().to_dict()),
        ):
            assert secret not in place
    assert re.search(r"<secret [0-9a-f]{4}>", sent) and "expires_in" in sent


def test_two_profiles_with_different_servers_need_a_word(server: Mailbox) -> None:
    """Which one is not guessed."""
    runs.save_mail("other", host="localhost", security="none", sender=ADA)
    with pytest.raises(MailError, match="acme, other"):
        mailer.settings_of(None)
    assert mailer.settings_of("acme").port == server.port
