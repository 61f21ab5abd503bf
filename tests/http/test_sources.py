"""Assets and jobs name the assets that they are made from, over HTTP."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from api.composition import Services
from domain.identity import derived_id
from tests.conftest import Client
from tests.http.assertions import UNKNOWN_ID, nothing_written, path, problem, refused_fields
from tests.http.job_requests import IMAGE, Json, act, ask, asked, body, done, head, read

PNG = ("castle.png", b"\x89PNG\r\n\x1a\n" + bytes(8))


def created(client: Client, **fields: Any) -> Json:
    """An asset as its record answers it."""
    return client.create(**fields)


def test_an_asset_keeps_its_sources_in_their_order_and_each_once(client: Client) -> None:
    first, second = created(client), created(client)
    asset = created(client, sources=[second["id"], first["id"], second["id"]])

    assert asset["sources"] == [second["id"], first["id"]]
    assert (first["sources"], client.get(path(asset)).json()) == ([], asset)
    assert [item["sources"] for item in client.page()["items"]] == [asset["sources"], [], []]
    changes = {change["field"]: change["after"] for change in client.history(asset["id"])[0]["changes"]}
    assert changes["sources"] == asset["sources"]
    assert "sources" not in {change["field"] for change in client.history(first["id"])[0]["changes"]}


def test_what_a_job_makes_has_the_sources_of_the_job_and_its_own(client: Client) -> None:
    first, second = created(client), created(client)
    job = asked(client, sources=[first["id"]])
    assert (job["sources"], read(client, job)["sources"]) == ([first["id"]], [first["id"]])
    assert client.page("/v1/jobs")["items"][0]["sources"] == [first["id"]]

    done(client, job, "start", attempt=1)
    ended = done(client, job, "succeed", attempt=1, assets=[IMAGE, IMAGE | {"sources": [second["id"], first["id"]]}])

    plain, own = (client.get(f"/v1/assets/{id_}").json() for id_ in ended["assets"])
    assert (plain["sources"], own["sources"]) == ([first["id"]], [first["id"], second["id"]])


def test_sources_are_part_of_what_a_job_is_made_from(client: Client) -> None:
    first, second = created(client), created(client)
    job = asked(client, sources=[first["id"], second["id"]])
    again = ask(client, sources=[second["id"], first["id"], second["id"]])

    assert (again.status_code, body(again)["id"]) == (200, job["id"])
    others = [asked(client), asked(client, sources=[first["id"]])]
    assert len({job["id"], *(other["id"] for other in others)}) == 3
    assert (ask(client, sources=[]).status_code, body(ask(client, sources=[]))["id"]) == (200, others[0]["id"])


def test_a_source_may_be_deleted_before_and_after(client: Client) -> None:
    source = created(client)
    client.call("DELETE", path(source))
    asset = created(client, sources=[source["id"]])
    assert client.get(path(asset)).json()["sources"] == [source["id"]]


@pytest.mark.parametrize("kind", ["unknown", "of another tenant", "a job", "the tenant"])
def test_a_source_that_is_no_asset_of_the_tenant_is_refused(
    client: Client, clients: Callable[..., Client], kind: str
) -> None:
    match kind:
        case "unknown":
            missing = UNKNOWN_ID
        case "of another tenant":
            missing = clients().create()["id"]
        case "a job":
            missing = asked(client)["id"]
        case _:
            missing = str(client.tenant_id)
    good = created(client)["id"]
    running = done(client, asked(client, run="r1"), "start", attempt=1)
    with nothing_written(client):
        for answer in (
            client.call("POST", "/v1/assets", json=IMAGE | {"sources": [good, missing]}),
            client.call("POST", "/v1/assets", json=IMAGE | {"sources": [missing]}, headers={"Idempotency-Key": "k"}),
            ask(client, sources=[missing]),
            act(client, running, "succeed", attempt=1, assets=[IMAGE, IMAGE | {"sources": [missing]}]),
            client.call(
                "POST",
                "/v1/assets/upload",
                files={"asset": (None, json.dumps(IMAGE | {"sources": [missing]})), "file": PNG},
            ),
        ):
            assert problem(answer, 404, "source-not-found")["detail"] == f"sources: there is no asset {missing}."
    assert read(client, running)["status"] == "running"


def test_in_a_batch_an_asset_with_a_missing_source_fails_alone(client: Client, services: Services) -> None:
    good = created(client)["id"]
    before = head(services, client)
    items = [IMAGE | {"sources": [good]}, IMAGE | {"sources": [UNKNOWN_ID]}, IMAGE]
    results = client.call("POST", "/v1/assets/batch", json=items).json()["results"]

    assert [result["status"] for result in results] == [201, 404, 201]
    assert results[1]["problem"]["type"].endswith(":source-not-found")
    assert client.get(path(results[0]["asset"])).json()["sources"] == [good]
    assert head(services, client) == before + 2


def test_in_a_batch_of_jobs_a_request_with_a_missing_source_fails_alone(client: Client) -> None:
    good = created(client)["id"]
    operations = [
        {"operation": "request", "media_kind": "image", "sources": [UNKNOWN_ID]},
        {"operation": "request", "media_kind": "image", "sources": [good]},
    ]
    results = client.call("POST", "/v1/jobs/batch", json=operations).json()["results"]
    assert [result["status"] for result in results] == [404, 201]
    assert read(client, results[1]["job"])["sources"] == [good]


def test_an_upload_names_its_sources(client: Client) -> None:
    source = created(client)
    form = {"asset": (None, json.dumps({"media": {"media_kind": "file"}, "sources": [source["id"]]})), "file": PNG}
    answer = client.call("POST", "/v1/assets/upload", files=form)
    assert (answer.status_code, answer.json()["sources"]) == (201, [source["id"]])


@pytest.mark.parametrize("sources", [[UNKNOWN_ID] * 101, ["castle"], "castle", [None], [{}], None])
def test_what_cannot_be_sources_is_refused_by_name(client: Client, sources: object) -> None:
    for where in ("/v1/assets", "/v1/jobs"):
        new = {"media_kind": "image"} if where == "/v1/jobs" else IMAGE
        fields = refused_fields(client.call("POST", where, json={**new, "sources": sources}))
        assert {field.partition(".0")[0] for field in fields} == {"body.sources"}


def test_a_hundred_sources_are_taken(client: Client) -> None:
    results = client.call("POST", "/v1/assets/batch", json=[IMAGE] * 100).json()["results"]
    ids = [result["asset"]["id"] for result in results]
    assert created(client, sources=ids)["sources"] == ids


def test_an_asset_is_never_its_own_source(client: Client) -> None:
    keyed: Json = {"headers": {"Idempotency-Key": "k"}}
    asset = client.call("POST", "/v1/assets", json=IMAGE, **keyed).json()
    again = client.call("POST", "/v1/assets", json=IMAGE | {"sources": [asset["id"]]}, **keyed)
    problem(again, 409, "other-request")

    job = done(client, asked(client), "start", attempt=1)
    first, second = (str(derived_id("asset", "job", f"{UUID(job['id'])}:1:{index}")) for index in range(2))
    for source in (first, second):
        with nothing_written(client):
            answer = act(client, job, "succeed", attempt=1, assets=[IMAGE | {"sources": [source]}, IMAGE])
            problem(answer, 404, "source-not-found")
    assert done(client, job, "succeed", attempt=1, assets=[IMAGE, IMAGE])["assets"] == [first, second]


def test_the_same_request_under_a_key_is_the_same_with_its_sources(client: Client) -> None:
    source = created(client)["id"]
    keyed: Json = {"headers": {"Idempotency-Key": "k"}, "json": IMAGE | {"sources": [source]}}
    first, again = client.call("POST", "/v1/assets", **keyed), client.call("POST", "/v1/assets", **keyed)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


def test_the_feed_shows_sources_only_where_there_are_some(client: Client) -> None:
    source = created(client)
    created(client, sources=[source["id"]])
    events = client.get("/v1/events", topics="asset.created").json()
    assert [event["data"].get("sources") for event in events] == [None, [source["id"]]]
