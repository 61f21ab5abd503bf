"""Makes the log of a year: jobs of some workflows for some clients, the assets they made, and what became of these.

Each job makes four assets: it is requested, started and ended, and each asset gets content, a link and a description;
every tenth is deleted. That is about five events for each asset.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from uuid import UUID

from uuid_utils.compat import uuid7

from api.composition import Services, utc_now
from domain.asset import asset as aggregate
from domain.asset.asset import Asset
from domain.asset.events import AssetCreated, AssetEvent, Content
from domain.asset.inputs import NewContent, NewDescription
from domain.event import Actor, Context, Event
from domain.identity import Identity
from domain.job import job as jobs
from domain.job.inputs import Completion, NewJob
from domain.reference import Reference

ENTRIES_PER_APPEND = 1_000
ASSETS_PER_JOB = 4
YEAR = timedelta(days=365)
_IMAGE = {"media": {"media_kind": "image"}}
_COMPLETION = {"attempt": 1, "assets": [_IMAGE] * ASSETS_PER_JOB, "cost": {"amount": "0.04", "currency": "EUR"}}


def make_catalogue(services: Services, assets: int) -> UUID:
    """Record about so many assets in the log of a new tenant, spread over the last year; returns its id."""
    begun = utc_now() - YEAR
    opened = _context(begun, Actor(id="bench", type="system"))
    tenant_id = services.tenants.create(opened, f"bench-{opened.correlation_id}")
    identity = services.encryption_keys.identity(tenant_id)
    events = _events(tenant_id, identity, begun, assets // ASSETS_PER_JOB)
    while group := list(islice(events, ENTRIES_PER_APPEND)):
        services.log.of(tenant_id).record(*group)
    return tenant_id


def _events(tenant_id: UUID, identity: Identity, begun: datetime, count: int) -> Iterator[Event]:
    for number in range(count):
        at = begun + YEAR * number / count
        actor = Actor(id=f"u_{number % 23}", type="user")
        requested = jobs.request(_context(at, actor), tenant_id, identity, _new_job(number), None)
        (started,) = jobs.requested(requested).start(_context(at, actor), 1)
        ended = _context(at + timedelta(milliseconds=2_000 + number * 7_919 % 60_000), actor)
        running = jobs.evolve(jobs.requested(requested), started)
        ending = running.succeed(ended, _completion(number), identity, {})
        yield from (requested, started, *ending)
        for place, event in enumerate(event for event in ending if isinstance(event, AssetCreated)):
            yield from _changes(event, number * ASSETS_PER_JOB + place, ended)


def _new_job(number: int) -> NewJob:
    """Clients have campaigns, workflows have nodes, and models providers."""
    workflow = number * 31 % 60
    fields = {
        "media_kind": "image",
        "workflow_id": f"w{workflow}",
        "node_id": f"w{workflow}-n{number % 4}",
        "model": f"model-{workflow % 20}",
        "provider": f"provider-{workflow % 5}",
        "client_id": f"c{number * 17 % 100}",
        "campaign_id": f"c{number * 17 % 100}-{number % 3}",
        "run": f"run-{number}",
    }
    return NewJob.model_validate(fields)


def _completion(number: int) -> Completion:
    cost = {"amount": Decimal(1 + number % 97) / 1_000, "currency": "EUR" if number % 3 else "USD"}
    return Completion.model_validate({**_COMPLETION, "cost": cost})


def _changes(created: AssetCreated, number: int, context: Context) -> Iterator[AssetEvent]:
    """The further events of an asset."""
    content = Content(content_type="image/png", size=1_000_000 + number, sha256=f"{number:064x}")
    stored = NewContent(content_id=uuid7(), content=content, media=created.media)
    message = Reference(kind="message", id=f"m_{number // 8}")
    decisions: list[Callable[[Asset], Sequence[AssetEvent]]] = [
        lambda asset: asset.store_content(context, stored),
        lambda asset: asset.link(context, (message,)),
        lambda asset: asset.describe(context, NewDescription(name=f"Castle {number}")),
        *([lambda asset: asset.soft_delete(context)] if number % 10 == 0 else []),
    ]
    asset = aggregate.created(created)
    for decide in decisions:
        for event in decide(asset):
            yield event
            asset = aggregate.evolve(asset, event)


def _context(at: datetime, actor: Actor) -> Context:
    return Context(actor=actor, recorded_at=at, correlation_id=str(uuid7()))
