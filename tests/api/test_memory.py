"""The memory that refused requests cost: whatever is sent, little more than its bytes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from api.batch import MAX_BATCH_BODY, NDJSON
from api.composition import connected
from api.routers import policies
from api.whole_body import MAX_BODY
from domain.event import Actor
from infra.servers import Servers
from infra.settings import Settings
from tests.api.content.test_crashes import environment
from tests.api.served_process import ServedProcess, serve
from tests.conftest import context, new_tenant

MIB = 1 << 20
GROWTH = 5 * MAX_BATCH_BODY
JSON = "application/json"


@pytest.fixture
def key(databases: Servers, settings: Settings) -> str:
    """A key of a tenant in the databases of this test."""
    with connected(settings.model_copy(update={"follow": False}), databases) as services:
        return services.tenants.issue_key(context(), new_tenant(services), Actor(id="ann", type="user"))


@pytest.fixture
def served(databases: Servers, settings: Settings, key: str, tmp_path: Path) -> Iterator[ServedProcess]:
    """The service in a process of its own, which has answered a request of each size."""
    with serve(environment(settings, databases), tmp_path / "log") as process:
        for body in (b"{}", b" " * MAX_BODY):
            assert post(process, key, "/v1/assets", body) == 422
        yield process


def post(served: ServedProcess, key: str, path: str, body: bytes, kind: str = JSON) -> int:
    """The status that is answered."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": kind}
    return httpx.post(f"{served.url}{path}", content=body, headers=headers, timeout=120).status_code


def filled(item: bytes, size: int, begin: bytes = b"[", between: bytes = b",", end: bytes = b"]") -> bytes:
    """As many items as go into so many bytes."""
    count = (size - len(begin) - len(end)) // (len(item) + len(between))
    return begin + between.join([item] * count) + end


ITEMS = {
    "objects": filled(b"{}", MAX_BATCH_BODY),
    "arrays": filled(b"[]", MAX_BATCH_BODY),
    "numbers": filled(b"1", MAX_BATCH_BODY),
    "fractions": filled(b"1.5", MAX_BATCH_BODY),
    "strings": filled(b'"ab"', MAX_BATCH_BODY),
    "members": filled(b'"a":1', MAX_BATCH_BODY, b"[{", b",", b"}]"),
    "arrays within": b"[" + filled(filled(b"[]", 1_000), MAX_BATCH_BODY - 9) + b"]",
    "depth": b"[" * MAX_BATCH_BODY,
    "as many values as may be": filled(b"{}", 3 * 249_990),
    "a thousand of many values": filled(filled(b"{}", 700), 1_000 * 701),
    "a thousand of many unknown members": filled(b"{%s}" % b",".join(b'"%d":1' % n for n in range(240)), 1_000 * 2_072),
    "a thousand large ones": filled(b'{"name":"%s"}' % (b"x," * 8_000), MAX_BATCH_BODY),
}
LINES = {
    "objects": filled(b"{}", MAX_BATCH_BODY, b"", b"\n", b""),
    "numbers": filled(b"1", MAX_BATCH_BODY, b"", b"\n", b""),
    "empty": b"\n" * MAX_BATCH_BODY,
    "one": b"1" * MAX_BATCH_BODY,
    "arrays": filled(filled(b"[]", 9_000), MAX_BATCH_BODY, b"", b"\r\n", b""),
}
NUMBERED = b"{" + b",".join(b'"%d":1' % number for number in range(80_000)) + b"}"
SINGLE = {
    "/v1/assets": [
        filled(b"1", MAX_BODY, b'{"tags":[', b",", b"]}"),
        filled(b"{}", MAX_BODY, b'{"references":[', b",", b"]}"),
        filled(b'"a"', MAX_BODY, b'{"references":[', b",", b"]}"),
        filled(b"[[]]", MAX_BODY, b'{"metadata":{"a":[', b",", b"]},x}"),
        filled(b'{"a":1}', MAX_BODY, b'{"metadata":{"a":[', b",", b"]}}"),
    ],
    "/v1/links": [filled(b"1", MAX_BODY, b'{"references":["a:b"],"asset_ids":[', b",", b"]}")],
    "/v1/jobs": [filled(b"{}", MAX_BODY, b'{"media_kind":"image","references":[', b",", b"]}")],
    "/v1/assets/from-urls": [filled(b"{}", MAX_BODY, b'{"items":[', b",", b"]}")],
    policies.BATCH_PATH: [filled(b"{}", MAX_BATCH_BODY), filled(b"{}", 3 * 249_990)],
}


