"""Every request that changes something: what it needs beforehand, and the request itself."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from tests.conftest import Client
from tests.http.content_requests import CASTLE, begin, put, send, sha256, with_content
from tests.http.job_requests import IMAGE, Json, asked, claim, done

Request = Callable[[], httpx.Response]
LARGE: Json = {"words": ["large"] * 10_000}
"""More than an event has room for."""


def _post(client: Client, path: str, body: Any = None, **headers: str) -> Request:
    return lambda: client.http.post(f"/v1/{path}", json=body, headers=headers)


def _of_asset(method: str, path: str, body: Any = None, **fields: Any) -> Callable[[Client], Request]:
    def prepared(client: Client) -> Request:
        url = f"/v1/assets/{client.create(**fields)['id']}{path}"
        return lambda: client.http.request(method, url, json=body)

    return prepared


def _of_running(action: str, **fields: Any) -> Callable[[Client], Request]:
    def prepared(client: Client) -> Request:
        job = done(client, asked(client), "start", attempt=1)
        return _post(client, f"jobs/{job['id']}/{action}", {"attempt": 1, **fields})

    return prepared


def start(client: Client) -> Request:
    return _post(client, f"jobs/{asked(client)['id']}/start", {"attempt": 1})


def succeed_with_known_assets(client: Client) -> Request:
    asset, job = client.create(), done(client, asked(client), "start", attempt=1)
    return _post(client, f"jobs/{job['id']}/succeed", {"attempt": 1, "assets": [IMAGE], "asset_ids": [asset["id"]]})


def request_again(client: Client) -> Request:
    done(client, asked(client), "cancel")
    return _post(client, "jobs", {"media_kind": "image"}, **{"Idempotency-Key": "again"})


def request_known(client: Client) -> Request:
    asked(client)
    return _post(client, "jobs", {"media_kind": "image"})


def requeue(client: Client) -> Request:
    job = done(client, asked(client), "cancel")
    return _post(client, f"jobs/{job['id']}/requeue", {"attempt": 1})


def claim_two(client: Client) -> Request:
    for number in range(3):
        asked(client, run=str(number))
    return _post(client, "jobs/claim", {"max": 2})


def claim_two_under_a_key(client: Client) -> Request:
    for number in range(3):
        asked(client, run=str(number))
    return _post(client, "jobs/claim", {"max": 2}, **{"Idempotency-Key": "claim"})


def claim_again(client: Client) -> Request:
    request = claim_two_under_a_key(client)
    assert request().status_code == 200
    return request


def heartbeat(client: Client) -> Request:
    asked(client)
    (job,) = claim(client)
    return _post(client, f"jobs/{job['id']}/heartbeat", {"attempt": 1})


def change_jobs(client: Client) -> Request:
    first, second = asked(client, run="1"), asked(client, run="2")
    return _post(
        client,
        "jobs/batch",
        [
            {"operation": "start", "job_id": first["id"], "attempt": 1},
            {"operation": "cancel", "job_id": second["id"]},
            {"operation": "request", "media_kind": "audio"},
        ],
    )


def restore(client: Client) -> Request:
    asset = client.create()
    client.call("DELETE", f"/v1/assets/{asset['id']}")
    return _post(client, f"assets/{asset['id']}/restore")


def release(client: Client) -> Request:
    asset = client.create()
    client.call("PUT", f"/v1/assets/{asset['id']}/holds/case")
    return lambda: client.http.delete(f"/v1/assets/{asset['id']}/holds/case")


def link_many(client: Client) -> Request:
    ids = [client.create()["id"] for _ in range(2)]
    return _post(client, "links", {"asset_ids": ids, "references": ["message:m1", "message:m2"]})


def put_content(client: Client) -> Request:
    asset = client.create()
    return lambda: client.http.put(f"/v1/assets/{asset['id']}/content", content=CASTLE)


def put_content_again(client: Client) -> Request:
    asset = client.create()
    put(client, asset["id"], b"older")
    return lambda: client.http.put(f"/v1/assets/{asset['id']}/content", content=CASTLE)


def upload_form(client: Client) -> Request:
    form, headers = {"asset": json.dumps(IMAGE)}, {"Idempotency-Key": "form"}
    files = {"file": ("castle.png", CASTLE)}
    return lambda: client.http.post("/v1/assets/upload", data=form, files=files, headers=headers)


def upload_form_again(client: Client) -> Request:
    request = upload_form(client)
    assert request().status_code == 201
    return request


def complete(client: Client) -> Request:
    upload = begin(client, client.create()["id"], size=len(CASTLE), sha256=sha256(CASTLE))
    assert send(upload, CASTLE).status_code == 200
    return _post(client, f"assets/{upload['asset_id']}/uploads/{upload['id']}/complete")


def complete_again(client: Client) -> Request:
    request = complete(client)
    assert request().status_code == 200
    return request


def abort(client: Client) -> Request:
    upload = begin(client, client.create()["id"])
    return lambda: client.http.delete(f"/v1/assets/{upload['asset_id']}/uploads/{upload['id']}")


def purge_one(client: Client) -> Request:
    with_content(client, workflow_id="w1")
    client.page()
    return lambda: client.http.post("/v1/assets/purge", params={"workflow_id": "w1", "min_position": client.head()})


def set_policy_again(client: Client) -> Request:
    client.call("PUT", "/v1/policy", json={"closed_kinds": ["world"]})
    return set_policy(client)


def set_policy(client: Client) -> Request:
    return lambda: client.http.put("/v1/policy", json={"closed_kinds": ["world"]})


def declare_many(client: Client) -> Request:
    client.call("POST", "/v1/references", json={"kind": "world", "id": "w1"})
    return _post(client, "references/batch", [{"kind": "world", "id": f"w{number}"} for number in (1, 2, 3)])


REQUESTS: dict[str, Callable[[Client], Request]] = {
    "create": lambda client: _post(client, "assets", IMAGE),
    "create under a key": lambda client: _post(client, "assets", IMAGE, **{"Idempotency-Key": "asset"}),
    "create with a large document": lambda client: _post(client, "assets", IMAGE | {"metadata": LARGE}),
    "create many": lambda client: _post(client, "assets/batch", [IMAGE, IMAGE | {"metadata": LARGE}]),
    "describe": _of_asset("PATCH", "", {"name": "Castle"}),
    "describe with a large document": _of_asset("PATCH", "", {"metadata": LARGE}),
    "link": _of_asset("POST", "/links", {"references": ["message:m1"]}),
    "unlink": _of_asset("DELETE", "/links?ref=message:m1", message_id="m1"),
    "link many": link_many,
    "delete": _of_asset("DELETE", ""),
    "restore": restore,
    "hold": _of_asset("PUT", "/holds/case"),
    "release": release,
    "put content": put_content,
    "put content again": put_content_again,
    "upload form": upload_form,
    "upload form again": upload_form_again,
    "begin upload": _of_asset("POST", "/uploads", {}),
    "begin upload in parts": _of_asset("POST", "/uploads", {"part_size": 5 * 1024 * 1024}),
    "complete": complete,
    "complete again": complete_again,
    "abort": abort,
    "purge": purge_one,
    "set policy": set_policy,
    "set policy again": set_policy_again,
    "declare": lambda client: _post(client, "references", {"kind": "world", "id": "w1"}),
    "declare many": declare_many,
    "request": lambda client: _post(client, "jobs", {"media_kind": "image"}),
    "request with a large document": lambda client: _post(
        client, "jobs", {"media_kind": "image", "prompt_spec": LARGE}
    ),
    "request again": request_again,
    "request known": request_known,
    "start": start,
    "succeed": _of_running("succeed", assets=[IMAGE]),
    "succeed with a large document": _of_running("succeed", assets=[IMAGE | {"metadata": LARGE}]),
    "succeed with known assets": succeed_with_known_assets,
    "fail": _of_running("fail", code="broken"),
    "cancel": _of_running("cancel"),
    "requeue": requeue,
    "claim": claim_two,
    "claim under a key": claim_two_under_a_key,
    "claim again": claim_again,
    "heartbeat": heartbeat,
    "change jobs": change_jobs,
}
"""By name: makes what it needs, and returns the request."""
