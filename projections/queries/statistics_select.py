"""The statement that answers a question of statistics: from which sums and changes, by which columns."""

from collections.abc import Sequence
from typing import Any, Final, Literal, LiteralString

from psycopg.sql import Composable, Composed, Identifier, Placeholder

from infra.sql import load_statements
from projections.catalogue import with_tables
from projections.queries.filters import Dimension, StatisticsFilter
from projections.select import Select
from projections.sql_composition import composed, fragment, joined, named
from projections.statistics import rows as statistics_rows
from projections.statistics.rows import COMBINATION, COMBINATIONS, DAILY_ONLY, JOB_COMBINATION, JOB_KINDS, KINDS, TOTAL

_SQL = with_tables(load_statements(__file__, "statistics.sql"))
_ALIASED: Final = ("workflow", "node", "client", "campaign")
GroupValues = tuple[str | None, ...]


class StatisticsSelect:
    """A question of statistics as it is asked of the database, as of a position or now.

    One value asked for, or one dimension grouped by, is answered from the sums of that dimension; several from the sums
    of combinations; a job that is named by its id or its run from the changes of its events. As of a position, sums as
    they were at the last multiple of SPAN are added to what the events changed since.
    """

    def __init__(self, selected: StatisticsFilter, as_of: int | None = None) -> None:
        self.select = Select("", "")
        """The parameters, and the tables that serve."""
        self._selected = selected
        self._dimensions = selected.dimensions()
        self._named = named_values(selected)
        self._as_of = as_of
        self._dimension = dimension_of(selected)
        self._bounds: dict[str, Composable] = {"from": fragment(_SQL["unbounded"])}

    def go_on_after(self, values: GroupValues) -> None:
        """Only the groups after one."""
        self._bounds = {"after": self._bound("after", values)}

    def end_with(self, values: GroupValues) -> None:
        """Only the groups up to one, until it goes on after another."""
        self._bounds |= {"until": self._bound("until", values), "first": fragment(_SQL["unbounded"])}
        *missing, column = _columns(self._dimensions[0])
        if values[0] is not None:
            until = composed(_SQL["until_value"], column=Identifier(column), value=Placeholder(f"until_{column}"))
            present = [named(_SQL["not_missing"], column=each) for each in missing]
            self._bounds["first"] = joined(" AND ", [*present, until])

    def statement(self) -> Composed:
        """The statement, with the parameters of the select and `limit`."""
        columns = self._columns
        return composed(
            _SQL["groups"],
            groups=joined(" ", [named(_SQL["group"], column=column) for column in columns]),
            rows=self._rows(),
            bounds=joined(" AND ", [*self._bounds.values()]),
            grouped=_places(columns) if columns else fragment(_SQL["one_group"]),
            ordered=composed(_SQL["in_order"], columns=_places(columns)) if columns else fragment(_SQL["empty"]),
        )

    def last_group(self) -> Composed | None:
        """A statement for the group with which a page as of a position may end; None where all rows are read anyway.

        Else the sums of groups that are not shown would be read, since two sources have no order in common.
        """
        if self._as_of is None or not self._columns or self._dimension in (None, *COMBINATIONS):
            return None
        places, bounds = _places(self._columns), joined(" AND ", [*self._bounds.values()])
        sums, changes = (
            composed(_SQL["first_groups"], columns=places, rows=rows, bounds=bounds) for rows in self._sources()
        )
        return composed(_SQL["last_group"], columns=places, sums=sums, changes=changes)

    @property
    def _columns(self) -> list[str]:
        return [column for dimension in self._dimensions for column in _columns(dimension)]

    def _bound(self, side: Literal["after", "until"], values: GroupValues) -> Composable:
        parameters: dict[str, bool | str] = {}
        for dimension, value in zip(self._dimensions, values, strict=True):
            parameters |= dict(zip(_columns(dimension), _placed(dimension, value), strict=True))
        self.select.parameters |= {f"{side}_{column}": value for column, value in parameters.items()}
        if not parameters:
            return fragment(_SQL["unbounded"])
        placeholders = joined(", ", [Placeholder(f"{side}_{column}") for column in parameters])
        return composed(_SQL[f"{side}_group"], columns=_places([*parameters]), values=placeholders)

    def _rows(self) -> Composed:
        sources = self._sources()
        return sources[0] if len(sources) == 1 else composed(_SQL["and_rows"], sums=sources[0], changes=sources[1])

    def _sources(self) -> list[Composed]:
        """The sums, or the changes, or both."""
        if self._dimension is None:
            return [self._changes()]
        sums = self._sums(self._dimension)
        if self._as_of is None:
            return [sums]
        self.select.parameters["summed"] = self._as_of - self._as_of % statistics_rows.SPAN
        return [sums, self._changes(_SQL["changes_since"])]

    def _sums(self, dimension: str) -> Composed:
        """The sums of a dimension."""
        selected = self._selected
        by_day = "day" in self._dimensions or selected.first_day or selected.last_day or dimension in DAILY_ONLY
        grain = "daily_sum" if by_day else "sum"
        self.select.parameters |= {"grains": [grain], "dimension": dimension}
        conditions = [_SQL["sums"]]
        if self._as_of is not None:
            self.select.parameters["grains"] = [grain, f"past_{grain}"]
            conditions.append(_SQL["sums_then"])
        if dimension in COMBINATIONS:
            return self._listed(conditions)
        if self._named:
            conditions.append(_SQL["only_value"])
            self.select.parameters["value"] = self._named[0][1]
        return self._part([_column(each) for each in self._dimensions], [], [*conditions, *self._common()])

    def _changes(self, *conditions: LiteralString) -> Composed:
        """What events changed, up to the position."""
        until = [] if self._as_of is None else [_SQL["changes_until"]]
        self.select.parameters["as_of"] = self._as_of
        return self._listed([_SQL["changes"], *until, *conditions])

    def _listed(self, conditions: Sequence[LiteralString]) -> Composed:
        """Rows that have all references, those of some dimensions taken apart."""
        filters = Select("", "")
        for kind in (*KINDS, "creator"):
            if values := [value for name, value in self._named if name == kind]:
                filters.where(_SQL[kind], **{kind: values[0] if kind == "creator" else values})
        filters.where_each(_SQL["job"], ({"name": name} for name in dict.fromkeys(self._selected.job_id)))
        self.select.parameters |= filters.parameters
        columns = [_column_of_lists(dimension) for dimension in self._dimensions]
        each = [_each_value(dimension) for dimension in self._dimensions if dimension in KINDS]
        return self._part(columns, each, [*conditions, *self._common()], filters.conditions)

    def _common(self) -> list[LiteralString]:
        """The conditions that every row can meet."""
        selected = self._selected
        days = {"first_day": selected.first_day, "last_day": selected.last_day}
        values = {name: day.isoformat() for name, day in days.items() if day is not None}
        if selected.media_kind is not None:
            values["media_kind_is"] = selected.media_kind
        self.select.parameters |= values
        return [_SQL[name] for name in values]

    def _part(
        self,
        columns: Sequence[Composable],
        each: Sequence[Composable],
        conditions: Sequence[LiteralString],
        more: Sequence[Composable] = (),
    ) -> Composed:
        return composed(
            _SQL["rows"],
            columns=joined(" ", columns),
            each=joined(" ", each),
            conditions=joined(" AND ", [*map(fragment, conditions), *more]),
        )


