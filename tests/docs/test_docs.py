"""The documentation runs, is complete, and leads nowhere wrong."""

import base64
import json
import os
import re
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer

from api.cli.main import app as command_line
from api.composition import connected
from api.http.app import create_app
from api.http.byte_responses import RangeRefusedError
from api.http.problems import BASES, STATUS, problem_of
from domain.errors import LedgerError, OutcomeUnknownError
from domain.event import event_types
from infra.databases import databases_of
from infra.embedded_postgres.cluster import start
from infra.settings import Settings
from infra.tenants import list_tenants
from tests.conftest import QUICK, Client, new_tenant
from tests.docs.executing import DOCS, README, ROOT, blocks, follow, run
from tests.memory import quick_folder

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]


def only_asset(client: Client) -> dict[str, Any]:
    """The one asset of the client's tenant."""
    (asset,) = client.page(workflow_id="w7")["items"]
    current: dict[str, Any] = client.get(f"/v1/assets/{asset['id']}").json()
    return current


def test_the_curl_story_of_the_readme_prints_what_the_readme_shows(
    shell: dict[str, str], client: Client, tmp_path: Path
) -> None:
    _, created, listed, changed, read, job_story = follow(README, shell, tmp_path)

    asset = only_asset(client)
    assert (asset["name"], asset["origin"], asset["links"]) == (
        "Castle at night",
        ["workflow:w7", "model:sdxl"],
        ["message:m_91"],
    )
    history = client.history(asset["id"])
    assert [(event["topic"], event["reason"]) for event in history] == [
        ("asset.created", None),
        ("asset.described", "the client asked"),
    ]
    renamed, refused = map(json.loads, changed.splitlines())
    events, name = read.splitlines()
    assert json.loads(listed)["items"] == [json.loads(created)]
    assert (renamed["id"], refused["status"]) == (asset["id"], 412)
    assert (json.loads(events)["items"], name) == (history, "Castle at dusk")
    assert job_story.splitlines() == ["running", "succeeded"]
    (job,) = client.page("/v1/jobs", workflow_id="w8", status="succeeded")["items"]
    assert client.ids(workflow_id="w8", job_id=job["id"]) == job["assets"]


def test_the_python_story_of_the_readme_does_what_it_says(exports: dict[str, str], client: Client) -> None:
    (story,) = blocks(README, "python")
    lines = run([sys.executable, "-c", story], exports).splitlines()

    asset = only_asset(client)
    assert asset["name"] == "Castle at night"
    assert lines[0] == "['Castle at dusk']"
    assert [line.split()[2] for line in lines[1:3]] == [event["topic"] for event in client.history(asset["id"])]
    assert lines[3:] == ["Castle at dusk"]


def test_the_roles_of_the_how_to_are_enough_for_a_ledger() -> None:
    (roles,) = blocks(DOCS / "how-to" / "your-own-postgresql.md", "sql")
    with tempfile.TemporaryDirectory(prefix="ledger-", dir=quick_folder()) as directory:
        Path(directory).chmod(0o755)  # as root the server runs as another user, who must get there
        with start(Path(directory) / "data", QUICK) as cluster:
            with psycopg.connect(cluster.conninfo("postgres"), autocommit=True) as connection:
                for statement in roles.split(";\n"):
                    connection.execute(statement.encode())
            databases = databases_of(cluster, "asset_ledger", "asset_ledger_keys")
            assert databases.migrate()
            settings = Settings(key_encryption_key=base64.b64encode(bytes(32)).decode(), follow=False)
            with connected(settings, databases) as services:
                new_tenant(services)
                assert [head for _, _, head, _ in list_tenants(services.projector)] == [1]


def test_every_step_of_the_tutorial_prints_what_the_tutorial_shows(
    shell: dict[str, str], client: Client, tmp_path: Path
) -> None:
    follow(DOCS / "tutorial" / "first-asset.md", shell, tmp_path)

    asset = only_asset(client)
    assert (asset["revision"], asset["links"], asset["scope"]) == (6, ["message:m_92"], "world:w1")


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    """The reference pages as the code has them now; made in a process of their own, which knows no test's events."""
    script = "import json, generate; print(json.dumps(generate.pages()))"
    pages: dict[str, str] = json.loads(
        run([sys.executable, "-c", script], os.environ | {"PYTHONPATH": str(DOCS / "reference")})
    )
    return pages


