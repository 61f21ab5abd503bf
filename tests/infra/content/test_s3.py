"""The content store in a bucket: URLs over real HTTP, many objects, and servers that refuse."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from uuid import UUID

import httpx
import pytest
from minio import Minio
from structlog.testing import capture_logs

from infra.content.s3 import S3Store
from infra.content.s3_multipart import Multipart
from infra.content.store import SMALLEST_PART, ObjectNotFoundError, Part, StoreUnavailableError
from tests.infra.content.servers import SECRET_KEY, S3Server, free_port
from tests.infra.embedding import eventually

KEY = "tenant/asset/1"
TENANT = UUID(int=1)
MINUTE = timedelta(minutes=1)
REFUSED = {400, 403}


def content(store: S3Store) -> bytes:
    with store.open(KEY) as chunks:
        return b"".join(chunks)


def get_url(store: S3Store, expires: timedelta = MINUTE) -> str:
    return store.sign_get(KEY, expires, content_type="image/png", disposition='attachment; filename="ä b.png"')


def put_url(store: S3Store, expires: timedelta = MINUTE) -> str:
    return store.sign_put(KEY, expires, size=5, content_type="image/png")


def part_url(store: S3Store, expires: timedelta = MINUTE) -> str:
    return store.sign_part(KEY, store.begin(KEY), 1, expires)


URLS = pytest.mark.parametrize(("sign", "method"), [(get_url, "GET"), (put_url, "PUT"), (part_url, "PUT")])


def test_a_signed_url_answers_the_object_as_it_was_told(s3: S3Store) -> None:
    s3.write(KEY, [b"0123456789"])
    response = httpx.get(get_url(s3))
    assert (response.status_code, response.content) == (200, b"0123456789")
    assert response.headers["content-type"] == "image/png"
    assert 'filename="ä b.png"'.encode() in dict(response.headers.raw)[b"Content-Disposition"]
    assert httpx.get(get_url(s3), headers={"Range": "bytes=2-4"}).content == b"234"


def test_a_signed_url_takes_the_object(s3: S3Store) -> None:
    assert httpx.put(put_url(s3), content=b"bytes").status_code == 200
    assert content(s3) == b"bytes"


def test_signed_urls_take_the_parts(s3: S3Store) -> None:
    upload, large = s3.begin(KEY), b"1" * SMALLEST_PART
    for number, data in ((2, b"the end"), (1, large)):
        assert httpx.put(s3.sign_part(KEY, upload, number, MINUTE), content=data).status_code == 200
    s3.complete(KEY, upload, s3.parts(KEY, upload))
    assert content(s3) == large + b"the end"


@URLS
def test_a_url_is_good_for_nothing_else(s3: S3Store, sign: Callable[[S3Store], str], method: str) -> None:
    s3.write(KEY, [b"kept"])
    s3.write(KEY + "0", [b"other"])
    url = sign(s3)
    others = [
        url.replace(KEY, KEY + "0"),
        url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
        url + "&response-content-language=de",
        url[:-1] + ("0" if url[-1] != "0" else "1"),
    ]
    for other in others:
        assert httpx.request(method, other, content=b"forged").status_code in REFUSED
    assert httpx.request("PUT" if method == "GET" else "GET", url, content=b"forged").status_code in REFUSED
    assert httpx.delete(url).status_code in REFUSED
    assert content(s3) == b"kept"


@URLS
def test_a_url_expires(s3: S3Store, sign: Callable[[S3Store, timedelta], str], method: str) -> None:
    s3.write(KEY, [b"bytes"])
    url = sign(s3, timedelta(seconds=1))
    eventually(lambda: httpx.request(method, url, content=b"bytes").status_code in REFUSED)


def test_all_objects_are_listed_when_they_fill_more_than_a_page(s3: S3Store) -> None:
    keys = [f"tenant/asset/{number:04}" for number in range(1001)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.write(key, [b"x"]), keys))
    assert [key for key, _ in s3.objects()] == keys


def test_all_parts_are_listed_when_they_fill_more_than_a_page(s3: S3Store) -> None:
    upload = s3.begin(KEY)
    with httpx.Client() as http:
        for number in range(1, 1002):
            assert http.put(s3.sign_part(KEY, upload, number, MINUTE), content=b"x").status_code == 200
    assert [part.number for part in s3.parts(KEY, upload)] == list(range(1, 1002))


def test_stores_with_other_prefixes_share_a_bucket(client: Minio, bucket: str) -> None:
    narrow, other, whole = S3Store(client, bucket, "one"), S3Store(client, bucket, "one-more"), S3Store(client, bucket)
    narrow.write(KEY, [b"one"])
    other.write(KEY, [b"other"])
    assert (content(narrow), content(other)) == (b"one", b"other")
    assert [[key for key, _ in store.objects()] for store in (narrow, other)] == [[KEY], [KEY]]
    narrow.delete(KEY)
    assert [key for key, _ in whole.objects()] == [f"one-more/{KEY}"]


def test_a_write_that_fails_leaves_no_parts_behind(client: Minio, bucket: str) -> None:
    begun = []

    class Watched(Multipart):
        def begin(self, name: str) -> str:
            begun.append(super().begin(name))
            return begun[-1]

    store = S3Store(client, bucket)
    store._multipart = Watched(client, bucket)
    with pytest.raises(ZeroDivisionError):
        store.write(KEY, (bytes((20 << 20) // left) for left in (1, 1, 0)))
    (upload,) = begun
    with pytest.raises(ObjectNotFoundError):
        store.parts(KEY, upload)


def test_a_missing_bucket_is_named_with_a_remedy(client: Minio) -> None:
    with pytest.raises(StoreUnavailableError, match=r"^The bucket not-there .*NoSuchBucket.* Create it"):
        S3Store(client, "not-there").check()


def test_wrong_keys_are_told_with_a_remedy(s3_server: S3Server, bucket: str) -> None:
    for client in (s3_server.client(secret_key="wrong" + SECRET_KEY), s3_server.client(access_key="WRONGACCESSKEY")):
        with pytest.raises(StoreUnavailableError, match=rf"^The bucket {bucket} .* key.*\.$"):
            S3Store(client, bucket).check()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    store = S3Store(S3Server(f"127.0.0.1:{free_port()}").client(), "bucket")
    with pytest.raises(StoreUnavailableError, match="Look whether the server runs"):
        store.check()
    for use in (lambda: store.stat(KEY), lambda: store.write(KEY, [b"x"]), lambda: store.delete(KEY)):
        with pytest.raises(StoreUnavailableError, match="does not answer"):
            use()


@contextmanager
def answering(status: int, body: bytes, asked: list[str] | None = None) -> Iterator[S3Store]:
    """A server that answers every request like that, whatever it is asked; the store has a prefix."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            if asked is not None:
                asked.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815  # names that the base class looks for

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield S3Store(S3Server(f"127.0.0.1:{server.server_port}").client(), "bucket", "some/prefix")
        server.shutdown()


