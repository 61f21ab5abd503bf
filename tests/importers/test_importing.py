"""What lies elsewhere is brought in once, with its bytes, its past and its times, and nothing is lost on the way."""

import shutil
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from os import utime
from pathlib import Path
from typing import Any

import hypothesis
import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from api.application.content.intake import Intake
from api.application.content.reconciliation import Reconciliation
from api.application.imports.finished_jobs import GROUP
from api.application.imports.importer import Importer, SourceItem
from api.application.imports.items import Item, Outcome
from api.application.session import Session
from api.composition import Services
from api.importers import folder, jsonl
from api.importers.nodetool import read
from api.workers.worker import own_session
from domain.errors import ServiceUnavailableError
from tests.conftest import Client
from tests.http.content_requests import SAMPLES, with_content
from tests.http.job_requests import claim
from tests.importers.databases import ASSET, JOB, SCHEMA, Nodetool
from tests.importers.outcomes import assets, counted
from tests.stores import store_down

AN_HOUR_AGO = datetime(2023, 11, 14, 22, 13, 20, 250_000, UTC)


def test_a_folder_is_brought_in_with_its_bytes_and_its_times(
    client: Client, importing: Callable[..., Importer], tmp_path: Path
) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    castle = Path(shutil.copy(SAMPLES / "castle.png", tmp_path / "deep" / "er" / "Schloß.png"))
    utime(castle, (AN_HOUR_AGO.timestamp(),) * 2)
    (tmp_path / "note.xyz").write_bytes(b"\x00\x01 whatever")
    assert counted(importing().run(folder.read(tmp_path))) == {"imported": 2}
    imported = assets(client)
    asset = imported["deep/er/Schloß.png"]
    assert asset["imported"] | {"started_at": None, "finished_at": None} == {
        "source": "folder",
        "place": "deep/er/Schloß.png",
        "created_at": "2023-11-14T22:13:20.250000Z",
        "started_at": None,
        "finished_at": None,
    }
    assert asset["created_at"] > "2026"
    assert asset["media"] == {"media_kind": "image", "format": "png", "width": 512, "height": 512}
    assert (asset["name"], asset["file_name"], asset["status"]) == ("Schloß.png", "Schloß.png", "ready")
    assert asset["content"]["embedded"]["parameters"].startswith("a castle on a hill")
    assert client.get(asset["url"], stream=True).content == castle.read_bytes()
    assert imported["note.xyz"]["media"] == {"media_kind": "file"}
    created, stored = client.history(asset["id"])
    assert (created["topic"], stored["topic"]) == ("asset.created", "asset.content_stored")
    assert "imported" in [change["field"] for change in created["changes"]]


def test_the_same_path_and_bytes_are_brought_in_once(
    client: Client, importing: Callable[..., Importer], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "same.txt").write_text("a")
    assert counted(importing().run(folder.read(tmp_path))) == {"imported": 2}
    assert counted(importing().run(folder.read(tmp_path))) == {"known": 2}
    (tmp_path / "a.txt").write_text("another")
    (tmp_path / "b.txt").write_text("b")
    assert counted(importing().run(folder.read(tmp_path))) == {"imported": 2, "known": 1}
    assert counted(importing("elsewhere").run(folder.read(tmp_path))) == {"imported": 3}
    assert len(client.page(limit=200)["items"]) == 7


