"""The library's subscription to a tenant's log."""

import threading
from collections.abc import Sequence

from eventsourcing.persistence import ApplicationRecorder, Notification, Subscription


class PollingSubscription(Subscription[ApplicationRecorder]):
    """Follows a log by asking for more: needs no NOTIFY, so it works behind any pooler."""

    POLL_SECONDS = 0.02
    PAGE = 500

    def __init__(self, recorder: ApplicationRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder, gt=gt, topics=topics)
        self._stop = threading.Event()
        self._page: list[Notification] = []

    def stop(self) -> None:
        """End the iteration, also while it waits."""
        super().stop()
        self._stop.set()

    def __next__(self) -> Notification:
        while not self._page and not self._has_been_stopped:
            self._page = list(
                self._recorder.select_notifications(
                    self._last_notification_id, self.PAGE, topics=self._topics, inclusive_of_start=False
                )
            )
            if not self._page:
                self._stop.wait(self.POLL_SECONDS)
        if self._has_been_stopped:
            raise StopIteration
        notification = self._page.pop(0)
        self._last_notification_id = notification.id
        return notification
