"""A poison event that an operator sets aside is left out by that projection alone, on the record, and counted."""

from typing import Any
from uuid import UUID

import pytest

from api.application.quarantine import NotStoppedThereError, Quarantine
from api.composition import Services
from domain.errors import EntryTooLargeError, ServiceUnavailableError
from domain.event import Actor, Recorded
from domain.tenant.events import ProjectionEventQuarantined
from projections.assets.fold import ASSETS
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.catalogue import PROJECTIONS
from projections.checkpoints import lags
from projections.engine.claims import Claim, advance
from projections.engine.progress import Lag
from projections.engine.rebuild import ProjectionStoppedError, rebuild
from projections.projection import Projection
from tests.projections.tables import catch_up, contents
from tests.projections.test_engine import poisoned, record

__all__ = ["poisoned"]

POISON = 3
ROOT = Actor(id="root", type="user")


def set_aside(
    services: Services, tenant_id: UUID, position: int, projection: Projection[Any] = ASSETS, reason: str = "torn"
) -> Recorded:
    return Quarantine(services.session(tenant_id, ROOT)).set_aside(projection, position, reason)


def lag_of(services: Services, tenant_id: UUID, projection: Projection[Any] = ASSETS) -> Lag:
    (lag,) = (
        lag for lag in services.engine.progress.lag() if (lag.projection, lag.tenant_id) == (projection.name, tenant_id)
    )
    return lag


def test_its_projection_goes_on_without_it_and_the_others_stay_where_they_are(
    quiet: Services, poisoned: tuple[UUID, UUID]
) -> None:
    sick, _ = poisoned
    set_aside(quiet, sick, POISON)
    catch_up(quiet)

    lag = lag_of(quiet, sick)
    assert (lag.position, lag.head, lag.quarantined, lag.state) == (5, 5, 1, "ok")
    assert contents(quiet, ASSETS).count(b"\n") == 2 + 3
    others = [lag_of(quiet, sick, projection) for projection in PROJECTIONS.values() if projection is not ASSETS]
    assert {(other.position, other.quarantined, other.failed_position) for other in others} == {(2, 0, POISON)}
    assert [(each.projection, each.version, each.position) for each in quiet.engine.progress.quarantined()] == [
        ("assets", ASSETS.version, POISON)
    ]
    assert quiet.engine.progress.miscounted() == []


def test_it_is_recorded_who_set_it_aside_and_why(quiet: Services, poisoned: tuple[UUID, UUID]) -> None:
    sick, _ = poisoned
    failure = lag_of(quiet, sick).failure

    recorded = set_aside(quiet, sick, POISON, reason="the release was taken back")

    event = recorded.event
    assert isinstance(event, ProjectionEventQuarantined)
    assert (event.projection, event.version, event.position) == ("assets", ASSETS.version, POISON)
    assert (event.error, event.envelope.reason) == (failure, "the release was taken back")
    assert (event.envelope.actor, event.originator_id, recorded.position) == (ROOT, sick, 5)
    assert list(quiet.log.of(sick).page(4, 5, 1)) == [recorded]


@pytest.mark.parametrize("position", [1, 2, 4, 5, 10**9])
def test_only_the_event_that_it_has_stopped_at_can_be_set_aside(
    quiet: Services, poisoned: tuple[UUID, UUID], position: int
) -> None:
    sick, healthy = poisoned
    for tenant_id, where in ((sick, "stopped at position 3 of this log"), (healthy, "not stopped in this log")):
        head = quiet.log.of(tenant_id).head()
        with pytest.raises(NotStoppedThereError, match=f"assets is {where}"):
            set_aside(quiet, tenant_id, position)
        assert quiet.log.of(tenant_id).head() == head
    assert lag_of(quiet, sick).failed_position == POISON


def test_it_is_set_aside_once(quiet: Services, poisoned: tuple[UUID, UUID]) -> None:
    sick, _ = poisoned
    set_aside(quiet, sick, POISON)

    with pytest.raises(NotStoppedThereError, match="not stopped"):
        set_aside(quiet, sick, POISON)
    assert quiet.log.of(sick).head() == 5


