"""A slice gives its rows as soon as they are final, so that it holds few of them."""

from collections.abc import Iterator
from datetime import UTC, datetime

from domain.asset import creation
from domain.asset.events import AssetRestored, AssetSoftDeleted
from domain.asset.inputs import NewAsset
from domain.event import Envelope, Event, Recorded
from infra.event_log.fold_reader import FoldReader
from projections.asset_versions.fold import ASSET_VERSIONS
from projections.assets.fold import ASSETS
from projections.engine.event_reader import StoredEntry
from projections.engine.slice_fold import MOST_HELD, SliceRows
from projections.projection import Projection, Row
from tests.domain.test_asset import CONTEXT, TENANT
from tests.golden.vectors import MAPPER
from tests.projections.tables import fold_all

NOW = datetime(2126, 1, 1, tzinfo=UTC)
CHUNK = MOST_HELD // 2
CHUNKS = 6


def long_history() -> list[Event]:
    """An asset that is deleted and restored over and over."""
    new = NewAsset.model_validate({"media": {"media_kind": "file"}, "name": "Castle"})
    created = creation.create(CONTEXT, TENANT, TENANT, new)
    changes = (AssetRestored, AssetSoftDeleted)
    return [
        created,
        *(
            changes[version % 2](envelope=Envelope.of(CONTEXT, TENANT, TENANT, version, None))
            for version in range(2, CHUNK * CHUNKS + 1)
        ),
    ]


HISTORY = long_history()


class Chunks:
    """The entries of the history; counts the chunks that were read."""

    read = 0

    def __iter__(self) -> Iterator[list[StoredEntry]]:
        for start in range(0, len(HISTORY), CHUNK):
            self.read += 1
            yield [
                StoredEntry(1, TENANT, position, event.TOPIC, MAPPER.to_stored_event(event).state, position, NOW)
                for position, event in enumerate(HISTORY[start : start + CHUNK], start + 1)
            ]


def rows_of(projection: Projection[Row]) -> tuple[list[Row], int]:
    """The rows of the slice, and how many chunks had been read when the first row came."""
    chunks = Chunks()
    rows = iter(SliceRows(projection, FoldReader(MAPPER).read, TENANT, chunks))
    first, read = next(rows), chunks.read
    return [first, *rows], read


def test_versions_that_have_ended_are_written_while_their_asset_is_folded() -> None:
    rows, read = rows_of(ASSET_VERSIONS)
    assert 0 < read < CHUNKS
    history = [Recorded(event, position, NOW) for position, event in enumerate(HISTORY, 1)]
    assert sorted(rows) == sorted(fold_all(ASSET_VERSIONS, history).values())


def test_a_row_that_changes_to_the_end_is_written_at_the_end() -> None:
    (row,), read = rows_of(ASSETS)
    assert read == CHUNKS
    assert row.revision == len(HISTORY)
