"""Lists without their pages, each as a file that is sent while the list is read."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, Final, TypeVar

import structlog
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from api.application.assets import Assets
from api.application.jobs import Jobs
from api.application.session import Session
from api.application.slots import Slots
from api.http.authentication import key_is_valid, session, share_owners
from api.http.byte_responses import BlocksResponse
from api.http.conditions import at_least
from api.http.dependencies import CallerSession
from api.http.export_columns import columns_of
from api.http.export_formats import FORMATS, ExportFormat, Pages
from api.http.moments import looking_back
from api.http.paging import OrderedQuery
from api.http.problems import UnauthenticatedError, documented
from api.http.query_parameters import queried
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.assets import Asset
from api.http.schemas.events import EventEntry
from api.http.schemas.jobs import Job
from domain.errors import BeyondHeadError, LedgerError, ReadModelRebuildingError
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.list_transaction import require_whole
from projections.paging import FULL_PAGE, Moment, every_page
from projections.projection import Projection
from projections.queries.audit_trail import list_trail
from projections.queries.filters import AssetFilter, AuditFilter, Filter, JobFilter
from projections.queries.row_list import ReadModels
from projections.select import SearchTooShortError

_LOG = structlog.get_logger()
router = APIRouter(route_class=RenderedRoute, prefix="/v1", tags=["exports"])
Item = TypeVar("Item")

DESCRIPTION: Final = """\
Download {title}, all pages of the list at once, as {format}. It is sent while the list is read.

`Ledger-Position` is the position that the export began at: nothing that was recorded later is in it.{then} The
connection is cut if the export cannot be completed.
"""
THEN: Final = " With `as_of`, `Ledger-As-Of` is the position of that moment instead, and everything is as it was then."
NAMES: Final = {"csv": "CSV, with a header row", "parquet": "Apache Parquet", "jsonl": "JSON Lines"}


class AssetExportQuery(OrderedQuery, AssetFilter):
    """Which assets to export, and in which order."""


class JobExportQuery(OrderedQuery, JobFilter):
    """Which jobs to export, and in which order."""


@dataclass(frozen=True)
class ExportedList:
    """A list that can be exported: its filters, what each item is answered as, and how its pages are read.

    The pages are those of what was recorded up to a position, as of the moment that `as_of` finds in the request.
    """

    name: str
    title: str
    query: type[Filter]
    answer: type[BaseModel]
    read: ReadModels
    as_of: Callable[..., Awaitable[Moment | None]]
    pages: Callable[[Session, Any, Moment | None, int], Iterator[Sequence[BaseModel]]]


def _row_list(
    name: str, query: type[Filter], answer: type[Asset] | type[Job], reads: type[Assets] | type[Jobs]
) -> ExportedList:
    def pages(session: Session, query: Any, as_of: Moment | None, position: int) -> Iterator[list[Any]]:  # noqa: ANN401
        every: Iterator[list[Any]] = reads(session).pages(query, query.in_order(), as_of, position)
        return ([answer.of(row) for row in rows] for rows in every)

    return ExportedList(name, name, query, answer, reads.rows.read, looking_back(reads.rows.read), pages)


def _audit_pages(
    session: Session, query: AuditFilter, _as_of: Moment | None, position: int
) -> Iterator[list[EventEntry]]:
    pages = every_page(lambda cursor: list_trail(session.database, session.log, query, FULL_PAGE, cursor, position))
    return ([EventEntry.of(entry) for entry in entries] for entries in pages)


_TRAIL: Final = ReadModels((AUDIT_TRAIL,), ())
LISTS: Final = (
    _row_list("assets", AssetExportQuery, Asset, Assets),
    _row_list("jobs", JobExportQuery, Job, Jobs),
    ExportedList("audit", "the audit trail", AuditFilter, EventEntry, _TRAIL, at_least(*_TRAIL.now), _audit_pages),
)


class ExportResponse(BlocksResponse):
    """An export. Where it cannot be completed, it ends without its end: the server cuts the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. The log has the reason for which it broke off."""
        try:
            await super().__call__(scope, receive, send)
        except LedgerError as error:
            _LOG.warning("export broken off", request_id=scope["state"]["request_id"], reason=str(error))


async def exporting(request: Request) -> None:
    """Take a slot until the export is sent. ServiceUnavailableError, ShareUsedUpError."""
    await session(request)
    slots: Slots = request.app.state.exporting
    request.scope["state"]["slots"].enter_context(slots.slot(*share_owners(request)))


def _begun(pages: Iterator[Item]) -> Iterator[Item]:
    """The pages, the first of which is read at once: a refusal is answered as long as nothing is sent."""
    return chain([next(pages)], pages)


def _to_the_end(
    pages: Iterator[Sequence[BaseModel]],
    is_valid: Callable[[], bool],
    session: Session,
    read: Sequence[Projection[Any]],
) -> Pages:
    """The pages, until the key is revoked: UnauthenticatedError. ReadModelRebuildingError if rows may be missing.

    A rebuild that begins while a page is read leaves that page short, as the last one is.
    """
    for page in pages:
        yield page
        if not is_valid():
            raise UnauthenticatedError
    require_whole(session.database, session.tenant_id, read)


def _exporter(exported: ExportedList, file_format: ExportFormat) -> Callable[..., Response]:
    def export(
        session: CallerSession,
        query: Annotated[Filter, Depends(queried(exported.query))],
        as_of: Annotated[Moment | None, Depends(exported.as_of)],
        _slot: Annotated[None, Depends(exporting)],
        key_is_valid: Annotated[Callable[[], bool], Depends(key_is_valid)],
    ) -> Response:
        read = exported.read.at(as_of)
        position = as_of.position if as_of else session.reached(read)
        pages = _to_the_end(_begun(exported.pages(session, query, as_of, position)), key_is_valid, session, read)
        headers = {
            "Content-Disposition": f'attachment; filename="{exported.name}-{position}.{file_format.name}"',
            "Ledger-As-Of" if as_of else "Ledger-Position": str(position),
        }
        blocks = file_format.blocks(columns_of(exported.answer), pages)
        return ExportResponse(blocks, 200, headers, file_format.media_type)

    return export


def _add(exported: ExportedList, file_format: ExportFormat) -> None:
    media_type = file_format.media_type.partition(";")[0]
    file = {"description": "The file.", "content": {media_type: {"schema": file_format.schema}}}
    refusals = (BeyondHeadError,) if exported.read.then else ()
    router.add_api_route(
        f"/{exported.name}.{file_format.name}",
        _exporter(exported, file_format),
        name=f"export_{exported.name}_as_{file_format.name}",
        description=DESCRIPTION.format(
            title=exported.title, format=NAMES[file_format.name], then=THEN if exported.read.then else ""
        ),
        response_class=Response,
        responses=documented(SearchTooShortError, ReadModelRebuildingError, *refusals) | {200: file},
    )


for exported_list in LISTS:
    for export_format in FORMATS:
        _add(exported_list, export_format)
