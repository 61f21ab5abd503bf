"""The tables of the sets of assets' facets, and of the places of assets, as lists read them."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, LiteralString

from infra.connections import Connection
from infra.sql import literal, load_statements
from projections import sql_composition
from projections.assets.facets import CHANGED_BITS
from projections.catalogue import with_tables
from projections.facets import BLOCK, CHUNK_BITS, Facet, decode
from projections.paging import Order
from projections.queries.chunks import Chunks, common, mask, places_of
from projections.queries.spans import Span
from projections.select import Select

_SQL = with_tables(load_statements(__file__, "facet_tables.sql"))
_ORDERS = load_statements(__file__, "row_list.sql")


class FacetTables:
    """The tables of the connection's tenant, in one snapshot.

    Every statement goes by the keys of tables, whatever the planner thinks of them.
    """

    def __init__(self, connection: Connection, select: Select) -> None:
        self._cursor = connection.cursor(binary=True)
        self._select = select

    def content_types(self, prefix: str, most: int) -> list[str]:
        """The media types of assets that begin with a text, at most so many."""
        return [value for (value,) in self._rows("content_types", prefix=prefix, most=most)]

    def places(self, span: Span) -> range:
        """The places of the assets that were created in a span."""
        after, until = self._rows("created_by", positions=[span.after, span.until], block=BLOCK)
        return range(after[0], until[0])

    def newest(self) -> int:
        """The last position of the shortest span that has the last event of any asset."""
        ((position,),) = self._rows("last_changed")
        return int(position or 0) | ((1 << CHANGED_BITS[-1]) - 1)

    def meeting(
        self,
        criteria: Sequence[Sequence[Facet]],
        without: Facet | None,
        places: range,
        most: int,
        *,
        newest_first: bool,
    ) -> Chunks:
        """The assets at some places that have a facet of each criterion, and one facet not, some chunks perhaps empty.

        Of the first chunks in an order in which all criteria have members, at most so many.
        """
        first, last = places.start >> CHUNK_BITS, (places.stop - 1) >> CHUNK_BITS
        asked = [(*facet, number) for number, any_of in enumerate(criteria) for facet in any_of]
        asked += [(*without, -1)] if without else []
        facets, values, numbers = map(list, zip(*asked, strict=True))
        parameters = {"facets": facets, "values": values, "numbers": numbers, "criteria": len(criteria)}
        direction = -1 if newest_first else 1
        rows = self._rows("sets", **parameters, first=first, last=last, most=most, direction=direction)
        chunks = {chunk: common(sets) for chunk, sets in groupby(rows, itemgetter(0))}
        for chunk in {first, last} & chunks.keys():
            chunks[chunk] &= mask(chunk, places)
        return chunks

    def members(self, facets: Sequence[Facet], chunks: Collection[int]) -> Iterator[tuple[Facet, int, int]]:
        """The members of some facets in the chunks from the first to the last of these."""
        if facets and chunks:
            names, values = map(list, zip(*facets, strict=True))
            span = {"first": min(chunks), "last": max(chunks)}
            for name, value, chunk, count, places in self._rows("members", facets=names, values=values, **span):
                yield (name, value), chunk, decode(count, places)

    def changes(self, chunks: Chunks) -> list[tuple[int, int]]:
        """The places of members, and the positions of their last events."""
        places = places_of(chunks)
        return self._rows("changes_of", places=places, block=BLOCK) if places else []

    def named(self, pattern: str, chunks: Chunks) -> Iterable[int]:
        """The places of those members whose names are like a pattern."""
        places = places_of(chunks)
        return (place for (place,) in self._rows("named", places=places, block=BLOCK, pattern=pattern))

    def having(self, terms: list[str], chunks: Chunks) -> Iterable[int]:
        """The places of those members that have all of some terms."""
        places = places_of(chunks)
        return (place for (place,) in self._rows("having_terms", places=places, block=BLOCK, terms=terms))

    def last_changed(self, span: Span, most: int, *, newest_first: bool) -> list[tuple[int, int]]:
        """The places and positions of the first assets that were last changed in a span, at most so many, in order."""
        statement = "changed_desc" if newest_first else "changed_asc"
        return self._rows(statement, after=span.after, until=span.until, most=most, block=BLOCK)

    def page(self, places: list[int]) -> list[tuple[Any, ...]]:
        """The rows of assets at some places, as the select shows them, in its order."""
        return self._shown("rows", places=places, block=BLOCK) if places else []

    def page_of_changes(self, places: list[int], span: Span, limit: int, order: Order) -> list[tuple[Any, ...]]:
        """The first of those that were last changed in a span."""
        within = {"after": span.after, "until": span.until, "limit": limit, "direction": order.direction}
        return self._shown("changed_rows", places=places, block=BLOCK, **within) if places else []

    def live(self, span: Span, most: int, limit: int, order: Order) -> list[tuple[Any, ...]]:
        """Those of the first assets in an order and a span, at most so many, that are not deleted."""
        select = live_select(span, most, order)
        select.shown, select.tables = self._select.shown, self._select.tables
        return self._cursor.execute(select.query(), {**select.parameters, "limit": limit}).fetchall()

    def _shown(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        query = _shown(self._select.shown or "*", _SQL[statement], self._select.order)
        return self._cursor.execute(self._select.served(query), parameters).fetchall()

    def _rows(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        return self._cursor.execute(self._select.served(_SQL[statement]), parameters).fetchall()


def live_select(span: Span, most: int, order: Order) -> Select:
    """Those of the first assets in an order and a span, at most so many, that are not deleted."""
    parameters = {"after": span.after, "until": span.until, "most": most}
    return Select(_SQL[f"live_{order.name}"], _ORDERS[order.name], parameters=parameters, has_one_plan=True)


@lru_cache
def _shown(columns: LiteralString, statement: LiteralString, order: LiteralString) -> LiteralString:
    return literal(sql_composition.shown(columns, sql_composition.fragment(statement), order).as_string())
