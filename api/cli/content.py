"""`content`: look after the bytes of assets."""

from typing import Annotated

import typer

from api.cli.importing import import_
from api.cli.opening import TenantOption, opened, operated, tenant_or_only
from api.cli.output import say
from api.cli.purging import purge
from api.purging import Purging
from api.reconciling import Mismatch, Reconciling
from api.session import Session
from api.sweeper import Sweeper

app = typer.Typer(
    help="Bring in media, purge the bytes of assets, and compare the store with the log.", no_args_is_help=True
)
app.command("import")(import_)
app.command()(purge)


@app.command()
def reconcile(
    tenant: TenantOption = None,
    repair: Annotated[bool, typer.Option("--repair", help="Remove what the log does not know.")] = False,
) -> None:
    """Compare the store with the log.

    Lists objects that nobody knows (orphans), and content and documents whose object is gone (missing) or has another
    size than was recorded (damaged). Ends with 1 if anything of that is left: `--repair` removes orphans, but nothing
    brings back what is missing or damaged. Objects younger than an hour are left alone: they may be on their way into
    the log.
    """
    with opened() as services:
        services.store.check()
        if not compare(operated(services, tenant_or_only(services, tenant)), repair=repair):
            raise typer.Exit(1)


def compare(session: Session, *, repair: bool) -> bool:
    """Compare, list what does not match, and sum up; returns whether store and log match now."""
    swept, requeued, reconciling = Sweeper(session).sweep(), Purging(session).requeue(), Reconciling(session)
    found = reconciling.compare()
    for line in _lines(found):
        say(line)
    orphans = f"removed {reconciling.remove(found.orphans):,}" if repair else f"found {len(found.orphans):,}"
    missing, damaged = len(found.missing) + len(found.missing_documents), len(found.damaged)
    say(f"{orphans} orphans, {missing:,} missing, {damaged:,} damaged, {swept:,} uploads swept")
    if requeued:
        say(f"queued the purges of {requeued:,} assets again: the log has requested them, and they were in no queue")
    if missing or damaged:
        say("what is missing or damaged cannot be repaired from here: bring it back from a backup of the store")
    return not (missing or damaged or (found.orphans and not repair))


def _lines(found: Mismatch) -> list[str]:
    """One line for everything that does not match."""
    return [
        *(f"orphan   {key}" for key in found.orphans),
        *(f"missing  asset {asset_id}, content version {version}" for asset_id, version in found.missing),
        *(
            f"missing  document {document_id} of {originator_id}"
            for originator_id, document_id in found.missing_documents
        ),
        *(
            f"damaged  asset {asset_id}, content version {version}: {there:,} bytes instead of {recorded:,}"
            for asset_id, version, recorded, there in found.damaged
        ),
    ]
