"""Bytes that are purged are gone, once and for all, whatever the store does meanwhile; what is recorded stays."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from api.application.content.lookup import StoredContents
from api.application.content.purge_removal import MOST_FAILURES
from api.application.content.purges import Purges
from api.application.content.retention import RETENTION, Retention
from api.composition import Services
from api.workers.content_watch import ContentWatch
from api.workers.worker import own_session
from domain.asset.asset import ContentVersion
from domain.asset.events import AssetPurgeRequested
from domain.errors import ContentMissingError
from domain.event import Actor, Envelope
from tests.conftest import Client, context
from tests.http.content_requests import CASTLE, purge, put, streamed, topics, with_content
from tests.stores import objects, store_down


@pytest.fixture
def purging(services: Services, client: Client) -> Purges:
    """Purges of the client's tenant."""
    return Purges(own_session(services, client.tenant_id))


def attempts(services: Services, client: Client) -> list[int]:
    """How often what is about to go was tried in vain."""
    with services.database.transaction(client.tenant_id) as connection:
        return [row[0] for row in connection.execute("SELECT attempts FROM ledger.purges ORDER BY 1").fetchall()]


def test_a_purge_removes_every_version_and_says_so_once(client: Client, services: Services) -> None:
    asset_id = with_content(client, workflow_id="w1")
    put(client, asset_id, b"the second")
    other = with_content(client, workflow_id="w2")
    assert purge(client, workflow_id="w1", dry_run=True)["assets"] == 1
    assert len(objects(services, client)) == 3
    report = purge(client, workflow_id="w1", reason="the client asked for it")
    sizes = {"assets": 1, "bytes": len(CASTLE + b"the second")}
    assert report == {"dry_run": False, "held": [], "changed": [], **sizes}
    assert [key.split("/")[1] for key in objects(services, client)] == [other]
    purged = ["asset.soft_deleted", "asset.purge_requested", "asset.content_purged"]
    expected = ["asset.created", *["asset.content_stored"] * 2, *purged]
    assert topics(client, asset_id) == expected
    assert purge(client, workflow_id="w1")["assets"] == 0
    assert topics(client, asset_id) == expected
    client.call("POST", f"/v1/assets/{asset_id}/restore")
    restored = client.get(f"/v1/assets/{asset_id}").json()
    assert (restored["url"], restored["content"]["purged"]) == (None, True)
    assert client.get(f"/v1/assets/{asset_id}/content").status_code == 410


def test_a_purge_without_a_filter_is_refused(client: Client) -> None:
    assert client.call("POST", "/v1/assets/purge").status_code == 422


def test_a_legal_hold_keeps_the_bytes(client: Client, services: Services) -> None:
    asset_id = with_content(client, node_id="n1")
    client.call("PUT", f"/v1/assets/{asset_id}/holds/case-17")
    assert purge(client, node_id="n1")["held"] == [asset_id]
    assert streamed(client, asset_id).content == CASTLE
    client.call("DELETE", f"/v1/assets/{asset_id}/holds/case-17")
    assert purge(client, node_id="n1")["assets"] == 1
    assert objects(services, client) == []


def test_while_the_store_is_down_a_purge_is_accepted_and_later_done_once(
    client: Client, services: Services, purging: Purges
) -> None:
    asset_id = with_content(client, node_id="n1")
    with store_down(services.store, client):
        assert purge(client, node_id="n1")["assets"] == 1
        number, failure = purging.queue.count()
        assert number == 1
        assert failure is not None
        assert "asset.content_purged" not in topics(client, asset_id)
        assert client.call("PUT", f"/v1/assets/{asset_id}/holds/late").status_code == 409
        late = client.call("POST", f"/v1/assets/{asset_id}/restore")
        assert (late.status_code, late.json()["title"]) == (409, "Content being purged")
        assert topics(client, asset_id)[-2:] == ["asset.soft_deleted", "asset.purge_requested"]
    while purging.queue.count()[0]:
        purging.carry_out()
    assert topics(client, asset_id)[-1] == "asset.content_purged"
    assert topics(client, asset_id).count("asset.content_purged") == 1
    assert objects(services, client) == []
    assert client.call("POST", f"/v1/assets/{asset_id}/restore").status_code == 200


def test_the_reason_of_a_purge_is_in_its_event_and_until_then_nowhere_in_the_clear(
    client: Client, services: Services, purging: Purges
) -> None:
    asset_id = with_content(client, node_id="n1", subject="u_ann")
    client.call("DELETE", f"/v1/assets/{asset_id}")
    with store_down(services.store, client):
        purge(client, node_id="n1", reason="Ann asked for it")
        with services.database.transaction(client.tenant_id) as connection:
            (row,) = connection.execute("SELECT * FROM ledger.purges").fetchall()
        assert b"Ann" not in repr(row).encode()
    while purging.queue.count()[0]:
        purging.carry_out()
    last = client.history(asset_id)[-1]
    assert (last["topic"], last["reason"]) == ("asset.content_purged", "Ann asked for it")


