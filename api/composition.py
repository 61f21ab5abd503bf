"""The composition root: everything the ledger runs on is made here, and nowhere else."""

import hmac
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from uuid_utils.compat import uuid7

from api.application.health import Check, ContentFull, DatabaseFull, HealthProbe
from api.application.session import Session
from domain.event import Actor, Authenticated, event_types
from infra.api_keys import ApiKeys
from infra.clock import DatabaseClock
from infra.connections import PROBE, PROJECTOR, WRITER
from infra.content.content_rules import ContentRules
from infra.content.factory import open_store
from infra.content.signed_urls import UrlSigner
from infra.content.store import ContentStore
from infra.database import Database
from infra.databases import Databases, open_databases
from infra.encryption_keys.sealed_subjects import SealedSubjects
from infra.encryption_keys.store import KeyStore
from infra.event_log.group_commit import GroupWriter
from infra.event_log.heads import KnownHeads
from infra.event_log.lanes import MOST_LANES
from infra.event_log.log import EventLog
from infra.event_log.mapper import SealingMapper
from infra.event_log.pending_append import Patience
from infra.event_log.snapshots import SnapshotWriter
from infra.server_identity import Lineage
from infra.server_watch import ServerWatch
from infra.settings import Settings, SettingsError
from infra.supervision import SupervisedThread
from infra.tenants import Tenants
from projections.catalogue import PROJECTIONS
from projections.engine.engine import Engine
from projections.engine.follower import Follower
from projections.projection import check_handled

MOST_CLAIMS = 4
"""Connections on which subjects are claimed for their keys."""


@dataclass(frozen=True)
class Services:
    """What requests and commands are served with."""

    database: Database
    projector: Database
    encryption_keys: KeyStore
    log: EventLog
    tenants: Tenants
    api_keys: ApiKeys
    engine: Engine
    database_clock: DatabaseClock
    store: ContentStore
    signer: UrlSigner
    rules: ContentRules
    writer: GroupWriter
    probe: HealthProbe
    snapshots: SnapshotWriter
    watches: list[SupervisedThread] = field(default_factory=list)
    """Threads that look after something in this process."""
    checks: list[Check] = field(default_factory=list)
    """Conditions that turn `/health` and `/health/ready` red: this process must not be trusted."""

    @property
    def threads(self) -> list[SupervisedThread]:
        """Every thread of this process that works in the background."""
        return [*self.watches, *self.writer.threads, *self.snapshots.threads, self.probe.thread]

    def session(
        self,
        tenant_id: UUID,
        actor: Actor,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        authenticated: Authenticated | None = None,
    ) -> Session:
        """A session with a tenant in which somebody acts, on a request of its own if none is named."""
        return Session(
            log=self.log.of(tenant_id),
            database=self.database,
            keys=self.encryption_keys,
            store=self.store,
            actor=actor,
            correlation_id=correlation_id or str(uuid7()),
            causation_id=causation_id,
            clock=self.database_clock.local,
            database_clock=self.database_clock,
            authenticated=authenticated,
        )


class _Pools:
    """The connections by purpose, open until the stack is closed, and what this process has seen of the servers."""

    def __init__(self, settings: Settings, databases: Databases, stack: ExitStack, heads: KnownHeads) -> None:
        size, prepare, open_ = settings.pool_size, settings.prepared_statements, stack.enter_context
        self._log_lineage, self._key_lineage = Lineage(heads.compare), Lineage()
        connect = partial(Database, prepare=prepare, in_doubt=settings.resend_seconds, lineage=self._log_lineage)
        connect_keys = partial(connect, databases.keys, lineage=self._key_lineage)
        probe = partial(Database, size=1, prepare=prepare, timeout=PROBE.answer, bounds=PROBE)
        self.service = open_(connect(databases.service, size=size, list_seconds=settings.list_seconds))
        self.projector = open_(connect(databases.projector, size=size, bounds=PROJECTOR))
        self.writer = open_(connect(databases.service, size=1 + MOST_LANES, bounds=WRITER))
        self._claims = open_(connect(databases.service, size=MOST_CLAIMS))
        self._keys = open_(connect_keys(size=size))
        self._probes = open_(probe(databases.projector)), open_(probe(databases.service))
        self._watched = open_(connect(databases.service, size=1)), open_(connect_keys(size=1))

    def key_store(self, settings: Settings) -> KeyStore:
        subjects, lineage, log_lineage = SealedSubjects(self._claims), self._key_lineage, self._log_lineage
        return KeyStore(self._keys, settings.kek(), subjects=subjects, lineage=lineage, log_lineage=log_lineage)

    def health_probe(self, mapper: SealingMapper, store: ContentStore) -> HealthProbe:
        """Asks how the databases and the store are, over connections of its own."""
        full = (DatabaseFull((self.service, self.writer, self.projector, self._keys)), ContentFull(store))
        projector, service = self._probes
        return HealthProbe(Engine(projector, mapper, PROJECTIONS.values()), projector, service, full)

    def server_watches(self, keys: KeyStore) -> tuple[ServerWatch, ServerWatch]:
        """Notice when another server answers in the place of the log's, or of the keys'."""
        log_server, key_server = self._watched
        return (
            ServerWatch("log-server", log_server, self._log_lineage),
            ServerWatch("key-server", key_server, self._key_lineage, keys.write_again),
        )


