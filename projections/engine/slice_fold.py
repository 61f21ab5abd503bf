"""The fold of a slice: originator by originator, so that only the rows as they are in the end are written."""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from domain.errors import ServiceUnavailableError
from domain.event import Recorded
from infra.event_log.fold_reader import compare
from projections.engine.batch_fold import Decode
from projections.engine.event_reader import StoredEntry
from projections.projection import Key, Projection, apply

MOST_HELD = 1_000
"""An originator with more rows has those taken out that are final."""


class SliceRefusedError(Exception):
    """A slice cannot be folded, or its rows cannot be written; the cause says why."""

    def __init__(self, tenant_id: UUID) -> None:
        super().__init__(f"a slice of the log of tenant {tenant_id} is refused")
        self.tenant_id = tenant_id


class SliceRows:
    """The rows that the entries of a slice fold into, each once no other entry can change it any more.

    Iterating raises SliceRefusedError if an entry cannot be decoded or folded, or lacks its key;
    ServiceUnavailableError.
    """

    def __init__(
        self, projection: Projection[Any], decode: Decode, tenant_id: UUID, chunks: Iterable[list[StoredEntry]]
    ) -> None:
        self._projection = projection
        self._left_out = frozenset(kind.TOPIC for kind in projection.leaves_out)
        self._decode = decode
        self._tenant_id = tenant_id
        self._chunks = chunks
        self.events = 0
        """The number of entries that were folded."""

    def __iter__(self) -> Iterator[Any]:
        rows: dict[Key, Any] = {}
        each_alone = self._projection.sliced_by == "position"
        originator: int | None = None
        most = MOST_HELD
        for entries in self._chunks:
            for entry in entries:
                if each_alone or entry.originator_id.int != originator:  # UUIDs themselves are compared in Python
                    yield from rows.values()
                    rows.clear()
                    originator, most = entry.originator_id.int, MOST_HELD
                elif len(rows) > most:
                    yield from self._final(rows)
                    most = max(MOST_HELD, 2 * len(rows))
                self._fold(rows, entry)
            self.events += len(entries)
        yield from rows.values()

    def _final(self, rows: dict[Key, Any]) -> list[Any]:
        """Take out the rows of an originator with very many that none of its events changes any more."""
        return [rows.pop(key) for key, row in list(rows.items()) if self._projection.final(row)]

    def _fold(self, rows: dict[Key, Any], entry: StoredEntry) -> None:
        try:
            if entry.topic in self._left_out:
                compare(self._tenant_id, entry)  # nothing of it is folded, so that its seal stays closed
                return
            event = self._decode(self._tenant_id, entry)
            apply(rows, self._projection.fold(rows, Recorded(event, entry.id, entry.effective_at)))
        except ServiceUnavailableError:
            raise
        except Exception as error:  # a poison event, or a key that is away: whoever starts over says which
            raise SliceRefusedError(self._tenant_id) from error
