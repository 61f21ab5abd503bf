"""No event can be recorded that a projection would stop at: the service does not start with one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from api.cli.failures import complain_of
from api.composition import connected
from domain import event as events
from domain.event import Event, event_types
from infra.databases import Databases
from infra.settings import Settings
from projections.assets.fold import ASSETS
from projections.catalogue import PROJECTIONS
from projections.projection import Projection, UnhandledEventError, check_handled


@pytest.fixture
def admired() -> Iterator[str]:
    """An event that is modelled, and that no projection knows of."""

    class AssetAdmired(Event, topic="asset.admired"):
        """Somebody said that an asset is good."""

        stars: int

    yield AssetAdmired.TOPIC
    del events._TYPES[AssetAdmired.TOPIC]


def test_every_event_is_handled_by_every_projection() -> None:
    check_handled(PROJECTIONS.values(), event_types())


@pytest.mark.parametrize("projection", PROJECTIONS.values(), ids=PROJECTIONS)
def test_an_event_that_a_projection_does_not_name_is_refused(admired: str, projection: Projection[Any]) -> None:
    with pytest.raises(UnhandledEventError, match=f"{projection.name} handles no event {admired}"):
        check_handled([projection], event_types())


def test_a_projection_that_forgets_an_event_of_its_own_is_refused() -> None:
    forgetful = replace(ASSETS, folds=ASSETS.folds - {event_types()["asset.held"]})
    with pytest.raises(UnhandledEventError, match=r"assets handles no event asset\.held"):
        check_handled([forgetful], event_types())


def test_nothing_starts_with_an_event_that_a_projection_does_not_name(
    admired: str, databases: Databases, settings: Settings
) -> None:
    with pytest.raises(UnhandledEventError, match=admired), connected(settings, databases):
        pass
    assert complain_of(UnhandledEventError("an event")) == 1  # one line
