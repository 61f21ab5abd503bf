"""Spans of positions, and the parts of them that sets are kept of."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

LAST: Final = 1 << 44
"""No log is that long."""


class Span(NamedTuple):
    """Positions after the first up to and with the second."""

    after: int = 0
    until: int = LAST

    def within(self, after: int | None, until: int | None) -> "Span":
        """The part of it that is after one position, and up to another, where they are given."""
        return Span(max(self.after, after or 0), self.until if until is None else min(self.until, until))

    def beyond(self, position: int | None, *, descending: bool) -> "Span":
        """The part of it that a list goes on with after a position."""
        if position is None:
            return self
        return self.within(None, position - 1) if descending else self.within(position, None)

    def has(self, position: int) -> bool:
        """Whether the position is in it."""
        return self.after < position <= self.until

    def covers(self, other: "Span") -> bool:
        """Whether all positions of the other are in it."""
        return self.after <= other.after and other.until <= self.until

    def without(self, end: "Span", *, newest_first: bool) -> "Span":
        """What is left of it in an order, after all up to another one."""
        return self.within(None, end.after) if newest_first else self.within(end.until, None)

    def numbers(self, bits: int, *, newest_first: bool) -> range:
        """The numbers of the spans, each `2 ** bits` long, that have its positions."""
        numbers = range((self.after + 1) >> bits, (self.until >> bits) + 1) if self.after < self.until else range(0)
        return numbers[::-1] if newest_first else numbers

    @classmethod
    def of(cls, bits: int, number: int) -> "Span":
        """The numbered span of that length."""
        return cls((number << bits) - 1, ((number + 1) << bits) - 1)


class Part(NamedTuple):
    """Numbered spans of positions, each `2 ** bits` long, or the one that an edge is within."""

    bits: int
    numbers: range
    edge: Span | None = None


def parts(span: Span, levels: Sequence[int]) -> Iterator[Part]:
    """The longest spans that together are the whole; `levels` are their bits, the longest first."""
    position, stop = span.after + 1, span.until + 1
    while position < stop:
        part = _longest(position, stop, levels)
        yield part
        position = part.edge.until + 1 if part.edge else part.numbers.stop << part.bits


def _longest(position: int, stop: int, levels: Sequence[int]) -> Part:
    end = stop
    for bits in levels:
        number = position >> bits
        if number << bits == position and (count := (end - position) >> bits):
            return Part(bits, range(number, number + count))
        end = min(end, (number + 1) << bits)
    return Part(levels[-1], range(number, number + 1), Span(position - 1, end - 1))
