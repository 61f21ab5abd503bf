"""A stretch of an asset's life has the terms that its prompt, its bytes and its metadata had then, and no others."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from api.application.assets import Assets
from api.composition import Services
from api.workers.worker import own_session
from domain.asset import creation
from domain.asset.events import AssetContentStored, AssetDescribed, Content
from domain.asset.inputs import NewAsset, NewContent, NewDescription
from domain.errors import ReadModelRebuildingError
from domain.event import Envelope, Event, Recorded
from domain.search_terms import embedded_terms, metadata_terms, prompt_terms
from projections.asset_terms.fold import ASSET_TERMS, STILL, AssetTermsRow
from projections.engine.rebuild import rebuild
from projections.paging import Moment, Order
from projections.queries.asset_facets import faceted_assets
from projections.queries.filters import AssetFilter
from projections.states import ASSET
from tests.conftest import context, new_tenant
from tests.domain.strategies import documents
from tests.domain.test_asset import ASSET as ASSET_ID
from tests.domain.test_asset import CONTEXT, TENANT
from tests.projections.tables import catch_up, contents, fold_all

Document = dict[str, Any] | None
IMAGE: dict[str, Any] = {"media": {"media_kind": "image"}}
EMBEDDED: dict[str, Any] = {"generation": {"prompt": "a lake", "seed": 7}}


def changes(prompt: Document, embedded: list[Document], metadata: list[Document]) -> list[Any]:
    """The commands of an asset that has a prompt, gets content, and is described, in turns."""
    media, content = NewAsset.model_validate(IMAGE).media, Content(content_type="image/png", size=3, sha256="a" * 64)
    contents_ = [
        NewContent(content_id=uuid7(), content=content, media=media, embedded=document) for document in embedded
    ]
    descriptions = [NewDescription(metadata=document) for document in metadata]
    stored = [lambda state, new=new: state.asset.store_content(context(), new) for new in contents_]
    described = [lambda state, new=new: state.asset.describe(context(), new) for new in descriptions]
    return [NewAsset.model_validate({**IMAGE, "prompt_spec": prompt}), *stored, *described]


def history(services: Services, commands: list[Any]) -> tuple[Any, list[Recorded]]:
    """A tenant's session, and the events of its one asset."""
    session = own_session(services, new_tenant(services))
    (recorded,) = session.log.record(creation.create(context(), session.tenant_id, uuid7(), commands[0]))
    for command in commands[1:]:
        session.log.change(recorded.event.originator_id, ASSET, command)
    return session, [*session.log.history(recorded.event.originator_id)]


def rows_of(events: list[Recorded]) -> list[AssetTermsRow]:
    return sorted(fold_all(ASSET_TERMS, events).values(), key=lambda row: row.position)


def test_a_stretch_ends_where_the_next_one_begins_and_begins_with_other_terms(quiet: Services) -> None:
    commands = changes({"prompt": "a castle"}, [EMBEDDED, EMBEDDED, None], [{"shot": 1}, {"shot": 1.0}, None])
    commands.insert(1, lambda state: state.asset.describe(context(), NewDescription(name="Castle")))
    _, events = history(quiet, commands)
    rows = rows_of(events)
    assert [row.next_position for row in rows] == [*(row.position for row in rows[1:]), STILL]
    castle, lake = ["word:a", "word:castle"], ["seed:7", "word:a", "word:castle", "word:lake"]
    assert [row.terms for row in rows] == [castle, lake, castle, ["metadata.shot=1", *castle], castle]
    assert [row.of_content for row in rows] == [None, ["seed:7", "word:lake"], None, None, None]
    assert {row.created_position for row in rows} == {events[0].position}


def stretch(events: list[Event]) -> AssetTermsRow:
    """The stretch that has not ended."""
    recorded = [Recorded(event, position, CONTEXT.recorded_at) for position, event in enumerate(events, 1)]
    return fold_all(ASSET_TERMS, recorded)[TENANT, ASSET_ID, STILL]


some_changes = st.lists(
    documents.map(lambda document: ("embedded", {"generation": document, "prompt": document}))
    | (st.none() | documents).map(lambda document: ("metadata", document)),
    max_size=4,
)


