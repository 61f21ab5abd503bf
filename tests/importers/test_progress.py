"""How far an import has come is told as it goes, whatever the sizes of its files."""

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from api.application.imports.finished_jobs import GROUP
from api.application.imports.importer import GROUP_BYTES, Importer, in_bounds
from api.composition import Services
from api.importers import folder

LARGE = GROUP_BYTES // 2 + 1


def files(root: Path, *sizes: int) -> Path:
    """A folder with files of these sizes, which have holes instead of bytes."""
    for number, size in enumerate(sizes):
        with (root / f"{number:03}").open("wb") as file:
            file.truncate(size)
    return root


def test_what_is_recorded_together_is_bounded_in_number_and_in_bytes(tmp_path: Path) -> None:
    small = [1] * (GROUP + 1)
    items = folder.read(files(tmp_path, LARGE, LARGE, 5 * GROUP_BYTES, 1, GROUP_BYTES - 1, *small))
    assert [len(group) for group in in_bounds(items)] == [1, 1, 1, 2, GROUP, 1]


def test_a_file_that_is_gone_meanwhile_is_in_some_group(tmp_path: Path) -> None:
    items = list(folder.read(files(tmp_path, 1, 1)))
    (tmp_path / "000").unlink()
    assert list(in_bounds(items)) == [items]


def test_what_is_recorded_is_told_while_a_large_file_is_on_its_way(
    services: Services, importing: Callable[..., Importer], tmp_path: Path
) -> None:
    arrived, go_on = Event(), Event()

    class Waiting:
        """A store in which the first object takes until the test says so."""

        def __getattr__(self, name: str) -> Any:
            return getattr(services.store, name)

        def write(self, key: str, chunks: Any) -> None:
            if not arrived.is_set():
                arrived.set()
                assert go_on.wait(30), "nothing was told meanwhile"
            services.store.write(key, chunks)

    importer = importing(store=Waiting())
    run = importer.run(folder.read(files(tmp_path, LARGE, LARGE)))
    assert next(run).what == "imported"
    assert 2 * LARGE <= importer.bytes_read < 4 * LARGE
    go_on.set()
    assert [outcome.what for outcome in run] == ["imported"]
    assert importer.bytes_read == 4 * LARGE
