"""The memory that refused requests cost: whatever is sent, little more than its bytes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import httpx
import pytest

from api.composition import connected
from api.http.batch_bodies import MAX_BATCH_BODY, NDJSON
from api.http.request_body import MAX_BODY
from api.http.routers import policies
from domain.event import Actor
from infra.databases import Databases
from infra.embedded_postgres.cluster import EmbeddedCluster
from infra.settings import Settings
from tests.conftest import cloned, context, new_tenant
from tests.program import ServedProcess, environment_of, serve

MIB = 1 << 20
GROWTH = 5 * MAX_BATCH_BODY
JSON = "application/json"


class Served(NamedTuple):
    """The service in a process of its own, a key, and the most memory that it had before any test."""

    process: ServedProcess
    key: str
    before: int

    def growth(self) -> int:
        """How much more memory it has ever had since, in bytes, whichever test it was that cost it."""
        return self.process.peak_memory() - self.before


@pytest.fixture(scope="module")
def served(
    cluster: EmbeddedCluster, template: Databases, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The service, which has answered a request of each size."""
    with cloned(cluster, template) as databases:
        with connected(settings.model_copy(update={"follow": False}), databases) as services:
            key = services.api_keys.issue(context(), new_tenant(services), Actor(id="ann", type="user"))
        log = tmp_path_factory.mktemp("memory") / "log"
        with serve(environment_of(settings, databases), log) as process:
            for body in (b"{}", b" " * MAX_BODY):
                assert post(Served(process, key, 0), "/v1/assets", body) == 422
            yield Served(process, key, process.peak_memory())


def post(served: Served, path: str, body: bytes, kind: str = JSON) -> int:
    """The status that is answered."""
    headers = {"Authorization": f"Bearer {served.key}", "Content-Type": kind}
    return httpx.post(f"{served.process.url}{path}", content=body, headers=headers, timeout=120).status_code


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
VALIDATED = [name for name in ITEMS if name.startswith(("as many", "a thousand"))]
"""Those that are not refused before an item is looked at, which each kind of batch does in its own way."""
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


def test_no_batch_that_is_refused_costs_more_than_its_bytes(served: Served) -> None:
    assets, jobs = "/v1/assets/batch", "/v1/jobs/batch"
    sent = [(assets, JSON, name, body) for name, body in ITEMS.items()]
    sent += [(assets, NDJSON, name, body) for name, body in LINES.items()]
    sent += [(jobs, JSON, name, ITEMS[name]) for name in VALIDATED] + [(jobs, NDJSON, "objects", LINES["objects"])]
    for path, kind, name, body in sent:
        assert post(served, path, body, kind) in {200, 422}, (path, name)
        assert served.growth() < GROWTH, (path, name)


def test_no_body_that_is_refused_costs_much(served: Served) -> None:
    for path, bodies in SINGLE.items():
        for body in bodies:
            assert post(served, path, body) in {413, 422}, (path, body[:40])
            assert served.growth() < GROWTH, (path, body[:40])


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


def test_no_form_that_is_refused_costs_much(served: Served) -> None:
    for name, body in FORMS.items():
        assert post(served, "/v1/assets/upload", body, "multipart/form-data; boundary=b") == 422, name
        assert served.growth() < GROWTH, name


QUERIES = ("x=1", "workflow_id=1", "ref=a:b", "id=1", "limit=1", "&", "%41")


def test_no_query_that_is_refused_costs_much(served: Served) -> None:
    for item in QUERIES:
        for path in ("/v1/assets", "/v1/assets/zip", "/v1/jobs", "/v1/events"):
            query = "&".join([item] * (15_000 // (len(item) + 1)))
            headers = {"Authorization": f"Bearer {served.key}"}
            assert httpx.get(f"{served.process.url}{path}?{query}", headers=headers, timeout=60).status_code in {
                200,
                422,
            }
            assert served.growth() < GROWTH, (path, item)


def test_what_is_wrong_with_many_members_is_said_of_one_body_at_a_time(served: Served) -> None:
    for body in (NUMBERED, b'{"media":%s}' % NUMBERED):
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(post, served, path, body) for path in ("/v1/assets", "/v1/jobs") * 2]
            assert {answer.result() for answer in asked} <= {422, 429}
    assert served.growth() < 3 * GROWTH


def test_many_bodies_at_once_share_what_there_is(served: Served) -> None:
    bodies = [ITEMS["objects"], ITEMS["as many values as may be"], LINES["objects"], ITEMS["a thousand large ones"]] * 4
    with ThreadPoolExecutor(len(bodies)) as pool:
        statuses = set(pool.map(lambda body: post(served, "/v1/assets/batch", body), bodies))
    assert {422, 429} <= statuses <= {200, 422, 429}
    assert served.growth() < 4 * GROWTH
