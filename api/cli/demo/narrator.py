"""How the demo tells its story: to a ledger over HTTP, and to a person on the console."""

from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from api.cli.output import say
from infra.settings import SettingsError

SAMPLES = Path(__file__).parents[3] / "docs" / "samples"


class Narrator:
    """Calls a ledger and says what happened."""

    def __init__(self, http: httpx.Client, console: Console) -> None:
        self._http = http
        self._console = console
        self._head = 0

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401
        response = self._http.request(method, path, **options).raise_for_status()
        self._head = max(self._head, int(response.headers.get("Ledger-Position", 0)))
        answer: dict[str, Any] = response.json() if response.content else {}
        return answer

    def _chapter(self, title: str) -> None:
        self._console.print()
        say(title, self._console, "bold")

    def _say(self, text: str) -> None:
        say(f"  {text}", self._console)


def sample(file_name: str) -> bytes:
    """The bytes of a sample. SettingsError outside a checkout."""
    path = SAMPLES / file_name
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}: run the demo from a checkout of the project") from error
