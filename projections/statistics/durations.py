"""A histogram of durations: buckets about 2 % wide, so that a percentile is off by 1 % at the most.

The bounds are whole microseconds and found by whole numbers alone: they are the same on every machine, and histograms
are added bucket by bucket.
"""

from bisect import bisect_left
from collections.abc import Mapping
from datetime import timedelta
from itertools import accumulate
from typing import Final

_MICROSECOND: Final = timedelta(microseconds=1)
_LONGEST: Final = 10**16
"""More than three hundred years."""


def _upper_bounds() -> list[int]:
    bounds = [1]
    while bounds[-1] < _LONGEST:
        bounds.append(max(bounds[-1] + 1, bounds[-1] * 51 // 50))
    return bounds


_BOUNDS: Final = _upper_bounds()


def bucket_of(duration: timedelta) -> int:
    """The bucket that holds the duration: its longest one, in microseconds."""
    return _BOUNDS[min(bisect_left(_BOUNDS, duration // _MICROSECOND), len(_BOUNDS) - 1)]


def percentile(histogram: Mapping[int, int], percent: int) -> float | None:
    """The middle of the bucket that holds the percentile (nearest rank), in seconds; None of nothing."""
    buckets = sorted(histogram)
    counts = list(accumulate(histogram[bucket] for bucket in buckets))
    if not counts:
        return None
    rank = -(-counts[-1] * percent // 100)
    return _middle(buckets[bisect_left(counts, rank)])


def _middle(bucket: int) -> float:
    place = bisect_left(_BOUNDS, bucket)
    shortest = _BOUNDS[place - 1] + 1 if place else bucket
    return (shortest + bucket) / 2 / 1_000_000
