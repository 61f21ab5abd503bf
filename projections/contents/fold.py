"""Folds the log into `contents`: one row per content version."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from domain.asset.events import (
    AssetContentPurged,
    AssetContentStored,
    AssetCreated,
    AssetPurgeRequested,
    AssetReferenceChange,
    AssetStateChange,
)
from domain.event import Event, Recorded
from projections.projection import OF_JOBS, OF_TENANTS, Changes, Key, Projection, classes


class ContentRow(NamedTuple):
    """Bytes of an asset that are or were in the store."""

    tenant_id: UUID
    asset_id: UUID
    content_version: int
    content_id: UUID
    content_type: str | None
    size: int | None
    sha256: str | None
    position: int
    stored_at: datetime
    stored_by: str
    purged_at: datetime | None = None
    purged_by: str | None = None


def keys(event: Event) -> Iterable[Key]:
    """The rows of the versions that are purged."""
    return _purged(event) if isinstance(event, AssetContentPurged) else ()


def fold(rows: Mapping[Key, ContentRow], recorded: Recorded) -> Changes[ContentRow]:
    """The row of a version that was stored, or those of versions that were purged."""
    event = recorded.event
    match event:
        case AssetContentStored():
            return {(event.envelope.tenant_id, event.originator_id, event.content_version): _stored(event, recorded)}
        case AssetContentPurged():
            at, by = recorded.effective_at, str(event.envelope.actor)
            return {key: rows[key]._replace(purged_at=at, purged_by=by) for key in _purged(event)}
    return {}


def _purged(event: AssetContentPurged) -> list[Key]:
    return [(event.envelope.tenant_id, event.originator_id, number) for number in event.content_versions]


def _stored(event: AssetContentStored, recorded: Recorded) -> ContentRow:
    return ContentRow(
        tenant_id=event.envelope.tenant_id,
        asset_id=event.originator_id,
        content_version=event.content_version,
        content_id=event.content_id,
        content_type=event.content.content_type,
        size=event.content.size,
        sha256=event.content.sha256,
        position=recorded.position,
        stored_at=recorded.effective_at,
        stored_by=str(event.envelope.actor),
    )


CONTENTS = Projection(
    name="contents",
    version=1,
    row=ContentRow,
    key={"tenant_id": "uuid", "asset_id": "uuid", "content_version": "integer"},
    keys=keys,
    fold=fold,
    folder=Path(__file__).parent,
    folds=classes(AssetContentStored | AssetContentPurged),
    leaves_out=classes(AssetCreated | AssetPurgeRequested | AssetReferenceChange | AssetStateChange)
    | OF_JOBS
    | OF_TENANTS,
    sliced_by="originator",
)
