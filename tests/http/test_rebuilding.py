"""While a read model is being made anew, whoever reads it is told so, or is refused what must not miss anything."""

from collections.abc import Iterator
from contextlib import nullcontext

import httpx
import pytest

from api.composition import Services
from api.http.app import create_app
from api.http.server import listening, serving
from domain.event import Actor
from projections.asset_references.fold import ASSET_REFERENCES
from projections.asset_versions.fold import ASSET_VERSIONS
from projections.assets.fold import ASSETS
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.contents.fold import CONTENTS
from projections.engine.rebuild import rebuild
from projections.job_references.fold import JOB_REFERENCES
from projections.job_versions.fold import JOB_VERSIONS
from projections.jobs.fold import JOBS
from projections.lineage.fold import LINEAGE
from projections.projection import Projection
from projections.statistics.fold import STATISTICS
from tests.conftest import Client, context, new_tenant

HEADER = "Ledger-Rebuilding"
LISTS = {
    "/v1/assets": (ASSETS, ASSET_REFERENCES),
    "/v1/assets?total=true": (ASSETS,),
    "/v1/references/client/assets?id=c1": (ASSET_REFERENCES,),
    "/v1/jobs": (JOBS, JOB_REFERENCES),
    "/v1/references/client/jobs?id=c1": (JOB_REFERENCES,),
    "/v1/audit": (AUDIT_TRAIL,),
    "/v1/statistics": (STATISTICS,),
    "/v1/lineage?ref=client:c1": (LINEAGE, ASSETS, ASSET_REFERENCES, JOBS, JOB_REFERENCES),
}

REFUSED = {
    "/v1/assets?as_of=0": (ASSET_VERSIONS, ASSET_REFERENCES),
    "/v1/assets?as_of=0&total=true": (ASSET_VERSIONS,),
    "/v1/references/client/assets?id=c1&as_of=0": (ASSET_REFERENCES,),
    "/v1/jobs?as_of=0": (JOB_VERSIONS, JOB_REFERENCES),
    "/v1/changes?from=0&to=0": (ASSET_VERSIONS, ASSET_REFERENCES),
}
"""Lists that must not miss anything, and what they are read from."""


@pytest.fixture
def quiet_client(quiet: Services) -> Iterator[Client]:
    """A client of a ledger whose read models move only when the test moves them."""
    tenant = new_tenant(quiet)
    key = quiet.api_keys.issue(context(), tenant, Actor(id="ann", type="user"))
    with (
        serving(create_app(lambda: nullcontext(quiet)), listening("127.0.0.1", 0)) as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http,
    ):
        yield Client(http, tenant)


@pytest.mark.parametrize("path", LISTS)
def test_a_list_names_the_read_models_that_are_being_made_anew(
    quiet: Services, quiet_client: Client, path: str
) -> None:
    quiet_client.create()
    assert HEADER not in quiet_client.call("GET", path).headers
    for projection in LISTS[path]:
        quiet.engine.tables.reset(projection)
        answer = quiet_client.call("GET", path)
        assert (answer.status_code, answer.headers[HEADER]) == (200, projection.name)
        rebuild(quiet.engine, projection)
        assert HEADER not in quiet_client.call("GET", path).headers


@pytest.mark.parametrize("path", REFUSED)
def test_a_list_that_looks_back_is_refused_meanwhile(quiet: Services, quiet_client: Client, path: str) -> None:
    assert quiet_client.call("GET", path).status_code == 200
    for projection in REFUSED[path]:
        quiet.engine.tables.reset(projection)
        refused = quiet_client.http.get(path)
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (503, "read-model-rebuilding")
        assert projection.name in refused.json()["detail"]
        rebuild(quiet.engine, projection)
        assert quiet_client.call("GET", path).status_code == 200


def test_a_lineage_tells_nothing_of_what_no_list_shows_yet(quiet: Services, quiet_client: Client) -> None:
    asset = quiet_client.create(name="Castle")
    job = quiet_client.call("POST", "/v1/jobs", json={"media_kind": "image", "sources": [asset["id"]]}).json()
    path, id_ = f"/v1/assets/{asset['id']}/lineage", f"asset:{asset['id']}"
    alone = {"id": id_, "type": "asset", "asset_id": asset["id"], "status": None}
    assert quiet_client.get(path).json()["nodes"] == [alone]

    quiet.engine.progress.enrol()
    quiet.engine.step(LINEAGE, 500)
    shown = quiet_client.get(path).json()
    assert shown["nodes"] == [
        alone,
        {"id": f"job:{job['id']}", "type": "job", "job_id": job["id"], "status": None},
    ]
    assert [(edge["position"], edge["time"]) for edge in shown["edges"]] == [(job["position"], job["created_at"])]
    for form, text in {"mermaid": asset["id"], "graphviz": job["id"], "openlineage": '"eventType":"OTHER"'}.items():
        assert text in quiet_client.get(path, format=form).text


@pytest.mark.parametrize("projection", [ASSETS, ASSET_REFERENCES, CONTENTS], ids=lambda p: p.name)
def test_a_purge_is_refused_meanwhile(quiet: Services, quiet_client: Client, projection: Projection[object]) -> None:
    asset = quiet_client.create(references=["client:c1"])
    quiet.engine.tables.reset(projection)
    for dry_run in (True, False):
        refused = quiet_client.http.post("/v1/assets/purge", params={"ref": "client:c1", "dry_run": dry_run})
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (503, "read-model-rebuilding")
        assert projection.name in refused.json()["detail"]
    assert quiet_client.get(f"/v1/assets/{asset['id']}").status_code == 200


def test_a_zip_of_what_a_filter_finds_is_refused_meanwhile(quiet: Services, quiet_client: Client) -> None:
    asset = quiet_client.call("POST", "/v1/assets/upload", files={"file": ("a.txt", b"a")}).json()
    for projection in (ASSETS, ASSET_REFERENCES):
        quiet.engine.tables.reset(projection)
        refused = quiet_client.http.get("/v1/assets/zip", params={"status": "ready"})
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (503, "read-model-rebuilding")
        rebuild(quiet.engine, projection)
    quiet.engine.tables.reset(ASSETS)
    assert quiet_client.get("/v1/assets/zip", id=asset["id"]).status_code == 200