def test_each_request_is_said_to_have_removed_what_it_asked_for(client: Client, purging: Purges) -> None:
    asset_id = with_content(client, b"first")
    put(client, asset_id, b"second")
    Retention(purging.session).request_superseded(UUID(asset_id), timedelta(0))
    asked = Purges(replace(purging.session, actor=Actor(id="bob", type="user"), correlation_id="r-17"))
    asked.request(UUID(asset_id), "the client asked")
    assert purging.carry_out() == 2
    purges = [
        (event["actor"]["id"], event["correlation_id"], event["reason"])
        for event in client.history(asset_id)
        if event["topic"] == "asset.content_purged"
    ]
    own = purging.session.correlation_id
    assert purges == [("ledger", own, RETENTION), ("bob", "r-17", "the client asked")]


def test_while_the_store_is_down_a_purge_gives_up_soon_and_each_asset_is_tried_once(
    client: Client, services: Services, purging: Purges
) -> None:
    for number in range(MOST_FAILURES + 2):
        with_content(client, b"%d" % number, node_id="n1")
    with store_down(services.store, client):
        assert purge(client, node_id="n1")["assets"] == MOST_FAILURES + 2
        assert attempts(services, client) == [0] * 2 + [1] * MOST_FAILURES
        purging.carry_out()
        assert attempts(services, client)[:2] == [1, 1]
    with services.database.transaction(client.tenant_id) as connection:
        connection.execute("UPDATE ledger.purges SET try_at = clock_timestamp()")
    assert purging.carry_out() == MOST_FAILURES + 2
    assert objects(services, client) == []


def test_an_asset_whose_purge_fails_holds_up_no_other_one(client: Client, services: Services, purging: Purges) -> None:
    asset_ids = [UUID(with_content(client, node_id="n1")) for _ in range(2)]
    for asset_id in asset_ids:
        purging.request(asset_id)
    with services.database.transaction(client.tenant_id) as connection:
        connection.execute("UPDATE ledger.purges SET asset_id = %s WHERE asset_id = %s", (UUID(int=5), asset_ids[0]))
    assert purging.carry_out() == 1
    assert attempts(services, client) == [1]


def test_a_long_purge_is_gone_on_with_later(client: Client, purging: Purges) -> None:
    for _ in range(2):
        purging.request(UUID(with_content(client)))
    assert [purging.carry_out(seconds=0) for _ in range(3)] == [1, 1, 0]


def test_a_picture_that_is_drawn_while_its_content_is_purged_does_not_stay(
    client: Client, services: Services, purging: Purges
) -> None:
    asset_id = UUID(with_content(client, node_id="n1"))
    stored = StoredContents(purging.session)
    content = stored.find(asset_id, None)

    def draw(_: Path, __: str) -> bytes:
        purge(client, node_id="n1")
        return b"a picture"

    with pytest.raises(ContentMissingError):
        stored._picture(asset_id, {content.content_type}, "thumbnail", draw)
    assert objects(services, client) == []


def test_what_was_deleted_longer_ago_than_it_is_kept_is_purged(
    client: Client, services: Services, purging: Purges
) -> None:
    kept, deleted = with_content(client), with_content(client)
    client.call("DELETE", f"/v1/assets/{deleted}")
    client.page()
    assert Retention(purging.session).request_due(timedelta(days=1)) == 0
    ContentWatch(services, timedelta(0)).look()
    assert [key.split("/")[1] for key in objects(services, client)] == [kept]
    last = client.history(deleted)[-1]
    assert (last["topic"], last["reason"]) == ("asset.content_purged", RETENTION)


def test_content_that_was_superseded_longer_ago_than_it_is_kept_is_purged_and_the_newest_stays(
    client: Client, services: Services, purging: Purges
) -> None:
    asset_id = with_content(client, b"first")
    held = with_content(client, b"first")
    for holder, data in ((asset_id, b"second"), (asset_id, b"third"), (held, b"second")):
        assert put(client, holder, data).status_code == 200
    client.call("PUT", f"/v1/assets/{held}/holds/case-7")
    client.page()
    assert Retention(purging.session).request_due(timedelta(days=1)) == 0
    ContentWatch(services, timedelta(0)).look()
    assert len(objects(services, client)) == 3
    assert streamed(client, asset_id).content == b"third"
    old = client.get(f"/v1/assets/{asset_id}/content", version=1, stream=True)
    assert (old.status_code, old.json()["title"]) == (410, "Content purged"), old.text
    assert client.get(f"/v1/assets/{held}/content", version=1, stream=True).content == b"first"
    assert topics(client, asset_id)[-1] == "asset.content_purged"
    assert client.get(f"/v1/assets/{asset_id}").json()["url"]
    client.page()
    assert Retention(purging.session).request_due(timedelta(0)) == 0


def test_a_purge_that_cannot_be_recorded_keeps_no_other_from_being_done(client: Client, purging: Purges) -> None:
    unknown = Envelope.of(context(), client.tenant_id, UUID(int=1), 2, None)
    request = AssetPurgeRequested(envelope=unknown, content_versions=(1,), basis="asked")
    purging.queue.queue(request, [ContentVersion(1, UUID(int=2))], None)
    asset_id = with_content(client)
    purging.request(UUID(asset_id))
    assert purging.carry_out() == 1
    assert topics(client, asset_id)[-1] == "asset.content_purged"
    assert purging.queue.count() == (1, "There is no such asset.")
