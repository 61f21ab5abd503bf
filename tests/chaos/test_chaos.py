"""Whatever is killed, cut, locked or restarted: what was acknowledged is there once, and everybody sees the same."""

import secrets

from projections.engine.engine import STAGES
from tests.chaos.cutting import When
from tests.chaos.plan import Size
from tests.chaos.running import run

SHORT = Size(events=2_500, batches=0.1, largest_batch=30, cuts=0.0005, hold_seconds=1)


def test_nothing_is_lost_doubled_skipped_or_folded_otherwise_whatever_happens() -> None:
    seed = secrets.randbits(32)
    report = run(SHORT, seed)
    assert report.wrong == {}, f"seed {seed}"
    assert all(report.faults.values()), report.faults
    assert len(report.faults) == 8 + len(When) + len(STAGES)
    assert report.appends["acknowledged"] > 0
    assert report.appends["refused: the revision is taken"] > 0
