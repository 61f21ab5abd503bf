"""Every test of content that uses a service runs on each of the two stores: a directory, and a bucket."""

import pytest

from api.composition import Services
from tests.conftest import Served


@pytest.fixture
def services(served: Served) -> Services:
    """What it is served with."""
    return served.services


@pytest.fixture
def url(served: Served) -> str:
    """Where it is served."""
    return served.url
