"""A folder of files: each regular file is an asset."""

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from api.application.imports.items import UNKNOWN_MEDIA, Item, SourceUnreadableError, Unreadable, new_asset, one_line


def read(root: Path) -> Iterator[Item | Unreadable]:
    """Every file in the folder and in those below it, in the order of names; its place is the path relative to root.

    The name is the file's, the time the file's last change; the media are for whoever looks at the content to say.
    What has a name that begins with a dot is left out without a word, folders with all that is in them. Links are not
    followed: they, what is neither file nor folder, and what is gone in the meantime are Unreadable.
    SourceUnreadableError, when the first is asked for, if root is no folder that can be listed.
    """
    try:
        waiting = _shown(root)
    except OSError as error:
        raise SourceUnreadableError(f"The folder {root} cannot be listed: {error.strerror}.") from error
    while waiting:
        path = Path(waiting.pop())
        place = os.fsencode(path.relative_to(root)).decode(errors="backslashreplace")
        try:
            status = path.lstat()
            if stat.S_ISDIR(status.st_mode):
                waiting.extend(_shown(path))
            else:
                yield _item(place, path, status)
        except (OSError, ValueError) as error:
            yield Unreadable(place, one_line(error.strerror if isinstance(error, OSError) else error))


def _shown(folder: Path) -> list[str]:
    """The paths of what the folder shows, the last first. OSError."""
    with os.scandir(folder) as entries:
        return sorted((entry.path for entry in entries if not entry.name.startswith(".")), reverse=True)


def _item(place: str, path: Path, status: os.stat_result) -> Item:
    """The item that the file is; ValueError if it is none."""
    if stat.S_ISLNK(status.st_mode):
        raise ValueError("is a link, and links are not followed")
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("is neither a file nor a folder")
    new = new_asset({"media": UNKNOWN_MEDIA, "name": path.name, "file_name": path.name})
    return Item(place, new, path, created_at=_time(status.st_mtime))


def _time(seconds: float) -> datetime | None:
    """The time so long after 1970; None beyond the calendar, where a file system may well put a file."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
