"""Compares an asset or a job at two moments, each folded from its nearest snapshot, however far apart they are."""

from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError

from domain.errors import MomentsReversedError
from infra.event_log.fold import Fold
from infra.event_log.log import TenantLog
from projections.history import Change, R, differences


class ComparedMoment(NamedTuple):
    """A position of the log, or a revision of the asset or job; the other is None."""

    position: int | None = None
    revision: int | None = None


class Side(NamedTuple):
    """A moment as it was resolved: its position, and the revision there; 0 before the first event."""

    position: int
    revision: int


class Comparison(NamedTuple):
    """The differences between two moments, and the positions of the first and last event between them."""

    before: Side
    after: Side
    first: int | None
    last: int | None
    changes: tuple[Change, ...]


class RevisionNotReachedError(Exception):
    """The originator has fewer events."""

    def __init__(self, revision: int) -> None:
        super().__init__(revision)
        self.revision = revision


def compare(
    log: TenantLog, originator_id: UUID, fold: Fold[R, Any], start: ComparedMoment, end: ComparedMoment
) -> Comparison:
    """The differences of one originator after `start` up to `end`.

    The library's AggregateNotFoundError if there is none at the end, or it is of another kind; MomentsReversedError;
    RevisionNotReachedError.
    """
    if start.position is not None and end.position is not None and start.position > end.position:
        raise MomentsReversedError
    new = _state(log, originator_id, fold, end)
    if new is None:
        raise AggregateNotFoundError(originator_id)
    old = _state(log, originator_id, fold, start)
    before, after = _side(start, old), _side(end, new)
    if before.position > after.position:
        raise MomentsReversedError
    if old is not None and old.version == new.version:
        return Comparison(before, after, None, None, ())
    first = log.event(originator_id, before.revision + 1).position
    changes = tuple(differences(old.row if old else None, new.row))
    return Comparison(before, after, first, new.row.position, changes)


def _state(log: TenantLog, originator_id: UUID, fold: Fold[R, Any], moment: ComparedMoment) -> R | None:
    """The state at the moment; None before the first event."""
    try:
        state = log.state(originator_id, fold, moment.revision, moment.position)
    except AggregateNotFoundError:
        return None
    if moment.revision is not None and state.version < moment.revision:
        raise RevisionNotReachedError(moment.revision)
    return state


def _side(moment: ComparedMoment, state: R | None) -> Side:
    """The side that a moment is, given the state there. A revision, which has a state, stands at its event."""
    position = moment.position if moment.position is not None else (state.row.position if state else 0)
    return Side(position, state.version if state else 0)
