"""`python -m tests.fuzz --cases 20000`: Schemathesis against a service with a PostgreSQL of its own."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import httpx
import typer

from benchmarks.environment import environment, prepared
from domain.event import Actor
from tests.chaos.plan import context

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
REPLACED = ("not_a_server_error", "positive_data_acceptance", "negative_data_rejection")
"""Checks in whose place those of the hooks are."""
HOOKS = {"SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "PYTHONPATH": str(Path(__file__).parents[2])}
PHASES = 2
"""Schemathesis' phases that send as many cases for each operation as are asked for: fuzzing and stateful."""


def main(
    cases: Annotated[int, typer.Option(help="How many requests to send, about.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Chooses the requests.")] = 1,
    operation: Annotated[str, typer.Option(help="Only operations whose path contains this.")] = "",
) -> None:
    """Send random requests; ends with 1 if an answer is a fault or undocumented, or a right request is refused."""
    with prepared() as ground, ground.ledger() as (services, servers), ground.folder() as folder:
        tenant_id = services.tenants.create(context(), "fuzzed")
        key = services.api_keys.issue(context(), tenant_id, Actor(id="fuzz", type="user"))
        settings = environment(servers) | {"ASSET_LEDGER_DATA": str(folder)}
        with ground.server("benchmarks.serve", "serve", "--port", "0", environment=settings) as server:
            url = "http://{}:{}".format(*server.address)
            paths = httpx.get(f"{url}/openapi.json", timeout=60).json()["paths"]
            chosen = sum(len(methods) for path, methods in paths.items() if operation in path)
            command = [
                *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIGURATION)),
                *(
                    "run",
                    f"{url}/openapi.json",
                    "--checks",
                    "all",
                    "--exclude-checks",
                    ",".join(REPLACED),
                    "--seed",
                    str(seed),
                    "--continue-on-failure",
                ),
                *("--max-examples", str(math.ceil(cases / chosen / PHASES)), "--no-shrink"),
                *(
                    "--header",
                    f"Authorization: Bearer {key}",
                    "--request-timeout",
                    "30",
                    "--suppress-health-check",
                    "all",
                ),
                *(("--include-path-regex", operation) if operation else ()),
            ]
            ended = subprocess.run(command, cwd=folder, check=False, env={**os.environ, **HOOKS})
    sys.exit(ended.returncode)


if __name__ == "__main__":
    typer.run(main)
