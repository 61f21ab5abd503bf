"""Threads that work in the background: restarted after an unexpected error, and giving signs of life."""

import threading
import time
from collections import deque
from collections.abc import Callable

import structlog

PAUSE_AFTER_FAILURE = 2.0
FAILURES = 3
FAILING_SECONDS = 300.0
"""A thread that failed so often within so long does not work."""
OVERDUE_SECONDS = 120.0

_LOG = structlog.get_logger()


class SupervisedThread(threading.Thread):
    """A thread that does one piece of work until that returns, and begins it again if it raises.

    The work gives a sign of life (`beat`) at least every `overdue` seconds. It ends by returning, once its owner has
    told it to or, where it is `brief`, when nothing is left to do; `pause` is how the thread waits before it begins
    again.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], None],
        *,
        brief: bool = False,
        overdue: float = OVERDUE_SECONDS,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self._brief = brief
        self._has_returned = False
        self._overdue = overdue
        self._pause = pause
        self._failures = deque[float](maxlen=FAILURES)
        self.trouble: str | None = None
        """What keeps the work from going on just now, such as a database that is away."""
        self.beat()

    def beat(self, within: float | None = None) -> None:
        """Give a sign of life; the next one comes within so many seconds, else within the usual time."""
        self._last = time.monotonic()
        self._next = self._last + (within or self._overdue)

    def failed(self) -> None:
        """Count an unexpected error."""
        self._failures.append(time.monotonic())

    @property
    def seconds_silent(self) -> float:
        """The seconds since the last sign of life."""
        return time.monotonic() - self._last

    @property
    def alive(self) -> bool:
        """Whether the thread runs and gives signs of life, or was brief and is done."""
        has_ended = self._brief and self._has_returned
        return has_ended or (self.is_alive() and time.monotonic() < self._next)

    @property
    def works(self) -> bool:
        """Whether the thread is alive and in no trouble, and has not failed again and again within the last minutes."""
        often = len(self._failures) == FAILURES
        failing = often and time.monotonic() - self._failures[0] < FAILING_SECONDS
        return self.alive and self.trouble is None and not failing

    def run(self) -> None:
        """Do the work until it returns."""
        while True:
            self.beat()
            try:
                self._work()
            except BaseException:  # noqa: BLE001 - whatever it was, what the thread is there for goes on
                self.failed()
                _LOG.exception("thread failed", thread=self.name)
                self._pause(PAUSE_AFTER_FAILURE)
            else:
                self._has_returned = True
                return
