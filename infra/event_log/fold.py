"""A fold: what an originator's events come to, one after the other, in a form that can be kept."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from pydantic import TypeAdapter
from pydantic_core import SchemaValidator

from domain.event import Recorded
from domain.stored import reader_of


class State(Protocol):
    """What events fold to, at one revision of their originator."""

    @property
    def version(self) -> int: ...


S = TypeVar("S", bound=State)


@dataclass(frozen=True)
class Fold(Generic[S]):
    """Folds the events of one kind of originator.

    `step` returns the state after an event; None, from no state, for an event that begins no such originator.
    `subject` returns whose personal data a state holds, None for the tenant's own. The version must change with
    whatever changes the states that the same events come to: states kept by another version are never read.
    """

    kind: str
    version: int
    form: type[S]
    step: Callable[[S | None, Recorded], S | None]
    subject: Callable[[S], str | None]

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
        return self._adapter.dump_json(state)

    def read(self, json: bytes) -> S:
        """The state of its JSON, checked for its form but for no rule. Pydantic's ValidationError."""
        state: S = self._reader.validate_json(json)
        return state

    @cached_property
    def _adapter(self) -> TypeAdapter[S]:
        return TypeAdapter(self.form)

    @cached_property
    def _reader(self) -> SchemaValidator:
        return reader_of(self._adapter.core_schema)
