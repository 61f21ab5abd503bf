"""Statistics are what a recount of the log comes to, whatever happened; durations are off by 1 % at the most."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.asset import asset as assets
from domain.asset import creation
from domain.asset.asset import Asset
from domain.asset.events import AssetEvent, Content
from domain.asset.inputs import NewAsset, NewContent
from domain.errors import LedgerError
from domain.event import Actor, Context, Event, Recorded
from domain.job import job as jobs
from domain.job.events import JobEvent
from domain.job.inputs import Completion, Failure, NewJob
from domain.job.job import Job
from domain.reference import Reference
from projections.projection import Key, apply
from projections.statistics import rows as statistics_rows
from projections.statistics.amounts import exact_sum, written
from projections.statistics.durations import added, bucket_of, counts_of, histogram_of, percentile
from projections.statistics.fold import STATISTICS
from projections.statistics.rows import KINDS, StatisticsRow, key_of
from tests.domain.test_asset import CONTEXT, TENANT
from tests.domain.test_job import IDENTITY
from tests.projections.recount import Sums, measured, recount, sums_of
from tests.projections.tables import fold_all

ACTIONS = [
    *("create", "create", "link", "unlink", "delete", "restore", "store", "purge"),
    *("request", "start", "start", "succeed", "fail", "cancel", "requeue"),
]
assert STATISTICS.sums
SUMS = STATISTICS.sums
MIDNIGHT = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
NOBODY = Actor(id="nobody", type="system")


class Step(NamedTuple):
    """Something that is tried, so many minutes after the step before it."""

    minutes: int
    action: str
    number: int
    references: tuple[Reference, ...]


steps = st.builds(
    Step,
    minutes=st.integers(0, 600),
    action=st.sampled_from(ACTIONS),
    number=st.integers(0, 7),
    references=st.lists(
        st.builds(Reference, kind=st.sampled_from([*KINDS, "message"]), id=st.sampled_from("ab")), max_size=3
    ).map(tuple),
)


class Story:
    """A log that comes from steps; what the rules refuse does not happen."""

    def __init__(self) -> None:
        self.history: list[Recorded] = []
        self.assets: dict[UUID, Asset] = {}
        self.jobs: dict[UUID, Job] = {}
        self.now = MIDNIGHT

    def follow(self, step: Step) -> None:
        self.now += timedelta(minutes=step.minutes)
        actor = [CONTEXT.actor, NOBODY][step.number % 2]
        context = CONTEXT.model_copy(update={"recorded_at": self.now, "actor": actor})
        with suppress(LedgerError):
            self.record(self.events(context, step))

    def events(self, context: Context, step: Step) -> Sequence[Event]:
        if step.action == "create":
            new = NewAsset.model_validate(
                {"media": {"media_kind": ["image", "file"][step.number % 2]}, "references": step.references}
            )
            return [creation.create(context, TENANT, UUID(int=len(self.history) + 1), new)]
        if step.action == "request":
            asked = NewJob(media_kind="image", references=step.references)
            event = jobs.request(context, TENANT, IDENTITY, asked, None)
            return [] if event.originator_id in self.jobs else [event]
        if step.action in ("link", "unlink", "delete", "restore", "store", "purge"):
            return self.of_asset(context, step) if self.assets else []
        return self.of_job(context, step) if self.jobs else []

    def of_asset(self, context: Context, step: Step) -> Sequence[Event]:
        asset = [*self.assets.values()][step.number % len(self.assets)]
        match step.action:
            case "link":
                return asset.link(context, step.references)
            case "unlink":
                return asset.unlink(context, step.references)
            case "delete":
                return asset.soft_delete(context)
            case "restore":
                return asset.restore(context)
            case "store":
                content = Content(content_type="image/png", size=step.number, sha256="a" * 64)
                new = NewContent(content_id=UUID(int=len(self.history) + 1), content=content, media=asset.media)
                return asset.store_content(context, new)
        versions = [version for version in asset.contents if version.number % 3 != step.number % 3]
        self.record(asset.request_purge(context, versions, "asked"))
        return self.assets[asset.id].purge_content(context, [version.number for version in versions])

    def of_job(self, context: Context, step: Step) -> Sequence[Event]:
        job = [*self.jobs.values()][step.number % len(self.jobs)]
        cost: Any = {"amount": Decimal(step.number) / 8, "currency": ["EUR", "USD"][step.number % 2]}
        match step.action:
            case "start":
                return job.start(context, job.attempt)
            case "succeed":
                image = {"media": {"media_kind": "image"}, "references": step.references}
                known = [
                    asset for asset in self.assets.values() if asset.media.media_kind == "image" and not asset.deleted
                ]
                completion = Completion.model_validate(
                    {"attempt": job.attempt, "assets": [image], "asset_ids": [a.id for a in known[:1]], "cost": cost}
                )
                return job.succeed(context, completion, IDENTITY, self.assets)
            case "fail":
                failure = {"attempt": job.attempt, "code": "x", "cost": cost if step.number > 3 else None}
                return job.fail(context, Failure.model_validate(failure))
            case "cancel":
                return job.cancel(context, job.attempt)
        return job.requeue(context, job.attempt)

    def record(self, events: Sequence[Event]) -> None:
        for event in events:
            self.history.append(Recorded(event, len(self.history) + 1, self.now))
            id_ = event.originator_id
            if isinstance(event, AssetEvent):
                asset = assets.project(self.assets.get(id_), [event])
                assert asset
                self.assets[id_] = asset
            elif isinstance(event, JobEvent):
                job = jobs.project(self.jobs.get(id_), [event])
                assert job
                self.jobs[id_] = job


def history_of(followed: Sequence[Step]) -> list[Recorded]:
    story = Story()
    for step in followed:
        story.follow(step)
    return story.history


@given(st.lists(steps, max_size=40))
def test_the_sums_are_what_a_recount_of_the_log_comes_to(followed: list[Step]) -> None:
    history = history_of(followed)
    rows = fold_all(STATISTICS, history).values()
    assert measured(rows) == recount(history)
    assert all(isinstance(row, StatisticsRow) for row in rows)


@given(st.lists(steps, max_size=40), st.integers(1, 10))
def test_every_row_that_a_fold_touches_is_new_or_named_before(followed: list[Step], size: int) -> None:
    history = history_of(followed)
    rows: dict[Key, StatisticsRow] = {}
    for start in range(0, len(history), size):
        new: list[StatisticsRow] = []
        for recorded in history[start : start + size]:
            changes = STATISTICS.fold(rows, recorded)
            assert (changes.keys() & rows.keys()) <= {*STATISTICS.keys(recorded.event)}
            new += [row for row in changes.values() if row and key_of(row) not in rows]
            apply(rows, changes)
        additions = SUMS.additions(new)
        sums = SUMS.add(rows, additions)
        assert (sums.keys() & rows.keys()) <= additions.keys()
        apply(rows, sums)


@given(st.lists(steps, max_size=40), st.integers(1, 20), st.integers(1, 6))
def test_sums_are_the_same_however_a_log_is_cut_into_batches(followed: list[Step], size: int, span: int) -> None:
    history = history_of(followed)
    rows: dict[Key, StatisticsRow] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics_rows, "SPAN", span)
        for start in range(0, len(history), size):
            known = {*rows}
            for recorded in history[start : start + size]:
                apply(rows, STATISTICS.fold(rows, recorded))
            new = [row for key, row in rows.items() if key not in known]
            apply(rows, SUMS.add(rows, SUMS.additions(new)))
        assert rows == fold_all(STATISTICS, history)


@given(st.lists(steps, max_size=40), st.integers(1, 6))
def test_sums_of_the_past_and_what_changed_since_come_to_what_they_were(followed: list[Step], span: int) -> None:
    history = history_of(followed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics_rows, "SPAN", span)
        rows = [*fold_all(STATISTICS, history).values()]
    for position in range(len(history) + 1):
        summed = position - position % span
        then = [row for row in rows if row.position <= summed < row.next_position and row.changed_position <= summed]
        kept = [row._replace(grain=row.grain.removeprefix("past_")) for row in then]  # type: ignore[arg-type]
        assert measured(kept) == recount(history[:summed])
        changes = [row for row in rows if row.grain == "change" and row.position <= position]
        assert sums_of(changes) == total(recount(history[:position]))


def total(recounted: dict[Any, Sums]) -> Sums:
    """The sums of everything."""
    whole = Sums()
    for (dimension, _, _, day, _), sums in recounted.items():
        if (dimension, day) == ("total", ""):
            whole.counts.update(sums.counts)
            whole.durations.update(sums.durations)
            for currency, amount in sums.costs.items():
                whole.costs[currency] += amount
    return whole


@given(st.integers(1, 10**13))
def test_a_duration_is_off_by_one_in_a_hundred_at_the_most(microseconds: int) -> None:
    bucket = bucket_of(timedelta(microseconds=microseconds))
    assert bucket >= microseconds
    seconds = percentile({bucket: 1}, 50)
    assert seconds is not None
    assert seconds * 1_000_000 == pytest.approx(microseconds, rel=0.01)


@given(st.lists(st.integers(1, 10**10), min_size=1, max_size=50), st.sampled_from([50, 95]))
def test_a_percentile_is_the_value_of_the_nearest_rank(microseconds: list[int], percent: int) -> None:
    histogram: dict[int, int] = {}
    for value in microseconds:
        bucket = bucket_of(timedelta(microseconds=value))
        histogram[bucket] = histogram.get(bucket, 0) + 1
    exact = sorted(microseconds)[-(-len(microseconds) * percent // 100) - 1]
    seconds = percentile(histogram, percent)
    assert seconds is not None
    assert seconds * 1_000_000 == pytest.approx(exact, rel=0.01)


@given(st.lists(st.integers(1, 10**15).map(lambda n: timedelta(microseconds=n)), max_size=50), st.integers(0, 50))
def test_a_histogram_is_in_order_and_counts_each_duration(durations: list[timedelta], cut: int) -> None:
    def histogram(of: list[timedelta]) -> bytes:
        whole: bytes | None = None
        for duration in of:
            whole = added(whole, histogram_of(duration))
        return whole or b""

    whole = histogram(durations)
    assert counts_of(whole) == Counter(map(bucket_of, durations))
    assert counts_of(histogram(durations[:cut]) + histogram(durations[cut:])) == counts_of(whole)
    assert [*counts_of(whole)] == sorted(counts_of(whole))
    assert histogram(durations[::-1]) == whole


def test_nothing_has_no_percentile() -> None:
    assert percentile({}, 95) is None


def test_a_cost_is_added_without_rounding() -> None:
    large, small = Decimal("99999999999.999999999"), Decimal("0.000000001")
    assert written(exact_sum([*[large] * 100, small])) == "9999999999999.999999901"
    assert written(exact_sum([Decimal("0.05")] * 2)) == "0.1"
    assert written(exact_sum([Decimal(60), Decimal(40)])) == "100"
