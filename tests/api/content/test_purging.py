"""Bytes that are purged are gone, once and for all, whatever the store does meanwhile; what is recorded stays."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from psycopg.sql import SQL, Identifier
from structlog.testing import capture_logs

from api.composition import Services, utc_now
from api.content_watch import ContentWatch
from api.ledger import Ledger
from api.purging import YOUNG, Purging
from api.stored_contents import StoredContents
from api.watching import own_session
from domain.asset.asset import ContentVersion
from domain.errors import ContentMissingError
from infra.content.directory import DirectoryStore
from infra.content.s3 import S3Store
from infra.content.store import ContentStore
from infra.content.uploads import landing_key, object_key
from tests.api.content.test_content import CASTLE, pending, put, streamed, with_content
from tests.api.content.test_uploads import begin, complete, send
from tests.conftest import Client, context
from tests.infra.embedding import eventually


@pytest.fixture
def purging(services: Services, client: Client) -> Purging:
    """Purges of the client's tenant."""
    return Purging(own_session(services, client.tenant_id))


def objects(services: Services, client: Client) -> list[str]:
    """The keys of all that the store has of the client's tenant."""
    places = (f"{client.tenant_id}/", landing_key(f"{client.tenant_id}/"))
    return [key for place in places for key, _ in services.store.objects(place)]


def purge(client: Client, **wanted: object) -> dict[str, object]:
    answer = client.call("POST", "/v1/assets/purge", params={"min_position": client.head(), **wanted})
    assert answer.status_code == 202, answer.text
    report: dict[str, object] = answer.json()
    return report


def topics(client: Client, asset_id: str) -> list[str]:
    return [event["topic"] for event in client.history(asset_id)]


@contextmanager
def store_down(store: ContentStore, client: Client) -> Iterator[None]:
    """The store refuses to change anything of the tenant."""
    if isinstance(store, S3Store):
        bucket, store._bucket = store._bucket, "not-there"
        try:
            yield
        finally:
            store._bucket = bucket
    else:
        with folder_down(store, str(client.tenant_id)):
            yield


@contextmanager
def folder_down(store: ContentStore, key: str) -> Iterator[None]:
    """A directory refuses to change anything below a key."""
    assert isinstance(store, DirectoryStore)
    folder = store._objects / key
    away = folder.with_name(f"{folder.name}.away")
    folder.rename(away)
    folder.symlink_to(folder)  # a loop: whatever looks there fails
    try:
        yield
    finally:
        folder.unlink()
        away.rename(folder)


def let_pass(services: Services, client: Client, column: str) -> None:
    """Let a time of all uploads of the client's tenant be over."""
    command = SQL("UPDATE ledger.uploads SET {} = clock_timestamp()").format(Identifier(column))
    with services.database.transaction(client.tenant_id) as connection:
        connection.execute(command)


def test_a_purge_removes_every_version_and_says_so_once(client: Client, services: Services) -> None:
    asset_id = with_content(client, workflow_id="w1")
    put(client, asset_id, b"the second")
    other = with_content(client, workflow_id="w2")
    assert purge(client, workflow_id="w1", dry_run=True)["assets"] == 1
    assert len(objects(services, client)) == 3
    report = purge(client, workflow_id="w1", reason="the client asked for it")
    assert report == {"dry_run": False, "assets": 1, "bytes": len(b"the second"), "held": []}
    assert [key.split("/")[1] for key in objects(services, client)] == [other]
    wanted = ["asset.created", *["asset.content_stored"] * 2, "asset.soft_deleted", "asset.content_purged"]
    assert topics(client, asset_id) == wanted
    assert purge(client, workflow_id="w1")["assets"] == 0
    assert topics(client, asset_id) == wanted
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
    client: Client, services: Services, purging: Purging
) -> None:
    asset_id = with_content(client, node_id="n1")
    with store_down(services.store, client):
        assert purge(client, node_id="n1")["assets"] == 1
        number, failure = purging.purges.count()
        assert number == 1
        assert failure is not None
        assert "asset.content_purged" not in topics(client, asset_id)
        assert client.call("PUT", f"/v1/assets/{asset_id}/holds/late").status_code == 409
    while purging.purges.count()[0]:
        purging.carry_out()
    assert topics(client, asset_id)[-1] == "asset.content_purged"
    assert topics(client, asset_id).count("asset.content_purged") == 1
    assert objects(services, client) == []


def test_a_picture_that_is_drawn_while_its_content_is_purged_does_not_stay(
    client: Client, services: Services, purging: Purging
) -> None:
    asset_id = with_content(client, node_id="n1")
    stored = StoredContents(Ledger(purging.session))

    def draw(_: Path) -> bytes:
        purge(client, node_id="n1")
        return b"a picture"

    with pytest.raises(ContentMissingError):
        stored._picture(stored.find(UUID(asset_id), None), "thumbnail", draw)
    assert objects(services, client) == []


