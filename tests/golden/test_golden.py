"""What has been stored once stays readable, and is written the same way for ever."""

import re
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, cast
from uuid import UUID

import pytest

from domain.asset import asset as assets
from domain.errors import CorruptEntryError, UnknownTopicError
from domain.event import Event, Recorded, event_types, from_parts, to_parts
from domain.job import job as jobs
from domain.tenant import declarations
from domain.tenant import tenant as tenants
from infra.event_log.recorder import LogEntry
from projections.catalogue import PROJECTIONS
from projections.history import entries
from tests.golden.vectors import EVENTS, MAPPER, event_of, golden
from tests.projections.tables import fold_all

FILES = sorted(EVENTS.glob("*.json"))


def is_current(path: Path) -> bool:
    """Whether the software writes events of this version still."""
    clear = golden(path)["clear"]
    return bool(clear["schema_version"] == event_types()[clear["topic"]].class_version)


CURRENT = [path for path in FILES if is_current(path)]


def entry(path: Path, **changed: object) -> LogEntry:
    """The entry of a golden file as it is in its tenant's log, but for what is changed of it."""
    content = golden(path)
    clear = content["clear"]
    whole = {
        "originator_id": UUID(clear["originator_id"]),
        "originator_version": clear["originator_version"],
        "topic": clear["topic"],
        "state": content["stored"].encode(),
        "id": 17,
        "effective_at": datetime.fromisoformat(clear["recorded_at"]),
        "tenant_id": UUID(clear["tenant_id"]),
    }
    return LogEntry(**(whole | changed))


