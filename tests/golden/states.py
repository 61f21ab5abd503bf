"""Golden histories, one of each kind of originator, and what the folds made of them."""

from typing import Any
from uuid import UUID

from domain.event import Recorded
from infra.tenants import TENANT
from projections.states import ASSET, JOB
from tests.golden.vectors import EVENTS, event_of, golden

STATES = EVENTS.parent / "states"
HISTORIES: dict[str, tuple[Any, list[str]]] = {
    "asset": (
        ASSET,
        [
            "asset.created.v1",
            "asset.content_stored.v1",
            "asset.described.v1",
            "asset.linked.v1",
            "asset.unlinked.v1",
            "asset.held.v1",
            "asset.hold_released.v1",
            "asset.soft_deleted.v1",
            "asset.purge_requested.v2",
            "asset.content_purged.v1",
            "asset.restored.v1",
            "asset.held.v1",
        ],
    ),
    "job": (
        JOB,
        [
            "job.requested.v1",
            "job.started.v1",
            "job.failed.v1",
            "job.requeued.v1",
            "job.started.v1",
            "job.cancelled.v1",
            "job.requeued.v1",
            "job.started.v1",
            "job.succeeded.v1",
        ],
    ),
    "tenant": (
        TENANT,
        ["tenant.created.v1", "tenant.key_issued.v1", "tenant.policy_set.v1", "tenant.key_revoked.v1"],
    ),
}


def history(names: list[str]) -> list[Recorded]:
    """The golden events as one originator's, at the positions 1, 2, 3 and so on."""
    events = [event_of(golden(EVENTS / f"{name}.json")) for name in names]
    numbered = [
        event.model_copy(
            update={
                "envelope": event.envelope.model_copy(
                    update={"originator_id": UUID(int=7), "originator_version": number}
                )
            }
        )
        for number, event in enumerate(events, 1)
    ]
    return [Recorded(event, number, event.envelope.recorded_at) for number, event in enumerate(numbered, 1)]


def complete() -> None:
    """Add the states that are missing: of folds that are new, or whose states have another form."""
    for fold, names in HISTORIES.values():
        path = STATES / f"{fold.name}.json"
        if not path.exists():
            path.write_bytes(fold.dump(fold.after(None, history(names))) + b"\n")
