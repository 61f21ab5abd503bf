"""What callers share: one key, one tenant or one URL never uses up what the others need."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, nullcontext

import httpx
import pytest

from api.application.slots import ShareOwner, Slots
from api.composition import Services
from api.http import conditions
from api.http.app import MOST_OF_A_URL, MOST_WAITING, create_app
from api.http.feed import MOST_LISTENING, Listeners
from api.http.server import listening, serving
from domain.errors import ServiceUnavailableError, ShareUsedUpError
from tests.conftest import Client
from tests.http.assertions import problem
from tests.http.content_requests import with_content
from tests.http.raw_connections import SOON, opened
from tests.http.streams import elsewhere, everything, served

KEY, TENANT = ShareOwner("key", 1), ShareOwner("tenant", 1)


def test_a_key_has_a_quarter_a_tenant_half_and_all_together_have_all() -> None:
    slots = Slots(8, "try")
    with ExitStack() as stack:
        stack.enter_context(slots.slot(TENANT, KEY, size=2))
        with pytest.raises(ShareUsedUpError, match="key"):
            stack.enter_context(slots.slot(TENANT, KEY))
        stack.enter_context(slots.slot(TENANT, ShareOwner("key", 2), size=2))
        with pytest.raises(ShareUsedUpError, match="tenant"):
            stack.enter_context(slots.slot(TENANT, ShareOwner("key", 3)))
        for key in (ShareOwner("key", 4), ShareOwner("key", 5)):
            stack.enter_context(slots.slot(ShareOwner("tenant", 2), key, size=2))
        with pytest.raises(ServiceUnavailableError):
            stack.enter_context(slots.slot(ShareOwner("tenant", 3)))
    assert slots.present == 0
    with slots.slot(TENANT, KEY, size=2):
        assert slots.present == 2


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(300) as pool:
        yield pool


def until(condition: Callable[[], bool]) -> None:
    """Return once it holds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def statuses(answers: list["Future[httpx.Response]"]) -> Counter[int]:
    return Counter(answer.result().status_code for answer in answers)


def test_who_waits_for_positions_keeps_no_other_key_from_waiting(
    clients: Callable[..., Client], services: Services, callers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditions, "WAIT_SECONDS", 30.0)
    client, colleague, another = clients(), None, clients()
    colleague, share = clients(client.tenant_id), MOST_WAITING // 4
    app = create_app(lambda: nullcontext(services))
    with serving(app, listening("127.0.0.1", 0)) as url:

        def ask(who: Client, ahead: int) -> httpx.Response:
            with httpx.Client(base_url=url, headers=who.http.headers, timeout=60) as http:
                return http.get("/v1/assets", params={"min_position": who.head() + ahead})

        waiting = [callers.submit(ask, client, 1) for _ in range(share)]
        until(lambda: app.state.waiting.present == share)
        refused = ask(client, 1)
        problem(refused, 429, "share-used-up")
        assert refused.headers["Retry-After"] == "1"
        assert ask(client, 0).status_code == 200
        others = [callers.submit(ask, who, 1) for who in (colleague, another)]
        until(lambda: app.state.waiting.present == share + 2)
        client.create()
        another.create()
        assert statuses(waiting) == {200: share}
        assert statuses(others) == {200: 2}


def test_listeners_of_one_key_keep_no_other_key_from_listening(
    clients: Callable[..., Client], services: Services, callers: ThreadPoolExecutor
) -> None:
    client, another, share, listeners = clients(), clients(), MOST_LISTENING // 4, Listeners()
    after = client.head()
    with served(services, listeners) as url:

        def ask(who: Client, seconds: int) -> httpx.Response:
            with elsewhere(who, url) as there:
                return there.http.get("/v1/events", params={"after": after, "wait": seconds})

        waiting = [callers.submit(ask, client, 30) for _ in range(share)]
        until(lambda: listeners.present == share)
        problem(ask(client, 1), 429, "share-used-up")
        assert ask(another, 1).status_code == 200
        client.create()
        assert statuses(waiting) == {200: share}


def revoked(client: Client, services: Services) -> float:
    """Revoke the client's key as another process would; returns when."""
    (key_id,) = [event["data"]["key_id"] for event in everything(client, topics=["tenant.key_issued"])]
    with services.database.transaction(client.tenant_id) as connection:
        connection.execute(
            "UPDATE ledger.api_keys SET revoked_at = now() WHERE tenant_id = %s AND key_id = %s",
            (client.tenant_id, key_id),
        )
    return time.monotonic()


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
def test_whoever_listens_with_a_revoked_key_is_sent_away_within_a_second(
    client: Client, services: Services, callers: ThreadPoolExecutor, accept: str
) -> None:
    listeners, after = Listeners(), client.head()
    with served(services, listeners) as url, elsewhere(client, url) as there:

        def listen() -> tuple[int, float]:
            answer = there.http.get("/v1/events", params={"after": after, "wait": 30}, headers={"Accept": accept})
            return answer.status_code, time.monotonic()

        listening_ = callers.submit(listen)
        until(lambda: listeners.present == 1)
        since = revoked(client, services)
        status, ended = listening_.result()
        assert status == (200 if "stream" in accept else 401)
        assert ended - since < 1


def test_readers_of_one_signed_url_are_counted(client: Client, services: Services) -> None:
    asset_id = with_content(client, bytes(32 << 20))
    app = create_app(lambda: nullcontext(services))
    with serving(app, listening("127.0.0.1", 0), SOON) as url, ExitStack() as stack:
        target = client.get(f"/v1/assets/{asset_id}/content").headers["Location"]
        for _ in range(MOST_OF_A_URL):
            reading = stack.enter_context(closing(opened(url, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())))
            assert reading.recv(12) == b"HTTP/1.1 200"
        refused = httpx.get(f"{url}{target}", headers={"Range": "bytes=0-1"})
        problem(refused, 429, "share-used-up")
        assert client.get(f"/v1/assets/{asset_id}/content", stream=True).status_code == 200
        until(lambda: app.state.downloading.present == 0)
        assert httpx.get(f"{url}{target}", headers={"Range": "bytes=0-1"}).status_code == 206