def dimension_of(selected: StatisticsFilter) -> str | None:
    """The dimension whose sums answer the question; None of a job by either of its names: its changes do."""
    asked = [dimension for dimension in selected.dimensions() if dimension not in ("day", "media_kind")]
    named_dimensions = [name for name, _ in named_values(selected)]
    if selected.job_id:
        return None
    several = [*asked, *named_dimensions]
    if len(several) < 2:
        return several[0] if several else TOTAL
    return JOB_COMBINATION if {*several} & {*JOB_KINDS} else COMBINATION


def named_values(selected: StatisticsFilter) -> list[tuple[str, str]]:
    """The values that are required, but jobs by either of their names, each with its dimension."""
    values = [("creator", selected.creator)] if selected.creator is not None else []
    for kind in KINDS:
        if kind != "job":
            ids = getattr(selected, f"{kind}_id" if kind in _ALIASED else kind)
            values += [(kind, id_) for id_ in dict.fromkeys(ids)]
    return values


def group_values(dimensions: Sequence[Dimension], columns: Sequence[Any]) -> GroupValues:
    """The values of a group, from its columns."""
    places = iter(columns)
    values: list[str | None] = []
    for dimension in dimensions:
        missing = next(places) if len(_columns(dimension)) == 2 else False
        value = next(places)
        values.append(None if missing else value)
    return tuple(values)


def width_of(dimensions: Sequence[Dimension]) -> int:
    """The number of columns that tell a group."""
    return sum(len(_columns(dimension)) for dimension in dimensions)


def _places(columns: Sequence[str]) -> Composed:
    return joined(", ", [named(_SQL["column"], column=column) for column in columns])


def _columns(dimension: Dimension) -> tuple[str, ...]:
    return (dimension,) if dimension in ("day", "media_kind") else (f"no_{dimension}", dimension)


def _placed(dimension: Dimension, value: str | None) -> tuple[bool | str, ...]:
    """The columns of a group that has the value."""
    return (value or "",) if dimension in ("day", "media_kind") else (value is None, value or "")


def _column(dimension: Dimension) -> Composable:
    if dimension in ("day", "media_kind"):
        return fragment(_SQL[dimension])
    return named(_SQL["value"], missing=f"no_{dimension}", value=dimension)


def _column_of_lists(dimension: Dimension) -> Composable:
    if dimension == "creator":
        return named(_SQL["creator_of"], missing="no_creator", value="creator")
    if dimension in KINDS:
        return named(_SQL["one_of"], each=f"each_{dimension}", missing=f"no_{dimension}", value=dimension)
    return _column(dimension)


def _each_value(dimension: Dimension) -> Composable:
    return named(_SQL["each_value"], column=dimension, each=f"each_{dimension}")
