"""Places that callers share: so many in all, and of these a share for one tenant, one key, one signed URL."""

from collections.abc import Hashable
from typing import Literal, NamedTuple

from domain.errors import ServiceUnavailableError, ShareUsedUpError


class Holder(NamedTuple):
    """Somebody who has a share of what all callers use."""

    kind: Literal["tenant", "key", "url"]
    id: Hashable


class Places:
    """So many places for one purpose; half of them for one tenant, a quarter for one key unless said otherwise.

    They are taken and given back where the event loop runs.
    """

    def __init__(self, most: int, purpose: str, **shares: int) -> None:
        self.most = most
        self.present = 0
        self._purpose = purpose
        self._shares = {"tenant": max(1, most // 2), "key": max(1, most // 4), "url": most} | shares
        self._present_of: dict[Holder, int] = {}

    def place(self, *holders: Holder, size: int = 1) -> "Place":
        """A place, or several, for as long as the block runs. Never waits.

        Entering raises ShareUsedUpError if a holder would have more than its share, ServiceUnavailableError if all are
        taken.
        """
        return Place(self, holders, size)

    def take(self, holders: tuple[Holder, ...], size: int) -> None:
        """Take places until they are given back: see `place`."""
        self._check(holders, size)
        self.present += size
        for holder in holders:
            self._present_of[holder] = self._present_of.get(holder, 0) + size

    def give_back(self, holders: tuple[Holder, ...], size: int) -> None:
        """Give back what was taken."""
        self.present -= size
        for holder in holders:
            if left := self._present_of[holder] - size:
                self._present_of[holder] = left
            else:
                del self._present_of[holder]

    def _check(self, holders: tuple[Holder, ...], size: int) -> None:
        if self.present + size > self.most:
            raise ServiceUnavailableError(f"Too many requests {self._purpose} at once. Nothing was recorded.")
        for holder in holders:
            if self._present_of.get(holder, 0) + size > self._shares[holder.kind]:
                raise ShareUsedUpError(f"Too many requests of this {holder.kind} {self._purpose} at once. Try again.")


class Place:
    """A context manager; every request has one, so it is no generator, which costs several times as much."""

    __slots__ = ("_holders", "_places", "_size")

    def __init__(self, places: Places, holders: tuple[Holder, ...], size: int) -> None:
        self._places, self._holders, self._size = places, holders, size

    def __enter__(self) -> None:
        self._places.take(self._holders, self._size)

    def __exit__(self, *_: object) -> None:
        self._places.give_back(self._holders, self._size)
