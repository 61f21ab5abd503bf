"""Range requests (RFC 9110, section 14): which bytes of a representation a request asks for."""

import re
from typing import Final, NamedTuple

from domain.errors import LedgerError

MOST_RANGES: Final = 32
_RANGE = re.compile(r"\s*(\d{0,18})-(\d{0,18})\s*")


class RangeRefusedError(LedgerError):
    """None of the ranges asked for lies within the content."""

    def __init__(self, size: int = 0) -> None:
        super().__init__(f"None of the ranges asked for lies within the {size:,} bytes there are." if size else None)
        self.size = size


class Range(NamedTuple):
    """Bytes from the first to the last one, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many bytes that are."""
        return self.last - self.first + 1

    def of(self, size: int) -> str:
        """The value of Content-Range."""
        return f"bytes {self.first}-{self.last}/{size}"


def ranges(header: str | None, size: int) -> list[Range]:
    """The ranges of a header within that many bytes; none if all is asked for, or nothing that can be understood.

    Raises RangeRefusedError if there are some, and none lies within. Ranges that overlap or touch are given as one, and
    then all in the order of the bytes.
    """
    unit, equals, listed = (header or "").partition("=")
    found = [_RANGE.fullmatch(part) for part in listed.split(",")]
    if not equals or unit.strip().lower() != "bytes" or len(found) > MOST_RANGES:
        return []
    asked = [match.groups() for match in found if match and match[0].strip() != "-"]
    if len(asked) < len(found) or any(last and first and int(last) < int(first) for first, last in asked):
        return []
    within = [Range(*_within(first, last, size)) for first, last in asked]
    satisfiable = [one for one in within if 0 <= one.first <= one.last]
    if not satisfiable:
        raise RangeRefusedError(size)
    return _joined(satisfiable)


def _within(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return (max(0, size - int(last)) if int(last) else size), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


def _joined(asked: list[Range]) -> list[Range]:
    first, *others = sorted(asked)
    joined = [first]
    for one in others:
        before = joined[-1]
        if one.first <= before.last + 1:
            joined[-1] = Range(before.first, max(before.last, one.last))
        else:
            joined.append(one)
    return joined if len(joined) < len(asked) else asked
