"""What an asset came from and what came from it; and what came from a reference."""

from uuid import UUID

from api.application.session import Session
from domain.asset.events import AssetCreated
from domain.errors import AssetNotFoundError
from domain.reference import Reference
from projections.queries.lineage import Direction, Lineage, lineage_of, node_of


def lineage_of_asset(session: Session, asset_id: UUID, directions: tuple[Direction, ...], depth: int) -> Lineage:
    """The lineage of an asset, deleted or not. AssetNotFoundError, and what `lineage_of` raises."""
    if not session.log.begun_by(AssetCreated.TOPIC, {asset_id}):
        raise AssetNotFoundError
    return lineage_of(session.database, session.tenant_id, node_of("asset", str(asset_id)), directions, depth)


def lineage_from_reference(session: Session, reference: Reference, depth: int) -> Lineage:
    """All that came from a reference; nothing but itself, if nothing did. Raises what `lineage_of` does."""
    return lineage_of(session.database, session.tenant_id, node_of("reference", str(reference)), ("down",), depth)
