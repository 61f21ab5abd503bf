"""The documentation explains every public word, and names nothing that does not exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from api.cli.main import app as command_line
from infra.settings import Settings
from tests.docs.executing import DOCS, ROOT

REFERENCE = DOCS / "reference"
EVERYDAY = set(Path(__file__).with_name("everyday_words.txt").read_text().split())
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
FOLDERS = ("domain", "infra", "projections", "api", "benchmarks", "tests")
HISTORICAL = {ROOT / "CHANGELOG.md"}
INVENTED = {"AssetRated", "tests/http/test_rating.py", "tests/golden/events/asset.rated.v2.json"}
"""What docs/how-to/add-an-event.md has its readers write."""

FOREIGN = {"EventStore", "GiB", "MiB"}
"""Names of other software, and units."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PROBLEM = re.compile(r"urn:asset-ledger:problem:([a-z-]+)")
_PATH = re.compile(
    r"(?<![\w/.-])((?:api|infra|projections|domain|tests|benchmarks|docs)/[\w./*-]+"
    r"|(?:api|infra|projections|domain|tests|benchmarks)(?:\.[a-z_]\w*)+)"
)
_NAMES = [
    re.compile(pattern) for pattern in (r"`([A-Z][a-z]+[A-Z]\w+)", r"`(ledger\.\w+)`", r"\b(ASSET_LEDGER_\w+[A-Z])\b")
]
_COMMAND = re.compile(r"(?:^\$ |`)asset-ledger ([a-z-]+)(?: ([a-z-]+))?", re.MULTILINE)


def names(description: object) -> Iterator[str]:
    """The names of properties and parameters anywhere in an OpenAPI document."""
    if isinstance(description, dict):
        if isinstance(properties := description.get("properties"), dict):
            yield from properties
        if "in" in description and "name" in description:
            yield description["name"]
        for member, value in description.items():
            if member not in {"example", "examples"}:
                yield from names(value)
    elif isinstance(description, list):
        for value in description:
            yield from names(value)


def public_names() -> set[str]:
    """All names of the API: properties, parameters, tags, schemas, problems; and those of the events."""
    document: dict[str, Any] = json.loads((REFERENCE / "openapi.json").read_text())
    routes = [route for methods in document["paths"].values() for route in methods.values()]
    tags = {tag for route in routes for tag in route.get("tags", ())}
    problems = set(_PROBLEM.findall((REFERENCE / "http.md").read_text()))
    events = set(re.findall(r"^(?:#+ |\| )`([\w.]+)`", (REFERENCE / "events.md").read_text(), re.MULTILINE))
    assert {"job.requeued", "originator_id"} <= events
    assert "stale-revision" in problems
    assert "feed" in tags
    return {*names(document), *document["components"]["schemas"], *tags, *problems, *events}


def words(text: str) -> set[str]:
    """The words of a name in any style, in lower case."""
    return {word.lower() for word in _WORD.findall(text)}


def explained() -> set[str]:
    """The words that have an entry in the glossary."""
    terms = re.findall(r"^\| ([^|]+?) \|", (REFERENCE / "glossary.md").read_text(), re.MULTILINE)
    return {word for term in terms for word in words(term)}


def stems(word: str) -> set[str]:
    """The word, and the word that it is the plural or the past of."""
    endings = {"ies": "y", "es": "", "s": "", "ed": "", "d": "", "led": ""}
    return {word} | {word.removesuffix(end) + stem for end, stem in endings.items() if word.endswith(end)}


def test_every_public_word_is_explained_or_everyday() -> None:
    known = explained() | EVERYDAY
    unknown = {word for name in public_names() for word in words(name) if not stems(word) & known}
    assert sorted(unknown) == [], "add each to docs/reference/glossary.md, or to tests/docs/everyday_words.txt"


def test_everyday_words_are_in_use_and_not_in_the_glossary() -> None:
    public = {word for name in public_names() for word in words(name)}
    assert sorted(EVERYDAY - public) == []
    assert sorted(EVERYDAY & explained()) == []


def exists(place: str) -> bool:
    """Whether a path, or a module or something in a module, written with dots, is there."""
    if "/" in place:
        return any(ROOT.glob(place))
    *package, last = place.split(".")
    folder = ROOT.joinpath(*package)
    return (
        (folder / last).exists()
        or (folder / f"{last}.py").exists()
        or (folder.with_suffix(".py").exists() and re.search(rf"\b{last}\b", folder.with_suffix(".py").read_text()))
        is not None
    )


@pytest.mark.parametrize("page", sorted(set(PAGES) - HISTORICAL), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_and_module_that_a_page_names_exists(page: Path) -> None:
    places = {place.rstrip("./") for place in _PATH.findall(page.read_text())}
    gone = {place for place in places - INVENTED if not exists(place) and not (page.parent / place).exists()}
    assert sorted(gone) == []


@pytest.fixture(scope="module")
def code() -> str:
    """The text of every Python and SQL file, and of the Makefile, without these tests."""
    files = [file for folder in FOLDERS for kind in ("*.py", "*.sql") for file in (ROOT / folder).rglob(kind)]
    return "\n".join(file.read_text() for file in [ROOT / "Makefile", *files] if file.parent != Path(__file__).parent)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_class_table_and_setting_that_a_page_names_is_in_the_code(page: Path, code: str) -> None:
    named = {name for pattern in _NAMES for name in pattern.findall(page.read_text())} - FOREIGN - INVENTED
    settings = {f"ASSET_LEDGER_{name.upper()}" for name in Settings.model_fields}
    assert sorted(name for name in named - settings if not re.search(rf"\b{re.escape(name)}\b", code)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    group: Any = typer.main.get_command(command_line)
    subcommands = {name: set(getattr(command, "commands", ())) for name, command in group.commands.items()}
    for command, subcommand in _COMMAND.findall(page.read_text()):
        assert command in subcommands
        assert not subcommands[command] or not subcommand or subcommand in subcommands[command]
