"""`tenant`: open tenants, and say what they let in."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.table import Column

from api.cli.opening import ReasonOption, TenantArgument, in_doubt, opened, operated, operator
from api.cli.output import say_json, table
from api.policies import Policies
from api.policy_schemas import TenantPolicy
from domain.tenant.inputs import NewPolicy
from infra.regular_files import open_regular
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
    if not NAME.fullmatch(name):
        raise typer.BadParameter("use lower-case letters, digits and hyphens, at most 63, starting with no hyphen")
    with opened() as services, in_doubt("See `asset-ledger tenant list`."):
        print(services.tenants.create(operator(reason), name))  # noqa: T201


@app.command("list")
def list_() -> None:
    """List the tenants, with the size of each log."""
    with opened() as services:
        rows = [
            (name, str(tenant_id), f"{head:,}", f"{created_at:%Y-%m-%d}")
            for name, tenant_id, head, created_at in list_tenants(services.projector)
        ]
    table(["name", Column("id", no_wrap=True), "events", "created"], rows)


@app.command()
def policy(
    tenant: TenantArgument,
    file: Annotated[
        Path | None,
        typer.Option("--set", metavar="FILE.json", help="Set this policy; `-` reads it from stdin.", allow_dash=True),
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
    new = _policy(_text(file), reason) if file else None
    with opened() as services, in_doubt("Set it again: what is set already does not change."):
        policies = Policies(operated(services, services.tenants.find(tenant)))
        recorded = policies.set_policy(new) if new else policies.policy()
    told = TenantPolicy.of(recorded).model_dump(include=set(NewPolicy.model_fields))
    say_json(told, indented=True)


def _text(file: Path) -> str:
    """What a file holds, or standard input if it is named `-`. BadParameter if that is no text."""
    try:
        with nullcontext(sys.stdin.buffer) if file == Path("-") else open_regular(file) as source:
            return source.read().decode()
    except OSError as error:
        reason = f"{file} cannot be read: {error.strerror}; name a file, or `-` for standard input"
    except UnicodeDecodeError:
        reason = f"{file} is no text in UTF-8"
    raise typer.BadParameter(reason, param_hint="--set")


def _policy(text: str, reason: str | None) -> NewPolicy:
    try:
        new = NewPolicy.model_validate_json(text)
    except ValidationError as error:
        told = (f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors()[:3])
        raise typer.BadParameter("; ".join(told), param_hint="--set") from None
    return new.model_copy(update={"reason": reason or new.reason})
