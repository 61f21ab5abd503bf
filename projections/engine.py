"""Folds logs into read models: a batch of events, the rows they touch and the position move in one transaction."""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, suppress
from functools import lru_cache
from typing import Any, NamedTuple, cast
from uuid import UUID

from domain.errors import ServiceUnavailableError
from infra.connections import OWNER, Connection
from infra.database import Database
from infra.event_log.mapper import SealingMapper
from infra.sql import beside, literal
from projections import composed
from projections.collecting import collector_at_rest
from projections.folding import fold_pieces
from projections.indexes import indexes, tables
from projections.projection import Projection
from projections.reading import Batch, Piece, Stretch, ahead, claim, few, many, pieces, reason, stretches
from projections.writing import Rows, RowsRefusedError, refusals

_SQL = beside(__file__, "engine.sql")

FOLLOW_BATCH = 500
REBUILD_BATCH = 100_000
NEWS_KEPT = 1_000
"""Events that stay decoded for a moment: every projection that follows folds the same ones, one after the other."""
NEARLY_DONE = 5_000
"""With fewer events left than this, a rebuild may end: what is left is followed."""

POINTS = ("claimed", "read", "loaded", "folded", "written", "advanced", "committed")
"""What a step passes, in this order; reading, loading and folding may repeat."""


class Work(NamedTuple):
    """What there is to do for a projection."""

    projection: Projection[Any]
    news: bool
    unenrolled: bool
    rebuilding: bool


class Pulse(NamedTuple):
    """What changes whenever there may be something to do. Positions only grow, so their sum tells of every append."""

    positions: int
    tenants: int
    rebuilds: int
    failures: int
    waiting: bool
    """Whether a tenant waits for a key."""


class _Refused(Exception):  # noqa: N818 - no error of its own: it carries one out of the transaction
    """A batch whose rows cannot be written: its tenants with their positions, and why."""

    def __init__(self, places: dict[UUID, int], why: str) -> None:
        super().__init__(why)
        self.places = places


