"""Documents whose objects are lost, damaged, left behind or out of reach."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from api.application.content.reconciliation import Reconciliation
from api.application.content.sweeper import Sweeper
from api.application.large_documents import DocumentToStore, NotKeptError
from api.application.session import Session
from api.composition import Services
from api.workers.worker import own_session
from domain.asset import creation
from domain.asset.inputs import NewAsset
from domain.errors import ServiceUnavailableError
from domain.event import Event
from domain.job import job as jobs
from domain.job.inputs import NewJob
from infra.settings import Settings
from tests.conftest import Client
from tests.http.assertions import path, problem
from tests.http.content_requests import purge, with_content
from tests.http.job_requests import IMAGE, asked, claim, read
from tests.large_documents import is_reference, large, rows
from tests.stores import objects, store_down

METADATA = large(60_000)


@pytest.fixture
def session(services: Services, client: Client) -> Session:
    """A session with the client's tenant."""
    return own_session(services, client.tenant_id)


@pytest.fixture
def sweeper(session: Session) -> Sweeper:
    """Purges and sweeps of the client's tenant."""
    return Sweeper(session)


def expire(services: Services, client: Client) -> None:
    """Let the time of everything under way be over."""
    with services.database.transaction(client.tenant_id) as connection:
        connection.execute("UPDATE ledger.uploads SET expires_at = clock_timestamp()")


def age(settings: Settings, client: Client) -> None:
    """Let every object of the tenant be old."""
    folder = Path(urlsplit(str(settings.content_store)).path) / "objects" / str(client.tenant_id)
    for file in folder.rglob("*"):
        os.utime(file, (0, 0))


def test_what_is_gone_or_damaged_is_shown_by_its_reference(client: Client, services: Services) -> None:
    for left in (None, b"", b"cut short", b"x" * 60_100):
        asset = client.create(metadata=METADATA, prompt_spec={"prompt": "a castle"})
        (key,) = [key for key in objects(services, client) if asset["id"] in key]
        services.store.delete(key)
        if left is not None:
            services.store.write(key, [left])
        shown = client.get(path(asset))
        assert shown.status_code == 200
        assert is_reference(shown.json()["metadata"])
        assert shown.json()["metadata"]["$document"]["id"] == key.rsplit("/", 1)[1]
        assert shown.json()["prompt_spec"] == {"prompt": "a castle"}
        renamed = client.call("PATCH", path(asset), json={"name": "Castle"}).json()
        assert renamed["metadata"] == shown.json()["metadata"]
        healed = client.call("PATCH", path(asset), json={"metadata": large(70_000)}).json()
        assert healed["metadata"] == large(70_000)


def test_a_document_that_is_gone_is_told_by_reconcile_and_one_that_is_there_is_no_orphan(
    client: Client, services: Services, session: Session, settings: Settings
) -> None:
    kept, robbed = client.create(metadata=METADATA), client.create(metadata=METADATA)
    client.call("PATCH", path(kept), json={"metadata": {"small": 1}})
    job = asked(client, snapshot=METADATA)
    (key,) = [key for key in objects(services, client) if robbed["id"] in key]
    services.store.delete(key)
    age(settings, client)
    mismatch = Reconciliation(session).compare()
    assert (mismatch.orphans, mismatch.missing) == ([], [])
    assert mismatch.missing_documents == [(UUID(robbed["id"]), UUID(key.rsplit("/", 1)[1]))]
    assert Reconciliation(session).remove(mismatch.orphans) == 0
    assert client.get(path(kept), revision=1).json()["metadata"] == METADATA
    assert read(client, job)["snapshot"] == METADATA


def needed(session: Session, event: Event) -> Mapping[DocumentToStore, str | None]:
    """The documents that have to be in the store before the event can be recorded."""
    with pytest.raises(NotKeptError) as refused:
        session.record(event)
    return refused.value.missing


def test_a_crash_between_the_object_and_the_event_leaves_what_is_swept(
    client: Client, services: Services, session: Session, sweeper: Sweeper
) -> None:
    new, asking = NewAsset.model_validate(IMAGE | {"metadata": METADATA}), NewJob(media_kind="image", snapshot=METADATA)
    event = creation.create(session.context(), client.tenant_id, UUID(int=5), new)
    request = jobs.request(session.context(), client.tenant_id, session.identity, asking, None)
    # Blocks that never end, as those of a process that was killed: the objects are there, the events never come.
    killed = [session.documents.kept(needed(session, event_or_request)) for event_or_request in (event, request)]
    for block in killed:
        block.__enter__()
    assert (len(objects(services, client)), rows(services, client)) == (2, 2)
    assert sweeper.sweep() == 0
    asset = client.create(metadata=METADATA)
    job = asked(client, snapshot=METADATA)
    assert job["id"] == str(request.originator_id)
    expire(services, client)
    assert sweeper.sweep() == 2
    assert {key.split("/")[1] for key in objects(services, client)} == {asset["id"], job["id"]}
    assert client.get(path(asset)).json()["metadata"] == METADATA
    assert read(client, job)["snapshot"] == METADATA
    for block in killed:  # else the collector would end them, in whatever test it runs
        block.__exit__(None, None, None)


def test_a_document_that_was_swept_before_its_event_is_not_recorded(
    client: Client, services: Services, session: Session, sweeper: Sweeper
) -> None:
    new, head = NewAsset.model_validate(IMAGE | {"metadata": METADATA}), client.head()
    event = creation.create(session.context(), client.tenant_id, UUID(int=5), new)
    with session.documents.kept(needed(session, event)):
        expire(services, client)
        assert sweeper.sweep() == 1
        with (
            pytest.raises(ServiceUnavailableError, match="took too long"),
            services.database.transaction(client.tenant_id),
        ):
            session.record(event)
    assert client.head() == head
    assert objects(services, client) == []


def test_while_the_store_is_down_reads_are_503_and_what_needs_no_document_goes_on(
    client: Client, services: Services
) -> None:
    asset, small = client.create(metadata=METADATA), client.create(metadata={"small": 1})
    job = asked(client, snapshot=METADATA)
    with store_down(services.store, client):
        for url in (path(asset), f"/v1/jobs/{job['id']}"):
            problem(client.http.get(url), 503, "store-unavailable")
        for method, url, body in (
            ("POST", "/v1/assets", IMAGE | {"metadata": METADATA}),
            ("PATCH", path(small), {"metadata": METADATA}),
            ("POST", "/v1/jobs", {"media_kind": "image", "snapshot": large(50_000)}),
            ("POST", "/v1/jobs/claim", {}),
        ):
            problem(client.http.request(method, url, json=body), 503, "store-unavailable")
        renamed = client.call("PATCH", path(asset), json={"name": "Castle"})
        assert (renamed.status_code, is_reference(renamed.json()["metadata"])) == (200, True)
        assert client.get(path(small)).json()["metadata"] == {"small": 1}
        assert client.create()["metadata"] is None
        assert len(client.page()["items"]) == 3
    (claimed,) = claim(client)
    assert (claimed["id"], claimed["attempt"], claimed["snapshot"]) == (job["id"], 1, METADATA)


def test_a_purge_takes_the_content_and_leaves_the_documents(client: Client, services: Services) -> None:
    asset_id = with_content(client, node_id="n1")
    client.call("PATCH", f"/v1/assets/{asset_id}", json={"metadata": METADATA})
    assert purge(client, node_id="n1")["assets"] == 1
    assert len(objects(services, client)) == 1
    client.call("POST", f"/v1/assets/{asset_id}/restore")
    assert client.get(f"/v1/assets/{asset_id}").json()["metadata"] == METADATA
