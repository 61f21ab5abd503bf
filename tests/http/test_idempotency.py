"""Creating an asset under an Idempotency-Key: once, however often it is asked for."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.conftest import Client

CASTLE: dict[str, Any] = {
    "media": {"media_kind": "image", "width": 4},
    "name": "Castle",
    "tags": ["concept"],
    "metadata": {"seed": 1, "steps": [1, 2]},
    "workflow_id": "w7",
}


def create(client: Client, key: str = "k-1", **changed: Any) -> httpx.Response:
    return client.call("POST", "/v1/assets", json=CASTLE | changed, headers={"Idempotency-Key": key})


def problem(response: httpx.Response) -> tuple[int, str]:
    """The status and the name of a problem."""
    return response.status_code, response.json()["type"].rpartition(":")[2]


def test_the_same_key_and_body_record_one_asset_and_answer_with_it_as_it_is_now(client: Client) -> None:
    first = create(client)
    assert first.status_code == 201
    asset = first.json()
    client.call("PATCH", f"/v1/assets/{asset['id']}", json={"name": "Castle at night"})

    again = create(client, reason="the connection was lost")

    assert again.status_code == 200
    assert again.json() == client.get(f"/v1/assets/{asset['id']}").json()
    assert (again.json()["name"], again.headers["ETag"]) == ("Castle at night", '"2"')
    assert again.headers["Location"] == first.headers["Location"] == f"/v1/assets/{asset['id']}"
    assert int(again.headers["Ledger-Position"]) == again.json()["position"]
    assert [event["topic"] for event in client.history(asset["id"])] == ["asset.created", "asset.described"]
    assert client.ids() == [asset["id"]]


@pytest.mark.parametrize(
    "same",
    [
        {"metadata": {"steps": [1.0, 2], "seed": 1.0}},
        {"media": {"width": 4, "media_kind": "image", "height": None}},
        {"status": "ready", "description": None},
        {"tags": ["concept", "concept"]},
    ],
    ids=["other spelling of JSON", "null for what is left out", "defaults said", "a tag repeated"],
)
def test_another_spelling_of_the_same_body_is_the_same_request(client: Client, same: dict[str, Any]) -> None:
    first = create(client)
    again = create(client, **same)
    assert (again.status_code, again.json()) == (200, first.json())


@pytest.mark.parametrize(
    "other", [{"name": "Tower"}, {"metadata": {"seed": "1", "steps": [1, 2]}}, {"workflow_id": "w8"}, {"tags": []}]
)
def test_the_same_key_with_another_body_is_refused_and_writes_nothing(client: Client, other: dict[str, Any]) -> None:
    asset = create(client).json()
    assert problem(create(client, **other)) == (409, "other-request")
    assert [event["topic"] for event in client.history(asset["id"])] == ["asset.created"]
    assert client.ids() == [asset["id"]]


def test_the_key_of_a_deleted_asset_is_refused_and_brings_nothing_back(client: Client) -> None:
    asset = create(client).json()
    client.call("DELETE", f"/v1/assets/{asset['id']}")

    refused = create(client)

    assert problem(refused) == (409, "key-of-deleted-asset")
    assert asset["id"] in refused.json()["detail"]
    assert problem(create(client, name="Tower")) == (409, "other-request")
    assert client.get(f"/v1/assets/{asset['id']}").status_code == 404
    assert [event["topic"] for event in client.history(asset["id"])] == ["asset.created", "asset.soft_deleted"]
    client.call("POST", f"/v1/assets/{asset['id']}/restore")
    assert create(client).json()["id"] == asset["id"]


def test_twenty_identical_requests_at_once_record_one_asset(client: Client) -> None:
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: create(client), range(20)))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
    (asset_id,) = {answer.json()["id"] for answer in answers}
    assert [event["topic"] for event in client.history(asset_id)] == ["asset.created"]
    assert client.ids() == [asset_id]


def test_of_two_bodies_at_once_under_one_key_one_is_recorded_and_the_other_refused(client: Client) -> None:
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda number: create(client, name=f"Castle {number % 2}"), range(20)))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 9, 409: 10}
    (asset,) = client.page()["items"]
    assert {answer.json()["name"] for answer in answers if answer.status_code < 300} == {asset["name"]}


def test_another_key_no_key_and_another_tenant_are_other_requests(
    client: Client, clients: Callable[..., Client]
) -> None:
    other = clients()
    answers = [create(client), create(client, key="k-2"), create(other), client.call("POST", "/v1/assets", json=CASTLE)]
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["id"] for answer in answers}) == 4
    assert other.ids() == [answers[2].json()["id"]]


def test_anybody_of_the_tenant_gets_the_asset_that_its_key_made(client: Client, clients: Callable[..., Client]) -> None:
    first = create(client).json()
    again = create(clients(client.tenant_id, holder="bob"))
    assert (again.status_code, again.json()["created_by"]) == (200, "user:ann")
    assert again.json()["id"] == first["id"]


def test_a_refused_request_leaves_its_key_free(client: Client) -> None:
    assert create(client, description="€" * 10_000, metadata={"text": "x" * 40_000}).status_code == 422
    assert create(client).status_code == 201


@pytest.mark.parametrize("key", ["", "k" * 513])
def test_a_key_that_does_not_fit_is_refused(client: Client, key: str) -> None:
    assert problem(create(client, key=key)) == (422, "invalid-request")
    assert client.ids() == []


def test_a_policy_set_since_refuses_no_asset_that_its_key_made_before(client: Client) -> None:
    asset = create(client).json()
    client.call("PUT", "/v1/policy", json={"required_references": ["client"]})
    again = create(client)
    assert (again.status_code, again.json()["id"]) == (200, asset["id"])
    assert create(client, key="k-2").status_code == 422
