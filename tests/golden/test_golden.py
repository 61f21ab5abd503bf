"""What has been stored once stays readable, and is written the same way for ever."""

import re
from pathlib import Path
from typing import ClassVar, cast

import pytest
from eventsourcing.persistence import StoredEvent

from domain.errors import CorruptEntryError
from domain.event import Event, event_types, from_parts, to_parts
from tests.golden.vectors import EVENTS, MAPPER, event_of, golden

FILES = sorted(EVENTS.glob("*.json"))


def stored(path: Path, **changed: object) -> StoredEvent:
    """The entry of a golden file."""
    entry = MAPPER.to_stored_event(event_of(golden(path)))
    columns = {"originator_id": entry.originator_id, "originator_version": entry.originator_version}
    return StoredEvent(**cast(dict[str, object], columns | {"topic": entry.topic, "state": entry.state} | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_event_is_stored_as_the_exact_bytes_it_always_was(path: Path) -> None:
    content = golden(path)
    assert MAPPER.to_stored_event(event_of(content)).state.decode() == content["stored"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_stored_bytes_read_back_as_the_event_they_were(path: Path) -> None:
    content = golden(path)
    event = MAPPER.to_domain_event(stored(path, state=content["stored"].encode()))
    assert event == event_of(content)
    assert to_parts(event) == (content["clear"], content["personal"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_read_by_its_shape_an_event_is_what_its_model_would_make_of_it(path: Path) -> None:
    event = event_of(golden(path))
    assert event == type(event).model_validate(event.model_dump(mode="json"))


def test_every_topic_has_a_golden_file_for_each_version_ever_released() -> None:
    expected = {
        f"{topic}.v{version}"
        for topic, event_class in event_types().items()
        if not topic.startswith("test.")
        for version in range(1, event_class.class_version + 1)
    }
    # Beside each there may be variants, such as asset.created.v1.imported.
    assert {re.sub(r"(\.v\d+)\.\w+$", r"\1", path.stem) for path in FILES} == expected


def test_nothing_personal_is_stored_in_the_clear() -> None:
    content = golden(EVENTS / "asset.created.v1.json")
    for value in ("Castle at dusk", "castle.png", "concept", "a castle at dusk", "example.org", "first draft"):
        assert value not in content["stored"]


def test_a_changed_byte_in_the_clear_part_does_not_open() -> None:
    path = EVENTS / "asset.created.v1.json"
    forged = golden(path)["stored"].replace('"width":512', '"width":513').encode()
    with pytest.raises(CorruptEntryError):
        MAPPER.to_domain_event(stored(path, state=forged))


def test_an_entry_filed_under_another_revision_is_refused() -> None:
    with pytest.raises(CorruptEntryError):
        MAPPER.to_domain_event(stored(EVENTS / "asset.linked.v1.json", originator_version=9))


def test_an_entry_of_an_old_version_is_upcast_to_the_current_one() -> None:
    class Measured(Event):
        """Something was measured; version 1 said it in inches."""

        TOPIC: ClassVar[str] = "test.measured"
        class_version: ClassVar[int] = 3
        millimetres: float
        instrument: str

        @staticmethod
        def upcast_v1_v2(fields: dict[str, object]) -> None:
            fields["millimetres"] = cast(float, fields.pop("inches")) * 25.4

        @staticmethod
        def upcast_v2_v3(fields: dict[str, object]) -> None:
            fields["instrument"] = "unknown"

    old = golden(EVENTS / "asset.held.v1.json")["clear"] | {"topic": "test.measured", "data": {"inches": 10.0}}
    event = from_parts(old, {})
    assert isinstance(event, Measured)
    assert (event.millimetres, event.instrument) == (254.0, "unknown")
    assert to_parts(event).clear["schema_version"] == 3
    assert from_parts(*to_parts(event)) == event


def test_an_event_without_a_topic_of_its_own_cannot_be_defined() -> None:
    with pytest.raises(TypeError, match="needs a topic"):
        type("Nameless", (Event,), {"__doc__": "No topic.", "__module__": __name__})


def test_a_topic_cannot_be_given_twice() -> None:
    with pytest.raises(TypeError, match="belongs to"):
        type("Again", (Event,), {"TOPIC": "asset.created", "__module__": __name__, "__annotations__": {}})
