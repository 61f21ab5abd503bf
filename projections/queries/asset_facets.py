"""Lists of assets by the sets of their facets: pages and totals that cost the same whatever the sets have in common."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

from infra.connections import Connection
from infra.sql import load_statements
from projections.assets.facets import BLOCK_BITS, LIVE
from projections.assets.fold import ASSETS
from projections.catalogue import with_tables
from projections.facets import CHUNK, CHUNK_BITS, Facet, ascending, bits, decode, descending
from projections.paging import Order
from projections.queries.filters import AssetFilter

_SQL = with_tables(load_statements(__file__, "asset_facets.sql"))

MOST_TYPES: Final = 64
"""The media types that a filter may stand for."""
FEW: Final = 1_000
"""So many assets are looked up one by one, to see when they were changed."""
DELETED_AMONG: Final = 4
"""A list without a filter looks at so many times the assets of its page, before it asks the sets."""
FIRST_CHUNKS: Final = 2
MORE_CHUNKS: Final = 32
"""By how many times more chunks are read at each further step of a page: few pages have a third one."""
FIRST_WALK: Final = 500
GROWTH: Final = 8
"""By how many times more blocks, or last events, are read at each further step."""
EVERY_CHUNK: Final = 1 << 30
BLOCK: Final = 1 << BLOCK_BITS

Chunks = dict[int, int]
"""Sets of assets: the members of each chunk, as the bits of integers."""


class Span(NamedTuple):
    """Positions after the first up to and with the second."""

    after: int = 0
    until: int = (EVERY_CHUNK << CHUNK_BITS) - 1

    def within(self, after: int | None, until: int | None) -> "Span":
        """The part of it that is after one position, and up to another, where they are given."""
        return Span(max(self.after, after or 0), self.until if until is None else min(self.until, until))

    def beyond(self, position: int | None, *, descending: bool) -> "Span":
        """The part of it that a list goes on with after a position."""
        if position is None:
            return self
        return self.within(None, position - 1) if descending else self.within(position, None)


def criteria_of(connection: Connection, selected: AssetFilter) -> list[list[Facet]] | None:
    """The facets that an asset must have, of each list at least one. None: the filter asks for more than facets."""
    if (
        selected.name is not None
        or selected.sha256 is not None
        or getattr(selected, "deleted_before", None) is not None
    ):
        return None
    named = (("media_kind", selected.media_kind), ("creator", selected.creator), ("subject", selected.subject))
    criteria: list[list[Facet]] = [[LIVE if selected.status is None else ("status", selected.status)]]
    criteria += [[(name, value)] for name, value in named if value is not None]
    criteria += [[("tag", tag)] for tag in dict.fromkeys(selected.tag)]
    criteria += [[("ref", str(reference))] for reference in selected.references()]
    criteria += [[("ref", f"job:{name}"), ("ref", f"run:{name}")] for name in dict.fromkeys(selected.job_id)]
    if selected.content_type is not None:
        parameters = {"prefix": selected.content_type.lower(), "most": MOST_TYPES + 1}
        types = connection.execute(_SQL["content_types"], parameters).fetchall()
        if len(types) > MOST_TYPES:
            return None
        criteria.append([("content_type", value) for (value,) in types])
    return criteria


def faceted_assets(
    connection: Connection, selected: AssetFilter, positions: Mapping[str, Any]
) -> "FacetedAssets | None":
    """The assets that a filter selects, given the positions that its times stand for; None if facets do not tell."""
    criteria = criteria_of(connection, selected)
    if criteria is None:
        return None
    created = Span().within(positions.get("created_after"), positions.get("created_before"))
    created = created.within(None, positions.get("recorded_by"))
    return FacetedAssets(
        connection, criteria, created, Span().within(positions.get("updated_after"), positions.get("updated_before"))
    )


class FacetedAssets:
    """The assets of the connection's tenant that meet criteria, created and last changed within spans of positions.

    The connection reads one snapshot.
    """

    def __init__(
        self, connection: Connection, criteria: Sequence[Sequence[Facet]], created: Span, changed: Span
    ) -> None:
        self._cursor = connection.cursor(binary=True)
        self._criteria = criteria
        self._created = created
        self._changed = changed
        self._edges: dict[Span, Chunks] = {}

    def page(self, order: Order, after: int | None, limit: int) -> list[tuple[Any, ...]]:
        """At most `limit` rows in an order, after a position in it if there is one."""
        newest_first = order.order == "desc"
        if len(rows := self._live(order, after, limit)) == limit:
            return rows
        if order.sort == "created":
            places = self._by_creation(
                self._created.beyond(after, descending=newest_first), limit, newest_first=newest_first
            )
        else:
            places = self._by_change(
                self._changed.beyond(after, descending=newest_first), limit, newest_first=newest_first
            )
        rows = self._rows("rows", places=places) if places else []
        return sorted(rows, key=itemgetter(ASSETS.table.columns.index(order.column)), reverse=newest_first)

    def total(self) -> int:
        """How many there are."""
        return sum(members.bit_count() for members in self._last_changed(self._every()).values())

    def _live(self, order: Order, after: int | None, limit: int) -> list[tuple[Any, ...]]:
        """The page of a list without a filter, where few of its first assets are deleted; else less of it."""
        span, other = self._created, self._changed
        if order.sort == "updated":
            span, other = other, span
        if self._criteria != [[LIVE]] or other != Span():
            return []
        part = span.beyond(after, descending=order.order == "desc")
        parameters = {"after": part.after, "until": part.until, "most": DELETED_AMONG * limit, "limit": limit}
        return self._rows(f"live_{order.name}", **parameters)

    def _by_creation(self, span: Span, limit: int, *, newest_first: bool) -> list[int]:
        places: list[int] = []
        first, last, most = (span.after + 1) >> CHUNK_BITS, span.until >> CHUNK_BITS, FIRST_CHUNKS
        while first <= last:
            chunks = self._sets(span, first, last, most, newest_first=newest_first)
            for chunk, members in self._last_changed(chunks).items():
                of_chunk = descending(members) if newest_first else ascending(members)
                places += ((chunk << CHUNK_BITS) + place for place in of_chunk)
                if len(places) >= limit:
                    return places[:limit]
            if len(chunks) < most:
                break
            first, last = (first, min(chunks) - 1) if newest_first else (max(chunks) + 1, last)
            most *= MORE_CHUNKS
        return places

    def _by_change(self, span: Span, limit: int, *, newest_first: bool) -> list[int]:
        chunks = {chunk: members for chunk, members in self._every().items() if members}
        if _size(chunks) <= FEW:
            return self._ordered(chunks, span, newest_first=newest_first)[:limit]
        places: list[int] = []
        for block in self._blocks(chunks, span, newest_first=newest_first):
            if _size(block.chunks) <= FEW:
                places += self._ordered(block.chunks, span, newest_first=newest_first)
            else:
                places += self._walked(block, span, limit - len(places), newest_first=newest_first)
            if len(places) >= limit:
                break
        return places[:limit]

    def _every(self) -> Chunks:
        """All of them, whenever they were changed."""
        span = self._created
        return self._sets(
            span, (span.after + 1) >> CHUNK_BITS, span.until >> CHUNK_BITS, EVERY_CHUNK, newest_first=True
        )

    def _sets(self, span: Span, first: int, last: int, most: int, *, newest_first: bool) -> Chunks:
        """What meets the criteria and was created in the span, of the first chunks in an order, some perhaps empty."""
        asked = [(*facet, number) for number, any_of in enumerate(self._criteria) for facet in any_of]
        facets, values, numbers = map(list, zip(*asked, strict=True))
        parameters = {"facets": facets, "values": values, "numbers": numbers, "criteria": len(self._criteria)}
        rows = self._rows("sets", **parameters, first=first, last=last, most=most, direction=-1 if newest_first else 1)
        return {chunk: _common(sets) & _mask(chunk, span) for chunk, sets in groupby(rows, itemgetter(0))}

    def _last_changed(self, chunks: Chunks) -> Chunks:
        """Those that were last changed in the span."""
        if self._changed == Span() or not any(chunks.values()):
            return chunks
        first, last = self._changed.after + 1, min(self._changed.until, self._newest())
        if first > last:
            return {}
        whole = range((first + BLOCK - 1) >> BLOCK_BITS, (last + 1) >> BLOCK_BITS)
        edges = [Span(first - 1, last)]
        if whole:
            edges = [Span(first - 1, (whole.start << BLOCK_BITS) - 1), Span((whole.stop << BLOCK_BITS) - 1, last)]
        changed: Chunks = defaultdict(int)
        for edge in edges:
            for chunk, members in self._edge(edge).items():
                changed[chunk] |= members
        for _, chunk, members in self._changed_in(whole, chunks):
            changed[chunk] |= members
        return {chunk: members & changed[chunk] for chunk, members in chunks.items()}

    def _edge(self, span: Span) -> Chunks:
        """The assets that were last changed in the span, which is at most two blocks long."""
        if span not in self._edges:
            places: dict[int, list[int]] = defaultdict(list)
            parameters = {"after": span.after, "until": span.until, "most": 2 * BLOCK}
            for created, _ in self._rows("changed_asc", **parameters) if span.after < span.until else ():
                places[created >> CHUNK_BITS].append(created & (CHUNK - 1))
            self._edges[span] = {chunk: bits(members) for chunk, members in places.items()}
        return self._edges[span]

    def _changed_in(self, blocks: Sequence[int], chunks: Iterable[int]) -> Iterator[tuple[int, int, int]]:
        """The blocks, chunks and members of the sets of assets that were last changed in those blocks."""
        if blocks:
            for block, chunk, count, places in self._rows("changed", blocks=list(blocks), chunks=list(chunks)):
                yield block, chunk, decode(count, places)

    def _newest(self) -> int:
        ((position,),) = self._rows("last_changed")
        return int(position or 0)

    def _blocks(self, chunks: Chunks, span: Span, *, newest_first: bool) -> Iterator["_Block"]:
        """The blocks in which members of the chunks were last changed, in an order."""
        last = min(span.until, self._newest())
        blocks = range((span.after + 1) >> BLOCK_BITS, (last >> BLOCK_BITS) + 1)
        blocks = blocks[::-1] if newest_first else blocks
        most = 1
        while blocks:
            found: dict[int, Chunks] = defaultdict(dict)
            for block, chunk, members in self._changed_in(blocks[:most], chunks):
                if common := members & chunks[chunk]:
                    found[block][chunk] = common
            yield from (_Block(block, found[block]) for block in blocks[:most] if block in found)
            blocks, most = blocks[most:], most * GROWTH

    def _ordered(self, chunks: Chunks, span: Span, *, newest_first: bool) -> list[int]:
        """The members in the order of their changes, each looked up."""
        places = [(chunk << CHUNK_BITS) + place for chunk, members in chunks.items() for place in ascending(members)]
        changed = self._rows("positions_of", places=places) if places else []
        within = [(position, created) for created, position in changed if span.after < position <= span.until]
        return [created for _, created in sorted(within, reverse=newest_first)]

    def _walked(self, block: "_Block", span: Span, limit: int, *, newest_first: bool) -> list[int]:
        """The first members of a block in the order of their changes, found among all that were changed in it."""
        places: list[int] = []
        part = span.within((block.number << BLOCK_BITS) - 1, ((block.number + 1) << BLOCK_BITS) - 1)
        statement, most = "changed_desc" if newest_first else "changed_asc", FIRST_WALK
        while True:
            rows = self._rows(statement, after=part.after, until=part.until, most=most)
            places += (
                created
                for created, _ in rows
                if block.chunks.get(created >> CHUNK_BITS, 0) >> (created & (CHUNK - 1)) & 1
            )
            if len(places) >= limit or len(rows) < most:
                return places
            part, most = part.beyond(rows[-1][1], descending=newest_first), most * GROWTH

    def _rows(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        return self._cursor.execute(_SQL[statement], parameters).fetchall()


class _Block(NamedTuple):
    """A block of positions, and assets whose last events are in it."""

    number: int
    chunks: Chunks


def _common(sets: Iterable[tuple[int, int, int, bytes]]) -> int:
    """The members of a chunk that every criterion has."""
    criteria: dict[int, int] = defaultdict(int)
    for _, number, count, places in sets:
        criteria[number] |= decode(count, places)
    first, *others = criteria.values()
    for members in others:
        first &= members
    return first


def _mask(chunk: int, span: Span) -> int:
    """The places of a chunk within a span."""
    start = chunk << CHUNK_BITS
    low, high = max(span.after + 1 - start, 0), min(span.until + 1 - start, CHUNK)
    return (1 << high) - (1 << low) if low < high else 0


def _size(chunks: Mapping[int, int]) -> int:
    return sum(members.bit_count() for members in chunks.values())
