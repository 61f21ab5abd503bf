"""Content over HTTP: sent, read, uploaded by signed URLs, purged."""

import hashlib
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import Client

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"
CASTLE = (SAMPLES / "castle.png").read_bytes()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pending(client: Client, **fields: Any) -> str:
    return str(client.create(status="pending", **fields)["id"])


def put(client: Client, asset_id: str, data: bytes, **headers: str) -> httpx.Response:
    return client.call("PUT", f"/v1/assets/{asset_id}/content", content=data, headers=headers)


def with_content(client: Client, data: bytes = CASTLE, **fields: Any) -> str:
    asset_id = pending(client, **fields)
    assert put(client, asset_id, data).status_code == 200
    return asset_id


def streamed(client: Client, asset_id: str, **headers: str) -> httpx.Response:
    return client.call("GET", f"/v1/assets/{asset_id}/content", params={"stream": True}, headers=headers)


def location(client: Client, target: str, **params: Any) -> str:
    """Where a redirect leads, as those who follow it make it out."""
    redirect = client.get(target, **params).next_request
    assert redirect is not None
    return str(redirect.url)


def begin(client: Client, asset_id: str, **announced: Any) -> dict[str, Any]:
    begun = client.call("POST", f"/v1/assets/{asset_id}/uploads", json=announced)
    assert begun.status_code == 201, begun.text
    upload: dict[str, Any] = begun.json()
    return upload


def send(upload: dict[str, Any], data: bytes) -> httpx.Response:
    return httpx.put(upload["url"], content=data, headers=upload["headers"])


def part_urls(client: Client, upload: dict[str, Any], *numbers: int) -> dict[int, str]:
    path = f"/v1/assets/{upload['asset_id']}/uploads/{upload['id']}/parts"
    signed = client.call("POST", path, json={"numbers": numbers})
    return {item["number"]: item["url"] for item in signed.json()["items"]}


def complete(client: Client, upload: dict[str, Any], **body: Any) -> httpx.Response:
    return client.call("POST", f"/v1/assets/{upload['asset_id']}/uploads/{upload['id']}/complete", json=body)


def seen(client: Client, upload: dict[str, Any]) -> httpx.Response:
    return client.get(f"/v1/assets/{upload['asset_id']}/uploads/{upload['id']}")


def purge(client: Client, **filters: object) -> dict[str, object]:
    answer = client.call("POST", "/v1/assets/purge", params={"min_position": client.head(), **filters})
    assert answer.status_code == 202, answer.text
    report: dict[str, object] = answer.json()
    return report


def topics(client: Client, asset_id: str) -> list[str]:
    return [event["topic"] for event in client.history(asset_id)]
