"""One run of a script: one log, one outcome, one report, whichever way it ended.

::

    with boxnb.run("weekly-links", to=["ada@example.com"]) as run:
        links = boxnb.connect("acme").shared_links()
        run.attach(links, "links.csv")

Any code may stand inside, Box or not: calls are counted and secrets masked for every library that uses :mod:`logging`.
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

from .. import disk, masking, store
from ..errors import BoxNotebookError, MailError, RunRefusedError
from ..postbox import MailSettings, check_address
from . import attachments, mail, past, report, turns
from .logs import LONGEST_NAME, Logs, check_run_name
from .mail import save_mail
from .past import chart, history
from .recording import OURS, Recorder, recording

__all__ = ["LONGEST_NAME", "Run", "attach", "chart", "check_run_name", "history", "run", "save_mail"]

Sink = str | os.PathLike[str] | Callable[["Run"], object]
FOLDER = "BOXNB_RUN_FOLDER"
"""Where a notebook that ``python -m boxnb run`` executes puts what it attaches."""


ROWS = ".rows"
"""In that folder: how many rows each table had, for the run counts them."""


class Run:
    """One run; use it as ``with boxnb.run(...) as run``.

    Attributes
    ----------
    name, host : str
    started : datetime
        In UTC.
    seconds : float
        How long it took.
    outcome : {"SUCCESS", "WARNING", "ERROR"}
    problem : str
        What ended it, and what to do; empty unless ``outcome`` is ERROR.
    rows : int
        Add to it what was handled; tables that are attached count by themselves.
    calls : int
        HTTP calls of this process, by any library built on urllib3.
    warnings : list of str
        Warnings issued or logged.
    files : list of Path
        What was attached.
    facts : dict
        More lines for the report: ``run.facts["Folders"] = 12``.
    undelivered : list of str
        Reports that could not be given, and why.
    log_file : Path or None
        None where it could not be written.
    log : logging.Logger
        To say something in the log: ``run.log.info("...")``.
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
            raise ValueError(f"keep= is how many logs stay, at least the last one, not {keep}.")
        self.name, self.host = name, disk.host_name()
        self.id = uuid.uuid4().hex
        self.started = datetime.datetime.now(datetime.UTC)
        self.seconds = 0.0
        self.outcome: Literal["SUCCESS", "WARNING", "ERROR"] = "SUCCESS"
        self.problem = ""
        self.rows = self._more_calls = 0
        self.turn: int | None = None  # the lock of this name, for a child process to share
        self.files: list[Path] = []
        self.facts: dict[str, Any] = {}
        self.undelivered: list[str] = []
        self.log = logging.getLogger("boxnb.run")
        self._to = [check_sink(sink) for sink in to]
        self._profile = profile
        folder = folder if folder is not None else store.home() / "runs" / disk.on_disk(name)
        self._logs = Logs(name, folder, keep, self.started)
        self._recorder: Recorder | None = None
        self._stack = ExitStack()
        self._stop = turns.Stop()

    @property
    def log_file(self) -> Path | None:
        """Where the log is."""
        return self._logs.file

    @property
    def calls(self) -> int:
        """HTTP calls so far."""
        return self._more_calls + (self._recorder.calls if self._recorder else 0)

    def add_calls(self, calls: int) -> None:
        """Count calls that another process made for this run."""
        self._more_calls += calls

    @property
    def warnings(self) -> list[str]:
        """Warnings so far."""
        return self._recorder.warnings if self._recorder else []

    @property
    def lines(self) -> list[str]:
        """The log so far, masked."""
        return list(self._recorder.lines) if self._recorder else []

    def warn(self, text: str) -> None:
        """Say that something needs a look; the outcome is then WARNING."""
        self.log.warning("%s", text)

    def attach(self, thing: Any, name: str) -> Path:
        """
        Write a DataFrame, a figure, text, bytes or a copy of a file beside the log, and attach it to the report.

        Parameters
        ----------
        thing : DataFrame, Series, figure, str, bytes or Path
            The rows of a table are added to ``rows``.
        name : str
            Its ending decides the form: ``.csv``, ``.html``, ``.png``, any other for text and bytes.

        Returns
        -------
        Path
        """
        file = self._logs.place(attachments.check_name(name))
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
        self._stack.enter_context(self._stop.heard())
        self.log.info("Run %s began on %s, process %d", self.name, self.host, os.getpid())
        self._mail: MailSettings | MailError | None = None
        if any(isinstance(sink, str) and "@" in sink for sink in self._to):
            try:
                self._mail = mail.settings_of(self._profile)  # early: from now on its password is masked
            except MailError as error:
                self._mail = error
        try:
            since = f"{self.started.astimezone():%Y-%m-%d %H:%M:%S}"
            release, self.turn = turns.take(self.name, since)
            self._stack.callback(release)
        except RunRefusedError as error:
            self._finish(error)
            raise
        except (OSError, BoxNotebookError) as error:  # a full disk: the run itself may still do its work
            self._fail("the lock against a second run", report.explanation(error))
        self._remember(name=self.name, started=self.started.timestamp(), process=store.this_process())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, SystemExit) and error.code in (None, 0) and self._stop.signal is None:
            error = None  # a script that ended itself, well
        self._finish(error)
        if error is None and self._stop.late is not None:
            raise SystemExit(128 + self._stop.late)  # told to end while the reports went out

    def _finish(self, error: BaseException | None) -> None:
        """Say how it ended, to everybody; nothing here may hide what ended it."""
        try:
            self._tell(error)
        finally:
            self._stack.close()
        self._logs.tidy()

    def _tell(self, error: BaseException | None) -> None:
        self._stop.ending = True
        self.seconds = time.monotonic() - self._clock
        if error is not None:
            self.outcome = "ERROR"
            self.problem = masking.mask(self._reason(error))
            self.log.error("%s", self.problem, extra=OURS)
            if not isinstance(error, BoxNotebookError | KeyboardInterrupt | SystemExit):
                self.log.error("%s", "".join(traceback.format_exception(error)).rstrip(), extra=OURS)
        elif self.warnings:
            self.outcome = "WARNING"
        self.log.info("Run %s ended after %.1f s: %s", self.name, self.seconds, self.outcome)
        for sink in self._to:
            self._deliver(sink)
        if self._recorder is not None and self._recorder.trouble is not None:
            reason = self._recorder.trouble.strerror or type(self._recorder.trouble).__name__
            self._fail("the log file", f"it could not be written whole ({reason})")
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
            return (
                f"It was ended from outside ({self._stop.signal.name}), perhaps at a shutdown: run it again."
            )
        if isinstance(error, SystemExit):
            return f"The script ended itself with exit code {error.code}."
        return report.explanation(error)

    def _deliver(self, sink: Sink) -> None:
        """Give the report to one sink; a sink that fails is told of, and the others still get theirs."""
        what = "print" if sink == "print" else str(sink) if isinstance(sink, str) else "a sink"
        try:
            if callable(sink):
                sink(self)
            elif sink == "print":
                print(disk.printable(masking.mask(report.text(self)), _screen()), file=_screen())
            elif isinstance(sink, str):
                self._send(sink)
            else:
                what = str(sink)
                place = Path(sink)
                place.mkdir(parents=True, exist_ok=True)
                page = place / disk.on_disk(f"{self.name}-{self._logs.stamp}.html")
                content = masking.mask_page(report.page(self))
                written = disk.open_ours(
                    page, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666
                )  # for others, too
                with os.fdopen(written, "w", encoding="utf-8", errors="backslashreplace") as stream:
                    stream.write(content)
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a sink does, the run's outcome stands
            self._fail(what, report.explanation(error))

    def _send(self, address: str) -> None:
        if not isinstance(self._mail, MailSettings):
            raise self._mail or MailError("There are no mail settings.")
        files = [*([self.log_file] if self.log_file else []), *self.files]
        said = report.subject(self), report.text(self), report.page(self)
        try:
            mail.send(self._mail, mail.compose(self._mail, [address], *said, files))
        except mail.MailTooLargeError:
            # The report is worth more than what is attached to it.
            message = mail.compose(self._mail, [address], *said, files, largest=mail.LEAST)
            mail.send(self._mail, message)
        self.log.info("Mailed the report to %s", address)

    def _fail(self, what: str, why: str) -> None:
        line = masking.mask(f"{what}: {why}")
        self.undelivered.append(line)
        self.log.error("Not delivered: %s", line, extra=OURS)
        print(f"boxnb run {self.name}: not delivered: {line}", file=sys.stderr)  # noqa: T201

    def _remember(self, **facts: Any) -> None:
        try:
            past.note(id=self.id, **facts)
        except (OSError, BoxNotebookError) as error:
            self._fail("the history of runs", report.explanation(error))

    def __repr__(self) -> str:
        lines = "\n".join(f"  {name:<9} {value}" for name, value in report.facts(self))
        return masking.mask(f"Run {self.name!r}\n{lines}")

    def _repr_html_(self) -> str:
        return masking.mask_page(report.card(self))


