"""The sets of facets: kept with every batch that changes rows, and built at the end of a rebuild like an index."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, LiteralString
from uuid import UUID

from infra.connections import Connection
from infra.sql import literal, load_statements
from projections import sql_composition
from projections.engine.progress import version_of
from projections.engine.row_buffer import RowBuffer
from projections.facets import BLOCK, CHUNK, Facet, FacetRow, Facets, bits, decode, encode, encode_listed
from projections.projection import Projection

_SQL = load_statements(__file__, "facet_index.sql")
_NO_FACETS = frozenset[Facet]()

Created = tuple[UUID, int]
"""A row: its tenant, and the position at which it was created."""


def update_facets(connection: Connection, projection: Projection[Any], facets: Facets, rows: RowBuffer) -> None:
    """Write the sets whose members the rows of a batch change, unless the end of a rebuild will build them.

    RowsRefusedError if a set can never be written.
    """
    changes = [
        (before, after, old, new)
        for before, after in rows.changes()
        if (old := facets.of(before) if before else _NO_FACETS) != (new := facets.of(after))
    ]
    if not changes:
        return
    created = [(row.tenant_id, row.created_position) for before, row, *_ in changes if before is None]
    changed = [(row.tenant_id, row.created_position) for before, row, *_ in changes if before is not None]
    places = _placed(connection, projection, sorted(created), changed)
    if places is None:
        return
    added: dict[Any, list[int]] = defaultdict(list)
    removed: dict[Any, list[int]] = defaultdict(list)
    for _, row, old, new in changes:
        tenant_id = row.tenant_id
        chunk, place = divmod(places[tenant_id, row.created_position], CHUNK)
        for facet in new - old:
            added[tenant_id, *facet, chunk].append(place)
        for facet in old - new:
            removed[tenant_id, *facet, chunk].append(place)
    _write(RowBuffer(connection, projection.facet_table), added, removed)


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


def _placed(
    connection: Connection,
    projection: Projection[Any],
    created: list[tuple[UUID, int]],
    changed: list[tuple[UUID, int]],
) -> dict[Created, int] | None:
    """The places of rows, of which new ones get the next; None while the end of a rebuild is to place all."""
    firsts = dict(reversed(created))  # the first position of each tenant's new rows
    if not (counts := _counts(connection, projection, [*firsts.items(), *changed])):
        return None
    following = {tenant_id: counts[tenant_id, position] for tenant_id, position in firsts.items()}
    places = {row: counts[row] - 1 for row in changed}
    for tenant_id, position in created:
        places[tenant_id, position] = following[tenant_id]
        following[tenant_id] += 1
    if created:
        tenant_ids, positions = map(list, zip(*created, strict=True))
        blocks = [places[row] // BLOCK for row in created]
        parameters = {"tenant_ids": tenant_ids, "blocks": blocks, "positions": positions}
        connection.execute(_filled(_SQL["append_places"], projection), parameters)
    return places


def _counts(connection: Connection, projection: Projection[Any], rows: list[Created]) -> dict[Created, int]:
    """How many rows of its tenant were created before each row and with it, if the places are kept."""
    tenant_ids, positions = map(list, zip(*rows, strict=True))
    parameters = {"tenant_ids": tenant_ids, "positions": positions, "block": BLOCK}
    query = _filled(_SQL["created_by"], projection)
    counted = connection.execute(query, version_of(projection) | parameters).fetchall()
    return {(tenant_id, position): count for tenant_id, position, count in counted}


def _write(sets: RowBuffer, added: dict[Any, list[int]], removed: dict[Any, list[int]]) -> None:
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
