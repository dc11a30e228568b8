"""The text that makes cron, launchd, systemd or the Windows Task Scheduler run a notebook.

The tests run the cron line in a shell. launchd and the Task Scheduler were not available when this was written.
"""

from __future__ import annotations

import os
import plistlib
import re
import shlex
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from ..local import encoding

SCHEDULERS = ("cron", "launchd", "systemd", "windows")
EVERY = ("hour", "day", "weekday", "week", "month")
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
"""Characters that a single line or XML cannot contain. Non-ASCII spaces and emoji joiners are allowed: paths may have them."""

NOT_RUN = "not run: written from the documentation, because this scheduler was not available for testing"


class Plan(NamedTuple):
    """The command to run, and when."""

    notebook: Path
    name: str
    at: str
    every: str
    command: list[str]

    def time(self) -> tuple[int, int]:
        """Return hour and minute.

        Raises
        ------
        ValueError
            ``at`` is not a time of day.
        """
        match = re.fullmatch(r"(\d{1,2}):(\d{2})", self.at)
        hour, minute = (int(match[1]), int(match[2])) if match else (99, 99)
        if hour > 23 or minute > 59:
            raise ValueError(f"--at must be a time of day such as 06:30, not {self.at!r}.")
        return hour, minute

    def environment(self) -> dict[str, str]:
        """Return the environment variables that let the command find the same profiles and packages from any folder."""
        home, packages = os.environ.get("BOXNB_HOME", ""), os.environ.get("PYTHONPATH", "")
        folders = {"BOXNB_HOME": [home], "PYTHONPATH": packages.split(os.pathsep)}
        absolute = {
            name: [encoding.decoded(str(Path(path).expanduser().absolute())) for path in paths if path]
            for name, paths in folders.items()
        }
        return {name: os.pathsep.join(paths) for name, paths in absolute.items() if paths}


def text(plan: Plan, scheduler: str) -> str:
    """Return the text for one scheduler, with instructions to install and test it.

    Raises
    ------
    ValueError
        ``at`` is not a time of day, or a word of the command cannot be written in the text.
    """
    plan.time()
    plan = plan._replace(command=[encoding.decoded(word) for word in plan.command])
    for word in [*plan.command, *plan.environment().values()]:
        if _UNWRITABLE.search(word):
            raise ValueError(
                f"{word!r} cannot be scheduled: it contains a line break or a control character."
            )
    writers: dict[str, Callable[[Plan], str]] = {
        "cron": cron,
        "launchd": launchd,
        "systemd": systemd,
        "windows": windows,
    }
    return writers[scheduler](plan)


def label(name: str) -> str:
    """Return a name of ASCII letters, digits, ``-`` and ``.`` for the scheduler. Names in other scripts remain distinct."""
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", name)  # -- would end the XML comment
    return plain if name.isascii() else f"{plain.strip('-.') or 'run'}-{zlib.crc32(name.encode()):08x}"


def _other(plan: Plan, before: str, option: str = "--every week") -> str:
    """Return the sentence that says how to choose another interval than the default."""
    return f"{before}It runs every day; {option} is for a weekly report." if plan.every == "day" else ""


def _other_in_xml(plan: Plan) -> str:
    """Return that sentence as a line of an XML comment, which must not contain two hyphens."""
    return _other(plan, "\n     ", "the value week of the option every")


def cron(plan: Plan) -> str:
    """Return one line of a crontab, with a comment that explains how to install and test it."""
    hour, minute = plan.time()
    fields = {
        "hour": f"{minute} * * * *",
        "day": f"{minute} {hour} * * *",
        "weekday": f"{minute} {hour} * * 1-5",
        "week": f"{minute} {hour} * * 1",
        "month": f"{minute} {hour} 1 * *",
    }
    words = [f"{name}={_cron_word(value)}" for name, value in plan.environment().items()]
    command = " ".join([*words, *map(_cron_word, plan.command)])
    return (
        f"# Run crontab -e and add this line. Test it first: paste everything after the five time fields into a terminal."
        f"{_other(plan, ' ')}\n"
        f"{fields[plan.every]} {command}\n"
    )