def utc_now() -> datetime:
    """The server's clock, to the microsecond."""
    return datetime.now(UTC)


@contextmanager
def open_services(settings: Settings) -> Iterator[Services]:
    """Everything, for as long as the block runs: databases, log, projections."""
    with open_databases(settings) as databases, connected(settings, databases) as services:
        yield services


@contextmanager
def connected(settings: Settings, databases: Databases) -> Iterator[Services]:
    """Everything that stands on the given databases.

    MigrationError, KeyFileError, SettingsError if they do not fit; UnhandledEventError if a projection could not go on
    after an event.
    """
    check_handled(PROJECTIONS.values(), event_types())
    databases.check(prepared=settings.prepared_statements)
    with ExitStack() as stack:
        heads = KnownHeads()
        pools = _Pools(settings, databases, stack, heads)
        keys = pools.key_store(settings)
        keys.check()
        mapper = SealingMapper(keys)
        engine = Engine(pools.projector, mapper, PROJECTIONS.values())
        engine.tables.install()
        follower, patience = Follower(engine), Patience(resend=settings.resend_seconds)
        writer = stack.enter_context(GroupWriter(pools.writer, follower.wake, patience=patience, heads=heads))
        services = _services(settings, pools, keys, mapper, engine, writer, stack)
        servers = [stack.enter_context(watch) for watch in pools.server_watches(keys)]
        services.watches.extend(watch.thread for watch in servers)
        services.checks.extend([*servers, heads, keys])
        if settings.follow:
            stack.enter_context(follower)
            services.watches.append(follower.thread)
        yield services


def _services(
    settings: Settings,
    pools: _Pools,
    keys: KeyStore,
    mapper: SealingMapper,
    engine: Engine,
    writer: GroupWriter,
    stack: ExitStack,
) -> Services:
    clock = DatabaseClock(pools.service, utc_now)
    # One secret for all processes, from the key that they share.
    signing_secret = hmac.digest(settings.kek(), b"asset-ledger content urls", "sha256")
    signer = UrlSigner(signing_secret, settings.public_url)
    store = _content_store(settings, signer, clock)
    snapshots = stack.enter_context(SnapshotWriter(keys))
    log = EventLog(pools.service, writer, mapper, snapshots)
    return Services(
        database=pools.service,
        projector=pools.projector,
        encryption_keys=keys,
        log=log,
        tenants=Tenants(pools.service, log, keys),
        api_keys=ApiKeys(pools.service, log),
        engine=engine,
        database_clock=clock,
        store=store,
        signer=signer,
        rules=_rules(settings),
        writer=writer,
        probe=stack.enter_context(pools.health_probe(mapper, store)),
        snapshots=snapshots,
        checks=[clock],
    )


def _content_store(settings: Settings, signer: UrlSigner, clock: DatabaseClock) -> ContentStore:
    secret = settings.s3_secret_key
    try:
        return open_store(
            settings.content_url,
            signer=signer,
            clock=clock.now,
            endpoint=settings.s3_endpoint,
            region=settings.s3_region,
            access_key=settings.s3_access_key,
            secret_key=secret.get_secret_value() if secret else None,
            tls=settings.s3_tls,
            path_style=settings.s3_path_style,
        )
    except ValueError as error:
        raise SettingsError(f"ASSET_LEDGER_CONTENT_STORE does not fit: {error}") from None


def _rules(settings: Settings) -> ContentRules:
    return ContentRules(
        most=settings.content_most,
        types=tuple(kind.lower() for kind in settings.content_types),
        url_time=timedelta(seconds=settings.url_seconds),
        upload_time=timedelta(seconds=settings.upload_seconds),
        idle_time=timedelta(seconds=settings.idle_seconds),
        networks=settings.fetched_networks,
    )
