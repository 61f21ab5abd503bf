"""The sets of facets: they follow from the rows, and give the same pages and totals as the rows themselves."""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from api.composition import Services
from domain.asset.events import AssetStatus
from domain.reference import Reference
from infra.connections import Connection
from projections import facets, sql_composition
from projections.assets.fold import ASSETS, AssetRow
from projections.engine import facet_index
from projections.engine.facet_index import build_facets, update_facets
from projections.engine.row_buffer import RowBuffer
from projections.facets import CHUNK, Facet, FacetRow
from projections.paging import Order
from projections.queries import asset_facets, change_order, chunks, facet_tables
from projections.queries.asset_facets import FacetedAssets, faceted_assets
from projections.queries.assets import asset_select
from projections.queries.filters import AssetFilter, PurgeFilter
from projections.queries.spans import Span
from projections.select import Select
from tests.conftest import new_tenant

AT = datetime(2026, 11, 20, tzinfo=UTC)
LAST = 6 * CHUNK
SPREAD = 64
"""How far apart the last events of assets are: each asset has its own place among so many."""
ORDERS = [Order(), Order("created", "asc"), Order("updated"), Order("updated", "asc")]
STATUSES: list[AssetStatus] = ["ready", "pending", "deleted"]
KINDS = ("image", "video")
TAGS = ("a", "b", "c")
REFERENCES = ("client:x", "client:y", "job:r1", "run:r1")
TYPES = (None, "image/png", "image/webp", "video/mp4")

numbers = st.sets(st.integers(0, CHUNK - 1), max_size=300) | st.builds(
    lambda step, end: set(range(0, end, step)), st.integers(1, 90), st.integers(0, CHUNK)
)
values = st.fixed_dictionaries(
    {
        "status": st.sampled_from(STATUSES),
        "name_search": st.sampled_from([None, "castle", "fort"]),
        "media_kind": st.sampled_from(KINDS),
        "created_by": st.sampled_from(["user:ann", "user:ben"]),
        "subject": st.sampled_from([None, "u_ann"]),
        "content_type": st.sampled_from(TYPES),
        "tags": st.lists(st.sampled_from(TAGS), unique=True),
        "scope": st.sampled_from([None, *REFERENCES]),
        "origin": st.lists(st.sampled_from(REFERENCES), unique=True, max_size=2),
        "links": st.lists(st.sampled_from(REFERENCES), unique=True, max_size=2),
    }
)
filters = st.builds(
    AssetFilter,
    status=st.none() | st.sampled_from(STATUSES),
    media_kind=st.none() | st.sampled_from(KINDS),
    creator=st.none() | st.sampled_from(["user:ann", "user:nobody"]),
    subject=st.sampled_from([None, None, "u_ann"]),
    content_type=st.sampled_from([None, None, "image/", "IMAGE/PNG", "audio/"]),
    name=st.sampled_from([None, None, None, "cast", "none"]),
    tag=st.lists(st.sampled_from(TAGS), max_size=2),
    ref=st.lists(st.sampled_from(REFERENCES).map(Reference.parse), max_size=2),
    job_id=st.sampled_from([[], [], ["r1"]]),
)
positions = st.integers(0, LAST)
spans = st.just(Span()) | st.builds(Span, positions, positions)


def asset(tenant: UUID, created: int, changed: int, values: dict[str, Any]) -> AssetRow:
    """An asset that was created at one position and last changed at another."""
    blank: dict[str, Any] = dict.fromkeys(AssetRow._fields)
    fixed = {
        "tenant_id": tenant,
        "asset_id": UUID(int=created),
        "revision": 1,
        "created_position": created,
        "position": changed,
        "live_status": "ready",
        "media": {},
        "sources": [],
        "holds": [],
        "created_at": AT,
        "updated_at": AT,
        "updated_by": "user:ann",
    }
    return AssetRow(**blank | fixed | values)


def copy_in(connection: Connection, rows: Sequence[AssetRow]) -> None:
    with connection.cursor().copy(sql_composition.copy_in(ASSETS.table)) as copy:
        for block in ASSETS.table.lines.blocks(rows):
            copy.write(block)


