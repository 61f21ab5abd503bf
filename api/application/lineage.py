"""What an asset came from and what came from it; and what came from a reference."""

from collections.abc import Sequence
from uuid import UUID

from api.application.session import Session
from domain.asset.events import AssetCreated
from domain.errors import AssetNotFoundError
from domain.reference import Reference
from projections.queries.lineage import Direction, Lineage, Node, lineage_of, node_of
from projections.states import ASSET


def lineage_of_asset(
    session: Session, asset_id: UUID, directions: tuple[Direction, ...], depth: int, as_of: int | None = None
) -> Lineage:
    """The lineage of an asset, deleted or not, as of a position or now.

    AssetNotFoundError, also for one that was recorded later, and what `lineage_of` raises.
    """
    if not session.log.begun_by(AssetCreated.TOPIC, {asset_id}):
        raise AssetNotFoundError
    if as_of is not None and session.log.event(asset_id, 1).position > as_of:
        raise AssetNotFoundError("The asset was not recorded yet at that moment.")
    return _lineage(session, node_of("asset", str(asset_id)), directions, depth, as_of)


def lineage_from_reference(session: Session, reference: Reference, depth: int, as_of: int | None = None) -> Lineage:
    """All that came from a reference, as of a position or now; nothing but itself, if nothing did.

    Raises what `lineage_of` does.
    """
    return _lineage(session, node_of("reference", str(reference)), ("down",), depth, as_of)


def _lineage(
    session: Session, start: Node, directions: tuple[Direction, ...], depth: int, as_of: int | None
) -> Lineage:
    def links_of(asset_id: UUID, revision: int) -> Sequence[str]:
        return session.state(asset_id, ASSET, AssetNotFoundError, revision).row.links

    return lineage_of(session.database, session.tenant_id, start, directions, depth, as_of, links_of)
