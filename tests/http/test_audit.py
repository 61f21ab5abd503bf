"""The audit trail of a tenant: every event, found by who, what, when, which asset and which request."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from api.composition import Services
from tests.conftest import Client
from tests.http.assertions import UNKNOWN_ID, path, problem, refused_fields

Clients = Callable[..., Client]
REWRITES = [
    "UPDATE ledger.events SET topic = 'asset.restored'",
    "DELETE FROM ledger.events",
    "TRUNCATE ledger.events",
    "INSERT INTO ledger.events SELECT * FROM ledger.events",
    "UPDATE ledger.log_heads SET position = 0",
    "DELETE FROM ledger.log_heads",
    "DROP TABLE ledger.events",
    "ALTER TABLE ledger.events DISABLE TRIGGER ALL",
]


def trail(client: Client, **filters: Any) -> list[int]:
    """The positions a trail shows."""
    return [entry["position"] for entry in client.page("/v1/audit", **filters)["items"]]


def test_the_trail_begins_with_the_tenant_and_its_keys(client: Client) -> None:
    issued, created = client.page("/v1/audit")["items"]

    assert (created["position"], created["topic"], created["asset_id"]) == (1, "tenant.created", None)
    assert (issued["position"], issued["topic"], issued["asset_id"]) == (2, "tenant.key_issued", None)
    changes = {change["field"]: change["after"] for change in issued["changes"]}
    assert changes["holder"] == {"type": "user", "id": "ann"}


def test_the_trail_tells_of_each_event_what_its_asset_s_history_tells(client: Client) -> None:
    assets = [client.create(name="Castle"), client.create(name="Keep")]
    for asset in assets:
        client.call("PATCH", path(asset), json={"name": "Tower", "reason": "Renamed"})
        client.call("DELETE", path(asset))

    events = [event for asset in assets for event in client.history(asset["id"])]
    shown = client.page("/v1/audit")["items"]
    assert shown[:-2] == sorted(events, key=lambda event: -int(event["position"]))


def test_every_position_stands_in_the_trail_once(client: Client) -> None:
    asset = client.create()
    for number in range(7):
        client.call("PATCH", path(asset), json={"name": f"Name {number}"})

    positions: list[int] = []
    page = client.page("/v1/audit", limit=3)
    positions += [entry["position"] for entry in page["items"]]
    while page["next"]:
        client.create()
        page = client.page("/v1/audit", limit=3, cursor=page["next"])
        positions += [entry["position"] for entry in page["items"]]

    assert positions == list(range(asset["position"] + 7, 0, -1))


def test_an_event_on_a_later_page_still_knows_what_was_before(client: Client) -> None:
    asset = client.create(name="Castle")
    client.call("PATCH", path(asset), json={"name": "Keep"})
    client.call("PATCH", path(asset), json={"name": "Tower"})

    first = client.page("/v1/audit", limit=1)
    second = client.page("/v1/audit", limit=1, cursor=first["next"])

    assert first["items"][0]["changes"] == [{"field": "name", "before": "Keep", "after": "Tower"}]
    assert second["items"][0]["changes"] == [{"field": "name", "before": "Castle", "after": "Keep"}]


def test_each_filter_finds_its_events(clients: Clients) -> None:
    ann = clients()
    bob = clients(ann.tenant_id, "b:ö")
    first = ann.create()
    second = int(bob.call("PATCH", path(first), json={"name": "x"}).headers["Ledger-Position"])
    third = bob.create()["position"]
    headers = {"X-Actor": "system:cron", "X-Request-ID": "nightly-7"}
    fourth = int(ann.call("DELETE", path(first), headers=headers).headers["Ledger-Position"])

    assert trail(ann, asset=first["id"]) == [fourth, second, first["position"]]
    assert trail(ann, actor="user:b:ö") == [third, second]
    assert trail(ann, actor="system:cron") == trail(ann, correlation_id="nightly-7") == [fourth]
    assert trail(ann, topic="asset.created") == [third, first["position"]]
    assert trail(ann, topic=["asset.soft_deleted", "asset.described"]) == [fourth, second]
    assert trail(ann, topic="asset.created", actor="user:b:ö") == [third]
    assert trail(ann, actor="user:nobody") == trail(ann, asset=UNKNOWN_ID) == []


def test_times_bound_the_trail_from_one_on_until_before_another(client: Client) -> None:
    assets = [client.create() for _ in range(3)]
    first, second, third = (asset["position"] for asset in assets)
    times = [asset["created_at"] for asset in assets]

    assert trail(client, since=times[1]) == [third, second]
    assert trail(client, until=times[1])[0] == first
    assert trail(client, since=times[1], until=times[2]) == [second]
    later = datetime.fromisoformat(times[2]) + timedelta(microseconds=1)
    assert trail(client, since=later.isoformat()) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("asset", "x"),
        ("since", "yesterday"),
        ("until", "2026-11-20"),
        ("since", "0001-01-01T00:00:00+14:00"),
        ("actor", "user:a\0b"),
        ("actor", "ann"),
        ("actor", "robot:r2"),
        ("topic", "asset.lost"),
        ("topic", "a\0b"),
        ("correlation_id", "a\0b"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_by_name(client: Client, field: str, value: str) -> None:
    assert [name.removesuffix(".0") for name in refused_fields(client.get("/v1/audit", **{field: value}))] == [
        f"query.{field}"
    ]


@pytest.mark.parametrize("field", ["actor", "topic", "correlation_id"])
def test_an_empty_filter_is_not_taken_for_none(client: Client, field: str) -> None:
    client.create()

    assert refused_fields(client.get("/v1/audit", **{field: ""}))[0].startswith(f"query.{field}")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_changes_the_trail(client: Client, method: str) -> None:
    client.create()
    before = client.page("/v1/audit")

    problem(client.call(method, "/v1/audit", json={}), 405)
    problem(client.call(method, "/v1/audit/1", json={}), 404)

    assert client.page("/v1/audit") == before


@pytest.mark.parametrize("statement", REWRITES)
def test_the_service_s_own_role_cannot_rewrite_the_log(client: Client, services: Services, statement: str) -> None:
    asset = client.create()
    before = client.history(asset["id"])

    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        services.database.transaction(client.tenant_id) as connection,
    ):
        connection.execute(statement.encode())

    assert client.history(asset["id"]) == before
