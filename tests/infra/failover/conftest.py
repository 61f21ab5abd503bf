"""Pairs of servers, and ledgers on them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.settings import Settings
from tests.infra.failover.pooler import program
from tests.infra.failover.servers import Pair, pair, stopped_pair

collect_ignore = [] if program() else ["test_behind_pgbouncer.py"]


def pytest_report_header() -> str:
    """Say what is left out where."""
    return "pgbouncer: " + (program() or "not installed, what is tested behind it is left out")


@pytest.fixture(scope="session")
def stopped() -> Iterator[Path]:
    """A pair to copy."""
    with stopped_pair() as servers:
        yield servers


@pytest.fixture
def synchronous(stopped: Path) -> Iterator[Pair]:
    """A primary whose commits wait for its standby."""
    with pair(stopped, synchronous=True) as servers:
        yield servers


@pytest.fixture
def late(stopped: Path) -> Iterator[Pair]:
    """A primary that does not wait for its standby."""
    with pair(stopped, synchronous=False) as servers:
        yield servers


@pytest.fixture
def unfollowed(settings: Settings) -> Settings:
    """Settings of a ledger whose read models stand still."""
    return settings.model_copy(update={"follow": False, "pool_size": 8})
