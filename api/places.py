"""Places that callers share: so many in all, and of these a share for one tenant, one key, one signed URL."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
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
        self._present_of: Counter[Holder] = Counter()

    @contextmanager
    def place(self, *holders: Holder, size: int = 1) -> Iterator[None]:
        """A place, or several, for as long as the block runs. Never waits.

        ShareUsedUpError if a holder would have more than its share, ServiceUnavailableError if all are taken.
        """
        self._check(holders, size)
        self._count(holders, size)
        try:
            yield
        finally:
            self._count(holders, -size)

    def _check(self, holders: tuple[Holder, ...], size: int) -> None:
        if self.present + size > self.most:
            raise ServiceUnavailableError(f"Too many requests {self._purpose} at once. Nothing was recorded.")
        for holder in holders:
            if self._present_of[holder] + size > self._shares[holder.kind]:
                raise ShareUsedUpError(f"Too many requests of this {holder.kind} {self._purpose} at once. Try again.")

    def _count(self, holders: tuple[Holder, ...], size: int) -> None:
        self.present += size
        for holder in holders:
            self._present_of[holder] += size
            if not self._present_of[holder]:
                del self._present_of[holder]
