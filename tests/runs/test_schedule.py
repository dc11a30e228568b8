"""The text for each scheduler, read as that scheduler would read it, with any word in the command."""

from __future__ import annotations

import configparser
import html
import os
import plistlib
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from boxnb.runs import schedule

ODD = ["-c", "import sys; print(sys.argv[1:])", "100% $HOME `id`", 'say "hi"', "a'b", "&<>", "back\\slash"]


def plan(**changes: object) -> schedule.Plan:
    """Return a plan with unusual words in its command; keywords change its fields."""
    fields: dict[str, object] = {
        "notebook": Path("/somewhere/a b/weekly.ipynb"),
        "name": "weekly report-acme",
        "at": "06:05",
        "every": "week",
        "command": [sys.executable, *ODD],
    }
    return schedule.Plan(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a home folder with a space in its path."""
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
def test_shell_runs_the_line_for_cron(every: str, fields: str) -> None:
    """The command in the line runs as under cron: in sh, with almost no environment."""
    line = schedule.text(plan(every=every), "cron").splitlines()[1]
    assert line.startswith(fields + " ")
    command = re.sub(r"\\%", "%", line.removeprefix(fields + " "))
    assert not re.search(r"(?<!\\)%", line)
    child = subprocess.run(["/bin/sh", "-c", command], env={}, capture_output=True, text=True, check=True)
    assert child.stdout.strip() == repr(ODD[2:])
    assert "BOXNB_HOME='/home/of a/user'" in line


@pytest.mark.parametrize("scheduler", schedule.SCHEDULERS)
def test_the_text_says_how_to_choose_another_interval(scheduler: str) -> None:
    """Every day is the default, so whoever wants a weekly report reads how to get one; the XML stays valid."""
    command = [sys.executable, "-m", "boxnb", "run", "weekly.ipynb"]
    text = schedule.text(plan(every="day", command=command), scheduler)
    assert re.search(
        r"It runs every day; \S*( \w+)* week( of the option every)? is for a weekly report\.", text
    )
    assert "weekly report." not in schedule.text(plan(every="week", command=command), scheduler)
    if text.startswith("<?xml"):
        ElementTree.fromstring(text.encode())


def test_systemd_units_can_be_parsed(tmp_path: Path) -> None:
    """Sections and words are as expected, and every `%` and `$`, which are special there, is doubled."""
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


def test_launchd_property_list_can_be_parsed() -> None:
    """The property list contains the exact words of the command."""
    text = schedule.text(plan(every="weekday"), "launchd")
    content = plistlib.loads(text.encode())
    assert content["ProgramArguments"] == [sys.executable, *ODD]
    assert content["Label"] == "boxnb.weekly-report-acme" and len(content["StartCalendarInterval"]) == 5
    assert content["EnvironmentVariables"] == {"BOXNB_HOME": "/home/of a/user"}
    assert schedule.NOT_RUN in text


@pytest.mark.parametrize("every", schedule.EVERY)
def test_windows_task_can_be_parsed(monkeypatch: pytest.MonkeyPatch, every: str) -> None:
    """The XML is well-formed, and a Windows program splits its command line into the same words."""
    monkeypatch.delenv("BOXNB_HOME")
    text = schedule.text(plan(every=every), "windows")
    root = ElementTree.fromstring(text)
    space = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    assert root.findtext(".//t:Command", namespaces=space) == sys.executable
    assert root.findtext(".//t:Arguments", namespaces=space) == subprocess.list2cmdline(ODD)
    assert root.findtext(".//t:MultipleInstancesPolicy", namespaces=space) == "IgnoreNew"
    assert schedule.NOT_RUN in text


def test_any_notebook_name_makes_a_valid_property_list() -> None:
    """Two hyphens in a name would end the XML comment."""
    text = schedule.text(plan(name="Weekly report (final)--acme"), "launchd")
    assert plistlib.loads(text.encode())["Label"] == "boxnb.Weekly-report-final-acme"


def test_windows_task_with_a_home_folder_uses_cmd() -> None:
    """Every word is quoted, because & and | separate commands. Words that quotes cannot protect are refused."""
    text = schedule.text(plan(command=["py.exe", "-p", "TEAM=R&D|x^y", "C:\\a b\\"]), "windows")
    space = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    line = ElementTree.fromstring(text).findtext(".//t:Arguments", namespaces=space)
    assert line == ('/d /c set "BOXNB_HOME=/home/of a/user" && "py.exe" "-p" "TEAM=R&D|x^y" "C:\\a b\\\\"')
    with pytest.raises(ValueError, match="Windows"):
        schedule.text(plan(command=["py.exe", "100%"]), "windows")


def test_environment_is_valid_in_any_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Relative folders become absolute, and a $ in a systemd environment is not doubled."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOXNB_HOME", "a$b")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "src", "/lib"]))
    assert plan().environment() == {
        "BOXNB_HOME": str(tmp_path / "a$b"),
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "src"), "/lib"]),
    }
    assert f'Environment="BOXNB_HOME={tmp_path}/a$b"' in schedule.text(plan(), "systemd")


@pytest.mark.parametrize("at", ["6", "24:00", "12:60", "noon", "06:30\n"])
def test_invalid_time_is_refused(at: str) -> None:
    """A value that is not a time of day is refused with one sentence."""
    with pytest.raises(ValueError, match="time of day"):
        schedule.text(plan(at=at), "cron")


@pytest.mark.parametrize("scheduler", schedule.SCHEDULERS)
def test_line_break_in_a_command_is_refused(scheduler: str) -> None:
    """After a line break, another line of the crontab would start."""
    with pytest.raises(ValueError, match="line break"):
        schedule.text(plan(command=[sys.executable, "x\n* * * * * evil"]), scheduler)
    assert os.environ["BOXNB_HOME"]


PATHS = [
    "/srv/100%",
    "/srv/100%PATH%",
    "/srv/a b  c",
    "/srv/a'b",
    '/srv/a"b',
    "/srv/R&D|x^y!z",
    "/srv/back\\slash\\\\two\\%three\\\\%",
    "/srv/$HOME/`id`/$(id)",
    "/srv/\u00fcml\u00e4ut/\u65e5\u672c/\U0001f600",
    "/srv/<a>;b#c~",
    "/srv/-n *?[x]",
]


def cron_reads(line: str, *, halves: bool) -> str:
    """Return the command that cron passes to the shell (crontab(5), do_command.c). Some versions halve backslashes."""
    command, escaped = "", False
    for letter in line.split(" ", 5)[5]:
        if escaped and (letter == "%" or (halves and letter == "\\")):
            command = command[:-1] + letter
            escaped = False
        elif escaped:
            command, escaped = command + letter, False
        elif letter == "%":
            break  # the rest would be the input of the command
        else:
            command, escaped = command + letter, letter == "\\"
    return command


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("reader", ["cron", "cron that halves backslashes", "a terminal"])
def test_cron_runs_any_path(monkeypatch: pytest.MonkeyPatch, path: str, reader: str) -> None:
    """A real sh passes the exact words and the exact home folder to the program, under cron and in a terminal."""
    monkeypatch.setenv("BOXNB_HOME", path)
    script = "import os, sys; print(ascii([os.environ['BOXNB_HOME'], *sys.argv[1:]]))"
    line = schedule.text(plan(command=[sys.executable, "-c", script, path, "x"]), "cron").splitlines()[1]
    command = line.split(" ", 5)[5] if "terminal" in reader else cron_reads(line, halves="halves" in reader)
    child = subprocess.run(["/bin/sh", "-c", command], env={}, capture_output=True, text=True, check=True)
    assert child.stdout.strip() == ascii([path, path, "x"])


def systemd_reads(text: str) -> list[str]:
    """Return the words of a setting: quotes, C escapes, specifiers (systemd.syntax(7), systemd.unit(5))."""
    words = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
    assert " ".join(f'"{word}"' for word in words) == text
    return [re.sub(r"\\(.)", r"\1", word).replace("%%", "%") for word in words]


@pytest.mark.parametrize("path", PATHS)
def test_systemd_reads_any_path(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A dollar sign is doubled in the command, and not in the environment."""
    monkeypatch.setenv("BOXNB_HOME", path)
    lines = schedule.text(plan(command=["/usr/bin/python3", path, "x"]), "systemd").splitlines()
    [start] = [line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart=")]
    [home] = [line.removeprefix("Environment=") for line in lines if line.startswith("Environment=")]
    assert [word.replace("$$", "$") for word in systemd_reads(start)] == ["/usr/bin/python3", path, "x"]
    assert systemd_reads(home) == [f"BOXNB_HOME={path}"]


@pytest.mark.parametrize("path", PATHS)
def test_launchd_reads_any_path(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """The property list contains the exact words."""
    monkeypatch.setenv("BOXNB_HOME", path)
    content = plistlib.loads(schedule.text(plan(command=["/usr/bin/python3", path]), "launchd").encode())
    assert content["ProgramArguments"] == ["/usr/bin/python3", path]
    assert content["EnvironmentVariables"] == {"BOXNB_HOME": path}


def program_reads(line: str) -> list[str]:
    """Return the words that a Windows program finds in its command line (Microsoft, *Parsing C command-line arguments*)."""
    words, word, quoted, in_word, position = [], "", False, False, 0
    while position < len(line):
        slashes = re.compile(r"\\*").match(line, position)
        assert slashes is not None
        count, position = len(slashes.group()), slashes.end()
        letter = line[position : position + 1]
        if letter == '"':
            word, in_word = word + "\\" * (count // 2), True
            if count % 2:
                word += '"'
            elif quoted and line[position + 1 : position + 2] == '"':
                word, position = word + '"', position + 1
            else:
                quoted = not quoted
            position += 1
            continue
        word, in_word = word + "\\" * count, in_word or count > 0
        if letter in (" ", "\t", "") and not quoted:
            words += [word] if in_word else []
            word, in_word = "", False
        else:
            word, in_word = word + letter, True
        position += 1
    return words + ([word] if in_word else [])


def cmd_reads(line: str) -> tuple[dict[str, str], str]:
    """Return the variables that ``set`` assigns and the command (``cmd /?``, ``set /?``). No variable is expanded."""
    assert "%" not in line
    switches, _, rest = line.partition("/c ")
    assert ("/v:off" in switches) or "!" not in rest
    parts, part, quoted = [], "", False
    for letter in rest:
        quoted ^= letter == '"'
        assert quoted or letter not in "|<>^()"  # these are special outside quotes
        if letter == "&" and not quoted:
            parts, part = [*parts, part], ""
        else:
            part += letter
    commands = [text.strip() for text in (*parts, part) if text]
    variables = {}
    for command in commands[:-1]:
        setting = re.fullmatch(r'set "([^="]+)=([^"]*)"', command)
        assert setting is not None
        variables[setting[1]] = setting[2]
    return variables, commands[-1]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("home", [True, False], ids=["home", "no home"])
def test_windows_reads_any_path_that_is_not_refused(
    monkeypatch: pytest.MonkeyPatch, path: str, home: bool
) -> None:
    """Words and home folder arrive unchanged. Those that cmd.exe or the Task Scheduler would change are refused."""
    if home:
        monkeypatch.setenv("BOXNB_HOME", path)
    else:
        monkeypatch.delenv("BOXNB_HOME")
    command = ["C:\\py thon.exe", path, "x\\"]
    is_refused = ('"' in path or "%" in path) if home else re.search("%[^%]+%", path)
    if is_refused:
        with pytest.raises(ValueError, match="on Windows"):
            schedule.text(plan(command=command), "windows")
        return
    space = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    root = ElementTree.fromstring(schedule.text(plan(command=command), "windows"))
    line = root.findtext(".//t:Arguments", namespaces=space)
    assert line is not None
    if not home:
        assert program_reads(line) == command[1:]
        return
    variables, run = cmd_reads(line)
    assert variables == {"BOXNB_HOME": str(Path(path))} and program_reads(run) == command


@pytest.mark.parametrize("scheduler", schedule.SCHEDULERS)
@pytest.mark.parametrize("odd", ["a\nb", "a\rb", "a\x00b", "a\ud800b", "a\x1bb"], ids=ascii)
def test_home_with_a_control_character_is_refused(
    monkeypatch: pytest.MonkeyPatch, scheduler: str, odd: str
) -> None:
    """The environment is checked in the same way as the command."""
    monkeypatch.setattr(schedule.Plan, "environment", lambda self: {"BOXNB_HOME": odd})
    with pytest.raises(ValueError, match="cannot be scheduled"):
        schedule.text(plan(), scheduler)


@pytest.mark.parametrize("scheduler", schedule.SCHEDULERS)
def test_path_may_have_spaces_of_any_script_and_emoji(
    monkeypatch: pytest.MonkeyPatch, scheduler: str
) -> None:
    """An ideographic space, a no-break space and the joiner of an emoji are neither line breaks nor control characters."""
    path = "/家族\u3000報告/a\u00a0b/\N{MAN}\u200d\N{GIRL}.ipynb"
    monkeypatch.delenv("BOXNB_HOME")
    text = schedule.text(plan(command=[sys.executable, path]), scheduler)
    assert path in (html.unescape(text) if scheduler == "windows" else text)


@pytest.mark.parametrize("sign", ["\n", "\r", "\0", "\x1b", "\x85", "\u2028", "\ud800", "\uffff"])
@pytest.mark.parametrize("scheduler", schedule.SCHEDULERS)
def test_characters_that_no_line_or_xml_can_contain_are_refused(scheduler: str, sign: str) -> None:
    """The character would start another line, or make the text unreadable."""
    with pytest.raises(ValueError, match="cannot be scheduled"):
        schedule.text(plan(command=[sys.executable, f"/a{sign}b"]), scheduler)


@pytest.mark.parametrize("scheduler", ["launchd", "systemd", "windows"])
def test_names_in_other_scripts_get_their_own_schedule(
    monkeypatch: pytest.MonkeyPatch, scheduler: str
) -> None:
    """With equal names, the second schedule would replace the first."""
    monkeypatch.delenv("BOXNB_HOME")
    schedules = [
        schedule.text(plan(name=name, command=[sys.executable]), scheduler) for name in ("報告", "週報")
    ]
    labels = [set(re.findall(r"boxnb[-.][A-Za-z0-9.-]*[0-9a-f]{8}", text)) for text in schedules]
    assert all(labels) and not labels[0] & labels[1]


@pytest.mark.parametrize("encoding", ["cp1252", "cp850", "utf-16", "utf-8"])
def test_windows_task_is_the_same_in_the_encoding_of_any_shell(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """cmd.exe saves what a program prints as it is; PowerShell decodes it with another code page, and saves UTF-16."""
    monkeypatch.delenv("BOXNB_HOME")
    path = "C:\\Users\\Zoë Łukasz\\報告.ipynb"
    text = schedule.text(plan(notebook=Path("/Zoë/a.ipynb"), command=["py.exe", path]), "windows")
    root = ElementTree.fromstring(text.encode(encoding))
    space = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    assert root.findtext(".//t:Arguments", namespaces=space) == f'"{path}"'
    assert root.findtext(".//t:WorkingDirectory", namespaces=space) == "/Zoë"


def test_windows_task_also_runs_on_battery() -> None:
    """By default, Windows does not start a task on battery, and kills it when the laptop is unplugged."""
    space = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    root = ElementTree.fromstring(schedule.text(plan(command=["py.exe"]), "windows"))
    for name in ("DisallowStartIfOnBatteries", "StopIfGoingOnBatteries"):
        assert root.findtext(f"./t:Settings/t:{name}", namespaces=space) == "false"
