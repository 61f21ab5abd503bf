"""A purge is on the record before a byte goes, whoever is killed when, and the log alone says what goes."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import sql

from api.application.content.bulk_purge import BulkPurge
from api.application.content.direct_uploads import DirectUploads
from api.application.content.purges import Purges
from api.application.content.reconciliation import Reconciliation
from api.application.content.retention import Retention
from api.application.content.sweeper import Sweeper
from api.cli.content import compare
from api.composition import Services
from api.workers.content_watch import ContentWatch
from api.workers.worker import own_session
from domain.asset.events import Content
from domain.errors import ClockApartError, ContentMismatchError, LedgerError, UploadNotFoundError
from infra.content.store import ContentStore, Stat
from infra.databases import Databases
from infra.settings import Settings
from projections.assets.fold import ASSETS, AssetRow
from projections.contents.fold import CONTENTS
from projections.queries.filters import AssetFilter
from tests.application.content.killed_purge import MOMENTS, purge_until_killed
from tests.application.content.test_sweeper import let_pass
from tests.conftest import Client, caller_of, served_on
from tests.http.content_requests import (
    CASTLE,
    begin,
    complete,
    pending,
    purge,
    put,
    send,
    streamed,
    topics,
    with_content,
)
from tests.stores import objects

PURGED = ["asset.soft_deleted", "asset.purge_requested", "asset.content_purged"]


@pytest.fixture
def purging(services: Services, client: Client) -> Purges:
    """Purges of the client's tenant."""
    return Purges(own_session(services, client.tenant_id))


def execute(services: Services, client: Client, statement: Any, *parameters: object) -> None:
    """Change a control table behind the ledger's back."""
    with services.database.transaction(client.tenant_id) as connection:
        connection.execute(statement, parameters)


def queue_as_before(services: Services, client: Client, asset_id: str) -> None:
    """Queue a purge as a version did that wrote no event for it."""
    execute(
        services,
        client,
        "INSERT INTO ledger.purges (tenant_id, asset_id, content_version, content_id, actor_id, actor_type,"
        " correlation_id) VALUES (%s, %s, 1, gen_random_uuid(), 'ann', 'user', 'r1')",
        client.tenant_id,
        asset_id,
    )


@pytest.mark.parametrize("moment", MOMENTS)
def test_whenever_a_purge_is_killed_what_is_gone_is_on_the_record_and_it_is_gone_on_with(
    databases: Databases, kept: Settings, moment: str
) -> None:
    with served_on(databases, kept) as served, caller_of(served) as client:
        asset_id = with_content(client, b"first")
        put(client, asset_id, b"second")
        ended = purge_until_killed(kept, databases, moment, client.tenant_id, UUID(asset_id))
        assert ended == -signal.SIGKILL
        decided = moment != "before it is decided"
        assert topics(client, asset_id)[3:] == (PURGED[:2] if decided else [])
        left = {"between two objects": 1, "once the bytes are gone": 0}.get(moment, 2)
        assert len(objects(served.services, client)) == left
        held = client.call("PUT", f"/v1/assets/{asset_id}/holds/late")
        assert held.status_code == (409 if decided else 204)
        ContentWatch(served.services, timedelta(days=1)).look()
        assert topics(client, asset_id)[3:] == (PURGED if decided else ["asset.held"])
        assert len(objects(served.services, client)) == (0 if decided else 2)


def test_a_purge_that_is_lost_from_the_queue_is_found_again_in_the_log(
    client: Client, services: Services, purging: Purges
) -> None:
    asset_id = with_content(client)
    purging.request(UUID(asset_id), "the client asked")
    execute(services, client, "DELETE FROM ledger.purges")
    assert purging.carry_out() == 0
    assert client.call("POST", f"/v1/assets/{asset_id}/restore").status_code == 409
    assert compare(purging.session, repair=False)
    assert purging.carry_out() == 1
    assert purging.requeue() == 0
    requested, purged = client.history(asset_id)[-2:]
    assert (requested["topic"], requested["reason"]) == ("asset.purge_requested", "the client asked")
    assert (purged["topic"], purged["reason"]) == ("asset.content_purged", "the client asked")


def test_what_the_queue_names_and_the_log_does_not_stays(client: Client, services: Services, purging: Purges) -> None:
    asset_id = with_content(client, b"first")
    put(client, asset_id, b"second")
    Retention(purging.session).request_superseded(UUID(asset_id), timedelta(0))
    execute(services, client, "UPDATE ledger.purges SET content_version = 2")
    assert purging.carry_out() == 1
    assert len(objects(services, client)) == 2
    assert (purging.requeue(), purging.carry_out()) == (1, 1)
    assert len(objects(services, client)) == 1
    assert streamed(client, asset_id).content == b"second"


def test_a_purge_that_was_queued_without_an_event_gets_it_first(
    client: Client, services: Services, purging: Purges
) -> None:
    asset_id = with_content(client)
    client.call("DELETE", f"/v1/assets/{asset_id}")
    queue_as_before(services, client, asset_id)
    assert client.call("POST", f"/v1/assets/{asset_id}/restore").status_code == 409
    assert client.call("PUT", f"/v1/assets/{asset_id}/holds/late").status_code == 409
    assert purging.carry_out() == 1
    assert topics(client, asset_id)[2:] == PURGED
    assert [event["actor"]["id"] for event in client.history(asset_id)[-2:]] == ["ann", "ann"]
    assert objects(services, client) == []


