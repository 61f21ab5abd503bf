"""Lists of assets by the sets of their facets: pages and totals that cost the same whatever the sets have in common."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

from infra.connections import Connection
from projections.assets.facets import CHANGED_BITS, changed
from projections.facets import CHUNK_BITS, Facet
from projections.paging import Order
from projections.queries.change_order import ChangeOrder
from projections.queries.chunks import Chunks, as_chunks, mask, places_in, size
from projections.queries.facet_tables import FacetTables, live_select
from projections.queries.filters import AssetFilter, PurgeFilter
from projections.queries.spans import Span, parts
from projections.select import Select, search_pattern

DELETED: Final[Facet] = ("status", "deleted")
MOST_TYPES: Final = 64
"""The media types that a filter may stand for."""
DELETED_AMONG: Final = 4
"""A list without a filter looks at so many times the assets of its page, before it asks the sets."""
MOST_SEARCHED: Final = 2_000
"""So many assets that meet all else are looked at for a name or for terms; among more, the database searches."""
NO_FACETS: Final = frozenset({"sha256", "deleted_before"})
"""Criteria that no set tells."""
TERMS: Final = frozenset({"prompt", "seed", "prompt_model", "metadata"})
BESIDE_TERMS: Final = frozenset({"name", "created_after", "created_before", "updated_after", "updated_before"})
"""Criteria with which terms lead: these leave too many assets to look at."""
FIRST_CHUNKS: Final = 2
MORE_CHUNKS: Final = 32
"""By how many times more chunks are read at each further step of a page: few pages have a third one."""
EVERY_PLACE: Final = range(1 << 30)


def faceted_assets(selected: AssetFilter) -> Callable[[Connection, Select], "FacetedAssets | None"] | None:
    """The list as it is read from the sets, within a snapshot, once its times are positions.

    None: the filter asks for more than facets. Within the snapshot there may turn out to be too many media types, or
    too many assets to look for a name or for terms. SearchTooShortError.
    """
    criteria = selected.criteria(PurgeFilter).keys()
    by_terms = criteria & TERMS and criteria <= TERMS | BESIDE_TERMS
    return None if by_terms or criteria & NO_FACETS or criteria == {"name"} else partial(_opened, selected)


def first_assets(selected: AssetFilter, select: Select, order: Order, after: int | None, limit: int) -> Select | None:
    """A page of a list without a filter, by one statement; less of it where many of its first assets are deleted.

    None: the list has a filter.
    """
    if selected.criteria(PurgeFilter) or "recorded_by" in select.parameters:
        return None
    first = live_select(Span().beyond(after, descending=order.order == "desc"), DELETED_AMONG * limit, order)
    first.shown = select.shown
    return first


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
        types = listed.tables.content_types(selected.content_type.lower(), MOST_TYPES + 1)
        if len(types) > MOST_TYPES:
            return None
        listed.criteria.append([("content_type", value) for value in types])
    pattern, terms = None if selected.name is None else search_pattern(selected.name), selected.terms()
    return listed if (pattern is None and not terms) or listed.search(pattern, terms) else None


class FacetedAssets:
    """The assets of the connection's tenant that meet criteria, created and last changed within spans of positions."""

    def __init__(self, connection: Connection, select: Select) -> None:
        self.tables = FacetTables(connection, select)
        self.criteria: list[list[Facet]] = []
        """The facets that an asset must have, of each list at least one."""
        self.without: Facet | None = None
        """A facet that it must not have."""
        self.created = Span()
        self.changed = Span()
        self._only: Chunks | None = None

    def search(self, pattern: str | None, terms: list[str]) -> bool:
        """List only those whose names are like a pattern and that have terms; whether so few have to be looked at."""
        chunks = self._last_changed(self._every())
        if size(chunks) > MOST_SEARCHED:
            return False
        if pattern is not None:
            chunks = as_chunks(self.tables.named(pattern, chunks))
        self._only = as_chunks(self.tables.having(terms, chunks)) if terms else chunks
        return True

    def page(self, order: Order, after: int | None, limit: int) -> list[tuple[Any, ...]]:
        """At most `limit` rows in an order, after a position in it if there is one."""
        newest_first = order.order == "desc"
        if len(rows := self._first_live(order, after, limit)) == limit:
            return rows
        if order.sort == "created":
            span = self.created.beyond(after, descending=newest_first)
            return self.tables.page(list(islice(self._by_creation(span, newest_first=newest_first), limit)))
        span = self.changed.beyond(after, descending=newest_first)
        in_order = ChangeOrder(self.tables, limit, newest_first)
        places = in_order.first(self._every(), span.within(None, self.tables.newest()), CHANGED_BITS)
        return self.tables.page_of_changes(places, span, limit, order)

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
        return self.tables.live(part, DELETED_AMONG * limit, limit, order)

    def _by_creation(self, span: Span, *, newest_first: bool) -> Iterator[int]:
        """The places of all that were created in a span, in that order."""
        places, most = self._places(span), FIRST_CHUNKS
        while places:
            chunks = self._sets(places, most, newest_first=newest_first)
            for chunk, members in self._last_changed(chunks).items():
                yield from places_in(chunk, members, newest_first=newest_first)
            if len(chunks) < most:
                break
            if newest_first:
                places = range(places.start, min(chunks) << CHUNK_BITS)
            else:
                places = range((max(chunks) + 1) << CHUNK_BITS, places.stop)
            most *= MORE_CHUNKS

    def _every(self) -> Chunks:
        """All of them, whenever they were changed."""
        return self._sets(self._places(self.created), EVERY_PLACE.stop, newest_first=True)

    def _places(self, span: Span) -> range:
        """The places of the assets that were created in a span."""
        return EVERY_PLACE if self.criteria and span == Span() else self.tables.places(span)

    def _sets(self, places: range, most: int, *, newest_first: bool) -> Chunks:
        """What is listed at some places, of the first chunks in an order, some perhaps empty."""
        if not places:
            return {}
        if self.criteria:
            chunks = self.tables.meeting(self.criteria, self.without, places, most, newest_first=newest_first)
        else:
            numbers = range(places.start >> CHUNK_BITS, ((places.stop - 1) >> CHUNK_BITS) + 1)
            chunks = self._all_but(places, (numbers[::-1] if newest_first else numbers)[:most])
        only = self._only
        return chunks if only is None else {chunk: members & only.get(chunk, 0) for chunk, members in chunks.items()}

    def _all_but(self, places: range, numbers: Sequence[int]) -> Chunks:
        """All assets at some places in chunks but those that must not be."""
        chunks = {chunk: mask(chunk, places) for chunk in numbers}
        for _, chunk, members in self.tables.members([self.without] if self.without else [], numbers):
            chunks[chunk] ^= chunks[chunk] & members
        return chunks

    def _last_changed(self, chunks: Chunks) -> Chunks:
        """Those that were last changed in the span."""
        if self.changed == Span() or not any(chunks.values()):
            return chunks
        spans = list(parts(self.changed.within(None, self.tables.newest()), CHANGED_BITS))
        edges = {changed(part.bits, part.numbers[0]) for part in spans if part.edge}
        facets = [changed(part.bits, number) for part in spans for number in part.numbers]
        inside, at_edges = dict.fromkeys(chunks, 0), dict.fromkeys(chunks, 0)
        for facet, chunk, members in self.tables.members(facets, chunks.keys()):
            if chunk in chunks:
                (at_edges if facet in edges else inside)[chunk] |= chunks[chunk] & members
        changes = self.tables.changes(at_edges)
        for chunk, members in as_chunks(place for place, position in changes if self.changed.has(position)).items():
            inside[chunk] |= members
        return inside
