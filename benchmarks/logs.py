"""Makes a log of a given length: assets that are made, linked to a message later, and described later still."""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from uuid import UUID, uuid4

from uuid_utils.compat import uuid7

from api.composition import Services, utc_now
from domain.asset.events import AssetContentStored, AssetCreated, AssetDescribed, AssetLinked, Content
from domain.asset.inputs import NewAsset
from domain.event import Actor, Context, Envelope, Event
from domain.job.events import Cost, JobRequested, JobStarted, JobSucceeded
from domain.reference import Reference

ENTRIES_PER_APPEND = 1_000
LINKED_AFTER = 2_000
DESCRIBED_AFTER = 2_000
"""How many assets are made between an asset and its link, and between its link and its description."""

_ACTOR = Actor(id="pipeline", type="worker")


def make_log(services: Services, tenant_id: UUID, assets: int) -> int:
    """Record so many assets in the tenant's log, three events each; returns the log's head."""
    return _record(services, tenant_id, _events(tenant_id, assets))


def make_full_log(services: Services, tenant_id: UUID, assets: int) -> int:
    """Record so many assets that jobs make and whose content is stored, seven events each; returns the log's head."""
    return _record(services, tenant_id, _with_jobs(tenant_id, assets))


def _record(services: Services, tenant_id: UUID, events: Iterator[Event]) -> int:
    log = services.log.of(tenant_id)
    while group := list(islice(events, ENTRIES_PER_APPEND)):
        log.record(*group)
    return log.head()


def _with_jobs(tenant_id: UUID, assets: int) -> Iterator[Event]:
    """The events of assets, and around the creation of each those of its job and of its content."""
    for event in _events(tenant_id, assets, linked_as=3):
        if not isinstance(event, AssetCreated):
            yield event
            continue
        content = event.content or Content()
        job = JobRequested(
            envelope=Envelope.of(_context(), tenant_id, uuid4(), 1, None),
            input_digest=f"{event.originator_id.int:064x}",
            media_kind=event.media.media_kind,
            scope=event.scope,
            model="sdxl",
            references=event.references,
            prompt_spec=event.prompt_spec,
        )
        yield job
        yield JobStarted(envelope=_next(job, 2), attempt=1)
        yield event.model_copy(
            update={"origin": (Reference(kind="job", id=str(job.originator_id)), *event.origin), "content": None}
        )
        yield AssetContentStored(
            envelope=_next(event, 2), content_version=1, content_id=uuid4(), content=content, media=event.media
        )
        yield JobSucceeded(
            envelope=_next(job, 3),
            attempt=1,
            assets=(event.originator_id,),
            completion_digest=job.input_digest,
            cost=Cost(amount=Decimal("0.04"), currency="EUR"),
        )


def _events(tenant_id: UUID, assets: int, linked_as: int = 2) -> Iterator[Event]:
    """The events of assets, of which each is linked as a revision and described as the next one."""
    created: deque[AssetCreated] = deque()
    linked: deque[AssetCreated] = deque()
    for number in range(assets + LINKED_AFTER + DESCRIBED_AFTER):
        if number < assets:
            created.append(_created(tenant_id, number))
            yield created[-1]
        if created and number >= LINKED_AFTER:
            linked.append(created.popleft())
            yield _linked(linked[-1], linked_as, number)
        if linked and number >= LINKED_AFTER + DESCRIBED_AFTER:
            yield _described(linked.popleft(), linked_as + 1, number)


def _created(tenant_id: UUID, number: int) -> AssetCreated:
    new = NewAsset.model_validate(
        {
            "media": {"media_kind": "image", "format": "png", "width": 1024, "height": 1024},
            "name": f"Castle {number} at dusk, seen from the river",
            "tags": ["concept", f"batch-{number % 500}"],
            "prompt_spec": {
                "prompt": f"a castle at dusk, volumetric light, matte painting, variation {number}",
                "negative": "text, watermark",
                "seed": number,
                "steps": 30,
                "guidance": 7.5,
            },
            "content": {"content_type": "image/png", "size": 1_000_000 + number, "sha256": f"{number:064x}"},
            "scope": f"world:w{number % 20}",
            "model": "sdxl",
            "workflow_id": f"w{number % 50}",
            "node_id": f"n{number % 10}",
            "references": [f"claim:c{number % 1_000}"],
        }
    )
    return AssetCreated(
        envelope=Envelope.of(_context(), tenant_id, uuid7(), 1, None),
        origin=new.aliased(),
        **{name: getattr(new, name) for name in _FIELDS},
    )


_FIELDS = ("media", "status", "content", "scope", "references", "name", "tags", "prompt_spec")


def _linked(created: AssetCreated, version: int, number: int) -> AssetLinked:
    return AssetLinked(envelope=_next(created, version), references=(Reference(kind="message", id=f"m_{number // 4}"),))


def _described(created: AssetCreated, version: int, number: int) -> AssetDescribed:
    return AssetDescribed(
        envelope=_next(created, version),
        changed=("description", "tags"),
        description=f"Chosen in round {number % 7}; the light is warmer here.",
        tags=(*created.tags, "final"),
    )


def _next(first: Event, version: int) -> Envelope:
    return Envelope.of(_context(), first.envelope.tenant_id, first.originator_id, version, first.envelope.subject)


def _context() -> Context:
    return Context(actor=_ACTOR, recorded_at=utc_now(), correlation_id=str(uuid7()))
