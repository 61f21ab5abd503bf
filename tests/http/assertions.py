"""What must be true of an answer, whatever was asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.conftest import Client

UNKNOWN_ID = "0193483c-5a5e-7d1c-9a30-0d7c41f5c6b1"


def problem(response: httpx.Response, status: int, kind: str | None = None) -> dict[str, Any]:
    """The problem (RFC 9457) that an answer tells of; it must be a well-formed one, of this status and kind.

    Of what was asked by HEAD only the headers tell.
    """
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    if response.request.method == "HEAD":
        return {}
    problem_details: dict[str, Any] = response.json()
    assert problem_details["type"].startswith("urn:asset-ledger:problem:")
    assert problem_details["status"] == status
    assert problem_details["title"]
    assert problem_details["detail"]
    assert problem_details["request_id"] == response.headers["X-Request-ID"]
    assert kind is None or problem_details["type"] == f"urn:asset-ledger:problem:{kind}"
    return problem_details


def refused_fields(response: httpx.Response) -> list[str]:
    """The fields that a 422 names."""
    return [error["field"] for error in problem(response, 422, "invalid-request")["errors"]]


@contextmanager
def nothing_written(client: Client) -> Iterator[None]:
    """Nothing is appended to the tenant's log in the block: positions are dense, so two more assets are neighbours."""
    before = client.create()["position"]
    yield
    assert client.create()["position"] == before + 1


def topics(client: Client, asset: dict[str, Any]) -> list[str]:
    """What happened to an asset, in order."""
    return [event["topic"] for event in client.history(asset["id"])]


def path(asset: dict[str, Any], *below: str) -> str:
    """The path of an asset, or of something below it."""
    return "/".join(("/v1/assets", str(asset["id"]), *below))
