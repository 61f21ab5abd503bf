"""A directory and a bucket to keep content in."""

from pathlib import Path

import pytest
from minio import Minio

from api.composition import utc_now
from infra.content.directory import DirectoryStore
from infra.content.s3 import S3Store
from infra.content.signed_urls import UrlSigner
from infra.content.store import ContentStore
from tests.infra.content.chosen import IS_FULL
from tests.infra.content.servers import S3Server, new_bucket

collect_ignore = [] if IS_FULL else ["test_s3_full.py"]


@pytest.fixture
def client(s3_server: S3Server) -> Minio:
    """A client with the right keys."""
    return s3_server.client()


@pytest.fixture
def bucket(client: Minio) -> str:
    """An empty bucket."""
    return new_bucket(client)


@pytest.fixture
def s3(client: Minio, bucket: str) -> S3Store:
    """An empty store in a bucket."""
    return S3Store(client, bucket, "some/prefix")


@pytest.fixture
def signer() -> UrlSigner:
    """Signs URLs of a directory."""
    return UrlSigner(bytes(range(32)), "https://ledger.example")


@pytest.fixture
def directory(tmp_path: Path, signer: UrlSigner) -> DirectoryStore:
    """An empty store in a directory that is not there yet."""
    return DirectoryStore(tmp_path / "content", signer, utc_now)


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest) -> ContentStore:
    """Each of the two stores."""
    chosen: ContentStore = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture(params=["directory", "s3"] if IS_FULL else ["directory"])
def full_store(request: pytest.FixtureRequest) -> ContentStore:
    """Each store that takes a part twice, and parts whose numbers have gaps. rclone does not."""
    chosen: ContentStore = request.getfixturevalue(request.param)
    return chosen
