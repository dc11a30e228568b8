"""Texts for schedulers: each reads as its scheduler would read it, whatever stands in the command."""

from __future__ import annotations

import configparser
import os
import plistlib
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from boxnb import schedule

ODD = ["-c", "import sys; print(sys.argv[1:])", "100% $HOME `id`", 'say "hi"', "a'b", "&<>", "back\\slash"]


def plan(**changes: object) -> schedule.Plan:
    facts: dict[str, object] = {
        "notebook": Path("/somewhere/a b/weekly.ipynb"),
        "name": "weekly report-acme",
        "at": "06:05",
        "every": "week",
        "command": [sys.executable, *ODD],
    }
    return schedule.Plan(**{**facts, **changes})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOXNB_HOME", "/home/of a/user")
    monkeypatch.delenv("PYTHONPATH", raising=False)


@pytest.mark.parametrize(
    ("every", "fields"),
    [
        ("hour", "5 * * * *"),
        ("day", "5 6 * * *"),
        ("weekday", "5 6 * * 1-5"),
        ("week", "5 6 * * 1"),
        ("month", "5 6 1 * *"),
    ],
)
def test_the_line_for_cron_is_what_the_shell_runs(every: str, fields: str) -> None:
    """Run for real, as cron does: by sh, with next to no environment."""
    line = schedule.text(plan(every=every), "cron").splitlines()[1]
    assert line.startswith(fields + " ")
    command = re.sub(r"\\%", "%", line.removeprefix(fields + " "))
    assert not re.search(r"(?<!\\)%", line)
    done = subprocess.run(["/bin/sh", "-c", command], env={}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == repr(ODD[2:])
    assert "BOXNB_HOME='/home/of a/user'" in line


def test_systemd_reads_its_units(tmp_path: Path) -> None:
    """Sections and words; every `%` and `$` doubled, for both mean something there."""
    text = schedule.text(plan(), "systemd")
    service, timer = re.split(r"# ~/.config/systemd/user/\S+\.timer\n", text)
    for part in (service, timer):
        parsed = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#",))
        parsed.read_string(re.sub(r"^#.*$", "", part, flags=re.MULTILINE))
        assert parsed.has_section("Unit")
    assert "OnCalendar=Mon *-*-* 06:05:00" in timer and "Persistent=true" in timer
    line = next(line for line in service.splitlines() if line.startswith("ExecStart="))
    words = shlex.split(line.removeprefix("ExecStart="))
    assert [word.replace("%%", "%").replace("$$", "$") for word in words] == [sys.executable, *ODD]
    assert 'Environment="BOXNB_HOME=/home/of a/user"' in service
    assert schedule.NOT_RUN in text


def test_launchd_reads_its_property_list() -> None:
    """And finds the very words."""
    text = schedule.text(plan(every="weekday"), "launchd")
    found = plistlib.loads(text.encode())
    assert found["ProgramArguments"] == [sys.executable, *ODD]
    assert found["Label"] == "boxnb.weekly-report-acme" and len(found["StartCalendarInterval"]) == 5
    assert found["EnvironmentVariables"] == {"BOXNB_HOME": "/home/of a/user"}
    assert schedule.NOT_RUN in text


@pytest.mark.parametrize("every", schedule.EVERY)
def test_windows_reads_its_task(monkeypatch: pytest.MonkeyPatch, every: str) -> None:
    """Well-formed, with the command line a Windows program splits into the same words."""
    monkeypatch.delenv("BOXNB_HOME")
    text = schedule.text(plan(every=every), "windows")
    root = ElementTree.fromstring(text)
    space = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    assert root.findtext(".//t:Command", namespaces=space) == sys.executable
    assert root.findtext(".//t:Arguments", namespaces=space) == subprocess.list2cmdline(ODD)
    assert root.findtext(".//t:MultipleInstancesPolicy", namespaces=space) == "IgnoreNew"
    assert schedule.NOT_RUN in text


def test_any_name_of_a_notebook_makes_a_property_list() -> None:
    """Two hyphens would end the comment."""
    text = schedule.text(plan(name="Weekly report (final)--acme"), "launchd")
    assert plistlib.loads(text.encode())["Label"] == "boxnb.Weekly-report-final-acme"


def test_windows_with_a_home_of_its_own_goes_by_cmd() -> None:
    """Every word in quotes, for & and | part commands; what quotes do not hold is refused."""
    text = schedule.text(plan(command=["py.exe", "-p", "TEAM=R&D|x^y", "C:\\a b\\"]), "windows")
    space = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    line = ElementTree.fromstring(text).findtext(".//t:Arguments", namespaces=space)
    assert line == ('/d /c set "BOXNB_HOME=/home/of a/user" && "py.exe" "-p" "TEAM=R&D|x^y" "C:\\a b\\\\"')
    with pytest.raises(ValueError, match="Windows"):
        schedule.text(plan(command=["py.exe", "100%"]), "windows")


def test_the_environment_holds_from_any_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder that was named from here; and systemd keeps a $ there as it is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOXNB_HOME", "a$b")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "src", "/lib"]))
    assert plan().environment() == {
        "BOXNB_HOME": str(tmp_path / "a$b"),
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "src"), "/lib"]),
    }
    assert f'Environment="BOXNB_HOME={tmp_path}/a$b"' in schedule.text(plan(), "systemd")


@pytest.mark.parametrize("at", ["6", "24:00", "12:60", "noon", "06:30\n"])
def test_a_time_that_is_none_is_refused(at: str) -> None:
    """In a sentence."""
    with pytest.raises(ValueError, match="time of day"):
        schedule.text(plan(at=at), "cron")


@pytest.mark.parametrize("scheduler", schedule.SCHEDULERS)
def test_a_line_break_is_no_part_of_a_command(scheduler: str) -> None:
    """It would begin a line of its own in a crontab."""
    with pytest.raises(ValueError, match="line break"):
        schedule.text(plan(command=[sys.executable, "x\n* * * * * evil"]), scheduler)
    assert os.environ["BOXNB_HOME"]