def _screen() -> TextIO:
    """Where print goes, without the log: the report quotes the log and is not part of it."""
    screen = sys.stdout
    while hasattr(screen, "screen"):
        screen = screen.screen
    return screen


def check_sink(sink: Sink) -> Sink:
    """A sink as given.

    Raises
    ------
    ValueError
        Neither "print", nor "file", nor an address, a folder or a function.
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
    A run of some code, any code: logged, timed, counted, and reported whichever way it ends.

    Parameters
    ----------
    name : str
        Names the log and the subject of mails; two runs of one name at a time are refused.
    to : iterable, optional
        Who gets the report: ``"print"``, mail addresses, a ``Path`` of a folder for HTML pages, functions of the finished
        run. The log file is always written; a single text is one of them.
    profile : str, optional
        The profile whose mail settings are used; the only one that has some unless given.
    folder : path, optional
        Where logs go: by default ``runs/NAME`` in the configuration folder.
    keep : int, default 30
        How many logs stay; 1 overwrites the one log each time.

    Returns
    -------
    Run
        To be used with ``with``. Whatever is raised inside is reported, then raised on.

    Raises
    ------
    RunRefusedError
        On entering: a run of that name is under way. That, too, is reported.
    ValueError
        A name or an address that cannot be used.
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
    Attach something to the report of the run that executes this notebook; by hand, it is only written to disk.

    Parameters
    ----------
    thing, name
        As for :meth:`Run.attach`.

    Returns
    -------
    Path
        Under ``python -m boxnb run`` in the folder of that run, else in ``runs/attached`` of the configuration folder.
    """
    folder = Path(os.environ[FOLDER]) if FOLDER in os.environ else store.home() / "runs" / "attached"
    disk.private_folder(folder)
    file = folder / disk.on_disk(attachments.check_name(name))
    attachments.write(thing, file)
    if FOLDER in os.environ and hasattr(thing, "columns"):
        with (folder / ROWS).open("a", encoding="utf-8") as counted:
            counted.write(f"{len(thing)}\n")
    return file