def test_a_purge_that_was_queued_without_an_event_spares_what_may_not_go_any_more(
    client: Client, services: Services, purging: Purges
) -> None:
    live, held = with_content(client), with_content(client)
    client.call("PUT", f"/v1/assets/{held}/holds/case-17")
    client.call("DELETE", f"/v1/assets/{held}")
    for asset_id in (live, held):
        queue_as_before(services, client, asset_id)
    assert purging.carry_out() == 2
    assert purging.queue.count()[0] == 0
    assert len(objects(services, client)) == 2
    assert "asset.purge_requested" not in {*topics(client, live), *topics(client, held)}


def test_an_asset_that_changed_since_the_list_was_read_stays_and_is_told(client: Client, purging: Purges) -> None:
    unchanged, changed = with_content(client, node_id="n1"), with_content(client, node_id="n1")
    client.page()

    class Slow(BulkPurge):
        """Reads the list, and then an asset changes."""

        def _rows(self, selected: AssetFilter) -> list[AssetRow]:
            rows = super()._rows(selected)
            client.call("PATCH", f"/v1/assets/{changed}", json={"name": "not to be purged"})
            return rows

    of_the_node = AssetFilter(node_id=["n1"])
    selection = Slow(purging.session).request(of_the_node, None, dry_run=False)
    assert (selection.assets, selection.changed) == (1, [UUID(changed)])
    assert topics(client, unchanged)[2:] == PURGED[:2]
    assert streamed(client, changed).content == CASTLE
    assert purging.carry_out() == 1
    assert purge(client, node_id="n1")["assets"] == 1


def test_retention_goes_by_the_log_however_wrong_a_list_is(client: Client, services: Services, purging: Purges) -> None:
    versions, deleted = with_content(client, b"first"), with_content(client)
    put(client, versions, b"second")
    client.call("DELETE", f"/v1/assets/{deleted}")
    client.page()
    with services.projector.connection() as connection:
        for projection, column in ((CONTENTS, "stored_at"), (ASSETS, "deleted_at")):
            statement = sql.SQL("UPDATE {} SET {column} = {column} - interval '40 days' WHERE tenant_id = %s").format(
                sql.Identifier("read_models", projection.table.name), column=sql.Identifier(column)
            )
            connection.execute(statement, (client.tenant_id,))
    ContentWatch(services, timedelta(days=30)).look()
    assert len(objects(services, client)) == 3
    assert purging.queue.count()[0] == 0


def test_an_upload_that_is_being_swept_is_not_recorded_though_the_sweeper_dies(
    client: Client, services: Services, purging: Purges
) -> None:
    upload = begin(client, pending(client))
    send(upload, CASTLE)
    let_pass(services, client, "expires_at")
    sweeper = Sweeper(purging.session)
    assert sweeper._revoke_next() is not None  # and it dies before it removes anything
    assert complete(client, upload).status_code == 404
    assert sweeper.sweep() == 0
    let_pass(services, client, "sweep_at")
    assert sweeper.sweep() == 1
    assert objects(services, client) == []


def test_an_upload_that_the_log_knows_is_never_swept(client: Client, services: Services, purging: Purges) -> None:
    asset_id = with_content(client)
    (key,) = objects(services, client)
    sweeper = Sweeper(purging.session)
    sweeper.uploads.begin(UUID(key.rsplit("/", 1)[1]), UUID(asset_id), Content(), 0)
    assert sweeper.sweep() == 0
    assert sweeper.uploads.under_way() == set()
    assert streamed(client, asset_id).content == CASTLE


class Meanwhile:
    """A store in which something happens to an object right after it was read."""

    def __init__(self, store: ContentStore, happens: Callable[[str], object]) -> None:
        self._store = store
        self._happens = happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def open(self, key: str, start: int = 0, length: int | None = None) -> Iterator[Iterator[bytes]]:
        with self._store.open(key, start, length) as chunks:
            yield chunks
        self._happens(key)


@pytest.mark.parametrize(
    ("happens", "refusal"),
    [
        (lambda store, key: store.delete(key), UploadNotFoundError),
        (lambda store, key: store.write(key, [b"other"]), ContentMismatchError),
    ],
)
def test_what_went_or_was_replaced_while_it_was_verified_is_not_recorded_though_nobody_could_note_it(
    client: Client,
    services: Services,
    purging: Purges,
    happens: Callable[[ContentStore, str], None],
    refusal: type[LedgerError],
) -> None:
    upload = begin(client, pending(client))
    send(upload, CASTLE)
    store: Any = Meanwhile(services.store, lambda key: happens(services.store, key))
    uploads = DirectUploads(replace(purging.session, store=store), services.rules)
    with pytest.raises(refusal):
        uploads.complete(UUID(upload["asset_id"]), UUID(upload["id"]), None, None)
    assert topics(client, upload["asset_id"]) == ["asset.created"]


def test_objects_are_not_removed_by_their_age_where_the_clock_of_the_store_is_wrong(
    services: Services, purging: Purges
) -> None:
    class Wrong:
        """A store whose clock is an hour ahead."""

        def __getattr__(self, name: str) -> Any:
            return getattr(services.store, name)

        def stat(self, key: str) -> Stat:
            stat = services.store.stat(key)
            return stat._replace(modified_at=stat.modified_at + timedelta(hours=1))

    wrong: Any = Wrong()
    with pytest.raises(ClockApartError, match="content store's clock"):
        Reconciliation(replace(purging.session, store=wrong)).compare()
    assert [key for key, _ in services.store.objects() if key.startswith("clock-")] == []
