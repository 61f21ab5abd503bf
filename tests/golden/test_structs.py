"""Entries that are read to be folded have the members that their events are defined with, or are refused alike."""

from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import orjson
import pytest

from domain.errors import CorruptEntryError, LedgerError
from domain.event import Event, event_types
from domain.event_structs import event_reader
from domain.model import Frozen
from domain.tenant.events import PolicySet, ProjectionEventQuarantined
from infra.event_log.fold_reader import FoldReader, compare
from infra.event_log.mapper import SealingMapper
from projections.engine.event_reader import StoredEntry
from tests.golden import test_golden
from tests.golden.vectors import MAPPER

READER = FoldReader(MAPPER)
TENANT = UUID("0193483c-0000-7000-8000-000000000001")
WITHOUT_STRUCTS = {PolicySet, ProjectionEventQuarantined}


def entry(path: Path, **changed: Any) -> StoredEntry:
    """The entry of a golden file as a rebuild reads it, but for what is changed of it."""
    stored = test_golden.entry(path)
    assert stored.tenant_id == TENANT
    values = {name: getattr(stored, name) for name in StoredEntry._fields if name != "ordinal"}
    return StoredEntry(ordinal=1, **values | changed)


def assert_same_members(quick: Any, expected: Any) -> None:
    """Every member, whatever it is held in, is that of the event that was validated."""
    match expected:
        case Event():
            assert type(quick) is type(expected)
            for name in type(expected).model_fields:
                assert_same_members(getattr(quick, name), getattr(expected, name))
        case Frozen():
            for name in type(expected).model_fields:
                assert_same_members(getattr(quick, name), getattr(expected, name))
            if "__str__" in vars(type(expected)):
                assert str(quick) == str(expected)
        case dict():
            assert orjson.dumps(quick) == orjson.dumps(expected)
        case tuple():
            assert isinstance(quick, tuple)
            assert len(quick) == len(expected)
            for mine, other in zip(quick, expected, strict=True):
                assert_same_members(mine, other)
        case _:
            assert quick == expected
            assert isinstance(quick, type(expected))


def assert_read_alike(stored: StoredEntry) -> bool:
    """An entry is read by both readers or refused by both; returns whether it is read."""
    expected, quick = (outcome(reader, stored) for reader in (MAPPER, READER))
    if isinstance(expected, LedgerError):
        assert repr(quick) == repr(expected)
        return False
    assert_same_members(quick, expected)
    return True


def outcome(reader: FoldReader | SealingMapper, stored: StoredEntry) -> Event | LedgerError:
    """The event of an entry, or its refusal."""
    try:
        return reader.read(TENANT, stored)
    except LedgerError as refusal:
        return refusal


@pytest.mark.parametrize("path", test_golden.FILES, ids=lambda path: path.stem)
def test_every_member_of_every_version_is_as_it_is_defined(path: Path) -> None:
    stored = entry(path)
    event = READER.read(TENANT, stored)
    assert isinstance(event.envelope, msgspec.Struct) == (type(event) not in WITHOUT_STRUCTS)
    assert assert_read_alike(stored)


def test_structs_hold_the_events_that_are_folded() -> None:
    assert {kind for kind in event_types().values() if event_reader(kind) is None} == WITHOUT_STRUCTS


@pytest.mark.parametrize("path", test_golden.FILES, ids=lambda path: path.stem)
def test_an_entry_is_refused_for_whatever_the_mapper_refuses_it(path: Path) -> None:
    whole = entry(path).state
    read = sum(
        assert_read_alike(entry(path, state=whole[:place] + bytes([whole[place] ^ flipped]) + whole[place + 1 :]))
        for place in range(len(whole))
        for flipped in (1, 4)
    )
    assert read < len(whole)


@pytest.mark.parametrize("path", test_golden.FILES, ids=lambda path: path.stem)
def test_an_entry_is_refused_out_of_its_place_whether_it_is_folded_or_left_out(path: Path) -> None:
    stored = entry(path)
    compare(TENANT, stored)
    unsealed = stored.state.partition(b',"sealed":')[0] + b"}"
    others = [
        entry(path, originator_id=UUID(int=1)),
        entry(path, originator_version=stored.originator_version + 1),
        entry(path, topic="asset.other"),
        *([entry(path, state=unsealed)] if b'"sealed_fields"' in stored.state else []),
        entry(path, state=unsealed[:-1] + b',"sealed_fields":null}'),
        entry(path, state=stored.state[:-1]),
    ]
    for other in others:
        with pytest.raises(CorruptEntryError):
            compare(TENANT, other)
        assert not assert_read_alike(other)
    for refuse in (compare, READER.read):
        with pytest.raises(CorruptEntryError, match=r"belongs to the log"):
            refuse(UUID(int=2), stored)
