"""`key`: the keys that open the API."""

import os
import sys
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Column

from api.cli.opening import ReasonOption, TenantArgument, in_doubt, opened, operator
from api.cli.output import say, table
from domain.errors import LedgerError
from domain.event import Actor
from infra.tenants import key_id_of


class KeyNotPrintedError(LedgerError):
    """The key was issued, but could not be printed."""


app = typer.Typer(help="Issue, list and revoke the keys that open the API for a tenant.", no_args_is_help=True)


@app.command()
def issue(
    tenant: TenantArgument,
    holder: Annotated[
        str, typer.Option(help="Who acts with the key, written type:id; the type is user, worker or system.")
    ] = "system:api",
    reason: ReasonOption = None,
) -> None:
    """Issue a key; prints it once. Only its digest is kept, so keep it safe."""
    type_, _, id_ = holder.partition(":")
    if type_ not in {"user", "worker", "system"} or not id_:
        raise typer.BadParameter("write type:id, such as worker:comfy-1", param_hint="--holder")
    actor = Actor.model_validate({"type": type_, "id": id_})
    with opened() as services:
        tenant_id = services.tenants.find(tenant)
        _print_once(services.tenants.issue_key(operator(reason), tenant_id, actor), tenant_id)


def _print_once(token: str, tenant_id: UUID) -> None:
    """Print the key. KeyNotPrintedError if that does not work, since nobody can print it again."""
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
    key_id: Annotated[UUID, typer.Argument(help="As `key list` shows it.")],
    reason: ReasonOption = None,
) -> None:
    """Revoke a key. It opens nothing any more; in services that are running, within a second."""
    with opened() as services, in_doubt("Revoke it again: what is revoked stays so."):
        services.tenants.revoke_key(operator(reason), services.tenants.find(tenant), key_id)
    say(f"revoked {key_id}")


@app.command("list")
def list_(tenant: TenantArgument) -> None:
    """List a tenant's keys. The keys themselves are not kept."""
    with opened() as services:
        rows = [
            (str(key_id), f"{type_}:{id_}", f"{issued_at:%Y-%m-%d}", f"{revoked_at:%Y-%m-%d}" if revoked_at else "")
            for key_id, type_, id_, issued_at, revoked_at in services.tenants.list_keys(services.tenants.find(tenant))
        ]
    table([Column("key id", no_wrap=True), "holder", "issued", "revoked"], rows)
