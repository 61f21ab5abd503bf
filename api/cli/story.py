"""The demo's story: five real files, what made them, and what happened to them, told over HTTP."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from infra.settings import SettingsError

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"
VARIATIONS = 300

FILES: dict[str, dict[str, Any]] = {
    "castle.png": {
        "media": {"media_kind": "image", "format": "png", "width": 512, "height": 512},
        "name": "Castle at dusk",
        "tags": ["concept"],
        "prompt_spec": {"seed": 271828, "steps": 28, "sampler": "DPM++ 2M Karras", "cfg": 6.5},
        "node_id": "n_render",
        "model": "sample-landscape-v1",
        "scope": "world:w_north",
    },
    "portrait.jpg": {
        "media": {"media_kind": "image", "format": "jpeg", "width": 400, "height": 500},
        "name": "Portrait of the pilot",
        "tags": ["concept", "character"],
        "node_id": "n_render",
        "model": "sample-portrait-v2",
        "subject": "u_ann",
    },
    "chime.wav": {
        "media": {"media_kind": "audio", "format": "wav", "duration": 1.0, "sample_rate": 22050},
        "name": "Door chime",
        "tags": ["sound"],
        "node_id": "n_sound",
    },
    "flight.webm": {
        "media": {
            "media_kind": "video",
            "format": "webm",
            "width": 320,
            "height": 180,
            "duration": 2.0,
            "frame_rate": 12,
        },
        "name": "Paper plane in flight",
        "tags": ["concept", "shot-3"],
        "node_id": "n_video",
        "tool_call_id": "call_17",
    },
    "brief.pdf": {
        "media": {"media_kind": "document", "format": "pdf", "page_count": 2},
        "name": "Production brief",
        "client_id": "c_studio",
    },
}
TYPES = {"png": "image/png", "jpg": "image/jpeg", "wav": "audio/wav", "webm": "video/webm", "pdf": "application/pdf"}


class Story:
    """Tells the story to a ledger over HTTP, and to a person on the console."""

    def __init__(self, http: httpx.Client, console: Console, run: str) -> None:
        self._http = http
        self._console = console
        self._run = run
        self._ids: dict[str, str] = {}
        self._head = 0

    def tell(self) -> None:
        """Record, link, retag, delete, restore; then show the list, one trail, and an earlier moment."""
        self._chapter("Five real files are recorded, with what made them")
        for file_name, facts in FILES.items():
            self._ids[file_name] = self._call("POST", "/v1/assets", json=self._asset(file_name) | facts)["id"]
            self._console.print(f"  {file_name:<13} [dim]→[/] {self._ids[file_name]}")
        self._chapter(f"{VARIATIONS} variations of the castle follow")
        self._record_variations()
        self._chapter("People change their minds")
        self._change()
        self._chapter(f"GET /v1/assets?run={self._run}&tag=concept")
        self._show_list()
        self._chapter("GET /v1/assets/{castle}/events")
        self._show_trail()
        self._chapter("GET /v1/assets/{castle}?revision=1: as it was before it was retagged")
        self._show_moments()

    @property
    def castle(self) -> str:
        """The id of the castle."""
        return self._ids["castle.png"]

    def _asset(self, file_name: str) -> dict[str, Any]:
        path = SAMPLES / file_name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror}: run the demo from a checkout of the project") from error
        return {
            "file_name": file_name,
            "workflow_id": "wf_trailer",
            "run": self._run,
            "content": {
                "content_type": TYPES[path.suffix[1:]],
                "size": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            },
        }

    def _record_variations(self) -> None:
        body = {
            "media": FILES["castle.png"]["media"],
            "tags": ["variation"],
            "run": self._run,
            "workflow_id": "wf_trailer",
        }
        with Progress(console=self._console) as bar:
            for number in bar.track(range(1, VARIATIONS + 1), description="  recording"):
                self._call("POST", "/v1/assets", json=body | {"name": f"Castle, variation {number}"})

    def _change(self) -> None:
        portrait, chime = (f"/v1/assets/{self._ids[name]}" for name in ("portrait.jpg", "chime.wav"))
        self._call("POST", f"{portrait}/links", json={"references": ["message:m_91"], "reason": "shown to the client"})
        self._say("the portrait was linked to message m_91")
        retagged = {"tags": ["concept", "approved"], "reason": "the client likes it"}
        self._call("PATCH", f"/v1/assets/{self.castle}", json=retagged, headers={"X-Actor": "user:u_ben"})
        self._say("u_ben retagged the castle: concept, approved")
        self._call("DELETE", chime, params={"reason": "too loud"}, headers={"X-Actor": "user:u_ann"})
        self._say(f"u_ann deleted the chime: a read now answers {self._http.get(chime).status_code}")
        self._call("POST", f"{chime}/restore", json={"reason": "it was the speaker"}, headers={"X-Actor": "user:u_ben"})
        self._say(f"u_ben restored it: a read now answers {self._http.get(chime).status_code}")

    def _show_list(self) -> None:
        params = {"run": self._run, "tag": "concept", "min_position": self._head}
        table = Table("name", "media", "tags", "origin", "links", "rev")
        for asset in self._call("GET", "/v1/assets", params=params)["items"]:
            origin = [reference for reference in asset["origin"] if not reference.startswith("run:")]
            media = f"{asset['media']['media_kind']}/{asset['media']['format']}"
            cells = (", ".join(asset["tags"]), "\n".join(origin), "\n".join(asset["links"]))
            table.add_row(asset["name"], media, *cells, str(asset["revision"]))
        self._console.print(table)

    def _show_trail(self) -> None:
        table = Table("when (UTC)", "who", "what", "changed", "why")
        for event in self._call("GET", f"/v1/assets/{self.castle}/events")["items"]:
            changed = "\n".join(_told(change) for change in event["changes"])
            table.add_row(event["time"][11:23], event["actor"]["id"], event["topic"], changed, event["reason"])
        self._console.print(table)

    def _show_moments(self) -> None:
        table = Table("", "revision", "tags", "updated by")
        for moment, params in (("then", {"revision": 1}), ("now", {})):
            asset = self._call("GET", f"/v1/assets/{self.castle}", params=params)
            table.add_row(moment, str(asset["revision"]), ", ".join(asset["tags"]), asset["updated_by"])
        self._console.print(table)

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401
        response = self._http.request(method, path, **options).raise_for_status()
        self._head = max(self._head, int(response.headers.get("Ledger-Position", 0)))
        answer: dict[str, Any] = response.json() if response.content else {}
        return answer

    def _chapter(self, title: str) -> None:
        self._console.print(f"\n[bold]{title}[/]", highlight=False)

    def _say(self, text: str) -> None:
        self._console.print(f"  {text}", highlight=False)


def _told(change: dict[str, Any]) -> str:
    before, after = (", ".join(_texts(change[side])) or "–" for side in ("before", "after"))
    return f"{change['field']}: {before} → {after}" if change["before"] else f"{change['field']}: {after}"


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever JSON holds
    match value:
        case None:
            return
        case list():
            yield from map(str, value)
        case dict():
            yield from (f"{name} {str(member)[:16]}" for name, member in value.items() if member is not None)
        case _:
            yield str(value)
