"""What reads of assets and of jobs have in common: one by its id, lists, events, and differences between moments."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError

from api.application.session import Session
from domain.errors import NotFoundError
from infra.event_log.fold import Fold, S
from projections.assets.fold import AssetRow
from projections.comparison import ComparedMoment, Comparison, RevisionNotReachedError, compare
from projections.history import Entry, page_of_entries
from projections.jobs.fold import JobRow
from projections.paging import FULL_PAGE, NEWEST_FIRST, Keyset, Moment, Order, Page, every_page
from projections.queries.row_list import AnyFilter, RowList, Statements

Row = TypeVar("Row", AssetRow, JobRow)


@dataclass(frozen=True)
class Reads(Generic[S, Row, AnyFilter]):
    """Reads one tenant's assets or jobs. Raises the domain's errors."""

    fold: ClassVar[Fold[Any, Any]]
    rows: ClassVar[RowList[Any, Any]]
    missing: ClassVar[type[NotFoundError]]
    begun: ClassVar[str]
    long_lists: ClassVar[tuple[str, ...]]
    """The columns that the version of a row has no value of if that is too long."""
    session: Session

    def find(
        self,
        selected: AnyFilter,
        limit: int,
        cursor: str | None,
        order: Order = NEWEST_FIRST,
        as_of: Moment | None = None,
        recorded_by: int | None = None,
    ) -> Page[Row]:
        """A page of the list, as of a moment or now, of those that were recorded up to a position."""
        database, tenant_id = self.session.database, self.session.tenant_id
        page = self.rows.page(database, tenant_id, selected, limit, cursor, order, as_of, recorded_by)
        return page if as_of is None else replace(page, items=list(map(self._complete, page.items)))

    def documents(
        self, selected: AnyFilter, limit: int, cursor: str | None, order: Order, members: Statements
    ) -> Page[tuple[Any, ...]]:
        """A page of the list as it is now, of each item what makes its JSON: see RowList.documents."""
        database, tenant_id = self.session.database, self.session.tenant_id
        return self.rows.documents(database, tenant_id, selected, limit, cursor, order, members)

    def pages(self, selected: AnyFilter, order: Order, as_of: Moment | None, recorded_by: int) -> Iterator[list[Row]]:
        """All pages of the list, as of a moment or now, of those that were recorded up to a position."""
        return every_page(lambda cursor: self.find(selected, FULL_PAGE, cursor, order, as_of, recorded_by))

    def count(self, selected: AnyFilter, as_of: Moment | None = None) -> int:
        """How many the filter finds."""
        return self.rows.count(self.session.database, self.session.tenant_id, selected, as_of)

    def events(self, id_: UUID, limit: int, cursor: str | None) -> Page[Entry]:
        """What happened to an asset or a job, the oldest first, deleted or not."""
        keyset = Keyset(self.session.tenant_id, {self.fold.kind: id_})
        try:
            return page_of_entries(self.session.log, id_, self.fold, keyset, limit, cursor)
        except AggregateNotFoundError:
            raise self.missing from None

    def diff(self, id_: UUID, start: ComparedMoment, end: ComparedMoment) -> Comparison:
        """What changed in an asset or a job between two moments, deleted or not. MomentsReversedError."""
        kind = self.fold.kind
        try:
            return compare(self.session.log, id_, self.fold, start, end)
        except AggregateNotFoundError:
            raise self.missing(f"There is no such {kind}, or `to` is before it was {self.begun}.") from None
        except RevisionNotReachedError as error:
            raise self.missing(f"The {kind} has no revision {error.revision} yet.") from None

    def _at(self, id_: UUID, revision: int | None, as_of: int | None) -> Row:
        """The asset or job now, at a revision, or at a position: what a client saw then."""
        row = self._row(id_, revision)
        if revision is not None and row.revision < revision:
            raise self.missing(f"The {self.fold.kind} has no revision {revision} yet.")
        if as_of is not None and row.position > as_of:
            if row.created_position > as_of:
                raise self.missing(f"The {self.fold.kind} was not {self.begun} yet at that moment.")
            row = self._row(id_, revision, as_of)
        return row

    def _complete(self, row: Row) -> Row:
        """The row with the lists that its version is too long to have."""
        incomplete = any(getattr(row, name) is None for name in self.long_lists)
        return self._row(row.id, row.revision) if incomplete else row

    def _row(self, id_: UUID, revision: int | None, position: int | None = None) -> Row:
        state: Any = self._state(id_, revision, position)
        row: Row = state.row
        return row

    def _state(self, id_: UUID, revision: int | None = None, position: int | None = None) -> S:
        state: S = self.session.state(id_, self.fold, self.missing, revision, position)
        return state
