"""The sets of facets: kept with every batch that changes rows, and built at the end of a rebuild like an index."""

from collections import defaultdict
from itertools import groupby
from typing import Any

from infra.connections import Connection
from infra.sql import load_statements
from projections import sql_composition
from projections.engine.progress import version_of
from projections.engine.row_buffer import RowBuffer
from projections.facets import CHUNK, CHUNK_BITS, Facet, FacetRow, Facets, bits, decode, encode, encode_list
from projections.projection import Projection

_SQL = load_statements(__file__, "read_model_tables.sql")
FETCHED_ROWS = 2_000
"""The rows that are read at once to build the sets."""


def update_facets(connection: Connection, projection: Projection[Any], rows: RowBuffer) -> None:
    """Write the sets whose members the rows of a batch change, unless the end of a rebuild will build them.

    RowsRefusedError if a set can never be written.
    """
    if projection.facets is None:
        return
    added, removed = _changes(projection.facets, rows)
    if not (added or removed):
        return
    if connection.execute(_SQL["rebuilding"], version_of(projection)).fetchone() is not None:
        return
    sets = RowBuffer(connection, projection.facet_table)
    keys = added.keys() | removed.keys()
    sets.load(keys)
    for key in keys:
        before = sets.get(key)
        members = decode(before.members, before.places) if before else 0
        members = (members & ~bits(removed.get(key, ()))) | bits(added.get(key, ()))
        if members:
            sets[key] = FacetRow._make((*key, *encode(members)))
        else:
            sets.pop(key, None)
    sets.write()


def build_facets(connection: Connection, projection: Projection[Any]) -> None:
    """Fill the empty table with the sets of all rows, chunk by chunk."""
    if projection.facets is None:
        return
    facets, table = projection.facets, projection.facet_table
    query = sql_composition.every_row(projection.table, facets.row._fields, ("tenant_id", "created_position"))
    with connection.cursor("faceted", binary=True) as cursor:
        cursor.itersize = FETCHED_ROWS
        rows = map(facets.row._make, cursor.execute(query))
        for (tenant_id, chunk), members in groupby(rows, lambda r: (r.tenant_id, r.created_position >> CHUNK_BITS)):
            sets: dict[Facet, list[int]] = defaultdict(list)
            for member in members:
                place = member.created_position & (CHUNK - 1)
                for facet in facets.of(member):
                    sets[facet].append(place)
            made = (FacetRow(tenant_id, *facet, chunk, *encode_list(places)) for facet, places in sets.items())
            with connection.cursor().copy(sql_composition.copy_in(table)) as copy:
                for block in table.lines.blocks(made):
                    copy.write(block)
    connection.execute(sql_composition.analyze(table))


def _changes(facets: Facets, rows: RowBuffer) -> tuple[dict[Any, list[int]], dict[Any, list[int]]]:
    """The places that sets gain, and those that they lose, by the keys of the sets."""
    added: dict[Any, list[int]] = defaultdict(list)
    removed: dict[Any, list[int]] = defaultdict(list)
    none = frozenset[Facet]()
    for before, after in rows.changes():
        row = before if after is None else after
        chunk, place = divmod(row.created_position, CHUNK)
        old = facets.of(before) if before is not None else none
        new = facets.of(after) if after is not None else none
        for facet in new - old:
            added[row.tenant_id, *facet, chunk].append(place)
        for facet in old - new:
            removed[row.tenant_id, *facet, chunk].append(place)
    return added, removed
