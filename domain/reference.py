"""References: typed pointers to things outside the ledger, written `kind:id`."""

from functools import lru_cache
from typing import Annotated, Any, Final, TypeVar

from pydantic import BeforeValidator, StringConstraints, WithJsonSchema

from domain.model import Frozen
from domain.text import MOST_ID_CHARACTERS, OutsideId

Item = TypeVar("Item")
KIND_PATTERN: Final = "[a-z][a-z0-9_]{0,63}"
Kind = Annotated[str, StringConstraints(pattern=rf"^{KIND_PATTERN}$")]

ORIGIN_KINDS: Final = frozenset(
    "job run workflow node agent tool tool_call response container provider_file provider model".split()
)
"""The kinds that say what made an asset. Given when it is created, they can never be unlinked."""


class Reference(Frozen):
    """A typed pointer to something outside the ledger, such as message m_91."""

    kind: Kind
    id: OutsideId

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """The reference written `kind:id`; ValueError if it is not of that form. Ids may hold colons."""
        kind, colon, id_ = text.partition(":")
        if not colon:
            raise ValueError("a reference is written kind:id, such as message:m_91")
        return cls(kind=kind, id=id_)


def parse_text(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    return Reference.parse(value) if isinstance(value, str) else value


_TEXT: Final = {
    "title": "Reference",
    "type": "string",
    "pattern": rf"^{KIND_PATTERN}:[^\u0000]{{1,{MOST_ID_CHARACTERS}}}$",
    "examples": ["message:m_91"],
}

ReferenceText = Annotated[Reference, BeforeValidator(parse_text), WithJsonSchema(_TEXT)]
"""A reference written `kind:id`, as in a query."""

ReferenceInput = Annotated[
    Reference,
    BeforeValidator(parse_text),
    WithJsonSchema(
        {"title": "Reference", "anyOf": [_TEXT, Reference.model_json_schema()], "examples": ["message:m_91"]}
    ),
]
"""A reference as callers may write it: `{"kind": "message", "id": "m_91"}` or `"message:m_91"`."""


def distinct(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The items without repetitions, in the order of first appearance."""
    return tuple(dict.fromkeys(items))


class ReferenceAliases(Frozen):
    """Short names of well-known reference kinds; any other kind is written `kind:id`."""

    workflow_id: OutsideId | None = None
    node_id: OutsideId | None = None
    job_id: OutsideId | None = None
    run: OutsideId | None = None
    conversation_id: OutsideId | None = None
    message_id: OutsideId | None = None
    agent: OutsideId | None = None
    tool: OutsideId | None = None
    tool_call_id: OutsideId | None = None
    response_id: OutsideId | None = None
    container_id: OutsideId | None = None
    provider_file_id: OutsideId | None = None
    provider: OutsideId | None = None
    model: OutsideId | None = None
    client_id: OutsideId | None = None
    campaign_id: OutsideId | None = None
    world_id: OutsideId | None = None
    claim_id: OutsideId | None = None
    entity_id: OutsideId | None = None
    source_chunk_id: OutsideId | None = None
    source_id: OutsideId | None = None

    def aliased(self) -> tuple[Reference, ...]:
        """The references that the given aliases stand for."""
        values = self.__dict__
        return tuple([_reference_of(kind, values[alias]) for alias, kind in ALIASES if values[alias] is not None])


@lru_cache(4_096)
def _reference_of(kind: str, id_: str) -> Reference:
    """The reference, made once: pipelines name the same workflows and models over and over."""
    return Reference(kind=kind, id=id_)


ALIASES: Final = tuple((alias, alias.removesuffix("_id")) for alias in ReferenceAliases.model_fields)
"""Each alias with the reference kind it stands for: workflow_id with workflow, agent with agent."""
