"""What an attempt makes: new assets that inherit from the job, and assets that were recorded before."""

from typing import Any
from uuid import UUID

import pytest

from domain.asset import asset as assets
from domain.asset.events import AssetCreated, AssetLinked
from domain.errors import AssetDeletedError, ForeignAssetError, OtherCompletionError
from domain.job.events import JobSucceeded
from domain.reference import Reference
from tests.domain.test_asset import CONTEXT
from tests.domain.test_asset import recorded as recorded_asset
from tests.domain.test_job import IMAGE, after, requested, requeue, start, succeed

OLD = UUID(int=2)


def test_what_an_attempt_made_has_the_jobs_references_scope_and_subject() -> None:
    job = after(requested(scope="world:w1", claim_id="c7", workflow_id="w7", run="r9", subject="u_ann"), start(1))
    plain, own, done = succeed(
        1,
        assets=[
            IMAGE,
            IMAGE | {"scope": "world:w1", "references": ["message:m1"], "node_id": "n3", "subject": "u_ben"},
        ],
    )(job)
    assert isinstance(plain, AssetCreated)
    assert isinstance(own, AssetCreated)
    inherited = {f"job:{job.id}", "workflow:w7", "run:r9"}
    assert {*map(str, plain.origin)} == inherited
    assert [*map(str, plain.references)] == ["claim:c7"]
    assert {*map(str, own.origin)} == inherited | {"node:n3"}
    assert {*map(str, own.references)} == {"claim:c7", "message:m1"}
    assert {str(plain.scope), str(own.scope)} == {"world:w1"}
    assert (plain.envelope.subject, own.envelope.subject) == ("u_ann", "u_ben")
    assert isinstance(done, JobSucceeded)
    assert done.assets == (plain.originator_id, own.originator_id)


def test_what_an_attempt_made_has_the_jobs_sources_and_then_its_own() -> None:
    job = after(requested(sources=[OLD, UUID(int=3)]), start(1))
    plain, own, _ = succeed(1, assets=[IMAGE, IMAGE | {"sources": [UUID(int=4), OLD]}])(job)
    none, _ = succeed(1, assets=[IMAGE])(after(requested(), start(1)))
    sources = [event.sources for event in (plain, own, none) if isinstance(event, AssetCreated)]
    assert sources == [(OLD, UUID(int=3)), (OLD, UUID(int=3), UUID(int=4)), None]


def test_the_ids_of_what_is_made_follow_from_job_attempt_and_index() -> None:
    first = after(requested(), start(1))
    second = after(requested(), start(1), requeue(1), start(2))
    id_sets = [
        {event.originator_id for event in succeed(attempt, assets=[IMAGE, IMAGE])(job)[:2]}
        for job, attempt in ((first, 1), (first, 1), (second, 2))
    ]
    assert id_sets[0] == id_sets[1]
    assert len(id_sets[0] | id_sets[2]) == 4


def test_an_asset_says_its_own_reason_or_else_the_completions() -> None:
    with_reason, without, _ = succeed(1, assets=[IMAGE | {"reason": "the best of ten"}, IMAGE], reason="done")(
        after(requested(), start(1))
    )
    assert (with_reason.envelope.reason, without.envelope.reason) == ("the best of ten", "done")


def test_an_asset_recorded_before_is_linked_to_the_job_once() -> None:
    job = after(requested(), start(1))
    old = recorded_asset()
    command = succeed(1, old, asset_ids=[old.id, old.id])
    link, done = command(job)
    assert isinstance(link, AssetLinked)
    assert link.references == (Reference(kind="job", id=str(job.id)),)
    assert isinstance(done, JobSucceeded)
    assert done.assets == (old.id,)
    assert [event.TOPIC for event in succeed(1, assets.evolve(old, link), asset_ids=[old.id])(job)] == ["job.succeeded"]


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        ({"assets": [{"media": {"media_kind": "video"}}]}, "asset 0 is of kind video, but the job makes image"),
        ({"assets": [IMAGE, IMAGE | {"scope": "world:w2"}]}, "asset 1 belongs to world:w2, but the job belongs to wor"),
        ({"asset_ids": [OLD], "known": recorded_asset(scope="world:w2")}, "belongs to world:w2"),
        ({"asset_ids": [OLD], "known": recorded_asset()}, "belongs to nothing, but the job belongs to world:w1"),
        ({"asset_ids": [OLD], "known": recorded_asset(media={"media_kind": "file"}, scope="world:w1")}, "of kind file"),
    ],
)
def test_foreign_assets_are_refused(outcome: dict[str, Any], why: str) -> None:
    with pytest.raises(ForeignAssetError, match=why):
        succeed(1, **outcome)(after(requested(scope="world:w1"), start(1)))


def test_a_deleted_asset_cannot_be_named() -> None:
    old = recorded_asset()
    deleted = assets.project(old, old.soft_delete(CONTEXT))
    with pytest.raises(AssetDeletedError):
        succeed(1, deleted, asset_ids=[OLD])(after(requested(), start(1)))


def test_the_same_completion_again_is_nothing_new_and_another_is_refused() -> None:
    job = after(requested(), start(1), succeed(1, assets=[IMAGE]))
    assert succeed(1, assets=[IMAGE], reason="sent twice")(job) == ()
    with pytest.raises(OtherCompletionError):
        succeed(1, assets=[IMAGE, IMAGE])(job)
    with pytest.raises(OtherCompletionError):
        succeed(1, asset_ids=[OLD])(job)
