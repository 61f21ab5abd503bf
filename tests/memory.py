"""Where the databases of tests are: in memory, as a disk that others write to lets each of them wait for seconds."""

import shutil
from pathlib import Path

MEMORY = "/dev/shm"  # noqa: S108 - folders in it are made by tempfile, with names of their own
DISK = "/tmp"  # noqa: S108 - the same; the path is short enough for a socket, and any account may enter it
ROOM = 6 << 30
"""Free bytes that there must be: the databases of a few workers, and what PostgreSQL shares between its processes."""


def quick_folder() -> str:
    """A folder whose files are in memory, or one on the disk where memory has no room."""
    return MEMORY if Path(MEMORY).is_dir() and shutil.disk_usage(MEMORY).free > ROOM else DISK
