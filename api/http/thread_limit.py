"""Threads for what takes as long as a caller, or somebody else's server, likes."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from api.application.slots import ShareOwner, Slots

T = TypeVar("T")


class Threads:
    """A thread for each of some slots: while they all wait, everything else is still answered."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots

    async def run(self, work: Callable[[], T], *owners: ShareOwner) -> T:
        """What the work returns, done in one of the threads.

        ServiceUnavailableError if none is free, ShareUsedUpError if an owner has its share of them.
        """
        with self._slots.slot(*owners):
            # The slots count them; without a limiter the work would take one of the threads that all else shares.
            return await to_thread.run_sync(work, limiter=CapacityLimiter(1))