class Engine:
    """Keeps projections up to date with every tenant's log. Any number may work at once, in any processes."""

    def __init__(
        self,
        database: Database,
        mapper: SealingMapper,
        projections: Iterable[Projection[Any]],
        probe: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self._database = database
        self._decode = mapper.read
        self._decode_once = lru_cache(NEWS_KEPT)(mapper.read)
        self._probe = probe
        self.projections = tuple(projections)

    def install(self) -> None:
        """Create the tables that are not there yet. Where there are events already, the read model is made anew."""
        with self._database.connection() as connection:
            if not self._missing(connection):
                return
        with self._database.transaction() as connection:
            connection.execute(_SQL["lock_progress"])
            logged = connection.execute(_SQL["logged"]).fetchone() is not None
            for projection in self._missing(connection):
                if logged:
                    connection.execute(_SQL["begin_rebuild"], _named(projection))
                    connection.execute(tables(projection))
                else:
                    _create(connection, projection)

    def enrol(self) -> None:
        """Let every tenant's log be followed."""
        with self._database.transaction() as connection:
            connection.execute(_SQL["may_enrol"])
            connection.execute(_SQL["enrol"], self._names())

    def pulse(self) -> Pulse:
        """Whether anything has changed is told by two pulses, in a hundredth of the time that `work` takes."""
        with self._database.connection() as connection:
            (row,) = connection.execute(_SQL["pulse"]).fetchall()
        return Pulse(*row)

    def work(self, *, waiting: bool = True) -> list[Work]:
        """What there is to do; `waiting` says whether tenants that wait for a key are news."""
        with self._database.connection() as connection:
            rows = connection.execute(_SQL["work"], {**self._names(), "waiting": waiting}).fetchall()
        found = {(name, version): flags for name, version, *flags in rows}
        return [Work(p, *map(bool, found.get((p.name, p.version), (False,) * 3))) for p in self.projections]

    def step(
        self,
        projection: Projection[Any],
        limit: int = FOLLOW_BATCH,
        *,
        waiting: bool = True,
        only: UUID | None = None,
    ) -> int:
        """Fold one batch of at most about `limit` events; returns how many were folded, 0 if there are no news.

        They are of any tenants, or of one alone.

        An event whose row the database refuses for good stops its tenant, as one does that cannot be folded.
        """
        try:
            return self._step(projection, limit, waiting=waiting, only=only)
        except _Refused as refused:
            return sum(self._isolate(projection, tenant_id, limit) for tenant_id in refused.places)

    def reset(self, projection: Projection[Any], *, indexed: bool = False) -> None:
        """Start the read model over, with tables made anew; those of other versions stay as they are.

        The indexes that only lists need are made at the end, unless they are asked for now.
        """
        names = _named(projection)
        with self._database.transaction() as connection:
            connection.execute(_SQL["none_enrol"])
            connection.execute(_SQL["begin_rebuild"], names)
            connection.execute(_SQL["hold"], names)
            connection.execute(composed.drop(projection.table.name))
            if indexed:
                _create(connection, projection)
                connection.execute(_SQL["end_rebuild"], names)
            else:
                connection.execute(tables(projection))
            connection.execute(_SQL["reset"], names)
            connection.execute(_SQL["enrol"], {"projections": [projection.name], "versions": [projection.version]})

    def rebuilding(self, projection: Projection[Any]) -> bool:
        """Whether the read model is being made anew and lacks its indexes."""
        names = _named(projection)
        with self._database.connection() as connection:
            return connection.execute(_SQL["rebuilding"], names).fetchone() is not None

    def finish(self, projection: Projection[Any]) -> bool:
        """End a rebuild that has come to the end of the logs, by making the indexes; returns whether that was done.

        Nobody folds meanwhile. If an index refuses a row, the rebuild starts over with the indexes in place, which
        finds the event that made the row.
        """
        try:
            finished = self._finish(projection)
        except RowsRefusedError:
            self.reset(projection, indexed=True)
            return False
        if finished:
            self._vacuum(projection)
        return finished

    def done(self, projection: Projection[Any]) -> tuple[int, int, int]:
        """How many events are folded, of how many, and for how many tenants the projection has stopped."""
        names = _named(projection)
        with self._database.connection() as connection:
            row = connection.execute(_SQL["done"], names).fetchone()
        return cast(tuple[int, int, int], row)

    def left(self, projection: Projection[Any]) -> int:
        """How many events wait to be folded, without those that a failure holds back."""
        names = _named(projection)
        with self._database.connection() as connection:
            (row,) = connection.execute(_SQL["left"], names).fetchall()
        return int(row[0])

    def lag(self) -> list[tuple[Any, ...]]:
        """Per projection and tenant: name, version, tenant's name and id, position, head, failed position, failure."""
        with self._database.connection() as connection:
            return connection.execute(_SQL["lag"], self._names()).fetchall()

    def failures(self) -> list[tuple[Any, ...]]:
        """Where projections have stopped or wait: name, version, tenant, the last position folded, why."""
        with self._database.connection() as connection:
            return connection.execute(_SQL["failures"], self._names()).fetchall()

    def waiting(self) -> tuple[int, float]:
        """How many events are folded by all projections, and for how many seconds the first one that is not waits.

        Without those that a failure or a rebuild holds back.
        """
        with self._database.connection() as connection:
            row = connection.execute(_SQL["oldest_news"], self._names()).fetchone()
        return cast(tuple[int, float], row)

    def retry(self, projection: Projection[Any]) -> None:
        """Let the projection try again where it has stopped."""
        with self._database.transaction() as connection:
            connection.execute(_SQL["retry"], _named(projection))

    def _names(self) -> dict[str, list[Any]]:
        return {
            "projections": [p.name for p in self.projections],
            "versions": [p.version for p in self.projections],
        }

    def _missing(self, connection: Connection) -> list[Projection[Any]]:
        wanted = {"tables": [p.table.name for p in self.projections]}
        there = {name for (name,) in connection.execute(_SQL["tables_present"], wanted).fetchall()}
        return [p for p in self.projections if p.table.name not in there]

    def _step(self, projection: Projection[Any], limit: int, *, waiting: bool = True, only: UUID | None = None) -> int:
        with collector_at_rest(), self._database.transaction() as connection:
            batches = claim(connection, projection, waiting=waiting, only=only)
            if not batches:
                return 0
            self._probe("claimed")
            rows = Rows(connection, projection.table)
            with closing(self._read(connection, stretches(batches.values(), limit))) as read:
                decode = self._decode_once if limit <= FOLLOW_BATCH else self._decode
                fold_pieces(projection, decode, batches, read, rows, self._probe)
            try:
                rows.write()
            except RowsRefusedError as error:
                places = {batch.tenant_id: batch.position for batch in batches.values()}
                raise _Refused(places, reason(cast(Exception, error.__cause__))) from error
            self._probe("written")
            _advance(connection, projection, batches.values())
            self._probe("advanced")
        self._probe("committed")
        return sum(batch.folded for batch in batches.values())

    def _read(self, connection: Connection, wanted: list[Stretch]) -> Generator[Piece]:
        """What is wanted, in pieces; more than one of them on a connection of its own, while others are folded."""
        if sum(until - after for _, after, until in wanted) <= FOLLOW_BATCH:
            yield from pieces(few(connection), wanted)
        else:
            yield from ahead(lambda: self._elsewhere(wanted))

    def _elsewhere(self, wanted: list[Stretch]) -> Generator[Piece]:
        with self._database.connection() as connection:
            yield from pieces(many(connection), wanted)

    def _isolate(self, projection: Projection[Any], tenant_id: UUID, limit: int) -> int:
        """Fold one tenant's news in ever smaller batches, until an event whose row is refused stands alone."""
        folded, size = 0, limit
        while folded < limit:
            try:
                worked = self._step(projection, size, only=tenant_id)
            except _Refused as refused:
                if size == 1:
                    self._fail(projection, refused)
                    break
                size = (size + 1) // 2
            else:
                folded += worked
                if not worked:
                    break
        return folded

    def _fail(self, projection: Projection[Any], refused: _Refused) -> None:
        names = {**_named(projection), "failure": str(refused)}
        ((tenant_id, position),) = refused.places.items()
        with self._database.connection() as connection:
            connection.execute(_SQL["fail"], {**names, "tenant_id": tenant_id, "position": position})

    def _finish(self, projection: Projection[Any]) -> bool:
        names = _named(projection)
        if self.left(projection) > NEARLY_DONE:
            return False
        with self._database.transaction() as connection:
            if connection.execute(_SQL["take_rebuild"], names).fetchone() is None:
                return False
            connection.execute(_SQL["hold"], names)
            if self.left(projection) > NEARLY_DONE:
                return False
            connection.execute(_SQL["roomy"])
            with refusals(), connection.patient(OWNER.answer):
                for index in indexes(projection):
                    connection.execute(index)
                connection.execute(composed.analyze(projection.table))
            connection.execute(_SQL["end_rebuild"], names)
        return True

    def _vacuum(self, projection: Projection[Any]) -> None:
        """Let indexes answer without a look at each row: PostgreSQL would do it by itself, some minutes later."""
        with suppress(ServiceUnavailableError), self._database.connection() as connection:
            connection.execute(composed.vacuum(projection.table))


def _named(projection: Projection[Any]) -> dict[str, Any]:
    return {"projection": projection.name, "version": projection.version}


def _create(connection: Connection, projection: Projection[Any]) -> None:
    connection.execute(literal(projection.tables_sql.read_text()))


def _advance(connection: Connection, projection: Projection[Any], batches: Iterable[Batch]) -> None:
    moved: dict[str, list[Any]] = defaultdict(list)
    for batch in batches:
        moved["tenant_ids"].append(batch.tenant_id)
        moved["positions"].append(batch.position + batch.folded)
        moved["failed"].append(batch.failed_position)
        moved["failures"].append(batch.failure)
    names = _named(projection)
    if connection.execute(_SQL["advance"], names | moved).rowcount != len(moved["tenant_ids"]):
        raise ServiceUnavailableError("The read model was started over meanwhile.")
