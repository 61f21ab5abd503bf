"""The audit trail: every event of the tenant, found by who, what, when and which asset."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import AfterValidator, Field

from api.callers import CallerLedger
from api.declared import queried
from api.problems import documented
from api.rendering import Rendered
from api.requests import ActorText, PageQuery, SearchText, at_least, tell_rebuilding
from api.schemas import EventEntry, EventPage
from domain.event import event_types
from domain.reference import ReferenceText
from domain.values import SchemaMembers, Text, UtcTime
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.audit_trail.read import AuditFilter
from projections.query import CursorError, SearchTooShortError

router = APIRouter(route_class=Rendered, prefix="/v1/audit", tags=["audit"])


def known_topic(topic: str) -> str:
    """The topic itself; ValueError if no event has it."""
    if topic not in event_types():
        raise ValueError(f"no event has this topic; there are {', '.join(sorted(event_types()))}")
    return topic


Topic = Annotated[str, AfterValidator(known_topic), SchemaMembers({"enum": sorted(event_types())})]


class AuditQuery(PageQuery):
    """Which entries to list: all that is given must hold."""

    actor: ActorText | None = Field(default=None, description="Who acted, written `type:id`.")
    key: UUID | None = Field(
        default=None, description="The key that it was done with, by its id, whoever that says has acted."
    )
    topic: list[Topic] = Field(default=[], description="What happened; repeat it to ask for any of several.")
    asset: UUID | None = Field(default=None, description="The asset it happened to.")
    job: UUID | None = Field(
        default=None,
        description="The job it happened to, or that made the asset it happened to: all events of the job, and of "
        "every asset recorded with the reference `job:ID` or ever linked to it, also before and after that.",
    )
    ref: list[ReferenceText] = Field(
        default=[],
        description="A reference that the event itself names, written `kind:id`; repeat it to ask for several at once.",
    )
    text: SearchText | None = Field(
        default=None,
        description="Part of what people wrote in the event, at least 2 characters, in any case: a reason, a name, "
        "a file name, a description, a tag, a hold, the message of a failure.",
    )
    since: UtcTime | None = Field(default=None, description="From this time on.")
    until: UtcTime | None = Field(default=None, description="Before this time.")
    correlation_id: Text | None = Field(default=None, min_length=1, description="The request id it came with.")

    def filter(self) -> AuditFilter:
        """What is asked for."""
        return AuditFilter(
            actor=self.actor,
            key=self.key,
            topics=tuple(self.topic),
            asset=self.asset,
            job=self.job,
            references=tuple(self.ref),
            text=self.text,
            since=self.since,
            until=self.until,
            correlation_id=self.correlation_id,
        )


@router.get("", responses=documented(CursorError, SearchTooShortError), dependencies=[Depends(at_least(AUDIT_TRAIL))])
def list_audit_trail(
    ledger: CallerLedger, query: Annotated[AuditQuery, Depends(queried(AuditQuery))], response: Response
) -> EventPage:
    """List what happened, the newest first, with before and after."""
    page = ledger.audit(query.filter(), query.limit, query.cursor)
    tell_rebuilding(response, page)
    return EventPage(items=[EventEntry.of(entry) for entry in page.items], next=page.next)
