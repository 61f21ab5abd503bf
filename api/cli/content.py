"""Import media, purge the bytes of assets, and compare the store with the log."""

from typing import Annotated

import typer

from api.application.content.purges import Purges
from api.application.content.reconciliation import Mismatch, Reconciliation
from api.application.content.sweeper import Sweeper
from api.application.session import Session
from api.cli.context import TenantOption, opened, operated, tenant_or_only
from api.cli.imports import import_
from api.cli.output import say
from api.cli.purge import purge

app = typer.Typer(help=__doc__, no_args_is_help=True)
app.command("import")(import_)
app.command()(purge)


@app.command()
def reconcile(
    tenant: TenantOption = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Remove orphans: objects that the log does not know.")
    ] = False,
) -> None:
    """Compare the store with the log.

    Lists orphans (objects that the log does not know), missing objects, and damaged objects (of another size than was
    recorded). Exits with 1 if any are left. `--repair` removes orphans; missing and damaged objects must come from a
    backup. Objects younger than an hour are skipped, because their events may still be on the way into the log.
    """
    with opened() as services:
        services.store.check()
        if not compare(operated(services, tenant_or_only(services, tenant)), repair=repair):
            raise typer.Exit(1)


def compare(session: Session, *, repair: bool) -> bool:
    """Compare, list the differences, and sum up; returns whether store and log match now."""
    swept, requeued, reconciling = Sweeper(session).sweep(), Purges(session).requeue(), Reconciliation(session)
    mismatch = reconciling.compare()
    for line in _lines(mismatch):
        say(line)
    orphans = f"removed {reconciling.remove(mismatch.orphans):,}" if repair else f"found {len(mismatch.orphans):,}"
    missing, damaged = len(mismatch.missing) + len(mismatch.missing_documents), len(mismatch.damaged)
    say(f"{orphans} orphans, {missing:,} missing, {damaged:,} damaged, {swept:,} uploads swept")
    if requeued:
        say(f"queued the purges of {requeued:,} assets again: the log has requests for them, but the queue had none")
    if missing or damaged:
        say("missing and damaged objects cannot be repaired here: restore them from a backup of the store")
    return not (missing or damaged or (mismatch.orphans and not repair))


def _lines(mismatch: Mismatch) -> list[str]:
    return [
        *(f"orphan   {key}" for key in mismatch.orphans),
        *(f"missing  asset {asset_id}, content version {version}" for asset_id, version in mismatch.missing),
        *(
            f"missing  document {document_id} of {originator_id}"
            for originator_id, document_id in mismatch.missing_documents
        ),
        *(
            f"damaged  asset {asset_id}, content version {version}: {there:,} bytes instead of {recorded:,}"
            for asset_id, version, recorded, there in mismatch.damaged
        ),
    ]
