"""A policy that changes while others record: what was recorded after it is what it allows."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest

from api.application.asset_creation import AssetCreation
from api.application.policies import Policies
from api.application.session import Session
from api.composition import Services
from domain.asset import creation
from domain.asset.events import AssetCreated, AssetEvent, AssetLinked
from domain.asset.inputs import NewAsset
from domain.errors import ReferenceNotDeclaredError
from domain.event import Actor, Event
from domain.reference import Reference
from domain.tenant.events import PolicySet, ReferenceDeclared
from domain.tenant.inputs import NewPolicy
from infra.event_log.append_call import PolicyChangedError
from projections.states import ASSET, AssetState
from tests.conftest import Client, context
from tests.http.job_requests import IMAGE, ask

CLAIM = Reference.parse("claim:c7")
CLOSED, OPEN = NewPolicy(closed_kinds=("claim",)), NewPolicy()


@pytest.fixture
def session(services: Services, tenant: UUID) -> Session:
    """A session with a tenant of this test's own."""
    return services.session(tenant, Actor(id="ann", type="user"), "r")


def recorded(services: Services, tenant_id: UUID) -> Iterator[Event]:
    """Every event of the tenant, in the order of positions."""
    log = services.log.of(tenant_id)
    return (log.mapper.to_domain_event(entry) for entry in log.recorder.select_notifications(1, 100_000))


def contaminated(services: Services, tenant_id: UUID) -> list[str]:
    """The references of a closed kind that were recorded while it was closed, and not declared before."""
    closed: Sequence[str] = ()
    declared: set[Reference] = set()
    wrong = []
    for event in recorded(services, tenant_id):
        match event:
            case PolicySet():
                closed = event.closed_kinds
            case ReferenceDeclared():
                declared.add(Reference(kind=event.kind, id=event.id))
            case AssetLinked() | AssetCreated():
                wrong += [str(r) for r in event.references if r.kind in closed and r not in declared]
    return wrong


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


@pytest.mark.parametrize("opened_before", [False, True])
def test_a_kind_closed_while_others_use_it_is_closed_from_that_position_on(
    client: Client, services: Services, opened_before: bool
) -> None:
    if opened_before:
        client.call("PUT", "/v1/policy", json={"required_references": []})
        client.call("PUT", "/v1/policy", json={"closed_kinds": ["world"]})
    client.call("POST", "/v1/references", json={"kind": "claim", "id": "known"})
    assets = [client.create() for _ in range(6)]
    warm = Barrier(len(assets) + 1)

    def until_refused(worker: int) -> list[int]:
        """Link to one reference after another, and create with it now and then, until that is refused."""
        statuses: list[int] = []
        while 404 not in statuses:
            claim = f"claim:{worker}-{len(statuses)}"
            if len(statuses) % 3:
                links: Any = {"references": [claim, "claim:known"]}
                response = client.call("POST", f"/v1/assets/{assets[worker]['id']}/links", json=links)
            else:
                response = client.call("POST", "/v1/assets", json=IMAGE | {"references": [claim]})
            statuses.append(response.status_code)
            if len(statuses) == 5:
                warm.wait()
        return statuses

    with ThreadPoolExecutor(len(assets)) as pool:
        working = [pool.submit(until_refused, worker) for worker in range(len(assets))]
        warm.wait()
        assert client.call("PUT", "/v1/policy", json={"closed_kinds": ["claim"]}).status_code == 200
        statuses = [worker.result() for worker in working]

    assert all(set(sequence[:-1]) <= {200, 201} and sequence[-1] == 404 for sequence in statuses)
    assert contaminated(services, client.tenant_id) == []
    assert client.create(references=["claim:known"])["links"] == ["claim:known"]


def test_a_policy_may_change_at_any_time_without_failing_those_who_record_what_it_allows(
    client: Client, services: Services
) -> None:
    client.call("POST", "/v1/references", json={"kind": "claim", "id": "known"})

    def work(worker: int) -> list[int]:
        created = [client.call("POST", "/v1/assets", json=IMAGE | {"claim_id": "known"}) for _ in range(10)]
        return [r.status_code for r in (*created, *(ask(client, claim_id="known", run=f"{worker}") for _ in range(5)))]

    def flip(_: int) -> list[int]:
        # Fewer changes than attempts: nobody can be unlucky five times.
        policies = [{"closed_kinds": ["claim"]}, {"closed_kinds": ["world"]}] * 2
        return [client.call("PUT", "/v1/policy", json=policy).status_code for policy in policies]

    with ThreadPoolExecutor(6) as pool:
        flipping = [pool.submit(flip, 0)]
        outcomes = [pool.submit(work, worker) for worker in range(5)]
        assert {status for done in flipping for status in done.result()} == {200}
        assert [done.result() for done in outcomes] == [[201] * 10 + [201] + [200] * 4] * 5
    assert contaminated(services, client.tenant_id) == []