def _cron_word(word: str) -> str:
    """Return one word, quoted for a crontab line in a way that also works in a terminal.

    cron reads a bare ``%`` as a line break and removes the backslash from an escaped one; some versions also halve double
    backslashes. So each ``%`` is outside quotes with its own backslash, and no backslash precedes a ``%`` or another
    backslash.
    """
    quoted = shlex.quote(word)
    if not quoted.startswith("'"):
        return quoted.replace("%", r"\%")
    return quoted.replace("\\", "\\''").replace("%", r"'\%'")


def systemd(plan: Plan) -> str:
    """Return a user service and its timer."""
    hour, minute = plan.time()
    when = {
        "hour": f"*-*-* *:{minute:02}:00",
        "day": f"*-*-* {hour:02}:{minute:02}:00",
        "weekday": f"Mon..Fri *-*-* {hour:02}:{minute:02}:00",
        "week": f"Mon *-*-* {hour:02}:{minute:02}:00",
        "month": f"*-*-01 {hour:02}:{minute:02}:00",
    }
    unit = "boxnb-" + label(plan.name)
    settings = "".join(
        f"Environment={_systemd_word(f'{name}={value}', dollar='$')}\n"
        for name, value in plan.environment().items()
    )
    command = " ".join(map(_systemd_word, plan.command))
    return (
        f"# {NOT_RUN} (systemd-analyze accepts the files){_other(plan, '. ')}\n"
        f"# ~/.config/systemd/user/{unit}.service\n"
        f"[Unit]\nDescription=boxnb {plan.name}\n\n"
        f"[Service]\nType=oneshot\n{settings}ExecStart={command}\n\n"
        f"# ~/.config/systemd/user/{unit}.timer\n"
        f"[Unit]\nDescription=When boxnb {plan.name} runs\n\n"
        f"[Timer]\nOnCalendar={when[plan.every]}\nPersistent=true\n\n"
        f"[Install]\nWantedBy=timers.target\n\n"
        f"# systemctl --user start {unit}.service      to test it\n"
        f"# systemctl --user enable --now {unit}.timer\n"
        f"# loginctl enable-linger                     to let it run while you are signed out\n"
    )


def _systemd_word(word: str, *, dollar: str = "$$") -> str:
    """Return one word of a setting. In a command, ``$`` must be doubled (systemd.exec(5), systemd.service(5))."""
    quoted = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", dollar)
    return f'"{quoted}"'


def launchd(plan: Plan) -> str:
    """Return the property list of a per-user launchd agent."""
    hour, minute = plan.time()
    times: dict[str, object] = {
        "hour": {"Minute": minute},
        "day": {"Hour": hour, "Minute": minute},
        "weekday": [{"Weekday": day, "Hour": hour, "Minute": minute} for day in range(1, 6)],
        "week": {"Weekday": 1, "Hour": hour, "Minute": minute},
        "month": {"Day": 1, "Hour": hour, "Minute": minute},
    }
    agent = "boxnb." + label(plan.name)
    content: dict[str, object] = {
        "Label": agent,
        "ProgramArguments": plan.command,
        "StartCalendarInterval": times[plan.every],
    }
    if plan.environment():
        content["EnvironmentVariables"] = plan.environment()
    head, body = plistlib.dumps(content, sort_keys=False).decode().split("\n", 1)
    return (
        f"{head}\n<!-- {NOT_RUN}.{_other_in_xml(plan)}\n"
        f"     Save as ~/Library/LaunchAgents/{agent}.plist, then:\n"
        f"     launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/{agent}.plist\n"
        f"     launchctl kickstart gui/$(id -u)/{agent}      to test it -->\n{body}"
    )


