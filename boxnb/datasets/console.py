"""The CSV reports of Box's Admin Console as typed DataFrames: the cheapest complete source that an admin has."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from ..api import ids
from ..api.arguments import described, local_path, text_or_none
from ..errors import ConsoleError
from ..frames.pages import loads, loose
from ..frames.schema import Column
from .console_cells import typed, with_places
from .console_content import member, members
from .console_files import Name, Rows, join_pages, read_file, read_name
from .console_table import ConsoleTable, with_own_rows
from .paging import by_marker, number_of
from .pull import Pull, run_pull, warn

if TYPE_CHECKING:
    from ..api.connection import Connection

FOLDER = "Box Reports"
"""The folder in the admin's own files into which the Admin Console writes. It has the same name in every language that boxnb knows."""

RUNS: tuple[Column, ...] = (
    Column("report", "text"),
    Column("run_at", "text"),
    Column("pages", "integer"),
    Column("size", "integer"),
    Column("name", "text"),
    Column("description", "text"),
    Column("id", "text"),
)
LACKS = "the file lacks"
"""The beginning of a note that does not cause a warning: an admin chooses the columns of a report."""
NOT_ENDED = "the file does not end with a line break"
"""The beginning of the other note that does not cause a warning: how Box's files end is not known."""

_FIELDS = "id,type,name,size,description"


class _File(NamedTuple):
    """A file of a run: its name, and a function that reads it."""

    name: str
    read: Callable[[Pull], bytes]
    parsed: Name | None


class _Run(NamedTuple):
    """One run of a report: a folder in Box, or files with the same time in their names."""

    report: str
    run_at: pd.Timestamp | None
    name: str
    size: int | None
    description: str
    id: str | None
    files: tuple[_File, ...]