@pytest.mark.parametrize("path", CURRENT, ids=lambda path: path.stem)
def test_an_event_is_stored_as_the_exact_bytes_it_always_was(path: Path) -> None:
    content = golden(path)
    assert MAPPER.to_stored_event(event_of(content)).state.decode() == content["stored"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_stored_bytes_read_back_as_the_event_they_were(path: Path) -> None:
    assert MAPPER.to_domain_event(entry(path)) == event_of(golden(path))


@pytest.mark.parametrize("path", CURRENT, ids=lambda path: path.stem)
def test_an_event_that_is_read_has_the_parts_that_were_stored(path: Path) -> None:
    content = golden(path)
    assert to_parts(MAPPER.to_domain_event(entry(path))) == (content["clear"], content["personal"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_event_of_every_version_folds_through_every_projection(path: Path) -> None:
    history = until(path)
    for projection in PROJECTIONS.values():
        rows = fold_all(projection, history)
        touched = set(projection.keys(history[-1].event))
        assert touched <= {*fold_all(projection, history[:-1]), *rows}, projection.name
        assert "".join(projection.table.lines.blocks(rows.values())).count("\n") == len(rows), projection.name
    assert [entry.topic for entry in entries(history)] == [recorded.event.TOPIC for recorded in history]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_event_of_every_version_changes_what_it_happens_to(path: Path) -> None:
    events: list[Any] = [recorded.event for recorded in until(path)]
    last = events[-1]
    match last.TOPIC.partition(".")[0]:
        case "asset":
            state: Any = assets.project(None, events)
        case "job":
            state = jobs.project(None, events)
        case "tenant" | "projection":
            state = tenants.project(None, events)
        case "reference":
            nothing = declarations.Declarations(last.envelope.tenant_id, {})
            assert declarations.evolve(nothing, last) != nothing
            return
    assert state.version == last.originator_version


def until(path: Path) -> list[Recorded]:
    """The event of a golden file, after those that it cannot be without, as the next revisions of one stream."""
    event = event_of(golden(path))
    kind = event.TOPIC.partition(".")[0]
    before = [FIRST[kind]] if kind in FIRST and event.originator_version > 1 else []
    before += BEFORE.get(event.TOPIC, [])
    events = [*(event_of(golden(EVENTS / name)) for name in before), event]
    for revision, each in enumerate(events, 1):
        events[revision - 1] = each.model_copy(
            update={"envelope": each.envelope.model_copy(update={"originator_version": revision})}
        )
    return [Recorded(each, position, each.envelope.recorded_at) for position, each in enumerate(events, 1)]


FIRST = {
    "asset": "asset.created.v2.json",
    "job": "job.requested.v2.json",
    "tenant": "tenant.created.v2.json",
    "projection": "tenant.created.v2.json",
}
"""What comes before the later events of a stream."""
BEFORE = {"asset.content_purged": ["asset.content_stored.v2.json"]}
"""What has to be there besides."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_read_by_its_shape_an_event_is_what_its_model_would_make_of_it(path: Path) -> None:
    event = event_of(golden(path))
    assert event == type(event).model_validate(event.model_dump(mode="json"))


def test_every_topic_has_a_golden_file_for_each_version_ever_released() -> None:
    # Beside each there may be variants, such as asset.created.v1.imported.
    versions: dict[str, set[int]] = defaultdict(set)
    for path in FILES:
        topic, version = cast("re.Match[str]", re.match(r"(.+)\.v(\d+)(\.\w+)?$", path.stem)).groups()[:2]
        versions[topic].add(int(version))
    assert versions.keys() == event_types().keys()
    for topic, kept in versions.items():
        assert kept == set(range(min(kept), event_types()[topic].class_version + 1)), topic
    assert sum(min(kept) == 1 for kept in versions.values()) == OF_VERSION_1


OF_VERSION_1 = 21
"""How many topics there were in version 1; those that came later began with version 2."""


def test_nothing_personal_is_stored_in_the_clear() -> None:
    content = golden(EVENTS / "asset.created.v2.json")
    for value in ("Castle at dusk", "castle.png", "concept", "a castle at dusk", "example.org", "first draft"):
        assert value not in content["stored"]


SEALED = EVENTS / "asset.created.v2.json"
CLEAR = EVENTS / "asset.linked.v2.json"
OTHER = UUID(int=7)


def changed(path: Path, old: str, new: str) -> bytes:
    """The stored bytes with a change."""
    text = golden(path)["stored"]
    assert old in text
    return cast("bytes", text.replace(old, new).encode())


def without_seal(path: Path) -> bytes:
    """The stored bytes without their last member."""
    text: str = golden(path)["stored"]
    return text[: text.rindex(',"sealed":')].encode() + b"}"


DAMAGED: dict[str, tuple[Path, dict[str, object]]] = {
    "a value in the clear": (SEALED, {"state": changed(SEALED, '"width":512', '"width":513')}),
    "who acted": (SEALED, {"state": changed(SEALED, '"id":"studio"', '"id":"another"')}),
    "another tenant's log": (CLEAR, {"tenant_id": OTHER}),
    "another tenant's log, sealed": (SEALED, {"tenant_id": OTHER}),
    "another revision": (CLEAR, {"originator_version": 9}),
    "another stream": (CLEAR, {"originator_id": OTHER}),
    "another topic": (CLEAR, {"topic": "asset.unlinked"}),
    "a time before it was recorded": (CLEAR, {"effective_at": datetime(2026, 1, 1, tzinfo=UTC)}),
    "no seal": (SEALED, {"state": without_seal(SEALED)}),
    "no end": (SEALED, {"state": entry(SEALED).state[:-2] + b"xx"}),
    "no base64url": (SEALED, {"state": changed(SEALED, "A256GCM.", "A256GCM.+")}),
    "another algorithm": (SEALED, {"state": changed(SEALED, "A256GCM.", "A128GCM.")}),
    "a box without a nonce": (SEALED, {"state": without_seal(SEALED)[:-1] + b',"sealed":"A256GCM.AAAA"}'}),
    "no JSON": (CLEAR, {"state": entry(CLEAR).state[:-1]}),
    "no bytes": (CLEAR, {"state": b""}),
    "no object": (CLEAR, {"state": b"[]"}),
    "an empty object": (CLEAR, {"state": b"{}"}),
    "another type": (CLEAR, {"state": changed(CLEAR, '"references":[', '"references":[7,')}),
    "an actor that is none": (CLEAR, {"state": changed(CLEAR, '"actor":{"id"', '"actor":{"name"')}),
    "a key that is none": (CLEAR, {"state": changed(CLEAR, '"key":"0193483c', '"key":"')}),
    "a member nobody knows": (CLEAR, {"state": changed(CLEAR, '"data":{', '"data":{"more":1,')}),
    "a version nobody wrote": (CLEAR, {"state": changed(CLEAR, '"schema_version":2', '"schema_version":"2"')}),
}


@pytest.mark.parametrize(("path", "damage"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_entry_is_corrupt_and_says_where_it_is(path: Path, damage: dict[str, object]) -> None:
    with pytest.raises(CorruptEntryError, match=r"^Position 17 of the log of tenant "):
        MAPPER.to_domain_event(entry(path, **damage))


@pytest.mark.parametrize(
    "newer", [("asset.linked", "asset.admired"), ('"schema_version":2', '"schema_version":3')], ids=["topic", "version"]
)
def test_an_event_of_a_newer_version_of_the_software_is_not_damaged(newer: tuple[str, str]) -> None:
    topic = newer[1] if newer[0] == "asset.linked" else "asset.linked"
    with pytest.raises(UnknownTopicError):
        MAPPER.to_domain_event(entry(CLEAR, state=changed(CLEAR, *newer), topic=topic))


def test_an_entry_of_an_old_version_is_upcast_to_the_current_one() -> None:
    class Measured(Event, topic="test.measured"):
        """Something was measured; version 1 said it in inches."""

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
        type("Again", (Event,), {"__module__": __name__, "__annotations__": {}}, topic="asset.created")
