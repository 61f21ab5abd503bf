"""Range requests (RFC 9110, section 14): which bytes of a representation a request asks for."""

import re
from typing import NamedTuple

from domain.errors import LedgerError

_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})-(\d{0,18})\s*", re.IGNORECASE)


class RangeRefusedError(LedgerError):
    """The range asked for does not lie within the content."""

    def __init__(self, size: int = 0) -> None:
        super().__init__(f"The range asked for does not lie within the {size:,} bytes there are." if size else None)
        self.size = size


class Range(NamedTuple):
    """Bytes from the first to the last one, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """The number of bytes."""
        return self.last - self.first + 1

    def content_range(self, size: int) -> str:
        """The value of Content-Range, given the size of the whole in bytes."""
        return f"bytes {self.first}-{self.last}/{size}"


def byte_range(header: str | None, size: int) -> Range | None:
    """The range that a Range header asks for within `size` bytes.

    None stands for the whole: without the header, for one that is not understood, and for several ranges, which a
    server may ignore (section 14.2). RangeRefusedError if the range does not lie within the content.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    first, last = match.groups() if match else ("", "")
    if not (first or last) or (first and last and int(last) < int(first)):
        return None
    if not first:
        bounds = Range(max(0, size - int(last)) if int(last) else size, size - 1)
    else:
        bounds = Range(int(first), min(int(last), size - 1) if last else size - 1)
    if bounds.length < 1:
        raise RangeRefusedError(size)
    return bounds
