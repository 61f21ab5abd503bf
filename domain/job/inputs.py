"""What a caller may say of a job."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from domain.asset.inputs import NewAsset, Reasoned, References, Sources
from domain.job.events import Cost
from domain.job.prompts import PromptSpec
from domain.json_documents import Document
from domain.media import MediaKind
from domain.model import example
from domain.reference import Reference, ReferenceAliases, ReferenceInput, distinct
from domain.text import OutsideId, Text

Attempt = Annotated[
    int, Field(ge=1, lt=2**31, description="Which attempt this is about: a worker that lost one cannot end the next.")
]


class NewJob(Reasoned, ReferenceAliases):
    """Work to be done. All of it but subject, priority and reason is its identity: asking again is the same job."""

    model_config = example(
        media_kind="image",
        prompt_spec={"prompt": "a castle at dusk", "seed": 5},
        provider="comfy",
        model="sdxl",
        workflow_id="w7",
        node_id="n3",
        claim_id="c7",
        scope="world:w1",
    )

    media_kind: MediaKind
    prompt_spec: PromptSpec | None = None
    snapshot: Document | None = Field(
        default=None, description="An immutable copy of what the job is derived from; answered unchanged."
    )
    scope: ReferenceInput | None = Field(default=None, description="What the job and its assets belong to.")
    references: References = Field(default=(), description="Any references, as `kind:id` or `{kind, id}`.")
    sources: Sources = ()
    priority: Annotated[int, Field(ge=-1000, le=1000, description="Higher is claimed first.")] = 0
    subject: OutsideId | None = Field(
        default=None, description="The requester, whose data this holds, as a pseudonymous id; absent, the tenant."
    )

    def all_references(self) -> tuple[Reference, ...]:
        """Every reference of the job, however it was written, without repetitions."""
        return distinct(self.aliased() + self.references)

    def identity(self) -> dict[str, object]:
        """What makes it the same job: everything it is made from, in one order."""
        sources = {"sources": sorted(map(str, self.sources))} if self.sources else {}  # older inputs stay as they are
        return sources | {
            "scope": str(self.scope) if self.scope else None,
            "media_kind": self.media_kind,
            "prompt_spec": self.prompt_spec,
            "references": sorted(map(str, self.all_references())),
            "snapshot": self.snapshot,
        }


class AttemptCommand(Reasoned):
    """Something that happens to one attempt of a job."""

    model_config = example(attempt=1)

    attempt: Attempt


class Cancellation(Reasoned):
    """A job called off; a worker names its attempt."""

    model_config = example(reason="no longer needed")

    attempt: Attempt | None = None


class Failure(AttemptCommand):
    """Why an attempt failed: a code for programs, a message for people."""

    model_config = example(attempt=1, code="out_of_memory", message="the renderer ran out of memory")

    code: Annotated[Text, Field(min_length=1, max_length=200)]
    message: Annotated[Text, Field(max_length=10_000)] | None = None
    cost: Cost | None = None


class Completion(AttemptCommand):
    """What an attempt made: new assets, assets that were recorded before, or both."""

    model_config = example(
        attempt=1,
        assets=[{"media": {"media_kind": "image", "format": "png"}, "name": "Castle at dusk"}],
        cost={"amount": "0.04", "currency": "EUR"},
    )

    assets: Annotated[tuple[NewAsset, ...], Field(max_length=100)] = ()
    asset_ids: Annotated[tuple[UUID, ...], Field(max_length=100, description="Assets recorded before.")] = ()
    cost: Cost | None = None

    def identity(self) -> dict[str, object]:
        """What makes it the same completion: its attempt, what it made, what that cost."""
        return {
            "attempt": self.attempt,
            "assets": [new.identity() for new in self.assets],
            "asset_ids": sorted({str(id_) for id_ in self.asset_ids}),
            "cost": [str(self.cost.amount.normalize()), self.cost.currency] if self.cost else None,
        }
