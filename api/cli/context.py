"""Shared by all commands: opening the ledger without a follower, and the operator as the actor."""

import getpass
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated
from uuid import UUID

import typer
from uuid_utils.compat import uuid7

from api.application.session import Session
from api.composition import Services, open_services, utc_now
from domain.errors import OutcomeUnknownError, TenantNotFoundError
from domain.event import Actor, Context
from infra.settings import Settings
from infra.tenants import list_tenants

TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's name or id.")]
TenantOption = Annotated[
    str | None, typer.Option("--tenant", help="The tenant's name or id. Required if there are several.")
]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="The reason, kept with each event.")]


def opened() -> AbstractContextManager[Services]:
    """The ledger of the settings, for one command and without a follower."""
    return open_services(Settings(follow=False))


def operator(reason: str | None = None) -> Context:
    """The context of an operator's command: the actor is the account of the operating system."""
    return Context(
        actor=Actor(id=getpass.getuser(), type="user"),
        recorded_at=utc_now(),
        correlation_id=str(uuid7()),
        reason=reason,
    )


@contextmanager
def in_doubt(remedy: str) -> Iterator[None]:
    """Add the remedy to the error, if the outcome of the block's change is unknown."""
    try:
        yield
    except OutcomeUnknownError as error:
        raise OutcomeUnknownError(
            f"The connection was lost during the commit; the outcome is unknown. {remedy}"
        ) from error


def operated(services: Services, tenant_id: UUID) -> Session:
    """An operator's session with a tenant."""
    return services.session(tenant_id, operator().actor)


def tenant_or_only(services: Services, tenant: str | None) -> UUID:
    """The named tenant, or the only tenant. Raises TenantNotFoundError if there are none or several."""
    if tenant is not None:
        return services.tenants.find(tenant)
    known = list_tenants(services.projector)
    if len(known) != 1:
        names = ", ".join(name for name, *_ in known[:10]) or "none yet: `asset-ledger tenant create NAME`"
        raise TenantNotFoundError(f"Name the tenant with --tenant. Tenants: {names}.")
    return known[0][1]
