"""Assets in the order of their last changes, by the sets of the spans of positions that those are in."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Final, NamedTuple

from projections.assets.facets import changed
from projections.facets import CHUNK, CHUNK_BITS
from projections.queries.chunks import Chunks, places_of, size
from projections.queries.facet_tables import FacetTables
from projections.queries.spans import Span

FEW: Final = 200
"""So many assets are looked up one by one, to see when they were changed."""
FIRST_SPANS: Final = 3
"""So many spans are read at first."""
MORE_SPANS: Final = 4
"""By how many times more spans are read at each further step."""
FIRST_WALK: Final = 250
LONGER_WALK: Final = 8
"""By how many times more last events are read at each further step."""


class Run(NamedTuple):
    """Places of assets, all of which come before those of the next run."""

    places: list[int]
    certain: bool
    """Whether all of them were last changed within the span."""


class ChangeOrder(NamedTuple):
    """The order of a page of so many assets, the last changed first or last."""

    tables: FacetTables
    limit: int
    newest_first: bool

    def first(self, chunks: Chunks, span: Span, levels: Sequence[int]) -> list[int]:
        """Places of members, the first ones among them that were last changed in a span."""
        chunks = {chunk: members for chunk, members in chunks.items() if members}
        if size(chunks) <= FEW:
            return places_of(chunks)
        places: list[int] = []
        certain = 0
        for run in self._runs(chunks, span, levels):
            places += run.places
            certain += len(run.places) if run.certain else 0
            if certain >= self.limit:
                break
        return places

    def _runs(self, chunks: Chunks, span: Span, levels: Sequence[int]) -> Iterator[Run]:
        """The members that were last changed in a span; `levels` are the bits of spans there are, the longest first."""
        if not levels:
            yield from self._walked(chunks, span)
            return
        left, remaining = dict(chunks), span
        for bits, most in self._steps(size(chunks), span, levels):
            numbers = remaining.numbers(bits, newest_first=self.newest_first)[:most]
            for number, inside in self._divided(bits, left, numbers):
                whole = Span.of(bits, number)
                if size(inside) <= FEW:
                    yield Run(places_of(inside), span.covers(whole))
                else:
                    part = remaining.within(*whole)
                    yield from self._runs(inside, part, [level for level in levels if level < bits])
                for chunk, members in inside.items():
                    left[chunk] ^= members
            if len(numbers) < most:
                return
            remaining = remaining.without(Span.of(bits, numbers[-1]), newest_first=self.newest_first)

    def _steps(self, members: int, span: Span, levels: Sequence[int]) -> Iterator[tuple[int, int]]:
        """How long spans are read, and how many: the shortest first that may have as many members as are asked for."""
        enough = self.limit * (span.until - span.after) // members // FIRST_SPANS
        for bits in reversed(levels[1:]):
            if enough >> bits == 0:
                yield bits, FIRST_SPANS
        yield from ((levels[0], FIRST_SPANS * MORE_SPANS**step) for step in count())

    def _divided(self, bits: int, chunks: Chunks, numbers: Sequence[int]) -> Iterator[tuple[int, Chunks]]:
        """The members by the numbered spans of last events, where there are any."""
        facets = {changed(bits, number): number for number in numbers}
        divided: dict[int, dict[int, int]] = defaultdict(dict)
        for facet, chunk, members in self.tables.members(list(facets), chunks.keys()):
            if common := members & chunks.get(chunk, 0):
                divided[facets[facet]][chunk] = common
        return ((number, divided[number]) for number in numbers if number in divided)

    def _walked(self, chunks: Chunks, span: Span) -> Iterator[Run]:
        """Those among all that were last changed in a span."""
        most = FIRST_WALK
        while True:
            rows = self.tables.last_changed(span, most, newest_first=self.newest_first)
            yield Run([p for p, _ in rows if chunks.get(p >> CHUNK_BITS, 0) >> (p & (CHUNK - 1)) & 1], certain=True)
            if len(rows) < most:
                return
            span, most = span.beyond(rows[-1][1], descending=self.newest_first), most * LONGER_WALK
