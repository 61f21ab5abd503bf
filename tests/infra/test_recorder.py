"""The library's own test cases for recorders, on the log. Only the constructor is adapted."""

import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.tests import persistence as cases
from uuid_utils.compat import uuid7

from api.composition import Services
from infra.event_log.recorder import LogRecorder
from tests.conftest import empty_log


class OnTheLog:
    """Gives each test case a recorder of an empty log, in a database of its own."""

    services: Services

    @pytest.fixture(autouse=True)
    def _ledger(self, quiet: Services) -> None:
        self.services = quiet

    def create_recorder(self) -> LogRecorder:
        return self.services.log.of(empty_log(self.services)).recorder


class TestApplicationRecorder(OnTheLog, cases.ApplicationRecorderTestCase[LogRecorder]):
    """Appending, conflicts, paging by position, concurrent writers and readers, subscriptions."""

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleavingPositions(OnTheLog, cases.NonInterleavingNotificationIDsBaseCase):
    """The positions of one append are never mixed with another's."""


def test_positions_are_notification_ids_and_each_tenant_has_its_own(quiet: Services) -> None:
    first, second = (quiet.log.of(empty_log(quiet)).recorder for _ in range(2))
    for recorder in (first, second, first):
        event = StoredEvent(uuid7(), 1, "topic", b"{}")
        recorder.insert_events([event])
    assert [entry.id for entry in first.select_notifications(None, 10)] == [1, 2]
    assert [entry.id for entry in second.select_notifications(None, 10)] == [1]
