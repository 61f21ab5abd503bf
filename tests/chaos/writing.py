"""A process of writers: each thread appends to one tenant's log, and keeps what it was told before it goes on."""

import random
import threading
from collections import deque
from collections.abc import Sequence
from uuid import UUID, uuid5

from eventsourcing.application import AggregateNotFoundError
from eventsourcing.persistence import IntegrityError
from uuid_utils.compat import uuid7

from api.composition import Services
from domain.asset import asset as aggregate
from domain.asset import creation
from domain.asset.events import AssetEvent
from domain.asset.inputs import NewAsset, NewDescription
from domain.errors import LogBusyError, OutcomeUnknownError, QueueFullError, ServiceUnavailableError
from domain.event import Event
from domain.reference import Reference
from projections.states import ASSET
from tests.chaos.plan import TENANTS, THREADS, Plan, context, reaching, until_told
from tests.chaos.records import Records
from tests.chaos.requesting import Requests

SENT, ACKED, REFUSED, BUSY, UNAVAILABLE, UNKNOWN = "sarbu?"
LETTERS = {"acknowledged": ACKED, "unavailable": UNAVAILABLE, "unknown": UNKNOWN}
HOT_FOR = 500
"""Positions for which all writers of a tenant change one asset."""
REMEMBERED = 200
IMAGE = {"media_kind": "image", "format": "png", "width": 512, "height": 512}


def write(plan: Plan, name: str) -> None:
    """Append until told to end."""
    stopped = until_told()
    with reaching(plan, stopped) as services:
        records = Records(plan.directory, name)
        writers = [Writer(services, plan, name, number, records) for number in range(THREADS)]
        threads = [threading.Thread(target=writer.run, args=(stopped,)) for writer in writers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failed := [writer.failure for writer in writers if writer.failure]:
        raise failed[0]


class Writer:
    """One thread's appends."""

    def __init__(self, services: Services, plan: Plan, name: str, number: int, records: Records) -> None:
        self._tenant = number % TENANTS
        self._log = services.log.of(plan.tenants[self._tenant])
        self._size = plan.size
        self._chance = random.Random(f"{plan.seed} {name} {number}")  # noqa: S311 - chosen again by the same seed
        self._records = records
        self._mine: deque[UUID] = deque(maxlen=REMEMBERED)
        self._position = 0
        self._requests = Requests(services, self._log.tenant_id, self._tenant, self._chance, records)
        self.failure: Exception | None = None

    def run(self, stopped: threading.Event) -> None:
        """Append until told to end, or until something is wrong, which is kept."""
        try:
            while not stopped.is_set():
                self._once()
        except Exception as error:  # noqa: BLE001 - told by the process, which ends
            self.failure = error
            stopped.set()

    def _once(self) -> None:
        if self._chance.random() < self._size.requests:
            for outcome in self._requests.run():
                self._records.count(SENT)
                self._records.count(LETTERS[outcome])
            return
        share = self._chance.random()
        try:
            if share < self._size.batches:
                self._batch()
            elif share < self._size.batches + (1 - self._size.batches) / 3 or not self._mine:
                self._append([self._new(uuid7())])
            else:
                self._change()
        except ServiceUnavailableError:
            self._records.count(UNAVAILABLE.upper())  # before anything was sent

    def _batch(self) -> None:
        events = [self._new(uuid7()) for _ in range(self._chance.randint(2, self._size.largest_batch))]
        self._append(events)

    def _new(self, asset_id: UUID) -> AssetEvent:
        fields = {
            "media": IMAGE,
            "name": f"asset {self._chance.random()}",
            "tags": [self._chance.choice("abcdef")],
            "references": [f"message:m{self._chance.randrange(100)}"],
            "model": "sdxl",
        }
        return creation.create(context(), self._log.tenant_id, asset_id, NewAsset.model_validate(fields))

    def _change(self) -> None:
        """Change an asset, one's own or the one that everybody changes; now and then on what is no longer so."""
        hot = uuid5(self._log.tenant_id, str(self._position // HOT_FOR))
        asset_id = hot if self._chance.random() < 0.3 else self._chance.choice(self._mine)
        try:
            asset = self._log.state(asset_id, ASSET).asset
        except AggregateNotFoundError:
            self._append([self._new(asset_id)])
            return
        changed = self._append(self._decide(asset))
        if changed and self._chance.random() < 0.2 and self._append(self._decide(asset)):
            raise AssertionError(f"revision {asset.version + 1} of {asset_id} was given twice")

    def _decide(self, asset: aggregate.Asset) -> Sequence[AssetEvent]:
        if self._chance.random() < 0.5:
            return asset.describe(context(), NewDescription(name=f"renamed {self._chance.random()}"))
        return asset.link(context(), (Reference.parse(f"message:n{self._chance.randrange(10**9)}"),))

    def _append(self, events: Sequence[Event]) -> bool:
        """Append, and keep what was told; returns whether it is in the log for sure."""
        entries = [self._log.mapper.to_stored_event(event) for event in events]
        self._records.write("attempts", self._tenant, entries)
        self._records.count(SENT)
        try:
            places = self._log.recorder.append(entries)
        except OutcomeUnknownError:
            self._records.count(UNKNOWN)
            return False
        except (IntegrityError, ServiceUnavailableError) as error:
            self._records.write("refusals", self._tenant, entries)
            self._records.count(_letter(error))
            return False
        self._records.write("acks", self._tenant, entries, [place.position for place in places])
        self._records.count(ACKED)
        self._position = places[-1].position
        self._mine += (event.originator_id for event in events)
        return True


def _letter(error: Exception) -> str:
    if isinstance(error, IntegrityError):
        return REFUSED
    return BUSY if isinstance(error, (QueueFullError, LogBusyError)) else UNAVAILABLE
