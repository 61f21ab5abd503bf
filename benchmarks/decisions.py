"""The decisions that are recorded: assets with and without personal words, and the same words left in the clear."""

from collections.abc import Callable
from typing import Literal
from uuid import UUID

from uuid_utils.compat import uuid7

from api.composition import utc_now
from domain.asset import creation
from domain.asset.events import AssetCreated, Content
from domain.asset.inputs import NewAsset
from domain.event import Actor, Context, Event
from domain.json_documents import JsonObject
from domain.media import Media
from domain.reference import Reference

_ACTOR = Actor(id="bench", type="system")
_IMPERSONAL = {
    "media": {"media_kind": "image", "format": "png", "width": 1024, "height": 768},
    "workflow_id": "w7",
    "node_id": "n3",
    "model": "sdxl",
    "references": ["message:m_91"],
}
WORDS = {
    "name": "Castle at dusk",
    "tags": ["concept", "castle", "dusk"],
    "prompt_spec": {"text": "a castle above a river at dusk, oil on canvas", "seed": 417, "steps": 30},
}
BODY = {**_IMPERSONAL, **WORDS}
IMPERSONAL = NewAsset.model_validate(_IMPERSONAL)
PERSONAL = NewAsset.model_validate({**BODY, "subject": "u_42"})

Decide = Callable[[UUID], Event]


class AssetCreatedInClear(Event, topic="test.asset_created_in_clear"):
    """An asset was recorded: the same fields as in `asset.created`, none of them marked as personal."""

    media: Media
    status: Literal["pending", "ready"]
    content: Content | None = None
    scope: Reference | None = None
    origin: tuple[Reference, ...] = ()
    references: tuple[Reference, ...] = ()
    request_digest: str | None = None
    name: str | None = None
    file_name: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    metadata: JsonObject | None = None
    prompt_spec: JsonObject | None = None
    source_url: str | None = None


def context() -> Context:
    """The circumstances of a command, now."""
    return Context(actor=_ACTOR, recorded_at=utc_now(), correlation_id=str(uuid7()))


def impersonal(tenant_id: UUID) -> AssetCreated:
    """An asset nothing of which is sealed."""
    return creation.create(context(), tenant_id, uuid7(), IMPERSONAL)


def of_existing_asset(asset_id: UUID) -> Decide:
    """Decides on an asset whose first revision is taken."""
    return lambda tenant_id: creation.create(context(), tenant_id, asset_id, IMPERSONAL)


def sealed(tenant_id: UUID) -> AssetCreated:
    """An asset with a name, tags and a prompt of one person. Made in two steps, because its peer is."""
    event = creation.create(context(), tenant_id, uuid7(), PERSONAL)
    return AssetCreated.model_construct(**dict(event))


def in_clear(tenant_id: UUID) -> AssetCreatedInClear:
    """The same asset, its words left in the clear."""
    event = creation.create(context(), tenant_id, uuid7(), PERSONAL)
    return AssetCreatedInClear.model_construct(**dict(event))