def test_what_cannot_be_brought_in_is_told_and_everything_else_is_there(
    client: Client, importing: Callable[..., Importer], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    (tmp_path / "large.txt").write_text("x" * 200)
    outcomes = list(importing(most=100).run(folder.read(tmp_path)))
    assert {outcome.place: outcome.reason for outcome in outcomes if outcome.what == "refused"} == {
        "gone.txt": "is a link, and links are not followed",
        "large.txt": "Content may have at most 100 bytes.",
    }
    assert list(assets(client)) == ["a.txt"]


def test_a_file_that_changes_while_it_is_read_is_refused_and_leaves_nothing(
    client: Client, services: Services, importing: Callable[..., Importer], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("a")

    class Changing:
        """A store before which the file grows."""

        def __getattr__(self, name: str) -> Any:
            return getattr(services.store, name)

        def write(self, key: str, chunks: Any) -> None:
            (tmp_path / "a.txt").write_text("longer")
            services.store.write(key, chunks)

    (outcome,) = importing(store=Changing()).run(folder.read(tmp_path))
    assert outcome == Outcome("a.txt", "refused", "has changed while it was read")
    assert list(services.store.objects(f"{client.tenant_id}/")) == []
    assert assets(client) == {}


def test_a_run_that_was_cut_short_is_gone_on_with(
    session: Session, importing: Callable[..., Importer], tmp_path: Path
) -> None:
    for number in range(5 * GROUP):
        (tmp_path / f"{number:03}.txt").write_text(f"number {number}")
    run = importing().run(folder.read(tmp_path))
    assert len(list(islice(run, GROUP + 10))) == GROUP + 10
    run.close()  # type: ignore[attr-defined]  # a generator
    whole = counted(importing().run(folder.read(tmp_path)))
    assert whole["imported"] > 0
    assert whole["known"] >= GROUP + 10
    assert whole["imported"] + whole["known"] == 5 * GROUP
    assert counted(importing().run(folder.read(tmp_path))) == {"known": 5 * GROUP}
    mismatch = Reconciliation(session).compare()
    assert (mismatch.orphans, mismatch.missing) == ([], [])


def test_each_thing_that_is_found_has_one_outcome(
    client: Client, importing: Callable[..., Importer], tmp_path: Path
) -> None:
    file: dict[str, Any] = {"media": {"media_kind": "file"}}
    early: list[dict[str, Any]] = [
        {"id": "p1", "name": "first"},
        {"id": "p1", "name": "second"},
        {"id": 1},
        {"id": "1"},
        {},
    ]
    late = [{"id": f"in between {number}"} for number in range(GROUP)] + [{"id": "p1", "name": "third"}]
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps(file | line) for line in early + late))
    outcomes = list(importing("jsonl").run(jsonl.read(path)))
    assert len(outcomes) == len(early) + len(late)
    refusals = [(outcome.place, outcome.reason) for outcome in outcomes if outcome.what == "refused"]
    assert sorted(refusals) == [(place, "has the same id as an earlier one") for place in ("1", "p1", "p1")]
    assert client.call("GET", "/v1/assets", params={"name": "first", "min_position": client.head()}).json()["items"]
    assert counted(importing("jsonl").run(jsonl.read(path))) == {"known": GROUP + 3, "refused": 3}


def test_an_asset_whose_file_comes_later_is_one_asset_with_its_bytes(
    client: Client, importing: Callable[..., Importer], nodetool: Nodetool
) -> None:
    nodetool.insert("assets", ASSET)
    assert counted(importing().run(read(nodetool.path, nodetool.files))) == {"refused": 1}
    shutil.copy(SAMPLES / "castle.png", nodetool.files / "a1.png")
    assert counted(importing().run(read(nodetool.path, nodetool.files))) == {"imported": 1}
    (asset,) = client.page(limit=200)["items"]
    assert (asset["status"], asset["content"]["version"]) == ("ready", 1)


def test_a_row_that_is_there_twice_is_told_of_twice(importing: Callable[..., Importer], tmp_path: Path) -> None:
    nodetool = Nodetool(tmp_path, SCHEMA.replace(" PRIMARY KEY", ""))
    nodetool.insert("jobs", JOB, JOB)
    nodetool.insert("assets", ASSET, ASSET)
    assert sorted(outcome[:2] for outcome in importing().run(read(nodetool.path))) == [
        ("asset:a1", "imported"),
        ("asset:a1", "refused"),
        ("job:j1", "imported"),
        ("job:j1", "refused"),
    ]


