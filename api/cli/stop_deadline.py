"""The end of a process that serves: in order if it can be, and in any case within ten seconds."""

import os
import sys
import threading
import time
import traceback

import structlog

from api.serving import wait_for_signal

STOP_SECONDS = 9.0
"""From the signal to the end, with a second left for the system."""

_LOG = structlog.get_logger()


def wait_to_be_stopped() -> None:
    """Return at the next SIGINT or SIGTERM; if the process has not ended by itself within the time, end it then.

    An embedded PostgreSQL is stopped all the same, by its own watchdog, once its last user is gone.
    """
    wait_for_signal()
    threading.Thread(target=_end_overdue, name="stop-deadline", daemon=True).start()


def _end_overdue() -> None:
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
