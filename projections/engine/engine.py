"""Folds logs into read models: claim, read, decode, load, fold, write and advance, in one transaction a batch."""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from infra.connections import Connection
from infra.database import Database
from infra.event_log.mapper import SealingMapper
from projections.engine.batch_fold import fold_chunks
from projections.engine.claims import PositionRange, advance, claim, position_ranges
from projections.engine.event_reader import Chunk, chunks, read_ahead, small_reads, streamed_reads
from projections.engine.facet_index import update_facets
from projections.engine.gc_pause import gc_paused
from projections.engine.poison_events import PoisonBatchError, isolate, refused_rows
from projections.engine.progress import Progress
from projections.engine.read_model_tables import ReadModelTables
from projections.engine.row_buffer import RowBuffer
from projections.engine.slices import Slices
from projections.projection import Projection

FOLLOW_BATCH = 500
REBUILD_BATCH = 100_000
DECODED_EVENTS_KEPT = 1_000
"""Events that stay decoded for a moment: every projection that follows folds the same ones, one after the other."""

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
        self.slices = Slices(database, mapper.read, on_stage)
        """The slices of logs that rebuilds fold by themselves."""
        self._decode = mapper.read
        self._decode_once = lru_cache(DECODED_EVENTS_KEPT)(mapper.read)
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
            return self._fold_batch(projection, limit, waiting=waiting, only=only)
        except PoisonBatchError as poison:
            folds = {
                tenant_id: partial(self._fold_batch, projection, only=tenant_id) for tenant_id in poison.checkpoints
            }
            return sum(isolate(self._database, projection, tenant_id, limit, fold) for tenant_id, fold in folds.items())

    def _fold_batch(
        self, projection: Projection[Any], limit: int, *, waiting: bool = True, only: UUID | None = None
    ) -> int:
        with gc_paused(), self._database.transaction() as connection:
            claims = claim(connection, projection, waiting=waiting, only=only)
            if not claims:
                return 0
            self._on_stage("claimed")
            rows = RowBuffer(connection, projection.table)
            with closing(self._read(connection, position_ranges(claims.values(), limit))) as read:
                decode = self._decode_once if limit <= FOLLOW_BATCH else self._decode
                fold_chunks(projection, decode, claims, read, rows, self._on_stage)
            with refused_rows(claims.values()):
                rows.write()
                update_facets(connection, projection, rows)
            self._on_stage("written")
            advance(connection, projection, claims.values())
            self._on_stage("advanced")
        self._on_stage("committed")
        return sum(tenant.folded for tenant in claims.values())

    def _read(self, connection: Connection, ranges: list[PositionRange]) -> Generator[Chunk]:
        """The ranges in chunks; if there are many, on a connection of their own, while earlier chunks are folded."""
        if sum(until - after for _, after, until in ranges) <= FOLLOW_BATCH:
            yield from chunks(small_reads(connection), ranges)
        else:
            yield from read_ahead(lambda: self._streamed(ranges))

    def _streamed(self, ranges: list[PositionRange]) -> Generator[Chunk]:
        with self._database.connection() as connection:
            yield from chunks(streamed_reads(connection), ranges)
