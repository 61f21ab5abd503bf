"""What is the same work, and what is not; and what an outsider can tell from a digest: nothing."""

import base64
import hashlib
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from domain.event import to_parts
from domain.identity import Identity, derived_id
from domain.job import job as aggregate
from domain.job.inputs import Completion, NewJob
from domain.reference import Reference
from infra.event_log.mapper import SealingMapper
from tests.domain import strategies as some
from tests.domain.test_asset import CONTEXT, TENANT
from tests.golden.vectors import FixedKeys

OURS, THEIRS = Identity(bytes(32)), Identity(bytes([1] * 32))
IMAGE: dict[str, Any] = {"media": {"media_kind": "image"}}
ASKED: dict[str, Any] = {
    "media_kind": "image",
    "prompt_spec": {"positive": "a castle at dusk", "seed": 1, "size": {"w": 4, "h": 3}},
    "snapshot": {"claims": [{"id": "c7"}]},
    "scope": "world:w1",
    "workflow_id": "w7",
    "references": ["message:m1", "claim:c7"],
    "provider": "stability",
    "model": "sdxl",
    "run": "run-9",
}


def id_of(asked: dict[str, Any], identity: Identity = OURS) -> UUID:
    """The job's id."""
    return aggregate.job_id(identity, NewJob.model_validate(asked))[0]


@pytest.mark.parametrize(
    "same",
    [
        {"prompt_spec": {"size": {"h": 3, "w": 4}, "seed": 1, "positive": "a castle at dusk"}},
        {"prompt_spec": ASKED["prompt_spec"] | {"seed": 1.0}},
        {"references": ["claim:c7", "message:m1"]},
        {"references": ["message:m1", "claim:c7", {"kind": "claim", "id": "c7"}, "message:m1"]},
        {"references": ["message:m1"], "claim_id": "c7"},
        {"references": ["message:m1", "claim:c7", "workflow:w7"], "workflow_id": None},
        {"sources": []},
        {"subject": "u_ann"},
        {"priority": 10},
        {"reason": "for the cover"},
    ],
)
def test_the_same_work_is_the_same_job_however_it_is_written(same: dict[str, Any]) -> None:
    assert id_of(ASKED | same) == id_of(ASKED)


@pytest.mark.parametrize(
    "other",
    [
        {"provider": "openai"},
        {"provider": None},
        {"model": "sd3"},
        {"media_kind": "map"},
        {"prompt_spec": ASKED["prompt_spec"] | {"seed": "1"}},
        {"prompt_spec": ASKED["prompt_spec"] | {"seed": 2}},
        {"prompt_spec": ASKED["prompt_spec"] | {"seed": True}},
        {"prompt_spec": ASKED["prompt_spec"] | {"negative": None}},
        {"prompt_spec": {}},
        {"prompt_spec": None},
        {"snapshot": {"claims": [{"id": "c8"}]}},
        {"snapshot": None},
        {"scope": "world:w2"},
        {"scope": "client:w1"},
        {"scope": None},
        {"references": ["message:m1"]},
        {"references": ["message:m1", "claim:c8"]},
        {"references": ["message:m1", "entity:c7"]},
        {"run": "run-10"},
        {"run": None},
        {"sources": [UUID(int=1)]},
    ],
)
def test_other_work_is_another_job(other: dict[str, Any]) -> None:
    assert id_of(ASKED | other) != id_of(ASKED)


@given(some.documents, st.lists(some.references, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_keys_and_references_never_matters(
    document: dict[str, Any], references: list[Reference], random: Any
) -> None:
    keys, shuffled = list(document), list(references)
    random.shuffle(keys)
    random.shuffle(shuffled)
    request = {"media_kind": "file", "prompt_spec": document, "references": references}
    other = {"media_kind": "file", "prompt_spec": {key: document[key] for key in keys}, "references": shuffled}
    assert id_of(request) == id_of(other)


def test_the_order_of_sources_and_repetitions_never_matter() -> None:
    first, second = UUID(int=1), UUID(int=2)
    assert id_of(ASKED | {"sources": [first, second]}) == id_of(ASKED | {"sources": [second, first, str(second)]})


def test_another_tenants_secret_gives_other_ids_and_digests() -> None:
    assert id_of(ASKED, OURS) != id_of(ASKED, THEIRS)
    assert OURS.digest("key", "k1") != THEIRS.digest("key", "k1")


def test_digests_for_different_purposes_differ_and_so_do_ids_of_different_kinds() -> None:
    assert len({OURS.digest(purpose, "x") for purpose in ("input", "request", "key", "completion")}) == 4
    assert derived_id("job", "input", "d") != derived_id("asset", "input", "d")


def test_an_id_once_given_is_given_for_ever() -> None:
    assert id_of(ASKED) == UUID("cafa7dcb-26ac-565f-8013-0f9986250cc8")


def test_a_guessed_prompt_cannot_be_confirmed_by_a_plain_digest() -> None:
    new = NewJob.model_validate(ASKED)
    event = aggregate.request(CONTEXT, TENANT, OURS, new, OURS.digest("key", "k1"))
    entry = SealingMapper(FixedKeys()).to_stored_event(event).state
    guesses: list[Any] = [new.prompt_spec, new.identity(), "k1", "a castle at dusk"]
    for guess in (*map(rfc8785.dumps, guesses), b"k1", b"a castle at dusk"):
        for algorithm in ("md5", "sha1", "sha256", "sha512"):
            digest = hashlib.new(algorithm, guess).digest()
            for written in (digest, digest.hex().encode(), base64.b64encode(digest), base64.urlsafe_b64encode(digest)):
                assert written not in entry
    assert b"castle" not in entry


def test_the_secret_shows_in_no_representation() -> None:
    assert repr(THEIRS) == "Identity()"


@pytest.mark.parametrize(
    ("fields", "again", "same"),
    [
        ({}, {"reason": "sent twice"}, True),
        ({"assets": [IMAGE | {"tags": []}]}, {"assets": [IMAGE | {"reason": "better"}]}, True),
        ({"asset_ids": [UUID(int=1), UUID(int=2)]}, {"asset_ids": [UUID(int=2), UUID(int=1), UUID(int=1)]}, True),
        ({"cost": {"amount": "0.50", "currency": "EUR"}}, {"cost": {"amount": 0.5, "currency": "EUR"}}, True),
        ({"cost": {"amount": "0.5", "currency": "EUR"}}, {"cost": {"amount": "0.5", "currency": "USD"}}, False),
        ({}, {"attempt": 2}, False),
        ({}, {"asset_ids": [UUID(int=1)]}, False),
        ({}, {"assets": [IMAGE]}, False),
    ],
)
def test_a_completion_is_the_same_when_it_says_the_same(
    fields: dict[str, Any], again: dict[str, Any], same: bool
) -> None:
    first, second = (Completion.model_validate({"attempt": 1} | body) for body in (fields, again))
    assert (OURS.digest("completion", first.identity()) == OURS.digest("completion", second.identity())) is same


@given(some.new_assets)
def test_every_asset_that_can_be_said_has_a_digest(new: Any) -> None:
    completion = Completion(attempt=1, assets=(new,))
    assert len(OURS.digest("completion", completion.identity())) == 64


def test_the_clear_part_of_a_request_names_its_digest_and_nothing_of_the_prompt() -> None:
    event = aggregate.request(CONTEXT, TENANT, OURS, NewJob.model_validate(ASKED), None)
    clear, personal = to_parts(event)
    assert clear["data"]["input_digest"] == aggregate.job_id(OURS, NewJob.model_validate(ASKED))[1]
    assert set(personal) == {"prompt_spec", "snapshot"}
