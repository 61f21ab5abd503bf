"""Writers at the same moment: with If-Match one of them wins, without it nothing is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest

from tests.conftest import Client
from tests.http.assertions import UNKNOWN_ID, nothing_written, path, problem, topics

ROUNDS = 5
WRITERS = 5
MANY = 12
CHANGES: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("PATCH", (), {"json": {"name": "Keep"}}),
    ("POST", ("links",), {"json": {"references": ["message:m2"]}}),
    ("DELETE", ("links",), {"params": {"ref": "message:m1"}}),
    ("DELETE", (), {}),
    ("PUT", ("holds", "b"), {}),
    ("DELETE", ("holds", "a"), {}),
]
NAMES = [f"{method} {'/'.join(below)}" for method, below, _ in CHANGES]


def at_once(writers: int, write: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    """What the writers are answered, all of them started at the same moment."""
    barrier = Barrier(writers)

    def started(number: int) -> httpx.Response:
        barrier.wait(10)
        return write(number)

    with ThreadPoolExecutor(writers) as pool:
        return list(pool.map(started, range(writers)))


def patch(client: Client, asset: dict[str, Any], tag: str, name: str = "Keep") -> httpx.Response:
    return client.call("PATCH", path(asset), json={"name": name}, headers={"If-Match": tag})


def held(client: Client) -> dict[str, Any]:
    """An asset at revision 2, with a link and a hold."""
    asset = client.create(message_id="m1")
    client.call("PUT", path(asset, "holds", "a"))
    return asset


@pytest.mark.parametrize(("method", "below", "options"), CHANGES, ids=NAMES)
def test_a_stale_revision_is_refused_by_every_change(
    client: Client, method: str, below: tuple[str, ...], options: dict[str, Any]
) -> None:
    asset = held(client)
    state = client.get(path(asset)).json()

    with nothing_written(client):
        for tag in ('"1"', '"3"', '"0"'):
            response = client.call(method, path(asset, *below), headers={"If-Match": tag}, **options)
            problem(response, 412, "stale-revision")

    assert client.get(path(asset)).json() == state


@pytest.mark.parametrize(("method", "below", "options"), CHANGES, ids=NAMES)
def test_the_current_revision_lets_every_change_pass(
    client: Client, method: str, below: tuple[str, ...], options: dict[str, Any]
) -> None:
    asset = held(client)
    tag = client.get(path(asset)).headers["ETag"]

    response = client.call(method, path(asset, *below), headers={"If-Match": tag}, **options)

    assert response.is_success
    assert [event["revision"] for event in client.history(asset["id"])] == [1, 2, 3]


def test_restoring_takes_the_revision_of_the_deletion(client: Client) -> None:
    asset = client.create()
    client.call("DELETE", path(asset), headers={"If-Match": '"1"'})

    problem(client.call("POST", path(asset, "restore"), headers={"If-Match": '"1"'}), 412, "stale-revision")
    assert client.call("POST", path(asset, "restore"), headers={"If-Match": '"2"'}).status_code == 200


def test_each_answer_s_etag_is_good_for_the_next_change(client: Client) -> None:
    asset = client.create()
    tag = client.get(path(asset)).headers["ETag"]
    for number in range(5):
        response = patch(client, asset, tag, f"Name {number}")
        assert response.status_code == 200
        tag = response.headers["ETag"]

    assert tag == '"6"'


def test_a_star_stands_for_any_revision(client: Client) -> None:
    assert patch(client, client.create(), "*").status_code == 200


@pytest.mark.parametrize("tag", ["", "1", "'1'", 'W/"1"', '"x"', '""', '"1", "2"', '"-1"', '"1', '"1.0"', "null"])
def test_a_malformed_if_match_is_refused(client: Client, tag: str) -> None:
    asset = client.create()

    with nothing_written(client):
        problem(patch(client, asset, tag), 400, "bad-header")


def test_if_match_on_an_asset_that_never_was_is_not_found(client: Client) -> None:
    problem(patch(client, {"id": UNKNOWN_ID}, '"1"'), 404, "asset-not-found")


@pytest.mark.parametrize("writers", [2, 8])
def test_of_writers_with_the_same_if_match_exactly_one_wins(client: Client, writers: int) -> None:
    asset = client.create()
    for revision in range(1, ROUNDS + 1):
        answers = at_once(writers, lambda number: patch(client, asset, f'"{revision}"', f"{revision}-{number}"))  # noqa: B023

        (won,) = (answer for answer in answers if answer.status_code == 200)
        lost = [problem(answer, 412, "stale-revision") for answer in answers if answer is not won]
        assert len(lost) == writers - 1
        assert client.get(path(asset)).json() == won.json()
    assert topics(client, asset) == ["asset.created", *["asset.described"] * ROUNDS]


def links_at_once(client: Client, asset: dict[str, Any], round_: int) -> list[httpx.Response]:
    """What the writers of a round are answered, each of whom links the asset to something else."""
    return at_once(
        WRITERS,
        lambda number: client.call("POST", path(asset, "links"), json={"references": [f"m:{round_}.{number}"]}),
    )


def test_writers_without_if_match_all_succeed_and_nothing_is_lost(client: Client) -> None:
    asset = client.create()
    for round_ in range(ROUNDS):
        assert [answer.status_code for answer in links_at_once(client, asset, round_)] == [200] * WRITERS

    expected = {f"m:{round_}.{number}" for round_ in range(ROUNDS) for number in range(WRITERS)}
    assert set(client.get(path(asset)).json()["links"]) == expected
    assert set(client.page()["items"][0]["links"]) == expected
    assert [event["revision"] for event in client.history(asset["id"])] == list(range(1, 2 + ROUNDS * WRITERS))


def test_every_writer_is_answered_with_the_revision_it_made(client: Client) -> None:
    asset = client.create()
    for round_ in range(ROUNDS):
        answers = [answer.json() for answer in links_at_once(client, asset, round_)]

        for number, answer in enumerate(answers):
            assert answer["links"][-1] == f"m:{round_}.{number}"
            assert answer == client.get(path(asset), revision=answer["revision"]).json()


def test_a_change_is_answered_as_made_even_if_the_asset_is_deleted_right_after(client: Client) -> None:
    asset = client.create()
    for round_ in range(4 * ROUNDS):
        described, _ = at_once(
            2,
            lambda number: client.call("DELETE", path(asset)) if number else patch(client, asset, "*", f"{round_}"),  # noqa: B023
        )
        restored = client.call("POST", path(asset, "restore")).json()
        assert described.status_code == (200 if restored["name"] == f"{round_}" else 404)


def test_of_many_writers_to_one_asset_none_is_refused(client: Client) -> None:
    asset = client.create()
    writes: list[Callable[[int], httpx.Response]] = [
        lambda number: client.call("PUT", path(asset, "holds", f"h{number}")),
        lambda number: client.call("POST", path(asset, "links"), json={"references": [f"m:{number}"]}),
        lambda number: client.call("PATCH", path(asset), json={"name": f"Name {number}"}),
    ]

    for write in writes * 2:
        assert {answer.status_code for answer in at_once(MANY, write)} <= {200, 204}

    state = client.get(path(asset)).json()
    assert set(state["holds"]) == {f"h{number}" for number in range(MANY)}
    assert set(state["links"]) == {f"m:{number}" for number in range(MANY)}


def test_the_same_change_at_once_is_one_event(client: Client) -> None:
    asset = client.create()

    deleted = at_once(WRITERS, lambda _: client.call("DELETE", path(asset)))
    restored = at_once(WRITERS, lambda _: client.call("POST", path(asset, "restore")))
    linked = at_once(WRITERS, lambda _: client.call("POST", path(asset, "links"), json={"references": ["m:1"]}))

    assert {answer.status_code for answer in deleted} == {204}
    assert {answer.status_code for answer in restored + linked} == {200}
    assert topics(client, asset) == ["asset.created", "asset.soft_deleted", "asset.restored", "asset.linked"]


def test_assets_recorded_at_once_have_neighbouring_positions(client: Client) -> None:
    before = client.create()["position"]

    answers = at_once(20, lambda _: client.call("POST", "/v1/assets", json={"media": {"media_kind": "file"}}))

    assets = [answer.json() for answer in answers]
    assert {answer.status_code for answer in answers} == {201}
    assert sorted(asset["position"] for asset in assets) == list(range(before + 1, before + 21))
    times = [asset["created_at"] for asset in sorted(assets, key=lambda asset: int(asset["position"]))]
    assert times == sorted(times)
    assert len(client.ids()) == 21
