"""What an asset came from and what came from it, over HTTP, in every form."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from api.http.schemas.lineage import Lineage
from tests.conftest import Client
from tests.http.assertions import UNKNOWN_ID, path, problem, refused_fields
from tests.http.job_requests import IMAGE, Json, asked, body, done

HOSTILE = 'x"]; end\n%% {{style}} --> n0 #quot; \\" <script>alert(1)</script> &amp; \\N \u202e"; } // A:#b;'


@pytest.fixture
def story(client: Client) -> Json:
    """A photo; a job for a claim that made a castle of it; and a poster, made of the castle by hand."""
    photo = client.create(name="Photo", workflow_id="w1")
    job = asked(client, sources=[photo["id"]], claim_id="c7", model="sdxl", provider="comfy")
    done(client, job, "start", attempt=1)
    ended = done(client, job, "succeed", attempt=1, assets=[IMAGE | {"name": "Castle"}])
    castle = body(client.get(f"/v1/assets/{ended['assets'][0]}"))
    poster = client.create(name="Poster", sources=[castle["id"]], scope="client:c1", message_id="m1")
    return {"photo": photo, "job": ended, "castle": castle, "poster": poster}


def lineage(client: Client, asset: Json, **params: Any) -> Json:
    """The lineage of an asset, of all that is recorded."""
    return client.page(path(asset, "lineage"), **params)


def names(story: Json) -> dict[str, str]:
    """What the nodes of the story are called here."""
    return {f"{'job' if name == 'job' else 'asset'}:{story[name]['id']}": name for name in story}


def edges(story: Json, shown: Json) -> set[tuple[str, str, str]]:
    """The edges with short names."""
    short = names(story)
    return {
        (short.get(edge["from"], edge["from"]), edge["kind"], short.get(edge["to"], edge["to"]))
        for edge in shown["edges"]
    }


INHERITED = {
    ("reference:claim:c7", "link", "castle"),
    ("reference:model:sdxl", "origin", "castle"),
    ("reference:provider:comfy", "origin", "castle"),
}
OF_CASTLE = {("photo", "source", "castle"), ("job", "made", "castle")} | INHERITED
OF_JOB = {
    ("photo", "source", "job"),
    ("reference:claim:c7", "link", "job"),
    ("reference:model:sdxl", "origin", "job"),
    ("reference:provider:comfy", "origin", "job"),
}
OF_PHOTO = {("reference:workflow:w1", "origin", "photo")}
FROM_CASTLE = {("castle", "source", "poster")}


def test_up_leads_to_sources_jobs_and_references(client: Client, story: Json) -> None:
    assert edges(story, lineage(client, story["castle"], direction="up", depth=1)) == OF_CASTLE
    assert edges(story, lineage(client, story["castle"], direction="up")) == OF_CASTLE | OF_JOB | OF_PHOTO


def test_down_leads_to_what_was_made_of_it(client: Client, story: Json) -> None:
    all_from_photo = {("photo", "source", "job"), ("photo", "source", "castle"), ("job", "made", "castle")}
    assert edges(story, lineage(client, story["photo"], direction="down", depth=1)) == {
        ("photo", "source", "job"),
        ("photo", "source", "castle"),
    }
    assert edges(story, lineage(client, story["photo"], direction="down", depth=2)) == all_from_photo | FROM_CASTLE
    assert edges(story, lineage(client, story["poster"], direction="down")) == set()


def test_both_are_each_of_the_two_ways_and_not_others(client: Client, story: Json) -> None:
    shown = lineage(client, story["castle"])
    assert edges(story, shown) == OF_CASTLE | OF_JOB | OF_PHOTO | FROM_CASTLE
    up_only = edges(story, lineage(client, story["poster"]))
    assert ("reference:client:c1", "scope", "poster") in up_only
    assert ("reference:message:m1", "link", "poster") in up_only


def test_nodes_tell_what_they_are_and_edges_which_event_made_them(client: Client, story: Json) -> None:
    shown = lineage(client, story["castle"])
    assert Lineage.model_validate(shown)
    nodes = {node["id"]: node for node in shown["nodes"]}
    castle, job = story["castle"], story["job"]
    assert shown["start"] == shown["nodes"][0]["id"] == f"asset:{castle['id']}"
    assert nodes[f"asset:{castle['id']}"] == {
        "id": f"asset:{castle['id']}",
        "type": "asset",
        "asset_id": castle["id"],
        "name": "Castle",
        "status": "ready",
        "media_kind": "image",
    }
    assert nodes[f"job:{job['id']}"] == {
        "id": f"job:{job['id']}",
        "type": "job",
        "job_id": job["id"],
        "status": "succeeded",
        "media_kind": "image",
        "provider": "comfy",
        "model": "sdxl",
    }
    claim = "reference:claim:c7"
    assert nodes[claim] == {"id": claim, "type": "reference", "ref": "claim:c7"}
    by_ends = {(edge["from"], edge["to"]): edge for edge in shown["edges"]}
    product = by_ends[f"job:{job['id']}", f"asset:{castle['id']}"]
    assert (product["position"], product["time"]) == (job["position"], job["finished_at"])
    source = by_ends[f"asset:{castle['id']}", f"asset:{story['poster']['id']}"]
    assert (source["position"], source["time"]) == (story["poster"]["position"], story["poster"]["created_at"])
    assert (shown["truncated"], shown["truncated_by"]) == (False, None)


def test_a_link_has_the_position_and_time_of_its_own_event(client: Client) -> None:
    asset = client.create()
    client.create()
    linked = client.call("POST", path(asset, "links"), json={"references": ["message:m9"]})
    (edge,) = lineage(client, asset)["edges"]
    assert edge["position"] == int(linked.headers["Ledger-Position"])
    assert edge["time"] == linked.json()["updated_at"]
    client.call("DELETE", path(asset, "links"), params={"ref": "message:m9"})
    assert lineage(client, asset)["edges"] == []


def test_everything_that_came_from_a_reference_is_shown(client: Client, story: Json) -> None:
    claim = client.page("/v1/lineage", ref="claim:c7")
    assert claim["start"] == "reference:claim:c7"
    assert edges(story, claim) == {
        ("reference:claim:c7", "link", "castle"),
        ("reference:claim:c7", "link", "job"),
        ("job", "made", "castle"),
        ("castle", "source", "poster"),
    }
    scope = client.page("/v1/lineage", ref="client:c1", depth=1)
    assert edges(story, scope) == {("reference:client:c1", "scope", "poster")}
    nothing = client.page("/v1/lineage", ref="claim:unknown:of:all")
    assert [node["ref"] for node in nothing["nodes"]] == ["claim:unknown:of:all"]
    assert nothing["edges"] == []


def test_a_reference_to_a_job_of_the_ledger_is_the_job(client: Client, story: Json) -> None:
    named = client.create(job_id=story["job"]["id"])
    other = client.create(job_id=UNKNOWN_ID)
    shown = client.page("/v1/lineage", ref=f"job:{story['job']['id']}", depth=1)
    assert shown["start"] == f"job:{story['job']['id']}"
    assert edges(story, shown) == {
        ("job", "made", "castle"),
        ("job", "origin", f"asset:{named['id']}"),
    }
    assert {edge["from"] for edge in lineage(client, named, depth=1)["edges"]} == {f"job:{story['job']['id']}"}
    assert {edge["from"] for edge in lineage(client, other)["edges"]} == {f"reference:job:{UNKNOWN_ID}"}
    follow_up = asked(client, job_id=story["job"]["id"], run="again")
    downward = client.page("/v1/lineage", ref=f"job:{story['job']['id']}", depth=1)
    assert (f"job:{story['job']['id']}", f"job:{follow_up['id']}") in {(e["from"], e["to"]) for e in downward["edges"]}
    upward = client.page("/v1/lineage", ref=f"job:{follow_up['id']}")
    assert upward["edges"] == []


def test_a_circle_ends_where_it_began(client: Client) -> None:
    asset = client.create()
    job = done(client, asked(client, sources=[asset["id"]]), "start", attempt=1)
    done(client, job, "succeed", attempt=1, asset_ids=[asset["id"]])

    for direction in ("up", "down", "both"):
        shown = lineage(client, asset, direction=direction, depth=50)
        ends = [(edge["from"], edge["kind"], edge["to"]) for edge in shown["edges"]]
        assert sorted(ends) == sorted(
            [
                (f"asset:{asset['id']}", "source", f"job:{job['id']}"),
                (f"job:{job['id']}", "made", f"asset:{asset['id']}"),
            ]
        )
        assert shown["truncated"] is False


def test_a_deleted_asset_has_a_lineage_and_is_shown_as_deleted(client: Client, story: Json) -> None:
    client.call("DELETE", path(story["castle"]))
    for asset in (story["castle"], story["photo"]):
        nodes = {node["id"]: node for node in lineage(client, asset, direction="down")["nodes"]}
        assert nodes[f"asset:{story['castle']['id']}"]["status"] == "deleted"


def test_the_lineage_of_one_s_own_is_all_that_is_shown(clients: Callable[..., Client]) -> None:
    ann, bob = clients(), clients()
    theirs = bob.create(name="Secret", claim_id="c7")
    bob.create(name="Secret too", sources=[theirs["id"]])
    ours = ann.create(claim_id="c7")
    bob.page()

    assert [node.get("name") for node in ann.page("/v1/lineage", ref="claim:c7")["nodes"]] == [None, None]
    assert "Secret" not in ann.get("/v1/lineage", ref="claim:c7", min_position=ann.head()).text
    assert len(bob.page("/v1/lineage", ref="claim:c7")["nodes"]) == 3
    assert len(lineage(ann, ours)["nodes"]) == 2
    for params in ({}, {"direction": "up", "format": "mermaid"}):
        problem(ann.get(path(theirs, "lineage"), **params), 404, "asset-not-found")
    problem(ann.get(f"/v1/assets/{UNKNOWN_ID}/lineage"), 404, "asset-not-found")


@pytest.mark.parametrize(
    ("where", "params", "field"),
    [
        ("asset", {"depth": 0}, "query.depth"),
        ("asset", {"depth": 51}, "query.depth"),
        ("asset", {"depth": "deep"}, "query.depth"),
        ("asset", {"direction": "sideways"}, "query.direction"),
        ("asset", {"format": "svg"}, "query.format"),
        ("asset", {"ref": "claim:c7"}, "query.ref"),
        ("asset", {"min_position": -1}, "query.min_position"),
        ("reference", {}, "query.ref"),
        ("reference", {"ref": ""}, "query.ref"),
        ("reference", {"ref": "claim"}, "query.ref"),
        ("reference", {"ref": "claim:a\0b"}, "query.ref.id"),
        ("reference", {"ref": "claim:c7", "direction": "up"}, "query.direction"),
        ("reference", {"ref": "claim:c7", "depth": 51}, "query.depth"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(client: Client, where: str, params: Json, field: str) -> None:
    target = path(client.create(), "lineage") if where == "asset" else "/v1/lineage"
    assert refused_fields(client.get(target, **params)) == [field]


MERMAID = re.compile(
    r'    n\d+(\["L"\]|\(\["L"\]\)|\{\{"L"\}\})|    n\d+ -->\|[a-z]+\| n\d+'.replace(
        "L", r"(?:[\w .,:/-]|#\d+;|<br/>)+"
    )
)
GRAPHVIZ = re.compile(
    r'    n\d+ \[shape=(box|ellipse|hexagon), label="(?:[^"\\\n]|\\["\\n])*"\];|    n\d+ -> n\d+ \[label="[a-z]+"\];'
)


def shown_as(client: Client, asset: Json, form: str) -> httpx.Response:
    answer = client.get(path(asset, "lineage"), format=form, min_position=client.head())
    assert answer.status_code == 200, answer.text
    return answer


@pytest.fixture
def hostile(client: Client) -> Json:
    """An asset, its source and a reference, all named to break out of a diagram."""
    source = client.create(name=HOSTILE, references=[f"claim:{HOSTILE}"])
    return client.create(name="ö" * 500, sources=[source["id"]])


def test_nothing_breaks_out_of_a_diagram_of_mermaid(client: Client, story: Json, hostile: Json) -> None:
    for asset in (hostile, story["castle"]):
        answer = shown_as(client, asset, "mermaid")
        heading, *lines = answer.text.splitlines()
        assert answer.headers["Content-Type"] == "text/vnd.mermaid; charset=utf-8"
        assert heading == "flowchart LR"
        assert [line for line in lines if not MERMAID.fullmatch(line)] == []
        graph = lineage(client, asset)
        assert len(lines) == len(graph["nodes"]) + len(graph["edges"])
    assert 'n0["Castle<br/>image, ready"]' in answer.text
    assert re.search(r"n\d -->\|made\| n0", answer.text)


def test_nothing_breaks_out_of_a_graph_of_graphviz(client: Client, story: Json, hostile: Json) -> None:
    for asset in (hostile, story["castle"]):
        answer = shown_as(client, asset, "graphviz")
        lines = answer.text.splitlines()
        assert answer.headers["Content-Type"] == "text/vnd.graphviz; charset=utf-8"
        assert (lines[:3], lines[-1]) == (["digraph lineage {", "    rankdir=LR;", '    charset="UTF-8";'], "}")
        assert [line for line in lines[3:-1] if not GRAPHVIZ.fullmatch(line)] == []
        graph = lineage(client, asset)
        assert len(lines) - 4 == len(graph["nodes"]) + len(graph["edges"])
    assert r'n0 [shape=box, label="Castle\nimage, ready"];' in answer.text


def test_jobs_are_runs_and_assets_are_datasets_of_openlineage(client: Client, story: Json) -> None:
    answer = shown_as(client, story["castle"], "openlineage")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    events = {event["run"]["runId"]: event for event in map(orjson.loads, answer.content.splitlines())}
    for event in events.values():
        check_run_event(event)
    job, poster = events[story["job"]["id"]], events[story["poster"]["id"]]
    assert (job["eventType"], job["eventTime"]) == ("COMPLETE", story["job"]["finished_at"])
    assert job["job"] == {"namespace": f"asset-ledger:{client.tenant_id}", "name": "comfy/sdxl"}
    assert [dataset["name"] for dataset in job["inputs"]] == [story["photo"]["id"]]
    assert [dataset["name"] for dataset in job["outputs"]] == [story["castle"]["id"]]
    assert job["outputs"][0]["facets"]["assetLedger_asset"]["name"] == "Castle"
    references = job["run"]["facets"]["assetLedger_job"]["references"]
    assert set(references) == {"claim:c7", "model:sdxl", "provider:comfy"}
    assert [dataset["name"] for dataset in poster["inputs"]] == [story["castle"]["id"]]
    assert [dataset["name"] for dataset in poster["outputs"]] == [story["poster"]["id"]]
    assert (poster["eventType"], poster["job"]["name"]) == ("COMPLETE", "asset.created")
    assert events.keys() == {story["job"]["id"], story["poster"]["id"]}


def check_run_event(event: Json) -> None:
    """What the specification 2-0-2 requires of a run event."""
    assert event["eventType"] in {"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["eventTime"])
    assert event["schemaURL"] == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    UUID(event["run"]["runId"])
    things = [event["job"], *event["inputs"], *event["outputs"]]
    assert all({"namespace", "name"} <= thing.keys() <= {"namespace", "name", "facets"} for thing in things)
    for thing in (event["run"], *things):
        for facet in thing.get("facets", {}).values():
            assert {"_producer", "_schemaURL"} <= facet.keys()
            assert facet["_producer"] == event["producer"]


@pytest.mark.parametrize("status", ["queued", "running", "failed", "cancelled"])
def test_a_run_is_where_its_job_is(client: Client, status: str) -> None:
    asset = client.create()
    job = asked(client, sources=[asset["id"]])
    if status != "queued":
        done(client, job, "start", attempt=1)
    if status == "failed":
        done(client, job, "fail", attempt=1, code="x")
    if status == "cancelled":
        done(client, job, "cancel")
    (event,) = map(orjson.loads, shown_as(client, asset, "openlineage").content.splitlines())
    check_run_event(event)
    expected = {"queued": "OTHER", "running": "RUNNING", "failed": "FAIL", "cancelled": "ABORT"}
    assert (event["eventType"], event["job"]["name"]) == (expected[status], "image")


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("text/vnd.mermaid", "text/vnd.mermaid; charset=utf-8"),
        ("text/html, text/vnd.graphviz;q=0.9, */*;q=0.1", "text/vnd.graphviz; charset=utf-8"),
        ("Text/VND.Mermaid ; Q=0.5, application/json;q=0.4", "text/vnd.mermaid; charset=utf-8"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("text/*", "text/vnd.mermaid; charset=utf-8"),
        ("application/json;q=0, */*", "text/vnd.mermaid; charset=utf-8"),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        ("text/vnd.mermaid;q=many, ;;=,,", "application/json"),
    ],
)
def test_the_form_is_what_accept_asks_for(client: Client, accept: str, answered: str) -> None:
    asset = client.create()
    answer = client.call("GET", path(asset, "lineage"), headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, answered)
    assert answer.headers["Vary"] == "Accept"
    forced = client.call("GET", path(asset, "lineage"), params={"format": "json"}, headers={"Accept": accept})
    assert forced.headers["Content-Type"] == "application/json"
