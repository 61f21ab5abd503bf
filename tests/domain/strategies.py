"""What a caller may say, made up."""

from typing import Any

from hypothesis import strategies as st

from domain.asset.inputs import NewAsset, NewDescription
from domain.event import Actor
from domain.json_documents import REFERENCE
from domain.reference import ORIGIN_KINDS, Reference

text = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=20)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
documents = st.dictionaries(
    text.filter(lambda name: name != REFERENCE),
    st.recursive(
        scalars | text,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)
actors = st.builds(Actor, id=text, type=st.sampled_from(["user", "worker", "system"]))
references = st.builds(
    Reference,
    kind=st.sampled_from(["message", "client", "claim", *sorted(ORIGIN_KINDS)]),
    id=st.sampled_from("abc") | text,
)
sizes = st.none() | st.integers(1, 10_000)
media: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries(
        {"media_kind": st.just("image"), "format": st.none() | text, "width": sizes, "height": sizes}
    ),
    st.fixed_dictionaries(
        {"media_kind": st.just("video"), "duration": st.none() | st.floats(0.1, 1e6), "width": sizes}
    ),
    st.fixed_dictionaries({"media_kind": st.just("audio"), "sample_rate": sizes}),
    st.fixed_dictionaries({"media_kind": st.just("document"), "page_count": sizes}),
    st.fixed_dictionaries({"media_kind": st.sampled_from(["map", "file"])}),
)
tags = st.lists(text, max_size=4).map(tuple)
new_assets = st.builds(
    NewAsset,
    media=media,
    name=st.none() | text,
    tags=tags,
    metadata=st.none() | documents,
    prompt_spec=st.none() | documents,
    subject=st.none() | st.sampled_from(["u_ann", "u_ben"]),
    scope=st.none() | references,
    references=st.lists(references, max_size=4).map(tuple),
    workflow_id=st.none() | text,
    reason=st.none() | text,
)
new_descriptions = (
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.none() | text,
            "description": st.none() | text,
            "tags": tags,
            "metadata": st.none() | documents,
        },
    )
    .filter(bool)
    .map(NewDescription.model_validate)
)
