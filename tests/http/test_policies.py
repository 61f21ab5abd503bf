"""A tenant's policy over HTTP: set, read, and what it lets in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from api.composition import Services
from tests.conftest import Client
from tests.http.job_requests import IMAGE, Json, act, ask, asked, claim, done, end_lease, head, read, topics

STRICT: Json = {
    "required_references": ["client"],
    "allowed_tags": {"image": ["final", "concept"]},
    "closed_kinds": ["claim"],
}


def put(client: Client, if_match: str | None = None, **policy: Any) -> httpx.Response:
    """Set a policy."""
    headers = {"If-Match": if_match} if if_match else {}
    return client.call("PUT", "/v1/policy", json=policy, headers=headers)


def strict(client: Client, **policy: Any) -> Json:
    """The same, where it must work; returns it."""
    response = put(client, **policy)
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


def declared(client: Client, kind: str, id_: str, scope: str | None = None) -> Json:
    """A reference, just declared."""
    response = client.call("POST", "/v1/references", json={"kind": kind, "id": id_, "scope": scope})
    assert response.status_code == 201, response.text
    answer: Json = response.json()
    return answer


def create(client: Client, **fields: Any) -> httpx.Response:
    return client.call("POST", "/v1/assets", json=IMAGE | fields)


def link(client: Client, asset: Json, *references: str) -> httpx.Response:
    return client.call("POST", f"/v1/assets/{asset['id']}/links", json={"references": references})


def refused(response: httpx.Response, status: int, kind: str, *words: str) -> None:
    """Assert that a policy refused, and said why."""
    problem = response.json()
    assert (response.status_code, problem["type"]) == (status, f"urn:asset-ledger:problem:{kind}"), response.text
    assert [word for word in words if word not in problem["detail"]] == []


@contextmanager
def nothing_written(services: Services, client: Client) -> Iterator[None]:
    """Assert that the block leaves the tenant's log as it is."""
    before = head(services, client)
    yield
    assert head(services, client) == before


def test_a_tenant_has_an_empty_policy_until_it_sets_one(client: Client) -> None:
    response = client.get("/v1/policy")
    assert response.status_code == 200
    assert response.headers["ETag"] == '"0"'
    none: Json = {"required_references": [], "allowed_tags": {}, "closed_kinds": []}
    assert response.json() == none | {"set_at": None, "set_by": None, "revision": 0, "position": None}
    assert create(client, tags=["any"], references=["claim:any"]).status_code == 201


def test_a_policy_is_answered_with_its_place_and_is_in_the_audit_trail_with_its_reason(client: Client) -> None:
    response = put(client, **STRICT, reason="one catalogue per client")
    policy = response.json()
    assert response.status_code == 200
    assert response.headers["ETag"] == f'"{policy["revision"]}"'
    assert int(response.headers["Ledger-Position"]) == policy["position"]
    assert policy["allowed_tags"] == {"image": ["concept", "final"]}
    assert policy["set_by"] == "user:ann"
    assert client.get("/v1/policy").json() == policy
    (event,) = client.page("/v1/audit", topic="tenant.policy_set")["items"]
    assert (event["position"], event["reason"]) == (policy["position"], "one catalogue per client")
    recorded = {change["field"]: change["after"] for change in event["changes"]}
    assert recorded == {name: policy[name] for name in STRICT}


def test_a_policy_replaces_the_whole_one_before_and_the_same_again_changes_nothing(
    client: Client, services: Services
) -> None:
    first = strict(client, **STRICT)
    with nothing_written(services, client):
        assert put(client, **STRICT, reason="again").json() == first
    second = strict(client, closed_kinds=["world"])
    assert (second["required_references"], second["allowed_tags"], second["closed_kinds"]) == ([], {}, ["world"])
    assert client.get("/v1/policy", as_of=first["position"]).json() == first
    assert client.get("/v1/policy", as_of=first["position"] - 1).json()["revision"] == 0
    assert client.get("/v1/policy", as_of=10**6).status_code == 422


def test_two_people_cannot_overwrite_each_others_policy_unseen(client: Client, services: Services) -> None:
    first = put(client, if_match='"0"', closed_kinds=["claim"])
    assert first.status_code == 200
    with nothing_written(services, client):
        refused(put(client, if_match='"0"', closed_kinds=[]), 412, "stale-revision", "of the policy")
    assert put(client, if_match=first.headers["ETag"], closed_kinds=[]).status_code == 200


@pytest.mark.parametrize(
    "policy", [{"closed_kinds": ["Not A Kind"]}, {"allowed_tags": {"sculpture": []}}, {"forbidden": []}, [], None]
)
def test_a_policy_that_makes_no_sense_is_refused(client: Client, services: Services, policy: Any) -> None:
    with nothing_written(services, client):
        assert client.call("PUT", "/v1/policy", json=policy).status_code == 422


