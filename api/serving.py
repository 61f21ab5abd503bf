"""Serving in a thread, for a program that also does other things: the demo, and the tests."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

START_SECONDS = 30


class ServerDidNotStartError(Exception):
    """The server did not come up."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


def listening(host: str, port: int) -> socket.socket:
    """A socket on the port, or on any free one if it is taken or 0."""
    # Named as TCP, or asyncio leaves Nagle's algorithm on and every keep-alive answer waits 40 ms.
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
    except OSError:
        taken.bind((host, 0))
    taken.listen(128)
    return taken


@contextmanager
def serving(app: FastAPI, port: int = 0) -> Iterator[str]:
    """The app on a loopback port, for as long as the block runs; gives its URL. ServerDidNotStartError."""
    with listening("127.0.0.1", port) as socket_:
        server = _Server(uvicorn.Config(app, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, args=([socket_],), name="server")
        thread.start()
        try:
            if not server.up.wait(START_SECONDS):
                raise ServerDidNotStartError
            yield f"http://127.0.0.1:{socket_.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
