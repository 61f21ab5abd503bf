"""Linking many assets to many references over HTTP: each pair stands alone."""

from collections.abc import Callable
from typing import Any

from tests.conftest import Client
from tests.http.test_batches import many, name_of, named


def link(client: Client, asset_ids: list[str], *references: str) -> dict[str, Any]:
    """What linking is answered with, which must be taken."""
    response = client.call(
        "POST", "/v1/links", json={"asset_ids": asset_ids, "references": references, "reason": "shown"}
    )
    assert response.status_code == 200, response.text
    report: dict[str, Any] = response.json()
    return report


def outcomes(report: dict[str, Any]) -> list[str]:
    return [result["outcome"] for result in report["results"]]


def test_linking_a_hundred_assets_to_a_message_links_all_but_an_unknown_one(
    client: Client, clients: Callable[..., Client]
) -> None:
    foreign = clients().create()["id"]
    ids = [result["asset"]["id"] for result in many(client, named(99))["results"]]
    asked = [*ids[:40], foreign, *ids[40:]]

    report = link(client, asked, "message:m_91")

    assert report["summary"] == {"total": 100, "linked": 99, "already_linked": 0, "failed": 1}
    assert [(result["index"], result["asset_id"]) for result in report["results"]] == list(enumerate(asked))
    failed = report["results"][40]
    assert (failed["status"], failed["outcome"], name_of(failed["problem"])) == (404, "failed", "asset-not-found")
    assert sorted(client.ids(message_id="m_91", limit=200)) == sorted(ids)
    event = client.history(ids[0])[-1]
    assert (event["topic"], event["reason"]) == ("asset.linked", "shown")

    again = link(client, asked, "message:m_91")

    assert again["summary"] == {"total": 100, "linked": 0, "already_linked": 99, "failed": 1}
    assert len(client.history(ids[0])) == 2


def test_every_asset_is_linked_to_every_reference_and_each_pair_is_told(client: Client) -> None:
    first, second = client.create()["id"], client.create()["id"]
    client.call("POST", f"/v1/assets/{second}/links", json={"references": ["message:m_2"]})

    report = link(client, [first, second], "message:m_1", "message:m_2", "message:m_1")

    assert outcomes(report) == ["linked", "linked", "already_linked", "linked", "already_linked", "already_linked"]
    assert [(result["asset_id"], result["reference"]) for result in report["results"]] == [
        (asset, message) for asset in (first, second) for message in ("message:m_1", "message:m_2", "message:m_1")
    ]
    assert client.get(f"/v1/assets/{first}").json()["links"] == ["message:m_1", "message:m_2"]
    assert len(client.history(first)) == 2


def test_deleted_assets_and_malformed_ids_fail_alone_and_repeated_ones_are_harmless(client: Client) -> None:
    live, deleted = client.create()["id"], client.create()["id"]
    client.call("DELETE", f"/v1/assets/{deleted}")

    report = link(client, [live, deleted, "nonsense", live], "message:m_1")

    assert outcomes(report) == ["linked", "failed", "failed", "already_linked"]
    assert [result["status"] for result in report["results"]] == [200, 404, 422, 200]
    assert name_of(report["results"][1]["problem"]) == "asset-deleted"
    assert report["results"][2]["problem"]["errors"][0]["field"] == "body.asset_ids.2"
    assert report["summary"] == {"total": 4, "linked": 1, "already_linked": 1, "failed": 2}


def test_more_than_a_thousand_pairs_are_refused_whole(client: Client) -> None:
    asset = client.create()["id"]
    body = {"asset_ids": [asset] * 21, "references": [f"message:m_{number}" for number in range(50)]}
    response = client.call("POST", "/v1/links", json=body)
    assert (response.status_code, "1,050 pairs" in response.json()["detail"]) == (422, True)
    assert len(client.history(asset)) == 1


def test_a_reference_that_the_policy_refuses_fails_alone(client: Client) -> None:
    asset = client.create()["id"]
    client.call("POST", "/v1/references", json={"kind": "claim", "id": "c7"})
    client.call("PUT", "/v1/policy", json={"closed_kinds": ["claim"]})

    report = link(client, [asset], "claim:c7", "claim:unknown", "message:m_1")

    assert outcomes(report) == ["linked", "failed", "linked"]
    failed = report["results"][1]
    assert (failed["status"], name_of(failed["problem"])) == (404, "reference-not-declared")
    assert client.get(f"/v1/assets/{asset}").json()["links"] == ["claim:c7", "message:m_1"]
