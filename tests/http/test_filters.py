"""Lists of assets and jobs show exactly what is asked for, in the order asked for, and nothing of other tenants."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import Client

Member = dict[str, Any]

CONTENT_TYPES = ["image/png", "IMAGE/PNG", "image/p_g", "im%ge/png", "image", None]
PREFIXES = ["image/", "image/p", "IMAGE/", "image/p_g", "im%", "image/_", "%", "_", "i", "video/"]
DIGESTS = ["0" * 64, "f" * 64, None]
ACTORS = ["user:ann", "worker:w1", "user:ann:2"]
PATHS = ["/v1/assets", "/v1/jobs"]


def content(content_type: str | None, sha256: str | None) -> dict[str, Any]:
    return {"content": {"content_type": content_type, "sha256": sha256}}


def fill(client: Client) -> list[Member]:
    """Assets of many sorts, some of them changed or deleted since; returns them as they are, the oldest first."""
    ids = []
    for number, (content_type, sha256) in enumerate(product(CONTENT_TYPES, DIGESTS)):
        body = {
            "media": {"media_kind": ["image", "file"][number % 2]},
            "name": f"Asset {number}",
            "tags": [["a"], ["a", "b"], []][number % 3],
            "subject": [None, "u_ann", "u_ben"][number // 2 % 3],
            "message_id": f"m{number % 4}",
        }
        answer = client.call(
            "POST",
            "/v1/assets",
            json=body | content(content_type, sha256),
            headers={"X-Actor": ACTORS[number % 3]},
        )
        ids.append(answer.json()["id"])
    for id_ in ids[3:12:4]:
        client.call("PATCH", f"/v1/assets/{id_}", json={"description": "changed"}, headers={"X-Actor": "user:ben"})
    client.call("DELETE", f"/v1/assets/{ids[5]}")
    everything = client.page(limit=200)["items"] + client.page(status="deleted")["items"]
    return sorted(everything, key=lambda asset: ids.index(asset["id"]))


def shown(asset: Member, filters: dict[str, Any]) -> bool:
    """Whether a list with these filters has the asset, by the words of the documentation."""
    stored = asset["content"] or {}
    times = asset["created_at"], asset["updated_at"]
    return all(
        [
            asset["status"] == filters.get("status", asset["status"] if asset["status"] != "deleted" else None),
            asset["media"]["media_kind"] == filters.get("media_kind", asset["media"]["media_kind"]),
            asset["created_by"] == filters.get("creator", asset["created_by"]),
            asset["subject"] == filters.get("subject", asset["subject"]),
            stored["sha256"] == filters.get("sha256", stored["sha256"]),
            (stored["content_type"] or "").lower().startswith(filters.get("content_type", "").lower()),
            set(filters.get("tag", [])) <= set(asset["tags"]),
            {f"message:{id_}" for id_ in filters.get("message_id", [])} <= set(asset["links"]),
            times[0] > filters.get("created_after", ""),
            times[0] < filters.get("created_before", "9"),
            times[1] > filters.get("updated_after", ""),
            times[1] < filters.get("updated_before", "9"),
        ]
    )


def all_pages(client: Client, path: str, **params: Any) -> list[Member]:
    """Everything a list has, page by page."""
    members: list[Member] = []
    cursor = None
    while True:
        page = client.page(path, **params, **({"cursor": cursor} if cursor else {}))
        assert len(page["items"]) <= params["limit"]
        members += page["items"]
        cursor = page["next"]
        if cursor is None:
            return members


def test_any_filters_together_find_exactly_the_assets_that_meet_all_of_them(clients: Callable[..., Client]) -> None:
    client, other = clients(), clients()
    fill(other)
    assets = fill(client)
    times = [asset[field] for asset in assets for field in ("created_at", "updated_at")]
    filters: dict[str, st.SearchStrategy[Any]] = {
        "status": st.sampled_from(["ready", "deleted", "pending"]),
        "media_kind": st.sampled_from(["image", "file", "video"]),
        "creator": st.sampled_from([*ACTORS, "user:ben"]),
        "subject": st.sampled_from(["u_ann", "u_ben", "u_"]),
        "sha256": st.sampled_from([*DIGESTS[:2], "1" * 64]),
        "content_type": st.sampled_from(PREFIXES),
        "tag": st.lists(st.sampled_from(["a", "b"]), max_size=3),
        "message_id": st.lists(st.sampled_from(["m1", "m2"]), max_size=2),
        "created_after": st.sampled_from(times),
        "created_before": st.sampled_from(times),
        "updated_after": st.sampled_from(times),
        "updated_before": st.sampled_from(times),
    }
    order = {
        "sort": st.sampled_from(["created", "updated"]),
        "order": st.sampled_from(["desc", "asc"]),
        "limit": st.sampled_from([1, 3, 200]),
    }

    @settings(max_examples=100)
    @given(
        st.fixed_dictionaries(order),
        st.lists(st.sampled_from(sorted(filters)), max_size=3, unique=True).flatmap(
            lambda names: st.fixed_dictionaries({name: filters[name] for name in names})
        ),
    )
    def finds(filters: dict[str, Any], filtered: dict[str, Any]) -> None:
        filters |= filtered
        expected = [asset for asset in assets if shown(asset, filters)]
        if filters["sort"] == "updated":
            expected.sort(key=lambda asset: asset["position"])
        if filters["order"] == "desc":
            expected.reverse()
        assert all_pages(client, "/v1/assets", **filters) == expected
        assert client.page(**filters, total=True)["total"] == len(expected)

    finds()


def test_content_type_is_a_prefix_in_any_case_and_wild_characters_are_literal(client: Client) -> None:
    ids = {name: client.create(**content(name, None))["id"] for name in CONTENT_TYPES if name}
    assert set(client.ids(content_type="image/")) == {ids[name] for name in ("image/png", "IMAGE/PNG", "image/p_g")}
    assert client.ids(content_type="image/p_") == [ids["image/p_g"]]
    assert client.ids(content_type="im%") == [ids["im%ge/png"]]


def some_of(client: Client, path: str, count: int) -> list[str]:
    """Assets or jobs; returns their ids, the oldest first."""
    ids = []
    for number in range(count):
        body = {"name": "n", "media": {"media_kind": "image"}} if path == "/v1/assets" else {"media_kind": "image"}
        ids.append(client.call("POST", path, json=body | {"run": f"r{number}"}).json()["id"])
    return ids


def change(client: Client, path: str, id_: str) -> None:
    """Let something happen to an asset or a job."""
    if path == "/v1/assets":
        client.call("PATCH", f"{path}/{id_}", json={"name": "changed"})
    else:
        client.call("POST", f"{path}/{id_}/start", json={"attempt": 1})


@pytest.mark.parametrize("path", PATHS)
def test_a_list_goes_by_creation_or_by_the_last_change_either_way(client: Client, path: str) -> None:
    first, second, third = some_of(client, path, 3)
    change(client, path, second)

    def listed(**params: Any) -> list[str]:
        return [member["id"] for member in all_pages(client, path, limit=2, **params)]

    assert listed() == listed(sort="created", order="desc") == [third, second, first]
    assert listed(order="asc") == [first, second, third]
    assert listed(sort="updated") == [second, third, first]
    assert listed(sort="updated", order="asc") == [first, third, second]


@pytest.mark.parametrize("path", PATHS)
def test_a_cursor_belongs_to_one_order_one_set_of_filters_and_one_tenant(
    clients: Callable[..., Client], path: str
) -> None:
    client, other = clients(), clients()
    some_of(client, path, 3)
    some_of(other, path, 3)
    cursor = client.page(path, limit=1, sort="updated")["next"]
    assert client.get(path, limit=1, sort="updated", cursor=cursor).status_code == 200
    for params in ({}, {"sort": "updated", "order": "asc"}, {"sort": "updated", "updated_after": "2020-01-01T00:00Z"}):
        assert client.get(path, limit=1, cursor=cursor, **params).status_code == 400
    assert other.get(path, limit=1, sort="updated", cursor=cursor).status_code == 400


@pytest.mark.parametrize("path", PATHS)
def test_what_changes_while_somebody_pages_by_change_comes_again_and_nothing_is_missed(
    client: Client, path: str
) -> None:
    first, second, third = some_of(client, path, 3)
    page = client.page(path, sort="updated", order="asc", limit=2)
    change(client, path, first)
    rest = client.page(path, sort="updated", order="asc", limit=2, cursor=page["next"])
    assert [member["id"] for member in page["items"] + rest["items"]] == [first, second, third, first]


@pytest.mark.parametrize("path", PATHS)
def test_the_total_is_told_on_request_only_and_is_never_the_length_of_the_page(
    clients: Callable[..., Client], path: str
) -> None:
    client, other = clients(), clients()
    some_of(other, path, 4)
    some_of(client, path, 3)
    assert "total" not in client.page(path)
    page = client.page(path, limit=2, total=True)
    assert (len(page["items"]), page["total"]) == (2, 3)
    rest = client.page(path, limit=2, total=True, cursor=page["next"])
    assert (len(rest["items"]), rest["total"]) == (1, 3)
    assert client.page(path, total=True, run="nobody's")["total"] == 0


def test_jobs_are_found_by_requester_subject_and_the_time_of_their_last_change(
    clients: Callable[..., Client],
) -> None:
    client, other = clients(), clients()
    for caller in (other, client):
        jobs = [
            caller.call(
                "POST",
                "/v1/jobs",
                json={"media_kind": "image", "run": f"r{number}", "subject": "u_ann" if number else "u_ben"},
                headers={"X-Actor": ACTORS[number]},
            ).json()
            for number in range(3)
        ]
        change(caller, "/v1/jobs", jobs[0]["id"])
    ids = [job["id"] for job in jobs]

    def listed(**params: Any) -> list[str]:
        return [job["id"] for job in client.page("/v1/jobs", order="asc", **params)["items"]]

    assert listed(requester=ACTORS[0]) == ids[:1]
    assert listed(subject="u_ann") == ids[1:]
    assert listed(subject="u_ann", requester=ACTORS[1]) == ids[1:2]
    assert listed(updated_after=jobs[2]["created_at"]) == ids[:1]
    assert listed(updated_before=jobs[2]["created_at"]) == ids[1:2]
    assert listed(created_before=jobs[1]["created_at"], updated_after=jobs[1]["created_at"]) == ids[:1]


@pytest.mark.parametrize(
    "params",
    [
        {"sort": "name"},
        {"order": "up"},
        {"creator": "ann"},
        {"creator": "robot:r2"},
        {"sha256": "abc"},
        {"content_type": ""},
        {"created_after": "2026-11-20T12:00:00"},
        {"updated_before": "0001-01-01T00:00:00+05:00"},
        {"total": "perhaps"},
        {"created": "today"},
    ],
)
def test_a_filter_that_does_not_fit_is_refused_by_name(client: Client, params: dict[str, str]) -> None:
    response = client.get("/v1/assets", **params)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"].startswith(f"query.{next(iter(params))}")


@pytest.mark.parametrize("path", PATHS)
def test_two_hundred_references_at_once_are_looked_up_and_more_are_refused(client: Client, path: str) -> None:
    names = [f"m{number}" for number in range(200)]
    assert client.get(path, message_id=names).status_code == 200
    refused = client.get(path, message_id=names, ref="claim:c1")
    assert (refused.status_code, "at most 200" in refused.json()["detail"]) == (422, True)


def test_times_at_the_ends_of_the_calendar_are_times(client: Client) -> None:
    asset_id = client.create()["id"]
    assert client.ids(created_after="0001-01-01T00:00:00Z", updated_before="9999-12-31T23:59:59Z") == [asset_id]
    assert client.ids(created_before="0001-01-01T00:00:00Z") == []
    assert client.ids(updated_after="9999-12-31T23:59:59Z") == []
