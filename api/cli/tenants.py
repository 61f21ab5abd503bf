"""`tenant`: open tenants."""

from typing import Annotated

import typer
from rich import print as show
from rich.table import Column, Table

from api.cli.opening import ReasonOption, opened, operator
from infra.tenants import NAME, list_tenants

app = typer.Typer(help="Open and list tenants: isolated customers, each with a log of its own.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens, at most 63.")],
    reason: ReasonOption = None,
) -> None:
    """Open a tenant and its log; prints its id. Then give it a key: `asset-ledger key issue NAME`."""
    if not NAME.match(name):
        raise typer.BadParameter("use lower-case letters, digits and hyphens, at most 63, starting with no hyphen")
    with opened() as services:
        print(services.tenants.create(operator(reason), name))  # noqa: T201


@app.command("list")
def list_() -> None:
    """List the tenants, with the size of each log."""
    table = Table("name", Column("id", no_wrap=True), "events", "created")
    with opened() as services:
        for name, tenant_id, head, created_at in list_tenants(services.projector):
            table.add_row(name, str(tenant_id), f"{head:,}", f"{created_at:%Y-%m-%d}")
    show(table)
