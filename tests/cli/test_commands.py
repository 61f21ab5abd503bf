"""The command line, run as a person runs it: a process of its own, on an embedded PostgreSQL."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import psycopg
import pytest

from infra.embedded_postgres.cluster import EmbeddedCluster
from tests.program import PROGRAM, output, run


def test_a_tenant_is_opened_given_a_key_served_and_replayed(environment: dict[str, str]) -> None:
    tenant = output(environment, "tenant", "create", "acme")
    key = output(environment, "key", "issue", "acme", "--holder", "worker:comfy-1")
    server = subprocess.Popen([PROGRAM, "serve", "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = re.findall(r"serving on (\S+);", server.stdout.readline())[0]
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http:
        asset = http.post("/v1/assets", json={"media": {"media_kind": "image"}, "name": "Castle"}).json()
        http.patch(f"/v1/assets/{asset['id']}", json={"tags": ["final"], "reason": "chosen"})
        assert len(http.get("/v1/assets", params={"min_position": 4}).json()["items"]) == 1
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=30)

    timeline = output(environment, "replay", asset["id"], "--tenant", "acme")
    for words in ("asset.created", "by worker:comfy-1", "name: – → Castle", "asset.described", "why: chosen"):
        assert words in timeline
    events = [json.loads(line) for line in output(environment, "replay", asset["id"], "--json").splitlines()]
    assert [event["topic"] for event in events] == ["asset.created", "asset.described"]
    assert tenant in output(environment, "tenant", "list")
    assert "worker:comfy-1" in output(environment, "key", "list", "acme")
    assert "rebuilt assets: 4 events" in output(environment, "projections", "rebuild", "assets")
    assert "rebuilt assets: 4 events" in output(environment, "projections", "rebuild", "assets", "--restart")
    assert "│ 0      │ yes    │ ok" in output(environment, "projections", "lag")
    assert output(environment, "migrate") == "nothing to do: the databases are up to date"


def test_serve_takes_back_a_job_whose_worker_is_not_heard_of(environment: dict[str, str]) -> None:
    output(environment, "tenant", "create", "abandoned")
    key = output(environment, "key", "issue", "abandoned", "--holder", "worker:comfy-1")
    server = subprocess.Popen([PROGRAM, "serve", "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = re.findall(r"serving on (\S+);", server.stdout.readline())[0]
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http:
        job = http.post("/v1/jobs", json={"media_kind": "image"}).json()
        assert len(http.post("/v1/jobs/claim", json={"lease_seconds": 1}).json()["items"]) == 1
        while (now := http.get(f"/v1/jobs/{job['id']}").json())["status"] == "running":
            assert server.poll() is None
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=30)
    assert (now["status"], now["attempt"], now["updated_by"]) == ("queued", 2, "system:ledger")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["key", "issue", "nobody"], "error: There is no tenant 'nobody'."),
        (["replay", "0193483c-0000-7000-8000-000000000001", "--tenant", "nobody"], "error: There is no tenant"),
        (["projections", "rebuild", "nothing"], "there is no projection 'nothing'; there are assets"),
        (["tenant", "create", "Not A Name"], "use lower-case letters"),
        (["key", "issue", "acme", "--holder", "ann"], "write type:id"),
        (["serve", "--host", "203.0.113.7"], "choose another --port"),
    ],
)
def test_a_mistake_is_answered_in_one_line_that_helps(
    environment: dict[str, str], arguments: list[str], message: str
) -> None:
    ended = run(environment, *arguments)
    assert ended.returncode != 0
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_policy_is_shown_set_and_set_again_from_what_was_shown(environment: dict[str, str], tmp_path: Path) -> None:
    output(environment, "tenant", "create", "careful")
    assert json.loads(output(environment, "tenant", "policy", "careful"))["closed_kinds"] == []
    file = tmp_path / "policy.json"
    file.write_text('{"closed_kinds": ["claim"], "allowed_tags": {"image": ["final"]}}')
    shown = output(environment, "tenant", "policy", "careful", "--set", str(file), "--reason", "one catalogue")
    assert json.loads(shown) == {
        "required_references": [],
        "allowed_tags": {"image": ["final"]},
        "closed_kinds": ["claim"],
    }
    file.write_text(shown)
    assert output(environment, "tenant", "policy", "careful", "--set", str(file)) == shown
    file.write_text('{"closed": []}')
    refused = run(environment | {"COLUMNS": "200"}, "tenant", "policy", "careful", "--set", str(file))
    assert refused.returncode == 2
    assert "closed: Extra inputs are not permitted" in refused.stderr
    assert output(environment, "tenant", "policy", "careful") == shown


def test_a_folder_is_imported_and_what_cannot_be_is_listed(environment: dict[str, str], tmp_path: Path) -> None:
    environment |= {"ASSET_LEDGER_CONTENT_STORE": (tmp_path / "store").as_uri()}
    output(environment, "tenant", "create", "brought")
    media = tmp_path / "media"
    media.mkdir()
    (media / "a.txt").write_text("a")
    imported = ["content", "import", str(media), "--tenant", "brought"]
    assert output(environment, *imported) == "1 imported, 0 known already, 0 refused"
    (media / "b.txt").symlink_to(media / "a.txt")
    again = run(environment, *imported)
    assert (again.returncode, again.stdout.splitlines()) == (
        1,
        ["refused  b.txt: is a link, and links are not followed", "0 imported, 1 known already, 1 refused"],
    )
    missing = run(environment, "content", "import", str(tmp_path / "nowhere"), "--tenant", "brought")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "nowhere cannot be read: No such file or directory." in missing.stderr
    odd = run(environment, *imported, "--currency", "credits")
    assert (odd.returncode, "three capital letters" in odd.stderr) == (2, True)


def test_half_given_settings_are_refused_by_name(environment: dict[str, str]) -> None:
    ended = run(environment | {"ASSET_LEDGER_DATABASE_URL": "dbname=x"}, "tenant", "list")
    assert ended.returncode == 1
    assert "ASSET_LEDGER_PROJECTOR_DATABASE_URL and ASSET_LEDGER_KEYS_DATABASE_URL" in ended.stderr


def test_the_demo_tells_its_story_ends_and_leaves_nothing_running() -> None:
    directory = Path(tempfile.mkdtemp(prefix="ledger-"))
    directory.chmod(0o755)
    story = output(os.environ | {"COLUMNS": "120"}, "demo", "--once", "--port", "0", "--data", str(directory))
    for words in (
        "castle.png",
        "Castle at dusk",
        "asset.described",
        "a read now answers 404",
        "found inside: sample-landscape-v1, seed 271828",
        "downloaded without a key: 76,139 bytes, the same: True",
        "asset.content_purged",
        "15 imported, 0 known already, 0 refused",
        "0 orphans, 0 missing",
        "rebuilt assets: 359 events",
    ):
        assert words in story
    assert not (directory / "postgresql" / "postmaster.pid").exists()
    shutil.rmtree(directory)


def test_projections_run_follows_what_others_record(environment: dict[str, str], running: EmbeddedCluster) -> None:
    output(environment, "tenant", "create", "followed")
    follower = subprocess.Popen([PROGRAM, "projections", "run"], env=environment, stdout=subprocess.PIPE, text=True)
    assert follower.stdout is not None
    assert "following" in follower.stdout.readline()
    behind = """SELECT count(*) FROM ledger.log_heads AS h LEFT JOIN read_models.progress AS p
                 USING (tenant_id) WHERE p.position IS DISTINCT FROM h.position"""
    with psycopg.connect(running.conninfo("asset_ledger"), autocommit=True) as watching:
        while watching.execute(behind).fetchall() != [(0,)]:
            assert follower.poll() is None
    follower.send_signal(signal.SIGTERM)
    assert follower.wait(30) == 0
    follower.stdout.close()


def test_a_program_that_waits_for_a_signal_ends_however_often_it_is_sent() -> None:
    script = """if True:
        from api.cli.stop_deadline import heed_stop_signals
        wait_to_be_stopped = heed_stop_signals()
        print("waiting", flush=True)
        wait_to_be_stopped()
    """
    for _ in range(10):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as waiting:
            assert waiting.stdout is not None
            waiting.stdout.readline()
            while waiting.poll() is None:
                waiting.send_signal(signal.SIGTERM)
        assert waiting.returncode in {0, -signal.SIGTERM}
