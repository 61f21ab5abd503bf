"""What every command shares: opening the ledger without following it, and who acts on the command line."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from uuid import UUID

import typer
from uuid_utils.compat import uuid7

from api.composition import Services, services, utc_now
from api.session import Session
from domain.errors import OutcomeUnknownError, TenantNotFoundError
from domain.event import Actor, Context
from infra.settings import Settings
from infra.tenants import list_tenants

TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's name or id.")]
TenantOption = Annotated[
    str | None, typer.Option("--tenant", help="The tenant's name or id; not needed if there is only one.")
]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why; kept with the event.")]


@contextmanager
def opened() -> Iterator[Services]:
    """The ledger of the settings, for one command: whoever serves keeps following."""
    with services(Settings(follow=False)) as made:
        yield made


def operator(reason: str | None = None) -> Context:
    """The circumstances of a command typed by an operator: the account's name is the actor's."""
    return Context(
        actor=Actor(id=getpass.getuser(), type="user"),
        recorded_at=utc_now(),
        correlation_id=str(uuid7()),
        reason=reason,
    )


@contextmanager
def in_doubt(remedy: str) -> Iterator[None]:
    """Add the remedy to the error, if nobody knows whether the block's change was recorded."""
    try:
        yield
    except OutcomeUnknownError as error:
        raise OutcomeUnknownError(f"The connection was lost: nobody knows whether it is recorded. {remedy}") from error


def operated(services: Services, tenant_id: UUID) -> Session:
    """An operator's session with a tenant."""
    return services.session(tenant_id, operator().actor)


def tenant_or_only(services: Services, tenant: str | None) -> UUID:
    """The named tenant, or the only one there is. TenantNotFoundError if that is not clear."""
    if tenant is not None:
        return services.tenants.find(tenant)
    known = list_tenants(services.projector)
    if len(known) != 1:
        names = ", ".join(name for name, *_ in known[:10]) or "none yet: `asset-ledger tenant create NAME`"
        raise TenantNotFoundError(f"Say which tenant with --tenant. There are: {names}.")
    return known[0][1]
