"""Reads the entries of a slice, ahead of its fold, on a connection of its own."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple
from uuid import UUID

from infra.connections import fetch_at_once
from infra.database import Database
from infra.sql import load_statements
from projections.engine.event_reader import StoredEntry, read_ahead
from projections.projection import SliceOrder

_SQL = load_statements(__file__, "slice_reader.sql")


class Slice(NamedTuple):
    """A share of a tenant's log: originators and positions after the first and up to the second of each pair."""

    tenant_id: UUID
    number: int
    after_originator: UUID
    until_originator: UUID
    after_position: int
    until_position: int


@contextmanager
def read_slice(database: Database, piece: Slice, *, by: SliceOrder | None) -> Iterator[Iterator[list[StoredEntry]]]:
    """The slice's entries, some at a time: those of one originator together, or in the order of their positions.

    Iterating raises ServiceUnavailableError.
    """
    with closing(read_ahead(lambda: _chunks(database, piece, f"by_{by}"))) as chunks:
        yield chunks


def _chunks(database: Database, piece: Slice, statement: str) -> Generator[list[StoredEntry]]:
    """A snapshot is held as long as this runs: a slice is read within seconds."""
    with database.reading() as connection:
        connection.execute(_SQL["settings"])
        connection.execute(_SQL[statement], piece._asdict(), prepare=False)
        while entries := fetch_at_once(connection, _SQL["next"], [], StoredEntry._make):
            yield entries
