"""Declared references over HTTP: one, many, again, and at once."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.composition import Services
from tests.conftest import Client
from tests.http.job_requests import Json, head

CLAIM: Json = {"kind": "claim", "id": "c7", "scope": "world:w1"}


def declarations(client: Client) -> list[Json]:
    """Every declaration of the client's tenant, the oldest first."""
    items: list[Json] = client.page("/v1/audit", topic="reference.declared", limit=200)["items"]
    return items[::-1]


def test_a_declared_reference_is_answered_with_its_place_and_is_in_the_audit_trail(client: Client) -> None:
    response = client.call("POST", "/v1/references", json=CLAIM | {"reason": "imported"})
    answer = response.json()
    assert response.status_code == 201
    assert (answer["reference"], answer["scope"], answer["declared_by"]) == ("claim:c7", "world:w1", "user:ann")
    assert int(response.headers["Ledger-Position"]) == answer["position"]
    (event,) = declarations(client)
    assert (event["position"], event["revision"], event["reason"]) == (answer["position"], 1, "imported")
    declared = {change["field"]: change["after"] for change in event["changes"]}
    assert declared == {"kind": "claim", "id": "c7", "scope": {"kind": "world", "id": "w1"}}


def test_declaring_again_is_answered_with_the_first_declaration(client: Client, services: Services) -> None:
    first = client.call("POST", "/v1/references", json=CLAIM)
    before = head(services, client)
    again = client.call("POST", "/v1/references", json=CLAIM | {"reason": "again"})
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Ledger-Position"] == first.headers["Ledger-Position"]
    assert head(services, client) == before


@pytest.mark.parametrize("scope", ["world:w2", None])
def test_declaring_again_with_another_scope_is_refused(client: Client, services: Services, scope: str | None) -> None:
    client.call("POST", "/v1/references", json=CLAIM)
    before = head(services, client)
    response = client.call("POST", "/v1/references", json=CLAIM | {"scope": scope})
    assert (response.status_code, response.json()["type"]) == (409, "urn:asset-ledger:problem:other-scope")
    assert "claim:c7 was declared before, with world:w1" in response.json()["detail"]
    assert head(services, client) == before


@pytest.mark.parametrize("bad", [{"kind": "Not A Kind"}, {"id": ""}, {"scope": "nowhere"}, {"more": 1}])
def test_what_is_no_reference_cannot_be_declared(client: Client, bad: Json) -> None:
    assert client.call("POST", "/v1/references", json=CLAIM | bad).status_code == 422


@pytest.mark.parametrize("id_", ["with:colons:in:it", "  ", "ä/ö?#%", "x" * 512])
def test_an_id_may_be_any_text(client: Client, id_: str) -> None:
    client.call("PUT", "/v1/policy", json={"closed_kinds": ["claim"]})
    assert client.call("POST", "/v1/references", json={"kind": "claim", "id": id_, "scope": f"w:{id_}"}).json() == (
        client.call("POST", "/v1/references", json={"kind": "claim", "id": id_, "scope": f"w:{id_}"}).json()
    )
    assert client.create(claim_id=id_, scope={"kind": "w", "id": id_})["links"] == [f"claim:{id_}"]


def test_fifty_who_declare_the_same_at_once_make_one_declaration(client: Client) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: client.call("POST", "/v1/references", json=CLAIM), range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert len({json.dumps(answer.json()) for answer in answers}) == 1
    assert len(declarations(client)) == 1


def test_many_are_declared_at_once_and_answered_in_order_with_a_summary_that_adds_up(client: Client) -> None:
    client.call("POST", "/v1/references", json=CLAIM)
    items: list[Any] = [
        {"kind": "claim", "id": "c8"},
        CLAIM,
        CLAIM | {"scope": "world:w2"},
        {"kind": "claim", "id": "c9", "scope": "world:w1"},
        {"kind": "claim", "id": "c8"},
        {"kind": "claim", "id": "c9"},
        {"kind": "claim"},
        "claim:c10",
    ]
    response = client.call("POST", "/v1/references/batch", json=items)
    answer = response.json()
    assert response.status_code == 200
    assert [result["index"] for result in answer["results"]] == list(range(8))
    assert [result["status"] for result in answer["results"]] == [201, 200, 409, 201, 200, 409, 422, 422]
    assert answer["summary"] == {"total": 8, "declared": 2, "declared_before": 2, "failed": 4}
    assert answer["results"][6]["problem"]["errors"][0]["field"] == "body.6.id"
    assert [result["declared"]["reference"] for result in answer["results"] if "declared" in result] == [
        "claim:c8",
        "claim:c7",
        "claim:c9",
        "claim:c8",
    ]
    positions = [event["position"] for event in declarations(client)]
    assert int(response.headers["Ledger-Position"]) == max(positions)
    assert len(positions) == 3


def test_a_thousand_are_declared_together_and_again_changes_nothing(client: Client, services: Services) -> None:
    lines = "".join(json.dumps({"kind": "claim", "id": f"c{n}"}) + "\n" for n in range(1_000))
    request: Any = {"content": lines, "headers": {"Content-Type": "application/x-ndjson"}}
    first = client.call("POST", "/v1/references/batch", **request).json()
    assert first["summary"] == {"total": 1_000, "declared": 1_000, "declared_before": 0, "failed": 0}
    before = head(services, client)
    again = client.call("POST", "/v1/references/batch", **request).json()
    assert again["summary"] == {"total": 1_000, "declared": 0, "declared_before": 1_000, "failed": 0}
    assert [result["declared"] for result in again["results"]] == [result["declared"] for result in first["results"]]
    assert head(services, client) == before


@pytest.mark.parametrize("items", [[], [CLAIM] * 1_001, {"claim": "c7"}])
def test_a_batch_of_none_of_too_many_or_of_no_list_is_refused(client: Client, services: Services, items: Any) -> None:
    before = head(services, client)
    assert client.call("POST", "/v1/references/batch", json=items).status_code == 422
    assert head(services, client) == before


def test_two_batches_that_declare_the_same_in_opposite_orders_both_end(client: Client) -> None:
    items = [{"kind": "claim", "id": f"c{n}"} for n in range(200)]
    with ThreadPoolExecutor(4) as pool:
        orders = [items, items[::-1]] * 4
        answers = list(pool.map(lambda order: client.call("POST", "/v1/references/batch", json=order), orders))
    assert [answer.json()["summary"]["failed"] for answer in answers] == [0] * 8
    assert sum(answer.json()["summary"]["declared"] for answer in answers) == 200


def test_the_same_declared_by_another_tenant_is_another_declaration(
    client: Client, clients: Callable[..., Client]
) -> None:
    other = clients()
    assert other.call("POST", "/v1/references", json=CLAIM | {"scope": "world:w9"}).status_code == 201
    assert client.call("POST", "/v1/references", json=CLAIM).json()["scope"] == "world:w1"
    assert other.call("POST", "/v1/references", json=CLAIM | {"scope": "world:w9"}).json()["scope"] == "world:w9"
    assert [len(declarations(each)) for each in (client, other)] == [1, 1]
