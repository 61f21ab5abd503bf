"""What new assets and jobs are made from: assets of the tenant, deleted or not.

Takes no lock and asks no read model: what the log has, it keeps. No event can name itself, since its own id is not
there yet.
"""

from collections.abc import Sequence
from uuid import UUID

from domain.asset.events import AssetCreated
from domain.errors import SourceNotFoundError
from domain.event import Event
from domain.job.events import JobRequested
from infra.event_log.log import TenantLog


def check_sources(log: TenantLog, events: Sequence[Event]) -> None:
    """Let the events through. SourceNotFoundError if a source that they name is no asset of the tenant."""
    for refusal in source_refusals(log, events):
        if refusal is not None:
            raise refusal


def source_refusals(log: TenantLog, events: Sequence[Event]) -> list[SourceNotFoundError | None]:
    """Why each event is refused, if it is."""
    sources = [_sources(event) for event in events]
    known = log.begun_by(AssetCreated.TOPIC, {id_ for ids in sources for id_ in ids})
    return [_refusal([id_ for id_ in ids if id_ not in known]) for ids in sources]


def _refusal(missing: Sequence[UUID]) -> SourceNotFoundError | None:
    return SourceNotFoundError(f"sources: there is no asset {missing[0]}.") if missing else None


def _sources(event: Event) -> Sequence[UUID]:
    return event.sources or () if isinstance(event, AssetCreated | JobRequested) else ()
