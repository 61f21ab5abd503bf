"""The end of a process that serves: in order if it can be, and in any case within ten seconds."""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable

import structlog

STOP_SECONDS = 9.0
"""From the signal to the end, with a second left for the system."""

_LOG = structlog.get_logger()


def heed_stop_signals() -> Callable[[], object]:
    """Have SIGINT and SIGTERM noted from now on; returns what waits for one of them.

    If the process has not ended by itself within the time after one, it is ended then. An embedded PostgreSQL is
    stopped all the same, by its own watchdog, once its last user is gone.
    """
    reading, writing = os.pipe()
    stopping = threading.Event()
    threading.Thread(target=_end_overdue, args=(reading, stopping), name="stop-deadline", daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        # A pipe: a handler that sets the event that its own thread waits for can lock itself out.
        signal.signal(number, lambda *_: os.write(writing, b"."))
    return stopping.wait


def _end_overdue(reading: int, stopping: threading.Event) -> None:
    os.read(reading, 1)
    stopping.set()
    time.sleep(STOP_SECONDS)
    _LOG.error("ended without being done", seconds=STOP_SECONDS, hanging=hanging())
    os._exit(1)


def hanging() -> list[str]:
    """The other threads that run, each with the place where it waits."""
    frames = sys._current_frames()  # noqa: SLF001 - there is no other way to see where threads are
    own = threading.get_ident()
    places = ((thread.name, frames.get(thread.ident or 0)) for thread in threading.enumerate() if thread.ident != own)
    return [f"{name}: {_place(traceback.extract_stack(frame))}" for name, frame in places if frame is not None]


def _place(stack: traceback.StackSummary) -> str:
    last = stack[-1]
    return f"{last.name} ({'/'.join(last.filename.split('/')[-2:])}:{last.lineno})"
