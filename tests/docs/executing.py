"""Executes what the documentation tells its readers to execute."""

import doctest
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"

_BLOCK = re.compile(
    r"^<!-- (?P<mark>executed|output) -->\n```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_CUT = "=== next block ==="
_END = "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT"


def blocks(page: Path, language: str, mark: str = "executed") -> list[str]:
    """The marked code blocks of a page in one language."""
    texts = [m["text"] for m in _BLOCK.finditer(page.read_text()) if (m["mark"], m["language"]) == (mark, language)]
    assert texts, f"{page.name} has no {language} block marked {mark}"
    return texts


def run(command: list[str], environment: dict[str, str], directory: Path | None = None) -> str:
    """What the command prints, which must succeed."""
    process = subprocess.run(
        command, env=environment, cwd=directory, capture_output=True, text=True, timeout=120, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def bash(script: str, environment: dict[str, str], directory: Path | None = None) -> str:
    """What the script prints; what it left running ends with it."""
    return run(["bash", "-euo", "pipefail", "-c", f"{_END}\n{script}"], environment, directory)


def follow(page: Path, environment: dict[str, str], directory: Path) -> list[str]:
    """Execute the bash blocks of a page in their order, in one shell; each must print what the page shows.

    Returns what each block printed.
    """
    steps = [(m["mark"], m["language"], m["text"]) for m in _BLOCK.finditer(page.read_text())]
    commands = [text for mark, language, text in steps if (mark, language) == ("executed", "bash")]
    outputs = bash(f"\necho '{_CUT}'\n".join(commands), environment, directory).split(f"{_CUT}\n")
    printed = iter(outputs)
    output: str | None = None
    for mark, language, text in steps:
        if mark == "executed":
            output = next(printed) if language == "bash" else None
        elif output is not None:
            assert doctest.OutputChecker().check_output(text, output, doctest.ELLIPSIS), output
    return outputs
