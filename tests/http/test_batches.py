"""Many requests in one over HTTP: each item stands alone."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api.http.batch_bodies import MAX_BATCH_BODY, each
from api.http.request_body import MAX_BODY
from domain.errors import AssetNotFoundError, ServiceUnavailableError
from tests.conftest import Client
from tests.http.assertions import problem

IMAGE: dict[str, Any] = {"media": {"media_kind": "image"}}
NDJSON = {"Content-Type": "application/x-ndjson"}


def named(count: int) -> list[dict[str, Any]]:
    return [IMAGE | {"name": f"Castle {number}"} for number in range(count)]


def many(client: Client, items: object) -> dict[str, Any]:
    """What a batch of assets is answered with, which must be taken."""
    response = client.call("POST", "/v1/assets/batch", content=json.dumps(items))
    assert response.status_code == 200, response.text
    report: dict[str, Any] = response.json()
    return report


def name_of(problem: dict[str, Any]) -> str:
    return str(problem["type"]).rpartition(":")[2]


def test_a_hundred_good_assets_give_a_hundred_results_in_order(client: Client, clients: Callable[..., Client]) -> None:
    other = clients()
    theirs = other.create()
    response = client.call("POST", "/v1/assets/batch", json=named(100))

    assert response.status_code == 200
    report = response.json()
    assert report["summary"] == {"total": 100, "created": 100, "failed": 0}
    assert [(result["index"], result["status"]) for result in report["results"]] == [(i, 201) for i in range(100)]
    assets = [result["asset"] for result in report["results"]]
    assert int(response.headers["Ledger-Position"]) == assets[-1]["position"]
    assert [asset["position"] for asset in assets] == list(range(assets[0]["position"], assets[0]["position"] + 100))
    listed = {asset["id"]: asset for asset in client.page(limit=200)["items"]}
    assert [listed[asset["id"]]["name"] for asset in assets] == [f"Castle {number}" for number in range(100)]
    assert {event["topic"] for asset in assets[:3] for event in client.history(asset["id"])} == {"asset.created"}
    assert other.ids() == [theirs["id"]]


BAD: dict[str, tuple[object, str, str]] = {
    "no media": ({"name": "x"}, "invalid-request", "body.1.media"),
    "not an object": (17, "invalid-request", "body.1"),
    "an unknown member": (IMAGE | {"colour": "red"}, "invalid-request", "body.1.colour"),
    "a lone surrogate": (IMAGE | {"name": "\ud800"}, "invalid-request", "body.1.name"),
    "a document too large": (IMAGE | {"metadata": {"text": "x" * 2**20}}, "document-too-large", ""),
    "a reference": (IMAGE | {"metadata": {"$document": {}}}, "invalid-request", "body.1.metadata"),
    "an entry too large": (
        IMAGE | {"description": "€" * 10_000, "metadata": {"text": "x" * 40_000}},
        "entry-too-large",
        "",
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_one_bad_asset_fails_alone_and_says_why(client: Client, bad: str) -> None:
    item, name, field = BAD[bad]
    report = many(client, [named(2)[0], item, named(2)[1]])

    assert [result["status"] for result in report["results"]] == [201, 422, 201]
    failed = report["results"][1]
    assert (failed["index"], name_of(failed["problem"]), "asset" in failed) == (1, name, False)
    assert [error["field"] for error in failed["problem"].get("errors", [])] == ([field] if field else [])
    assert report["summary"] == {"total": 3, "created": 2, "failed": 1}
    created = [report["results"][index]["asset"]["id"] for index in (0, 2)]
    assert client.ids() == created[::-1]
    assert all("problem" not in report["results"][index] for index in (0, 2))


def test_an_asset_that_the_policy_refuses_fails_alone(client: Client) -> None:
    client.call("PUT", "/v1/policy", json={"required_references": ["client"]})
    report = many(client, [IMAGE, IMAGE | {"client_id": "c1"}, IMAGE])
    assert [result["status"] for result in report["results"]] == [422, 201, 422]
    assert name_of(report["results"][0]["problem"]) == "missing-reference"
    assert client.ids() == [report["results"][1]["asset"]["id"]]


def test_assets_come_as_lines_of_json_too_and_a_broken_line_fails_alone(client: Client) -> None:
    lines = [json.dumps(IMAGE | {"name": "one"}), "", '{"media": ', "[" * 100_000, json.dumps(IMAGE), "NaN"]
    response = client.call("POST", "/v1/assets/batch", content="\r\n".join(lines) + "\n", headers=NDJSON)

    assert response.status_code == 200
    report = response.json()
    assert [(result["index"], result["status"]) for result in report["results"]] == [
        (0, 201),
        (1, 422),
        (2, 422),
        (3, 201),
        (4, 422),
    ]
    assert report["results"][1]["problem"]["errors"][0]["field"] == "body.1"
    assert report["results"][1]["problem"]["errors"][0]["message"].startswith("not JSON: ")
    assert report["summary"] == {"total": 5, "created": 2, "failed": 3}
    assert len(client.ids()) == 2


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"json": named(1_001)}, "at most 1000 items"),
        ({"content": b"{}\n" * 1_001, "headers": NDJSON}, "at most 1000 items"),
        ({"json": []}, "at least 1 item"),
        ({"content": b"\n\n", "headers": NDJSON}, "at least 1 item"),
        ({"json": IMAGE}, "should be a valid list"),
        ({"content": b"[{"}, "not JSON"),
        ({"content": b"[" * 100_000}, "not JSON"),
        ({"content": b"\xff"}, "not JSON"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/assets/batch", "/v1/jobs/batch"])
def test_what_is_not_one_to_a_thousand_items_is_refused_whole(
    client: Client, path: str, sent: dict[str, Any], words: str
) -> None:
    response = client.call("POST", path, **sent)
    assert response.status_code == 422
    assert words in response.json()["detail"]
    assert client.ids() == []


def test_a_thousand_assets_may_need_more_than_a_single_request_may(client: Client) -> None:
    large = [item | {"metadata": {"text": "x" * 3_000}} for item in named(1_000)]
    assert len(json.dumps(large)) > MAX_BODY
    assert many(client, large)["summary"] == {"total": 1_000, "created": 1_000, "failed": 0}
    assert client.call("POST", "/v1/assets", json=IMAGE | {"name": "x" * MAX_BODY}).status_code == 413


def test_a_body_beyond_the_limit_of_batches_is_refused(client: Client) -> None:
    assert client.call("POST", "/v1/assets/batch", content=b" " * (MAX_BATCH_BODY + 1)).status_code == 413
    assert client.call("POST", "/v1/links", content=b" " * (MAX_BODY + 1)).status_code == 413


@pytest.mark.parametrize("path", ["/v1/assets/batch", "/v1/jobs/batch", "/v1/links"])
def test_without_a_key_no_batch_is_taken(client: Client, path: str) -> None:
    body = {"asset_ids": ["x"], "references": ["message:m"]} if path == "/v1/links" else [IMAGE]
    assert httpx.post(f"{client.http.base_url}{path}", json=body).status_code == 401


def test_once_the_ledger_cannot_answer_the_items_left_are_not_tried() -> None:
    tried: list[int] = []

    def work(item: int) -> int:
        tried.append(item)
        if item == 2:
            raise AssetNotFoundError
        if item == 3:
            raise ServiceUnavailableError
        return item * 10

    outcomes = list(each([1, 2, 3, 4, 5], work))
    assert tried == [1, 2, 3]
    assert outcomes[0] == 10
    kinds = [AssetNotFoundError, ServiceUnavailableError, ServiceUnavailableError, ServiceUnavailableError]
    assert [type(outcome) for outcome in outcomes[1:]] == kinds


def test_the_schemas_of_batches_are_named_and_their_operations_unique(client: Client) -> None:
    described = client.get("/openapi.json").json()
    bodies = {
        "/v1/assets/batch": "#/components/schemas/NewAsset",
        "/v1/jobs/batch": "#/components/schemas/Operation",
    }
    for path, item in bodies.items():
        content = described["paths"][path]["post"]["requestBody"]["content"]
        assert content["application/json"]["schema"]["items"] == {"$ref": item}
        assert content["application/json"]["schema"]["maxItems"] == 1_000
        assert content["application/json"]["example"]
        assert set(content) == {"application/json", "application/x-ndjson"}
    operations = [route["operationId"] for ways in described["paths"].values() for route in ways.values()]
    assert len(operations) == len(set(operations))
    named = described["components"]["schemas"]
    schemas = set(json.dumps(described).split('"#/components/schemas/')[1:])
    assert {text.partition('"')[0] for text in schemas} - set(named) == set()
    assert not [name for name in named if "__" in name]


def test_the_examples_of_batches_can_be_sent_as_they_are(client: Client) -> None:
    described = client.get("/openapi.json").json()["paths"]
    for path in ("/v1/assets/batch", "/v1/jobs/batch"):
        for media_type, content in described[path]["post"]["requestBody"]["content"].items():
            example = content["example"]
            sent = example if isinstance(example, str) else json.dumps(example)
            response = client.call("POST", path, content=sent, headers={"Content-Type": media_type})
            assert response.status_code == 200
            assert not [r for r in response.json()["results"] if r["status"] == 422]


def test_blank_lines_are_passed_over_however_long_they_are(client: Client) -> None:
    """Were a line tried again from each of its characters, this would take days."""
    line = b'{"media": {"media_kind": "image"}}'
    blank = b" \t" * (MAX_BATCH_BODY // 8)
    answer = client.call("POST", "/v1/assets/batch", content=blank + b"\n" + line + b"\r\n\r\n" + blank, headers=NDJSON)
    assert [result["status"] for result in answer.json()["results"]] == [201]
    problem(client.call("POST", "/v1/assets/batch", content=blank, headers=NDJSON), 422, "invalid-request")
