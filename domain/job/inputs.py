"""What a caller may say of a job."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, TypeAdapter

from domain.asset.inputs import NewAsset, Reasoned, References, Sources
from domain.job.events import Cost
from domain.json_documents import FREE, Document, JsonObject
from domain.media import MediaKind
from domain.model import Frozen, example
from domain.reference import Reference, ReferenceAliases, ReferenceInput, distinct
from domain.text import OutsideId, Text

Attempt = Annotated[
    int, Field(ge=1, lt=2**31, description="Which attempt this is about: a worker that lost one cannot end the next.")
]


class VideoPrompt(Frozen):
    """What a video should be; duration in seconds."""

    prompt_kind: Literal["video"]
    description: Annotated[Text, Field(min_length=1, max_length=10_000)]
    duration: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    aspect_ratio: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}:[1-9][0-9]{0,3}$")] | None = None
    quality: Literal["draft", "standard", "high"] | None = None


class AudioPrompt(Frozen):
    """What a piece of audio should be; duration in seconds, tempo in beats per minute."""

    prompt_kind: Literal["audio"]
    lyrics: Annotated[Text, Field(max_length=20_000)] | None = None
    style: Annotated[Text, Field(max_length=2_000)] | None = None
    duration: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    tempo: Annotated[float, Field(gt=0, lt=1_000, allow_inf_nan=False)] | None = None


_TYPED: dict[object, TypeAdapter[Any]] = {"video": TypeAdapter(VideoPrompt), "audio": TypeAdapter(AudioPrompt)}


def check_typed(prompt: JsonObject) -> JsonObject:
    """The prompt itself; pydantic's ValidationError if it says it is of a type and does not fit it."""
    kind = prompt.get("prompt_kind")
    if isinstance(kind, str) and kind in _TYPED:
        _TYPED[kind].validate_python(prompt, strict=True)
    return prompt


PromptSpec = Annotated[
    Document,
    AfterValidator(check_typed),
    Field(description=f"{FREE} With `prompt_kind` video or audio it is checked as such a prompt."),
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
