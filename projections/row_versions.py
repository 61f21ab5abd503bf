"""Read models of versions: each row that another read model ever held, and from when until when it held it."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, get_type_hints

from domain.event import Event, Recorded
from projections.projection import Changes, Key, Projection, with_values

MOST_HELD: Final = 200
"""The most items of a list that grows with the history: a version that held them all would cost ever more."""


def versions_of(
    listed: Projection[Any], name: str, generation: int, folder: Path, growing: Iterable[str]
) -> Projection[Any]:
    """The projection of every version of the rows of `listed`, which its own fold makes.

    A version is the row after one event. It is valid from its `position` up to, but without, its `next_position`, and
    valid still if that is None. A list that is `growing` and once had more than MOST_HELD items is None from then on:
    the log has it. With each version of the rows' projection this one has a new version too, and with each generation.
    """
    row = version_row(listed.row)
    return Projection(
        name=name,
        version=listed.version + generation,
        row=row,
        key={**listed.key, "revision": "integer"},
        json=listed.json,
        keys=partial(_keys, listed),
        fold=partial(_fold, listed, row, frozenset(growing)),
        folder=folder,
        derived_from=listed,
        folds=listed.folds,
        leaves_out=listed.leaves_out,
        sliced_by=listed.sliced_by,
        final=_has_ended,
    )


def version_row(row: type[Any]) -> type[Any]:
    """The type of a version: the row's columns, and `next_position`."""
    make: Any = NamedTuple
    named: type[Any] = make(f"{row.__name__}Version", [*get_type_hints(row).items(), ("next_position", int | None)])
    return named


def _keys(listed: Projection[Any], event: Event) -> Iterable[Key]:
    """The version before the event's own, which ends."""
    if type(event) in listed.folds and event.originator_version > 1:
        return (_key(event, event.originator_version - 1),)
    return ()


def _has_ended(version: Any) -> bool:  # noqa: ANN401 - a row of `version_row`
    return version.next_position is not None


def _fold(
    listed: Projection[Any],
    version: type[Any],
    growing: frozenset[str],
    rows: Mapping[Key, Any],
    recorded: Recorded,
) -> Changes[Any]:
    """The version that the event ends, and the one that it begins."""
    event = recorded.event
    if type(event) not in listed.folds:
        return {}
    changes: dict[Key, Any] = {}
    before: dict[Key, Any] = {}
    left_out: set[str] = set()
    revision = event.originator_version
    if revision > 1:
        key = _key(event, revision - 1)
        ended = rows[key]
        changes[key] = version._make((*ended[:-1], recorded.position))
        left_out = {name for name in growing if getattr(ended, name) is None}
        row = listed.row._make(ended[:-1])
        before[_key(event)] = with_values(row, {name: [] for name in left_out}) if left_out else row
    (after,) = listed.fold(before, recorded).values()
    left_out |= {name for name in growing if len(getattr(after, name)) > MOST_HELD}
    held: Any = with_values(after, dict.fromkeys(left_out)) if left_out else after
    changes[_key(event, revision)] = version._make((*held, None))
    return changes


def _key(event: Event, *revision: int) -> Key:
    return (event.envelope.tenant_id, event.originator_id, *revision)
