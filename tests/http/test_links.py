"""Links: attached and taken away after the fact, with the history of both."""

from typing import Any

import httpx
import pytest

from tests.conftest import Client
from tests.http.assertions import nothing_written, path, problem, refused_fields, topics


def link(client: Client, asset: dict[str, Any], *references: object, **more: object) -> httpx.Response:
    return client.call("POST", path(asset, "links"), json={"references": references, **more})


def unlink(client: Client, asset: dict[str, Any], *references: str, **more: str) -> httpx.Response:
    return client.call("DELETE", path(asset, "links"), params={"ref": references, **more})


def test_a_message_is_attached_after_the_fact(client: Client) -> None:
    asset, other = client.create(), client.create()

    response = link(client, asset, "message:m1", reason="Posted")

    assert response.status_code == 200
    assert response.headers["ETag"] == '"2"'
    assert int(response.headers["Ledger-Position"]) == other["position"] + 1
    assert response.json()["links"] == ["message:m1"]
    assert client.get(path(asset)).json() == response.json()
    assert client.page(message_id="m1")["items"] == [response.json()]
    event = client.history(asset["id"])[1]
    assert (event["topic"], event["reason"]) == ("asset.linked", "Posted")
    assert event["changes"] == [{"field": "links", "before": [], "after": ["message:m1"]}]


def test_a_message_is_replaced_and_both_stay_in_the_history(client: Client) -> None:
    asset = client.create(message_id="m1")

    assert unlink(client, asset, "message:m1", reason="Wrong thread").json()["links"] == []
    assert link(client, asset, "message:m2").json()["links"] == ["message:m2"]

    assert client.ids(message_id="m1") == []
    assert client.ids(message_id="m2") == [asset["id"]]
    created, unlinked, linked = client.history(asset["id"])
    assert {"field": "links", "before": None, "after": ["message:m1"]} in created["changes"]
    assert (unlinked["topic"], unlinked["reason"]) == ("asset.unlinked", "Wrong thread")
    assert unlinked["changes"] == [{"field": "links", "before": ["message:m1"], "after": []}]
    assert linked["changes"] == [{"field": "links", "before": [], "after": ["message:m2"]}]


def test_one_message_has_many_assets_and_one_asset_many_messages(client: Client) -> None:
    first, second = client.create(), client.create()
    link(client, first, "message:m1", "message:m2")
    link(client, second, "message:m1", {"kind": "message", "id": "m3"})

    assert client.ids(message_id="m1") == [second["id"], first["id"]]
    assert client.ids(message_id=["m1", "m3"]) == [second["id"]]


@pytest.mark.parametrize("again", [["message:m1"], ["model:x"], ["world:w1"], ["message:m1", "model:x", "message:m1"]])
def test_linking_what_is_there_already_is_no_event(client: Client, again: list[str]) -> None:
    asset = client.create(message_id="m1", model="x", scope="world:w1")

    with nothing_written(client):
        response = link(client, asset, *again)

    assert response.status_code == 200
    assert response.json() == asset
    assert topics(client, asset) == ["asset.created"]


def test_only_what_is_new_is_linked(client: Client) -> None:
    asset = client.create(message_id="m1")

    link(client, asset, "message:m2", "message:m1", {"kind": "message", "id": "m2"})

    event = client.history(asset["id"])[1]
    assert event["changes"] == [{"field": "links", "before": ["message:m1"], "after": ["message:m1", "message:m2"]}]


def test_unlinking_what_is_not_there_is_no_event(client: Client) -> None:
    asset = client.create(message_id="m1")

    with nothing_written(client):
        response = unlink(client, asset, "message:m2", "message:m2")

    assert response.json() == asset
    assert topics(client, asset) == ["asset.created"]


def test_a_link_may_come_and_go_and_come_again(client: Client) -> None:
    asset = client.create()
    for _ in range(3):
        link(client, asset, "message:m1")
        assert client.ids(message_id="m1") == [asset["id"]]
        unlink(client, asset, "message:m1")
        assert client.ids(message_id="m1") == []

    assert topics(client, asset) == ["asset.created", *["asset.linked", "asset.unlinked"] * 3]


@pytest.mark.parametrize("reference", ["model:x", "workflow:w7", "world:w1"])
def test_what_made_an_asset_or_what_it_belongs_to_cannot_be_unlinked(client: Client, reference: str) -> None:
    asset = client.create(message_id="m1", model="x", workflow_id="w7", scope="world:w1")

    with nothing_written(client):
        response = unlink(client, asset, "message:m1", reference)

    assert reference in problem(response, 409, "origin-is-permanent")["detail"]
    assert client.get(path(asset)).json() == asset
    assert client.ids(ref=reference) == client.ids(message_id="m1") == [asset["id"]]


def test_an_id_with_every_kind_of_character_is_unlinked(client: Client) -> None:
    reference = "conversation:conv-7/ä?&=#%+ 🏰:x"
    asset = client.create(references=[reference])

    assert unlink(client, asset, reference).json()["links"] == []


@pytest.mark.parametrize("body", [{}, {"references": []}, {"references": "message:m1"}, {"references": None}])
def test_linking_nothing_is_refused(client: Client, body: dict[str, Any]) -> None:
    asset = client.create()

    with nothing_written(client):
        response = client.call("POST", path(asset, "links"), json=body)

    assert refused_fields(response) == ["body.references"]


@pytest.mark.parametrize("query", ["", "?ref=", "?ref=message", "?reference=message:m1", "?ref=message:m1&all=true"])
def test_unlinking_something_else_than_references_is_refused(client: Client, query: str) -> None:
    asset = client.create(message_id="m1")

    with nothing_written(client):
        response = client.call("DELETE", path(asset, "links") + query)

    assert refused_fields(response)
    assert client.get(path(asset)).json() == asset
