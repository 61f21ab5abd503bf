"""The command line in a process whose clock is wrong: `python -m tests.http.content.moved_clock DAYS FILE COMMAND …`.

Every `datetime.now` and `time.time` of the process is moved, that of libraries too; files and the monotonic clock are
not. To the file goes a line whenever everything in the background has been looked after once.
"""

import ctypes
import gc
import sys
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any


def move(by: timedelta) -> None:
    """Move this process's clock. Its type is built in, so that its table of methods has to be changed."""
    now, seconds = datetime.now, time.time

    def moved(_: type[datetime], tz: tzinfo | None = None) -> datetime:
        return now(tz) + by

    methods: Any = gc.get_referents(datetime.__dict__)[0]
    methods["now"] = classmethod(moved)
    methods["utcnow"] = classmethod(lambda cls: moved(cls, None))
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime))
    time.time = lambda: seconds() + by.total_seconds()


def report_looks(to: Path) -> None:
    """Have the content's watch look at everything, again and again, and note every look once it is over."""
    from api.workers import content_watch  # noqa: PLC0415 - after the clock was moved

    content_watch.PAUSE = 0.1
    content_watch.ROUNDS_BETWEEN_RETENTION = content_watch.ROUNDS_BETWEEN_SWEEPS = 1
    look = content_watch.ContentWatch.look

    def looked(self: content_watch.ContentWatch, **at: bool) -> None:
        try:
            look(self, **at)
        finally:
            with to.open("a") as file:
                file.write("looked\n")

    content_watch.ContentWatch.look = looked  # type: ignore[method-assign]


if __name__ == "__main__":
    days, noted, *arguments = sys.argv[1:]
    move(timedelta(days=float(days)))
    report_looks(Path(noted))
    from api.cli.main import main

    sys.argv = ["asset-ledger", *arguments]
    main()
