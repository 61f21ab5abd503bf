"""How a job ends well, over HTTP: what it made is recorded with it, or nothing is."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from uuid_utils.compat import uuid7

from api.composition import Services
from tests.conftest import Client
from tests.http.job_requests import IMAGE, Json, act, ask, asked, body, done, events, head, read, topics

SCOPED: Json = {"scope": "world:w1", "claim_id": "c7", "workflow_id": "w7", "run": "r9", "subject": "u_ann"}


@pytest.fixture
def running(client: Client) -> Json:
    """A job that makes images of one world, at its first attempt."""
    return done(client, asked(client, **SCOPED), "start", attempt=1)


def asset(client: Client, asset_id: str) -> Json:
    """An asset as it is now."""
    return body(client.get(f"/v1/assets/{asset_id}"))


def test_new_assets_take_over_what_the_job_has(client: Client, running: Json) -> None:
    mine = IMAGE | {"name": "Castle", "references": ["message:m1"], "node_id": "n3", "subject": "u_ben"}
    ended = done(client, running, "succeed", attempt=1, assets=[IMAGE, mine], reason="done")
    assert (ended["status"], ended["finished_at"]) == ("succeeded", ended["updated_at"])
    plain, own = (asset(client, id_) for id_ in ended["assets"])
    made_by = {f"job:{running['id']}", "workflow:w7", "run:r9"}
    assert (set(plain["origin"]), plain["links"]) == (made_by, ["claim:c7"])
    assert (set(own["origin"]), set(own["links"])) == (made_by | {"node:n3"}, {"claim:c7", "message:m1"})
    assert (plain["scope"], own["scope"], plain["subject"], own["subject"]) == (
        "world:w1",
        "world:w1",
        "u_ann",
        "u_ben",
    )
    assert own["name"] == "Castle"
    assert [client.history(id_)[0]["reason"] for id_ in ended["assets"]] == ["done", "done"]


def test_the_position_of_the_answer_shows_the_assets_to_every_list(client: Client, running: Json) -> None:
    response = act(client, running, "succeed", attempt=1, assets=[IMAGE] * 100)
    listed = client.get("/v1/assets", min_position=response.headers["Ledger-Position"], limit=200).json()["items"]
    assert [item["id"] for item in listed] == response.json()["assets"][::-1]


def test_job_and_assets_stand_side_by_side_in_the_log_and_every_reference_finds_both(
    client: Client, services: Services, running: Json
) -> None:
    ended = done(client, running, "succeed", attempt=1, assets=[IMAGE, IMAGE])
    assert head(services, client) == ended["position"]
    assert [ended["position"] - asset(client, id_)["position"] for id_ in ended["assets"]] == [2, 1]
    for filters in (
        {"job_id": running["id"]},
        {"job_id": "r9"},
        {"run": "r9"},
        {"claim_id": "c7"},
        {"world_id": "w1"},
        {"claim_id": "c7", "workflow_id": "w7", "job_id": "r9"},
    ):
        assert client.ids(**filters) == ended["assets"][::-1]
        assert [job["id"] for job in client.page("/v1/jobs", **filters)["items"]] == [running["id"]]


def test_the_same_completion_again_gives_the_same_answer_and_writes_nothing(
    client: Client, services: Services, running: Json
) -> None:
    completion: Json = {
        "attempt": 1,
        "assets": [IMAGE, IMAGE | {"name": "Castle"}],
        "cost": {"amount": 1, "currency": "EUR"},
    }
    first = act(client, running, "succeed", **completion)
    before = head(services, client)
    again = act(client, running, "succeed", **completion | {"reason": "sent twice"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert again.headers["ETag"] == first.headers["ETag"]
    assert head(services, client) == before


@pytest.mark.parametrize(
    "other",
    [
        {"assets": [IMAGE, IMAGE]},
        {"assets": []},
        {"assets": [IMAGE | {"name": "other"}]},
        {"asset_ids": [str(uuid7())]},
        {"cost": {"amount": 1, "currency": "EUR"}},
    ],
)
def test_another_completion_is_409(client: Client, services: Services, running: Json, other: Json) -> None:
    ended = done(client, running, "succeed", attempt=1, assets=[IMAGE])
    before = head(services, client)
    completion: Json = {"attempt": 1, "assets": [IMAGE]}
    refused = act(client, running, "succeed", **completion | other)
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:asset-ledger:problem:other-completion"
    assert (read(client, running), head(services, client)) == (ended, before)


def test_twenty_completions_at_once_make_the_assets_once(client: Client, services: Services, running: Json) -> None:
    before = head(services, client)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: act(client, running, "succeed", attempt=1, assets=[IMAGE] * 3), range(20)))
    assert [answer.status_code for answer in answers] == [200] * 20
    assert len({answer.text for answer in answers}) == 1
    assert head(services, client) == before + 4


@pytest.mark.parametrize(
    ("produced", "why"),
    [
        ([{"media": {"media_kind": "video"}}], "asset 0 is of kind video, but the job makes image."),
        ([IMAGE, IMAGE | {"scope": "world:w2"}], "asset 1 belongs to world:w2, but the job belongs to world:w1."),
    ],
)
def test_new_assets_that_do_not_fit_the_job_are_422_and_nothing_is_written(
    client: Client, services: Services, running: Json, produced: list[Json], why: str
) -> None:
    before = head(services, client)
    refused = act(client, running, "succeed", attempt=1, assets=produced)
    assert refused.status_code == 422
    assert why in refused.json()["detail"]
    assert (read(client, running), head(services, client)) == (running, before)
    assert done(client, running, "succeed", attempt=1, assets=[IMAGE])["status"] == "succeeded"


@pytest.mark.parametrize(
    ("existing", "why"),
    [
        ({"scope": "world:w2"}, "belongs to world:w2, but the job belongs to world:w1"),
        ({}, "belongs to nothing, but the job belongs to world:w1"),
        ({"scope": "world:w1", "media": {"media_kind": "file"}}, "is of kind file, but the job makes image"),
    ],
)
def test_existing_assets_that_do_not_fit_the_job_are_422(
    client: Client, services: Services, running: Json, existing: Json, why: str
) -> None:
    old = client.create(**existing)
    before = head(services, client)
    refused = act(client, running, "succeed", attempt=1, asset_ids=[old["id"]])
    assert refused.status_code == 422
    assert why in refused.json()["detail"]
    assert (read(client, running), head(services, client)) == (running, before)


def test_unknown_and_deleted_assets_are_404_and_nothing_is_written(
    client: Client, services: Services, running: Json
) -> None:
    deleted = client.create(scope="world:w1")
    client.call("DELETE", f"/v1/assets/{deleted['id']}")
    before = head(services, client)
    for id_ in (str(uuid7()), running["id"], deleted["id"]):
        assert act(client, running, "succeed", attempt=1, assets=[IMAGE], asset_ids=[id_]).status_code == 404
    assert (read(client, running), head(services, client)) == (running, before)


def test_assets_recorded_before_are_linked_to_the_job_and_found_by_it(client: Client, running: Json) -> None:
    old, older = client.create(scope="world:w1"), client.create(scope="world:w1")
    ended = done(client, running, "succeed", attempt=1, assets=[IMAGE], asset_ids=[old["id"], older["id"], old["id"]])
    assert ended["assets"][1:] == [old["id"], older["id"]]
    assert asset(client, old["id"])["links"] == [f"job:{running['id']}"]
    assert [event["topic"] for event in client.history(old["id"])] == ["asset.created", "asset.linked"]
    assert set(client.ids(job_id=running["id"])) == set(ended["assets"])
    again = act(client, running, "succeed", attempt=1, assets=[IMAGE], asset_ids=[older["id"], old["id"]])
    assert (again.status_code, again.json()) == (200, ended)


def test_an_asset_that_others_change_meanwhile_is_linked_all_the_same(client: Client, running: Json) -> None:
    old = client.create(scope="world:w1")

    def describe(number: int) -> int:
        return client.call("PATCH", f"/v1/assets/{old['id']}", json={"name": f"name {number}"}).status_code

    with ThreadPoolExecutor(5) as pool:
        named = pool.map(describe, range(4))
        ended = pool.submit(act, client, running, "succeed", attempt=1, asset_ids=[old["id"]]).result()
    assert ended.status_code == 200
    assert set(named) == {200}
    assert asset(client, old["id"])["links"] == [f"job:{running['id']}"]


def test_asking_for_what_succeeded_gives_the_job_with_its_assets(client: Client, running: Json) -> None:
    ended = done(client, running, "succeed", attempt=1, assets=[IMAGE])
    again = ask(client, key="k", **SCOPED)
    assert (again.status_code, again.json()) == (200, ended)
    assert topics(client, running) == ["requested", "started", "succeeded"]


def test_a_second_attempt_makes_assets_of_its_own(clients: Callable[..., Client]) -> None:
    asset_ids: list[list[str]] = []
    for _ in range(2):
        client = clients()
        job = done(client, asked(client), "start", attempt=1)
        if asset_ids:
            done(client, job, "requeue", attempt=1)
            job = done(client, job, "start", attempt=2)
        asset_ids.append(done(client, job, "succeed", attempt=job["attempt"], assets=[IMAGE])["assets"])
        assert events(client, job)[-1]["changes"][-1]["after"] == asset_ids[-1]
    assert asset_ids[0] != asset_ids[1]
