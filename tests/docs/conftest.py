"""A reader's shell."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import Client


@pytest.fixture
def exports(client: Client) -> dict[str, str]:
    """What a reader's shell has after the two exports."""
    key = client.http.headers["Authorization"].removeprefix("Bearer ")
    return {"PATH": os.environ["PATH"], "URL": str(client.http.base_url), "KEY": key, "NO_PROXY": "*"}


@pytest.fixture(params=["curl", "stand-in"])
def shell(request: pytest.FixtureRequest, exports: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The same, once with curl and once with what stands in for it where it is not installed."""
    if request.param == "stand-in" or shutil.which("curl") is None:
        script(tmp_path / "bin" / "curl", f'"{sys.executable}" "{Path(__file__).with_name("curl.py")}"')
        return exports | {"PATH": f"{tmp_path / 'bin'}:{exports['PATH']}"}
    return exports


def script(path: Path, command: str) -> None:
    """A program that runs another one."""
    path.parent.mkdir(parents=True)
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o755)
