"""A decision and its append are under one policy, or are not recorded."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from api.application.asset_creation import AssetCreation
from api.application.policies import Policies
from api.application.session import Session
from api.composition import Services
from domain.asset import creation
from domain.asset.events import AssetEvent
from domain.asset.inputs import NewAsset
from domain.errors import ReferenceNotDeclaredError
from domain.event import Actor, Event
from domain.reference import Reference
from domain.tenant.inputs import NewPolicy
from infra.event_log.append_call import PolicyChangedError
from projections.states import ASSET, AssetState
from tests.conftest import context
from tests.http.job_requests import IMAGE

CLAIM = Reference.parse("claim:c7")
CLOSED, OPEN = NewPolicy(closed_kinds=("claim",)), NewPolicy()


@pytest.fixture
def session(services: Services, tenant: UUID) -> Session:
    """A session with a tenant of this test's own."""
    return services.session(tenant, Actor(id="ann", type="user"), "r")


def test_what_was_let_through_by_a_policy_that_changed_meanwhile_is_decided_again(session: Session) -> None:
    asset = AssetCreation(session).create(NewAsset.model_validate(IMAGE))[0]
    policies, seen = Policies(session), list[int | None]()

    def close_meanwhile(events: Sequence[Event], state: AssetState) -> int | None:
        seen.append(policies.admit(events, state.asset))
        policies.set_policy(CLOSED)
        return seen[-1]

    def link(state: AssetState) -> tuple[AssetEvent, ...]:
        return state.asset.link(context(), (CLAIM,))

    with pytest.raises(ReferenceNotDeclaredError):
        session.log.change(asset.asset_id, ASSET, link, admit=close_meanwhile)
    assert seen == [0], "it was let through once, under no policy"
    topics = [recorded.event.TOPIC for recorded in session.log.history(asset.asset_id)]
    assert topics == ["asset.created"]


def test_an_append_under_a_policy_that_is_no_more_appends_nothing(session: Session) -> None:
    policies = Policies(session)
    new = creation.create(context(), session.tenant_id, UUID(int=7), NewAsset.model_validate(IMAGE))
    first, second = policies.set_policy(CLOSED), policies.set_policy(OPEN)
    assert first is not None
    assert second is not None
    for stale in (0, first.event.originator_version, 99):
        with pytest.raises(PolicyChangedError):
            session.log.record(new, policy_revision=stale)
        assert session.log.head() == second.position
    (kept,) = session.log.record(new, policy_revision=second.event.originator_version)
    assert kept.position == second.position + 1
