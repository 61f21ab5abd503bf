"""What a connection tells the application of a request that is still arriving, in the state of the request's scope."""

from typing import Final

from starlette.types import Message, Receive, Scope

HALF_CLOSED: Final = "caller_half_closed"
BODY_CUT: Final = "body_cut"
AWAITS_CONTINUE: Final = "awaits_continue"
"""A function: whether the caller still waits for `100 Continue` before it sends the body."""


def has_half_closed(scope: Scope) -> bool:
    """Whether the caller has shut down its side: it sends no more, and may still read or be gone altogether."""
    return HALF_CLOSED in scope["state"]


def must_close(scope: Scope) -> bool:
    """Whether nobody can tell what follows on the connection: the body broke off, or was never asked for."""
    state = scope["state"]
    return BODY_CUT in state or (AWAITS_CONTINUE in state and state[AWAITS_CONTINUE]())


def until_cut(scope: Scope, receive: Receive) -> Receive:
    """What receives the request's body; once that is cut, the caller counts as gone."""

    async def receive_body() -> Message:
        message = await receive()
        return {"type": "http.disconnect"} if BODY_CUT in scope["state"] else message

    return receive_body