def test_a_policy_too_large_for_an_entry_is_refused_and_leaves_the_one_before(client: Client) -> None:
    first = strict(client, **STRICT)
    many = {kind: [f"{n:0100}" for n in range(500)] for kind in ("image", "audio")}
    refused(put(client, allowed_tags=many), 422, "entry-too-large")
    assert client.get("/v1/policy").json() == first


def test_a_new_asset_or_job_without_a_required_kind_is_refused_by_name(client: Client, services: Services) -> None:
    strict(client, required_references=["client", "world"])
    with nothing_written(services, client):
        refused(create(client, client_id="c1"), 422, "missing-reference", "world")
        refused(ask(client, world_id="w1"), 422, "missing-reference", "client")
    for references in ({"client_id": "c1", "scope": "world:w1"}, {"references": ["client:c1", "world:w1"]}):
        asset = client.create(**references)
        assert client.history(asset["id"])[0]["topic"] == "asset.created"
        assert asked(client, **references)["status"] == "queued"


def test_a_tag_that_is_not_allowed_is_refused_when_recording_and_when_describing(
    client: Client, services: Services
) -> None:
    asset = client.create(tags=["before"])
    strict(client, allowed_tags={"image": ["concept", "final"]})
    path = f"/v1/assets/{asset['id']}"
    with nothing_written(services, client):
        refused(create(client, tags=["final", "wip"]), 422, "tag-not-allowed", "“wip”", "“concept”, “final”")
        refused(client.call("PATCH", path, json={"tags": ["before", "final"]}), 422, "tag-not-allowed", "“before”")
    assert client.call("PATCH", path, json={"name": "n"}).json()["tags"] == ["before"]
    assert client.call("PATCH", path, json={"tags": ["final"]}).json()["tags"] == ["final"]
    assert client.create(media={"media_kind": "audio"}, tags=["wip"])["tags"] == ["wip"]
    assert [event["topic"] for event in client.history(asset["id"])] == ["asset.created", *["asset.described"] * 2]


def test_a_closed_kind_takes_declared_references_only(client: Client, services: Services) -> None:
    asset = client.create(references=["claim:c0"])
    strict(client, closed_kinds=["claim"])
    with nothing_written(services, client):
        refused(create(client, claim_id="c7"), 404, "reference-not-declared", "claim:c7")
        refused(link(client, asset, "message:m1", "claim:c7"), 404, "reference-not-declared", "claim:c7")
        refused(ask(client, claim_id="c7"), 404, "reference-not-declared", "claim:c7")
        assert link(client, asset, "claim:c0").status_code == 200, "it has this link already"
    declared(client, "claim", "c7")
    assert client.create(claim_id="c7")["links"] == ["claim:c7"]
    assert link(client, asset, "message:m1", "claim:c7").json()["links"] == ["claim:c0", "message:m1", "claim:c7"]
    assert asked(client, claim_id="c7")["references"] == ["claim:c7"]


def test_a_reference_of_one_world_is_not_let_into_another(client: Client, services: Services) -> None:
    ours, theirs, nobodys = (client.create(scope=scope) for scope in ("world:w1", "world:w2", None))
    strict(client, closed_kinds=["claim"])
    declared(client, "claim", "c7", "world:w1")
    with nothing_written(services, client):
        for asset in (theirs, nobodys):
            refused(link(client, asset, "claim:c7"), 422, "foreign-reference", "claim:c7 belongs to world:w1")
        refused(create(client, claim_id="c7", scope="world:w2"), 422, "foreign-reference", "world:w2")
        refused(ask(client, claim_id="c7"), 422, "foreign-reference", "no scope")
    assert link(client, ours, "claim:c7").json()["links"] == ["claim:c7"]


def test_taking_away_is_never_hindered(client: Client) -> None:
    asset = client.create(references=["claim:c7", "client:c1"], tags=["before"])
    strict(client, required_references=["client"], closed_kinds=["claim", "client"], allowed_tags={"image": []})
    path = f"/v1/assets/{asset['id']}"
    for reference in ("claim:c7", "client:c1"):
        assert client.call("DELETE", f"{path}/links", params={"ref": reference}).status_code == 200
    assert client.call("DELETE", path).status_code == 204
    assert client.call("POST", f"{path}/restore").json()["tags"] == ["before"]


def test_what_was_recorded_before_a_policy_stays_readable_as_it_was(client: Client) -> None:
    asset, job = client.create(references=["claim:c7"], tags=["before"]), asked(client, claim_id="c7")
    strict(client, **STRICT)
    assert client.get(f"/v1/assets/{asset['id']}").json() == asset
    assert read(client, job) == job
    assert client.ids(claim_id="c7") == [asset["id"]]
    assert [item["id"] for item in client.page("/v1/jobs", claim_id="c7")["items"]] == [job["id"]]


