"""A tenant's policy: what everything that is recorded must have, and what it may have."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import Field

from domain.asset.asset import Asset
from domain.asset.events import AssetCreated, AssetDescribed, AssetLinked
from domain.errors import ForeignReferenceError, MissingReferenceError, ReferenceNotDeclaredError, TagNotAllowedError
from domain.event import Event
from domain.job.events import JobRequested, JobRequeued
from domain.job.job import Job
from domain.media import MediaKind
from domain.model import Frozen
from domain.reference import Reference
from domain.tenant.events import PolicySet

Declared = Mapping[Reference, Reference | None]
"""Declared references, each with the scope it was declared with."""

MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Use:
    """What an event would record of an asset or a job, as far as a policy cares."""

    media_kind: MediaKind
    scope: Reference | None
    references: tuple[Reference, ...] = ()
    tags: tuple[str, ...] = ()
    new: bool = False
    job: Reference | None = None
    """The ledger's own job: nobody needs to declare it."""


class Policy(Frozen):
    """What a tenant requires, allows and closes. The empty one lets everything through."""

    required_references: tuple[str, ...] = ()
    allowed_tags: dict[str, tuple[str, ...]] = Field(default={})
    closed_kinds: tuple[str, ...] = ()

    @classmethod
    def of(cls, event: PolicySet) -> "Policy":
        """The policy that an event set."""
        return cls.model_validate(event, from_attributes=True)

    def closed(self, use: Use) -> frozenset[Reference]:
        """The references that must be declared."""
        return frozenset(r for r in use.references if r.kind in self.closed_kinds and r != use.job)

    def check(self, use: Use, declared: Declared) -> None:
        """Let the use through, given the references that were declared of those that must be.

        Raises MissingReferenceError, TagNotAllowedError, ReferenceNotDeclaredError, ForeignReferenceError.
        """
        if use.new:
            self._check_required(use)
        self._check_tags(use)
        for reference in sorted(self.closed(use), key=str):
            _check_declared(reference, use.scope, declared)

    def _check_required(self, use: Use) -> None:
        kinds = {reference.kind for reference in (*use.references, use.job) if reference}
        if missing := [kind for kind in self.required_references if kind not in kinds]:
            raise MissingReferenceError(f"The tenant's policy requires a reference of kind {', '.join(missing)}.")

    def _check_tags(self, use: Use) -> None:
        allowed = self.allowed_tags.get(use.media_kind)
        if allowed is None:
            return
        if wrong := [tag for tag in use.tags if tag not in allowed]:
            raise TagNotAllowedError(
                f"The tenant's policy does not allow {_listed(wrong)} on media of kind {use.media_kind}; "
                f"it allows {_listed(allowed) if allowed else 'no tags'}."
            )


NO_POLICY: Final = Policy()


def _check_declared(reference: Reference, scope: Reference | None, declared: Declared) -> None:
    if reference not in declared:
        raise ReferenceNotDeclaredError(
            f"{reference} is not declared, and the tenant's policy takes only declared references of its kind."
        )
    belongs = declared[reference]
    if belongs not in (None, scope) and reference != scope:
        raise ForeignReferenceError(f"{reference} belongs to {belongs}, but is used for {scope or 'no scope'}.")


def _listed(tags: Iterable[str]) -> str:
    names = [f"“{tag}”" for tag in tags]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def use_of(event: Event, of: Asset | Job | None = None) -> Use | None:
    """What an event decided on an asset or a job records; None if no policy cares.

    What takes something away, ends or resumes is never anybody's policy's business.
    """
    job = Reference(kind="job", id=str(of.id)) if isinstance(of, Job) else None
    match event, of:
        case AssetCreated(), _:
            references = (*_scope(event.scope), *event.origin, *event.references)
            return Use(event.media.media_kind, event.scope, references, event.tags, new=True, job=job)
        case JobRequested(), _:
            references = (*_scope(event.scope), *event.references)
            return Use(event.media_kind, event.scope, references, new=True, job=job)
        case JobRequeued(cause="requested"), Job():
            return Use(of.media_kind, of.scope, (*_scope(of.scope), *of.references), new=True, job=job)
        case AssetLinked(), Asset():
            return Use(of.media.media_kind, of.scope, event.references)
        case AssetDescribed(), Asset() if "tags" in event.changed:
            return Use(of.media.media_kind, of.scope, tags=event.tags)
    return None


def _scope(scope: Reference | None) -> tuple[Reference, ...]:
    return (scope,) if scope else ()
