"""What makes a scheduler run a notebook: ready texts for cron, launchd, systemd and Windows' Task Scheduler.

The line for cron is tried in this kit's tests by the shell; launchd and Task Scheduler could not be run where it was written.
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
"""What no line, and no XML, can hold; spaces of other scripts and the joints of emoji are part of folders' names."""

NOT_RUN = "not run: written from its documentation, for it could not be tried where this was made"


class Plan(NamedTuple):
    """What is to run, and when."""

    notebook: Path
    name: str
    at: str
    every: str
    command: list[str]

    def time(self) -> tuple[int, int]:
        """Hour and minute.

        Raises
        ------
        ValueError
            The time is none.
        """
        found = re.fullmatch(r"(\d{1,2}):(\d{2})", self.at)
        hour, minute = (int(found[1]), int(found[2])) if found else (99, 99)
        if hour > 23 or minute > 59:
            raise ValueError(f"--at is a time of day such as 06:30, not {self.at!r}.")
        return hour, minute

    def environment(self) -> dict[str, str]:
        """What the command needs to find the same profiles and packages, from any folder."""
        home, packages = os.environ.get("BOXNB_HOME", ""), os.environ.get("PYTHONPATH", "")
        folders = {"BOXNB_HOME": [home], "PYTHONPATH": packages.split(os.pathsep)}
        found = {
            name: [encoding.decoded(str(Path(each).expanduser().absolute())) for each in value if each]
            for name, value in folders.items()
        }
        return {name: os.pathsep.join(value) for name, value in found.items() if value}


def text(plan: Plan, scheduler: str) -> str:
    """The text for one scheduler, with where it goes and how it is tried.

    Raises
    ------
    ValueError
        The time is none, or something in the command cannot be written in that text.
    """
    plan.time()
    plan = plan._replace(command=[encoding.decoded(word) for word in plan.command])
    for word in [*plan.command, *plan.environment().values()]:
        if _UNWRITABLE.search(word):
            raise ValueError(f"{word!r} cannot be scheduled: it holds a line break or a control character.")
    texts: dict[str, Callable[[Plan], str]] = {
        "cron": cron,
        "launchd": launchd,
        "systemd": systemd,
        "windows": windows,
    }
    return texts[scheduler](plan)


def label(name: str) -> str:
    """A name for the scheduler, of ASCII letters, digits, ``-`` and ``.``; unlike for runs with names in other letters."""
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", name)  # no --, which would end XML's comment
    return plain if name.isascii() else f"{plain.strip('-.') or 'run'}-{zlib.crc32(name.encode()):08x}"


def cron(plan: Plan) -> str:
    """One line of a crontab, whose ``%`` would be a line break."""
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
        f"# crontab -e, then add this line. Test it first: copy what follows the five fields into a terminal.\n"
        f"{fields[plan.every]} {command}\n"
    )


def _cron_word(word: str) -> str:
    """One word for the shell of a crontab line, the same in a terminal.

    cron takes a bare ``%`` for a line break and a backslash before it away; some crons take one of two backslashes. So
    each ``%`` stands outside quotes with its backslash, and no backslash stands before a ``%`` or another one.
    """
    quoted = shlex.quote(word)
    if not quoted.startswith("'"):
        return quoted.replace("%", r"\%")
    return quoted.replace("\\", "\\''").replace("%", r"'\%'")


def systemd(plan: Plan) -> str:
    """A service and a timer of the user."""
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
        f"# {NOT_RUN} (its files are checked by systemd-analyze)\n"
        f"# ~/.config/systemd/user/{unit}.service\n"
        f"[Unit]\nDescription=boxnb {plan.name}\n\n"
        f"[Service]\nType=oneshot\n{settings}ExecStart={command}\n\n"
        f"# ~/.config/systemd/user/{unit}.timer\n"
        f"[Unit]\nDescription=When boxnb {plan.name} runs\n\n"
        f"[Timer]\nOnCalendar={when[plan.every]}\nPersistent=true\n\n"
        f"[Install]\nWantedBy=timers.target\n\n"
        f"# systemctl --user start {unit}.service      tries it\n"
        f"# systemctl --user enable --now {unit}.timer\n"
        f"# loginctl enable-linger                     so that it runs while you are signed out\n"
    )


