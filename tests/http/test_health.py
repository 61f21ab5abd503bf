"""Health is told within a second whatever hangs, by what it means: start anew, send elsewhere, have somebody look."""

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from api.application import health
from api.composition import Services, connected
from api.http.app import create_app
from api.http.server import listening, serving
from domain.event import Actor, Recorded
from infra.connections import SERVICE, Bounds
from infra.content.directory import DirectoryStore
from infra.content.durable_files import answering
from infra.content.store import StoreFullError
from infra.databases import Databases
from infra.settings import Settings
from infra.supervision import SupervisedThread
from projections.assets.fold import ASSETS, AssetRow
from projections.engine.follower import Follower
from projections.engine.rebuild import ProjectionStoppedError, rebuild
from projections.projection import Changes, Key
from tests.chaos.cutting import Cutter
from tests.conftest import context, new_tenant
from tests.infra.embedding import eventually
from tests.infra.grouping import an_append, held
from tests.projections.tables import catch_up
from tests.projections.test_switches import a_minute_later, build_beside, switches

HASTY = Bounds(5, SERVICE.settings)
AT_ONCE = 5
"""Seconds: one to be told, and the rest for a busy machine."""


@contextmanager
def served(services: Services) -> Iterator[str]:
    with serving(create_app(lambda: nullcontext(services)), listening("127.0.0.1", 0)) as url:
        yield url


@pytest.fixture
def url(quiet: Services) -> Iterator[str]:
    """Where a ledger of this test's own is served, that nobody follows."""
    with served(quiet) as url:
        yield url


