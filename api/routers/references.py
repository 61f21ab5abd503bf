"""Filters by reference: any as `kind:id`, the well-known ones by their short names."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, Field, model_validator

from domain.reference import ALIASES, Reference, ReferenceText, distinct
from domain.values import OutsideId

MOST_REFERENCES: Final = 200

Ids = Annotated[list[OutsideId], Field(default_factory=list)]


class ReferenceQuery(BaseModel):
    """Filters by reference. Repeat one to ask for several at once."""

    ref: list[ReferenceText] = Field(default=[], description="Any reference, written `kind:id`.")
    workflow_id: Ids
    node_id: Ids
    job_id: list[OutsideId] = Field(default=[], max_length=4, description="A job's id, or its `run`.")
    run: Ids
    conversation_id: Ids
    message_id: Ids
    agent: Ids
    tool: Ids
    tool_call_id: Ids
    response_id: Ids
    container_id: Ids
    provider_file_id: Ids
    provider: Ids
    model: Ids
    client_id: Ids
    campaign_id: Ids
    world_id: Ids
    claim_id: Ids
    entity_id: Ids
    source_chunk_id: Ids
    source_id: Ids

    @model_validator(mode="after")
    def are_not_too_many(self) -> Self:
        if len(self.references()) > MOST_REFERENCES:
            raise ValueError(f"at most {MOST_REFERENCES} references can be asked for at once")
        return self

    def references(self) -> tuple[Reference, ...]:
        """Every reference asked for, but jobs, which have two names each."""
        aliases = (pair for pair in ALIASES if pair[0] != "job_id")
        aliased = (Reference(kind=kind, id=id_) for alias, kind in aliases for id_ in getattr(self, alias))
        return distinct((*self.ref, *aliased))
