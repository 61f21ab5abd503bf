"""`content`: look after the bytes of assets."""

from datetime import timedelta
from typing import Annotated

import typer
from rich import print as show
from rich.console import Console
from rich.progress import Progress

from api.cli.importing import import_
from api.cli.opening import ReasonOption, TenantOption, opened, operated, tenant_or_only
from api.composition import Services
from api.purging import Purging
from api.reconciling import Reconciling
from api.session import Session
from domain.errors import FilterMissingError
from domain.reference import Reference
from projections.asset_references.fold import ASSET_REFERENCES
from projections.assets.fold import ASSETS
from projections.assets.read import AssetFilter
from projections.running import fold_until

SELECTED_BY = (ASSETS, ASSET_REFERENCES)
app = typer.Typer(
    help="Bring in media, purge the bytes of assets, and compare the store with the log.", no_args_is_help=True
)
app.command("import")(import_)


@app.command()
def purge(
    tenant: TenantOption = None,
    deleted_days: Annotated[
        float | None, typer.Option(help="Assets that were deleted at least so many days ago.", min=0)
    ] = None,
    older_days: Annotated[
        float | None, typer.Option(help="Assets that were recorded at least so many days ago.", min=0)
    ] = None,
    node: Annotated[list[str] | None, typer.Option(help="Assets that this workflow node made.")] = None,
    workflow: Annotated[list[str] | None, typer.Option(help="Assets that this workflow made.")] = None,
    job: Annotated[list[str] | None, typer.Option(help="Assets of this job, by its id or its run.")] = None,
    ref: Annotated[list[str] | None, typer.Option(help="Assets with this reference, written kind:id.")] = None,
    reason: ReasonOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Let the bytes of assets go for good; what is recorded of them stays.

    All that is given must hold. Live assets are deleted first; those under a legal hold keep their bytes. The same is
    done by `serve` for assets that were deleted longer ago than the retention time.
    """
    with opened() as services:
        now = services.clock()
        before, deleted = (None if days is None else now - timedelta(days=days) for days in (older_days, deleted_days))
        named = [
            *(Reference(kind="node", id=n) for n in node or ()),
            *(Reference(kind="workflow", id=w) for w in workflow or ()),
        ]
        wanted = AssetFilter(
            status="deleted" if deleted else None,
            created_before=before,
            updated_before=deleted,
            jobs=tuple(job or ()),
            references=(*named, *map(_reference, ref or ())),
        )
        if wanted == AssetFilter():
            raise FilterMissingError
        session = _session(services, tenant)
        _catch_up(services, session)
        purging = Purging(session)
        found = purging.request_all(wanted, reason, dry_run=dry_run)
        show(f"{'would purge' if dry_run else 'purging'} {found.assets:,} assets with {found.bytes:,} bytes")
        if found.held:
            show(f"{len(found.held):,} assets stay, since they are under a legal hold")
        while purging.carry_out():
            pass
        left, failure = purging.purges.count()
        if left:
            show(f"{left:,} content versions are not gone yet and will be tried again: {failure}")


@app.command()
def reconcile(
    tenant: TenantOption = None,
    repair: Annotated[bool, typer.Option("--repair", help="Remove what the log does not know.")] = False,
) -> None:
    """Compare the store with the log: objects that nobody knows, and content and documents whose object is gone.

    Objects younger than an hour are left alone: they may be on their way into the log.
    """
    with opened() as services:
        compare(_session(services, tenant), repair=repair)


def compare(session: Session, *, repair: bool) -> None:
    """Compare, list what does not match, and sum up."""
    swept, reconciling = Purging(session).sweep(), Reconciling(session)
    found = reconciling.compare()
    for key in found.orphans:
        show(f"orphan   {key}")
    for asset_id, version in found.missing:
        show(f"missing  asset {asset_id}, content version {version}")
    for originator_id, document_id in found.missing_documents:
        show(f"missing  document {document_id} of {originator_id}")
    orphans = f"removed {reconciling.remove(found.orphans):,}" if repair else f"found {len(found.orphans):,}"
    missing = len(found.missing) + len(found.missing_documents)
    show(f"{orphans} orphans, {missing:,} missing, {swept:,} uploads swept")


def _catch_up(services: Services, session: Session) -> None:
    """Have what a purge selects by up to date, though nobody may serve just now."""
    head = session.log.recorder.head()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("catching up with the log", total=None)

        def show_progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        fold_until(services.engine, services.database, session.tenant_id, SELECTED_BY, head, show_progress)


def _session(services: Services, tenant: str | None) -> Session:
    services.store.check()
    return operated(services, tenant_or_only(services, tenant))


def _reference(text: str) -> Reference:
    try:
        return Reference.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--ref") from None