def test_when_the_store_fails_nothing_of_the_group_is_recorded(
    client: Client, services: Services, importing: Callable[..., Importer], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("a")
    with_content(client)
    with store_down(services.store, client), pytest.raises(ServiceUnavailableError):
        list(importing().run(folder.read(tmp_path)))
    assert assets(client) == {}
    assert counted(importing().run(folder.read(tmp_path))) == {"imported": 1}


def test_nodetool_is_brought_in_with_its_jobs_and_what_they_cost(
    client: Client, importing: Callable[..., Importer], nodetool: Nodetool
) -> None:
    shutil.copy(SAMPLES / "castle.png", nodetool.files / "a1.png")
    nodetool.insert("assets", ASSET)
    nodetool.insert(
        "jobs",
        JOB | {"cost": 0.25},
        JOB | {"id": "j2", "status": "failed", "error": "out of memory", "cost": None},
        JOB | {"id": "j3", "status": "cancelled", "finished_at": None},
        JOB | {"id": "j4", "cost": 1e30},
    )
    outcomes = list(importing("nodetool").run(read(nodetool.path, nodetool.files)))
    assert counted(outcomes) == {"imported": 5}
    reasons = [outcome[::2] for outcome in outcomes if outcome.reason]
    assert reasons == [("job:j4", "its cost 1e+30 is no amount")]
    assert counted(importing("nodetool").run(read(nodetool.path, nodetool.files))) == {"known": 5}
    asset = assets(client)["asset:a1"]
    assert asset["imported"]["created_at"] == "2025-04-28T21:20:09.500000Z"
    jobs = client.page("/v1/jobs")["items"]
    first, second, third, fourth = sorted(jobs, key=lambda job: str(job["imported"]["place"]))
    assert [job["status"] for job in (first, second, third, fourth)] == [
        "succeeded",
        "failed",
        "cancelled",
        "succeeded",
    ]
    assert fourth["costs"] == []
    assert first["assets"] == [asset["id"]]
    assert f"job:{first['id']}" in asset["origin"]
    assert first["media_kind"] == "image"
    assert first["costs"] == [{"attempt": 1, "amount": "0.250000000", "currency": "USD"}]
    assert first["imported"]["finished_at"] is not None
    assert second["error_message"] == "out of memory"
    assert claim(client) == []


def test_what_does_not_fit_in_an_entry_is_found_among_the_others(
    client: Client, importing: Callable[..., Importer], tmp_path: Path
) -> None:
    file = {"media": {"media_kind": "file"}}
    lines = [file | {"id": f"line-{number}"} for number in range(5)]
    lines[2] |= {"description": "\U0001f3f0" * 9_000, "metadata": {"text": "x" * 39_000}}
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    outcomes = {outcome.place: outcome for outcome in importing("jsonl").run(jsonl.read(path))}
    assert [place for place, outcome in outcomes.items() if outcome.what == "refused"] == ["line-2"]
    assert "at most 65,535" in str(outcomes["line-2"].reason)
    assert sorted(assets(client)) == ["line-0", "line-1", "line-3", "line-4"]


@hypothesis.settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_however_often_and_however_far_it_runs_each_item_is_there_once(
    data: st.DataObject, clients: Callable[..., Client], services: Services, tmp_path: Path
) -> None:
    client = clients()
    session = own_session(services, client.tenant_id)
    texts = data.draw(st.lists(st.text(max_size=20), min_size=1, max_size=12))
    root = tmp_path / f"{zlib.crc32(repr(texts).encode())}-{client.tenant_id}"
    root.mkdir()
    for number, text in enumerate(texts):
        (root / f"{number}.txt").write_text(text)

    def items() -> list[SourceItem]:
        return list(folder.read(root))

    for _ in range(data.draw(st.integers(min_value=1, max_value=3))):
        some = data.draw(st.lists(st.sampled_from(items()), max_size=20, unique_by=lambda item: item.place))
        importer = Importer(Intake(session, services.rules), "folder", "USD")
        assert "refused" not in counted(importer.run(some))
    importer = Importer(Intake(session, services.rules), "folder", "USD")
    assert sum(counted(importer.run(items())).values()) == len(texts)
    listed = client.page(limit=200)["items"]
    assert sorted(asset["imported"]["place"] for asset in listed) == sorted(
        item.place for item in items() if isinstance(item, Item)
    )
