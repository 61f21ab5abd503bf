"""The audit trail is found by job, by reference and by words, and shows nothing of other tenants."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.text import searchable
from tests.conftest import Client

Entry = dict[str, Any]
IMAGE = {"media": {"media_kind": "image"}}


def trail(client: Client, **params: Any) -> list[Entry]:
    """The whole trail, the oldest first."""
    page = client.page("/v1/audit", limit=200, **params)
    assert page["next"] is None
    items: list[Entry] = page["items"]
    return items[::-1]


def topics(entries: list[Entry]) -> list[str]:
    return [entry["topic"] for entry in entries]


def trail_topics(client: Client, **params: Any) -> list[str]:
    """The topics of the trail, the oldest first."""
    return topics(trail(client, **params))


def work(client: Client, run: str) -> tuple[str, str, str]:
    """A job that makes one asset and takes on another, which was there before; returns the three ids."""
    known = client.create(name="before", references=["message:m1"])["id"]
    job = client.call("POST", "/v1/jobs", json={"media_kind": "image", "run": run, "claim_id": "c7"}).json()["id"]
    client.call("POST", f"/v1/jobs/{job}/start", json={"attempt": 1})
    ended = {"attempt": 1, "assets": [IMAGE], "asset_ids": [known]}
    produced = client.call("POST", f"/v1/jobs/{job}/succeed", json=ended).json()["assets"][0]
    return job, produced, known


def test_a_job_is_its_own_events_and_all_those_of_the_assets_it_made_or_took_on(
    clients: Callable[..., Client],
) -> None:
    client, other = clients(), clients()
    work(other, "r1")
    job, produced, known = work(client, "r1")
    another, _, _ = work(client, "r2")
    client.create()
    client.call("PATCH", f"/v1/assets/{produced}", json={"name": "after"})
    entries = trail(client, job=job)
    assert {(entry["topic"], entry["asset_id"] or entry["job_id"]) for entry in entries} == {
        ("asset.created", known),
        ("job.requested", job),
        ("job.started", job),
        ("job.succeeded", job),
        ("asset.created", produced),
        ("asset.linked", known),
        ("asset.described", produced),
    }
    assert len(entries) == 7
    assert {entry["position"] for entry in entries}.isdisjoint(e["position"] for e in trail(client, job=another))
    assert trail(other, job=job) == []


def test_an_asset_stays_in_the_trail_of_its_job_when_the_link_is_taken_away(client: Client) -> None:
    job, _, known = work(client, "r1")
    client.call("DELETE", f"/v1/assets/{known}/links?ref=job:{job}")
    client.call("DELETE", f"/v1/assets/{known}")
    assert trail_topics(client, job=job)[-2:] == ["asset.unlinked", "asset.soft_deleted"]
    assert trail_topics(client, job=job, asset=known) == [
        "asset.created",
        "asset.linked",
        "asset.unlinked",
        "asset.soft_deleted",
    ]


def test_a_job_made_from_another_is_not_in_the_trail_of_that_one(client: Client) -> None:
    first, _, _ = work(client, "r1")
    client.call("POST", "/v1/jobs", json={"media_kind": "image", "job_id": first})
    assert trail_topics(client, job=first).count("job.requested") == 1
    assert trail_topics(client, ref=f"job:{first}", topic="job.requested") == ["job.requested"]


def test_a_reference_finds_the_events_that_name_it_and_several_must_all_be_named(
    clients: Callable[..., Client],
) -> None:
    client, other = clients(), clients()
    work(other, "r1")
    other.create(references=["message:m2"])
    work(client, "r1")
    asset = client.create(references=["message:m1", "message:m2"], workflow_id="w1", scope="world:ä/1")["id"]
    client.call("PATCH", f"/v1/assets/{asset}", json={"name": "x"})
    client.call("DELETE", f"/v1/assets/{asset}/links?ref=message:m2")
    client.call("POST", f"/v1/assets/{asset}/links", json={"references": ["message:m3"]})
    assert trail_topics(client, ref="message:m1") == ["asset.created", "asset.created"]
    assert trail_topics(client, ref="message:m2") == ["asset.created", "asset.unlinked"]
    assert trail_topics(client, ref="message:m3") == ["asset.linked"]
    assert trail_topics(client, ref="claim:c7") == ["job.requested", "asset.created"]
    assert trail_topics(client, ref=["message:m1", "message:m2"]) == ["asset.created"]
    assert trail_topics(client, ref=["workflow:w1", "world:ä/1", "message:m2", "message:m2"]) == ["asset.created"]
    assert trail_topics(client, ref=["message:m1", "message:m3"]) == []


def test_a_declared_reference_is_named_by_its_declaration(client: Client) -> None:
    client.call("POST", "/v1/references", json={"kind": "claim", "id": "c:1", "scope": "world:w1"})
    assert trail_topics(client, ref="claim:c:1") == trail_topics(client, ref="world:w1") == ["reference.declared"]


def test_words_are_found_wherever_people_wrote_them(clients: Callable[..., Client]) -> None:
    client, other = clients(), clients()
    for caller in (other, client):
        asset = caller.create(
            name="Castle at DUSK", file_name="castle_100%.png", description="Über den Wolken", tags=["Wide-Angle"]
        )["id"]
        caller.call("PATCH", f"/v1/assets/{asset}", json={"tags": ["draft"], "reason": "the Client asked"})
        caller.call("PUT", f"/v1/assets/{asset}/holds/case-17")
        caller.call("DELETE", f"/v1/assets/{asset}?reason=duplicate of the other")
        job = caller.call("POST", "/v1/jobs", json={"media_kind": "image"}).json()["id"]
        caller.call("POST", f"/v1/jobs/{job}/start", json={"attempt": 1})
        caller.call("POST", f"/v1/jobs/{job}/fail", json={"attempt": 1, "code": "E7", "message": "Out of MEMORY"})
    topic_of = {
        "at dusk": "asset.created",
        "CASTLE_1": "asset.created",
        "über": "asset.created",
        "wide-": "asset.created",
        "DRAFT": "asset.described",
        "client": "asset.described",
        "e-17": "asset.held",
        "duplicate of": "asset.soft_deleted",
        "out of memory": "job.failed",
    }
    for text, topic in topic_of.items():
        assert trail_topics(client, text=text) == [topic]
    for text in ("castle_at", "100_", "%%", "dusk castle", "\\%", "'; DROP TABLE", "nowhere"):
        assert trail_topics(client, text=text) == []
    assert trail(client, text="dusk")[0]["position"] not in {e["position"] for e in trail(other, asset=asset)}


def test_any_part_of_any_words_finds_them_in_any_case(client: Client) -> None:
    text = st.text(st.characters(exclude_categories=["Cs", "Cc", "Mn"]), min_size=2, max_size=12)

    @settings(max_examples=40)
    @given(text, st.data())
    def finds(name: str, data: st.DataObject) -> None:
        asset = client.create(name=name, reason=name)["id"]
        start = data.draw(st.integers(0, len(name) - 2))
        part = name[start : start + data.draw(st.integers(2, 12))]
        if searchable(part) in searchable(name):
            assert trail(client, text=part)[-1]["asset_id"] == asset

    finds()


@pytest.mark.parametrize("text", ["", "x", "%"])
def test_a_search_of_less_than_two_characters_is_refused(client: Client, text: str) -> None:
    assert client.get("/v1/audit", text=text).json()["type"].endswith(":search-too-short")


@pytest.mark.parametrize("params", [{"job": "x"}, {"ref": "m1"}, {"ref": "Message:m1"}, {"words": "x"}])
def test_a_filter_that_does_not_fit_is_refused(client: Client, params: dict[str, str]) -> None:
    assert client.get("/v1/audit", **params).status_code == 422


def test_filters_together_must_all_hold_and_a_cursor_belongs_to_them(client: Client) -> None:
    job, produced, _ = work(client, "r1")
    for number in range(3):
        client.call(
            "PATCH",
            f"/v1/assets/{produced}",
            json={"name": f"Castle {number}", "reason": "better"},
            headers={"X-Actor": "user:ben", "X-Request-ID": f"req-{number}"},
        )
    filters = {"job": job, "text": "BETTER", "actor": "user:ben", "topic": "asset.described"}
    assert len(trail(client, **filters)) == 3
    assert [entry["correlation_id"] for entry in trail(client, **filters, correlation_id="req-1")] == ["req-1"]
    assert trail(client, **filters, ref="claim:c7") == []
    times = [entry["time"] for entry in trail(client, **filters)]
    assert len(trail(client, **filters, since=times[1])) == 2
    assert len(trail(client, **filters, until=times[1])) == 1
    page = client.page("/v1/audit", **filters, limit=2)
    rest = client.page("/v1/audit", **filters, limit=2, cursor=page["next"])
    assert [entry["correlation_id"] for entry in page["items"] + rest["items"]] == ["req-2", "req-1", "req-0"]
    assert page["items"][0]["changes"] == [{"field": "name", "before": "Castle 1", "after": "Castle 2"}]
    assert client.get("/v1/audit", **(filters | {"text": "bett"}), cursor=page["next"]).status_code == 400
