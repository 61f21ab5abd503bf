"""Every row that can be measured, in the order in which they are."""

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from benchmarks import (
    appends,
    filters,
    growth,
    importing,
    lag,
    looking_back,
    reading,
    rebuilds,
    requests,
    search,
    switches,
    uploads,
)
from benchmarks.environment import Ground
from benchmarks.results import Result
from benchmarks.schedule import Scale

Measure = Callable[[Ground, Scale], Iterator[Result]]


class Row(NamedTuple):
    """What is measured together, and under which names."""

    measure: Measure
    names: tuple[str, ...]


SWITCHING = (
    "rebuild.follow_lag_ms",
    *(f"switch.{name}" for name in ("failed_requests", "wrong_rows", "pause_ms", "rollback_s")),
)

ROWS = (
    Row(appends.single, ("append.single",)),
    Row(appends.sealed, ("append.sealed",)),
    Row(appends.conflicts, ("append.conflicts",)),
    Row(appends.tenants64, ("append.tenants64",)),
    Row(appends.lone, ("append.lone",)),
    Row(appends.batch100, ("append.batch100",)),
    Row(requests.create, ("http.create",)),
    Row(requests.batch, ("http.batch",)),
    Row(requests.get, ("http.get",)),
    Row(requests.list_, ("http.list",)),
    Row(growth.growth, ("history.growth.get", "history.growth.change", "history.growth.key")),
    Row(reading.catalogue, ("statistics.p95_ms", "statistics.as_of_p95_ms")),
    Row(reading.lineage, ("lineage.p95_ms",)),
    Row(
        filters.filters,
        ("filter.db_p95_ms", "filter.http_p95_ms", "filter.growth", "page.deep", "list.total_p95_ms"),
    ),
    Row(looking_back.looking_back, ("as_of.p95_ms", "audit.p95_ms", "history.p50_ms")),
    Row(search.search, ("search.p95_ms",)),
    Row(lag.lag, ("follow.lag_ms",)),
    Row(lag.idle, ("idle.queries",)),
    Row(rebuilds.single, ("rebuild",)),
    Row(rebuilds.assets, ("rebuild.assets", "rebuild.rss")),
    Row(rebuilds.vs_copy, ("rebuild.vs_copy",)),
    Row(rebuilds.everything, ("rebuild.all", "storage.per_event")),
    Row(switches.switching, SWITCHING),
    Row(uploads.direct, ("upload.direct",)),
    Row(uploads.memory, ("upload.rss",)),
    Row(importing.files, ("import",)),
)


def selected(patterns: Sequence[str]) -> list[Row]:
    """The rows any of whose names matches any of the patterns; all of them if there are no patterns."""
    return [row for row in ROWS if not patterns or any(_matches(name, patterns) for name in row.names)]


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
