"""Reads entries to fold them: whatever `SealingMapper.read` checks is checked, and what no fold reads is not made.

An entry that is not as this release writes it is read by the mapper, which tells what is wrong with it.
"""

from functools import cache
from typing import Final
from uuid import UUID

import msgspec

from domain.event import Event, event_types
from domain.event_structs import EventReader, event_reader
from domain.text import storable
from infra.event_log.mapper import SealingMapper, Stored, compared, opened, parsed_id, split

_SEAL: Final = "A256GCM."


class _Place(msgspec.Struct, gc=False):
    """The members of an entry that say where it belongs, and whether it is sealed."""

    tenant_id: str
    originator_id: str
    originator_version: int
    topic: str
    subject: str | None = None
    sealed_fields: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    sealed: str | None = None


_place = msgspec.json.Decoder(_Place).decode


class FoldReader:
    """Reads the entries of any tenant's log for projections."""

    def __init__(self, mapper: SealingMapper) -> None:
        self._mapper = mapper
        self._originator = (UUID(int=0), str(UUID(int=0)))
        """The originator of the entry before, and its id as it is written: its next entry often follows."""

    def read(self, tenant_id: UUID, stored: Stored) -> Event:
        """The event of an entry, with the members that its class defines, of which some are structs; see EventReader.

        Raises what `SealingMapper.read` raises.
        """
        reader = _readers().get(stored.topic)
        if reader is not None:
            try:
                event = self._read(reader, tenant_id, stored)
            except Exception:  # noqa: BLE001 - the mapper reads the entry again, and says what is wrong
                event = None
            if event is not None:
                return event
        return self._mapper.read(tenant_id, stored)

    def _read(self, reader: EventReader, tenant_id: UUID, stored: Stored) -> Event | None:
        """The event of an entry that is what it should be. Raises anything for others, unless it returns None."""
        clear, box = split(stored.state)
        envelope = reader.clear(clear)
        originator_id, text = self._originator
        if originator_id.int != stored.originator_id.int:  # UUIDs themselves are compared, and written, in Python
            originator_id, text = self._originator = stored.originator_id, str(stored.originator_id)
        if (
            envelope.originator_id != text
            or envelope.originator_version != stored.originator_version
            or envelope.topic != stored.topic
            or parsed_id(envelope.tenant_id).int != tenant_id.int
            or envelope.schema_version not in reader.versions
            or envelope.recorded_at > stored.effective_at
            or (envelope.sealed_fields is not msgspec.UNSET and (box is None or envelope.schema_version == 1))
        ):
            return None
        subject = envelope.subject
        if subject is not None:
            storable(subject)
        envelope.tenant_id, envelope.originator_id = tenant_id, originator_id
        if box is None:
            return reader.event(envelope, None)
        return reader.event(envelope, opened(self._mapper.keys.opening(tenant_id, subject), box, clear))


def compare(tenant_id: UUID, stored: Stored) -> None:
    """Refuse an entry that belongs to another log or place, or whose seal is missing: CorruptEntryError.

    Nothing more of it is read, and its seal stays closed.
    """
    try:
        place = _place(stored.state)
        as_expected = (
            place.originator_version == stored.originator_version
            and place.topic == stored.topic
            and place.originator_id.replace("-", "") == f"{stored.originator_id.int:032x}"
            and parsed_id(place.tenant_id).int == tenant_id.int
            and (place.subject is None or bool(storable(place.subject)))
            and (place.sealed.startswith(_SEAL) if place.sealed is not None else place.sealed_fields is msgspec.UNSET)
        )
    except Exception:  # noqa: BLE001 - as above
        as_expected = False
    if not as_expected:
        compared(tenant_id, stored)


@cache
def _readers() -> dict[str, EventReader]:
    readers = {topic: event_reader(kind) for topic, kind in event_types().items()}
    return {topic: reader for topic, reader in readers.items() if reader is not None}
