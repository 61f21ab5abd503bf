"""Where the commands of a module run: on an embedded PostgreSQL of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.embedded_postgres.cluster import EmbeddedCluster, start


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A data directory of this module's own."""
    directory = Path(tempfile.mkdtemp(prefix="ledger-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def running(data: Path) -> Iterator[EmbeddedCluster]:
    """Its PostgreSQL, kept running between commands."""
    with start(data) as cluster:
        yield cluster


@pytest.fixture
def environment(data: Path, running: EmbeddedCluster) -> dict[str, str]:
    """Settings for the commands."""
    assert running.conninfo("postgres")
    return os.environ | {"ASSET_LEDGER_DATA": str(data), "COLUMNS": "200"}