def states(url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The answers of the three by their path, each given in time and with the status it says."""
    answers = {}
    for path in ("health", "health/live", "health/ready"):
        started = time.monotonic()
        answer = httpx.get(f"{url}/{path}", headers=headers, timeout=30)
        assert time.monotonic() - started < AT_ONCE
        answers[path.removeprefix("health/")] = answer.json()
        assert answer.status_code == {"ok": 200, "failing": 503}[answer.json()["status"]]
    return answers


def statuses(url: str) -> tuple[str, str, str]:
    health, live, ready = states(url).values()
    return health["status"], live["status"], ready["status"]


def key(services: Services, tenant_id: UUID) -> dict[str, str]:
    token = services.api_keys.issue(context(), tenant_id, Actor(id="ann", type="user"))
    return {"Authorization": f"Bearer {token}"}


def test_a_damaged_entry_of_one_tenant_is_told_without_its_name_and_keeps_nobody_from_being_served(
    quiet: Services, url: str
) -> None:
    sick, other = new_tenant(quiet), new_tenant(quiet)
    own, others = key(quiet, sick), key(quiet, other)
    quiet.writer.append(an_append(sick))
    quiet.engine.progress.enrol()
    while quiet.engine.step(ASSETS):
        pass
    eventually(lambda: states(url)["health"]["failures"] != [])
    answers = states(url)
    place = {"projection": "assets", "version": ASSETS.version, "serves": True, "tenants": 1}
    assert answers["health"]["failures"] == [place]
    assert (answers["live"]["status"], answers["ready"]) == ("ok", {"status": "ok", "problems": []})
    assert states(url, others)["health"]["failures"] == [place]
    assert states(url, own)["health"]["failures"] == [place | {"tenant_id": str(sick), "position": 3}]


def test_a_build_that_stops_and_serves_nobody_is_shown_and_the_service_is_well(quiet: Services, url: str) -> None:
    tenant_id = new_tenant(quiet)
    own = key(quiet, tenant_id)
    catch_up(quiet)
    build_beside(quiet)
    switches(quiet).switch(None)

    def failing(_rows: Mapping[Key, AssetRow], _recorded: Recorded) -> Changes[AssetRow]:
        raise ZeroDivisionError

    a_minute_later(quiet)
    with pytest.raises(ProjectionStoppedError):
        rebuild(quiet.engine, replace(ASSETS, fold=failing, keys=lambda _: ()), beside=True, restart=True)
    eventually(lambda: states(url)["health"]["failures"] != [])
    answers = states(url, own)
    place = {"projection": "assets", "version": ASSETS.version, "serves": False, "tenants": 1}
    assert answers["health"]["failures"] == [place | {"tenant_id": str(tenant_id), "position": 1}]
    assert answers["health"]["status"] == "ok"
    assert [(lag["build"], lag["failure"]) for lag in answers["health"]["lags"] if lag["projection"] == "assets"] == [
        ("assets_b", None)
    ]
    assert {lag.build: lag.serves for lag in quiet.engine.progress.lag() if lag.build.startswith("assets")} == {
        "assets": False,
        "assets_b": True,
    }


def lag_of_assets(url: str, headers: dict[str, str]) -> dict[str, Any]:
    """How far the read model of assets is, as a key's own tenant is told."""
    (lag,) = (lag for lag in states(url, headers)["health"]["lags"] if lag["projection"] == "assets")
    return {name: value for name, value in lag.items() if name not in {"projection", "version", "build"}}


def test_how_far_projections_are_is_told_to_a_key_of_the_tenant_alone(quiet: Services, url: str) -> None:
    sick, other = new_tenant(quiet), new_tenant(quiet)
    own, others = key(quiet, sick), key(quiet, other)
    quiet.writer.append(an_append(sick))
    quiet.engine.progress.enrol()
    while quiet.engine.step(ASSETS):
        pass

    lag = lag_of_assets(url, own)
    assert lag.pop("seconds") >= 0
    assert lag.pop("failure").partition(":")[0] in {"UnknownTopicError", "CorruptEntryError"}
    assert lag == {"position": 2, "quarantined": 0, "head": 3, "stopped_at": 3}
    assert lag_of_assets(url, others) == {
        "position": 2,
        "quarantined": 0,
        "head": 2,
        "seconds": None,
        "stopped_at": None,
        "failure": None,
    }
    for headers in ({}, {"Authorization": "Bearer nobody"}):
        assert "lags" not in states(url, headers)["health"]
        assert str(sick) not in str(states(url, headers))


def test_checkpoints_that_do_not_add_up_are_told(quiet: Services, url: str) -> None:
    new_tenant(quiet)
    catch_up(quiet)
    assert statuses(url) == ("ok", "ok", "ok")
    with quiet.projector.connection() as connection:
        connection.execute("UPDATE read_models.progress SET applied = applied + 1 WHERE projection = 'assets'")
    eventually(lambda: states(url)["health"]["problems"] == ["checkpoints"])
    assert statuses(url) == ("failing", "ok", "ok")


@pytest.fixture
def frozen(databases: Databases, settings: Settings) -> Iterator[tuple[Services, Cutter]]:
    """A ledger behind a proxy that freezes."""
    with tempfile.TemporaryDirectory() as directory, Cutter(databases.service, Path(directory)) as cutter:
        through = Databases(*(cutter.through(str(url)) for url in vars(databases).values()))
        with connected(settings, through) as ledger:
            for database in (ledger.database, ledger.encryption_keys._database):
                database._bounds = HASTY
                database._pool.drain()  # those there are wait longer
            yield ledger, cutter


def test_while_the_database_is_frozen_health_is_told_in_time_and_so_it_is_when_it_is_back(
    frozen: tuple[Services, Cutter],
) -> None:
    services, cutter = frozen
    own = key(services, new_tenant(services))
    with served(services) as url, ThreadPoolExecutor(60) as callers:
        assert statuses(url) == ("ok", "ok", "ok")
        cutter.freeze()
        lists = [callers.submit(httpx.get, f"{url}/v1/assets", headers=own, timeout=60) for _ in range(60)]
        eventually(lambda: statuses(url) == ("failing", "ok", "failing"))
        assert states(url, own)["ready"]["problems"] == ["database"]
        started = time.monotonic()
        assert {answer.result(60).status_code for answer in lists} == {503}
        assert time.monotonic() - started < 30
        cutter.thaw()
        eventually(lambda: statuses(url)[1:] == ("ok", "ok"))


NEW = {"media": {"media_kind": "image"}}


def write_until(stopped: threading.Event, http: httpx.Client, refused: list[httpx.Response], number: int) -> None:
    """Write again and again as the service asks its callers to: one half in groups, the other in transactions."""
    while not stopped.is_set():
        method, path, body = ("POST", "/v1/assets", NEW) if number % 2 else ("PUT", "/v1/policy", {})
        answer = http.request(method, path, json=body)
        assert answer.status_code in {503, 201, 200}, answer.text
        if answer.status_code == 503:
            refused.append(answer)
            stopped.wait(float(answer.headers["Retry-After"]))


def test_a_locked_tenant_with_many_callers_delays_neither_the_others_nor_health(
    databases: Databases, settings: Settings
) -> None:
    stopped, refused, slowest = threading.Event(), list[httpx.Response](), 0.0
    limits = httpx.Limits(max_connections=100)
    with ExitStack() as stack:
        ledger = stack.enter_context(connected(settings.model_copy(update={"pool_size": 16}), databases))
        url = stack.enter_context(served(ledger))
        tenants = [new_tenant(ledger), new_tenant(ledger)]
        locked, free = (
            stack.enter_context(httpx.Client(base_url=url, headers=key(ledger, tenant_id), timeout=60, limits=limits))
            for tenant_id in tenants
        )
        callers = stack.enter_context(ThreadPoolExecutor(60))
        stack.callback(stopped.set)
        stack.enter_context(held(databases, tenants[0]))
        answers = [callers.submit(write_until, stopped, locked, refused, number) for number in range(60)]
        eventually(lambda: len(refused) > 60)
        until = time.monotonic() + 5
        while time.monotonic() < until:
            started = time.monotonic()
            assert free.post("/v1/assets", json=NEW).status_code == 201
            slowest = max(slowest, time.monotonic() - started)
            assert states(url)["live"]["status"] == "ok"
    for answer in answers:
        answer.result(0)
    assert slowest < AT_ONCE


def test_when_nobody_follows_health_says_so(quiet: Services, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "STANDSTILL_SECONDS", 1.0)
    assert statuses(url) == ("ok", "ok", "ok")
    new_tenant(quiet)
    eventually(lambda: states(url)["health"]["problems"] == ["following"])
    assert statuses(url) == ("failing", "ok", "ok")
    with Follower(quiet.engine):
        eventually(lambda: statuses(url) == ("ok", "ok", "ok"))


def test_a_follower_that_cannot_go_on_is_red_until_it_can(databases: Databases, settings: Settings) -> None:
    with connected(settings, databases) as ledger, served(ledger) as url:
        eventually(lambda: statuses(url) == ("ok", "ok", "ok"))
        with psycopg.connect(databases.projector) as owner:
            owner.execute("ALTER TABLE read_models.progress RENAME TO elsewhere")
            owner.commit()
            eventually(lambda: "follower" in states(url)["health"]["watches"])
            assert states(url)["live"]["status"] == "ok"
            owner.execute("ALTER TABLE read_models.elsewhere RENAME TO progress")
            owner.commit()
        eventually(lambda: statuses(url) == ("ok", "ok", "ok"))


def test_a_thread_that_has_ended_is_a_reason_to_start_the_process_anew(quiet: Services, url: str) -> None:
    ended = SupervisedThread("ended", lambda: None)
    ended.start()
    ended.join(10)
    quiet.watches.append(ended)
    answers = states(url)
    assert [answers[name]["status"] for name in ("health", "live", "ready")] == ["failing", "failing", "ok"]
    assert {"name": "ended", "works": False} in [
        {"name": thread["name"], "works": thread["works"]} for thread in answers["live"]["threads"]
    ]


@dataclass
class Untrustworthy:
    """A condition that others have found."""

    name: str = "timeline"

    def problem(self) -> str | None:
        return "the log went back: look at the standby"


def test_a_condition_under_which_the_process_must_not_be_trusted_sends_requests_elsewhere(
    quiet: Services, url: str
) -> None:
    quiet.checks.append(Untrustworthy())
    answers = states(url)
    assert answers["health"]["problems"] == answers["ready"]["problems"] == ["timeline"]
    assert statuses(url) == ("failing", "ok", "failing")


def test_a_full_disk_of_the_database_is_told_as_such(quiet: Services, databases: Databases, url: str) -> None:
    """The server itself is made to say so: a disk that is really full would be everybody's."""
    tenant = new_tenant(quiet)
    headers = key(quiet, tenant)
    with psycopg.connect(str(databases.owner)) as owner:
        owner.execute(
            """CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
               BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"""
        )
        owner.execute(
            """CREATE TRIGGER full_disk BEFORE INSERT ON ledger.events
                   FOR EACH ROW EXECUTE FUNCTION public.full_disk()"""
        )
    answer = httpx.post(f"{url}/v1/assets", json={"media": {"media_kind": "image"}}, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:asset-ledger:problem:storage-full")
    eventually(lambda: states(url)["health"]["problems"] == ["database-disk"])
    assert statuses(url) == ("failing", "ok", "ok")


def test_a_content_store_without_room_is_told_as_such(quiet: Services, tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, quiet.signer, quiet.database_clock.local)
    full = health.ContentFull(store)
    assert full.problem() is None
    room = store.room()
    assert room is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(health, "FEWEST_BYTES", room * 2)
        assert "MiB left" in str(full.problem())


def test_writing_to_a_full_disk_is_told_as_such() -> None:
    """`/dev/full` is always full (full(4))."""

    def write() -> None:
        with answering(), Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")

    with pytest.raises(StoreFullError, match="full"):
        write()