def test_a_completion_is_refused_whole_and_can_be_repeated_once_the_reference_is_declared(
    client: Client, services: Services
) -> None:
    job = asked(client, claim_id="c7")
    claim(client)
    strict(client, closed_kinds=["claim", "job"], allowed_tags={"image": ["final"]})
    with nothing_written(services, client):
        refused(act(client, job, "succeed", attempt=1, assets=[IMAGE]), 404, "reference-not-declared", "claim:c7")
    declared(client, "claim", "c7")
    with nothing_written(services, client):
        tagged = act(client, job, "succeed", attempt=1, assets=[IMAGE, IMAGE | {"tags": ["wip"]}])
        refused(tagged, 422, "tag-not-allowed", "“wip”")
    assert read(client, job)["status"] == "running"
    ended = done(client, job, "succeed", attempt=1, assets=[IMAGE | {"tags": ["final"]}])
    assert client.ids(claim_id="c7", job_id=job["id"]) == ended["assets"]


def test_a_job_that_was_accepted_ends_and_resumes_whatever_the_policy_but_is_not_asked_for_anew(
    client: Client, services: Services
) -> None:
    job = asked(client, claim_id="c7")
    strict(client, closed_kinds=["claim"])
    claim(client, lease_seconds=60)
    end_lease(services, client.tenant_id, job)
    (again,) = claim(client)
    assert (again["id"], again["attempt"]) == (job["id"], 2)
    done(client, job, "fail", attempt=2, code="x")
    with nothing_written(services, client):
        refused(ask(client, claim_id="c7"), 404, "reference-not-declared", "claim:c7")
        refused(act(client, job, "requeue", attempt=2), 404, "reference-not-declared", "claim:c7")
    declared(client, "claim", "c7")
    assert ask(client, claim_id="c7").json()["attempt"] == 3
    assert topics(client, job) == ["requested", "started", "requeued", "started", "failed", "requeued"]


def test_in_a_batch_only_the_items_that_the_policy_refuses_fail(client: Client) -> None:
    strict(client, closed_kinds=["claim"], allowed_tags={"image": ["final"]})
    declared(client, "claim", "c7")
    items = [
        IMAGE | fields for fields in ({"claim_id": "c7"}, {"claim_id": "c8"}, {"tags": ["final"]}, {"tags": ["wip"]})
    ]
    answer = client.call("POST", "/v1/assets/batch", json=items).json()
    assert [result["status"] for result in answer["results"]] == [201, 404, 201, 422]
    assert (answer["summary"]["total"], answer["summary"]["failed"]) == (4, 2)
    assert client.ids() == [answer["results"][index]["asset"]["id"] for index in (2, 0)]


def test_of_many_links_only_those_that_the_policy_refuses_fail(client: Client) -> None:
    asset = client.create()
    strict(client, closed_kinds=["claim"])
    declared(client, "claim", "c7")
    asked_for = {"asset_ids": [asset["id"]], "references": ["claim:c7", "claim:c8", "message:m1"]}
    answer = client.call("POST", "/v1/links", json=asked_for).json()
    assert [result["status"] for result in answer["results"]] == [200, 404, 200]
    assert client.get(f"/v1/assets/{asset['id']}").json()["links"] == ["claim:c7", "message:m1"]


def test_a_key_that_made_an_asset_before_the_policy_still_answers_with_it(client: Client) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = client.call("POST", "/v1/assets", json=IMAGE | {"tags": ["before"]}, headers=headers)
    strict(client, allowed_tags={"image": []})
    again = client.call("POST", "/v1/assets", json=IMAGE | {"tags": ["before"]}, headers=headers)
    assert (again.status_code, again.json()) == (200, first.json())
    other = client.call("POST", "/v1/assets", json=IMAGE | {"tags": ["x"]}, headers={"Idempotency-Key": "k2"})
    refused(other, 422, "tag-not-allowed")


def test_a_policy_and_what_is_declared_are_the_tenants_own(
    client: Client, clients: Callable[..., Client], services: Services
) -> None:
    other = clients()
    theirs = strict(other, **STRICT)
    declared(other, "claim", "c7", "world:w1")
    assert client.get("/v1/policy").json()["revision"] == 0
    assert client.create(tags=["wip"], claim_id="c7", scope="world:w9")["links"] == ["claim:c7"]
    strict(client, closed_kinds=["claim"])
    with nothing_written(services, client):
        refused(create(client, claim_id="c7", scope="world:w1"), 404, "reference-not-declared")
    declared(client, "claim", "c7", "world:w9")
    assert other.get("/v1/policy").json() == theirs
    refused(create(other, client_id="c1", claim_id="c7", scope="world:w9"), 422, "foreign-reference", "world:w1")
