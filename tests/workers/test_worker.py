"""What looks after things in the background goes on after whatever happens, and says so when it does not work."""

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from structlog.testing import capture_logs

from api.application.content.intake import Intake
from api.application.content.purges import Purges
from api.composition import Services
from api.http.app import create_app
from api.http.server import listening, serving
from api.workers.content_watch import ContentWatch
from api.workers.worker import Worker, own_session
from domain.asset.events import Content
from infra.supervision import FAILURES
from tests.conftest import new_tenant

DAY = timedelta(days=1)


@pytest.fixture
def health(quiet: Services) -> Iterator[str]:
    """Where the health of a ledger of this test's own is told."""
    with serving(create_app(lambda: nullcontext(quiet)), listening("127.0.0.1", 0)) as url:
        yield f"{url}/health"


def purged(services: Services) -> UUID:
    """A tenant with an asset that is about to be purged; returns the tenant."""
    tenant_id = new_tenant(services)
    session = own_session(services, tenant_id)
    row, _ = Intake(session, services.rules).create(None, [b"x"], Content(), "a.txt", None)
    Purges(session).request(row.asset_id)
    return tenant_id


def damage(services: Services, tenant_id: UUID) -> None:
    """Let nobody be able to read what is to be purged."""
    with services.database.transaction(tenant_id) as connection:
        connection.execute("UPDATE ledger.purges SET actor_type = 'nobody knows'")


def left(services: Services, tenant_id: UUID) -> int:
    return len(list(services.store.objects(f"{tenant_id}/")))


def test_what_nobody_expected_is_logged_and_holds_up_no_other_tenant(quiet: Services) -> None:
    sick, healthy = purged(quiet), [purged(quiet) for _ in range(3)]
    damage(quiet, sick)
    with capture_logs() as logged:
        ContentWatch(quiet, DAY).look()
    assert [(entry["event"], entry["tenant_id"], entry["exc_info"]) for entry in logged] == [
        ("watch failed", str(sick), True)
    ]
    assert [left(quiet, tenant_id) for tenant_id in (sick, *healthy)] == [1, 0, 0, 0]


def test_a_watch_that_fails_again_and_again_turns_health_red(quiet: Services, health: str) -> None:
    with ContentWatch(quiet, DAY) as watch:
        answer = httpx.get(health).json()
        assert (answer["status"], answer["failures"], answer["watches"], answer["problems"]) == ("ok", [], [], [])
        assert {thread["name"]: thread["works"] for thread in answer["threads"]} == {
            "content-watch": True,
            "health-probe": True,
            "key-server": True,
            "log-server": True,
        }
        damage(quiet, purged(quiet))
        with capture_logs():
            for _ in range(FAILURES):
                watch.look()
        answer = httpx.get(health)
        assert (answer.status_code, answer.json()["watches"]) == (503, ["content-watch"])
        assert watch._thread.alive
    assert httpx.get(health).status_code == 200


class Ending(Worker):
    """A watch that ends by itself, as none should."""

    def round(self) -> float:
        return 0

    def run(self) -> None:
        self.round()


def test_a_watch_that_has_ended_turns_health_red(quiet: Services, health: str) -> None:
    with Ending(quiet, "ending") as watch:
        watch._thread.join()
        answer = httpx.get(health)
        assert (answer.status_code, answer.json()["watches"]) == (503, ["ending"])


class Failing(Worker):
    """A watch whose every round fails."""

    def round(self) -> float:
        self._stopped.set()
        raise ZeroDivisionError


def test_a_round_that_fails_does_not_end_the_thread(quiet: Services) -> None:
    with capture_logs() as logged:
        Failing(quiet, "failing").run()
    assert [(entry["event"], entry["watch"]) for entry in logged] == [("watch failed", "failing")]
