"""Whatever groups are appended, and sent again: the log holds what a model in plain Python says, and tells the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from api.composition import Services
from infra.event_log.append_call import Append, Outcome, send
from infra.event_log.mapper import EntryToAppend
from tests.conftest import empty_log
from tests.infra.grouping import entry

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Draft(NamedTuple):
    """An append as it is drawn: everything by number."""

    tenant: int
    policy_revision: int | None
    events: list[tuple[int, int, int]]
    """Originator, revision, seconds."""


class Policy(NamedTuple):
    """A policy that is set between two groups."""

    tenant: int
    revision: int


events = st.tuples(st.integers(0, 2), st.integers(1, 3), st.integers(-30, 0))
appends = st.builds(Draft, st.integers(0, 2), st.sampled_from([None, None, 0, 1]), st.lists(events, max_size=4))
groups = st.lists(appends, min_size=1, max_size=8)
steps = st.lists(st.tuples(groups, st.booleans()) | st.builds(Policy, st.integers(0, 2), st.just(1)), max_size=6)

Answer = list[tuple[int, datetime]] | str
"""The places, or the kind of the refusal."""


@dataclass
class Log:
    """One tenant's log in plain Python."""

    entries: list[tuple[UUID, int, bytes, datetime]] = field(default_factory=list)
    policy: int = 0

    def place(self, originator: UUID, revision: int) -> int | None:
        """The position of a revision, if it is taken."""
        positions = [n for n, (o, r, *_) in enumerate(self.entries, 1) if (o, r) == (originator, revision)]
        return positions[0] if positions else None

    def append(self, append: Append, named: set[tuple[UUID, int]], *, again: bool) -> Answer:
        """Append one append of a group in which these revisions were named before."""
        places = [self.place(*_key(entry)) for entry in append.entries]
        if again and all(p and self.entries[p - 1][2] == e.state for p, e in zip(places, append.entries, strict=True)):
            return [(p, self.entries[p - 1][3]) for p in places if p]
        keys = [_key(entry) for entry in append.entries]
        if any(places) or len(set(keys)) < len(keys) or named.intersection(keys):
            return "IntegrityError"
        if append.entries and append.policy_revision not in (None, self.policy):
            return "PolicyChangedError"
        answer = []
        for new in append.entries:
            assert isinstance(new, EntryToAppend)
            effective = max([new.recorded_at, *(at for *_, at in self.entries[-1:])])
            self.entries.append((*_key(new), new.state, effective))
            answer.append((len(self.entries), effective))
        return answer


def _key(entry: object) -> tuple[UUID, int]:
    assert isinstance(entry, EntryToAppend)
    assert isinstance(entry.originator_id, UUID)
    return entry.originator_id, entry.originator_version


def append_group(logs: dict[UUID, Log], group: Sequence[Append], *, again: bool) -> list[Answer]:
    """What the model tells of a group: of two appends that name the same revision, the second is refused."""
    named: dict[UUID, set[tuple[UUID, int]]] = {tenant: set() for tenant in logs}
    outcomes = []
    for append in group:
        outcomes.append(logs[append.tenant_id].append(append, named[append.tenant_id], again=again))
        named[append.tenant_id] |= {_key(entry) for entry in append.entries}
    return outcomes


def as_answer(outcome: Outcome) -> Answer:
    """What `send` told, as the model tells it."""
    if isinstance(outcome, Exception):
        return type(outcome).__name__
    return [(place.position, place.effective_at) for place in outcome]


def test_any_groups_get_the_places_times_and_refusals_that_the_model_tells(quiet: Services) -> None:
    @settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
    @given(steps)
    def check(steps: list[tuple[list[Draft], bool] | Policy]) -> None:
        tenants = [empty_log(quiet) for _ in range(3)]
        originators = [uuid7() for _ in range(3)]
        logs = {tenant: Log() for tenant in tenants}
        for step in steps:
            if isinstance(step, Policy):
                set_policy(quiet, tenants[step.tenant], step.revision)
                logs[tenants[step.tenant]].policy = step.revision
                continue
            group = [append_of(draft, tenants, originators) for draft in step[0]]
            for again in [False] + [True] * step[1]:
                with quiet.database.connection() as connection:
                    outcomes = [as_answer(outcome) for outcome in send(connection, group, again=again)]
                assert outcomes == append_group(logs, group, again=again)
        for tenant, log in logs.items():
            entries = quiet.log.of(tenant).recorder.select_notifications(1, 1_000)
            assert [e.id for e in entries] == list(range(1, len(log.entries) + 1))
            assert [(e.originator_id, e.originator_version, e.state, e.effective_at) for e in entries] == log.entries

    check()


def append_of(draft: Draft, tenants: Sequence[UUID], originators: Sequence[UUID]) -> Append:
    """The append that was drawn, with bytes nobody else has."""
    tenant = tenants[draft.tenant]
    entries = [
        entry(tenant, originators[number], revision, at=NOW + timedelta(seconds=seconds))
        for number, revision, seconds in draft.events
    ]
    return Append(tenant, entries, draft.policy_revision)


def set_policy(services: Services, tenant: UUID, revision: int) -> None:
    """Set the tenant's policy, of which only the revision matters here."""
    with services.database.transaction(tenant) as connection:
        connection.execute(
            "INSERT INTO ledger.policies VALUES (%s, '{}', %s)"
            " ON CONFLICT (tenant_id) DO UPDATE SET revision = excluded.revision",
            (tenant, revision),
        )
