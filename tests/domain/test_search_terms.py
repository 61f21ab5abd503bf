"""The terms that assets are found by: what they are of, and that no document breaks them."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.search_terms import (
    LONGEST,
    embedded_terms,
    metadata_term,
    metadata_terms,
    model_term,
    prompt_terms,
    seed_term,
    word_terms,
)
from infra.media.file_metadata import generation_of
from tests.domain.strategies import documents, scalars, text

any_text = st.text(st.characters(exclude_categories=[]) | st.sampled_from("\x00\ud800"), max_size=300)
any_json = st.recursive(
    scalars | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=10,
)
A1111 = """a castle on a Hill, dusk
Negative prompt: people, watermark
Steps: 28, Sampler: DPM++ 2M, Seed: 271828, Size: 512x512, Model: Landscape-v1"""
COMFY = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 271828, "steps": 28, "model": ["4", 0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "Landscape-v1.safetensors"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a castle on a Hill, dusk", "clip": ["4", 1]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "secret", "images": ["8", 0]}},
}


def test_a_prompt_has_the_words_of_all_its_texts_its_seeds_and_its_models() -> None:
    spec = {
        "prompt": {"positive": ["A castle, A LAKE"], "negative": "people"},
        "seed": 7.0,
        "nested": {"model": "SDXL"},
    }
    words = {f"word:{word}" for word in ("a", "castle", "lake", "people", "sdxl")}
    assert prompt_terms(spec) == words | {"seed:7", "model:sdxl"}


def test_the_bytes_name_prompts_seeds_and_models_as_both_programs_write_them() -> None:
    words = {f"word:{word}" for word in ("a", "castle", "on", "hill", "dusk")}
    assert embedded_terms({"prompt": COMFY}) == words | {
        "seed:271828",
        "model:landscape-v1",
        "model:landscape-v1.safetensors",
    }
    assert embedded_terms({"parameters": A1111, "generation": generation_of(A1111)}) == words | {
        "word:people",
        "word:watermark",
        "seed:271828",
        "model:landscape-v1",
    }


def test_other_metadata_in_the_bytes_has_no_terms() -> None:
    assert (
        embedded_terms({"workflow": COMFY, "exif": {"seed": 1}, "comment": "castle", "generation": "castle"}) == set()
    )


@pytest.mark.parametrize(
    ("document", "terms"),
    [
        ({"shot": 12}, {"shot=12"}),
        ({"shot": "12"}, {"shot=12"}),
        ({"shot": 12.0}, {"shot=12"}),
        ({"take": {"shot": 1.5}}, {"take.shot=1.5"}),
        ({"shots": [1, [2, {"of": "x"}]]}, {"shots=1", "shots=2", "shots.of=x"}),
        ({"a": True, "b": False, "c": None}, {"a=true", "b=false", "c=null"}),
        ({"Shot": "A b"}, {"Shot=A b"}),
        ({"empty": "", "none": [], "nothing": {}}, {"empty="}),
    ],
)
def test_metadata_has_a_term_for_each_member_with_a_plain_value(document: Any, terms: set[str]) -> None:
    assert metadata_terms(document) == {f"metadata.{term}" for term in terms}


def test_a_document_in_the_store_has_no_terms() -> None:
    reference = {"$document": {"id": "x", "sha256": "castle", "size": 1, "seed": 1}}
    assert prompt_terms(reference) == metadata_terms(reference) == embedded_terms({"prompt": reference}) == set()
    assert prompt_terms(None) == metadata_terms(None) == embedded_terms(None) == set()


@given(any_json)
def test_whatever_a_document_holds_its_terms_can_be_stored_and_indexed(document: Any) -> None:
    every = prompt_terms(document) | metadata_terms(document) | embedded_terms(document)
    every |= embedded_terms({"generation": document, "prompt": document})
    for term in every:
        assert len(term.encode()) <= LONGEST
        assert "\0" not in term
        assert term.startswith(("word:", "seed:", "model:", "metadata."))


@given(st.dictionaries(text, scalars | text, min_size=1, max_size=5))
def test_every_text_is_found_by_each_of_its_words_and_every_member_by_its_value(document: dict[str, Any]) -> None:
    terms = prompt_terms(document)
    assert all(word_terms(value) <= terms for value in document.values() if isinstance(value, str))
    members = {f"{name}={value}" for name, value in document.items() if isinstance(value, str)}
    assert {metadata_term(member) for member in members} <= metadata_terms(document)


@given(documents)
def test_a_member_is_found_only_by_what_it_is(document: dict[str, Any]) -> None:
    terms = metadata_terms({**document, "shot": 12})
    assert metadata_term("shot=12") in terms
    assert metadata_term("shot=13") not in terms


def test_very_long_terms_are_alike_only_if_they_are_the_same() -> None:
    long = "x" * 1_000
    assert metadata_term(f"a={long}") in metadata_terms({"a": long})
    assert metadata_term(f"a={long}") not in metadata_terms({"a": f"{long}x"})
    assert word_terms(long.upper()) == word_terms(long)
    assert all(re.fullmatch(r"(word|model|seed):#[0-9a-f]{64}", term) for term in (*word_terms(long), model_term(long)))
    assert model_term(long) != model_term(f"{long}y")
    assert seed_term("1" * 300) != seed_term("1" * 301)
