"""Who asks, on whose behalf, and under which id: what headers say and what is recorded of it."""

import re

import pytest

from tests.conftest import Client
from tests.http.assertions import nothing_written, path, problem

IMAGE = {"media": {"media_kind": "image"}}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MALFORMED = ["", "a b", "x" * 65, "a/b", "ä".encode(), "<script>", "a,b", "a:b"]


@pytest.mark.parametrize("sent", ["a", "req-1", "x" * 64, "A.b_c-9", "0193483c-5a5e-7d1c-9a30-0d7c41f5c6b1"])
def test_a_request_id_is_echoed_and_recorded(client: Client, sent: str) -> None:
    response = client.call("POST", "/v1/assets", json=IMAGE, headers={"X-Request-ID": sent})

    assert response.headers["X-Request-ID"] == sent
    (event,) = client.history(response.json()["id"])
    assert event["correlation_id"] == sent
    (entry,) = client.page("/v1/audit", correlation_id=sent)["items"]
    assert entry == event


@pytest.mark.parametrize("sent", MALFORMED)
def test_a_malformed_request_id_is_replaced_by_ours(client: Client, sent: str | bytes) -> None:
    response = client.call("POST", "/v1/assets", json=IMAGE, headers=[(b"X-Request-ID", sent)])

    ours = response.headers["X-Request-ID"]
    assert UUID.fullmatch(ours)
    assert client.history(response.json()["id"])[0]["correlation_id"] == ours


def test_every_answer_has_a_request_id_of_its_own(client: Client) -> None:
    asset = client.create()
    answers = [client.get(route) for route in (path(asset), "/v1/assets", "/v1/audit", "/health", "/nowhere")]

    ids = [answer.headers["X-Request-ID"] for answer in answers]
    assert all(UUID.fullmatch(id_) for id_ in ids)
    assert len(set(ids)) == len(ids)


def test_the_events_of_one_request_id_are_found_together(client: Client) -> None:
    asset = client.create()
    headers = {"X-Request-ID": "flow-9"}
    client.call("PATCH", path(asset), json={"name": "Castle"}, headers=headers)
    client.call("PUT", path(asset, "holds", "a"), headers=headers)

    entries = client.page("/v1/audit", correlation_id="flow-9")["items"]
    assert [entry["topic"] for entry in entries] == ["asset.held", "asset.described"]


def test_what_led_to_a_request_is_recorded(client: Client) -> None:
    response = client.call("POST", "/v1/assets", json=IMAGE, headers={"X-Causation-ID": "tool_call.7"})

    assert client.history(response.json()["id"])[0]["causation_id"] == "tool_call.7"


@pytest.mark.parametrize("sent", MALFORMED)
def test_a_malformed_causation_is_refused(client: Client, sent: str | bytes) -> None:
    with nothing_written(client):
        response = client.call("POST", "/v1/assets", json=IMAGE, headers=[(b"X-Causation-ID", sent)])

    problem(response, 400, "bad-header")


@pytest.mark.parametrize("actor", ["user:ann", "worker:w:1", "system:cron job", f"user:{'x' * 512}", "user:%20"])
def test_an_actor_may_be_named_and_is_recorded(client: Client, actor: str) -> None:
    response = client.call("POST", "/v1/assets", json=IMAGE, headers={"X-Actor": actor})

    asset = response.json()
    assert (asset["created_by"], asset["updated_by"]) == (actor, actor)
    (event,) = client.history(asset["id"])
    assert f"{event['actor']['type']}:{event['actor']['id']}" == actor
    assert client.page("/v1/audit", actor=actor)["items"] == [event]


def test_an_actor_s_name_keeps_its_letters(client: Client) -> None:
    response = client.call("POST", "/v1/assets", json=IMAGE, headers=[(b"X-Actor", "user:jörg-ж".encode())])

    assert response.json()["created_by"] == "user:jörg-ж"


@pytest.mark.parametrize("actor", ["", "ann", "user", "user:", ":ann", "robot:r2", "User:ann", f"user:{'x' * 513}"])
def test_what_is_no_actor_is_refused(client: Client, actor: str) -> None:
    with nothing_written(client):
        response = client.call("POST", "/v1/assets", json=IMAGE, headers={"X-Actor": actor})

    problem(response, 400, "bad-header")
