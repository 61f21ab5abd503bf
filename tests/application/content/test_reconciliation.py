"""The store is compared with the log itself: what is recorded is never taken for an orphan."""

from uuid import UUID

import pytest

from api.application.content.intake import Intake
from api.application.content.reconciliation import Damage, Mismatch, Reconciliation
from api.composition import Services
from api.workers.worker import own_session
from domain.asset.events import Content
from infra.content.upload_table import landing_key, object_key
from projections.contents.fold import CONTENTS
from tests.conftest import Client, new_tenant
from tests.http.content_requests import purge, put, with_content
from tests.stores import later, objects


@pytest.fixture
def reconciling(services: Services, client: Client) -> Reconciliation:
    """Comparisons of the client's tenant."""
    return later(services, client.tenant_id)


def test_what_store_and_log_disagree_about_is_told_and_orphans_are_removed(
    client: Client, services: Services, reconciling: Reconciliation
) -> None:
    whole, robbed = with_content(client), with_content(client)
    assert client.call("GET", f"/v1/assets/{robbed}/thumbnail", follow_redirects=True).status_code == 200
    content = min(key for key in objects(services, client) if robbed in key)
    services.store.delete(content)
    late = landing_key(next(key for key in objects(services, client) if whole in key))
    orphan = object_key(client.tenant_id, UUID(whole), UUID(int=17))
    for key in (orphan, late):
        services.store.write(key, [b"nobody knows me"])
    young = Reconciliation(own_session(services, client.tenant_id)).compare()
    assert (young.orphans, young.missing) == ([], [(UUID(robbed), 1)])
    mismatch = reconciling.compare()
    assert sorted(mismatch.orphans) == sorted([orphan, late])
    assert reconciling.remove(mismatch.orphans) == 2
    assert reconciling.compare().orphans == []
    gone = client.get(f"/v1/assets/{robbed}/content")
    assert gone.status_code == 404
    assert "missing from the store" in gone.json()["detail"]


def test_an_object_in_the_place_of_another_ones_is_an_orphan_and_does_not_stand_for_it(
    client: Client, services: Services, reconciling: Reconciliation
) -> None:
    asset_id = with_content(client)
    (key,) = objects(services, client)
    misplaced = object_key(client.tenant_id, UUID(int=5), UUID(key.rsplit("/", 1)[1]))
    services.store.move(key, misplaced)
    assert reconciling.compare() == Mismatch([misplaced], [(UUID(asset_id), 1)])


def test_what_is_recorded_is_no_orphan_while_read_models_are_behind_or_made_anew(quiet: Services) -> None:
    tenant_id = new_tenant(quiet)
    session = own_session(quiet, tenant_id)
    Intake(session, quiet.rules).create(None, [b"precious"], Content(), "a.txt", None)
    behind = later(quiet, tenant_id).compare()
    assert behind == Mismatch()
    quiet.engine.progress.enrol()
    quiet.engine.step(CONTENTS)
    quiet.engine.tables.reset(CONTENTS)
    assert later(quiet, tenant_id).compare() == Mismatch()
    assert len(list(quiet.store.objects(f"{tenant_id}/"))) == 1


def test_what_has_become_known_since_it_was_found_is_not_removed(
    client: Client, services: Services, reconciling: Reconciliation
) -> None:
    asset_id = with_content(client)
    put(client, asset_id, b"the second")
    kept = objects(services, client)
    under_way = object_key(client.tenant_id, UUID(int=5), UUID(int=6))
    reconciling.uploads.begin(UUID(int=6), UUID(int=5), Content(), 60)
    orphan = object_key(client.tenant_id, UUID(int=5), UUID(int=7))
    for key in (under_way, orphan):
        services.store.write(key, [b"bytes"])
    assert reconciling.remove([*kept, under_way, orphan]) == 1
    assert objects(services, client) == sorted([*kept, under_way])


def test_an_object_of_another_size_than_was_recorded_is_damaged(
    client: Client, services: Services, reconciling: Reconciliation
) -> None:
    asset_id = UUID(with_content(client, b"twelve bytes"))
    (key,) = objects(services, client)
    services.store.write(key, [b"cut"])
    assert reconciling.compare() == Mismatch(damaged=[Damage(asset_id, 1, 12, 3)])


def test_what_is_about_to_be_purged_or_was_is_not_missing(
    client: Client, services: Services, reconciling: Reconciliation
) -> None:
    purged, going = with_content(client, workflow_id="w1"), with_content(client)
    purge(client, workflow_id="w1")
    assert purged not in str(objects(services, client))
    client.call("DELETE", f"/v1/assets/{going}")
    with services.database.transaction(client.tenant_id) as connection:
        connection.execute(
            "INSERT INTO ledger.purges (tenant_id, asset_id, content_version, content_id, actor_id, actor_type,"
            " correlation_id) VALUES (%s, %s, 1, gen_random_uuid(), 'ann', 'user', 'r1')",
            (client.tenant_id, going),
        )
    for key in objects(services, client):
        services.store.delete(key)
    assert reconciling.compare() == Mismatch()