def test_without_the_record_it_is_not_set_aside(quiet: Services, poisoned: tuple[UUID, UUID]) -> None:
    sick, _ = poisoned
    with pytest.raises(EntryTooLargeError):
        set_aside(quiet, sick, POISON, reason="x" * 70_000)

    assert (lag_of(quiet, sick).failed_position, lag_of(quiet, sick).position) == (POISON, 2)
    assert (quiet.log.of(sick).head(), quiet.engine.progress.quarantined()) == (4, [])


def test_the_trail_shows_it_once_it_goes_on_itself(quiet: Services, poisoned: tuple[UUID, UUID]) -> None:
    sick, _ = poisoned
    set_aside(quiet, sick, POISON, AUDIT_TRAIL)
    catch_up(quiet)

    assert b"projection.event_quarantined" in contents(quiet, AUDIT_TRAIL)
    (lag,) = (lag for lag in lags(quiet.database, sick, [AUDIT_TRAIL]))
    assert (lag.position, lag.head, lag.quarantined, lag.seconds) == (5, 5, 1, None)


def test_a_rebuild_tries_it_again(quiet: Services, poisoned: tuple[UUID, UUID]) -> None:
    sick, _ = poisoned
    set_aside(quiet, sick, POISON)

    with pytest.raises(ProjectionStoppedError, match="position 3"):
        rebuild(quiet.engine, ASSETS)
    assert quiet.engine.progress.quarantined() == []
    assert (lag_of(quiet, sick).failed_position, lag_of(quiet, sick).quarantined) == (POISON, 0)
    set_aside(quiet, sick, POISON)
    catch_up(quiet)
    assert (lag_of(quiet, sick).behind, quiet.engine.progress.miscounted()) == (0, [])


WRONG = {
    "folded twice": "UPDATE read_models.progress SET applied = applied + 1 WHERE projection = 'assets'",
    "left out": "UPDATE read_models.progress SET applied = applied - 1 WHERE projection = 'assets'",
    "not listed": "DELETE FROM read_models.quarantine",
}


@pytest.mark.parametrize("statement", WRONG.values(), ids=WRONG)
def test_a_checkpoint_that_does_not_add_up_is_noticed(
    quiet: Services, poisoned: tuple[UUID, UUID], statement: str
) -> None:
    sick, _ = poisoned
    set_aside(quiet, sick, POISON)
    catch_up(quiet)
    assert quiet.engine.progress.miscounted() == []

    with quiet.projector.connection() as connection:
        connection.execute(statement)

    assert sick in {miscount.tenant_id for miscount in quiet.engine.progress.miscounted()}
    assert "rebuild assets" in str(quiet.engine.progress.miscounted()[0])


def test_what_a_release_before_has_folded_counts_too(quiet: Services, poisoned: tuple[UUID, UUID]) -> None:
    _, healthy = poisoned
    record(quiet, healthy, 2)
    with quiet.projector.connection() as connection:
        connection.execute("UPDATE read_models.progress SET position = 5 WHERE tenant_id = %s", (healthy,))
    assert quiet.engine.progress.miscounted() == []
    quiet.engine.step(ASSETS)
    assert quiet.engine.progress.miscounted() == []
    query = "SELECT applied, counted_to FROM read_models.progress WHERE projection = 'assets' AND tenant_id = %s"
    with quiet.projector.connection() as connection:
        assert connection.execute(query, (healthy,)).fetchall() == [(6, 6)]


@pytest.mark.parametrize("claimed", [0, 3, 5])
def test_a_checkpoint_moves_only_from_where_it_was_claimed(
    quiet: Services, poisoned: tuple[UUID, UUID], claimed: int
) -> None:
    _, healthy = poisoned
    with pytest.raises(ServiceUnavailableError), quiet.projector.transaction() as connection:
        advance(connection, [Claim(ASSETS, healthy, claimed, 9, folded=1)])
    assert lag_of(quiet, healthy).position == 4
