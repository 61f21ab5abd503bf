"""Pairs of servers, and ledgers on them."""

from collections.abc import Iterator

import pytest

from infra.settings import Settings
from tests.infra.failover.servers import Pair, pair


@pytest.fixture
def synchronous() -> Iterator[Pair]:
    """A primary whose commits wait for its standby."""
    with pair(synchronous=True) as made:
        yield made


@pytest.fixture
def late() -> Iterator[Pair]:
    """A primary that does not wait for its standby."""
    with pair(synchronous=False) as made:
        yield made


@pytest.fixture
def unfollowed(settings: Settings) -> Settings:
    """Settings of a ledger whose read models stand still."""
    return settings.model_copy(update={"follow": False, "pool_size": 8})
