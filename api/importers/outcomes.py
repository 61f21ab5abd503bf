"""What became of what importers find."""

from typing import Literal, NamedTuple

from api.importers.items import one_line
from domain.errors import ContentMismatchError


class Outcome(NamedTuple):
    """What became of one thing: it was imported, is known from an earlier time, or cannot be.

    A job that is known may differ from what it was then; one that is unfinished is for a later time. The reason says
    why something cannot be; of a thing that was imported, what of it could not be, and why.
    """

    place: str
    what: Literal["imported", "known", "differs", "unfinished", "refused"]
    reason: str | None = None


def refused(place: str, error: Exception) -> Outcome:
    """What the error refused."""
    if isinstance(error, ContentMismatchError):
        return Outcome(place, "refused", "has changed while it was read")
    told = error.strerror if isinstance(error, OSError) else error
    return Outcome(place, "refused", one_line(told))
