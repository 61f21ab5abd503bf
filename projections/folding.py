"""Folds what was read into the rows, until something stops it; then it stops for that tenant only."""

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any
from uuid import UUID

from domain.errors import KeyUnavailableError, ServiceUnavailableError
from domain.event import Event, Recorded
from infra.event_log.recorder import missing_position
from projections.projection import Key, Projection, apply
from projections.reading import Batch, News, Piece, portions
from projections.writing import Rows

Decode = Callable[[UUID, News], Event]

BATCH_BYTES = 64 * 2**20
"""A batch is cut short once it has read so much, however few events that are."""


def fold_pieces(
    projection: Projection[Any],
    decode: Decode,
    batches: Mapping[UUID, Batch],
    read: Iterable[Piece],
    rows: Rows,
    probe: Callable[[str], None],
) -> None:
    """Fold pieces of the batches into the rows, loading those they touch."""
    size = 0
    for piece in chain.from_iterable(map(portions, read)):
        probe("read")
        touched = _decode(decode, batches, piece)
        rows.load(_keys(projection, touched))
        probe("loaded")
        for batch in touched:
            _fold(projection, rows, batch)
        probe("folded")
        size += piece.size
        if size > BATCH_BYTES:
            return
    for batch in batches.values():
        if batch.failure is None and batch.next <= batch.until:
            batch.fail(batch.next, missing_position(batch.tenant_id, batch.next))


def _keys(projection: Projection[Any], touched: Iterable[Batch]) -> set[Key]:
    """The keys of the rows that the batches' news may touch."""
    found: set[Key] = set()
    for batch in touched:
        for recorded in batch.news:
            found.update(projection.keys(recorded.event))
    return found


def _decode(decode: Decode, batches: Mapping[UUID, Batch], piece: Piece) -> list[Batch]:
    touched = [batches[tenant_id] for tenant_id in piece.entries if batches[tenant_id].failure is None]
    for batch in touched:
        _decode_one(decode, batch, piece.entries[batch.tenant_id])
    return touched


def _decode_one(decode: Decode, batch: Batch, entries: Iterable[News]) -> None:
    for position, entry in enumerate(entries, batch.next):
        if entry.id != position:
            return batch.fail(position, missing_position(batch.tenant_id, position))
        try:
            event = decode(batch.tenant_id, entry)
        except KeyUnavailableError as error:
            return batch.wait(error)
        except ServiceUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an entry does, only its tenant stops
            return batch.fail(entry.id, error)
        batch.news.append(Recorded(event, entry.id, entry.effective_at))
    return None


def _fold(projection: Projection[Any], rows: dict[Key, Any], batch: Batch) -> None:
    news, batch.news = batch.news, []
    for recorded in news:
        try:
            apply(rows, projection.fold(rows, recorded))
        except Exception as error:  # noqa: BLE001 - whatever a fold does, only its tenant stops
            batch.fail(recorded.position, error)
            return
        batch.folded += 1
