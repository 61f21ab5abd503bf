"""The sets of facets: kept with every batch that changes rows, and built at the end of a rebuild like an index."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, LiteralString
from uuid import UUID

from infra.connections import Connection
from infra.sql import literal, load_statements
from projections import sql_composition
from projections.engine.copy_format import text_array
from projections.engine.progress import version_of
from projections.engine.row_buffer import RowBuffer, refusals
from projections.facets import BLOCK, CHUNK, Facet, FacetRow, Facets, encode_changed, encode_listed
from projections.projection import Projection

_SQL = load_statements(__file__, "facet_index.sql")

Created = tuple[UUID, int]
"""A row: its tenant, and the position at which it was created."""
Members = dict[tuple[UUID, int], dict[Facet, list[int]]]
"""The places of rows by the tenant and the chunk, and by the facet."""


def update_facets(connection: Connection, projection: Projection[Any], facets: Facets, rows: RowBuffer) -> None:
    """Write the sets whose members the rows of a batch change, unless the end of a rebuild will build them.

    RowsRefusedError if a set can never be written.
    """
    changes = [(before is None, row, *facets.changes(before, row)) for before, row in rows.changes()]
    changed = {(row.tenant_id, row.created_position): new for new, row, lost, gained in changes if lost or gained}
    places = _placed(connection, projection, changed) if changed else None
    if not places:
        return
    removed: Members = defaultdict(lambda: defaultdict(list))
    added: Members = defaultdict(lambda: defaultdict(list))
    for _, row, lost, gained in changes:
        if lost or gained:
            chunk, place = divmod(places[row.tenant_id, row.created_position], CHUNK)
            for members, facets_of_row in ((removed, lost), (added, gained)):
                if facets_of_row:
                    of_chunk = members[row.tenant_id, chunk]
                    for facet in facets_of_row:
                        of_chunk[facet].append(place)
    _write(connection, projection, _by_set(removed), _by_set(added))


def _by_set(members: Members) -> dict[Any, list[int]]:
    """The members by the keys of their sets. Until here UUIDs, which are hashed in Python, are looked up once a row."""
    return {
        (tenant_id, *facet, chunk): places
        for (tenant_id, chunk), of_chunk in members.items()
        for facet, places in of_chunk.items()
    }


def build_facets(connection: Connection, projection: Projection[Any], facets: Facets) -> None:
    """Fill the empty tables with the places and the sets of all rows, a chunk's worth of rows at a time."""
    table = projection.facet_table
    connection.execute(_SQL["build_settings"])
    connection.execute(_filled(_SQL["build_places"], projection), {"block": BLOCK})
    sizes = {"block": BLOCK, "chunk": CHUNK}
    chunks = connection.execute(_filled(_SQL["chunks"], projection), sizes).fetchall()
    members = _filled(facets.members, projection)
    cursor = connection.cursor(binary=True)
    for part in _parts(chunks):
        tenant_ids, numbers, firsts, lasts, _ = map(list, zip(*part, strict=True))
        parameters = {"tenant_ids": tenant_ids, "chunks": numbers, "firsts": firsts, "lasts": lasts}
        listed = cursor.execute(members, parameters).fetchall()
        listed.sort()
        sets = (FacetRow._make((*key, *encode_listed(places))) for *key, places in listed)
        with connection.cursor().copy(sql_composition.copy_in(table)) as copy:
            for block in table.lines.blocks(sets):
                copy.write(block)
    for each in (projection.place_table, table):
        connection.execute(sql_composition.analyze(each))


def _placed(connection: Connection, projection: Projection[Any], rows: Mapping[Created, bool]) -> dict[Created, int]:
    """The places of rows, of which new ones get the next; none while the end of a rebuild is to place all."""
    tenant_ids, positions = zip(*rows, strict=True)
    parameters = {
        "tenant_ids": text_array(tenant_ids),
        "positions": text_array(positions),
        "new": text_array(rows.values()),
        "block": BLOCK,
    }
    cursor = connection.cursor(binary=True)
    placed = cursor.execute(_filled(_SQL["place"], projection), version_of(projection) | parameters).fetchall()
    return {(tenant_id, position): place for tenant_id, position, place in placed}


def _write(
    connection: Connection, projection: Projection[Any], removed: dict[Any, list[int]], added: dict[Any, list[int]]
) -> None:
    keys = sorted(removed.keys() | added.keys())
    columns = map(text_array, zip(*keys, strict=True))
    parameters: dict[str, Any] = dict(zip(("tenant_ids", "facets", "values", "chunks"), columns, strict=True))
    old = connection.cursor(binary=True).execute(_filled(_SQL["remove_sets"], projection), parameters).fetchall()
    before = {values[:4]: FacetRow(*values) for values in old}
    sets = [encode_changed(before.get(key), removed.get(key, ()), added.get(key, ())) for key in keys]
    counts, places = zip(*sets, strict=True)
    parameters |= {"members": text_array(counts), "lengths": text_array(map(len, places)), "places": b"".join(places)}
    with refusals():  # COPY is quicker for more rows than these, but takes two round trips more
        connection.execute(_filled(_SQL["add_sets"], projection), parameters)


def _parts(chunks: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """The chunks, some at a time that have few rows together."""
    part: list[tuple[Any, ...]] = []
    size = 0
    for chunk in chunks:
        size += chunk[-1]
        if part and size > CHUNK:
            yield part
            part, size = [], chunk[-1]
        part.append(chunk)
    if part:
        yield part


def _filled(statement: LiteralString, projection: Projection[Any]) -> LiteralString:
    return literal(statement.replace("{table}", projection.table.name))
