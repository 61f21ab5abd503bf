"""Which documents leave an event, and what stands in their places."""

from typing import Any
from uuid import UUID

import orjson
from hypothesis import given
from hypothesis import strategies as st

from domain.asset import asset as aggregate
from domain.asset import creation
from domain.asset.events import AssetCreated, AssetDescribed
from domain.asset.inputs import NewAsset, NewDescription
from domain.event import event_types, from_parts, to_parts
from domain.large_documents import (
    DOCUMENTS,
    MOST_IN_EVENT,
    StoredDocument,
    kept_for,
    referred,
    referring,
    same_document,
    too_large,
)
from tests.domain.test_asset import ASSET, CONTEXT, TENANT

ID = UUID(int=17)
sizes = st.none() | st.integers(0, 3) | st.integers(20_000, 21_000) | st.integers(40_900, 41_000) | st.just(500_000)


def text(size: int | None) -> dict[str, Any] | None:
    """A document of some size."""
    return None if size is None else {"text": "x" * size}


def created(**fields: Any) -> AssetCreated:
    new = NewAsset.model_validate({"media": {"media_kind": "image"}} | fields)
    return creation.create(CONTEXT, TENANT, ASSET, new)


def test_the_largest_document_leaves_first() -> None:
    assert list(too_large(created(metadata=text(30_000), prompt_spec=text(20_000)))) == ["metadata"]
    assert list(too_large(created(metadata=text(20_000), prompt_spec=text(30_000)))) == ["prompt_spec"]
    assert list(too_large(created(metadata=text(50_000), prompt_spec=text(60_000)))) == ["prompt_spec", "metadata"]
    assert too_large(created(metadata=text(20_000), prompt_spec=text(20_000))) == {}


@given(sizes, sizes)
def test_what_stays_has_at_most_40_kib_and_no_less_than_could_stay(
    metadata_size: int | None, prompt_size: int | None
) -> None:
    event = created(metadata=text(metadata_size), prompt_spec=text(prompt_size))
    leaving = too_large(event)
    staying = {name: len(orjson.dumps(getattr(event, name))) for name in DOCUMENTS[:2] if name not in leaving}
    size = sum(size for name, size in staying.items() if getattr(event, name) is not None)
    assert size <= MOST_IN_EVENT
    assert not leaving or size + min(map(len, leaving.values())) > MOST_IN_EVENT
    assert all(orjson.loads(json) == getattr(event, name) for name, json in leaving.items())


def test_an_event_names_its_documents_in_the_clear_and_their_digests_sealed() -> None:
    stored = StoredDocument.of(ID, b'{"text":"x"}')
    clear, personal = to_parts(event := referring(created(metadata={"text": "x"}, name="Castle"), {"metadata": stored}))
    assert clear["data"]["documents"] == [str(ID)]
    assert personal["metadata"] == {"$document": {"id": str(ID), "sha256": stored.sha256, "size": 12}}
    assert kept_for(event) == (ID,)
    assert referred(event.metadata) == stored
    assert from_parts(clear, personal) == event
    assert stored.sha256 not in str(to_parts(event).clear)


def test_an_event_whose_documents_fit_says_nothing_of_them() -> None:
    event = created(metadata={"text": "x"})
    assert kept_for(event) == ()
    assert "documents" not in to_parts(event).clear["data"]


def test_whatever_has_a_document_can_refer_to_it() -> None:
    ours = [kind for topic, kind in event_types().items() if not topic.startswith("test.")]
    having = [kind for kind in ours if set(DOCUMENTS) & set(kind.model_fields)]
    assert {"asset.created", "asset.described", "job.requested"} <= {kind.TOPIC for kind in having}
    assert all("documents" in kind.model_fields for kind in having)


def test_a_description_with_the_stored_document_changes_nothing() -> None:
    large = {"text": "x" * 50_000}
    stored = StoredDocument.of(ID, orjson.dumps(large))
    asset = aggregate.created(referring(created(metadata=large), {"metadata": stored}))
    assert asset.describe(CONTEXT, NewDescription(metadata=large)) == ()
    (event,) = asset.describe(CONTEXT, NewDescription(metadata={"text": "x" * 50_001}))
    assert isinstance(event, AssetDescribed)
    assert event.changed == ("metadata",)
    (event,) = asset.describe(CONTEXT, NewDescription(metadata=None))
    assert isinstance(event, AssetDescribed)
    assert event.changed == ("metadata",)


@given(st.dictionaries(st.text("ab", min_size=1), st.integers(0, 2) | st.text("ab"), max_size=2), st.booleans())
def test_a_document_is_the_same_as_itself_wherever_it_is(document: dict[str, Any], in_the_store: bool) -> None:
    there = StoredDocument.of(ID, orjson.dumps(document)).reference() if in_the_store else document
    assert same_document(document, there)
    assert not same_document(document | {"c": 1}, there)
