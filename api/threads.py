"""Threads for what takes as long as a caller, or somebody else's server, likes."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from domain.errors import ServiceUnavailableError

T = TypeVar("T")


class Threads:
    """So many threads of their own: while they all wait, everything else is still answered."""

    def __init__(self, most: int, purpose: str) -> None:
        self._purpose = purpose
        self._free = asyncio.Semaphore(most)

    async def run(self, work: Callable[[], T]) -> T:
        """What the work returns, done in one of the threads. ServiceUnavailableError if none is free."""
        if self._free.locked():
            raise ServiceUnavailableError(f"Too many requests {self._purpose} at once. Nothing was recorded.")
        async with self._free:
            # The semaphore counts them; without a limiter the work would take one of the threads that all else shares.
            return await to_thread.run_sync(work, limiter=CapacityLimiter(1))
