"""Who acted is what the caller says; which key it came with is what the ledger has checked."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from eventsourcing.persistence import StoredEvent
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from api.cli import logging_setup
from api.composition import Services
from domain.asset import creation
from domain.asset.inputs import NewAsset
from domain.errors import ReservedActorError
from domain.event import Actor, to_parts
from tests.conftest import Client, context
from tests.http.assertions import nothing_written, path, problem
from tests.http.job_requests import IMAGE, ask, asked, claim, end_lease

Clients = Callable[..., Client]
Json = dict[str, Any]


def key_of(services: Services, client: Client, holder: str) -> Json:
    """The key of a holder as events tell of it."""
    ((key_id, type_),) = [
        (key_id, type_) for key_id, type_, id_, *_ in services.api_keys.keys_of(client.tenant_id) if id_ == holder
    ]
    return {"key": str(key_id), "holder": {"id": holder, "type": type_}}


def test_history_trail_and_feed_say_which_key_acted_whatever_the_caller_says(
    clients: Clients, services: Services
) -> None:
    ann = clients(holder="ann")
    ben = clients(ann.tenant_id, holder="ben")
    asset = ann.create()
    ben.call("PATCH", path(asset), json={"name": "Keep"}, headers={"X-Actor": "user:ann"})
    keys = [key_of(services, ann, holder) for holder in ("ann", "ben")]

    history = ann.history(asset["id"])

    assert [event["authenticated"] for event in history] == keys
    assert [event["actor"] for event in history] == [{"id": "ann", "type": "user"}] * 2
    assert ann.page("/v1/audit", asset=asset["id"])["items"] == history[::-1]
    assert ann.page("/v1/audit", key=keys[1]["key"])["items"] == history[1:]
    assert ann.page("/v1/audit", key=str(uuid7()))["items"] == []
    events = ann.get("/v1/events", after=asset["position"] - 1).json()
    assert [(event["authenticatedkey"], event["authenticatedholder"]) for event in events] == [
        (keys[0]["key"], "user:ann"),
        (keys[1]["key"], "user:ben"),
    ]


def test_every_event_of_a_request_says_which_key_acted(client: Client, services: Services) -> None:
    key = key_of(services, client, "ann")
    job = asked(client)
    claim(client)
    client.call("POST", f"/v1/jobs/{job['id']}/succeed", json={"attempt": 1, "assets": [IMAGE]})
    client.call("PUT", "/v1/policy", json={"required_references": []})
    client.call("POST", "/v1/references", json={"references": [{"kind": "world", "id": "w1"}]})
    events = client.page("/v1/audit", limit=200)["items"]
    by_tenant = [event for event in events if event["topic"] in ("tenant.created", "tenant.key_issued")]
    assert [event["authenticated"] for event in by_tenant] == [None, None]  # made on the command line
    assert [event["authenticated"] for event in events if event not in by_tenant] == [key] * (len(events) - 2)
    assert len(events) >= 6


def test_what_the_ledger_does_itself_has_no_key_whoever_makes_it_look(client: Client, services: Services) -> None:
    job = asked(client)
    claim(client)
    end_lease(services, client.tenant_id, job)
    claim(client)
    events = client.get(f"/v1/jobs/{job['id']}/events").json()["items"]
    requeued = next(event for event in events if event["topic"] == "job.requeued")
    assert (requeued["actor"], requeued["authenticated"]) == ({"id": "ledger", "type": "system"}, None)
    assert events[-1]["authenticated"] == key_of(services, client, "ann")


RESERVED = ["system:ledger", "system:Ledger", "system: ledger", "system:ｌedger"]


@pytest.mark.parametrize("actor", RESERVED)
def test_nobody_acts_as_the_ledger(client: Client, actor: str) -> None:
    with nothing_written(client):
        response = client.call("POST", "/v1/assets", json=IMAGE, headers=[(b"X-Actor", actor.encode())])
    problem(response, 403, "reserved-actor")


@pytest.mark.parametrize("actor", ["user:ledger", "system:ledgers", "worker:ledger"])
def test_another_name_is_nobody_s(client: Client, actor: str) -> None:
    assert ask(client).status_code == 201
    assert client.call("POST", "/v1/assets", json=IMAGE, headers={"X-Actor": actor}).status_code == 201


@pytest.mark.parametrize("actor", RESERVED)
def test_no_key_is_issued_to_the_ledger(services: Services, tenant: Any, actor: str) -> None:
    head = services.log.of(tenant).head()
    with pytest.raises(ReservedActorError):
        services.api_keys.issue(context(), tenant, Actor(type="system", id=actor.partition(":")[2]))
    assert services.log.of(tenant).head() == head
    assert services.api_keys.keys_of(tenant) == []


@pytest.fixture
def _talkative() -> Iterator[None]:
    """Requests are logged, as in production."""
    logging_setup.configure()
    yield
    logging_setup.configure(logging.WARNING)


@pytest.mark.usefixtures("_talkative")
def test_the_log_of_requests_names_the_tenant_and_the_key(client: Client, services: Services) -> None:
    key = key_of(services, client, "ann")["key"]
    with capture_logs() as logged:
        client.get("/v1/assets")
        client.http.get("/v1/assets", headers={"Authorization": "Bearer alk_none"})
    lines = [
        {name: line[name] for name in ("tenant_id", "key_id") if name in line}
        for line in logged
        if line["event"] == "request"
    ]
    assert lines == [{"tenant_id": str(client.tenant_id), "key_id": key}, {}]


def test_of_an_event_of_version_1_no_key_is_known(client: Client, services: Services) -> None:
    event = creation.create(context(), client.tenant_id, uuid7(), NewAsset.model_validate(IMAGE))
    old = orjson.dumps(to_parts(event).clear | {"schema_version": 1})
    recorder = services.log.of(client.tenant_id).recorder
    recorder.insert_events([StoredEvent(event.originator_id, 1, event.TOPIC, old)])
    ((in_history,), (shown,)) = client.history(str(event.originator_id)), client.page("/v1/audit", limit=1)["items"]
    assert in_history == shown
    assert in_history["authenticated"] is None
    (fed,) = client.get("/v1/events", after=in_history["position"] - 1).json()
    assert not {"authenticatedkey", "authenticatedholder"} & fed.keys()
    assert fed["schemaversion"] == 2
