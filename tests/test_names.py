"""Modules have the names of things, files fit on a few screens, functions on one."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("domain", "infra", "projections", "api")
EVERYWHERE = (*PACKAGES, "tests", "benchmarks", "docs")
MOST_LINES = 300
MOST_LINES_OF_A_FUNCTION = 40
VAGUE = {"found", "given", "made", "one", "said", "taken", "told", "wanted"}
"""Words that say nothing of what a value is."""
GERUNDS = {
    "paging": "the field's word for lists that come in pages",
    "fetching": "fetching of URLs, as `from-urls` offers it",
    "staging": "the staging area is the field's word",
    "demuxing": "the field's word for taking streams out of a container",
    "sniffing": "MIME sniffing is the standard's word (WHATWG)",
    "lenient_reading": "a way to read: stored entries of other versions",
}
"""Modules whose names may end in -ing, and why."""


def modules(packages: Iterable[str] = PACKAGES) -> list[Path]:
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def names_of(path: Path) -> Iterator[tuple[str, int]]:
    """The names that a module gives to variables, parameters, attributes, functions and classes."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.ExceptHandler(name=str(name)):
                yield name, node.lineno


def is_vague(name: str) -> bool:
    return name.strip("_").lower() in VAGUE


def test_modules_are_called_by_nouns() -> None:
    gerunds = {path.stem for path in modules() if path.stem.endswith("ing")}
    assert sorted(gerunds - GERUNDS.keys()) == []


def test_no_module_has_a_vague_name() -> None:
    assert [place(path) for path in modules(EVERYWHERE) if VAGUE & set(path.stem.split("_"))] == []


@pytest.mark.parametrize("package", EVERYWHERE)
def test_no_value_has_a_vague_name(package: str) -> None:
    vague = [
        f"{place(path)}:{line} {name}" for path in modules([package]) for name, line in names_of(path) if is_vague(name)
    ]
    assert vague == []


def test_files_are_short() -> None:
    long = {place(path) for path in modules() if len(path.read_text().splitlines()) > MOST_LINES}
    assert sorted(long) == []


def test_functions_are_short() -> None:
    long = {
        f"{place(path)}:{function.name}"
        for path in modules()
        for function in functions(path)
        if (function.end_lineno or 0) - function.lineno >= MOST_LINES_OF_A_FUNCTION
    }
    assert sorted(long) == []
