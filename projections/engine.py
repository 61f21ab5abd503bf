"""Folds logs into read models: a batch of events, the rows they touch and the position move in one transaction."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from psycopg.types.json import Json

from domain.errors import KeyUnavailableError, ServiceUnavailableError
from domain.event import Recorded
from infra.database import Connection, Database
from infra.event_log.mapper import SealingMapper
from infra.event_log.recorder import LogEntry
from infra.sql import beside, literal
from projections import composed
from projections.projection import Key, Projection, Table, apply

_SQL = beside(__file__, "engine.sql")

FOLLOW_BATCH = 500
REBUILD_BATCH = 5_000
TENANTS_PER_BATCH = 100


@dataclass
class Batch:
    """The news of one tenant, and how far it could be folded."""

    tenant_id: UUID
    position: int
    news: list[Recorded] = field(default_factory=list)
    failed_position: int | None = None
    failure: str | None = None

    def wait(self, error: Exception) -> None:
        """Hold the tenant back until what is missing is there; it is asked for again with every batch."""
        self.failure = str(error)

    def fail(self, position: int, error: Exception) -> None:
        """Stop before the position; nothing after it is folded until somebody has looked."""
        self.failed_position = position
        self.failure = f"{type(error).__name__}: {error}"[:1_000]


class Engine:
    """Keeps projections up to date with every tenant's log. Any number may work at once, in any processes."""

    def __init__(self, database: Database, mapper: SealingMapper, projections: Iterable[Projection[Any]]) -> None:
        self._database = database
        self._mapper = mapper
        self.projections = tuple(projections)

    def install(self) -> None:
        """Create the tables that are not there yet."""
        with self._database.transaction() as connection:
            connection.execute(_SQL["lock_progress"])
            for projection in self.projections:
                row = connection.execute(_SQL["tables_present"], {"table": projection.table.name}).fetchone()
                if row is None or not row[0]:
                    _create(connection, projection)

    def enrol(self) -> None:
        """Let every tenant's log be followed."""
        with self._database.transaction() as connection:
            connection.execute(_SQL["enrol"], self._names())

    def step(self, projection: Projection[Any], limit: int = FOLLOW_BATCH) -> int:
        """Fold one batch of at most about `limit` events; returns how many were folded, 0 if there are no news."""
        with self._database.transaction() as connection:
            batches = self._claim(connection, projection, limit)
            if not batches:
                return 0
            rows = _load(connection, projection.table, _touched(projection, batches))
            before = dict(rows)
            for batch in batches:
                _fold(projection, rows, batch)
            _write(connection, projection.table, before, rows)
            _advance(connection, projection, batches)
        return sum(len(batch.news) for batch in batches)

    def reset(self, projection: Projection[Any]) -> None:
        """Start the read model over, with tables made anew; those of older versions go."""
        with self._database.transaction() as connection:
            connection.execute(_SQL["lock_progress"])
            for version in range(1, projection.version + 1):
                connection.execute(composed.drop(f"{projection.name}_v{version}"))
            _create(connection, projection)
            connection.execute(_SQL["reset"], {"projection": projection.name})
        self.enrol()

    def done(self, projection: Projection[Any]) -> tuple[int, int, int]:
        """How many events are folded, of how many, and for how many tenants the projection has stopped."""
        names = {"projection": projection.name, "version": projection.version}
        with self._database.connection() as connection:
            row = connection.execute(_SQL["done"], names).fetchone()
        return cast(tuple[int, int, int], row)

    def lag(self) -> list[tuple[Any, ...]]:
        """Per projection and tenant: name, version, tenant's name and id, position, head, failed position, failure."""
        with self._database.connection() as connection:
            return connection.execute(_SQL["lag"], self._names()).fetchall()

    def failures(self) -> list[tuple[Any, ...]]:
        """Where projections have stopped or wait: name, version, tenant, the last position folded, why."""
        with self._database.connection() as connection:
            return connection.execute(_SQL["failures"], self._names()).fetchall()

    def retry(self, projection: Projection[Any]) -> None:
        """Let the projection try again where it has stopped."""
        with self._database.transaction() as connection:
            connection.execute(_SQL["retry"], {"projection": projection.name})

    def _names(self) -> dict[str, list[Any]]:
        return {
            "projections": [p.name for p in self.projections],
            "versions": [p.version for p in self.projections],
        }

    def _claim(self, connection: Connection, projection: Projection[Any], limit: int) -> list[Batch]:
        names = {"projection": projection.name, "version": projection.version, "tenants": TENANTS_PER_BATCH}
        claimed = connection.execute(_SQL["claim"], names).fetchall()
        batches = {tenant_id: Batch(tenant_id, position) for tenant_id, position in claimed}
        if batches:
            asked = {
                "tenant_ids": list(batches),
                "positions": [batch.position for batch in batches.values()],
                "each": max(1, limit // len(batches)),
            }
            for tenant_id, *entry in connection.execute(_SQL["news"], asked).fetchall():
                self._decode(batches[tenant_id], LogEntry(*entry))
        return list(batches.values())

    def _decode(self, batch: Batch, entry: LogEntry) -> None:
        if batch.failure is not None:
            return
        try:
            event = self._mapper.to_domain_event(entry)
        except KeyUnavailableError as error:
            batch.wait(error)
        except ServiceUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an entry does, only its tenant stops
            batch.fail(entry.id, error)
        else:
            batch.news.append(Recorded(event, entry.id, entry.effective_at))


def _create(connection: Connection, projection: Projection[Any]) -> None:
    connection.execute(literal(projection.tables_sql.read_text()))


def _touched(projection: Projection[Any], batches: Sequence[Batch]) -> list[Key]:
    news = (recorded for batch in batches for recorded in batch.news)
    return list(dict.fromkeys(key for recorded in news for key in projection.keys(recorded.event)))


def _fold(projection: Projection[Any], rows: dict[Key, Any], batch: Batch) -> None:
    for index, recorded in enumerate(batch.news):
        try:
            apply(rows, projection.fold(rows, recorded))
        except Exception as error:  # noqa: BLE001 - whatever a fold does, only its tenant stops
            batch.fail(recorded.position, error)
            del batch.news[index:]
            return


def _load(connection: Connection, table: Table[Any], keys: Sequence[Key]) -> dict[Key, Any]:
    if not keys:
        return {}
    found = connection.execute(composed.load(table), _columns(keys)).fetchall()
    rows = (table.row(*values) for values in found)
    return {table.key_of(row): row for row in rows}


def _write(connection: Connection, table: Table[Any], before: dict[Key, Any], after: dict[Key, Any]) -> None:
    """Replace what changed: rows that were there are deleted, rows that are there now are copied in."""
    new = [row for key, row in after.items() if before.get(key) is not row]
    old = [key for key, row in before.items() if after.get(key) is not row]
    if old:
        connection.execute(composed.delete(table), _columns(old))
    if new:
        plain, json = table.columns, table.json
        with connection.cursor().copy(composed.copy_in(table)) as copy:
            for row in new:
                copy.write_row([_cell(getattr(row, name), name in json) for name in plain])


def _cell(value: object, is_json: bool) -> object:  # noqa: FBT001
    return Json(value) if is_json and value is not None else value


def _columns(keys: Sequence[Key]) -> list[list[Any]]:
    return [list(column) for column in zip(*keys, strict=True)]


def _advance(connection: Connection, projection: Projection[Any], batches: Sequence[Batch]) -> None:
    moved: dict[str, list[Any]] = defaultdict(list)
    for batch in batches:
        moved["tenant_ids"].append(batch.tenant_id)
        moved["positions"].append(batch.news[-1].position if batch.news else batch.position)
        moved["failed"].append(batch.failed_position)
        moved["failures"].append(batch.failure)
    connection.execute(_SQL["advance"], {"projection": projection.name, "version": projection.version, **moved})
