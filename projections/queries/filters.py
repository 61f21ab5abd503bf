"""Filters of lists, zips and purges: one model each for HTTP, the command line and SQL. All criteria must hold."""

import re
from datetime import date
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from domain.asset.events import AssetStatus, Sha256
from domain.asset.inputs import Tag
from domain.event import ACTOR_PATTERN, event_types
from domain.job.events import JobStatus
from domain.media import MediaKind
from domain.reference import ALIASES, Reference, ReferenceText, distinct
from domain.search_terms import metadata_term, model_term, seed_term, word_terms, words
from domain.text import OutsideId, Text
from domain.utc_time import UtcTime
from projections.select import SHORTEST_SEARCH

MOST_REFERENCES: Final = 200
MOST_DIMENSIONS: Final = 3
"""Besides days."""

Ids = list[OutsideId]
SearchText = Annotated[Text, Field(json_schema_extra={"minLength": SHORTEST_SEARCH})]
ActorText = Annotated[
    Text, Field(pattern=ACTOR_PATTERN, examples=["user:u_42"], json_schema_extra={"pattern": ACTOR_PATTERN})
]


def with_words(text: str) -> str:
    """The text itself; ValueError if it has no word."""
    if not words(text):
        raise ValueError("has no word to search for")
    return text


def known_topic(topic: str) -> str:
    """The topic itself; ValueError if no event has it."""
    if topic not in event_types():
        raise ValueError(f"no event has this topic; there are {', '.join(sorted(event_types()))}")
    return topic


Topic = Annotated[str, AfterValidator(known_topic), Field(json_schema_extra={"enum": sorted(event_types())})]


def written_day(value: object) -> object:
    """The value itself; ValueError for a text that is no date of the form YYYY-MM-DD."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("must be a date, such as 2026-11-20")
    return value


Day = Annotated[date, BeforeValidator(written_day)]


Member = Annotated[
    Text,
    Field(pattern=r"^[^=]+=", examples=["shot=12"], json_schema_extra={"pattern": r"^[^=\u0000]+=[^\u0000]*$"}),
]
Members = Annotated[
    list[Member],
    Field(
        max_length=20,
        description="A member that the metadata has, written `PATH=VALUE` with dots in the path, such as `shot=12`; or "
        "a parameter of its own, `metadata.shot=12`. Repeat either to ask for several. Values are compared exactly, as "
        "JSON writes them; a number and a text of the same characters are alike. The elements of a list have its path.",
    ),
]


class Filter(BaseModel):
    """Criteria that may be absent. A subclass for HTTP adds parameters that are no criteria, such as a page's limit."""

    def criteria(self, filter_type: "type[Filter]") -> dict[str, Any]:
        """The criteria of the filter type that are set, repetitions left out: a cursor is bound to them."""
        values = {name: getattr(self, name) for name in filter_type.model_fields if name in self.model_fields_set}
        criteria = {name: value for name, value in values.items() if value not in (None, [])}
        return {name: list(dict.fromkeys(it)) if isinstance(it, list) else it for name, it in criteria.items()}

    def terms(self) -> list[str]:
        """The terms that something must have, each once."""
        return []


class TimesFilter(Filter):
    """When the first event was, and the last one."""

    created_after: UtcTime | None = None
    created_before: UtcTime | None = None
    updated_after: UtcTime | None = Field(default=None, description="Whose last event is later than this.")
    updated_before: UtcTime | None = None


class ReferenceFilter(Filter):
    """Filters by reference. Repeat one to ask for several at once."""

    ref: list[ReferenceText] = Field(default=[], description="Any reference, written `kind:id`.")
    workflow_id: Ids = Field(default_factory=list)
    node_id: Ids = Field(default_factory=list)
    job_id: list[OutsideId] = Field(default=[], max_length=4, description="A job's id, or its `run`.")
    run: Ids = Field(default_factory=list)
    conversation_id: Ids = Field(default_factory=list)
    message_id: Ids = Field(default_factory=list)
    agent: Ids = Field(default_factory=list)
    tool: Ids = Field(default_factory=list)
    tool_call_id: Ids = Field(default_factory=list)
    response_id: Ids = Field(default_factory=list)
    container_id: Ids = Field(default_factory=list)
    provider_file_id: Ids = Field(default_factory=list)
    provider: Ids = Field(default_factory=list)
    model: Ids = Field(default_factory=list)
    client_id: Ids = Field(default_factory=list)
    campaign_id: Ids = Field(default_factory=list)
    world_id: Ids = Field(default_factory=list)
    claim_id: Ids = Field(default_factory=list)
    entity_id: Ids = Field(default_factory=list)
    source_chunk_id: Ids = Field(default_factory=list)
    source_id: Ids = Field(default_factory=list)

    @model_validator(mode="after")
    def are_not_too_many(self) -> Self:
        if len(self.references()) > MOST_REFERENCES:
            raise ValueError(f"at most {MOST_REFERENCES} references can be asked for at once")
        return self

    def references(self) -> tuple[Reference, ...]:
        """Every reference asked for, but jobs, which have two names each."""
        aliases = [pair for pair in ALIASES if pair[0] in self.model_fields_set - {"job_id"}]
        aliased = (Reference(kind=kind, id=id_) for alias, kind in aliases for id_ in getattr(self, alias))
        return distinct((*self.ref, *aliased))


