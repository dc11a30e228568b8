"""The Admin Console's reports that the sandbox writes: their names, pages and marks, as Box's documentation describes them."""

from __future__ import annotations

import csv
import datetime
import io
import re
import zoneinfo

import pytest

from boxnb.errors import SandboxError

from .conftest import Person, Starter

LONDON = zoneinfo.ZoneInfo("Europe/London")
"""The zone of the practice admin."""


def contents(person: Person, folder: str) -> dict[str, bytes]:
    """Return the content of each file in a folder."""
    files = person.doc(f"/folders/{folder}/items?fields=name,description")["entries"]
    assert all(file["description"].startswith("Built by the boxnb sandbox") for file in files)
    content = {}
    for file in files:
        redirect = person.call("GET", f"/files/{file['id']}/content")
        content[file["name"]] = person.http.get(redirect.headers["Location"], timeout=20).content
    return content


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))


def test_each_report_is_written_in_pages_with_their_headers(writer: Person) -> None:
    """Names have the admin's local time and a page number, every page has the header, and all rows are as wide as that."""
    now = datetime.datetime.fromtimestamp(writer.sandbox.clock.freeze(), LONDON)
    stamp = f"{now:%Y-%m-%d-%H-%M-%S}"
    folders = writer.sandbox.run_console_reports(page_rows=2000)
    names = {
        entry["id"]: entry["name"]
        for root in writer.doc("/folders/0/items")["entries"]
        if root["name"] == "Box Reports"
        for entry in writer.doc(f"/folders/{root['id']}/items")["entries"]
    }
    assert names[folders["user_details"]] == f"User Details run on {now:%Y-%m-%d %H-%M-%S}"
    assert set(names) == set(folders.values())
    for report, folder in folders.items():
        pages = contents(writer, folder)
        tables = [rows_of(content) for content in pages.values()]
        assert len({tuple(table[0]) for table in tables}) == 1
        assert {len(row) for table in tables for row in table} == {len(tables[0][0])}
        assert all(stamp in name for name in pages)
        if report != "shared_links":
            assert {re.search(r"_Page_(\d+)\.csv$", name)[1] for name in pages} == {  # type: ignore[index]
                str(number + 1) for number in range(len(pages))
            }
        assert all(len(table) <= 2001 for table in tables)
    assert len(contents(writer, folders["folders_and_files"])) == 4


def test_reports_do_not_list_themselves_and_survive_a_restart(start_sandbox: Starter) -> None:
    """A second run has the same items as the first, and the files are still there when the sandbox starts again."""
    sandbox = start_sandbox("twice", limits="off")
    first = sandbox.run_console_reports("folders_and_files")["folders_and_files"]
    second = sandbox.run_console_reports("folders_and_files")["folders_and_files"]
    sandbox.stop()
    person = Person(again := start_sandbox("twice", limits="off"), again.practice_client())
    tables = [next(iter(contents(person, folder).values())) for folder in (first, second)]
    assert tables[0] == tables[1]
    person.http.close()


def test_an_unknown_report_is_refused(ada: Person) -> None:
    """The error lists the reports that the sandbox can run."""
    with pytest.raises(SandboxError, match=r"the sandbox can run .*'user_details'.*, not .*'moon_phases'"):
        ada.sandbox.run_console_reports("moon_phases")
