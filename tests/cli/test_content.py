"""What the command line does to content, while nobody serves: each command sees to it that it knows what is there."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.program import output, run

PURGE = ("content", "purge", "--tenant", "bytes")
RECONCILE = ("content", "reconcile", "--tenant", "bytes")
MATCHING = "found 0 orphans, 0 missing, 0 damaged, 0 uploads swept"


@pytest.fixture
def store(environment: dict[str, str], tmp_path: Path) -> Path:
    """The folder of a store with two assets' content, of the workflows w1 and w2."""
    environment["ASSET_LEDGER_CONTENT_STORE"] = (tmp_path / "store").as_uri()
    if run(environment, "tenant", "create", "bytes").returncode:
        pytest.fail("one test alone uses this tenant")
    (tmp_path / "a.txt").write_text("twelve bytes")
    lines = tmp_path / "assets.jsonl"
    lines.write_text(
        '{"path": "a.txt", "workflow_id": "w1", "tags": ["old"]}\n{"path": "a.txt", "id": "b", "workflow_id": "w2"}\n'
    )
    output(environment, "content", "import", str(lines), "--tenant", "bytes")
    return Path(urlsplit(environment["ASSET_LEDGER_CONTENT_STORE"]).path) / "objects"


def test_content_is_purged_and_compared_with_the_log(environment: dict[str, str], store: Path) -> None:
    refused = run(environment, *PURGE)
    assert (refused.returncode, "Give at least one filter" in refused.stderr) == (1, True)
    assert output(environment, *PURGE, "--workflow", "w1", "--dry-run") == "would purge 1 assets with 12 bytes"
    assert output(environment, *PURGE, "--deleted-days", "0") == "purging 0 assets with 0 bytes"
    assert output(environment, *PURGE, "--tag", "old", "--kind", "document") == "purging 1 assets with 12 bytes"
    assert output(environment, *PURGE, "--ref", "workflow:w1") == "purging 0 assets with 0 bytes"
    assert output(environment, *RECONCILE) == MATCHING
    (left,) = [path for path in store.rglob("*") if path.is_file()]
    left.write_bytes(b"cut")
    stray = left.with_name("[red]a very long name" + 20 * " of a file" + "\n.txt")
    stray.write_bytes(b"x")
    os.utime(stray, (0, 0))
    compared = run(environment | {"COLUMNS": "40"}, *RECONCILE)
    key = str(stray.relative_to(store)).replace("\n", "\\n")
    damaged = f"damaged  asset {left.parent.name}, content version 1: 3 bytes instead of 12"
    assert compared.stdout.splitlines() == [
        f"orphan   {key}",
        damaged,
        "found 1 orphans, 0 missing, 1 damaged, 0 uploads swept",
        "missing and damaged objects cannot be repaired here: restore them from a backup of the store",
    ]
    assert compared.returncode == 1
    left.write_bytes(b"twelve bytes")
    assert output(environment, *RECONCILE, "--repair").endswith(
        "removed 1 orphans, 0 missing, 0 damaged, 0 uploads swept"
    )
    assert output(environment, *RECONCILE) == MATCHING


@pytest.mark.parametrize(
    ("option", "value", "remedy"),
    [
        ("--workflow", "", "give a value, or leave the option out"),
        ("--ref", "w1", "written kind:id"),
        ("--sha256", "abc", "match pattern"),
        ("--status", "gone", "'deleted'"),
        ("--older-days", "1e10", "the number of days is too large"),
        ("--deleted-days", "nan", "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_a_remedy(
    environment: dict[str, str], option: str, value: str, remedy: str
) -> None:
    refused = run(environment, "content", "purge", option, value)
    assert refused.returncode == 2, refused.stderr
    assert remedy in refused.stderr
    assert option in refused.stderr
    assert "Traceback" not in refused.stderr
