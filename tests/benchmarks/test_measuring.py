"""Rows, measured on little: a real server, the programs of the system, the library, and nothing left behind."""

from collections.abc import Iterator

import pytest

from benchmarks.environment import Ground, prepared
from benchmarks.schedule import SCALES
from benchmarks.suite import Row, selected
from tests.memory import quick_folder


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """A PostgreSQL of the benchmarks' own."""
    with prepared(quick_folder()) as prepared_ground:
        yield prepared_ground


@pytest.mark.parametrize(
    "row",
    selected(["upload.*", "import", "rebuild", "rebuild.[arv]*", "history.*", "statistics.*", "filter.*"]),
    ids=lambda row: row.names[0],
)
def test_a_row_is_measured(ground: Ground, row: Row) -> None:
    results = list(row.measure(ground, SCALES["smoke"]))
    assert tuple(result.name for result in results) == row.names
    assert all(result.value > 0 for result in results)


def test_a_folder_is_removed_with_what_is_in_it(ground: Ground) -> None:
    with ground.folder() as folder:
        (folder / "file").write_bytes(b"bytes")
    assert not folder.exists()
