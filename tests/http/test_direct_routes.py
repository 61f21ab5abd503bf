"""Routes that are answered directly answer as the framework does: nobody can tell which way a request went."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import httpx
from structlog.testing import capture_logs

from api.composition import Services
from api.http.app import create_app
from api.http.server import listening, serving
from tests.conftest import Client
from tests.http.assertions import UNKNOWN_ID, problem

ASSET = {"media": {"media_kind": "image"}}
OF_ONE_ANSWER = {"date", "x-request-id"}
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/v1/assets?limit=2", {}),
    ("GET", "/v1/assets?total=true", {}),
    ("GET", "/v1/assets?limit=0", {}),
    ("GET", "/v1/assets?nothing=1", {}),
    ("GET", "/v1/assets/", {}),
    ("GET", "//v1/assets", {}),
    ("GET", "/v1%2Fassets", {}),
    ("GET", "/v1/assets%0A", {}),
    ("GET", "/v1/assets/{asset}", {}),
    ("GET", "/v1/assets/{asset}?revision=9", {}),
    ("GET", f"/v1/assets/{UNKNOWN_ID}", {}),
    ("GET", "/v1/assets/none", {}),
    ("GET", "/v1/assets/batch", {}),
    ("GET", "/v1/assets/{asset}/events", {}),
    ("GET", "/v1/jobs", {}),
    ("GET", "/v1/assets", {"headers": {"Authorization": "Bearer none"}}),
    ("GET", "/v1/assets", {"headers": {"X-Actor": "system:ledger"}}),
    ("GET", "/v1/assets", {"headers": [("X-Many", "1")] * 101}),
    ("HEAD", "/v1/assets", {}),
    ("OPTIONS", "/v1/assets", {}),
    ("PUT", "/v1/assets", {}),
    ("PUT", "/v1/assets/{asset}/holds/a/b", {"json": {}}),
    ("DELETE", "/v1/assets/{asset}/holds/none/at/all", {}),
    ("POST", "/v1/assets", {"content": b"{", "headers": {"Content-Type": "application/json"}}),
    ("POST", "/v1/assets", {"json": {"media": {"media_kind": "smell"}}}),
    ("POST", "/v1/assets", {"content": b" " * (1 << 20) + b"{}", "headers": {"Content-Type": "application/json"}}),
    ("POST", "/v1/assets", {"json": ASSET, "headers": {"Idempotency-Key": "of both"}}),
]

Apps = tuple[httpx.Client, httpx.Client]


@contextmanager
def both(services: Services, headers: Any) -> Iterator[Apps]:
    """Clients of the app as it is, and of the same one whose requests all go through the framework."""
    direct, framework = (create_app(lambda: nullcontext(services)) for _ in range(2))
    framework.answer_directly(())
    with (
        serving(direct, listening("127.0.0.1", 0)) as url,
        serving(framework, listening("127.0.0.1", 0)) as other,
        httpx.Client(base_url=url, headers=headers) as here,
        httpx.Client(base_url=other, headers=headers) as there,
    ):
        yield here, there


def shown(response: httpx.Response) -> tuple[int, set[tuple[str, str]], str]:
    """What an answer says but for its own id."""
    headers = {(name, value) for name, value in response.headers.items() if name not in OF_ONE_ANSWER}
    return response.status_code, headers, response.text.replace(response.headers["X-Request-ID"], "")


def test_answers_are_those_of_the_framework(client: Client, services: Services) -> None:
    asset = client.create()
    client.call("POST", "/v1/assets", json=ASSET, headers={"Idempotency-Key": "of both"})

    with both(services, client.http.headers) as (direct, framework):
        for method, path, options in REQUESTS:
            url = path.format(asset=asset)
            expected = shown(framework.request(method, url, **options))
            assert shown(direct.request(method, url, **options)) == expected, (method, path)


def test_a_fault_is_answered_and_logged_as_by_the_framework() -> None:
    with both(cast(Services, None), {"Authorization": "Bearer none"}) as apps, capture_logs() as logged:
        answers = [app.get("/v1/assets") for app in apps]

    assert shown(answers[0]) == shown(answers[1])
    assert [entry["request_id"] for entry in logged if entry["event"] == "fault"] == [
        problem(answer, 500, "internal-error")["request_id"] for answer in answers
    ]
