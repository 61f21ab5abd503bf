"""The HTTP application."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from api import problems
from api.composition import Services
from api.described import Description, only_described_parameters
from api.requests import BodyLimit, RequestId
from api.routers import assets, audit, changes, health
from api.schemas import Problem

MAX_BODY = 1024 * 1024

DESCRIPTION = """
Records who, what and which job made each asset, and what happened to it since, as immutable events.

Send a key as `Authorization: Bearer KEY`; it decides the tenant. Every write answers with `Ledger-Position`: give it
as `min_position` to a list, and the list shows the write. Errors are problem details (RFC 9457).
"""


def create_app(open_services: Callable[[], AbstractContextManager[Services]]) -> FastAPI:
    """The application; the services are opened when it starts and closed when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with open_services() as app.state.services:
            yield

    app = FastAPI(
        title="Asset Ledger",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
        dependencies=[Depends(only_described_parameters)],
        separate_input_output_schemas=False,
    )
    app.add_middleware(BodyLimit, limit=MAX_BODY)
    app.add_middleware(RequestId)
    problems.install(app)
    for router in (assets.router, changes.router, audit.router, health.router):
        app.include_router(router)
    _describe_problems(app)
    app.state.description = Description(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def _describe_problems(app: FastAPI) -> None:
    """Add the problem schema that every documented error refers to."""
    make = app.openapi

    def openapi() -> dict[str, object]:
        described = make()
        schemas = described["components"]["schemas"]
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs", {}))
        schemas["Problem"] = problem
        return described

    app.openapi = openapi  # type: ignore[method-assign]
