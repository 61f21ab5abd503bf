"""Slots that callers share: so many in all, and of these a share for one tenant, one key, one signed URL."""

from collections.abc import Callable, Hashable
from typing import Literal, NamedTuple, TypeVar

from anyio import CapacityLimiter, to_thread

from domain.errors import ServiceUnavailableError, ShareUsedUpError

T = TypeVar("T")


class ShareOwner(NamedTuple):
    """Somebody who has a share of what all callers use."""

    kind: Literal["tenant", "key", "url"]
    id: Hashable


class Slots:
    """So many slots for one purpose; half of them for one tenant, a quarter for one key unless said otherwise.

    They are taken and given back where the event loop runs.
    """

    def __init__(self, most: int, purpose: str, **shares: int) -> None:
        self.most = most
        self.present = 0
        self._purpose = purpose
        self._shares = {"tenant": max(1, most // 2), "key": max(1, most // 4), "url": most} | shares
        self._present_of: dict[ShareOwner, int] = {}

    def slot(self, *owners: ShareOwner, size: int = 1) -> "Slot":
        """A slot, or several, for as long as the block runs. Never waits.

        Entering raises ShareUsedUpError if an owner would have more than its share, ServiceUnavailableError if all
        are taken.
        """
        return Slot(self, owners, size)

    async def run(self, work: Callable[[], T], *owners: ShareOwner) -> T:
        """What the work returns, done in a thread of its own with a slot: while it waits, all else is still answered.

        ServiceUnavailableError if no slot is free, ShareUsedUpError if an owner has its share of them.
        """
        with self.slot(*owners):
            # The slots count them; without a limiter the work would take one of the threads that all else shares.
            return await to_thread.run_sync(work, limiter=CapacityLimiter(1))

    def take(self, owners: tuple[ShareOwner, ...], size: int) -> None:
        """Take slots until they are given back: see `slot`."""
        if self.present + size > self.most:
            raise ServiceUnavailableError(f"Too many requests {self._purpose} at once. Nothing was recorded.")
        for owner in owners:
            if self._present_of.get(owner, 0) + size > self._shares[owner.kind]:
                raise ShareUsedUpError(f"Too many requests of this {owner.kind} {self._purpose} at once. Try again.")
        self.present += size
        for owner in owners:
            self._present_of[owner] = self._present_of.get(owner, 0) + size

    def give_back(self, owners: tuple[ShareOwner, ...], size: int) -> None:
        """Give back what was taken."""
        self.present -= size
        for owner in owners:
            if left := self._present_of[owner] - size:
                self._present_of[owner] = left
            else:
                del self._present_of[owner]


class Slot:
    """Takes slots while a block runs. Each request has one, so it is no generator: that costs several times as much."""

    __slots__ = ("_owners", "_size", "_slots")

    def __init__(self, slots: Slots, owners: tuple[ShareOwner, ...], size: int) -> None:
        self._slots, self._owners, self._size = slots, owners, size

    def __enter__(self) -> None:
        self._slots.take(self._owners, self._size)

    def __exit__(self, *_: object) -> None:
        self._slots.give_back(self._owners, self._size)