def _cmd_safe(word: str) -> str:
    """Return the word if cmd.exe does not change it inside quotes, where only ``%`` and the quotation mark are special.

    Raises
    ------
    ValueError
        The word contains one of the two.
    """
    if re.search('[%"]', word):
        raise ValueError(
            f"{word!r} cannot be scheduled on Windows while BOXNB_HOME or PYTHONPATH is set, because cmd.exe would interpret "
            "its % or quotation mark. Use a name without them."
        )
    return word


def _cmd_word(word: str) -> str:
    """Return one word for cmd.exe, in quotes."""
    quoted = subprocess.list2cmdline([_cmd_safe(word)])
    return quoted if quoted.startswith('"') else f'"{quoted}{chr(92) if quoted.endswith(chr(92)) else ""}"'


def _check_percent(*values: str) -> None:
    """Raise ValueError for a value in which the Task Scheduler would replace a variable, such as ``%TEMP%``."""
    for value in values:
        if match := re.search("%[^%]+%", value):
            raise ValueError(
                f"{match.group()!r} cannot be scheduled on Windows, because the Task Scheduler reads it as a variable. "
                "Use names with at most one %."
            )


def windows(plan: Plan) -> str:
    """Return a task as XML, for ``schtasks`` or the *Import* action of the Task Scheduler."""
    hour, minute = plan.time()
    days = "".join(f"<{day}/>" for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"))
    by_day = "<ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay>"
    months = "".join(
        f"<{month}/>"
        for month in (
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        )
    )
    recurrence = {
        "hour": by_day,
        "day": by_day,
        "weekday": f"<ScheduleByWeek><WeeksInterval>1</WeeksInterval><DaysOfWeek>{days}</DaysOfWeek></ScheduleByWeek>",
        "week": "<ScheduleByWeek><WeeksInterval>1</WeeksInterval><DaysOfWeek><Monday/></DaysOfWeek></ScheduleByWeek>",
        "month": "<ScheduleByMonth><DaysOfMonth><Day>1</Day></DaysOfMonth>"
        f"<Months>{months}</Months></ScheduleByMonth>",
    }
    hourly = "<Repetition><Interval>PT1H</Interval></Repetition>" if plan.every == "hour" else ""
    program, *arguments = plan.command
    line = subprocess.list2cmdline(arguments)
    if plan.environment():  # a task cannot set variables itself
        assignments = " && ".join(
            f'set "{name}={_cmd_safe(value)}"' for name, value in plan.environment().items()
        )
        line = f"/d /c {assignments} && {' '.join(map(_cmd_word, plan.command))}"
        # /v:off, because the registry may switch on the expansion of "!".
        program, line = "cmd.exe", f"/v:off {line}" if "!" in line else line
    _check_percent(program, line, str(plan.notebook.parent))
    task = (
        f'<?xml version="1.0"?>\n<!-- {NOT_RUN}.{_other_in_xml(plan)}\n'
        f"     Save as task.xml, then: schtasks /Create /TN boxnb-{label(plan.name)} /XML task.xml\n"
        f"     schtasks /Run /TN boxnb-{label(plan.name)}      to test it -->\n"
        '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">\n'
        f"  <RegistrationInfo><Description>boxnb {escape(plan.name)}</Description></RegistrationInfo>\n"
        f"  <Triggers><CalendarTrigger>{hourly}<StartBoundary>2026-01-01T{hour:02}:{minute:02}:00</StartBoundary>"
        f"{recurrence[plan.every]}</CalendarTrigger></Triggers>\n"
        "  <Settings><MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>"
        "<StartWhenAvailable>true</StartWhenAvailable>"
        # Otherwise a laptop on battery does not start the run, or kills it (Microsoft Learn, *settingsType*).
        "<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>"
        "<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries></Settings>\n"
        f"  <Actions><Exec><Command>{escape(program)}</Command><Arguments>{escape(line)}</Arguments>"
        f"<WorkingDirectory>{escape(str(plan.notebook.parent))}</WorkingDirectory></Exec></Actions>\n"
        "</Task>\n"
    )
    # Only ASCII, because cmd.exe and PowerShell save what a program prints in different encodings.
    return task.encode("ascii", "xmlcharrefreplace").decode("ascii")
