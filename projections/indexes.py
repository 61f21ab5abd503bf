"""A read model's tables with the indexes that only lists need, or without them until they are made all at once."""

import re
from typing import Any, LiteralString

from infra.sql import literal
from projections.projection import Projection

_INDEX = re.compile(r"^CREATE (?:UNIQUE )?INDEX\b[^;]*;\n?", re.MULTILINE)


def tables(projection: Projection[Any]) -> LiteralString:
    """What makes the tables, their keys and views."""
    return literal(_INDEX.sub("", projection.tables_sql.read_text()))


def indexes(projection: Projection[Any]) -> list[LiteralString]:
    """What makes the indexes, one by one."""
    return [literal(found) for found in _INDEX.findall(projection.tables_sql.read_text())]
