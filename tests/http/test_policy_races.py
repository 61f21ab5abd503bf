"""A policy that changes while others record: what was recorded after it is what it allows."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest

from api.composition import Services
from domain.asset.events import AssetCreated, AssetLinked
from domain.event import Event
from domain.reference import Reference
from domain.tenant.events import PolicySet, ReferenceDeclared
from tests.conftest import Client
from tests.http.job_requests import IMAGE, ask


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