ERROR = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"


@pytest.mark.parametrize("body", [ERROR, b"<html>Bad gateway</html>", b""], ids=["S3", "a proxy's", "empty"])
def test_a_server_that_fails_is_unavailable(body: bytes) -> None:
    with answering(503, body) as store:
        for use in (lambda: store.write(KEY, [b"x"]), lambda: store.begin(KEY), lambda: list(store.objects())):
            with pytest.raises(StoreUnavailableError):
                use()


def test_a_failure_that_comes_as_a_success_is_noticed() -> None:
    with answering(200, ERROR) as store, pytest.raises(StoreUnavailableError, match="could not join"):
        store._multipart.complete(KEY, "upload", [Part(1, 1, "tag")])


LISTED = """<ListMultipartUploadsResult>
<Upload><Key>some/prefix/{id}/asset/1</Key><UploadId>old</UploadId><Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload>
<Upload><Key>some/prefix/{id}/asset/2</Key><UploadId>new</UploadId><Initiated>2026-01-03T00:00:00.000Z</Initiated></Upload>
<Upload><Key>some/prefix/others</Key><UploadId>others</UploadId><Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload>
</ListMultipartUploadsResult>"""


def test_uploads_in_parts_that_were_begun_long_ago_are_forgotten_and_no_others() -> None:
    asked: list[str] = []
    with answering(200, LISTED.format(id=TENANT).encode(), asked) as store:
        store.remove_unfinished(datetime(2026, 1, 2, tzinfo=UTC))
    listing, *aborting = asked
    assert listing.startswith("GET /bucket?")
    assert "prefix=some%2Fprefix%2F" in listing
    assert aborting == [f"DELETE /bucket/some/prefix/{TENANT}/asset/1?uploadId=old"]


def test_a_server_that_does_not_tell_which_uploads_there_are_is_left_alone_and_the_log_says_so_once() -> None:
    refusal = b"<Error><Code>NotImplemented</Code><Message>No.</Message></Error>"
    with answering(501, refusal) as store, capture_logs() as logged:
        store.remove_unfinished(datetime.now(UTC))
        store.remove_unfinished(datetime.now(UTC))
    assert [entry["event"] for entry in logged] == ["uploads in parts not swept"]


@pytest.mark.parametrize("status", [200, 503])
def test_a_sweep_of_a_server_that_fails_says_that_it_is_unavailable(status: int) -> None:
    with answering(status, b"<html>Bad gateway<br></html>") as store, pytest.raises(StoreUnavailableError):
        store.remove_unfinished(datetime.now(UTC))
