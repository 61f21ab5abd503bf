"""Plain routes, answered without the framework's middlewares and router (ADR 0030).

FastAPI takes longer to find a route and to call it than a handler takes to read an asset.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from starlette.convertors import PathConvertor
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.http import problems
from api.http.middleware import RequestId
from api.http.rendered_routes import Handler, RenderedRoute

_DIRECT: Final = "direct_handler"


class DirectRoutes:
    """The handlers of plain routes, by what is asked for."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes: dict[tuple[str, int], list[Route]] = {}
        for slashes in {route.path.count("/") for route in routes}:
            for route in routes:
                if route.path.count("/") == slashes or _spans_segments(route):
                    for method in route.methods or ():
                        self._routes.setdefault((method, slashes), []).append(route)

    def handler(self, scope: Scope) -> Handler | None:
        """The handler of the first route that matches, whose parameters are then in the scope; None if it is not plain.

        Starlette's router has the same order.
        """
        path: str = scope["path"]
        for route in self._routes.get((scope["method"], path.count("/")), ()):
            if match := route.path_regex.match(path):
                if not isinstance(route, RenderedRoute) or route.direct is None:
                    return None
                converted = route.param_convertors
                scope["path_params"] = {name: converted[name].convert(text) for name, text in match.groupdict().items()}
                return route.direct
        return None


class DirectApp(FastAPI):
    """An application that answers plain routes itself, and everything else as FastAPI does."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - FastAPI's
        super().__init__(**options)
        self._direct_routes = DirectRoutes(())
        self._answer = ServerErrorMiddleware(RequestId(_answer), problems.fault)

    def answer_directly(self, routes: Iterable[Route]) -> None:
        """Answer those of the routes that are plain directly; they stand in the order of the router."""
        self._direct_routes = DirectRoutes(tuple(routes))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or take part in another event of ASGI."""
        handler = self._direct_routes.handler(scope) if scope["type"] == "http" else None
        if handler is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"], scope[_DIRECT] = self, handler
        await self._answer(scope, receive, send)


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Call the handler and send what it answers, or the problem that it ended in."""
    request = Request(scope, receive, send)
    try:
        response = await scope[_DIRECT](request)
    except problems.ANSWERED as error:
        response = await problems.answered(request, error)
        error.__traceback__ = None  # or an error that is raised again would keep the frames of every request
    await response(scope, receive, send)


def _spans_segments(route: Route) -> bool:
    return any(isinstance(convertor, PathConvertor) for convertor in route.param_convertors.values())
