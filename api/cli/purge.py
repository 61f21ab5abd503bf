"""`content purge`: remove the bytes of assets for good."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.progress import Progress

from api.application.content.bulk_purge import SELECTED_BY, BulkPurge
from api.application.content.purges import Purges
from api.application.session import Session
from api.cli.context import ReasonOption, TenantOption, in_doubt, opened, operated, tenant_or_only
from api.cli.output import console, say
from api.composition import Services
from domain.errors import FilterMissingError
from projections.engine.rebuild import fold_until
from projections.queries.filters import PurgeFilter

OPTIONS = {"media_kind": "kind", "node_id": "node", "workflow_id": "workflow", "job_id": "job"}
"""The names of options by the name of the API's filter, where they differ."""

Texts = list[str] | None
DeletedDaysOption = Annotated[
    float | None, typer.Option(help="Assets that were deleted at least so many days ago and not restored.", min=0)
]
OlderDaysOption = Annotated[
    float | None, typer.Option(help="Assets that were recorded at least so many days ago.", min=0)
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Report what would be purged, and change nothing.")]


def purge(
    tenant: TenantOption = None,
    deleted_days: DeletedDaysOption = None,
    older_days: OlderDaysOption = None,
    node: Annotated[Texts, typer.Option(help="Assets that this workflow node made.")] = None,
    workflow: Annotated[Texts, typer.Option(help="Assets that this workflow made.")] = None,
    job: Annotated[Texts, typer.Option(help="Assets of this job, by its id or its run.")] = None,
    ref: Annotated[Texts, typer.Option(help="Assets with this reference, written kind:id.")] = None,
    status: Annotated[
        str | None, typer.Option(help="Assets with this status; `deleted` leaves live assets alone.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Assets of this media kind.")] = None,
    tag: Annotated[Texts, typer.Option(help="Assets with this tag.")] = None,
    creator: Annotated[str | None, typer.Option(help="Assets that this actor recorded, written type:id.")] = None,
    subject: Annotated[str | None, typer.Option(help="Assets with this person's data.")] = None,
    sha256: Annotated[str | None, typer.Option(help="Assets whose content has this SHA-256.")] = None,
    content_type: Annotated[str | None, typer.Option(help="Assets whose media type begins with this.")] = None,
    name: Annotated[str | None, typer.Option(help="Assets whose name contains this.")] = None,
    prompt: Annotated[str | None, typer.Option(help="Assets whose prompt has all these words.")] = None,
    seed: Annotated[str | None, typer.Option(help="Assets whose prompt or content names this seed.")] = None,
    prompt_model: Annotated[str | None, typer.Option(help="Assets whose prompt or content names this model.")] = None,
    metadata: Annotated[Texts, typer.Option(help="Assets with this member of metadata, written PATH=VALUE.")] = None,
    reason: ReasonOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Remove the bytes of assets for good. The records stay.

    An asset is purged if all filters match. Live assets are deleted first, unless the filter selects deleted ones.
    Assets under a legal hold keep their bytes. `serve` purges assets by itself after the retention time.
    """
    criteria: dict[str, Any] = {"node_id": node, "workflow_id": workflow, "job_id": job, "ref": ref, "tag": tag}
    criteria |= {"status": status, "media_kind": kind, "creator": creator, "subject": subject, "sha256": sha256}
    criteria |= {"content_type": content_type, "name": name, "prompt": prompt, "seed": seed}
    criteria |= {"prompt_model": prompt_model, "metadata": metadata}
    with opened() as services:
        now = services.database_clock.ask()
        criteria["created_before"] = _before(now, older_days, "--older-days")
        criteria["deleted_before"] = _before(now, deleted_days, "--deleted-days")
        session = operated(services, tenant_or_only(services, tenant))
        _purge(services, session, _filter(criteria), reason, dry_run=dry_run)


def _purge(services: Services, session: Session, selected: PurgeFilter, reason: str | None, *, dry_run: bool) -> None:
    services.store.check()
    _catch_up(services, session)
    with in_doubt("Repeat the command: purging twice is safe."):
        selection = BulkPurge(session).request(selected, reason, dry_run=dry_run)
    say(f"{'would purge' if dry_run else 'purging'} {selection.assets:,} assets with {selection.bytes:,} bytes")
    if selection.held:
        say(f"{len(selection.held):,} assets stay, since they are under a legal hold")
    if selection.changed:
        say(f"{len(selection.changed):,} assets stay, since they changed while the lists were read: run it again")
    if dry_run:
        return
    purges = Purges(session)
    while purges.carry_out():
        pass
    left, failure = purges.queue.count()
    if left:
        say(f"{left:,} content versions could not be removed yet and will be retried: {failure}")


def _filter(criteria: dict[str, Any]) -> PurgeFilter:
    """The filter of the options. Raises FilterMissingError without any, typer's BadParameter for invalid ones."""
    try:
        selected = PurgeFilter.model_validate({name: value for name, value in criteria.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        short = first["type"].endswith("too_short")
        message = "give a value, or leave the option out" if short else first["msg"].removeprefix("Value error, ")
        name = str(first["loc"][0]) if first["loc"] else "ref"
        option = OPTIONS.get(name, name).replace("_", "-")
        raise typer.BadParameter(message, param_hint=f"--{option}") from None
    if not selected.criteria(PurgeFilter):
        raise FilterMissingError
    return selected


def _before(now: datetime, days: float | None, option: str) -> datetime | None:
    if days is None:
        return None
    try:
        return now - timedelta(days=days)
    except (OverflowError, ValueError):
        raise typer.BadParameter("the number of days is too large", param_hint=option) from None


def _catch_up(services: Services, session: Session) -> None:
    """Bring the read models that a purge selects by up to date, since no service may be running."""
    head = session.log.head()
    with Progress(console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("catching up with the log", total=None)

        def show_progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        fold_until(services.engine, services.database, session.tenant_id, SELECTED_BY, head, show_progress)
