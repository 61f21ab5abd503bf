"""How many URLs are fetched at once, and what that keeps waiting."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest

from api.composition import Services
from api.http.app import MOST_FETCHING
from api.http.routers.from_urls import AT_ONCE
from tests.conftest import Client
from tests.http.assertions import problem
from tests.http.content_requests import CASTLE, with_content
from tests.infra.content.sites import Site, Visit, says, served
from tests.stores import store_down

DEADLINE_SECONDS = 60


class Crowd:
    """Whoever visits a site waits there until it is let go; counts them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open = False
        self.visits = 0
        self.present = 0
        self.most = 0

    def __call__(self, visit: Visit) -> None:
        with self._changed:
            self.visits += 1
            self.present += 1
            self.most = max(self.most, self.present)
            self._changed.notify_all()
            self._wait(lambda: self._open)
            self.present -= 1
        says(body=CASTLE, Content_Type="image/png")(visit)

    def wait_for(self, number: int) -> None:
        """Return when so many are there."""
        with self._changed:
            self._wait(lambda: self.present >= number)

    def let_go(self) -> None:
        """Let everybody go, and whoever comes later too."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def _wait(self, holds: Callable[[], bool]) -> None:
        assert self._changed.wait_for(holds, DEADLINE_SECONDS)


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


@pytest.fixture
def site(crowd: Crowd) -> Iterator[str]:
    """A web server that answers nobody until the crowd is let go."""
    with served(Site()) as web_site:
        web_site.answers = {"/castle.png": crowd}
        yield web_site.url("/castle.png", host="127.0.0.1")
        crowd.let_go()


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(50) as pool:
        yield pool


def fetching(callers: ThreadPoolExecutor, client: Client, *urls: str) -> "Future[httpx.Response]":
    body = {"items": [{"url": url} for url in urls]}
    return callers.submit(client.http.request, "POST", "/v1/assets/from-urls", json=body, timeout=DEADLINE_SECONDS)


def test_urls_are_fetched_five_at_a_time(client: Client, callers: ThreadPoolExecutor, crowd: Crowd, site: str) -> None:
    answer = fetching(callers, client, *[site] * (3 * AT_ONCE))
    crowd.wait_for(AT_ONCE)
    for _ in range(20):
        client.create()  # which takes longer than a sixth would take to come
    assert crowd.present == AT_ONCE
    crowd.let_go()
    assert [result["problem"] for result in answer.result().json()["results"]] == [None] * (3 * AT_ONCE)
    assert crowd.most == AT_ONCE


def test_requests_that_wait_for_other_servers_keep_nobody_else_waiting(
    clients: Callable[..., Client], url: str, callers: ThreadPoolExecutor, crowd: Crowd, site: str
) -> None:
    of_a_key, keys, waiting = MOST_FETCHING // 4, [clients() for _ in range(5)], []
    for number, client in enumerate(keys[:4], start=1):
        waiting += [fetching(callers, client, site) for _ in range(of_a_key)]
        crowd.wait_for(number * of_a_key)
        for answer in [fetching(callers, client, site) for _ in range(4)]:
            problem(answer.result(), *((429, "share-used-up") if number < 4 else (503, "service-unavailable")))
            assert answer.result().headers["Retry-After"] == "1"
    problem(fetching(callers, keys[4], site).result(), 503, "service-unavailable")
    assert httpx.get(f"{url}/health").status_code == 200
    crowd.let_go()
    assert [answer.result().status_code for answer in waiting] == [200] * MOST_FETCHING


def test_once_the_store_is_away_nothing_more_is_fetched(
    client: Client, services: Services, callers: ThreadPoolExecutor, crowd: Crowd, site: str
) -> None:
    with_content(client)
    crowd.let_go()
    with store_down(services.store, client):
        results = fetching(callers, client, *[site] * 20).result().json()["results"]
    assert [result["problem"]["type"] for result in results] == ["urn:asset-ledger:problem:store-unavailable"] * 20
    assert crowd.visits <= AT_ONCE
