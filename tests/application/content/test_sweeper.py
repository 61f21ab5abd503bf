"""What uploads have left behind goes, sooner or later, and nothing else does."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from psycopg.sql import SQL, Identifier
from structlog.testing import capture_logs

from api.application.content.sweeper import Sweeper
from api.composition import Services
from api.workers.content_watch import ContentWatch
from api.workers.worker import own_session
from infra.content.upload_table import landing_key, object_key
from tests.conftest import Client
from tests.http.content_requests import CASTLE, begin, complete, pending, purge, send, streamed, topics, with_content
from tests.infra.embedding import eventually
from tests.stores import folder_down, objects, store_down


@pytest.fixture
def sweeper(services: Services, client: Client) -> Sweeper:
    """Sweeps of the client's tenant."""
    return Sweeper(own_session(services, client.tenant_id))


def let_pass(services: Services, client: Client, column: str) -> None:
    """Let a time of all uploads of the client's tenant be over."""
    command = SQL("UPDATE ledger.uploads SET {} = clock_timestamp()").format(Identifier(column))
    with services.database.transaction(client.tenant_id) as connection:
        connection.execute(command)


def test_an_upload_that_was_not_finished_in_time_is_swept(client: Client, services: Services, sweeper: Sweeper) -> None:
    upload = begin(client, pending(client))
    parts = begin(client, pending(client), part_size=5 * 2**20)
    send(upload, b"left behind")
    assert sweeper.sweep() == 0
    let_pass(services, client, "expires_at")
    assert len(objects(services, client)) == 1
    assert sweeper.sweep() == 2
    assert objects(services, client) == []
    for gone in (upload, parts):
        path = f"/v1/assets/{gone['asset_id']}/uploads/{gone['id']}/complete"
        assert client.call("POST", path).status_code == 404


def test_what_comes_to_a_signed_url_after_its_upload_is_over_is_swept(client: Client, services: Services) -> None:
    completed, aborted, under_way = (begin(client, pending(client)) for _ in range(3))
    for upload in (completed, aborted, under_way):
        assert send(upload, CASTLE).status_code == 200
    assert complete(client, completed).status_code == 200
    assert client.call("DELETE", f"/v1/assets/{aborted['asset_id']}/uploads/{aborted['id']}").status_code == 204
    assert len(objects(services, client)) == 2
    for late in (completed, aborted):
        assert send(late, b"too late").status_code == 200
    foreign = landing_key(object_key(uuid4(), UUID(int=1), UUID(int=2)))
    services.store.write(foreign, [b"of another ledger"])
    ContentWatch(services, timedelta(days=1)).look()
    stored, landed = objects(services, client)
    assert (stored.endswith(completed["id"]), landed.endswith(under_way["id"])) == (True, True)
    assert services.store.stat(foreign).size
    assert complete(client, under_way).status_code == 200
    assert streamed(client, completed["asset_id"]).content == CASTLE


@pytest.mark.parametrize("served", ["directory"], indirect=True)
def test_what_cannot_be_removed_is_tried_again_later_and_keeps_nothing_else_from_going(
    client: Client, services: Services, sweeper: Sweeper
) -> None:
    stuck, other = begin(client, pending(client)), begin(client, pending(client))
    purged, deleted = with_content(client, node_id="n1"), with_content(client)
    for upload in (stuck, other):
        send(upload, b"left behind")
    client.call("DELETE", f"/v1/assets/{deleted}")
    client.page()
    let_pass(services, client, "expires_at")
    with store_down(services.store, client):
        purge(client, node_id="n1")

    def looked_after() -> bool:
        ContentWatch(services, timedelta(0)).look()
        return {topics(client, asset_id)[-1] for asset_id in (purged, deleted)} == {"asset.content_purged"}

    landing = landing_key(f"{client.tenant_id}/{stuck['asset_id']}")
    with folder_down(services.store, landing), capture_logs() as logged:
        eventually(looked_after)
        assert sweeper.uploads.under_way() == {UUID(stuck["id"])}
        assert sweeper.sweep() == 0
    (warning,) = [entry for entry in logged if entry["event"] == "upload not swept"]
    assert (warning["tenant_id"], warning["upload_id"]) == (str(client.tenant_id), stuck["id"])
    let_pass(services, client, "sweep_at")
    assert sweeper.sweep() == 1
    assert objects(services, client) == []
