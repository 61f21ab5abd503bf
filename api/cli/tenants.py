"""Create and list tenants (isolated customers, each with its own log), and set their policies."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, cast

import typer
from pydantic import ValidationError
from rich.table import Column

from api.application.policies import Policies
from api.cli.context import ReasonOption, TenantArgument, in_doubt, opened, operated, operator
from api.cli.output import say_json, table
from domain.tenant.events import PolicySet
from domain.tenant.inputs import NewPolicy
from domain.tenant.policy import Policy
from infra.regular_files import open_regular
from infra.tenants import NAME, list_tenants

app = typer.Typer(help=__doc__, no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens, at most 63.")],
    reason: ReasonOption = None,
) -> None:
    """Create a tenant with its log, and print its id. Then issue a key: `asset-ledger key issue NAME`."""
    if not NAME.fullmatch(name):
        raise typer.BadParameter("use lower-case letters, digits and hyphens, at most 63, starting with no hyphen")
    with opened() as services, in_doubt("See `asset-ledger tenant list`."):
        print(services.tenants.create(operator(reason), name))  # noqa: T201


@app.command("list")
def list_() -> None:
    """List the tenants with the size of each log."""
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
    """Show a tenant's policy as JSON, or set it. The output can be edited and passed to `--set`.

    `required_references`: every new asset and job must have a reference of each of these kinds, such as `["client"]`.

    `allowed_tags`: the tags that a media kind may have, such as `{"image": ["concept", "final"]}`; a media kind left
    out may have any.

    `closed_kinds`: kinds of which only declared references may be used, such as `["client"]`. Declare them with
    `POST /v1/references`.

    A policy replaces the whole one before; `{}` lets everything in again. It holds for what is recorded from then on.
    """
    new = _policy(_text(file), reason) if file else None
    with opened() as services, in_doubt("Repeat the command: setting the same policy twice is safe."):
        policies = Policies(operated(services, services.tenants.find(tenant)))
        recorded = policies.set_policy(new) if new else policies.policy()
    policy = Policy.of(cast("PolicySet", recorded.event)) if recorded else Policy()
    say_json(policy.model_dump(), indented=True)


def _text(file: Path) -> str:
    """The text of a file, or of standard input for `-`. Raises BadParameter if it cannot be read."""
    try:
        with nullcontext(sys.stdin.buffer) if file == Path("-") else open_regular(file) as source:
            return source.read().decode()
    except OSError as error:
        reason = f"{file} cannot be read: {error.strerror}; name a file, or `-` for standard input"
    except UnicodeDecodeError:
        reason = f"{file} is not UTF-8 text"
    raise typer.BadParameter(reason, param_hint="--set")


def _policy(text: str, reason: str | None) -> NewPolicy:
    try:
        new = NewPolicy.model_validate_json(text)
    except ValidationError as error:
        messages = (f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors()[:3])
        raise typer.BadParameter("; ".join(messages), param_hint="--set") from None
    return new.model_copy(update={"reason": reason or new.reason})
