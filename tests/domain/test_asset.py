"""Given what happened, when something is asked of an asset, then this happens."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.asset import asset as aggregate
from domain.asset import creation
from domain.asset.asset import MOST_HOLDS, MOST_LINKS, Asset
from domain.asset.events import AssetContentStored, AssetCreated, AssetEvent
from domain.asset.inputs import NewAsset, NewContent, NewDescription
from domain.errors import (
    AssetDeletedError,
    ContentBeingPurgedError,
    ContentHeldError,
    ContentInUseError,
    DocumentTooLargeError,
    HoldNotFoundError,
    LedgerError,
    OriginIsPermanentError,
    TooManyHoldsError,
    TooManyReferencesError,
)
from domain.event import Actor, Context, Envelope, from_parts, to_parts
from domain.reference import Reference
from tests.domain import strategies as some

TENANT, ASSET = UUID(int=1), UUID(int=2)
CONTEXT = Context(
    actor=Actor(id="ann", type="user"), recorded_at=datetime(2026, 11, 20, tzinfo=UTC), correlation_id="r"
)
MESSAGE, OTHER, WORKFLOW, WORLD = map(Reference.parse, ("message:m1", "message:m2", "workflow:w7", "world:w1"))

Command = Callable[[Asset], Sequence[AssetEvent]]


def recorded(**fields: Any) -> Asset:
    """An asset right after it was recorded."""
    new = NewAsset.model_validate({"media": {"media_kind": "image"}} | fields)
    return aggregate.created(creation.create(CONTEXT, TENANT, ASSET, new))


def after(asset: Asset, *commands: Command) -> Asset:
    """The asset after commands."""
    for command in commands:
        asset = aggregate.project(asset, command(asset)) or asset
    return asset


@given(new=some.new_assets, actor=some.actors)
def test_a_decision_to_record_an_asset_is_what_validation_would_make_of_it(new: NewAsset, actor: Actor) -> None:
    context = CONTEXT.model_copy(update={"actor": actor, "reason": new.reason})
    event = creation.create(context, TENANT, ASSET, new, "digest")

    assert event == AssetCreated.model_validate(dict(event))
    assert event.envelope == Envelope.model_validate(dict(event.envelope))
    assert list(dict(event)) == list(AssetCreated.model_fields)
    assert list(dict(event.envelope)) == list(Envelope.model_fields)


def link(*references: Reference) -> Command:
    return lambda asset: asset.link(CONTEXT, references)


def unlink(*references: Reference) -> Command:
    return lambda asset: asset.unlink(CONTEXT, references)


def describe(**fields: Any) -> Command:
    return lambda asset: asset.describe(CONTEXT, NewDescription.model_validate(fields))


def delete(asset: Asset) -> Sequence[AssetEvent]:
    return asset.soft_delete(CONTEXT)


def restore(asset: Asset) -> Sequence[AssetEvent]:
    return asset.restore(CONTEXT)


def store(number: int, **fields: Any) -> Command:
    new = NewContent.model_validate(
        {
            "content_id": UUID(int=number),
            "content": {"content_type": "image/png", "size": 3, "sha256": "a" * 64},
            "media": {"media_kind": "image", "format": "png"},
        }
        | fields
    )
    return lambda asset: asset.store_content(CONTEXT, new)


def purge(*numbers: int) -> Command:
    return lambda asset: asset.purge_content(CONTEXT, numbers)


def going(*numbers: int) -> Command:
    """Asks that content goes, all that may."""
    return lambda asset: asset.request_purge(
        CONTEXT, [version for version in asset.contents if version.number in numbers], "asked"
    )


def purgeable(asset: Asset) -> Sequence[AssetEvent]:
    """Decides nothing, but says whether the content may go."""
    asset.purgeable()
    return ()


def hold(name: str) -> Command:
    return lambda asset: asset.put_hold(CONTEXT, name)


def release(name: str) -> Command:
    return lambda asset: asset.release_hold(CONTEXT, name)


@pytest.mark.parametrize(
    ("before", "command", "then"),
    [
        ([], link(MESSAGE), {"references": [{"kind": "message", "id": "m1"}]}),
        ([link(MESSAGE)], link(MESSAGE, OTHER, OTHER), {"references": [{"kind": "message", "id": "m2"}]}),
        ([link(MESSAGE)], unlink(MESSAGE, OTHER), {"references": [{"kind": "message", "id": "m1"}]}),
        ([], describe(tags=["b"], name=None), {"changed": ["tags"]}),
        ([], describe(name=None, description=""), {"changed": ["description"]}),
        ([describe(metadata={"x": 1})], describe(metadata={"x": True}), {"changed": ["metadata"]}),
        ([describe(metadata={"x": 1})], describe(metadata={"x": 1.0}), {"changed": ["metadata"]}),
        ([], delete, {}),
        ([delete], restore, {}),
        ([], hold("case-17"), {"hold": "case-17"}),
        ([delete, hold("case-17")], release("case-17"), {"hold": "case-17"}),
        ([store(7), store(8), delete], going(2, 1, 9), {"content_versions": [1, 2], "basis": "asked"}),
        ([store(7), store(8), delete, going(1)], going(1, 2), {"content_versions": [2], "basis": "asked"}),
        ([store(7), store(8), delete, going(1, 2)], purge(2, 1, 9), {"content_versions": [1, 2]}),
        ([store(7), store(8), delete, going(1, 2), purge(1)], purge(1, 2), {"content_versions": [2]}),
        ([store(7), store(8), delete, going(2)], purge(1, 2), {"content_versions": [2]}),
        ([store(7), delete, going(1), purge(1)], restore, {}),
        ([store(7), delete, going(1), purge(1)], hold("case-17"), {"hold": "case-17"}),
    ],
)
def test_what_is_asked_happens_once_and_says_only_what_changed(
    before: list[Command], command: Command, then: dict[str, Any]
) -> None:
    asset = after(recorded(workflow_id="w7"), *before)
    (event,) = command(asset)
    assert event.originator_version == asset.version + 1
    assert to_parts(event).clear["data"] == then
    assert after(asset, command).version == asset.version + 1


@pytest.mark.parametrize(
    ("before", "command"),
    [
        ([link(MESSAGE)], link(MESSAGE)),
        ([], link(WORKFLOW, WORLD)),
        ([], unlink(MESSAGE)),
        ([describe(name="Castle", tags=["a"])], describe(tags=["a"], name="Castle")),
        ([delete], delete),
        ([], restore),
        ([hold("case-17")], hold("case-17")),
        ([store(7)], store(7)),
        ([store(7), delete], purge(1)),
        ([store(7), delete, going(1)], going(1)),
        ([store(7), delete, going(1), purge(1)], going(1)),
        ([store(7), delete, going(1), purge(1)], purge(1)),
        ([store(7), going(1)], restore),
        ([delete], going(1)),
        ([hold("case-17")], purgeable),
        ([store(7), delete], purgeable),
    ],
)
def test_what_is_so_already_makes_no_event(before: list[Command], command: Command) -> None:
    assert command(after(recorded(workflow_id="w7", scope="world:w1"), *before)) == ()


@pytest.mark.parametrize(
    ("before", "command", "refusal"),
    [
        ([delete], describe(name="x"), AssetDeletedError),
        ([delete], link(MESSAGE), AssetDeletedError),
        ([delete], unlink(MESSAGE), AssetDeletedError),
        ([], unlink(WORKFLOW), OriginIsPermanentError),
        ([], unlink(WORLD), OriginIsPermanentError),
        ([], release("case-17"), HoldNotFoundError),
        ([delete], store(7), AssetDeletedError),
        ([store(7)], purgeable, ContentInUseError),
        ([store(7), delete, restore], purgeable, ContentInUseError),
        ([store(7), delete, going(1)], restore, ContentBeingPurgedError),
        ([store(7), store(8), going(1)], hold("case-17"), ContentBeingPurgedError),
        ([store(7), delete, hold("case-17")], purgeable, ContentHeldError),
        ([], describe(metadata={"x": "y" * 2**20}), DocumentTooLargeError),
    ],
)
def test_what_may_not_be_is_refused(before: list[Command], command: Command, refusal: type[LedgerError]) -> None:
    asset = after(recorded(workflow_id="w7", scope="world:w1"), *before)
    with pytest.raises(refusal):
        command(asset)


@pytest.mark.parametrize(
    ("declared", "detected", "kept", "fits"),
    [
        (
            "image",
            {"media_kind": "image", "width": 3},
            {"media_kind": "image", "format": None, "width": 3, "height": None},
            True,
        ),
        ("file", {"media_kind": "image", "width": 3}, {"media_kind": "file"}, True),
        (
            "map",
            {"media_kind": "image", "width": 3},
            {"media_kind": "map", "format": None, "width": 3, "height": None},
            True,
        ),
        (
            "audio",
            {"media_kind": "image", "width": 3},
            {"media_kind": "audio", "format": None, "duration": None, "sample_rate": None},
            False,
        ),
    ],
)
def test_the_kind_stays_as_declared_whatever_the_bytes_are(
    declared: str, detected: dict[str, Any], kept: dict[str, Any], fits: bool
) -> None:
    asset = recorded(media={"media_kind": declared})
    (event,) = store(7, media=detected)(asset)
    assert isinstance(event, AssetContentStored)
    assert (event.content_version, event.content_id) == (1, UUID(int=7))
    assert (event.media.model_dump(), event.problem is None) == (kept, fits)
    assert after(asset, store(7), store(8), delete, going(2), purge(2), restore, store(9)).content_version == 3


def test_an_asset_carries_so_many_links_and_holds_and_no_more() -> None:
    links = tuple(Reference(kind="m", id=str(number)) for number in range(MOST_LINKS))
    holds = [hold(str(number)) for number in range(MOST_HOLDS)]
    full = after(recorded(), link(*links), *holds)

    assert (len(full.links), len(full.holds)) == (MOST_LINKS, MOST_HOLDS)
    assert after(full, link(*links[:3]), hold("0")) == full
    for command, refusal in (
        (link(Reference(kind="n", id="1")), TooManyReferencesError),
        (hold("n"), TooManyHoldsError),
    ):
        with pytest.raises(refusal):
            command(full)
    assert len(after(full, unlink(links[0]), link(Reference(kind="n", id="1"))).links) == MOST_LINKS


def test_each_document_has_at_most_a_mebibyte() -> None:
    most = {"x": "y" * (2**20 - len('{"x":""}'))}
    assert recorded(metadata=most, prompt_spec=most).metadata == most
    with pytest.raises(DocumentTooLargeError):
        recorded(prompt_spec={"x": most["x"] + "y"})


commands = st.one_of(
    some.new_descriptions.map(lambda new: lambda asset: asset.describe(CONTEXT, new)),
    st.lists(some.references, min_size=1, max_size=3).map(lambda refs: link(*refs)),
    st.lists(some.references, min_size=1, max_size=3).map(lambda refs: unlink(*refs)),
    st.sampled_from([delete, restore, hold("a"), hold("b"), release("a"), release("b")]),
    st.sampled_from([store(7), store(8), store(9, problem="cut short")]),
    st.sampled_from([going(1), going(1, 2), purge(1), purge(1, 2)]),
)


@given(some.new_assets, st.lists(commands, max_size=15))
def test_replaying_what_happened_gives_the_same_asset_and_never_refuses(new: NewAsset, asked: list[Command]) -> None:
    happened: list[AssetEvent] = [creation.create(CONTEXT, TENANT, ASSET, new)]
    asset = aggregate.project(None, happened)
    for command in asked:
        assert asset is not None
        try:
            events = command(asset)
        except LedgerError:
            continue
        happened += events
        asset = aggregate.project(asset, events)
    stored: list[Any] = [from_parts(*to_parts(event)) for event in happened]
    assert stored == happened
    assert aggregate.project(None, stored) == asset
    assert [event.originator_version for event in happened] == list(range(1, len(happened) + 1))


@given(
    some.new_assets,
    st.permutations([link(MESSAGE), unlink(MESSAGE), delete, delete, restore, restore, hold("a"), hold("a")]),
)
def test_even_events_no_rule_would_allow_now_can_be_replayed(new: NewAsset, asked: list[Command]) -> None:
    start = aggregate.created(creation.create(CONTEXT, TENANT, ASSET, new))
    anything: list[AssetEvent] = [
        event
        for command in asked
        for state in (start, after(start, link(MESSAGE), hold("a")), after(start, delete))
        for event in _if_allowed(command, state)
    ]
    assert aggregate.project(start, anything) is not None


def _if_allowed(command: Command, asset: Asset) -> Sequence[AssetEvent]:
    try:
        return command(asset)
    except LedgerError:
        return ()
