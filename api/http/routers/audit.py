"""The audit trail: every event of the tenant, found by who, what, when and which asset."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from api.http.conditions import at_least
from api.http.dependencies import CallerSession
from api.http.paging import PageQuery, tell_rebuilding
from api.http.problems import documented
from api.http.query_parameters import queried
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.events import EventEntry, EventPage
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.paging import CursorError
from projections.queries.audit_trail import list_trail
from projections.queries.filters import AuditFilter
from projections.select import SearchTooShortError

router = APIRouter(route_class=RenderedRoute, prefix="/v1/audit", tags=["audit"])


class AuditQuery(AuditFilter, PageQuery):
    """The filters of the audit trail. An entry has to match all of them."""


@router.get("", responses=documented(CursorError, SearchTooShortError), dependencies=[Depends(at_least(AUDIT_TRAIL))])
def list_audit_trail(
    session: CallerSession, query: Annotated[AuditQuery, Depends(queried(AuditQuery))], response: Response
) -> EventPage:
    """List the tenant's events, the newest first, with the values before and after."""
    page = list_trail(session.database, session.log, query, query.limit, query.cursor)
    tell_rebuilding(response, page)
    return EventPage(items=[EventEntry.of(entry) for entry in page.items], next=page.next)
