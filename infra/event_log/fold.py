"""A fold: what an originator's events come to, one after the other, in a form that can be kept."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

from pydantic import TypeAdapter
from pydantic_core import SchemaValidator

from domain.event import Recorded
from domain.lenient_reading import reader


class State(Protocol):
    """What events fold to, at one revision of their originator."""

    @property
    def version(self) -> int: ...


S = TypeVar("S", bound=State)
K = TypeVar("K")


def _same(state: Any) -> Any:  # noqa: ANN401 - of a fold whose states are kept as they are
    return state


@dataclass(frozen=True)
class Fold(Generic[S, K]):
    """Folds the events of one kind of originator.

    `step` returns the state after an event; None, from no state, for an event that begins no such originator.
    `to_snapshot` and `from_snapshot` turn a state into the form in which it is kept, and back.
    `subject` returns whose personal data a state holds, None for the tenant's own. The version must change with
    whatever changes the states that the same events come to: states kept by another version are never read.
    """

    kind: str
    version: int
    form: type[K]
    step: Callable[[S | None, Recorded], S | None]
    subject: Callable[[S], str | None]
    to_snapshot: Callable[[S], K] = _same
    from_snapshot: Callable[[K], S] = _same

    @cached_property
    def name(self) -> str:
        """The fold with its version and the digest of its states' form."""
        digest = hashlib.sha256(repr(self._adapter.json_schema(mode="serialization")).encode()).hexdigest()
        return f"{self.kind}.{self.version}.{digest[:12]}"

    def after(self, state: S | None, events: Iterable[Recorded]) -> S | None:
        """The state after the events."""
        for recorded in events:
            state = self.step(state, recorded)
        return state

    def dump(self, state: S) -> bytes:
        """The state as JSON."""
        return self._adapter.dump_json(self.to_snapshot(state))

    def read(self, json: bytes) -> S:
        """The state of its JSON, checked for its form but for no rule. Pydantic's ValidationError."""
        return self.from_snapshot(self._reader.validate_json(json))

    @cached_property
    def _adapter(self) -> TypeAdapter[K]:
        return TypeAdapter(self.form)

    @cached_property
    def _reader(self) -> SchemaValidator:
        return reader(self.form)
