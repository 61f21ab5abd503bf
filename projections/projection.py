"""What a projection is: a name and version, a table, and a pure fold of events into its rows."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar, cast, get_args
from uuid import UUID

from domain.asset.events import AssetEvent
from domain.errors import LedgerError
from domain.event import Event, Recorded
from domain.job.events import JobEvent
from domain.tenant.events import ReferenceDeclared, TenantEvent
from projections.engine.copy_format import Lines
from projections.facets import FacetRow, Facets, PlaceRow

Row = TypeVar("Row")
Key = tuple[Any, ...]
Changes = Mapping[Key, Row | None]
SliceOrder = Literal["originator", "position"]
"""The order in which the entries of a slice are folded."""


@dataclass(frozen=True, eq=False)
class Table(Generic[Row]):
    """A read model's table. `row` is a named tuple whose fields are the columns, in order."""

    name: str
    row: type[Row]
    key: Mapping[str, str]
    """The key's columns with their SQL types; the first is `tenant_id`."""
    json: frozenset[str] = frozenset()
    """The columns that hold JSON."""

    @cached_property
    def columns(self) -> tuple[str, ...]:
        names: tuple[str, ...] = self.row.__match_args__  # type: ignore[attr-defined]
        return names

    @cached_property
    def lines(self) -> Lines:
        return Lines(self.row, self.json)

    @cached_property
    def key_of(self) -> Callable[[Row], Key]:
        return attrgetter(*self.key)


class Sums(NamedTuple):
    """Rows that are sums of what the fold's rows add, of any originators.

    A batch adds to them at its end. A rebuild in slices makes them once all slices of a log are folded.
    """

    additions: Callable[[Iterable[Any]], Mapping[Key, Any]]
    """What new rows, in the order of their events, add to each sum, by its key."""
    add: Callable[[Mapping[Key, Any], Mapping[Key, Any]], Changes[Any]]
    """The sums, and rows kept of them, after the additions; None for a sum that is deleted."""
    rows: Callable[[UUID, Iterable[Sequence[Any]]], Iterator[Any]]
    """All sums of a log, as batches would have left them, from the answer of the statement in `sums.sql`."""
    parameters: Callable[[], Mapping[str, Any]]
    """What the statement needs to know besides the tenant."""


@dataclass(frozen=True)
class Projection(Generic[Row]):
    """Folds the log into one table.

    `keys` tells which rows an event may touch, so that they are loaded before it is folded (rows that are only
    ever added need not be named). `fold` returns the rows as they are after the event, None for a row that is
    deleted; it reads nothing but its arguments. Every event stands in `folds` or in `leaves_out`.
    """

    name: str
    version: int
    """Part of the table's name: a new version is made beside the older one."""
    row: type[Row]
    key: Mapping[str, str]
    fold: Callable[[Mapping[Key, Row], Recorded], Changes[Row]]
    folder: Path
    """Where `tables.sql`, `indexes.sql` and, with `sums`, `sums.sql` are, in which `{table}` stands for the table's
    name, `{listed}` for the one of the projection that it is `derived_from`."""
    keys: Callable[[Event], Iterable[Key]] = lambda _event: ()
    json: frozenset[str] = frozenset()
    folds: frozenset[type[Event]] = frozenset()
    leaves_out: frozenset[type[Event]] = frozenset()
    derived_from: "Projection[Any] | None" = None
    """The projection whose fold makes the rows, if there is another one. Its table is created first."""
    sliced_by: SliceOrder | None = None
    """How a rebuild may cut a log into slices: by originator if each row but `sums` follows from the events of one
    originator alone, by position if it follows from one event alone. None: it folds the log in order."""
    sums: Sums | None = None
    final: Callable[[Row], bool] = lambda _row: False
    """Whether no event changes a row any more, so that a rebuild need not hold it."""
    second_of: str | None = None
    """Of a second build: the name of the first one, which is that of the read model."""
    facets: Facets | None = None
    """What lists of the rows are filtered by. Their sets are kept in tables beside, in the same transactions."""

    @cached_property
    def table(self) -> Table[Row]:
        """The table of this version."""
        return Table(f"{self.name}_v{self.version}", self.row, self.key, self.json)

    @cached_property
    def facet_table(self) -> Table[FacetRow]:
        """The table of the sets of the rows' facets."""
        key = {"tenant_id": "uuid", "facet": "text", "value": "text", "chunk": "integer"}
        return Table(f"{self.table.name}_facets", FacetRow, key)

    @cached_property
    def place_table(self) -> Table[PlaceRow]:
        """The table of the places of rows that have facets."""
        return Table(f"{self.table.name}_places", PlaceRow, {"tenant_id": "uuid", "block": "integer"})

    @cached_property
    def tables(self) -> tuple[Table[Any], ...]:
        """The table of the rows, and those that are kept beside it."""
        return (self.table,) if self.facets is None else (self.table, self.place_table, self.facet_table)

    @cached_property
    def beside(self) -> "Projection[Row]":
        """The second build of the same read model: the same fold, into a table and with checkpoints of its own."""
        return replace(self, name=f"{self.name}_b", second_of=self.name)

    @property
    def read_model(self) -> str:
        """The name of the read model, whichever build of it this is."""
        return self.second_of or self.name

    @property
    def builds(self) -> "tuple[Projection[Row], ...]":
        """Of a first build both, of a second one itself, whether they exist or not."""
        return (self,) if self.second_of else (self, self.beside)


class UnhandledEventError(LedgerError):
    """A projection neither folds an event nor leaves it out on purpose."""


def check_handled(projections: Iterable[Projection[Any]], topics: Mapping[str, type[Event]]) -> None:
    """UnhandledEventError for an event that stands neither in `folds` nor in `leaves_out`: it would stop the fold."""
    for projection in projections:
        handled = projection.folds | projection.leaves_out
        if missing := sorted(topic for topic, kind in topics.items() if kind not in handled):
            raise UnhandledEventError(
                f"The projection {projection.name} handles no event {', '.join(missing)}: "
                f"let projections/{projection.name}/fold.py fold it or leave it out."
            )


def classes(*kinds: Any) -> frozenset[type[Event]]:  # noqa: ANN401 - unions of event classes, or single ones
    """The members of unions of event classes."""
    return frozenset(kind for union in kinds for kind in (get_args(union) or (union,)))


OF_ASSETS = classes(AssetEvent)
OF_JOBS = classes(JobEvent)
OF_TENANTS = classes(TenantEvent, ReferenceDeclared)


def with_values(row: Row, values: Mapping[str, Any]) -> Row:
    """The named tuple with other values: what `_replace` gives, but quicker for rows of many columns."""
    kind: Any = type(row)
    columns: list[Any] = list(cast("Iterable[Any]", row))
    places = _places(kind)
    for name, value in values.items():
        columns[places[name]] = value
    return cast("Row", tuple.__new__(kind, columns))


@cache
def _places(row: Hashable) -> dict[str, int]:
    names: tuple[str, ...] = row._fields  # type: ignore[attr-defined]
    return {name: place for place, name in enumerate(names)}


def apply(rows: dict[Key, Row], changes: Changes[Row]) -> None:
    """Carry the changes out on the rows in memory."""
    if None not in changes.values():
        rows.update(cast("Mapping[Key, Row]", changes))
        return
    for key, row in changes.items():
        if row is None:
            rows.pop(key, None)
        else:
            rows[key] = row
