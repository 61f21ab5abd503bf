"""Who calls: what a request's headers say of the key, of who acts and of what led to it.

FastAPI resolves a dependency and its parameters in about as long as a read from the database takes. So there is one for
the caller, which reads the headers itself, and the API's description is told of them here.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import Header, Request
from starlette.concurrency import run_in_threadpool

from api.application.session import Session
from api.application.slots import ShareOwner
from api.composition import Services
from api.http.problems import BadHeaderError, UnauthenticatedError
from api.http.query_parameters import declaration, parameters
from domain.event import ACTOR_TYPES, Actor, check_unreserved
from domain.text import MOST_ID_CHARACTERS

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


def services(request: Request) -> Services:
    """What the app was composed of."""
    shared: Services = request.app.state.services
    return shared


async def session(request: Request) -> Session:
    """A session with the tenant whose key the request brings. UnauthenticatedError, ReservedActorError."""
    state = request.scope["state"]
    known: Session | None = state.get("session")
    if known is None:
        known = state["session"] = await _session(request, state)
    return known


async def _session(request: Request, state: dict[str, Any]) -> Session:
    shared, token = services(request), bearer_token(request)
    if token is None:
        raise UnauthenticatedError
    # Only a key that was not looked up just now takes a thread.
    caller = shared.api_keys.known_caller(token) or await run_in_threadpool(shared.api_keys.caller, token)
    if caller is None:
        raise UnauthenticatedError
    causation_id = request.headers.get("X-Causation-ID")
    if causation_id is not None and not REQUEST_ID.fullmatch(causation_id):
        raise BadHeaderError("X-Causation-ID must be 1 to 64 letters, digits, dots, hyphens or underscores.")
    actor = request.headers.get("X-Actor")
    tenant, key = caller.tenant_id.bytes, caller.authenticated.key.bytes  # a UUID's hash is computed again each time
    state["share_owners"] = owners = ShareOwner("tenant", tenant), ShareOwner("key", key)
    state["slots"].enter_context(request.app.state.asking.slot(*owners))
    return shared.session(
        caller.tenant_id,
        check_unreserved(parse_actor(actor) if actor is not None else caller.authenticated.holder),
        state["request_id"],
        causation_id,
        caller.authenticated,
    )


def bearer_token(request: Request) -> str | None:
    """The key that the request brings, as it is written."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def key_is_valid(request: Request) -> Callable[[], bool]:
    """Tells whether the request's key opens anything still: what stays open for long asks again and again."""
    api_keys, token = services(request).api_keys, bearer_token(request)
    return lambda: token is not None and api_keys.caller(token) is not None


def share_owners(request: Request) -> tuple[ShareOwner, ...]:
    """Those whose share of what all callers use the request takes; none before the caller is known."""
    known: tuple[ShareOwner, ...] = request.scope["state"].get("share_owners", ())
    return known


def parse_actor(text: str) -> Actor:
    """The actor written `type:id` in UTF-8. BadHeaderError if it is not of that form."""
    try:
        return Actor.parse(text.encode("latin-1").decode())
    except ValueError:
        raise BadHeaderError(
            "X-Actor is written type:id, such as user:u_42; the type is user, worker or system."
        ) from None


ActorText = Annotated[
    str | None,
    Header(
        alias="X-Actor",
        description="Who acts, as `type:id` with the type user, worker or system; beyond ASCII in UTF-8. "
        "Default: the key's holder. Recorded beside the key. `system:ledger` is the ledger's own.",
        pattern=rf"^({ACTOR_TYPES}):[!-~]([ -~]{{0,{MOST_ID_CHARACTERS - 2}}}[!-~])?$",
        examples=["user:u_42"],
    ),
]
CausationId = Annotated[
    str | None,
    Header(
        alias="X-Causation-ID", description="The id of what led to this request.", pattern=r"^[A-Za-z0-9._-]{1,64}$"
    ),
]
_HEADERS = declaration(actor=ActorText, causation_id=CausationId)
_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key from `asset-ledger key issue`. It decides the tenant.",
}


def describe(operation: dict[str, Any], components: dict[str, Any]) -> None:
    """Tell of the key and the headers in the OpenAPI description of an operation that has a caller."""
    components.setdefault("securitySchemes", {})["HTTPBearer"] = _SCHEME
    operation["security"] = [{"HTTPBearer": []}]
    operation["parameters"] = operation.get("parameters", []) + parameters(_HEADERS)