class _ConsolePull(Pull):
    """A pull whose rows are those of a report's files."""

    content: pd.DataFrame | None = None

    def tidy(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.drop(columns="extra", errors="ignore") if self.content is None else self.content


def console(
    box: Connection,
    report: str | None = None,
    *,
    where: str | Path | list[str | Path] | None = None,
    zone: str | None = None,
    run: int = 0,
    columns: str | Path | None = None,
    as_user: str | None = None,
) -> pd.DataFrame:
    """
    Read a report of the Admin Console, or list the reports that exist.

    boxnb cannot run these reports: an admin starts or schedules them in the Admin Console, under *Reports*. Box writes the
    CSV files into the admin's folder *Box Reports*. Listing them takes two calls; reading one takes one more, and one or two
    for each file. ``run_at`` is the admin's local time. A report that was limited to some users or folders does not say so.

    Parameters
    ----------
    box : Box
        Signed in as the admin who ran the report.
    report : str, optional
        Such as ``"user_details"``, ``"user_activity"``, ``"folders_and_files"``, ``"collaborations"`` or ``"shared_links"``;
        any name in the column ``report`` of the list. Without it, the list is returned, newest run first.
    where : path, list of paths, or str, optional
        CSV files, Excel workbooks (which need the package ``openpyxl``), ZIP archives, or folders with them, on this computer; or
        the id of a folder in Box. By default the folder *Box Reports*.
    zone : str, optional
        The time zone of the admin who ran the report, such as ``"Europe/Berlin"``. Without it, local times are taken as UTC,
        with a warning.
    run : int
        0 for the newest run, 1 for the one before, and so on.
    columns : path, optional
        A table in the form of ``boxnb/datasets/console_columns.csv``, for columns, languages and words that boxnb does not know.
    as_user : str, optional
        Read the folder of this admin.

    Returns
    -------
    pandas.DataFrame
        Without ``report``: ``report``, ``run_at``, ``pages`` (``Int64``; missing in Box), ``size`` (bytes), ``name``,
        ``description`` and ``id``. Otherwise, the columns that boxnb knows, under the names that datasets use: times are
        ``datetime64[us, UTC]``, sizes are bytes (``Int64``), and words are Box's own values, such as ``viewer``. All other columns
        keep their headers and are text. A column that is not in the file is not in the result. The column ``extra`` has cells
        that could not be read. ``attrs["columns"]`` lists the ``missing``, ``added``, ``renamed`` and ``translated`` columns,
        ``attrs["notes"]`` says what boxnb assumed, ``attrs["skipped"]`` what it could not read, and ``attrs["zone"]`` is the
        zone, or ``None`` if it is not known.

    Raises
    ------
    ConsoleError
        There is no such report, or a file or the table of columns cannot be read.

    Notes
    -----
    Source: https://support.box.com/hc/en-us/articles/360043696534
    """
    wanted = text_or_none(report, "report")
    zone, run = _checked_zone(zone), number_of(run, "run")
    table = with_own_rows(None if columns is None else local_path(columns, "columns"))
    query = {"report": wanted, "run": run, "zone": zone}

    def work(pull: _ConsolePull) -> None:
        runs = _runs(pull, where, table)
        if wanted is None:
            pull.content = _listed(runs)
        else:
            _read(pull, _chosen(runs, wanted, run, where), table, zone)

    name = "console" if wanted is None else f"console {wanted}"
    frame = run_pull(box, name, (), query, work, as_user=as_user, pull_class=_ConsolePull)
    notes = [note for note in frame.attrs.get("notes", []) if not note.startswith((LACKS, NOT_ENDED))]
    if notes:
        more = "" if len(notes) == 1 else f" attrs['notes'] has {len(notes) - 1} more."
        warn(f"{name}: {notes[0]}.{more}")
    return frame


def _checked_zone(zone: Any) -> str | None:
    name = text_or_none(zone, "zone")
    if name is None:
        return None
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ConsoleError(
            f"zone takes a time zone such as 'Europe/Berlin', 'America/New_York' or 'UTC', not {described(name)}."
        ) from None
    return name


def _runs(pull: Pull, where: Any, table: ConsoleTable) -> list[_Run]:
    """Return all runs, newest first; those without a time in their names last."""
    if where is None:
        runs = _runs_in_box(pull, None)
    elif not isinstance(where, list | tuple) and not isinstance(where, Path) and not _is_path(where):
        runs = _runs_in_box(pull, ids.one(where, "where", "folder"))
    else:
        paths = where if isinstance(where, list | tuple) else [where]
        runs = _local_runs([local_path(path, "where") for path in paths], table)
    oldest = pd.Timestamp(0)
    return sorted(runs, key=lambda entry: (entry.run_at or oldest, entry.name), reverse=True)


def _is_path(where: Any) -> bool:
    return isinstance(where, str) and not where.strip().isdecimal() and "box.com/" not in where


def _runs_in_box(pull: Pull, folder: str | None) -> list[_Run]:
    if folder is None:
        names = [(entry["name"], entry["id"]) for entry in _entries(pull, "0") if entry["type"] == "folder"]
        found = [item_id for name, item_id in names if str(name).casefold() == FOLDER.casefold()]
        if not found:
            raise ConsoleError(
                f"There is no folder {FOLDER!r} in this user's files. An admin runs a report in the Admin Console first, under Reports. "
                "Pass where= for files on this computer, or as_user= for another admin."
            )
        folder = found[0]
    runs, loose_files = [], []
    for entry in _entries(pull, folder):
        parsed = read_name(str(entry["name"]))
        if entry["type"] == "folder" and parsed is not None:
            runs.append(
                _Run(
                    parsed.report,
                    parsed.run_at,
                    entry["name"],
                    entry.get("size"),
                    entry.get("description") or "",
                    entry["id"],
                    (),
                )
            )
        elif entry["type"] == "file" and (parsed is not None or str(entry["name"]).lower().endswith(".csv")):
            loose_files.append(_file_in_box(entry))
    return [*runs, *_grouped(loose_files, {})]


def _entries(pull: Pull, folder: str) -> list[dict[str, Any]]:
    listing = pull.listing(by_marker, f"/folders/{folder}/items", fields=_FIELDS)
    if listing.error is not None:
        raise listing.error
    entries = [loads(raw) for page in listing.pages for raw in loose(page)[1]]
    return [
        entry
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("id"), str) and entry.get("name") is not None
    ]


def _file_in_box(entry: dict[str, Any]) -> _File:
    path = f"/files/{entry['id']}/content"
    return _File(str(entry["name"]), lambda pull: pull.fetch(path), read_name(str(entry["name"])))


def _local_runs(paths: Iterable[Path], table: ConsoleTable) -> list[_Run]:
    """Return the runs among files and folders on this computer. A file without a run in its name is recognized by its header."""
    files: list[_File] = []
    reports: dict[str, str] = {}
    for path in paths:
        if not path.exists():
            raise ConsoleError(f"There is no file or folder {str(path)!r}. Check where=.")
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in found:
            if file.suffix.lower() == ".zip" and file.is_file():
                files += _files_in_archive(file)
            if file.suffix.lower() not in (".csv", ".xlsx") or not file.is_file():
                continue
            entry = _File(str(file), lambda pull, file=file: _local_bytes(file), read_name(file.name))  # type: ignore[misc]
            if entry.parsed is None and file.suffix.lower() == ".csv":
                headers = read_file(_local_bytes(file), table).headers
                reports[entry.name] = table.best_report(headers)[0] or file.stem
            files.append(entry)
    return _grouped(files, reports)


def _files_in_archive(archive: Path) -> list[_File]:
    """Return the files of console reports in a ZIP archive; Box makes one from a folder that is downloaded."""
    return [
        _File(f"{archive}/{name}", lambda pull, name=name: member(archive, name), parsed)  # type: ignore[misc]
        for name in members(archive)
        if (parsed := read_name(name.rpartition("/")[2])) is not None
    ]


