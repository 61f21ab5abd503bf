"""A histogram of durations: buckets about 2 % wide, so that a percentile is off by 1 % at the most.

The bounds are whole microseconds and worked out with whole numbers alone: they are the same on every machine, and
histograms are added bucket by bucket. A histogram is kept as bytes: eight for each bucket, in order, the first two its
number and the others how many durations it has. Histograms one after the other are that of all their durations.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from itertools import accumulate
from struct import Struct
from typing import Final

Histogram = bytes
_MICROSECOND: Final = timedelta(microseconds=1)
_LONGEST: Final = 10**16
"""More than three hundred years."""
_ENTRY: Final = Struct(">Q")
_COUNT_BITS: Final = 48
_COUNT: Final = 2**_COUNT_BITS - 1


def _upper_bounds() -> list[int]:
    bounds = [1]
    while bounds[-1] < _LONGEST:
        bounds.append(max(bounds[-1] + 1, bounds[-1] * 51 // 50))
    return bounds


_BOUNDS: Final = _upper_bounds()


def bucket_of(duration: timedelta) -> int:
    """The bucket that holds the duration: its longest one, in microseconds."""
    return _BOUNDS[_number_of(duration)]


def histogram_of(duration: timedelta) -> bytes:
    """The histogram of one duration."""
    return _ENTRY.pack((_number_of(duration) << _COUNT_BITS) + 1)


def added(histogram: bytes | None, addition: bytes) -> bytes:
    """The histogram with that of one more duration, or of several."""
    if not histogram:
        return addition
    if len(addition) > _ENTRY.size:
        return merged(histogram + addition)
    place = 8 * bisect_left(range(len(histogram) // 8), addition[:2], key=lambda n: histogram[8 * n : 8 * n + 2])
    before, entry, after = histogram[:place], histogram[place : place + 8], histogram[place + 8 :]
    if entry[:2] != addition[:2]:
        return before + addition + entry + after
    return before + _ENTRY.pack(_ENTRY.unpack(entry)[0] + (_ENTRY.unpack(addition)[0] & _COUNT)) + after


def merged(histogram: bytes) -> bytes:
    """The histogram of several ones that stand one after the other."""
    counts: dict[int, int] = defaultdict(int)
    for (entry,) in _ENTRY.iter_unpack(histogram):
        counts[entry >> _COUNT_BITS] += entry & _COUNT
    return b"".join(_ENTRY.pack((number << _COUNT_BITS) + counts[number]) for number in sorted(counts))


def counts_of(histogram: bytes) -> dict[int, int]:
    """How many durations each bucket has, in any number of histograms one after the other."""
    counts: dict[int, int] = {}
    for (entry,) in _ENTRY.iter_unpack(histogram):
        bucket = _BOUNDS[entry >> _COUNT_BITS]
        counts[bucket] = counts.get(bucket, 0) + (entry & _COUNT)
    return counts


def percentile(counts: Mapping[int, int], percent: int) -> float | None:
    """The middle of the bucket that holds the percentile (nearest rank), in seconds; None of nothing."""
    buckets = sorted(counts)
    ranks = list(accumulate(counts[bucket] for bucket in buckets))
    if not ranks:
        return None
    rank = -(-ranks[-1] * percent // 100)
    return _middle(buckets[bisect_left(ranks, rank)])


def _number_of(duration: timedelta) -> int:
    return min(bisect_left(_BOUNDS, duration // _MICROSECOND), len(_BOUNDS) - 1)


def _middle(bucket: int) -> float:
    place = bisect_left(_BOUNDS, bucket)
    shortest = _BOUNDS[place - 1] + 1 if place else bucket
    return (shortest + bucket) / 2 / 1_000_000
