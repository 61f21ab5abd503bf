"""How long appends wait, and where."""

from dataclasses import dataclass

LANE_WAIT = 8_000
MARGIN_SECONDS = 60.0
"""Beyond the time of sending again: longer than a connection takes to be had, and an answer to be overdue."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a writer waits."""

    head: int = 50
    """Milliseconds that a group waits for a head."""
    lane: int = LANE_WAIT
    """Milliseconds that an append waits in a lane for its tenant's head."""
    resend: float = 60.0
    """Seconds for which the same bytes are sent again: an ordinary failover takes twenty to forty."""

    @property
    def each_lock(self) -> int:
        """Milliseconds for each lock in a caller's transaction, which waits twice for a head and then for a table."""
        return min(self.lane, LANE_WAIT // 3)

    @property
    def overdue(self) -> float:
        """Seconds after which an append that was sent has no outcome, and a thread without a sign of life is stuck."""
        return self.resend + MARGIN_SECONDS
