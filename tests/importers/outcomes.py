"""What became of an import: as it told, and as the client sees it."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from api.application.imports.items import Outcome
from tests.conftest import Client


def counted(outcomes: Iterable[Outcome]) -> Counter[str]:
    """How many of each there are."""
    return Counter(outcome.what for outcome in outcomes)


def assets(client: Client) -> dict[str, dict[str, Any]]:
    """The client's assets by their place at the source."""
    return {asset["imported"]["place"]: asset for asset in client.page(limit=200)["items"] if asset["imported"]}


def jobs(client: Client) -> dict[str, dict[str, Any]]:
    """The client's jobs by their place at the source."""
    return {job["imported"]["place"]: job for job in client.page("/v1/jobs", limit=200)["items"]}


def end_of(client: Client, job: dict[str, Any]) -> dict[str, Any]:
    """The event with which the job ended."""
    last: dict[str, Any] = client.get(f"/v1/jobs/{job['id']}/events").json()["items"][-1]
    return last