def sets_of(rows: Sequence[AssetRow]) -> dict[tuple[Facet, int], set[int]]:
    """The places that the sets of rows must have, by facet and chunk."""
    sets: dict[tuple[Facet, int], set[int]] = {}
    assert ASSETS.facets is not None
    for number, row in enumerate(sorted(rows, key=lambda row: row.created_position)):
        for facet in ASSETS.facets.of(row):
            chunk, place = divmod(number, vars(facet_index)["CHUNK"])
            sets.setdefault((facet, chunk), set()).add(place)
    return sets


def stored_sets(connection: Connection, tenant: UUID) -> dict[tuple[Facet, int], set[int]]:
    """The sets that the table has."""
    query = sql.SQL("SELECT * FROM {}").format(sql.Identifier("read_models", ASSETS.facet_table.name))
    rows = [FacetRow(*values) for values in connection.execute(query).fetchall()]
    members = {((row.facet, row.value), row.chunk): facets.decode(row.members, row.places) for row in rows}
    assert all(row.tenant_id == tenant for row in rows)
    assert all(facets.encode(facets.decode(row.members, row.places)) == row[4:] for row in rows)
    return {key: set(facets.ascending(places)) for key, places in members.items()}


def meets(row: AssetRow, selected: AssetFilter) -> bool:
    """Whether the filter selects the row, by the row itself."""
    references = {*row.origin, *row.links, row.scope}
    asked = {str(reference) for reference in selected.ref}
    return (
        (row.status != "deleted" if selected.status is None else row.status == selected.status)
        and (selected.name is None or selected.name in (row.name_search or ""))
        and selected.media_kind in (None, row.media_kind)
        and selected.creator in (None, row.created_by)
        and selected.subject in (None, row.subject)
        and (row.content_type or "").startswith((selected.content_type or "").lower())
        and set(selected.tag) <= set(row.tags)
        and asked <= references
        and all(references & {f"job:{name}", f"run:{name}"} for name in selected.job_id)
    )


def fold_batch(
    connection: Connection,
    before: dict[int, AssetRow],
    created: dict[int, AssetRow],
    changes: Sequence[tuple[int, dict[str, Any]]],
) -> list[AssetRow]:
    """Create some rows and change some, as a batch does; returns all rows as they are then."""
    assert ASSETS.facets is not None
    buffer, after = RowBuffer(connection, ASSETS.table), before | created
    buffer.load({(row.tenant_id, row.asset_id) for row in before.values()})
    buffer |= {(row.tenant_id, row.asset_id): row for row in created.values()}
    for turn, (number, fields) in enumerate(changes):
        if (row := after.get(number)) is not None:
            position = SPREAD * (LAST + CHUNK + 1_000 * turn) + number
            after[number] = buffer[row.tenant_id, row.asset_id] = row._replace(position=position, **fields)
    buffer.write()
    update_facets(connection, ASSETS, ASSETS.facets, buffer)
    return list(after.values())


def pages(listed: FacetedAssets, order: Order, limit: int) -> list[int]:
    """The positions of all rows, page by page."""
    column = ASSETS.table.columns.index(order.column)
    every: list[int] = []
    while True:
        page = [row[column] for row in listed.page(order, every[-1] if every else None, limit)]
        every += page
        if len(page) < limit:
            return every


@given(numbers)
def test_a_set_is_stored_and_read_in_both_directions(places: set[int]) -> None:
    members = facets.bits(places)
    count, stored = facets.encode(members)
    assert (count, facets.decode(count, stored)) == (len(places), members)
    listed = struct.pack(f">{2 * len(places)}H", *places, *places)
    assert facets.encode_listed(listed) == (count, stored)
    assert list(facets.ascending(members)) == sorted(places)
    assert list(facets.descending(members)) == sorted(places, reverse=True)
    assert len(stored) <= 2_048


