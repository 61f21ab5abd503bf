"""What a caller may say of an asset. Rules stand here, not in events: a stored fact is never refused."""

from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from domain.asset.events import Content, DescriptionField
from domain.json_documents import Document, JsonObject
from domain.media import Media
from domain.model import Frozen, example
from domain.reference import ReferenceAliases, ReferenceInput, distinct
from domain.text import OutsideId, Text

Name = Annotated[Text, Field(min_length=1, max_length=512)]
Description = Annotated[Text, Field(max_length=10_000)]
Tag = Annotated[Text, Field(min_length=1, max_length=100)]
Tags = Annotated[tuple[Tag, ...], Field(fail_fast=True, max_length=100), AfterValidator(distinct)]
References = Annotated[tuple[ReferenceInput, ...], Field(fail_fast=True, max_length=200)]
MOST_SOURCES: Final = 100
Sources = Annotated[
    tuple[UUID, ...],
    Field(
        fail_fast=True,
        max_length=MOST_SOURCES,
        description="The assets it is made from, by their ids; deleted ones too. Repetitions count once.",
    ),
    AfterValidator(distinct),
]
Reason = Annotated[Text, Field(min_length=1, max_length=2_000)]


class Reasoned(Frozen):
    """A command that may say why."""

    model_config = example(reason="the client likes it")

    reason: Reason | None = Field(default=None, description="Why; kept with the event and shown in the audit trail.")


class NewAsset(Reasoned, ReferenceAliases):
    """An asset to record: its media, where it came from, and what to call it."""

    model_config = example(
        media={"media_kind": "image", "format": "png", "width": 512, "height": 512},
        name="Castle at dusk",
        tags=["concept"],
        workflow_id="w7",
        node_id="n3",
        model="sdxl",
        scope="world:w1",
        references=["message:m_91"],
    )

    media: Media
    status: Literal["pending", "ready"] = Field(
        default="ready", description="`pending` announces content that is not there yet."
    )
    name: Name | None = None
    file_name: Name | None = None
    description: Description | None = None
    tags: Tags = ()
    metadata: Document | None = None
    prompt_spec: Document | None = None
    source_url: Annotated[Text, Field(max_length=4_096)] | None = None
    content: Content | None = None
    subject: OutsideId | None = Field(
        default=None, description="The person whose data this holds, as a pseudonymous id; absent, the tenant."
    )
    scope: ReferenceInput | None = Field(
        default=None, description="The one reference the asset belongs to, such as `world:w1`."
    )
    references: References = Field(default=(), description="Any references, as `kind:id` or `{kind, id}`.")
    sources: Sources = ()

    def identity(self) -> dict[str, object]:
        """What makes it the same request: all that is said of the asset, but not why."""
        return self.model_dump(mode="json", exclude={"reason"}, exclude_defaults=True)


class NewContent(Frozen):
    """Bytes that are in the store and verified: what is known of them."""

    content_id: UUID
    content: Content
    media: Media
    problem: str | None = None
    embedded: JsonObject | None = None


class NewDescription(Reasoned):
    """New words about an asset. Only the members given change; null clears, tags and metadata are replaced whole."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"tags": ["final"], "description": None, "reason": "chosen"}],
            "anyOf": [{"required": [field]} for field in ("name", "description", "tags", "metadata")],
        }
    )

    name: Name | None = None
    description: Description | None = None
    tags: Tags | None = None
    metadata: Document | None = None

    def value_of(self, field: DescriptionField) -> Any:  # noqa: ANN401 - each field has a type of its own
        """The new value of a field; no tags at all are an empty list of them."""
        return (self.tags or ()) if field == "tags" else getattr(self, field)

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if not self.model_fields_set - {"reason"}:
            raise ValueError("give at least one of name, description, tags, metadata")
        return self
