"""Given a policy and what is declared, when something is recorded, then it is let through or refused by name."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from domain.asset import asset as assets
from domain.asset import creation
from domain.asset.events import AssetCreated
from domain.asset.inputs import NewAsset, NewDescription
from domain.errors import (
    ForeignReferenceError,
    LedgerError,
    MissingReferenceError,
    OtherScopeError,
    ReferenceNotDeclaredError,
    TagNotAllowedError,
)
from domain.event import Actor, Context
from domain.identity import Identity
from domain.job import job as jobs
from domain.job.inputs import Completion, NewJob
from domain.job.job import Job
from domain.reference import Reference
from domain.tenant import declarations, tenant
from domain.tenant.declarations import Declarations, declared_id
from domain.tenant.inputs import NewPolicy, NewReference
from domain.tenant.policy import NO_POLICY, Policy, Use, use_of

TENANT, ASSET = UUID(int=1), UUID(int=2)
IDENTITY = Identity(bytes(32))
CONTEXT = Context(
    actor=Actor(id="ann", type="user"), recorded_at=datetime(2026, 11, 20, tzinfo=UTC), correlation_id="r"
)
WORLD, OTHER, CLAIM = map(Reference.parse, ("world:w1", "world:w2", "claim:c7"))


def policy(**fields: Any) -> Policy:
    return NewPolicy.model_validate(fields).policy()


def new_asset(**fields: Any) -> Use:
    """What recording an image uses."""
    new = NewAsset.model_validate({"media": {"media_kind": "image"}} | fields)
    return use(use_of(creation.create(CONTEXT, TENANT, ASSET, new)))


def job(**fields: Any) -> Job:
    """A job right after it was asked for."""
    new = NewJob.model_validate({"media_kind": "image"} | fields)
    return jobs.requested(jobs.request(CONTEXT, TENANT, IDENTITY, new, None))


def new_job(**fields: Any) -> Use:
    """What asking for an image uses."""
    new = NewJob.model_validate({"media_kind": "image"} | fields)
    event = jobs.request(CONTEXT, TENANT, IDENTITY, new, None)
    return use(use_of(event, jobs.requested(event)))


def use(candidate: Use | None) -> Use:
    assert candidate is not None
    return candidate


@pytest.mark.parametrize("use_with", [new_asset, new_job])
@pytest.mark.parametrize("fields", [{"client_id": "c1"}, {"references": ["client:c1"]}, {"scope": "client:c1"}])
def test_a_required_kind_may_come_by_any_name_or_as_the_scope(use_with: Any, fields: dict[str, Any]) -> None:
    policy(required_references=["client"]).check(use_with(**fields), {})


@pytest.mark.parametrize("use_with", [new_asset, new_job])
def test_a_required_kind_that_is_not_given_is_named(use_with: Any) -> None:
    with pytest.raises(MissingReferenceError, match=r"of kind agent, model\."):
        policy(required_references=["model", "client", "agent"]).check(use_with(client_id="c1"), {})


def test_an_origin_counts_as_given() -> None:
    policy(required_references=["workflow"]).check(new_asset(workflow_id="w7"), {})


def test_a_job_need_not_name_itself_where_everything_must_have_a_job() -> None:
    strict = policy(required_references=["job"])
    strict.check(new_job(), {})
    with pytest.raises(MissingReferenceError):
        strict.check(new_asset(), {})


def test_a_tag_that_is_not_allowed_is_named_with_those_that_are() -> None:
    strict = policy(allowed_tags={"image": ["final", "concept"]})
    strict.check(new_asset(tags=["final"]), {})
    with pytest.raises(
        TagNotAllowedError, match=r"allow “x”, “y” on media of kind image; it allows “concept”, “final”"
    ):
        strict.check(new_asset(tags=["x", "final", "y"]), {})


def test_a_media_kind_without_a_list_takes_any_tag_and_one_with_an_empty_list_none() -> None:
    strict = policy(allowed_tags={"audio": []})
    strict.check(new_asset(tags=["anything"]), {})
    with pytest.raises(TagNotAllowedError, match="it allows no tags"):
        strict.check(new_asset(media={"media_kind": "audio"}, tags=["anything"]), {})


def test_a_very_long_list_of_allowed_tags_is_told_in_part() -> None:
    with pytest.raises(TagNotAllowedError, match="and 80 more"):
        policy(allowed_tags={"image": [f"t{n}" for n in range(100)]}).check(new_asset(tags=["x"]), {})


@pytest.mark.parametrize("use_with", [new_asset, new_job])
@pytest.mark.parametrize(
    ("fields", "declared", "refusal"),
    [
        ({"claim_id": "c7"}, {}, ReferenceNotDeclaredError),
        ({"claim_id": "c7"}, {CLAIM: None}, None),
        ({"claim_id": "c7", "scope": "world:w1"}, {CLAIM: None, WORLD: None}, None),
        ({"claim_id": "c7", "scope": "world:w1"}, {CLAIM: WORLD, WORLD: None}, None),
        ({"claim_id": "c7", "scope": "world:w1"}, {CLAIM: WORLD}, ReferenceNotDeclaredError),
        ({"claim_id": "c7", "scope": "world:w1"}, {CLAIM: OTHER, WORLD: None}, ForeignReferenceError),
        ({"claim_id": "c7"}, {CLAIM: WORLD}, ForeignReferenceError),
        ({"scope": "world:w1"}, {WORLD: Reference.parse("client:c1")}, None),
        ({"message_id": "m1"}, {}, None),
    ],
)
def test_a_closed_kind_takes_only_what_is_declared_and_only_where_it_belongs(
    use_with: Any,
    fields: dict[str, Any],
    declared: dict[Reference, Reference | None],
    refusal: type[LedgerError] | None,
) -> None:
    strict = policy(closed_kinds=["claim", "world"])
    if refusal is None:
        strict.check(use_with(**fields), declared)
    else:
        with pytest.raises(refusal):
            strict.check(use_with(**fields), declared)


def test_what_a_job_makes_may_name_the_job_itself_though_nobody_declared_it() -> None:
    running = jobs.evolve(job(), job().start(CONTEXT, 1)[0])
    completion = Completion.model_validate({"attempt": 1, "assets": [{"media": {"media_kind": "image"}}]})
    (created,) = (e for e in running.succeed(CONTEXT, completion, IDENTITY, {}) if isinstance(e, AssetCreated))
    policy(required_references=["job"], closed_kinds=["job"]).check(use(use_of(created, running)), {})


def test_a_policy_has_no_say_in_what_takes_away_ends_or_resumes() -> None:
    new = NewAsset.model_validate({"media": {"media_kind": "image"}, "message_id": "m1", "tags": ["x"]})
    asset = assets.created(creation.create(CONTEXT, TENANT, ASSET, new))
    asset_events = [
        *asset.unlink(CONTEXT, (Reference.parse("message:m1"),)),
        *asset.soft_delete(CONTEXT),
        *asset.put_hold(CONTEXT, "case-1"),
        *asset.describe(CONTEXT, NewDescription(name="n")),
    ]
    assert [use_of(event, asset) for event in asset_events] == [None] * 4
    running = jobs.evolve(job(), job().start(CONTEXT, 1)[0])
    job_events = [*job().start(CONTEXT, 1), *running.requeue(CONTEXT, 1), *running.cancel(CONTEXT, 1)]
    assert [use_of(event, running) for event in job_events] == [None] * 3


def test_asking_for_the_next_attempt_uses_what_the_job_was_asked_for_with() -> None:
    queued = job(claim_id="c7", scope="world:w1")
    ended = jobs.evolve(queued, queued.cancel(CONTEXT, None)[0])
    (again,) = ended.request_again(CONTEXT, None)
    assert use(use_of(again, ended)).references == (WORLD, CLAIM)


def test_setting_a_policy_replaces_the_whole_one_before_and_the_same_again_changes_nothing() -> None:
    first, second = policy(closed_kinds=["claim", "agent"]), policy(required_references=["client"])
    opened = tenant.project(None, [tenant.create(CONTEXT, TENANT, "acme")])
    assert opened is not None
    assert (opened.policy, opened.policy_revision) == (NO_POLICY, 0)
    assert opened.set_policy(CONTEXT, NO_POLICY) == ()
    after = tenant.evolve(opened, opened.set_policy(CONTEXT, first)[0])
    assert after.set_policy(CONTEXT, policy(closed_kinds=["agent", "claim", "agent"])) == ()
    (event,) = after.set_policy(CONTEXT, second)
    after = tenant.evolve(after, event)
    assert (after.policy, after.policy_revision, event.closed_kinds) == (second, 3, ())


@pytest.mark.parametrize(
    "fields",
    [
        {"closed_kinds": ["Not A Kind"]},
        {"required_references": [""]},
        {"allowed_tags": {"sculpture": []}},
        {"allowed_tags": {"image": [""]}},
        {"forbidden": []},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NewPolicy.model_validate(fields)


def test_declaring_again_changes_nothing_with_the_same_scope_and_is_refused_with_another() -> None:
    new = NewReference.model_validate({"kind": "claim", "id": "c7", "scope": "world:w1"})
    state = Declarations(TENANT, {})
    (event,) = state.declare(CONTEXT, IDENTITY, new)
    assert (event.originator_id, event.originator_version) == (declared_id(IDENTITY, CLAIM), 1)
    state = declarations.evolve(state, event)
    assert state.declared == {CLAIM: WORLD}
    assert state.declare(CONTEXT, IDENTITY, new) == ()
    for other, scope in ((OTHER, "world:w1"), (None, "world:w1")):
        with pytest.raises(OtherScopeError, match=scope):
            state.declare(CONTEXT, IDENTITY, new.model_copy(update={"scope": other}))


def test_the_id_of_a_declared_reference_tells_nothing_without_the_tenants_secret() -> None:
    assert declared_id(IDENTITY, CLAIM) != declared_id(Identity(bytes(31) + b"1"), CLAIM)
    assert declared_id(IDENTITY, CLAIM) != declared_id(IDENTITY, Reference(kind="claim", id="c8"))
