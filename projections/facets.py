"""Facets: the values that lists filter by, as sets of the rows that have them.

A row is a place: the number of rows of its tenant that were created before it. A set is kept in chunks of places, each
a list of members while they are few, and a bit vector once they are many (a bitmap index; O'Neil and Quass, SIGMOD
1997).
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, LiteralString, NamedTuple
from uuid import UUID

Facet = tuple[str, str]
"""A criterion and a value, such as `("tag", "castle")`."""

CHUNK_BITS: Final = 14
CHUNK: Final = 1 << CHUNK_BITS
"""The places of a chunk. Its vector has 2 KiB at the most: several fit into a page of the database."""
BLOCK: Final = 128
"""The places whose positions stand in one row."""
MOST_LISTED: Final = 128
"""The most members that are listed, at two bytes each; to make a vector of more would take longer than to read it."""

_WORDS = struct.Struct(f"<{CHUNK // 64}Q")


class FacetRow(NamedTuple):
    """The members of one chunk that have a facet: their places within it."""

    tenant_id: UUID
    facet: str
    value: str
    chunk: int
    members: int
    places: bytes


class PlaceRow(NamedTuple):
    """The positions at which the rows of a block of places were created, in order."""

    tenant_id: UUID
    block: int
    first_position: int
    positions: list[int]


@dataclass(frozen=True)
class Facets:
    """The facets of a read model's rows, which are never deleted and have a `created_position`."""

    row: Any
    """A named tuple of the columns that they follow from, `tenant_id` and `created_position` among them."""
    of: Callable[[Any], frozenset[Facet]]
    """The facets of a row that has those columns."""
    changes: Callable[[Any, Any], tuple[frozenset[Facet], frozenset[Facet]]]
    """The facets that a row loses and gains, as it was, None if it is new, and as it is."""
    members: LiteralString
    """The same as a statement: the members of each facet, for some chunks of `{table}` at once."""


def encode(members: int) -> tuple[int, bytes]:
    """The number of members, given as the bits of an integer, and the bytes that are stored."""
    count = members.bit_count()
    if count > MOST_LISTED:
        return count, members.to_bytes((members.bit_length() + 7) // 8, "little")
    return count, struct.pack(f">{count}H", *ascending(members))


def encode_listed(listed: bytes) -> tuple[int, bytes]:
    """The same of members that are listed as a few are, in any order, some perhaps twice."""
    return _encode_places(set(_listed(listed)))


def encode_changed(before: FacetRow | None, removed: Iterable[int], added: Iterable[int]) -> tuple[int, bytes]:
    """The same of members of which some are removed, and then some added. Few of them never become a vector."""
    if before is None or before.members <= MOST_LISTED:
        places = set(_listed(before.places)) if before else set()
        places.difference_update(removed)
        return _encode_places(places.union(added))
    count, vector = before.members, bytearray(before.places.ljust(CHUNK // 8, b"\0"))
    for place in removed:
        bit = 1 << (place & 7)
        count -= bool(vector[place >> 3] & bit)
        vector[place >> 3] &= ~bit
    for place in added:
        bit = 1 << (place & 7)
        count += not vector[place >> 3] & bit
        vector[place >> 3] |= bit
    return (count, bytes(vector.rstrip(b"\0"))) if count > MOST_LISTED else encode(int.from_bytes(vector, "little"))


def _encode_places(places: set[int]) -> tuple[int, bytes]:
    if len(places) > MOST_LISTED:
        return encode(bits(places))
    return len(places), struct.pack(f">{len(places)}H", *sorted(places))


def decode(count: int, places: bytes) -> int:
    """The members as the bits of an integer."""
    if count > MOST_LISTED:
        return int.from_bytes(places, "little")
    return bits(_listed(places))


def bits(places: Iterable[int]) -> int:
    """The integer with these bits."""
    vector = bytearray(CHUNK // 8)
    for place in places:
        vector[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(vector, "little")


def ascending(members: int) -> Iterator[int]:
    """The places of the bits, the lowest first."""
    for base, bits_ in enumerate(_WORDS.unpack(members.to_bytes(_WORDS.size, "little"))):
        word = bits_
        while word:
            lowest = word & -word
            yield (base << 6) + lowest.bit_length() - 1
            word ^= lowest


def descending(members: int) -> Iterator[int]:
    """The places of the bits, the highest first."""
    words = _WORDS.unpack(members.to_bytes(_WORDS.size, "little"))
    for base in range(len(words) - 1, -1, -1):
        word = words[base]
        while word:
            highest = word.bit_length() - 1
            yield (base << 6) + highest
            word ^= 1 << highest


def _listed(places: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(places) // 2}H", places)
