"""A damaged log says where it is damaged, to whoever reads it there, and to nobody else."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api.app import create_app
from api.composition import Services
from api.serving import listening, serving
from domain.event import Actor
from infra.servers import Servers
from projections.running import Follower
from tests.api.answers import problem
from tests.conftest import Client, context, new_tenant
from tests.infra.embedding import eventually


class Damaged:
    """Two tenants' logs that somebody changes behind the ledger's back."""

    def __init__(self, services: Services, databases: Servers, url: str) -> None:
        self._superuser = make_conninfo(str(databases.owner), user="postgres")
        self.services = services
        self.a, self.b = (self._client(url) for _ in range(2))

    def _client(self, url: str) -> Client:
        tenant = new_tenant(self.services)
        key = self.services.tenants.issue_key(context(), tenant, Actor(id="ann", type="user"))
        http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        return Client(http, tenant, self.services.log.of(tenant).recorder.head)

    def forge(self, statement: str, *parameters: object) -> None:
        """Change what is stored as nobody may."""
        with psycopg.connect(self._superuser) as connection:
            connection.execute("SET session_replication_role = replica")  # no triggers
            assert connection.execute(statement.encode(), parameters).rowcount == 1

    def folded(self) -> None:
        """Let every projection fold what it can."""
        self.services.engine.enrol()
        for projection in self.services.engine.projections:
            while self.services.engine.step(projection):
                pass


@pytest.fixture
def damaged(quiet: Services, databases: Servers) -> Iterator[Damaged]:
    with serving(create_app(lambda: nullcontext(quiet)), listening("127.0.0.1", 0)) as url:
        made = Damaged(quiet, databases, url)
        with made.a.http, made.b.http:
            yield made


BYTES = "UPDATE ledger.events SET entry = %s WHERE tenant_id = %s AND position = %s"
FOREIGN = """UPDATE ledger.events AS a SET entry = b.entry, topic = b.topic, originator_id = b.originator_id,
                    originator_version = b.originator_version
               FROM ledger.events AS b
              WHERE a.tenant_id = %s AND a.position = %s AND b.tenant_id = %s AND b.position = %s"""
UNSEALED = r"""UPDATE ledger.events
                  SET entry = convert_to(regexp_replace(convert_from(entry, 'UTF8'), ',"sealed":.*$', '}'), 'UTF8')
                WHERE tenant_id = %s AND position = %s"""
LATER = "UPDATE ledger.events SET effective_at = '2020-01-01Z' WHERE tenant_id = %s AND position = %s"
DELETED = "DELETE FROM ledger.events WHERE tenant_id = %s AND position = %s"

Damage = Callable[[Damaged, UUID, int], None]
DAMAGES: dict[str, Damage] = {
    "no JSON": lambda d, tenant, position: d.forge(BYTES, b'{"', tenant, position),
    "nothing": lambda d, tenant, position: d.forge(BYTES, b"", tenant, position),
    "no seal": lambda d, tenant, position: d.forge(UNSEALED, tenant, position),
    "before it was recorded": lambda d, tenant, position: d.forge(LATER, tenant, position),
    "missing": lambda d, tenant, position: d.forge(DELETED, tenant, position),
}


def asset_with_a_change(client: Client) -> dict[str, Any]:
    """An asset whose second event is the newest of the log."""
    asset = client.create(name="Castle")
    return client.call("PATCH", f"/v1/assets/{asset['id']}", json={"name": "Keep"}).json() | {"id": asset["id"]}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_entry_is_told_with_its_position_and_harms_no_other_asset(damaged: Damaged, damage: Damage) -> None:
    other, asset = damaged.a.create(name="Other"), asset_with_a_change(damaged.a)
    damaged.folded()
    listed = damaged.a.get("/v1/assets").json()
    last = damaged.a.create(name="Last")
    position = last["position"] - 1
    damage(damaged, damaged.a.tenant_id, position if damage is not DAMAGES["missing"] else position - 1)
    read = damaged.a.http

    answers = [
        read.get(f"/v1/assets/{asset['id']}"),
        read.patch(f"/v1/assets/{asset['id']}", json={"description": "x"}),
        read.get(f"/v1/assets/{asset['id']}/events"),
        read.get("/v1/audit"),
        read.get("/v1/events", params={"after": position - 2}),
    ]

    for answer in answers:
        told = problem(answer, 502, "corrupt-entry")
        missing = damage is DAMAGES["missing"]
        assert ("missing" in told["detail"]) == missing
        assert f"Position {position} of" in told["detail"] or (missing and "is missing in the log of" in told["detail"]) or (
            missing and f"Position {position - 1} of" in told["detail"]
        )
    assert damaged.a.get("/v1/assets").json() == listed
    assert damaged.a.get(f"/v1/assets/{other['id']}").json()["name"] == "Other"
    assert damaged.a.get(f"/v1/assets/{last['id']}").json()["name"] == "Last"
    assert damaged.b.create()["position"] == 3
