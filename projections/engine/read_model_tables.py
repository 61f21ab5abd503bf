"""The tables of read models: created at the start, dropped and created anew by a rebuild, indexed at its end."""

from contextlib import suppress
from typing import Any, LiteralString

from domain.errors import ServiceUnavailableError
from infra.connections import OWNER, Connection
from infra.database import Database
from infra.sql import literal, load_statements
from projections import sql_composition
from projections.engine.builds import require_unused
from projections.engine.facet_index import build_facets
from projections.engine.progress import Progress, version_of
from projections.engine.row_buffer import RowsRefusedError, refusals
from projections.projection import Projection

_SQL = load_statements(__file__, "read_model_tables.sql")

NEARLY_DONE = 5_000
"""A rebuild may end once fewer events than this are left to fold: those are followed."""


class ReadModelTables:
    """The tables of some projections, and their rebuilds."""

    def __init__(self, database: Database, progress: Progress) -> None:
        self._database = database
        self._progress = progress

    def install(self) -> None:
        """Create the tables that do not exist. Where events exist already, the read model is rebuilt."""
        with self._database.connection() as connection:
            if not self._missing(connection):
                return
        with self._database.transaction() as connection:
            connection.execute(_SQL["lock_progress_table"])
            any_event = connection.execute(_SQL["any_event"]).fetchone() is not None
            for projection in self._missing(connection):
                if any_event:
                    connection.execute(_SQL["begin_rebuild"], version_of(projection))
                    connection.execute(_tables(projection))
                else:
                    _create(connection, projection)

    def reset(self, projection: Projection[Any], *, indexed: bool = False, beside: bool = False) -> None:
        """Begin a rebuild with new tables; those of other versions and builds stay as they are.

        The indexes that only lists need are created at its end, unless `indexed`. Quarantined events are tried again.
        BuildInUseError if nobody is to be served from it, `beside` another build, and somebody is.
        """
        version = version_of(projection)
        with self._database.transaction() as connection:
            connection.execute(_SQL["block_enrolment"])
            connection.execute(_SQL["begin_rebuild"], version)
            connection.execute(_SQL["lock_progress_rows"], version)
            if beside:
                require_unused(connection, projection)
            connection.execute(_SQL["delete_slices"], version)
            connection.execute(sql_composition.drop(projection.table.name))
            if indexed:
                _create(connection, projection)
                connection.execute(_SQL["end_rebuild"], version)
            else:
                connection.execute(_tables(projection))
            connection.execute(_SQL["delete_progress"], version)
            Progress(self._database, (projection,)).enrol()

    def rebuilding(self, projection: Projection[Any]) -> bool:
        """Whether the read model is being rebuilt and lacks its indexes."""
        with self._database.connection() as connection:
            return connection.execute(_SQL["rebuilding"], version_of(projection)).fetchone() is not None

    def present(self, projection: Projection[Any]) -> bool:
        """Whether the build has a table."""
        with self._database.connection() as connection:
            return bool(connection.execute(_SQL["tables_present"], {"tables": [projection.table.name]}).fetchall())

    def finish(self, projection: Projection[Any]) -> bool:
        """End a rebuild that has reached the end of the logs, by creating the indexes; returns whether it ended.

        No process folds meanwhile. If an index refuses a row, the rebuild starts over with the indexes in place, which
        finds the poison event.
        """
        try:
            finished = self._finish(projection)
        except RowsRefusedError:
            self.reset(projection, indexed=True)
            return False
        if finished:
            self._vacuum(projection)
        return finished

    def _missing(self, connection: Connection) -> list[Projection[Any]]:
        projections = self._progress.projections
        names = {"tables": [build.table.name for p in projections for build in p.builds]}
        present = {name for (name,) in connection.execute(_SQL["tables_present"], names).fetchall()}
        return [p for p in projections if present.isdisjoint(build.table.name for build in p.builds)]

    def _finish(self, projection: Projection[Any]) -> bool:
        version = version_of(projection)
        if self._progress.backlog(projection) > NEARLY_DONE:
            return False
        with self._database.transaction() as connection:
            if connection.execute(_SQL["claim_rebuild"], version).fetchone() is None:
                return False
            connection.execute(_SQL["lock_progress_rows"], version)
            if self._progress.backlog(projection) > NEARLY_DONE:
                return False
            connection.execute(_SQL["index_build_settings"])
            with refusals(), connection.patient(OWNER.answer):
                for index in _indexes(projection):
                    connection.execute(index)
                connection.execute(sql_composition.analyze(projection.table))
                if projection.facets is not None:
                    build_facets(connection, projection, projection.facets)
            connection.execute(_SQL["end_rebuild"], version)
        return True

    def _vacuum(self, projection: Projection[Any]) -> None:
        """Let indexes answer without reading each row: PostgreSQL would do it by itself, some minutes later."""
        with suppress(ServiceUnavailableError), self._database.connection() as connection:
            for table in projection.tables:
                connection.execute(sql_composition.vacuum(table))


def _create(connection: Connection, projection: Projection[Any]) -> None:
    connection.execute(_tables(projection))
    for index in _indexes(projection):
        connection.execute(index)


def _tables(projection: Projection[Any]) -> LiteralString:
    """Creates the table, its key and its view."""
    return _filled(projection, "tables.sql")


def _indexes(projection: Projection[Any]) -> list[LiteralString]:
    """One statement for each index; none if there is no `indexes.sql`."""
    if not (projection.folder / "indexes.sql").exists():
        return []
    statements = map(str.strip, _filled(projection, "indexes.sql").split(";"))
    return [literal(statement) for statement in statements if statement]


def _filled(projection: Projection[Any], name: str) -> LiteralString:
    text = (projection.folder / name).read_text().replace("{table}", projection.table.name)
    if projection.derived_from is not None:
        text = text.replace("{listed}", projection.derived_from.table.name)
    return literal(text)
