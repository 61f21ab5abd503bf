"""A damaged log says where it is damaged, to whoever reads it there, and to nobody else."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api.composition import Services
from api.http.app import create_app
from api.http.server import listening, serving
from domain.event import Actor
from infra.databases import Databases
from tests.conftest import Client, context, new_tenant
from tests.http.assertions import path, problem
from tests.http.streams import next_events, streaming


class Damaged:
    """Two tenants' logs that somebody changes behind the ledger's back."""

    def __init__(self, services: Services, databases: Databases, url: str) -> None:
        self._superuser = make_conninfo(str(databases.owner), user="postgres")
        self.services = services
        self.a, self.b = (self._client(url) for _ in range(2))

    def _client(self, url: str) -> Client:
        tenant = new_tenant(self.services)
        key = self.services.api_keys.issue(context(), tenant, Actor(id="ann", type="user"))
        http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        return Client(http, tenant, self.services.log.of(tenant).head)

    def forge(self, statement: str, *parameters: object) -> None:
        """Change what is stored as nobody may."""
        with psycopg.connect(self._superuser) as connection:
            connection.execute("SET session_replication_role = replica")  # no triggers
            assert connection.execute(statement.encode(), parameters).rowcount == 1

    def folded(self) -> None:
        """Let every projection fold what it can."""
        self.services.engine.progress.enrol()
        for projection in self.services.engine.projections:
            while self.services.engine.step(projection):
                pass


@pytest.fixture
def damaged(quiet: Services, databases: Databases) -> Iterator[Damaged]:
    with serving(create_app(lambda: nullcontext(quiet)), listening("127.0.0.1", 0)) as url:
        logs = Damaged(quiet, databases, url)
        with logs.a.http, logs.b.http:
            yield logs


BYTES = "UPDATE ledger.events SET entry = %s WHERE tenant_id = %s AND position = %s"
FOREIGN = """UPDATE ledger.events AS a SET entry = b.entry, topic = b.topic, originator_id = b.originator_id,
                    originator_version = b.originator_version
               FROM ledger.events AS b
              WHERE a.tenant_id = %s AND a.position = %s AND b.tenant_id = %s AND b.position = %s"""
UNSEALED = r"""UPDATE ledger.events
                  SET entry = convert_to(regexp_replace(convert_from(entry, 'UTF8'), ',"sealed":.*$', '}'), 'UTF8')
                WHERE tenant_id = %s AND position = %s"""
EARLIER = "UPDATE ledger.events SET effective_at = '2020-01-01Z' WHERE tenant_id = %s AND position = %s"
DELETED = "DELETE FROM ledger.events WHERE tenant_id = %s AND position = %s"

Damage = Callable[[Damaged, int], None]
DAMAGES: dict[str, Damage] = {
    "no JSON": lambda log, position: log.forge(BYTES, b'{"', log.a.tenant_id, position),
    "nothing": lambda log, position: log.forge(BYTES, b"", log.a.tenant_id, position),
    "no seal": lambda log, position: log.forge(UNSEALED, log.a.tenant_id, position),
    "before it was recorded": lambda log, position: log.forge(EARLIER, log.a.tenant_id, position),
    "another tenant's": lambda log, position: log.forge(FOREIGN, log.a.tenant_id, position, log.b.tenant_id, 3),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_entry_is_told_with_its_position_and_harms_nothing_else(damaged: Damaged, damage: Damage) -> None:
    theirs = damaged.b.create(name="Of B")
    other, asset = damaged.a.create(name="Other"), damaged.a.create(name="Castle")
    last = damaged.a.create(name="Last")
    damaged.folded()
    listed = damaged.a.get("/v1/assets").json()
    position = asset["position"]
    damage(damaged, position)
    ask = damaged.a.http

    answers = [ask.get("/v1/audit"), ask.get("/v1/events"), ask.get("/v1/events", params={"after": position - 1})]
    if damage is not DAMAGES["another tenant's"]:  # there the stream of A's asset is gone: it is not found
        answers += [
            ask.get(path(asset)),
            ask.patch(path(asset), json={"description": "x"}),
            ask.get(path(asset, "events")),
        ]

    for answer in answers:
        detail = problem(answer, 502, "corrupt-entry")["detail"]
        assert f"Position {position} of the log of tenant {damaged.a.tenant_id}" in detail or "is missing in" in detail
    assert not any("Of B" in answer.text for answer in answers)
    assert damaged.a.get("/v1/assets").json() == listed
    assert [damaged.a.get(path(sound)).json()["name"] for sound in (other, last)] == ["Other", "Last"]
    assert damaged.a.get("/v1/events", limit=position - 1).status_code == 200
    assert damaged.b.get(path(theirs)).json()["name"] == "Of B"


def test_nothing_of_another_tenant_is_shown_by_an_id_that_was_moved_here(damaged: Damaged) -> None:
    theirs, ours = damaged.b.create(name="Of B"), damaged.a.create()
    damaged.forge(FOREIGN, damaged.a.tenant_id, ours["position"], damaged.b.tenant_id, theirs["position"])
    for answer in (damaged.a.http.get(path(theirs)), damaged.a.http.get(path(theirs, "events"))):
        assert str(damaged.b.tenant_id) in problem(answer, 502, "corrupt-entry")["detail"]
        assert "Of B" not in answer.text


def test_a_missing_revision_is_told_and_not_passed_over(damaged: Damaged) -> None:
    asset = damaged.a.create(name="Castle")
    damaged.a.call("PUT", path(asset, "holds", "court"))
    damaged.a.call("PATCH", path(asset), json={"name": "Keep"})
    damaged.folded()
    damaged.forge(DELETED, damaged.a.tenant_id, asset["position"] + 1)
    for address in (path(asset), path(asset, "events"), "/v1/audit"):
        assert f"Revision 2 of {asset['id']} is missing" in problem(damaged.a.http.get(address), 502)["detail"]


@pytest.mark.parametrize("back", [0, 1], ids=["the last", "the one before"])
def test_a_missing_position_is_told_by_the_feed_and_stops_the_projections(damaged: Damaged, back: int) -> None:
    damaged.folded()
    damaged.a.create()
    gone = damaged.a.create()["position"] - back
    damaged.forge(DELETED, damaged.a.tenant_id, gone)
    damaged.folded()
    assert (
        f"Position {gone} of the log of tenant {damaged.a.tenant_id} is missing"
        in (problem(damaged.a.http.get("/v1/events"), 502, "corrupt-entry")["detail"])
    )
    failures = damaged.services.engine.progress.failures()
    assert {(name, tenant, position + 1) for name, _, tenant, position, _, _ in failures} == {
        (projection.name, damaged.a.tenant_id, gone) for projection in damaged.services.engine.projections
    }
    assert all(f"Position {gone} of" in failed.failure for failed in failures)
    damaged.b.create()
    damaged.folded()
    assert len(damaged.b.ids()) == 1


COPIED = """INSERT INTO ledger.events
            SELECT tenant_id, position + 1, gen_random_uuid(), originator_version, topic, effective_at, entry
              FROM ledger.events WHERE tenant_id = %s AND position = %s"""
MOVED = "UPDATE ledger.log_heads SET position = position + 1 WHERE tenant_id = %s AND position = %s"


def test_a_stream_ends_before_a_damaged_entry_and_whoever_comes_back_is_told(damaged: Damaged) -> None:
    head = damaged.a.create()["position"]
    with streaming(damaged.a, after=head - 1) as blocks:
        (event,) = next_events(blocks, 1)
        for change in (COPIED, MOVED):
            damaged.forge(change, damaged.a.tenant_id, head)
        assert [block for block in blocks if "data" in block] == []  # it ends
    back = damaged.a.http.get("/v1/events", params={"after": event["id"]}, headers={"Accept": "text/event-stream"})
    assert f"Position {head + 1} of" in problem(back, 502, "corrupt-entry")["detail"]