def _local_bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConsoleError(
            f"Cannot read the file {str(file)!r} ({error.strerror}). Check its permissions."
        ) from None


def _grouped(files: list[_File], reports: dict[str, str]) -> list[_Run]:
    """Return one run for all files with the same report and the same time in their names."""
    runs: dict[Any, list[_File]] = {}
    for file in files:
        key = (file.parsed.report, file.parsed.run_at) if file.parsed else file.name
        runs.setdefault(key, []).append(file)
    return [
        _Run(
            own[0].parsed.report if own[0].parsed else reports.get(own[0].name, own[0].name),
            own[0].parsed.run_at if own[0].parsed else None,
            own[0].name,
            None,
            "",
            None,
            tuple(own),
        )
        for own in runs.values()
    ]


def _listed(runs: list[_Run]) -> pd.DataFrame:
    rows = [
        {
            "report": entry.report,
            "run_at": entry.run_at,
            "pages": len(entry.files) or None,
            "size": entry.size,
            "name": entry.name,
            "description": entry.description or None,
            "id": entry.id,
        }
        for entry in runs
    ]
    frame = pd.DataFrame(rows, columns=[column.name for column in RUNS])
    frame["run_at"] = pd.to_datetime(frame["run_at"]).astype("datetime64[us]")
    for column in RUNS:
        if column.name != "run_at":
            frame[column.name] = frame[column.name].astype("Int64" if column.kind == "integer" else "str")
    return frame


def _chosen(runs: list[_Run], report: str, run: int, where: Any) -> _Run:
    own = [entry for entry in runs if entry.report == report]
    if len(own) > run:
        return own[run]
    place = f"the folder {FOLDER!r}" if where is None else described(str(where))
    others = ", ".join(sorted({entry.report for entry in runs})) or "none"
    count = "no run" if not own else f"only {len(own)} run{'s' * (len(own) > 1)}"
    raise ConsoleError(
        f"There is {count} of the report {described(report)} in {place}. The reports there are: {others}. "
        "An admin runs others in the Admin Console, under Reports."
    )


def _read(pull: _ConsolePull, run: _Run, table: ConsoleTable, zone: str | None) -> None:
    """Read all files of a run, and set the content of the pull."""
    files = run.files
    if run.id is not None:
        files = tuple(_file_in_box(entry) for entry in _entries(pull, run.id) if entry["type"] == "file")
    files = tuple(file for file in files if file.name.lower().endswith((".csv", ".xlsx")))
    if not files:
        raise ConsoleError(
            f"The run {run.name!r} has no CSV file: its CSV file is not there yet, because the report is still running. "
            "Pass run=1 for the run before."
        )
    pages: list[tuple[int, str, Rows]] = []
    contents: dict[int, bytes] = {}
    notes: list[str] = []
    for number, file in enumerate(files, 1):
        content, name = file.read(pull), Path(file.name).name
        page = file.parsed.page if file.parsed else number
        if contents.setdefault(page, content) is not content:
            if contents[page] == content:
                notes.append(f"{name!r} was found twice, and boxnb takes it once")
            else:
                pull.record_missing(f"another file is also page {page}, and boxnb takes only one", file=name)
            continue
        pages.append((page, name, read_file(content, table)))
        pull.pages += 1
        pull.report()
    headers, rows_, skipped = join_pages(pages)
    for entry in skipped:
        pull.record_missing(entry.pop("why"), **entry)
    table_ = typed(headers, rows_, run.report, table, zone)
    pull.content = with_places(table_.frame)
    notes += table_.notes
    best, count = table.best_report(headers)
    if run.report not in table.columns:
        hint = f"; its headers are those of {best}" if count == len(headers) else ""
        notes.insert(0, f"boxnb does not know this kind of report, so all its columns are text{hint}")
    elif added := table_.columns["added"]:
        if best and count > len(headers) - len(added):
            notes.insert(0, f"its headers are those of {best}, although its name is that of {run.report}")
        notes.append(
            f"boxnb does not know {_some(added)}, and keeps {'it' if len(added) == 1 else 'them'} as text"
        )
    if missing := table_.columns["missing"]:
        notes.append(f"{LACKS} {_some(missing)}")
    if open_ended := [name for _, name, page in pages if page.rows and not (page.is_ended or page.problems)]:
        if len(open_ended) == len(pages):
            notes.append(f"{NOT_ENDED}, so its last cell may be cut off")
        else:
            pull.record_missing(
                "it does not end with a line break, as the other pages do, so its last cell may be cut off",
                file=open_ended[0],
            )
    pull.attrs |= {
        "zone": zone,
        "run_at": None if run.run_at is None else run.run_at.isoformat(),
        "files": [name for _, name, _ in sorted(pages)],
        "columns": table_.columns,
        "notes": notes,
        "information": [line for _, _, page in pages for line in page.information],
        "description": run.description,
    }


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, names[:3])) + " and more" * (len(names) > 3)
