"""Help comes at once: the command line imports what a command needs when the command is used."""

import subprocess
import sys

import pytest

from api.cli.main import COMMANDS, LazyCommand

HEAVY = "PIL av fastapi httpx minio psycopg pyarrow pydantic starlette structlog uvicorn".split()
HELP = """
import sys
from api.cli.main import main
sys.argv = ["asset-ledger", "--help"]
try:
    main()
finally:
    print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_help_loads_nothing_that_is_slow_to_import() -> None:
    printed = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True).stdout
    help_, _, loaded = printed.partition("LOADED ")
    assert [command.name for command in COMMANDS if f" {command.name} " not in help_] == []
    assert set(loaded.split()) & set(HEAVY) == set()


@pytest.mark.parametrize("library", ["av", "pyarrow"])
def test_what_few_requests_need_is_loaded_by_the_first_one(library: str) -> None:
    script = f"import sys, api.http.app, api.cli.serve; print('{library}' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed == "False\n"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_summary_of_a_command_is_the_first_paragraph_of_its_help(command: LazyCommand) -> None:
    assert command.short_help == " ".join(command.help.partition("\n\n")[0].split())
