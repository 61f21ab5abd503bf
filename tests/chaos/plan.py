"""What a run is to be, and how its processes reach the ledger."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
from uuid_utils.compat import uuid7

from api.composition import Services, connected, utc_now
from domain.errors import ServiceUnavailableError
from domain.event import Actor, Context
from infra.databases import Databases
from infra.settings import Settings

TENANTS = 4
WRITERS, THREADS = 4, 4
FOLLOWERS = 4
WORKERS = 2
PAUSE = 0.05
"""Seconds between two looks at what cannot be waited for."""


@dataclass(frozen=True)
class Size:
    """How much is done, and what share of it how."""

    events: int
    rounds: int = 1
    """How often every fault happens."""
    batches: float = 0.2
    """The share of appends that are batches."""
    requests: float = 0.05
    """The share of what writers do that is requests, each a transaction of its own."""
    largest_batch: int = 100
    cuts: float = 0.001
    """The share of requests at which the connection is cut, besides the cuts of the rounds."""
    hold_seconds: float = 3
    projections: tuple[str, ...] = ()
    """Which read models are kept up to date; all if none is named."""


@dataclass(frozen=True)
class Plan:
    """Everything a process of the run is told."""

    directory: Path
    seed: int
    size: Size
    direct: Databases
    """The databases without the proxy."""
    servers: Databases
    settings: Settings
    tenants: tuple[UUID, ...]


def context() -> Context:
    """The circumstances of a command, now."""
    return Context(actor=Actor(id="chaos", type="system"), recorded_at=utc_now(), correlation_id=str(uuid7()))


def until_told() -> threading.Event:
    """An event that is set once this process is asked to end."""
    terminated = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: terminated.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return terminated


@contextmanager
def reaching(plan: Plan, stopped: threading.Event) -> Iterator[Services]:
    """The ledger, as soon as it can be reached."""
    with ExitStack() as stack:
        while True:
            try:
                services = stack.enter_context(connected(plan.settings, plan.servers))
            except (psycopg.OperationalError, ServiceUnavailableError):
                stopped.wait(PAUSE)
            else:
                break
        yield services
