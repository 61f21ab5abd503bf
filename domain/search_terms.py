"""The terms that assets are found by: words, seeds and models of prompts, and the members of metadata.

They are read from free documents, of whatever form. A document that is in the store, beside the log, has no terms.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from domain.json_documents import REFERENCE, integral
from domain.text import searchable

METADATA: Final = "metadata."
"""What terms of metadata begin with."""
LONGEST: Final = 200
"""Bytes of a term; an index has no room for very long ones, so that their digests stand for them."""
_SHORT: Final = 48
"""Characters of a word that is no long term, whatever they are; no character of a word is one that cannot be stored."""
SEEDS: Final = frozenset({"seed", "noise_seed"})
MODELS: Final = frozenset({"model", "ckpt_name", "unet_name"})
GENERATION_TEXTS: Final = frozenset({"prompt", "negative_prompt"})
"""The members of AUTOMATIC1111's generation data that are prompts."""
NODE_TEXTS: Final = frozenset({"text", "text_g", "text_l", "clip_l", "t5xxl"})
"""The inputs of ComfyUI's nodes that are prompts."""
_WORD: Final = re.compile(r"\w+")
_FILE: Final = re.compile(r"\.(safetensors|ckpt|gguf|sft|pt|pth|bin)$")
_ELEMENT: Final = "[]"
Member = tuple[str, Any]


def words(text: str) -> set[str]:
    """The words of a text, as search compares them."""
    return set(_WORD.findall(searchable(text)))


def prompt_terms(document: Any) -> set[str]:  # noqa: ANN401 - any JSON
    """The terms of a prompt_spec: the words of all its texts, its seeds and its models."""
    members = list(_members(document))
    return _word_terms(value for _, value in members) | _named_terms(members)


def embedded_terms(document: Any) -> set[str]:  # noqa: ANN401 - any JSON
    """The terms of the metadata embedded in a file: the prompts, seeds and models of its generation data."""
    if not isinstance(document, dict):
        return set()
    generation, graph = list(_members(document.get("generation"))), list(_members(document.get("prompt")))
    texts = [value for name, value in generation if name in GENERATION_TEXTS]
    texts += [value for name, value in graph if name in NODE_TEXTS or name == ""]
    return _word_terms(texts) | _named_terms(generation + graph)


def metadata_terms(document: Any) -> set[str]:  # noqa: ANN401 - any JSON
    """A term for each member of metadata that has a plain value, at any depth, such as `metadata.shot=12`."""
    members = _members(document, whole_path=True)
    return {metadata_term(f"{path}={_written(value)}") for path, value in members if path}


def metadata_term(member: str) -> str:
    """The term of a member, written `PATH=VALUE`."""
    return _term(METADATA, member)


def word_terms(text: str) -> set[str]:
    """The terms of the words of a text."""
    return {f"word:{word}" if len(word) <= _SHORT else _term("word:", word) for word in words(text)}


def seed_term(seed: str) -> str:
    """The term of a seed."""
    return _term("seed:", seed)


def model_term(model: str) -> str:
    """The term of a model's name."""
    return _term("model:", searchable(model))


def _word_terms(values: Iterable[Any]) -> set[str]:
    return word_terms("\n".join(value for value in values if isinstance(value, str)))


def _named_terms(members: Iterable[Member]) -> set[str]:
    """The terms of seeds and models. A model that is named by its file is found without the file's ending, too."""
    terms: set[str] = set()
    for name, value in members:
        if name in SEEDS and not isinstance(value, bool) and isinstance(value, str | int | float):
            terms.add(seed_term(_written(value)))
        elif name in MODELS and isinstance(value, str):
            model = searchable(value)
            terms |= {model_term(model), model_term(_FILE.sub("", model))}
    return terms


def _members(document: Any, *, whole_path: bool = False) -> Iterator[Member]:  # noqa: ANN401 - any JSON
    """The plain values in a document, by the names of their members, or by the names on the way to them with dots.

    On the way, the elements of a list have its name; by themselves they have none: nodes are linked by such lists. A
    document that is no object is called "".
    """
    if isinstance(document, dict) and REFERENCE in document:
        return
    waiting = [("", document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{path}.{name}" if whole_path and path else name, inner) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(path if whole_path else _ELEMENT, inner) for inner in value]
        elif path or isinstance(value, str):
            yield path, value


def _written(value: Any) -> str:  # noqa: ANN401 - a plain JSON value
    """The value as text: numbers as JSON writes them, without needless decimals."""
    if isinstance(value, str):
        return value
    value = value if isinstance(value, bool) else integral(value)
    return str(value) if type(value) is int else orjson.dumps(value).decode()


def _term(kind: str, text: str) -> str:
    """A term that can be stored and indexed, whatever the text."""
    term = f"{kind}{text}".replace("\0", "")
    encoded = term.encode("utf-8", "surrogatepass")
    if len(encoded) > LONGEST or not _is_storable(term):
        return f"{kind}#{hashlib.sha256(encoded).hexdigest()}"
    return term


def _is_storable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
