"""Snapshots: what an originator's events fold to at some revisions, kept sealed beside the log.

A snapshot is bound to its tenant, originator, revision, position, fold and subject, and to the hash of the entry that
it stands at. What does not open is no snapshot, and the log is folded instead.
"""

import hashlib
import threading
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, suppress
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import structlog
from cryptography.exceptions import InvalidTag

from domain.errors import KeyUnavailableError
from infra.after_fork import after_fork
from infra.encryption_keys.store import Keys
from infra.event_log.fold import Fold, S
from infra.event_log.mapper import NONCE_BYTES, nonce
from infra.supervision import SupervisedThread

EVERY = 32
"""Events after which there is another snapshot."""
ROOM = 8
"""How many times as much room as the events before it a snapshot takes at the most; else it comes later."""
MOST_DUE = 1_000
"""Originators that may wait for their snapshots; beyond, they wait to be asked for again."""
IDLE_SECONDS = 1.0
"""How often the thread gives a sign of life while nothing is due."""
STOP_SECONDS = 5.0

_LOG = structlog.get_logger()


class Snapshot(NamedTuple):
    """A snapshot as it is kept."""

    tenant_id: UUID
    originator_id: UUID
    originator_version: int
    position: int
    subject: str | None
    state: bytes

    def binding(self, fold: str, entry: bytes) -> bytes:
        """What its seal covers beside the state (AES-GCM's additional data)."""
        ids: list[Any] = [self.tenant_id, self.originator_id, self.originator_version, self.position, self.subject]
        return orjson.dumps(["snapshot", fold, *ids, hashlib.sha256(entry).hexdigest()])


def seal(keys: Keys, fold: Fold[S, Any], snapshot: Snapshot, entry: bytes) -> Snapshot:
    """The snapshot with its state sealed: it stands at the entry with these bytes.

    Where there is no key of its subject, nothing was sealed for it, and the tenant's own key seals the snapshot.
    """
    prefix = nonce()
    key = keys.existing(snapshot.tenant_id, snapshot.subject)
    if key is None:
        snapshot = snapshot._replace(subject=None)
        key = keys.sealing(snapshot.tenant_id, None)
    return snapshot._replace(state=prefix + key.encrypt(prefix, snapshot.state, snapshot.binding(fold.name, entry)))


def unseal(keys: Keys, fold: Fold[S, Any], snapshot: Snapshot, entry: bytes) -> S | None:
    """The state of a snapshot that stands at this entry; None if it does not open. ServiceUnavailableError."""
    try:
        key, box = keys.existing(snapshot.tenant_id, snapshot.subject), snapshot.state
        if key is None:
            raise KeyUnavailableError  # noqa: TRY301 - one warning for all reasons
        return fold.read(key.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], snapshot.binding(fold.name, entry)))
    except (InvalidTag, ValueError, KeyUnavailableError) as error:
        _LOG.warning(
            "snapshot not used",
            tenant_id=str(snapshot.tenant_id),
            originator_id=str(snapshot.originator_id),
            revision=snapshot.originator_version,
            reason=type(error).__name__,
        )
        return None


class SnapshotWriter(AbstractContextManager["SnapshotWriter"]):
    """Keeps snapshots in a thread of its own, so that no caller waits for one; a forked process gets one of its own.

    Close it, or use it as a context manager. What could not be kept is asked for again by the next reader.
    """

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self._reset()
        after_fork(self._reset)

    def _reset(self) -> None:
        self._due: SimpleQueue[tuple[Hashable, Callable[[], None]] | None] = SimpleQueue()
        self._pending: set[Hashable] = set()
        self._lock = threading.Lock()
        self._thread: SupervisedThread | None = None
        self._closed = False

    def ask(self, originator: Hashable, keep: Callable[[], None]) -> None:
        """Have the snapshots of an originator kept soon, unless that was asked for already."""
        with self._lock:
            if self._closed or originator in self._pending or len(self._pending) >= MOST_DUE:
                return
            self._pending.add(originator)
            self._due.put((originator, keep))
            if self._thread is None:
                self._thread = SupervisedThread("snapshots", self._run)
                self._thread.start()

    def close(self) -> None:
        """Leave what is due, and end."""
        with self._lock:
            self._closed, thread = True, self._thread
        self._due.put(None)
        if thread is not None:
            thread.join(STOP_SECONDS)

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def threads(self) -> list[SupervisedThread]:
        """The thread, once there was work for it."""
        return [self._thread] if self._thread else []

    def _run(self) -> None:
        while not self._closed:
            if self._thread is not None:
                self._thread.beat()
            with suppress(Empty):
                if (due := self._due.get(timeout=IDLE_SECONDS)) is not None:
                    self._keep(*due)

    def _keep(self, originator: Hashable, keep: Callable[[], None]) -> None:
        try:
            keep()
        except Exception as error:  # noqa: BLE001 - snapshots are disposable; what is wrong meets the readers too
            _LOG.warning("snapshot not kept", reason=f"{type(error).__name__}: {error}")
        with self._lock:
            self._pending.discard(originator)
