"""What a benchmark says: medians of rounds in turns, judged by their targets, written as JSON; rows chosen by name."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.results import TARGETS, Result, Target, write
from benchmarks.schedule import Pairs, Scale, in_turns
from benchmarks.suite import ROWS, selected

SCALE = Scale(
    rounds=3, seconds=0, assets=0, catalogue=0, peer_events=0, rebuilds=2, upload=0, files=0, changes=0, budget=60
)


def turns(scale: Scale, rounds: int | None = None) -> tuple[Pairs, list[str]]:
    """What two sides told that count up, and in which order they were asked."""
    order: list[str] = []

    def side(name: str, step: float) -> float:
        order.append(name)
        return step * order.count(name)

    return in_turns(scale, lambda: side("ours", 4), lambda: side("peer", 2), rounds), order


def test_both_sides_are_measured_in_turns() -> None:
    pairs, order = turns(SCALE)
    assert order == ["ours", "peer"] * 3
    assert (pairs.ours, pairs.peer) == ([4, 8, 12], [2, 4, 6])


def test_no_round_begins_beyond_the_budget_but_the_first() -> None:
    assert turns(replace(SCALE, budget=-1))[1] == ["ours", "peer"]


def test_a_row_may_have_rounds_of_its_own_number() -> None:
    assert turns(SCALE, rounds=2)[1] == ["ours", "peer"] * 2


def test_the_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    result = Pairs(ours=[10, 30, 40], peer=[10, 10, 20]).result("row", "events/s")
    assert result == Result("row", 30, "events/s", 10, 2)


@pytest.mark.parametrize(
    ("target", "reached"),
    [
        (Target(at_least=10), True),
        (Target(at_least=11), False),
        (Target(at_most=10), True),
        (Target(at_most=9), False),
        (Target(below=11), True),
        (Target(below=10), False),
        (Target(ratio=2), True),
        (Target(ratio=2.1), False),
        (Target(at_least=11, ratio=2), False),
    ],
)
def test_a_target_is_reached_if_all_that_it_asks_for_is(target: Target, *, reached: bool) -> None:
    assert target.reached_by(Result("row", 10, "events/s", 5, 2)) is reached


def test_a_target_for_the_ratio_is_not_reached_without_one() -> None:
    assert not Target(ratio=0.8).reached_by(Result("row", 10, "events/s"))


def test_results_are_written_as_json(tmp_path: Path) -> None:
    write(
        [Result("a", 1234.56, "events/s", 2, 617.28), Result("b", 7, "MB", samples=[1, 2])], tmp_path / "results.json"
    )
    assert json.loads((tmp_path / "results.json").read_text()) == [
        {"name": "a", "value": 1235, "unit": "events/s", "peer": 2, "ratio": 617.3},
        {"name": "b", "value": 7, "unit": "MB", "peer": None, "ratio": None},
    ]


def test_rows_are_chosen_by_patterns_of_their_names() -> None:
    def names(*patterns: str) -> list[str]:
        return [name for row in selected(patterns) for name in row.names]

    assert names("append.single", "http.*") == ["append.single", "http.create", "http.batch", "http.get", "http.list"]
    assert names("rebuild.rss") == ["rebuild.assets", "rebuild.rss"]
    assert names("nothing") == []
    assert names() == [name for row in ROWS for name in row.names]


def test_every_row_has_a_target_and_every_target_a_row() -> None:
    assert {name for row in ROWS for name in row.names} == TARGETS.keys()
