"""What the how-tos tell to do does what they say."""

import shutil
import sys
from pathlib import Path

from api.composition import Services
from api.workers.lease_watch import LeaseWatch
from tests.conftest import Client
from tests.docs.conftest import script
from tests.docs.executing import DOCS, blocks, follow, run

JOBS = DOCS / "how-to" / "run-work-through-jobs.md"
FEED = DOCS / "how-to" / "follow-the-feed.md"
BYTES = DOCS / "how-to" / "keep-the-bytes.md"
LISTS = DOCS / "how-to" / "export-lists.md"
COUNTS = DOCS / "how-to" / "count-what-there-is.md"
WORLDS = DOCS / "how-to" / "keep-worlds-apart.md"
SEARCH = DOCS / "how-to" / "find-what-was-made-so.md"
PAST = DOCS / "how-to" / "see-the-catalogue-as-it-was.md"
LINEAGE = DOCS / "how-to" / "where-did-this-come-from.md"


def test_work_runs_through_jobs_as_shown(
    shell: dict[str, str], services: Services, client: Client, tmp_path: Path
) -> None:
    (worker,) = blocks(JOBS, "python")
    (tmp_path / "worker.py").write_text(worker)
    script(tmp_path / ".venv" / "bin" / "python", f'"{sys.executable}"')

    with LeaseWatch(services):
        follow(JOBS, shell, tmp_path)

    assert [line.split()[1] for line in (tmp_path / "worker.log").read_text().splitlines()] == ["succeeded", "failed"]
    assert [asset["name"] for asset in client.page()["items"]] == ["Castle"]
    jobs = client.page("/v1/jobs", order="asc")["items"]
    assert [(job["status"], job["attempt"]) for job in jobs] == [
        ("succeeded", 1),
        ("queued", 3),
        ("cancelled", 1),
        ("queued", 1),
    ]


def test_the_feed_is_followed_as_shown(shell: dict[str, str], tmp_path: Path) -> None:
    follow(FEED, shell, tmp_path)


def test_the_stream_is_followed_as_shown(exports: dict[str, str]) -> None:
    (follower,) = blocks(FEED, "python")
    (shown,) = blocks(FEED, "text", "output")[-1:]
    assert run([sys.executable, "-c", follower], exports) == shown


def test_where_it_came_from_is_shown(shell: dict[str, str], client: Client, tmp_path: Path) -> None:
    follow(LINEAGE, shell, tmp_path)

    assert [len(asset["sources"]) for asset in client.page()["items"]] == [1, 1, 0]


def test_what_was_made_so_is_found_as_shown(shell: dict[str, str], tmp_path: Path) -> None:
    shutil.copytree(DOCS / "samples", tmp_path / "docs" / "samples")
    follow(SEARCH, shell, tmp_path)


def test_worlds_are_kept_apart_as_shown(shell: dict[str, str], client: Client, tmp_path: Path) -> None:
    follow(WORLDS, shell, tmp_path)

    assert len(client.page()["items"]) == 1


def test_the_bytes_are_kept_as_shown(shell: dict[str, str], client: Client, tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(DOCS)
    follow(BYTES, shell, tmp_path)

    (sound,) = client.page()["items"]
    (castle,) = client.page(status="deleted")["items"]
    assert sound["content"]["content_type"] == "audio/wav"
    assert castle["content"]["purged"]


def test_lists_are_exported_as_shown(shell: dict[str, str], tmp_path: Path) -> None:
    follow(LISTS, shell, tmp_path)

    (reader,) = blocks(LISTS, "python")
    _, shown, _ = blocks(LISTS, "text", "output")
    assert run([sys.executable, "-c", reader], shell, tmp_path) == shown


def test_the_catalogue_is_seen_as_it_was_as_shown(shell: dict[str, str], tmp_path: Path) -> None:
    follow(PAST, shell, tmp_path)


def test_everything_is_counted_as_shown(shell: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(DOCS)
    follow(COUNTS, shell, tmp_path)