@given(st.none() | documents, st.none() | documents, some_changes)
def test_an_asset_has_the_terms_of_the_documents_that_it_has_however_they_came(
    prompt: Document, metadata: Document, changed: list[tuple[str, Document]]
) -> None:
    new = NewAsset.model_validate({**IMAGE, "prompt_spec": prompt, "metadata": metadata})
    events: list[Event] = [creation.create(CONTEXT, TENANT, ASSET_ID, new)]
    for version, (name, document) in enumerate(changed, 2):
        envelope = Envelope.of(CONTEXT, TENANT, ASSET_ID, version, None)
        events.append(stored(envelope, document) if name == "embedded" else described(envelope, document))
    now = {"metadata": metadata, "embedded": None, **dict(changed)}

    terms = prompt_terms(prompt) | metadata_terms(now["metadata"]) | embedded_terms(now["embedded"])
    assert stretch(events).terms == sorted(terms)
    assert stretch([as_json(event) for event in events]) == stretch(events)


def stored(envelope: Envelope, embedded: Document) -> Event:
    content, media = Content(content_type="image/png"), NewAsset.model_validate(IMAGE).media
    return AssetContentStored(
        envelope=envelope, content_version=1, content_id=ASSET_ID, content=content, media=media, embedded=embedded
    )


def described(envelope: Envelope, metadata: Document) -> Event:
    return AssetDescribed(envelope=envelope, changed=("metadata",), metadata=metadata)


def as_json(event: Event) -> Event:
    """The event as a rebuild reads it, whose documents stay JSON."""
    names = ("prompt_spec", "metadata", "embedded")
    values = {name: getattr(event, name, None) for name in names}
    return event.model_copy(
        update={name: orjson.Fragment(orjson.dumps(value)) for name, value in values.items() if value is not None}
    )


def test_lists_find_what_the_asset_is_and_was_found_by(quiet: Services) -> None:
    session, events = history(quiet, changes({"prompt": "a castle"}, [EMBEDDED], [{"shot": 1}, {"shot": 2}]))
    catch_up(quiet)
    assets = Assets(session)
    for criteria, first, last in [
        ({"prompt": "Castle"}, 0, 3),
        ({"prompt": "LAKE castle"}, 1, 3),
        ({"seed": "7"}, 1, 3),
        ({"metadata": ["shot=1"]}, 2, 2),
        ({"metadata": ["shot=2"], "prompt": "lake"}, 3, 3),
        ({"metadata": ["shot=1", "shot=2"]}, 1, 0),
        ({"prompt": "lake castle", "media_kind": "image"}, 1, 3),
        ({"prompt": "lake", "media_kind": "image", "status": "pending"}, 1, 0),
        ({"metadata": ["shot=1"], "media_kind": "image"}, 2, 2),
        ({"prompt": "castle", "media_kind": "video"}, 1, 0),
    ]:
        selected = AssetFilter.model_validate(criteria)
        for number, recorded in enumerate(events):
            there, moment = int(first <= number <= last), Moment(recorded.position, recorded.position)
            for order in (Order(), Order("updated"), Order("created", "asc")):
                assert len(assets.find(selected, 10, None, order, moment).items) == there
            assert assets.count(selected, moment) == there
        assert assets.count(selected) == len(assets.find(selected, 10, None).items) == int(last == 3)


def test_searches_are_asked_of_the_rows_unless_a_set_tells_of_which() -> None:
    for criteria in ({"prompt": "a"}, {"seed": "1"}, {"prompt_model": "m"}, {"metadata": ["a=1"]}):
        assert faceted_assets(AssetFilter.model_validate(criteria)) is None
        assert faceted_assets(AssetFilter.model_validate(criteria | {"name": "castle"})) is None
        assert faceted_assets(AssetFilter.model_validate(criteria | {"tag": ["final"]})) is not None


def test_other_lists_do_not_wait_for_a_rebuild_of_the_terms(quiet: Services) -> None:
    session, _ = history(quiet, changes({"prompt": "a castle"}, [EMBEDDED], []))
    catch_up(quiet)
    live = contents(quiet, ASSET_TERMS)
    quiet.engine.tables.reset(ASSET_TERMS)
    head = session.log.head()
    assets, moment = Assets(session), Moment(head, head)
    assert assets.find(AssetFilter(), 1, None).rebuilding == ()
    assert assets.count(AssetFilter(), moment) == 1
    assert assets.find(AssetFilter(prompt="castle"), 1, None).rebuilding == ("asset_terms",)
    with pytest.raises(ReadModelRebuildingError, match="asset_terms"):
        assets.count(AssetFilter(prompt="castle"), moment)
    rebuild(quiet.engine, ASSET_TERMS)
    assert contents(quiet, ASSET_TERMS) == live
    assert assets.count(AssetFilter(prompt="castle"), moment) == 1