class AssetFilter(TimesFilter, ReferenceFilter):
    """Which assets: all that is given must hold. Repeat a reference filter to ask for several at once."""

    status: AssetStatus | None = Field(default=None, description="Absent: all but deleted ones.")
    media_kind: MediaKind | None = None
    tag: list[Tag] = Field(default=[], description="Repeat it to ask for several.")
    creator: ActorText | None = Field(default=None, description="Who recorded it, written `type:id`.")
    subject: OutsideId | None = Field(default=None, description="The person whose data it holds.")
    sha256: Sha256 | None = Field(default=None, description="The digest of its content.")
    content_type: Annotated[Text, Field(min_length=1, max_length=255)] | None = Field(
        default=None, description="How its media type begins, in any case.", examples=["image/"]
    )
    name: SearchText | None = Field(default=None, description="Part of the name, at least 2 characters, in any case.")
    prompt: Annotated[Text, AfterValidator(with_words)] | None = Field(
        default=None,
        max_length=2_000,
        description="Words that the prompt has, all of them, in any case and order: of the texts in `prompt_spec`, and "
        "of the prompts that are embedded in the content.",
        examples=["castle lake"],
    )
    seed: Annotated[str, Field(pattern=r"^(0|-?[1-9][0-9]{0,19})$")] | None = Field(
        default=None, description="The seed that `prompt_spec` or the content names.", examples=["271828"]
    )
    prompt_model: Annotated[Text, Field(min_length=1, max_length=512)] | None = Field(
        default=None,
        description="The model that `prompt_spec` or the content names, in any case, with or without its file ending.",
    )
    metadata: Members = []

    def terms(self) -> list[str]:
        terms = word_terms(self.prompt or "") | {metadata_term(member) for member in self.metadata}
        terms |= {seed_term(self.seed)} if self.seed is not None else set()
        return sorted(terms | ({model_term(self.prompt_model)} if self.prompt_model is not None else set()))


class PurgeFilter(AssetFilter):
    """Which assets the command line purges."""

    deleted_before: UtcTime | None = None


class JobFilter(TimesFilter, ReferenceFilter):
    """Which jobs to list: all that is given must hold. Repeat a reference filter to ask for several at once."""

    status: JobStatus | None = None
    media_kind: MediaKind | None = None
    requester: Text | None = Field(default=None, description="Who requested it, written `type:id`.")
    subject: OutsideId | None = None
    error: SearchText | None = Field(
        default=None, description="Part of the error message, at least 2 characters, any case."
    )


class AuditFilter(Filter):
    """Which entries of the audit trail to list: all that is given must hold."""

    actor: ActorText | None = Field(default=None, description="Who acted, written `type:id`.")
    key: UUID | None = Field(
        default=None, description="The key that it was done with, by its id, whoever that says has acted."
    )
    topic: list[Topic] = Field(default=[], description="What happened; repeat it to ask for any of several.")
    asset: UUID | None = Field(default=None, description="The asset it happened to.")
    job: UUID | None = Field(
        default=None,
        description="The job it happened to, or that made the asset it happened to: all events of the job, and of "
        "every asset recorded with the reference `job:ID` or ever linked to it, also before and after that.",
    )
    ref: list[ReferenceText] = Field(
        default=[],
        description="A reference that the event itself names, written `kind:id`; repeat it to ask for several at once.",
    )
    text: SearchText | None = Field(
        default=None,
        description="Part of what people wrote in the event, at least 2 characters, in any case: a reason, a name, "
        "a file name, a description, a tag, a hold, the message of a failure.",
    )
    since: UtcTime | None = Field(default=None, description="From this time on.")
    until: UtcTime | None = Field(default=None, description="Before this time.")
    correlation_id: Text | None = Field(default=None, min_length=1, description="The request id it came with.")


Dimension = Literal[
    "day", "media_kind", "workflow", "node", "job", "run", "provider", "model", "client", "campaign", "creator"
]


class StatisticsFilter(Filter):
    """What to count, and in which groups: all that is given must hold. Repeat a reference filter to require several."""

    group_by: list[Dimension] = Field(
        default=[],
        max_length=2 * MOST_DIMENSIONS,
        description="What to group by; repeat it to group by up to three, and by days besides.",
    )
    first_day: Day | None = Field(default=None, description="From this day on, in UTC.")
    last_day: Day | None = Field(default=None, description="Up to and with this day, in UTC.")
    media_kind: MediaKind | None = None
    workflow_id: Ids = Field(default_factory=list)
    node_id: Ids = Field(default_factory=list)
    job_id: list[OutsideId] = Field(default=[], max_length=4, description="A job's id, or its `run`.")
    run: Ids = Field(default_factory=list)
    provider: Ids = Field(default_factory=list)
    model: Ids = Field(default_factory=list)
    client_id: Ids = Field(default_factory=list)
    campaign_id: Ids = Field(default_factory=list)
    creator: ActorText | None = Field(
        default=None, description="Who recorded the asset or requested the job, written `type:id`."
    )

    @model_validator(mode="after")
    def is_not_too_much(self) -> Self:
        if len(set(self.group_by) - {"day"}) > MOST_DIMENSIONS:
            raise ValueError(f"statistics are grouped by at most {MOST_DIMENSIONS} dimensions, and by days besides")
        lists = (value for name, value in vars(self).items() if name != "group_by" and isinstance(value, list))
        if sum(map(len, lists)) > MOST_REFERENCES:
            raise ValueError(f"at most {MOST_REFERENCES} references can be asked for at once")
        return self

    def dimensions(self) -> tuple[Dimension, ...]:
        """What to group by, each once."""
        return tuple(dict.fromkeys(self.group_by))
