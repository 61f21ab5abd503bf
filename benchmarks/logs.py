"""Makes a log of a given length: assets that are made, linked to a message later, and described later still."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from uuid import UUID

from uuid_utils.compat import uuid7

from api.composition import Services, utc_now
from domain.asset.events import AssetCreated, AssetDescribed, AssetLinked
from domain.asset.inputs import NewAsset
from domain.event import Actor, Context, Envelope, Event
from domain.reference import Reference

ENTRIES_PER_APPEND = 1_000
LINKED_AFTER = 2_000
DESCRIBED_AFTER = 2_000
"""How many assets are made between an asset and its link, and between its link and its description."""

_ACTOR = Actor(id="pipeline", type="worker")


def make_log(services: Services, tenant_id: UUID, assets: int) -> int:
    """Record so many assets in the tenant's log, three events each; returns the log's head."""
    log = services.log.of(tenant_id)
    events = _events(tenant_id, assets)
    while group := list(islice(events, ENTRIES_PER_APPEND)):
        log.record(*group)
    return log.head()


def _events(tenant_id: UUID, assets: int) -> Iterator[Event]:
    created: deque[AssetCreated] = deque()
    linked: deque[AssetCreated] = deque()
    for number in range(assets + LINKED_AFTER + DESCRIBED_AFTER):
        if number < assets:
            created.append(_created(tenant_id, number))
            yield created[-1]
        if created and number >= LINKED_AFTER:
            linked.append(created.popleft())
            yield _linked(linked[-1], number)
        if linked and number >= LINKED_AFTER + DESCRIBED_AFTER:
            yield _described(linked.popleft(), number)


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


def _linked(created: AssetCreated, number: int) -> AssetLinked:
    return AssetLinked(envelope=_next(created, 2), references=(Reference(kind="message", id=f"m_{number // 4}"),))


def _described(created: AssetCreated, number: int) -> AssetDescribed:
    return AssetDescribed(
        envelope=_next(created, 3),
        changed=("description", "tags"),
        description=f"Chosen in round {number % 7}; the light is warmer here.",
        tags=(*created.tags, "final"),
    )


def _next(created: AssetCreated, version: int) -> Envelope:
    return Envelope.of(_context(), created.envelope.tenant_id, created.originator_id, version, created.envelope.subject)


def _context() -> Context:
    return Context(actor=_ACTOR, recorded_at=utc_now(), correlation_id=str(uuid7()))
