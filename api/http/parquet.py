"""Writes a list as Apache Parquet while the list is read."""

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any, Final

import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from api.http.byte_responses import Blocks
from api.http.export_columns import Column, ColumnType
from api.http.export_formats import Pages, answers_of

ROWS_OF_A_GROUP: Final = 16_384
BYTES_OF_A_GROUP: Final = 8 << 20
"""A row group ends with the page that reaches either: it is held in memory until it is written."""

_TYPES: Final[dict[ColumnType, Any]] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("us", tz="UTC"),
    "strings": pa.list_(pa.string()),
    "json": pa.string(),
}


def parquet_blocks(columns: Sequence[Column], pages: Pages) -> Blocks:
    """The file, block by block: empty ones while a row group is gathered, and the footer last."""
    schema = pa.schema([(column.name, _TYPES[column.type]) for column in columns])
    # The footer is held until the end: it has no place for the least and the greatest of long texts.
    measured = [column.name for column in columns if column.type not in {"json", "strings"}]
    file, rows = BytesIO(), _RowGroup(columns, schema)
    with ParquetWriter(pa.PythonFile(file, mode="w"), schema, compression="zstd", write_statistics=measured) as writer:
        for page in pages:
            rows.add(answers_of(page))
            if rows.is_full:
                writer.write_table(rows.emptied())
            yield _emptied(file)
        if rows.count:
            writer.write_table(rows.emptied())
    yield _emptied(file)


class _RowGroup:
    def __init__(self, columns: Sequence[Column], schema: Any) -> None:  # noqa: ANN401 - the library has no types
        self._columns, self._schema = columns, schema
        self._batches: list[Any] = []
        self.count = self._size = 0

    def add(self, answers: list[dict[str, Any]]) -> None:
        arrays = [pa.array(_values(column, answers), _TYPES[column.type]) for column in self._columns]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        self._batches.append(batch)
        self.count += batch.num_rows
        self._size += batch.nbytes

    @property
    def is_full(self) -> bool:
        return self.count >= ROWS_OF_A_GROUP or self._size >= BYTES_OF_A_GROUP

    def emptied(self) -> Any:  # noqa: ANN401 - a table of a library without types
        """The rows, which it no longer holds."""
        table = pa.Table.from_batches(self._batches, self._schema)
        self._batches, self.count, self._size = [], 0, 0
        return table


def _values(column: Column, answers: list[dict[str, Any]]) -> list[Any]:
    values = [column.value(answer) for answer in answers]
    if column.type == "time":
        return [None if value is None else datetime.fromisoformat(value) for value in values]
    return values


def _emptied(file: BytesIO) -> bytes:
    """What was written since the last time."""
    block = file.getvalue()
    file.seek(0)
    file.truncate()
    return block