def test_no_batch_that_is_refused_costs_more_than_its_bytes(served: ServedProcess, key: str) -> None:
    before = served.peak_memory()
    for path in ("/v1/assets/batch", "/v1/jobs/batch"):
        for name, body in ITEMS.items():
            assert post(served, key, path, body) in {200, 422}, name
            assert served.peak_memory() - before < GROWTH, name
        for name, body in LINES.items():
            assert post(served, key, path, body, NDJSON) in {200, 422}, name
            assert served.peak_memory() - before < GROWTH, name


def test_no_body_that_is_refused_costs_much(served: ServedProcess, key: str) -> None:
    before = served.peak_memory()
    for path, bodies in SINGLE.items():
        for body in bodies:
            assert post(served, key, path, body) in {413, 422}, (path, body[:40])
            assert served.peak_memory() - before < GROWTH, (path, body[:40])


def test_what_is_wrong_with_many_members_is_said_of_one_body_at_a_time(served: ServedProcess, key: str) -> None:
    before = served.peak_memory()
    for body in (NUMBERED, b'{"media":%s}' % NUMBERED):
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(post, served, key, path, body) for path in ("/v1/assets", "/v1/jobs") * 4]
            assert {answer.result() for answer in asked} <= {422, 429}
    assert served.peak_memory() - before < 3 * GROWTH


def test_many_bodies_at_once_share_what_there_is(served: ServedProcess, key: str) -> None:
    before = served.peak_memory()
    bodies = [ITEMS["objects"], ITEMS["as many values as may be"], LINES["objects"], ITEMS["a thousand large ones"]] * 4
    with ThreadPoolExecutor(len(bodies)) as pool:
        statuses = set(pool.map(lambda body: post(served, key, "/v1/assets/batch", body), bodies))
    assert {422, 429} <= statuses <= {200, 422, 429}
    assert served.peak_memory() - before < 4 * GROWTH


PART = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
FORMS = {
    "parts of one name": filled(PART, 8 * MIB, b"", b"", b""),
    "parts of many names": b"".join(PART.replace(b'"a"', b'"%d"' % number) for number in range(100_000)),
    "one long header": b"--b\r\nX: " + b"x" * 8 * MIB,
    "many headers": b"--b\r\n" + b"".join(b"X-%d: x\r\n" % number for number in range(500_000)),
    "a long field": PART[:-3] + b"x" * 8 * MIB,
    "line ends": PART[:-3].replace(b'"a"', b'"file"') + b"\r\n" * 4 * MIB,
    "hyphens": PART[:-3].replace(b'"a"', b'"file"') + b"\r\n--" * 2 * MIB,
}


def test_no_form_that_is_refused_costs_much(served: ServedProcess, key: str) -> None:
    before = served.peak_memory()
    for name, body in FORMS.items():
        assert post(served, key, "/v1/assets/upload", body, "multipart/form-data; boundary=b") == 422, name
        assert served.peak_memory() - before < GROWTH, name


QUERIES = ("x=1", "workflow_id=1", "ref=a:b", "id=1", "limit=1", "&", "%41")


def test_no_query_that_is_refused_costs_much(served: ServedProcess, key: str) -> None:
    before = served.peak_memory()
    for item in QUERIES:
        for path in ("/v1/assets", "/v1/assets/zip", "/v1/jobs", "/v1/events"):
            query = "&".join([item] * (15_000 // (len(item) + 1)))
            headers = {"Authorization": f"Bearer {key}"}
            assert httpx.get(f"{served.url}{path}?{query}", headers=headers, timeout=60).status_code in {200, 422}
            assert served.peak_memory() - before < GROWTH, (path, item)
