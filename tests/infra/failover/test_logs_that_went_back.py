"""A standby that has not everything is promoted: what was told is missing, and its positions are not used again."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from threading import Event
from time import monotonic
from uuid import UUID

import httpx
import psycopg
import pytest
from uuid_utils.compat import uuid7

from api.application.content.purges import Purges
from api.application.content.sweeper import Sweeper
from api.composition import Services, connected
from api.http.app import create_app
from api.http.feed import Feed
from api.http.server import listening, serving
from api.workers.worker import own_session
from domain.asset.events import Content
from domain.errors import LogWentBackError, ServiceUnavailableError
from domain.event import Actor
from infra.content.upload_table import UploadTable
from infra.event_log.append_call import Append
from infra.settings import Settings
from tests.conftest import context, empty_log, new_tenant
from tests.infra.embedding import eventually
from tests.infra.failover.servers import Pair
from tests.infra.grouping import an_append, entry

NOTICED_SECONDS = 5


def head_on(pair: Pair, tenant: UUID) -> int:
    """How long the log is on the standby."""
    with psycopg.connect(pair.standby.conninfo, dbname="asset_ledger") as connection:
        row = connection.execute("SELECT position FROM ledger.log_heads WHERE tenant_id = %s", (tenant,)).fetchone()
    return row[0] if row else 0


def lose_some(pair: Pair, services: Services, tenant: UUID, kept: int, lost: int) -> list[Append]:
    """Appends, of which the standby gets only the first."""
    appends = [an_append(tenant) for _ in range(kept + lost)]
    for append in appends[:kept]:
        services.log.of(tenant).recorder.append(append.entries)
    eventually(lambda: head_on(pair, tenant) == kept)
    pair.standby.hold_back()
    for append in appends[kept:]:
        services.log.of(tenant).recorder.append(append.entries)
    return appends


def problem(services: Services, name: str) -> str | None:
    return next(check.problem() for check in services.checks if check.name == name)


def test_a_log_that_went_back_is_noticed_without_any_traffic_and_takes_nothing_more(
    late: Pair, unfollowed: Settings
) -> None:
    with connected(unfollowed, late.databases) as services:
        tenant, whole = empty_log(services), empty_log(services)
        services.log.of(whole).recorder.append([entry(whole)])
        lose_some(late, services, tenant, kept=3, lost=5)
        assert problem(services, "heads") is None
        late.fail_over()
        promoted = monotonic()
        eventually(lambda: problem(services, "heads") is not None)
        assert monotonic() - promoted < NOTICED_SECONDS
        assert f"{tenant}: The log ends at position 3, and had reached position 8 before." in str(
            problem(services, "heads")
        )
        log = services.log.of(tenant)
        for refused in (
            lambda: log.recorder.append([entry(tenant)]),
            lambda: Feed(services.database, log, (), 10).read(0),
            lambda: Feed(services.database, log, (), 10).read(8),
        ):
            with pytest.raises(LogWentBackError):
                refused()
        with pytest.raises(LogWentBackError), services.database.transaction(tenant):
            log.recorder.append([entry(tenant)])
        assert head_on(late, tenant) == 3
        assert services.log.of(whole).recorder.append([entry(whole)])[0].position == 2


def test_nothing_is_swept_by_a_log_that_went_back(late: Pair, unfollowed: Settings) -> None:
    with connected(unfollowed, late.databases) as services:
        tenant = empty_log(services)
        UploadTable(services.database, tenant).begin(uuid7(), uuid7(), Content(), 0)
        lose_some(late, services, tenant, kept=1, lost=1)
        late.fail_over()
        eventually(lambda: problem(services, "heads") is not None)
        session = own_session(services, tenant)
        for refused in (Sweeper(session).sweep, lambda: Purges(session).request(uuid7())):
            with pytest.raises(LogWentBackError):
                refused()
        assert len(UploadTable(services.database, tenant).under_way()) == 1


def test_callers_of_a_log_that_went_back_are_told_so_and_their_streams_end(late: Pair, unfollowed: Settings) -> None:
    with (
        connected(unfollowed, late.databases) as services,
        serving(create_app(lambda: nullcontext(services)), listening("127.0.0.1", 0)) as url,
    ):
        tenant = new_tenant(services)
        key = services.api_keys.issue(context(), tenant, Actor(id="ann", type="user"))
        eventually(lambda: head_on(late, tenant) == 2)
        late.standby.hold_back()
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http:
            body = {"media": {"media_kind": "image"}}
            assert http.post("/v1/assets", json=body).status_code == 201
            with http.stream("GET", "/v1/events", headers={"Accept": "text/event-stream"}) as stream:
                assert stream.status_code == 200
                late.fail_over()
                assert "".join(stream.iter_text()).count("data: ") == 3, "the stream ends after all that was there"
            eventually(lambda: problem(services, "heads") is not None)
            for refused in (http.post("/v1/assets", json=body), http.get("/v1/events"), http.get("/v1/events?after=3")):
                assert refused.status_code == 503
                assert refused.json()["type"] == "urn:asset-ledger:problem:log-went-back"


def test_nothing_is_overwritten_when_a_standby_that_is_behind_takes_over_under_load(
    late: Pair, unfollowed: Settings
) -> None:
    with connected(unfollowed, late.databases) as services, ThreadPoolExecutor(8) as callers:
        tenant, stop = empty_log(services), Event()
        lose_some(late, services, tenant, kept=3, lost=1)

        def write() -> dict[int, bytes]:
            answered: dict[int, bytes] = {}
            while not stop.is_set():
                append = an_append(tenant)
                with suppress(LogWentBackError, ServiceUnavailableError):
                    (place,) = services.log.of(tenant).recorder.append(append.entries)
                    answered[place.position] = append.entries[0].state
            return answered

        writers = [callers.submit(write) for _ in range(8)]
        eventually(lambda: services.log.of(tenant).head() > 50)
        late.fail_over()
        eventually(lambda: problem(services, "heads") is not None)
        stop.set()
        answered = [position for writer in writers for position in writer.result(90)]
        assert len(answered) == len(set(answered)), "a position was told twice"
        assert head_on(late, tenant) == 3


def test_a_log_that_has_another_event_at_a_known_position_has_gone_back_too(late: Pair, unfollowed: Settings) -> None:
    with connected(unfollowed, late.databases) as services:
        tenant = empty_log(services)
        lose_some(late, services, tenant, kept=3, lost=1)
        late.fail_over()
        with connected(unfollowed, late.databases) as another:  # it was not there, and cannot know
            for _ in range(2):
                another.log.of(tenant).recorder.append([entry(tenant)])
        eventually(lambda: problem(services, "heads") is not None)
        assert "reached position 4" in str(problem(services, "heads")) or "another event at position 4" in str(
            problem(services, "heads")
        )
        with pytest.raises(LogWentBackError):
            services.log.of(tenant).recorder.append([entry(tenant)])


def test_what_a_transaction_appended_and_took_back_was_never_a_head(late: Pair, unfollowed: Settings) -> None:
    with connected(unfollowed, late.databases) as services:
        tenant = empty_log(services)
        log = services.log.of(tenant)
        with suppress(ZeroDivisionError), services.database.transaction(tenant):
            log.recorder.append([entry(tenant)])
            assert log.head() == 1
            raise ZeroDivisionError
        with services.database.transaction(tenant):
            log.recorder.append([entry(tenant)])
        eventually(lambda: head_on(late, tenant) == 1)
        late.fail_over()
        assert [place.position for place in log.recorder.append([entry(tenant)])] == [2]
        assert problem(services, "heads") is None
