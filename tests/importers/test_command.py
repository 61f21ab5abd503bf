"""What the command makes of a path, and what it tells of an import."""

import io
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from api.application.imports.importer import Importer, SourceItem
from api.application.imports.items import SourceUnreadableError
from api.cli.imports import kind_of, run_import
from api.importers import folder, jsonl
from api.importers.nodetool import read
from tests.http.content_requests import SAMPLES
from tests.importers.databases import ASSET, JOB, Nodetool


@pytest.fixture
def printed_import(importing: Callable[..., Importer]) -> Callable[..., tuple[list[str], int]]:
    """The lines that an import prints where nobody watches, and how much could not be imported."""

    def run(source: Callable[[], Iterator[SourceItem]]) -> tuple[list[str], int]:
        printed = io.StringIO()
        listed = run_import(importing(), source, Console(file=printed, width=60))
        return printed.getvalue().split("\n")[:-1], listed

    return run


def test_a_folder_a_database_and_lines_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(b'\xef\xbb\xbf \r\n{"id": 1}')
    (tmp_path / "nothing").write_bytes(b"")
    with closing(sqlite3.connect(tmp_path / "database")) as connection:
        connection.execute("CREATE TABLE nodetool_assets (id)")
    kinds = [kind_of(tmp_path), *(kind_of(tmp_path / name) for name in ("lines", "nothing", "database"))]
    assert kinds == ["folder", "jsonl", "jsonl", "nodetool"]


@pytest.mark.parametrize("name", ["castle.png", "chime.wav", "brief.pdf", "README.md"])
def test_what_is_none_of_them_is_refused_as_a_whole(name: str) -> None:
    with pytest.raises(SourceUnreadableError, match="neither a folder, nor an SQLite database, nor a file of JSON"):
        kind_of(SAMPLES / name)


def test_what_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadableError, match="cannot be read: No such file or directory"):
        kind_of(tmp_path / "nowhere")


def test_no_name_makes_lines_of_its_own(printed_import: Callable[..., tuple[list[str], int]], tmp_path: Path) -> None:
    name = "a\n5 imported\x1b[2K\r[red]\u202e.png"
    (tmp_path / name).symlink_to("nowhere")
    lines, listed = printed_import(lambda: folder.read(tmp_path))
    assert lines == [
        r"refused  a 5 imported\x1b[2K [red]\u202e.png: is a link, and links are not followed",
        "0 imported, 0 known already, 1 refused",
    ]
    assert listed == 1


def test_what_came_in_in_part_or_is_for_later_is_listed(
    printed_import: Callable[..., tuple[list[str], int]], nodetool: Nodetool
) -> None:
    nodetool.insert("jobs", JOB | {"cost": -1}, JOB | {"id": "j2", "status": "running"}, JOB | {"id": "j3"})
    nodetool.insert("assets", ASSET)
    in_part = "in part  job:j1: its cost -1.0 is no amount"
    later = "not over yet  job:j2: its status is running"
    assert printed_import(lambda: read(nodetool.path)) == (
        [later, in_part, "3 imported, 0 known already, 0 refused, 1 not over yet"],
        1,
    )
    nodetool.change("jobs", "j3", cost=5)
    differs = "different now  job:j3: its source tells otherwise than when it was imported"
    assert printed_import(lambda: read(nodetool.path)) == (
        [later, in_part, differs, "0 imported, 2 known already, 0 refused, 1 not over yet, 1 different now"],
        2,
    )


def test_an_empty_source_is_told(printed_import: Callable[..., tuple[list[str], int]], tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(b"\n \n")
    assert printed_import(lambda: jsonl.read(tmp_path / "lines")) == (["nothing found"], 0)


def test_whoever_watches_sees_how_much_is_done_and_read(importing: Callable[..., Importer], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a" * 1_500)
    printed = io.StringIO()
    watched = Console(file=printed, width=100, force_terminal=True, color_system=None)
    assert run_import(importing(), lambda: folder.read(tmp_path), watched) == 0
    assert "1/1" in printed.getvalue()
    assert "3.0 kB read" in printed.getvalue()
