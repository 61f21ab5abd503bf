"""Jobs that were over elsewhere are recorded as they were, and what is odd about one harms no other."""

from collections.abc import Callable

import pytest

from api.application.imports.importer import Importer
from api.application.imports.items import Outcome
from api.importers.nodetool import read
from tests.conftest import Client
from tests.importers.databases import ASSET, JOB, Nodetool
from tests.importers.outcomes import assets, counted, end_of, jobs


def test_a_job_that_made_too_many_assets_to_name_is_recorded_without_their_names(
    client: Client, importing: Callable[..., Importer], nodetool: Nodetool
) -> None:
    many = 1_700
    nodetool.insert("jobs", JOB, JOB | {"id": "j2"}, JOB | {"id": "j3"})
    nodetool.insert("assets", *(ASSET | {"id": f"a{number}", "job_id": "j2"} for number in range(many)))
    outcome_of = {outcome.place: outcome for outcome in importing().run(read(nodetool.path))}
    reason = "its 1,700 assets refer to it, but are too many to be named in it"
    assert outcome_of["job:j2"] == Outcome("job:j2", "imported", reason)
    assert (outcome_of["job:j1"].reason, outcome_of["job:j3"].reason) == (None, None)
    assert counted(outcome_of.values()) == {"imported": many + 3}
    job = jobs(client)["job:j2"]
    assert (job["status"], job["assets"], job["costs"][0]["amount"]) == ("succeeded", [], "0.100000000")
    assert end_of(client, job)["reason"] == reason
    assert f"job:{job['id']}" in next(iter(assets(client).values()))["origin"]
    assert counted(importing().run(read(nodetool.path))) == {"known": many + 3}


def test_an_error_is_kept_as_far_as_an_entry_has_room(
    client: Client, importing: Callable[..., Importer], nodetool: Nodetool
) -> None:
    errors = ["\x01" * 10_000, "\U0001f3f0" * 11_000, "x" * 11_000]
    nodetool.insert("jobs", *(JOB | {"id": f"j{n}", "status": "failed", "error": e} for n, e in enumerate(errors)))
    cut = [outcome.reason for outcome in importing().run(read(nodetool.path))]
    assert cut == [f"its error is cut to {length} characters" for length in ("5,000", "10,000", "10,000")]
    kept = [jobs(client)[f"job:j{number}"]["error_message"] for number in range(3)]
    assert kept == ["\x01" * 5_000, "\U0001f3f0" * 10_000, "x" * 10_000]


@pytest.mark.parametrize(
    ("status", "finished_at", "over"),
    [
        ("running", None, False),
        ("Scheduled", None, False),
        ("paused", "2025-04-28T21:20:10", False),
        ("dozing", None, False),
        (None, None, False),
        ("dozing", "2025-04-28T21:20:10", True),
        (None, "2025-04-28T21:20:10", True),
        ("cancelled", None, True),
    ],
)
def test_a_job_that_is_not_over_is_left_for_later(
    importing: Callable[..., Importer], nodetool: Nodetool, status: str | None, finished_at: str | None, over: bool
) -> None:
    nodetool.insert("jobs", JOB | {"status": status, "finished_at": finished_at})
    (outcome,) = importing().run(read(nodetool.path))
    assert outcome.what == ("imported" if over else "unfinished")
    assert over or outcome.reason == f"its status is {status}"


def test_a_job_is_recorded_once_it_is_over_with_what_was_imported_before(
    client: Client, importing: Callable[..., Importer], nodetool: Nodetool
) -> None:
    nodetool.insert("jobs", JOB | {"status": "running", "finished_at": None, "cost": None})
    nodetool.insert("assets", ASSET)
    assert counted(importing().run(read(nodetool.path))) == {"imported": 1, "unfinished": 1}
    assert jobs(client) == {}
    nodetool.change("jobs", "j1", status="completed", finished_at="2025-04-28T21:20:10", cost=4.5)
    nodetool.insert("assets", ASSET | {"id": "a2"})
    assert counted(importing().run(read(nodetool.path))) == {"known": 1, "imported": 2}
    job, imported = jobs(client)["job:j1"], assets(client)
    assert (job["status"], job["costs"][0]["amount"]) == ("succeeded", "4.500000000")
    assert sorted(job["assets"]) == sorted(asset["id"] for asset in imported.values())
    assert all(f"job:{job['id']}" in asset["origin"] for asset in imported.values())


def test_a_known_job_that_is_another_at_its_source_is_listed(
    importing: Callable[..., Importer], nodetool: Nodetool
) -> None:
    nodetool.insert("jobs", JOB, JOB | {"id": "j2"}, JOB | {"id": "j3", "status": "failed", "error": "no memory"})
    assert counted(importing().run(read(nodetool.path))) == {"imported": 3}
    nodetool.insert("assets", ASSET)  # what it made is told by the assets
    nodetool.change("jobs", "j2", cost=0.2)
    nodetool.change("jobs", "j3", status="completed", error=None)
    outcome_of = {outcome.place: outcome for outcome in importing().run(read(nodetool.path))}
    assert (outcome_of["job:j1"].what, outcome_of["job:j2"].what, outcome_of["job:j3"].what) == (
        "known",
        "differs",
        "differs",
    )
    assert outcome_of["job:j2"].reason == "its source tells otherwise than when it was imported"


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        ("cancelled", None, None),
        ("cancelled", "the window was closed", "the window was closed"),
        ("interrupted", None, "its status is interrupted"),
        ("interrupted", "the window was closed", "its status is interrupted: the window was closed"),
    ],
)
def test_a_cancelled_job_keeps_its_cost_and_what_was_said_of_its_end(
    client: Client, importing: Callable[..., Importer], nodetool: Nodetool, status: str, error: str, reason: str
) -> None:
    nodetool.insert("jobs", JOB | {"status": status, "error": error, "cost": 2.5})
    assert counted(importing().run(read(nodetool.path))) == {"imported": 1}
    job = jobs(client)["job:j1"]
    assert job["status"] == "cancelled"
    assert job["costs"] == [{"attempt": 1, "amount": "2.500000000", "currency": "USD"}]
    assert end_of(client, job)["reason"] == reason
