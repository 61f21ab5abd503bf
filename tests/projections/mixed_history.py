"""A history of everything that read models show, in an order in which no originator's events are together."""

from collections.abc import Callable
from contextlib import suppress
from itertools import cycle
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from api.application.asset_creation import AssetCreation
from api.application.assets import Assets
from api.application.jobs import Jobs
from api.application.policies import Policies
from api.composition import Services
from api.workers.worker import own_session
from domain.asset.asset import Asset
from domain.asset.events import Content
from domain.asset.inputs import NewAsset, NewContent, NewDescription
from domain.errors import LedgerError
from domain.event import Context
from domain.job.inputs import Completion, NewJob
from domain.reference import Reference
from domain.tenant.inputs import NewReference
from tests.projections.test_everything import COMMANDS

IMAGE = {"media": {"media_kind": "image", "width": 3, "height": 4}}
EMBEDDED = {"steps": 30, "generation": {"prompt": "a lake", "seed": 7, "model": "m.ckpt"}}
AT_LAST = {"final": True}
Change = Callable[[Asset, Context], Any]


def new_asset(number: int) -> NewAsset:
    """An asset with a bit of everything."""
    metadata = {"number": number, "π": [1.5, None]}
    described = {"name": f"Schloß {number}", "tags": ["a\tb", '"quoted"'], "metadata": metadata}
    origin = {"workflow_id": f"w{number % 3}", "scope": "world:w1", "references": [f"claim:c{number}"]}
    return NewAsset.model_validate(
        {**IMAGE, **described, **origin, "subject": f"u_{number % 2}", "prompt_spec": {"prompt": "Schloß"}}
    )


def asset_changes(number: int) -> list[Change]:
    """Changes of an asset, in their order."""
    links = (Reference(kind="message", id=f"m\\{number}"), Reference(kind="client", id="ä"))
    content = Content(content_type="Image/PNG", size=3, sha256="a" * 64)
    media = NewAsset.model_validate(IMAGE).media
    new = NewContent(content_id=uuid7(), content=content, media=media)
    filled = new.model_copy(update={"problem": "cut short", "embedded": EMBEDDED})
    return [
        lambda asset, context: asset.link(context, links),
        lambda asset, context: asset.store_content(context, filled),
        lambda asset, context: asset.unlink(context, links[:1]),
        lambda asset, context: asset.describe(
            context, NewDescription(description="line\nbreak", tags=("final",), metadata=AT_LAST)
        ),
        lambda asset, context: asset.put_hold(context, "case 1"),
        lambda asset, context: asset.release_hold(context, "case 1"),
        lambda asset, context: asset.purge_content(context, [1]),
        lambda asset, context: asset.link(context, links[:1]),
        lambda asset, context: asset.soft_delete(context),
        *([lambda asset, context: asset.restore(context)] if number % 2 else []),
    ]


def new_job(number: int) -> NewJob:
    """A job of its own."""
    return NewJob.model_validate({"media_kind": "image", "run": str(number), "prompt_spec": {"n": number}})


def record_everything(services: Services, tenant_id: UUID, assets: int = 12) -> None:
    """Record so many assets and jobs, and all that happens to them, in turns."""
    session = own_session(services, tenant_id)
    Policies(session).declare([NewReference(kind="client", id="ä")])
    ids = [AssetCreation(session).create(new_asset(number))[0].asset_id for number in range(assets)]
    jobs = Jobs(session)
    job_ids = [jobs.request(new_job(number), None)[0].job_id for number in range(assets)]
    changes = {id_: asset_changes(number) for number, id_ in enumerate(ids)}
    steps = cycle(("start", "fail", "requeue", "start", "cancel"))
    while any(changes.values()):
        for number, id_ in enumerate(ids):
            if changes[id_]:
                change = changes[id_].pop(0)
                with suppress(LedgerError):
                    Assets(session).change(id_, change, "because", None)
            _work(jobs, job_ids[number], next(steps))


def _work(jobs: Jobs, job_id: UUID, step: str) -> None:
    """One step of a job, or its success if it runs at a later attempt."""
    job = jobs.job(job_id)
    with suppress(LedgerError):
        if job.attempt > 1 and job.status == "running":
            result = NewAsset.model_validate(IMAGE)
            jobs.succeed(job_id, Completion(attempt=job.attempt, assets=(result,)))
        else:
            jobs.change(job_id, COMMANDS[step](job.attempt), None)
