"""The how-to that adds an event is followed in a copy of the code, step by step."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.databases import Databases
from tests.docs.conftest import script
from tests.docs.executing import DOCS, ROOT, bash, blocks

PAGE = DOCS / "how-to" / "add-an-event.md"
TEST = "tests/http/test_rating.py"


@pytest.fixture(scope="module")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of mypy's cache, if there is one: without, mypy takes some twenty seconds longer."""
    folder = tmp_path_factory.mktemp("mypy") / "cache"
    if (ROOT / ".mypy_cache").exists():
        shutil.copytree(ROOT / ".mypy_cache", folder)
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the code, with the Python that runs the tests."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, files.split("\0")):
        target = tmp_path / "ledger" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    script(tmp_path / "ledger" / ".venv" / "bin" / "python", f'"{sys.executable}"')
    return tmp_path / "ledger"


def apply(diff: str, directory: Path) -> None:
    """Apply a diff of one file, whose hunks have no line numbers: their context must stand in the file once."""
    heading, *hunks = re.split(r"^@@\n", diff, flags=re.MULTILINE)
    path = directory / heading.removeprefix("--- ").strip()
    text = path.read_text()
    for hunk in hunks:
        lines = [(line[:1] or " ", line[1:] + "\n") for line in hunk.splitlines()]
        before = "".join(line for mark, line in lines if mark != "+")
        after = "".join(line for mark, line in lines if mark != "-")
        assert text.count(before) == 1, f"{path.name} has no place, or several, for\n{hunk}"
        text = text.replace(before, after)
    path.write_text(text)


def environment(directory: Path, mypy_cache: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(directory), "MYPY_CACHE_DIR": str(mypy_cache)}


def refused(command: list[str], environment: dict[str, str], directory: Path) -> tuple[str, str]:
    """The output and the errors of a command that ends with status 1."""
    ended = subprocess.run(
        [sys.executable, *command],
        env=environment,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1, ended
    return ended.stdout, ended.stderr


def test_an_event_that_is_added_as_the_how_to_says_is_recorded_folded_and_shown(copy: Path, mypy_cache: Path) -> None:
    for diff in blocks(PAGE, "diff"):
        apply(diff, copy)
    (copy / TEST).write_text(*blocks(PAGE, "python"))
    for commands in blocks(PAGE, "bash"):
        bash(commands, environment(copy, mypy_cache), copy)

    assert "asset.rated" in (copy / "docs" / "reference" / "events.md").read_text()
    assert "/rating/{stars}" in (copy / "docs" / "reference" / "http.md").read_text()


@pytest.mark.parametrize("steps", [1, 2])
def test_nothing_starts_when_the_how_to_was_followed_half_way(
    copy: Path, mypy_cache: Path, databases: Databases, steps: int
) -> None:
    for diff in blocks(PAGE, "diff")[:steps]:
        apply(diff, copy)
    urls = {
        "ASSET_LEDGER_DATABASE_URL": databases.service,
        "ASSET_LEDGER_PROJECTOR_DATABASE_URL": databases.projector,
        "ASSET_LEDGER_KEYS_DATABASE_URL": databases.keys,
    }
    command = ["-c", "from api.cli.main import main; main()", "tenant", "list"]

    output, errors = refused(command, environment(copy, mypy_cache) | urls, copy)

    shown = [line for line in PAGE.read_text().splitlines() if line.startswith("error: ")]
    assert (output, errors.splitlines()) == ("", shown)


def test_mypy_names_the_steps_that_were_left_out(copy: Path, mypy_cache: Path) -> None:
    apply(blocks(PAGE, "diff")[0], copy)

    output, _ = refused(["-m", "mypy", "domain/asset", "projections/assets"], environment(copy, mypy_cache), copy)

    places = set(re.findall(r"^(\S+?):\d+: error: .*AssetRated.*\[arg-type\]", output, re.MULTILINE))
    assert places == {"domain/asset/asset.py", "projections/assets/fold.py"}, output