catalogues = st.dictionaries(st.integers(1, LAST), st.tuples(values, st.integers(0, CHUNK)), max_size=40)
SMALL: dict[ModuleType, dict[str, int]] = {
    facets: {"CHUNK": 8, "MOST_LISTED": 3},
    facet_index: {"CHUNK": 8, "BLOCK": 4},
    chunks: {"CHUNK": 8, "CHUNK_BITS": 3},
    facet_tables: {"CHUNK_BITS": 3, "BLOCK": 4},
    change_order: {"CHUNK": 8, "CHUNK_BITS": 3, "FEW": 1, "FIRST_SPANS": 1, "FIRST_WALK": 2, "LONGER_WALK": 2},
    asset_facets: {"CHUNK_BITS": 3, "FIRST_CHUNKS": 1, "MORE_CHUNKS": 2},
}
"""Sizes with which a few assets are as many to the code as a million are else."""


@pytest.mark.parametrize("sizes", [{}, SMALL], ids=["few assets", "as if there were many"])
def test_sets_follow_from_the_rows_and_give_their_pages_and_totals(
    quiet: Services, monkeypatch: pytest.MonkeyPatch, sizes: dict[ModuleType, dict[str, int]]
) -> None:
    tenant = new_tenant(quiet)

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(
        catalogue=catalogues,
        built=st.integers(0, 40),
        changes=st.lists(st.tuples(st.integers(0, 39), values), max_size=12),
        selected=filters,
        created=spans,
        changed=spans,
        limit=st.integers(1, 7),
    )
    def check(
        catalogue: dict[int, tuple[dict[str, Any], int]],
        built: int,
        changes: list[tuple[int, dict[str, Any]]],
        selected: AssetFilter,
        created: Span,
        changed: Span,
        limit: int,
    ) -> None:
        rows = {
            number: asset(tenant, created_at, SPREAD * (created_at + distance) + number, fields)
            for number, (created_at, (fields, distance)) in enumerate(sorted(catalogue.items()))
        }
        with quiet.projector.connection() as connection, connection.transaction(force_rollback=True):
            connection.execute("SELECT set_config('ledger.tenant_id', %s, true)", [str(tenant)])
            after = built_and_folded(connection, tenant, rows, built, changes)
            far = Span(SPREAD * changed.after, SPREAD * changed.until)
            positions = {"created_after": created.after, "created_before": created.until}
            positions |= {"updated_after": far.after, "updated_before": far.until}
            expected = [
                row
                for row in after
                if meets(row, selected)
                and created.after < row.created_position <= created.until
                and far.after < row.position <= far.until
            ]
            for order in ORDERS:
                listed = opened(connection, asset_select(selected, order), selected, positions)
                assert listed.total() == len(expected)
                in_order = sorted((getattr(row, order.column) for row in expected), reverse=order.order == "desc")
                assert pages(listed, order, limit) == in_order

    for module, values_ in sizes.items():
        for name, value in values_.items():
            monkeypatch.setattr(module, name, value)
    check()


def built_and_folded(
    connection: Connection,
    tenant: UUID,
    rows: dict[int, AssetRow],
    built: int,
    changes: Sequence[tuple[int, dict[str, Any]]],
) -> list[AssetRow]:
    """Build the sets of some of the rows, fold the others and the changes, and look at the sets after each."""
    assert ASSETS.facets is not None
    before = {number: row for number, row in rows.items() if number < built}
    copy_in(connection, list(before.values()))
    build_facets(connection, ASSETS, ASSETS.facets)
    assert stored_sets(connection, tenant) == sets_of(list(before.values()))
    created = {number: row for number, row in rows.items() if number >= built}
    after = fold_batch(connection, before, created, changes)
    assert stored_sets(connection, tenant) == sets_of(after)
    return after


def opened(connection: Connection, select: Select, selected: AssetFilter, positions: dict[str, int]) -> FacetedAssets:
    """The list by its sets, as of a connection to the tables themselves."""
    open_ = faceted_assets(selected) or partial(asset_facets._opened, selected)
    select.parameters |= positions
    listed = open_(connection, select)
    assert listed is not None
    return listed


@pytest.mark.parametrize(
    "selected",
    [AssetFilter(name="castle"), AssetFilter(sha256="0" * 64), PurgeFilter(deleted_before=AT)],
    ids=["name", "digest", "deleted before"],
)
def test_what_is_no_facet_is_asked_of_the_rows(selected: AssetFilter) -> None:
    assert faceted_assets(selected) is None
