"""Serving over HTTP, in a thread beside other work."""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI

from api.http.connections import READ_OF_HEAD, Bounds, Connection, Connections

START_SECONDS = 60
STOP_SECONDS = 5
ANSWER_SECONDS = 3
"""How long requests under way may take once the service stops; what is left of the time is for the databases."""
BACKLOG = 4_096
ACCEPTED_AT_ONCE = 32
"""How many connections are accepted before any is counted."""
TICKS_A_SECOND = 10
ABORT_SECONDS = 1
"""How long requests may take to notice that their connection was cut. Then they are cancelled."""

_LOGGERS = ("uvicorn.error", "asyncio")


class ServingError(Exception):
    """The service cannot be reached over HTTP. Says why, and what to do."""


class _OnceASecond(logging.Filter):
    """Lets a message of a logger through once a second: callers can cause it as often as they like."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now, text = time.monotonic(), record.msg.split("\n")[0]
        if now - self._last.get(text, -1.0) < 1.0:
            return False
        self._last = {known: at for known, at in self._last.items() if now - at < 1.0} | {text: now}
        return True


class _Server(uvicorn.Server):
    def __init__(self, app: FastAPI, bounds: Bounds, started: Callable[[], object]) -> None:
        self._connections = Connections(bounds)
        protocol: Any = partial(Connection, self._connections)
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,
                ws="none",
                loop="asyncio",  # whatever else is installed: the protocol is made for its transports
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=ACCEPTED_AT_ONCE,
                timeout_keep_alive=bounds.kept,
                h11_max_incomplete_event_size=READ_OF_HEAD,
                timeout_graceful_shutdown=ANSWER_SECONDS + ABORT_SECONDS,
            )
        )
        self._app = app
        self._begun = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop, seldom = asyncio.get_running_loop(), _OnceASecond()
        loop.set_exception_handler(self._report)
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            logger.filters = [kept for kept in logger.filters if not isinstance(kept, _OnceASecond)] + [seldom]
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(BACKLOG)  # more may wait than are accepted at once
        if not self.should_exit:
            self._begun()

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_A_SECOND == 0:
            self._connections.close_overdue()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.listeners.dismissed = True
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    async def _wait_tasks_to_complete(self) -> None:
        """Wait for the requests under way; cut the connections of those that take too long."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await super()._wait_tasks_to_complete()
        except TimeoutError:
            for connection in list(self.server_state.connections):
                connection.transport.abort()
            await super()._wait_tasks_to_complete()

    def _report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if isinstance(context.get("exception"), OSError) and "socket.accept()" in context["message"]:
            self._connections.close_silent()
        loop.default_exception_handler(context)


def listening(host: str, port: int) -> socket.socket:
    """A socket on the port; 0 stands for any free one. ServingError if it is taken."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # Named as TCP, or asyncio leaves Nagle's algorithm on and every keep-alive answer waits 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise ServingError(f"cannot listen on {host} port {port}: {error.strerror}: choose another --port") from error
    listener.listen(BACKLOG)
    return listener


@contextmanager
def serving(app: FastAPI, listener: socket.socket, bounds: Bounds | None = None) -> Iterator[str]:
    """The app on the socket for as long as the block runs; gives its URL. ServingError."""
    up = threading.Event()
    server = _Server(app, bounds or Bounds(), up.set)
    thread = threading.Thread(target=server.run, args=([listener],), name="server", daemon=True)
    with listener:
        thread.start()
        try:
            if not up.wait(START_SECONDS):
                raise ServingError("the service did not start: its log says why")
            host, port = listener.getsockname()[:2]
            yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        finally:
            server.should_exit = True
            thread.join(STOP_SECONDS)
