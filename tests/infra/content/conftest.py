"""A directory and an S3 server to keep content in. ASSET_LEDGER_TEST_S3=ceph takes Ceph for the server."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from minio import Minio

from infra.content.directory import DirectoryStore
from infra.content.s3 import S3Store
from infra.content.signing import UrlSigner
from infra.content.store import ContentStore
from tests.infra.content.ceph import ceph
from tests.infra.content.rclone import rclone
from tests.infra.content.servers import S3Server

_SERVERS = {"rclone": rclone, "ceph": ceph}
_SERVER = os.environ.get("ASSET_LEDGER_TEST_S3", "rclone")
_FULL = _SERVER == "ceph"

collect_ignore = [] if _FULL else ["test_s3_full.py"]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """The server that the tests of this worker share, each with a bucket of its own."""
    with tempfile.TemporaryDirectory(prefix="ledger-s3-") as folder, _SERVERS[_SERVER](Path(folder)) as server:
        yield server


@pytest.fixture
def client(s3_server: S3Server) -> Minio:
    """A client with the right keys."""
    return s3_server.client()


@pytest.fixture
def bucket(client: Minio) -> str:
    """An empty bucket."""
    name = f"bucket-{uuid4().hex}"
    client.make_bucket(name)
    return name


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
    return DirectoryStore(tmp_path / "content", signer)


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest) -> ContentStore:
    """Each of the two stores."""
    made: ContentStore = request.getfixturevalue(request.param)
    return made


@pytest.fixture(params=["directory", "s3"] if _FULL else ["directory"])
def full_store(request: pytest.FixtureRequest) -> ContentStore:
    """Each store that takes a part twice, and parts whose numbers have gaps. rclone does not."""
    made: ContentStore = request.getfixturevalue(request.param)
    return made
