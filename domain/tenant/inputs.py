"""What a caller may say of a tenant's policy and of what it declares."""

from typing import Annotated

from pydantic import AfterValidator, Field

from domain.asset.inputs import Reasoned, Tag
from domain.media import MediaKind
from domain.model import example
from domain.reference import Kind, Reference, ReferenceInput
from domain.tenant.policy import Policy
from domain.text import OutsideId

_AS_SET = AfterValidator(lambda values: tuple(sorted(set(values))))
Kinds = Annotated[tuple[Kind, ...], Field(max_length=64), _AS_SET]
AllowedTags = Annotated[tuple[Tag, ...], Field(max_length=500), _AS_SET]


class NewPolicy(Reasoned):
    """A whole policy, in place of the one before. Left out means: nothing is required, everything is allowed."""

    model_config = example(
        required_references=["client"],
        allowed_tags={"image": ["concept", "final"]},
        closed_kinds=["client", "claim"],
        reason="one catalogue per client",
    )

    required_references: Kinds = Field(
        default=(), description="Kinds of which every new asset and job must have a reference: origin, link or scope."
    )
    allowed_tags: dict[MediaKind, AllowedTags] = Field(
        default={}, description="The tags that each media kind may have; a media kind left out may have any."
    )
    closed_kinds: Kinds = Field(default=(), description="Kinds of which only declared references may be used.")

    def policy(self) -> Policy:
        """The policy itself, its lists in one order."""
        return Policy(
            required_references=self.required_references,
            allowed_tags={kind: self.allowed_tags[kind] for kind in sorted(self.allowed_tags)},
            closed_kinds=self.closed_kinds,
        )


class NewReference(Reasoned):
    """Something outside the ledger to make known."""

    model_config = example(kind="claim", id="c7", scope="world:w1", reason="imported")

    kind: Kind
    id: OutsideId
    scope: ReferenceInput | None = Field(
        default=None, description="What it belongs to: it may be used only there. Absent: it may be used everywhere."
    )

    def reference(self) -> Reference:
        """The reference itself."""
        return Reference(kind=self.kind, id=self.id)
