"""Golden files: an event in the clear beside the exact bytes it is stored as, under a fixed key and nonce.

`python -m tests.golden.vectors` (`make golden`) adds the stored bytes to new files. It never touches a file that
has them: what was released stays as it is.
"""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import domain.asset.events
import domain.job.events
import domain.tenant.events  # noqa: F401 - defines topics
from domain.event import Event, from_parts
from infra.event_log.mapper import SealingMapper

EVENTS = Path(__file__).parent / "events"


class FixedKeys:
    """One key for everybody: test vectors must come out the same every time."""

    key = AESGCM(bytes(range(32)))

    def sealing(self, _tenant_id: UUID, _subject: str | None) -> AESGCM:
        return self.key

    def opening(self, _tenant_id: UUID, _subject: str | None) -> AESGCM:
        return self.key

    existing = opening


MAPPER = SealingMapper(FixedKeys(), nonce=lambda: bytes(12))


def golden(path: Path) -> dict[str, Any]:
    """The content of a golden file: `clear` and `personal` parts, and `stored` as text."""
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def event_of(content: dict[str, Any]) -> Event:
    """The event a golden file tells of."""
    return from_parts(*deepcopy((content["clear"], content["personal"])))


def complete() -> None:
    """Add the stored bytes to the files that lack them."""
    for path in sorted(EVENTS.glob("*.json")):
        content = golden(path)
        if "stored" not in content:
            content["stored"] = MAPPER.to_stored_event(event_of(content)).state.decode()
            path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    from tests.golden import states

    complete()
    states.complete()