@pytest.mark.parametrize("name", ["events.md", "settings.md", "http.md", "openapi.json", "cli.md"])
def test_the_reference_is_what_the_code_says(name: str, generated: dict[str, str]) -> None:
    assert (DOCS / "reference" / name).read_text() == generated[name], "run: python docs/reference/generate.py"


def reference(name: str) -> str:
    return (DOCS / "reference" / name).read_text()


def test_every_event_is_in_the_reference() -> None:
    topics = [topic for topic in event_types() if not topic.startswith("test.")]
    assert topics
    assert [topic for topic in topics if f"\n## `{topic}`\n" not in reference("events.md")] == []


def test_every_setting_is_in_the_reference() -> None:
    names = [f"| `ASSET_LEDGER_{name.upper()}` |" for name in Settings.model_fields]
    assert [name for name in names if name not in reference("settings.md")] == []


def commands(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        yield f"{path} {name}"
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")


def test_every_command_is_in_the_reference() -> None:
    names = list(commands(typer.main.get_command(command_line), "asset-ledger"))
    assert "asset-ledger key issue" in names
    assert [name for name in names if f"\n## `{name}`\n" not in reference("cli.md")] == []


def test_every_route_is_in_the_reference() -> None:
    paths = create_app(lambda: pytest.fail("nothing is opened")).openapi()["paths"]
    routes = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]
    assert "POST /v1/assets" in routes
    assert [route for route in routes if f"\n### `{route}`\n" not in reference("http.md")] == []


@pytest.mark.parametrize("path", ["/v1/assets/01934000-0000-7000-8000-000000000002", "/v1/assets?x=1", "/nowhere"])
def test_the_type_of_an_error_is_in_the_reference(client: Client, path: str) -> None:
    problem = client.call("GET", path).json()
    assert f"| {problem['status']} | `{problem['type']}` |" in reference("http.md")


def kinds_of(error: type[LedgerError]) -> Iterator[type[LedgerError]]:
    """Every class of errors of the software that is below this one."""
    for kind in error.__subclasses__():
        if not kind.__module__.startswith("tests."):
            yield kind
        yield from kinds_of(kind)


def test_every_error_that_can_be_answered_is_in_the_reference() -> None:
    answered = [kind for kind in kinds_of(LedgerError) if kind not in BASES and set(kind.__mro__) & set(STATUS)]
    assert OutcomeUnknownError in answered
    types = {kind: problem_of(kind(), "").type for kind in answered if kind is not RangeRefusedError}
    assert [name for name in types.values() if f"| `{name}` |" not in reference("http.md")] == []


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return _FENCE.sub("", page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(prose(page)):
        path, _, heading = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (heading and heading not in anchors(target)):
            broken.append(link)
    assert broken == []


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_every_page_is_reachable_from_the_index() -> None:
    seen, ahead = set(), [DOCS / "README.md"]
    while ahead:
        page = ahead.pop()
        if page not in seen:
            seen.add(page)
            links = [(page.parent / link.partition("#")[0]).resolve() for link in _LINK.findall(prose(page))]
            ahead += [link for link in links if link.suffix == ".md"]
    assert set(PAGES) - seen == {README}


def test_the_version_is_the_newest_in_the_changelog() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    unreleased, released = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[:2]
    assert (unreleased, released) == ("Unreleased", project["version"])


def test_every_decision_is_listed_in_order_and_quotable() -> None:
    records = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    index = (DOCS / "decisions" / "README.md").read_text()
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        title, _, quotable = record.read_text().splitlines()[:3]
        assert f"[{title.removeprefix('# ')}]({record.name})" in index
        assert quotable.startswith("**")
        for section in ("## Context", "## Decision", "## Alternatives", "## Consequences"):
            assert section in record.read_text()
