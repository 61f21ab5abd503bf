"""The builds of a read model: which one serves which tenant, and whether a build may be made anew or dropped."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from domain.errors import LedgerError
from infra.connections import Connection
from infra.database import Database
from infra.sql import load_statements
from projections.engine.progress import version_of, versions_of
from projections.projection import Projection
from projections.served_builds import EVERYBODY

_SQL = load_statements(__file__, "builds.sql")


class BuildInUseError(LedgerError):
    """Tenants are served from this build of the read model."""


class SwitchUnfinishedError(LedgerError):
    """Some tenants are served from one build of the read model, some from the other."""


def serving(projector: Database, projection: Projection[Any]) -> dict[UUID, str]:
    """The name of the build that serves each tenant; under `EVERYBODY`, the one for tenants that come later."""
    with projector.connection() as connection:
        return dict(connection.execute(_SQL["serving"], version_of(projection) | {"everybody": EVERYBODY}).fetchall())


def serving_build(projector: Database, projection: Projection[Any]) -> Projection[Any]:
    """The build of the read model that serves every tenant. SwitchUnfinishedError."""
    builds = set(serving(projector, projection).values())
    if len(builds) > 1:
        raise SwitchUnfinishedError(
            f"Some tenants are served from {' and some from '.join(sorted(builds))}: "
            f"run `asset-ledger projections switch {projection.name}` again, or `rollback`."
        )
    return next(build for build in projection.builds if build.name in builds)


def previous_build(projector: Database, projection: Projection[Any]) -> str | None:
    """The name of the build that served everybody before; None if it never did, or was made anew since."""
    with projector.connection() as connection:
        row = connection.execute(_SQL["previous"], version_of(projection) | {"everybody": EVERYBODY}).fetchone()
    return row[0] if row else None


def serve_everybody(projector: Database, projection: Projection[Any], build: str, previous: str) -> None:
    """Have a build serve the tenants that come later."""
    parameters = {"everybody": EVERYBODY, "build": build, "previous": previous}
    with projector.connection() as connection:
        connection.execute(_SQL["serve_everybody"], version_of(projection) | parameters)


def is_unused(connection: Connection, build: Projection[Any]) -> bool:
    """Whether nobody is served from the build, and nobody was a minute ago: a list may have begun before a switch."""
    row = connection.execute(_SQL["in_use"], _names(build) | {"everybody": EVERYBODY}).fetchone()
    return row is not None and not any(row)


def require_unused(connection: Connection, build: Projection[Any]) -> None:
    """Let the build be made anew or dropped: it cannot serve again as it was. BuildInUseError."""
    if not is_unused(connection, build):
        raise BuildInUseError(
            f"Tenants are served from {build.name}, or were within the last minute. Try again after a minute; if it is "
            f"refused then, finish `asset-ledger projections switch {build.read_model}` or roll it back first."
        )
    connection.execute(_SQL["forget_previous"], _names(build))


def forget_version(connection: Connection, read_model: str, version: int) -> None:
    """Forget who was served from which build of an older version."""
    connection.execute(_SQL["forget"], {"projection": read_model, "version": version})


def checkpoints(
    connection: Connection, builds: Sequence[Projection[Any]], tenant_id: UUID
) -> dict[str, tuple[int, str | None]]:
    """Of each build that has one, by its table: the position in the tenant's log, and the reason if it has stopped."""
    rows = connection.execute(_SQL["checkpoints"], versions_of(builds) | {"tenant_id": tenant_id}).fetchall()
    places = {(name, version): (position, failure) for name, version, position, failure in rows}
    return {b.table.name: places[b.name, b.version] for b in builds if (b.name, b.version) in places}


def _names(build: Projection[Any]) -> dict[str, Any]:
    return version_of(build) | {"first": build.read_model}
