"""Documents too large for an event come back whole, and leave nothing behind that nobody knows."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from api.composition import Services
from tests.conftest import Client
from tests.http.assertions import path, topics
from tests.http.job_requests import IMAGE, act, ask, asked, body, claim, done, read
from tests.http.job_requests import topics as job_topics
from tests.large_documents import HALF_A_MEGABYTE, is_reference, large, rows
from tests.stores import objects

Json = dict[str, Any]


def test_half_a_megabyte_of_metadata_comes_back_whole_now_and_at_a_revision(client: Client, services: Services) -> None:
    created = client.create(metadata=HALF_A_MEGABYTE, prompt_spec={"prompt": "a castle"})
    assert created["metadata"] == HALF_A_MEGABYTE
    changed = client.call("PATCH", path(created), json={"metadata": {"small": 1}}).json()
    assert changed["metadata"] == {"small": 1}
    client.call("PATCH", path(created), json={"name": "Castle"})
    assert client.get(path(created)).json()["metadata"] == {"small": 1}
    for moment in ({"revision": 1}, {"as_of": created["position"]}):
        then = client.get(path(created), **moment).json()
        assert (then["metadata"], then["prompt_spec"]) == (HALF_A_MEGABYTE, {"prompt": "a castle"})
        assert list(then["metadata"]) == list(HALF_A_MEGABYTE)
    assert len(objects(services, client)) == 1
    assert rows(services, client) == 0


def test_metadata_can_become_large_and_the_same_again_changes_nothing(client: Client, services: Services) -> None:
    asset = client.create(prompt_spec=large(30_000))
    for _ in range(2):
        answer = client.call("PATCH", path(asset), json={"metadata": large(60_000)}, headers={"If-Match": "*"})
        assert (answer.status_code, answer.json()["revision"]) == (200, 2)
        assert answer.json()["metadata"] == large(60_000)
    assert client.get(path(asset)).json()["prompt_spec"] == large(30_000)
    assert len(objects(services, client)) == 1
    other = client.call("PATCH", path(asset), json={"metadata": large(60_000, "ö")}).json()
    assert (other["revision"], other["metadata"]) == (3, large(60_000, "ö"))
    assert client.get(path(asset), revision=2).json()["metadata"] == large(60_000)


def test_lists_and_histories_show_a_reference(client: Client) -> None:
    asset = client.create(metadata=HALF_A_MEGABYTE)
    client.call("PATCH", path(asset), json={"metadata": None})
    job = asked(client, snapshot=HALF_A_MEGABYTE)
    (listed,) = client.page("/v1/jobs")["items"]
    created, described = client.history(asset["id"])
    (reference,) = [change["after"] for change in created["changes"] if change["field"] == "metadata"]
    (gone,) = [change["before"] for change in described["changes"] if change["field"] == "metadata"]
    assert is_reference(listed["snapshot"])
    assert is_reference(reference)
    assert gone == reference
    assert read(client, job)["snapshot"] == HALF_A_MEGABYTE
    fed = client.get("/v1/events", topics="asset.created").json()[0]["data"]
    assert fed["metadata"] == reference
    assert fed["documents"] == [reference["$document"]["id"]]


def test_a_reference_is_not_taken_for_a_document(client: Client) -> None:
    asset = client.create(metadata=large(60_000))
    (listed,) = client.page()["items"]
    answer = client.call("PATCH", path(asset), json={"metadata": listed["metadata"]})
    assert answer.status_code == 422
    assert "send the document itself" in answer.text
    assert client.get(path(asset)).json()["metadata"] == large(60_000)


def test_a_job_s_snapshot_comes_back_whole_from_a_read_and_a_claim(client: Client) -> None:
    snapshot, prompt = large(300_000), {"prompt": "p" * 30_000}
    job = asked(client, snapshot=snapshot, prompt_spec=prompt)
    assert job["snapshot"] == read(client, job)["snapshot"] == snapshot
    (claimed,) = claim(client)
    assert (claimed["id"], claimed["status"], claimed["revision"]) == (job["id"], "running", 2)
    assert (claimed["snapshot"], claimed["prompt_spec"]) == (snapshot, prompt)
    ended = done(client, job, "succeed", attempt=1, assets=[IMAGE | {"metadata": HALF_A_MEGABYTE}])
    assert ended["snapshot"] == snapshot
    assert client.get(f"/v1/assets/{ended['assets'][0]}").json()["metadata"] == HALF_A_MEGABYTE
    assert read(client, job, revision=1)["snapshot"] == snapshot


def test_repeating_a_completion_with_a_large_document_gives_the_same_answer(client: Client) -> None:
    job = asked(client)
    claim(client)
    completion: Json = {
        "attempt": 1,
        "assets": [IMAGE | {"metadata": large(60_000)}, IMAGE | {"metadata": large(70_000)}],
    }
    assert done(client, job, "succeed", **completion) == done(client, job, "succeed", **completion)
    other: Json = {"attempt": 1, "assets": [IMAGE | {"metadata": large(60_000, "ö")}]}
    assert act(client, job, "succeed", **other).status_code == 409


def test_identical_large_requests_are_one_job(client: Client, services: Services) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(client, snapshot=HALF_A_MEGABYTE), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert all(answer.json()["snapshot"] == HALF_A_MEGABYTE for answer in answers)
    assert job_topics(client, body(answers[0])) == ["requested"]
    assert len(objects(services, client)) == 1
    assert rows(services, client) == 0
    assert ask(client, snapshot=large(500_000, "ö")).json()["id"] != answers[0].json()["id"]


def test_a_key_records_an_asset_with_a_large_document_once(client: Client, services: Services) -> None:
    def create(metadata: Json) -> tuple[int, Json]:
        fields = {"media": {"media_kind": "image"}, "metadata": metadata}
        answer = client.call("POST", "/v1/assets", json=fields, headers={"Idempotency-Key": "k"})
        return answer.status_code, answer.json()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: create(HALF_A_MEGABYTE), range(8)))
    assert sorted(status for status, _ in answers) == [200] * 7 + [201]
    assert all(asset == answers[0][1] for _, asset in answers)
    assert create(large(500_000, "ö"))[0] == 409
    assert topics(client, answers[0][1]) == ["asset.created"]
    assert len(objects(services, client)) == 1


def test_a_batch_takes_large_documents_and_an_item_that_is_refused_leaves_none(
    client: Client, services: Services
) -> None:
    refused = IMAGE | {"metadata": large(60_000), "references": [f"message:{n}{'🏰' * 500}" for n in range(200)]}
    items = [IMAGE | {"metadata": large(50_000 + n)} for n in range(3)]
    results = client.call("POST", "/v1/assets/batch", json=[*items, refused]).json()["results"]
    assert [result["status"] for result in results] == [201, 201, 201, 422]
    for item, result in zip(items, results, strict=False):
        assert client.get(f"/v1/assets/{result['asset']['id']}").json()["metadata"] == item["metadata"]
    assert len(objects(services, client)) == 3
    assert rows(services, client) == 0


def test_an_asset_may_come_with_a_large_document_and_its_bytes(client: Client, services: Services) -> None:
    asset = b'{"media": {"media_kind": "file"}, "metadata": {"text": "' + b"x" * 60_000 + b'"}}'
    answer = client.call("POST", "/v1/assets/upload", files={"asset": (None, asset), "file": ("a.bin", b"bytes")})
    assert answer.status_code == 201, answer.text
    assert client.get(path(answer.json())).json()["metadata"] == {"text": "x" * 60_000}
    again = client.call("PUT", path(answer.json(), "content"), content=b"other bytes")
    assert (again.status_code, again.json()["metadata"]) == (200, {"text": "x" * 60_000})
    assert len(objects(services, client)) == 3
    assert rows(services, client) == 0


def test_every_change_of_an_asset_answers_with_its_documents(client: Client) -> None:
    asset = client.create(metadata=HALF_A_MEGABYTE)
    for method, below, request in (
        ("PATCH", (), {"json": {"name": "Castle"}}),
        ("POST", ("links",), {"json": {"references": ["message:m_91"]}}),
        ("DELETE", ("links",), {"params": {"ref": "message:m_91"}}),
        ("POST", ("restore",), {}),
    ):
        answer = client.call(method, path(asset, *below), **request)
        assert (answer.status_code, answer.json()["metadata"]) == (200, HALF_A_MEGABYTE)


def test_what_a_policy_refuses_leaves_no_document(client: Client, services: Services) -> None:
    client.call("PUT", "/v1/policy", json={"required_references": ["client"]})
    fields = {"media": {"media_kind": "image"}, "metadata": HALF_A_MEGABYTE}
    assert client.call("POST", "/v1/assets", json=fields).status_code == 422
    assert ask(client, snapshot=HALF_A_MEGABYTE).status_code == 422
    assert objects(services, client) == []
    assert rows(services, client) == 0


def test_nothing_of_a_document_is_in_the_store_in_the_clear(client: Client, services: Services) -> None:
    client.create(metadata={"text": "secret " * 10_000}, subject="u_ann")
    (key,) = objects(services, client)
    with services.store.open(key) as chunks:
        stored = b"".join(chunks)
    assert b"secret" not in stored
    assert len(stored) == 12 + len(b'{"text":"' + b"secret " * 10_000 + b'"}') + 16


def test_nobody_else_gets_a_document(client: Client, clients: Callable[..., Client], services: Services) -> None:
    asset, other = client.create(metadata=HALF_A_MEGABYTE), clients()
    theirs = other.create(metadata=HALF_A_MEGABYTE)
    assert other.get(path(asset)).status_code == 404
    (ours,), (others,) = objects(services, client), objects(services, other)
    with services.store.open(ours) as chunks:
        services.store.write(others, chunks)
    assert is_reference(other.get(path(theirs)).json()["metadata"])
    assert client.get(path(asset)).json()["metadata"] == HALF_A_MEGABYTE
