"""Two builds are compared in turns: while one measures, the other one waits."""

from pathlib import Path

import pytest

from benchmarks.comparison import Comparison, compare

SCHEDULE = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Scale:
    rounds: int
    seconds: float
    assets: int
    rebuilds: int
    upload: int
    files: int
    budget: float

@dataclass(frozen=True)
class Pairs:
    ours: list
    peer: list

SCALES = {"short": Scale(1, 1, 1, 1, 1, 1, 1)}

def in_turns(scale, ours, peer):
    raise AssertionError("the peer is not measured")
"""
LOAD = """
import time

def for_seconds(seconds):
    until = time.perf_counter() + seconds
    return lambda _sent: time.perf_counter() < until

def load(more):
    return int(more(0))
"""
ENVIRONMENT = """
from contextlib import nullcontext

def forget_settings(variables):
    print("whatever a build prints")

prepared = nullcontext
"""
SUITE = """
from types import SimpleNamespace
from benchmarks.{schedule} import in_turns
from benchmarks.load import for_seconds, load

BUILD = {build!r}

def note(word):
    with open({journal!r}, "a") as journal:
        journal.write(f"{{BUILD}} {{word}}\\n")

def rate():
    note("begins")
    loaded = load(for_seconds(0.001))
    note("ends")
    return {rate} * loaded

def measure(ground, scale):
    if {broken}:
        raise RuntimeError("broken")
    if {once}:
        yield SimpleNamespace(name="rebuild", unit="events/s", value=rate())
        return
    pairs = in_turns(scale, rate, None)
    yield SimpleNamespace(name="rebuild", unit="events/s", value=sum(pairs.ours))
    yield SimpleNamespace(name="rebuild.rss", unit="MB", value=load(for_seconds(0.001)) * {rate} / 2)

def selected(names):
    return [SimpleNamespace(measure=measure)] if names == ["rebuild"] else []
"""


def tree(folder: Path, *, rate: float, older: bool = False, broken: bool = False, once: bool = False) -> Path:
    """A build with benchmarks of its own, which note in a journal when they measure."""
    schedule, suite, environment = ("rounds", "rows", "ground") if older else ("schedule", "suite", "environment")
    package = folder / ("older" if older else "newer") / "benchmarks"
    package.mkdir(parents=True)
    journal, build = str(folder / "journal"), package.parent.name
    text = SUITE.format(schedule=schedule, build=build, journal=journal, rate=rate, broken=broken, once=once)
    modules = {"__init__": "", schedule: SCHEDULE, "load": LOAD, environment: ENVIRONMENT, suite: text}
    for name, content in modules.items():
        (package / f"{name}.py").write_text(content)
    return package.parent


def test_builds_measure_in_turns_and_never_at_once(tmp_path: Path) -> None:
    row, memory = sorted(compare(tree(tmp_path, rate=30), tree(tmp_path, rate=20, older=True), "rebuild"))

    assert row == Comparison("rebuild", "events/s", [30.0] * 20, [20.0] * 20)
    assert memory == Comparison("rebuild.rss", "MB", [15.0], [10.0])
    assert row.ratio == 1.5
    assert memory.ratio == pytest.approx(2 / 3)
    journal = (tmp_path / "journal").read_text().splitlines()
    assert journal[1::2] == [line.replace("begins", "ends") for line in journal[::2]]
    measured = [line.split()[0] for line in journal[::2]]
    assert all({*measured[start : start + 2]} == {"newer", "older"} for start in range(0, len(measured), 2))


def test_a_row_is_compared_with_the_one_that_older_builds_measured(tmp_path: Path) -> None:
    newer, older = tree(tmp_path, rate=30), tree(tmp_path, rate=20, older=True)
    row, _ = sorted(compare(newer, older, "rebuild.assets"))

    assert row == Comparison("rebuild.assets", "events/s", [30.0] * 20, [20.0] * 20)
    assert list(compare(newer, older, "rebuild.none")) == []


def test_a_row_that_one_build_cannot_measure_is_left_out(tmp_path: Path) -> None:
    assert list(compare(tree(tmp_path, rate=30, broken=True), tree(tmp_path, rate=20, older=True), "rebuild")) == []


def test_a_row_that_is_measured_in_one_turn_is_measured_again(tmp_path: Path) -> None:
    newer, older = tree(tmp_path, rate=30, once=True), tree(tmp_path, rate=20, older=True, once=True)

    assert compare(newer, older, "rebuild") == [Comparison("rebuild", "events/s", [30.0] * 3, [20.0] * 3)]
