"""Folds logs into read models: claim, read, decode, load, fold, write and advance, in one transaction a batch."""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

from infra.connections import Connection
from infra.database import Database
from infra.event_log.fold_reader import FoldReader
from infra.event_log.mapper import SealingMapper
from projections.engine.batch_fold import fold_chunks
from projections.engine.claims import Claim, advance, claim
from projections.engine.event_reader import Chunk, chunks, read_ahead, small_reads, streamed_reads
from projections.engine.facet_index import update_facets
from projections.engine.gc_pause import gc_paused
from projections.engine.poison_events import PoisonBatchError, isolate, refused_rows
from projections.engine.progress import Progress
from projections.engine.read_model_tables import ReadModelTables
from projections.engine.row_buffer import RowBuffer
from projections.engine.segments import PositionRange, segments
from projections.engine.slices import Slices
from projections.engine.sums import add_to_sums
from projections.projection import Projection

FOLLOW_BATCH = 500
REBUILD_BATCH = 100_000

STAGES = ("claimed", "read", "loaded", "folded", "written", "advanced", "committed")
"""The stages of a batch, in order; reading, loading and folding may repeat."""


class Engine:
    """Keeps projections up to date with every tenant's log. Any number may work at once, in any processes."""

    def __init__(
        self,
        database: Database,
        mapper: SealingMapper,
        projections: Iterable[Projection[Any]],
        on_stage: Callable[[str], None] = lambda _stage: None,
    ) -> None:
        self._database = database
        self.projections = tuple(projections)
        self.progress = Progress(database, self.projections)
        """The checkpoints of the projections."""
        self.tables = ReadModelTables(database, self.progress)
        """The tables that the projections fill."""
        self._decode = FoldReader(mapper).read
        self.slices = Slices(database, self._decode, on_stage)
        """The slices of logs that rebuilds fold by themselves."""
        self._on_stage = on_stage

    def step(
        self,
        projection: Projection[Any],
        limit: int = FOLLOW_BATCH,
        *,
        waiting: bool = True,
        only: UUID | None = None,
    ) -> int:
        """Fold one batch of about `limit` events of any tenants, or `only` of one; returns the number of events folded.

        Beyond what one follows live, slices come first, whatever `limit` says.
        A poison event stops its tenant: one that cannot be folded, or whose row the database refuses for good.
        """
        if limit > FOLLOW_BATCH and (folded := self.slices.fold_next(projection, only)):
            return folded
        try:
            return _folded(self._fold_batch([projection], limit, waiting=waiting, only=only))
        except PoisonBatchError as poison:
            return sum(self._isolate(projection, tenant_id, limit) for tenant_id in poison.checkpoints)

    def follow(self, projections: Sequence[Projection[Any]], *, waiting: bool = True) -> int:
        """Fold one batch of about 500 events into all the projections at once; returns the number of events folded.

        Each event counts once for each projection. Where that is not possible, each projection folds a batch by itself:
        those that stand far behind others, and all of them if the database refuses a row of one.
        """
        try:
            claims = self._fold_batch(projections, FOLLOW_BATCH, waiting=waiting)
        except PoisonBatchError:
            return sum(self.step(projection, waiting=waiting) for projection in projections)
        behind = {each.projection.table.name for each in claims if not each.folded and each.failure is None}
        return _folded(claims) + sum(self.step(p, waiting=waiting) for p in projections if p.table.name in behind)

    def _isolate(self, projection: Projection[Any], tenant_id: UUID, limit: int) -> int:
        def fold_batch(size: int) -> int:
            return _folded(self._fold_batch([projection], size, only=tenant_id))

        return isolate(self._database, projection, tenant_id, limit, fold_batch)

    def _fold_batch(
        self, projections: Sequence[Projection[Any]], limit: int, *, waiting: bool = True, only: UUID | None = None
    ) -> list[Claim]:
        """Fold one batch into all the projections; returns their claims, of which some may have been left alone."""
        with gc_paused():  # around the call: nothing of the batch is left for the collector to look at
            return self._fold(projections, limit, waiting=waiting, only=only)

    def _fold(
        self, projections: Sequence[Projection[Any]], limit: int, *, waiting: bool, only: UUID | None
    ) -> list[Claim]:
        with self._database.transaction() as connection:
            claims = claim(connection, projections, waiting=waiting, only=only)
            if not claims:
                return []
            self._on_stage("claimed")
            parts = segments(claims, limit)
            reached = [each for segment in parts.values() for each in segment.claims]
            tables = {each.projection.table.name for each in reached}
            rows = {p.table.name: RowBuffer(connection, p.table) for p in projections if p.table.name in tables}
            with closing(self._read(connection, [segment.range for segment in parts.values()])) as read:
                fold_chunks(self._decode, parts, read, rows, self._on_stage)
            with refused_rows(reached):
                for projection in projections:
                    if projection.table.name in tables:
                        _write(connection, projection, rows[projection.table.name])
            self._on_stage("written")
            advance(connection, reached)
            self._on_stage("advanced")
        self._on_stage("committed")
        return claims

    def _read(self, connection: Connection, ranges: list[PositionRange]) -> Generator[Chunk]:
        """The ranges in chunks; if there are many, on a connection of their own, while earlier chunks are folded."""
        if sum(until - after for _, after, until in ranges) <= FOLLOW_BATCH:
            yield from chunks(small_reads(connection), ranges)
        else:
            yield from read_ahead(lambda: self._streamed(ranges))

    def _streamed(self, ranges: list[PositionRange]) -> Generator[Chunk]:
        with self._database.connection() as connection:
            yield from chunks(streamed_reads(connection), ranges)


def _write(connection: Connection, projection: Projection[Any], rows: RowBuffer) -> None:
    """Write what a batch changes: rows, their sums, and the sets of their facets. RowsRefusedError."""
    if projection.sums is not None:
        add_to_sums(rows, projection.sums)
    rows.write()
    if projection.facets is not None:
        update_facets(connection, projection, projection.facets, rows)


def _folded(claims: Iterable[Claim]) -> int:
    return sum(each.folded for each in claims)
