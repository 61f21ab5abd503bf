"""Uploads that several hands are at: whatever they do, what is recorded is there and is what was verified."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest

from api.application.content.direct_uploads import DirectUploads
from api.application.session import Session
from api.composition import Services
from api.workers.worker import own_session
from domain.errors import ContentMismatchError, UploadNotFoundError
from infra.content.store import SMALLEST_PART, ContentStore
from infra.content.upload_table import landing_key, object_key
from tests.conftest import Client
from tests.http.content_requests import CASTLE, begin, complete, part_urls, pending, seen, send, sha256, streamed


class Meanwhile:
    """A store in which something else happens once, just when somebody has begun to read an object."""

    def __init__(self, store: ContentStore, happens: Callable[[], object]) -> None:
        self._store = store
        self._happens = [happens]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def open(self, key: str, start: int = 0, length: int | None = None) -> Iterator[Iterator[bytes]]:
        with self._store.open(key, start, length) as chunks:
            while self._happens:
                self._happens.pop()()
            yield chunks


@pytest.fixture
def session(services: Services, client: Client) -> Session:
    """A session in which the ledger itself acts."""
    return own_session(services, client.tenant_id)


@pytest.fixture
def uploads(services: Services, session: Session) -> Callable[..., DirectUploads]:
    """Uploads on a store in which something happens meanwhile."""

    def make(happens: Callable[[], object] = lambda: None) -> DirectUploads:
        store: Any = Meanwhile(services.store, happens)
        return DirectUploads(replace(session, store=store), services.rules)

    return make


def completed(uploads: DirectUploads, upload: dict[str, Any]) -> None:
    uploads.complete(UUID(upload["asset_id"]), UUID(upload["id"]), None, None)


def stale(client: Client, upload: dict[str, Any]) -> httpx.Response:
    path = f"/v1/assets/{upload['asset_id']}/uploads/{upload['id']}/complete"
    return client.call("POST", path, headers={"If-Match": '"9"'})


def test_who_forgets_an_upload_that_has_just_been_recorded_removes_nothing(
    client: Client, uploads: Callable[..., DirectUploads]
) -> None:
    upload = begin(client, pending(client))
    send(upload, CASTLE)
    under_way = uploads().under_way(UUID(upload["asset_id"]), UUID(upload["id"]))
    assert complete(client, upload).status_code == 200
    with pytest.raises(UploadNotFoundError):
        uploads().abort(under_way)
    assert streamed(client, upload["asset_id"]).content == CASTLE


def test_an_upload_that_is_forgotten_while_it_is_verified_is_not_recorded(
    client: Client, uploads: Callable[..., DirectUploads]
) -> None:
    upload = begin(client, pending(client))
    send(upload, CASTLE)
    path = f"/v1/assets/{upload['asset_id']}/uploads/{upload['id']}"
    with pytest.raises(UploadNotFoundError):
        completed(uploads(lambda: client.call("DELETE", path)), upload)
    assert client.get(f"/v1/assets/{upload['asset_id']}").json()["status"] == "pending"


def test_bytes_that_are_refused_do_not_take_better_ones_along_that_were_recorded_meanwhile(
    client: Client, uploads: Callable[..., DirectUploads]
) -> None:
    upload = begin(client, pending(client), sha256=sha256(CASTLE))
    send(upload, b"not the castle")

    def better() -> None:
        assert complete(client, upload).status_code == 409
        send(upload, CASTLE)
        assert complete(client, upload).status_code == 200

    with pytest.raises(ContentMismatchError):
        completed(uploads(better), upload)
    assert streamed(client, upload["asset_id"]).content == CASTLE


def test_what_was_verified_is_not_recorded_once_other_bytes_have_taken_its_place(
    client: Client, uploads: Callable[..., DirectUploads]
) -> None:
    upload = begin(client, pending(client))
    send(upload, CASTLE)

    def others() -> None:
        send(upload, b"others")
        assert stale(client, upload).status_code == 412

    with pytest.raises(ContentMismatchError, match="Other bytes"):
        completed(uploads(others), upload)
    assert complete(client, upload).json()["content"]["sha256"] == sha256(b"others")
    assert streamed(client, upload["asset_id"]).content == b"others"


def test_what_was_verified_is_not_recorded_once_somebody_else_was_refused_and_removed_it(
    client: Client, services: Services, uploads: Callable[..., DirectUploads]
) -> None:
    upload = begin(client, pending(client), size=len(CASTLE))
    send(upload, CASTLE)
    landing = landing_key(object_key(client.tenant_id, UUID(upload["asset_id"]), UUID(upload["id"])))

    def refused() -> None:
        services.store.write(landing, b"another size".splitlines())
        assert complete(client, upload).status_code == 409

    with pytest.raises((ContentMismatchError, UploadNotFoundError)):  # a directory finds nothing to look into any more
        completed(uploads(refused), upload)
    assert client.get(f"/v1/assets/{upload['asset_id']}").json()["status"] == "pending"
    send(upload, CASTLE)
    assert complete(client, upload).status_code == 200
    assert streamed(client, upload["asset_id"]).content == CASTLE


def test_bytes_sent_after_a_completion_that_was_not_recorded_are_the_ones_that_count(client: Client) -> None:
    upload = begin(client, pending(client))
    send(upload, b"first")
    assert stale(client, upload).status_code == 412
    assert send(upload, b"second").status_code == 200
    assert complete(client, upload).json()["content"]["sha256"] == sha256(b"second")
    assert streamed(client, upload["asset_id"]).content == b"second"


def test_parts_of_more_bytes_than_announced_are_refused_before_they_are_joined(
    client: Client, services: Services
) -> None:
    upload = begin(client, pending(client, media={"media_kind": "file"}), size=10, part_size=SMALLEST_PART)
    joined: list[str] = []
    join = type(services.store).complete

    def noted_complete(store: Any, key: str, *parts: Any) -> None:
        joined.append(key)
        join(store, key, *parts)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(services.store), "complete", noted_complete)
        assert httpx.put(part_urls(client, upload, 1)[1], content=b"eleven char").status_code == 200
        refused = complete(client, upload)
    assert (refused.status_code, joined) == (409, [])
    assert "10 bytes were announced" in refused.json()["detail"]
    assert seen(client, upload).status_code == 404


@pytest.mark.parametrize("served", ["directory"], indirect=True)
def test_a_part_has_no_more_bytes_than_parts_were_said_to_have(client: Client) -> None:
    upload = begin(client, pending(client), part_size=SMALLEST_PART)
    url = part_urls(client, upload, 1)[1]
    refused = httpx.put(url, content=b"x" * (SMALLEST_PART + 1))
    assert (refused.status_code, f"{SMALLEST_PART:,}" in refused.json()["detail"]) == (413, True)
    assert httpx.put(url.replace(f"most={SMALLEST_PART}", "most=99999999"), content=b"x").status_code == 403
