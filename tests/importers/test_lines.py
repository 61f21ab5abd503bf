"""What lines of JSON say is what is imported, once, whatever is written around them."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.application.imports.importer import Importer
from api.application.imports.items import Outcome
from api.importers import jsonl
from tests.conftest import Client
from tests.http.assertions import UNKNOWN_ID
from tests.importers.outcomes import assets, counted


@pytest.fixture
def lines(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of lines, with the files `1` to `3` beside it, each of one byte, its name."""
    for name in "123":
        (tmp_path / name).write_text(name)

    def written(*lines: dict[str, Any]) -> Path:
        (tmp_path / "lines.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))
        return tmp_path / "lines.jsonl"

    return written


def test_a_line_that_is_added_on_top_brings_in_nothing_twice(
    client: Client, importing: Callable[..., Importer], lines: Callable[..., Path]
) -> None:
    assert counted(importing().run(jsonl.read(lines({"path": "1"}, {"path": "2"})))) == {"imported": 2}
    again = jsonl.read(lines({"path": "3"}, {"path": "1"}, {"path": "2"}))
    assert counted(importing().run(again)) == {"imported": 1, "known": 2}
    assert sorted(assets(client)) == ["1", "2", "3"]


def test_what_a_line_announces_of_its_content_has_to_be_so(
    client: Client, importing: Callable[..., Importer], lines: Callable[..., Path]
) -> None:
    right, wrong = sha256(b"1").hexdigest(), "0" * 64
    path = lines(
        {"path": "1", "content": {"size": 1, "sha256": right, "content_type": "text/plain"}},
        {"path": "2", "content": {"size": 9_999}},
        {"path": "3", "content": {"sha256": wrong}},
    )
    outcome_of = {outcome.place: outcome for outcome in importing().run(jsonl.read(path))}
    assert outcome_of == {
        "1": Outcome("1", "imported"),
        "2": Outcome("2", "refused", "content: the file has 1 bytes, not 9,999"),
        "3": Outcome("3", "refused", f"content: the file has the SHA-256 {sha256(b'3').hexdigest()}, not {wrong}"),
    }
    assert list(assets(client)) == ["1"]


def test_a_line_names_the_sources_of_its_asset(
    client: Client, importing: Callable[..., Importer], lines: Callable[..., Path]
) -> None:
    source = client.create()["id"]
    path = lines({"path": "1", "sources": [source]}, {"path": "2", "sources": [source, UNKNOWN_ID]})
    outcome_of = {outcome.place: outcome for outcome in importing().run(jsonl.read(path))}
    assert outcome_of == {
        "1": Outcome("1", "imported"),
        "2": Outcome("2", "refused", f"sources: there is no asset {UNKNOWN_ID}."),
    }
    assert assets(client)["1"]["sources"] == [source]


def test_the_reason_of_a_line_is_the_reason_of_its_events(
    client: Client, importing: Callable[..., Importer], lines: Callable[..., Path]
) -> None:
    path = lines({"path": "1", "reason": "the client sent it"}, {"path": "2"})
    assert counted(importing(reason="moving house").run(jsonl.read(path))) == {"imported": 2}
    reasons = {
        place: {event["reason"] for event in client.history(asset["id"])} for place, asset in assets(client).items()
    }
    assert reasons == {"1": {"the client sent it"}, "2": {"moving house"}}
