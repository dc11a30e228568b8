"""Run a script with a log, an outcome and a report, however it ends.

::

    with boxnb.run("weekly-links", to=["ada@example.com"]) as run:
        links = boxnb.connect("acme").shared_links()
        run.attach(links, "links.csv")

The block can contain any code, not only calls to Box. boxnb counts the HTTP calls of every library built on urllib3, and
redacts secrets in the messages of every library that uses :mod:`logging`.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TextIO

from .. import redaction, store
from ..errors import BoxNotebookError, MailError, RunRefusedError
from ..local import encoding, home_folder, private_files, reader
from ..store.mail_settings import MailSettings, check_address
from . import attachments, lock, mail, report, run_history
from .log_files import Logs, check_run_name
from .recorder import OURS, Recorder, recording

Sink = str | os.PathLike[str] | Callable[["Run"], object]
FOLDER = reader.RUN_FOLDER

ROWS = ".rows"
"""A file in that folder with the number of rows in each attached table. The run adds them up."""


class Run:
    """One run, used as ``with boxnb.run(...) as run``.

    Attributes
    ----------
    name, host : str
    started : datetime
        In UTC.
    seconds : float
        The duration.
    outcome : {"SUCCESS", "WARNING", "ERROR"}
    problem : str
        What ended the run, and what to do. Empty unless ``outcome`` is ERROR.
    rows : int
        How many rows the run handled. The rows of attached tables are counted automatically; add any others yourself.
    calls : int
        How many HTTP calls this process made through any library built on urllib3.
    warnings : list of str
        Warnings that were issued or logged.
    files : list of Path
        The attached files.
    facts : dict
        Additional lines for the run report: ``run.facts["Folders"] = 12``.
    undelivered : list of str
        Reports that could not be delivered, and why.
    log_file : Path or None
        The path of the log. None if the log could not be written.
    log : logging.Logger
        Writes to the run log: ``run.log.info("...")``.
    """

    def __init__(
        self,
        name: str,
        to: Iterable[Sink],
        profile: str | None,
        folder: Path | None,
        keep: int,
    ) -> None:
        check_run_name(name)
        if keep < 1:
            raise ValueError(f"The number of logs to keep must be at least 1, not {keep}.")
        self.name, self.host = name, home_folder.host_name()
        self.id = uuid.uuid4().hex
        self.started = datetime.datetime.now(datetime.UTC)
        self.seconds = 0.0
        self.outcome: Literal["SUCCESS", "WARNING", "ERROR"] = "SUCCESS"
        self.problem = ""
        self.rows = self._more_calls = 0
        self.lock_descriptor: int | None = (
            None  # the run lock's file descriptor, which a child process shares
        )
        self.files: list[Path] = []
        self.facts: dict[str, Any] = {}
        self.undelivered: list[str] = []
        self.log = logging.getLogger("boxnb.run")
        self._to = [check_sink(sink) for sink in to]
        self._profile = profile
        folder = folder if folder is not None else store.home() / "runs" / encoding.on_disk(name)
        self._logs = Logs(name, folder, keep, self.started)
        self._recorder: Recorder | None = None
        self._stack = ExitStack()
        self._stop = lock.Stop()

    @property
    def log_file(self) -> Path | None:
        """The path of the log."""
        return self._logs.file

    @property
    def calls(self) -> int:
        """The number of HTTP calls so far."""
        return self._more_calls + (self._recorder.calls if self._recorder else 0)

    def add_calls(self, calls: int) -> None:
        """Add calls that another process made for this run."""
        self._more_calls += calls

    @property
    def warnings(self) -> list[str]:
        """The warnings so far."""
        return self._recorder.warnings if self._recorder else []

    @property
    def lines(self) -> list[str]:
        """The log so far, redacted."""
        return list(self._recorder.lines) if self._recorder else []

    def warn(self, text: str) -> None:
        """Log a warning. The outcome is then WARNING, unless the run fails."""
        self.log.warning("%s", text)

    def attach(self, thing: Any, name: str) -> Path:
        """
        Write a DataFrame, a figure, text, bytes or a copy of a file next to the log, and attach it to the run report.

        Parameters
        ----------
        thing : DataFrame, Series, figure, str, bytes or Path
            The rows of a table are added to ``rows``.
        name : str
            The file name. Its extension determines the format, such as ``.csv``, ``.html`` or ``.png``. Text and bytes can
            have any extension.

        Returns
        -------
        Path
        """
        checked_name = attachments.check_name(name)
        try:
            file = self._logs.attachment_path(checked_name)
        except OSError as error:
            raise private_files.explained(error, self._logs.folder, "used for attachments") from error
        attachments.write(thing, file)
        if file not in self.files:
            self.files.append(file)
        if hasattr(thing, "columns"):
            self.rows += len(thing)
        self.log.info("Attached %s", file.name)
        return file

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _begin(self) -> None:
        self._clock = time.monotonic()
        self._recorder = self._stack.enter_context(contextlib.closing(Recorder(self._logs.open)))
        self._stack.enter_context(recording(self._recorder, self.log))
        self._stack.enter_context(self._stop.listening())
        self.log.info("Run %s started on %s, process %d", self.name, self.host, os.getpid())
        self._mail: MailSettings | MailError | None = None
        if any(isinstance(sink, str) and "@" in sink for sink in self._to):
            try:
                # Load the settings now, so that the password is redacted from the start.
                self._mail = mail.settings_of(self._profile)
            except MailError as error:
                self._mail = error
        try:
            since = f"{self.started.astimezone():%Y-%m-%d %H:%M:%S}"
            release, self.lock_descriptor = lock.hold_run_lock(self.name, since)
            self._stack.callback(release)
        except RunRefusedError as error:
            self._finish(error)
            raise
        except (OSError, BoxNotebookError) as error:  # on a full disk the work itself may still succeed
            self._fail("the run lock", report.explanation(error))
        self._remember(name=self.name, started=self.started.timestamp(), process=store.this_process())

    def __exit__(
        self,
        error_class: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, SystemExit) and error.code in (None, 0) and self._stop.signal is None:
            error = None  # the script ended itself successfully
        self._finish(error)
        if error is None and self._stop.late is not None:
            raise SystemExit(128 + self._stop.late)  # the signal arrived while reports were being sent

    def _finish(self, error: BaseException | None) -> None:
        """Report how the run ended. A failure here must not hide the error that ended the run."""
        try:
            self._report(error)
        finally:
            self._stack.close()
        self._logs.remove_old()

    def _report(self, error: BaseException | None) -> None:
        self._stop.ending = True
        self.seconds = time.monotonic() - self._clock
        if error is not None:
            self.outcome = "ERROR"
            self.problem = redaction.redact(self._reason(error))
            self.log.error("%s", self.problem, extra=OURS)
            if not isinstance(error, BoxNotebookError | KeyboardInterrupt | SystemExit):
                self.log.error("%s", "".join(traceback.format_exception(error)).rstrip(), extra=OURS)
        elif self.warnings:
            self.outcome = "WARNING"
        self.log.info("Run %s ended after %.1f s: %s", self.name, self.seconds, self.outcome)
        for sink in self._to:
            self._deliver(sink)
        if self._recorder is not None and self._recorder.file_error is not None:
            reason = self._recorder.file_error.strerror or type(self._recorder.file_error).__name__
            self._fail("the log file", f"it could not be written completely ({reason})")
        self._remember(
            name=self.name,
            started=self.started.timestamp(),
            seconds=round(self.seconds, 3),
            outcome=self.outcome,
            calls=self.calls,
            rows=self.rows,
            warnings=len(self.warnings),
            problem=self.problem,
            undelivered="; ".join(self.undelivered),
            log_file=str(self.log_file or ""),
            process=store.this_process(),
        )

    def _reason(self, error: BaseException) -> str:
        if self._stop.signal is not None:
            return f"The run was stopped from outside ({self._stop.signal.name}), perhaps by a shutdown. Run it again."
        if isinstance(error, SystemExit):
            return f"The script exited with code {error.code}."
        return report.explanation(error)

    def _deliver(self, sink: Sink) -> None:
        """Deliver the report to one sink. If that fails, note it and continue with the other sinks."""
        target = "print" if sink == "print" else str(sink) if isinstance(sink, str) else "a function in to="
        try:
            if callable(sink):
                sink(self)
            elif sink == "print":
                print(encoding.printable(redaction.redact(report.text(self)), _screen()), file=_screen())
            elif isinstance(sink, str):
                self._send(sink)
            else:
                target = str(sink)
                folder = Path(sink)
                folder.mkdir(parents=True, exist_ok=True)
                page = folder / encoding.on_disk(f"{self.name}-{self._logs.stamp}.html")
                content = redaction.redact_page(report.page(self))
                # Other users are allowed to read the page.
                descriptor = private_files.open_ours(page, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
                with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
                    stream.write(content)
        except (Exception, SystemExit) as error:  # noqa: BLE001  no sink changes the outcome of the run
            self._fail(target, report.explanation(error))

    def _send(self, address: str) -> None:
        if not isinstance(self._mail, MailSettings):
            raise self._mail or MailError("There are no mail settings.")
        files = [*([self.log_file] if self.log_file else []), *self.files]
        content = report.subject(self), report.text(self), report.page(self)
        try:
            mail.send(self._mail, mail.compose(self._mail, [address], *content, files))
        except mail.MailTooLargeError:
            # The report matters more than its attachments.
            message = mail.compose(self._mail, [address], *content, files, largest=mail.LEAST)
            mail.send(self._mail, message)
        self.log.info("Mailed the report to %s", address)

    def _fail(self, target: str, reason: str) -> None:
        line = redaction.redact(f"{target}: {reason}")
        self.undelivered.append(line)
        self.log.error("Not delivered: %s", line, extra=OURS)
        print(f"boxnb run {self.name}: not delivered: {line}", file=sys.stderr)  # noqa: T201

    def _remember(self, **facts: Any) -> None:
        try:
            run_history.note(id=self.id, **facts)
        except (OSError, BoxNotebookError) as error:
            self._fail("the run history", report.explanation(error))

    def __repr__(self) -> str:
        lines = "\n".join(f"  {name:<9} {value}" for name, value in report.facts(self))
        return redaction.redact(f"Run {self.name!r}\n{lines}")

    def _repr_html_(self) -> str:
        return redaction.redact_page(report.card(self))


def _screen() -> TextIO:
    """Return the original standard output. A printed report quotes the log, so the report itself must not be logged."""
    screen = sys.stdout
    while hasattr(screen, "screen"):
        screen = screen.screen
    return screen


def check_sink(sink: Sink) -> Sink:
    """Return the sink if it is valid.

    Raises
    ------
    ValueError
        A string is neither "print", "file" nor an email address.
    """
    if isinstance(sink, str) and sink not in ("print", "file"):
        return check_address(sink)
    return sink


def run(
    name: str,
    *,
    to: Iterable[Sink] = (),
    profile: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    keep: int = 30,
) -> Run:
    """
    Return a run for any code. It logs and times the code, counts its calls, and reports the outcome even if the code fails.

    Parameters
    ----------
    name : str
        The name in log file names and email subjects. While a run is in progress, a second run of the same name is refused.
    to : iterable, optional
        Where the run report goes: ``"print"``, email addresses, the ``Path`` of a folder for HTML pages, or functions that
        take the finished run. You can also pass a single string. The log file is always written.
    profile : str, optional
        The profile whose mail settings are used. By default, the only profile with mail settings.
    folder : path, optional
        The folder for logs. By default, ``runs/NAME`` in the configuration folder.
    keep : int, default 30
        How many logs to keep. With 1, each run overwrites the same file.

    Returns
    -------
    Run
        Use it in a ``with`` statement. An exception inside the block is reported, then raised again.

    Raises
    ------
    RunRefusedError
        A run of that name is already in progress. This is raised on entering the block, and the refusal is also reported.
    ValueError
        The name or an address is not valid.
    """
    sinks = [to] if isinstance(to, str) else list(to)
    return Run(
        name,
        [sink for sink in sinks if sink != "file"],
        profile,
        Path(folder) if folder is not None else None,
        keep,
    )


def attach(thing: Any, name: str) -> Path:
    """
    Attach something to the report of the run that is executing this notebook. Without a run, only write it to disk.

    Parameters
    ----------
    thing, name
        As for :meth:`Run.attach`.

    Returns
    -------
    Path
        In the run's folder under ``python -m boxnb run``; otherwise in ``runs/attached`` in the configuration folder.
    """
    folder = Path(os.environ[FOLDER]) if FOLDER in os.environ else store.home() / "runs" / "attached"
    private_files.private_folder(folder)
    file = folder / encoding.on_disk(attachments.check_name(name))
    attachments.write(thing, file)
    if FOLDER in os.environ and hasattr(thing, "columns"):
        with (folder / ROWS).open("a", encoding="utf-8") as row_counts:
            row_counts.write(f"{len(thing)}\n")
    return file
