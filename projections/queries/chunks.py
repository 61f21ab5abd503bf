"""Sets of assets by chunks of places, as the bits of integers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from projections.facets import CHUNK, CHUNK_BITS, ascending, decode, descending

Chunks = Mapping[int, int]
"""The members of each chunk."""


def common(sets: Iterable[tuple[int, int, int, bytes]]) -> int:
    """The members of a chunk that every criterion has, without those that must not be.

    Each set has the number of its criterion, which is negative for what must not be.
    """
    criteria: dict[int, int] = defaultdict(int)
    for _, number, count, places in sets:
        criteria[number] |= decode(count, places)
    without = criteria.pop(-1, 0)
    first, *others = criteria.values()
    for members in others:
        first &= members
    return first ^ (first & without)


def mask(chunk: int, places: range) -> int:
    """The bits of those places that are in a chunk."""
    start = chunk << CHUNK_BITS
    low, high = max(places.start - start, 0), min(places.stop - start, CHUNK)
    return (1 << high) - (1 << low) if low < high else 0


def as_chunks(places: Iterable[int]) -> Chunks:
    """The set of some places."""
    chunks: dict[int, int] = defaultdict(int)
    for place in places:
        chunks[place >> CHUNK_BITS] |= 1 << (place & (CHUNK - 1))
    return chunks


def size(chunks: Chunks) -> int:
    """How many members there are."""
    return sum(members.bit_count() for members in chunks.values())


def places_in(chunk: int, members: int, *, newest_first: bool = False) -> list[int]:
    """The places of a chunk's members."""
    start = chunk << CHUNK_BITS
    return [start + place for place in (descending if newest_first else ascending)(members)] if members else []


def places_of(chunks: Chunks) -> list[int]:
    """The places of all members."""
    return [place for chunk, members in chunks.items() for place in places_in(chunk, members)]
