"""A few seconds of the rude load: no answer is wrong, and no fault is answered."""

from rich.progress import Progress

from tests.rude.__main__ import run


def test_callers_that_leave_stall_and_lie_cost_nobody_a_true_answer() -> None:
    report = run(0.1, Progress(disable=True), look=0.5)
    assert report.wrong == {}
    assert report.answers.recorded
    assert {kind for kind, _ in map(str.split, report.answers.statuses)} == {"polite", "leaving", "stalling", "lying"}
