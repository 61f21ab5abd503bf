"""The outcomes of an import, one for each item of the source."""

from typing import Literal, NamedTuple

from api.application.imports.items import one_line
from domain.errors import ContentMismatchError


class Outcome(NamedTuple):
    """The outcome of importing one item.

    `imported`: recorded now. `known`: recorded by an earlier import. `differs`: the source changed a job since it was
    imported. `unfinished`: the job still runs; import it later. `refused`: the item cannot be imported. The reason says
    why an item was refused, or what part of an imported item was left out.
    """

    place: str
    what: Literal["imported", "known", "differs", "unfinished", "refused"]
    reason: str | None = None


def refused(place: str, error: Exception) -> Outcome:
    """The outcome of an item that an error refused."""
    if isinstance(error, ContentMismatchError):
        return Outcome(place, "refused", "has changed while it was read")
    message = error.strerror if isinstance(error, OSError) else error
    return Outcome(place, "refused", one_line(message))
