"""The routes that the service itself says it has."""

from collections.abc import Iterator
from typing import Any

import httpx

from tests.http.assertions import UNKNOWN_ID

BODIES: dict[str, Any] = {
    "create_asset": {"media": {"media_kind": "image"}},
    "describe_asset": {"name": "Stolen"},
    "link_asset": {"references": ["message:m9"]},
    "request_job": {"media_kind": "image"},
    "claim_jobs": {},
    **{name: {"attempt": 1} for name in ("heartbeat", "start_job", "succeed_job", "requeue_job")},
    "fail_job": {"attempt": 1, "code": "stolen"},
    "create_assets": [{"media": {"media_kind": "image"}}],
    "link_assets": {"asset_ids": [UNKNOWN_ID], "references": ["message:m9"]},
    "change_jobs": [{"operation": "cancel", "job_id": UNKNOWN_ID}],
    "set_policy": {"closed_kinds": ["world"]},
    "declare_reference": {"kind": "world", "id": "w9"},
    "begin_upload": {"size": 1},
    "sign_parts": {"numbers": [1]},
    "complete_upload": {"file_name": "stolen.png"},
    "fetch_assets": {"items": [{"url": "http://127.0.0.2/"}]},
    "declare_references": [{"kind": "world", "id": "w9"}],
}
QUERIES: dict[str, dict[str, Any]] = {
    "purge_assets": {"workflow_id": "w1", "dry_run": True},
    "zip_assets": {"workflow_id": "w1"},
    "unlink_asset": {"ref": "message:m1"},
    "list_assets_with_references": {"id": "m1"},
    "list_jobs_with_references": {"id": "m1"},
    "list_changed_assets": {"from": 0},
    "compare_asset": {"from": "0"},
    "compare_job": {"from": "0"},
    "get_lineage_from_reference": {"ref": "claim:c7"},
}


def described(url: str) -> dict[str, Any]:
    """The OpenAPI document."""
    response = httpx.get(f"{url}/openapi.json")
    assert response.status_code == 200
    document: dict[str, Any] = response.json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every method, path and operation of the document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def protected(url: str) -> list[tuple[str, str, dict[str, Any]]]:
    """The operations that need a key."""
    return [route for route in operations(described(url)) if route[1].startswith("/v1/")]


def concrete(path: str, asset_id: str) -> str:
    """A path of the document, about an asset or the job of that id."""
    return path.format(asset_id=asset_id, job_id=asset_id, upload_id=UNKNOWN_ID, hold="case-17", kind="message")


def ask(
    http: httpx.Client, operation: tuple[str, str, dict[str, Any]], asset_id: str = UNKNOWN_ID, **params: object
) -> httpx.Response:
    """The answer to a well-formed request of the operation, about the asset where it is about one."""
    method, path, described = operation
    name = described["operationId"]
    target = concrete(path, asset_id)
    return http.request(method, target, json=BODIES.get(name), params=QUERIES.get(name, {}) | params)
