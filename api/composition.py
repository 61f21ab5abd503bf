"""The composition root: everything the ledger runs on is made here, and nowhere else."""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from uuid_utils.compat import uuid7

from api.health import Check, ContentFull, DatabaseFull, HealthProbe
from api.session import Session
from domain.event import Actor, Authenticated, event_types
from infra.clock import DatabaseClock
from infra.connections import PROBE, PROJECTOR, WRITER
from infra.content.choosing import open_store
from infra.content.rules import ContentRules
from infra.content.signing import UrlSigner
from infra.content.store import ContentStore
from infra.database import Database
from infra.event_log.group_commit import MOST_LANES, GroupWriter, Patience
from infra.event_log.heads import KnownHeads
from infra.event_log.log import EventLog
from infra.event_log.mapper import SealingMapper
from infra.event_log.snapshots import SnapshotWriter
from infra.keys.sealed_subjects import SealedSubjects
from infra.keys.store import KeyStore
from infra.server_identity import Lineage
from infra.server_watch import ServerWatch
from infra.servers import Servers, servers
from infra.settings import Settings, SettingsError
from infra.supervision import SupervisedThread
from infra.tenants import Tenants
from projections.catalogue import PROJECTIONS
from projections.engine import Engine
from projections.projection import check_handled
from projections.running import Follower

MOST_CLAIMS = 4
"""Connections on which subjects are claimed for their keys."""


@dataclass(frozen=True)
class Services:
    """What requests and commands are served with."""

    database: Database
    projector: Database
    keys: KeyStore
    log: EventLog
    tenants: Tenants
    engine: Engine
    clock: Callable[[], datetime]
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
            keys=self.keys,
            store=self.store,
            actor=actor,
            correlation_id=correlation_id or str(uuid7()),
            causation_id=causation_id,
            clock=self.clock,
            database_clock=self.database_clock,
            authenticated=authenticated,
        )


def utc_now() -> datetime:
    """The server's clock, to the microsecond."""
    return datetime.now(UTC)


@contextmanager
def services(settings: Settings) -> Iterator[Services]:
    """Everything, for as long as the block runs: databases, log, projections."""
    with servers(settings) as found, connected(settings, found) as made:
        yield made


@contextmanager
def connected(settings: Settings, found: Servers) -> Iterator[Services]:
    """Everything that stands on the given databases.

    MigrationError, KeyFileError, SettingsError if they do not fit; UnhandledEventError if a projection could not go on
    after an event.
    """
    check_handled(PROJECTIONS.values(), event_types())
    found.check(prepared=settings.prepared_statements)
    size, prepare = settings.pool_size, settings.prepared_statements
    with ExitStack() as stack:
        heads = KnownHeads()
        lineage, keys_lineage = Lineage(heads.compare), Lineage()
        connect = partial(Database, prepare=prepare, in_doubt=settings.resend_seconds, lineage=lineage)
        connect_keys = partial(connect, found.keys, lineage=keys_lineage)
        database = stack.enter_context(connect(found.service, size=size, list_seconds=settings.list_seconds))
        projector = stack.enter_context(connect(found.projector, size=size, bounds=PROJECTOR))
        keys = stack.enter_context(connect_keys(size=size))
        subjects = SealedSubjects(stack.enter_context(connect(found.service, size=MOST_CLAIMS)))
        store = KeyStore(keys, settings.kek(), subjects=subjects, lineage=keys_lineage, log_lineage=lineage)
        store.check()
        mapper = SealingMapper(store)
        engine = Engine(projector, mapper, PROJECTIONS.values())
        engine.install()
        writing = stack.enter_context(connect(found.service, size=1 + MOST_LANES, bounds=WRITER))
        clock = DatabaseClock(database, utc_now)
        signer = UrlSigner(_signing_secret(settings), settings.public_url)
        content = _content_store(settings, signer, clock)
        asking, looking_up = (
            stack.enter_context(Database(url, size=1, prepare=prepare, timeout=PROBE.answer, bounds=PROBE))
            for url in (found.projector, found.service)
        )
        conditions = (DatabaseFull((database, writing, projector, keys)), ContentFull(content))
        probe = HealthProbe(Engine(asking, mapper, PROJECTIONS.values()), asking, looking_up, conditions)
        follower = Follower(engine)
        patience = Patience(resend=settings.resend_seconds)
        writer = stack.enter_context(GroupWriter(writing, follower.wake, patience=patience, heads=heads))
        snapshots = stack.enter_context(SnapshotWriter(store))
        log = EventLog(database, writer, mapper, snapshots)
        made = Services(
            database,
            projector,
            store,
            log,
            Tenants(database, log, store),
            engine,
            clock.local,
            clock,
            content,
            signer,
            _rules(settings),
            writer,
            stack.enter_context(probe),
            snapshots,
            checks=[clock],
        )
        watching = [
            ServerWatch("log-server", stack.enter_context(connect(found.service, size=1)), lineage),
            ServerWatch(
                "key-server",
                stack.enter_context(connect_keys(size=1)),
                keys_lineage,
                store.write_again,
            ),
        ]
        for watch in watching:
            stack.enter_context(watch)
        made.watches.extend(watch.thread for watch in watching)
        made.checks.extend([*watching, heads, store])
        if settings.follow:
            stack.enter_context(follower)
            made.watches.append(follower.thread)
        yield made


def _signing_secret(settings: Settings) -> bytes:
    """Signs URLs of the directory store: one secret for all processes, from the key they share."""
    return hmac.new(settings.kek(), b"asset-ledger content urls", hashlib.sha256).digest()


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
