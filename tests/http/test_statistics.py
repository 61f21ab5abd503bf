"""Statistics count what lists show, in any groups, exactly, and nothing of other tenants."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from tests.conftest import Client
from tests.http.assertions import path, problem, refused_fields
from tests.http.content_requests import CASTLE, purge, put, with_content
from tests.http.job_requests import IMAGE, asked, done

Json = dict[str, Any]


def statistics(client: Client, **params: Any) -> list[Json]:
    """The groups that are asked for, all on one page."""
    page = client.page("/v1/statistics", limit=200, **params)
    assert page["next"] is None
    items: list[Json] = page["items"]
    return items


def everything(client: Client, **params: Any) -> Json:
    """The one group of everything that the filters leave."""
    (item,) = statistics(client, **params)
    assert item["group"] == {}
    return item


def live(client: Client, *group_by: str, **params: Any) -> dict[tuple[str | None, ...], int]:
    """How many live assets each group has, by its values in the order asked for."""
    items = statistics(client, group_by=list(group_by), **params)
    assert all(list(item["group"]) == list(group_by) for item in items)
    return {tuple(item["group"].values()): item["assets"]["live"] for item in items}


def job(client: Client, action: str, cost: str | None = None, **fields: Any) -> Json:
    """A job of its own that was started and ended."""
    requested = asked(client, **fields)
    done(client, requested, "start", attempt=1)
    ending: Json = {"attempt": 1} | ({"cost": {"amount": cost, "currency": "EUR"}} if cost else {})
    match action:
        case "succeed":
            return done(client, requested, action, **ending, assets=[IMAGE])
        case "fail":
            return done(client, requested, action, **ending, code="out_of_memory")
    return done(client, requested, action, **ending)


def test_of_nothing_there_is_one_group_of_nothing_and_no_group_of_anything(client: Client) -> None:
    counts = dict.fromkeys(("requested", "started", "succeeded", "failed", "cancelled", "requeued"), 0)
    assert everything(client) == {
        "group": {},
        "assets": {"live": 0, "deleted": 0},
        "content": {"versions": 0, "bytes": 0},
        "jobs": counts | {"failure_rate": None},
        "durations": {"p50": None, "p95": None},
        "costs": [],
    }
    assert statistics(client, group_by="day") == []


def test_assets_are_counted_by_what_lists_filter_by(client: Client) -> None:
    client.create(workflow_id="w1", node_id="n1", client_id="acme")
    client.create(workflow_id="w1", node_id="n2", client_id="acme", media={"media_kind": "video"})
    client.create(workflow_id="w2", scope="client:other", campaign_id="spring")
    client.create()

    assert live(client, "workflow") == {("w1",): 2, ("w2",): 1, (None,): 1}
    assert live(client, "client", "media_kind") == {
        ("acme", "image"): 1,
        ("acme", "video"): 1,
        ("other", "image"): 1,
        (None, "image"): 1,
    }
    assert live(client, "creator") == {("user:ann",): 4}
    for filters in ({"workflow_id": "w1"}, {"client_id": "other"}, {"media_kind": "video"}, {"creator": "user:ann"}):
        assert everything(client, **filters)["assets"]["live"] == len(client.ids(**filters))
    assert live(client, "node", workflow_id="w1", client_id="acme") == {("n1",): 1, ("n2",): 1}
    assert everything(client, workflow_id=["w1", "w2"])["assets"]["live"] == 0


def test_what_has_several_references_of_a_kind_counts_in_each_of_their_groups_and_once_elsewhere(
    client: Client,
) -> None:
    both = client.create(references=["client:c1", "client:c2", "campaign:x", "campaign:y"])
    client.create(client_id="c1")

    assert live(client, "client") == {("c1",): 2, ("c2",): 1}
    assert live(client, "campaign", "client") == {
        ("x", "c1"): 1,
        ("x", "c2"): 1,
        ("y", "c1"): 1,
        ("y", "c2"): 1,
        (None, "c1"): 1,
    }
    assert everything(client)["assets"]["live"] == 2
    assert live(client, "client", client_id="c2") == {("c1",): 1, ("c2",): 1}

    client.call("DELETE", path(both, "links"), params={"ref": "client:c2"})
    client.call("POST", path(both, "links"), json={"references": ["client:c3", "message:m1"]})
    assert live(client, "client") == {("c1",): 2, ("c3",): 1}


def test_deleted_assets_are_counted_apart_until_they_are_restored(client: Client) -> None:
    asset = client.create(workflow_id="w1")
    client.create(workflow_id="w1")
    client.call("PATCH", path(asset), json={"name": "Castle"})
    client.call("PUT", path(asset, "holds", "case-17"))

    client.call("DELETE", path(asset))
    assert everything(client, workflow_id="w1")["assets"] == {"live": 1, "deleted": 1}
    client.call("POST", path(asset, "restore"))
    assert everything(client, workflow_id="w1")["assets"] == {"live": 2, "deleted": 0}


def test_bytes_are_those_of_every_version_that_is_not_purged(client: Client) -> None:
    asset_id = with_content(client, workflow_id="w1")
    client.create(content={"content_type": "image/png", "size": 1_000})
    assert everything(client)["content"] == {"versions": 1, "bytes": len(CASTLE)}

    put(client, asset_id, b"the second")
    both = {"versions": 2, "bytes": len(CASTLE) + len(b"the second")}
    assert everything(client)["content"] == both
    client.call("DELETE", f"/v1/assets/{asset_id}")
    assert everything(client)["content"] == both

    purge(client, workflow_id="w1", status="deleted")
    assert everything(client)["content"] == {"versions": 0, "bytes": 0}
    assert everything(client)["assets"] == {"live": 1, "deleted": 1}


def test_jobs_are_counted_by_what_became_of_them(client: Client) -> None:
    job(client, "succeed", "0.04", workflow_id="w1", run="r1")
    job(client, "succeed", "0.06", workflow_id="w1", run="r2")
    failed = job(client, "fail", "0.5", workflow_id="w1", run="r3")
    job(client, "cancel", workflow_id="w2")
    done(client, failed, "requeue", attempt=1)
    done(client, failed, "cancel")

    whole = everything(client)
    assert whole["jobs"] == {
        "requested": 4,
        "started": 4,
        "succeeded": 2,
        "failed": 1,
        "cancelled": 2,
        "requeued": 1,
        "failure_rate": pytest.approx(1 / 3),
    }
    assert whole["costs"] == [{"amount": "0.6", "currency": "EUR"}]
    assert 0 < whole["durations"]["p50"] <= whole["durations"]["p95"] < 60
    assert whole["assets"]["live"] == 2
    first, second = statistics(client, group_by="workflow")
    assert (first["group"], second["group"]) == ({"workflow": "w1"}, {"workflow": "w2"})
    assert (first["jobs"]["failure_rate"], second["jobs"]["failure_rate"]) == (pytest.approx(1 / 3), None)
    assert second["costs"] == []
    assert second["durations"]["p50"] > 0


def test_costs_of_several_currencies_are_apart(client: Client) -> None:
    for currency, amount in (("USD", "3"), ("EUR", "0.000000001"), ("USD", "0.30"), ("EUR", "99999999999.999999999")):
        requested = asked(client, run=f"{currency} {amount}")
        done(client, requested, "start", attempt=1)
        cost = {"amount": amount, "currency": currency}
        done(client, requested, "fail", attempt=1, code="x", cost=cost)

    assert everything(client)["costs"] == [
        {"amount": "100000000000", "currency": "EUR"},
        {"amount": "3.3", "currency": "USD"},
    ]


def test_one_job_is_found_by_its_id_and_its_run_and_jobs_can_be_grouped_by(client: Client) -> None:
    known = client.create()
    first = asked(client, run="r1", workflow_id="w1")
    done(client, first, "start", attempt=1)
    done(client, first, "succeed", attempt=1, assets=[IMAGE, IMAGE], asset_ids=[known["id"]])
    second = job(client, "succeed", workflow_id="w1")

    assert live(client, "job") == {(first["id"],): 3, (second["id"],): 1}
    assert live(client, "job", "workflow", workflow_id="w1") == {(first["id"], "w1"): 2, (second["id"], "w1"): 1}
    assert live(client, "run") == {("r1",): 2, (None,): 2}
    for filters in ({"job_id": first["id"]}, {"job_id": "r1"}, {"run": "r1"}, {"job_id": [first["id"], "r1"]}):
        counted = everything(client, **filters)
        assert counted["jobs"]["succeeded"] == 1
        assert counted["assets"]["live"] == len(client.ids(**filters))
    assert everything(client, job_id="none")["jobs"]["requested"] == 0


def test_days_are_those_of_utc_and_may_be_a_range(client: Client) -> None:
    day = client.create()["created_at"][:10]
    before, after = (date.fromisoformat(day) + timedelta(days=days) for days in (-1, 1))

    assert live(client, "day") == {(day,): 1}
    assert live(client, "day", first_day=day, last_day=day) == {(day,): 1}
    assert live(client, "day", first_day=before, last_day=before) == {}
    assert everything(client, first_day=after)["assets"]["live"] == 0
    assert everything(client, first_day="0001-01-01", last_day="9999-12-31")["assets"]["live"] == 1


def test_pages_neither_repeat_nor_skip_a_group_and_what_has_no_value_comes_last(client: Client) -> None:
    names = ["", ".", 'a"b', "a,b", "ä", "{x}", "null", "NULL", "z", "\\", "%s", "火"]
    for name in names:
        client.create(**({"node_id": name} if name else {}))
    shown: list[str | None] = []
    cursor: Json = {}
    while True:
        page = client.page("/v1/statistics", group_by=["node", "media_kind"], limit=5, **cursor)
        shown += [item["group"]["node"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}

    assert shown == [*sorted(name for name in names if name), None]


def test_a_cursor_belongs_to_its_groups_and_its_tenant(clients: Callable[..., Client]) -> None:
    client, other = clients(), clients()
    for caller in (client, other):
        caller.create(node_id="a")
        caller.create(node_id="b")
    cursor = client.page("/v1/statistics", group_by="node", limit=1)["next"]

    for caller, params in ((client, {"group_by": "model"}), (client, {}), (other, {"group_by": "node"})):
        problem(caller.get("/v1/statistics", cursor=cursor, **params), 400, "cursor")
    problem(client.get("/v1/statistics", cursor="x" * 30), 400, "cursor")


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"group_by": "colour"}, "query.group_by.0"),
        ({"group_by": ["workflow", "node", "model", "client"]}, "query"),
        ({"group_by": ["day"] * 7}, "query.group_by"),
        ({"first_day": "2026-02-30"}, "query.first_day"),
        ({"first_day": "yesterday"}, "query.first_day"),
        ({"last_day": "1700000000"}, "query.last_day"),
        ({"last_day": "2026-11-20T00:00:00Z"}, "query.last_day"),
        ({"media_kind": "hologram"}, "query.media_kind"),
        ({"creator": "ann"}, "query.creator"),
        ({"workflow_id": ""}, "query.workflow_id.0"),
        ({"node_id": [str(number) for number in range(201)]}, "query"),
        ({"limit": 0}, "query.limit"),
        ({"status": "ready"}, "query.status"),
    ],
)
def test_what_makes_no_sense_is_refused_once(client: Client, params: Json, field: str) -> None:
    assert refused_fields(client.get("/v1/statistics", **params)) == [field]


def test_three_dimensions_and_days_are_allowed_and_each_counts_once(client: Client) -> None:
    day = client.create(workflow_id="w1", node_id="n1", model="m1")["created_at"][:10]
    group_by = ["model", "day", "node", "workflow", "node"]
    (item,) = statistics(client, group_by=group_by)
    assert item["group"] == {"model": "m1", "day": day, "node": "n1", "workflow": "w1"}


def test_dimensions_do_not_count_among_the_references_that_can_be_asked_for(client: Client) -> None:
    client.create(node_id="n1")
    named = [f"n{number}" for number in range(200)]
    assert statistics(client, node_id=named, group_by=["day", "node"]) == []


def test_nothing_of_another_tenant_is_counted(clients: Callable[..., Client]) -> None:
    client, other = clients(), clients()
    other.create(workflow_id="w1")
    job(other, "succeed", "1", workflow_id="w1")
    client.create(workflow_id="w1")

    assert live(client, "workflow") == {("w1",): 1}
    assert everything(client)["jobs"]["requested"] == 0
    assert everything(client)["costs"] == []
    assert everything(other)["assets"]["live"] == 2


def test_a_write_is_counted_where_its_position_is_asked_for_and_the_answer_names_its_own(client: Client) -> None:
    for number in range(10):
        position = client.create(workflow_id="w1")["position"]
        answer = client.get("/v1/statistics", workflow_id="w1", min_position=position)
        assert answer.json()["items"][0]["assets"]["live"] == number + 1
        assert int(answer.headers["Ledger-Position"]) >= position


def test_every_grouping_comes_to_the_same_sums_where_nothing_has_two_references_of_a_kind(client: Client) -> None:
    for number in range(3):
        job(client, "succeed", "0.5", workflow_id=f"w{number % 2}", run=f"r{number}")
        with_content(client, b"x" * (number + 1), client_id="acme")
        client.call("DELETE", path(client.create(node_id="n1")))
    whole = everything(client)
    for dimension in ("day", "media_kind", "creator", "workflow", "node", "client", "job", "run"):
        groups = statistics(client, group_by=dimension)
        for part in ("assets", "content"):
            for name, count in whole[part].items():
                assert sum(group[part][name] for group in groups) == count, (dimension, name)
        assert sum(group["jobs"]["succeeded"] for group in groups) == 3
        assert sum(float(cost["amount"]) for group in groups for cost in group["costs"]) == 1.5
