"""API keys: events in the log, and a control table in which the caller of a key is looked up."""

import base64
import binascii
import hashlib
import secrets
import threading
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cachetools import TTLCache
from uuid_utils.compat import uuid7

from domain.errors import OutcomeUnknownError
from domain.event import Actor, Authenticated, Context
from infra.database import Database
from infra.event_log.log import EventLog
from infra.sql import load_statements
from infra.tenants import TENANT

_SQL = load_statements(__file__, "api_keys.sql")
_PREFIX = "alk_"
_SECRET_BYTES = 32
_TOKEN_BYTES = 16 + 16 + _SECRET_BYTES
KEY_SECONDS = 1.0
"""Seconds for which a key that was looked up counts as good: a revocation by another process holds from then on."""
KEYS_KNOWN = 4_096


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a key speaks for: its tenant, the key itself and its holder."""

    tenant_id: UUID
    authenticated: Authenticated


class ApiKeys:
    """Issues and revokes the keys of tenants, and looks up the caller of a key."""

    def __init__(self, database: Database, log: EventLog) -> None:
        self._database = database
        self._log = log
        self._callers: TTLCache[str, Caller] = TTLCache(KEYS_KNOWN, KEY_SECONDS)
        self._one_at_a_time = threading.Lock()

    def issue(self, context: Context, tenant_id: UUID, holder: Actor) -> str:
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
            self._database.execute(_SQL["add_key"], **row)

        try:
            self._database.in_transaction(tenant_id, work)
        except OutcomeUnknownError as error:
            raise OutcomeUnknownError(
                f"The connection was lost: nobody knows whether the key {key_id} was issued, and it is not shown. "
                f"Revoke it (`asset-ledger key revoke {tenant_id} {key_id}`), and issue another."
            ) from error
        return token

    def revoke(self, context: Context, tenant_id: UUID, key_id: UUID) -> None:
        """Let a key open nothing any more. KeyNotFoundError if the tenant has no such key."""

        def work() -> None:
            log = self._log.of(tenant_id)
            log.change(tenant_id, TENANT, lambda tenant: tenant.revoke_key(context, key_id))
            self._database.execute(_SQL["revoke_key"], tenant_id=tenant_id, key_id=key_id, at=context.recorded_at)

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

    def keys_of(self, tenant_id: UUID) -> list[tuple[Any, ...]]:
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
    """The id of the key that `ApiKeys.issue` gave."""
    return UUID(bytes=base64.urlsafe_b64decode(token.removeprefix(_PREFIX) + "==")[16:32])


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
