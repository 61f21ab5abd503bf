"""Folds the log into `assets`: one row per asset."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard, assert_never
from uuid import UUID

from domain.asset.events import (
    AssetChange,
    AssetContentPurged,
    AssetContentStored,
    AssetCreated,
    AssetDescribed,
    AssetEvent,
    AssetHeld,
    AssetHoldReleased,
    AssetLinked,
    AssetPurgeRequested,
    AssetRestored,
    AssetSoftDeleted,
    AssetUnlinked,
    Content,
)
from domain.event import Event, Recorded
from domain.provenance import imported_from
from domain.reference import Reference
from domain.text import searchable
from projections.assets.facets import ASSET_FACETS
from projections.projection import OF_ASSETS, OF_JOBS, OF_TENANTS, Changes, Key, Projection, classes, with_values

Values = dict[str, Any]


def _is_of_asset(event: Event) -> TypeGuard[AssetEvent]:
    """Compares the class: `isinstance` with each member of the union takes longer than to fold most events."""
    return type(event) in OF_ASSETS


class AssetRow(NamedTuple):
    """An asset as lists and reads show it."""

    tenant_id: UUID
    asset_id: UUID
    revision: int
    position: int
    created_position: int
    status: str
    live_status: str
    media_kind: str
    media: dict[str, Any]
    content: dict[str, Any] | None
    content_type: str | None
    sha256: str | None
    name: str | None
    name_search: str | None
    file_name: str | None
    description: str | None
    tags: list[str]
    metadata: dict[str, Any] | None
    prompt_spec: dict[str, Any] | None
    source_url: str | None
    imported: dict[str, Any] | None
    subject: str | None
    scope: str | None
    origin: list[str]
    links: list[str]
    sources: list[str]
    holds: list[str]
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    deleted_at: datetime | None

    @property
    def id(self) -> UUID:
        """The asset's id."""
        return self.asset_id

    @property
    def stored(self) -> bool:
        """Whether its newest content is in the store: neither only described, nor purged."""
        return self.content is not None and self.content.get("version") is not None and not self.content.get("purged")


def keys(event: Event) -> Iterable[Key]:
    """The one row an asset's event touches. A new asset has none yet."""
    if _is_of_asset(event) and type(event) is not AssetCreated:
        return ((event.envelope.tenant_id, event.envelope.originator_id),)
    return ()


def fold(rows: Mapping[Key, AssetRow], recorded: Recorded) -> Changes[AssetRow]:
    """The asset's row after the event."""
    event = recorded.event
    if not _is_of_asset(event):
        return {}
    envelope = event.envelope
    key = (envelope.tenant_id, envelope.originator_id)
    if isinstance(event, AssetCreated):
        return {key: _created(event, recorded)}
    return {key: _changed(rows[key], event, recorded)}


def _created(event: AssetCreated, recorded: Recorded) -> AssetRow:
    actor, content = str(event.envelope.actor), event.content
    return AssetRow(
        tenant_id=event.envelope.tenant_id,
        asset_id=event.originator_id,
        revision=event.originator_version,
        position=recorded.position,
        created_position=recorded.position,
        status=event.status,
        live_status=event.status,
        media_kind=event.media.media_kind,
        media=event.media.members(),
        content=content.members() if content else None,
        content_type=_listed_type(content),
        sha256=content.sha256 if content else None,
        name=event.name,
        name_search=searchable(event.name) if event.name else None,
        file_name=event.file_name,
        description=event.description,
        tags=list(event.tags),
        metadata=event.metadata,
        prompt_spec=event.prompt_spec,
        source_url=event.source_url,
        imported=imported_from(event.imported),
        subject=event.envelope.subject,
        scope=str(event.scope) if event.scope else None,
        origin=_written(event.origin),
        links=_written(event.references),
        sources=[str(id_) for id_ in event.sources or ()],
        holds=[],
        created_at=recorded.effective_at,
        created_by=actor,
        updated_at=recorded.effective_at,
        updated_by=actor,
        deleted_at=None,
    )


def _written(references: Iterable[Reference]) -> list[str]:
    """The references as text: what `str` gives, but quicker for so many."""
    return [f"{reference.kind}:{reference.id}" for reference in references]


def _listed_type(content: Content | None) -> str | None:
    """The media type as lists filter by it."""
    return content.content_type.lower() if content and content.content_type else None


def _changed(row: AssetRow, event: AssetChange, recorded: Recorded) -> AssetRow:
    envelope = event.envelope
    values = _new_values(row, event, recorded.effective_at)
    values["revision"] = envelope.originator_version
    values["position"] = recorded.position
    values["updated_at"] = recorded.effective_at
    values["updated_by"] = str(envelope.actor)
    return with_values(row, values)


def _new_values(row: AssetRow, event: AssetChange, at: datetime) -> Values:  # noqa: C901 - a case for each event
    """What the event changes in a row, beside its revision and who changed it when; frequent events come first."""
    match event:
        case AssetLinked():
            return {"links": row.links + _written(event.references)}
        case AssetContentStored():
            return _stored(event)
        case AssetDescribed():
            return _described(event)
        case AssetUnlinked():
            unlinked = set(_written(event.references))
            return {"links": [link for link in row.links if link not in unlinked]}
        case AssetSoftDeleted():
            return {"status": "deleted", "deleted_at": at}
        case AssetRestored():
            return {"status": row.live_status, "deleted_at": None}
        case AssetHeld():
            return {"holds": [*row.holds, event.hold]}
        case AssetHoldReleased():
            return {"holds": [hold for hold in row.holds if hold != event.hold]}
        case AssetPurgeRequested():
            return {}
        case AssetContentPurged():
            newest = row.content is not None and row.content.get("version") in event.content_versions
            return {"content": {**(row.content or {}), "purged": True}} if newest else {}
        case _:
            assert_never(event)


def _described(event: AssetDescribed) -> Values:
    changed: Values = {field: getattr(event, field) for field in event.changed}
    if "tags" in changed:
        changed["tags"] = list(event.tags)
    if "name" in changed:
        changed["name_search"] = searchable(event.name) if event.name else None
    return changed


def _stored(event: AssetContentStored) -> Values:
    content = event.content
    inspected = {"version": event.content_version, "problem": event.problem, "embedded": event.embedded}
    return {
        "status": "ready",
        "live_status": "ready",
        "media": event.media.members(),
        "content": {**content.members(), **inspected},
        "content_type": _listed_type(content),
        "sha256": content.sha256,
    }


ASSETS = Projection(
    name="assets",
    version=4,
    row=AssetRow,
    key={"tenant_id": "uuid", "asset_id": "uuid"},
    json=frozenset({"media", "content", "metadata", "prompt_spec", "imported"}),
    keys=keys,
    fold=fold,
    folder=Path(__file__).parent,
    folds=classes(
        AssetCreated
        | AssetContentStored
        | AssetPurgeRequested
        | AssetContentPurged
        | AssetDescribed
        | AssetLinked
        | AssetUnlinked
        | AssetSoftDeleted
        | AssetRestored
        | AssetHeld
        | AssetHoldReleased
    ),
    leaves_out=OF_JOBS | OF_TENANTS,
    sliced_by="originator",
    facets=ASSET_FACETS,
)