def test_what_was_deleted_longer_ago_than_it_is_kept_is_purged(
    client: Client, services: Services, purging: Purging
) -> None:
    kept, deleted = with_content(client), with_content(client)
    client.call("DELETE", f"/v1/assets/{deleted}")
    client.page()
    assert purging.request_due(timedelta(days=1)) == 0
    ContentWatch(services, timedelta(0)).look()
    assert [key.split("/")[1] for key in objects(services, client)] == [kept]
    assert topics(client, deleted)[-1] == "asset.content_purged"


def test_content_that_was_superseded_longer_ago_than_it_is_kept_is_purged_and_the_newest_stays(
    client: Client, services: Services, purging: Purging
) -> None:
    asset_id = with_content(client, b"first")
    held = with_content(client, b"first")
    for one, data in ((asset_id, b"second"), (asset_id, b"third"), (held, b"second")):
        assert put(client, one, data).status_code == 200
    client.call("PUT", f"/v1/assets/{held}/holds/case-7")
    client.page()
    assert purging.request_due(timedelta(days=1)) == 0
    ContentWatch(services, timedelta(0)).look()
    assert len(objects(services, client)) == 3
    assert streamed(client, asset_id).content == b"third"
    old = client.get(f"/v1/assets/{asset_id}/content", version=1, stream=True)
    assert (old.status_code, old.json()["title"]) == (410, "Content purged"), old.text
    assert client.get(f"/v1/assets/{held}/content", version=1, stream=True).content == b"first"
    assert topics(client, asset_id)[-1] == "asset.content_purged"
    assert client.get(f"/v1/assets/{asset_id}").json()["url"]
    client.page()
    assert purging.request_due(timedelta(0)) == 0


def test_an_upload_that_was_not_finished_in_time_is_swept(client: Client, services: Services, purging: Purging) -> None:
    upload = begin(client, pending(client))
    parts = begin(client, pending(client), part_size=5 * 2**20)
    send(upload, b"left behind")
    assert purging.sweep() == 0
    let_pass(services, client, "expires_at")
    assert len(objects(services, client)) == 1
    assert purging.sweep() == 2
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
    client: Client, services: Services, purging: Purging
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
        return {topics(client, one)[-1] for one in (purged, deleted)} == {"asset.content_purged"}

    landing = landing_key(f"{client.tenant_id}/{stuck['asset_id']}")
    with folder_down(services.store, landing), capture_logs() as logged:
        eventually(looked_after)
        assert purging.uploads.under_way() == {UUID(stuck["id"])}
        assert purging.sweep() == 0
    (told,) = [one for one in logged if one["event"] == "upload not swept"]
    assert (told["tenant_id"], told["upload_id"]) == (str(client.tenant_id), stuck["id"])
    let_pass(services, client, "sweep_at")
    assert purging.sweep() == 1
    assert objects(services, client) == []


def test_a_purge_that_cannot_be_recorded_keeps_no_other_from_being_done(client: Client, purging: Purging) -> None:
    purging.purges.request(context(), UUID(int=1), [ContentVersion(1, UUID(int=2))])
    asset_id = with_content(client)
    purging.request(UUID(asset_id))
    assert purging.carry_out() == 1
    assert topics(client, asset_id)[-1] == "asset.content_purged"
    assert purging.purges.count() == (1, "There is no such asset.")


def test_what_store_and_log_disagree_about_is_told_and_orphans_are_removed(
    client: Client, services: Services, purging: Purging
) -> None:
    whole, robbed = with_content(client), with_content(client)
    assert client.call("GET", f"/v1/assets/{robbed}/thumbnail", follow_redirects=True).status_code == 200
    content_id = min(key for key in objects(services, client) if robbed in key)
    services.store.delete(content_id)
    late = landing_key(next(key for key in objects(services, client) if whole in key))
    orphan = object_key(client.tenant_id, UUID(whole), UUID(int=17))
    for key in (orphan, late):
        services.store.write(key, [b"nobody knows me"])
    client.page()
    young = purging.reconcile()
    assert (young.orphans, young.missing) == ([], [(UUID(robbed), 1)])
    later = replace(purging, session=replace(purging.session, clock=lambda: utc_now() + 2 * YOUNG))
    found = later.reconcile()
    assert sorted(found.orphans) == sorted([orphan, late])
    later.remove_orphans(found)
    assert later.reconcile().orphans == []
    gone = client.get(f"/v1/assets/{robbed}/content")
    assert gone.status_code == 404
    assert "gone from the store" in gone.json()["detail"]
