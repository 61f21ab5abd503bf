"""Statistics and lineage look back: they show what they showed then."""

from collections.abc import Callable

from tests.conftest import Client
from tests.http.assertions import path, problem
from tests.http.job_requests import Json
from tests.http.test_lineage import edges, lineage, story
from tests.http.test_statistics import everything, job, statistics

__all__ = ["story"]


def test_statistics_as_of_a_moment_are_what_they_were_then(client: Client) -> None:
    asset = client.create(workflow_id="w1", client_id="acme")
    steps: list[Callable[[], object]] = [
        lambda: job(client, "succeed", "0.25", workflow_id="w2", run="r1"),
        lambda: client.call("POST", path(asset, "links"), json={"references": ["client:globex"]}),
        lambda: client.call("DELETE", path(asset)),
        lambda: client.call("DELETE", path(asset, "links"), params={"ref": "client:globex"}),
        lambda: client.call("POST", path(asset, "restore")),
        lambda: job(client, "fail", "1", workflow_id="w1"),
    ]
    asked: list[Json] = [{}, *({"group_by": name} for name in ("workflow", "client", "day", "job", "creator"))]
    asked += [{"client_id": "globex"}, {"run": "r1"}, {"group_by": ["client", "workflow"], "media_kind": "image"}]
    asked += [{"job_id": "r1", "group_by": "workflow"}]
    then: list[tuple[int, list[list[Json]]]] = []
    for step in steps:
        step()
        head = client.head()
        then.append((head, [statistics(client, **params) for params in asked]))
    for position, shown in then:
        assert [statistics(client, as_of=position, **params) for params in asked] == shown
        answer = client.get("/v1/statistics", as_of=position)
        assert answer.headers["Ledger-As-Of"] == str(position)
        assert "Ledger-Position" not in answer.headers
    assert everything(client, as_of=0)["assets"] == {"live": 0, "deleted": 0}
    assert statistics(client, as_of="1970-01-01T00:00:00Z", group_by="day") == []


def test_the_pages_of_a_moment_are_of_that_moment_and_a_cursor_belongs_to_it(client: Client) -> None:
    for name in ("a.b", "c", "d"):
        client.create(node_id=name)
    moment = client.head()
    time = client.page("/v1/audit", limit=1)["items"][0]["time"]
    for as_of in (moment, time):
        first = client.page("/v1/statistics", group_by="node", limit=1, as_of=as_of)
        client.create(node_id="b")
        rest = client.page("/v1/statistics", group_by="node", as_of=as_of, cursor=first["next"])
        nodes = [item["group"]["node"] for item in first["items"] + rest["items"]]
        assert nodes == ["a.b", "c", "d"]
        for other in ({}, {"as_of": moment - 1}):
            answer = client.get("/v1/statistics", group_by="node", cursor=first["next"], **other)
            problem(answer, 400, "cursor")


def test_lineage_as_of_a_moment_is_what_was_known_then(client: Client, story: Json) -> None:
    photo, castle, poster = (story[name] for name in ("photo", "castle", "poster"))
    before = lineage(client, photo)
    moment = client.head()
    links = path(poster, "links")
    client.call("DELETE", links, params={"ref": "message:m1"})
    client.call("POST", links, json={"references": ["message:m2"]})
    client.call("PATCH", path(photo), json={"name": "Portrait"})
    client.create(name="Print", sources=[poster["id"]])

    answer = client.get(path(photo, "lineage"), as_of=moment)
    assert answer.json() == before
    assert answer.headers["Ledger-As-Of"] == str(moment)
    assert lineage(client, photo, as_of=client.head()) == lineage(client, photo)
    of_poster = edges(story, lineage(client, poster, direction="up", depth=1, as_of=moment))
    assert ("reference:message:m1", "link", "poster") in of_poster
    assert client.page("/v1/lineage", ref="message:m2", as_of=moment)["edges"] == []
    assert len(client.page("/v1/lineage", ref="message:m1", as_of=moment)["edges"]) == 1
    assert edges(story, lineage(client, photo, direction="down", as_of=castle["position"] - 2)) == {
        ("photo", "source", "job")
    }
    problem(client.get(path(poster, "lineage"), as_of=photo["position"]), 404, "asset-not-found")
    for shown in ("mermaid", "openlineage"):
        assert client.get(path(photo, "lineage"), as_of=moment, format=shown).headers["Ledger-As-Of"] == str(moment)
