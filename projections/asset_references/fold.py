"""Folds the log into `asset_references`: one row per asset and reference that it has or had."""

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
    """That an asset has or had a reference: since `position`, until without `removed_position`; None: it has it still.

    `earlier` has the positions at which it was added and removed before that, in turns.
    """

    tenant_id: UUID
    kind: str
    id: str
    asset_id: UUID
    role: Role
    position: int
    removed_position: int | None = None
    earlier: list[int] | None = None


def keys(event: Event) -> Iterable[Key]:
    """The rows of the references that an event names. A new asset has none yet."""
    if isinstance(event, AssetLinked | AssetUnlinked):
        return [_key(event, reference) for reference in event.references]
    return []


def fold(rows: Mapping[Key, AssetReferenceRow], recorded: Recorded) -> Changes[AssetReferenceRow]:
    """The rows of the references that the event names, as they are after it."""
    event = recorded.event
    if isinstance(event, AssetUnlinked):
        present = (row for reference in event.references if (row := _present(rows, _key(event, reference))))
        return {_key_of(row): row._replace(removed_position=recorded.position) for row in present}
    tenant_id, asset_id = event.envelope.tenant_id, event.envelope.originator_id
    changes: dict[Key, AssetReferenceRow] = {}
    for role, reference in _added(event):
        key = tenant_id, reference.kind, reference.id, asset_id
        row = rows.get(key)
        if row is None or row.removed_position is not None:
            changes[key] = AssetReferenceRow(*key, role, recorded.position, None, _earlier(row))
    return changes


def _present(rows: Mapping[Key, AssetReferenceRow], key: Key) -> AssetReferenceRow | None:
    row = rows.get(key)
    return row if row and row.removed_position is None else None


def _earlier(row: AssetReferenceRow | None) -> list[int] | None:
    if row is None or row.removed_position is None:
        return None
    return [*(row.earlier or ()), row.position, row.removed_position]


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


def _key_of(row: AssetReferenceRow) -> Key:
    return row.tenant_id, row.kind, row.id, row.asset_id


ASSET_REFERENCES = Projection(
    name="asset_references",
    version=2,
    row=AssetReferenceRow,
    key={"tenant_id": "uuid", "kind": "text", "id": "text", "asset_id": "uuid"},
    keys=keys,
    fold=fold,
    folder=Path(__file__).parent,
    folds=classes(AssetCreated | AssetLinked | AssetUnlinked),
    leaves_out=classes(AssetContentChange | AssetStateChange) | OF_JOBS | OF_TENANTS,
    sliced_by="originator",
)
