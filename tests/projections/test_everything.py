"""Whatever is done to assets, jobs, links and policies: the log, the queue and the read models agree."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from psycopg import sql
from uuid_utils.compat import uuid7

from api.application.asset_creation import AssetCreation
from api.application.assets import Assets
from api.application.jobs import Decision, Jobs
from api.application.policies import Policies
from api.composition import Services
from api.workers.worker import own_session
from domain.asset.asset import Asset
from domain.asset.events import Content
from domain.asset.inputs import NewAsset, NewContent, NewDescription
from domain.errors import LedgerError
from domain.event import Context, Recorded
from domain.job.inputs import Completion, Failure, NewJob
from domain.large_documents import kept_for
from domain.reference import Reference
from domain.tenant.inputs import NewPolicy, NewReference
from infra.event_log import replay
from infra.event_log.fold import Fold
from infra.tenants import TENANT
from projections import states as states_of
from projections.catalogue import PROJECTIONS
from projections.engine.rebuild import rebuild
from projections.engine.slices import EVENTS_PER_SLICE
from projections.jobs.fold import JOBS, JobRow
from projections.queries.filters import JobFilter
from projections.states import ASSET
from projections.statistics.fold import STATISTICS
from projections.statistics.rows import StatisticsRow
from tests.conftest import new_tenant
from tests.domain import strategies as some
from tests.http.job_requests import LONG_AGO, queue
from tests.projections.recount import measured, recount
from tests.projections.tables import all_contents, catch_up, fold_all

LEGAL = {
    None: {"job.requested"},
    "queued": {"job.started", "job.cancelled"},
    "running": {"job.succeeded", "job.failed", "job.cancelled", "job.requeued"},
    "succeeded": set(),
    "failed": {"job.requeued"},
    "cancelled": {"job.requeued"},
}
Place = tuple[int, UUID]
"""The number of a tenant, and an asset or a job of it."""

large = st.builds(lambda: {"text": "x" * 50_000})
"""A document that does not fit into an event."""
tenants = st.sampled_from([0, 0, 1])
rarely = st.sampled_from([False, False, False, True])
references = st.lists(some.references, min_size=1, max_size=3).map(tuple)
keys = st.none() | st.sampled_from("ab")
new_jobs = st.builds(
    NewJob,
    media_kind=st.sampled_from(["image", "file"]),
    prompt_spec=st.none() | some.documents,
    snapshot=st.none() | some.documents | large,
    references=st.lists(some.references, max_size=3).map(tuple),
    subject=st.none() | st.sampled_from(["u_ann", "u_ben"]),
    priority=st.integers(-1, 1),
)
new_assets = some.new_assets | st.builds(
    lambda new, document, members: new.model_copy(update=dict.fromkeys(members, document)),
    some.new_assets,
    large,
    st.sampled_from([["metadata"], ["prompt_spec"], ["metadata", "prompt_spec"]]),
)
new_descriptions = some.new_descriptions | st.builds(NewDescription, metadata=large)
new_policies = st.builds(
    NewPolicy,
    closed_kinds=st.sampled_from([(), ("claim",), ("client",)]),
    allowed_tags=st.sampled_from([{}, {"image": ("a",)}]),
)


FAILURE_FIELDS = {"attempt": 1, "code": "x", "message": "full", "cost": {"amount": "0.1", "currency": "EUR"}}
FAILURE = Failure.model_validate(FAILURE_FIELDS)
COMMANDS: dict[str, Callable[[int], Decision]] = {
    "start": lambda attempt: lambda job, context: job.start(context, attempt),
    "fail": lambda attempt: lambda job, context: job.fail(context, FAILURE.model_copy(update={"attempt": attempt})),
    "cancel": lambda attempt: lambda job, context: job.cancel(context, attempt),
    "requeue": lambda attempt: lambda job, context: job.requeue(context, attempt),
}
IMAGE, JOB = {"media": {"media_kind": "image"}}, NewJob(media_kind="image")


def sources(place: Place | None) -> tuple[UUID, ...]:
    """What is made from an asset, whosever it is, or from none."""
    return (place[1],) if place else ()


class Everything(RuleBasedStateMachine):
    """Random commands on a few assets and jobs of two tenants, folded in batches of random size."""

    services: Services
    assets = Bundle("assets")
    jobs = Bundle("jobs")

    @initialize(target=jobs)
    def open(self) -> Place:
        self.sessions = [own_session(self.services, new_tenant(self.services)) for _ in range(2)]
        self.requests: dict[Place, NewJob] = {}
        self.claimed: set[tuple[int, int]] = set()
        first = 0, self.of(0).request(JOB, None)[0].job_id
        self.requests[first] = JOB
        return first

    @rule(
        target=assets,
        tenant=tenants,
        new=new_assets | st.just(NewAsset.model_validate(IMAGE)),
        source=st.none() | assets,
    )
    def create(self, tenant: int, new: NewAsset, source: Place | None) -> Place:
        with suppress(LedgerError):
            new = new.model_copy(update={"sources": sources(source)})
            return tenant, AssetCreation(self.sessions[tenant]).create(new)[0].asset_id
        return tenant, UUID(int=0)

    @rule(asset=assets, new=new_descriptions, added=references, removed=references, deleted=st.booleans())
    def edit(
        self,
        asset: Place,
        new: NewDescription,
        added: tuple[Reference, ...],
        removed: tuple[Reference, ...],
        deleted: bool,
    ) -> None:
        self.change(asset, lambda state, context: state.link(context, added))
        self.change(asset, lambda state, context: state.unlink(context, removed))
        self.change(asset, lambda state, context: state.describe(context, new))
        self.change(asset, Asset.soft_delete if deleted else Asset.restore)

    @rule(asset=assets, numbers=st.lists(st.integers(1, 3), max_size=2), problem=st.none() | st.just("cut short"))
    def fill(self, asset: Place, numbers: list[int], problem: str | None) -> None:
        content = Content(content_type="Image/PNG", size=3, sha256="a" * 64)
        new = NewContent(content_id=uuid7(), content=content, media=NewAsset.model_validate(IMAGE).media)
        inspected = new.model_copy(update={"problem": problem, "embedded": {"steps": 30}})
        self.change(asset, lambda state, context: state.store_content(context, inspected))
        self.change(asset, lambda state, context: state.purge_content(context, numbers))

    @rule(target=jobs, tenant=tenants, new=new_jobs, key=keys, source=st.none() | assets)
    def request(self, tenant: int, new: NewJob, key: str | None, source: Place | None) -> Place:
        new = new.model_copy(update={"sources": sources(source)})
        with suppress(LedgerError):
            place = tenant, self.of(tenant).request(new, key)[0].job_id
            self.requests[place] = new
            return place
        return tenant, UUID(int=0)

    @rule(job=jobs, steps=st.lists(st.sampled_from([*COMMANDS, "start", "claim", "lose", "ask"]), max_size=6), key=keys)
    def work(self, job: Place, steps: list[str], key: str | None) -> None:
        for step in steps:
            with suppress(LedgerError):
                attempt = self.of(job[0]).job(job[1]).attempt
                match step:
                    case "claim":
                        self.claim(job[0])
                    case "lose":
                        self.lose(job)
                    case "ask":
                        assert self.of(job[0]).request(self.requests[job], key)[1] is False
                    case _:
                        self.of(job[0]).change(job[1], COMMANDS[step](attempt), "because")

    @rule(job=jobs, command=st.sampled_from([*COMMANDS]), attempt=st.integers(1, 3))
    def try_attempt(self, job: Place, command: str, attempt: int) -> None:
        with suppress(LedgerError):
            self.of(job[0]).change(job[1], COMMANDS[command](attempt), None)

    @rule(job=jobs, new=st.lists(new_assets, max_size=2), old=assets | st.none(), late=st.booleans())
    def succeed(self, job: Place, new: list[NewAsset], old: Place | None, late: bool) -> None:
        with suppress(LedgerError):
            row = self.of(job[0]).job(job[1])
            media = {"media_kind": row.media_kind}
            results = [NewAsset.model_validate({**dict(asset), "media": media, "scope": None}) for asset in new]
            completion = Completion(attempt=row.attempt, assets=tuple(results), asset_ids=(old[1],) if old else ())
            if row.status == "queued":
                self.claim(job[0])
            self.of(job[0]).succeed(job[1], completion)
            if late:
                self.of(job[0]).succeed(job[1], completion.model_copy(update={"attempt": row.attempt + 1}))

    def claim(self, tenant: int) -> None:
        """Take what waits."""
        for row in self.of(tenant).claim(None, None, 2, 3600):
            assert row.status == "running"
            self.claimed.add((tenant, row.position))

    def lose(self, job: Place) -> None:
        """Let the job's lease run out, and take it back."""
        session = self.sessions[job[0]]
        with session.database.transaction(session.tenant_id) as connection:
            connection.execute(LONG_AGO + " AND lease_until IS NOT NULL", (job[1],))
        self.of(job[0]).take_back_lost()

    @rule(tenant=tenants, new=new_policies)
    def set_policy(self, tenant: int, new: NewPolicy) -> None:
        Policies(self.sessions[tenant]).set_policy(new)

    @rule(tenant=tenants, kind=st.sampled_from(["claim", "client"]), id_=st.sampled_from("abc"))
    def declare(self, tenant: int, kind: str, id_: str) -> None:
        Policies(self.sessions[tenant]).declare([NewReference(kind=kind, id=id_)])

    @rule(limit=st.sampled_from([1, 3, 500]))
    def follow(self, limit: int) -> None:
        self.services.engine.progress.enrol()
        for projection in PROJECTIONS.values():
            self.services.engine.step(projection, limit)

    @rule()
    def follow_together(self) -> None:
        self.services.engine.progress.enrol()
        self.services.engine.follow(list(PROJECTIONS.values()))

    @invariant()
    def log_and_queue_agree(self) -> None:
        for tenant in range(len(getattr(self, "sessions", []))):
            history = self.history(tenant)
            assert [recorded.position for recorded in history] == list(range(1, len(history) + 1))
            self.check_queue(tenant, history)

    def check_queue(self, tenant: int, history: list[Recorded]) -> None:
        """Every job changes as it may; those that wait and those under a lease are in the queue, and no others."""
        rows: dict[Any, JobRow] = {}
        expected: dict[str, tuple[int, bool]] = {}
        for recorded in history:
            for key, row in JOBS.fold(rows, recorded).items():
                assert row is not None
                assert recorded.event.TOPIC in LEGAL[rows[key].status if key in rows else None]
                rows[key] = row
                expected.pop(str(row.job_id), None)
                leased = (tenant, recorded.position) in self.claimed
                if row.status == "queued" or leased:
                    expected[str(row.job_id)] = (row.attempt, leased)
        assert queue(self.services, self.sessions[tenant].tenant_id) == expected

    def check_documents(self, tenant: int) -> None:
        """The store has what the log refers to, and nothing else."""
        session = self.sessions[tenant]
        referred = [str(id_) for recorded in self.history(tenant) for id_ in kept_for(recorded.event)]
        kept = [key.rsplit("/", 1)[1] for key, _ in session.store.objects(f"{session.tenant_id}/")]
        assert sorted(kept) == sorted(referred)
        assert {str(id_) for entry in session.log.with_documents(7) for id_ in kept_for(entry.event)} == set(referred)

    def check_states(self, tenant: int) -> None:
        """At every revision, what is kept and what came after it make what all the events make."""
        log = self.sessions[tenant].log
        states: dict[tuple[UUID, Fold[Any, Any]], Any] = {}
        for recorded in self.history(tenant):
            fold: Any = {"asset": ASSET, "job": states_of.JOB, "tenant": TENANT}.get(recorded.event.TOPIC.split(".")[0])
            if fold is not None:
                place = recorded.event.originator_id, fold
                state = states[place] = fold.step(states.get(place), recorded)
                assert fold.read(fold.dump(state)) == state
                assert log.state(*place, revision=recorded.event.originator_version) == state
        for place, state in states.items():
            log.keep_snapshots(*place)
            assert log.state(*place) == state

    def history(self, tenant: int) -> list[Recorded]:
        """The tenant's whole log."""
        log = self.sessions[tenant].log
        entries = log.recorder.select_notifications(1, 10_000)
        return [Recorded(log.mapper.to_domain_event(entry), entry.id, entry.effective_at) for entry in entries]

    def statistics(self, tenant: int) -> list[StatisticsRow]:
        """What is kept of the tenant's statistics."""
        query = sql.SQL("SELECT * FROM {} WHERE tenant_id = %s").format(
            sql.Identifier("read_models", STATISTICS.table.name)
        )
        with self.services.projector.connection() as connection:
            rows = connection.execute(query, [self.sessions[tenant].tenant_id]).fetchall()
        return [StatisticsRow(*row) for row in rows]

    def of(self, tenant: int) -> Jobs:
        """The jobs of a tenant."""
        return Jobs(self.sessions[tenant])

    def change(self, asset: Place, decide: Callable[[Asset, Context], Any]) -> None:
        with suppress(LedgerError):
            Assets(self.sessions[asset[0]]).change(asset[1], decide, None, None)

    def teardown(self) -> None:
        catch_up(self.services)
        for tenant, session in enumerate(getattr(self, "sessions", [])):
            listed = {row.job_id: row for row in self.of(tenant).find(JobFilter(), 200, None).items}
            folded = fold_all(JOBS, self.history(tenant))
            assert listed == {job_id: row for (_, job_id), row in folded.items()}
            assert all(row.tenant_id == session.tenant_id for row in listed.values())
            assert measured(self.statistics(tenant)) == recount(self.history(tenant))
            self.check_documents(tenant)
            self.check_states(tenant)
        live = all_contents(self.services)
        for events_per_slice in (4, EVENTS_PER_SLICE):
            self.services.engine.slices.events_per_slice = events_per_slice
            for projection in PROJECTIONS.values():
                rebuild(self.services.engine, projection)
            assert all_contents(self.services) == live
        assert not self.services.engine.progress.failures()


def test_whatever_is_done_log_queue_and_read_models_agree_and_rebuild_to_the_byte(quiet: Services) -> None:
    class OnThisLedger(Everything):
        services = quiet

    profile = settings(max_examples=6, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(replay, "EVERY", 2)  # else no history is long enough for a snapshot
        run_state_machine_as_test(OnThisLedger, settings=profile)
