"""Lists of assets by the sets of their facets: pages and totals that cost the same whatever the sets have in common."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final, LiteralString

from infra.connections import Connection
from infra.sql import literal, load_statements
from projections import sql_composition
from projections.assets.facets import CHANGED_BITS
from projections.catalogue import with_tables
from projections.facets import BLOCK, CHUNK, CHUNK_BITS, Facet, ascending, decode, descending
from projections.paging import Order
from projections.queries.chunks import Chunks, as_chunks, common, mask, size
from projections.queries.filters import AssetFilter, PurgeFilter
from projections.queries.spans import Span, parts
from projections.select import Select, search_pattern

_SQL = with_tables(load_statements(__file__, "asset_facets.sql"))

DELETED: Final[Facet] = ("status", "deleted")
MOST_TYPES: Final = 64
"""The media types that a filter may stand for."""
FEW: Final = 200
"""So many assets are looked up one by one, to see when they were changed."""
DELETED_AMONG: Final = 4
"""A list without a filter looks at so many times the assets of its page, before it asks the sets."""
MOST_SEARCHED: Final = 2_000
"""So many assets that meet all else are looked at for a name; among more, the database searches."""
FIRST_CHUNKS: Final = 2
MORE_CHUNKS: Final = 32
"""By how many times more chunks are read at each further step of a page: few pages have a third one."""
FIRST_WALK: Final = 250
MORE_SPANS: Final = 2
"""By how many times more spans of last events are read at each further step: each has sets in many chunks."""
LONGER_WALK: Final = 8
"""By how many times more last events are read at each further step."""
EVERY_PLACE: Final = range(1 << 30)


def faceted_assets(selected: AssetFilter) -> Callable[[Connection, Select], "FacetedAssets | None"] | None:
    """The list as it is read from the sets, within a snapshot, once its times are positions.

    None: the filter asks for more than facets. Within the snapshot there may turn out to be too many media types, or
    too many assets to look for a name. SearchTooShortError.
    """
    criteria = selected.criteria(PurgeFilter).keys()
    return None if criteria & {"sha256", "deleted_before"} or criteria == {"name"} else partial(_opened, selected)


def _opened(selected: AssetFilter, connection: Connection, select: Select) -> "FacetedAssets | None":
    listed, positions = FacetedAssets(connection, select), select.parameters
    named = (("media_kind", selected.media_kind), ("creator", selected.creator), ("subject", selected.subject))
    listed.without = DELETED if selected.status is None else None
    listed.criteria += [[("status", selected.status)]] if selected.status is not None else []
    listed.criteria += [[(name, value)] for name, value in named if value is not None]
    listed.criteria += [[("tag", tag)] for tag in dict.fromkeys(selected.tag)]
    listed.criteria += [[("ref", str(reference))] for reference in selected.references()]
    listed.criteria += [[("ref", f"job:{name}"), ("ref", f"run:{name}")] for name in dict.fromkeys(selected.job_id)]
    listed.created = Span().within(positions.get("created_after"), positions.get("created_before"))
    listed.created = listed.created.within(None, positions.get("recorded_by"))
    listed.changed = Span().within(positions.get("updated_after"), positions.get("updated_before"))
    if selected.content_type is not None:
        types = listed.content_types(selected.content_type.lower())
        if len(types) > MOST_TYPES:
            return None
        listed.criteria.append([("content_type", value) for value in types])
    return listed if selected.name is None or listed.search(search_pattern(selected.name)) else None


class FacetedAssets:
    """The assets of the connection's tenant that meet criteria, created and last changed within spans of positions.

    The connection reads one snapshot. Every statement goes by the keys of tables, whatever the planner thinks of them.
    """

    def __init__(self, connection: Connection, select: Select) -> None:
        self._cursor = connection.cursor(binary=True)
        self._select = select
        self.criteria: list[list[Facet]] = []
        """The facets that an asset must have, of each list at least one."""
        self.without: Facet | None = None
        """A facet that it must not have."""
        self.created = Span()
        self.changed = Span()
        self._only: Chunks | None = None

    def content_types(self, prefix: str) -> list[str]:
        """The media types that begin with a text, at most one more than a filter may stand for."""
        return [value for (value,) in self._rows("content_types", prefix=prefix, most=MOST_TYPES + 1)]

    def search(self, pattern: str) -> bool:
        """List only those whose names are like a pattern; whether they are few enough to be looked at."""
        chunks = self._last_changed(self._every())
        if size(chunks) > MOST_SEARCHED:
            return False
        self._only = as_chunks(place for (place,) in self._of_places("named", chunks, pattern=pattern))
        return True

    def page(self, order: Order, after: int | None, limit: int) -> list[tuple[Any, ...]]:
        """At most `limit` rows in an order, after a position in it if there is one."""
        newest_first = order.order == "desc"
        if len(rows := self._first_live(order, after, limit)) == limit:
            return rows
        span = self.created if order.sort == "created" else self.changed
        span = span.beyond(after, descending=newest_first)
        listed = self._by_creation if order.sort == "created" else self._by_change
        places = list(islice(listed(span, newest_first=newest_first), limit))
        return self._shown("rows", places=places, block=BLOCK) if places else []

    def total(self) -> int:
        """How many there are."""
        return size(self._last_changed(self._every()))

    def _first_live(self, order: Order, after: int | None, limit: int) -> list[tuple[Any, ...]]:
        """The page of a list without a filter, where few of its first assets are deleted; else less of it."""
        span, other = self.created, self.changed
        if order.sort == "updated":
            span, other = other, span
        if self.criteria or self.without != DELETED or self._only is not None or other != Span():
            return []
        part = span.beyond(after, descending=order.order == "desc")
        parameters = {"after": part.after, "until": part.until, "most": DELETED_AMONG * limit, "limit": limit}
        return self._shown(f"live_{order.name}", **parameters)

    def _by_creation(self, span: Span, *, newest_first: bool) -> Iterator[int]:
        """The places of all that were created in a span, in that order."""
        places, most = self._places(span), FIRST_CHUNKS
        while places:
            chunks = self._sets(places, most, newest_first=newest_first)
            for chunk, members in self._last_changed(chunks).items():
                of_chunk = descending(members) if newest_first else ascending(members)
                yield from ((chunk << CHUNK_BITS) + place for place in of_chunk)
            if len(chunks) < most:
                break
            if newest_first:
                places = range(places.start, min(chunks) << CHUNK_BITS)
            else:
                places = range((max(chunks) + 1) << CHUNK_BITS, places.stop)
            most *= MORE_CHUNKS

    def _by_change(self, span: Span, *, newest_first: bool) -> Iterator[int]:
        """The places of all that were last changed in a span, in that order."""
        members = {chunk: members for chunk, members in self._every().items() if members}
        return self._ordered(members, span.within(None, self._newest()), CHANGED_BITS, newest_first=newest_first)

    def _every(self) -> Chunks:
        """All of them, whenever they were changed."""
        return self._sets(self._places(self.created), EVERY_PLACE.stop, newest_first=True)

    def _places(self, span: Span) -> range:
        """The places of the assets that were created in a span."""
        if self.criteria and span == Span():
            return EVERY_PLACE
        after, until = self._rows("created_by", positions=[span.after, span.until], block=BLOCK)
        return range(after[0], until[0])

    def _sets(self, places: range, most: int, *, newest_first: bool) -> Chunks:
        """What is listed at some places, of the first chunks in an order, some perhaps empty."""
        chunks = self._meeting(places, most, newest_first=newest_first)
        only = self._only
        return chunks if only is None else {chunk: members & only.get(chunk, 0) for chunk, members in chunks.items()}

    def _meeting(self, places: range, most: int, *, newest_first: bool) -> Chunks:
        if not places:
            return {}
        first, last = places.start >> CHUNK_BITS, (places.stop - 1) >> CHUNK_BITS
        if not self.criteria:
            numbers = range(last, first - 1, -1) if newest_first else range(first, last + 1)
            return self._all_but(places, numbers[:most])
        asked = [(*facet, number) for number, any_of in enumerate(self.criteria) for facet in any_of]
        asked += [(*self.without, -1)] if self.without else []
        facets, values, numbers_ = map(list, zip(*asked, strict=True))
        parameters = {"facets": facets, "values": values, "numbers": numbers_, "criteria": len(self.criteria)}
        rows = self._rows("sets", **parameters, first=first, last=last, most=most, direction=-1 if newest_first else 1)
        return {chunk: common(sets) & mask(chunk, places) for chunk, sets in groupby(rows, itemgetter(0))}

    def _all_but(self, places: range, numbers: Sequence[int]) -> Chunks:
        """All assets at some places in chunks but those that must not be."""
        facet, value = self.without or DELETED
        left_out: dict[int, int] = defaultdict(int)
        for _, chunk, members in self._members(facet, [value], numbers) if self.without else ():
            left_out[chunk] |= members
        return {chunk: mask(chunk, places) & ~left_out[chunk] for chunk in numbers}

    def _members(self, facet: str, values: Sequence[str], chunks: Iterable[int]) -> Iterator[tuple[str, int, int]]:
        """The values, chunks and members of a criterion's sets."""
        numbers = list(chunks)
        if not (numbers and values):
            return
        span = {"first": min(numbers), "last": max(numbers)}
        for value, chunk, count, places in self._rows("members", facet=facet, values=list(values), **span):
            yield value, chunk, decode(count, places)

    def _last_changed(self, chunks: Chunks) -> Chunks:
        """Those that were last changed in the span."""
        if self.changed == Span() or not any(chunks.values()):
            return chunks
        changed: dict[int, int] = defaultdict(int)
        for part in parts(self.changed.within(None, self._newest()), CHANGED_BITS):
            for _, inside in self._divided(part.bits, chunks, part.numbers, len(part.numbers)):
                within = self._at_edge(inside, part.edge) if part.edge else inside
                for chunk, members in within.items():
                    changed[chunk] |= members
        return {chunk: changed[chunk] for chunk in chunks}

    def _at_edge(self, chunks: Chunks, span: Span) -> Chunks:
        """Those of few assets that were last changed in a span."""
        changes = self._of_places("changes_of", chunks)
        return as_chunks(place for place, position in changes if span.after < position <= span.until)

    def _newest(self) -> int:
        """The last position of the shortest span that has the last event of any asset."""
        ((position,),) = self._rows("last_changed")
        return int(position or 0) | ((1 << CHANGED_BITS[-1]) - 1)

    def _ordered(self, chunks: Chunks, span: Span, levels: Sequence[int], *, newest_first: bool) -> Iterator[int]:
        """The places of members that were last changed in a span, in that order."""
        if size(chunks) <= FEW:
            changed = ((position, place) for place, position in self._of_places("changes_of", chunks))
            within = (change for change in changed if span.after < change[0] <= span.until)
            yield from (place for _, place in sorted(within, reverse=newest_first))
        elif not levels:
            yield from self._walked(chunks, span, newest_first=newest_first)
        else:
            bits, *finer = levels
            numbers = range((span.after + 1) >> bits, (span.until >> bits) + 1)
            for number, inside in self._divided(bits, chunks, numbers[::-1] if newest_first else numbers):
                part = span.within((number << bits) - 1, ((number + 1) << bits) - 1)
                yield from self._ordered(inside, part, finer, newest_first=newest_first)

    def _divided(
        self, bits: int, chunks: Chunks, numbers: Sequence[int], most: int = 1
    ) -> Iterator[tuple[int, Chunks]]:
        """The members by the numbered spans of last events, where there are any; ever more spans are read at once."""
        while numbers:
            divided: dict[int, dict[int, int]] = defaultdict(dict)
            values = [str(number) for number in numbers[:most]]
            for value, chunk, members in self._members(f"changed_{bits}", values, chunks):
                if common := members & chunks.get(chunk, 0):
                    divided[int(value)][chunk] = common
            yield from ((number, divided[number]) for number in numbers[:most] if number in divided)
            numbers, most = numbers[most:], most * MORE_SPANS

    def _of_places(self, statement: str, chunks: Chunks, **parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a statement that looks the members up."""
        places = [(chunk << CHUNK_BITS) + place for chunk, members in chunks.items() for place in ascending(members)]
        return self._rows(statement, places=places, block=BLOCK, **parameters) if places else []

    def _walked(self, chunks: Chunks, span: Span, *, newest_first: bool) -> Iterator[int]:
        """The places of members among all that were last changed in a span, in that order."""
        statement, most = "changed_desc" if newest_first else "changed_asc", FIRST_WALK
        while True:
            rows = self._rows(statement, after=span.after, until=span.until, most=most, block=BLOCK)
            for place, _ in rows:
                if chunks.get(place >> CHUNK_BITS, 0) >> (place & (CHUNK - 1)) & 1:
                    yield place
            if len(rows) < most:
                return
            span, most = span.beyond(rows[-1][1], descending=newest_first), most * LONGER_WALK

    def _shown(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a statement as the select shows them, in its order."""
        query = _shown(self._select.shown or "*", _SQL[statement], self._select.order)
        return self._cursor.execute(self._select.served(query), parameters).fetchall()

    def _rows(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        return self._cursor.execute(self._select.served(_SQL[statement]), parameters).fetchall()


@lru_cache
def _shown(columns: LiteralString, statement: LiteralString, order: LiteralString) -> LiteralString:
    return literal(sql_composition.shown(columns, sql_composition.fragment(statement), order).as_string())
