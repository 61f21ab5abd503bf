"""The fold of a batch: entries are decoded, the rows they touch are loaded, and the events folded into them."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
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
from projections.projection import Key, Projection, apply

Decode = Callable[[UUID, StoredEntry], Event]

BATCH_BYTES = 64 * 2**20
"""A batch ends early once it has read so much, however few events that are."""


def fold_chunks(
    projection: Projection[Any],
    decode: Decode,
    claims: Mapping[UUID, Claim],
    chunks: Iterable[Chunk],
    rows: RowBuffer,
    on_stage: Callable[[str], None],
) -> None:
    """Fold the entries of claimed tenants into the rows, loading those they touch."""
    size = 0
    for portion in chain.from_iterable(map(portions, chunks)):
        on_stage("read")
        tenants = _decode_portion(decode, claims, portion)
        rows.load({key for tenant in tenants for recorded in tenant.decoded for key in projection.keys(recorded.event)})
        rows.load(_related_keys(projection, rows, tenants))
        on_stage("loaded")
        for tenant in tenants:
            _fold(projection, rows, tenant)
        on_stage("folded")
        size += portion.size
        if size > BATCH_BYTES:
            return
    for tenant in claims.values():
        if tenant.failure is None and tenant.next <= tenant.until:
            stop_before(tenant, tenant.next, missing_position(tenant.tenant_id, tenant.next))


def _related_keys(projection: Projection[Any], rows: Mapping[Key, Any], tenants: Iterable[Claim]) -> set[Key]:
    keys: set[Key] = set()
    for tenant in tenants:
        with suppress(Exception):  # the fold meets it at the same event, and stops the tenant there
            keys.update(projection.related(rows, tenant.decoded))
    return keys


def _decode_portion(decode: Decode, claims: Mapping[UUID, Claim], portion: Chunk) -> list[Claim]:
    """Decode the entries of tenants that have not stopped; returns those tenants."""
    tenants = [claims[tenant_id] for tenant_id in portion.entries if claims[tenant_id].failure is None]
    for tenant in tenants:
        _decode_entries(decode, tenant, portion.entries[tenant.tenant_id])
    return tenants


def _decode_entries(decode: Decode, tenant: Claim, entries: Iterable[StoredEntry]) -> None:
    for position, entry in enumerate(entries, tenant.next):
        if entry.id != position:
            return stop_before(tenant, position, missing_position(tenant.tenant_id, position))
        try:
            event = decode(tenant.tenant_id, entry)
        except KeyUnavailableError as error:
            return tenant.wait(error)
        except ServiceUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - a poison event stops its tenant only
            return stop_before(tenant, entry.id, error)
        tenant.decoded.append(Recorded(event, entry.id, entry.effective_at))
    return None


def _fold(projection: Projection[Any], rows: dict[Key, Any], tenant: Claim) -> None:
    decoded, tenant.decoded = tenant.decoded, []
    for recorded in decoded:
        try:
            apply(rows, projection.fold(rows, recorded))
        except Exception as error:  # noqa: BLE001 - a poison event stops its tenant only
            stop_before(tenant, recorded.position, error)
            return
        tenant.folded += 1
