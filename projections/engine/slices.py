"""Slices of logs, which rebuilds fold in any order and in any processes, each in one transaction.

A slice is a share of a log's originators, or of its positions, up to one position that all slices of the log have in
common. A log that is cut into slices is held back from the batches of the engine until the last slice is folded; then
one transaction lets it go on from that position. A log of which a slice cannot be folded starts over without slices, so
that a poison event is found in the order of positions.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

from infra.connections import Connection
from infra.database import Database
from infra.sql import load_statements
from projections import sql_composition
from projections.engine.batch_fold import Decode
from projections.engine.gc_pause import gc_paused
from projections.engine.progress import version_of
from projections.engine.read_model_tables import NEARLY_DONE, ReadModelTables
from projections.engine.row_buffer import RowsRefusedError, refusals
from projections.engine.slice_fold import SliceRefusedError, SliceRows
from projections.engine.slice_reader import Slice, read_slice
from projections.engine.sums import write_sums
from projections.projection import Projection

_SQL = load_statements(__file__, "slices.sql")

EVENTS_PER_SLICE = 20_000
"""A slice takes about half a second: so much is folded again after a crash."""
SAMPLES_PER_SLICE = 20
MOST_SAMPLES = 20_000
_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)


class _Range(NamedTuple):
    """Originators and positions after the first and up to the second of each pair."""

    after_originator: UUID
    until_originator: UUID
    after_position: int
    until_position: int


class Slices:
    """The slices of every log that rebuilds have cut."""

    def __init__(
        self,
        database: Database,
        decode: Decode,
        on_stage: Callable[[str], None] = lambda _stage: None,
        events_per_slice: int = EVENTS_PER_SLICE,
    ) -> None:
        self._database = database
        self._decode = decode
        self._on_stage = on_stage
        self.events_per_slice = events_per_slice

    def begin_rebuild(self, projection: Projection[Any], tables: ReadModelTables, *, beside: bool = False) -> None:
        """Begin a rebuild with new tables, and cut the logs that are long enough; see ReadModelTables.reset."""
        with self._database.transaction() as connection:
            tables.reset(projection, beside=beside)
            if projection.sliced_by is not None:
                self._cut_logs(connection, projection)

    def fold_next(self, projection: Projection[Any], only: UUID | None = None) -> int:
        """Fold a slice that no other process is folding, of any tenant or `only` of one.

        Returns the number of events in it; 0 if there is none, or if its log has to start over without slices.
        """
        if projection.sliced_by is None:
            return 0
        try:
            folded = self._fold_next(projection, only)
        except SliceRefusedError as refusal:
            self._start_over(projection, refusal.tenant_id)
            return 0
        while self._merge_next(projection):
            pass
        return folded

    def _cut_logs(self, connection: Connection, projection: Projection[Any]) -> None:
        least = min(self.events_per_slice, NEARLY_DONE)
        logs = connection.execute(_SQL["logs_to_cut"], version_of(projection) | {"least": least}).fetchall()
        for tenant_id, head in logs:
            log = _log_of(projection, tenant_id)
            count = -(-head // self.events_per_slice)
            if projection.sliced_by == "position":
                ranges = _position_ranges(head, count)
            else:
                ranges = _originator_ranges(self._sample(connection, tenant_id, head, count), head, count)
            after_o, until_o, after_p, until_p = map(list, zip(*ranges, strict=True))
            columns = {"after_o": after_o, "until_o": until_o, "after_p": after_p, "until_p": until_p}
            connection.execute(_SQL["add_slices"], log | columns)
            connection.execute(_SQL["hold"], log)

    def _sample(self, connection: Connection, tenant_id: UUID, head: int, count: int) -> list[UUID]:
        """The originators of some of the log's events, in order."""
        distance = max(1, head // min(SAMPLES_PER_SLICE * count, MOST_SAMPLES))
        parameters = {"tenant_id": tenant_id, "head": head, "distance": distance}
        return [originator_id for (originator_id,) in connection.execute(_SQL["sample"], parameters).fetchall()]

    def _fold_next(self, projection: Projection[Any], only: UUID | None) -> int:
        with gc_paused(), self._database.transaction() as connection:
            claimed = connection.execute(_SQL["claim_slice"], version_of(projection) | {"only": only}).fetchone()
            if claimed is None:
                return 0
            self._on_stage("claimed")
            piece = Slice(*claimed)
            folded = self._copy(connection, projection, piece)
            self._on_stage("written")
            log = _log_of(projection, piece.tenant_id)
            connection.execute(_SQL["mark_folded"], log | {"number": piece.number, "folded": folded})
            self._on_stage("advanced")
        self._on_stage("committed")
        return folded

    def _copy(self, connection: Connection, projection: Projection[Any], piece: Slice) -> int:
        """Copy the slice's rows into the table as they are folded; returns the number of its events."""
        with read_slice(self._database, piece, by=projection.sliced_by) as chunks:
            rows = SliceRows(projection, self._decode, piece.tenant_id, chunks)
            try:
                with refusals(), connection.cursor().copy(sql_composition.copy_in(projection.table)) as copy:
                    for block in projection.table.lines.blocks(rows):
                        copy.write(block)
            except RowsRefusedError as error:
                raise SliceRefusedError(piece.tenant_id) from error
        return rows.events

    def _merge_next(self, projection: Projection[Any]) -> bool:
        """Let a log go on whose slices are all folded; returns whether there was one.

        A log with a gap starts over, which finds the gap, and so does one whose sums are refused.
        """
        try:
            with self._database.transaction() as connection:
                folded_log = connection.execute(_SQL["folded_log"], version_of(projection)).fetchone()
                if folded_log is None:
                    return False
                tenant_id, until, folded = folded_log
                log = _log_of(projection, tenant_id)
                whole = folded == until
                if whole:
                    write_sums(connection, projection, tenant_id)
                    connection.execute(_SQL["delete_slices"], log)
                    connection.execute(_SQL["release"], log | {"position": until})
        except RowsRefusedError:
            whole = False
        if not whole:
            self._start_over(projection, tenant_id)
        return True

    def _start_over(self, projection: Projection[Any], tenant_id: UUID) -> None:
        """Have the log folded in batches, from its beginning. Whoever folds one of its slices is waited for."""
        log = _log_of(projection, tenant_id)
        with self._database.transaction() as connection:
            connection.execute(_SQL["lock_log"], log)
            if connection.execute(_SQL["delete_slices"], log).rowcount:
                connection.execute(sql_composition.delete_tenant(projection.table), log)
                connection.execute(_SQL["release"], log | {"position": 0})


def _log_of(projection: Projection[Any], tenant_id: UUID) -> dict[str, Any]:
    return version_of(projection) | {"tenant_id": tenant_id}


def _position_ranges(head: int, count: int) -> list[_Range]:
    ends = [head * number // count for number in range(count + 1)]
    return [_Range(_FIRST, _LAST, after, until) for after, until in pairwise(ends)]


def _originator_ranges(sample: list[UUID], head: int, count: int) -> list[_Range]:
    """Ranges of originators with about as many events each; fewer ranges where an originator has very many."""
    ends = sorted({sample[len(sample) * number // count] for number in range(1, count) if sample})
    return [_Range(after, until, 0, head) for after, until in pairwise([_FIRST, *ends, _LAST])]
