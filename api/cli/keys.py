"""Issue, list and revoke the keys that open the API for a tenant."""

import os
import sys
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Column

from api.cli.context import ReasonOption, TenantArgument, in_doubt, opened, operator
from api.cli.output import say, table
from domain.errors import LedgerError
from domain.event import Actor
from infra.api_keys import key_id_of


class KeyNotPrintedError(LedgerError):
    """The key was issued, but could not be printed."""


app = typer.Typer(help=__doc__, no_args_is_help=True)


@app.command()
def issue(
    tenant: TenantArgument,
    holder: Annotated[
        str, typer.Option(help="The holder, written type:id. The type is user, worker or system.")
    ] = "system:api",
    reason: ReasonOption = None,
) -> None:
    """Issue a key and print it once. The ledger stores only its digest, so keep the key safe."""
    try:
        actor = Actor.parse(holder)
    except ValueError:
        raise typer.BadParameter("write type:id, such as worker:comfy-1", param_hint="--holder") from None
    with opened() as services:
        tenant_id = services.tenants.find(tenant)
        _print_once(services.api_keys.issue(operator(reason), tenant_id, actor), tenant_id)


def _print_once(token: str, tenant_id: UUID) -> None:
    """Print the key. Raises KeyNotPrintedError if that fails, because the key cannot be printed again."""
    try:
        print(token, flush=True)  # noqa: T201
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or it is tried again at the end
        key_id = key_id_of(token)
        raise KeyNotPrintedError(
            f"The key {key_id} was issued, but could not be printed: {error.strerror}. "
            f"Revoke it (`asset-ledger key revoke {tenant_id} {key_id}`), and issue another."
        ) from error


@app.command()
def revoke(
    tenant: TenantArgument,
    key_id: Annotated[UUID, typer.Argument(help="The id of the key, from `key list`.")],
    reason: ReasonOption = None,
) -> None:
    """Revoke a key. Running services refuse it within a second."""
    with opened() as services, in_doubt("Repeat the command: revoking twice is safe."):
        services.api_keys.revoke(operator(reason), services.tenants.find(tenant), key_id)
    say(f"revoked {key_id}")


@app.command("list")
def list_(tenant: TenantArgument) -> None:
    """List the ids, holders and dates of a tenant's keys. The keys themselves are not stored."""
    with opened() as services:
        rows = [
            (str(key_id), f"{type_}:{id_}", f"{issued_at:%Y-%m-%d}", f"{revoked_at:%Y-%m-%d}" if revoked_at else "")
            for key_id, type_, id_, issued_at, revoked_at in services.api_keys.keys_of(services.tenants.find(tenant))
        ]
    table([Column("key id", no_wrap=True), "holder", "issued", "revoked"], rows)
