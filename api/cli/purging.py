"""`content purge`: let the bytes of assets go for good."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.progress import Progress

from api.cli.opening import ReasonOption, TenantOption, in_doubt, opened, operated, tenant_or_only
from api.cli.output import console, say
from api.composition import Services
from api.purging import Purging
from api.routers.assets import AssetFilterQuery
from api.session import Session
from domain.errors import FilterMissingError
from projections.asset_references.fold import ASSET_REFERENCES
from projections.assets.fold import ASSETS
from projections.assets.read import AssetFilter
from projections.contents.fold import CONTENTS
from projections.running import fold_until

SELECTED_BY = (ASSETS, ASSET_REFERENCES, CONTENTS)
OPTIONS = {"media_kind": "kind", "node_id": "node", "workflow_id": "workflow", "job_id": "job"}
"""What filters of the API are called here, where that is something else."""

Texts = list[str] | None


def purge(
    tenant: TenantOption = None,
    deleted_days: Annotated[
        float | None, typer.Option(help="Assets that were deleted at least so many days ago, and are still.", min=0)
    ] = None,
    older_days: Annotated[
        float | None, typer.Option(help="Assets that were recorded at least so many days ago.", min=0)
    ] = None,
    node: Annotated[Texts, typer.Option(help="Assets that this workflow node made.")] = None,
    workflow: Annotated[Texts, typer.Option(help="Assets that this workflow made.")] = None,
    job: Annotated[Texts, typer.Option(help="Assets of this job, by its id or its run.")] = None,
    ref: Annotated[Texts, typer.Option(help="Assets with this reference, written kind:id.")] = None,
    status: Annotated[str | None, typer.Option(help="Assets of this status; `deleted` leaves live ones alone.")] = None,
    kind: Annotated[str | None, typer.Option(help="Assets of this media kind.")] = None,
    tag: Annotated[Texts, typer.Option(help="Assets with this tag.")] = None,
    creator: Annotated[str | None, typer.Option(help="Assets that this actor recorded, written type:id.")] = None,
    subject: Annotated[str | None, typer.Option(help="Assets that hold this person's data.")] = None,
    sha256: Annotated[str | None, typer.Option(help="Assets whose content has this digest.")] = None,
    content_type: Annotated[str | None, typer.Option(help="Assets whose media type begins so.")] = None,
    name: Annotated[str | None, typer.Option(help="Assets with this in their names.")] = None,
    reason: ReasonOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Let the bytes of assets go for good; what is recorded of them stays.

    All that is given must hold. Live assets are deleted first, unless deleted ones are asked for; those under a legal
    hold keep their bytes. The same is done by `serve` for assets that were deleted longer ago than the retention time.
    """
    given: dict[str, Any] = {
        "node_id": node,
        "workflow_id": workflow,
        "job_id": job,
        "ref": ref,
        "status": status,
        "media_kind": kind,
        "tag": tag,
        "creator": creator,
        "subject": subject,
        "sha256": sha256,
        "content_type": content_type,
        "name": name,
    }
    with opened() as services:
        now = services.database_clock.ask()
        given["created_before"] = _before(now, older_days, "--older-days")
        wanted = _filter(given, _before(now, deleted_days, "--deleted-days"))
        _purge(services, operated(services, tenant_or_only(services, tenant)), wanted, reason, dry_run=dry_run)


def _purge(services: Services, session: Session, wanted: AssetFilter, reason: str | None, *, dry_run: bool) -> None:
    services.store.check()
    _catch_up(services, session)
    purging = Purging(session)
    with in_doubt("Repeat the command: what is being purged stays so."):
        found = purging.request_all(wanted, reason, dry_run=dry_run)
    say(f"{'would purge' if dry_run else 'purging'} {found.assets:,} assets with {found.bytes:,} bytes")
    if found.held:
        say(f"{len(found.held):,} assets stay, since they are under a legal hold")
    if found.changed:
        say(f"{len(found.changed):,} assets stay, since they changed while the lists were read: run it again")
    if dry_run:
        return
    while purging.carry_out():
        pass
    left, failure = purging.purges.count()
    if left:
        say(f"{left:,} content versions are not gone yet and will be tried again: {failure}")


def _filter(given: dict[str, Any], deleted_before: datetime | None) -> AssetFilter:
    """Which assets are meant. FilterMissingError if nothing says so, typer's BadParameter for what cannot be."""
    try:
        query = AssetFilterQuery.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        short = first["type"].endswith("too_short")
        told = "name something, or leave it out" if short else first["msg"].removeprefix("Value error, ")
        name = str(first["loc"][0]) if first["loc"] else "ref"
        option = OPTIONS.get(name, name).replace("_", "-")
        raise typer.BadParameter(told, param_hint=f"--{option}") from None
    wanted = replace(query.filter(), deleted_before=deleted_before)
    if wanted == AssetFilter():
        raise FilterMissingError
    return wanted


def _before(now: datetime, days: float | None, option: str) -> datetime | None:
    """The time so many days ago; None if no number is given."""
    if days is None:
        return None
    try:
        return now - timedelta(days=days)
    except (OverflowError, ValueError):
        raise typer.BadParameter("give a number of days that the calendar has", param_hint=option) from None


def _catch_up(services: Services, session: Session) -> None:
    """Have what a purge selects by up to date, though nobody may serve just now."""
    head = session.log.recorder.head()
    with Progress(console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("catching up with the log", total=None)

        def show_progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        fold_until(services.engine, services.database, session.tenant_id, SELECTED_BY, head, show_progress)
