"""What 1.0 replaces still works: an older name that will go warns once per call, and one that stays does not warn."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from boxnb import basic, labs, servers
from boxnb.labs import passed_labs, practice_record
from boxnb.labs.other_server import elsewhere
from boxnb.sandbox import devices

GUIDE = Path(__file__).parents[1] / "notebooks" / "guides" / "upgrading.md"


def old_certificate(folder: Path) -> Any:
    """Call the older name of the record of practice."""
    passed_labs.mark_passed("power-cut")
    return labs.certificate("Kim", folder / "record.html").name


def old_lab(older: str) -> Callable[[Path], str]:
    """Return a call that opens a lab by a name that it had before 1.0."""
    return lambda folder: labs.lab(older).exercise.name


GOING: dict[str, tuple[Callable[[Path], Any], Any, str]] = {
    "labs.certificate": (old_certificate, "record.html", "labs.record_of_practice"),
    **{older: (old_lab(older), name, name) for older, name in passed_labs.RENAMED.items()},
}
"""Older names that go in 2.0: a call, what it returns, and the newer name that the warning says."""


@pytest.mark.parametrize("older", GOING)
def test_a_name_that_goes_warns_once_and_still_works(older: str, tmp_path: Path) -> None:
    """The warning is shown in any program, blames the caller's line, and names what to use instead."""
    call, result, newer = GOING[older]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert call(tmp_path) == result
    assert [(one.category, Path(one.filename)) for one in caught] == [(FutureWarning, Path(__file__))]
    message = str(caught[0].message)
    assert newer in message and message.endswith("The older name goes in boxnb 2.0.")


def test_names_that_stay_work_without_a_warning() -> None:
    """``boxnb.basic``, the practice device manager of 0.9 and the second server's account are what they were."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with devices.start() as practice:
            basic.save("devices", practice.url, practice.username, practice.password)
            assert basic.path("devices").exists()
            session: basic.BasicSession = basic.connect("devices")
            assert len(session.get_json("/devices")["results"]) == 25
        with elsewhere() as second:
            assert second.user == "reporter" and second.password
    assert basic.BasicSession is servers.ServerSession


def test_each_says_in_its_documentation_whether_it_stays() -> None:
    """The docstrings and the table of the guide to upgrading agree."""
    for going in (practice_record.certificate, labs.lab):
        assert ".. deprecated:: 1.0" in str(going.__doc__)
    for staying in (basic, devices):
        assert "stays" in str(staying.__doc__)
    guide = GUIDE.read_text(encoding="utf-8")
    table = guide.partition("## Older names")[2].partition("\n## ")[0]
    for name in ("boxnb.labs.certificate", "boxnb.basic", "boxnb.sandbox.devices", *passed_labs.RENAMED):
        assert name in table, name
