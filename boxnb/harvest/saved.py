"""A harvest: start or continue it, update it, read it, and look after its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
import pyarrow as pa

from ..api.arguments import truth
from ..datasets.event_log import When, time_of
from ..errors import ArgumentError, HarvestError
from ..frames.table import from_arrow
from . import card, care, parts, settle
from .budget import Budget
from .catalogue import KINDS
from .events import microseconds, timestamp
from .manifest import Manifest
from .reading import Reader, checked_columns, to_frame
from .rounds import Rounds

if TYPE_CHECKING:
    from ..api.connection import Connection


class Harvest:
    """A pull that is saved as a folder of Parquet files; :func:`boxnb.harvest.harvest` returns it.

    Each row has ``first_seen``, ``seen_since`` (in its current form) and ``last_seen``, which are the times at which those
    rounds began, in UTC. A *round* is the first run or one update.

    Attributes
    ----------
    folder : Path
        The folder with the manifest and all parts.
    path : Path
        The folder with the current rows, which pandas, DuckDB, Dask and Spark read as it is. Do not read it during a run.
    source : Harvest or None
        The harvest of the content that this one is made from. It is run and updated first.
    """

    def __init__(
        self,
        box: Connection,
        dataset: str,
        arguments: dict[str, Any],
        folder: Path,
        source: Harvest | None = None,
    ) -> None:
        self._box = box
        self._kind = KINDS[dataset]
        self.arguments = arguments
        self.folder = folder
        self.path = folder / parts.ROWS
        self._manifest = Manifest(folder)
        self._reader = Reader(self._kind, folder, self._manifest)
        self.source = source
        self._shown: int | None = None  # when the last round in unreported() began
        self._rounds = Rounds(box, self._kind, arguments, folder, self._manifest, self._source_rows)

    @property
    def dataset(self) -> str:
        """The name of the dataset."""
        return self._kind.name

    @property
    def columns(self) -> list[str]:
        """The columns of :meth:`frame`."""
        return [column.name for column in self._kind.kept]

    def run(
        self,
        *,
        max_calls: int | None = None,
        until: When | None = None,
        executor: Executor | Literal["threads", "processes"] | None = None,
        lanes: int | None = None,
    ) -> Harvest:
        """
        Start the harvest, or continue where it stopped; do nothing if it is complete. Also fetch the
        rows of parts that :meth:`verify` removed.

        Parameters
        ----------
        max_calls : int, optional
            Stop after this many calls, including retries.
        until : str, Timestamp or Timedelta, optional
            Stop at this time (UTC unless it has an offset), or after a span from now such as ``"2h"``.
        executor : Executor or {"threads", "processes"}, optional
            Where to fetch and decode pages: in threads of this process by default. An executor of
            ``concurrent.futures``, or that of a Dask client (``client.get_executor()``, extra ``scale``), gets units with the
            access token and nothing else of the profile.
        lanes : int, optional
            How many units to fetch at the same time: 6 by default, more with an executor.

        Returns
        -------
        Harvest
            This object, so that a notebook shows the card.

        Raises
        ------
        HarvestInUseError
            Another process is working on it.
        BoxNotebookError
            The error that stopped it, such as a lost network. Everything fetched so far is saved.
        Interrupted
            The user stopped it.
        """
        self._run_all(self._rounds.budget(max_calls, until), executor, lanes, update=False)
        return self

    def update(
        self,
        *,
        max_calls: int | None = None,
        until: When | None = None,
        executor: Executor | Literal["threads", "processes"] | None = None,
        lanes: int | None = None,
        full: bool = False,
    ) -> pd.DataFrame:
        """
        Fetch what is new, and return what changed. A harvest or an update that has not ended is finished first.

        Events are read from 48 hours before the last round, because they can arrive late; each appears once. Content is
        listed again only in the folders that events name. All other datasets are fetched again and compared. The comparison
        takes about 4 kB of memory per row.

        Parameters
        ----------
        max_calls, until, executor, lanes
            As for :meth:`run`.
        full : bool
            Walk all content again, which also finds what events do not report; see :attr:`doubts`.

        Returns
        -------
        pandas.DataFrame
            As :meth:`changes` returns, since the round before; all rows if there was none. Empty, with ``attrs["complete"]``
            False, if the budget was spent.
        """
        before = self._rounds.ended()
        self._run_all(
            self._rounds.budget(max_calls, until), executor, lanes, update=True, full=truth(full, "full")
        )
        ended = self._rounds.ended()
        if len(ended) == len(before):  # the budget was spent
            return self._described(self._reader.changes(self._rounds.now(), ended), complete=False)
        previous = before[-1:] or ended[-2:-1]
        since = previous[0].begun if previous else -1
        return self._described(self._reader.changes(since, ended), complete=self.complete)

    def frame(
        self,
        columns: Sequence[str] | None = None,
        where: str | Mapping[str, Sequence[str]] | None = None,
    ) -> pd.DataFrame:
        """
        Return the rows as a DataFrame with the dtypes of the dataset.

        Parameters
        ----------
        columns : sequence of str, optional
            Only these columns are read; with ``[]``, there are as many rows as without it, as pandas does.
        where : str or dict, optional
            A condition in SQL, such as ``"event_type = 'DOWNLOAD'"``, which needs the extra ``explore``; or the values that
            columns may have, such as ``{"event_type": ["DOWNLOAD", "PREVIEW"]}``.

        Returns
        -------
        pandas.DataFrame
            The columns of the dataset, then ``first_seen``, ``seen_since`` and ``last_seen``. Events are sorted by time.
            ``attrs["complete"]`` is False if the first run has not ended or Box refused a listing; ``attrs["skipped"]`` lists those.

        Raises
        ------
        ArgumentError
            A column does not exist, or the condition is not SQL.
        HarvestError
            The harvest has not been started, or a part is damaged.
        """
        self._require_started()
        wanted = checked_columns(self.columns, columns, where)
        read = wanted or self._kind.key[:1]  # without a column, the number of rows stays
        if isinstance(where, str):
            table = self._reader.where(read, where)
        else:
            table = self._reader.rows(read, where or {})
        return self._described(from_arrow(table, self._kind.kept)[wanted], complete=self.complete)

    def sql(self, query: str) -> pd.DataFrame:
        """
        Run SQL on the harvest, and return the result as a DataFrame. This needs the extra ``explore``.

        The table ``harvest`` has the current rows, ``history`` those that changed or disappeared (with ``replaced_at``). The query
        cannot read any other file.

        Raises
        ------
        ArgumentError
            The query is not valid.
        """
        self._require_started()
        return self._described(to_frame(self._reader.sql(query)), complete=self.complete)

    def at(self, when: When) -> pd.DataFrame:
        """
        Return the rows as the last round before ``when`` saw them.

        Parameters
        ----------
        when : str, Timestamp or Timedelta
            A time, or a span back from now, as for ``box.events``.

        Raises
        ------
        RangeError
            The harvest does not go back that far.
        """
        self._require_started()
        time = microseconds(time_of(when, timestamp(self._rounds.now())))
        table = self._reader.at(time, self._rounds.ended())
        return self._described(from_arrow(table, self._kind.kept), complete=None)

    def changes(self, since: When) -> pd.DataFrame:
        """
        Return the rows that appeared, changed or disappeared since a time, each once.

        Returns
        -------
        pandas.DataFrame
            ``change`` is ``new``, ``changed`` or ``gone``; ``changed_columns`` names the columns that differ, separated by
            commas. Then the columns of :meth:`frame`, with the values that the row has now, or had last; ``replaced_at`` is
            when it was found gone. A row that appeared and disappeared in between is ``gone``.
        """
        self._require_started()
        time = microseconds(time_of(since, timestamp(self._rounds.now())))
        changes = self._reader.changes(time, self._rounds.ended())
        return self._described(changes, complete=self.complete)

    def unreported(self) -> pd.DataFrame:
        """
        Return what is new, changed or gone since :meth:`mark_reported`, for a report that runs again and again.

        Returns
        -------
        pandas.DataFrame
            As :meth:`changes` returns. Before the first mark, all rows are new, and ``attrs["first_report"]`` is True.
        """
        self._require_started()
        mark = self._manifest.facts().get("reported")
        self._shown = self._rounds.last_begun()
        changes = self._reader.changes(mark or -1, self._rounds.ended(), up_to=self._shown)
        changes.attrs["first_report"] = mark is None
        return self._described(changes, complete=self.complete)

    def mark_reported(self) -> None:
        """Remember that what :meth:`unreported` returned last is reported; without that, everything up to the last round is.

        Call this once the report is written. What an update has found in between is still unreported.
        """
        self._rounds.mark_reported(self._shown)

    @property
    def rounds(self) -> pd.DataFrame:
        """The first run and all updates, one row each: when it began and ended, its calls, and how many rows it changed."""
        rounds = self._manifest.rounds() if self._manifest.exists else []
        return card.table(rounds)

    @property
    def complete(self) -> bool:
        """Whether the first run has ended, the server refused nothing in the last round that ended, and no rows of damaged parts are missing."""
        ended = self._rounds.ended()
        if ended:
            self._rounds.require_same_owner()
        source_complete = self.source is None or self.source.complete
        if not ended or self._rounds.lacks_rows():
            return False
        return source_complete and not self._manifest.skipped(ended[-1].id)

    @property
    def doubts(self) -> pd.DataFrame:
        """What this harvest cannot know, one row each: ``what``, ``why``, and the ``calls`` that would settle it."""
        return card.doubts(self._kind, self._manifest, self._rounds.ended())

    def compact(self) -> int:
        """Merge small parts; the rows stay the same. Return how many parts were merged into others."""
        self._require_started()
        with self._rounds.holding("compact"):
            return settle.compact(self._kind, self.folder, self._manifest)

    def verify(self, *, repair: bool = False) -> pd.DataFrame:
        """
        Check the manifest, and the hash of every part.

        Parameters
        ----------
        repair : bool
            Remove damaged and missing parts, so that the next :meth:`run` or :meth:`update` fetches their rows again:
            the pages of a run that has not ended, the events of the same time, or everything for other datasets. Restore
            them from a backup instead if you can: the history cannot be fetched, and rows that are fetched again count as
            new. :attr:`doubts` says how many rows this concerns.

        Returns
        -------
        pandas.DataFrame
            One row for each problem that was found: ``file`` and ``problem``. Empty if there is none.

        Raises
        ------
        HarvestInUseError
            Another process is working on it, so boxnb cannot repair it now.
        """
        if not truth(repair, "repair"):
            return care.verify(self.folder, self._manifest)[0]
        self._require_started()
        with self._rounds.holding("verify"):
            problems, damaged = care.verify(self.folder, self._manifest)
            if damaged:
                care.repair(self.folder, self._manifest, damaged, self._rounds.now())
        return problems

    def forget(self, before: When) -> int:
        """
        Delete events from before a time, and rows of the history that were replaced before it; no later run fetches them.

        Returns
        -------
        int
            How many rows were deleted.
        """
        self._require_started()
        time = microseconds(time_of(before, timestamp(self._rounds.now())))
        with self._rounds.holding("forget"):
            return care.forget(self._kind, self.folder, self._manifest, time, self._rounds.now())

    def delete(self) -> None:
        """Delete this harvest's files. Nothing else in the folder is touched."""
        if self.folder.exists():
            self._rounds.require_same_owner_if_known()
            care.delete(self.folder, self._manifest)

    def _run_all(
        self, budget: Budget, executor: Any, lanes: int | None, *, update: bool, full: bool = False
    ) -> None:
        """Run or update the source, if there is one, and then this harvest, with one budget."""
        if self.source is not None:
            begun = bool(self._rounds.ended()) or not update
            if begun or not self.source.complete:
                self.source._run_all(budget, executor, lanes, update=update, full=full)
            if not self.source._rounds.is_idle():
                return
        self._rounds.work(budget, executor, lanes, update=update, full=full)

    def _source_rows(self) -> pa.Table:
        """Return the rows of the source."""
        if self.source is None:
            raise AssertionError("this harvest is not made from another one")
        return self.source._reader.rows()

    def __repr__(self) -> str:
        lines = "\n".join(f"  {label:<14} {value}" for label, value in self._facts())
        return f"Harvest {self.folder.name!r}\n{lines}"

    def _repr_html_(self) -> str:
        return card.html(self._facts(), self.folder.name)

    def _facts(self) -> list[tuple[str, str]]:
        try:
            if self._manifest.exists:
                self._rounds.require_same_owner()
            return card.facts(self._box, self._kind, self.arguments, self.folder, self._manifest)
        except (ArgumentError, HarvestError) as error:
            return card.unusable(self._kind, self.folder, str(error))

    def _require_started(self) -> None:
        if not self._manifest.exists or not self._manifest.rounds():
            raise HarvestError("This harvest has not been started. Call run() first.", self.folder)
        self._rounds.require_same_owner()

    def _described(self, frame: pd.DataFrame, *, complete: bool | None) -> pd.DataFrame:
        """Add what a pull says about itself to the ``attrs``."""
        rounds = self._manifest.rounds()
        ended = self._rounds.ended()
        last = ended[-1] if ended else rounds[-1]
        frame.attrs |= {
            "dataset": self.dataset,
            "profile": self._box.profile.name,
            "query": self.arguments,
            "complete": complete,
            "skipped": self._manifest.skipped(last.id),
            "fetched_at": timestamp(last.begun).isoformat(timespec="seconds"),
            "calls": sum(entry.calls for entry in rounds),
            "harvest": str(self.folder),
        }
        return frame
