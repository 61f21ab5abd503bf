"""Tenants and the keys that open the API for them: events in the log, and a control table to look keys up in."""

import base64
import binascii
import hashlib
import re
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import psycopg
from cachetools import TTLCache
from uuid_utils.compat import uuid7

from domain.errors import OutcomeUnknownError, TenantExistsError, TenantNotFoundError
from domain.event import Actor, Authenticated, Context, Recorded
from domain.identity import uuid_or_none
from domain.tenant import tenant as aggregate
from domain.tenant.events import TenantEvent
from domain.tenant.tenant import Tenant
from infra.database import Database
from infra.event_log.fold import Fold
from infra.event_log.log import EventLog
from infra.keys.store import KeyStore
from infra.sql import load_statements

_SQL = load_statements(__file__, "tenants.sql")
_PREFIX = "alk_"
_SECRET_BYTES = 32
_TOKEN_BYTES = 16 + 16 + _SECRET_BYTES
KEY_SECONDS = 1.0
"""How long a key that was found good is taken for good: another process's revocation holds from then on."""
KEYS_KNOWN = 4_096
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def _step(tenant: Tenant | None, recorded: Recorded) -> Tenant | None:
    return aggregate.project(tenant, [cast("TenantEvent", recorded.event)])


TENANT: Fold[Tenant, Tenant] = Fold("tenant", 1, Tenant, _step, lambda _: None)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a key speaks for: its tenant, the key itself and its holder."""

    tenant_id: UUID
    authenticated: Authenticated


class Tenants:
    """Opens tenants, issues and revokes their keys, and looks up the holder of a key."""

    def __init__(self, database: Database, log: EventLog, keys: KeyStore) -> None:
        self._database = database
        self._log = log
        self._keys = keys
        self._callers: TTLCache[str, Caller] = TTLCache(KEYS_KNOWN, KEY_SECONDS)
        self._one_at_a_time = threading.Lock()

    def create(self, context: Context, name: str) -> UUID:
        """Open a tenant and its log; returns its id. TenantExistsError if the name is taken."""
        tenant_id = uuid7()
        self._keys.make_secret(tenant_id)

        def work() -> None:
            with self._database.connection() as connection:
                connection.execute(_SQL["open_log"], {"tenant_id": tenant_id, "name": name, "at": context.recorded_at})
            self._log.of(tenant_id).record(aggregate.create(context, tenant_id, name))

        try:
            self._database.in_transaction(tenant_id, work, repeatable=True)
        except psycopg.errors.UniqueViolation:
            if self._id_if_exists(tenant_id) is None:  # else it is ours, by an attempt whose answer was lost
                raise TenantExistsError(f"A tenant named {name!r} exists already.") from None
        return tenant_id

    def _id_if_exists(self, tenant_id: UUID) -> UUID | None:
        with self._database.reading(tenant_id) as connection:
            row = connection.execute(_SQL["id_if_exists"], {"tenant_id": tenant_id}).fetchone()
        return UUID(str(row[0])) if row else None

    def find(self, name_or_id: str) -> UUID:
        """The id of a tenant by its name or its id. TenantNotFoundError if there is none."""
        tenant_id = uuid_or_none(name_or_id)
        found_id = self._id_of_name(name_or_id) if tenant_id is None else self._id_if_exists(tenant_id)
        if found_id is None:
            raise TenantNotFoundError(f"There is no tenant {name_or_id!r}.")
        return found_id

    def _id_of_name(self, name: str) -> UUID | None:
        with self._database.reading() as connection:
            row = connection.execute(_SQL["id_of_name"], {"name": name}).fetchone()
        return UUID(str(row[0])) if row and row[0] else None

    def issue_key(self, context: Context, tenant_id: UUID, holder: Actor) -> str:
        """Give the holder a key; returns the token, which is not kept and cannot be shown again.

        ReservedActorError if the holder would be the ledger itself.
        OutcomeUnknownError names the key that may have been issued, so that it can be revoked.
        """
        key_id, secret = uuid7(), secrets.token_bytes(_SECRET_BYTES)
        token = _PREFIX + base64.urlsafe_b64encode(tenant_id.bytes + key_id.bytes + secret).decode().rstrip("=")
        row = {
            "tenant_id": tenant_id,
            "key_id": key_id,
            "secret_hash": _hash(secret),
            "holder_id": holder.id,
            "holder_type": holder.type,
            "issued_at": context.recorded_at,
        }

        def work() -> None:
            log = self._log.of(tenant_id)
            log.change(tenant_id, TENANT, lambda tenant: tenant.issue_key(context, key_id, holder))
            with self._database.connection() as connection:
                connection.execute(_SQL["add_key"], row)

        try:
            self._database.in_transaction(tenant_id, work)
        except OutcomeUnknownError as error:
            raise OutcomeUnknownError(
                f"The connection was lost: nobody knows whether the key {key_id} was issued, and it is not shown. "
                f"Revoke it (`asset-ledger key revoke {tenant_id} {key_id}`), and issue another."
            ) from error
        return token

    def revoke_key(self, context: Context, tenant_id: UUID, key_id: UUID) -> None:
        """Let a key open nothing any more. KeyNotFoundError if the tenant has no such key."""

        def work() -> None:
            log = self._log.of(tenant_id)
            log.change(tenant_id, TENANT, lambda tenant: tenant.revoke_key(context, key_id))
            with self._database.connection() as connection:
                connection.execute(
                    _SQL["revoke_key"], {"tenant_id": tenant_id, "key_id": key_id, "at": context.recorded_at}
                )

        try:
            self._database.in_transaction(tenant_id, work, repeatable=True)
        finally:
            with self._one_at_a_time:
                self._callers.clear()

    def known_caller(self, token: str) -> Caller | None:
        """Who the token spoke for when it was last looked up, at most a second ago; None if it was not."""
        with self._one_at_a_time:
            return self._callers.get(token)

    def caller(self, token: str) -> Caller | None:
        """Who the token speaks for; None if it is malformed, unknown or revoked."""
        caller = look_up(self._database, token)
        if caller is not None:
            with self._one_at_a_time:
                self._callers[token] = caller
        return caller

    def list_keys(self, tenant_id: UUID) -> list[tuple[Any, ...]]:
        """Each key of a tenant: id, holder's type and id, when issued, when revoked."""
        with self._database.reading(tenant_id) as connection:
            return connection.execute(_SQL["keys"], {"tenant_id": tenant_id}).fetchall()


