"""What was measured, and what is to be reached."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """One row: our value and, where there is one, the peer's, with the ratio of ours to it."""

    name: str
    value: float
    unit: str
    peer: float | None = None
    ratio: float | None = None
    samples: Sequence[float] = field(default=(), repr=False)
    """What the value is a quantile of, for a plot."""


@dataclass(frozen=True)
class Target:
    """What a row must reach; what is None is not asked for."""

    at_least: float | None = None
    at_most: float | None = None
    below: float | None = None
    ratio: float | None = None

    def reached_by(self, result: Result) -> bool:
        """Whether the result is all that is asked for."""
        return (
            (self.at_least is None or result.value >= self.at_least)
            and (self.at_most is None or result.value <= self.at_most)
            and (self.below is None or result.value < self.below)
            and (self.ratio is None or (result.ratio is not None and result.ratio >= self.ratio))
        )

    def __str__(self) -> str:
        asked = (("≥ {:,g}", self.at_least), ("≤ {:,g}", self.at_most), ("< {:,g}", self.below))
        limits = [form.format(limit) for form, limit in asked if limit is not None]
        return ", ".join(limits + ([f"ratio ≥ {self.ratio:g}"] if self.ratio is not None else []))


TARGETS = {
    "append.single": Target(ratio=8),
    "append.sealed": Target(ratio=0.8),
    "append.conflicts": Target(ratio=0.8),
    "append.tenants64": Target(ratio=0.8),
    "append.lone": Target(ratio=4),
    "append.batch100": Target(ratio=20),
    "http.create": Target(ratio=0.8),
    "http.batch": Target(at_least=5_000),
    "http.get": Target(ratio=0.8),
    "http.list": Target(ratio=0.8),
    "history.growth.get": Target(ratio=0.667),
    "history.growth.change": Target(ratio=0.667),
    "history.growth.key": Target(ratio=0.5),
    "rebuild": Target(at_least=30_000, ratio=20),
    "rebuild.assets": Target(ratio=80),
    "rebuild.rss": Target(at_most=300),
    "rebuild.vs_copy": Target(ratio=0.4),
    "rebuild.all": Target(at_least=30_000),
    "storage.per_event": Target(at_most=0.9),
    "rebuild.follow_lag_ms": Target(at_most=300),
    "switch.failed_requests": Target(at_most=0),
    "switch.wrong_rows": Target(at_most=0),
    "switch.pause_ms": Target(at_most=200),
    "switch.rollback_s": Target(at_most=1),
    "upload.direct": Target(ratio=0.6),
    "upload.rss": Target(below=250),
    "import": Target(at_least=500),
    "statistics.p95_ms": Target(at_most=50),
    "statistics.as_of_p95_ms": Target(at_most=50),
    "lineage.p95_ms": Target(at_most=150),
    "follow.lag_ms": Target(at_most=150),
    "idle.queries": Target(below=10),
    "filter.db_p95_ms": Target(at_most=15),
    "filter.http_p95_ms": Target(at_most=30),
    "filter.growth": Target(at_most=1.5),
    "page.deep": Target(at_most=1.2),
    "list.total_p95_ms": Target(at_most=20),
    "as_of.p95_ms": Target(at_most=60),
    "audit.p95_ms": Target(at_most=20),
    "history.p50_ms": Target(at_most=5),
    "search.p95_ms": Target(at_most=30),
}

LESS_IS_BETTER = frozenset(
    {
        "rebuild.rss",
        "storage.per_event",
        "upload.rss",
        "follow.lag_ms",
        "idle.queries",
        "history.growth",
        "filter.db_p95_ms",
        "filter.http_p95_ms",
        "filter.growth",
        "page.deep",
        "list.total_p95_ms",
        "as_of.p95_ms",
        "audit.p95_ms",
        "history.p50_ms",
        "statistics.p95_ms",
        "statistics.as_of_p95_ms",
        "lineage.p95_ms",
        "rebuild.follow_lag_ms",
        "switch.failed_requests",
        "switch.wrong_rows",
        "switch.pause_ms",
        "switch.rollback_s",
        "search.p95_ms",
    }
)
"""Rows whose smaller values are the better ones."""


def write(results: Iterable[Result], path: Path) -> None:
    """Write the results as a list of JSON objects, numbers to four significant digits."""
    members = ("name", "value", "unit", "peer", "ratio")
    rows = [{name: _rounded(getattr(result, name)) for name in members} for result in results]
    path.write_text(json.dumps(rows, indent=2) + "\n")


def _rounded(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value
