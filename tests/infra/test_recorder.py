"""The library's own test cases for recorders, on the log. Only the constructor is adapted."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import orjson
import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.tests import persistence as cases

from api.composition import Services
from infra.event_log.append_call import Place
from infra.event_log.recorder import LogEntry, LogRecorder
from tests.conftest import empty_log
from tests.infra.grouping import document, entry


class Enveloped(LogRecorder):
    """A recorder for any bytes: the log takes only documents of the envelope's form, and theirs are put into one."""

    def append(self, events: Sequence[StoredEvent], policy_revision: int | None = None) -> Sequence[Place]:
        return super().append([replace(event, state=self._document(event)) for event in events], policy_revision)

    def _entries(self, rows: Iterable[tuple[Any, ...]]) -> list[LogEntry]:
        entries = super()._entries(rows)
        return [replace(entry, state=base64.b64decode(orjson.loads(entry.state)["data"])) for entry in entries]

    def _document(self, event: StoredEvent) -> bytes:
        id_ = cast("UUID", event.originator_id)
        return document(self.tenant_id, id_, event.originator_version, event.topic, event.state)


class OnTheLog:
    """Gives each test case a recorder of an empty log, in a database of its own."""

    services: Services

    @pytest.fixture(autouse=True)
    def _ledger(self, quiet: Services) -> None:
        self.services = quiet

    def create_recorder(self) -> LogRecorder:
        recorder = self.services.log.of(empty_log(self.services)).recorder
        return Enveloped(recorder._database, recorder._writer, recorder.tenant_id)


class TestApplicationRecorder(OnTheLog, cases.ApplicationRecorderTestCase[LogRecorder]):
    """Appending, conflicts, paging by position, concurrent writers and readers, subscriptions."""

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleavingPositions(OnTheLog, cases.NonInterleavingNotificationIDsBaseCase):
    """The positions of one append are never mixed with another's."""


def test_positions_are_notification_ids_and_each_tenant_has_its_own(quiet: Services) -> None:
    first, second = (quiet.log.of(empty_log(quiet)).recorder for _ in range(2))
    for recorder in (first, second, first):
        recorder.insert_events([entry(recorder.tenant_id)])
    assert [entry.id for entry in first.select_notifications(None, 10)] == [1, 2]
    assert [entry.id for entry in second.select_notifications(None, 10)] == [1]
