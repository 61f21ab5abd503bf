"""Soft deletion: hidden, not gone."""

from typing import Any

import pytest

from tests.conftest import Client
from tests.http.assertions import nothing_written, path, problem, topics


def test_a_deleted_asset_is_hidden_and_its_history_is_not(client: Client) -> None:
    asset, other = client.create(name="Castle", message_id="m1"), client.create(name="Castle", message_id="m1")

    response = client.call("DELETE", path(asset))

    assert response.status_code == 204
    assert response.content == b""
    assert int(response.headers["Ledger-Position"]) == other["position"] + 1
    problem(client.get(path(asset)), 404, "asset-deleted")
    assert client.ids() == client.ids(name="castle") == client.ids(message_id="m1") == [other["id"]]
    assert topics(client, asset) == ["asset.created", "asset.soft_deleted"]


def test_deleted_assets_are_listed_by_their_status(client: Client) -> None:
    asset, other = client.create(name="Castle"), client.create(name="Castle")
    client.call("DELETE", path(asset))

    (shown,) = client.page(status="deleted", name="castle")["items"]

    assert shown["id"] == asset["id"]
    assert shown["status"] == "deleted"
    assert shown["deleted_at"] == shown["updated_at"] == client.history(asset["id"])[1]["time"]
    assert client.ids(status="ready") == [other["id"]]


def test_deleting_again_is_answered_the_same_and_is_no_event(client: Client) -> None:
    asset = client.create()
    first = client.call("DELETE", path(asset))

    with nothing_written(client):
        second = client.call("DELETE", path(asset), params={"reason": "to be sure"})

    assert second.status_code == 204
    assert second.headers["Ledger-Position"] == first.headers["Ledger-Position"]
    assert topics(client, asset) == ["asset.created", "asset.soft_deleted"]


@pytest.mark.parametrize("status", ["pending", "ready"])
def test_restoring_brings_an_asset_back_as_it_was(client: Client, status: str) -> None:
    asset = client.create(name="Castle", status=status, message_id="m1")
    client.call("DELETE", path(asset))

    response = client.call("POST", path(asset, "restore"), json={"reason": "Deleted by mistake"})

    assert response.status_code == 200
    assert response.headers["ETag"] == '"3"'
    restored = response.json()
    changed = {field for field in asset if asset[field] != restored[field]}
    assert changed == {"revision", "position", "updated_at"}
    assert client.get(path(asset)).json() == restored
    assert client.page(status=status, message_id="m1")["items"] == [restored]
    assert client.ids(status="deleted") == []
    assert topics(client, asset) == ["asset.created", "asset.soft_deleted", "asset.restored"]
    assert client.history(asset["id"])[2]["reason"] == "Deleted by mistake"


@pytest.mark.parametrize("body", [None, {}, {"reason": "to be sure"}])
def test_restoring_a_live_asset_changes_nothing(client: Client, body: dict[str, Any] | None) -> None:
    asset = client.create()

    with nothing_written(client):
        response = client.call("POST", path(asset, "restore"), json=body)

    assert response.status_code == 200
    assert response.json() == asset


def test_the_trail_names_who_deleted_and_not_who_uploaded(client: Client) -> None:
    asset = client.create()

    client.call("DELETE", path(asset), headers={"X-Actor": "worker:janitor"}, params={"reason": "Ordered to"})

    created, deleted = client.history(asset["id"])
    assert created["actor"] == {"type": "user", "id": "ann"}
    assert deleted["actor"] == {"type": "worker", "id": "janitor"}
    assert deleted["reason"] == "Ordered to"
    assert deleted["changes"] == [{"field": "status", "before": "ready", "after": "deleted"}]
    (entry,) = client.page("/v1/audit", topic="asset.soft_deleted")["items"]
    assert entry == deleted
    (shown,) = client.page(status="deleted")["items"]
    assert (shown["created_by"], shown["updated_by"]) == ("user:ann", "worker:janitor")


@pytest.mark.parametrize(
    ("method", "below", "options"),
    [
        ("PATCH", (), {"json": {"name": "x"}}),
        ("POST", ("links",), {"json": {"references": ["message:m2"]}}),
        ("DELETE", ("links",), {"params": {"ref": "message:m1"}}),
    ],
)
def test_a_deleted_asset_is_not_changed(
    client: Client, method: str, below: tuple[str, ...], options: dict[str, Any]
) -> None:
    asset = client.create(message_id="m1")
    client.call("DELETE", path(asset))

    with nothing_written(client):
        response = client.call(method, path(asset, *below), **options)

    problem(response, 404, "asset-deleted")
    assert topics(client, asset) == ["asset.created", "asset.soft_deleted"]


def test_an_asset_can_be_deleted_and_restored_again_and_again(client: Client) -> None:
    asset = client.create()
    for _ in range(3):
        assert client.call("DELETE", path(asset)).status_code == 204
        assert client.call("POST", path(asset, "restore")).status_code == 200

    assert topics(client, asset) == ["asset.created", *["asset.soft_deleted", "asset.restored"] * 3]
    assert client.ids() == [asset["id"]]
