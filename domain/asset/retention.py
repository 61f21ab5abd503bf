"""Since when bytes of an asset are kept for their retention time only, as its log says: by effective times alone."""

from collections.abc import Iterable
from datetime import datetime

from domain.asset.events import AssetContentStored, AssetRestored, AssetSoftDeleted
from domain.event import Recorded


def deleted_since(history: Iterable[Recorded]) -> datetime | None:
    """When the asset was last deleted; None if it is live."""
    since: datetime | None = None
    for event, _, effective_at in history:
        match event:
            case AssetSoftDeleted():
                since = effective_at
            case AssetRestored():
                since = None
    return since


def superseded_since(history: Iterable[Recorded]) -> dict[int, datetime]:
    """When a newer content version took the place of each that is not the newest, by its number."""
    since: dict[int, datetime] = {}
    newest: int | None = None
    for event, _, effective_at in history:
        if isinstance(event, AssetContentStored):
            if newest is not None:
                since[newest] = effective_at
            newest = event.content_version
    return since
