"""Directories for clusters of a test's own."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.embedding import eventually, nothing_runs
from tests.memory import quick_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a directory that the server's user may enter, unlike pytest's own for root."""
    directory = Path(tempfile.mkdtemp(prefix="ledger-", dir=quick_folder())).resolve()
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def data_dir(folder: Path) -> Iterator[Path]:
    path = folder / "data"
    yield path
    if (path / "locks").exists():
        eventually(lambda: nothing_runs(path))
