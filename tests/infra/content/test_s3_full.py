"""Buckets that keep versions, locks, and tell what is under way. Not every server does: ASSET_LEDGER_TEST_S3=ceph."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from minio import Minio
from minio.commonconfig import COMPLIANCE, ENABLED
from minio.retention import Retention
from minio.versioningconfig import VersioningConfig

from infra.content.s3 import S3Store
from infra.content.store import ObjectNotFoundError, StoreUnavailableError

KEY = "tenant/asset/1"


def versions(client: Minio, bucket: str) -> int:
    return len(list(client.list_objects(bucket, recursive=True, include_version=True)))


@pytest.fixture
def locking(client: Minio) -> str:
    """A bucket that can lock objects, and so keeps versions."""
    name = f"bucket-{uuid4().hex}"
    client.make_bucket(name, object_lock=True)
    return name


def test_all_versions_of_a_deleted_object_are_gone(client: Minio, bucket: str) -> None:
    store = S3Store(client, bucket)
    store.write(KEY, [b"before there were versions"])
    client.set_bucket_versioning(bucket, VersioningConfig(ENABLED))
    for data in (b"one", b"two"):
        store.write(KEY, [data])
    client.remove_object(bucket, KEY)
    store.write(KEY + "0", [b"another"])
    assert versions(client, bucket) == 5
    with pytest.raises(ObjectNotFoundError):
        store.stat(KEY)
    store.delete(KEY)
    assert [key for key, _ in store.objects()] == [KEY + "0"]
    assert versions(client, bucket) == 1


def test_deleting_what_is_not_there_makes_no_version(client: Minio, bucket: str) -> None:
    client.set_bucket_versioning(bucket, VersioningConfig(ENABLED))
    S3Store(client, bucket).delete(KEY)
    assert versions(client, bucket) == 0


def test_an_object_under_a_legal_hold_is_deleted_once_the_hold_is_lifted(client: Minio, locking: str) -> None:
    store = S3Store(client, locking)
    store.write(KEY, [b"bytes"])
    client.enable_object_legal_hold(locking, KEY)
    with pytest.raises(StoreUnavailableError, match="AccessDenied"):
        store.delete(KEY)
    assert store.stat(KEY).size == 5
    client.disable_object_legal_hold(locking, KEY)
    store.delete(KEY)
    assert versions(client, locking) == 0


def test_an_object_under_retention_is_not_deleted(client: Minio, locking: str) -> None:
    store = S3Store(client, locking)
    store.write(KEY, [b"bytes"])
    client.set_object_retention(locking, KEY, Retention(COMPLIANCE, datetime.now(UTC) + timedelta(days=1)))
    with pytest.raises(StoreUnavailableError, match="AccessDenied"):
        store.delete(KEY)
    assert store.stat(KEY).size == 5


def test_what_a_writer_that_died_has_sent_is_swept_once_it_is_old_and_nothing_of_others(
    client: Minio, bucket: str
) -> None:
    ours, others = S3Store(client, bucket, "ours"), S3Store(client, bucket, "others")
    key, now = f"{uuid4()}/asset/1", datetime.now(UTC)
    died, theirs, elsewhere = ours.begin(key), others.begin(key), ours.begin("not-a-tenant/asset/1")
    assert httpx.put(ours.sign_part(key, died, 1, timedelta(minutes=1)), content=b"left behind").status_code == 200
    ours.remove_unfinished(now - timedelta(hours=1))
    assert [part.size for part in ours.parts(key, died)] == [11]
    ours.remove_unfinished(now + timedelta(hours=1))
    with pytest.raises(ObjectNotFoundError):
        ours.parts(key, died)
    assert others.parts(key, theirs) == ours.parts("not-a-tenant/asset/1", elsewhere) == []


def test_all_that_writers_that_died_have_begun_is_swept_when_it_fills_more_than_a_page(s3: S3Store) -> None:
    tenant_id = uuid4()
    begun = [(key, s3.begin(key)) for key in (f"{tenant_id}/asset/{number}" for number in range(1001))]
    s3.remove_unfinished(datetime.now(UTC) + timedelta(hours=1))
    for key, upload in begun:
        with pytest.raises(ObjectNotFoundError):
            s3.parts(key, upload)
