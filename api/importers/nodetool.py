"""A nodetool database (SQLite) and the folder with its content: jobs, and the assets they made."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from api.application.imports.items import Item, JobItem, SourceUnreadableError, Unreadable, one_line
from api.importers.nodetool_rows import Row, asset_of, id_of, is_folder, job_of, suffix_of, time_of

JOBS = "SELECT * FROM nodetool_jobs ORDER BY id"
JOB = "SELECT * FROM nodetool_jobs WHERE id = ?"
ASSETS = "SELECT * FROM nodetool_assets ORDER BY id"
HAS_JOBS = "SELECT count(*) FROM sqlite_master WHERE name = 'nodetool_jobs'"
NOTE = "INSERT INTO content_files VALUES (?, ?)"
NOTED = """
SELECT name FROM content_files WHERE name = ?1 OR stem = ?1 ORDER BY name = ?1 DESC, name = ?2 DESC, name LIMIT 1
"""


def read(database: Path, files: Path | None = None) -> Iterator[JobItem | Item | Unreadable]:
    """Every job (`job:<id>`), then every asset (`asset:<id>`) with the job that made it, each in the order of ids.

    All of it is as of one moment, even while nodetool goes on writing. Folders are no assets and are left out: an
    asset in one has the reference `folder:<id>`. The asset's content is the regular file `<id>` or `<id>.<ending>`
    right in `files`; an asset without one is Unreadable, unless no `files` are given. Raises SourceUnreadableError,
    when the first is asked for, if database or folder cannot be read.
    """
    with _opened(database) as connection:
        yield from _Source(connection, files).items()


@contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    try:
        uri = f"{database.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            # What is not UTF-8 is found out row by row, instead of ending the reading.
            connection.text_factory = lambda text: text.decode(errors="surrogateescape")
            connection.execute("BEGIN")
            yield connection
    except sqlite3.Error as error:
        raise SourceUnreadableError(f"{database} cannot be read as nodetool's database: {error}.") from error


class _Source:
    """An open database, in which the names of the content's files are noted."""

    def __init__(self, connection: sqlite3.Connection, files: Path | None) -> None:
        self._connection = connection
        self._files = files
        self._has_jobs = connection.execute(HAS_JOBS).fetchone()[0] > 0
        if files:
            self._note(files)

    def _rows(self, query: str, *parameters: object) -> Iterator[Row]:
        return (dict(row) for row in self._connection.execute(query, parameters))

    def items(self) -> Iterator[JobItem | Item | Unreadable]:
        yield from map(_job, self._rows(JOBS) if self._has_jobs else ())
        yield from (self._asset(row) for row in self._rows(ASSETS) if not is_folder(row))

    def _note(self, files: Path) -> None:
        """Note the files' names in a temporary table, which moves to disk by itself if they are many."""
        self._connection.execute("CREATE TEMP TABLE content_files (name TEXT PRIMARY KEY, stem TEXT) WITHOUT ROWID")
        self._connection.execute("CREATE INDEX temp.by_stem ON content_files (stem)")
        try:
            with os.scandir(files) as entries:
                names = (entry.name for entry in entries if entry.is_file(follow_symlinks=False))
                stems = ((name, name.rpartition(".")[0]) for name in names if _is_text(name))
                self._connection.executemany(NOTE, stems)
        except OSError as error:
            raise SourceUnreadableError(f"The folder {files} cannot be listed: {error.strerror}.") from error

    def _asset(self, row: Row) -> Item | Unreadable:
        try:
            id_, new = id_of(row), asset_of(row)
        except ValueError as error:
            return Unreadable(f"asset:{one_line(row.get('id'))}", one_line(error))
        content = self._content(id_, suffix_of(row))
        if self._files and content is None:
            return Unreadable(f"asset:{id_}", "there is no file with its content")
        return Item(f"asset:{id_}", new, content, time_of(row, "created_at"), self._job(new.run))

    def _job(self, id_: str | None) -> JobItem | None:
        """The job with this id; None if there is none, or it is Unreadable."""
        jobs = map(_job, self._rows(JOB, id_)) if id_ and self._has_jobs else ()
        return next((job for job in jobs if isinstance(job, JobItem)), None)

    def _content(self, id_: str, suffix: str) -> Path | None:
        """The file with the content; of several, the one whose name ends as the asset's does is preferred."""
        if self._files is None:
            return None
        return next((self._files / row["name"] for row in self._rows(NOTED, id_, f"{id_}{suffix}")), None)


def _job(row: Row) -> JobItem | Unreadable:
    try:
        return job_of(row)
    except ValueError as error:
        return Unreadable(f"job:{one_line(row.get('id'))}", one_line(error))


def _is_text(name: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in name)
