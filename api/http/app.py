"""The HTTP application."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from functools import cache
from operator import attrgetter
from threading import Lock
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.routing import Route

from api.application.slots import Slots
from api.composition import Services
from api.http import authentication, problems
from api.http.batch_bodies import MAX_BATCH_BODY
from api.http.connections import most_connections
from api.http.direct_routes import DirectApp
from api.http.feed import Listeners
from api.http.job_operations import OPERATION
from api.http.middleware import RequestId
from api.http.query_parameters import declared
from api.http.rendered_routes import Description
from api.http.request_body import MOST_MEMORY
from api.http.routers import (
    asset_changes,
    assets,
    audit,
    batches,
    changes,
    content,
    description_pages,
    exports,
    feed,
    from_urls,
    health,
    jobs,
    lineage,
    policies,
    purges,
    references,
    signed_urls,
    statistics,
    uploads,
    zips,
)
from api.http.schemas.problems import Problem
from api.http.schemas.uploads import UploadParts
from domain.json_documents import MAX_SAFE_INTEGER

MOST_BODIES = 64
MOST_FETCHING = 16
MOST_EXPORTS = 12
"""Written at once: each works nearly all the time, and holds a page and a row group."""
MOST_PAGES = 64
"""Of the description and its pages, sent at once: nobody needs a key for them, and most hold a descriptor."""
MOST_WAITING = 256
MOST_OF_A_URL = 32

PARTS = (
    from_urls,
    zips,  # before the assets, for it is no asset's id
    assets,  # before all others, for a request is held against one route after the other
    content,
    uploads,
    purges,
    asset_changes,
    jobs,
    batches,
    references,
    changes,
    lineage,
    policies,
    audit,
    exports,
    statistics,
    feed,
    health,
)
BODY_LIMITS = dict.fromkeys((batches.ASSETS_PATH, batches.JOBS_PATH, policies.BATCH_PATH), MAX_BATCH_BODY)
"""The largest body of each route that takes more than others, in bytes."""

_STORABLE = {"pattern": r"^[^\u0000]*$"}
JSON_VALUE = {
    "anyOf": [
        {"type": ["boolean", "null"]},
        {"type": "string", **_STORABLE},
        {"type": "number", "minimum": -MAX_SAFE_INTEGER, "maximum": MAX_SAFE_INTEGER},
        {"type": "array", "items": {"$ref": "#/components/schemas/JsonValue"}},
        {
            "type": "object",
            "propertyNames": _STORABLE,
            "additionalProperties": {"$ref": "#/components/schemas/JsonValue"},
        },
    ]
}
"""What a free document may hold: I-JSON (RFC 7493) that PostgreSQL can store."""

DESCRIPTION = """
Records who, what and which job made each asset, and what happened to it since, as immutable events.

Send a key as `Authorization: Bearer KEY`; it decides the tenant. Every write answers with `Ledger-Position`: give it
as `min_position` to a list, and the list shows the write. Errors are problem details (RFC 9457).
"""


def create_app(
    open_services: Callable[[], AbstractContextManager[Services]], listeners: Callable[[], Listeners] = Listeners
) -> DirectApp:
    """The application; the services are opened when it starts and closed when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.listeners = listeners()
        _set_slots(app)
        with open_services() as app.state.services:
            yield

    app = DirectApp(
        title="Asset Ledger",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        generate_unique_id_function=attrgetter("name"),
        redirect_slashes=False,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    app.state.body_limits = BODY_LIMITS
    app.add_middleware(RequestId)
    problems.install(app)
    parts = (*PARTS, signed_urls, description_pages)
    for part in parts:
        app.include_router(part.router)
    _describe_the_rest(app)
    app.state.openapi_document = description_pages.OpenApiDocument(app.openapi)
    routes = (*(route for part in parts for route in part.router.routes), *app.routes)
    app.state.description = Description(app, tuple(route for route in routes if isinstance(route, Route)))
    app.answer_directly(app.state.description.routes)
    return app


def _set_slots(app: FastAPI) -> None:
    connections = most_connections()
    app.state.asking = Slots(connections, "are under way")
    app.state.downloading = Slots(connections, "read content", url=MOST_OF_A_URL)
    app.state.exporting = Slots(MOST_EXPORTS, "export lists")
    app.state.memory = Slots(MOST_MEMORY, "bring bodies")
    app.state.pages = Slots(MOST_PAGES, "load the pages of the description")
    app.state.waiting = Slots(MOST_WAITING, "wait for a position")
    app.state.taking = Slots(MOST_BODIES, "bring content", url=1)
    app.state.fetching = Slots(MOST_FETCHING, "fetch from URLs")


def _describe_the_rest(app: FastAPI) -> None:
    """Add what no route declares: the caller's headers, the schemas of problems and of what a batch reads by itself."""
    make, one_at_a_time = app.openapi, Lock()

    @cache
    def describe() -> dict[str, object]:
        described = make()
        components = described["components"]
        for route in (route for part in PARTS for route in part.router.routes if isinstance(route, APIRoute)):
            for method in route.methods or ():
                operation = described["paths"][route.path_format][method.lower()]
                if parameters := operation.get("parameters", []) + list(declared(route.dependant)):
                    operation["parameters"] = list({(p["in"], p["name"]): p for p in parameters}.values())
                if route.path_format.startswith("/v1"):
                    authentication.describe(operation, components)
                for parameter in operation.get("parameters", ()):
                    parameter["schema"] = _without_null(parameter["schema"])
        schemas = components["schemas"]
        missing: dict[str, TypeAdapter[Any]] = {
            "Problem": TypeAdapter(Problem),
            "Operation": OPERATION,
            "UploadParts": TypeAdapter(UploadParts),
        }
        for name, adapter in missing.items():
            schema = adapter.json_schema(ref_template="#/components/schemas/{model}")
            for part_name, part in {**schema.pop("$defs", {}), name: schema}.items():
                schemas.setdefault(part_name, part)
        schemas["JsonValue"] = JSON_VALUE
        parts = schemas["UploadParts"]["properties"]
        parts |= {name: _without_null(part) for name, part in parts.items()}
        return described

    def openapi() -> dict[str, object]:
        with one_at_a_time:
            return describe()

    app.openapi = openapi  # type: ignore[method-assign]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of what can be left out, but not be null: a parameter, or a part of a form."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if not kinds:
        return schema
    others = {name: value for name, value in schema.items() if name != "anyOf" and value is not None}
    return (kinds[0] if len(kinds) == 1 else {"anyOf": kinds}) | others
