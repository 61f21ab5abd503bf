"""Folds the log into `asset_references`: one row per asset and reference."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple
from uuid import UUID

from domain.asset.events import AssetContentChange, AssetCreated, AssetLinked, AssetStateChange, AssetUnlinked
from domain.event import Event, Recorded
from domain.reference import Reference
from projections.projection import OF_JOBS, OF_TENANTS, Changes, Key, Projection, classes

Role = Literal["origin", "scope", "link"]


class AssetReferenceRow(NamedTuple):
    """That an asset has a reference, and since which position."""

    tenant_id: UUID
    kind: str
    id: str
    asset_id: UUID
    role: Role
    position: int


def keys(event: Event) -> Iterable[Key]:
    """The rows of the references that an event names. A new asset has none yet."""
    if isinstance(event, AssetLinked | AssetUnlinked):
        return [_key(event, reference) for reference in event.references]
    return []


def fold(_rows: Mapping[Key, AssetReferenceRow], recorded: Recorded) -> Changes[AssetReferenceRow]:
    """The rows of the references that the event names, as they are after it."""
    event = recorded.event
    if isinstance(event, AssetUnlinked):
        return {_key(event, reference): None for reference in event.references}
    return {
        _key(event, reference): AssetReferenceRow(
            event.envelope.tenant_id, reference.kind, reference.id, event.originator_id, role, recorded.position
        )
        for role, reference in _added(event)
    }


def _added(event: Event) -> Iterator[tuple[Role, Reference]]:
    match event:
        case AssetCreated():
            yield from (("link", reference) for reference in event.references)
            yield from (("origin", reference) for reference in event.origin)
            if event.scope:
                yield "scope", event.scope
        case AssetLinked():
            yield from (("link", reference) for reference in event.references)


def _key(event: Event, reference: Reference) -> Key:
    return event.envelope.tenant_id, reference.kind, reference.id, event.originator_id


ASSET_REFERENCES = Projection(
    name="asset_references",
    version=1,
    row=AssetReferenceRow,
    key={"tenant_id": "uuid", "kind": "text", "id": "text", "asset_id": "uuid"},
    keys=keys,
    fold=fold,
    folder=Path(__file__).parent,
    folds=classes(AssetCreated | AssetLinked | AssetUnlinked),
    leaves_out=classes(AssetContentChange | AssetStateChange) | OF_JOBS | OF_TENANTS,
    sliced_by="originator",
)
