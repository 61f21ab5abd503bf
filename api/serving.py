"""Serving over HTTP, in a thread beside other work."""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

START_SECONDS = 60
STOP_SECONDS = 5
READ_AT_ONCE = 1 << 20


class ServingError(Exception):
    """The service cannot be reached over HTTP. Says why, and what to do."""


class _Protocol(H11Protocol):
    """Reads up to a mebibyte at once instead of 256 KiB, so that a large body takes fewer turns of the loop."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        transport.max_size = READ_AT_ONCE  # type: ignore[attr-defined]  # of asyncio's own transports
        super().connection_made(transport)


class _Server(uvicorn.Server):
    def __init__(self, app: FastAPI, started: Callable[[], object]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        self._app = app
        self._begun = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._begun()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.listeners.dismiss()
        await super().shutdown(sockets)


def listening(host: str, port: int) -> socket.socket:
    """A socket on the port; 0 stands for any free one. ServingError if it is taken."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # Named as TCP, or asyncio leaves Nagle's algorithm on and every keep-alive answer waits 40 ms.
        made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError as error:
        raise ServingError(f"cannot listen on {host} port {port}: {error.strerror}: choose another --port") from error
    made.listen(128)
    return made


def url_of(listener: socket.socket) -> str:
    """Where the socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def wait_for_signal() -> None:
    """Return at the next SIGINT or SIGTERM, so that everything can be closed in order."""
    # A pipe, since an event that is set by a handler while this very thread waits for it can lock itself out.
    reading, writing = os.pipe()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os.write(writing, b"."))
    os.read(reading, 1)


@contextmanager
def serving(app: FastAPI, listener: socket.socket) -> Iterator[str]:
    """The app on the socket for as long as the block runs; gives its URL. ServingError."""
    up = threading.Event()
    server = _Server(app, up.set)
    thread = threading.Thread(target=server.run, args=([listener],), name="server")
    with listener:
        thread.start()
        try:
            if not up.wait(START_SECONDS):
                raise ServingError("the service did not start: its log says why")
            yield url_of(listener)
        finally:
            server.should_exit = True
            thread.join()