def _systemd_word(word: str, *, dollar: str = "$$") -> str:
    """One word of a setting; of a command only, a ``$`` has to be doubled (systemd.exec(5), systemd.service(5))."""
    quoted = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", dollar)
    return f'"{quoted}"'


def launchd(plan: Plan) -> str:
    """A property list for an agent of the user."""
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
        f"{head}\n<!-- {NOT_RUN}.\n"
        f"     Save as ~/Library/LaunchAgents/{agent}.plist, then:\n"
        f"     launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/{agent}.plist\n"
        f"     launchctl kickstart gui/$(id -u)/{agent}      tries it -->\n{body}"
    )


def _cmd_safe(word: str) -> str:
    """A text that cmd.exe takes as it is between quotes: there only ``%`` and the quote itself mean something.

    Raises
    ------
    ValueError
        It holds one of them.
    """
    if re.search('[%"]', word):
        raise ValueError(
            f"{word!r} cannot be scheduled on Windows while BOXNB_HOME or PYTHONPATH is set: cmd.exe would take its % or "
            "quote for its own. Use a folder without them."
        )
    return word


def _cmd_word(word: str) -> str:
    """One word for cmd.exe, in quotes."""
    quoted = subprocess.list2cmdline([_cmd_safe(word)])
    return quoted if quoted.startswith('"') else f'"{quoted}{chr(92) if quoted.endswith(chr(92)) else ""}"'


def _check_percent(*texts: str) -> None:
    """Refuse what the Task Scheduler would take for the name of a variable, as in ``%TEMP%``."""
    for text in texts:
        if found := re.search("%[^%]+%", text):
            raise ValueError(
                f"{found.group()!r} cannot be scheduled on Windows: the Task Scheduler takes it for a variable. "
                "Use names with one % at most."
            )


def windows(plan: Plan) -> str:
    """A task as XML, for ``schtasks`` or the Task Scheduler's *Import*."""
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
    often = {
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
    if plan.environment():  # a task has no environment of its own
        sets = " && ".join(f'set "{name}={_cmd_safe(value)}"' for name, value in plan.environment().items())
        line = f"/d /c {sets} && {' '.join(map(_cmd_word, plan.command))}"
        program, line = (
            "cmd.exe",
            f"/v:off {line}" if "!" in line else line,
        )  # whatever the registry says of "!"
    _check_percent(program, line, str(plan.notebook.parent))
    return (
        f'<?xml version="1.0"?>\n<!-- {NOT_RUN}.\n'
        f"     Save as task.xml, then: schtasks /Create /TN boxnb-{label(plan.name)} /XML task.xml\n"
        f"     schtasks /Run /TN boxnb-{label(plan.name)}      tries it -->\n"
        '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">\n'
        f"  <RegistrationInfo><Description>boxnb {escape(plan.name)}</Description></RegistrationInfo>\n"
        f"  <Triggers><CalendarTrigger>{hourly}<StartBoundary>2026-01-01T{hour:02}:{minute:02}:00</StartBoundary>"
        f"{often[plan.every]}</CalendarTrigger></Triggers>\n"
        "  <Settings><MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>"
        "<StartWhenAvailable>true</StartWhenAvailable></Settings>\n"
        f"  <Actions><Exec><Command>{escape(program)}</Command><Arguments>{escape(line)}</Arguments>"
        f"<WorkingDirectory>{escape(str(plan.notebook.parent))}</WorkingDirectory></Exec></Actions>\n"
        "</Task>\n"
    )