def look_up(database: Database, token: str) -> Caller | None:
    """Who the token speaks for; None if it is malformed, unknown or revoked."""
    parts = _parse(token)
    if parts is None:
        return None
    tenant_id, key_id, secret = parts
    parameters = {"tenant_id": tenant_id, "key_id": key_id, "secret_hash": _hash(secret)}
    with database.reading(tenant_id) as connection:
        row = connection.execute(_SQL["holder"], parameters).fetchone()
    if row is None:
        return None
    return Caller(tenant_id, Authenticated(key=key_id, holder=Actor(id=row[0], type=row[1])))


def key_id_of(token: str) -> UUID:
    """The id of the key that `issue_key` gave."""
    return UUID(bytes=base64.urlsafe_b64decode(token.removeprefix(_PREFIX) + "==")[16:32])


def list_tenants(projector: Database) -> list[tuple[str, UUID, int, datetime]]:
    """Every tenant: name, id, head, when created. Needs the role that sees every tenant."""
    with projector.connection() as connection:
        return [(r[0], r[1], r[2], r[3]) for r in connection.execute(_SQL["tenants"]).fetchall()]


def _hash(secret: bytes) -> bytes:
    """256 random bits need no slow hash; the digest only keeps the secret out of the table."""
    return hashlib.sha256(secret).digest()


def _parse(token: str) -> tuple[UUID, UUID, bytes] | None:
    try:
        raw = base64.b64decode(token.removeprefix(_PREFIX) + "==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != _TOKEN_BYTES or not token.startswith(_PREFIX):
        return None
    return UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), raw[32:]
