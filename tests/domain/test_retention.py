"""Since when content is kept for its retention time only: the effective times of the log say so, and no other clock."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from domain.asset import asset as aggregate
from domain.asset import creation
from domain.asset.asset import Asset
from domain.asset.events import AssetEvent
from domain.asset.inputs import NewAsset
from domain.asset.retention import deleted_since, superseded_since
from domain.event import Recorded
from tests.domain.test_asset import ASSET, CONTEXT, TENANT, Command, delete, restore, store

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def history(*commands: Command) -> Sequence[Recorded]:
    """What happened, a day after the other, whatever the clock said that the events were dated by."""
    new = NewAsset.model_validate({"media": {"media_kind": "image"}})
    happened: list[AssetEvent] = [creation.create(CONTEXT, TENANT, ASSET, new)]
    for command in commands:
        happened += command(_asset(happened))
    return [Recorded(event, number + 1, FIRST + number * DAY) for number, event in enumerate(happened)]


def _asset(happened: Sequence[AssetEvent]) -> Asset:
    asset = aggregate.project(None, happened)
    assert asset is not None
    return asset


def test_an_asset_is_deleted_since_it_was_last_deleted() -> None:
    assert deleted_since(history(store(7))) is None
    assert deleted_since(history(delete)) == FIRST + DAY
    assert deleted_since(history(delete, restore)) is None
    assert deleted_since(history(delete, restore, delete)) == FIRST + 3 * DAY


def test_content_is_superseded_since_the_next_version_was_stored() -> None:
    assert superseded_since(history(store(7))) == {}
    assert superseded_since(history(store(7), store(8), delete, restore, store(9))) == {
        1: FIRST + 2 * DAY,
        2: FIRST + 5 * DAY,
    }
