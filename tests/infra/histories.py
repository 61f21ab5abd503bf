"""Assets with long histories, and their snapshots."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from api.application.asset_creation import AssetCreation
from api.application.session import Session
from domain.asset.asset import Asset
from domain.asset.events import AssetEvent
from domain.asset.inputs import NewAsset, NewDescription
from domain.event import Actor, Context
from projections.states import ASSET, AssetState
from tests.conftest import context

CHANGES = 300
ANN = Actor(id="ann", type="user")
NEW = NewAsset.model_validate(
    {"media": {"media_kind": "image"}, "name": "Castle", "tags": ["a"], "references": ["message:m1"], "subject": "u_42"}
)


def named(number: int) -> Callable[[Asset, Context], tuple[AssetEvent, ...]]:
    return lambda asset, context: asset.describe(context, NewDescription(name=f"Name {number}"))


def changed(session: Session, changes: int = CHANGES) -> UUID:
    """An asset that was changed so many times, with the snapshots of it that are due."""
    asset_id = AssetCreation(session).create(NEW)[0].asset_id
    state = session.log.state(asset_id, ASSET)
    events: list[AssetEvent] = []
    asset = state.asset
    for number in range(changes):
        (event,) = named(number)(asset, context())
        events.append(event)
        asset = replace(asset, version=event.originator_version, name=f"Name {number}")
    session.log.record(*events)
    session.log.keep_snapshots(asset_id, ASSET)
    return asset_id


def revisions(session: Session, originator_id: UUID) -> list[int]:
    """The revisions of which there are snapshots."""
    with session.database.transaction(session.tenant_id) as connection:
        rows = connection.execute(
            "SELECT originator_version FROM ledger.snapshots WHERE originator_id = %s ORDER BY 1", (originator_id,)
        ).fetchall()
    return [row[0] for row in rows]


def from_the_log(session: Session, asset_id: UUID, revision: int | None = None) -> AssetState | None:
    """The asset as all its events tell it."""
    return ASSET.after(None, session.log.history(asset_id, revision))
