"""The fold of a batch: entries are decoded, the rows they touch are loaded, and the events folded into them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any
from uuid import UUID

from domain.errors import KeyUnavailableError, ServiceUnavailableError
from domain.event import Event, Recorded
from infra.event_log.recorder import missing_position
from projections.engine.claims import Claim
from projections.engine.event_reader import Chunk, StoredEntry, portions
from projections.engine.poison_events import stop_before
from projections.engine.row_buffer import RowBuffer
from projections.engine.segments import Segment
from projections.projection import Key, apply

Decode = Callable[[UUID, StoredEntry], Event]

BATCH_BYTES = 64 * 2**20
"""A batch ends early once it has read so much, however few events that are."""


def fold_chunks(
    decode: Decode,
    segments: Mapping[UUID, Segment],
    chunks: Iterable[Chunk],
    rows: Mapping[str, RowBuffer],
    on_stage: Callable[[str], None],
) -> None:
    """Fold the entries of segments into the rows of each table that a claim fills, loading those they touch."""
    size = 0
    for portion in chain.from_iterable(map(portions, chunks)):
        on_stage("read")
        parts = [segment for tenant_id in portion.entries if (segment := segments[tenant_id]).is_open]
        for segment in parts:
            _decode(decode, segment, portion.entries[segment.range.tenant_id])
        _load(rows, parts)
        on_stage("loaded")
        for segment in parts:
            _fold(rows, segment)
        on_stage("folded")
        size += portion.size
        if size > BATCH_BYTES:
            break
    else:
        _miss(segments.values())
    _stop(segments.values())


def _decode(decode: Decode, segment: Segment, entries: Iterable[StoredEntry]) -> None:
    tenant_id = segment.range.tenant_id
    for entry in entries:
        if entry.id != segment.next:
            segment.error = missing_position(tenant_id, segment.next)
            return
        try:
            event = decode(tenant_id, entry)
        except ServiceUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - a poison event stops its tenant only
            segment.error = error
            return
        segment.decoded.append(Recorded(event, entry.id, entry.effective_at))
        segment.next += 1


def _load(rows: Mapping[str, RowBuffer], segments: Iterable[Segment]) -> None:
    keys: dict[str, set[Key]] = defaultdict(set)
    for segment in segments:
        for claim in segment.claims:
            touched = keys[claim.projection.table.name]
            for recorded in claim.unfolded(segment.decoded):
                touched.update(claim.projection.keys(recorded.event))
    for table, touched in keys.items():
        rows[table].load(touched)


def _fold(rows: Mapping[str, RowBuffer], segment: Segment) -> None:
    decoded, segment.decoded = segment.decoded, []
    for claim in segment.claims:
        _fold_into(rows[claim.projection.table.name], claim, claim.unfolded(decoded))


def _fold_into(rows: dict[Key, Any], claim: Claim, decoded: Iterable[Recorded]) -> None:
    for recorded in decoded:
        try:
            apply(rows, claim.projection.fold(rows, recorded))
        except Exception as error:  # noqa: BLE001 - a poison event stops its projection for its tenant only
            stop_before(claim, recorded.position, error)
            return
        claim.folded += 1


def _miss(segments: Iterable[Segment]) -> None:
    """Note where all entries were read and one is missing."""
    for segment in segments:
        if segment.is_open and segment.next <= segment.range.until:
            segment.error = missing_position(segment.range.tenant_id, segment.next)


def _stop(segments: Iterable[Segment]) -> None:
    """Stop the claims, or let them wait, that have come to an entry that cannot be decoded."""
    for segment in segments:
        for claim in segment.claims:
            if segment.error is None or claim.failure is not None or claim.next != segment.next:
                continue
            if isinstance(segment.error, KeyUnavailableError):
                claim.wait(segment.error)
            else:
                stop_before(claim, segment.next, segment.error)
