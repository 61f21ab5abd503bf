"""`tenant`: open tenants, and say what they let in."""

from typing import Annotated

import orjson
import typer
from pydantic import ValidationError
from rich import print as show
from rich.table import Column, Table

from api.cli.opening import ReasonOption, TenantArgument, in_doubt, opened, operated, operator
from api.policies import Policies
from api.policy_schemas import TenantPolicy
from domain.tenant.inputs import NewPolicy
from infra.tenants import NAME, list_tenants

app = typer.Typer(
    help="Open tenants, list them, and set their policies: isolated customers, each with a log of its own.",
    no_args_is_help=True,
)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens, at most 63.")],
    reason: ReasonOption = None,
) -> None:
    """Open a tenant and its log; prints its id. Then give it a key: `asset-ledger key issue NAME`."""
    if not NAME.match(name):
        raise typer.BadParameter("use lower-case letters, digits and hyphens, at most 63, starting with no hyphen")
    with opened() as services, in_doubt("See `asset-ledger tenant list`."):
        print(services.tenants.create(operator(reason), name))  # noqa: T201


@app.command("list")
def list_() -> None:
    """List the tenants, with the size of each log."""
    table = Table("name", Column("id", no_wrap=True), "events", "created")
    with opened() as services:
        for name, tenant_id, head, created_at in list_tenants(services.projector):
            table.add_row(name, str(tenant_id), f"{head:,}", f"{created_at:%Y-%m-%d}")
    show(table)


@app.command()
def policy(
    tenant: TenantArgument,
    file: Annotated[
        typer.FileText | None,
        typer.Option("--set", metavar="FILE.json", help="Set this policy; `-` reads it from stdin."),
    ] = None,
    reason: ReasonOption = None,
) -> None:
    """Show a tenant's policy as JSON, or set it: what this prints can be edited and given to `--set`.

    `required_references`: kinds of which every new asset and job must have a reference, such as `["client"]`.

    `allowed_tags`: the tags that a media kind may have, such as `{"image": ["concept", "final"]}`; a media kind left
    out may have any.

    `closed_kinds`: kinds of which only declared references may be used, such as `["client"]`. Declare them with
    `POST /v1/references`.

    A policy replaces the whole one before; `{}` lets everything in again. It holds for what is recorded from then on.
    """
    new = _policy(file.read(), reason) if file else None
    with opened() as services, in_doubt("Set it again: what is set already does not change."):
        policies = Policies(operated(services, services.tenants.find(tenant)))
        recorded = policies.set_policy(new) if new else policies.policy()
    told = TenantPolicy.of(recorded).model_dump(include=set(NewPolicy.model_fields))
    print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())  # noqa: T201


def _policy(text: str, reason: str | None) -> NewPolicy:
    try:
        new = NewPolicy.model_validate_json(text)
    except ValidationError as error:
        told = (f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors()[:3])
        raise typer.BadParameter("; ".join(told), param_hint="--set") from None
    return new.model_copy(update={"reason": reason or new.reason})
